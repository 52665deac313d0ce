//! Rows of the table `tcp` in procfs.

/// A socket with a remote address, which the program counts by default.
pub const ESTABLISHED: &str = "   0: 0100007F:1F90 0200007F:C001 01 00000000:00000000\n";

/// A socket without a remote address, which the program counts with `--all`.
pub const LISTEN: &str = "   1: 00000000:1F90 00000000:0000 0A 00000000:00000000\n";
