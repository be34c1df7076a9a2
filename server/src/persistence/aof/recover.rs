//! `recover-to-timestamp`: at start, the data set as it was at a moment, out of an append-only file with timestamps.
//!
//! ```text
//! the files are read up to what was written after the moment
//! the manifest is kept:   appendonly.aof.manifest.before-recovery-TIME
//! a new base is written, a new manifest names only it; all files that the old one names stay
//! ```
//! The kept manifest also tells a later start with the same directive that the recovery is done. To take it back, put the kept
//! manifest in the place of the present one while the server is down.

use super::load::{Failed, Files, Until};
use super::{folder, rewrite};
use crate::engine::State;
use crate::persistence::snapshot;
use crate::store::Store;
use rufous_persistence::aof::base;
use rufous_persistence::aof::folder::Folder;
use rufous_persistence::aof::manifest::Part;
use rufous_persistence::aof::scan::{Item, Scanner};
use rufous_persistence::rdb::{self, Piece, Progress};
use std::path::PathBuf;

/// The moment to go back to, if one is configured and that was not done before.
pub fn wanted(state: &State) -> Option<Until> {
    let seconds = state.config.recover_to_timestamp_s;
    if seconds == 0 {
        return None;
    }
    let kept = kept_manifest(&folder(state), Until(seconds));
    if state.persistence.disk.len(&kept).is_ok_and(|len| len.is_some()) {
        let kept = kept.display();
        state.log.notice(format_args!(
            "recover-to-timestamp {seconds}: done before ({kept} is there), not done again"
        ));
        return None;
    }
    Some(Until(seconds))
}

/// A base must not be younger than the moment.
pub fn check_base(state: &State, folder: &Folder, base: &Part, until: Until) -> Result<(), Failed> {
    let Ok(content) = folder.disk().read(&folder.at(&base.name)) else { return Ok(()) };
    let written_s = if rdb::is_file(&content) { snapshot_time(&content) } else { first_time(&content) };
    if written_s.is_some_and(|written_s| written_s <= until.0) {
        return Ok(());
    }
    let (name, moment) = (base.name.display(), until.0);
    let why = match written_s {
        Some(written_s) => format!("was written at {written_s}, after it"),
        None => "does not tell when it was written".to_owned(),
    };
    state
        .log
        .warning(format_args!("recover-to-timestamp {moment} is not possible: the base file {name} {why}"));
    Err(Failed::Damaged)
}

fn snapshot_time(content: &[u8]) -> Option<u64> {
    let mut loader = rdb::Loader::new(content, false).ok()?;
    loop {
        match loader.next_piece().ok()? {
            Piece::Aux { name, value } if *name == *b"ctime" => {
                return std::str::from_utf8(&value).ok()?.parse().ok();
            }
            Piece::Aux { .. } => {}
            _ => return None,
        }
    }
}

fn first_time(content: &[u8]) -> Option<u64> {
    let mut scanner = Scanner::new(content, 0, false);
    loop {
        match scanner.next()?.ok()? {
            Item::Timestamp(seconds) => return Some(seconds),
            Item::Command => return None,
            _ => {}
        }
    }
}

/// After the files were read up to the moment: makes what was read the data set of the files to come.
pub fn settle(store: &mut Store, state: &mut State, files: &mut Files, until: Until) -> Result<(), String> {
    let folder = folder(state);
    let disk = folder.disk().clone();
    // A copy first: the manifest must be there at every moment.
    let kept = kept_manifest(&folder, until);
    let mut copy = disk.create(&kept).map_err(|error| error.to_string())?;
    copy.write_all(&files.manifest.to_bytes()).map_err(|error| error.to_string())?;
    copy.sync_data().map_err(|error| error.to_string())?;

    let base = rewrite::base_of(state);
    let mut manifest = files.manifest.clone();
    let name = manifest.new_base(folder.file(), base.format).name.clone();
    let contents = snapshot::contents(store, state, true);
    let written = base::write(&*disk, &folder.at(&name), &contents, base, &Progress::default());
    drop(contents);
    store.free_retired();
    written.map_err(|error| error.to_string())?;
    manifest.new_increment(folder.file());
    manifest.retire_increments(1);
    let increment = manifest.increments.last().map(|part| part.name.clone()).unwrap_or_default();
    disk.create(&folder.at(&increment)).map_err(|error| error.to_string())?;
    // They stay, under the name of the kept manifest.
    manifest.history.clear();
    folder.persist(&manifest).map_err(|error| error.to_string())?;
    let (moment, kept) = (until.0, kept.display());
    state.log.warning(format_args!(
        "The data set was brought back to {moment}, as recover-to-timestamp asks; all files from before are kept, see {kept}"
    ));
    *files = Files { manifest, ..Files::default() };
    Ok(())
}

fn kept_manifest(folder: &Folder, until: Until) -> PathBuf {
    let mut name = folder.manifest_name();
    name.push(format!(".before-recovery-{}", until.0));
    folder.at(&name)
}
