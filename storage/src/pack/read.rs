//! Reading a block: places in it, and walks from either end.

use std::iter::{FusedIterator, Rev};

use super::item::Item;
use super::layout::{
    BYTES_MAX, COUNT_UNKNOWN, EMPTY, END, HEADER_BYTES, LEN_BYTES, entry_len_at, entry_len_before,
    with_back_len,
};

/// Where an element is: its offset in the block. An edit before or at it makes it invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub(super) u32);

impl Position {
    pub(super) fn new(offset: usize) -> Position {
        Position(offset as u32) // a block is below 4 GiB
    }

    /// Bytes of the block in front of the element.
    pub fn offset(self) -> usize {
        self.0 as usize
    }
}

/// A block for reading.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PackRef<'a>(&'a [u8]);

impl<'a> PackRef<'a> {
    /// The block without elements.
    pub const EMPTY: PackRef<'static> = PackRef(EMPTY);

    /// Takes a whole block that this module wrote or checked. Others panic or read nonsense.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> PackRef<'a> {
        debug_assert!(bytes.len() > HEADER_BYTES && bytes.last() == Some(&END));
        PackRef(bytes)
    }

    /// All bytes.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Bytes that it takes as a listpack.
    #[inline]
    pub fn listpack_bytes(self) -> usize {
        LEN_BYTES + self.0.len()
    }

    /// Adds it to `to` as a listpack, as it goes into an RDB file.
    pub fn put_listpack(self, to: &mut Vec<u8>) {
        let len = u32::try_from(self.listpack_bytes()).expect("a block of less than 4 GiB");
        to.extend_from_slice(&len.to_le_bytes());
        to.extend_from_slice(self.0);
    }

    /// Number of elements. Counts them, in a walk, where they are 65,535 or more.
    #[inline]
    pub fn len(self) -> usize {
        match self.count() {
            Some(count) => count,
            None => self.count_from(HEADER_BYTES),
        }
    }

    /// Whether there are no elements.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.end() == HEADER_BYTES
    }

    /// Whether elements with so many bytes of content may be added, by Redis' limit.
    #[inline]
    pub fn fits(self, more_bytes: usize) -> bool {
        self.listpack_bytes().saturating_add(more_bytes) <= BYTES_MAX
    }

    /// The first element.
    #[inline]
    pub fn first(self) -> Option<Position> {
        self.position_at(HEADER_BYTES)
    }

    /// The last element.
    #[inline]
    pub fn last(self) -> Option<Position> {
        self.start_before(self.end())
    }

    /// The element after `position`.
    #[inline]
    pub fn next(self, position: Position) -> Option<Position> {
        self.position_at(self.after(position.offset()))
    }

    /// The element before `position`.
    #[inline]
    pub fn prev(self, position: Position) -> Option<Position> {
        self.start_before(position.offset())
    }

    /// The element at `index`; -1 is the last. Walks from the nearer end.
    pub fn at(self, index: i64) -> Option<Position> {
        let (from_front, from_back) = match (self.count(), index) {
            (Some(count), 0..) => (index as usize, count.checked_sub(index as usize + 1)?),
            (Some(count), _) => {
                let from_front = (count as i64).checked_add(index).filter(|&index| index >= 0)?;
                (from_front as usize, count - 1 - from_front as usize)
            }
            (None, 0..) => (index as usize, usize::MAX),
            (None, _) => (usize::MAX, !index as usize),
        };
        if from_front <= from_back {
            (0..from_front).try_fold(self.first()?, |position, _| self.next(position))
        } else {
            (0..from_back).try_fold(self.last()?, |position, _| self.prev(position))
        }
    }

    /// The element at `position`.
    #[inline]
    pub fn get(self, position: Position) -> Item<'a> {
        Item::read(&self.0[position.offset()..]).0
    }

    /// All elements.
    #[inline]
    pub fn iter(self) -> Iter<'a> {
        Iter(self.entries())
    }

    /// The element at `position` and those after it.
    #[inline]
    pub fn iter_from(self, position: Position) -> Iter<'a> {
        Iter(self.entries_from(position))
    }

    /// The element at `position` and those before it, backwards.
    #[inline]
    pub fn iter_back_from(self, position: Position) -> Rev<Iter<'a>> {
        let back = self.after(position.offset());
        Iter(Entries { bytes: self.0, front: HEADER_BYTES, back }).rev()
    }

    /// All elements with their positions.
    #[inline]
    pub fn entries(self) -> Entries<'a> {
        Entries { bytes: self.0, front: HEADER_BYTES, back: self.end() }
    }

    /// The element at `position` and those after it, with their positions.
    #[inline]
    pub fn entries_from(self, position: Position) -> Entries<'a> {
        Entries { bytes: self.0, front: position.offset(), back: self.end() }
    }

    /// All elements, two at a time. The number of elements is even.
    #[inline]
    pub fn pairs(self) -> Pairs<'a> {
        Pairs(self.iter())
    }

    /// The number of elements that the header tells, if it does.
    #[inline]
    pub(super) fn count(self) -> Option<usize> {
        let count = u16::from_le_bytes([self.0[0], self.0[1]]);
        (count != COUNT_UNKNOWN).then_some(count.into())
    }

    /// The number of elements from an offset on, counted.
    pub(super) fn count_from(self, offset: usize) -> usize {
        let (mut count, mut offset) = (0, offset);
        while offset < self.end() {
            offset = self.after(offset);
            count += 1;
        }
        count
    }

    /// Offset of the end byte.
    #[inline]
    pub(super) fn end(self) -> usize {
        self.0.len() - 1
    }

    /// Offset of what follows the element at `offset`.
    #[inline]
    pub(super) fn after(self, offset: usize) -> usize {
        offset + entry_len_at(&self.0[offset..])
    }

    /// The element that starts at `offset`, unless that is the end.
    #[inline]
    pub(super) fn position_at(self, offset: usize) -> Option<Position> {
        (offset < self.end()).then(|| Position::new(offset))
    }

    /// The element that ends before `offset`, unless that is the first.
    #[inline]
    fn start_before(self, offset: usize) -> Option<Position> {
        (offset > HEADER_BYTES).then(|| Position::new(start_before(self.0, offset)))
    }
}

