//! A map from names to what has them: the groups of a stream, the consumers of a group.
//!
//! A tree of short sorted runs of pointers. `clone` shares everything, in O(1); a change copies what is shared on its path, and the
//! one thing that it changes.
//!
//! Invariants: names are distinct and ascend; a run has at most [`RUN_LEN_MAX`] of them.

use super::ids::nodes_bytes;
use crate::entry::{array_bytes, class_bytes};
use crate::sharing;
use crate::tree::{Cursor, Leaf, Tree};
use std::fmt;
use std::ops::Deref;
use triomphe::Arc;

/// Names in one run.
const RUN_LEN_MAX: usize = 32;
/// Kids of a node of the tree. Most maps are small, so that nodes are too.
const FANOUT: usize = 8;

/// A name, shared by all that mention it: 8 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Name(Arc<Box<[u8]>>);

/// What has a name.
pub trait Named: Clone + Send + Sync {
    /// The name.
    fn name(&self) -> &[u8];
}

/// See the file head.
#[derive(Clone, Debug)]
pub struct Names<T: Named>(Tree<Run<T>, FANOUT>);

#[derive(Clone)]
struct Run<T>(Arc<Vec<Arc<T>>>);

impl Name {
    /// Whether both are the same name, or the same handle.
    #[inline]
    pub fn is(&self, other: &Name) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || **self == **other
    }

    pub(super) fn heap_bytes(&self) -> usize {
        sharing::part_bytes::<Box<[u8]>>() + class_bytes(self.len())
    }
}

impl From<&[u8]> for Name {
    fn from(name: &[u8]) -> Name {
        Name(Arc::new(name.into()))
    }
}

impl Deref for Name {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.escape_ascii().to_string())
    }
}

impl<T: Named> Names<T> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len() as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What has a name.
    pub fn get(&self, name: &[u8]) -> Option<&T> {
        let (_, run) = self.seek(name)?;
        run.place(name).ok().map(|at| &*run.0[at])
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.leaves().flat_map(|run| run.0.iter()).map(|named| &**named)
    }

    /// Changes what has a name, if there is such, but not the name.
    pub fn edit<R>(&mut self, name: &[u8], change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let (cursor, run) = self.seek(name)?;
        let at = run.place(name).ok()?;
        Some(self.0.update(&cursor, |run, _| change(sharing::own(&mut run.own()[at], |_| 0))))
    }

    /// Adds something under a name of its own; false if the name is taken.
    pub fn insert(&mut self, new: T) -> bool {
        let Some((cursor, run)) = self.seek(new.name()) else {
            self.0.push_back(Run(Arc::new(vec![Arc::new(new)])));
            return true;
        };
        let Err(at) = run.place(new.name()) else { return false };
        self.0.update(&cursor, |run, more| {
            run.own().insert(at, Arc::new(new));
            if run.0.len() > RUN_LEN_MAX {
                more.push(run.split_off(RUN_LEN_MAX / 2));
            }
        });
        true
    }

    /// Takes out what has a name.
    pub fn remove(&mut self, name: &[u8]) -> Option<T> {
        let (cursor, run) = self.seek(name)?;
        let at = run.place(name).ok()?;
        let removed = self.0.update(&cursor, |run, _| run.own().remove(at));
        Some(sharing::take(removed, |_| 0))
    }

    /// Heap bytes without what the things themselves point to, rounded to the allocator's classes.
    pub(super) fn heap_bytes(&self) -> usize {
        let runs = self.0.leaves().map(|run| {
            array_bytes(&run.0) + sharing::part_bytes::<Vec<T>>() + run.0.len() * sharing::part_bytes::<T>()
        });
        nodes_bytes(&self.0) + runs.sum::<usize>()
    }

    fn seek(&self, name: &[u8]) -> Option<(Cursor, &Run<T>)> {
        let prefix = prefix_of(name);
        self.0.seek_tied(|key| key.cmp(&prefix), |run| run.0[0].name() <= name)
    }
}

impl<T: Named> Default for Names<T> {
    fn default() -> Names<T> {
        Names(Tree::new())
    }
}

impl<T: Named> Run<T> {
    fn own(&mut self) -> &mut Vec<Arc<T>> {
        sharing::own(&mut self.0, array_bytes)
    }

    /// Where a name is, or where it belongs.
    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.0.binary_search_by(|named| named.name().cmp(name))
    }
}

impl<T: Named> Leaf for Run<T> {
    /// The first 16 bytes of the first name.
    type Key = (u64, u64);

    fn len(&self) -> usize {
        self.0.len()
    }

    fn key(&self) -> (u64, u64) {
        prefix_of(self.0[0].name())
    }

    fn split_off(&mut self, at: usize) -> Run<T> {
        Run(Arc::new(self.own().split_off(at)))
    }
}

impl<T> fmt::Debug for Run<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Run({})", self.0.len())
    }
}

/// The first 16 bytes of a name as numbers in the same order; a shorter one counts as if zeros followed.
fn prefix_of(name: &[u8]) -> (u64, u64) {
    let mut bytes = [0; 16];
    let len = name.len().min(16);
    bytes[..len].copy_from_slice(&name[..len]);
    let number = u128::from_be_bytes(bytes);
    ((number >> 64) as u64, number as u64)
}
