//! The folder that holds the files, and the manifest on disk.
//!
//! Invariants: the manifest is replaced at once, after the names of the files that it names are durable, and is durable before the
//! call returns; what the old one names stays until then.

use super::manifest::{Manifest, ManifestError};
use crate::disk::{Disk, Error};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// See the file head. Clones are the same folder.
#[derive(Clone, Debug)]
pub struct Folder {
    disk: Arc<dyn Disk>,
    /// The server's working folder.
    dir: PathBuf,
    path: PathBuf,
    file: OsString,
}

/// Why the manifest cannot be read.
#[derive(Debug)]
pub enum ReadError {
    /// The disk refuses.
    Disk(Error),
    /// It makes no sense.
    Manifest(ManifestError),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Disk(error) => error.fmt(f),
            ReadError::Manifest(error) => error.fmt(f),
        }
    }
}

/// Why the manifest cannot be replaced, in the words of Redis.
#[derive(Debug, PartialEq, Eq)]
pub struct PersistError {
    what: String,
    /// The new manifest has its name; but after a power cut the old one may have it again.
    pub is_replaced: bool,
}

impl PersistError {
    fn before(what: String) -> PersistError {
        PersistError { what, is_replaced: false }
    }
}

impl fmt::Display for PersistError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for PersistError {}

impl Folder {
    /// The folder `name` in `dir`, whose files' names begin with `file`.
    pub fn new(disk: Arc<dyn Disk>, dir: &Path, name: &OsStr, file: &OsStr) -> Folder {
        Folder { disk, dir: dir.to_owned(), path: dir.join(name), file: file.to_owned() }
    }

    /// The disk it is on.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How the names of all files begin: `appendfilename`.
    pub fn file(&self) -> &OsStr {
        &self.file
    }

    /// A file of the folder.
    pub fn at(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    /// Where an append-only file of before Redis 7 lies.
    pub fn old_style(&self) -> PathBuf {
        self.dir.join(&self.file)
    }

    /// The increment of a server whose first base is still being written.
    pub fn temporary_increment(&self) -> OsString {
        let mut name = OsString::from("temp-");
        name.push(&self.file);
        name.push(".incr");
        name
    }

    /// The name of the manifest.
    pub fn manifest_name(&self) -> OsString {
        let mut name = self.file.clone();
        name.push(".manifest");
        name
    }

    /// The manifest; `None` if there is none, or not even the folder.
    pub fn read_manifest(&self) -> Result<Option<Manifest>, ReadError> {
        let path = self.at(&self.manifest_name());
        match self.disk.len(&path) {
            Ok(None) => return Ok(None),
            Ok(Some(_)) => {}
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(ReadError::Disk(error)),
        }
        let text = self.disk.read(&path).map_err(ReadError::Disk)?;
        Manifest::parse(&text).map(Some).map_err(ReadError::Manifest)
    }

    /// Puts a manifest in the place of the present one.
    pub fn persist(&self, manifest: &Manifest) -> Result<(), PersistError> {
        let name = self.manifest_name();
        let mut temporary = OsString::from("temp-");
        temporary.push(&name);
        let (from, to) = (self.at(&temporary), self.at(&name));
        let (shown, shown_target) = (temporary.display(), name.display());

        let opened = self.disk.create(&from);
        let mut file = opened.map_err(|error| {
            PersistError::before(format!("Can't open the AOF manifest file {shown}: {}", error.reason()))
        })?;
        file.write_all(&manifest.to_bytes()).map_err(|error| {
            let reason = error.reason();
            PersistError::before(format!(
                "Error trying to write the temporary AOF manifest file {shown}: {reason}"
            ))
        })?;
        file.sync_data().map_err(|error| {
            PersistError::before(format!("Fail to fsync the temp AOF file {shown}: {}.", error.reason()))
        })?;
        drop(file);
        // The files that it names must have their names for certain before it counts.
        self.disk.sync_folder(&self.path).map_err(|error| {
            PersistError::before(format!(
                "Fail to fsync AOF directory {}: {}.",
                self.path.display(),
                error.reason()
            ))
        })?;
        self.disk.rename(&from, &to).map_err(|error| {
            let reason = error.reason();
            PersistError::before(format!(
                "Error trying to rename the temporary AOF manifest file {shown} into {shown_target}: {reason}"
            ))
        })?;
        self.disk.sync_folder(&self.path).map_err(|error| {
            let what = format!("Fail to fsync AOF directory {}: {}.", to.display(), error.reason());
            PersistError { what, is_replaced: true }
        })
    }

    /// Makes sure that the folder is there, also after a power cut.
    pub fn create(&self) -> Result<(), Error> {
        self.disk.create_folder(&self.path)?;
        self.disk.sync_folder(&self.dir)
    }

    /// Whether a single file of before Redis 7 is to become the base: nothing of the new kind is there, or an upgrade was
    /// interrupted.
    pub fn is_to_upgrade(&self, manifest: &Manifest) -> Result<bool, Error> {
        if self.disk.len(&self.old_style())?.is_none() {
            return Ok(false);
        }
        if manifest.is_empty() {
            return Ok(true);
        }
        let is_adopted = manifest.base.as_ref().is_some_and(|base| base.name == self.file);
        Ok(is_adopted && manifest.increments.is_empty() && self.disk.len(&self.at(&self.file))?.is_none())
    }

    /// Makes the single file the base. The manifest comes first: interrupted in between, it is done again.
    pub fn upgrade(&self, manifest: &mut Manifest) -> Result<(), UpgradeError> {
        self.create().map_err(UpgradeError::Folder)?;
        manifest.adopt(&self.file);
        self.persist(manifest).map_err(UpgradeError::Manifest)?;
        self.disk.rename(&self.old_style(), &self.at(&self.file)).map_err(UpgradeError::Move)?;
        self.disk.sync_folder(&self.path).map_err(UpgradeError::Move)
    }

    /// The bytes of all files that are read; the first file that is missing is an error.
    pub fn size(&self, manifest: &Manifest) -> Result<u64, SizeError> {
        let mut total = 0;
        for part in manifest.parts() {
            match self.disk.len(&self.at(&part.name)) {
                Ok(Some(len)) => total += len,
                Ok(None) => return Err(SizeError { part: part.name.clone(), reason: None }),
                Err(error) => {
                    return Err(SizeError { part: part.name.clone(), reason: Some(error.reason()) });
                }
            }
        }
        Ok(total)
    }
}

/// How far an upgrade came.
#[derive(Debug)]
pub enum UpgradeError {
    /// The folder cannot be made.
    Folder(Error),
    /// The manifest cannot be written.
    Manifest(PersistError),
    /// The file cannot be moved.
    Move(Error),
}

/// Why the size of the files is not known.
#[derive(Debug)]
pub struct SizeError {
    /// The file.
    pub part: OsString,
    /// What the system says; nothing if the file is not there.
    pub reason: Option<String>,
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.reason.as_deref().unwrap_or("No such file or directory");
        write!(f, "Unable to obtain the AOF file {} length. stat: {reason}", self.part.display())
    }
}
