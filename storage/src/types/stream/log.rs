//! The entries of a stream: nodes by ID, and what is remembered of entries that are gone.

use super::ids::nodes_bytes;
use super::node::{Entry, Node, Walk, WalkBack};
use super::{Stream, StreamId};
use crate::db::Removed;
use crate::pack::{Item, Pack, PackRef};
use crate::tree::{Cursor, Leaf, Leaves, LeavesBack, Tree};
use crate::types::Limits;

/// Kids of a node of the tree: with 25, its nodes fill a size class of the allocator.
pub(super) const FANOUT: usize = 25;

/// See the file head.
///
/// Invariants: IDs ascend, none is above the last ID; nodes are cut from one another only between them.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub(super) nodes: Tree<Node, FANOUT>,
    pub(super) last_id: StreamId,
    pub(super) max_deleted_id: StreamId,
    pub(super) entries_added: u64,
}

/// Up to where a stream is to be trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// So many entries stay.
    Length(u64),
    /// Entries from this one on stay.
    Id(StreamId),
}

/// How a stream is to be trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    /// Up to where.
    pub bound: Bound,
    /// Only whole nodes go.
    pub is_approximate: bool,
    /// No more entries than these go.
    pub limit: Option<u64>,
}

impl Log {
    /// How many entries there are.
    #[inline]
    pub fn len(&self) -> u64 {
        self.nodes.len()
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The ID of the last entry ever added, or what XSETID made of it.
    #[inline]
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The greatest ID of an entry that was deleted other than by trimming.
    pub fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    /// How many entries were ever added.
    pub fn entries_added(&self) -> u64 {
        self.entries_added
    }

    /// The ID of the first entry.
    pub fn first_id(&self) -> Option<StreamId> {
        let (_, node) = self.nodes.first()?;
        node.entries().next().map(|entry| entry.id)
    }

    /// The ID of the last entry that is there.
    #[inline]
    pub fn last_entry_id(&self) -> Option<StreamId> {
        let (_, node) = self.nodes.last()?;
        node.entries_back().next().map(|entry| entry.id)
    }

    /// Whether there is an entry of this ID.
    pub fn contains(&self, id: StreamId) -> bool {
        self.seek(id).is_some_and(|(_, node)| node.contains(id))
    }

    /// The entries from `start` to `end`, both included.
    #[inline]
    pub fn range(&self, start: StreamId, end: StreamId) -> Range<'_> {
        let Some((cursor, node)) = self.seek(start) else {
            return Range { here: None, rest: None, start, end };
        };
        let mut rest = self.nodes.leaves_from(&cursor);
        rest.next();
        Range { here: Some(node.entries()), rest: Some(rest), start, end }
    }

