//! Elements in a block: packed bytes of any kind, each with a tag to find it by.
//!
//! ```text
//! content  | tags, 1 byte each | lengths, 1 or 4 bytes each | free | last element | .. | element 1 | element 0 |
//! ```
//! Tags and lengths grow upwards, elements downwards, so that an insertion moves no element. Where an element lies is the sum of
//! the lengths up to its own, taken 64 at a time. Lengths take four bytes once an element is longer than 255 bytes.
//! The order of elements means nothing.
//!
//! Invariants:
//! - The allocation is the smallest class for the content, or a little larger while elements go.
//! - A shared block is copied before its first change, into the class that the change needs.
//! - The number in a block's header is how many bytes all elements have.
//! - No element is empty. So there are at least 64 bytes behind each tag and each narrow length.

use std::ops::Range;

use super::lanes::{LANES, lanes_at, matching, sum};
use crate::block::{Block, allocated_bytes_of};
use crate::prefetch::prefetch;

/// The longest element whose length takes one byte.
const NARROW_BYTES_MAX: usize = u8::MAX as usize;

impl Block {
    /// A block of these elements with their tags.
    pub(super) fn pack<'a>(elements: impl Iterator<Item = (u8, &'a [u8])> + Clone) -> Block {
        let (mut len, mut bytes, mut longest) = (0, 0, 0);
        for (_, element) in elements.clone() {
            len += 1;
            bytes += element.len();
            longest = longest.max(element.len());
        }
        let is_wide = longest > NARROW_BYTES_MAX;
        let mut block = Block::zeroed(content_bytes(len, bytes, is_wide), is_wide, bytes as u64);
        block.set_len(len);
        let content = block.content_mut();
        let mut start = content.len();
        for (index, (tag, element)) in elements.enumerate() {
            content[index] = tag;
            set_length(content, len, is_wide, index, element.len());
            start -= element.len();
            content[start..][..element.len()].copy_from_slice(element);
        }
        block
    }

    /// Parts the elements by whether `is_right`; what has none is None.
    pub(super) fn part(self, is_right: impl Fn(&[u8]) -> bool) -> [Option<Block>; 2] {
        let (mut left, mut right) = (Vec::with_capacity(self.len()), Vec::with_capacity(self.len()));
        for (tag, element) in self.iter() {
            let side = if is_right(element) { &mut right } else { &mut left };
            side.push((tag, element));
        }
        match (left.is_empty(), right.is_empty()) {
            (_, true) => [Some(self), None],
            (true, _) => [None, Some(self)],
            _ => [left, right].map(|side| Some(Block::pack(side.into_iter()))),
        }
    }

    /// The first element with this tag that `accept` takes for the right one.
    #[inline]
    pub(super) fn find(&self, tag: u8, accept: impl Fn(&[u8]) -> bool) -> Option<usize> {
        self.find_element(tag, accept).map(|(index, _)| index)
    }

    /// As `find`, with the element.
    #[inline]
    pub(super) fn find_element(&self, tag: u8, accept: impl Fn(&[u8]) -> bool) -> Option<(usize, &[u8])> {
        let (content, len) = (self.content(), self.len());
        if len > LANES || len == 0 || self.is_wide() {
            return self.find_among_many(tag, &accept);
        }
        // All tags at once: a branch on how many there are would be foretold wrongly half of the time.
        let mut matches = matching(lanes_at(content, 0), tag) & (u64::MAX >> (64 - len));
        let lengths = lanes_at(content, len);
        while matches != 0 {
            let index = matches.trailing_zeros() as usize;
            let end = content.len() - sum(lengths, index);
            let element = &content[end - usize::from(lengths[index % LANES])..end];
            if accept(element) {
                return Some((index, element));
            }
            matches &= matches - 1;
        }
        None
    }

    /// As `find_element`, in a block of any size.
    #[cold]
    fn find_among_many(&self, tag: u8, accept: &dyn Fn(&[u8]) -> bool) -> Option<(usize, &[u8])> {
        let is_right = |index: &usize| self.content()[*index] == tag && accept(self.element(*index));
        (0..self.len()).find(is_right).map(|index| (index, self.element(index)))
    }

    /// Starts to load the first element with this tag.
    #[inline]
    pub(super) fn prefetch_element(&self, tag: u8) {
        self.find(tag, |element| {
            prefetch(element.as_ptr());
            true
        });
    }

    /// An element's bytes.
    #[inline]
    pub(super) fn element(&self, index: usize) -> &[u8] {
        &self.content()[self.range(index)]
    }

    /// An element's bytes for writing. The block is copied if it is shared.
    pub(super) fn element_mut(&mut self, index: usize) -> &mut [u8] {
        self.unshare();
        let range = self.range(index);
        &mut self.content_mut()[range]
    }

    /// All elements with their tags, by index.
    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> + Clone {
        let content = self.content();
        (0..self.len()).scan(content.len(), |end, index| {
            let start = *end - self.length(index);
            let element = &content[start..*end];
            *end = start;
            Some((content[index], element))
        })
    }

    /// Bytes that the elements take with their tags and lengths.
    pub(super) fn content_bytes(&self) -> usize {
        content_bytes(self.len(), self.elements_bytes(), self.is_wide())
    }

    /// Bytes of all elements.
    #[inline]
    pub(super) fn elements_bytes(&self) -> usize {
        self.number() as usize
    }

    /// Makes room for one more element, whose bytes the caller writes. Its index is the last one.
    pub(super) fn push(&mut self, tag: u8, element_len: usize) -> &mut [u8] {
        assert!(element_len > 0, "an element has a key");
        let (len, bytes) = (self.len(), self.elements_bytes());
        let is_wide = self.is_wide() || element_len > NARROW_BYTES_MAX;
        self.make_room(content_bytes(len + 1, bytes + element_len, is_wide), is_wide);
        self.set_len(len + 1);
        self.set_number((bytes + element_len) as u64);
        let content = self.content_mut();
        content.copy_within(len..content_bytes(len, 0, is_wide), len + 1);
        content[len] = tag;
        set_length(content, len + 1, is_wide, len, element_len);
        let end = content.len() - bytes;
        &mut content[end - element_len..end]
    }

    /// Takes an element out; the last ones get the index before theirs.
    pub(super) fn remove(&mut self, index: usize) {
        let (len, is_wide) = (self.len(), self.is_wide());
        self.unshare();
        let (range, start) = (self.range(index), self.elements_start());
        let width = width(is_wide);
        let content = self.content_mut();
        content.copy_within(start..range.start, start + range.len());
        // The tags after it and the lengths before it move by one, the lengths after it by one and a length.
        let length_at = len + index * width;
        content.copy_within(index + 1..length_at, index);
        content.copy_within(length_at + width..len + len * width, length_at - 1);
        self.set_len(len - 1);
        self.set_number((self.elements_bytes() - range.len()) as u64);
        self.give_back();
    }

    /// Changes an element's length. Its first `kept` bytes stay, the rest is for the caller to write.
    pub(super) fn resize(&mut self, index: usize, kept: usize, element_len: usize) -> &mut [u8] {
        assert!(kept <= element_len, "no more is kept than there will be");
        let old_len = self.range(index).len();
        if old_len == element_len {
            return self.element_mut(index);
        }
        let len = self.len();
        let is_wide = self.is_wide() || element_len > NARROW_BYTES_MAX;
        let bytes = self.elements_bytes() - old_len + element_len;
        self.make_room(content_bytes(len, bytes, is_wide), is_wide);
        let (range, start) = (self.range(index), self.elements_start());
        let content = self.content_mut();
        let new_start = start + old_len - element_len;
        content.copy_within(start..range.start + kept, new_start);
        set_length(content, len, is_wide, index, element_len);
        self.set_number(bytes as u64);
        if element_len < old_len {
            self.give_back();
        }
        self.element_mut(index)
    }

    /// Panics if an invariant of the file head does not hold.
    #[cfg(test)]
    pub(super) fn audit(&self) {
        assert!((0..self.len()).all(|index| self.length(index) > 0), "no element is empty");
        assert_eq!(self.bytes_before(self.len()), self.elements_bytes());
        assert!(self.content_bytes() <= self.content().len());
        let is_thin = allocated_bytes_of(self.content_bytes()) <= self.allocated_bytes() / 4 * 3;
        assert!(!is_thin, "{} bytes in {}", self.content_bytes(), self.allocated_bytes());
    }

    /// Where in the content an element lies.
    #[inline]
    fn range(&self, index: usize) -> Range<usize> {
        assert!(index < self.len(), "an element of the block");
        let start = self.content().len() - self.bytes_before(index + 1);
        start..start + self.length(index)
    }

    /// Where in the content the last element begins.
    fn elements_start(&self) -> usize {
        self.content().len() - self.elements_bytes()
    }

    #[inline]
    fn length(&self, index: usize) -> usize {
        let (content, len) = (self.content(), self.len());
        if self.is_wide() { wide_length(&content[len..], index) } else { usize::from(content[len + index]) }
    }

    /// Bytes of the first `count` elements.
    #[inline]
    fn bytes_before(&self, count: usize) -> usize {
        let lengths = &self.content()[self.len()..];
        if self.is_wide() {
            return (0..count).map(|index| wide_length(lengths, index)).sum();
        }
        if count <= LANES {
            return sum(lanes_at(lengths, 0), count);
        }
        (0..count).step_by(LANES).map(|start| sum(lanes_at(lengths, start), count - start)).sum()
    }

    /// Sees to it that the block may be written.
    fn unshare(&mut self) {
        if !self.is_unique() {
            self.reallocate(self.content_bytes(), self.is_wide());
        }
    }

    /// Sees to it that the block may be written and holds so much content.
    fn make_room(&mut self, content_bytes: usize, is_wide: bool) {
        let fits = content_bytes <= self.content().len() && is_wide == self.is_wide();
        if !fits || !self.is_unique() {
            // A copy for an element that gets shorter begins with the longer one.
            self.reallocate(content_bytes.max(self.content_bytes()), is_wide);
        }
    }

    /// Moves to a smaller class when the content has shrunk by a quarter or more.
    fn give_back(&mut self) {
        let content_bytes = self.content_bytes();
        if allocated_bytes_of(content_bytes) <= self.allocated_bytes() / 4 * 3 {
            self.reallocate(content_bytes, self.is_wide());
        }
    }

    /// Copies everything into an allocation of its own for so much content, with lengths of this width or a greater one.
    fn reallocate(&mut self, content_bytes: usize, is_wide: bool) {
        let len = self.len();
        let mut copy = Block::zeroed(content_bytes, is_wide, self.number());
        let (from, to) = (self.content(), copy.content_mut());
        if self.is_wide() == is_wide {
            let front = len + len * width(is_wide);
            to[..front].copy_from_slice(&from[..front]);
        } else {
            to[..len].copy_from_slice(&from[..len]);
            for index in 0..len {
                set_length(to, len, is_wide, index, self.length(index));
            }
        }
        let start = self.elements_start();
        let new_start = to.len() - (from.len() - start);
        to[new_start..].copy_from_slice(&from[start..]);
        copy.set_len(len);
        *self = copy;
    }
}

/// Bytes that so many elements of so many bytes take with their tags and lengths.
pub(super) fn content_bytes(len: usize, elements_bytes: usize, is_wide: bool) -> usize {
    len + len * width(is_wide) + elements_bytes
}

fn width(is_wide: bool) -> usize {
    if is_wide { size_of::<u32>() } else { 1 }
}

#[inline]
fn wide_length(lengths: &[u8], index: usize) -> usize {
    let (words, _) = lengths.as_chunks();
    u32::from_le_bytes(words[index]) as usize
}

/// Writes a length into the content of a block of `len` elements.
#[inline]
fn set_length(content: &mut [u8], len: usize, is_wide: bool, index: usize, element_len: usize) {
    if is_wide {
        let element_len = u32::try_from(element_len).expect("an element below 4 GiB");
        content[len + index * 4..][..4].copy_from_slice(&element_len.to_le_bytes());
    } else {
        content[len + index] = u8::try_from(element_len).expect("a short element");
    }
}
