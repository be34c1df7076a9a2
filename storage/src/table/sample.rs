//! Random elements, for RANDOMKEY and eviction, and what a table tells about itself.

use std::ptr::NonNull;

use super::bucket::SLOTS;
use super::page::BUCKETS_MAX;
use super::{Element, Table, directory};

/// Slots tried for a random element before the nearest one is taken.
const TRIES_MAX: usize = 256;
/// Bits of a random number that select a page; the others select a slot.
const SLOT_BITS: u32 = 24;

/// What a table tells about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableStats {
    /// Elements in the table.
    pub elements: usize,
    /// Elements in their home's neighbour.
    pub elements_in_neighbour: usize,
    /// Elements in a stash.
    pub elements_in_stash: usize,
    /// Pages that hold elements.
    pub pages: usize,
    /// Buckets of all pages.
    pub buckets: usize,
    /// Slots of all buckets.
    pub slots: usize,
    /// Leading bits of the hash that the deepest page is told apart by.
    pub depth_max: u32,
    /// Entries in the directory.
    pub directory_entries: usize,
    /// Buckets that hold 0, 1, .. 7 elements.
    pub buckets_by_elements: [usize; SLOTS + 1],
    /// Bytes allocated for pages and directory.
    pub memory_bytes: usize,
}

impl<E: Element> Table<E> {
    /// An element that the random number `r` selects, all with the same likelihood; `None` if there is none.
    pub(crate) fn random(&self, r: u64) -> Option<NonNull<u8>> {
        if self.len() == 0 {
            return None;
        }
        let mut random = r;
        for _ in 0..TRIES_MAX {
            random = next_random(random);
            if let Some(element) = self.try_random(random) {
                return Some(element);
            }
        }
        self.elements_from(random).next()
    }

    /// Adds `n` elements of neighbouring buckets to `out`, or all there are, beginning where the random
    /// number `r` says.
    pub(crate) fn sample(&self, r: u64, out: &mut Vec<NonNull<u8>>, n: usize) {
        out.extend(self.elements_from(next_random(r)).take(n.min(self.len())));
    }

    /// Describes the table; O(n).
    pub(crate) fn stats(&self) -> TableStats {
        let mut stats = TableStats {
            elements: self.len(),
            directory_entries: self.directory.entries(),
            memory_bytes: self.memory_bytes(),
            ..TableStats::default()
        };
        for page in self.directory.pages_from(0).filter(|page| !page.is_without_elements()) {
            stats.pages += 1;
            stats.buckets += page.buckets();
            stats.slots += page.buckets() * SLOTS;
            stats.depth_max = stats.depth_max.max(page.depth());
            for index in 0..page.buckets() {
                let bucket = page.bucket(index);
                stats.buckets_by_elements[bucket.len()] += 1;
                let displaced =
                    bucket.occupied().filter(|slot| page.home(bucket.slot(*slot).place()) != index).count();
                if index >= page.home_buckets() {
                    stats.elements_in_stash += displaced;
                } else {
                    stats.elements_in_neighbour += displaced;
                }
            }
        }
        stats
    }

    /// Tries one slot. Pages are drawn by their share of the hashes, which favours those that are less deep;
    /// slots as if all pages were of the largest size. Refusing the excess of both makes every element
    /// equally likely.
    fn try_random(&self, random: u64) -> Option<NonNull<u8>> {
        let page = self.directory.page(random);
        let excess = self.directory.depth_max() - page.depth();
        let draw = random & ((1 << SLOT_BITS) - 1);
        let slots_max =
            if page.depth() == 0 { page.buckets() } else { page.buckets().max(BUCKETS_MAX) } * SLOTS;
        // Bits below those that select the page, and above those that select the slot.
        let coin = random >> SLOT_BITS & ((1 << excess) - 1);
        let index = ((draw * slots_max as u64) >> SLOT_BITS) as usize;
        if coin != 0 || index >= page.buckets() * SLOTS { None } else { page.nth_slot(index) }
    }

    /// All elements, beginning in the midst of a page.
    fn elements_from(&self, random: u64) -> impl Iterator<Item = NonNull<u8>> {
        let page = self.directory.page(random);
        let skipped = ((random & ((1 << SLOT_BITS) - 1)) as usize * page.len()) >> SLOT_BITS;
        let rest = Some(directory::end(random, page.depth())).filter(|next| *next != 0);
        let rest = rest.into_iter().flat_map(|next| self.directory.pages_from(next));
        let again = self.directory.pages_from(0);
        let later = rest.chain(again).flat_map(|page| page.elements());
        page.elements().skip(skipped).chain(later).map(|(slot, _)| slot.element())
    }
}

/// A step of SplitMix64.
fn next_random(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
