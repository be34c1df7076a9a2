//! The disk, as far as snapshots and the append-only file need it: [`Real`], and [`Torn`], which forgets what was not
//! synced when its power is cut.
//!
//! | operation | durable after |
//! |---|---|
//! | writing, truncating | [`File::sync_data`]; [`Growing`] makes it short for large files |
//! | creating, renaming, removing (a name changes) | [`Disk::sync_folder`] of the folder that holds the name |
//!
//! Invariant: every error names the operation and the file.

mod growing;
mod real;
#[cfg(test)]
mod tests;
mod torn;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};

pub use growing::{Growing, Growth};
pub use real::Real;
pub use torn::Torn;

/// A disk. Every function can be called on any thread.
pub trait Disk: fmt::Debug + Send + Sync {
    /// A new, empty file for writing; what had the name is emptied.
    fn create(&self, path: &Path) -> Result<Box<dyn File>, Error>;

    /// A file for writing at its end; created if it is not there.
    fn append(&self, path: &Path) -> Result<Box<dyn File>, Error>;

    /// The whole of a file.
    fn read(&self, path: &Path) -> Result<Content, Error>;

    /// The size of a file in bytes; `None` if there is nothing of that name.
    fn len(&self, path: &Path) -> Result<Option<u64>, Error>;

    /// Cuts a file to `len` bytes, or extends it with zeros.
    fn truncate(&self, path: &Path, len: u64) -> Result<(), Error>;

    /// Gives a file another name, at once; what had that name before is gone.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), Error>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> Result<(), Error>;

    /// Creates a folder; one that is there already is fine.
    fn create_folder(&self, path: &Path) -> Result<(), Error>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> Result<(), Error>;

    /// The names in a folder, sorted.
    fn list(&self, folder: &Path) -> Result<Vec<OsString>, Error>;

    /// Locks a file or folder against others who ask for the same, in this process or another, until the guard is dropped.
    /// The lock belongs to the file and follows it under other names. [`Error::is_locked`] tells that somebody else has it.
    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, Error>;
}

/// A file that is written. Dropping closes it.
pub trait File: fmt::Debug + Send {
    /// Writes some of the bytes at the end; says how many.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error>;

    /// Writes all of the bytes at a place, over what is there and beyond; the end may move, the place of [`File::write`] does not.
    /// After an error, any part of them may be written.
    fn write_all_at(&mut self, at: u64, bytes: &[u8]) -> Result<(), Error>;

    /// Makes durable what was written.
    fn sync_data(&mut self) -> Result<(), Error>;

    /// Cuts the file to `len` bytes; writing goes on there.
    fn truncate(&mut self, len: u64) -> Result<(), Error>;

    /// The size in bytes.
    fn len(&self) -> Result<u64, Error>;

    /// Asks the system to begin bringing a part to the disk. That it fails must be heeded: the next sync may not say so again.
    fn begin_sync(&mut self, range: Range<u64>) -> Result<(), Error>;

    /// Waits for a part that was begun. It is not durable before [`File::sync_data`].
    fn wait_for_sync(&mut self, range: Range<u64>) -> Result<(), Error>;

    /// Asks the system not to keep a part in memory that is on disk, since nobody will read it soon. A hint: nothing fails.
    fn forget_cached(&mut self, range: Range<u64>);

    /// Whether nothing is in it.
    fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.len()? == 0)
    }

    /// Writes all of the bytes at the end. After an error, any part of them may be written.
    fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let written = self.write(bytes)?;
            bytes = &bytes[written..];
        }
        Ok(())
    }
}

/// Keeps a lock until it is dropped.
pub trait Lock: fmt::Debug + Send {}

/// The bytes of a file.
#[derive(Debug)]
pub enum Content {
    /// In memory.
    Owned(Vec<u8>),
    /// On disk, read when they are looked at.
    Mapped(memmap2::Mmap),
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Content::Owned(bytes) => bytes,
            Content::Mapped(map) => map,
        }
    }
}

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// [`Disk::create`]
    Create,
    /// [`Disk::append`]
    Append,
    /// [`Disk::read`]
    Read,
    /// [`Disk::len`], [`File::len`]
    Examine,
    /// [`File::write`], [`File::write_all_at`]
    Write,
    /// [`File::sync_data`], [`File::begin_sync`], [`File::wait_for_sync`]
    Sync,
    /// [`Disk::truncate`], [`File::truncate`]
    Truncate,
    /// [`Disk::rename`]
    Rename,
    /// [`Disk::remove`]
    Remove,
    /// [`Disk::create_folder`]
    CreateFolder,
    /// [`Disk::sync_folder`]
    SyncFolder,
    /// [`Disk::list`]
    List,
    /// [`Disk::lock`]
    Lock,
}

impl Operation {
    fn verb(self) -> &'static str {
        match self {
            Operation::Create | Operation::CreateFolder => "create",
            Operation::Append => "append to",
            Operation::Read => "read",
            Operation::Examine => "examine",
            Operation::Write => "write to",
            Operation::Sync | Operation::SyncFolder => "sync",
            Operation::Truncate => "truncate",
            Operation::Rename => "rename",
            Operation::Remove => "remove",
            Operation::List => "list",
            Operation::Lock => "lock",
        }
    }
}

/// What went wrong with which file.
#[derive(Debug)]
pub struct Error {
    /// What was tried.
    pub operation: Operation,
    /// On what.
    pub path: PathBuf,
    /// What the system says.
    pub cause: io::Error,
}

impl Error {
    fn new(operation: Operation, path: &Path, cause: impl Into<io::Error>) -> Error {
        Error { operation, path: path.to_owned(), cause: cause.into() }
    }

    /// Whether the file or folder is not there.
    pub fn is_not_found(&self) -> bool {
        self.cause.kind() == io::ErrorKind::NotFound
    }

    /// Whether somebody else holds the lock.
    pub fn is_locked(&self) -> bool {
        self.operation == Operation::Lock && self.cause.kind() == io::ErrorKind::WouldBlock
    }

    /// What the system says, without its number.
    pub fn reason(&self) -> String {
        system_text(&self.cause)
    }
}

/// The system's text of an error, without what Rust adds: the number of an error, and words before what the resolver said.
pub fn system_text(error: &io::Error) -> String {
    let text = error.to_string();
    let said = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    said[..said.rfind(" (os error ").unwrap_or(said.len())].to_owned()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        if self.is_locked() {
            return write!(f, "{path} is in use by another server");
        }
        write!(f, "Can't {} {path}: {}", self.operation.verb(), self.reason())
    }
}

impl std::error::Error for Error {}
