//! A leaf of a stream: entries that follow one another, in one listpack.
//!
//! | elements | content |
//! |---|---|
//! | 3 | entries, deleted entries, master fields m |
//! | m, then 1 | the names of the master fields, then 0 |
//! | per entry: 3 | flags (1: deleted, 2: has the master fields), ID less the node's (milliseconds, sequence) |
//! | with the master fields: m | values |
//! | else: 1, then 2n | fields n, then name, value, .. |
//! | 1 | how many elements the entry has in front of this one |
//!
//! Redis keeps and dumps streams as these bytes. The master fields are those of the entry that began the node; the number at an
//! entry's end is what a walk from the back goes by.
//!
//! Invariants: IDs ascend, the node's own is not above the first; an entry that is deleted keeps its place; a node of deleted
//! entries alone is empty, and its tree takes it out.

use super::StreamId;
use crate::pack::{Item, Pack, PackRef, Position};
use crate::tree::Leaf;
use crate::types::Limits;
use smallvec::SmallVec;

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;
/// Elements of an entry with the master fields beside its values, but for the count at its end.
const HEAD_ELEMENTS: usize = 3;
/// A node takes no more bytes than these, whatever the limits say.
const NODE_BYTES_MAX: usize = 1 << 30;
/// So many idle bytes at the end of a node are worth another node.
const WASTED_BYTES_MAX: usize = 512;
/// Elements of an entry that are gathered without an allocation.
const ELEMENTS_INLINE: usize = 24;

/// See the file head.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) id: StreamId,
    pub(super) pack: Pack,
}

/// An entry, for reading.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Its ID.
    pub id: StreamId,
    fields: Fields<'a>,
}

/// The fields of an entry with their values.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    pack: PackRef<'a>,
    left: usize,
    /// The next name, where names stand apart from the values.
    name: Option<Position>,
    next: Position,
}

impl Node {
    /// A node of one entry.
    pub(super) fn new(id: StreamId, fields: &[Item<'_>]) -> Node {
        let mut items: SmallVec<[Item<'_>; ELEMENTS_INLINE]> =
            SmallVec::from_slice(&[Item::Int(1), Item::Int(0), Item::Int(fields.len() as i64 / 2)]);
        items.extend(names(fields));
        items.extend([Item::Int(0), Item::Int(SAME_FIELDS), Item::Int(0), Item::Int(0)]);
        items.extend(values(fields));
        items.push(Item::Int((HEAD_ELEMENTS + fields.len() / 2) as i64));
        let mut pack = Pack::new();
        pack.edit().extend(items.iter().copied());
        Node { id, pack }
    }

    /// A node of a block that was checked to be one.
    pub(super) fn from_pack(id: StreamId, pack: PackRef<'_>) -> Node {
        Node { id, pack: Pack::from(pack) }
    }

    /// Whether an entry whose fields and values have so many bytes may be added.
    #[inline]
    pub(super) fn has_room(&self, bytes: usize, limits: &Limits) -> bool {
        let pack = self.pack.as_ref();
        if pack.listpack_bytes() + bytes >= bytes_max(limits) {
            return false;
        }
        let head = Head::of(self);
        limits.stream_entries == 0 || head.live + head.deleted < limits.stream_entries
    }

    /// Adds an entry behind the last. Its ID is above all others. False if it is better off in a node of its own.
    pub(super) fn append(&mut self, id: StreamId, fields: &[Item<'_>], limits: &Limits) -> bool {
        let head = Head::of(self);
        let same = head.has_fields(fields);
        let mut items: SmallVec<[Item<'_>; ELEMENTS_INLINE]> = SmallVec::from_slice(&[
            Item::Int(if same { SAME_FIELDS } else { 0 }),
            Item::Int(id.ms.wrapping_sub(self.id.ms) as i64),
            Item::Int(id.seq.wrapping_sub(self.id.seq) as i64),
        ]);
        if same {
            items.extend(values(fields));
        } else {
            items.push(Item::Int(fields.len() as i64 / 2));
            items.extend_from_slice(fields);
        }
        items.push(Item::Int(items.len() as i64));
        let live = head.live + 1;
        let len = self.pack.as_ref().listpack_bytes();
        if len + bytes_max(limits) / 4 >= bytes_max(limits) && is_wasteful(len, &items, limits) {
            return false;
        }
        let mut pack = self.pack.edit();
        pack.extend(items.iter().copied());
        let first = pack.as_ref().first().expect("a node has a head");
        pack.replace(first, Item::Int(live as i64));
        true
    }

    /// Marks an entry as deleted; false if there is none of this ID.
    pub(super) fn delete(&mut self, id: StreamId) -> bool {
        let found = Walk::new(self).find(|entry| entry.id >= id).filter(|entry| entry.id == id);
        let Some(Raw { at, flags, .. }) = found else { return false };
        self.mark_deleted(&[(at, flags)]);
        true
    }

    /// Marks the leading entries as deleted that `is_due` accepts; says how many.
    pub(super) fn delete_while(&mut self, mut is_due: impl FnMut(StreamId) -> bool) -> usize {
        let due: Vec<_> = Walk::new(self)
            .take_while(|entry| is_due(entry.id))
            .map(|entry| (entry.at, entry.flags))
            .collect();
        self.mark_deleted(&due);
        due.len()
    }

    /// Marks entries as deleted, all of which are there, in order.
    pub(super) fn delete_each(&mut self, ids: &[StreamId]) {
        let mut left = ids.iter().peekable();
        let due: Vec<_> = Walk::new(self)
            .filter(|entry| left.next_if(|id| **id == entry.id).is_some())
            .map(|entry| (entry.at, entry.flags))
            .collect();
        self.mark_deleted(&due);
    }

    /// Flags take the same bytes with and without the mark, so that places stay as they are.
    fn mark_deleted(&mut self, entries: &[(Position, i64)]) {
        if entries.is_empty() {
            return;
        }
        let Head { live, deleted, .. } = Head::of(self);
        let mut pack = self.pack.edit();
        for &(at, flags) in entries {
            pack.replace(at, Item::Int(flags | DELETED));
        }
        let first = pack.as_ref().first().expect("a node has a head");
        pack.replace(first, Item::Int((live - entries.len()) as i64));
        let second = pack.as_ref().next(first).expect("a node has a head");
        pack.replace(second, Item::Int((deleted + entries.len()) as i64));
    }

    /// The ID of the last entry, deleted ones too.
    pub(super) fn last_id(&self) -> StreamId {
        let pack = self.pack.as_ref();
        match pack.last().and_then(|end| start_of_entry(pack, end)) {
            Some(flags) => id_at(pack, flags, self.id).0,
            None => self.id,
        }
    }

    /// Whether there is an entry of this ID.
    pub(super) fn contains(&self, id: StreamId) -> bool {
        Walk::new(self).find(|entry| entry.id >= id).is_some_and(|entry| entry.id == id)
    }

    /// The entries from one on that is at or after `start`.
    #[inline]
    pub(super) fn entries(&self) -> Walk<'_> {
        Walk::new(self)
    }

    /// The entries, from the last on.
    #[inline]
    pub(super) fn entries_back(&self) -> WalkBack<'_> {
        let head = Head::of(self);
        WalkBack { pack: self.pack.as_ref(), id: self.id, head, end: self.pack.as_ref().last() }
    }
}

