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
    /// The first bytes are not those of an RDB file.
    Signature,
    /// A version of the format that is not understood.
    Version(u16),
    /// Something of a module, which no server of ours can load.
    Module(ModuleName),
    /// The checksum is not that of the bytes.
    Checksum {
        /// What the file says.
        told: u64,
        /// What the bytes give.
        found: u64,
    },
}

/// The name of a module's type: nine characters, of six bits each, in its ID.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ModuleName([u8; 9]);

impl ModuleName {
    /// The name in an ID; the ID's lowest ten bits are a version.
    pub fn of(id: u64) -> ModuleName {
        const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        ModuleName(std::array::from_fn(|at| CHARACTERS[(id >> (58 - 6 * at)) as usize & 63]))
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).expect("ASCII characters"))
    }
}

impl fmt::Debug for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::End => f.write_str("the data ends too early"),
            Fault::Corrupt(what) => f.write_str(what),
            Fault::Block(fault) => write!(f, "a block with {fault}"),
            Fault::Empty => f.write_str("a collection without elements"),
            Fault::Type(byte) => write!(f, "unknown value type {byte}"),
            Fault::Signature => f.write_str("wrong signature: this is no RDB file"),
            Fault::Version(version) => write!(f, "Can't handle RDB format version {version}"),
            Fault::Module(name) => write!(f, "data of the module type '{name}', which cannot be loaded"),
            Fault::Checksum { told, found } => {
                write!(f, "RDB CRC error: the file says {told:x}, its bytes give {found:x}")
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at offset {}", self.fault, self.offset)
    }
}

impl std::error::Error for Error {}
