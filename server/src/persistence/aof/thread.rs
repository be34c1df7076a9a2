//! The thread that writes the append-only file, so that the loop never waits for the disk.
//!
//! ```text
//! loop --Order--> thread      in order: blocks of the stream of writes, a new increment, a new base, the end
//! loop <-Report-- thread      what became of steps; figures stand in `Shared`
//! ```
//! `appendfsync always`: all blocks that have come are written and synced together. Those who wrote the last group will soon
//! write again: the thread waits a little for as many before it syncs, because a sync costs the same for one and for fifty.
//!
//! Invariants: orders are carried out as they came; `Shared::synced` never runs ahead of the disk; what cannot be written is
//! kept and tried again, and until it is written everything else waits.

use super::orders::{Nothing, Taker};
use crate::clock;
use crate::config::AppendFsync;
use rufous_persistence::aof::manifest::{BaseFormat, Part};
use rufous_persistence::aof::writer::{StepError, Writer};
use rufous_persistence::disk::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

/// Between two syncs of `appendfsync everysec`.
const SYNC_PERIOD_US: u64 = 1_000_000;
/// Before what failed is tried again.
const RETRY_US: u64 = 100_000;
/// Where nobody waits for the disk, what comes in a stream is gathered for so long before it is written: waking the thread for
/// each turn of the loop would cost the loop more than the turn's writes do.
const NAP: Duration = Duration::from_millis(1);
/// Blocks of so many bytes, or to which several clients contributed, are a stream.
const STREAM_LEN: usize = 4 * 1024;
/// A group waits for its members no longer than this part of a sync, and no longer than so many microseconds.
const GATHER_DIVISOR: u64 = 3;
const GATHER_MAX_US: u64 = 1_000;

/// What the loop wants.
pub enum Order {
    /// Write what was written.
    Block(Block),
    /// `appendfsync` has changed.
    Policy(AppendFsync),
    /// `aof-checksum` has changed.
    Seals(bool),
    /// A rewrite begins: its increment.
    Rotate,
    /// A rewrite has written a base.
    Install {
        /// The file.
        temporary: PathBuf,
        /// As what it is written.
        format: BaseFormat,
        /// What is no longer read is removed.
        collects: bool,
    },
    /// Remove what is no longer read.
    CollectGarbage,
    /// Write and sync all, and end.
    Close,
}

/// Whole units of the stream of writes.
pub struct Block {
    /// Unix seconds, if an annotation is to say when they were written.
    pub timestamp_s: Option<i64>,
    /// The units.
    pub bytes: Vec<u8>,
    /// The stream's offset behind them.
    pub end: u64,
    /// How many clients wait for it to be on disk.
    pub waiting: usize,
}

/// What the thread tells.
#[derive(Debug)]
pub enum Report {
    /// The increment's name, or why there is none.
    Rotated(Result<OsString, String>),
    /// The base's name and the bytes of all files, or why there is none.
    Installed(Result<(OsString, u64), String>),
    /// A file that nobody reads any more is gone.
    Removed(OsString),
    /// Something failed that nobody waits for.
    Warning(String),
    /// A write or a sync failed; the thread tries again.
    WriteFailed {
        /// What the system says.
        reason: String,
        /// What the log says.
        text: String,
    },
    /// Writes work again.
    Recovered {
        /// A sync had failed: the system may have dropped what was on its way, and tells of it only once.
        may_lack: bool,
    },
    /// A step took longer than the latency monitor's threshold.
    Slow(Step, u64),
    /// A sync failed under `appendfsync always`: nothing can be promised any more.
    CannotPromise(String),
    /// All is written and synced, or not.
    Closed(Result<(), String>),
}

/// What the latency monitor tells apart, with the microseconds that it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Writing all that had come.
    Write,
    /// A sync under `appendfsync always`. Others keep nobody waiting.
    Sync,
}

/// Figures that the loop reads at any time.
#[derive(Debug, Default)]
pub struct Shared {
    /// The stream of writes is on disk up to here.
    pub synced: AtomicU64,
    /// The stream of writes is in the file up to here.
    pub written: AtomicU64,
    /// Bytes of all files.
    pub size: AtomicU64,
    /// A sync is going on.
    pub is_syncing: AtomicBool,
    /// Syncs after which more waited than one second's writes.
    pub delayed_syncs: AtomicU64,
    /// The loop wants to be woken after each sync.
    pub wants_wake: AtomicBool,
    /// Microseconds to sleep before each write (DEBUG AOF-FLUSH-SLEEP).
    pub delay_us: AtomicU64,
    /// Microseconds from which on a step is slow.
    pub slow_us: AtomicU64,
    /// The loop wants no syncs for now (`no-appendfsync-on-rewrite`).
    pub spares_disk: AtomicBool,
}

