//! Streams: entries in listpacks by ID, and the consumer groups that read them.
//!
//! A stream is a row of lengths unless said otherwise; what versions added is marked:
//!
//! | part | content |
//! |---|---|
//! | nodes | how many; of each a string of 16 bytes, its master ID, and a listpack |
//! | stream | entries, last ID; *second:* first ID, greatest deleted ID, entries ever added |
//! | groups | how many; of each its name (string), last delivered ID; *second:* entries read, all bits set if unknown |
//! | group's pending entries | how many; of each its ID in 16 bytes, a time, deliveries |
//! | group's consumers | how many; of each its name, the time it was last seen; *third:* the time it last got something |
//! | consumer's pending entries | how many; of each its ID in 16 bytes |
//! | *fourth:* what producers have added | two lengths, for how long and of how many entries each is remembered |
//! | *fourth:* producers | how many; of each its name, then how many; of each the producer's name of the entry (string), its ID |
//! | *fourth:* their figures | entries added with such a name, and those that were not, because they were there |
//!
//! No server of ours knows producers: what a stream remembers of them is read and forgotten.
//!
//! An ID is two lengths, milliseconds and sequence; in 16 bytes, two big-endian numbers. A node's listpack:
//!
//! | elements | content |
//! |---|---|
//! | 3 | entries, deleted entries, master fields m |
//! | m, then 1 | the names of the master fields, then 0 |
//! | per entry: 3 | flags (1: deleted, 2: has the master fields), ID less master ID (milliseconds, sequence) |
//! | with the master fields: m | values |
//! | else: 1, then 2n | fields n, then name, value, .. |
//! | 1 | how many elements the entry has in front of this one |

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::super::{Error, Reader};
use super::blocks::Block;
use rufous_storage::pack::{Item, Iter};
pub use rufous_storage::types::stream::StreamId;

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;
/// What stands for an unknown number of entries read.
pub const UNKNOWN: u64 = u64::MAX;

/// What stands for the time of something that never happened.
pub const NEVER: i64 = -1;

/// A stream.
///
/// Invariants: IDs ascend within a node and from node to node, a node's own is not above the first of its entries, none is above
/// the last ID; `len` is the number of entries that
/// are not deleted.
#[derive(Clone, Debug)]
pub struct Stream<'a> {
    /// Master IDs and listpacks.
    pub nodes: Vec<(StreamId, Cow<'a, [u8]>)>,
    /// How many entries there are.
    pub len: u64,
    /// The ID of the last entry ever added.
    pub last_id: StreamId,
    /// The greatest ID of an entry deleted from between others.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added.
    pub entries_added: u64,
    /// Consumer groups.
    pub groups: Vec<Group<'a>>,
}

/// A consumer group.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// Its name.
    pub name: Cow<'a, [u8]>,
    /// The last entry delivered.
    pub last_id: StreamId,
    /// How many of the entries ever added the group has read, if that is known.
    pub entries_read: Option<u64>,
    /// Its consumers.
    pub consumers: Vec<Consumer<'a>>,
    /// Entries delivered and not yet acknowledged.
    pub pending: BTreeMap<StreamId, Pending>,
}

/// A consumer.
#[derive(Clone, Debug)]
pub struct Consumer<'a> {
    /// Its name.
    pub name: Cow<'a, [u8]>,
    /// When it last asked (unix ms).
    pub seen_ms: i64,
    /// When it last got something (unix ms); -1 if never.
    pub active_ms: i64,
}

/// An entry delivered and not yet acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When it was delivered last (unix ms).
    pub delivered_ms: i64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// The index of the consumer that it was delivered to.
    pub consumer: usize,
}

/// As Redis 5 and 6 write it.
pub(super) fn first<'a>(reader: &mut Reader<'a>) -> Result<Stream<'a>, Error> {
    stream(reader, false, false)
}

/// As Redis 7.0 writes it.
pub(super) fn second<'a>(reader: &mut Reader<'a>) -> Result<Stream<'a>, Error> {
    stream(reader, true, false)
}

