mod conntrack_table;
mod sock_diag;
mod socket_table;
