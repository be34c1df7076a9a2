//! New bases: when one is written, who writes it, and what became of it.
//!
//! ```text
//! Idle --start--> Writing --the base is on disk--> Installing --it has its name--> Idle
//!   ^ schedule: started by the cron, when no snapshot is being taken
//! ```
//! Without an append-only file BGREWRITEAOF writes a base all the same; then the thread that wrote it also gives it its name.
//!
//! Invariant: the view is frozen at the place of the stream of writes at which the increment begins.

use super::{Order, Stage, folder, hand_over, join, leave, switch};
use crate::engine::{EngineSpecial, State};
use crate::persistence::job::{Job, LastJob};
use crate::persistence::snapshot;
use crate::store::Store;
use rufous_persistence::aof::base::{self, Base};
use rufous_persistence::aof::manifest::BaseFormat;
use rufous_persistence::aof::writer;
use rufous_persistence::disk::{Growth, system_text};
use rufous_persistence::rdb::Progress;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// After so many failures in a row the next attempts are delayed.
const FAILURES_BEFORE_DELAY: u64 = 3;
/// The longest delay.
const DELAY_MINUTES_MAX: i64 = 60;

/// What became of writing a base: its final name, if the thread was to give it one.
type Written = Result<Option<OsString>, String>;

/// See the file head.
pub struct Rewrites {
    running: Option<Running>,
    scheduled: bool,
    /// Rewrites begun.
    pub started: u64,
    /// Failures since the last success.
    pub failures: u64,
    /// Whether the last one worked.
    pub last_is_ok: bool,
    /// The last one.
    pub last: LastJob,
    delay_minutes: i64,
    delayed_until_s: Option<i64>,
}

/// A rewrite.
struct Running {
    job: Job,
    messages: Receiver<Written>,
    temporary: PathBuf,
    format: BaseFormat,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Writing,
    Installing,
}

impl Default for Rewrites {
    fn default() -> Rewrites {
        Rewrites {
            running: None,
            scheduled: false,
            started: 0,
            failures: 0,
            last_is_ok: true,
            last: LastJob::default(),
            delay_minutes: 0,
            delayed_until_s: None,
        }
    }
}

impl Rewrites {
    /// Is a base being written?
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Is one to be written?
    pub fn is_scheduled(&self) -> bool {
        self.scheduled
    }

    /// One is to be written as soon as nothing is in the way.
    pub fn schedule(&mut self) {
        self.scheduled = true;
    }

    /// Forgets what was scheduled.
    pub fn unschedule(&mut self) {
        self.scheduled = false;
    }

    /// The user wants one now, whatever failed before.
    pub fn forgive(&mut self) {
        self.failures = 0;
    }

    /// The one that is being written.
    pub fn job(&self) -> Option<&Job> {
        self.running.as_ref().map(|running| &running.job)
    }

    /// Whether attempts failed so often that the next must wait. The first look at a limit says so in the log.
    fn is_delayed(&mut self, now_s: i64) -> Option<Option<i64>> {
        if self.failures < FAILURES_BEFORE_DELAY {
            (self.delay_minutes, self.delayed_until_s) = (0, None);
            return None;
        }
        if let Some(until_s) = self.delayed_until_s {
            if now_s < until_s {
                return Some(None);
            }
            self.delayed_until_s = None;
            return None;
        }
        self.delay_minutes = (self.delay_minutes * 2).clamp(1, DELAY_MINUTES_MAX);
        self.delayed_until_s = Some(now_s + self.delay_minutes * 60);
        Some(Some(self.delay_minutes))
    }
}

/// Begins a rewrite. False if that failed, as the log says.
pub fn start(store: &mut Store, state: &mut State) -> bool {
    state.persistence.aof.rewrites.scheduled = false;
    let begun = match state.persistence.aof.stage {
        Stage::On => {
            hand_over(store, state, 0);
            state.persistence.aof.order(Order::Rotate);
            join(store);
            Ok(())
        }
        Stage::Waiting => switch::begin_waiting(store, state),
        Stage::Off => folder(state).create().map_err(|error| {
            let path = error.path.display();
            format!("Can't open or create append-only dir {path}: {}", error.reason())
        }),
    };
    let spawned = begun.and_then(|()| spawn(store, state));
    if let Err(text) = &spawned {
        state.log.warning(text);
        state.persistence.aof.rewrites.last_is_ok = false;
        switch::end_waiting(store, state);
    }
    spawned.is_ok()
}

