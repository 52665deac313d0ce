//! How many sockets of each table are in each state.

use crate::table::Table;

/// Makes the enum of the states, and their names and numbers, of one table.
macro_rules! states {
    ($($(#[$doc:meta])* $state:ident $number:literal $name:literal)*) => {
        /// The state of a socket, in the order of the report. UDP sockets have
        /// [`Established`](State::Established) (connected) and [`Close`](State::Close) (not connected).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum State {
            $($(#[$doc])* $state,)*
        }

        impl State {
            /// The name of every state, in the order of the report.
            pub const NAMES: [&'static str; [$($name),*].len()] = [$($name),*];

            /// Every state, by its number.
            pub const BY_NUMBER: [State; State::NAMES.len()] = {
                let mut states = [State::Unknown; State::NAMES.len()];
                $(states[$number] = State::$state;)*
                states
            };
        }
    };
}

// The numbers are those of include/net/tcp_states.h.
states! {
    FinWait1 4 "FIN_WAIT1"
    Established 1 "ESTABLISHED"
    TimeWait 6 "TIME_WAIT"
    Close 7 "CLOSE"
    SynSent 2 "SYN_SENT"
    SynRecv 3 "SYN_RECV"
    FinWait2 5 "FIN_WAIT2"
    Listen 10 "LISTEN"
    Closing 11 "CLOSING"
    CloseWait 8 "CLOSE_WAIT"
    LastAck 9 "LAST_ACK"
    /// Every number that is none of the others', such as 0. The kernel's own further states are
    /// internal to it: NEW_SYN_RECV (12) is shown as SYN_RECV, BOUND_INACTIVE (13) isn't shown in procfs.
    Unknown 0 "UNKNOWN"
}

impl State {
    /// The state that the kernel gives this number (`st` in a row).
    pub fn from_number(number: u8) -> State {
        State::BY_NUMBER.get(usize::from(number)).copied().unwrap_or(State::Unknown)
    }
}

/// What the report counts together: a table alone, or a sum of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: &'static str,
    /// Its tables are these two, and those between them in the order of [`Table`].
    pub first: Table,
    pub last: Table,
}

impl Group {
    /// Every group, in the order of the report.
    pub const ALL: [Group; 7] = {
        const fn group(name: &'static str, first: Table, last: Table) -> Group {
            Group { name, first, last }
        }
        [
            group("tcp4", Table::Tcp4, Table::Tcp4),
            group("tcp6", Table::Tcp6, Table::Tcp6),
            group("udp4", Table::Udp4, Table::Udp4),
            group("udp6", Table::Udp6, Table::Udp6),
            group("tcp", Table::Tcp4, Table::Tcp6),
            group("udp", Table::Udp4, Table::Udp6),
            group("all", Table::Tcp4, Table::Udp6),
        ]
    };
}

/// One counter for each state of each table. All of them saturate: at [`u32::MAX`] sockets, which no
/// Linux system has memory for, they stay there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts([[u32; State::NAMES.len()]; Table::ALL.len()]);

impl Counts {
    /// Counts `sockets` more of `table` in `state`.
    pub fn add(&mut self, table: Table, state: State, sockets: u32) {
        if let Some(counter) =
            self.0.get_mut(table as usize).and_then(|states| states.get_mut(state as usize))
        {
            *counter = counter.saturating_add(sockets);
        }
    }

    /// The sockets of a group, in each state, in the order of the report.
    pub fn of(&self, group: &Group) -> impl Iterator<Item = u32> {
        (0..State::NAMES.len()).map(|state| {
            let tables = self.0.get(group.first as usize..=group.last as usize).unwrap_or_default();
            let counters = tables.iter().filter_map(|states| states.get(state));
            counters.fold(0_u32, |sum, &counter| sum.saturating_add(counter))
        })
    }
}
