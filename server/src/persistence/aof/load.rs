//! Reading the append-only file at start and by DEBUG LOADAOF: each file is surveyed, then its commands run.
//!
//! What a crash has torn off the end of the last file is cut off, if `aof-load-truncated` allows. Anything else that is wrong ends
//! the start, with file, offset and what repairs it in the log; nothing is changed on disk then.

use super::{folder, recover};
use crate::client::output::Output;
use crate::client::{Client, Peer};
use crate::command::table::CommandId;
use crate::dispatch;
use crate::engine::State;
use crate::persistence::load::{self as snapshots, Host, Loading, Rules};
use crate::persistence::refresh_special;
use crate::shutdown::Shutdown;
use rufous_persistence::aof::folder::{Folder, ReadError, UpgradeError};
use rufous_persistence::aof::manifest::{Manifest, Part};
use rufous_persistence::aof::scan::{Damage, Item, Scanner, survey};
use rufous_persistence::aof::writer::Loaded;
use rufous_persistence::rdb;
use rufous_protocol::request::OwnedArgs;
use std::path::Path;

/// Commands between two looks at whether clients wait.
const COMMANDS_PER_LOOK: u64 = 1024;

/// What was read, to be gone on with.
#[derive(Default)]
pub struct Files {
    /// Which files there are.
    pub manifest: Manifest,
    /// The end of the last increment.
    pub loaded: Loaded,
}

/// Why the files were not loaded; the log says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// They cannot be.
    Damaged,
    /// The server was told to end.
    Interrupted,
}

/// A moment to which the data set is brought back, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Until(pub u64);

/// How a file was read.
enum Read {
    /// To its end; what stands behind the last seal.
    Whole(Loaded),
    /// Up to what was written after the moment.
    Until,
}

/// Loads all files, if there are any. `None` if there are none.
pub fn load(host: &mut dyn Host, until: Option<Until>) -> Result<Option<Files>, Failed> {
    let (_, state) = host.engine();
    let folder = folder(state);
    let mut manifest = read_manifest(state, &folder)?;
    upgrade(state, &folder, &mut manifest)?;
    if manifest.is_empty() {
        return Ok(None);
    }
    let total_bytes = folder.size(&manifest).map_err(|error| damaged(state, error))?;
    let started_ms = state.clock.now_ms();
    state.persistence.loading = Some(Loading { started_ms, total_bytes, ..Loading::default() });
    refresh_special(state);
    let loaded = load_parts(host, &folder, &manifest, until);
    let (_, state) = host.engine();
    state.persistence.loading = None;
    state.persistence.aof.base_size = match &manifest.base {
        Some(base) => folder.disk().len(&folder.at(&base.name)).ok().flatten().unwrap_or(0),
        None => 0,
    };
    refresh_special(state);
    Ok(Some(Files { manifest, loaded: loaded? }))
}

fn damaged(state: &State, why: impl std::fmt::Display) -> Failed {
    state.log.warning(why);
    Failed::Damaged
}

fn read_manifest(state: &State, folder: &Folder) -> Result<Manifest, Failed> {
    let error = match folder.read_manifest() {
        Ok(manifest) => return Ok(manifest.unwrap_or_default()),
        Err(ReadError::Disk(error)) => {
            let (path, reason) = (error.path.display(), error.reason());
            return Err(damaged(
                state,
                format_args!("Fatal error: can't open the AOF manifest file {path} for reading: {reason}"),
            ));
        }
        Err(ReadError::Manifest(error)) => error,
    };
    state.log.warning("\n*** FATAL AOF MANIFEST FILE ERROR ***\n");
    if let Some((number, line)) = &error.line {
        state.log.warning(format_args!("Reading the manifest file, at line {number}\n"));
        state.log.warning(format_args!(">>> '{}'\n", String::from_utf8_lossy(line)));
    }
    Err(damaged(state, format_args!("{}\n", error.problem)))
}

/// A single file of before Redis 7 becomes the base.
fn upgrade(state: &State, folder: &Folder, manifest: &mut Manifest) -> Result<(), Failed> {
    if !folder.is_to_upgrade(manifest).map_err(|error| damaged(state, error))? {
        return Ok(());
    }
    let (file, path) = (folder.file().display(), folder.path().display());
    match folder.upgrade(manifest) {
        Ok(()) => {
            state.log.notice(format_args!(
                "Successfully migrated an old-style AOF file ({file}) into the AOF directory ({path})."
            ));
            Ok(())
        }
        Err(UpgradeError::Folder(error)) => Err(damaged(
            state,
            format_args!("Can't open or create append-only dir {path}: {}", error.reason()),
        )),
        Err(UpgradeError::Manifest(error)) => Err(damaged(state, error)),
        Err(UpgradeError::Move(error)) => Err(damaged(
            state,
            format_args!("Error trying to move the old AOF file {file} into dir {path}: {}", error.reason()),
        )),
    }
}

