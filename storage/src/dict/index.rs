//! Which block holds a place: a radix tree of nodes that tell it by the next eight bits.
//!
//! ```text
//! place | bits of the nodes above | 8 bits: slot | bits of the nodes below |
//! slots | 0 | 0 | 0 | 0 | 1 | 1 | 2 | 3 | .. 256 of them, each with the number of its kid
//! kids  | 0 | 1 | 2 | 3 | .. 64 at most: blocks, or nodes
//! ```
//! A node stands for all places that begin with the same `depth` bits, and parts them among its kids by halves, halves of
//! halves and so on, down to a slot. So two kids that came of one may merge again, without a look at others. A node that is full,
//! or whose slots are too coarse for what is below, splits into two of twice the detail.
//!
//! A search takes two loads a node and no branch that depends on data: half the time of a descent by comparing bounds.
//!
//! Invariants:
//! - All blocks are at one height. A node is at most eight bits deeper than the one above, and the root has none.
//! - The count of elements of every kid that is a node is exact.
//! - Nodes are shared by clones, and copied before their first change.

mod node;

use std::ops::Range;

use triomphe::Arc;

use super::key::PLACE_BITS;
use crate::block::Block;
use node::{DEPTH_MAX, Kid, Kids, MERGED_KIDS_MAX, Node};

/// The blocks of a dict by the places they hold. Clones share all of it.
#[derive(Clone, Default)]
pub(super) struct Index {
    root: Option<Arc<Node>>,
    len: usize,
}

impl Index {
    /// Elements in all blocks.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The block in whose range a place is. None if there are no elements in that range.
    #[inline]
    pub(super) fn find(&self, place: u64) -> Option<&Block> {
        let mut node = self.root.as_ref()?;
        loop {
            let kid = node.kid_of(place);
            match &node.kids {
                Kids::Blocks(blocks) => return blocks[kid].as_ref(),
                Kids::Nodes(kids) => node = &kids[kid].node,
            }
        }
    }

    /// The range of places that the block of a place is for.
    pub(super) fn range(&self, place: u64) -> Range<u64> {
        let Some(mut node) = self.root.as_ref() else { return 0..1 << PLACE_BITS };
        while let Kids::Nodes(kids) = &node.kids {
            node = &kids[node.kid_of(place)].node;
        }
        node.places(place)
    }

    /// The block of the element at a rank in the order of blocks, a place of its range, and the element's index in it.
    pub(super) fn at(&self, mut rank: usize) -> Option<(u64, &Block, usize)> {
        let (mut node, mut start) = (self.root.as_ref()?, 0);
        loop {
            let mut is_in = |len: usize| {
                rank < len || {
                    rank -= len;
                    false
                }
            };
            match &node.kids {
                Kids::Blocks(blocks) => {
                    let kid = blocks
                        .iter()
                        .position(|block| block.as_ref().is_some_and(|block| is_in(block.len())))?;
                    return Some((node.start_of(kid, start), blocks[kid].as_ref()?, rank));
                }
                Kids::Nodes(kids) => {
                    let kid = kids.iter().position(|kid| is_in(kid.len))?;
                    start = node.start_of(kid, start);
                    node = &kids[kid].node;
                }
            }
        }
    }

