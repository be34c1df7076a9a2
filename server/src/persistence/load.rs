//! Filling the databases from a snapshot, at start and by DEBUG RELOAD.
//!
//! Another thread reads the file and decodes what is in it, this one inserts. Meanwhile clients are served: they are told that the
//! server is loading, or about its progress. Keys go in by windows, so that the memory that each of them touches is on its way
//! while others are inserted.
//!
//! Invariant: a file that makes no sense, or whose checksum is wrong, is an error that names file and offset. What was
//! inserted until then stays: the caller ends the server or empties the databases.

use super::{aof, refresh_special, snapshot};
use crate::boot;
use crate::config::LogLevel;
use crate::engine::State;
use crate::shutdown::Shutdown;
use crate::store::Store;
use rufous_persistence::disk;
use rufous_persistence::rdb::ahead::read_ahead;
use rufous_persistence::rdb::{self, Key, Loader, Made, Piece};
use rufous_storage::{Ttl, evict};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Keys that are inserted together.
const WINDOW: usize = 16;
/// How long a large value is waited for before clients are served.
const PATIENCE: Duration = Duration::from_millis(20);
/// Empty collections that the log names.
const EMPTY_NAMED_MAX: u64 = 10;

/// What tools look for in the log where a snapshot or a payload makes no sense.
pub const INTEGRITY: &str = "integrity check failed: ";

/// Whose engine is filled, and who serves clients meanwhile.
pub trait Host {
    /// Both halves of the engine.
    fn engine(&mut self) -> (&mut Store, &mut State);

    /// Serves clients once.
    fn serve_clients(&mut self);
}

/// How far loading came: INFO's `loading_*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loading {
    /// When it began, unix ms.
    pub started_ms: i64,
    /// Size of the file.
    pub total_bytes: u64,
    /// As much of it was read.
    pub loaded_bytes: u64,
    /// Memory that the server that wrote the file used.
    pub used_bytes: u64,
}

/// How a file is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A key that is there already is replaced; otherwise it is an error.
    pub merge: bool,
    /// Keys whose time has passed are left out.
    pub drop_expired: bool,
}

/// What was found in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Keys that are there now.
    pub keys_loaded: u64,
    /// Keys whose time had passed.
    pub keys_expired: u64,
    /// Collections without elements, passed over.
    pub keys_empty: u64,
}

/// Why a file was not loaded.
#[derive(Debug)]
pub enum LoadError {
    /// It cannot be read.
    Disk(disk::Error),
    /// It makes no sense.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        error: rdb::Error,
    },
    /// A key occurs twice, or was there before.
    Duplicate {
        /// The file.
        path: PathBuf,
        /// The database.
        database: usize,
        /// The key.
        key: Vec<u8>,
    },
    /// It was written by a server with more databases.
    Database(PathBuf, u64),
    /// The append-only file cannot be used, as the log says.
    AppendOnlyFile,
    /// The server was told to end.
    Interrupted,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Disk(error) => error.fmt(f),
            LoadError::Corrupt { path, error } => write!(f, "{}: {error}", path.display()),
            LoadError::Duplicate { path, database, key } => write!(
                f,
                "{}: RDB has duplicated key '{}' in DB {database}",
                path.display(),
                key.escape_ascii()
            ),
            LoadError::Database(path, database) => {
                write!(f, "{}: there is no database {database} here; see databases", path.display())
            }
            LoadError::AppendOnlyFile => f.write_str("the append-only file cannot be used; see the log"),
            LoadError::Interrupted => f.write_str("the server is to end"),
        }
    }
}

impl From<disk::Error> for LoadError {
    fn from(error: disk::Error) -> LoadError {
        LoadError::Disk(error)
    }
}

