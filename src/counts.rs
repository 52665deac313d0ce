//! How many sockets of each table are in each state.

use crate::table::Table;

/// The state of a socket, numbered as in include/net/tcp_states.h. UDP sockets have
/// [`Established`](State::Established) (connected) and [`Close`](State::Close) (not connected).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Every number that is none of the others'. The kernel's own further states are internal to it:
    /// NEW_SYN_RECV (12) is shown as SYN_RECV, BOUND_INACTIVE (13) isn't shown in procfs.
    Unknown = 0,
    Established = 1,
    SynSent = 2,
    SynRecv = 3,
    FinWait1 = 4,
    FinWait2 = 5,
    TimeWait = 6,
    Close = 7,
    CloseWait = 8,
    LastAck = 9,
    Listen = 10,
    Closing = 11,
}

impl State {
    /// Every state once, with its name, in the order of the report.
    pub const ALL: [(State, &'static str); 12] = [
        (State::FinWait1, "FIN_WAIT1"),
        (State::Established, "ESTABLISHED"),
        (State::TimeWait, "TIME_WAIT"),
        (State::Close, "CLOSE"),
        (State::SynSent, "SYN_SENT"),
        (State::SynRecv, "SYN_RECV"),
        (State::FinWait2, "FIN_WAIT2"),
        (State::Listen, "LISTEN"),
        (State::Closing, "CLOSING"),
        (State::CloseWait, "CLOSE_WAIT"),
        (State::LastAck, "LAST_ACK"),
        (State::Unknown, "UNKNOWN"),
    ];

    /// The state that the kernel gives this number (`st` in a row).
    pub fn from_number(number: u8) -> State {
        BY_NUMBER.get(usize::from(number)).copied().unwrap_or(State::Unknown)
    }
}

/// [`State::ALL`], in the order of the kernel's numbers.
static BY_NUMBER: [State; State::ALL.len()] = {
    let mut states = [State::Unknown; State::ALL.len()];
    let mut i = 0;
    while i < states.len() {
        let (state, _) = State::ALL[i];
        states[state as usize] = state;
        i += 1;
    }
    states
};

/// What the report counts together: a table alone, or a sum of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: &'static str,
    pub tables: &'static [Table],
}

impl Group {
    /// Every group, in the order of the report.
    pub const ALL: [Group; 7] = {
        const fn group(name: &'static str, tables: &'static [Table]) -> Group {
            Group { name, tables }
        }
        [
            group("tcp4", &[Table::Tcp4]),
            group("tcp6", &[Table::Tcp6]),
            group("udp4", &[Table::Udp4]),
            group("udp6", &[Table::Udp6]),
            group("tcp", &[Table::Tcp4, Table::Tcp6]),
            group("udp", &[Table::Udp4, Table::Udp6]),
            group("all", &Table::ALL),
        ]
    };
}

/// One counter for each state of each table. All of them saturate: at [`u32::MAX`] sockets, which no
/// Linux system has memory for, they stay there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts([[u32; State::ALL.len()]; Table::ALL.len()]);

impl Counts {
    /// Counts `sockets` more of `table` in `state`.
    pub fn add(&mut self, table: Table, state: State, sockets: u32) {
        if let Some(counter) =
            self.0.get_mut(table as usize).and_then(|states| states.get_mut(state as usize))
        {
            *counter = counter.saturating_add(sockets);
        }
    }

    /// The sockets of a group in `state`.
    pub fn get(&self, group: &Group, state: State) -> u32 {
        group
            .tables
            .iter()
            .filter_map(|&table| self.0.get(table as usize)?.get(state as usize))
            .fold(0, |sum, &counter| sum.saturating_add(counter))
    }
}
