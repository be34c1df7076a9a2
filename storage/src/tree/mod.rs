//! A counted B+tree whose copies share what is equal: big lists, streams, sorted sets, big sets and hashes.
//!
//! A tree holds *leaves* in an order that its user keeps. A leaf is a thin, copy-on-write handle to a block of elements
//! (see [`Leaf`]). The nodes above hold, per kid, a key (the lower bound of the kid's elements) and the count of its
//! elements. So a search by key or by position touches no leaf but the one it ends in.
//!
//! - `clone` is O(1): it shares the root. A change copies the shared nodes on its path, and those only. So a frozen view is a
//!   clone that another thread reads while the owner writes; dropping it, on any thread, frees what it alone held.
//! - There are no parent pointers and no links between siblings, as they would defeat sharing. A [`Cursor`] is the path from
//!   the root, a few bytes without a borrow.
//! - Cutting off a range and appending a tree cost O(log n), whatever their size.
//!
//! Invariants:
//! - No leaf is empty: a leaf that a change empties is taken out.
//! - Key and count of every kid are exact. All leaves are at one depth.
//! - At every level, all nodes but the first and the last are at least half full; no node is empty. The first and the last may be
//!   thin, so that pushing at an end leaves full nodes behind, popping at an end never rebalances, and cutting needs no repair.
//! - An inner root has at least two kids.

mod change;
mod cursor;
mod cut;
mod node;
mod remains;
#[cfg(test)]
mod tests;

use std::fmt;

use node::{Kid, Node, NodeRef};
use triomphe::Arc;

pub use cursor::{Cursor, Leaves, LeavesBack};
pub use remains::Remains;

/// A handle to a block of elements: 8 bytes, whose `clone` shares the block and whose changes copy it if it is shared.
pub trait Leaf: Clone + Send + Sync {
    /// The lower bound of a leaf's elements, or as much of it as fits. Its parents keep it. `()` where elements have no order
    /// but their position. Of 16 bytes, take `(u64, u64)` and compare pairs: `u128` makes nodes
    /// larger and searches slower.
    type Key: Copy + Default + PartialEq + Send + Sync;

    /// Elements in the leaf.
    fn len(&self) -> usize;

    /// The key. Never asked of an empty leaf.
    fn key(&self) -> Self::Key;

    /// Takes the elements from the `at`th on into a new leaf; `0 < at < len`.
    fn split_off(&mut self, at: usize) -> Self;

    /// Whether there are no elements.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A sequence of leaves; see the file head. `FANOUT` is the most kids of a node: with 30, nodes fill size classes of the allocator
/// for keys of 0, 8 and 16 bytes.
pub struct Tree<L: Leaf, const FANOUT: usize = 30> {
    root: Option<NodeRef<L, FANOUT>>,
    /// Elements.
    len: u64,
    /// Levels of nodes; 0 without a root, 1 where the root holds leaves.
    height: usize,
}

/// What a tree's nodes take; see [`Tree::shape`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Levels of nodes above the leaves.
    pub height: usize,
    /// Leaves.
    pub leaves: usize,
    /// Nodes.
    pub nodes: usize,
    /// Bytes allocated for nodes, shared ones included.
    pub node_bytes: usize,
}

impl<L: Leaf, const FANOUT: usize> Tree<L, FANOUT> {
    /// A tree without leaves; allocates nothing.
    pub const fn new() -> Self {
        Self { root: None, len: 0, height: 0 }
    }

    /// Elements in all leaves. O(1).
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no elements, and so no leaves.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Levels of nodes above the leaves. O(1).
    pub fn height(&self) -> usize {
        self.height
    }

    /// Whether both share their root: one is an unchanged clone of the other.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }

    /// Counts leaves and nodes. Visits all nodes and no leaf: a thirtieth of the work of visiting the leaves.
    pub fn shape(&self) -> Shape {
        let mut shape = Shape { height: self.height, ..Shape::default() };
        self.root.iter().for_each(|root| count_nodes(root, &mut shape));
        shape.node_bytes = shape.nodes * (size_of::<usize>() + size_of::<Node<L, FANOUT>>());
        shape
    }

    /// The tree under a root, of the given height; a root that has one kid or none is skipped.
    fn from_root(root: NodeRef<L, FANOUT>, height: usize) -> Self {
        let mut tree = Self { len: root.total(), root: Some(root), height };
        tree.settle_root();
        tree
    }
}

fn count_nodes<L: Leaf, const FANOUT: usize>(node: &Node<L, FANOUT>, shape: &mut Shape) {
    shape.nodes += 1;
    match node.nodes() {
        None => shape.leaves += node.len(),
        Some(nodes) => nodes.iter().for_each(|node| count_nodes(node, shape)),
    }
}

impl<L: Leaf, const FANOUT: usize> Default for Tree<L, FANOUT> {
    fn default() -> Self {
        Self::new()
    }
}

impl<L: Leaf, const FANOUT: usize> Clone for Tree<L, FANOUT> {
    /// Shares all nodes. O(1).
    fn clone(&self) -> Self {
        Self { root: self.root.clone(), len: self.len, height: self.height }
    }
}

impl<L: Leaf, const FANOUT: usize> fmt::Debug for Tree<L, FANOUT> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Tree {{ len: {}, height: {} }}", self.len, self.height)
    }
}

impl<L: Leaf, const FANOUT: usize> FromIterator<L> for Tree<L, FANOUT> {
    /// A tree of full nodes, built from below. Empty leaves are left out.
    fn from_iter<I: IntoIterator<Item = L>>(leaves: I) -> Self {
        let mut leaves = leaves.into_iter().filter(|leaf| !leaf.is_empty()).map(Kid::Leaf);
        let mut level = nodes_of(&mut leaves);
        let mut height = 1;
        while level.len() > 1 {
            level = nodes_of(&mut level.into_iter().map(Kid::Node));
            height += 1;
        }
        level.pop().map_or_else(Self::new, |root| Self::from_root(root, height))
    }
}

/// Full nodes of these kids, the last one as it comes.
fn nodes_of<L: Leaf, const FANOUT: usize>(
    kids: &mut impl Iterator<Item = Kid<L, FANOUT>>,
) -> Vec<NodeRef<L, FANOUT>> {
    let mut nodes = Vec::new();
    while let Some(kid) = kids.next() {
        let mut node = Node::of(kid);
        for (at, kid) in kids.take(FANOUT - 1).enumerate() {
            node.insert(at + 1, kid);
        }
        nodes.push(Arc::new(node));
    }
    nodes
}
