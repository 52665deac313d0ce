//! The messages of sock_diag: requests against the kernel's structs, then datagrams by hand, and whatever
//! proptest thinks of, against an oracle.

use libc::{
    AF_INET, AF_INET6, EAGAIN, EBADMSG, ENOENT, EOPNOTSUPP, NLM_F_DUMP, NLM_F_DUMP_INTR,
    NLM_F_MULTI, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN,
};
use network_connections::kernel::sock_diag::{DumpKind, kernel_dump_is_reliable};
use network_connections::model::socket::SocketTable;
use proptest::prelude::*;

use crate::oracles::sock_diag::{Msg, SockId, expected};
use crate::oracles::socket_table::{self as oracle, Socket};
use crate::pieces::taken;
use crate::samples::sock_diag::{SOCK_DIAG_BY_FAMILY, bytes, control, message, socket};

// include/uapi/linux/inet_diag.h and sock_diag.h
const TCPDIAG_GETSOCK: u16 = 18;

/// struct inet_diag_req
#[repr(C)]
#[derive(Default)]
struct Req {
    family: u8,
    src_len: u8,
    dst_len: u8,
    ext: u8,
    id: SockId,
    states: u32,
    dbs: u32,
}

/// struct inet_diag_req_v2
#[repr(C)]
#[derive(Default)]
struct ReqV2 {
    family: u8,
    protocol: u8,
    ext: u8,
    pad: u8,
    states: u32,
    id: SockId,
}

/// Any that is in the table of TCP over IPv4.
fn any_socket() -> Vec<u8> {
    message(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, &socket(AF_INET, 1, [1; 16], [80, 50000]))
}

/// How many sockets there are, and the rest.
fn summary(datagram: &[u8]) -> (usize, Result<bool, i32>) {
    let (sockets, result) = taken(datagram, DumpKind::Tcp);
    (sockets.len(), result)
}

#[test]
fn requests_are_the_kernels_structs() {
    assert_eq!([size_of::<Req>(), size_of::<ReqV2>(), size_of::<Msg>()], [60, 56, 72]);
    let states = (0..=11).map(|state| 1 << state).sum();
    for &dump in DumpKind::ALL {
        let (kind, content) = match dump {
            DumpKind::Tcp => (TCPDIAG_GETSOCK, bytes(&Req { states, ..Req::default() })),
            DumpKind::Udp4 | DumpKind::Udp6 => {
                let family = if dump == DumpKind::Udp4 { AF_INET } else { AF_INET6 } as u8;
                let protocol = libc::IPPROTO_UDP as u8;
                let request = ReqV2 { family, protocol, states, ..ReqV2::default() };
                (SOCK_DIAG_BY_FAMILY, bytes(&request))
            }
        };
        let expected = message(kind, NLM_F_REQUEST | NLM_F_DUMP, &content);
        assert_eq!(dump.request().bytes(), expected, "{dump:?}");
    }
    assert_eq!(DumpKind::ALL, [DumpKind::Tcp, DumpKind::Udp4, DumpKind::Udp6]);
}

#[test]
fn sockets_of_each_dump_family_and_state() {
    let tables = [
        (DumpKind::Tcp, AF_INET, SocketTable::Tcp4),
        (DumpKind::Tcp, AF_INET6, SocketTable::Tcp6),
        (DumpKind::Udp4, AF_INET, SocketTable::Udp4),
        (DumpKind::Udp6, AF_INET6, SocketTable::Udp6),
    ];
    for (dump, family, table) in tables {
        // (The kernel answers the old kind of request with its type. 0x10 is the least of no control message.)
        for kind in [0x10, TCPDIAG_GETSOCK, SOCK_DIAG_BY_FAMILY] {
            for state in 0..=255 {
                let [local_port, remote_port] = [state.into(), 0xff00 - u16::from(state)];
                let content = socket(family, state, [1; 16], [local_port, remote_port]);
                let datagram = message(kind, NLM_F_MULTI, &content);
                let state = oracle::state(state);
                let socket = Socket { state, has_no_remote: false, local_port, remote_port };
                assert_eq!(taken(&datagram, dump), (vec![(table, socket)], Ok(false)));
            }
        }
    }
}

#[test]
fn a_remote_address_is_zero_if_all_bytes_of_its_family_are() {
    let is_zero = |family, remote| {
        let content = socket(family, 10, remote, [80, 0]);
        let datagram = message(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, &content);
        taken(&datagram, DumpKind::Tcp).0[0].1.has_no_remote
    };
    for family in [AF_INET, AF_INET6] {
        assert!(is_zero(family, [0; 16]));
        for place in 0..16 {
            for bit in 0..8 {
                let mut remote = [0; 16];
                remote[place] = 1 << bit;
                // Behind an IPv4 address kernels before 3.13 have what was in their memory.
                let is_garbage = family == AF_INET && place >= 4;
                assert_eq!(is_zero(family, remote), is_garbage, "{family} {remote:?}");
            }
        }
    }
}