/// As Redis 7.2 writes it.
pub(super) fn third<'a>(reader: &mut Reader<'a>) -> Result<Stream<'a>, Error> {
    stream(reader, true, true)
}

/// As Redis 8.6 writes it.
pub(super) fn fourth<'a>(reader: &mut Reader<'a>) -> Result<Stream<'a>, Error> {
    let stream = third(reader)?;
    reader.len()?;
    reader.len()?;
    for _ in 0..reader.count()? {
        reader.text()?;
        for _ in 0..reader.count()? {
            reader.text()?;
            id(reader)?;
        }
    }
    reader.len()?;
    reader.len()?;
    Ok(stream)
}

fn stream<'a>(reader: &mut Reader<'a>, counted: bool, active: bool) -> Result<Stream<'a>, Error> {
    let start = reader.clone();
    let mut entries = Entries::default();
    let mut nodes = Vec::new();
    for _ in 0..reader.count()? {
        nodes.push(node(reader, &mut entries)?);
    }
    let (len, last_id) = (reader.len()?, id(reader)?);
    let (mut max_deleted_id, mut entries_added) = (StreamId::default(), len);
    if counted {
        id(reader)?; // the first entry's, which the nodes tell too
        max_deleted_id = id(reader)?;
        entries_added = reader.len()?;
    }
    if len != entries.len || entries.last.is_some_and(|last| last > last_id) {
        return Err(start.corrupt("a stream that is not what its end says"));
    }
    let mut stream = Stream { nodes, len, last_id, max_deleted_id, entries_added, groups: Vec::new() };
    let mut names = BTreeSet::new();
    for _ in 0..reader.count()? {
        let here = reader.clone();
        let mut group = group(reader, counted, active)?;
        if !names.insert(group.name.clone()) {
            return Err(here.corrupt("a group that occurs twice"));
        }
        if !counted {
            group.entries_read = stream.entries_up_to(group.last_id, entries.first);
        }
        stream.groups.push(group);
    }
    Ok(stream)
}

impl Stream<'_> {
    /// How many entries were added up to an ID, where nothing was ever deleted from between, if that can be told.
    fn entries_up_to(&self, id: StreamId, first: Option<StreamId>) -> Option<u64> {
        match first {
            _ if self.entries_added == 0 => Some(0),
            _ if id == self.last_id => Some(self.entries_added),
            _ if id > self.last_id => None,
            None => Some(self.entries_added),
            Some(first) if id < first => Some(self.entries_added - self.len),
            Some(first) if id == first => Some(self.entries_added - self.len + 1),
            Some(_) => None,
        }
    }
}

/// What was seen of entries that are not deleted, and the last ID of all.
#[derive(Default)]
struct Entries {
    len: u64,
    first: Option<StreamId>,
    last: Option<StreamId>,
}

impl Entries {
    /// Takes note of an entry; false if it comes after one that it should be in front of.
    fn add(&mut self, id: StreamId, deleted: bool) -> bool {
        if self.last.is_some_and(|last| last >= id) {
            return false;
        }
        self.last = Some(id);
        if !deleted {
            self.len += 1;
            self.first = self.first.or(Some(id));
        }
        true
    }
}

fn node<'a>(reader: &mut Reader<'a>, entries: &mut Entries) -> Result<(StreamId, Cow<'a, [u8]>), Error> {
    let here = reader.clone();
    let master = <[u8; 16]>::try_from(&*reader.bytes()?).map_err(|_| here.corrupt("a node without an ID"))?;
    let master = raw_id(master);
    if entries.last.is_some_and(|last| last >= master) {
        return Err(here.corrupt("a node that begins before the end of the one in front of it"));
    }
    let block = Block::read(reader)?.listpack()?;
    if block.pack().is_empty() {
        return Err(block.corrupt("a node without entries"));
    }
    let mut elements = Elements(block.pack().iter());
    if elements.node(master, entries).is_none() {
        return Err(block.corrupt("a node of a stream that makes no sense"));
    }
    Ok((master, block.bytes))
}

/// The elements of a node's listpack.
struct Elements<'p>(Iter<'p>);

