//! The names of groups, columns and figures.

use network_connections::model::connection::TableFigure;
use network_connections::model::schema::{Group, Schema, Subject};

use crate::oracles::conntrack_table::GROUPS;
use crate::sample_counts::{TABLE_FIGURES, connection_columns};

#[test]
fn the_schema_has_the_documented_names() {
    let schema = Subject::Connections.schema();
    assert_eq!(schema, &Schema::CONNECTIONS);
    assert_eq!(Subject::Sockets.schema(), &Schema::SOCKETS);
    let groups: Vec<&str> = schema.groups.iter().map(|group| group.name).collect();
    assert_eq!(groups, GROUPS);
    assert_eq!(Group::TABLE.name, "table");
    let columns = schema.all_columns().map(|column| schema.column_name(column));
    assert_eq!(
        columns.collect::<Vec<_>>(),
        connection_columns().iter().map(|name| name.as_bytes()).collect::<Vec<_>>()
    );
    assert_eq!(TableFigure::NAMES.0, TABLE_FIGURES.join(" "));
}
