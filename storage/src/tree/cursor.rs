//! Finding leaves: by key, by position, and from one to the next.

use std::cmp::Ordering;
use std::slice;

use super::node::{Kids, Node};
use super::{Leaf, Tree};

/// The most levels that any path has.
pub(super) const HEIGHT_MAX: usize = 32;

/// A leaf of a tree, as the path from the root. Cursors of one tree are ordered as their leaves are.
///
/// It is good until the tree gains or loses a leaf: changes inside leaves do not disturb it. What a stale cursor leads to
/// is another leaf, or a panic.
///
/// The steps lie side by side, the root's in the highest bits; those below the last one are 0. One word, because a path of single
/// bytes costs a stall whenever it is copied soon after it is written. With steps of 5 bits, 12 levels have a place: more than
/// there is memory for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(u64);

impl Cursor {
    /// The step at a depth, among up to `FANOUT` kids.
    #[inline]
    pub(super) fn step<const FANOUT: usize>(self, depth: usize) -> usize {
        (self.0 >> shift::<FANOUT>(depth)) as usize & mask::<FANOUT>()
    }

    /// The path with another step at a depth.
    #[inline]
    pub(super) fn with_step<const FANOUT: usize>(self, depth: usize, step: usize) -> Self {
        let shift = shift::<FANOUT>(depth);
        Self(self.0 & !((mask::<FANOUT>() as u64) << shift) | (step as u64) << shift)
    }

    /// The path's first steps, `depth` of them, and then only first kids.
    fn first_below<const FANOUT: usize>(self, depth: usize) -> Self {
        Self(self.0 & !u64::MAX.unbounded_shr(depth as u32 * bits::<FANOUT>()))
    }

    /// The path from a new root, whose step comes first.
    pub(super) fn below_root<const FANOUT: usize>(self, step: usize) -> Self {
        Self(self.0 >> bits::<FANOUT>()).with_step::<FANOUT>(0, step)
    }
}

/// Bits of a step.
const fn bits<const FANOUT: usize>() -> u32 {
    usize::BITS - (FANOUT - 1).leading_zeros()
}

const fn mask<const FANOUT: usize>() -> usize {
    (1 << bits::<FANOUT>()) - 1
}

#[inline]
fn shift<const FANOUT: usize>(depth: usize) -> u32 {
    u64::BITS - (depth as u32 + 1) * bits::<FANOUT>()
}

impl<L: Leaf, const FANOUT: usize> Tree<L, FANOUT> {
    /// The last leaf whose key is `before` the target (true for a leading part of all keys), or else the first leaf. None in an
    /// empty tree.
    ///
    /// With `|key| key <= target` this is the leaf that holds the target or where it belongs. Where equal keys may cross leaves,
    /// `|key| key < target` finds the leaf from which to walk on.
    #[inline]
    pub fn seek(&self, before: impl Fn(&L::Key) -> bool) -> Option<(Cursor, &L)> {
        self.descend(|node| place(node.keys(), &before).saturating_sub(1))
    }

    /// As `seek`, for keys that are only a prefix of the order. `order` compares a leaf's key with the target's; where they are
    /// equal, `before` says by the leaf itself whether its first element is at or before the target. It is asked of O(log n)
    /// leaves.
    pub fn seek_tied(
        &self,
        order: impl Fn(&L::Key) -> Ordering,
        before: impl Fn(&L) -> bool,
    ) -> Option<(Cursor, &L)> {
        self.descend(|node| {
            let less = place(node.keys(), |key| order(key).is_lt());
            let rest = &node.keys()[less..];
            let is_tied = rest.first().is_some_and(|key| order(key).is_eq());
            let tied = if is_tied { place(rest, |key| order(key).is_eq()) } else { 0 };
            // The first kid is the choice anyway if none is before.
            let (mut low, mut high) = (less.max(1), less + tied);
            while low < high {
                let middle = usize::midpoint(low, high);
                match before(first_leaf(node, middle)) {
                    true => low = middle + 1,
                    false => high = middle,
                }
            }
            low.max(1) - 1
        })
    }

