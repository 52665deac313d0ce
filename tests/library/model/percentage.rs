//! Percentages of the limit of the table of tracked connections.

use network_connections::model::connection::TableFill;
use network_connections::model::counts::Counts;
use network_connections::model::schema::Subject;

use crate::sample_counts::{TABLE_FIGURES, connection_columns, connection_number};

/// Returns counts of `unreplied` UNREPLIED connections and of `others` other
/// connections in a table with these entries and this limit.
fn count_connections(unreplied: u32, others: u32, entries: u32, limit: u32) -> Counts {
    let mut counts = Counts::ZERO;
    counts.reset(Subject::Connections);
    for (group, status, amount) in [
        (0, "UNREPLIED", unreplied),
        (2, "ASSURED", others / 2),
        (5, "REPLIED", others - others / 2),
    ] {
        let column = connection_columns().iter().position(|name| *name == status).unwrap();
        counts.add(group, column, amount);
    }
    counts.table_fill = Some(TableFill { entries, limit });
    counts
}

#[test]
fn percentages_are_rounded_down() {
    // UNREPLIED connections, other connections, entries, limit, percent,
    // replied_percent
    let cases = [
        (0, 0, 0, 100, 0, 0),
        (0, 1, 1, 3, 33, 33),
        (1, 1, 2, 3, 66, 33),
        (0, 12, 12, 16384, 0, 0),
        (8000, 192, 8192, 16384, 50, 1),
        (10000, 5000, 15000, 15001, 99, 33),
        (0, 995, 999, 1000, 99, 99),
        (0, 1000, 1000, 1000, 100, 100),
        (5, 1005, 1010, 1000, 101, 100),
        // A limit of 0 means that the table has no limit.
        (0, 7, 7, 0, 0, 0),
        (7, 0, 7, 100, 7, 0),
        // The table has more or fewer rows than the kernel counts as entries.
        (1, 50, 2, 100, 2, 50),
        (1, 2, 50, 100, 50, 2),
        // 42 million entries take 13 GB of memory.
        (0, 42_949_672, 42_949_672, 42_949_672, 100, 100),
        (0, 42_949_673, 42_949_673, 50_000_000, 85, 85),
        (0, 1_000_000_000, 2_000_000_000, 2_000_000_000, 100, 50),
        (0, 42_949_673, 42_949_673, 50, u32::MAX, u32::MAX),
        (0, 42_949_673, 42_949_673, 0, 0, 0),
        (u32::MAX, u32::MAX, u32::MAX, u32::MAX, 100, 0),
        (0, u32::MAX, u32::MAX, u32::MAX, 100, 100),
    ];
    for (unreplied, others, entries, limit, percent, replied) in cases {
        let counts = count_connections(unreplied, others, entries, limit);
        let figures =
            TABLE_FIGURES.map(|name| connection_number(&counts, &format!("table.{name}")));
        assert_eq!(figures, [entries, limit, percent, replied], "{unreplied} and {others}");
    }
}

#[test]
fn percentages_of_many_entries_are_approximate() {
    for (entries, limit, percent) in [
        (42_949_672, 42_949_673, 99),
        (49_999_999, 50_000_099, 99),
        // The next two percentages are one too high. The documentation of
        // `percentage` in src/model/connection.rs says why.
        (50_000_000, 50_000_099, 100),
        (2_147_483_600, 2_147_483_647, 100),
        // A table has more entries than its limit after root lowers the limit.
        (50_000_000, 1000, 5_000_000),
    ] {
        let counts = count_connections(0, entries, entries, limit);
        let percentages =
            ["table.percent", "table.replied_percent"].map(|name| connection_number(&counts, name));
        assert_eq!(percentages, [percent; 2], "{entries} of {limit}");
    }
}