    /// The entries from `end` back to `start`, both included.
    #[inline]
    pub fn range_back(&self, start: StreamId, end: StreamId) -> RangeBack<'_> {
        let Some((cursor, node)) = self.seek(end) else {
            return RangeBack { here: None, rest: None, start, end };
        };
        let mut rest = self.nodes.leaves_back_from(&cursor);
        rest.next();
        RangeBack { here: Some(node.entries_back()), rest: Some(rest), start, end }
    }

    /// The nodes: ID and block of each.
    pub fn nodes(&self) -> impl Iterator<Item = (StreamId, PackRef<'_>)> {
        self.nodes.leaves().map(|node| (node.id, node.pack.as_ref()))
    }

    /// Nodes, and nodes of the tree above them.
    pub fn node_counts(&self) -> (usize, usize) {
        let shape = self.nodes.shape();
        (shape.leaves, shape.nodes)
    }

    /// The greatest ID of an entry that was deleted from between others.
    pub(super) fn gap(&self) -> Option<StreamId> {
        if self.max_deleted_id == StreamId::MIN {
            return None;
        }
        let first = self.first_id()?;
        (first <= self.max_deleted_id).then_some(self.max_deleted_id)
    }

    /// How many entries had been added when this one was, if that can be told.
    pub fn entries_up_to(&self, id: StreamId) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if id >= self.last_id || self.is_empty() {
            return (id <= self.last_id).then_some(self.entries_added);
        }
        let first = self.first_id()?;
        if self.max_deleted_id != StreamId::MIN && self.max_deleted_id >= first {
            return None;
        }
        // What XSETID was told may be below the number of entries.
        let before = self.entries_added.wrapping_sub(self.len());
        match id.cmp(&first) {
            std::cmp::Ordering::Less => Some(before),
            std::cmp::Ordering::Equal => Some(before.wrapping_add(1)),
            std::cmp::Ordering::Greater => None,
        }
    }

    /// Adds an entry, whose ID is above the last one. `fields` are names and values in turn, of `bytes` bytes in all.
    #[inline]
    pub fn append(&mut self, id: StreamId, fields: &[Item<'_>], bytes: usize, limits: &Limits) {
        let added = self.nodes.update_last(|node, more| {
            if !node.has_room(bytes, limits) || !node.append(id, fields, limits) {
                more.push(Node::new(id, fields));
            }
        });
        if added.is_none() {
            self.nodes.push_back(Node::new(id, fields));
        }
        self.last_id = id;
        self.entries_added = self.entries_added.wrapping_add(1);
    }

    /// Deletes an entry; false if it is not there.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some((cursor, node)) = self.seek(id) else { return false };
        if !node.contains(id) {
            return false;
        }
        self.nodes.update(&cursor, |node, _| node.delete(id));
        self.max_deleted_id = self.max_deleted_id.max(id);
        true
    }

    /// Removes entries from the front on; says how many, and gives what is worth freeing elsewhere.
    pub fn trim(&mut self, trim: Trim) -> (u64, Option<Removed>) {
        let whole = self.whole_nodes_to_trim(trim);
        let (mut removed, mut garbage) = (whole, None);
        if whole > 0 {
            let rest = self.nodes.split_off(whole);
            let nodes = std::mem::replace(&mut self.nodes, rest);
            garbage = Some(Removed::of_structure(Stream::of_nodes(nodes)));
        }
        if !trim.is_approximate {
            removed += self.trim_first_node(trim.bound);
        }
        (removed, garbage)
    }

    /// Entries in the leading nodes that go as a whole.
    #[inline]
    fn whole_nodes_to_trim(&self, trim: Trim) -> u64 {
        let most = match trim.bound {
            Bound::Length(len) => self.len().saturating_sub(len),
            Bound::Id(id) => self.entries_in_nodes_before(id),
        };
        let most = trim.limit.map_or(most, |limit| most.min(limit));
        if most == 0 {
            return 0;
        }
        match self.nodes.at(most) {
            Some((_, _, offset)) => most - offset as u64,
            None => self.len(),
        }
    }

    /// Entries in the leading nodes whose last entries come before an ID.
    fn entries_in_nodes_before(&self, id: StreamId) -> u64 {
        let Some((cursor, node)) = id.previous().and_then(|before| self.seek(before)) else { return 0 };
        if node.id >= id {
            return 0; // the first node, for want of one before
        }
        let before = self.nodes.position(&cursor);
        if node.last_id() < id { before + node.len() as u64 } else { before }
    }

    fn trim_first_node(&mut self, bound: Bound) -> u64 {
        let due = match bound {
            Bound::Length(len) => self.len().saturating_sub(len),
            Bound::Id(id) => u64::from(self.first_id().is_some_and(|first| first < id)),
        };
        if due == 0 {
            return 0;
        }
        let removed = self.nodes.update_first(|node, _| match bound {
            Bound::Length(_) => {
                let mut left = due;
                node.delete_while(|_| left.checked_sub(1).inspect(|less| left = *less).is_some())
            }
            Bound::Id(bound) => node.delete_while(|id| id < bound),
        });
        removed.unwrap_or(0) as u64
    }

    /// Removes entries from the front on, one by one, except those that `may_go` refuses. As with whole nodes, the limit stops
    /// in front of a node. Gives what was removed.
    pub(super) fn trim_each(&mut self, trim: Trim, may_go: impl Fn(StreamId) -> bool) -> Vec<StreamId> {
        let (mut gone, mut next) = (Vec::new(), StreamId::MIN);
        let due = match trim.bound {
            Bound::Length(len) => self.len().saturating_sub(len) as usize,
            Bound::Id(_) => usize::MAX,
        };
        while let Some((cursor, node)) = self.seek(next) {
            let is_over = |limit: u64| (gone.len() + node.len()) as u64 > limit;
            if gone.len() >= due || trim.limit.is_some_and(is_over) {
                break;
            }
            let follower = self.nodes.next(&cursor).map(|next| self.nodes.leaf(&next).id);
            let in_bound = |id: &StreamId| !matches!(trim.bound, Bound::Id(bound) if *id >= bound);
            let ids = node.entries().map(|entry| entry.id).take_while(in_bound);
            let ids: Vec<StreamId> = ids.filter(|id| may_go(*id)).take(due - gone.len()).collect();
            if !ids.is_empty() {
                self.nodes.update(&cursor, |node, _| node.delete_each(&ids));
            }
            gone.extend(ids);
            match follower {
                Some(id) if in_bound(&id) => next = id,
                _ => break,
            }
        }
        gone
    }

    /// The last node that begins at or before an ID, or else the first one.
    #[inline]
    fn seek(&self, id: StreamId) -> Option<(Cursor, &Node)> {
        self.nodes.seek_tied(|ms| ms.cmp(&id.ms), |node| node.id <= id)
    }

    /// What XSETID sets.
    pub fn set_id(&mut self, id: StreamId, entries_added: Option<u64>, max_deleted_id: Option<StreamId>) {
        self.last_id = id;
        self.entries_added = entries_added.unwrap_or(self.entries_added);
        self.max_deleted_id = max_deleted_id.unwrap_or(self.max_deleted_id);
    }

    /// Heap bytes, rounded to the allocator's classes. Visits all nodes.
    pub(super) fn heap_bytes(&self) -> usize {
        let packs = self.nodes.leaves().map(|node| Pack::heap_bytes(node.pack.as_ref().bytes().len()));
        nodes_bytes(&self.nodes) + packs.sum::<usize>()
    }
}

/// Entries of a range, in order.
#[derive(Clone, Debug)]
pub struct Range<'a> {
    here: Option<Walk<'a>>,
    rest: Option<Leaves<'a, Node, FANOUT>>,
    start: StreamId,
    end: StreamId,
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            match self.here.as_mut()?.next() {
                Some(entry) if entry.id < self.start => {}
                Some(entry) if entry.id <= self.end => return Some(entry.into()),
                Some(_) => self.here = None,
                None => self.here = self.rest.as_mut()?.next().map(Node::entries),
            }
        }
    }
}

/// Entries of a range, backwards.
#[derive(Clone, Debug)]
pub struct RangeBack<'a> {
    here: Option<WalkBack<'a>>,
    rest: Option<LeavesBack<'a, Node, FANOUT>>,
    start: StreamId,
    end: StreamId,
}

impl<'a> Iterator for RangeBack<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            match self.here.as_mut()?.next() {
                Some(entry) if entry.id > self.end => {}
                Some(entry) if entry.id >= self.start => return Some(entry.into()),
                Some(_) => self.here = None,
                None => self.here = self.rest.as_mut()?.next().map(Node::entries_back),
            }
        }
    }
}