    /// The leaf of the element at a position counted from 0, and the element's place in the leaf. None past the end.
    #[inline]
    pub fn at(&self, position: u64) -> Option<(Cursor, &L, usize)> {
        if position >= self.len {
            return None;
        }
        let mut rest = position;
        let (cursor, leaf) = self.descend(|node| {
            let mut step = 0;
            for &count in node.counts() {
                if rest < count {
                    break;
                }
                rest -= count;
                step += 1;
            }
            step
        })?;
        Some((cursor, leaf, rest as usize))
    }

    /// The first leaf.
    pub fn first(&self) -> Option<(Cursor, &L)> {
        self.descend(|_| 0)
    }

    /// The last leaf.
    pub fn last(&self) -> Option<(Cursor, &L)> {
        self.descend(|node| node.len() - 1)
    }

    /// The leaf at a cursor.
    pub fn leaf(&self, at: &Cursor) -> &L {
        let (leaves, step) = self.leaves_around(*at);
        &leaves[step]
    }

    /// Elements before the leaf at a cursor.
    pub fn position(&self, at: &Cursor) -> u64 {
        let mut before = 0;
        let mut node = self.root.as_ref();
        for depth in 0..self.height {
            let Some(here) = node else { break };
            let step = at.step::<FANOUT>(depth);
            before += here.counts()[..step].iter().sum::<u64>();
            node = here.nodes().map(|nodes| &nodes[step]);
        }
        before
    }

    /// The next leaf.
    pub fn next(&self, at: &Cursor) -> Option<Cursor> {
        self.step_over(*at, self.height)
    }

    /// The previous leaf.
    pub fn previous(&self, at: &Cursor) -> Option<Cursor> {
        self.step_back_over(*at, self.height)
    }

    /// All leaves, first to last.
    pub fn leaves(&self) -> Leaves<'_, L, FANOUT> {
        self.leaves_from(&Cursor::default())
    }

    /// The leaf at a cursor and those after it.
    pub fn leaves_from(&self, at: &Cursor) -> Leaves<'_, L, FANOUT> {
        let (leaves, step) = self.leaves_around(*at);
        Leaves { tree: self, at: *at, here: leaves[step..].iter() }
    }

    /// All leaves, last to first.
    pub fn leaves_back(&self) -> LeavesBack<'_, L, FANOUT> {
        self.leaves_back_from(&self.last().map_or_else(Cursor::default, |(cursor, _)| cursor))
    }

    /// The leaf at a cursor and those before it, backwards.
    pub fn leaves_back_from(&self, at: &Cursor) -> LeavesBack<'_, L, FANOUT> {
        let (leaves, step) = self.leaves_around(*at);
        let end = leaves.len().min(step + 1);
        LeavesBack { tree: self, at: *at, here: leaves[..end].iter() }
    }

    /// Descends from the root, by a choice in each node.
    #[inline]
    fn descend(&self, mut choose: impl FnMut(&Node<L, FANOUT>) -> usize) -> Option<(Cursor, &L)> {
        let mut cursor = Cursor::default();
        let mut node = self.root.as_ref()?;
        for depth in 0..self.height {
            let step = choose(node);
            cursor = cursor.with_step::<FANOUT>(depth, step);
            match &node.kids {
                Kids::Leaves(leaves) => return Some((cursor, &leaves[step])),
                Kids::Nodes(nodes) => node = &nodes[step],
            }
        }
        None
    }

    /// The leaves of the node that holds the leaf at a cursor, and which of them it is. No leaves in an empty tree.
    fn leaves_around(&self, at: Cursor) -> (&[L], usize) {
        let mut node = self.root.as_ref();
        for depth in 0..self.height {
            let Some(here) = node else { break };
            let step = at.step::<FANOUT>(depth);
            match &here.kids {
                Kids::Leaves(leaves) => return (leaves, step),
                Kids::Nodes(nodes) => node = Some(&nodes[step]),
            }
        }
        (&[], 0)
    }

    /// The first leaf after the subtree that the cursor's first `depth` steps lead to.
    fn step_over(&self, at: Cursor, depth: usize) -> Option<Cursor> {
        let mut turn = None;
        let mut node = self.root.as_ref();
        for level in 0..depth {
            let here = node?;
            let step = at.step::<FANOUT>(level);
            if step + 1 < here.len() {
                turn = Some(level);
            }
            node = here.nodes().map(|nodes| &nodes[step]);
        }
        let turn = turn?;
        let next = at.first_below::<FANOUT>(turn + 1);
        Some(next.with_step::<FANOUT>(turn, at.step::<FANOUT>(turn) + 1))
    }

    /// The last leaf before the subtree that the cursor's first `depth` steps lead to.
    fn step_back_over(&self, at: Cursor, depth: usize) -> Option<Cursor> {
        let turn = (0..depth).rfind(|&level| at.step::<FANOUT>(level) > 0)?;
        let mut previous = at.with_step::<FANOUT>(turn, at.step::<FANOUT>(turn) - 1);
        let mut node = self.root.as_ref();
        for level in 0..self.height {
            let here = node?;
            if level > turn {
                previous = previous.with_step::<FANOUT>(level, here.len() - 1);
            }
            node = here.nodes().map(|nodes| &nodes[previous.step::<FANOUT>(level)]);
        }
        Some(previous)
    }
}

