//! Searching a block: the hot loop of HGET, ZSCORE and SISMEMBER on small collections.
//!
//! Elements are canonical, so an element equals the needle exactly when its encoding does. The loop compares the first
//! eight bytes of each element, which hold its encoding and length, with those of the needle in one masked word; only on
//! a match does it look at the last eight, then at the rest.
//!
//! Where the next element is, only the bytes of this one tell: a walk waits for one load after the other. Two walks, from
//! both ends, wait at the same time, which halves the time of a search.

use super::item::Item;
use super::layout::{HEADER_BYTES, entry_len_at};
use super::read::{PackRef, Position, start_before};

const WORD_BYTES: usize = size_of::<u64>();

impl PackRef<'_> {
    /// An element that is equal to `needle`, among every `step`-th: 1 looks at all, 2 at the first of each pair, 3 of each triple. The number
    /// of elements is a multiple of `step`. Of several equal elements it finds any.
    #[inline]
    pub fn find(self, needle: &[u8], step: usize) -> Option<Position> {
        self.find_item(Item::of(needle), step)
    }

    /// As [`PackRef::find`], for a canonical item.
    pub fn find_item(self, needle: Item<'_>, step: usize) -> Option<Position> {
        let needle = Needle::new(needle);
        match step {
            1 => self.find_encoded::<1>(&needle),
            2 => self.find_encoded::<2>(&needle),
            3 => self.find_encoded::<3>(&needle),
            _ => panic!("a step of {step}"),
        }
    }

    /// The first element that is equal to a canonical item, where there may be several: in a list.
    pub fn find_first(self, needle: Item<'_>) -> Option<Position> {
        let last = self.find_item(needle, 1)?;
        let first =
            self.entries().take_while(|(position, _)| *position < last).find(|(_, item)| *item == needle);
        Some(first.map_or(last, |(position, _)| position))
    }

    fn find_encoded<const STEP: usize>(self, needle: &Needle<'_>) -> Option<Position> {
        let bytes = self.bytes();
        let (mut front, mut back) = (HEADER_BYTES, self.end());
        while front < back {
            if needle.starts(&bytes[front..]) {
                return Some(Position::new(front));
            }
            for _ in 0..STEP {
                front += entry_len_at(&bytes[front..]);
                back = start_before(bytes, back);
            }
            if needle.starts(&bytes[back..]) {
                return Some(Position::new(back));
            }
        }
        None
    }
}

/// What is searched for, encoded.
struct Needle<'a> {
    len: usize,
    /// The first eight bytes, zero where there are fewer.
    first: u64,
    /// Which bits of them count.
    mask: u64,
    /// The last eight bytes, where there are more than eight.
    last: [u8; WORD_BYTES],
    /// All bytes after the first eight, where there are more than sixteen.
    rest: &'a [u8],
}

impl<'a> Needle<'a> {
    #[inline]
    fn new(item: Item<'a>) -> Needle<'a> {
        let (head, head_len) = item.head();
        let content = match item {
            Item::Int(_) => &[],
            Item::Bytes(bytes) => bytes,
        };
        let len = head_len + content.len();
        let head_word = first_word(&head);
        let first = match content {
            [] => head_word,
            content => head_word | first_word(content) << (8 * head_len),
        };
        let last = content.last_chunk().or(head.last_chunk()).expect("the head has as many bytes");
        Needle {
            len,
            first,
            mask: u64::MAX >> (64 - 8 * len.min(WORD_BYTES)),
            last: *last,
            rest: if len > 2 * WORD_BYTES { &content[WORD_BYTES - head_len..] } else { &[] },
        }
    }

    /// Whether `bytes`, from an element on, start with the needle. An element that starts as the needle is as long, so
    /// that neither zeros in the place of bytes beyond the end nor bytes of the next element can match.
    #[inline]
    fn starts(&self, bytes: &[u8]) -> bool {
        first_word(bytes) & self.mask == self.first && self.ends(bytes)
    }

    /// Whether what is after the first eight bytes is the needle's. Names with a common start often differ in the end.
    #[inline]
    fn ends(&self, bytes: &[u8]) -> bool {
        self.len <= WORD_BYTES
            || bytes[..self.len].ends_with(&self.last) && (self.rest.is_empty() || self.continues(bytes))
    }

    #[inline(never)] // so that the loop keeps its registers
    fn continues(&self, bytes: &[u8]) -> bool {
        bytes[WORD_BYTES..].starts_with(self.rest)
    }
}

/// The first eight bytes; zeros where there are fewer.
#[inline]
fn first_word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => short_word(bytes),
    }
}

#[inline(never)]
fn short_word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}
