//! Port numbers.

use heapless::Vec;

/// A port as four hexadecimal digits. Each digit is an ASCII character or a
/// value from 0 to 15. The digits become a number only in
/// [`number`](Port::number), because most runs have no filter for ports and
/// need no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port([u8; 4]);

impl Port {
    /// The port of a protocol without ports. The [number](Port::number) of this
    /// port is above 65535.
    pub const NONE: Port = Port([0xff; 4]);

    /// Makes a port from ASCII digits: `0` to `9` and `A` to `F`.
    pub fn from_digits(digits: [u8; 4]) -> Port {
        Port(digits)
    }

    /// Makes a port from two bytes in network byte order.
    pub fn from_network_order([high, low]: [u8; 2]) -> Port {
        Port([high >> 4, high & 0xf, low >> 4, low & 0xf])
    }

    /// Returns the number: 0 to 65535, or above 65535 for [`NONE`](Port::NONE).
    pub fn number(self) -> u32 {
        // The low four bits of a letter are 9 less than the value of the
        // letter. Among the digits of a real port, only letters have the bit
        // 0x40.
        self.0
            .iter()
            .fold(0, |number, &digit| number << 4 | u32::from((digit & 0xf) + (digit >> 6) * 9))
    }
}

/// The ports that a filter selects, at most 16. An empty list selects every
/// port.
pub type PortList = Vec<u16, 16>;

/// Returns whether `ports` is empty or contains a port.
pub fn contains_port(ports: &PortList, port: Port) -> bool {
    ports.is_empty() || ports.iter().any(|&listed| u32::from(listed) == port.number())
}