/// How many leading keys satisfy the condition.
#[inline]
fn place<K>(keys: &[K], condition: impl Fn(&K) -> bool) -> usize {
    keys.partition_point(condition)
}

/// The first leaf below a kid.
fn first_leaf<L: Leaf, const FANOUT: usize>(mut node: &Node<L, FANOUT>, mut kid: usize) -> &L {
    loop {
        match &node.kids {
            Kids::Leaves(leaves) => return &leaves[kid],
            Kids::Nodes(nodes) => node = &nodes[kid],
        }
        kid = 0;
    }
}

/// Leaves in order; see [`Tree::leaves_from`].
#[derive(Clone, Debug)]
pub struct Leaves<'a, L: Leaf, const FANOUT: usize = 30> {
    tree: &'a Tree<L, FANOUT>,
    /// Some leaf of the node that `here` is from.
    at: Cursor,
    here: slice::Iter<'a, L>,
}

impl<'a, L: Leaf, const FANOUT: usize> Iterator for Leaves<'a, L, FANOUT> {
    type Item = &'a L;

    fn next(&mut self) -> Option<&'a L> {
        if let Some(leaf) = self.here.next() {
            return Some(leaf);
        }
        self.at = self.tree.step_over(self.at, self.tree.height.checked_sub(1)?)?;
        self.here = self.tree.leaves_around(self.at).0.iter();
        self.here.next()
    }
}

/// Leaves in reverse order; see [`Tree::leaves_back_from`].
#[derive(Clone, Debug)]
pub struct LeavesBack<'a, L: Leaf, const FANOUT: usize = 30> {
    tree: &'a Tree<L, FANOUT>,
    /// Some leaf of the node that `here` is from.
    at: Cursor,
    here: slice::Iter<'a, L>,
}

impl<'a, L: Leaf, const FANOUT: usize> Iterator for LeavesBack<'a, L, FANOUT> {
    type Item = &'a L;

    fn next(&mut self) -> Option<&'a L> {
        if let Some(leaf) = self.here.next_back() {
            return Some(leaf);
        }
        self.at = self.tree.step_back_over(self.at, self.tree.height.checked_sub(1)?)?;
        self.here = self.tree.leaves_around(self.at).0.iter();
        self.here.next_back()
    }
}
