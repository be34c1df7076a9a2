//! A large list: a tree of leaves by position.
//!
//! Which leaf an element goes to, and when leaves are split and merged, follows Redis' quicklist: pushing fills the leaf at
//! the end; inserting into a full leaf goes to a neighbour with room or splits it and then merges what is small around it;
//! removing never merges.

use std::ops::Range;

use super::node::is_plain;
use super::{End, Needle, Node, NodeRef, Side};
use crate::entry::{Str, class_bytes};
use crate::pack::Pack;
use crate::tree::{Cursor, Leaf, Leaves, LeavesBack, Tree};
use crate::types::Limits;

/// A large list; see the file head.
#[derive(Clone, Debug)]
pub struct Quicklist(Tree<Node>);

impl From<Tree<Node>> for Quicklist {
    fn from(tree: Tree<Node>) -> Quicklist {
        Quicklist(tree)
    }
}

impl Quicklist {
    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len() as usize
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The leaves, first to last.
    pub fn nodes(&self) -> impl Iterator<Item = NodeRef<'_>> {
        self.0.leaves().map(Node::as_ref)
    }

    /// The element at `index`; -1 is the last.
    pub(super) fn get(&self, index: i64) -> Option<Str<'_>> {
        let (_, node, offset) = self.at(self.position(index)?)?;
        Some(node.as_ref().get(offset))
    }

    /// The leaf of the element at `index`, counted from 0, and the element's place in it.
    pub(super) fn at(&self, index: usize) -> Option<(Cursor, &Node, usize)> {
        self.0.at(index as u64)
    }

    pub(super) fn leaves_from(&self, at: &Cursor) -> Leaves<'_, Node> {
        self.0.leaves_from(at)
    }

    pub(super) fn leaves_back_from(&self, at: &Cursor) -> LeavesBack<'_, Node> {
        self.0.leaves_back_from(at)
    }

    /// The block that the whole list is, if it is one.
    pub(super) fn only_pack(&self) -> Option<&Pack> {
        if self.0.height() != 1 {
            return None;
        }
        match self.0.first()? {
            (first, Node::Pack(pack)) if self.0.next(&first).is_none() => Some(pack),
            _ => None,
        }
    }

    /// Heap bytes, rounded to the allocator's classes. Visits all leaves.
    pub(super) fn heap_bytes(&self) -> usize {
        let shape = self.0.shape();
        let nodes = shape.nodes * class_bytes(shape.node_bytes / shape.nodes.max(1));
        let leaves = self.nodes().map(|node| match node {
            NodeRef::Pack(pack) => Pack::heap_bytes(pack.bytes().len()),
            NodeRef::Plain(blob) => blob.heap_bytes().into_iter().map(class_bytes).sum(),
        });
        class_bytes(size_of::<Quicklist>()) + nodes + leaves.sum::<usize>()
    }

    pub(super) fn push(&mut self, end: End, elements: &[&[u8]], limits: &Limits) {
        let fill = |node: &mut Node, elements| node.take_some(end, elements, limits);
        let taken = match end {
            End::Head => self.0.update_first(|node, _| fill(node, elements)),
            End::Tail => self.0.update_last(|node, _| fill(node, elements)),
        };
        let mut rest = &elements[taken.unwrap_or(0)..];
        while let Some((first, others)) = rest.split_first() {
            let mut node = Node::of(first, limits);
            let taken = fill(&mut node, others);
            match end {
                End::Head => self.0.push_front(node),
                End::Tail => self.0.push_back(node),
            }
            rest = &others[taken..];
        }
    }

    /// Takes out `count` elements from `start` on; all of them are there. Gives what lay in leaves beyond one.
    pub(super) fn cut(&mut self, start: usize, count: usize) -> Option<Quicklist> {
        let (cursor, node, offset) = self.at(start)?;
        if offset + count <= node.len() {
            self.0.update(&cursor, |node, _| node.remove(offset, count));
            return None;
        }
        let range = start as u64..(start + count) as u64;
        Some(Quicklist(self.0.remove_range(range)))
    }

    pub(super) fn set(&mut self, index: i64, element: &[u8], limits: &Limits) -> bool {
        let Some((cursor, _, offset)) = self.position(index).and_then(|index| self.at(index)) else {
            return false;
        };
        let is_plain = is_plain(element, limits);
        let is_split = self.0.update(&cursor, |node, more| match node {
            Node::Pack(pack) if !is_plain => {
                let position = pack.as_ref().at(offset as i64).expect("an index below the length");
                pack.edit().replace(position, element);
                false
            }
            Node::Pack(_) => {
                let mut rest = node.cut(offset);
                rest.remove(0, 1);
                more.extend([Node::of(element, limits), rest]);
                true
            }
            Node::Plain(_) => {
                *node = Node::of(element, limits);
                false
            }
        });
        if is_split {
            let start = self.position(index).expect("the element that was set");
            self.merge_around(start..start + 1, limits);
        }
        true
    }

    pub(super) fn insert(&mut self, side: Side, pivot: Needle<'_>, element: &[u8], limits: &Limits) -> bool {
        let mut before = 0;
        let found = self.nodes().find_map(|node| {
            let found = node.find(pivot).map(|offset| before + offset);
            before += node.count();
            found
        });
        if let Some(index) = found {
            self.insert_at(index, side, element, limits);
        }
        found.is_some()
    }

    pub(super) fn remove_equal(&mut self, needle: Needle<'_>, from: End, most: usize) -> usize {
        let (mut removed, mut seen) = (0, 0);
        while removed < most && seen < self.len() {
            let index = if from == End::Head { seen } else { self.len() - 1 - seen };
            let (cursor, node, _) = self.at(index).expect("an index below the length");
            seen += node.len();
            if node.as_ref().find(needle).is_some() {
                let here = self.0.update(&cursor, |node, _| node.remove_equal(needle, from, most - removed));
                seen -= here;
                removed += here;
            }
        }
        removed
    }

    /// Puts an element beside the one at `index`.
    fn insert_at(&mut self, index: usize, side: Side, element: &[u8], limits: &Limits) {
        let (cursor, node, offset) = self.at(index).expect("an index below the length");
        let (start, len) = (index - offset, node.len());
        let place = offset + usize::from(side == Side::After);
        if node.allows(element, limits) {
            return self.0.update(&cursor, |node, _| node.insert(place, element));
        }
        match side {
            Side::Before if place == 0 => match self.neighbour(&cursor, side, element, limits) {
                Some(previous) => self.0.update(&previous, |node, _| node.insert(node.len(), element)),
                None => drop(self.0.insert_before(&cursor, Node::of(element, limits))),
            },
            Side::After if place == len => match self.neighbour(&cursor, side, element, limits) {
                Some(next) => self.0.update(&next, |node, _| node.insert(0, element)),
                None => drop(self.0.insert_after(&cursor, Node::of(element, limits))),
            },
            _ => self.split_for(&cursor, start..start + len, place, side, element, limits),
        }
    }

    /// The leaf beside another, if it has room for an element.
    fn neighbour(&self, at: &Cursor, side: Side, element: &[u8], limits: &Limits) -> Option<Cursor> {
        let beside = match side {
            Side::Before => self.0.previous(at),
            Side::After => self.0.next(at),
        }?;
        self.0.leaf(&beside).allows(element, limits).then_some(beside)
    }

    /// Splits a full leaf, which holds the elements of a range, at a place and puts an element there: alone if it is large, else into
    /// the part that does not hold the pivot.
    fn split_for(
        &mut self,
        at: &Cursor,
        range: Range<usize>,
        place: usize,
        side: Side,
        element: &[u8],
        limits: &Limits,
    ) {
        let is_plain = is_plain(element, limits);
        self.0.update(at, |node, more| {
            let mut rest = node.cut(place);
            match side {
                _ if is_plain => more.push(Node::of(element, limits)),
                Side::Before => node.insert(place, element),
                Side::After => rest.insert(0, element),
            }
            more.push(rest);
        });
        if !is_plain {
            let pivot = match side {
                Side::Before => range.start + place + 1..range.end + 1,
                Side::After => range.start..range.start + place,
            };
            self.merge_around(pivot, limits);
        }
    }

    /// Merges leaves that fit into one around the leaf that holds a range: first its neighbours with theirs, then it with them.
    fn merge_around(&mut self, leaf: Range<usize>, limits: &Limits) {
        let before = leaf.start.checked_sub(1).and_then(|index| self.at(index));
        let start_before = before.map(|(_, _, offset)| leaf.start - 1 - offset);
        let after = self.at(leaf.end);
        let end_after = after.map(|(_, node, _)| leaf.end + node.len());
        for meet in [start_before, end_after, Some(leaf.start), Some(leaf.end)].into_iter().flatten() {
            self.0.merge_around(meet as u64, |node, next| node.merge(next, limits));
        }
    }

    /// An index counted from 0, if it is not before the first element.
    fn position(&self, index: i64) -> Option<usize> {
        let index = if index < 0 { self.0.len().checked_add_signed(index)? } else { index as u64 };
        usize::try_from(index).ok()
    }
}
