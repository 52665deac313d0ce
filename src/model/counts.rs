//! The counters of a report.

use super::connection::{
    Connection, ConnectionState, ConnectionStatus, TableFigure, TableFill, percentage,
};
use super::key::Key;
use super::schema::{Schema, Subject};
use super::socket::{Socket, SocketTable};

/// The numbers of sockets or tracked connections, by basic group and column.
///
/// Every counter saturates: a counter that reaches [`u32::MAX`] keeps this
/// value. No Linux system has memory for [`u32::MAX`] sockets or connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    subject: Subject,
    /// The counters of all basic groups, group after group, with one counter
    /// for each column. Every group has `MOST_COLUMNS` counters. A subject with
    /// fewer columns leaves the last counters of each group at 0.
    counters: [u32; Schema::MOST_COLUMNS * Schema::MOST_GROUPS],
    /// How full the table of tracked connections is, or nothing if unknown.
    pub table_fill: Option<TableFill>,
}

impl Counts {
    /// Counters for sockets. All counters are zero.
    pub const ZERO: Counts = Counts {
        subject: Subject::Sockets,
        counters: [0; Schema::MOST_COLUMNS * Schema::MOST_GROUPS],
        table_fill: None,
    };

    /// Sets all counters to zero, and prepares the counters for this subject.
    pub fn reset(&mut self, subject: Subject) {
        self.subject = subject;
        self.counters.fill(0);
        self.table_fill = None;
    }

    /// Returns the subject that the counters count.
    pub fn subject(&self) -> Subject {
        self.subject
    }

    /// Counts a socket of this table.
    #[inline(always)]
    pub fn count_socket(&mut self, table: SocketTable, socket: &Socket) {
        self.add(table.group(), socket.state as usize, 1);
    }

    /// Counts the status of a tracked connection, and the state if the
    /// connection has a state.
    #[inline(always)]
    pub fn count_connection(&mut self, connection: Connection) {
        let group = connection.group as usize;
        if let Some(state) = connection.state {
            self.add(group, state as usize, 1);
        }
        self.add(group, ConnectionState::COUNT + connection.status as usize, 1);
    }

    /// Adds `amount` to the counter of a column in a basic group.
    #[inline(always)]
    pub fn add(&mut self, group: usize, column: usize, amount: u32) {
        if let Some(counter) = self.counters.get_mut(index_of(group, column)) {
            *counter = counter.saturating_add(amount);
        }
    }

    /// Returns the count of a column in a group: the sum over the basic groups
    /// of the group.
    pub fn cell(&self, group: usize, column: usize) -> u32 {
        let mut sum: u32 = 0;
        if let Some(group) = self.subject.schema().groups.get(group) {
            for basic in group.sums.clone() {
                let counter = self.counters.get(index_of(basic, column));
                sum = sum.saturating_add(counter.copied().unwrap_or_default());
            }
        }
        sum
    }

    /// Returns the number of sockets or connections in a group.
    pub fn total(&self, group: usize) -> u32 {
        let columns = self.subject.schema().total_columns.clone();
        columns.fold(0, |sum, column| sum.saturating_add(self.cell(group, column)))
    }

    /// Returns a number that describes the table of tracked connections, or 0
    /// if `table_fill` is unknown.
    pub fn figure(&self, figure: TableFigure) -> u32 {
        let Some(TableFill { entries, limit }) = self.table_fill else { return 0 };
        match figure {
            TableFigure::Entries => entries,
            TableFigure::Limit => limit,
            TableFigure::Percent => percentage(entries, limit),
            TableFigure::RepliedPercent => {
                let all = Schema::CONNECTIONS.groups.len() - 1;
                let unreplied = ConnectionState::COUNT + ConnectionStatus::Unreplied as usize;
                percentage(self.total(all).saturating_sub(self.cell(all, unreplied)), limit)
            }
        }
    }

    /// Returns the number that a key names.
    pub fn number(&self, key: Key) -> u32 {
        match key {
            Key::Total { group } => self.total(group.into()),
            Key::Cell { group, column } => self.cell(group.into(), column.into()),
            Key::Table(figure) => self.figure(figure),
        }
    }
}

/// Returns the index of the counter of a column in a basic group.
fn index_of(group: usize, column: usize) -> usize {
    group * Schema::MOST_COLUMNS + column
}
