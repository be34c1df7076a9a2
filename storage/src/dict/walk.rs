//! Elements without their keys at hand: all of them, by rank, by chance, by the cursor of a scan.
//!
//! A scan visits a block at each step. Its cursor is the first place that is not done, so that blocks may split and merge
//! meanwhile: every element that is there all the time is visited exactly once.

use std::collections::BTreeSet;

use super::key::PLACE_BITS;
use super::{Dict, Shape, place_of, read};
use crate::block::Block;
use crate::random::Random;

/// The end of all places.
const END: u64 = 1 << PLACE_BITS;

impl<S: Shape> Dict<S> {
    /// All elements, in the order of their hashes' ranges.
    pub fn iter(&self) -> impl Iterator<Item = S::Element<'_>> {
        self.index.blocks().flat_map(Block::iter).map(|(_, element)| read::<S>(element))
    }

    /// Visits the elements of one block and gives the cursor to go on with. 0 begins a scan and ends it; cursors are below 2^50.
    pub fn scan<'a>(&'a self, cursor: u64, mut visit: impl FnMut(S::Element<'a>)) -> u64 {
        let mut cursor = cursor.min(END);
        while cursor < END {
            let range = self.index.range(cursor);
            let block = self.index.find(cursor);
            for (_, element) in block.into_iter().flat_map(Block::iter) {
                // In the midst of a range: it was several when the scan passed the beginning.
                if cursor == range.start || place_of::<S>(&self.hasher, element) >= cursor {
                    visit(read::<S>(element));
                }
            }
            cursor = range.end;
            if block.is_some() {
                break;
            }
        }
        cursor % END
    }

    /// The element at a rank in the order of [`Dict::iter`]. None past the end. Ranks change with every change.
    pub fn nth(&self, rank: usize) -> Option<S::Element<'_>> {
        let (_, block, index) = self.index.at(rank)?;
        Some(read::<S>(block.element(index)))
    }

    /// An element, each with the same chance. None in an empty dict.
    pub fn random(&self, random: &mut Random) -> Option<S::Element<'_>> {
        self.nth(random.below(self.len() as u64) as usize)
    }

    /// Visits `count` different elements, or all if there are no more: each choice of them has the same chance, their order has
    /// no meaning.
    pub fn random_distinct<'a>(
        &'a self,
        count: usize,
        random: &mut Random,
        mut visit: impl FnMut(S::Element<'a>),
    ) {
        let len = self.len();
        if count > len / 4 {
            // Each element is chosen with the chance that as many are still wanted among as many as are left.
            let mut wanted = count;
            for (index, element) in self.iter().enumerate() {
                if random.below((len - index) as u64) < wanted as u64 {
                    wanted -= 1;
                    visit(element);
                }
            }
            return;
        }
        // Floyd: a rank that was drawn before stands for the newest one.
        let mut ranks = BTreeSet::new();
        for newest in len - count..len {
            let rank = random.below(newest as u64 + 1) as usize;
            if !ranks.insert(rank) {
                ranks.insert(newest);
            }
        }
        ranks.into_iter().filter_map(|rank| self.nth(rank)).for_each(visit);
    }

    /// Takes an element out, each with the same chance, after showing it. None in an empty dict.
    pub fn pop<R>(&mut self, random: &mut Random, show: impl FnOnce(S::Element<'_>) -> R) -> Option<R> {
        let rank = random.below(self.len() as u64) as usize;
        let (place, _, index) = self.index.at(rank)?;
        Some(self.take(place, index, show))
    }
}