/// Of names and values in turn, the names.
#[inline]
fn names<'a>(fields: &[Item<'a>]) -> impl Iterator<Item = Item<'a>> {
    fields.as_chunks().0.iter().map(|[name, _]| *name)
}

/// Of names and values in turn, the values.
#[inline]
fn values<'a>(fields: &[Item<'a>]) -> impl Iterator<Item = Item<'a>> {
    fields.as_chunks().0.iter().map(|[_, value]| *value)
}

/// What a node may take.
#[inline]
fn bytes_max(limits: &Limits) -> usize {
    match limits.stream_bytes {
        0 => NODE_BYTES_MAX,
        most => most.min(NODE_BYTES_MAX),
    }
}

/// Whether an entry would fill a node to the last few bytes, so that the count in front of them takes it to the next size class.
#[inline(never)]
fn is_wasteful(len: usize, items: &[Item<'_>], limits: &Limits) -> bool {
    let len = len + items.iter().map(|item| item.stored_len()).sum::<usize>();
    let heap_bytes = Pack::heap_bytes(len);
    len <= bytes_max(limits) && heap_bytes > bytes_max(limits) && heap_bytes >= len + WASTED_BYTES_MAX
}

impl Leaf for Node {
    /// The milliseconds of its ID; few nodes share them.
    type Key = u64;

    #[inline]
    fn len(&self) -> usize {
        let pack = self.pack.as_ref();
        count(pack, pack.first().expect("a node has a head"))
    }

    #[inline]
    fn key(&self) -> u64 {
        self.id.ms
    }

    fn split_off(&mut self, _: usize) -> Node {
        unreachable!("a stream is cut between its nodes")
    }
}

/// What a node begins with.
#[derive(Clone, Copy, Debug)]
struct Head<'a> {
    pack: PackRef<'a>,
    live: usize,
    deleted: usize,
    fields: usize,
    /// The first name; the end of the names, if there are none.
    names: Position,
}