    /// All blocks in order.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &Block> {
        let mut path: Vec<(&Node, usize)> = self.root.iter().map(|root| (&**root, 0)).collect();
        std::iter::from_fn(move || {
            loop {
                let (node, next) = path.last_mut()?;
                let (node, kid) = (*node, *next);
                *next += 1;
                match &node.kids {
                    _ if kid == node.len() => _ = path.pop(),
                    Kids::Nodes(kids) => path.push((&kids[kid].node, 0)),
                    Kids::Blocks(blocks) if blocks[kid].is_some() => return blocks[kid].as_ref(),
                    Kids::Blocks(_) => (),
                }
            }
        })
    }

    /// Changes the block of a place, puts one there or takes it away. `change` also says by how many elements there are more.
    #[inline]
    pub(super) fn change<R>(
        &mut self,
        place: u64,
        change: impl FnOnce(&mut Option<Block>) -> (R, isize),
    ) -> R {
        let mut node = self.root.get_or_insert_with(Node::root);
        let (result, more) = loop {
            let here = node::own(node);
            let kid = here.kid_of(place);
            match &mut here.kids {
                Kids::Blocks(blocks) => break change(&mut blocks[kid]),
                Kids::Nodes(kids) => node = &mut kids[kid].node,
            }
        };
        if more != 0 {
            self.count(place, more);
        }
        result
    }

    /// Notes that there are so many elements more below the nodes above a place, which are not shared.
    #[inline]
    fn count(&mut self, place: u64, more: isize) {
        self.len = self.len.wrapping_add_signed(more);
        if self.len == 0 {
            self.root = None;
        }
        let mut next = self.root.as_mut();
        while let Some(node) = next.and_then(Arc::get_mut) {
            let kid = node.kid_of(place);
            next = match &mut node.kids {
                Kids::Blocks(_) => None,
                Kids::Nodes(kids) => {
                    kids[kid].len = kids[kid].len.wrapping_add_signed(more);
                    Some(&mut kids[kid].node)
                }
            };
        }
    }

    /// Splits the block of a place in the middle of its range, which `split` gets, too. Does nothing if the range is one place;
    /// whether it split.
    pub(super) fn split(
        &mut self,
        place: u64,
        split: impl FnOnce(Option<Block>, u64) -> [Option<Block>; 2],
    ) -> bool {
        self.root.get_or_insert_with(Node::root);
        loop {
            let path = self.path(place);
            let Some((bottom, above)) = path.split_last() else { return false };
            if bottom.can_split(place) {
                let level = above.len();
                self.node_mut(place, level).split_block(place, split);
                return true;
            }
            if bottom.depth == DEPTH_MAX {
                return false;
            }
            // Finer slots, or fewer kids, for the lowest node above which there is room.
            match above.iter().rposition(|node| node.can_split(place)) {
                Some(level) => self.node_mut(place, level).split_node(place),
                None => self.grow(),
            }
        }
    }

    /// Merges the block of a place with the one that holds the other half of a common range, if there is such a one and they
    /// `fit`; whether it did.
    pub(super) fn merge(
        &mut self,
        place: u64,
        fit: impl FnOnce(Option<&Block>, Option<&Block>) -> bool,
        merge: impl FnOnce(Option<Block>, Option<Block>) -> Option<Block>,
    ) -> bool {
        let path = self.path(place);
        let Some((bottom, above)) = path.split_last() else { return false };
        let (Kids::Blocks(blocks), Some(left)) = (&bottom.kids, bottom.pair_of(place)) else { return false };
        if !fit(blocks[left].as_ref(), blocks[left + 1].as_ref()) {
            return false;
        }
        let level = above.len();
        self.node_mut(place, level).merge_blocks(left, merge);
        self.merge_nodes(place, level);
        true
    }

    /// Bytes allocated, without the blocks. Visits all nodes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.root.as_ref().map_or(0, |root| root.memory_bytes())
    }

    /// Panics if an invariant of the file head does not hold.
    #[cfg(test)]
    pub(super) fn audit(&self) {
        if let Some(root) = &self.root {
            assert_eq!((root.depth, root.audit().0), (0, self.len));
        }
    }

    /// The nodes above the block of a place, from the root.
    fn path(&self, place: u64) -> Vec<&Node> {
        let mut path: Vec<&Node> = self.root.as_deref().into_iter().collect();
        while let Some(Kids::Nodes(kids)) = path.last().map(|node| &node.kids) {
            path.push(&kids[path[path.len() - 1].kid_of(place)].node);
        }
        path
    }

    /// The node on the path to a place, so many levels below the root.
    fn node_mut(&mut self, place: u64, level: usize) -> &mut Node {
        let mut node = node::own(self.root.as_mut().expect("a level below the root"));
        for _ in 0..level {
            let kid = node.kid_of(place);
            node = node::own(&mut node.nodes_mut()[kid].node);
        }
        node
    }

    /// Puts a new root above the old one, which splits.
    fn grow(&mut self) {
        let Some(node) = self.root.take() else { return };
        let mut root = Node::new(Kids::Nodes(vec![Kid { node, len: self.len }]));
        root.split_node(0);
        self.root = Some(Arc::new(root));
    }

    /// Merges the nodes on the path to a place that have become small with their other halves, from `level` up.
    fn merge_nodes(&mut self, place: u64, level: usize) {
        for level in (0..level).rev() {
            let above = self.path(place)[level];
            let (Kids::Nodes(kids), Some(left)) = (&above.kids, above.pair_of(place)) else { break };
            let (one, other) = (&kids[left].node, &kids[left + 1].node);
            if one.len() + other.len() > MERGED_KIDS_MAX || !one.is_coarse() || !other.is_coarse() {
                break;
            }
            self.node_mut(place, level).merge_nodes(left);
        }
        while let Some(root) = &self.root
            && let Kids::Nodes(kids) = &root.kids
            && let [only] = &kids[..]
        {
            self.root = Some(only.node.clone());
        }
    }
}
