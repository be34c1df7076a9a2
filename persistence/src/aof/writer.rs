//! Who writes the append-only file: takes blocks of the stream of writes, appends, syncs, goes over to new files.
//!
//! ```text
//! start            the last increment, or the first      waiting          a temporary increment, until the first base
//! accept, flush    blocks of whole units                 sync             what was flushed is on disk
//! rotate           a new increment: a rewrite begins     install          its base takes the place of all before it
//! ```
//! The stream's offsets are the server's: how much of it was written, how much is on disk.
//!
//! Invariants: a step that fails leaves manifest and increment as they were; nothing counts as on disk as long as the manifest that
//! names its file may not be; what was accepted is kept until it is written, so that
//! it goes to the disk when the disk works again.

use super::folder::{Folder, PersistError, ReadError};
use super::log::{Log, WriteError};
use super::manifest::{BaseFormat, Manifest, Part};
use crate::disk::{Disk, Error, Lock};
use crc32fast::Hasher;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

/// Blocks are gathered to writes of about so many bytes.
const WRITE_LEN: usize = 256 * 1024;

/// What became of the increments until the first base is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The increment stands in the manifest.
    Listed,
    /// It has a temporary name, and is worth nothing without the base that is being written.
    Temporary,
}

/// See the file head.
#[derive(Debug)]
pub struct Writer {
    folder: Folder,
    manifest: Manifest,
    log: Log,
    /// Keeps other servers from writing the same increment.
    lock: Option<Box<dyn Lock>>,
    stage: Stage,
    /// Whether the next increment is sealed. The present one goes on as it began.
    seals: bool,
    /// Writes that wait for the disk.
    pending: Vec<Vec<u8>>,
    pending_bytes: u64,
    /// Buffers of what was written.
    spares: Vec<Vec<u8>>,
    /// Stream offsets: accepted, in the file, on disk.
    accepted: u64,
    written: u64,
    synced: u64,
    /// The manifest on disk may be the one before, after a power cut.
    manifest_unsynced: bool,
    /// Bytes of the files in front of the increment that is being written.
    earlier_bytes: u64,
}

/// What was found in the increment that is to be continued.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Of the bytes behind its last seal.
    pub unsealed: Hasher,
    /// Whether it has seals.
    pub has_seals: bool,
    /// Its bytes, without the padding at its end.
    pub len: u64,
}

/// Why a step failed.
#[derive(Debug)]
pub enum StepError {
    /// What waits cannot be written.
    Write(WriteError),
    /// A file cannot be opened.
    Open(OsString, Error),
    /// The file that is left cannot be brought to the disk.
    Sync(Error),
    /// A temporary file does not get its name: from, to.
    Rename(&'static str, OsString, OsString, Error),
    /// The manifest cannot be replaced.
    Manifest(PersistError),
    /// The folder cannot be made.
    Folder(Error),
    /// Another server writes the increment.
    Locked(Error),
}

impl From<PersistError> for StepError {
    fn from(error: PersistError) -> StepError {
        StepError::Manifest(error)
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepError::Write(failed) => write!(f, "Error writing to the AOF file: {}", failed.error.reason()),
            StepError::Open(name, error) => {
                write!(f, "Can't open the append-only file {}: {}", name.display(), error.reason())
            }
            StepError::Sync(error) => write!(f, "Fail to fsync the AOF file: {}", error.reason()),
            StepError::Rename(kind, from, to, error) => write!(
                f,
                "Error trying to rename the temporary AOF {kind} file {} into {}: {}",
                from.display(),
                to.display(),
                error.reason()
            ),
            StepError::Manifest(error) => error.fmt(f),
            StepError::Locked(error) => write!(f, "The append-only file cannot be written: {error}"),
            StepError::Folder(error) => {
                let folder = error.path.display();
                write!(f, "Can't open or create append-only dir {folder}: {}", error.reason())
            }
        }
    }
}

