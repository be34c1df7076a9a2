//! What an element is looked up by: its key as it lies in a block, and the key's hash.
//!
//! ```text
//! hash  | 63..14 place: orders the elements of a dict | 13..8 | 7..0 tag: tells the elements of a block apart |
//! ```

use crate::hash::same_key;
use crate::pack::Item;

/// Bits of the hash that order elements. Cursors of scans are places, below 2^50 as those of the keyspace.
pub(super) const PLACE_BITS: u32 = 50;
/// The most bytes of an item before a string's content.
const HEAD_BYTES_MAX: usize = 9;

/// A key, hashed and encoded once for several uses. It is good for all dicts of one hash function.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    hash: u64,
    /// The item's encoding up to a string's content.
    head: [u8; HEAD_BYTES_MAX],
    head_len: u8,
    content: &'a [u8],
}

impl<'a> Key<'a> {
    /// The key that a canonical item is, with its hash.
    #[inline]
    pub(super) fn new(item: Item<'a>, hash: u64) -> Key<'a> {
        let (head, head_len) = item.head();
        let content = match item {
            Item::Int(_) => &[],
            Item::Bytes(bytes) => bytes,
        };
        Key { hash, head, head_len: head_len as u8, content }
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

    /// Bytes of the encoded key.
    #[inline]
    pub(super) fn encoded_len(&self) -> usize {
        self.head().len() + self.content.len()
    }

    /// Whether an element has this key. Encodings are canonical, and none is the beginning of another.
    #[inline]
    pub(super) fn begins(&self, element: &[u8]) -> bool {
        let (head, len) = (self.head(), self.encoded_len());
        element.len() >= len
            && element[0] == head[0]
            && (head.len() == 1 || same_key(&element[..head.len()], head))
            && same_key(&element[head.len()..len], self.content)
    }

    /// Writes the key to the beginning of an element; gives what comes after it.
    #[inline]
    pub(super) fn write<'e>(&self, element: &'e mut [u8]) -> &'e mut [u8] {
        let head = self.head();
        let (key, rest) = element.split_at_mut(self.encoded_len());
        key[..head.len()].copy_from_slice(head);
        key[head.len()..].copy_from_slice(self.content);
        rest
    }

    #[inline]
    fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len)]
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
