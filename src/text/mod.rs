//! Text that the program writes. The program composes a whole text before it
//! writes the first byte.

pub mod buffer;
pub mod template;