/// The thread's half.
pub struct Worker {
    /// Who writes.
    pub writer: Writer,
    /// When to sync.
    pub policy: AppendFsync,
    /// What the loop wants.
    pub orders: Taker,
    /// Where reports go.
    pub reports: Sender<Report>,
    /// Figures.
    pub shared: Arc<Shared>,
    /// Wakes the loop.
    pub waker: Option<Arc<mio::Waker>>,
}

/// What the thread remembers from one round to the next.
#[derive(Default)]
struct Round {
    synced_us: u64,
    sync_took_us: u64,
    /// Clients that wait for the blocks accepted since the last sync, and that waited for the last sync.
    waiting: usize,
    expected: usize,
    /// Blocks come in a stream.
    is_stream: bool,
    retry_us: Option<u64>,
    sync_failed: bool,
    may_lack: bool,
}

impl Worker {
    /// Works until the end is ordered, or the loop is gone.
    pub fn run(mut self) {
        let mut round = Round { synced_us: clock::wall_us(), ..Round::default() };
        self.publish();
        loop {
            let order = match self.next_order(&round) {
                Ok(order) => Some(order),
                Err(Nothing::Yet) => None,
                Err(Nothing::Any) => {
                    // The loop is gone without a word: keep what it sent.
                    let _ = self.writer.close();
                    return;
                }
            };
            if order.is_some_and(|order| self.obey_all(order, &mut round)) {
                return;
            }
            self.flush(&mut round);
            self.sync_if_due(&mut round);
            self.publish();
            if std::mem::take(&mut round.is_stream) && self.policy != AppendFsync::Always {
                std::thread::sleep(NAP);
            }
        }
    }

    fn next_order(&self, round: &Round) -> Result<Order, Nothing> {
        self.orders.wait(0, self.patience_us(round).map(Duration::from_micros));
        self.orders.take()
    }

    /// Until when there is nothing to do unless an order comes.
    fn patience_us(&self, round: &Round) -> Option<u64> {
        let now = clock::wall_us();
        let sync_due = match self.policy {
            AppendFsync::Everysec if !self.writer.is_synced() => Some(round.synced_us + SYNC_PERIOD_US),
            AppendFsync::Always if !self.writer.is_synced() => Some(now + RETRY_US),
            _ => None,
        };
        let due = sync_due.into_iter().chain(round.retry_us).min()?;
        Some(due.saturating_sub(now))
    }

    /// Obeys an order and those that have come behind it. True at the end.
    fn obey_all(&mut self, first: Order, round: &mut Round) -> bool {
        let mut next = Some(first);
        let mut has_gathered = false;
        while let Some(order) = next {
            if self.obey(order, round) {
                return true;
            }
            next = self.orders.take().ok();
            let gathers = self.policy == AppendFsync::Always && round.waiting > 0;
            let missing = round.expected.saturating_sub(round.waiting);
            if next.is_none() && gathers && missing > 0 && !std::mem::replace(&mut has_gathered, true) {
                let patience_us = (round.sync_took_us / GATHER_DIVISOR).min(GATHER_MAX_US);
                self.orders.wait(missing, Some(Duration::from_micros(patience_us)));
                next = self.orders.take().ok();
            }
        }
        false
    }

    fn obey(&mut self, order: Order, round: &mut Round) -> bool {
        match order {
            Order::Block(Block { timestamp_s, bytes, end, waiting }) => {
                round.is_stream |= waiting > 1 || bytes.len() >= STREAM_LEN;
                self.writer.accept(timestamp_s, bytes, end);
                round.waiting += waiting;
            }
            Order::Policy(policy) => self.policy = policy,
            Order::Seals(seals) => self.writer.set_seals(seals),
            Order::Rotate => {
                let rotated = self.writer.rotate().map_err(|error| error.to_string());
                self.report(Report::Rotated(rotated));
            }
            Order::Install { temporary, format, collects } => {
                let installed = self.writer.install(&temporary, format).map_err(|error| error.to_string());
                let installed = installed.map(|name| (name, self.writer.size()));
                let garbage = if collects && installed.is_ok() { self.retire() } else { Vec::new() };
                self.report(Report::Installed(installed));
                self.remove(garbage);
            }
            Order::CollectGarbage => {
                let garbage = self.retire();
                self.remove(garbage);
            }
            Order::Close => {
                let closed = self.writer.close().map_err(|error| error.to_string());
                self.writer.discard_temporary();
                self.publish();
                self.report(Report::Closed(closed));
                return true;
            }
        }
        false
    }

