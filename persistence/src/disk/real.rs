//! The disk of this machine.
#![allow(unsafe_code)]

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{Content, Disk, Error, File, Lock, Operation};

/// Smaller files are copied to memory: a mapping costs more.
const MAPPED_BYTES_MIN: u64 = 256 * 1024;

/// The disk of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Real;

impl Disk for Real {
    fn create(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        let file = fs::File::create(path).map_err(|cause| Error::new(Operation::Create, path, cause))?;
        Ok(Box::new(Open { file, path: path.to_owned() }))
    }

    fn append(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        // Not in the system's append mode, in which a place to write at counts for nothing.
        let opened = fs::File::options().write(true).create(true).truncate(false).open(path);
        let file = opened.and_then(|mut file| file.seek(SeekFrom::End(0)).map(|_| file));
        let file = file.map_err(|cause| Error::new(Operation::Append, path, cause))?;
        Ok(Box::new(Open { file, path: path.to_owned() }))
    }

    fn read(&self, path: &Path) -> Result<Content, Error> {
        read(path).map_err(|cause| Error::new(Operation::Read, path, cause))
    }

    fn len(&self, path: &Path) -> Result<Option<u64>, Error> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Error::new(Operation::Examine, path, cause)),
        }
    }

    fn truncate(&self, path: &Path, len: u64) -> Result<(), Error> {
        let truncated = fs::File::options().write(true).open(path).and_then(|file| file.set_len(len));
        truncated.map_err(|cause| Error::new(Operation::Truncate, path, cause))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        fs::rename(from, to).map_err(|cause| Error::new(Operation::Rename, from, cause))
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        fs::remove_file(path).map_err(|cause| Error::new(Operation::Remove, path, cause))
    }

    fn create_folder(&self, path: &Path) -> Result<(), Error> {
        match fs::create_dir(path) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            result => result.map_err(|cause| Error::new(Operation::CreateFolder, path, cause)),
        }
    }

    fn sync_folder(&self, path: &Path) -> Result<(), Error> {
        let synced = fs::File::open(or_here(path)).and_then(|folder| folder.sync_all());
        synced.map_err(|cause| Error::new(Operation::SyncFolder, path, cause))
    }

    fn list(&self, folder: &Path) -> Result<Vec<OsString>, Error> {
        let names = fs::read_dir(or_here(folder))
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.file_name())).collect());
        let mut names: Vec<OsString> = names.map_err(|cause| Error::new(Operation::List, folder, cause))?;
        names.sort();
        Ok(names)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, Error> {
        let failed = |cause| Error::new(Operation::Lock, path, cause);
        let file = fs::File::open(or_here(path)).map_err(failed)?;
        file.try_lock().map_err(|error| failed(error.into()))?;
        Ok(Box::new(Held { _file: file }))
    }
}

/// The folder of a bare file name is the current one.
fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

fn read(path: &Path) -> io::Result<Content> {
    let mut file = fs::File::open(path)?;
    if file.metadata()?.len() < MAPPED_BYTES_MIN {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        return Ok(Content::Owned(bytes));
    }
    // SAFETY: the files read here are written once and then only renamed, appended to or removed, none of which changes
    // the bytes that are mapped. Who cuts a server's file short while it loads ends the server, by SIGBUS.
    let map = unsafe { memmap2::Mmap::map(&file)? };
    // A hint only: the file is read from front to back.
    let _ = map.advise(memmap2::Advice::Sequential);
    Ok(Content::Mapped(map))
}

/// A file of this machine, open for writing.
#[derive(Debug)]
struct Open {
    file: fs::File,
    path: PathBuf,
}

impl Open {
    fn error(&self, operation: Operation, cause: impl Into<io::Error>) -> Error {
        Error::new(operation, &self.path, cause)
    }

    /// Where the system cannot do it, the sync at the end does it all.
    fn sync_range(&self, range: Range<u64>, flags: libc::c_uint) -> Result<(), Error> {
        let (from, len) = (range.start as i64, (range.end - range.start) as i64);
        // SAFETY: it takes numbers only, and the descriptor is open.
        let status = unsafe { libc::sync_file_range(self.file.as_raw_fd(), from, len, flags) };
        let cause = io::Error::last_os_error();
        match cause.raw_os_error() {
            _ if status == 0 => Ok(()),
            Some(libc::ENOSYS | libc::ESPIPE | libc::EINVAL) => Ok(()),
            _ => Err(self.error(Operation::Sync, cause)),
        }
    }
}

impl File for Open {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        loop {
            match self.file.write(bytes) {
                Ok(0) if !bytes.is_empty() => {
                    return Err(self.error(Operation::Write, io::ErrorKind::WriteZero));
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                result => return result.map_err(|cause| self.error(Operation::Write, cause)),
            }
        }
    }

    fn write_all_at(&mut self, at: u64, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all_at(bytes, at).map_err(|cause| self.error(Operation::Write, cause))
    }

    fn sync_data(&mut self) -> Result<(), Error> {
        self.file.sync_data().map_err(|cause| self.error(Operation::Sync, cause))
    }

    fn truncate(&mut self, len: u64) -> Result<(), Error> {
        let truncated = self.file.set_len(len).and_then(|()| self.file.seek(SeekFrom::Start(len)));
        truncated.map(drop).map_err(|cause| self.error(Operation::Truncate, cause))
    }

    fn len(&self) -> Result<u64, Error> {
        let metadata = self.file.metadata().map_err(|cause| self.error(Operation::Examine, cause))?;
        Ok(metadata.len())
    }

    fn begin_sync(&mut self, range: Range<u64>) -> Result<(), Error> {
        self.sync_range(range, libc::SYNC_FILE_RANGE_WRITE)
    }

    fn wait_for_sync(&mut self, range: Range<u64>) -> Result<(), Error> {
        let all = libc::SYNC_FILE_RANGE_WAIT_BEFORE
            | libc::SYNC_FILE_RANGE_WRITE
            | libc::SYNC_FILE_RANGE_WAIT_AFTER;
        self.sync_range(range, all)
    }

    fn forget_cached(&mut self, range: Range<u64>) {
        let len = std::num::NonZeroU64::new(range.end - range.start);
        let _ = rustix::fs::fadvise(&self.file, range.start, len, rustix::fs::Advice::DontNeed);
    }
}

/// A locked file or folder: closing it gives the lock up.
#[derive(Debug)]
struct Held {
    _file: fs::File,
}

impl Lock for Held {}
