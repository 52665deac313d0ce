//! Requests and datagrams of sock_diag. Requests are compared with the structs
//! of the kernel, and datagrams with cases and with the oracle.

use libc::{
    AF_INET, AF_INET6, EAGAIN, EBADMSG, ENOENT, EOPNOTSUPP, NLM_F_DUMP, NLM_F_DUMP_INTR,
    NLM_F_MULTI, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN,
};
use network_connections::kernel::sock_diag::{DumpKind, kernel_dump_is_reliable};
use network_connections::model::socket::SocketTable;
use proptest::prelude::*;

use crate::harness::parse_datagram;
use crate::oracles::sock_diag::{self as oracle, Msg, SockId};
use crate::oracles::socket_table::{self as socket_oracle, Socket};
use crate::samples::sock_diag::{SOCK_DIAG_BY_FAMILY, bytes_of, control, message, socket};

/// The type of a request for all sockets of TCP, from
/// include/uapi/linux/inet_diag.h.
const TCPDIAG_GETSOCK: u16 = 18;

/// A `struct inet_diag_req` of include/uapi/linux/inet_diag.h.
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

/// A `struct inet_diag_req_v2` of include/uapi/linux/inet_diag.h.
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

/// Returns a message about a socket of TCP over IPv4.
fn tcp4_message() -> Vec<u8> {
    message(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, &socket(AF_INET, 1, [1; 16], [80, 50000]))
}

/// Returns the number of sockets in a datagram of TCP, and the result.
fn count_sockets(datagram: &[u8]) -> (usize, Result<bool, i32>) {
    let (sockets, result) = parse_datagram(datagram, DumpKind::Tcp);
    (sockets.len(), result)
}

#[test]
fn requests_match_the_structs_of_the_kernel() {
    assert_eq!([size_of::<Req>(), size_of::<ReqV2>(), size_of::<Msg>()], [60, 56, 72]);
    let states = (0..=11).map(|state| 1 << state).sum();
    for &dump in DumpKind::ALL {
        let (kind, content) = match dump {
            DumpKind::Tcp => (TCPDIAG_GETSOCK, bytes_of(&Req { states, ..Req::default() })),
            DumpKind::Udp4 | DumpKind::Udp6 => {
                let family = if dump == DumpKind::Udp4 { AF_INET } else { AF_INET6 } as u8;
                let protocol = libc::IPPROTO_UDP as u8;
                let request = ReqV2 { family, protocol, states, ..ReqV2::default() };
                (SOCK_DIAG_BY_FAMILY, bytes_of(&request))
            }
        };
        let expected = message(kind, NLM_F_REQUEST | NLM_F_DUMP, &content);
        assert_eq!(dump.request().bytes(), expected, "{dump:?}");
    }
    assert_eq!(DumpKind::ALL, [DumpKind::Tcp, DumpKind::Udp4, DumpKind::Udp6]);
}

#[test]
fn sockets_of_each_dump_family_and_state_are_parsed() {
    let tables = [
        (DumpKind::Tcp, AF_INET, SocketTable::Tcp4),
        (DumpKind::Tcp, AF_INET6, SocketTable::Tcp6),
        (DumpKind::Udp4, AF_INET, SocketTable::Udp4),
        (DumpKind::Udp6, AF_INET6, SocketTable::Udp6),
    ];
    for (dump, family, table) in tables {
        // The kernel answers the older request with the type of this request.
        // 0x10 is the smallest type that is not a control message.
        for kind in [0x10, TCPDIAG_GETSOCK, SOCK_DIAG_BY_FAMILY] {
            for state in 0..=255 {
                let [local_port, remote_port] = [state.into(), 0xff00 - u16::from(state)];
                let content = socket(family, state, [1; 16], [local_port, remote_port]);
                let datagram = message(kind, NLM_F_MULTI, &content);
                let state = socket_oracle::state(state);
                let socket = Socket { state, has_no_remote: false, local_port, remote_port };
                assert_eq!(parse_datagram(&datagram, dump), (vec![(table, socket)], Ok(false)));
            }
        }
    }
}

#[test]
fn a_remote_address_is_zero_if_the_bytes_of_its_family_are_zero() {
    let has_no_remote = |family, remote| {
        let content = socket(family, 10, remote, [80, 0]);
        let datagram = message(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, &content);
        parse_datagram(&datagram, DumpKind::Tcp).0[0].1.has_no_remote
    };
    for family in [AF_INET, AF_INET6] {
        assert!(has_no_remote(family, [0; 16]));
        for index in 0..16 {
            for bit in 0..8 {
                let mut remote = [0; 16];
                remote[index] = 1 << bit;
                // Kernels before 3.13 do not initialise the bytes after an
                // IPv4 address.
                let is_garbage = family == AF_INET && index >= 4;
                assert_eq!(has_no_remote(family, remote), is_garbage, "{family} {remote:?}");
            }
        }
    }
}

