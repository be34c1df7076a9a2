//! Setting scores, and taking out elements, one or a range.
//!
//! A leaf that has no room splits in halves before a new element comes; at the ends of the order, and beside a huge element that
//! is alone, the new one gets a leaf of its own instead, so that ascending scores leave full leaves and nothing huge is moved.

use std::iter;
use std::mem;
use std::ops::Range;

use super::key::order_of;
use super::leaf::Leaf;
use super::{LEAF_BYTES_MAX, LEAF_LEN_MAX, Ranking};
use crate::dict::Dict;
use crate::pack::Item;
use crate::tree::{self, Cursor};

/// A leaf with no more elements than these merges with a neighbour, if both together have at most twice as many.
const THIN_LEN_MAX: usize = LEAF_LEN_MAX / 4;
/// Leaves merge up to so many bytes.
const MERGED_BYTES_MAX: usize = LEAF_BYTES_MAX / 2;

impl Ranking {
    /// Shows a member's score, if it is a member, and sets the one that `decide` gives, if it gives one. Never NaN.
    pub fn update(&mut self, member: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) {
        let key = self.key(member);
        let Some((old, score)) = self.scores.update(&key, decide) else { return };
        debug_assert!(!score.is_nan(), "a score is a number");
        match old {
            Some(old) => self.shift(member, old, score),
            None => self.insert(member, score),
        }
    }

