mod connections;
mod sockets;
