//! Editing a block, wherever its bytes are.

use std::cmp::Ordering;

use super::item::Item;
use super::layout::{
    COUNT_UNKNOWN, EMPTY, END, HEADER_BYTES, LEN_BYTES, entry_len_at, with_back_len, write_entry,
};
use super::read::{PackRef, Position};

/// Where the bytes of a block are: a growable array, or part of something larger.
pub trait Buffer {
    /// The bytes.
    fn bytes(&self) -> &[u8];

    /// The bytes for writing.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Sets the length. Keeps the bytes up to the shorter length; what new ones hold does not matter.
    fn resize(&mut self, len: usize);
}

impl Buffer for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }

    fn resize(&mut self, len: usize) {
        Vec::resize(self, len, 0);
    }
}

impl<B: Buffer> Buffer for &mut B {
    fn bytes(&self) -> &[u8] {
        (**self).bytes()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        (**self).bytes_mut()
    }

    fn resize(&mut self, len: usize) {
        (**self).resize(len);
    }
}

/// A block for editing. It keeps its buffer to itself: who wants it back lends it, as `&mut`. Panics where an edit would make it longer than 4 GiB.
#[derive(Clone, Debug)]
pub struct PackMut<B>(B);

impl<B: Buffer> PackMut<B> {
    /// Takes a buffer that holds a whole block, as for [`PackRef::new`].
    #[inline]
    pub fn new(buffer: B) -> PackMut<B> {
        PackMut(buffer)
    }

    /// Makes a block without elements in a buffer, whatever it held.
    pub fn empty_in(buffer: B) -> PackMut<B> {
        let mut pack = PackMut(buffer);
        pack.clear();
        pack
    }

