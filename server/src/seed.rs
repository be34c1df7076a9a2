//! The one draw of entropy: the seed from which an engine's generator starts. Everything random follows from it.

use std::hash::{BuildHasher, RandomState};

/// A seed that differs between processes and between engines of one process.
pub(crate) fn draw() -> u64 {
    // The standard library keys each state from the system's entropy; the time tells the states of one process apart.
    RandomState::new().hash_one(crate::clock::wall_us())
}