/// Makes sure that no other server writes an increment that is to be continued.
fn lock(disk: &dyn Disk, path: &Path) -> Result<Option<Box<dyn Lock>>, StepError> {
    match disk.lock(path) {
        Err(error) if error.is_locked() => Err(StepError::Locked(error)),
        // It is not there, or there are no locks here.
        result => Ok(result.ok()),
    }
}

/// The lock of a file that was just made.
fn lock_new(disk: &dyn Disk, path: &Path) -> Option<Box<dyn Lock>> {
    disk.lock(path).ok()
}

/// Makes a base that was written while no increment is being written all that is read. Gives its name.
pub fn install_alone(
    folder: &Folder,
    temporary: &Path,
    format: BaseFormat,
) -> Result<OsString, InstallError> {
    let disk = folder.disk();
    let mut manifest = folder.read_manifest().map_err(InstallError::Read)?.unwrap_or_default();
    let base = manifest.new_base(folder.file(), format).name.clone();
    disk.rename(temporary, &folder.at(&base)).map_err(InstallError::Rename)?;
    manifest.retire_increments(0);
    folder.persist(&manifest).map_err(InstallError::Manifest)?;
    let history = std::mem::take(&mut manifest.history);
    folder.persist(&manifest).map_err(InstallError::Manifest)?;
    for part in history {
        // Nobody reads it any more; it is only in the way.
        let _ = disk.remove(&folder.at(&part.name));
    }
    Ok(base)
}

/// Why a base did not become all that is read.
#[derive(Debug)]
pub enum InstallError {
    /// The manifest cannot be read.
    Read(ReadError),
    /// The file does not get its name.
    Rename(Error),
    /// The manifest cannot be replaced.
    Manifest(PersistError),
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InstallError::Read(error) => error.fmt(f),
            InstallError::Rename(error) => error.fmt(f),
            InstallError::Manifest(error) => error.fmt(f),
        }
    }
}

impl Writer {
    /// Goes on with the last increment of a manifest whose files were read, or begins another: if there is none, and behind one
    /// with seals where none are wanted, since what stands behind the last seal is given up when its end is torn. `offset` is the
    /// stream's.
    pub fn start(
        folder: Folder,
        mut manifest: Manifest,
        loaded: Loaded,
        seals: bool,
        offset: u64,
    ) -> Result<Writer, StepError> {
        folder.create().map_err(StepError::Folder)?;
        let is_new = manifest.increments.is_empty() || loaded.has_seals && !seals;
        let name = match manifest.increments.last() {
            Some(last) if !is_new => last.name.clone(),
            _ => manifest.new_increment(folder.file()).name.clone(),
        };
        let path = folder.at(&name);
        let disk = folder.disk().clone();
        let lock = if is_new { None } else { lock(&*disk, &path)? };
        let opened = if is_new {
            Log::create(&**folder.disk(), &path, seals)
        } else {
            Log::open(&**folder.disk(), &path, loaded.len, seals.then_some(loaded.unsealed))
        };
        let log = opened.map_err(|error| StepError::Open(name, error))?;
        folder.persist(&manifest)?;
        let mut writer = Writer::over(folder, manifest, log, Stage::Listed, seals, offset);
        writer.lock = if is_new { lock_new(&*disk, &path) } else { lock };
        let total = writer.folder.size(&writer.manifest).unwrap_or(writer.log.len());
        writer.earlier_bytes = total.saturating_sub(writer.log.len());
        Ok(writer)
    }

    /// Begins a temporary increment: there is no base yet that belongs to it.
    pub fn waiting(
        folder: Folder,
        manifest: Manifest,
        seals: bool,
        offset: u64,
    ) -> Result<Writer, StepError> {
        folder.create().map_err(StepError::Folder)?;
        let name = folder.temporary_increment();
        let log = Log::create(&**folder.disk(), &folder.at(&name), seals);
        let log = log.map_err(|error| StepError::Open(name, error))?;
        Ok(Writer::over(folder, manifest, log, Stage::Temporary, seals, offset))
    }