impl std::fmt::Debug for PackRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for PackRef<'a> {
    type Item = Item<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Elements with their positions, from both ends.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    /// Offset of the next element.
    front: usize,
    /// Offset behind the last.
    back: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Position, Item<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let position = Position::new(self.front);
        let (item, len) = Item::read(&self.bytes[self.front..]);
        self.front += with_back_len(len);
        Some((position, item))
    }
}

impl DoubleEndedIterator for Entries<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        self.back = start_before(self.bytes, self.back);
        Some((Position::new(self.back), Item::read(&self.bytes[self.back..]).0))
    }
}

impl FusedIterator for Entries<'_> {}

/// Elements, from both ends.
#[derive(Clone, Debug)]
pub struct Iter<'a>(Entries<'a>);

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        self.0.next().map(|(_, item)| item)
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(_, item)| item)
    }
}

impl FusedIterator for Iter<'_> {}

/// Elements two at a time, each pair in the order of the block, from both ends.
#[derive(Clone, Debug)]
pub struct Pairs<'a>(Iter<'a>);

impl<'a> Iterator for Pairs<'a> {
    type Item = (Item<'a>, Item<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?, self.0.next()?))
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let second = self.0.next_back()?;
        Some((self.0.next_back()?, second))
    }
}

impl FusedIterator for Pairs<'_> {}

/// Offset of the element that ends at `offset`.
#[inline]
pub(super) fn start_before(bytes: &[u8], offset: usize) -> usize {
    offset - entry_len_before(&bytes[..offset])
}
