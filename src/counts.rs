//! How many connections there are of each group, by state and status.

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

/// What is counted, and how it is divided: into groups, with the same numbers in each.
#[derive(Debug, PartialEq, Eq)]
pub struct Subject {
    /// The names of the groups, in the order of the report.
    pub groups: Words,
    /// The names of a group's numbers, in the order of the report.
    pub numbers: Words,
    /// How many there are.
    pub width: usize,
    /// Where those begin whose sum is that of the group, and where they end.
    summed: [usize; 2],
    /// Which groups with counters each group is the sum of: the first, and the one behind the last.
    pub sums: &'static [[u8; 2]],
}

impl Subject {
    /// Sockets, by [`Table`](crate::table::Table) and [`State`].
    pub const SOCKETS: Subject = Subject {
        groups: Words("tcp4 tcp6 udp4 udp6 tcp udp all"),
        numbers: State::NAMES,
        width: State::NUMBER,
        summed: [0, State::NUMBER],
        sums: &[[0, 1], [1, 2], [2, 3], [3, 4], [0, 2], [2, 4], [0, 4]],
    };

    /// Tracked connections, by protocol, IP version, and labels: the states of TCP (`tcp_conntrack_names` in
    /// net/netfilter/nf_conntrack_proto_tcp.c) and the statuses. The last group is the table as such, which alone has
    /// the last four numbers.
    pub const CONNTRACK: Subject = Subject {
        groups: Words("tcp4 tcp6 udp4 udp6 other4 other6 tcp udp other all table"),
        numbers: Words(concat!(
            "NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2 UNKNOWN ",
            "UNREPLIED REPLIED ASSURED OFFLOAD HW_OFFLOAD ",
            "entries limit percent replied_percent"
        )),
        width: NUMBERS,
        summed: [STATES, LABELS],
        sums: &[
            [0, 1],
            [1, 2],
            [2, 3],
            [3, 4],
            [4, 5],
            [5, 6],
            [0, 2],
            [2, 4],
            [4, 6],
            [0, 6],
            [6, 7],
        ],
    };

    pub fn of(conntrack: bool) -> &'static Subject {
        if conntrack { &Subject::CONNTRACK } else { &Subject::SOCKETS }
    }
}

/// Of the numbers of a tracked connection's group, how many are TCP's states, how many these and the statuses, and
/// how many there are.
pub const STATES: usize = 11;
pub const LABELS: usize = 16;
const NUMBERS: usize = 20;

/// The place of the table among the groups.
pub const TABLE: usize = 10;

/// The groups that are no sums, which have counters.
const COUNTED: usize = 7;

/// Names one number: one of a group's, or the sum of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The place of its group in [`Subject::groups`].
    group: u8,
    /// Its place in [`Subject::numbers`], or [`SUM`].
    number: u8,
}

/// Stands for the sum of a group's numbers.
pub const SUM: usize = 0xff;

impl Key {
    /// How many there are of sockets, and at most are asked for at once.
    pub const NUMBER: usize = Subject::SOCKETS.sums.len() * (Subject::SOCKETS.width + 1);

    /// That of no number.
    pub const NONE: Key = Key { group: 0, number: 0 };

    /// Reads `GROUP.STATE`, or `GROUP`.
    pub fn parse(subject: &Subject, name: &[u8]) -> Option<Key> {
        let (group, number) = split_once(name, b'.');
        let group = subject.groups.position(group, subject.sums.len())?;
        let number = match number {
            Some(number) => subject.numbers.position(number, subject.width)?,
            None => SUM,
        };
        // (The table has no sum.)
        let is_of_table = (LABELS..NUMBERS).contains(&number);
        let key = Key { group: group as u8, number: number as u8 };
        (is_of_table == (group == TABLE)).then_some(key)
    }

    /// Whether it is one of the table's.
    pub fn is_of_table(self) -> bool {
        usize::from(self.group) == TABLE
    }
}

/// A counter for each number of each group that is no sum. All of them saturate: at [`u32::MAX`] connections, which no
/// Linux system has memory for, they stay there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Whether they are of tracked connections, and not of sockets. (A reference to the subject isn't zero: then all of
    /// this would be in the file.)
    pub conntrack: bool,
    /// Whether the numbers of the table are known.
    pub has_table: bool,
    counters: [u32; NUMBERS * COUNTED],
}

impl Counts {
    /// Those of nothing.
    pub const NONE: Counts =
        Counts { conntrack: false, has_table: false, counters: [0; NUMBERS * COUNTED] };

    /// Begins to count.
    pub fn clear(&mut self, conntrack: bool) {
        self.conntrack = conntrack;
        self.has_table = false;
        self.counters.iter_mut().for_each(|counter| *counter = 0);
    }

    pub fn subject(&self) -> &'static Subject {
        Subject::of(self.conntrack)
    }

    /// Counts so many more of this number of a group, which is no sum, both given by their places. (One that isn't
    /// there is not counted.)
    #[inline(always)]
    pub fn add(&mut self, group: usize, number: usize, more: u32) {
        let place = group.wrapping_mul(NUMBERS).wrapping_add(number);
        if let Some(counter) = self.counters.get_mut(place) {
            *counter = counter.saturating_add(more);
        }
    }

    /// A number of a group, both given by their places in the report.
    #[inline(never)]
    pub fn count(&self, group: usize, number: usize) -> u32 {
        let subject = self.subject();
        let &[first, end] = subject.sums.get(group).unwrap_or(&[0, 0]);
        let [from, to] =
            if number == SUM { subject.summed } else { [number, number.wrapping_add(1)] };
        let mut sum: u32 = 0;
        for group in first..end {
            for number in from..to {
                let place = usize::from(group).wrapping_mul(NUMBERS).wrapping_add(number);
                sum = sum.saturating_add(self.counters.get(place).copied().unwrap_or_default());
            }
        }
        sum
    }

    /// The number that a key names.
    pub fn number(&self, key: Key) -> u32 {
        self.count(key.group.into(), key.number.into())
    }

    /// Takes down how full the table is, when all connections are counted: how many entries the kernel says there are,
    /// and how many there may be.
    pub fn fill(&mut self, entries: u32, limit: u32) {
        const ALL: usize = TABLE - 1;
        const UNREPLIED: usize = STATES;
        let replied = self.count(ALL, SUM).saturating_sub(self.count(ALL, UNREPLIED));
        let [.., a, b, c, d] = &mut self.counters;
        (*a, *b, *c, *d) = (entries, limit, percent(entries, limit), percent(replied, limit));
        self.has_table = true;
    }
}

/// So many of a limit in percent, rounded down; 0 if there is no limit. (More than 42 million, which are 13 GB, may be
/// one percent too many of a limit as high. Of one that is far lower, what more there are means nothing.)
#[inline(never)]
fn percent(entries: u32, limit: u32) -> u32 {
    let percent = match entries.checked_mul(100) {
        Some(hundredfold) => hundredfold.checked_div(limit),
        None => entries.checked_div(limit / 100),
    };
    percent.unwrap_or_default()
}