/// Loads what is there at the start of the server.
pub fn at_start(host: &mut dyn Host) -> Result<(), LoadError> {
    let (_, state) = host.engine();
    if state.config.appendonly {
        return aof::switch::load_at_start(host);
    }
    let started_us = state.clock.now_us();
    let loaded = load(host, Rules { merge: false, drop_expired: true });
    let (_, state) = host.engine();
    match &loaded {
        Ok(None) | Err(LoadError::Interrupted) => {}
        Ok(Some(_)) => {
            state.clock.refresh();
            let seconds = (state.clock.now_us() - started_us) as f64 / 1e6;
            state.log.notice(format_args!("DB loaded from disk: {seconds:.3} seconds"));
        }
        Err(error) => {
            explain(state, error);
            if let LoadError::Corrupt { path, .. } = error {
                let disk = &*state.persistence.disk;
                let report = boot::check_snapshot(disk, path, state.clock.now_ms());
                state.log.raw(LogLevel::Warning, &report);
                state.log.warning("Terminating server after rdb file reading failure.");
            }
            state.log.warning("Fatal error loading the DB, check server logs. Exiting.");
        }
    }
    loaded.map(drop)
}

/// Says in the log why a file was not loaded, and what to do about it.
pub fn explain(state: &State, error: &LoadError) {
    let LoadError::Corrupt { path, error: corrupt } = error else {
        return state.log.warning(error);
    };
    let path = path.display();
    if let rdb::Fault::Checksum { told, found } = corrupt.fault {
        state.log.warning(format_args!(
            "Wrong RDB checksum expected: ({found:x}) but got ({told:x}). Aborting now."
        ));
        state.log.warning(format_args!("RDB CRC error: {path} was changed after it was written"));
    } else {
        let is_value =
            matches!(corrupt.fault, rdb::Fault::Block(_) | rdb::Fault::Corrupt(_) | rdb::Fault::End);
        let what = if is_value { INTEGRITY } else { "" };
        state.log.warning(format_args!("Error reading {path}: {what}{corrupt}"));
    }
    state.log.warning(format_args!(
        "To see what is left of it, run: rufous-check-rdb {path} (or rufous-server --check-rdb {path})"
    ));
}

/// Loads the configured snapshot. `None` if there is no such file.
pub fn load(host: &mut dyn Host, rules: Rules) -> Result<Option<Summary>, LoadError> {
    let (_, state) = host.engine();
    let path = snapshot::path(&state.config);
    let content = match state.persistence.disk.read(&path) {
        Err(error) if error.is_not_found() => return Ok(None),
        content => content?,
    };
    state.persistence.snapshots.claim(&*state.persistence.disk, &state.config);
    state.persistence.snapshots.libraries.clear();
    state.persistence.loading = Some(Loading {
        started_ms: state.clock.now_ms(),
        total_bytes: content.len() as u64,
        ..Loading::default()
    });
    refresh_special(state);
    let loaded = Filling::new(&path, rules).file(host, &content);
    let (_, state) = host.engine();
    state.persistence.loading = None;
    refresh_special(state);
    let (summary, _) = loaded?;
    state.persistence.loaded = summary;
    report(state, &summary);
    Ok(Some(summary))
}

/// Loads the snapshot that another file begins with; gives where it ends there.
pub fn fill(host: &mut dyn Host, path: &Path, content: &[u8], rules: Rules) -> Result<usize, LoadError> {
    let (summary, end) = Filling::new(path, rules).file(host, content)?;
    let (_, state) = host.engine();
    state.persistence.loaded = summary;
    report(state, &summary);
    Ok(end)
}

fn report(state: &State, summary: &Summary) {
    let Summary { keys_loaded, keys_expired, keys_empty } = summary;
    let empty = match keys_empty {
        0 => String::new(),
        _ => format!(", empty keys skipped: {keys_empty}"),
    };
    state.log.notice(format_args!(
        "Done loading RDB, keys loaded: {keys_loaded}, keys expired: {keys_expired}{empty}."
    ));
}

/// Databases being filled from one file.
struct Filling<'p> {
    path: &'p Path,
    rules: Rules,
    summary: Summary,
    database: usize,
    hashes: Vec<u64>,
    /// Where clients were served last.
    served_at: usize,
}