    fn over(folder: Folder, manifest: Manifest, log: Log, stage: Stage, seals: bool, offset: u64) -> Writer {
        Writer {
            folder,
            manifest,
            log,
            lock: None,
            stage,
            seals,
            pending: Vec::new(),
            pending_bytes: 0,
            spares: Vec::new(),
            accepted: offset,
            written: offset,
            synced: offset,
            manifest_unsynced: false,
            earlier_bytes: 0,
        }
    }

    /// Where the files are.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What the manifest says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether the increment still lacks its base.
    pub fn is_waiting(&self) -> bool {
        self.stage == Stage::Temporary
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.earlier_bytes + self.log.len()
    }

    /// Bytes that wait to be written.
    pub fn pending_bytes(&self) -> u64 {
        self.pending_bytes
    }

    /// The stream is in the file up to here.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The stream is on disk up to here.
    pub fn synced(&self) -> u64 {
        self.synced
    }

    /// Whether all that was written is on disk.
    pub fn is_synced(&self) -> bool {
        self.log.is_synced()
    }

    /// Whether increments are sealed, from the next one on: each file is sealed wholly or not at all, but for what other
    /// servers write to it.
    pub fn set_seals(&mut self, seals: bool) {
        self.seals = seals;
    }

    /// Whether the increment is padded from here on, as is good for one that is synced after every write. The next one begins
    /// without.
    pub fn set_pads(&mut self, pads: bool) {
        self.log.set_pads(pads);
    }

    /// Takes whole units; with a timestamp, an annotation comes first. `end` is the stream's offset behind them.
    pub fn accept(&mut self, timestamp_s: Option<i64>, block: Vec<u8>, end: u64) {
        self.accepted = end;
        if let Some(seconds) = timestamp_s {
            self.append(format!("#TS:{seconds}\r\n").into_bytes());
        }
        self.append(block);
    }

    fn append(&mut self, bytes: Vec<u8>) {
        self.pending_bytes += bytes.len() as u64;
        match self.pending.last_mut() {
            Some(last) if last.len() + bytes.len() <= WRITE_LEN => last.extend_from_slice(&bytes),
            _ => self.pending.push(bytes),
        }
    }

