//! SAVE, BGSAVE, save points: when a snapshot is taken, and what became of it.
//!
//! ```text
//! Idle --start--> Running --its message--> Idle
//!   ^ schedule: started by the cron, when nothing else runs
//! ```
//! Two servers may run in one folder, as they may with Redis, and often do in tests. The snapshot of one must not replace the
//! other's unnoticed: who has loaded or saved a file holds its lock. An explicit save to a file that is locked is an error;
//! saves that nobody asked for (save points, the end of the server) are left out with a warning.

use super::job::{Job, LastJob};
use crate::config::{Config, MaxmemoryPolicy};
use crate::engine::{EngineSpecial, State};
use crate::store::Store;
use crate::version::REDIS_VERSION;
use rufous_persistence::disk::{self, Disk, Growth, Lock, Operation, system_text};
use rufous_persistence::rdb::file::{self, Target};
use rufous_persistence::rdb::{Access, Contents, Progress, SaveError, Settings};
use rufous_protocol::error::{self, ReplyError};
use rufous_storage::memory;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

/// Seconds after a failed save in which save points do not try again.
const RETRY_DELAY_S: i64 = 5;

/// What became of a save: the lock of the new file.
type Saved = Result<Option<Box<dyn Lock>>, SaveError>;

/// See the file head.
pub struct Snapshots {
    running: Option<Running>,
    scheduled: bool,
    lock: Option<Box<dyn Lock>>,
    /// When the last good snapshot was taken, unix seconds.
    pub last_save_s: i64,
    last_try_s: i64,
    /// Whether the last save worked.
    pub last_is_ok: bool,
    /// The last save in the background.
    pub last: LastJob,
    /// Saves that were begun.
    pub saves: u64,
    /// Libraries of functions out of the loaded file, written back into the next.
    pub libraries: Vec<Vec<u8>>,
}

/// A save in the background.
struct Running {
    job: Job,
    messages: Receiver<Saved>,
    /// Takes the lock of the file that was replaced: with it goes the file, which may take long.
    replaced: Sender<Box<dyn Lock>>,
    dirty_before: u64,
    temporary: PathBuf,
}

/// Why a save did not begin.
pub enum Refusal {
    /// One is running.
    Running,
    /// Another server holds the file.
    Locked(disk::Error),
    /// There is no thread to be had.
    Thread(std::io::Error),
    /// It was begun and failed, as the log says.
    Failed(SaveError),
}

impl From<Refusal> for ReplyError {
    fn from(refusal: Refusal) -> ReplyError {
        match refusal {
            Refusal::Running => error::SAVE_IN_PROGRESS,
            Refusal::Locked(locked) => error::message(&locked.to_string()),
            Refusal::Thread(_) | Refusal::Failed(_) => error::SAVE_FAILED,
        }
    }
}

impl Snapshots {
    /// None yet; as Redis says of a server that has not saved, the last was at its start.
    pub fn new(started_s: i64) -> Snapshots {
        Snapshots {
            running: None,
            scheduled: false,
            lock: None,
            last_save_s: started_s,
            last_try_s: 0,
            last_is_ok: true,
            last: LastJob::default(),
            saves: 0,
            libraries: Vec::new(),
        }
    }

    /// Is one being taken in the background?
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The one that is being taken in the background.
    pub fn job(&self) -> Option<&Job> {
        self.running.as_ref().map(|running| &running.job)
    }

    /// One is to be taken as soon as nothing is in the way.
    pub fn schedule(&mut self) {
        self.scheduled = true;
    }

    /// Must writes be refused, because they would not get to the disk?
    pub fn stops_writes(&self, config: &Config) -> bool {
        !self.last_is_ok && config.stop_writes_on_bgsave_error && !config.save.is_empty()
    }

    /// Keeps other servers from replacing a file that was loaded.
    pub fn claim(&mut self, disk: &dyn Disk, config: &Config) {
        if self.lock.is_none() {
            self.lock = disk.lock(&path(config)).ok();
        }
    }

    /// Makes sure that no other server holds the file that is about to be replaced.
    fn check_lock(&mut self, disk: &dyn Disk, config: &Config) -> Result<(), Refusal> {
        // A lock of our own would be in our way, and may be one of a file that was replaced since.
        self.lock = None;
        match disk.lock(&path(config)) {
            Ok(lock) => self.lock = Some(lock),
            Err(error) if error.is_locked() => return Err(Refusal::Locked(error)),
            // No file yet, or no locks here.
            Err(_) => {}
        }
        Ok(())
    }

    fn is_resting(&self, now_s: i64) -> bool {
        !self.last_is_ok && now_s - self.last_try_s <= RETRY_DELAY_S
    }
}

/// Where snapshots are.
pub fn path(config: &Config) -> PathBuf {
    config.resolve(&config.dbfilename)
}

/// SAVE, and the save after FLUSHALL: takes a snapshot before anything else happens.
pub fn save(store: &mut Store, state: &mut State) -> Result<(), Refusal> {
    let target = target(&state.config, "", false);
    save_to(store, state, &target, &Progress::default())
}