impl<'p> Filling<'p> {
    fn new(path: &'p Path, rules: Rules) -> Filling<'p> {
        let hashes = Vec::with_capacity(WINDOW);
        Filling { path, rules, summary: Summary::default(), database: 0, hashes, served_at: 0 }
    }

    /// Takes all pieces of a file; gives where the file ends.
    fn file(mut self, host: &mut dyn Host, content: &[u8]) -> Result<(Summary, usize), LoadError> {
        let (_, state) = host.engine();
        let verify = state.config.rdbchecksum && !state.switches.checksums_ignored;
        let loader = Loader::new(content, verify).map_err(|error| self.corrupt(error))?;
        let has_checksum = loader.version() >= 5;
        let end = read_ahead(loader, |ahead| {
            loop {
                let Some(batch) = ahead.next(PATIENCE).map_err(|error| self.corrupt(error))? else {
                    serve(host)?;
                    continue;
                };
                self.keys(host, batch.keys)?;
                let Some(piece) = batch.then else { continue };
                if let Piece::End { checked } = piece {
                    let (_, state) = host.engine();
                    if verify && !checked && has_checksum {
                        state.log.notice("RDB file was saved with checksum disabled: no check performed.");
                    }
                    return Ok(batch.offset);
                }
                self.piece(host, &piece, batch.offset, content.len())?;
            }
        });
        end.map(|end| (self.summary, end))
    }

    /// Inserts keys, window by window, and serves clients where it is time for that.
    fn keys(&mut self, host: &mut dyn Host, keys: Vec<Key<'_>>) -> Result<(), LoadError> {
        let mut left = keys.into_iter();
        while let Some(window) = left.as_slice().chunks(WINDOW).next() {
            let offset = window[window.len() - 1].offset;
            let (store, _) = host.engine();
            let db = store.keyspace.db(self.database);
            self.hashes.clear();
            self.hashes.extend(window.iter().map(|key| db.hash(&key.name)));
            db.prefetch(&self.hashes);
            self.insert(host, &mut left)?;
            self.pause(host, offset)?;
        }
        Ok(())
    }

    fn corrupt(&self, error: rdb::Error) -> LoadError {
        LoadError::Corrupt { path: self.path.to_owned(), error }
    }

    /// Serves clients where it is time for that.
    fn pause(&mut self, host: &mut dyn Host, offset: usize) -> Result<(), LoadError> {
        let (_, state) = host.engine();
        if let Some(loading) = &mut state.persistence.loading {
            loading.loaded_bytes = offset as u64;
        }
        if offset - self.served_at < state.config.loading_process_events_interval_bytes as usize {
            return Ok(());
        }
        self.served_at = offset;
        serve(host)
    }

    /// A piece that is no key.
    fn piece(
        &mut self,
        host: &mut dyn Host,
        piece: &Piece<'_>,
        offset: usize,
        total: usize,
    ) -> Result<(), LoadError> {
        let (store, state) = host.engine();
        match piece {
            Piece::Aux { name, value } => aux(state, name, value),
            Piece::Database(index) => {
                let known = usize::try_from(*index).ok().filter(|index| *index < store.keyspace.count());
                self.database = known.ok_or_else(|| LoadError::Database(self.path.to_owned(), *index))?;
            }
            Piece::Sizes { keys, .. } => {
                // No more than there can be: a key takes three bytes.
                let possible = (total - offset) as u64 / 3;
                store.keyspace.db_mut(self.database).reserve((*keys).min(possible) as usize);
            }
            Piece::Library(source) => state.persistence.snapshots.libraries.push(source.to_vec()),
            Piece::ModuleAux(name) => {
                return Err(self.corrupt(rdb::Error { offset, fault: rdb::Fault::Module(*name) }));
            }
            Piece::Empty(key) => {
                self.summary.keys_empty += 1;
                if self.summary.keys_empty <= EMPTY_NAMED_MAX {
                    let key = key.escape_ascii();
                    state.log.notice(format_args!("rdbLoadObject skipping empty key: {key}"));
                }
            }
            Piece::Slots | Piece::Key(_) | Piece::End { .. } => {}
        }
        Ok(())
    }

    /// Inserts the next keys, as many as there are hashes.
    fn insert<'k>(
        &mut self,
        host: &mut dyn Host,
        keys: &mut impl Iterator<Item = Key<'k>>,
    ) -> Result<(), LoadError> {
        let (store, state) = host.engine();
        let now = state.clock.now_ms();
        for (at, key) in keys.take(self.hashes.len()).enumerate() {
            if self.rules.drop_expired && key.expiry.is_some_and(|at| at < now) {
                self.summary.keys_expired += 1;
                continue;
            }
            self.insert_one(store, key, self.hashes[at], now)?;
            self.summary.keys_loaded += 1;
            if state.config.key_load_delay_us != 0 {
                delay(state, self.summary.keys_loaded);
            }
        }
        Ok(())
    }