fn spawn(store: &mut Store, state: &mut State) -> Result<(), String> {
    let now_s = state.clock.now_ms() / 1000;
    state.persistence.aof.rewrites.started += 1;
    let number = state.persistence.aof.rewrites.started;
    // Of its own for each: one that was called off may still be writing its last block.
    let name = format!("temp-rewriteaof-bg-{}-{number}.aof", std::process::id());
    let temporary = state.config.dir.join(&name);
    let contents = snapshot::contents(store, state, true);
    let base = base_of(state);
    let (format, keys) = (base.format, contents.keys() as u64);
    let (folder, alone) = (folder(state), state.persistence.aof.stage == Stage::Off);
    let progress = Arc::new(Progress::default());
    let (sender, messages) = channel();
    let work = {
        let (progress, waker, path) = (progress.clone(), state.persistence.waker.clone(), temporary.clone());
        move || {
            let disk = folder.disk().clone();
            let written = base::write(&*disk, &path, &contents, base, &progress);
            let written = written.map_err(|error| error.to_string());
            drop(contents);
            let written = written.and_then(|()| match alone {
                false => Ok(None),
                true => {
                    writer::install_alone(&folder, &path, format).map(Some).map_err(|error| error.to_string())
                }
            });
            if written.is_err() {
                // It is of no use to anybody; the next has another name.
                let _ = disk.remove(&path);
            }
            let _ = sender.send(written);
            if let Some(waker) = waker {
                let _ = waker.wake();
            }
        }
    };
    std::thread::Builder::new().name("aof_rewrite".into()).spawn(work).map_err(|error| {
        format!("Can't rewrite append only file in background: no thread: {}", system_text(&error))
    })?;
    let pid = std::process::id();
    state.log.notice(format_args!("Background append only file rewriting started by pid {pid}"));
    state.persistence.aof.rewrites.running = Some(Running {
        job: Job::begin(store, progress, keys, now_s),
        messages,
        temporary,
        format,
        phase: Phase::Writing,
    });
    Ok(())
}

/// How a base is written.
pub fn base_of(state: &State) -> Base {
    let config = &state.config;
    Base {
        format: if config.aof_use_rdb_preamble { BaseFormat::Rdb } else { BaseFormat::Commands },
        settings: snapshot::settings(config),
        seals: config.aof_checksum,
        timestamp_s: config.aof_timestamp_enabled.then(|| state.clock.now_ms() / 1000),
        growth: Growth { in_steps: config.aof_rewrite_incremental_fsync, keep_cached: true },
    }
}

/// Takes the message of a thread that has written a base.
pub fn poll(store: &mut Store, state: &mut State) {
    let Some(running) = state.persistence.aof.rewrites.running.as_mut() else { return };
    if running.phase != Phase::Writing {
        return;
    }
    let written = match running.messages.try_recv() {
        Ok(written) => written,
        Err(TryRecvError::Empty) => return,
        Err(TryRecvError::Disconnected) => Err("its thread is gone".to_owned()),
    };
    match written {
        Ok(None) => {
            running.phase = Phase::Installing;
            let (temporary, format) = (running.temporary.clone(), running.format);
            let name = temporary.file_name().unwrap_or_default().display().to_string();
            state.log.notice(format_args!("Successfully created the temporary AOF base file {name}"));
            state.log.notice("Background AOF rewrite terminated with success");
            let collects = !state.config.aof_disable_auto_gc;
            state.persistence.aof.order(Order::Install { temporary, format, collects });
        }
        Ok(Some(name)) => {
            state.log.notice("Background AOF rewrite terminated with success");
            succeeded(store, state, &name);
        }
        Err(error) => failed(store, state, &error),
    }
}

/// The thread that writes has gone over to a new increment, or not.
pub fn rotated(store: &mut Store, state: &mut State, rotated: Result<OsString, String>) {
    match rotated {
        Ok(name) => {
            let name = name.display();
            state.log.notice(format_args!("Creating AOF incr file {name} on background rewrite"));
        }
        Err(text) => {
            // The base would not belong to the increment.
            if let Some(running) = &state.persistence.aof.rewrites.running {
                running.job.progress.cancel();
            }
            failed(store, state, &text);
        }
    }
}

/// The base has its name, or not.
pub fn installed(store: &mut Store, state: &mut State, installed: Result<(OsString, u64), String>) {
    match installed {
        Ok((name, size)) => {
            state.persistence.aof.base_size = size;
            succeeded(store, state, &name);
        }
        Err(text) => failed(store, state, &text),
    }
}