/// The save at the end of the server: the file is about to be read again, and the user may insist on the end.
pub fn save_last(store: &mut Store, state: &mut State) -> Result<(), Refusal> {
    let progress = Progress::until(state.persistence.interrupt.clone());
    let target = target(&state.config, "", true);
    save_to(store, state, &target, &progress)
}

fn save_to(
    store: &mut Store,
    state: &mut State,
    target: &Target,
    progress: &Progress,
) -> Result<(), Refusal> {
    let snapshots = &mut state.persistence.snapshots;
    if snapshots.is_running() {
        return Err(Refusal::Running);
    }
    snapshots.saves += 1;
    snapshots.check_lock(&*state.persistence.disk, &state.config)?;
    let contents = contents(store, state, false);
    let disk = state.persistence.disk.clone();
    let saved = file::replace(&*disk, target, &contents, settings(&state.config), progress);
    drop(contents);
    store.free_retired();
    let saved = saved.map(|lock| state.persistence.snapshots.lock = lock);
    match &saved {
        Ok(()) => {
            state.log.notice("DB saved on disk");
            store.dirty = 0;
            state.persistence.snapshots.last_save_s = state.clock.now_ms() / 1000;
            state.persistence.snapshots.last_is_ok = true;
        }
        Err(problem) => report(state, target, problem),
    }
    super::refresh_special(state);
    saved.map_err(Refusal::Failed)
}

/// BGSAVE and save points: takes a snapshot in the background.
pub fn start(store: &mut Store, state: &mut State) -> Result<(), Refusal> {
    let now_s = state.clock.now_ms() / 1000;
    let snapshots = &mut state.persistence.snapshots;
    if snapshots.is_running() {
        return Err(Refusal::Running);
    }
    snapshots.check_lock(&*state.persistence.disk, &state.config)?;
    snapshots.saves += 1;
    snapshots.last_try_s = now_s;
    // Of its own for each save: one that was called off may still be writing its last block.
    let suffix = format!("-{}", snapshots.saves);
    let (contents, target) = (contents(store, state, false), target(&state.config, &suffix, false));
    let temporary = target.folder.join(&target.temporary);
    let (settings, disk) = (settings(&state.config), state.persistence.disk.clone());
    let progress = Arc::new(Progress::default());
    let (sender, messages) = channel();
    let (replaced, to_close) = channel();
    let keys = contents.keys() as u64;
    let work = {
        let (progress, waker) = (progress.clone(), state.persistence.waker.clone());
        move || {
            let saved = file::replace(&*disk, &target, &contents, settings, &progress);
            drop(contents);
            // Whoever does not want the message any more is at its end; the cron would see it without being woken.
            let _ = sender.send(saved);
            if let Some(waker) = waker {
                let _ = waker.wake();
            }
            // Nothing comes where nothing was replaced.
            drop(to_close.recv());
        }
    };
    std::thread::Builder::new().name("snapshot".into()).spawn(work).map_err(|error| {
        state.log.warning(format_args!("Can't save in background: no thread: {}", system_text(&error)));
        state.persistence.snapshots.last_is_ok = false;
        super::refresh_special(state);
        Refusal::Thread(error)
    })?;
    let pid = std::process::id();
    state.log.notice(format_args!("Background saving started by pid {pid}"));
    let (job, dirty_before) = (Job::begin(store, progress, keys, now_s), store.dirty);
    state.persistence.snapshots.running = Some(Running { job, messages, replaced, dirty_before, temporary });
    Ok(())
}

/// Takes the message of a save that has ended.
pub fn poll(store: &mut Store, state: &mut State) {
    let Some(running) = &state.persistence.snapshots.running else { return };
    let saved = match running.messages.try_recv() {
        Ok(saved) => saved,
        Err(TryRecvError::Empty) => return,
        Err(TryRecvError::Disconnected) => Err(SaveError::Cancelled),
    };
    finish(store, state, saved);
}

/// Calls off what runs: its file will not replace another any more.
pub fn stop(store: &mut Store, state: &mut State) {
    let Some(running) = &state.persistence.snapshots.running else { return };
    if !running.job.progress.cancel() {
        // It is just replacing the file.
        let saved = running.messages.recv().unwrap_or(Err(SaveError::Cancelled));
        return finish(store, state, saved);
    }
    let started_ns = state.clock.tick();
    // The thread does it too, unless the process is gone before.
    let _ = state.persistence.disk.remove(&running.temporary);
    let (now_s, took_ns) = (state.clock.now_ms() / 1000, state.clock.tick() - started_ns);
    state.latency.add_if_slow("rdb-unlink-temp-file", now_s, took_ns);
    finish(store, state, Err(SaveError::Cancelled));
}