    /// The block for reading.
    #[inline]
    pub fn as_ref(&self) -> PackRef<'_> {
        PackRef::new(self.0.bytes())
    }

    /// Removes all elements.
    pub fn clear(&mut self) {
        self.0.resize(EMPTY.len());
        self.0.bytes_mut().copy_from_slice(EMPTY);
    }

    /// Adds an element behind the last.
    #[inline]
    pub fn push_back<'i>(&mut self, item: impl Into<Item<'i>>) -> Position {
        self.insert_at(self.as_ref().end(), item.into())
    }

    /// Adds an element before the first.
    #[inline]
    pub fn push_front<'i>(&mut self, item: impl Into<Item<'i>>) -> Position {
        self.insert_at(HEADER_BYTES, item.into())
    }

    /// Adds an element before the one at `position`; says where it is.
    #[inline]
    pub fn insert_before<'i>(&mut self, position: Position, item: impl Into<Item<'i>>) -> Position {
        self.insert_at(position.offset(), item.into())
    }

    /// Adds an element after the one at `position`; says where it is.
    #[inline]
    pub fn insert_after<'i>(&mut self, position: Position, item: impl Into<Item<'i>>) -> Position {
        self.insert_at(self.as_ref().after(position.offset()), item.into())
    }

    /// Puts another element in the place of the one at `position`, where it then is.
    pub fn replace<'i>(&mut self, position: Position, item: impl Into<Item<'i>>) {
        let item = item.into();
        let offset = position.offset();
        let old_len = self.as_ref().after(offset) - offset;
        let room = self.splice(offset, old_len, with_back_len(item.encoded_len()));
        write_entry(item, room);
    }

    /// Adds elements behind the last.
    pub fn extend<'i, I>(&mut self, items: I)
    where
        I: IntoIterator<Item: Into<Item<'i>>, IntoIter: Clone>,
    {
        self.insert_all(None, items);
    }

    /// Adds pairs of elements behind the last.
    pub fn extend_pairs<'i, I, F, S>(&mut self, pairs: I)
    where
        I: IntoIterator<Item = (F, S), IntoIter: Clone>,
        F: Into<Item<'i>>,
        S: Into<Item<'i>>,
    {
        self.extend(pairs.into_iter().flat_map(|(first, second)| [first.into(), second.into()]));
    }

    /// Adds elements in their order before the one at `position`, behind the last where that is `None`; the bytes behind
    /// are moved once. Says where the first is.
    pub fn insert_all<'i, I>(&mut self, before: Option<Position>, items: I) -> Position
    where
        I: IntoIterator<Item: Into<Item<'i>>, IntoIter: Clone>,
    {
        let items = items.into_iter().map(Into::into);
        let offset = before.map_or(self.as_ref().end(), Position::offset);
        let (mut count, mut bytes) = (0, 0);
        for item in items.clone() {
            count += 1;
            bytes += with_back_len(item.encoded_len());
        }
        let room = self.splice(offset, 0, bytes);
        let mut at = 0;
        for item in items {
            at += write_entry(item, &mut room[at..]);
        }
        self.count_added(count);
        Position::new(offset)
    }

    /// Removes the element at `position` and those after it, `count` in all or as many as there are. Says where the
    /// element behind them is.
    pub fn remove(&mut self, position: Position, count: usize) -> Option<Position> {
        let (pack, offset) = (self.as_ref(), position.offset());
        let (mut removed, mut to) = (0, offset);
        while removed < count && to < pack.end() {
            to = pack.after(to);
            removed += 1;
        }
        self.splice(offset, to - offset, 0);
        self.count_removed(removed);
        self.as_ref().position_at(offset)
    }

    /// Removes `count` elements from `index` on, or as many as there are; -1 is the last. Nothing is removed where `index`
    /// is outside.
    pub fn remove_range(&mut self, index: i64, count: usize) {
        if let Some(position) = self.as_ref().at(index) {
            self.remove(position, count);
        }
    }

    /// Removes the elements that `keep` refuses. Those that stay are moved once.
    pub fn retain(&mut self, mut keep: impl FnMut(Item<'_>) -> bool) {
        let end = self.as_ref().end();
        let bytes = self.0.bytes_mut();
        let (mut from, mut to, mut removed) = (HEADER_BYTES, HEADER_BYTES, 0);
        while from < end {
            let len = entry_len_at(&bytes[from..]);
            if keep(Item::read(&bytes[from..]).0) {
                bytes.copy_within(from..from + len, to);
                to += len;
            } else {
                removed += 1;
            }
            from += len;
        }
        if removed > 0 {
            bytes[to] = END;
            self.0.resize(to + 1);
            self.count_removed(removed);
        }
    }

    /// Adds the elements of another block behind the last.
    pub fn append(&mut self, other: PackRef<'_>) {
        self.insert_block(self.as_ref().end(), other);
    }

    /// Adds the elements of another block before the first.
    pub fn prepend(&mut self, other: PackRef<'_>) {
        self.insert_block(HEADER_BYTES, other);
    }

    /// Moves the element at `position` and those after it to a block of their own, in a buffer whose old bytes are
    /// overwritten.
    pub fn split_off<C: Buffer>(&mut self, position: Position, mut into: C) -> PackMut<C> {
        let (pack, offset) = (self.as_ref(), position.offset());
        let count = pack.count_from(offset);
        let tail = &pack.bytes()[offset..];
        into.resize(HEADER_BYTES + tail.len());
        into.bytes_mut()[HEADER_BYTES..].copy_from_slice(tail);
        let mut other = PackMut(into);
        other.set_count(count);

        let removed = pack.end() - offset;
        self.splice(offset, removed, 0);
        self.count_removed(count);
        other
    }

    fn insert_at(&mut self, offset: usize, item: Item<'_>) -> Position {
        let room = self.splice(offset, 0, with_back_len(item.encoded_len()));
        write_entry(item, room);
        self.count_added(1);
        Position::new(offset)
    }

    fn insert_block(&mut self, offset: usize, other: PackRef<'_>) {
        let elements = &other.bytes()[HEADER_BYTES..other.end()];
        self.splice(offset, 0, elements.len()).copy_from_slice(elements);
        self.count_added(other.len());
    }

    /// Makes room for `added` bytes at `offset` in the place of `removed` ones. The number of elements is the caller's to
    /// set.
    fn splice(&mut self, offset: usize, removed: usize, added: usize) -> &mut [u8] {
        let old_len = self.0.bytes().len();
        let len = old_len - removed + added;
        assert!(u32::try_from(LEN_BYTES + len).is_ok(), "a block of {len} bytes");
        let (from, to) = (offset + removed, offset + added);
        match len.cmp(&old_len) {
            Ordering::Equal => return &mut self.0.bytes_mut()[offset..to],
            Ordering::Less => {
                self.0.bytes_mut().copy_within(from..old_len, to);
                self.0.resize(len);
            }
            Ordering::Greater => {
                self.0.resize(len);
                match self.0.bytes_mut() {
                    [.., last] if from + 1 == old_len => *last = END,
                    bytes => bytes.copy_within(from..old_len, to),
                }
            }
        }
        &mut self.0.bytes_mut()[offset..to]
    }

    fn count_added(&mut self, more: usize) {
        if let Some(count) = self.as_ref().count() {
            self.set_count(count + more);
        }
    }

    fn count_removed(&mut self, less: usize) {
        if let Some(count) = self.as_ref().count() {
            self.set_count(count - less);
        }
    }

    fn set_count(&mut self, count: usize) {
        let count = u16::try_from(count).unwrap_or(COUNT_UNKNOWN);
        self.0.bytes_mut()[..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
    }
}
