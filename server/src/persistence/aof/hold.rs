//! Who waits for the disk: replies under `appendfsync always`, and WAITAOF.
//!
//! Invariant: under `always` no client gets to know of a change before it is on disk; only while writes are refused, because the
//! disk fails, are others served with what is in memory. Who wrote before the loop was told of the failure waits until the disk
//! is back.

use super::Stage;
use crate::blocking::{self, Wait};
use crate::config::AppendFsync;
use crate::engine::State;
use crate::store::Store;
use std::sync::atomic::Ordering;

/// A client in WAITAOF: until when the stream of writes must be on disk for it.
#[derive(Clone, Copy, Debug)]
pub struct DiskWait {
    /// Its token.
    pub token: usize,
    /// Its id, as tokens are used again.
    pub id: u64,
    /// The stream's offset.
    pub until: u64,
}

/// Whether replies are held back until the stream up to `offset`, which was handed over, is on disk.
pub fn holds(state: &State, offset: u64) -> bool {
    let aof = &state.persistence.aof;
    if aof.stage != Stage::On || state.config.appendfsync != AppendFsync::Always {
        return false;
    }
    // One of both sees the other: see the thread.
    aof.shared.wants_wake.store(true, Ordering::SeqCst);
    confirmed(state) < offset && aof.failure().is_none()
}

/// Replies may go out that wait for the stream up to here.
pub fn confirmed(state: &State) -> u64 {
    let aof = &state.persistence.aof;
    if aof.stage != Stage::On || state.config.appendfsync != AppendFsync::Always {
        return u64::MAX;
    }
    let shared = &aof.shared;
    let spares = shared.spares_disk.load(Ordering::Relaxed);
    (if spares { &shared.written } else { &shared.synced }).load(Ordering::SeqCst)
}

/// `no-appendfsync-on-rewrite`: whether something else writes.
pub fn heed_other_writers(state: &State) {
    let persistence = &state.persistence;
    let busy = persistence.snapshots.is_running() || persistence.aof.rewrites.is_running();
    let spares = state.config.no_appendfsync_on_rewrite && busy;
    persistence.aof.shared.spares_disk.store(spares, Ordering::Relaxed);
}

/// A client waits in WAITAOF.
pub fn wait(state: &mut State, token: usize, id: u64, until: u64) {
    let aof = &mut state.persistence.aof;
    aof.waits.push(DiskWait { token, id, until });
    aof.shared.wants_wake.store(true, Ordering::SeqCst);
}

/// Ends the waits of WAITAOF that have what they wait for.
pub fn release_waits(store: &mut Store, state: &mut State) {
    if state.persistence.aof.waits.is_empty() {
        return;
    }
    let synced = state.persistence.aof.synced();
    let waits = std::mem::take(&mut state.persistence.aof.waits);
    let (ended, still): (Vec<_>, Vec<_>) = waits.into_iter().partition(|wait| wait.until <= synced);
    let is_waiting = |state: &State, wait: &DiskWait| {
        let client = state.clients.get(wait.token).map(|peer| &peer.client);
        client.is_some_and(|client| {
            client.id == wait.id
                && client.blocked.as_ref().is_some_and(|blocked| matches!(blocked.wait, Wait::Disk))
        })
    };
    for wait in ended.iter().filter(|wait| is_waiting(state, wait)).copied().collect::<Vec<_>>() {
        blocking::end(store, state, wait.token, blocking::Ending::Timeout);
    }
    let still: Vec<_> = still.into_iter().filter(|wait| is_waiting(state, wait)).collect();
    state.persistence.aof.waits.extend(still);
    if state.persistence.aof.waits.is_empty() && state.config.appendfsync != AppendFsync::Always {
        state.persistence.aof.shared.wants_wake.store(false, Ordering::SeqCst);
    }
}
