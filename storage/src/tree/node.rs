//! A node: up to `FANOUT` kids, each with its key (the lower bound of what is below) and its count of elements.
//!
//! Keys and counts lie in arrays of their own, so that a search reads the keys alone and a descent by position the counts
//! alone. Places at and past `len` are stale and never read. All kids of a node are of one height.

use arrayvec::ArrayVec;
use triomphe::Arc;

use super::Leaf;
use crate::sharing;

/// A node by reference count. Shared nodes are never written.
pub(super) type NodeRef<L, const FANOUT: usize> = Arc<Node<L, FANOUT>>;

/// The node for writing: copied first if it is shared.
#[inline]
pub(super) fn own<L: Leaf, const FANOUT: usize>(node: &mut NodeRef<L, FANOUT>) -> &mut Node<L, FANOUT> {
    sharing::own(node, |_| 0)
}

/// Key and count of a kid.
pub(super) type Note<'a, L> = (&'a mut <L as Leaf>::Key, &'a mut u64);

#[derive(Clone)]
pub(super) struct Node<L: Leaf, const FANOUT: usize> {
    keys: [L::Key; FANOUT],
    counts: [u64; FANOUT],
    pub(super) kids: Kids<L, FANOUT>,
}

#[derive(Clone)]
pub(super) enum Kids<L: Leaf, const FANOUT: usize> {
    Leaves(ArrayVec<L, FANOUT>),
    Nodes(ArrayVec<NodeRef<L, FANOUT>, FANOUT>),
}

/// A kid outside its parent.
pub(super) enum Kid<L: Leaf, const FANOUT: usize> {
    Leaf(L),
    Node(NodeRef<L, FANOUT>),
}

impl<L: Leaf, const FANOUT: usize> Kid<L, FANOUT> {
    pub(super) fn key(&self) -> L::Key {
        match self {
            Kid::Leaf(leaf) => leaf.key(),
            Kid::Node(node) => node.key(),
        }
    }

    pub(super) fn count(&self) -> u64 {
        match self {
            Kid::Leaf(leaf) => leaf.len() as u64,
            Kid::Node(node) => node.total(),
        }
    }
}

impl<L: Leaf, const FANOUT: usize> Node<L, FANOUT> {
    /// All nodes but the first and the last of their level have at least this many kids.
    pub(super) const LEN_MIN: usize = FANOUT / 2;

    /// A node of one kid.
    pub(super) fn of(kid: Kid<L, FANOUT>) -> Self {
        let kids = match kid {
            Kid::Leaf(_) => Kids::Leaves(ArrayVec::new()),
            Kid::Node(_) => Kids::Nodes(ArrayVec::new()),
        };
        let mut node = Self::empty(kids);
        node.insert(0, kid);
        node
    }

