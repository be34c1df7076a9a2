//! The increment that is being written.
//!
//! ```text
//! create   a seal of nothing, on disk                    open   a seal of all that is there, and one of nothing
//! write    bytes, and a seal at their end                sync   all of it on disk
//! close    synced, and a seal that says so, synced too
//! ```
//! Invariants: after a write that failed the file is what it was before, or nothing is written until it is again; a write that
//! is torn by a crash lacks its seal or disagrees with it.

use super::seal::Sealer;
use crate::disk::{Disk, Error, File};
use crc32fast::Hasher;
use std::path::Path;

/// See the file head.
#[derive(Debug)]
pub struct Log {
    file: Box<dyn File>,
    /// The bytes of all writes that succeeded.
    len: u64,
    /// Bytes of a failed write may follow them.
    is_ragged: bool,
    /// Nothing if the file goes without seals.
    sealer: Option<Sealer>,
    /// Bytes that are on disk for certain.
    synced: u64,
}

/// A write that failed; nothing of it counts.
#[derive(Debug)]
pub struct WriteError {
    /// Why.
    pub error: Error,
    /// What else failed: taking back what was written of it.
    pub not_undone: Option<Error>,
}

impl Log {
    /// A new file, durable but for its name.
    pub fn create(disk: &dyn Disk, path: &Path, seals: bool) -> Result<Log, Error> {
        Log::over(disk.create(path)?, seals)
    }

    /// The same over an empty file.
    pub fn over(file: Box<dyn File>, seals: bool) -> Result<Log, Error> {
        let mut log = Log { file, len: 0, is_ragged: false, sealer: seals.then(Sealer::default), synced: 0 };
        log.seal_nothing().map_err(|failed| failed.error)?;
        log.sync()?;
        Ok(log)
    }

    /// A file that was read, of whose bytes those behind the last seal are in `unsealed`; created, if it is not there.
    pub fn open(disk: &dyn Disk, path: &Path, unsealed: Option<Hasher>) -> Result<Log, Error> {
        let mut file = disk.append(path)?;
        let len = file.len()?;
        file.sync_data()?;
        let mut sealer = unsealed.map(|hasher| Sealer::resume(len, hasher));
        if let Some(sealer) = &mut sealer {
            sealer.synced();
        }
        let mut log = Log { file, len, is_ragged: false, sealer, synced: len };
        if len > 0 {
            log.seal_nothing().map_err(|failed| failed.error)?;
        }
        log.seal_nothing().map_err(|failed| failed.error)?;
        log.sync()?;
        Ok(log)
    }

    /// The file's length.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether all of it is on disk.
    pub fn is_synced(&self) -> bool {
        self.synced == self.len
    }

    /// Writes whole units. What was appended to the last part is the seal, and is gone again after an error.
    pub fn write(&mut self, parts: &mut [Vec<u8>]) -> Result<(), WriteError> {
        if self.is_ragged {
            self.undo().map_err(|error| WriteError { error, not_undone: None })?;
        }
        let before = self.sealer.clone();
        let unsealed_len = parts.last().map_or(0, Vec::len);
        if let (Some(sealer), Some((last, others))) = (&mut self.sealer, parts.split_last_mut()) {
            others.iter().for_each(|part| sealer.add(part));
            sealer.add(last);
            sealer.seal(last);
        }
        match parts.iter().try_for_each(|part| self.file.write_all(part)) {
            Ok(()) => {
                self.len += parts.iter().map(|part| part.len() as u64).sum::<u64>();
                Ok(())
            }
            Err(error) => {
                if let Some(last) = parts.last_mut() {
                    last.truncate(unsealed_len);
                }
                self.sealer = before;
                self.is_ragged = true;
                Err(WriteError { error, not_undone: self.undo().err() })
            }
        }
    }

    /// Brings all that was written to the disk.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.file.sync_data()?;
        self.synced = self.len;
        if let Some(sealer) = &mut self.sealer {
            sealer.synced();
        }
        Ok(())
    }

    /// Done with the file: all of it is on disk, and says so. What is written nevertheless must come after [`Log::reopen`].
    pub fn close(&mut self) -> Result<(), Error> {
        self.sync()?;
        self.seal_nothing().map_err(|failed| failed.error)?;
        self.sync()
    }

    /// Goes on after [`Log::close`].
    pub fn reopen(&mut self) -> Result<(), Error> {
        self.seal_nothing().map_err(|failed| failed.error)?;
        self.sync()
    }

    fn seal_nothing(&mut self) -> Result<(), WriteError> {
        if self.sealer.is_some() { self.write(&mut [Vec::new()]) } else { Ok(()) }
    }

    fn undo(&mut self) -> Result<(), Error> {
        self.file.truncate(self.len)?;
        self.is_ragged = false;
        Ok(())
    }
}
