//! What an element is looked up by: its key, and the key's hash.
//!
//! ```text
//! hash  | 63..14 place: orders the elements of a dict | 13..8 | 7..0 tag: tells the elements of a block apart |
//! ```

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

#[inline]
pub(super) fn place_of(hash: u64) -> u64 {
    hash >> (u64::BITS - PLACE_BITS)
}

#[inline]
pub(super) fn tag_of(hash: u64) -> u8 {
    hash as u8
}