#[test]
fn every_port_is_parsed() {
    for port in 0..=u16::MAX {
        let content = socket(AF_INET6, 1, [1; 16], [port, port.rotate_left(5) ^ 0x5555]);
        let (sockets, _) =
            parse_datagram(&message(TCPDIAG_GETSOCK, NLM_F_MULTI, &content), DumpKind::Tcp);
        let (_, socket) = sockets[0];
        assert_eq!((socket.local_port, socket.remote_port), (port, port.rotate_left(5) ^ 0x5555));
    }
}

#[test]
fn a_message_may_have_attributes_of_any_length() {
    for attributes in 0..20 {
        let mut content = socket(AF_INET6, 6, [0; 16], [1, 2]);
        content.extend(vec![0xff; attributes]);
        let with_attributes = message(TCPDIAG_GETSOCK, NLM_F_MULTI, &content);
        let datagram = [tcp4_message(), with_attributes.clone(), tcp4_message()].concat();
        let (sockets, result) = parse_datagram(&datagram, DumpKind::Tcp);
        let tables: Vec<SocketTable> = sockets.iter().map(|(table, _)| *table).collect();
        assert_eq!(
            tables,
            [SocketTable::Tcp4, SocketTable::Tcp6, SocketTable::Tcp4],
            "{attributes}"
        );
        assert_eq!(result, Ok(false));
        // The last message needs no padding, or only a part of the padding.
        for end in 16 + content.len()..=with_attributes.len() {
            assert_eq!(
                count_sockets(&[tcp4_message(), with_attributes[..end].to_vec()].concat()),
                (2, Ok(false))
            );
        }
        let done = control(NLMSG_DONE, 0);
        assert_eq!(count_sockets(&[with_attributes, done].concat()), (1, Ok(true)), "{attributes}");
    }
}

#[test]
fn a_control_message_ends_the_dump_or_is_an_error() {
    let done = |content: &[u8]| message(NLMSG_DONE as u16, NLM_F_MULTI, content);
    let cases: [(Vec<u8>, Result<bool, i32>); 18] = [
        (control(NLMSG_DONE, 0), Ok(true)),
        (control(NLMSG_DONE, 1), Ok(true)),
        (control(NLMSG_DONE, i32::MAX), Ok(true)),
        (control(NLMSG_DONE, -ENOENT), Err(ENOENT)),
        (control(NLMSG_DONE, -1), Err(1)),
        // No kernel sends this number, whose negation does not fit in an i32.
        (control(NLMSG_DONE, i32::MIN), Err(i32::MIN)),
        // A message without a number, or with a part of a number.
        (done(&[]), Ok(true)),
        (done(&[0xff; 3]), Ok(true)),
        // Attributes or messages after the number.
        (done(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]), Ok(true)),
        ([done(&(-ENOENT).to_ne_bytes()), tcp4_message()].concat(), Err(ENOENT)),
        ([done(&[0; 4]), tcp4_message(), vec![1]].concat(), Ok(true)),
        (control(NLMSG_ERROR, -EOPNOTSUPP), Err(EOPNOTSUPP)),
        // Error 0 is an acknowledgement, and the program requests none.
        (control(NLMSG_ERROR, 0), Err(EBADMSG)),
        (control(NLMSG_ERROR, 2), Err(EBADMSG)),
        (message(NLMSG_ERROR as u16, 0, &[]), Err(EBADMSG)),
        (control(NLMSG_NOOP, 0), Err(EBADMSG)),
        (control(NLMSG_OVERRUN, 0), Err(EBADMSG)),
        // The largest type of a control message, with a socket.
        (message(15, 0, &socket(AF_INET, 1, [1; 16], [1, 2])), Err(EBADMSG)),
    ];
    for (end, result) in cases {
        assert_eq!(count_sockets(&end), (0, result), "{end:?}");
        let datagram = [tcp4_message(), tcp4_message(), end].concat();
        assert_eq!(count_sockets(&datagram), (2, result), "{datagram:?}");
    }
}

