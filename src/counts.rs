//! How many sockets of each table are in each state.

use crate::table::Table;
use crate::words::{Words, split_once};

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
            /// How many there are.
            pub const NUMBER: usize = [$($name),*].len();

            /// The names of all, in the order of the report.
            pub const NAMES: Words = Words(concat!($($name, " ",)*).trim_ascii_end());

            /// Every state, by its number.
            pub const BY_NUMBER: [State; State::NUMBER] = {
                let mut states = [State::Unknown; State::NUMBER];
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

/// What the report counts together: a table alone, or a sum of tables, which are these two and those
/// between them in the order of [`Table`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    pub first: Table,
    pub last: Table,
}

impl Group {
    /// Every group, in the order of the report: the tables, then the sums.
    pub const ALL: [Group; 7] = {
        const fn group(first: Table, last: Table) -> Group {
            Group { first, last }
        }
        [
            group(Table::Tcp4, Table::Tcp4),
            group(Table::Tcp6, Table::Tcp6),
            group(Table::Udp4, Table::Udp4),
            group(Table::Udp6, Table::Udp6),
            group(Table::Tcp4, Table::Tcp6),
            group(Table::Udp4, Table::Udp6),
            group(Table::Tcp4, Table::Udp6),
        ]
    };

    /// The names of all, in the same order.
    pub const NAMES: Words = Words("tcp4 tcp6 udp4 udp6 tcp udp all");
}

/// Names one number: that of a group's sockets in one state, or in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its place in [`Group::ALL`].
    group: u8,
    /// Its place in [`State::NAMES`], or [`State::NUMBER`] for the sum of all.
    state: u8,
}

impl Key {
    /// How many there are.
    pub const NUMBER: usize = Group::ALL.len() * (State::NUMBER + 1);

    /// Reads `GROUP.STATE`, or `GROUP`.
    pub fn parse(name: &[u8]) -> Option<Key> {
        let (group, state) = split_once(name, b'.');
        let group = Group::NAMES.position(group, Group::ALL.len())? as u8;
        let state = match state {
            Some(state) => State::NAMES.position(state, State::NUMBER)?,
            None => State::NUMBER,
        };
        Some(Key { group, state: state as u8 })
    }
}

/// One counter for each state of each table. All of them saturate: at [`u32::MAX`] sockets, which no
/// Linux system has memory for, they stay there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts([Counters; Table::ALL.len()]);

/// Those of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters([u32; State::NUMBER]);

impl Counters {
    /// Counts `sockets` more in `state`.
    pub fn add(&mut self, state: State, sockets: u32) {
        if let Some(counter) = self.0.get_mut(state as usize) {
            *counter = counter.saturating_add(sockets);
        }
    }
}

impl Counts {
    /// Those of no sockets.
    pub const NONE: Counts = Counts([const { Counters([0; State::NUMBER]) }; Table::ALL.len()]);

    pub fn clear(&mut self) {
        self.0.iter_mut().for_each(|of| of.0.iter_mut().for_each(|counter| *counter = 0));
    }

    /// Those of a table.
    pub fn of(&mut self, table: Table) -> &mut Counters {
        let [tcp4, tcp6, udp4, udp6] = &mut self.0;
        match table {
            Table::Tcp4 => tcp4,
            Table::Tcp6 => tcp6,
            Table::Udp4 => udp4,
            Table::Udp6 => udp6,
        }
    }

    /// The sockets of a group in a state, both given by their places in the report. A state behind the last
    /// is the sum of all.
    #[inline(never)]
    pub fn count(&self, group: usize, state: usize) -> u32 {
        let Some(group) = Group::ALL.get(group) else { return 0 };
        let tables = group.first as usize..=group.last as usize;
        let mut sum: u32 = 0;
        for (table, states) in self.0.iter().enumerate() {
            for (place, &counter) in states.0.iter().enumerate() {
                if tables.contains(&table) && (place == state || state == State::NUMBER) {
                    sum = sum.saturating_add(counter);
                }
            }
        }
        sum
    }

    /// The number that a key names.
    pub fn number(&self, key: Key) -> u32 {
        self.count(key.group.into(), key.state.into())
    }
}
