//! The increment that is being written.
//!
//! ```text
//! create   a seal of nothing, on disk                    open   a seal of all that is there, and one of nothing
//! write    bytes, and a seal at their end                sync   all of it on disk
//! close    synced, and a seal that says so, synced too
//! ```
//! A file that is synced after every write is padded ahead of them (see [`super::padding`]).
//!
//! Invariants: after a write that failed the file is what it was before, or nothing is written until it is again; a write that
//! is torn by a crash lacks its seal or disagrees with it. A write over padding finds on disk all that was written before it,
//! and the padding too, of which some is left behind it: commands without a seal in front of padding are what is left of a torn
//! write.

use super::padding::{self, LINE_LEN};
use super::seal::{self, Sealer};
use crate::disk::{Disk, Error, File};
use crc32fast::Hasher;
use std::path::Path;

/// A file is padded by as much as is in it, but by no less and no more than so many bytes: whoever waits for the write that
/// needs it waits for the padding too.
const PADDING_MIN: u64 = 64 * 1024;
const PADDING_MAX: u64 = 256 * 1024;
/// Padding costs as much as the writes over it; what it spares is the same for all. From this length on, in bytes, the writes of
/// a file are better off without.
const PADDED_LEN_MAX: u64 = 16 * 1024;
/// Of how many writes, about, the usual length is an average.
const USUAL_OF: u64 = 8;

/// See the file head.
#[derive(Debug)]
pub struct Log {
    file: Box<dyn File>,
    /// The bytes of all writes that succeeded.
    len: u64,
    /// The end of the padding, which is on disk; `len` if there is none.
    padded: u64,
    /// Whether the file is padded. Only one with seals can be.
    pads: bool,
    /// The usual length of a write.
    usual_len: u64,
    /// Bytes of a failed write, or of padding, may follow them.
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
        let mut log = Log::of(file, 0, seals.then(Sealer::default));
        log.seal_nothing().map_err(|failed| failed.error)?;
        log.sync()?;
        Ok(log)
    }

    fn of(file: Box<dyn File>, len: u64, sealer: Option<Sealer>) -> Log {
        Log { file, len, padded: len, pads: false, usual_len: 0, is_ragged: false, sealer, synced: len }
    }

    /// A file that was read, of whose first `len` bytes those behind the last seal are in `unsealed`, and behind which there is at
    /// most padding; created, if it is not there.
    pub fn open(disk: &dyn Disk, path: &Path, len: u64, unsealed: Option<Hasher>) -> Result<Log, Error> {
        let mut file = disk.append(path)?;
        let found = file.len()?;
        let len = len.min(found);
        if len < found {
            file.truncate(len)?;
        }
        file.sync_data()?;
        let mut sealer = unsealed.map(|hasher| Sealer::resume(len, hasher));
        if let Some(sealer) = &mut sealer {
            sealer.synced();
        }
        let mut log = Log::of(file, len, sealer);
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

    /// Whether the file is padded from here on.
    pub fn set_pads(&mut self, pads: bool) {
        self.pads = pads && self.sealer.is_some();
    }

    /// Writes whole units. What was appended to the last part is the seal, and is gone again after an error.
    pub fn write(&mut self, parts: &mut [Vec<u8>]) -> Result<(), WriteError> {
        if self.is_ragged {
            self.undo().map_err(|error| WriteError { error, not_undone: None })?;
        }
        if self.pads || self.padded > self.len {
            let bytes = parts.iter().map(|part| part.len() as u64).sum();
            self.make_room(bytes).map_err(|error| WriteError { error, not_undone: None })?;
        }
        let before = self.sealer.clone();
        let unsealed_len = parts.last().map_or(0, Vec::len);
        if let (Some(sealer), Some((last, others))) = (&mut self.sealer, parts.split_last_mut()) {
            others.iter().for_each(|part| sealer.add(part));
            sealer.add(last);
            sealer.seal(last, self.pads);
        }
        let mut end = self.len;
        let written = parts.iter().try_for_each(|part| {
            self.file.write_all_at(end, part)?;
            end += part.len() as u64;
            Ok(())
        });
        match written {
            Ok(()) => {
                self.len = end;
                self.padded = self.padded.max(end);
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

    /// Sees to it that a write of so many bytes finds enough padding, or none.
    fn make_room(&mut self, bytes: u64) -> Result<(), Error> {
        let end = self.len + bytes + (seal::LEN_MAX + padding::FILLER.len()) as u64 + LINE_LEN;
        self.usual_len = (self.usual_len * (USUAL_OF - 1) + bytes) / USUAL_OF;
        let is_enough = self.pads && end <= self.padded;
        let is_wanted = self.pads && !is_enough && self.usual_len.max(bytes) <= PADDED_LEN_MAX;
        // A sync of padding that fails must not take anything else with it.
        if (is_wanted || self.padded > self.len) && !self.is_synced() {
            self.sync()?;
        }
        // If there is no space for padding, there may be enough for the write.
        if is_enough || is_wanted && self.pad(end).is_ok() {
            return Ok(());
        }
        if self.padded > self.len {
            self.undo()?;
            self.sync()?;
        }
        Ok(())
    }

    fn pad(&mut self, least: u64) -> Result<(), Error> {
        let end = self.padded + self.len.clamp(PADDING_MIN, PADDING_MAX);
        let end = end.max(least).next_multiple_of(LINE_LEN);
        let from = std::mem::replace(&mut self.padded, end);
        self.is_ragged = true;
        self.file.write_all_at(from, &padding::between(from..end))?;
        self.file.sync_data()?;
        self.is_ragged = false;
        Ok(())
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
        let pads = std::mem::take(&mut self.pads);
        let closed = self.close_unpadded();
        self.pads = pads;
        closed
    }

    fn close_unpadded(&mut self) -> Result<(), Error> {
        self.make_room(0)?;
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
        self.padded = self.len;
        self.is_ragged = false;
        Ok(())
    }
}
