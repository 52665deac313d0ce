mod conntrack;
mod fixtures;
mod forwarded;
mod netlink;
mod ports;
mod socket_states;
mod tables;
mod tcp;