fn load_parts(
    host: &mut dyn Host,
    folder: &Folder,
    manifest: &Manifest,
    until: Option<Until>,
) -> Result<Loaded, Failed> {
    let parts: Vec<&Part> = manifest.parts().collect();
    let mut loaded = Loaded::default();
    for (at, part) in parts.iter().enumerate() {
        let (_, state) = host.engine();
        let is_base = manifest.base.as_ref() == Some(part);
        if let (true, Some(until)) = (is_base, until) {
            recover::check_base(state, folder, part, until)?;
        }
        let started_us = state.clock.now_us();
        let read = Loader { folder, part, is_last: at + 1 == parts.len(), until }.load(host)?;
        let (_, state) = host.engine();
        state.clock.refresh();
        let seconds = (state.clock.now_us() - started_us) as f64 / 1e6;
        let (kind, name) = (if is_base { "base" } else { "incr" }, part.name.display());
        state.log.notice(format_args!("DB loaded from {kind} file {name}: {seconds:.3} seconds"));
        match read {
            Read::Whole(end) => loaded = end,
            Read::Until => break,
        }
    }
    Ok(loaded)
}

/// One of the files, being loaded.
struct Loader<'l> {
    folder: &'l Folder,
    part: &'l Part,
    is_last: bool,
    until: Option<Until>,
}

