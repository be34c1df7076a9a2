//! Writing a base: the whole data set, as a snapshot or as commands.
//!
//! Invariant: when it returns without an error, the file is whole and on disk, under a name that no manifest knows.

use super::log::Log;
use super::manifest::BaseFormat;
use super::rewrite::write_commands;
use crate::disk::{Disk, Growing, Growth};
use crate::rdb::{self, Contents, Progress, SaveError, Settings};
use std::path::Path;

/// How a base is written.
#[derive(Clone, Copy, Debug)]
pub struct Base {
    /// As what.
    pub format: BaseFormat,
    /// How snapshots are written.
    pub settings: Settings,
    /// Commands are sealed, see [`super::seal`].
    pub seals: bool,
    /// Commands begin with an annotation of this time, in Unix seconds.
    pub timestamp_s: Option<i64>,
    /// How it goes to the disk.
    pub growth: Growth,
}

/// Writes a base to a new file.
pub fn write(
    disk: &dyn Disk,
    path: &Path,
    contents: &Contents,
    base: Base,
    progress: &Progress,
) -> Result<(), SaveError> {
    make_way(disk, path);
    match base.format {
        BaseFormat::Rdb => rdb::file::write_new(disk, path, base.growth, contents, base.settings, progress),
        BaseFormat::Commands => write_as_commands(disk, path, contents, base, progress),
    }
}

/// A name that a crash left over may be another name of a base that is in use: it is given up, and not written through.
pub(super) fn make_way(disk: &dyn Disk, path: &Path) {
    // Nothing of that name is the rule.
    let _ = disk.remove(path);
}

fn write_as_commands(
    disk: &dyn Disk,
    path: &Path,
    contents: &Contents,
    base: Base,
    progress: &Progress,
) -> Result<(), SaveError> {
    let file = Growing::create(disk, path, base.growth)?;
    let mut log = Log::over(Box::new(file), base.seals)?;
    if let Some(seconds) = base.timestamp_s {
        log.write(&mut [format!("#TS:{seconds}\r\n").into_bytes()]).map_err(|failed| failed.error)?;
    }
    let mut keys = 0;
    let whole = write_commands(
        &contents.view,
        base.settings.version,
        &mut |block| log.write(std::slice::from_mut(block)).map_err(|failed| failed.error),
        &mut || {
            keys += 1;
            progress.passed(keys, base.settings);
            !progress.is_cancelled()
        },
    )?;
    if !whole {
        return Err(SaveError::Cancelled);
    }
    Ok(log.close()?)
}
