//! Places in the order: found by score or by member, counted, and walked from.

use super::Ranking;
use super::key::{order_of, prefix_of};
use super::leaf::Leaf;
use crate::tree::{Leaves, LeavesBack};

/// A place between two elements, before all or after all: a bound of a range, as a client gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cut<'a> {
    /// Before all elements.
    First,
    /// After all elements.
    Last,
    /// Before the elements of this score and greater ones.
    BeforeScore(f64),
    /// Before the elements of greater scores.
    AfterScore(f64),
    /// Before this member and greater ones. For sets whose members all have the same score, as is the next.
    BeforeMember(&'a [u8]),
    /// Before greater members.
    AfterMember(&'a [u8]),
}

impl Cut<'_> {
    /// Whether an element is before the cut.
    #[inline]
    pub fn is_after(self, member: &[u8], score: f64) -> bool {
        match self {
            Cut::First => false,
            Cut::Last => true,
            Cut::BeforeScore(bound) => score < bound,
            Cut::AfterScore(bound) => score <= bound,
            Cut::BeforeMember(bound) => member < bound,
            Cut::AfterMember(bound) => member <= bound,
        }
    }
}

impl Ranking {
    /// How many elements are before a cut.
    pub fn rank_of(&self, cut: Cut<'_>) -> usize {
        let found = match cut {
            Cut::First => return 0,
            Cut::Last => return self.len(),
            Cut::BeforeScore(bound) => {
                let bound = order_of(bound);
                self.order.seek(|(order, _)| *order < bound)
            }
            Cut::AfterScore(bound) => {
                let bound = order_of(bound);
                self.order.seek(|(order, _)| *order <= bound)
            }
            Cut::BeforeMember(bound) | Cut::AfterMember(bound) => {
                let key = prefix_of(bound);
                self.order.seek_tied(
                    |(_, prefix)| prefix.cmp(&key),
                    |leaf| cut.is_after(leaf.member(0), leaf.score(0)),
                )
            }
        };
        let Some((cursor, leaf)) = found else { return 0 };
        let index = match cut {
            Cut::BeforeMember(_) | Cut::AfterMember(_) => {
                leaf.partition(|index| cut.is_after(leaf.member(index), leaf.score(index)))
            }
            _ => leaf.partition(|index| cut.is_after(&[], leaf.score(index))),
        };
        self.order.position(&cursor) as usize + index
    }

    /// The elements from a rank on, in order.
    pub fn walk(&self, from: usize) -> Walk<'_> {
        match self.order.at(from as u64) {
            None => Walk { leaves: None, leaf: None, index: 0 },
            Some((cursor, leaf, index)) => {
                let mut leaves = self.order.leaves_from(&cursor);
                leaves.next();
                Walk { leaves: Some(leaves), leaf: Some(leaf), index }
            }
        }
    }

    /// The elements before a rank, the last one first.
    pub fn walk_back(&self, end: usize) -> WalkBack<'_> {
        match end.checked_sub(1).and_then(|last| self.order.at(last as u64)) {
            None => WalkBack { leaves: None, leaf: None, left: 0 },
            Some((cursor, leaf, index)) => {
                let mut leaves = self.order.leaves_back_from(&cursor);
                leaves.next();
                WalkBack { leaves: Some(leaves), leaf: Some(leaf), left: index + 1 }
            }
        }
    }
}

/// Elements in order; see [`Ranking::walk`].
#[derive(Clone)]
pub struct Walk<'a> {
    leaves: Option<Leaves<'a, Leaf>>,
    leaf: Option<&'a Leaf>,
    index: usize,
}

impl<'a> Iterator for Walk<'a> {
    type Item = (&'a [u8], f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut leaf = self.leaf?;
        if self.index == leaf.len() {
            self.leaf = self.leaves.as_mut()?.next();
            self.index = 0;
            leaf = self.leaf?;
        }
        self.index += 1;
        Some(leaf.element(self.index - 1))
    }
}

/// Elements in reverse order; see [`Ranking::walk_back`].
#[derive(Clone)]
pub struct WalkBack<'a> {
    leaves: Option<LeavesBack<'a, Leaf>>,
    leaf: Option<&'a Leaf>,
    /// Elements of the leaf that are still to come.
    left: usize,
}

impl<'a> Iterator for WalkBack<'a> {
    type Item = (&'a [u8], f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            self.leaf = self.leaves.as_mut()?.next();
            self.left = self.leaf?.len();
        }
        self.left -= 1;
        Some(self.leaf?.element(self.left))
    }
}
