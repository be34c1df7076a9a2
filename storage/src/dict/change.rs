//! Putting elements in and taking them out, and the splits and merges of blocks that follow.
//!
//! A block that has no room for an element splits before the element comes, until the range where it belongs has room or is
//! empty. So no split ever moves a huge element: when it comes, its range is empty, and when others come, it is all that its block
//! has.

use super::elements::content_bytes;
use super::key::Key;
use super::{BLOCK_BYTES_MAX, BLOCK_LEN_MAX, Dict, Shape, find_in, place_of, read};
use crate::block::Block;

/// Blocks merge up to so many elements.
const MERGED_LEN_MAX: usize = BLOCK_LEN_MAX / 2;
/// Blocks merge up to so many bytes of elements.
const MERGED_BYTES_MAX: usize = BLOCK_BYTES_MAX / 2;

impl<S: Shape> Dict<S> {
    /// Puts an element in, or writes over the one of that key. Gives what `show` makes of the old one.
    pub(super) fn put<R>(
        &mut self,
        key: &Key<'_>,
        rest: S::Rest<'_>,
        show: impl FnOnce(S::Element<'_>) -> R,
    ) -> Option<R> {
        let key_len = key.encoded_len();
        let len = key_len + S::encoded_len(rest);
        let mut show = Some(show);
        let mut show = |element: &[u8]| {
            let old = read::<S>(element);
            Some((show.take()?(old), S::expiry(S::split(old).1)))
        };
        let replaced = self.insert_or(key, rest, |block, index| {
            let element = block.element_mut(index);
            if element.len() != len {
                return None;
            }
            let shown = show(element);
            S::write(rest, &mut element[key_len..]);
            shown
        })?;
        let (result, old_expiry) = match replaced {
            Some(shown) => shown,
            None => {
                let (block, index) = self.find(key)?;
                let shown = show(block.element(index))?;
                self.resize(key, index, key_len, len, |bytes| S::write(rest, bytes));
                shown
            }
        };
        self.expiries.change(key.hash(), old_expiry, S::expiry(rest));
        Some(result)
    }

    /// Puts an element in unless there is one of that key; whether it did.
    #[inline]
    pub(super) fn insert_new(&mut self, key: &Key<'_>, rest: S::Rest<'_>) -> bool {
        self.insert_or(key, rest, |_, _| ()).is_none()
    }

    /// Puts an element in unless there is one of that key: then gives what `found` makes of its block and its index there.
    #[inline]
    fn insert_or<R>(
        &mut self,
        key: &Key<'_>,
        rest: S::Rest<'_>,
        mut found: impl FnMut(&mut Block, usize) -> R,
    ) -> Option<R> {
        let len = key.encoded_len() + S::encoded_len(rest);
        let mut may_split = true;
        loop {
            let outcome = self.change(key.place(), |slot| {
                if let Some(block) = slot {
                    if let Some(index) = find_in(block, key) {
                        return (Outcome::Found(found(block, index)), 0);
                    }
                    if may_split && !has_room(block, len, 1) {
                        return (Outcome::Full, 0);
                    }
                }
                let block = slot.get_or_insert_with(|| Block::zeroed(content_bytes(1, len, false), false, 0));
                S::write(rest, key.write(block.push(key.tag(), len)));
                (Outcome::Inserted, 1)
            });
            match outcome {
                Outcome::Found(result) => return Some(result),
                Outcome::Full => may_split = self.split(key.place()),
                Outcome::Inserted => break,
            }
        }
        self.expiries.change(key.hash(), None, S::expiry(rest));
        None
    }

    /// Changes the length of the element at an index. `write` gets what comes after the first `kept` bytes.
    pub(super) fn resize(
        &mut self,
        key: &Key<'_>,
        mut index: usize,
        kept: usize,
        len: usize,
        write: impl FnOnce(&mut [u8]),
    ) {
        let old_len = self.index.find(key.place()).map_or(0, |block| block.element(index).len());
        if len > old_len && self.make_room(key.place(), len - old_len) {
            index = self.find(key).expect("an element that was there before the split").1;
        }
        self.change(key.place(), |block| {
            let block = block.as_mut().expect("an element's block");
            (write(&mut block.resize(index, kept, len)[kept..]), 0)
        });
    }

    /// Takes the element at an index of the block at a place out, after showing it.
    pub(super) fn take<R>(&mut self, place: u64, index: usize, show: impl FnOnce(S::Element<'_>) -> R) -> R {
        let bytes = self.index.find(place).expect("an element's block").element(index);
        let (element, hash) = (read::<S>(bytes), self.hash_of(bytes));
        let (result, expiry) = (show(element), S::expiry(S::split(element).1));
        let len = self.change(place, |slot| {
            let block = slot.as_mut().expect("an element's block");
            block.remove(index);
            let len = block.len();
            if len == 0 {
                *slot = None;
            }
            (len, -1)
        });
        if len <= MERGED_LEN_MAX / 2 {
            while self.merge(place) {}
        }
        self.expiries.change(hash, expiry, None);
        result
    }

    /// Changes the block at a place. `change` also says by how many elements there are more.
    #[inline]
    pub(super) fn change<R>(
        &mut self,
        place: u64,
        change: impl FnOnce(&mut Option<Block>) -> (R, isize),
    ) -> R {
        let block_bytes = &mut self.block_bytes;
        self.index.change(place, |block| {
            *block_bytes -= bytes_of(block);
            let result = change(block);
            *block_bytes += bytes_of(block);
            result
        })
    }

    /// Splits blocks until there is room at a place for so many more bytes in an element that is there; whether it split any.
    fn make_room(&mut self, place: u64, bytes: usize) -> bool {
        let mut has_split = false;
        while self.index.find(place).is_some_and(|block| !has_room(block, bytes, 0)) && self.split(place) {
            has_split = true;
        }
        has_split
    }

    /// Splits the block at a place in two halves of its range; whether it was possible.
    fn split(&mut self, place: u64) -> bool {
        let Dict { index, hasher, block_bytes, .. } = self;
        index.split(place, |block, middle| {
            let Some(block) = block else { return [None, None] };
            *block_bytes -= block.allocated_bytes();
            let halves = block.part(|element| place_of::<S>(hasher, element) >= middle);
            *block_bytes += halves.iter().map(bytes_of).sum::<usize>();
            halves
        })
    }

    /// Merges the block at a place with its other half, if there is one and both are small; whether it did.
    fn merge(&mut self, place: u64) -> bool {
        let fit = |left: Option<&Block>, right: Option<&Block>| match (left, right) {
            (Some(left), Some(right)) => {
                left.len() + right.len() <= MERGED_LEN_MAX
                    && left.elements_bytes() + right.elements_bytes() <= MERGED_BYTES_MAX
            }
            _ => true,
        };
        let block_bytes = &mut self.block_bytes;
        self.index.merge(place, fit, |left, right| match (left, right) {
            (Some(left), Some(right)) => {
                let both = Block::pack(left.iter().chain(right.iter()));
                *block_bytes += both.allocated_bytes();
                *block_bytes -= left.allocated_bytes() + right.allocated_bytes();
                Some(both)
            }
            (left, right) => left.or(right),
        })
    }
}

/// What came of an insertion.
enum Outcome<R> {
    /// There is such a key.
    Found(R),
    /// The block has no room.
    Full,
    Inserted,
}

/// Whether a block may take so many more bytes and elements.
#[inline]
fn has_room(block: &Block, bytes: usize, elements: usize) -> bool {
    let len = block.len() + elements;
    len <= BLOCK_LEN_MAX && (block.elements_bytes() + bytes <= BLOCK_BYTES_MAX || len == 1)
}

#[inline]
fn bytes_of(block: &Option<Block>) -> usize {
    block.as_ref().map_or(0, Block::allocated_bytes)
}
