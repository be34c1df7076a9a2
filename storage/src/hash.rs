//! The one hash function of tables and dicts: rapidhash, keyed by a seed. And the equality that goes with it.
//!
//! Why keyed through and through: with the algorithm's published constants anybody can build keys that collide
//! under every seed. So the seed makes all eight constants. They are shared by every table of an engine
//! (one pointer each), because a small table must not pay 64 bytes for them.

use std::fmt;
use std::sync::Arc;

use rapidhash::v3::{RapidSecrets, rapidhash_v3_micro_inline};

/// A keyed hash function. Clones hash alike, and hashers of the same seed hash alike.
#[derive(Clone)]
pub struct Hasher {
    secrets: Arc<RapidSecrets>,
}

impl Hasher {
    /// A hash function keyed by `seed`, which must come from the engine's random source.
    pub fn new(seed: u64) -> Self {
        Self { secrets: Arc::new(RapidSecrets::seed(seed)) }
    }

    /// The 64-bit hash of a key; all bits are usable.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        rapidhash_v3_micro_inline::<true, false>(key, &self.secrets)
    }
}

/// Whether two keys are equal, without a call for the lengths that keys usually have.
#[inline]
pub(crate) fn same_key(a: &[u8], b: &[u8]) -> bool {
    /// Whether two words that overlap or touch, and so cover keys of `N` to twice `N` bytes, are the same.
    #[inline]
    fn same_ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
        a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
    }
    a.len() == b.len()
        && match a.len() {
            8..=16 => same_ends::<8>(a, b),
            4..8 => same_ends::<4>(a, b),
            _ => a == b,
        }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hasher")
    }
}

#[cfg(test)]
mod tests {
    use super::Hasher;

    #[test]
    fn the_seed_decides_the_hash() {
        let (one, same, other) = (Hasher::new(1), Hasher::new(1), Hasher::new(2));
        for length in 0..200 {
            let key = vec![b'k'; length];
            assert_eq!(one.hash(&key), same.hash(&key));
            assert_ne!(one.hash(&key), other.hash(&key), "length {length}");
        }
    }
}
