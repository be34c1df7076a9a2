//! A snapshot on a disk: written beside the old one, which it replaces once it is safe.
//!
//! ```text
//! temporary file: write -> sync -> rename over the old one -> sync the folder
//! ```
//!
//! Invariant: at every moment a whole snapshot has the name, the old one or the new one, if there was one before; a save
//! that fails leaves no temporary file if the disk still lets it be removed.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use super::save::{Contents, Progress, SaveError, Settings, save};
use crate::disk::{Disk, File, Growing, Growth, Lock};

/// Where a snapshot goes, and how.
#[derive(Clone, Debug)]
pub struct Target {
    /// The folder.
    pub folder: PathBuf,
    /// The name in the folder.
    pub name: PathBuf,
    /// The name while it is written.
    pub temporary: PathBuf,
    /// How it goes to the disk.
    pub growth: Growth,
}

/// Writes a snapshot; gives the lock on the new file that keeps other servers from replacing it. Whoever has the lock of
/// the old file drops it in exchange.
pub fn replace(
    disk: &dyn Disk,
    target: &Target,
    contents: &Contents,
    settings: Settings,
    progress: &Progress,
) -> Result<Option<Box<dyn Lock>>, SaveError> {
    let (temporary, name) = (target.folder.join(&target.temporary), target.folder.join(&target.name));
    let written = write_new(disk, &temporary, target.growth, contents, settings, progress);
    let replaced = written.and_then(|()| {
        if !progress.commit() {
            return Err(SaveError::Cancelled);
        }
        // Where there are no locks, there are none to respect.
        let lock = disk.lock(&temporary).ok();
        disk.rename(&temporary, &name)?;
        Ok(lock)
    });
    let lock = replaced.inspect_err(|_| {
        // It is of no use to anybody; if it cannot be removed, the next save writes over it.
        let _ = disk.remove(&temporary);
    })?;
    disk.sync_folder(&target.folder)?;
    Ok(lock)
}

/// Writes a snapshot to a new file, which is whole and on disk then.
pub(crate) fn write_new(
    disk: &dyn Disk,
    path: &Path,
    growth: Growth,
    contents: &Contents,
    settings: Settings,
    progress: &Progress,
) -> Result<(), SaveError> {
    let mut file = Growing::create(disk, path, growth)?;
    save(contents, settings, progress, &mut |bytes| file.write_all(bytes))?;
    Ok(file.sync_data()?)
}
