//! Dicts of many elements at once: sorted by hash first, then packed a block at a time.

use smallvec::SmallVec;

use super::key::Key;
use super::{BLOCK_BYTES_MAX, BLOCK_LEN_MAX, Dict, Shape, canonical, hash_of, read};
use crate::block::Block;
use crate::hash::Hasher;

/// An element among others.
struct Part<'a, S: Shape> {
    key: Key<'a>,
    rest: S::Rest<'a>,
}

impl<S: Shape> Part<'_, S> {
    fn encoded_len(&self) -> usize {
        self.key.encoded_len() + S::encoded_len(self.rest)
    }
}

impl<S: Shape> Dict<S> {
    /// A dict of these elements. Of several with the same key one is taken: compare the lengths to know of them.
    pub fn build<'a>(hasher: Hasher, elements: impl IntoIterator<Item = S::Element<'a>>) -> Self {
        let parts = elements.into_iter().map(|element| {
            let (item, rest) = S::split(element);
            let item = canonical(item);
            Part::<S> { key: Key::new(item, S::hash(&hasher, item)), rest }
        });
        let mut parts: Vec<_> = parts.collect();
        // Hashes hardly ever agree, and comparing nothing else is several times as quick.
        parts.sort_unstable_by_key(|part| part.key.hash());
        for same in parts.chunk_by_mut(|one, other| one.key.hash() == other.key.hash()) {
            same.sort_unstable_by_key(|part| part.key.item());
        }
        parts.dedup_by_key(|part| (part.key.hash(), part.key.item()));
        let expires = parts.iter().any(|part| S::expiry(part.rest).is_some());
        let mut dict: Self = Dict::new(hasher);
        dict.fill(&parts);
        if expires {
            dict.note_expiries();
        }
        dict
    }

    /// Puts sorted elements into an empty dict.
    fn fill(&mut self, parts: &[Part<'_, S>]) {
        let mut ranges = vec![parts];
        let mut bytes = Vec::new();
        while let Some(parts) = ranges.pop() {
            let Some(first) = parts.first() else { continue };
            let is_short = || parts.iter().map(Part::encoded_len).sum::<usize>() <= BLOCK_BYTES_MAX;
            let fits = parts.len() == 1 || parts.len() <= BLOCK_LEN_MAX && is_short();
            let mut middle = 0;
            let split = |block, at| {
                middle = at;
                [block, None]
            };
            if !fits && self.index.split(first.key.place(), split) {
                let (left, right) = parts.split_at(parts.partition_point(|part| part.key.place() < middle));
                ranges.extend([right, left]);
                continue;
            }
            self.change(first.key.place(), |block| {
                (*block = Some(pack(parts, &mut bytes)), parts.len() as isize)
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

/// A block of these elements, which are encoded in `bytes`.
fn pack<S: Shape>(parts: &[Part<'_, S>], bytes: &mut Vec<u8>) -> Block {
    bytes.clear();
    let ends = parts.iter().map(|part| {
        let start = bytes.len();
        bytes.resize(start + part.encoded_len(), 0);
        S::write(part.rest, part.key.write(&mut bytes[start..]));
        bytes.len()
    });
    let ends: SmallVec<[usize; BLOCK_LEN_MAX]> = ends.collect();
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let elements = parts.iter().zip(starts.zip(&ends));
    Block::pack(elements.map(|(part, (start, &end))| (part.key.tag(), &bytes[start..end])))
}
