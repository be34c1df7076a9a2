//! A bucket: one cache line of seven slots and their tags.
//!
//! ```text
//! byte  0       8                56      63
//!       | slot 0 | .. | slot 6 | 7 tags | overflow |
//! slot  | 63..54 place | 53..48 next directory bits | 47..3 element pointer | 2..1 zero | 0 shared |
//! ```
//! - tag: eight bits of the hash, never 0; 0 means that the slot is empty (and the slot is null).
//! - place: ten bits of the hash, which say where in its page an element is at home (see `page`).
//! - next directory bits: the six hash bits that the next splits of the page decide by.
//! - shared: set when a live view may see the element. Stale once all views have ended.
//! - overflow: where elements live that are at home in this bucket, but not in it: in its neighbour (bit 7),
//!   in the first six stash buckets (bits 0 to 5), in any stash bucket after those (bit 6).
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

/// Slots in a bucket.
pub(super) const SLOTS: usize = 7;
/// Bytes in a bucket.
pub(super) const BUCKET_BYTES: usize = size_of::<Bucket>();

const SHARED: usize = 1;
const POINTER: usize = 0x0000_ffff_ffff_fff8;
/// What tells the neighbour in an overflow byte.
pub(super) const NEIGHBOUR: u8 = 1 << 7;

/// A bucket as described above.
#[repr(C, align(64))]
pub(super) struct Bucket {
    slots: [Slot; SLOTS],
    tags: [u8; 8],
}

impl Bucket {
    /// No element.
    pub(super) const EMPTY: Self = Self { slots: [Slot::EMPTY; SLOTS], tags: [0; 8] };

    /// The slots whose tag is `tag`.
    #[inline]
    pub(super) fn matching(&self, tag: u8) -> Matches {
        Matches(matching_tags(&self.tags, tag) & 0x7f)
    }

    /// The slots that hold an element.
    #[inline]
    pub(super) fn occupied(&self) -> Matches {
        Matches(!matching_tags(&self.tags, 0) & 0x7f)
    }

    /// An empty slot.
    #[inline]
    pub(super) fn vacancy(&self) -> Option<usize> {
        self.matching(0).next()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.occupied().0.count_ones() as usize
    }

    #[inline]
    pub(super) fn slot(&self, index: usize) -> Slot {
        self.slots[index]
    }

    #[inline]
    pub(super) fn tag(&self, index: usize) -> u8 {
        debug_assert!(index < SLOTS);
        self.tags[index]
    }

    #[inline]
    pub(super) fn set(&mut self, index: usize, slot: Slot, tag: u8) {
        debug_assert!(index < SLOTS && tag != 0 && self.tags[index] == 0);
        self.slots[index] = slot;
        self.tags[index] = tag;
    }

    /// Changes the slot of an element, which keeps its tag.
    #[inline]
    pub(super) fn set_slot(&mut self, index: usize, slot: Slot) {
        debug_assert!(self.tags[index] != 0);
        self.slots[index] = slot;
    }

    /// Empties a slot; gives back its content and tag.
    #[inline]
    pub(super) fn clear(&mut self, index: usize) -> (Slot, u8) {
        let content = (self.slots[index], self.tags[index]);
        self.slots[index] = Slot::EMPTY;
        self.tags[index] = 0;
        content
    }

    /// Marks every element as shared with a view.
    pub(super) fn share_all(&mut self) {
        for index in self.occupied() {
            self.slots[index] = self.slots[index].shared();
        }
    }

    /// Where else elements live that are at home here; 0 for nowhere.
    #[inline]
    pub(super) fn overflow(&self) -> u8 {
        self.tags[7]
    }

    pub(super) fn add_overflow(&mut self, bit: u8) {
        self.tags[7] |= bit;
    }

    pub(super) fn remove_overflow(&mut self, bit: u8) {
        self.tags[7] &= !bit;
    }
}

/// What tells a stash bucket in an overflow byte.
pub(super) fn stash_bit(index: usize) -> u8 {
    1 << index.min(6)
}

/// The stash buckets, of so many, that an overflow byte tells.
#[inline]
pub(super) fn stash_buckets(overflow: u8, stash: usize) -> impl Iterator<Item = usize> {
    let first = Matches(u32::from(overflow & 0x3f));
    let rest = if overflow & 0x40 == 0 { 0..0 } else { 6..stash };
    first.chain(rest)
}

/// A tagged element pointer, or null.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Slot(*mut u8);

