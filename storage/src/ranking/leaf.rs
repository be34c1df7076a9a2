//! A leaf: elements in order, packed into one shared block.
//!
//! ```text
//! content  | scores, 8 bytes each | places, 2 or 4 bytes each | free | members, newest first |
//! ```
//! A score is a double, little-endian; a place is the distance of the element's member from the end of the content. Scores and
//! places are in the order of the elements, members in the order they came, so that an insertion moves no member. A member is a
//! string item even if it is an integer's decimal form: members compare by their bytes, and leave as such.
//!
//! The block is wide, with places of 4 bytes, once members take more than 65,535 bytes. Its number is the bytes of members.

use super::key::{Key, order_of, prefix_of};
use crate::block::{Block, allocated_bytes_of};
use crate::pack::Item;
use crate::tree;

/// The most bytes of members that places of 2 bytes reach.
const NARROW_BYTES_MAX: usize = u16::MAX as usize;
const SCORE_BYTES: usize = size_of::<f64>();
/// Lines of the cache that the header and the scores of a leaf of usual length take.
const SCORE_LINES: usize = 8;

/// A handle to a leaf. `clone` shares it, a change copies it where it is shared.
#[derive(Clone)]
pub(super) struct Leaf(Block);

impl Leaf {
    /// A leaf of these elements, which are in order.
    pub(super) fn pack<'a>(elements: impl Iterator<Item = (&'a [u8], f64)> + Clone) -> Leaf {
        let (mut len, mut bytes) = (0, 0);
        for (member, _) in elements.clone() {
            len += 1;
            bytes += Item::Bytes(member).encoded_len();
        }
        let is_wide = bytes > NARROW_BYTES_MAX;
        let mut block = Block::zeroed(content_bytes(len, bytes, is_wide), is_wide, bytes as u64);
        block.set_len(len);
        let mut leaf = Leaf(block);
        let mut place = 0;
        for (index, (member, score)) in elements.enumerate() {
            place += Item::Bytes(member).encoded_len();
            leaf.write(index, member, score, place);
        }
        leaf
    }

    /// Elements.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Bytes of the allocation.
    pub(super) fn allocated_bytes(&self) -> usize {
        self.0.allocated_bytes()
    }

    /// Bytes that the elements take.
    pub(super) fn content_bytes(&self) -> usize {
        content_bytes(self.len(), self.member_bytes(), self.0.is_wide())
    }

    /// Bytes that one more element of this member takes.
    pub(super) fn element_bytes(member: &[u8]) -> usize {
        content_bytes(1, Item::Bytes(member).encoded_len(), false)
    }

    /// Starts to load the scores.
    #[inline]
    pub(super) fn prefetch(&self) {
        self.0.prefetch_lines(SCORE_LINES);
    }

    /// A member's score.
    #[inline]
    pub(super) fn score(&self, index: usize) -> f64 {
        let (scores, _) = self.0.content().as_chunks();
        f64::from_le_bytes(scores[..self.len()][index])
    }

    /// A member.
    #[inline]
    pub(super) fn member(&self, index: usize) -> &[u8] {
        let content = self.0.content();
        match Item::read(&content[content.len() - self.place(index)..]).0 {
            Item::Bytes(bytes) => bytes,
            Item::Int(_) => unreachable!("members are written as strings"),
        }
    }

    /// An element.
    #[inline]
    pub(super) fn element(&self, index: usize) -> (&[u8], f64) {
        (self.member(index), self.score(index))
    }

    /// How many leading elements satisfy the condition.
    #[inline]
    pub(super) fn partition(&self, is_before: impl Fn(usize) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match is_before(middle) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    /// How many elements come before this one.
    #[inline]
    pub(super) fn search(&self, order: u64, member: &[u8]) -> usize {
        self.partition(|index| {
            let other = order_of(self.score(index));
            other < order || other == order && self.member(index) < member
        })
    }

    /// Puts an element in before the one at an index.
    pub(super) fn insert(&mut self, at: usize, member: &[u8], score: f64) {
        let len = self.len();
        let bytes = self.member_bytes() + Item::Bytes(member).encoded_len();
        let is_wide = self.0.is_wide() || bytes > NARROW_BYTES_MAX;
        self.make_room(content_bytes(len + 1, bytes, is_wide), is_wide);
        let (width, places) = (width(is_wide), len * SCORE_BYTES);
        let content = self.0.content_mut();
        // From the back, so that nothing is written over before it is moved.
        content
            .copy_within(places + at * width..places + len * width, places + SCORE_BYTES + (at + 1) * width);
        content.copy_within(places..places + at * width, places + SCORE_BYTES);
        content.copy_within(at * SCORE_BYTES..places, (at + 1) * SCORE_BYTES);
        self.0.set_len(len + 1);
        self.0.set_number(bytes as u64);
        self.write(at, member, score, bytes);
    }

    /// Takes an element out.
    pub(super) fn remove(&mut self, at: usize) {
        self.unshare();
        let (len, is_wide, bytes) = (self.len(), self.0.is_wide(), self.member_bytes());
        let (place, removed) = (self.place(at), Item::Bytes(self.member(at)).encoded_len());
        self.shift_places(place, removed);
        let (width, places) = (width(is_wide), len * SCORE_BYTES);
        let content = self.0.content_mut();
        let end = content.len();
        content.copy_within(end - bytes..end - place, end - bytes + removed);
        content.copy_within((at + 1) * SCORE_BYTES..places + at * width, at * SCORE_BYTES);
        content
            .copy_within(places + (at + 1) * width..places + len * width, places - SCORE_BYTES + at * width);
        self.0.set_len(len - 1);
        self.0.set_number((bytes - removed) as u64);
        self.give_back();
    }

    /// Sets the score of an element whose place in the order stays.
    pub(super) fn set_score(&mut self, index: usize, score: f64) {
        self.unshare();
        self.write_score(index, score);
    }

    /// All elements.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], f64)> + Clone {
        (0..self.len()).map(|index| self.element(index))
    }

    /// Adds the elements of the next leaf.
    pub(super) fn append(&mut self, next: &Leaf) {
        *self = Leaf::pack(self.iter().chain(next.iter()));
    }

    /// Panics if an invariant of the file head does not hold.
    #[cfg(test)]
    pub(super) fn audit(&self) {
        assert!(self.content_bytes() <= self.0.content().len());
        let mut members: Vec<_> = (0..self.len())
            .map(|index| (self.place(index), Item::Bytes(self.member(index)).encoded_len()))
            .collect();
        members.sort_unstable();
        let bytes = members.into_iter().fold(0, |before, (place, len)| {
            assert_eq!(place, before + len, "members lie side by side");
            place
        });
        assert_eq!(bytes, self.member_bytes());
        let is_thin = allocated_bytes_of(self.content_bytes()) <= self.allocated_bytes() / 4 * 3;
        assert!(!is_thin, "{} bytes in {}", self.content_bytes(), self.allocated_bytes());
    }

    fn member_bytes(&self) -> usize {
        self.0.number() as usize
    }

    #[inline]
    fn place(&self, index: usize) -> usize {
        let places = &self.0.content()[self.len() * SCORE_BYTES..];
        if self.0.is_wide() {
            u32::from_le_bytes(places.as_chunks().0[index]) as usize
        } else {
            u16::from_le_bytes(places.as_chunks().0[index]).into()
        }
    }

    /// Writes an element into its scores, places and members, where there is room.
    fn write(&mut self, index: usize, member: &[u8], score: f64, place: usize) {
        self.write_score(index, score);
        self.set_place(index, place);
        let content = self.0.content_mut();
        let start = content.len() - place;
        Item::Bytes(member).write(&mut content[start..]);
    }

    fn write_score(&mut self, index: usize, score: f64) {
        self.0.content_mut()[index * SCORE_BYTES..][..SCORE_BYTES].copy_from_slice(&score.to_le_bytes());
    }

    fn set_place(&mut self, index: usize, place: usize) {
        let (len, is_wide) = (self.len(), self.0.is_wide());
        let places = &mut self.0.content_mut()[len * SCORE_BYTES..];
        if is_wide {
            let place = u32::try_from(place).expect("a leaf below 4 GiB");
            places[index * 4..][..4].copy_from_slice(&place.to_le_bytes());
        } else {
            let place = u16::try_from(place).expect("a narrow leaf");
            places[index * 2..][..2].copy_from_slice(&place.to_le_bytes());
        }
    }

    /// Brings all places beyond one nearer by so many bytes. No branch depends on a place, so that several are done at once.
    fn shift_places(&mut self, beyond: usize, bytes: usize) {
        let (len, is_wide) = (self.len(), self.0.is_wide());
        let places = &mut self.0.content_mut()[len * SCORE_BYTES..][..len * width(is_wide)];
        if is_wide {
            let (beyond, bytes) = (beyond as u32, bytes as u32);
            for place in places.as_chunks_mut().0 {
                let old = u32::from_le_bytes(*place);
                *place = (old - if old > beyond { bytes } else { 0 }).to_le_bytes();
            }
        } else {
            let (beyond, bytes) = (beyond as u16, bytes as u16);
            for place in places.as_chunks_mut().0 {
                let old = u16::from_le_bytes(*place);
                *place = (old - if old > beyond { bytes } else { 0 }).to_le_bytes();
            }
        }
    }

    /// Sees to it that the block may be written.
    fn unshare(&mut self) {
        if !self.0.is_unique() {
            self.reallocate(self.content_bytes(), self.0.is_wide());
        }
    }

    /// Sees to it that the block may be written and holds so much content.
    fn make_room(&mut self, content_bytes: usize, is_wide: bool) {
        let fits = content_bytes <= self.0.content().len() && is_wide == self.0.is_wide();
        if !fits || !self.0.is_unique() {
            self.reallocate(content_bytes, is_wide);
        }
    }

    /// Moves to a smaller class when the content has shrunk by a quarter or more.
    fn give_back(&mut self) {
        let content_bytes = self.content_bytes();
        if allocated_bytes_of(content_bytes) <= self.allocated_bytes() / 4 * 3 {
            self.reallocate(content_bytes, self.0.is_wide());
        }
    }

    /// Copies everything into a block of its own for so much content, with places of this width or a greater one.
    fn reallocate(&mut self, content_bytes: usize, is_wide: bool) {
        let (len, bytes) = (self.len(), self.member_bytes());
        let mut copy = Leaf(Block::zeroed(content_bytes, is_wide, bytes as u64));
        copy.0.set_len(len);
        let (from, to) = (self.0.content(), copy.0.content_mut());
        let new_start = to.len() - bytes;
        to[new_start..].copy_from_slice(&from[from.len() - bytes..]);
        let same = if is_wide == self.0.is_wide() {
            len * (SCORE_BYTES + width(is_wide))
        } else {
            len * SCORE_BYTES
        };
        to[..same].copy_from_slice(&from[..same]);
        if is_wide != self.0.is_wide() {
            (0..len).for_each(|index| copy.set_place(index, self.place(index)));
        }
        *self = copy;
    }
}

impl tree::Leaf for Leaf {
    type Key = Key;

    fn len(&self) -> usize {
        Leaf::len(self)
    }

    fn key(&self) -> Key {
        (order_of(self.score(0)), prefix_of(self.member(0)))
    }

    fn split_off(&mut self, at: usize) -> Leaf {
        let tail = Leaf::pack(self.iter().skip(at));
        *self = Leaf::pack(self.iter().take(at));
        tail
    }
}

/// Bytes that so many elements with so many bytes of members take.
fn content_bytes(len: usize, member_bytes: usize, is_wide: bool) -> usize {
    len * (SCORE_BYTES + width(is_wide)) + member_bytes
}

fn width(is_wide: bool) -> usize {
    if is_wide { size_of::<u32>() } else { size_of::<u16>() }
}