fn finish(store: &mut Store, state: &mut State, saved: Saved) {
    let Some(running) = state.persistence.snapshots.running.take() else { return };
    store.free_retired();
    let now_s = state.clock.now_ms() / 1000;
    let snapshots = &mut state.persistence.snapshots;
    snapshots.last = running.job.end(store, now_s);
    match saved {
        Ok(lock) => {
            if let Some(old) = std::mem::replace(&mut snapshots.lock, lock) {
                // Without the thread it ends here.
                let _ = running.replaced.send(old);
            }
            snapshots.last_save_s = now_s;
            snapshots.last_is_ok = true;
            store.dirty = store.dirty.saturating_sub(running.dirty_before);
            state.log.notice("DB saved on disk");
            state.log.notice("Background saving terminated with success");
        }
        Err(SaveError::Cancelled) if running.job.progress.is_cancelled() => {
            state.log.warning("Background saving terminated: it was called off");
        }
        Err(problem) => {
            snapshots.last_is_ok = false;
            report(state, &target(&state.config, "", false), &problem);
            state.log.warning("Background saving error");
        }
    }
    super::refresh_special(state);
}

/// Starts what is due: by a save point, or because somebody scheduled it.
pub fn heed_points(store: &mut Store, state: &mut State) {
    let now_s = state.clock.now_ms() / 1000;
    let snapshots = &state.persistence.snapshots;
    let rewrites = state.persistence.aof.rewrites.is_running();
    if rewrites
        || snapshots.is_running()
        || snapshots.is_resting(now_s)
        || state.special.contains(EngineSpecial::LOADING)
    {
        return;
    }
    let due =
        state.config.save.iter().find(|point| {
            store.dirty >= point.changes && now_s - snapshots.last_save_s > point.seconds as i64
        });
    if let Some(point) = due {
        let (changes, seconds) = (point.changes, point.seconds);
        state.log.notice(format_args!("{changes} changes in {seconds} seconds. Saving..."));
    } else if !snapshots.scheduled {
        return;
    }
    state.persistence.snapshots.scheduled = false;
    if let Err(Refusal::Locked(locked)) = start(store, state) {
        state.log.warning(format_args!("No snapshot is saved: {locked}"));
        // Asked again after as long as after a save.
        state.persistence.snapshots.last_save_s = now_s;
    }
}

/// What is saved, as it is now: in a snapshot, or in the base of an append-only file.
pub fn contents(store: &mut Store, state: &State, is_base: bool) -> Contents {
    let config = &state.config;
    let now = state.clock.now_ms();
    let access = match store.marks.lfu {
        Some(lfu) => Access::Frequency(now, lfu),
        None if matches!(
            config.maxmemory_policy,
            MaxmemoryPolicy::AllkeysLru | MaxmemoryPolicy::VolatileLru
        ) =>
        {
            Access::Idle(now)
        }
        None => Access::None,
    };
    let aux = vec![
        ("redis-ver", REDIS_VERSION.to_owned()),
        ("redis-bits", usize::BITS.to_string()),
        ("ctime", (now / 1000).to_string()),
        ("used-mem", memory::used_bytes().to_string()),
        ("aof-base", u8::from(is_base).to_string()),
    ];
    Contents {
        view: store.keyspace.freeze(),
        aux,
        libraries: state.persistence.snapshots.libraries.clone(),
        access,
    }
}

fn target(config: &Config, suffix: &str, keep_cached: bool) -> Target {
    Target {
        folder: config.dir.clone(),
        name: PathBuf::from(&config.dbfilename),
        temporary: PathBuf::from(format!("temp-{}{suffix}.rdb", std::process::id())),
        growth: Growth { in_steps: config.rdb_save_incremental_fsync, keep_cached },
    }
}

/// How it is written.
pub fn settings(config: &Config) -> Settings {
    Settings {
        version: config.rdb_version as u16,
        compress: config.rdbcompression,
        checksum: config.rdbchecksum,
        key_delay_us: config.rdb_key_save_delay_us.into(),
    }
}

/// Says in the log why a save failed, in Redis' words.
fn report(state: &State, target: &Target, problem: &SaveError) {
    let (folder, name, temporary) =
        (target.folder.display(), target.name.display(), target.temporary.display());
    let error = match problem {
        SaveError::Disk(error) => error,
        SaveError::Cancelled => return,
        SaveError::Version { .. } => {
            return state.log.warning(format_args!("Can't save the DB: {problem}"));
        }
    };
    let reason = error.reason();
    match error.operation {
        Operation::Create => state.log.warning(format_args!(
            "Failed opening the temp RDB file {temporary} (in server root dir {folder}) for saving: {reason}"
        )),
        Operation::Rename => state.log.warning(format_args!(
            "Error moving temp DB file {temporary} on the final destination {name} (in server root dir {folder}): \
             {reason}"
        )),
        Operation::SyncFolder => {
            state.log.warning(format_args!("Failed to fsync directory while saving DB: {reason}"));
        }
        Operation::Sync => {
            state.log.warning(format_args!("Write error while saving DB to the disk(fsync): {reason}"));
        }
        _ => state.log.warning(format_args!("Write error while saving DB to the disk(write): {reason}")),
    }
}
