//! Commands of collectd's plain text protocol (collectd-exec(5)), for the time of arrival (`N`).

use crate::table::Table;

super::format! {
    groups: Table::ALL.len(),
    has_origin: true,
    start: "",
    group: "",
    state: "PUTVAL \"%E/network_connections-%A/tcp_connections-%D\" interval=%F N:%N\n",
    group_end: "",
    end: "",
}
