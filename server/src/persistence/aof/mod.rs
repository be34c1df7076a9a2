//! The append-only file: hands the stream of writes to the thread that writes it, and rewrites it when it has grown.
//!
//! ```text
//! Off --CONFIG SET appendonly yes--> Waiting --first base--> On --CONFIG SET appendonly no--> Off
//!                                       ^ a rewrite failed: another follows
//! ```
//! A rewrite: the thread goes over to a new increment, the keyspace is frozen at that very place of the stream, another thread
//! writes the view as a base, the first gives it its name in the manifest.
//!
//! | file | holds |
//! |---|---|
//! | `thread.rs` | the thread that writes |
//! | `rewrite.rs` | new bases: when, and what became of them |
//! | `load.rs` | reading the files at start |
//! | `switch.rs` | on and off |
//! | `orders.rs` | what the loop wants of that thread |
//! | `hold.rs` | who waits for the disk: replies under `appendfsync always`, WAITAOF |
//!
//! Invariant: between two turns of the loop all finished units were handed over, so that what the thread has got so far is the
//! stream up to that turn.

pub mod hold;
pub mod load;
pub mod orders;
pub mod recover;
pub mod rewrite;
pub mod switch;
pub mod thread;

use crate::config::{AppendFsync, Config};
use crate::effects::Listening;
use crate::engine::State;
use crate::propagation::Readers;
use crate::shutdown::{Request, Shutdown};
use crate::store::Store;
use hold::DiskWait;
use orders::{Giver, orders};
use rewrite::Rewrites;
use rufous_persistence::aof::folder::Folder;
use rufous_persistence::aof::writer::Writer;
use std::ffi::OsStr;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use thread::{Order, Report, Shared, Step, Worker};

/// Whether there is an append-only file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Stage {
    /// No.
    #[default]
    Off,
    /// As soon as its first base is written.
    Waiting,
    /// Yes.
    On,
}

/// See the file head.
#[derive(Default)]
pub struct AppendOnly {
    stage: Stage,
    thread: Option<Thread>,
    shared: Arc<Shared>,
    /// Why what is written does not get to the disk, as far as the thread has told.
    failure: Option<String>,
    /// New bases.
    pub rewrites: Rewrites,
    /// Who waits for the disk.
    pub waits: Vec<DiskWait>,
    /// The last second that an annotation told.
    timestamp_s: i64,
    /// Bytes of all files when the last rewrite ended.
    pub base_size: u64,
}

/// The loop's half of the thread.
struct Thread {
    orders: Giver,
    reports: Receiver<Report>,
    handle: JoinHandle<()>,
}

impl AppendOnly {
    /// Whether there is an append-only file.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The stream of writes is on disk up to here.
    pub fn synced(&self) -> u64 {
        self.shared.synced.load(Ordering::SeqCst)
    }

    /// Bytes of the stream that are not in the file yet; `offset` is its end.
    pub fn buffered(&self, offset: u64) -> u64 {
        if self.thread.is_none() {
            0
        } else {
            offset.saturating_sub(self.shared.written.load(Ordering::Relaxed))
        }
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.shared.size.load(Ordering::Relaxed)
    }

    /// A sync is going on.
    pub fn is_syncing(&self) -> bool {
        self.shared.is_syncing.load(Ordering::Relaxed)
    }

    /// Syncs that took longer than a second.
    pub fn delayed_syncs(&self) -> u64 {
        self.shared.delayed_syncs.load(Ordering::Relaxed)
    }

    /// Why what is written does not get to the disk, if it does not. As long as there is a reason, writes are refused.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref().filter(|_| self.stage != Stage::Off)
    }

    fn order(&self, order: Order) {
        if let Some(thread) = &self.thread {
            thread.orders.give(order);
        }
    }

    /// DEBUG AOF-FLUSH-SLEEP: so long before each write.
    pub fn set_delay(&self, us: u64) {
        self.shared.delay_us.store(us, Ordering::Relaxed);
    }

    /// `appendfsync` has changed.
    pub fn set_policy(&self, policy: AppendFsync) {
        self.order(Order::Policy(policy));
    }

    /// `aof-checksum` has changed.
    pub fn set_seals(&self, seals: bool) {
        self.order(Order::Seals(seals));
    }

    /// `latency-monitor-threshold` may have changed.
    pub fn set_latency_threshold(&self, config: &Config) {
        self.shared.slow_us.store(config.latency_threshold_us(), Ordering::Relaxed);
    }

    fn start_thread(
        &mut self,
        writer: Writer,
        config: &Config,
        waker: Option<Arc<mio::Waker>>,
    ) -> io::Result<()> {
        let (orders, to_obey) = orders();
        let (to_report, reports) = channel();
        let shared = Arc::new(Shared::default());
        let worker = Worker {
            writer,
            policy: config.appendfsync,
            orders: to_obey,
            reports: to_report,
            shared: shared.clone(),
            waker,
        };
        let handle = std::thread::Builder::new().name("aof".into()).spawn(move || worker.run())?;
        self.shared = shared;
        self.set_latency_threshold(config);
        self.failure = None;
        self.thread = Some(Thread { orders, reports, handle });
        Ok(())
    }

    /// Ends the thread; what it was given is on disk then, or the reason is given why not.
    fn end_thread(&mut self) -> Result<(), String> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.orders.give(Order::Close);
        let closed = thread.reports.iter().find_map(|report| match report {
            Report::Closed(closed) => Some(closed),
            _ => None,
        });
        // A panic there was already reported.
        let _ = thread.handle.join();
        closed.unwrap_or_else(|| Err("its thread is gone".to_owned()))
    }
}

