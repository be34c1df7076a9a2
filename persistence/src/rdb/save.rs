//! Writing a whole file from a frozen view.
//!
//! Invariants: what is written is a file that loads, or the result is an error; memory does not grow with the data set,
//! nor with a collection. The caller's `out` is handed blocks of about 64 KiB, and large values as they lie in memory.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use super::opcode::Opcode;
use super::{Writer, version_with, write_value};
use crate::lzf::Compressor;
use crate::{crc64, disk};
use rufous_storage::evict::{self, Lfu};
use rufous_storage::{DbView, EntryRef, KeyspaceView};

/// The first version that can hold the source of functions.
const FUNCTIONS_VERSION: u16 = 10;
/// Keys between two looks at whether the save was cancelled.
const KEYS_PER_REPORT: u64 = 256;
/// How long a delayed save sleeps at most before it looks whether it was cancelled.
const NAP: Duration = Duration::from_millis(10);

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The version, 9 to 13; see [`version_with`].
    pub version: u16,
    /// Strings are compressed.
    pub compress: bool,
    /// The file ends with its checksum.
    pub checksum: bool,
    /// Microseconds to wait after each key; if negative, for one microsecond after about so many keys. For tests.
    pub key_delay_us: i64,
}

/// What is written of when keys were used.
#[derive(Clone, Copy, Debug)]
pub enum Access {
    /// Nothing.
    None,
    /// For how long they were idle at this time (unix ms).
    Idle(i64),
    /// How often, at this time (unix ms).
    Frequency(i64, Lfu),
}

/// What is saved.
pub struct Contents {
    /// The keys.
    pub view: KeyspaceView,
    /// What there is to know about the file: names and values.
    pub aux: Vec<(&'static str, String)>,
    /// Sources of libraries of functions.
    pub libraries: Vec<Vec<u8>>,
    /// What is written of when keys were used.
    pub access: Access,
}

impl Contents {
    /// Number of keys.
    pub fn keys(&self) -> usize {
        self.view.dbs().iter().map(DbView::len).sum()
    }
}

const GOING_ON: u8 = 0;
const CANCELLED: u8 = 1;
const COMMITTED: u8 = 2;

/// How far a save came; other threads read it, and can call the save off.
#[derive(Debug, Default)]
pub struct Progress {
    keys: AtomicU64,
    state: AtomicU8,
    interrupt: Option<Arc<AtomicBool>>,
}

impl Progress {
    /// Keys that were written.
    pub fn keys(&self) -> u64 {
        self.keys.load(Ordering::Relaxed)
    }

    /// So many keys are written: tells others, now and then, and takes the time that tests want it to take.
    pub fn passed(&self, keys: u64, settings: Settings) {
        if settings.key_delay_us != 0 {
            self.delay(keys, settings.key_delay_us);
        }
        if keys.is_multiple_of(KEYS_PER_REPORT) || settings.key_delay_us != 0 {
            self.keys.store(keys, Ordering::Relaxed);
        }
    }

    fn delay(&self, keys: u64, delay_us: i64) {
        let micros = match delay_us {
            us @ 1.. => us as u64,
            us => u64::from(keys.is_multiple_of(us.unsigned_abs())),
        };
        let mut left = Duration::from_micros(micros);
        while !left.is_zero() && !self.is_cancelled() {
            let nap = left.min(NAP);
            std::thread::sleep(nap);
            left -= nap;
        }
    }

    /// Of a save that is also called off when a flag is set.
    pub fn until(interrupt: Arc<AtomicBool>) -> Progress {
        Progress { interrupt: Some(interrupt), ..Progress::default() }
    }

    /// Ends the save soon, with an error. False if it is too late for that.
    pub fn cancel(&self) -> bool {
        self.state.compare_exchange(GOING_ON, CANCELLED, Ordering::Relaxed, Ordering::Relaxed)
            != Err(COMMITTED)
    }

    /// Whether somebody called the save off.
    pub fn is_cancelled(&self) -> bool {
        let interrupted = self.interrupt.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed));
        interrupted || self.state.load(Ordering::Relaxed) == CANCELLED
    }

    /// From here on the save cannot be called off. False if it was.
    pub fn commit(&self) -> bool {
        !self.is_cancelled()
            && self.state.compare_exchange(GOING_ON, COMMITTED, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Why a data set was not saved.
#[derive(Debug)]
pub enum SaveError {
    /// The disk failed.
    Disk(disk::Error),
    /// The version cannot hold something.
    Version {
        /// The version.
        version: u16,
        /// What it cannot hold.
        what: &'static str,
        /// The key that holds it, if it is in a key.
        key: Option<Vec<u8>>,
    },
    /// It was called off.
    Cancelled,
}

impl From<disk::Error> for SaveError {
    fn from(error: disk::Error) -> SaveError {
        SaveError::Disk(error)
    }
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SaveError::Disk(error) => error.fmt(f),
            SaveError::Cancelled => f.write_str("it was called off"),
            SaveError::Version { version, what, key } => {
                write!(f, "RDB version {version} cannot hold {what}")?;
                match key {
                    Some(key) => write!(f, " (key '{}'); see rdb-version", key.escape_ascii()),
                    None => f.write_str("; see rdb-version"),
                }
            }
        }
    }
}

