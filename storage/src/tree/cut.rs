//! Cutting trees apart and putting them together, and the repair of what that leaves thin.

use std::mem;
use std::ops::Range;

use triomphe::Arc;

use super::change::Side;
use super::node::{Kid, Kids, Node, NodeRef, own};
use super::{Cursor, Leaf, Tree};

impl<L: Leaf, const FANOUT: usize> Tree<L, FANOUT> {
    /// Takes the elements from a position on into a new tree. The leaf that lies across is split. O(log n).
    pub fn split_off(&mut self, position: u64) -> Self {
        if position == 0 {
            return mem::take(self);
        }
        let Some((cursor, _, offset)) = self.at(position) else { return Self::new() };
        let Some(mut root) = self.root.take() else { return Self::new() };
        let height = self.height;
        let tail = cut(&mut root, cursor, 0, offset);
        *self = Self::from_root(root, height);
        Self::from_root(Arc::new(tail), height)
    }

    /// Takes a range of positions out into a new tree: what another thread may drop. A range that ends past the end ends there.
    /// O(log n).
    ///
    /// Leaves that lie across the ends of the range are split. [`merge_around`](Self::merge_around) `range.start` afterwards if the
    /// parts may be small.
    pub fn remove_range(&mut self, range: Range<u64>) -> Self {
        if range.start >= range.end {
            return Self::new();
        }
        let after = self.split_off(range.end);
        let removed = self.split_off(range.start);
        self.append(after);
        removed
    }

    /// Changes the two leaves that meet at a position, as [`merge_with_next`](Self::merge_with_next) does. None if no two leaves meet there.
    pub fn merge_around<R>(&mut self, position: u64, change: impl FnOnce(&mut L, &mut L) -> R) -> Option<R> {
        let (cursor, leaf, offset) = self.at(position.checked_sub(1)?)?;
        if offset + 1 < leaf.len() {
            return None;
        }
        self.merge_with_next(&cursor, change)
    }

    /// Appends all leaves of another tree. O(log n).
    pub fn append(&mut self, mut other: Self) {
        let meet = self.len;
        if self.height < other.height {
            mem::swap(self, &mut other);
            self.attach(Cursor::default(), Side::Before, other);
        } else if let Some((last, _)) = self.last() {
            self.attach(last, Side::After, other);
        }
        self.repair(meet);
    }

    /// Puts a tree that is not higher at an end; nodes where the two meet may be thin.
    fn attach(&mut self, end: Cursor, side: Side, other: Self) {
        if let Some(root) = other.root {
            self.put(end, side, Kid::Node(root), other.height);
        }
    }

    /// Fills thin nodes on both sides of a position, and takes away a root that is not needed.
    pub(super) fn repair(&mut self, position: u64) {
        for position in [position.checked_sub(1), Some(position)].into_iter().flatten() {
            // From the top: the parent of a thin node then has other kids to give.
            while let Some((cursor, depth)) = self.thin_above(position) {
                self.rebalance(cursor, depth);
            }
        }
        self.settle_root();
    }

    /// Takes away roots that have one kid, or two that are nearly empty.
    pub(super) fn settle_root(&mut self) {
        while let Some(root) = &mut self.root {
            match root.nodes() {
                Some([only]) => {
                    *root = Arc::clone(only);
                    self.height -= 1;
                }
                Some([one, other]) if one.len() + other.len() <= Node::<L, FANOUT>::LEN_MIN => {
                    own(root).rebalance(1);
                }
                _ if root.is_empty() => *self = Self::new(),
                _ => break,
            }
        }
    }

    /// The highest node above a position that is thin and neither first nor last of its level: a path to it, and its depth.
    fn thin_above(&self, position: u64) -> Option<(Cursor, usize)> {
        let (cursor, ..) = self.at(position)?;
        let (mut first, mut last) = (true, true);
        let mut node = self.root.as_ref()?;
        for depth in 0..self.height {
            if node.is_thin() && !first && !last {
                return Some((cursor, depth));
            }
            let step = cursor.step::<FANOUT>(depth);
            first &= step == 0;
            last &= step + 1 == node.len();
            node = &node.nodes()?[step];
        }
        None
    }

    /// Fills the node at a depth of the path from a sibling.
    fn rebalance(&mut self, path: Cursor, depth: usize) {
        let Some(root) = &mut self.root else { return };
        let mut parent = own(root);
        for above in 0..depth - 1 {
            let nodes = parent.nodes_mut().expect("nodes above the thin one");
            parent = own(&mut nodes[path.step::<FANOUT>(above)]);
        }
        parent.rebalance(path.step::<FANOUT>(depth - 1));
    }
}

/// Leaves in a node what is before the element at `offset` of the leaf that the path leads to, and gives the rest. Either may be empty.
fn cut<L: Leaf, const FANOUT: usize>(
    node: &mut NodeRef<L, FANOUT>,
    path: Cursor,
    depth: usize,
    offset: usize,
) -> Node<L, FANOUT> {
    let node = own(node);
    let step = path.step::<FANOUT>(depth);
    let mut tail = node.split_off(step + 1);
    let (first, is_left_empty) = match &mut node.kids {
        Kids::Leaves(_) if offset == 0 => (node.remove(step), false),
        Kids::Leaves(leaves) => (Kid::Leaf(leaves[step].split_off(offset)), false),
        Kids::Nodes(nodes) => {
            let first = cut(&mut nodes[step], path, depth + 1, offset);
            (Kid::Node(Arc::new(first)), nodes[step].is_empty())
        }
    };
    if is_left_empty {
        node.remove(step);
    } else if step < node.len() {
        node.note_again(step);
    }
    if !matches!(&first, Kid::Node(node) if node.is_empty()) {
        tail.insert(0, first);
    }
    tail
}
