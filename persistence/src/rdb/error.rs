//! Why bytes are no RDB.

use std::fmt;

use rufous_storage::pack;

/// What is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where reading stopped: an offset in bytes from where the reader began.
    pub offset: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes end too early.
    End,
    /// The bytes are there and make no sense.
    Corrupt(&'static str),
    /// A block inside a string is none.
    Block(pack::Fault),
    /// A collection without elements. Old servers wrote such by mistake; a file's reader passes over the key.
    Empty,
    /// A type that does not exist, or that is not understood.
    Type(u8),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::End => f.write_str("the data ends too early"),
            Fault::Corrupt(what) => f.write_str(what),
            Fault::Block(fault) => write!(f, "a block with {fault}"),
            Fault::Empty => f.write_str("a collection without elements"),
            Fault::Type(byte) => write!(f, "unknown value type {byte}"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at offset {}", self.fault, self.offset)
    }
}

impl std::error::Error for Error {}