/// Where the files are.
pub fn folder(state: &State) -> Folder {
    let config = &state.config;
    let (folder, file) = (OsStr::new(&config.appenddirname), OsStr::new(&config.appendfilename));
    Folder::new(state.persistence.disk.clone(), &config.dir, folder, file)
}

/// Hands over what the turn has written. `waiting` clients are to be answered.
#[inline]
pub fn hand_over(store: &mut Store, state: &mut State, waiting: usize) {
    if store.effects.listening.contains(Listening::WRITES) && !store.effects.writes.finished().is_empty() {
        hand_over_block(store, state, waiting);
    }
}

fn hand_over_block(store: &mut Store, state: &mut State, waiting: usize) {
    let append_only = &mut state.persistence.aof;
    let now_s = state.clock.now_ms() / 1000;
    let is_new_second = state.config.aof_timestamp_enabled && now_s > append_only.timestamp_s;
    if is_new_second {
        append_only.timestamp_s = now_s;
    }
    if let Some(thread) = &append_only.thread {
        thread.orders.give_block(&mut store.effects.writes, is_new_second.then_some(now_s), waiting);
    }
}

/// Heeds what the threads have told. Once a turn.
#[inline]
pub fn poll(store: &mut Store, state: &mut State) {
    if state.persistence.aof.thread.is_some() || state.persistence.aof.rewrites.is_running() {
        poll_threads(store, state);
    }
}

fn poll_threads(store: &mut Store, state: &mut State) {
    rewrite::poll(store, state);
    while let Some(thread) = &state.persistence.aof.thread
        && let Ok(report) = thread.reports.try_recv()
    {
        heed(store, state, report);
    }
}

fn heed(store: &mut Store, state: &mut State, report: Report) {
    match report {
        Report::Rotated(rotated) => rewrite::rotated(store, state, rotated),
        Report::Installed(installed) => rewrite::installed(store, state, installed),
        Report::Removed(name) => {
            let name = name.display();
            state.log.notice(format_args!("Removing the history file {name} in the background"));
        }
        Report::Warning(text) => state.log.warning(text),
        Report::WriteFailed { reason, text } => {
            state.log.warning(text);
            state.persistence.aof.failure = Some(reason);
            super::refresh_special(state);
        }
        Report::Recovered { may_lack } => {
            state.persistence.aof.failure = None;
            state.log.notice("AOF write error looks solved, Redis can write again.");
            if may_lack {
                state.log.warning("After a failed fsync the AOF may lack writes: a rewrite is scheduled.");
                state.persistence.aof.rewrites.schedule();
            }
            super::refresh_special(state);
        }
        Report::Slow(step, us) => {
            let busy =
                state.persistence.snapshots.is_running() || state.persistence.aof.rewrites.is_running();
            let events: &[&'static str] = match step {
                Step::Write if busy => &["aof-write-active-child", "aof-write"],
                Step::Write => &["aof-write-alone", "aof-write"],
                Step::Sync => &["aof-fsync-always"],
            };
            let now_s = state.clock.now_ms() / 1000;
            events.iter().for_each(|event| state.latency.add(event, now_s, us / 1000));
        }
        Report::CannotPromise(reason) => {
            state.log.warning(format_args!(
                "Can't persist AOF for fsync error when the AOF fsync policy is 'always': {reason}. Exiting..."
            ));
            let request = Request { save: Some(false), status: 1, ..Request::default() };
            state.shutdown = Shutdown::Decided(request);
        }
        Report::Closed(_) => {}
    }
}

/// Removes what is no longer read, unless that is switched off.
pub fn collect_garbage(state: &State) {
    if !state.config.aof_disable_auto_gc {
        state.persistence.aof.order(Order::CollectGarbage);
    }
}

/// From here on the stream of writes is read.
fn join(store: &mut Store) {
    store.effects.join_writes(Readers::APPEND_ONLY_FILE);
}

fn leave(store: &mut Store) {
    store.effects.leave_writes(Readers::APPEND_ONLY_FILE);
}