    fn insert_one(&self, store: &mut Store, key: Key<'_>, hash: u64, now: i64) -> Result<(), LoadError> {
        let Key { name, value, expiry, idle_seconds, frequency, offset, .. } = key;
        let db = store.keyspace.db_mut(self.database);
        let made = value.make(db, &store.limits);
        let made = made.map_err(|fault| self.corrupt(rdb::Error { offset, fault }))?;
        let was_there = match made {
            Made::String(string) => {
                let ttl = expiry.map_or(Ttl::Clear, Ttl::At);
                db.set_string_hashed(hash, &name, string, ttl).was_present
            }
            Made::Collection(fresh) => {
                let replaced = db.store(&name, fresh).is_some();
                if expiry.is_some() {
                    db.set_expire(&name, expiry);
                }
                replaced
            }
        };
        if was_there && !self.rules.merge {
            let (path, key) = (self.path.to_owned(), name.into_owned());
            return Err(LoadError::Duplicate { path, database: self.database, key });
        }
        let access = match store.marks.lfu {
            Some(_) => frequency.map(|counter| evict::lfu_bits(now, counter)),
            None => {
                idle_seconds.map(|seconds| evict::lru_bits_idle(now, (seconds as i64).wrapping_mul(1000)))
            }
        };
        if let Some(bits) = access
            && let Some(entry) = store.keyspace.db(self.database).find_hashed(hash, &name)
        {
            entry.set_access(bits);
        }
        Ok(())
    }
}

/// Serves clients, one of which may end the server.
fn serve(host: &mut dyn Host) -> Result<(), LoadError> {
    host.serve_clients();
    let (_, state) = host.engine();
    match state.shutdown {
        Shutdown::Decided(_) => Err(LoadError::Interrupted),
        _ => Ok(()),
    }
}

/// `key-load-delay`: microseconds after each key, or if negative one after about so many keys.
pub fn delay(state: &State, keys: u64) {
    let micros = match i64::from(state.config.key_load_delay_us) {
        us @ 1.. => us as u64,
        us => u64::from(keys.is_multiple_of(us.unsigned_abs())),
    };
    if micros > 0 {
        std::thread::sleep(Duration::from_micros(micros));
    }
}

/// What there is to know about a file goes to the log.
fn aux(state: &mut State, name: &[u8], value: &[u8]) {
    let text = String::from_utf8_lossy(value);
    let number = text.parse::<i64>().unwrap_or(0);
    match name {
        [b'%', ..] => {
            state.log.notice(format_args!("RDB '{}': {text}", String::from_utf8_lossy(name)));
        }
        b"redis-ver" | b"valkey-ver" => {
            state.log.notice(format_args!("Loading RDB produced by version {text}"));
        }
        b"ctime" => {
            let age = (state.clock.now_ms() / 1000).saturating_sub(number).max(0);
            state.log.notice(format_args!("RDB age {age} seconds"));
        }
        b"used-mem" => {
            let megabytes = number as f64 / f64::from(1 << 20);
            state.log.notice(format_args!("RDB memory usage when created {megabytes:.2} Mb"));
            if let Some(loading) = &mut state.persistence.loading {
                loading.used_bytes = number.max(0) as u64;
            }
        }
        b"aof-preamble" if number != 0 => state.log.notice("RDB has an AOF tail"),
        b"aof-base" if number != 0 => state.log.notice("RDB is base AOF"),
        b"aof-preamble" | b"aof-base" | b"redis-bits" | b"lua" => {}
        b"repl-stream-db" | b"repl-id" | b"repl-offset" => {}
        other => {
            let name = String::from_utf8_lossy(other);
            state.log.debug(format_args!("Unrecognized RDB AUX field: '{name}'"));
        }
    }
}
