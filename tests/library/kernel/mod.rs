mod conntrack_table;
mod proc_file;
mod sock_diag;
mod socket_table;
