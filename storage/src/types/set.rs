//! Sets: distinct members in no order.
//!
//! | encoding | while | is |
//! |---|---|---|
//! | intset | all members are integers, and few | sorted integers |
//! | listpack | members are few and short | members in the order they came |
//! | hashtable | otherwise | a dict |
//!
//! A set never goes back to a smaller encoding by losing members.

use crate::dict::{Dict, Members};
use crate::entry::{Content, EntryRef, Kind, Structure};
use crate::pack::{Buffer, INTSET_EMPTY, IntSetMut, IntSetRef, Item, PackMut, PackRef};
use crate::random::Random;
use crate::types::{Limits, Type};
use crate::value::ValueMut;

/// Integers of an intset at most, whatever the limits say.
const INTSET_LEN_MAX: usize = 1 << 30;

/// A set, as a type.
#[derive(Debug)]
pub enum Set {}

/// The structure of a large set.
pub(crate) type SetTable = Dict<Members>;

/// A set, for reading.
#[derive(Clone, Copy)]
pub enum SetRef<'a> {
    /// Sorted integers.
    Ints(IntSetRef<'a>),
    /// Members in one block.
    Pack(PackRef<'a>),
    /// A large set.
    Table(&'a Dict<Members>),
}

/// A set, for changing.
pub struct SetMut<'a> {
    value: ValueMut<'a>,
    limits: &'a Limits,
}

impl Type for Set {
    const KIND: Kind = Kind::Set;
    const EMPTY: (&'static [u8], bool) = (INTSET_EMPTY, true);
    type Ref<'a> = SetRef<'a>;
    type Mut<'a> = SetMut<'a>;

    #[inline]
    fn read(entry: EntryRef<'_>) -> SetRef<'_> {
        match entry.bytes() {
            Some(bytes) if entry.mark() => SetRef::Ints(IntSetRef::new(bytes)),
            Some(bytes) => SetRef::Pack(PackRef::new(bytes)),
            None => SetRef::Table(entry.structure::<SetTable>().expect("a set of bytes or structure")),
        }
    }

    fn edit<'a>(value: ValueMut<'a>, limits: &'a Limits) -> SetMut<'a> {
        SetMut { value, limits }
    }
}

impl Structure for SetTable {
    const KIND: Kind = Kind::Set;

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + Dict::memory_bytes(self)
    }

    fn elements_len(&self) -> usize {
        self.len()
    }

    fn prefetch_members(&self, members: &[&[u8]], _: bool) {
        self.prefetch(members);
    }
}

impl<'a> SetRef<'a> {
    /// Number of members.
    pub fn len(self) -> usize {
        match self {
            SetRef::Ints(ints) => ints.len(),
            SetRef::Pack(pack) => pack.len(),
            SetRef::Table(table) => table.len(),
        }
    }

    /// Whether there are no members, as in a set that is just being made.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Is this a member?
    #[inline]
    pub fn contains(self, member: &[u8]) -> bool {
        match self {
            SetRef::Ints(ints) => Item::of(member).as_int().is_some_and(|int| ints.contains(int)),
            SetRef::Pack(pack) => pack.find(member, 1).is_some(),
            SetRef::Table(table) => table.contains(&table.key(member)),
        }
    }

    /// Is this a member?
    #[inline]
    pub fn contains_item(self, member: Item<'_>) -> bool {
        match self {
            SetRef::Ints(ints) => member.as_int().is_some_and(|int| ints.contains(int)),
            SetRef::Pack(pack) => pack.find_item(member, 1).is_some(),
            SetRef::Table(table) => table.contains(&table.key_of(member)),
        }
    }

    /// All members.
    pub fn iter(self) -> Box<dyn Iterator<Item = Item<'a>> + 'a> {
        match self {
            SetRef::Ints(ints) => Box::new(ints.iter().map(Item::Int)),
            SetRef::Pack(pack) => Box::new(pack.iter()),
            SetRef::Table(table) => Box::new(table.iter()),
        }
    }

    /// A member by chance, each as likely; the set is not empty.
    pub fn random(self, random: &mut Random) -> Item<'a> {
        let index = random.below(self.len() as u64) as usize;
        match self {
            SetRef::Ints(ints) => Item::Int(ints.get(index).expect("an index below the length")),
            SetRef::Pack(pack) => pack.get(pack.at(index as i64).expect("an index below the length")),
            SetRef::Table(table) => table.nth(index).expect("an index below the length"),
        }
    }

    /// `count` different members by chance, each choice as likely; there are as many.
    pub fn random_distinct(self, count: usize, random: &mut Random, visit: &mut dyn FnMut(Item<'a>)) {
        if let SetRef::Table(table) = self {
            return table.random_distinct(count, random, visit);
        }
        let (mut left, mut wanted) = (self.len() as u64, count as u64);
        for member in self.iter() {
            if random.below(left) < wanted {
                visit(member);
                wanted -= 1;
            }
            left -= 1;
        }
    }

    /// Visits the members of one step of a scan that began at cursor 0; 0 comes back at the end. A small set comes at once.
    pub fn scan(self, cursor: u64, visit: &mut dyn FnMut(Item<'a>)) -> u64 {
        if let SetRef::Table(table) = self {
            return table.scan(cursor, visit);
        }
        self.iter().for_each(visit);
        0
    }
}

impl SetMut<'_> {
    /// The set, for reading.
    pub fn as_ref(&self) -> SetRef<'_> {
        Set::read(self.value.entry())
    }

    /// Readies the set for `len` more members, of which this is the first: a new set gets its encoding, a small one that is
    /// about to grow large becomes a table at once.
    pub fn expect(&mut self, first: &[u8], len: usize) {
        let is_ints = self.value.entry().mark();
        if self.as_ref().is_empty()
            && !(Item::of(first).as_int().is_some() && len <= self.limits.set_intset_entries)
        {
            self.value.set(Content::Bytes(PackRef::EMPTY.bytes()), false);
        }
        let is_ints = is_ints && self.value.entry().mark();
        let most = if is_ints { self.limits.set_intset_entries } else { self.limits.set_listpack_entries };
        if len > most && self.value.entry().bytes().is_some() {
            self.convert_to_table();
        }
    }

    /// Makes the members those of an intset that was checked, in a set without any.
    pub fn adopt_intset(&mut self, bytes: &[u8]) {
        self.value.set(Content::Bytes(bytes), true);
        if self.as_ref().len() > self.limits.set_intset_entries.min(INTSET_LEN_MAX) {
            self.convert_to_table();
        }
    }

    /// Makes the members those of a listpack that was checked, in a set without any. They differ; their length is no matter, as
    /// in Redis.
    pub fn adopt_listpack(&mut self, bytes: &[u8]) {
        self.value.set(Content::Bytes(bytes), false);
        if self.as_ref().len() > self.limits.set_listpack_entries {
            self.convert_to_table();
        }
    }

    /// As [`SetMut::add`].
    pub fn add_item(&mut self, member: Item<'_>) -> bool {
        self.add(member.as_bytes(&mut itoa::Buffer::new()))
    }

    /// As [`SetMut::remove`].
    pub fn remove_item(&mut self, member: Item<'_>) -> bool {
        self.remove(member.as_bytes(&mut itoa::Buffer::new()))
    }

    /// Adds a member; true if it was none.
    pub fn add(&mut self, member: &[u8]) -> bool {
        if let Some(table) = self.value.structure_mut::<SetTable>() {
            let key = table.key(member);
            return table.insert(&key);
        }
        if self.value.entry().mark() {
            return match Item::of(member) {
                Item::Int(int) => self.add_int(int),
                Item::Bytes(bytes) => {
                    self.convert_ints_for(bytes.len());
                    self.add(member)
                }
            };
        }
        let pack = PackRef::new(self.value.bytes());
        if pack.find(member, 1).is_some() {
            return false;
        }
        let fits = pack.len() < self.limits.set_listpack_entries
            && member.len() <= self.limits.set_listpack_value
            && pack.fits(member.len());
        if !fits {
            self.convert_to_table();
            return self.add(member);
        }
        PackMut::new(&mut self.value).push_back(member);
        true
    }

    /// Takes a member out; true if it was one.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        if let Some(table) = self.value.structure_mut::<SetTable>() {
            let key = table.key(member);
            return table.remove(&key);
        }
        if self.value.entry().mark() {
            return Item::of(member).as_int().is_some_and(|int| IntSetMut::new(&mut self.value).remove(int));
        }
        let Some(position) = PackRef::new(self.value.bytes()).find(member, 1) else { return false };
        PackMut::new(&mut self.value).remove(position, 1);
        true
    }

    fn add_int(&mut self, int: i64) -> bool {
        if !IntSetMut::new(&mut self.value).add(int) {
            return false;
        }
        if self.as_ref().len() > self.limits.set_intset_entries.min(INTSET_LEN_MAX) {
            self.convert_to_table();
        }
        true
    }

    /// Makes integers a listpack, or a table where they and one member more of this length do not fit one.
    fn convert_ints_for(&mut self, member_len: usize) {
        let ints = IntSetRef::new(self.value.bytes());
        let longest = [ints.get(0), ints.get(ints.len().wrapping_sub(1))]
            .into_iter()
            .flatten()
            .map(|int| Item::Int(int).len())
            .max()
            .unwrap_or(0);
        let fits = ints.len() < self.limits.set_listpack_entries
            && member_len.max(longest) <= self.limits.set_listpack_value;
        if !fits {
            return self.convert_to_table();
        }
        let mut bytes = Vec::new();
        PackMut::empty_in(&mut bytes).extend(ints.iter().map(Item::Int));
        self.value.set(Content::Bytes(&bytes), false);
    }

    fn convert_to_table(&mut self) {
        let mut table = SetTable::new(self.value.hasher().clone());
        for member in self.as_ref().iter() {
            let key = table.key_of(member);
            table.insert(&key);
        }
        self.value.set_structure(Box::new(table));
    }
}