impl Elements<'_> {
    fn node(&mut self, master: StreamId, entries: &mut Entries) -> Option<()> {
        let (live, deleted, master_fields) = (self.count()?, self.count()?, self.count()?);
        self.skip(master_fields)?;
        if self.int()? != 0 {
            return None;
        }
        let len_before = entries.len;
        for _ in 0..live.checked_add(deleted)? {
            self.entry(master, master_fields, entries)?;
        }
        (entries.len - len_before == live && self.0.next().is_none()).then_some(())
    }

    fn entry(&mut self, master: StreamId, master_fields: u64, entries: &mut Entries) -> Option<()> {
        let (flags, ms, seq) = (self.int()?, self.int()?, self.int()?);
        let id = StreamId { ms: master.ms.wrapping_add(ms as u64), seq: master.seq.wrapping_add(seq as u64) };
        if id < master || !entries.add(id, flags & DELETED != 0) {
            return None;
        }
        let elements = if flags & SAME_FIELDS != 0 {
            self.skip(master_fields)?;
            master_fields.checked_add(3)?
        } else {
            let doubled = self.count()?.checked_mul(2)?;
            self.skip(doubled)?;
            doubled.checked_add(4)?
        };
        (self.count()? == elements).then_some(())
    }

    fn int(&mut self) -> Option<i64> {
        match self.0.next()? {
            Item::Int(value) => Some(value),
            Item::Bytes(_) => None,
        }
    }

    fn count(&mut self) -> Option<u64> {
        u64::try_from(self.int()?).ok()
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        (0..count).try_for_each(|_| self.0.next().map(drop))
    }
}

fn group<'a>(reader: &mut Reader<'a>, counted: bool, active: bool) -> Result<Group<'a>, Error> {
    let (name, last_id) = (reader.bytes()?, id(reader)?);
    let entries_read = if counted { Some(reader.len()?).filter(|read| *read != UNKNOWN) } else { None };
    let mut group = Group { name, last_id, entries_read, consumers: Vec::new(), pending: BTreeMap::new() };
    let mut owed = BTreeMap::new();
    for _ in 0..reader.count()? {
        let here = reader.clone();
        let id = raw_id(reader.array()?);
        let (delivered_ms, deliveries) = (reader.milliseconds()?, reader.len()?);
        if owed.insert(id, (delivered_ms, deliveries)).is_some() {
            return Err(here.corrupt("a pending entry that occurs twice"));
        }
    }
    let mut names = BTreeSet::new();
    for _ in 0..reader.count()? {
        let here = reader.clone();
        let consumer = consumer(reader, active)?;
        if !names.insert(consumer.name.clone()) {
            return Err(here.corrupt("a consumer that occurs twice"));
        }
        let index = group.consumers.len();
        group.consumers.push(consumer);
        for _ in 0..reader.count()? {
            let here = reader.clone();
            let id = raw_id(reader.array()?);
            let (delivered_ms, deliveries) =
                owed.remove(&id).ok_or(here.corrupt("a consumer's pending entry that the group has not"))?;
            group.pending.insert(id, Pending { delivered_ms, deliveries, consumer: index });
        }
    }
    if owed.is_empty() { Ok(group) } else { Err(reader.corrupt("a pending entry without a consumer")) }
}

fn consumer<'a>(reader: &mut Reader<'a>, active: bool) -> Result<Consumer<'a>, Error> {
    let (name, seen_ms) = (reader.bytes()?, reader.milliseconds()?);
    let active_ms = if active { reader.milliseconds()? } else { seen_ms };
    Ok(Consumer { name, seen_ms, active_ms })
}

fn id(reader: &mut Reader<'_>) -> Result<StreamId, Error> {
    Ok(StreamId { ms: reader.len()?, seq: reader.len()? })
}

fn raw_id(bytes: [u8; 16]) -> StreamId {
    let [ms, seq] =
        [&bytes[..8], &bytes[8..]].map(|half| u64::from_be_bytes(half.try_into().expect("eight bytes")));
    StreamId { ms, seq }
}
