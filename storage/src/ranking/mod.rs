//! A ranking: members with scores, found by member, by place in the order, by score. Big sorted sets.
//!
//! Two structures hold the same elements: a dict by member, and a counted tree of leaves by score and member. Each holds the
//! members' bytes: ranges read contiguous memory, and no pointer ties the two, so that a clone shares both in O(1) and a change
//! copies a block or two of each.
//!
//! - `leaf`: how elements lie in a leaf of the tree. `key`: the order.
//! - `change`: setting scores, taking out elements and ranges of them; how leaves split and merge.
//! - `walk`: places in the order, and the elements from there on.
//!
//! Invariants:
//! - Dict and tree hold the same elements; a member occurs once, and no score is NaN.
//! - Beyond `LEAF_LEN_MAX` elements or `LEAF_BYTES_MAX` bytes a leaf has one element, or it has had no addition since.

mod change;
mod key;
mod leaf;
#[cfg(test)]
mod tests;
mod walk;

use std::fmt;

use smallvec::SmallVec;

use crate::dict::{Dict, Key, Scores, WINDOW};
use crate::hash::Hasher;
use crate::pack::Item;
use crate::random::Random;
use crate::tree::{Cursor, Tree};
use key::{order_of, prefix_of};
use leaf::Leaf;

pub use walk::{Cut, Walk, WalkBack};

/// A leaf of so many elements splits before it takes another one.
const LEAF_LEN_MAX: usize = 64;
/// A leaf splits before it takes more bytes than these, unless it has one element.
const LEAF_BYTES_MAX: usize = 4096;

/// Members with scores; see the file head. `Clone` shares everything, in O(1); dropping frees what no clone shares, on any
/// thread.
#[derive(Clone)]
pub struct Ranking {
    scores: Dict<Scores>,
    order: Tree<Leaf>,
    leaf_bytes: usize,
}

impl Ranking {
    /// A ranking without members; allocates nothing.
    pub fn new(hasher: Hasher) -> Ranking {
        Ranking { scores: Dict::new(hasher), order: Tree::new(), leaf_bytes: 0 }
    }

    /// A ranking of these elements, which are in order and distinct.
    pub fn build<'a>(hasher: Hasher, elements: impl Iterator<Item = (&'a [u8], f64)> + Clone) -> Ranking {
        let scores =
            Dict::build(hasher, elements.clone().map(|(member, score)| (Item::Bytes(member), score)));
        let mut leaf_bytes = 0;
        let leaves = change::leaves(elements).inspect(|leaf| leaf_bytes += leaf.allocated_bytes());
        Ranking { scores, order: leaves.collect(), leaf_bytes }
    }

    /// Members. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes allocated, shared ones included. Visits inner nodes.
    pub fn memory_bytes(&self) -> usize {
        self.scores.memory_bytes() + self.leaf_bytes + self.order.shape().node_bytes
    }

    /// A member's score.
    #[inline]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.scores.score(&self.scores.key(member))
    }

    /// Starts to load what searches for these members by name read.
    pub fn prefetch(&self, members: &[&[u8]]) {
        self.scores.prefetch(members);
    }

    /// The same, and the leaves that they are in.
    pub fn prefetch_places(&self, members: &[&[u8]]) {
        let keys: SmallVec<[Key<'_>; WINDOW]> = members.iter().map(|member| self.key(member)).collect();
        self.scores.get_many(&keys, |index, found| {
            if let Some((_, score)) = found
                && let Some((_, leaf)) = self.place_of(order_of(score), members[index])
            {
                leaf.prefetch();
            }
        });
    }

    /// How many members come before this one, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        let order = order_of(score);
        let (cursor, leaf) = self.place_of(order, member)?;
        Some((self.order.position(&cursor) as usize + leaf.search(order, member), score))
    }

    /// A member by chance, each as likely. None without members.
    pub fn random(&self, random: &mut Random) -> Option<(Item<'_>, f64)> {
        self.scores.random(random)
    }

    /// Visits `count` different members, or all if there are no more: each choice of them is as likely.
    pub fn random_distinct<'a>(
        &'a self,
        count: usize,
        random: &mut Random,
        visit: impl FnMut((Item<'a>, f64)),
    ) {
        self.scores.random_distinct(count, random, visit);
    }

    /// Visits the members of one step of a scan, as [`Dict::scan`].
    pub fn scan<'a>(&'a self, cursor: u64, visit: impl FnMut((Item<'a>, f64))) -> u64 {
        self.scores.scan(cursor, visit)
    }

    /// The leaf that an element is in, or where it belongs. None without members.
    #[inline]
    fn place_of(&self, order: u64, member: &[u8]) -> Option<(Cursor, &Leaf)> {
        let key = (order, prefix_of(member));
        self.order.seek_tied(|other| other.cmp(&key), |leaf| leaf.member(0) <= member)
    }

    #[inline]
    fn key<'k>(&self, member: &'k [u8]) -> Key<'k> {
        self.scores.key(member)
    }
}

impl fmt::Debug for Ranking {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.walk(0)).finish()
    }
}