    fn empty(kids: Kids<L, FANOUT>) -> Self {
        const {
            assert!(
                FANOUT >= 4 && FANOUT <= 256,
                "halves of a node are nodes, paths have room for all levels"
            )
        };
        Self { keys: [L::Key::default(); FANOUT], counts: [0; FANOUT], kids }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        match &self.kids {
            Kids::Leaves(leaves) => leaves.len(),
            Kids::Nodes(nodes) => nodes.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() == FANOUT
    }

    pub(super) fn is_thin(&self) -> bool {
        self.len() < Self::LEN_MIN
    }

    #[inline]
    pub(super) fn keys(&self) -> &[L::Key] {
        &self.keys[..self.len()]
    }

    #[inline]
    pub(super) fn counts(&self) -> &[u64] {
        &self.counts[..self.len()]
    }

    /// The lower bound of all that is below.
    #[inline]
    pub(super) fn key(&self) -> L::Key {
        self.keys()[0]
    }

    /// Elements below.
    pub(super) fn total(&self) -> u64 {
        self.counts().iter().sum()
    }

    /// Writes what the parent keeps about a kid.
    #[inline]
    pub(super) fn note(&mut self, at: usize, key: L::Key, count: u64) {
        self.keys[at] = key;
        self.counts[at] = count;
    }

    /// Writes a kid's key, and changes its count by `more`, modulo 2^64.
    #[inline]
    pub(super) fn add(&mut self, at: usize, key: L::Key, more: u64) {
        self.note(at, key, self.counts[at].wrapping_add(more));
    }

    /// What the parent keeps about a kid, for writing, and the kids beside it.
    #[inline]
    pub(super) fn note_of(&mut self, at: usize) -> (Note<'_, L>, &mut Kids<L, FANOUT>) {
        ((&mut self.keys[at], &mut self.counts[at]), &mut self.kids)
    }

    /// Reads key and count of a kid again, after changes below it.
    pub(super) fn note_again(&mut self, at: usize) {
        let (key, count) = match &self.kids {
            Kids::Leaves(leaves) if leaves[at].is_empty() => (self.keys[at], 0),
            Kids::Leaves(leaves) => (leaves[at].key(), leaves[at].len() as u64),
            Kids::Nodes(nodes) => (nodes[at].key(), nodes[at].total()),
        };
        self.note(at, key, count);
    }

    /// Puts a kid in; there must be room.
    pub(super) fn insert(&mut self, at: usize, kid: Kid<L, FANOUT>) {
        let len = self.len();
        self.keys.copy_within(at..len, at + 1);
        self.counts.copy_within(at..len, at + 1);
        self.note(at, kid.key(), kid.count());
        match (&mut self.kids, kid) {
            (Kids::Leaves(leaves), Kid::Leaf(leaf)) => leaves.insert(at, leaf),
            (Kids::Nodes(nodes), Kid::Node(node)) => nodes.insert(at, node),
            _ => unreachable!("all kids of a node are of one height"),
        }
    }

    /// Takes a kid out.
    pub(super) fn remove(&mut self, at: usize) -> Kid<L, FANOUT> {
        let len = self.len();
        self.keys.copy_within(at + 1..len, at);
        self.counts.copy_within(at + 1..len, at);
        match &mut self.kids {
            Kids::Leaves(leaves) => Kid::Leaf(leaves.remove(at)),
            Kids::Nodes(nodes) => Kid::Node(nodes.remove(at)),
        }
    }

    /// Takes all kids from `at` on into a new node, which may be empty.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let len = self.len();
        let kids = match &mut self.kids {
            Kids::Leaves(leaves) => Kids::Leaves(leaves.drain(at..).collect()),
            Kids::Nodes(nodes) => Kids::Nodes(nodes.drain(at..).collect()),
        };
        let mut tail = Self::empty(kids);
        tail.keys[..len - at].copy_from_slice(&self.keys[at..len]);
        tail.counts[..len - at].copy_from_slice(&self.counts[at..len]);
        tail
    }

    /// Appends all kids of the next node of the level; there must be room.
    pub(super) fn append(&mut self, mut next: Self) {
        let (len, more) = (self.len(), next.len());
        self.keys[len..len + more].copy_from_slice(next.keys());
        self.counts[len..len + more].copy_from_slice(next.counts());
        match (&mut self.kids, &mut next.kids) {
            (Kids::Leaves(leaves), Kids::Leaves(more)) => leaves.extend(more.drain(..)),
            (Kids::Nodes(nodes), Kids::Nodes(more)) => nodes.extend(more.drain(..)),
            _ => unreachable!("all nodes of a level are of one height"),
        }
    }

    /// The kids of an inner node.
    #[inline]
    pub(super) fn nodes(&self) -> Option<&[NodeRef<L, FANOUT>]> {
        match &self.kids {
            Kids::Leaves(_) => None,
            Kids::Nodes(nodes) => Some(nodes),
        }
    }

    /// The kids of an inner node.
    #[inline]
    pub(super) fn nodes_mut(&mut self) -> Option<&mut [NodeRef<L, FANOUT>]> {
        match &mut self.kids {
            Kids::Leaves(_) => None,
            Kids::Nodes(nodes) => Some(nodes),
        }
    }

    /// Gives a thin kid a neighbour's kids: one node where all fit, else two of like size. There must be two kids.
    pub(super) fn rebalance(&mut self, thin: usize) {
        let left = thin.saturating_sub(1);
        let Kid::Node(right) = self.remove(left + 1) else { unreachable!("leaves are never thin") };
        let mut right = sharing::take(right, |_| 0);
        let nodes = self.nodes_mut().expect("the removed kid's siblings are nodes too");
        let kid = own(&mut nodes[left]);
        let sum = kid.len() + right.len();
        let keep = if sum <= FANOUT { sum } else { sum.div_ceil(2) };
        if kid.len() > keep {
            let mut moved = kid.split_off(keep);
            moved.append(right);
            right = moved;
        } else {
            let rest = right.split_off(keep - kid.len());
            kid.append(right);
            right = rest;
        }
        self.note_again(left);
        if !right.is_empty() {
            self.insert(left + 1, Kid::Node(Arc::new(right)));
        }
    }
}
