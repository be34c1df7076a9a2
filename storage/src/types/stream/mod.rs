//! Streams: entries of fields and values by ID, and the consumer groups that read them.
//!
//! A stream has one encoding: a tree of nodes by ID ([`Log`]), each node a listpack as Redis lays it out (`node`), and a map of
//! groups by name ([`Group`]). All parts share what is equal: a stream is cloned in O(1), and a change copies a node
//! and its path, or a run of pending entries and its path.
//!
//! A stream stays when its last entry goes: it still knows its last ID and its groups.

mod group;
mod id;
mod ids;
mod log;
mod names;
mod node;
#[cfg(test)]
mod tests;

use crate::db::Removed;
use crate::entry::{EntryRef, Kind, Structure, class_bytes};
use crate::pack::PackRef;
use crate::tree::Tree;
use crate::types::{Limits, Type};
use crate::value::ValueMut;

pub use group::{Consumer, Group, Pending};
pub use id::{ID_TEXT_BYTES_MAX, StreamId};
pub use ids::Ids;
pub use log::{Bound, Log, Range, RangeBack, Trim};
pub use names::{Name, Named, Names};
pub use node::{Entry, Fields, Node};

/// A stream; see the file head.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    log: Log,
    groups: Names<Group>,
}

/// A stream, for changing.
pub struct StreamMut<'a> {
    value: ValueMut<'a>,
    limits: &'a Limits,
}

/// What becomes of the groups' references to an entry that is to be deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// They stay.
    #[default]
    Keep,
    /// They go with the entry.
    Remove,
    /// The entry stays while there are any, or a group has yet to read it.
    Respect,
}

/// What deleting an entry came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// There is no such entry.
    Absent,
    /// It is gone.
    Done,
    /// It stays for the sake of the groups.
    Refused,
}

/// What trimming came to.
#[derive(Debug, Default)]
pub struct Trimmed {
    /// How many entries went.
    pub count: u64,
    /// What is worth freeing elsewhere.
    pub removed: Option<Removed>,
    /// Which entries went, if references were looked at.
    pub ids: Vec<StreamId>,
    /// What groups had of them, if references went too.
    pub forgotten: Vec<(Name, Vec<StreamId>)>,
}

impl Type for Stream {
    const KIND: Kind = Kind::Stream;
    /// Only until it is edited, which is at once.
    const EMPTY: (&'static [u8], bool) = (&[], false);
    type Ref<'a> = &'a Stream;
    type Mut<'a> = StreamMut<'a>;

    #[inline]
    fn read(entry: EntryRef<'_>) -> &Stream {
        entry.structure().expect("a stream is a structure")
    }

    fn edit<'a>(mut value: ValueMut<'a>, limits: &'a Limits) -> StreamMut<'a> {
        if value.entry().bytes().is_some() {
            value.set_structure(Box::new(Stream::default()));
        }
        StreamMut { value, limits }
    }
}

impl Structure for Stream {
    const KIND: Kind = Kind::Stream;

    fn memory_bytes(&self) -> usize {
        let groups = self.groups.iter().map(Group::heap_bytes);
        class_bytes(size_of::<Stream>())
            + self.log.heap_bytes()
            + self.groups.heap_bytes()
            + groups.sum::<usize>()
    }

    /// Pending entries count too: freeing takes time for each.
    fn elements_len(&self) -> usize {
        self.log.len() as usize + self.groups.iter().map(|group| 1 + group.pending().len()).sum::<usize>()
    }
}

impl Stream {
    /// A stream of entries that were taken out of another one, to be freed.
    fn of_nodes(nodes: Tree<Node, { log::FANOUT }>) -> Stream {
        Stream { log: Log { nodes, ..Log::default() }, groups: Names::default() }
    }

    /// Its entries.
    #[inline]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Its entries, for changing.
    #[inline]
    pub fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Its groups.
    #[inline]
    pub fn groups(&self) -> &Names<Group> {
        &self.groups
    }

    /// A group.
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name)
    }

    /// Changes a group, if it is there.
    pub fn edit_group<R>(&mut self, name: &[u8], change: impl FnOnce(&mut Group, &Log) -> R) -> Option<R> {
        let Stream { log, groups } = self;
        groups.edit(name, |group| change(group, log))
    }

    /// Deletes an entry, unless it is to stay for the sake of the groups. References that are to go are the caller's to
    /// [`forget`](Stream::forget).
    pub fn delete(&mut self, id: StreamId, references: References) -> Deletion {
        // Groups may refer to an entry that is gone, or is yet to come.
        if references == References::Respect && self.is_referenced(id) {
            return Deletion::Refused;
        }
        if self.log.delete(id) { Deletion::Done } else { Deletion::Absent }
    }

    /// Removes entries from the front on, with the references that are to go.
    #[inline]
    pub fn trim(&mut self, trim: Trim, references: References) -> Trimmed {
        if references == References::Keep {
            let (count, removed) = self.log.trim(trim);
            return Trimmed { count, removed, ..Trimmed::default() };
        }
        let Stream { log, groups } = self;
        let may_go = |id| references == References::Remove || !is_referenced(groups, id);
        let ids = log.trim_each(trim, may_go);
        let forgotten = if references == References::Remove { self.forget(&ids) } else { Vec::new() };
        Trimmed { count: ids.len() as u64, removed: None, ids, forgotten }
    }

    /// Takes entries out of all that is pending; tells what each group had.
    pub fn forget(&mut self, ids: &[StreamId]) -> Vec<(Name, Vec<StreamId>)> {
        let mut forgotten = Vec::new();
        for group in self.groups.iter() {
            let had = ids.iter().filter(|id| group.pending().get(**id).is_some()).copied();
            let had: Vec<StreamId> = had.collect();
            if !had.is_empty() {
                forgotten.push((group.name_handle().clone(), had));
            }
        }
        for (name, had) in &forgotten {
            self.groups.edit(name, |group| had.iter().for_each(|id| _ = group.acknowledge(*id)));
        }
        forgotten
    }

    /// Whether some group has an entry pending, or has not read as far.
    pub fn is_referenced(&self, id: StreamId) -> bool {
        is_referenced(&self.groups, id)
    }

    /// Adds a group; false if there is one of its name.
    pub fn add_group(&mut self, group: Group) -> bool {
        self.groups.insert(group)
    }

    /// Takes a group out, to be freed elsewhere.
    pub fn remove_group(&mut self, name: &[u8]) -> Option<Removed> {
        let group = self.groups.remove(name)?;
        let mut removed = Stream::default();
        removed.groups.insert(group);
        Some(Removed::of_structure(removed))
    }

    /// Adds a node of a block that is laid out as one and whose IDs are above those of the nodes before.
    pub fn push_node(&mut self, id: StreamId, pack: PackRef<'_>) {
        let node = Node::from_pack(id, pack);
        if !crate::tree::Leaf::is_empty(&node) {
            self.log.nodes.push_back(node);
        }
    }
}

fn is_referenced(groups: &Names<Group>, id: StreamId) -> bool {
    groups.iter().any(|group| group.last_id < id || group.pending().get(id).is_some())
}

impl StreamMut<'_> {
    /// The stream, and the limits that new entries keep to.
    #[inline]
    pub fn parts(&mut self) -> (&mut Stream, &Limits) {
        (self.value.structure_mut::<Stream>().expect("a stream is a structure"), self.limits)
    }

    /// The stream.
    #[inline]
    pub fn stream(&mut self) -> &mut Stream {
        self.parts().0
    }
}
