//! A small set of integers as one contiguous block of bytes, laid out as Redis' intset.
//!
//! | bytes | content |
//! |---|---|
//! | 0..4 | bytes of each integer: 2, 4 or 8, little-endian |
//! | 4..8 | number of integers, little-endian |
//! | then | the integers, little-endian, in ascending order, each once |
//!
//! Invariant: an integer that needs a greater width gives it to all; removing it does not take it back, as in Redis.

use std::iter::FusedIterator;
use std::ops::Range;

use super::edit::Buffer;

/// The bytes of a set without integers.
pub const INTSET_EMPTY: &[u8] = &[2, 0, 0, 0, 0, 0, 0, 0];

/// Bytes before the first integer.
pub(super) const HEADER_BYTES: usize = 8;

/// A set of integers for reading.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IntSetRef<'a> {
    bytes: &'a [u8],
    width: Width,
}

impl<'a> IntSetRef<'a> {
    /// Takes a whole set that this module wrote or checked. Others panic or read nonsense.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> IntSetRef<'a> {
        let width = Width::from_header(bytes[0]);
        let set = IntSetRef { bytes, width };
        debug_assert_eq!(bytes.len(), HEADER_BYTES + set.len() * width.bytes());
        set
    }

    /// All bytes, as they go into an RDB file.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Number of integers.
    #[inline]
    pub fn len(self) -> usize {
        (self.bytes.len() - HEADER_BYTES) / self.width.bytes()
    }

    /// Whether there are no integers.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.bytes.len() == HEADER_BYTES
    }

    /// The integer at `index` in ascending order.
    #[inline]
    pub fn get(self, index: usize) -> Option<i64> {
        (index < self.len())
            .then(|| self.width.read(&self.bytes[HEADER_BYTES + index * self.width.bytes()..]))
    }

    /// Whether `value` is in the set.
    #[inline]
    pub fn contains(self, value: i64) -> bool {
        self.search(value).is_ok()
    }

    /// The index of `value`, or where it would be.
    #[inline]
    pub fn search(self, value: i64) -> Result<usize, usize> {
        let integers = &self.bytes[HEADER_BYTES..];
        let index = match self.width {
            Width::Two => {
                integers.as_chunks().0.partition_point(|bytes| i64::from(i16::from_le_bytes(*bytes)) < value)
            }
            Width::Four => {
                integers.as_chunks().0.partition_point(|bytes| i64::from(i32::from_le_bytes(*bytes)) < value)
            }
            Width::Eight => {
                integers.as_chunks().0.partition_point(|bytes| i64::from_le_bytes(*bytes) < value)
            }
        };
        if self.get(index) == Some(value) { Ok(index) } else { Err(index) }
    }

    /// All integers in ascending order.
    #[inline]
    pub fn iter(self) -> IntSetIter<'a> {
        IntSetIter { set: self, range: 0..self.len() }
    }
}

impl std::fmt::Debug for IntSetRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for IntSetRef<'a> {
    type Item = i64;
    type IntoIter = IntSetIter<'a>;

    fn into_iter(self) -> IntSetIter<'a> {
        self.iter()
    }
}

/// Integers in ascending order, from both ends.
#[derive(Clone, Debug)]
pub struct IntSetIter<'a> {
    set: IntSetRef<'a>,
    range: Range<usize>,
}

