//! What the server does to lose nothing: snapshots, loading.
//!
//! | file | holds |
//! |---|---|
//! | `snapshot.rs` | SAVE, BGSAVE, save points: when a snapshot is taken, and what became of it |
//! | `job.rs` | what INFO tells of a save or rewrite |
//! | `load.rs` | filling the databases from a snapshot |
//! | `aof/` | the append-only file |
//!
//! What the bytes mean and how they get to the disk is in `rufous_persistence`.
//!
//! Invariant: the loop freezes the keyspace and goes on; a thread of its own walks the view and writes. It shares nothing
//! with the loop but the view, a counter and the flag that calls it off; its result comes as a message.

pub mod aof;
pub mod job;
pub mod load;
pub mod snapshot;

use crate::engine::{EngineSpecial, State};
use aof::AppendOnly;
use load::Loading;
use rufous_persistence::disk::{Disk, Real};
use snapshot::Snapshots;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The state of all of it.
pub struct Persistence {
    /// Where files are.
    pub disk: Arc<dyn Disk>,
    /// Snapshots.
    pub snapshots: Snapshots,
    /// The append-only file.
    pub aof: AppendOnly,
    /// How far loading came, while it goes on.
    pub loading: Option<Loading>,
    /// What the last loading found.
    pub loaded: load::Summary,
    /// Set when the user insists that the server ends at once.
    pub interrupt: Arc<AtomicBool>,
    /// Wakes the loop when a thread has a message for it.
    pub waker: Option<Arc<mio::Waker>>,
}

impl Persistence {
    /// Nothing saved, nothing loaded.
    pub fn new(started_s: i64) -> Persistence {
        Persistence {
            disk: Arc::new(Real),
            snapshots: Snapshots::new(started_s),
            aof: AppendOnly::default(),
            loading: None,
            loaded: load::Summary::default(),
            interrupt: Arc::default(),
            waker: None,
        }
    }
}

/// Sets or clears the flag that makes writes pass the gate for disk errors.
pub fn refresh_special(state: &mut State) {
    let persistence = &state.persistence;
    let refused = persistence.snapshots.stops_writes(&state.config) || persistence.aof.failure().is_some();
    state.special.set(EngineSpecial::DISK_ERROR, refused);
    state.special.set(EngineSpecial::LOADING, state.persistence.loading.is_some());
}