impl std::error::Error for SaveError {}

/// Where the bytes go: every block in the order in which it stands in the file.
pub type Out<'o> = dyn FnMut(&[u8]) -> Result<(), disk::Error> + 'o;

/// Writes a whole file.
pub fn save(
    contents: &Contents,
    settings: Settings,
    progress: &Progress,
    out: &mut Out<'_>,
) -> Result<(), SaveError> {
    let expiring_fields = contents.view.dbs().iter().any(|db| db.expiring_hashes_len() > 0);
    let settings = Settings { version: version_with(expiring_fields, settings.version), ..settings };
    let mut compressor = Compressor::default();
    let mut digest = settings.checksum.then(crc64::Digest::new);
    let mut failure = None;
    let mut spill = |bytes: &[u8]| {
        if let Some(digest) = &mut digest {
            digest.update(bytes);
        }
        failure = out(bytes).err();
        failure.is_none() && !progress.is_cancelled()
    };
    let writer = Writer::spilling(settings.version, settings.compress.then_some(&mut compressor), &mut spill);
    let mut saver = Saver { writer, settings, progress, keys: 0 };
    let written = saver.contents(contents);
    drop(saver);
    if let Some(error) = failure {
        return Err(error.into());
    }
    written?;
    let checksum = digest.map_or(0, |digest| digest.value());
    Ok(out(&checksum.to_le_bytes())?)
}

struct Saver<'s> {
    writer: Writer<'s>,
    settings: Settings,
    progress: &'s Progress,
    keys: u64,
}

impl Saver<'_> {
    /// Everything but the checksum.
    fn contents(&mut self, contents: &Contents) -> Result<(), SaveError> {
        self.writer.raw(format!("REDIS{:04}", self.settings.version).as_bytes());
        for (name, value) in &contents.aux {
            self.writer.byte(Opcode::Aux as u8);
            self.writer.text(name.as_bytes());
            self.writer.text(value.as_bytes());
        }
        self.libraries(&contents.libraries)?;
        for (index, db) in contents.view.dbs().iter().enumerate().filter(|(_, db)| !db.is_empty()) {
            self.writer.byte(Opcode::SelectDb as u8);
            self.writer.len(index);
            self.writer.byte(Opcode::ResizeDb as u8);
            self.writer.len(db.len());
            self.writer.len(db.expires_len());
            for entry in db.iter() {
                self.entry(entry, contents.access)?;
            }
        }
        self.writer.byte(Opcode::Eof as u8);
        self.writer.flush();
        self.progress.keys.store(self.keys, Ordering::Relaxed);
        self.go_on()
    }

    fn libraries(&mut self, libraries: &[Vec<u8>]) -> Result<(), SaveError> {
        let version = self.settings.version;
        if !libraries.is_empty() && version < FUNCTIONS_VERSION {
            return Err(SaveError::Version { version, what: "functions", key: None });
        }
        for source in libraries {
            self.writer.byte(Opcode::Function as u8);
            self.writer.text(source);
        }
        Ok(())
    }

    fn entry(&mut self, entry: EntryRef<'_>, access: Access) -> Result<(), SaveError> {
        if let Some(at) = entry.expire_at() {
            self.writer.byte(Opcode::ExpireTimeMs as u8);
            self.writer.milliseconds(at);
        }
        match access {
            Access::None => (),
            Access::Idle(now) => {
                self.writer.byte(Opcode::Idle as u8);
                self.writer.number((evict::idle_ms(entry.access(), now) / 1000) as u64);
            }
            Access::Frequency(now, lfu) => {
                self.writer.byte(Opcode::Freq as u8);
                self.writer.byte(evict::lfu_counter(entry.access(), now, lfu));
            }
        }
        self.writer.key(entry.key());
        write_value(&mut self.writer, entry);
        if let Some(what) = self.writer.refused() {
            let key = Some(entry.key().to_vec());
            return Err(SaveError::Version { version: self.settings.version, what, key });
        }
        self.keys += 1;
        self.progress.passed(self.keys, self.settings);
        if self.keys.is_multiple_of(KEYS_PER_REPORT) || self.settings.key_delay_us != 0 {
            self.go_on()?;
        }
        Ok(())
    }

    /// An error, if there is no sense in going on.
    fn go_on(&self) -> Result<(), SaveError> {
        // What failed below is told instead of this, by whoever called.
        let stopped = self.writer.is_stopped() || self.progress.is_cancelled();
        if stopped { Err(SaveError::Cancelled) } else { Ok(()) }
    }
}
