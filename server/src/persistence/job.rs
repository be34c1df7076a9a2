//! What a save and a rewrite in the background have in common: figures, while they run and afterwards.

use crate::store::Store;
use rufous_persistence::rdb::Progress;
use std::sync::Arc;

/// One that runs.
pub struct Job {
    /// Shared with its thread.
    pub progress: Arc<Progress>,
    keys: u64,
    started_s: i64,
    kept_before: u64,
}

/// The last one that ran.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastJob {
    /// How long it took.
    pub duration_s: Option<i64>,
    /// What it made the keyspace keep, in bytes.
    pub kept_bytes: u64,
}

impl Job {
    /// One that begins now and writes so many keys.
    pub fn begin(store: &Store, progress: Arc<Progress>, keys: u64, now_s: i64) -> Job {
        Job { progress, keys, started_s: now_s, kept_before: store.keyspace.kept_bytes() }
    }

    /// Keys written so far, and keys in all.
    pub fn keys(&self) -> (u64, u64) {
        (self.progress.keys(), self.keys)
    }

    /// For how long it has run.
    pub fn seconds(&self, now_s: i64) -> i64 {
        now_s - self.started_s
    }

    /// What it has made the keyspace keep, in bytes. It only ever grows, up to the end.
    pub fn kept_bytes(&self, store: &Store) -> u64 {
        store.keyspace.kept_bytes() - self.kept_before
    }

    /// What there is to tell of it at its end.
    pub fn end(&self, store: &Store, now_s: i64) -> LastJob {
        LastJob { duration_s: Some(self.seconds(now_s)), kept_bytes: self.kept_bytes(store) }
    }
}
