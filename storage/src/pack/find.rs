//! Searching a block: the hot loop of HGET, ZSCORE and SISMEMBER on small collections.
//!
//! Elements are canonical, so an element equals the needle exactly when its encoding does. The loop compares the first
//! eight bytes of each element, which hold its encoding and length, with those of the needle in one masked word; only on
//! a match does it look at the rest.

use super::item::Item;
use super::layout::{HEADER_BYTES, entry_len_at};
use super::read::{PackRef, Position};

const WORD_BYTES: usize = size_of::<u64>();

impl PackRef<'_> {
    /// The first element that is equal to `needle`, of every `step`-th: 1 looks at all, 2 at the first of each pair.
    #[inline]
    pub fn find(self, needle: &[u8], step: usize) -> Option<Position> {
        self.find_item(Item::of(needle), step)
    }

    /// As [`PackRef::find`], for a canonical item.
    pub fn find_item(self, needle: Item<'_>, step: usize) -> Option<Position> {
        let (head, head_len) = needle.head();
        let content = match needle {
            Item::Int(_) => &[],
            Item::Bytes(bytes) => bytes,
        };
        let needle = Needle::new(&head[..head_len], content);
        match step {
            1 => self.find_encoded::<1>(&needle),
            2 => self.find_encoded::<2>(&needle),
            _ => panic!("a step of {step}"),
        }
    }

    fn find_encoded<const STEP: usize>(self, needle: &Needle<'_>) -> Option<Position> {
        let (bytes, end) = (self.bytes(), self.end());
        let mut offset = HEADER_BYTES;
        while offset < end {
            if needle.starts(&bytes[offset..]) {
                return Some(Position::new(offset));
            }
            for _ in 0..STEP {
                offset += entry_len_at(&bytes[offset..]);
            }
        }
        None
    }
}

/// What is searched for, encoded.
struct Needle<'a> {
    /// The first eight bytes, zero where the encoding is shorter.
    word: u64,
    /// Which bits of them count.
    mask: u64,
    /// The bytes after the first eight.
    rest: &'a [u8],
}

impl<'a> Needle<'a> {
    /// `head` and `content` together are the encoding; one of them holds all that is beyond eight bytes.
    fn new(head: &'a [u8], content: &'a [u8]) -> Needle<'a> {
        let mut word = [0; WORD_BYTES];
        let mut mask = [0; WORD_BYTES];
        for (at, byte) in head.iter().chain(content).take(WORD_BYTES).enumerate() {
            word[at] = *byte;
            mask[at] = 0xff;
        }
        let rest = match WORD_BYTES.checked_sub(head.len()) {
            Some(in_word) => content.get(in_word..).unwrap_or_default(),
            None => &head[WORD_BYTES..],
        };
        Needle { word: u64::from_le_bytes(word), mask: u64::from_le_bytes(mask), rest }
    }

    /// Whether `bytes`, from an element on, start with the needle. An element that starts as the needle is as long, so
    /// that neither the zeros beyond the end nor bytes of the next element can match.
    #[inline]
    fn starts(&self, bytes: &[u8]) -> bool {
        let word = match bytes.first_chunk() {
            Some(word) => u64::from_le_bytes(*word),
            None => word_of_tail(bytes),
        };
        word & self.mask == self.word && (self.rest.is_empty() || bytes[WORD_BYTES..].starts_with(self.rest))
    }
}

#[cold]
fn word_of_tail(bytes: &[u8]) -> u64 {
    let mut word = [0; WORD_BYTES];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}