    /// Takes a member out; true if it was one.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        let key = self.key(member);
        let Some(score) = self.scores.remove_with(&key, |(_, score)| score) else { return false };
        let (cursor, at) = self.find(member, score);
        self.take(&cursor, at);
        true
    }

    /// Takes a range of ranks out. Gives what is left of them, to be dropped anywhere; a range of many takes no longer than to
    /// take their members, or the others if these are fewer, from hand to hand.
    pub fn remove_range(&mut self, ranks: Range<usize>) -> Option<Ranking> {
        let ranks = ranks.start..ranks.end.min(self.len());
        if ranks.len() <= THIN_LEN_MAX {
            ranks.clone().for_each(|_| self.remove_at(ranks.start));
            return None;
        }
        self.split_at(ranks.end);
        self.split_at(ranks.start);
        let order = self.order.remove_range(ranks.start as u64..ranks.end as u64);
        let leaf_bytes = order.leaves().map(Leaf::allocated_bytes).sum();
        self.leaf_bytes -= leaf_bytes;
        self.merge_at(ranks.start);
        let hasher = self.scores.hasher().clone();
        if ranks.len() > self.order.len() as usize {
            let elements = self.walk(0).map(|(member, score)| (Item::Bytes(member), score));
            let rest = Dict::build(hasher, elements);
            return Some(Ranking { scores: mem::replace(&mut self.scores, rest), order, leaf_bytes });
        }
        for (member, _) in order.leaves().flat_map(Leaf::iter) {
            self.scores.remove(&self.scores.key(member));
        }
        Some(Ranking { scores: Dict::new(hasher), order, leaf_bytes })
    }

    fn remove_at(&mut self, rank: usize) {
        let Some((cursor, leaf, at)) = self.order.at(rank as u64) else { return };
        self.scores.remove(&self.scores.key(leaf.member(at)));
        self.take(&cursor, at);
    }

    /// Where a member is in the order.
    fn find(&self, member: &[u8], score: f64) -> (Cursor, usize) {
        let order = order_of(score);
        let (cursor, leaf) = self.place_of(order, member).expect("a member is in the order");
        (cursor, leaf.search(order, member))
    }

    /// Moves a member to another score.
    fn shift(&mut self, member: &[u8], old: f64, score: f64) {
        let (cursor, at) = self.find(member, old);
        let leaf = self.order.leaf(&cursor);
        let is_before =
            |one: (&[u8], f64), other: (&[u8], f64)| one.1 < other.1 || one.1 == other.1 && one.0 < other.0;
        let stays = match score > old {
            true if at + 1 < leaf.len() => is_before((member, score), leaf.element(at + 1)),
            true => self.order.next(&cursor).is_none(),
            false if at > 0 => is_before(leaf.element(at - 1), (member, score)),
            false => cursor == Cursor::default(),
        };
        if stays {
            self.change(&cursor, |leaf| leaf.set_score(at, score));
        } else {
            self.take(&cursor, at);
            self.insert(member, score);
        }
    }

    /// Puts a member into the order.
    fn insert(&mut self, member: &[u8], score: f64) {
        let order = order_of(score);
        let alone = || Leaf::pack(iter::once((member, score)));
        let Some((cursor, leaf)) = self.place_of(order, member) else {
            let leaf = alone();
            self.leaf_bytes += leaf.allocated_bytes();
            return self.order.push_back(leaf);
        };
        let (at, len) = (leaf.search(order, member), leaf.len());
        let bytes = leaf.content_bytes() + Leaf::element_bytes(member);
        if len < LEAF_LEN_MAX && bytes <= LEAF_BYTES_MAX {
            self.change(&cursor, |leaf| leaf.insert(at, member, score));
        } else if at == len && (len == 1 || self.order.next(&cursor).is_none()) {
            self.split(&cursor, |_| alone());
        } else if at == 0 && (len == 1 || cursor == Cursor::default()) {
            self.split(&cursor, |leaf| mem::replace(leaf, alone()));
        } else {
            let middle = len / 2;
            self.split(&cursor, |leaf| {
                let mut right = tree::Leaf::split_off(leaf, middle);
                match at.checked_sub(middle + 1) {
                    Some(_) => right.insert(at - middle, member, score),
                    None => leaf.insert(at, member, score),
                }
                right
            });
        }
    }

    /// Takes an element out of the order.
    fn take(&mut self, cursor: &Cursor, at: usize) {
        let (len, bytes) = self.change(cursor, |leaf| {
            leaf.remove(at);
            (leaf.len(), leaf.content_bytes())
        });
        if !(1..=THIN_LEN_MAX).contains(&len) {
            return;
        }
        let fits = |neighbour: &Cursor| {
            let leaf = self.order.leaf(neighbour);
            leaf.len() + len <= 2 * THIN_LEN_MAX && leaf.content_bytes() + bytes <= MERGED_BYTES_MAX
        };
        let left = match self.order.next(cursor).filter(fits) {
            Some(_) => Some(*cursor),
            None => self.order.previous(cursor).filter(fits),
        };
        if let Some(left) = left {
            let leaf_bytes = &mut self.leaf_bytes;
            self.order.merge_with_next(&left, |one, other| merge(one, other, leaf_bytes));
        }
    }

    /// Merges the leaves that meet at a rank if both are thin.
    fn merge_at(&mut self, rank: usize) {
        let leaf_bytes = &mut self.leaf_bytes;
        self.order.merge_around(rank as u64, |one, other| {
            let bytes = one.content_bytes() + other.content_bytes();
            if one.len() + other.len() <= 2 * THIN_LEN_MAX && bytes <= MERGED_BYTES_MAX {
                merge(one, other, leaf_bytes);
            }
        });
    }

    /// Sees to it that a rank is the first of its leaf.
    fn split_at(&mut self, rank: usize) {
        if let Some((cursor, _, at @ 1..)) = self.order.at(rank as u64) {
            self.split(&cursor, |leaf| tree::Leaf::split_off(leaf, at));
        }
    }

    /// Changes a leaf, which may become empty.
    fn change<R>(&mut self, cursor: &Cursor, change: impl FnOnce(&mut Leaf) -> R) -> R {
        let leaf_bytes = &mut self.leaf_bytes;
        self.order.update(cursor, |leaf, _| {
            *leaf_bytes -= leaf.allocated_bytes();
            let result = change(leaf);
            if leaf.len() > 0 {
                *leaf_bytes += leaf.allocated_bytes();
            }
            result
        })
    }

    /// Changes a leaf and puts another one after it.
    fn split(&mut self, cursor: &Cursor, split: impl FnOnce(&mut Leaf) -> Leaf) {
        let leaf_bytes = &mut self.leaf_bytes;
        self.order.update(cursor, |leaf, after| {
            *leaf_bytes -= leaf.allocated_bytes();
            let right = split(leaf);
            *leaf_bytes += leaf.allocated_bytes() + right.allocated_bytes();
            after.push(right);
        });
    }
}

/// Moves all elements of a leaf to the one before.
fn merge(one: &mut Leaf, other: &mut Leaf, leaf_bytes: &mut usize) {
    *leaf_bytes -= one.allocated_bytes() + other.allocated_bytes();
    one.append(other);
    *other = Leaf::pack(iter::empty());
    *leaf_bytes += one.allocated_bytes();
}

/// Full leaves of these elements, which are in order.
pub(super) fn leaves<'a>(
    elements: impl Iterator<Item = (&'a [u8], f64)> + Clone,
) -> impl Iterator<Item = Leaf> {
    let mut rest = elements.peekable();
    iter::from_fn(move || {
        let start = rest.clone();
        let (mut len, mut bytes) = (0, 0);
        while let Some(&(member, _)) = rest.peek() {
            bytes += Leaf::element_bytes(member);
            if len == LEAF_LEN_MAX || len > 0 && bytes > LEAF_BYTES_MAX {
                break;
            }
            len += 1;
            rest.next();
        }
        (len > 0).then(|| Leaf::pack(start.take(len)))
    })
}