#[test]
fn an_interrupted_dump_fails_with_eagain() {
    let interrupted = NLM_F_MULTI | NLM_F_DUMP_INTR;
    let content = socket(AF_INET, 1, [1; 16], [1, 2]);
    let messages = [
        message(SOCK_DIAG_BY_FAMILY, interrupted, &content),
        message(NLMSG_DONE as u16, interrupted, &[0; 4]),
        message(NLMSG_DONE as u16, libc::c_int::from(u16::MAX), &[0; 4]),
    ];
    for message in messages {
        assert_eq!(count_sockets(&message), (0, Err(EAGAIN)));
        assert_eq!(count_sockets(&[tcp4_message(), message].concat()), (1, Err(EAGAIN)));
    }
    // All other flags have no effect.
    let other_flags = libc::c_int::from(u16::MAX) & !NLM_F_DUMP_INTR;
    assert_eq!(count_sockets(&message(SOCK_DIAG_BY_FAMILY, other_flags, &content)), (1, Ok(false)));
    assert_eq!(count_sockets(&message(NLMSG_DONE as u16, other_flags, &[0; 4])), (0, Ok(true)));
}

#[test]
fn a_malformed_datagram_fails_with_ebadmsg() {
    let bad = Err(EBADMSG);
    assert_eq!(count_sockets(&[]), (0, bad));
    let whole = tcp4_message();
    assert_eq!(whole.len(), 88);
    for end in 0..88 {
        assert_eq!(count_sockets(&whole[..end]), (0, bad), "{end}");
        if end > 0 {
            assert_eq!(count_sockets(&[&whole, &whole[..end]].concat()), (1, bad), "{end}");
        }
    }
    // The length in the header of a message. A length below 16 is shorter than
    // the header, and a parser that accepts 0 never ends. A length below 88 is
    // too short for a socket.
    let of_length = |length: u32| [&length.to_ne_bytes(), &whole[4..]].concat();
    for length in (0..88).chain([89, 92, 1 << 16, i32::MAX as u32, 1 << 31, u32::MAX - 3, u32::MAX])
    {
        assert_eq!(count_sockets(&of_length(length)), (0, bad), "{length}");
        assert_eq!(count_sockets(&[&whole, &of_length(length)[..]].concat()), (1, bad), "{length}");
    }
    assert_eq!(count_sockets(&of_length(88)), (1, Ok(false)));
    for family in (0..=255).filter(|&family| family != AF_INET && family != AF_INET6) {
        for &dump in DumpKind::ALL {
            let unknown = message(TCPDIAG_GETSOCK, 0, &socket(family, 1, [1; 16], [1, 2]));
            assert_eq!(parse_datagram(&unknown, dump), (vec![], bad), "{family}");
        }
    }
}

#[test]
fn dumps_are_reliable_from_linux_4_4_on() {
    let reliable = [
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
        "4.5-rc1",
        "4.19-x",
        "4.4+",
        "5-rc1",
        "10.0.1",
        "40.3",
        "99999999999999999999.1",
    ];
    let unreliable = [
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
        "4.3-x",
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
    for release in reliable {
        assert!(kernel_dump_is_reliable(release.as_bytes()), "{release}");
    }
    for release in unreliable {
        assert!(!kernel_dump_is_reliable(release.as_bytes()), "{release}");
    }
    // A release that is not UTF-8.
    assert!(!kernel_dump_is_reliable(b"\xff.\xff"));
}

/// Returns messages, most of which the kernel could send.
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
    fn the_parser_agrees_with_the_oracle_on_datagrams(
        messages in prop::collection::vec(any_message(), 0..8),
        end in prop_oneof![Just(vec![]), any::<i32>().prop_map(|it| control(NLMSG_DONE, it))],
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        dump in prop::sample::select(DumpKind::ALL),
    ) {
        let mut datagram = [messages.concat(), end].concat();
        if !datagram.is_empty() {
            for (index, byte) in damage {
                *index.get_mut(&mut datagram) = byte;
            }
            if let Some(cut) = cut {
                datagram.truncate(cut.index(datagram.len()));
            }
        }
        prop_assert_eq!(parse_datagram(&datagram, dump), oracle::parse_datagram(&datagram, dump));
    }

    #[test]
    fn the_parser_agrees_with_the_oracle_on_random_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        length in 0..200_u32,
        kind in 0..20_u16,
    ) {
        for &dump in DumpKind::ALL {
            prop_assert_eq!(parse_datagram(&bytes, dump), oracle::parse_datagram(&bytes, dump));
        }
        // The same bytes after a header.
        let kind = kind.to_ne_bytes();
        let datagram = [&length.to_ne_bytes()[..], &kind, &[0; 2], &bytes].concat();
        prop_assert_eq!(parse_datagram(&datagram, DumpKind::Udp6), oracle::parse_datagram(&datagram, DumpKind::Udp6));
    }
}
