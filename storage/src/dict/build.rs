//! Dicts of many elements at once: sorted by hash first, then packed a block at a time.

use std::ops::Range;

use super::key::{Key, place_of, tag_of};
use super::{BLOCK_BYTES_MAX, BLOCK_LEN_MAX, Dict, Shape, canonical, hash_of, read};
use crate::block::Block;
use crate::hash::Hasher;

/// An encoded element among others.
struct Part {
    hash: u64,
    key_len: usize,
    range: Range<usize>,
}

impl<S: Shape> Dict<S> {
    /// A dict of these elements. Of several with the same key one is taken: compare the lengths to know of them.
    pub fn build<'a>(hasher: Hasher, elements: impl IntoIterator<Item = S::Element<'a>>) -> Self {
        let elements = elements.into_iter();
        let (mut bytes, mut expires) = (Vec::new(), false);
        let mut parts = Vec::with_capacity(elements.size_hint().0);
        for element in elements {
            let (item, rest) = S::split(element);
            let item = canonical(item);
            let key = Key::new(item, S::hash(&hasher, item));
            let start = bytes.len();
            bytes.resize(start + key.encoded_len() + S::encoded_len(rest), 0);
            S::write(rest, key.write(&mut bytes[start..]));
            parts.push(Part { hash: key.hash(), key_len: key.encoded_len(), range: start..bytes.len() });
            expires |= S::expiry(rest).is_some();
        }
        let order = |part: &Part| (part.hash, &bytes[part.range.start..][..part.key_len]);
        // Hashes hardly ever agree, and comparing nothing else is several times as quick.
        parts.sort_unstable_by_key(|part| part.hash);
        for same in parts.chunk_by_mut(|one, other| one.hash == other.hash) {
            same.sort_unstable_by(|one, other| order(one).cmp(&order(other)));
        }
        parts.dedup_by(|one, other| order(one) == order(other));
        let mut dict: Self = Dict::new(hasher);
        dict.fill(&parts, &bytes);
        if expires {
            dict.note_expiries();
        }
        dict
    }

    /// Puts sorted elements into an empty dict.
    fn fill(&mut self, parts: &[Part], bytes: &[u8]) {
        let mut ranges = vec![parts];
        while let Some(parts) = ranges.pop() {
            let Some(first) = parts.first() else { continue };
            let elements_bytes: usize = parts.iter().map(|part| part.range.len()).sum();
            let fits = parts.len() <= BLOCK_LEN_MAX && elements_bytes <= BLOCK_BYTES_MAX || parts.len() == 1;
            let mut middle = 0;
            let split = |block, at| {
                middle = at;
                [block, None]
            };
            if !fits && self.index.split(place_of(first.hash), split) {
                let (left, right) =
                    parts.split_at(parts.partition_point(|part| place_of(part.hash) < middle));
                ranges.extend([right, left]);
                continue;
            }
            self.change(place_of(first.hash), |block| {
                let elements = parts.iter().map(|part| (tag_of(part.hash), &bytes[part.range.clone()]));
                (*block = Some(Block::pack(elements)), parts.len() as isize)
            });
        }
    }

    fn note_expiries(&mut self) {
        for (_, element) in self.index.blocks().flat_map(Block::iter) {
            let expiry = S::expiry(S::split(read::<S>(element)).1);
            self.expiries.change(hash_of::<S>(&self.hasher, element), None, expiry);
        }
    }
}