fn succeeded(store: &mut Store, state: &mut State, base: &OsString) {
    let Some(running) = state.persistence.aof.rewrites.running.take() else { return };
    let temporary = running.temporary.file_name().unwrap_or_default().display();
    let base = base.display();
    state
        .log
        .notice(format_args!("Successfully renamed the temporary AOF base file {temporary} into {base}"));
    ended(store, state, &running);
    let aof = &mut state.persistence.aof;
    aof.rewrites.last_is_ok = true;
    aof.rewrites.failures = 0;
    if aof.stage == Stage::Waiting {
        aof.stage = Stage::On;
    }
    state.log.notice("Background AOF rewrite finished successfully");
}

fn failed(store: &mut Store, state: &mut State, why: &str) {
    let Some(running) = state.persistence.aof.rewrites.running.take() else { return };
    // What the thread did not remove itself: the base was written, and did not get its name.
    let _ = state.persistence.disk.remove(&running.temporary);
    state.log.warning(why);
    state.log.warning("Background AOF rewrite terminated with error");
    ended(store, state, &running);
    let rewrites = &mut state.persistence.aof.rewrites;
    rewrites.last_is_ok = false;
    rewrites.failures += 1;
    switch::end_waiting(store, state);
}

fn ended(store: &mut Store, state: &mut State, running: &Running) {
    store.free_retired();
    let now_s = state.clock.now_ms() / 1000;
    let rewrites = &mut state.persistence.aof.rewrites;
    rewrites.last = running.job.end(store, now_s);
}

/// Calls off what runs.
pub fn stop(store: &mut Store, state: &mut State) {
    let Some(running) = state.persistence.aof.rewrites.running.take() else { return };
    let pid = std::process::id();
    state.log.notice(format_args!("Killing running AOF rewrite child: {pid}"));
    running.job.progress.cancel();
    // The thread does it too, unless the process is gone before.
    let _ = state.persistence.disk.remove(&running.temporary);
    store.free_retired();
    if state.persistence.aof.stage == Stage::Waiting {
        leave(store);
    }
}

/// Starts what is due: because somebody scheduled it, or because the file has grown.
pub fn heed_growth(store: &mut Store, state: &mut State) {
    let busy = state.persistence.aof.rewrites.is_running() || state.persistence.snapshots.is_running();
    if busy || state.special.contains(EngineSpecial::LOADING) {
        return;
    }
    let growth = growth(state);
    if !state.persistence.aof.rewrites.scheduled && growth.is_none() {
        return;
    }
    let now_s = state.clock.now_ms() / 1000;
    if let Some(news) = state.persistence.aof.rewrites.is_delayed(now_s) {
        if let Some(minutes) = news {
            state.log.warning(format_args!(
                "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in {minutes} minutes"
            ));
        }
        return;
    }
    if let (false, Some(percent)) = (state.persistence.aof.rewrites.scheduled, growth) {
        state.log.notice(format_args!("Starting automatic rewriting of AOF on {percent}% growth"));
    }
    if !start(store, state) {
        state.persistence.aof.rewrites.failures += 1;
    }
}

/// By how many percent the file has grown since the last rewrite, if that is enough for another.
fn growth(state: &State) -> Option<u64> {
    let (aof, config) = (&state.persistence.aof, &state.config);
    let wanted = u64::from(config.auto_aof_rewrite_percentage);
    let size = aof.size();
    if aof.stage != Stage::On || wanted == 0 || size <= config.auto_aof_rewrite_min_size {
        return None;
    }
    let base = aof.base_size.max(1);
    let growth = (u128::from(size) * 100 / u128::from(base)).saturating_sub(100) as u64;
    (growth >= wanted).then_some(growth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_failures_delay_the_next_attempt() {
        let mut rewrites = Rewrites::default();
        assert_eq!(rewrites.is_delayed(0), None);
        rewrites.failures = 3;
        let mut now_s = 0;
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(rewrites.is_delayed(now_s), Some(Some(minutes)));
            assert_eq!(rewrites.is_delayed(now_s + minutes * 60 - 1), Some(None));
            now_s += minutes * 60;
            assert_eq!(rewrites.is_delayed(now_s), None, "one attempt");
        }
        rewrites.failures = 0;
        assert_eq!(rewrites.is_delayed(now_s), None);
        rewrites.failures = 3;
        assert_eq!(rewrites.is_delayed(now_s), Some(Some(1)));
    }
}
