//! From an element's bytes to the register it belongs to and the rank it brings there.
//!
//! The hash is MurmurHash64A, seeded as in Redis: sketches of both servers can be merged only because both put every
//! element into the same register. Of its 64 bits the lower 14 name the register; the rank is the place of the first
//! one-bit among the upper 50, counted from 1, and 51 if there is none.

use super::REGISTERS;

const SEED: u64 = 0xadc8_3b19;
const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;
const SHIFT: u32 = 47;
/// Bits of the hash that name a register.
const REGISTER_BITS: u32 = REGISTERS.ilog2();

/// The highest rank an element can have.
pub(super) const RANK_MAX: usize = (64 - REGISTER_BITS) as usize + 1;

/// What an element does to a sketch: its register is raised to its rank, if it is lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// Below [`REGISTERS`].
    pub register: usize,
    /// From 1 to 51.
    pub rank: u8,
}

impl Element {
    /// The element of these bytes.
    #[inline]
    pub fn of(bytes: &[u8]) -> Element {
        let hash = murmur64a(bytes);
        let rank = ((hash >> REGISTER_BITS) | 1 << (64 - REGISTER_BITS)).trailing_zeros() + 1;
        Element { register: hash as usize % REGISTERS, rank: rank as u8 }
    }
}

fn murmur64a(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(MULTIPLIER);
    for word in words {
        let word = u64::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        let word = (word ^ word >> SHIFT).wrapping_mul(MULTIPLIER);
        hash = (hash ^ word).wrapping_mul(MULTIPLIER);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, &byte| tail << 8 | u64::from(byte));
        hash = (hash ^ tail).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ hash >> SHIFT).wrapping_mul(MULTIPLIER);
    hash ^ hash >> SHIFT
}