impl<'a> Head<'a> {
    #[inline]
    fn of(node: &'a Node) -> Head<'a> {
        let pack = node.pack.as_ref();
        let first = pack.first().expect(SOUND);
        let second = pack.next(first).expect(SOUND);
        let third = pack.next(second).expect(SOUND);
        let names = pack.next(third).expect(SOUND);
        let [live, deleted, fields] = [first, second, third].map(|at| count(pack, at));
        Head { pack, live, deleted, fields, names }
    }

    /// Whether these names, of names and values, are the master fields.
    #[inline]
    fn has_fields(&self, fields: &[Item<'_>]) -> bool {
        fields.len() == 2 * self.fields && self.pack.iter_from(self.names).take(self.fields).eq(names(fields))
    }

    /// The first entry.
    #[inline]
    fn first_entry(&self) -> Option<Position> {
        skip(self.pack, self.names, self.fields + 1)
    }
}

const SOUND: &str = "a node that was checked when it was made";

/// An entry, and where its flags are.
#[derive(Clone, Debug)]
pub(super) struct Raw<'a> {
    at: Position,
    flags: i64,
    pub(super) id: StreamId,
    fields: Fields<'a>,
}

impl<'a> From<Raw<'a>> for Entry<'a> {
    #[inline]
    fn from(raw: Raw<'a>) -> Entry<'a> {
        Entry { id: raw.id, fields: raw.fields }
    }
}

impl<'a> Entry<'a> {
    /// How many fields it has.
    #[inline]
    pub fn len(&self) -> usize {
        self.fields.left
    }

    /// Whether it has no fields; no entry of Redis is so.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its fields and their values.
    #[inline]
    pub fn fields(self) -> Fields<'a> {
        self.fields
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Item<'a>, Item<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let pack = self.pack;
        let name_at = self.name.unwrap_or(self.next);
        let after_name = pack.next(name_at)?;
        let value_at = match &mut self.name {
            Some(name) => {
                *name = after_name;
                self.next
            }
            None => after_name,
        };
        self.next = pack.next(value_at)?;
        Some((pack.get(name_at), pack.get(value_at)))
    }
}

/// The entries of a node that are not deleted, from the first on.
#[derive(Clone, Debug)]
pub(super) struct Walk<'a> {
    id: StreamId,
    head: Head<'a>,
    at: Option<Position>,
}

impl<'a> Walk<'a> {
    #[inline]
    fn new(node: &'a Node) -> Walk<'a> {
        let head = Head::of(node);
        Walk { id: node.id, head, at: head.first_entry() }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Raw<'a>;

    #[inline]
    fn next(&mut self) -> Option<Raw<'a>> {
        loop {
            let entry = read(self.head, self.id, self.at?)?;
            let elements = match entry.fields.name {
                Some(_) => entry.fields.left,
                None => 2 * entry.fields.left,
            };
            self.at = skip(self.head.pack, entry.fields.next, elements + 1);
            if entry.flags & DELETED == 0 {
                return Some(entry);
            }
        }
    }
}

/// The entries of a node that are not deleted, from the last on.
#[derive(Clone, Debug)]
pub(super) struct WalkBack<'a> {
    pack: PackRef<'a>,
    id: StreamId,
    head: Head<'a>,
    /// The last element of the next entry.
    end: Option<Position>,
}

impl<'a> Iterator for WalkBack<'a> {
    type Item = Raw<'a>;

    #[inline]
    fn next(&mut self) -> Option<Raw<'a>> {
        loop {
            let at = start_of_entry(self.pack, self.end?)?;
            self.end = self.pack.prev(at);
            let entry = read(self.head, self.id, at)?;
            if entry.flags & DELETED == 0 {
                return Some(entry);
            }
        }
    }
}

/// The entry whose flags are at a position.
#[inline]
fn read<'a>(head: Head<'a>, node: StreamId, at: Position) -> Option<Raw<'a>> {
    let pack = head.pack;
    let flags = int(pack, at);
    let (id, after) = id_at(pack, at, node);
    let fields = if flags & SAME_FIELDS != 0 {
        Fields { pack, left: head.fields, name: Some(head.names), next: after }
    } else {
        Fields { pack, left: count(pack, after), name: None, next: pack.next(after)? }
    };
    Some(Raw { at, flags, id, fields })
}

/// The ID of the entry whose flags are at a position, and what comes behind it.
#[inline]
fn id_at(pack: PackRef<'_>, flags: Position, node: StreamId) -> (StreamId, Position) {
    let ms = pack.next(flags).expect(SOUND);
    let seq = pack.next(ms).expect(SOUND);
    (node.at(int(pack, ms), int(pack, seq)), pack.next(seq).expect(SOUND))
}

/// The flags of the entry that ends with the element at a position; none where that is the end of the head.
#[inline]
fn start_of_entry(pack: PackRef<'_>, end: Position) -> Option<Position> {
    let elements = count(pack, end);
    if elements == 0 {
        return None;
    }
    (0..elements).try_fold(end, |at, _| pack.prev(at))
}

/// The element `count` elements behind one.
#[inline]
fn skip(pack: PackRef<'_>, at: Position, count: usize) -> Option<Position> {
    (0..count).try_fold(at, |at, _| pack.next(at))
}

#[inline]
fn int(pack: PackRef<'_>, at: Position) -> i64 {
    match pack.get(at) {
        Item::Int(value) => value,
        Item::Bytes(_) => unreachable!("{SOUND}"),
    }
}

#[inline]
fn count(pack: PackRef<'_>, at: Position) -> usize {
    int(pack, at) as usize
}