#[test]
fn ports_of_all_numbers() {
    for port in 0..=u16::MAX {
        let content = socket(AF_INET6, 1, [1; 16], [port, port.rotate_left(5) ^ 0x5555]);
        let (sockets, _) = taken(&message(TCPDIAG_GETSOCK, NLM_F_MULTI, &content), DumpKind::Tcp);
        let (_, socket) = sockets[0];
        assert_eq!((socket.local_port, socket.remote_port), (port, port.rotate_left(5) ^ 0x5555));
    }
}

#[test]
fn several_messages_with_attributes_of_any_length() {
    for attributes in 0..20 {
        let mut content = socket(AF_INET6, 6, [0; 16], [1, 2]);
        content.extend(vec![0xff; attributes]);
        let with_attributes = message(TCPDIAG_GETSOCK, NLM_F_MULTI, &content);
        let datagram = [any_socket(), with_attributes.clone(), any_socket()].concat();
        let (sockets, result) = taken(&datagram, DumpKind::Tcp);
        let tables: Vec<SocketTable> = sockets.iter().map(|(table, _)| *table).collect();
        assert_eq!(
            tables,
            [SocketTable::Tcp4, SocketTable::Tcp6, SocketTable::Tcp4],
            "{attributes}"
        );
        assert_eq!(result, Ok(false));
        // The last one needs no padding, and a part of it will do.
        for end in 16 + content.len()..=with_attributes.len() {
            assert_eq!(
                summary(&[any_socket(), with_attributes[..end].to_vec()].concat()),
                (2, Ok(false))
            );
        }
        let done = control(NLMSG_DONE, 0);
        assert_eq!(summary(&[with_attributes, done].concat()), (1, Ok(true)), "{attributes}");
    }
}

#[test]
fn messages_that_end_a_dump() {
    let done = |content: &[u8]| message(NLMSG_DONE as u16, NLM_F_MULTI, content);
    let cases: [(Vec<u8>, Result<bool, i32>); 18] = [
        (control(NLMSG_DONE, 0), Ok(true)),
        (control(NLMSG_DONE, 1), Ok(true)),
        (control(NLMSG_DONE, i32::MAX), Ok(true)),
        (control(NLMSG_DONE, -ENOENT), Err(ENOENT)),
        (control(NLMSG_DONE, -1), Err(1)),
        // (No kernel has such an errno.)
        (control(NLMSG_DONE, i32::MIN), Err(i32::MIN)),
        // Without a number, or with a part of one.
        (done(&[]), Ok(true)),
        (done(&[0xff; 3]), Ok(true)),
        // With attributes, or messages, behind it.
        (done(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]), Ok(true)),
        ([done(&(-ENOENT).to_ne_bytes()), any_socket()].concat(), Err(ENOENT)),
        ([done(&[0; 4]), any_socket(), vec![1]].concat(), Ok(true)),
        (control(NLMSG_ERROR, -EOPNOTSUPP), Err(EOPNOTSUPP)),
        // The message for no error is one that nobody has asked for.
        (control(NLMSG_ERROR, 0), Err(EBADMSG)),
        (control(NLMSG_ERROR, 2), Err(EBADMSG)),
        (message(NLMSG_ERROR as u16, 0, &[]), Err(EBADMSG)),
        (control(NLMSG_NOOP, 0), Err(EBADMSG)),
        (control(NLMSG_OVERRUN, 0), Err(EBADMSG)),
        // What is below 16 is the kernel's own: the last of it, with a socket.
        (message(15, 0, &socket(AF_INET, 1, [1; 16], [1, 2])), Err(EBADMSG)),
    ];
    for (end, result) in cases {
        assert_eq!(summary(&end), (0, result), "{end:?}");
        let datagram = [any_socket(), any_socket(), end].concat();
        assert_eq!(summary(&datagram), (2, result), "{datagram:?}");
    }
}

#[test]
fn a_dump_that_was_disturbed_is_to_be_made_again() {
    let disturbed = NLM_F_MULTI | NLM_F_DUMP_INTR;
    let content = socket(AF_INET, 1, [1; 16], [1, 2]);
    let messages = [
        message(SOCK_DIAG_BY_FAMILY, disturbed, &content),
        message(NLMSG_DONE as u16, disturbed, &[0; 4]),
        message(NLMSG_DONE as u16, libc::c_int::from(u16::MAX), &[0; 4]),
    ];
    for message in messages {
        assert_eq!(summary(&message), (0, Err(EAGAIN)));
        assert_eq!(summary(&[any_socket(), message].concat()), (1, Err(EAGAIN)));
    }
    // No other flag means anything.
    let others = libc::c_int::from(u16::MAX) & !NLM_F_DUMP_INTR;
    assert_eq!(summary(&message(SOCK_DIAG_BY_FAMILY, others, &content)), (1, Ok(false)));
    assert_eq!(summary(&message(NLMSG_DONE as u16, others, &[0; 4])), (0, Ok(true)));
}

