//! What an element is looked up by: its key, and the key's hash.
//!
//! ```text
//! hash  | 63..14 place: orders the elements of a dict | 13..8 | 7..0 tag: tells the elements of a block apart |
//! ```
//! Places are not spread evenly: they are twice as dense at the end as at the beginning. So blocks, each half of a range, half of
//! that, and so on, are of all fillings at any time, and fill up one after the other as the dict grows. If all were about
//! as full, all would leave one size class of the allocator for the next at a time, and leave slabs of it behind, a third of the memory.

use crate::hash::same_key;
use crate::pack::Item;

/// Bits of the hash that order elements. Cursors of scans are places, below 2^50 as those of the keyspace are.
pub(super) const PLACE_BITS: u32 = 50;

/// A key, hashed once for several uses. It is good for all dicts of one hash function.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    hash: u64,
    item: Item<'a>,
}

impl<'a> Key<'a> {
    /// The key that a canonical item is, with its hash.
    #[inline]
    pub(super) fn new(item: Item<'a>, hash: u64) -> Key<'a> {
        Key { hash, item }
    }

    #[inline]
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    #[inline]
    pub(super) fn item(&self) -> Item<'a> {
        self.item
    }

    #[inline]
    pub(super) fn place(&self) -> u64 {
        place_of(self.hash)
    }

    #[inline]
    pub(super) fn tag(&self) -> u8 {
        tag_of(self.hash)
    }

    /// Bytes that the key takes at the beginning of an element.
    #[inline]
    pub(super) fn encoded_len(&self) -> usize {
        self.item.encoded_len()
    }

    /// Whether an element has this key.
    #[inline]
    pub(super) fn begins(&self, element: &[u8]) -> bool {
        match (Item::read(element).0, self.item) {
            (Item::Int(value), Item::Int(own)) => value == own,
            (Item::Bytes(bytes), Item::Bytes(own)) => same_key(bytes, own),
            _ => false,
        }
    }

    /// Writes the key to the beginning of an element; gives what comes after it.
    #[inline]
    pub(super) fn write<'e>(&self, element: &'e mut [u8]) -> &'e mut [u8] {
        let len = self.item.write(element);
        &mut element[len..]
    }
}

/// The greater the hash, the greater the place.
#[inline]
pub(super) fn place_of(hash: u64) -> u64 {
    // With u from 0 to 1: u (4 - u) / 3, whose slope goes from 4/3 to 2/3.
    let even = hash >> (u64::BITS - PLACE_BITS);
    let square = (u128::from(even) * u128::from(even)) >> PLACE_BITS;
    (4 * even - square as u64) / 3
}

#[inline]
pub(super) fn tag_of(hash: u64) -> u8 {
    hash as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_the_order_of_hashes_and_twice_as_dense_at_the_end() {
        let last = (1 << PLACE_BITS) - 1;
        assert_eq!((place_of(0), place_of(u64::MAX)), (0, last));
        let step = 1 << (u64::BITS - PLACE_BITS);
        for start in (0..u64::MAX - 1000 * step).step_by(1 << 54) {
            let places = (0..1000).map(|index| place_of(start + index * step));
            assert!(places.is_sorted() && place_of(start) == place_of(start + step - 1));
        }
        let hashes_in = |from: f64| {
            let (from, upto) = ((from * last as f64) as u64, ((from + 0.001) * last as f64) as u64);
            (0..1_000_000)
                .filter(|sample| (from..upto).contains(&place_of(sample * (u64::MAX / 1_000_000))))
                .count()
        };
        let (sparse, dense) = (hashes_in(0.0), hashes_in(0.999));
        assert!((740..760).contains(&sparse) && (1490..1510).contains(&dense), "{sparse} and {dense}");
    }
}