impl Loader<'_> {
    fn load(&self, host: &mut dyn Host) -> Result<Read, Failed> {
        let (_, state) = host.engine();
        let (path, name) = (self.folder.at(&self.part.name), self.part.name.display().to_string());
        let content = self.folder.disk().read(&path).map_err(|error| {
            let reason = error.reason();
            damaged(
                state,
                format_args!("Fatal error: can't open the append log file {name} for reading: {reason}"),
            )
        })?;
        let start = if rdb::is_file(&content) { self.snapshot(host, &path, &content)? } else { 0 };
        let (_, state) = host.engine();
        let survey = survey(&content, start, state.config.aof_checksum);
        if let Some(damage) = &survey.damage {
            self.judge(state, damage, survey.valid_len)?;
        }
        let is_cut = self.replay(host, &content[..survey.valid_len], start)?;
        drop(content);
        if is_cut {
            return Ok(Read::Until);
        }
        if survey.damage.is_some() {
            let (_, state) = host.engine();
            self.truncate(state, &path, survey.valid_len)?;
        }
        let len = survey.valid_len as u64;
        Ok(Read::Whole(Loaded { unsealed: survey.unsealed, has_seals: survey.has_seals, len }))
    }

    /// Loads the snapshot that a file begins with; gives where it ends.
    fn snapshot(&self, host: &mut dyn Host, path: &Path, content: &[u8]) -> Result<usize, Failed> {
        let (_, state) = host.engine();
        let name = self.part.name.display();
        let is_old_style = self.part.name == self.folder.file();
        state.log.notice(match is_old_style {
            true => "Reading RDB preamble from AOF file...",
            false => "Reading RDB base file on AOF loading...",
        });
        match snapshots::fill(host, path, content, Rules { merge: false, drop_expired: false }) {
            Ok(end) => {
                if is_old_style {
                    let (_, state) = host.engine();
                    state.log.notice("Reading the remaining AOF tail...");
                }
                Ok(end)
            }
            Err(snapshots::LoadError::Interrupted) => Err(Failed::Interrupted),
            Err(error) => {
                let (_, state) = host.engine();
                snapshots::explain(state, &error);
                let kind = if is_old_style { "RDB preamble of the AOF file" } else { "RDB base file" };
                Err(damaged(state, format_args!("Error reading the {kind} {name}, AOF loading aborted")))
            }
        }
    }

    /// May a file be loaded that is not whole?
    fn judge(&self, state: &State, damage: &Damage, valid_len: usize) -> Result<(), Failed> {
        let (log, name) = (&state.log, self.part.name.display());
        let trouble = match damage {
            Damage::Corrupt(trouble) => {
                let path = self.folder.at(&self.folder.manifest_name());
                log.warning(format_args!(
                    "The append only file {name} is damaged at offset {}: {}; it is sound up to offset {valid_len}",
                    trouble.at, trouble.fault
                ));
                log.warning(format_args!(
                    "To repair it: rufous-server --check-aof --fix {}. To load all that can be read without comparing \
                     checksums, start once with aof-checksum no.",
                    path.display()
                ));
                return Err(damaged(
                    state,
                    format_args!(
                        "Bad file format reading the append only file {name}: make a backup of your AOF file, then use \
                         ./redis-check-aof --fix <filename.manifest>"
                    ),
                ));
            }
            Damage::Torn(trouble) => Some(trouble),
            Damage::OpenTransaction => None,
        };
        match trouble {
            None => log.warning(format_args!("Revert incomplete MULTI/EXEC transaction in AOF file {name}")),
            Some(trouble) => {
                log.notice(format_args!("{name}, offset {}: {}", trouble.at, trouble.fault));
            }
        }
        if !state.config.aof_load_truncated {
            return Err(damaged(
                state,
                format_args!(
                    "Unexpected end of file reading the append only file {name}. You can: 1) Make a backup of your AOF \
                     file, then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the \
                     'aof-load-truncated' configuration option to yes and restart the server."
                ),
            ));
        }
        if !self.is_last {
            return Err(damaged(state, "Fatal error: the truncated file is not the last file"));
        }
        Ok(())
    }

    fn truncate(&self, state: &State, path: &Path, len: usize) -> Result<(), Failed> {
        let (log, name) = (&state.log, self.part.name.display());
        log.warning(format_args!("!!! Warning: short read while loading the AOF file {name}!!!"));
        log.warning(format_args!("!!! Truncating the AOF {name} at offset {len} !!!"));
        self.folder.disk().truncate(path, len as u64).map_err(|error| {
            damaged(state, format_args!("Error truncating the AOF file {name}: {}", error.reason()))
        })?;
        log.warning(format_args!("AOF {name} loaded anyway because aof-load-truncated is enabled"));
        Ok(())
    }

    /// Runs the commands of a sound file. True if it stopped at what was written after the moment.
    fn replay(&self, host: &mut dyn Host, content: &[u8], start: usize) -> Result<bool, Failed> {
        let mut scanner = Scanner::new(content, start, false);
        let mut replayer = Replayer::new(&self.part.name.display().to_string());
        let (mut commands, mut told_at) = (0u64, 0);
        while let Some(item) = scanner.next() {
            match item {
                Err(trouble) => {
                    let (_, state) = host.engine();
                    return Err(damaged(state, format_args!("{}: {}", replayer.name, trouble.fault)));
                }
                Ok(Item::Timestamp(seconds)) if self.until.is_some_and(|until| seconds > until.0) => {
                    return Ok(true);
                }
                Ok(Item::Command) => {
                    replayer.run(host, &scanner)?;
                    commands += 1;
                }
                Ok(_) => continue,
            }
            let read = scanner.offset() - told_at;
            let (_, state) = host.engine();
            let interval = state.config.loading_process_events_interval_bytes as usize;
            if read >= interval || commands.is_multiple_of(COMMANDS_PER_LOOK) {
                told_at = scanner.offset();
                self.serve(host, read as u64)?;
            }
        }
        let rest = (scanner.offset() - told_at) as u64;
        self.serve(host, rest)?;
        Ok(false)
    }

    /// Serves clients, and tells them how far it came.
    fn serve(&self, host: &mut dyn Host, read: u64) -> Result<(), Failed> {
        let (_, state) = host.engine();
        if let Some(loading) = &mut state.persistence.loading {
            loading.loaded_bytes += read;
        }
        host.serve_clients();
        let (_, state) = host.engine();
        match state.shutdown {
            Shutdown::Decided(_) => Err(Failed::Interrupted),
            _ => Ok(()),
        }
    }
}

/// Who runs the commands: nobody.
struct Replayer {
    peer: Peer,
    args: OwnedArgs,
    last: Option<CommandId>,
    name: String,
    commands: u64,
}

impl Replayer {
    fn new(name: &str) -> Replayer {
        let peer = Peer { client: Client::nobody(), out: Output::default() };
        Replayer { peer, args: OwnedArgs::new(), last: None, name: name.to_owned(), commands: 0 }
    }

    fn run(&mut self, host: &mut dyn Host, scanner: &Scanner<'_>) -> Result<(), Failed> {
        let (store, state) = host.engine();
        self.args.clear();
        scanner.words().for_each(|word| self.args.push(word));
        let Some(id) = state.commands.lookup_request(self.args.args(), self.last) else {
            let (command, name) = (scanner.name().escape_ascii(), &self.name);
            return Err(damaged(
                state,
                format_args!("Unknown command '{command}' reading the append only file {name}"),
            ));
        };
        self.last = Some(id);
        self.commands += 1;
        dispatch::replay(store, state, &mut self.peer, id, self.args.args());
        if state.config.key_load_delay_us != 0 {
            snapshots::delay(state, self.commands);
        }
        Ok(())
    }
}