#[test]
fn what_is_no_datagram_of_the_kernels() {
    let bad = Err(EBADMSG);
    assert_eq!(summary(&[]), (0, bad));
    let whole = any_socket();
    assert_eq!(whole.len(), 88);
    for end in 0..88 {
        assert_eq!(summary(&whole[..end]), (0, bad), "{end}");
        if end > 0 {
            assert_eq!(summary(&[&whole, &whole[..end]].concat()), (1, bad), "{end}");
        }
    }
    // The length that a message says it has. Up to 15 it would never be left; up to 87 it is no socket.
    let of_length = |length: u32| [&length.to_ne_bytes(), &whole[4..]].concat();
    for length in (0..88).chain([89, 92, 1 << 16, i32::MAX as u32, 1 << 31, u32::MAX - 3, u32::MAX])
    {
        assert_eq!(summary(&of_length(length)), (0, bad), "{length}");
        assert_eq!(summary(&[&whole, &of_length(length)[..]].concat()), (1, bad), "{length}");
    }
    assert_eq!(summary(&of_length(88)), (1, Ok(false)));
    for family in (0..=255).filter(|&family| family != AF_INET && family != AF_INET6) {
        for &dump in DumpKind::ALL {
            let unknown = message(TCPDIAG_GETSOCK, 0, &socket(family, 1, [1; 16], [1, 2]));
            assert_eq!(taken(&unknown, dump), (vec![], bad), "{family}");
        }
    }
}

#[test]
fn kernels_from_4_4_on_are_sound() {
    let sound = [
        "4.4",
        "4.4.0",
        "4.4.0-210-generic",
        "4.4.302",
        "4.10",
        "4.19.0-27-amd64",
        "4.100",
        "5",
        "5.",
        "5.0",
        "5.4.0",
        "6.12",
        "9.9-rc1",
        "10.0.1",
        "40.3",
        "99999999999999999999.1",
    ];
    // (No kernel has a release without a third number.)
    let others = [
        "",
        ".",
        "4",
        "4.",
        ".5",
        "4.3",
        "4.3.9",
        "4.03",
        "4.x",
        "4.-5",
        "4.5-rc1",
        "x",
        "x.5",
        "-5.4",
        " 5.4",
        "v5.4",
        "3.18.0",
        "3.4",
        "3.44",
        "3.99.99",
        "2.6.18",
        "2.6.32-754.el6",
        "0.99",
        "Linux 5.4",
    ];
    for release in sound {
        assert!(kernel_dump_is_reliable(release.as_bytes()), "{release}");
    }
    for release in others {
        assert!(!kernel_dump_is_reliable(release.as_bytes()), "{release}");
    }
    // Not UTF-8.
    assert!(!kernel_dump_is_reliable(b"\xff.\xff"));
}

/// A message that may be the kernel's.
fn any_message() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![
        20 => Just(SOCK_DIAG_BY_FAMILY),
        1 => 0..=5_u16,
        1 => any::<u16>(),
    ];
    let flags = prop_oneof![20 => Just(NLM_F_MULTI), 1 => 0..=0xffff];
    let family = prop_oneof![10 => Just(AF_INET), 10 => Just(AF_INET6), 1 => 0..=255];
    let remote = prop_oneof![
        Just([0; 16]),
        any::<[u8; 16]>(),
        any::<[u8; 12]>().prop_map(|garbage| {
            let mut remote = [0; 16];
            remote[4..].copy_from_slice(&garbage);
            remote
        })
    ];
    let length = prop_oneof![10 => 72..100_usize, 1 => 0..72_usize];
    (kind, flags, family, any::<u8>(), remote, any::<[u16; 2]>(), length).prop_map(
        |(kind, flags, family, state, remote, ports, length)| {
            let mut content = socket(family, state, remote, ports);
            content.resize(length, 0xaa);
            message(kind, flags, &content)
        },
    )
}

proptest! {
    #[test]
    fn any_datagram_is_taken_as_the_oracle_takes_it(
        messages in prop::collection::vec(any_message(), 0..8),
        end in prop_oneof![Just(vec![]), any::<i32>().prop_map(|it| control(NLMSG_DONE, it))],
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        dump in prop::sample::select(DumpKind::ALL),
    ) {
        let mut datagram = [messages.concat(), end].concat();
        if !datagram.is_empty() {
            for (place, byte) in damage {
                *place.get_mut(&mut datagram) = byte;
            }
            if let Some(cut) = cut {
                datagram.truncate(cut.index(datagram.len()));
            }
        }
        prop_assert_eq!(taken(&datagram, dump), expected(&datagram, dump));
    }

    #[test]
    fn any_bytes_are_taken_as_the_oracle_takes_them(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        length in 0..200_u32,
        kind in 0..20_u16,
    ) {
        for &dump in DumpKind::ALL {
            prop_assert_eq!(taken(&bytes, dump), expected(&bytes, dump));
        }
        // With a header that may be one.
        let kind = kind.to_ne_bytes();
        let datagram = [&length.to_ne_bytes()[..], &kind, &[0; 2], &bytes].concat();
        prop_assert_eq!(taken(&datagram, DumpKind::Udp6), expected(&datagram, DumpKind::Udp6));
    }
}