impl Slot {
    const EMPTY: Self = Self(ptr::null_mut());

    /// An element at `ptr` with the given place and next directory bits, not shared.
    #[inline]
    pub(super) fn new(ptr: NonNull<u8>, place: u64, next_bits: u64) -> Self {
        debug_assert_eq!(ptr.addr().get() & !POINTER, 0, "elements are 8-aligned and below 2^48");
        let bits = (place << 54 | next_bits << 48) as usize;
        Self(ptr.as_ptr().map_addr(|address| address | bits))
    }

    /// The element's address; the slot must hold one.
    #[inline]
    pub(super) fn element(self) -> NonNull<u8> {
        let ptr = self.0.map_addr(|address| address & POINTER);
        NonNull::new(ptr).expect("an occupied slot holds an element")
    }

    #[inline]
    pub(super) fn place(self) -> u64 {
        self.0.addr() as u64 >> 54
    }

    #[inline]
    pub(super) fn next_bits(self) -> u64 {
        self.0.addr() as u64 >> 48 & 63
    }

    #[inline]
    pub(super) fn is_shared(self) -> bool {
        self.0.addr() & SHARED != 0
    }

    #[inline]
    pub(super) fn shared(self) -> Self {
        Self(self.0.map_addr(|address| address | SHARED))
    }

    /// Another element in the place of this one, not shared.
    #[inline]
    pub(super) fn with_element(self, ptr: NonNull<u8>) -> Self {
        Self::new(ptr, self.place(), self.next_bits())
    }

    pub(super) fn with_next_bits(self, next_bits: u64) -> Self {
        Self(self.0.map_addr(|address| address & !(63 << 48) | (next_bits as usize) << 48))
    }
}

/// The indices of some slots, ascending.
#[derive(Clone, Copy)]
pub(super) struct Matches(u32);

impl Iterator for Matches {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let index = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(index)
    }
}

/// A mask of the bytes of `tags` that are equal to `tag`.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
#[inline]
fn matching_tags(tags: &[u8; 8], tag: u8) -> u32 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_cvtsi64_si128, _mm_movemask_epi8, _mm_set1_epi8};
    // SAFETY: compiled only where every machine has SSE2.
    unsafe {
        let tags = _mm_cvtsi64_si128(i64::from_le_bytes(*tags));
        _mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8(tag as i8))) as u32 & 0xff
    }
}

/// A mask of the bytes of `tags` that are equal to `tag`.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
#[inline]
fn matching_tags(tags: &[u8; 8], tag: u8) -> u32 {
    matching_tags_portable(tags, tag)
}

/// As `matching_tags`, on any machine.
#[cfg(any(test, miri, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
fn matching_tags_portable(tags: &[u8; 8], tag: u8) -> u32 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let difference = u64::from_le_bytes(*tags) ^ u64::from_ne_bytes([tag; 8]);
    // The top bit of each byte: set where all eight bits of the difference are zero.
    let zeros = !(((difference & LOW) + LOW) | difference | LOW);
    // Gathers the eight top bits into the topmost byte, first byte lowest.
    (zeros.wrapping_mul(0x0002_0408_1020_4081) >> 56) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_matching_agree() {
        let mut state = 1_u64;
        for _ in 0..if cfg!(miri) { 100 } else { 100_000 } {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            // Few values, so that neighbours of equal and nearly equal bytes occur.
            let tags = (state >> 8).to_le_bytes().map(|byte| byte & 0x81);
            for tag in [0, 1, 0x80, 0x81] {
                let expected: u32 = (0..8).map(|n| u32::from(tags[n] == tag) << n).sum();
                assert_eq!(matching_tags(&tags, tag), expected);
                assert_eq!(matching_tags_portable(&tags, tag), expected);
            }
        }
    }

    #[test]
    fn a_slot_keeps_its_fields_apart() {
        let mut element = 0_u64;
        let ptr = NonNull::from(&mut element).cast();
        let slot = Slot::new(ptr, 1023, 21);
        assert_eq!((slot.element(), slot.place(), slot.next_bits()), (ptr, 1023, 21));
        assert!(!slot.is_shared() && slot.shared().is_shared());
        let slot = slot.shared().with_next_bits(42);
        assert_eq!((slot.element(), slot.place(), slot.next_bits()), (ptr, 1023, 42));
        assert!(slot.is_shared() && !slot.with_element(ptr).is_shared());
    }
}