    /// Takes what is no longer read off the manifest.
    fn retire(&mut self) -> Vec<Part> {
        self.writer.retire().unwrap_or_else(|error| {
            self.report(Report::Warning(error.to_string()));
            Vec::new()
        })
    }

    fn remove(&self, garbage: Vec<Part>) {
        for part in garbage {
            let removed = self.writer.remove(&part);
            self.report(match removed {
                Ok(()) => Report::Removed(part.name),
                Err(error) => Report::Warning(error.to_string()),
            });
        }
    }

    fn flush(&mut self, round: &mut Round) {
        if self.writer.pending_bytes() == 0 {
            round.retry_us = None;
            return;
        }
        let delay_us = self.shared.delay_us.load(Ordering::Relaxed);
        if delay_us > 0 {
            std::thread::sleep(Duration::from_micros(delay_us));
        }
        let started_us = clock::wall_us();
        let is_synced_next =
            self.policy == AppendFsync::Always && !self.shared.spares_disk.load(Ordering::Relaxed);
        self.writer.set_pads(is_synced_next);
        let result = self.writer.flush();
        while let Some(buffer) = self.writer.take_spare() {
            self.orders.give_back(buffer);
        }
        self.tell_if_slow(Step::Write, clock::wall_us().saturating_sub(started_us));
        match result {
            Ok(()) => {
                let had_failed = round.retry_us.take().is_some();
                if had_failed && !round.sync_failed {
                    self.recovered(round);
                }
            }
            Err(failed) => {
                let is_first = round.retry_us.replace(clock::wall_us() + RETRY_US).is_none();
                if is_first {
                    let (reason, text) = (failed.error.reason(), StepError::Write(failed).to_string());
                    self.report(Report::WriteFailed { reason, text });
                }
            }
        }
    }

    fn sync_if_due(&mut self, round: &mut Round) {
        let now = clock::wall_us();
        let is_due = match self.policy {
            AppendFsync::Always => true,
            AppendFsync::Everysec => now.saturating_sub(round.synced_us) >= SYNC_PERIOD_US,
            AppendFsync::No => false,
        };
        if !is_due || self.writer.is_synced() || self.shared.spares_disk.load(Ordering::Relaxed) {
            return;
        }
        self.shared.is_syncing.store(true, Ordering::Relaxed);
        let result = self.writer.sync();
        self.shared.is_syncing.store(false, Ordering::Relaxed);
        round.synced_us = clock::wall_us();
        round.sync_took_us = round.synced_us.saturating_sub(now);
        if self.policy == AppendFsync::Always {
            self.tell_if_slow(Step::Sync, round.sync_took_us);
        }
        if round.sync_took_us > SYNC_PERIOD_US {
            self.shared.delayed_syncs.fetch_add(1, Ordering::Relaxed);
        }
        self.synced(result, round);
    }

    fn synced(&mut self, result: Result<(), Error>, round: &mut Round) {
        match result {
            Ok(()) => {
                round.expected = std::mem::take(&mut round.waiting);
                if std::mem::take(&mut round.sync_failed) && round.retry_us.is_none() {
                    self.recovered(round);
                }
            }
            Err(error) => {
                let reason = error.reason();
                if self.policy == AppendFsync::Always {
                    return self.report(Report::CannotPromise(reason));
                }
                round.may_lack = true;
                if !std::mem::replace(&mut round.sync_failed, true) {
                    let text = format!("Fail to fsync the AOF file: {reason}");
                    self.report(Report::WriteFailed { reason, text });
                }
            }
        }
    }

    fn recovered(&self, round: &mut Round) {
        self.report(Report::Recovered { may_lack: std::mem::take(&mut round.may_lack) });
    }

    fn tell_if_slow(&self, step: Step, us: u64) {
        if us >= self.shared.slow_us.load(Ordering::Relaxed) {
            self.report(Report::Slow(step, us));
        }
    }

    fn publish(&self) {
        let (written, synced) = (self.writer.written(), self.writer.synced());
        self.shared.size.store(self.writer.size(), Ordering::Relaxed);
        let before = self.shared.written.swap(written, Ordering::SeqCst);
        let synced_before = self.shared.synced.swap(synced, Ordering::SeqCst);
        // The loop asks to be woken first and looks at the figures then: one of both sees the other.
        if (before, synced_before) != (written, synced) && self.shared.wants_wake.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    fn report(&self, report: Report) {
        // Whoever does not listen any more is at its end.
        let _ = self.reports.send(report);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            // Without being woken, the loop sees it at its next turn.
            let _ = waker.wake();
        }
    }
}