    /// Writes what waits. After an error the rest still waits.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        let mut done = 0;
        let result = self.pending.iter_mut().try_for_each(|write| {
            let len = write.len() as u64;
            self.log.write(std::slice::from_mut(write))?;
            self.pending_bytes -= len;
            done += 1;
            Ok(())
        });
        self.spares.extend(self.pending.drain(..done));
        if result.is_ok() {
            self.written = self.accepted;
        }
        result
    }

    /// A buffer whose bytes were written.
    pub fn take_spare(&mut self) -> Option<Vec<u8>> {
        self.spares.pop()
    }

    /// Brings what was written to the disk.
    pub fn sync(&mut self) -> Result<(), Error> {
        if self.manifest_unsynced {
            // What is on disk counts only if the manifest names it.
            self.folder.disk().sync_folder(self.folder.path())?;
            self.manifest_unsynced = false;
        }
        self.log.sync()?;
        self.synced = self.written;
        Ok(())
    }

    /// Puts a manifest in the place of the present one. That it may not be on disk yet keeps only [`Writer::sync`] from going on.
    fn persist(&mut self, manifest: &Manifest) -> Result<(), PersistError> {
        match self.folder.persist(manifest) {
            Err(error) if error.is_replaced => self.manifest_unsynced = true,
            result => {
                result?;
                self.manifest_unsynced = false;
            }
        }
        Ok(())
    }

    /// From here on a new increment is written: a rewrite has begun, whose base holds all before. Gives its name.
    pub fn rotate(&mut self) -> Result<OsString, StepError> {
        self.flush().map_err(StepError::Write)?;
        let disk = self.folder.disk().clone();
        let mut manifest = self.manifest.clone();
        let name = match self.stage {
            Stage::Listed => manifest.new_increment(self.folder.file()).name.clone(),
            Stage::Temporary => self.folder.temporary_increment(),
        };
        let path = self.folder.at(&name);
        let open = |error| StepError::Open(name.clone(), error);
        let log = Log::create(&*disk, &path, self.seals).map_err(open)?;
        if self.stage == Stage::Listed {
            // All of the old one is on disk before it is no longer the last.
            let left = self.log.close().map_err(StepError::Sync).and_then(|()| Ok(self.persist(&manifest)?));
            if let Err(error) = left {
                // The file is in no manifest: it stays out of the way of the next attempt, which empties it.
                let _ = disk.remove(&path);
                self.log.reopen().map_err(StepError::Sync)?;
                return Err(error);
            }
            self.synced = self.written;
        }
        self.earlier_bytes += self.log.len();
        self.lock = lock_new(&*disk, &path);
        self.log = log;
        self.manifest = manifest;
        Ok(name)
    }

    /// Gives the base that a rewrite wrote, which is on disk under a temporary name, its name, and makes it and the increment
    /// that is being written all that is read. Gives the base's name.
    pub fn install(&mut self, temporary: &Path, format: BaseFormat) -> Result<OsString, StepError> {
        let disk = self.folder.disk().clone();
        let mut manifest = self.manifest.clone();
        let base = manifest.new_base(self.folder.file(), format).name.clone();
        let target = self.folder.at(&base);
        let from = OsString::from(temporary.file_name().unwrap_or_default());
        disk.rename(temporary, &target)
            .map_err(|error| StepError::Rename("base", from, target.clone().into(), error))?;
        let undo = |error: StepError| {
            // As if it had never been written.
            let _ = disk.remove(&target);
            error
        };
        let mut renamed = None;
        if self.stage == Stage::Temporary {
            let increment = manifest.new_increment(self.folder.file()).name.clone();
            let (from, to) = (self.folder.at(&self.folder.temporary_increment()), self.folder.at(&increment));
            let result = self.flush().map_err(StepError::Write).and_then(|()| {
                self.sync().map_err(StepError::Sync)?;
                disk.rename(&from, &to)
                    .map_err(|error| StepError::Rename("incr", from.clone().into(), to.clone().into(), error))
            });
            result.map_err(undo)?;
            renamed = Some((from, to));
        }
        manifest.retire_increments(1);
        if let Err(error) = self.persist(&manifest) {
            if let Some((from, to)) = renamed {
                let _ = disk.rename(&to, &from);
            }
            return Err(undo(error.into()));
        }
        self.stage = Stage::Listed;
        self.manifest = manifest;
        self.earlier_bytes = disk.len(&target).ok().flatten().unwrap_or(0);
        Ok(base)
    }

    /// Files that are no longer read, taken off the manifest, to be removed with [`Writer::remove`].
    pub fn retire(&mut self) -> Result<Vec<Part>, PersistError> {
        if self.manifest.history.is_empty() {
            return Ok(Vec::new());
        }
        let mut manifest = self.manifest.clone();
        let history = std::mem::take(&mut manifest.history);
        self.folder.persist(&manifest)?;
        self.manifest = manifest;
        Ok(history)
    }

    /// Removes a file that the manifest does not name.
    pub fn remove(&self, part: &Part) -> Result<(), Error> {
        match self.folder.disk().remove(&self.folder.at(&part.name)) {
            Err(error) if error.is_not_found() => Ok(()),
            result => result,
        }
    }

    /// The end: all that was accepted is on disk, and the file says so.
    pub fn close(&mut self) -> Result<(), StepError> {
        self.flush().map_err(StepError::Write)?;
        self.sync().map_err(StepError::Sync)?;
        self.log.close().map_err(StepError::Sync)
    }

    /// A temporary increment whose base will not come is worth nothing.
    pub fn discard_temporary(&self) -> Option<OsString> {
        if self.stage == Stage::Listed {
            return None;
        }
        let name = self.folder.temporary_increment();
        // What stays is emptied by the next attempt.
        let _ = self.folder.disk().remove(&self.folder.at(&name));
        Some(name)
    }
}
