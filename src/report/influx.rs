//! The line protocol of InfluxDB, without timestamps: the time of arrival is taken.

use crate::table::Table;

super::format! {
    groups: Table::ALL.len(),
    has_origin: false,
    start: "",
    group: "network_connections,protocol=%B,ip=v%C ",
    state: "%d=%Ni%G",
    group_end: "\n",
    end: "",
}
