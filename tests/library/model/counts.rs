//! Counters, and their sums in the groups of a report.

use network_connections::model::connection::{TableFigure, TableFill};
use network_connections::model::counts::Counts;
use network_connections::model::key::Key;
use network_connections::model::schema::Subject;
use network_connections::model::socket::{SocketTable, State};
use proptest::prelude::*;

use crate::oracles::conntrack_table::{GROUPS, STATES};
use crate::sample_counts::{
    basic_groups, connection_columns, connection_number, distinct_count, distinct_counts,
    socket_states,
};

#[test]
fn a_group_sums_its_basic_groups_and_its_total_sums_the_statuses() {
    let counts = distinct_counts(None);
    for group in GROUPS {
        let sum = |column: usize| {
            basic_groups(group).iter().map(|&basic| distinct_count(basic, column)).sum::<u32>()
        };
        for (column, name) in connection_columns().into_iter().enumerate() {
            assert_eq!(
                connection_number(&counts, &format!("{group}.{name}")),
                sum(column),
                "{group} {name}"
            );
        }
        let statuses = STATES.len()..connection_columns().len();
        assert_eq!(connection_number(&counts, group), statuses.map(sum).sum::<u32>(), "{group}");
    }
    assert_eq!(connection_number(&counts, "tcp4"), 12 + 13 + 14 + 15 + 16);
}

#[test]
fn a_reset_clears_all_counters() {
    let mut counts = distinct_counts(Some((12, 16384)));
    assert!(counts.subject() == Subject::Connections && counts.table_fill.is_some());
    counts.reset(Subject::Sockets);
    assert_eq!(counts, Counts::ZERO);
    counts = distinct_counts(Some((12, 16384)));
    counts.reset(Subject::Connections);
    let mut zero = Counts::ZERO;
    zero.reset(Subject::Connections);
    assert_eq!(counts, zero);
    assert!(counts.subject() == Subject::Connections && counts.table_fill.is_none());
    for group in 0..GROUPS.len() + 1 {
        for column in 0..connection_columns().len() + 1 {
            assert_eq!(counts.cell(group, column), 0);
        }
        assert_eq!(counts.total(group), 0);
    }
    assert!(TableFigure::ALL.iter().all(|&figure| counts.figure(figure) == 0));
}

proptest! {
    #[test]
    fn socket_counters_and_sums_saturate(
        added in prop::collection::vec(
            (
                prop::sample::select(SocketTable::ALL),
                prop::sample::select(socket_states()),
                any::<u32>(),
            ),
            0..50,
        ),
    ) {
        let mut counts = Counts::ZERO;
        for &(table, state, amount) in &added {
            counts.add(table.group(), state as usize, amount);
        }
        let groups = [
            ("tcp4", 0..=0),
            ("tcp6", 1..=1),
            ("udp4", 2..=2),
            ("udp6", 3..=3),
            ("tcp", 0..=1),
            ("udp", 2..=3),
            ("all", 0..=3),
        ];
        for (group, (name, tables)) in groups.into_iter().enumerate() {
            let sum = |is_summed: &dyn Fn(State) -> bool| {
                let added = added.iter().filter(|(table, state, _)| {
                    tables.contains(&(*table as usize)) && is_summed(*state)
                });
                let sum: u64 = added.map(|&(_, _, amount)| u64::from(amount)).sum();
                sum.min(u32::MAX.into()) as u32
            };
            for state in socket_states() {
                let expected = sum(&|other| other == state);
                prop_assert_eq!(counts.cell(group, state as usize), expected);
                let state = String::from_utf8_lossy(State::NAMES.get(state as usize));
                let key = format!("{name}.{state}");
                let key = Key::parse(Subject::Sockets, key.as_bytes()).unwrap();
                prop_assert_eq!(counts.number(key), expected);
            }
            let key = Key::parse(Subject::Sockets, name.as_bytes()).unwrap();
            prop_assert_eq!(counts.number(key), sum(&|_| true));
            prop_assert_eq!(counts.total(group), sum(&|_| true));
        }
        counts.reset(Subject::Sockets);
        prop_assert_eq!(counts, Counts::ZERO);
    }

    #[test]
    fn connection_counters_and_sums_saturate(
        added in prop::collection::vec((0..6usize, 0..16usize, any::<u32>()), 0..50),
        fill in prop::option::of(any::<(u32, u32)>()),
    ) {
        let mut counts = Counts::ZERO;
        counts.reset(Subject::Connections);
        for &(group, column, amount) in &added {
            counts.add(group, column, amount);
        }
        if let Some((entries, limit)) = fill {
            counts.table_fill = Some(TableFill { entries, limit });
        }
        for (group, name) in GROUPS.into_iter().enumerate() {
            let basic_groups = basic_groups(name);
            let sum = |is_summed: &dyn Fn(usize) -> bool| {
                let added = added.iter().filter(|(group, column, _)| {
                    basic_groups.contains(group) && is_summed(*column)
                });
                let sum: u64 = added.map(|&(_, _, amount)| u64::from(amount)).sum();
                sum.min(u32::MAX.into()) as u32
            };
            for (column, column_name) in connection_columns().into_iter().enumerate() {
                let expected = sum(&|other| other == column);
                prop_assert_eq!(counts.cell(group, column), expected);
                let key = format!("{name}.{column_name}");
                prop_assert_eq!(connection_number(&counts, &key), expected);
            }
            prop_assert_eq!(connection_number(&counts, name), sum(&|column| column >= STATES.len()));
        }
    }
}