impl Iterator for IntSetIter<'_> {
    type Item = i64;

    #[inline]
    fn next(&mut self) -> Option<i64> {
        self.range.next().and_then(|index| self.set.get(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl DoubleEndedIterator for IntSetIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<i64> {
        self.range.next_back().and_then(|index| self.set.get(index))
    }
}

impl ExactSizeIterator for IntSetIter<'_> {}

impl FusedIterator for IntSetIter<'_> {}

/// A set of integers for editing.
#[derive(Clone, Debug)]
pub struct IntSetMut<B>(B);

impl<B: Buffer> IntSetMut<B> {
    /// Takes a buffer that holds a whole set, as for [`IntSetRef::new`].
    #[inline]
    pub fn new(buffer: B) -> IntSetMut<B> {
        IntSetMut(buffer)
    }

    /// Makes a set without integers in a buffer, whatever it held.
    pub fn empty_in(buffer: B) -> IntSetMut<B> {
        let mut set = IntSetMut(buffer);
        set.clear();
        set
    }

    /// The set for reading.
    #[inline]
    pub fn as_ref(&self) -> IntSetRef<'_> {
        IntSetRef::new(self.0.bytes())
    }

    /// Removes all integers.
    pub fn clear(&mut self) {
        self.0.resize(INTSET_EMPTY.len());
        self.0.bytes_mut().copy_from_slice(INTSET_EMPTY);
    }

    /// Adds `value`; says whether it is new.
    pub fn add(&mut self, value: i64) -> bool {
        let set = self.as_ref();
        if Width::of(value) > set.width {
            self.add_wider(value);
            return true;
        }
        let (Err(index), len, width) = (set.search(value), set.len(), set.width) else { return false };
        let (start, old_end) = (width.offset(index), width.offset(len));
        self.0.resize(width.offset(len + 1));
        self.0.bytes_mut().copy_within(start..old_end, start + width.bytes());
        width.write(value, &mut self.0.bytes_mut()[start..]);
        self.set_header(width, len + 1);
        true
    }

    /// Removes `value`; says whether it was there.
    pub fn remove(&mut self, value: i64) -> bool {
        let found = self.as_ref().search(value);
        if let Ok(index) = found {
            self.remove_at(index);
        }
        found.is_ok()
    }

    /// Removes the integer at `index`, which must be below the length.
    pub fn remove_at(&mut self, index: usize) {
        let set = self.as_ref();
        let (len, width) = (set.len(), set.width);
        let end = width.offset(len);
        self.0.bytes_mut().copy_within(width.offset(index + 1)..end, width.offset(index));
        self.0.resize(width.offset(len - 1));
        self.set_header(width, len - 1);
    }

    /// Adds a value that needs a greater width than all others, and so comes before or after them all.
    fn add_wider(&mut self, value: i64) {
        let set = self.as_ref();
        let (len, old_width, width) = (set.len(), set.width, Width::of(value));
        self.0.resize(width.offset(len + 1));
        let bytes = self.0.bytes_mut();
        let shift = usize::from(value < 0);
        for index in (0..len).rev() {
            let moved = old_width.read(&bytes[old_width.offset(index)..]);
            width.write(moved, &mut bytes[width.offset(index + shift)..]);
        }
        width.write(value, &mut bytes[width.offset(if value < 0 { 0 } else { len })..]);
        self.set_header(width, len + 1);
    }

    fn set_header(&mut self, width: Width, len: usize) {
        let len = u32::try_from(len).expect("less than 2^32 integers");
        let bytes = self.0.bytes_mut();
        bytes[..4].copy_from_slice(&(width.bytes() as u32).to_le_bytes());
        bytes[4..HEADER_BYTES].copy_from_slice(&len.to_le_bytes());
    }
}

/// How many bytes each integer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Width {
    Two = 2,
    Four = 4,
    Eight = 8,
}

impl Width {
    /// The least that `value` needs.
    fn of(value: i64) -> Width {
        if i16::try_from(value).is_ok() {
            Width::Two
        } else if i32::try_from(value).is_ok() {
            Width::Four
        } else {
            Width::Eight
        }
    }

    #[inline]
    fn from_header(first: u8) -> Width {
        match first {
            2 => Width::Two,
            4 => Width::Four,
            _ => Width::Eight,
        }
    }

    #[inline]
    pub(super) fn bytes(self) -> usize {
        self as usize
    }

    /// Where the integer at `index` is.
    #[inline]
    fn offset(self, index: usize) -> usize {
        HEADER_BYTES + index * self.bytes()
    }

    #[inline]
    fn read(self, bytes: &[u8]) -> i64 {
        match self {
            Width::Two => i16::from_le_bytes(chunk(bytes)).into(),
            Width::Four => i32::from_le_bytes(chunk(bytes)).into(),
            Width::Eight => i64::from_le_bytes(chunk(bytes)),
        }
    }

    #[inline]
    fn write(self, value: i64, to: &mut [u8]) {
        to[..self.bytes()].copy_from_slice(&value.to_le_bytes()[..self.bytes()]);
    }
}

#[inline]
fn chunk<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *bytes.first_chunk().expect("a whole integer")
}
