//! Dicts of many elements at once: sorted by hash first, then packed into full blocks.

use std::ops::Range;

use super::key::{Key, place_of, tag_of};
use super::{BLOCK_BYTES_MAX, BLOCK_LEN_MAX, Dict, Shape, canonical};
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
        let (mut bytes, mut parts, mut expires) = (Vec::new(), Vec::new(), false);
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
        parts.sort_unstable_by(|one, other| order(one).cmp(&order(other)));
        parts.dedup_by(|one, other| order(one) == order(other));
        let mut dict: Self = Dict::of(blocks(&parts, &bytes).collect(), hasher);
        if expires {
            dict.note_expiries();
        }
        dict
    }

    fn note_expiries(&mut self) {
        for (_, element) in self.index.blocks().flat_map(Block::iter) {
            let expiry = S::expiry(S::split(super::read::<S>(element)).1);
            self.expiries.change(self.hash_of(element), None, expiry);
        }
    }
}

/// Blocks as full as they may be, of elements in the order of their hashes.
fn blocks(parts: &[Part], bytes: &[u8]) -> impl Iterator<Item = Block> {
    let mut rest = parts;
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let bound = if rest.len() == parts.len() { 0 } else { place_of(first.hash) };
        let (mut len, mut elements_bytes) = (0, 0);
        for group in rest.chunk_by(|one, other| place_of(one.hash) == place_of(other.hash)) {
            let group_bytes: usize = group.iter().map(|part| part.range.len()).sum();
            let fits = len + group.len() <= BLOCK_LEN_MAX && elements_bytes + group_bytes <= BLOCK_BYTES_MAX;
            if len > 0 && !fits {
                break;
            }
            len += group.len();
            elements_bytes += group_bytes;
        }
        let (block, after) = rest.split_at(len);
        rest = after;
        Some(Block::pack(block.iter().map(|part| (tag_of(part.hash), &bytes[part.range.clone()])), bound))
    })
}
