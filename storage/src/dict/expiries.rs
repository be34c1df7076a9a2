//! Which fields expire, by time: what is due is found without looking at the rest.
//!
//! A tree of (time, hash of the field) pairs, 16 bytes each in leaves of up to 1 KB. The field's own expiry decides; the pairs
//! are exactly those of the fields that have one.

use std::fmt;

use arrayvec::ArrayVec;
use triomphe::Arc;

use crate::sharing;
use crate::tree::{Leaf, Tree};

/// Pairs in a leaf: with count and length they fill 1 KB.
const LEAF_LEN_MAX: usize = 62;

/// When a field expires (unix ms), and the hash of its name.
type Expiry = (i64, u64);

#[derive(Clone, Debug, Default)]
struct Times(Arc<ArrayVec<Expiry, LEAF_LEN_MAX>>);

/// The expiries of a dict's fields. Clones share all of it.
#[derive(Clone, Default)]
pub(super) struct Expiries {
    tree: Tree<Times>,
}

impl Leaf for Times {
    type Key = Expiry;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn key(&self) -> Expiry {
        self.0[0]
    }

    fn split_off(&mut self, at: usize) -> Times {
        Times(Arc::new(self.own().drain(at..).collect()))
    }
}

impl Times {
    fn own(&mut self) -> &mut ArrayVec<Expiry, LEAF_LEN_MAX> {
        sharing::own(&mut self.0, |_| 0)
    }
}

impl Expiries {
    /// Fields that expire.
    pub(super) fn len(&self) -> usize {
        self.tree.len() as usize
    }

    /// The field that expires first.
    pub(super) fn first(&self) -> Option<Expiry> {
        self.tree.first().map(|(_, leaf)| leaf.key())
    }

    /// When the last field expires.
    pub(super) fn last(&self) -> Option<i64> {
        let (_, leaf) = self.tree.last()?;
        leaf.0.last().map(|(at, _)| *at)
    }

    /// How many fields expire before a time. O(log n).
    pub(super) fn len_before(&self, time: i64) -> usize {
        let Some((cursor, leaf)) = self.tree.seek(|first| first.0 < time) else { return 0 };
        self.tree.position(&cursor) as usize + leaf.0.partition_point(|(at, _)| *at < time)
    }

    /// Notes that the expiry of the field of a hash was `old` and is `new`.
    #[inline]
    pub(super) fn change(&mut self, hash: u64, old: Option<i64>, new: Option<i64>) {
        if old == new {
            return;
        }
        if let Some(at) = old {
            self.remove((at, hash));
        }
        if let Some(at) = new {
            self.insert((at, hash));
        }
    }

    /// Bytes allocated.
    pub(super) fn memory_bytes(&self) -> usize {
        let shape = self.tree.shape();
        shape.node_bytes + shape.leaves * (size_of::<usize>() + size_of::<ArrayVec<Expiry, LEAF_LEN_MAX>>())
    }

    fn insert(&mut self, expiry: Expiry) {
        let Some((cursor, _)) = self.tree.seek(|first| *first <= expiry) else {
            let mut first = Times::default();
            first.own().push(expiry);
            return self.tree.push_back(first);
        };
        self.tree.update(&cursor, |leaf, after| {
            let mut target = leaf.own();
            let mut rest = ArrayVec::new();
            if target.is_full() {
                rest = target.drain(LEAF_LEN_MAX / 2..).collect();
                if rest[0] <= expiry {
                    target = &mut rest;
                }
            }
            target.insert(target.partition_point(|other| *other < expiry), expiry);
            if !rest.is_empty() {
                after.push(Times(Arc::new(rest)));
            }
        });
    }

    fn remove(&mut self, expiry: Expiry) {
        let Some((cursor, leaf)) = self.tree.seek(|first| *first <= expiry) else { return };
        let (Ok(index), len) = (leaf.0.binary_search(&expiry), leaf.len()) else { return };
        self.tree.update(&cursor, |leaf, _| leaf.own().remove(index));
        if 1 < len && len <= LEAF_LEN_MAX / 4 {
            self.tree.merge_with_next(&cursor, |one, next| {
                if one.len() + next.len() <= LEAF_LEN_MAX / 2 {
                    one.own().extend(next.own().drain(..));
                }
            });
        }
    }
}

impl fmt::Debug for Expiries {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.tree.leaves().flat_map(|leaf| leaf.0.iter())).finish()
    }
}
