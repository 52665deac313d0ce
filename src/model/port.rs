//! Port numbers.

use heapless::Vec;

/// A port as four hexadecimal digits, which are ASCII or the digits' values.
/// Its number is computed only when somebody asks for it, because most runs
/// have no filter for ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port([u8; 4]);

impl Port {
    /// The port of a protocol without ports. Its [number](Port::number) is
    /// above all ports.
    pub const NONE: Port = Port([0xff; 4]);

    /// Takes hexadecimal digits: `0` to `9` and `A` to `F`.
    pub fn from_digits(digits: [u8; 4]) -> Port {
        Port(digits)
    }

    /// Takes a port in network byte order.
    pub fn from_network_order([high, low]: [u8; 2]) -> Port {
        Port([high >> 4, high & 0xf, low >> 4, low & 0xf])
    }

    /// Returns the number, 0 to 65535.
    pub fn number(self) -> u32 {
        // The low four bits of a letter are its value less 9, and only a letter
        // has the bit 0x40.
        self.0
            .iter()
            .fold(0, |number, &digit| number << 4 | u32::from((digit & 0xf) + (digit >> 6) * 9))
    }
}

/// The ports that a filter lets pass. An empty list lets every port pass.
pub type PortList = Vec<u16, 16>;

/// Returns whether a list lets a port pass.
pub fn contains_port(ports: &PortList, port: Port) -> bool {
    ports.is_empty() || ports.iter().any(|&listed| u32::from(listed) == port.number())
}
