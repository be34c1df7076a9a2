//! A map from IDs of entries to what is kept about them: the entries that a group or a consumer has pending.
//!
//! A tree of short sorted runs. `clone` shares everything, in O(1); a change copies a run and the nodes above it where they are
//! shared.
//!
//! Invariants: IDs are distinct and ascend; a run has at most [`RUN_LEN_MAX`] of them.

use super::StreamId;
use crate::entry::{array_bytes, class_bytes};
use crate::sharing;
use crate::tree::{Cursor, Leaf, Tree};
use std::slice;
use triomphe::Arc;

/// IDs in one run.
const RUN_LEN_MAX: usize = 32;
/// A run that has become this short is put together with the next one, if that is short too.
const RUN_LEN_THIN: usize = RUN_LEN_MAX / 4;
/// Kids of a node of the tree. Most maps are small, so that nodes are too.
const FANOUT: usize = 8;

/// See the file head.
#[derive(Clone, Debug)]
pub struct Ids<V: Clone + Send + Sync>(Tree<Run<V>, FANOUT>);

#[derive(Clone, Debug)]
struct Run<V>(Arc<Vec<(StreamId, V)>>);

impl<V: Clone + Send + Sync> Ids<V> {
    /// How many IDs there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len() as usize
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is kept about an ID.
    pub fn get(&self, id: StreamId) -> Option<&V> {
        let (_, run) = self.seek(id)?;
        let at = run.place(id).ok()?;
        Some(&run.0[at].1)
    }

    /// The least ID.
    pub fn first(&self) -> Option<StreamId> {
        self.0.first().and_then(|(_, run)| run.0.first()).map(|(id, _)| *id)
    }

    /// The greatest ID.
    pub fn last(&self) -> Option<StreamId> {
        self.0.last().and_then(|(_, run)| run.0.last()).map(|(id, _)| *id)
    }

    /// All IDs from one on, in order.
    pub fn iter_from(&self, start: StreamId) -> impl Iterator<Item = (StreamId, &V)> {
        let (here, rest) = match self.seek(start) {
            None => (slice::Iter::default(), None),
            Some((cursor, run)) => {
                let mut rest = self.0.leaves_from(&cursor);
                rest.next();
                (run.0[run.place(start).unwrap_or_else(|at| at)..].iter(), Some(rest))
            }
        };
        here.chain(rest.into_iter().flatten().flat_map(|run| run.0.iter())).map(|(id, value)| (*id, value))
    }

    /// All IDs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (StreamId, &V)> {
        self.iter_from(StreamId::MIN)
    }

    /// Keeps a value for an ID; gives the one before.
    pub fn insert(&mut self, id: StreamId, value: V) -> Option<V> {
        let Some((cursor, _)) = self.seek(id) else {
            self.0.push_back(Run::of(id, value));
            return None;
        };
        self.0.update(&cursor, |run, more| match run.place(id) {
            Ok(at) => Some(std::mem::replace(&mut run.own()[at].1, value)),
            Err(at) if run.0.len() < RUN_LEN_MAX => {
                run.own().insert(at, (id, value));
                None
            }
            // What grows at the end leaves full runs behind.
            Err(RUN_LEN_MAX) => {
                more.push(Run::of(id, value));
                None
            }
            Err(at) => {
                let mut tail = run.split_off(RUN_LEN_MAX / 2);
                match at.checked_sub(RUN_LEN_MAX / 2) {
                    Some(at) => tail.own().insert(at, (id, value)),
                    None => run.own().insert(at, (id, value)),
                }
                more.push(tail);
                None
            }
        })
    }

    /// Changes what is kept about an ID, if that is there.
    pub fn update<R>(&mut self, id: StreamId, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        let (cursor, run) = self.seek(id)?;
        let at = run.place(id).ok()?;
        Some(self.0.update(&cursor, |run, _| change(&mut run.own()[at].1)))
    }

    /// Takes an ID out; gives what was kept about it.
    pub fn remove(&mut self, id: StreamId) -> Option<V> {
        let (cursor, run) = self.seek(id)?;
        let at = run.place(id).ok()?;
        let (value, len) = self.0.update(&cursor, |run, _| {
            let run = run.own();
            let (_, value) = run.remove(at);
            if run.len() <= run.capacity() / 4 {
                run.shrink_to(run.len() * 2);
            }
            (value, run.len())
        });
        if (1..=RUN_LEN_THIN).contains(&len) {
            self.thicken(&cursor);
        }
        Some(value)
    }

    /// Heap bytes, rounded to the allocator's classes. Visits all runs.
    pub(super) fn heap_bytes(&self) -> usize {
        let runs = self.0.leaves().map(|run| array_bytes(&run.0) + sharing::part_bytes::<Vec<V>>());
        nodes_bytes(&self.0) + runs.sum::<usize>()
    }

    fn seek(&self, id: StreamId) -> Option<(Cursor, &Run<V>)> {
        self.0.seek(|key| *key <= id.key())
    }

    /// Puts a run together with the next one, if both are short.
    fn thicken(&mut self, at: &Cursor) {
        let Some(next) = self.0.next(at) else { return };
        if self.0.leaf(&next).0.len() <= RUN_LEN_MAX / 2 {
            self.0.merge_with_next(at, |run, next| run.own().append(next.own()));
        }
    }
}

impl<V: Clone + Send + Sync> Default for Ids<V> {
    fn default() -> Ids<V> {
        Ids(Tree::new())
    }
}

impl<V: Clone + Send + Sync> FromIterator<(StreamId, V)> for Ids<V> {
    /// Of IDs that ascend.
    fn from_iter<I: IntoIterator<Item = (StreamId, V)>>(ids: I) -> Ids<V> {
        let mut ids = ids.into_iter().peekable();
        let runs = std::iter::from_fn(|| {
            ids.peek()?;
            Some(Run(Arc::new(ids.by_ref().take(RUN_LEN_MAX).collect())))
        });
        Ids(runs.collect())
    }
}

impl<V: Clone + Send + Sync> Run<V> {
    fn of(id: StreamId, value: V) -> Run<V> {
        Run(Arc::new(vec![(id, value)]))
    }

    fn own(&mut self) -> &mut Vec<(StreamId, V)> {
        sharing::own(&mut self.0, array_bytes)
    }

    /// Where an ID is, or where it belongs.
    fn place(&self, id: StreamId) -> Result<usize, usize> {
        match self.0.last() {
            Some((last, _)) if *last < id => Err(self.0.len()),
            _ => self.0.binary_search_by_key(&id, |(id, _)| *id),
        }
    }
}

impl<V: Clone + Send + Sync> Leaf for Run<V> {
    type Key = (u64, u64);

    fn len(&self) -> usize {
        self.0.len()
    }

    fn key(&self) -> (u64, u64) {
        self.0[0].0.key()
    }

    fn split_off(&mut self, at: usize) -> Run<V> {
        Run(Arc::new(self.own().split_off(at)))
    }
}

/// Bytes of a tree's nodes, rounded to the allocator's classes.
pub(super) fn nodes_bytes<L: Leaf, const FANOUT: usize>(tree: &Tree<L, FANOUT>) -> usize {
    let shape = tree.shape();
    shape.nodes * class_bytes(shape.node_bytes / shape.nodes.max(1))
}
