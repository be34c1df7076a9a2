//! Putting elements in and taking them out, and the splits and merges of blocks that follow.
//!
//! A block that has no room splits before a new element comes, at the middle between the least and the greatest place, the new
//! one's included. So a huge element is moved by no split: once it is alone, those that come near it get blocks of their own.

use super::elements::content_bytes;
use super::key::Key;
use super::{BLOCK_BYTES_MAX, BLOCK_LEN_MAX, Dict, Found, Shape, read};
use crate::block::Block;
use crate::tree::Cursor;

/// A block with no more elements than these merges with a neighbour, if both together have at most twice as many.
const THIN_LEN_MAX: usize = BLOCK_LEN_MAX / 4;
/// Blocks merge up to so many bytes.
const MERGED_BYTES_MAX: usize = BLOCK_BYTES_MAX / 2;

impl<S: Shape> Dict<S> {
    /// Puts an element in, or writes over the one of that key. Gives what `show` makes of the old one.
    pub(super) fn put<R>(
        &mut self,
        key: &Key<'_>,
        rest: S::Rest<'_>,
        show: impl FnOnce(S::Element<'_>) -> R,
    ) -> Option<R> {
        let Some(Found { block, index, .. }) = self.find(key) else {
            self.insert_absent(key, rest);
            return None;
        };
        let old = read::<S>(block.element(index));
        let (result, old_expiry) = (show(old), S::expiry(S::split(old).1));
        let key_len = key.encoded_len();
        self.resize(key, key_len, key_len + S::encoded_len(rest), |bytes| S::write(rest, bytes));
        self.expiries.change(key.hash(), old_expiry, S::expiry(rest));
        Some(result)
    }

    /// Puts in an element whose key is absent.
    pub(super) fn insert_absent(&mut self, key: &Key<'_>, rest: S::Rest<'_>) {
        let len = key.encoded_len() + S::encoded_len(rest);
        let push = |block: &mut Block| {
            S::write(rest, key.write(block.push(key.tag(), len)));
            block.set_bound(block.bound().min(key.place())); // only the first block's may be greater
        };
        let fresh = |bound| {
            let mut block = Block::zeroed(content_bytes(1, len, false), false, bound);
            push(&mut block);
            block
        };
        match self.make_room(key.place(), len, 1) {
            Room::Block(cursor) => self.change(&cursor, push),
            Room::Before { cursor, pivot } => self.split(&cursor, |block| {
                block.unshare();
                let fresh = fresh(block.bound());
                let mut old = std::mem::replace(block, fresh);
                old.set_bound(pivot);
                old
            }),
            Room::After { cursor, pivot } => self.split(&cursor, |_| fresh(pivot)),
            Room::Empty => {
                let block = fresh(0);
                self.block_bytes += block.allocated_bytes();
                self.index.put_first(block);
            }
        }
        self.expiries.change(key.hash(), None, S::expiry(rest));
    }

    /// Changes the length of an element, which must be there. `write` gets what comes after the first `kept` bytes.
    pub(super) fn resize(&mut self, key: &Key<'_>, kept: usize, len: usize, write: impl FnOnce(&mut [u8])) {
        let found = |dict: &Self| {
            dict.find(key).map(|found| (found.cursor, found.index)).expect("an element that is there")
        };
        let (mut cursor, mut index) = found(self);
        let old_len = self.index.block(&cursor).element(index).len();
        if len > old_len {
            self.make_room(key.place(), len - old_len, 0);
            (cursor, index) = found(self);
        }
        self.change(&cursor, |block| write(&mut block.resize(index, kept, len)[kept..]));
    }

    /// Takes an element out after showing it.
    pub(super) fn take<R>(
        &mut self,
        cursor: &Cursor,
        index: usize,
        show: impl FnOnce(S::Element<'_>) -> R,
    ) -> R {
        let bytes = self.index.block(cursor).element(index);
        let (element, hash) = (read::<S>(bytes), self.hash_of(bytes));
        let (result, expiry) = (show(element), S::expiry(S::split(element).1));
        let (len, bytes) = self.change(cursor, |block| {
            block.remove(index);
            (block.len(), block.elements_bytes())
        });
        if (1..=THIN_LEN_MAX).contains(&len) {
            self.merge(cursor, len, bytes);
        }
        self.expiries.change(hash, expiry, None);
        result
    }

    /// Changes a block, which may become empty.
    fn change<R>(&mut self, cursor: &Cursor, change: impl FnOnce(&mut Block) -> R) -> R {
        let block_bytes = &mut self.block_bytes;
        self.index.change(cursor, |block, _| {
            *block_bytes -= block.allocated_bytes();
            let result = change(block);
            if block.len() > 0 {
                *block_bytes += block.allocated_bytes();
            }
            result
        })
    }

    /// Changes a block and puts another one after it.
    fn split(&mut self, cursor: &Cursor, split: impl FnOnce(&mut Block) -> Block) {
        let block_bytes = &mut self.block_bytes;
        self.index.change(cursor, |block, after| {
            *block_bytes -= block.allocated_bytes();
            let right = split(block);
            *block_bytes += block.allocated_bytes() + right.allocated_bytes();
            after.push(right);
        });
    }

    /// Splits blocks until there is room at a place for so many more bytes in so many more elements.
    fn make_room(&mut self, place: u64, bytes: usize, elements: usize) -> Room {
        loop {
            let Some((cursor, block)) = self.index.find(place) else { return Room::Empty };
            let len = block.len() + elements;
            let fits = block.elements_bytes() + bytes <= BLOCK_BYTES_MAX || len == 1;
            if fits && len <= BLOCK_LEN_MAX {
                return Room::Block(cursor);
            }
            let places: Vec<u64> = block.iter().map(|(_, element)| self.place_of(element)).collect();
            let least = places.iter().fold(place, |least, &place| least.min(place));
            let greatest = places.iter().fold(place, |greatest, &place| greatest.max(place));
            let pivot = least + (greatest - least).div_ceil(2);
            match places.iter().filter(|&&place| place >= pivot).count() {
                _ if least == greatest => return Room::Block(cursor),
                0 => return Room::After { cursor, pivot },
                right if right == places.len() => return Room::Before { cursor, pivot },
                _ => (),
            }
            let part = |is_right| {
                let elements = block.iter().zip(&places);
                elements.filter(move |(_, place)| (**place >= pivot) == is_right).map(|(element, _)| element)
            };
            let left = Block::pack(part(false), block.bound().min(least));
            let right = Block::pack(part(true), pivot);
            self.split(&cursor, |block| {
                *block = left;
                right
            });
        }
    }

    /// Merges a thin block with a neighbour, if they fit well.
    fn merge(&mut self, cursor: &Cursor, len: usize, bytes: usize) {
        let fits = |block: &Block| {
            block.len() + len <= 2 * THIN_LEN_MAX && block.elements_bytes() + bytes <= MERGED_BYTES_MAX
        };
        let next = self.index.next(cursor).filter(|(_, next)| fits(next)).map(|_| *cursor);
        let left =
            next.or_else(|| Some(self.index.previous(cursor).filter(|(_, previous)| fits(previous))?.0));
        let Some(left) = left else { return };
        let block_bytes = &mut self.block_bytes;
        self.index.change_pair(&left, |left, right| {
            *block_bytes -= left.allocated_bytes() + right.allocated_bytes();
            *left = Block::pack(left.iter().chain(right.iter()), left.bound());
            *right = Block::zeroed(0, false, 0);
            *block_bytes += left.allocated_bytes();
        });
    }
}

/// Where a new element goes.
enum Room {
    /// Into a block.
    Block(Cursor),
    /// Into a block of its own before one whose elements are all at or after the pivot.
    Before { cursor: Cursor, pivot: u64 },
    /// Into a block of its own, from the pivot on, after one.
    After { cursor: Cursor, pivot: u64 },
    /// Into the first block.
    Empty,
}
