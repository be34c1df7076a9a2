//! Hashes: fields with values.
//!
//! | encoding | while | is |
//! |---|---|---|
//! | listpack | fields are few, fields and values short | field, value, field, value in the order they came |
//! | hashtable | otherwise | a dict |
//!
//! A hash never goes back to a listpack by losing fields.

use crate::db::Ttl;
use crate::dict::{Dict, Fields};
use crate::entry::{Content, EntryRef, Kind, Structure};
use crate::pack::{Buffer, EMPTY, Item, PackMut, PackRef, Position};
use crate::random::Random;
use crate::types::{Limits, Type};
use crate::value::ValueMut;

/// A hash, as a type.
#[derive(Debug)]
pub enum Hash {}

/// The structure of a large hash.
pub(crate) type HashTable = Dict<Fields>;

/// A hash, for reading.
#[derive(Clone, Copy)]
pub enum HashRef<'a> {
    /// Fields and values in one block.
    Pack(PackRef<'a>),
    /// A large hash.
    Table(&'a Dict<Fields>),
}

/// A hash, for changing.
pub struct HashMut<'a> {
    value: ValueMut<'a>,
    limits: &'a Limits,
}

impl Type for Hash {
    const KIND: Kind = Kind::Hash;
    const EMPTY: (&'static [u8], bool) = (EMPTY, false);
    type Ref<'a> = HashRef<'a>;
    type Mut<'a> = HashMut<'a>;

    #[inline]
    fn read(entry: EntryRef<'_>) -> HashRef<'_> {
        match entry.bytes() {
            Some(bytes) => HashRef::Pack(PackRef::new(bytes)),
            None => HashRef::Table(entry.structure::<HashTable>().expect("a hash of bytes or structure")),
        }
    }

    fn edit<'a>(value: ValueMut<'a>, limits: &'a Limits) -> HashMut<'a> {
        HashMut { value, limits }
    }
}

impl Structure for HashTable {
    const KIND: Kind = Kind::Hash;

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + Dict::memory_bytes(self)
    }

    fn elements_len(&self) -> usize {
        self.len()
    }
}

impl<'a> HashRef<'a> {
    /// Number of fields.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            HashRef::Pack(pack) => pack.len() / 2,
            HashRef::Table(table) => table.len(),
        }
    }

    /// Whether there are no fields, as in a hash that is just being made.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value of a field.
    #[inline]
    pub fn get(self, field: &[u8]) -> Option<Item<'a>> {
        match self {
            HashRef::Pack(pack) => {
                let value = pack.find(field, 2).and_then(|position| pack.next(position));
                value.map(|position| pack.get(position))
            }
            HashRef::Table(table) => table.get(&table.key(field)).map(|field| field.value),
        }
    }

    /// Whether there is such a field.
    #[inline]
    pub fn contains(self, field: &[u8]) -> bool {
        match self {
            HashRef::Pack(pack) => pack.find(field, 2).is_some(),
            HashRef::Table(table) => table.contains(&table.key(field)),
        }
    }

    /// Visits all fields with their values.
    #[inline]
    pub fn each(self, mut visit: impl FnMut(Item<'a>, Item<'a>)) {
        match self {
            HashRef::Pack(pack) => pack.pairs().for_each(|(field, value)| visit(field, value)),
            HashRef::Table(table) => table.iter().for_each(|field| visit(field.name, field.value)),
        }
    }

    /// A field by chance with its value, each as likely; the hash is not empty.
    pub fn random(self, random: &mut Random) -> (Item<'a>, Item<'a>) {
        let index = random.below(self.len() as u64) as usize;
        match self {
            HashRef::Pack(pack) => {
                let field = pack.at(2 * index as i64).expect("an index below the length");
                let value = pack.next(field).expect("a value behind the field");
                (pack.get(field), pack.get(value))
            }
            HashRef::Table(table) => {
                let field = table.nth(index).expect("an index below the length");
                (field.name, field.value)
            }
        }
    }

    /// `count` different fields by chance with their values, each choice as likely; there are as many.
    pub fn random_distinct(
        self,
        count: usize,
        random: &mut Random,
        mut visit: impl FnMut(Item<'a>, Item<'a>),
    ) {
        if let HashRef::Table(table) = self {
            return table.random_distinct(count, random, |field| visit(field.name, field.value));
        }
        let (mut left, mut wanted) = (self.len() as u64, count as u64);
        self.each(|field, value| {
            if random.below(left) < wanted {
                visit(field, value);
                wanted -= 1;
            }
            left -= 1;
        });
    }

    /// Visits the fields of one step of a scan that began at cursor 0; 0 comes back at the end. A small hash comes at once.
    pub fn scan(self, cursor: u64, mut visit: impl FnMut(Item<'a>, Item<'a>)) -> u64 {
        if let HashRef::Table(table) = self {
            return table.scan(cursor, |field| visit(field.name, field.value));
        }
        self.each(visit);
        0
    }
}

impl HashMut<'_> {
    /// The hash, for reading.
    pub fn as_ref(&self) -> HashRef<'_> {
        Hash::read(self.value.entry())
    }

    /// Readies the hash for fields and values in turn: a small one that is about to grow large becomes a table at once.
    pub fn expect<'i>(&mut self, words: impl ExactSizeIterator<Item = &'i [u8]>) {
        if self.value.entry().bytes().is_none() {
            return;
        }
        let (pairs, mut bytes, mut longest) = (words.len() / 2, 0, 0);
        for word in words {
            bytes += word.len();
            longest = longest.max(word.len());
        }
        let fits = pairs <= self.limits.hash_entries
            && longest <= self.limits.hash_value
            && PackRef::new(self.value.bytes()).fits(bytes);
        if !fits {
            self.convert_to_table();
        }
    }

    /// Makes the fields those of a listpack that was checked, in a hash without any. They differ; their length is no matter, as
    /// in Redis.
    pub fn adopt_listpack(&mut self, bytes: &[u8]) {
        self.value.set(Content::Bytes(bytes), false);
        if self.as_ref().len() > self.limits.hash_entries {
            self.convert_to_table();
        }
    }

    /// Sets a field; true if it is new.
    pub fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        if let Some(table) = self.value.structure_mut::<HashTable>() {
            let key = table.key(field);
            return table.set(&key, Item::of(value), Ttl::Clear);
        }
        if field.len().max(value.len()) > self.limits.hash_value {
            self.convert_to_table();
            return self.set(field, value);
        }
        let old = self.find(field);
        let mut pack = PackMut::new(&mut self.value);
        match old {
            Some((_, old)) => pack.replace(old, value),
            None => pack.extend_pairs([(field, value)]),
        }
        if old.is_none() && self.as_ref().len() > self.limits.hash_entries {
            self.convert_to_table();
        }
        old.is_none()
    }

    /// Takes a field out; true if there was one.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        if let Some(table) = self.value.structure_mut::<HashTable>() {
            let key = table.key(field);
            return table.remove(&key);
        }
        let Some((position, _)) = self.find(field) else { return false };
        PackMut::new(&mut self.value).remove(position, 2);
        true
    }

    /// Where a field and its value are in the block.
    fn find(&self, field: &[u8]) -> Option<(Position, Position)> {
        let pack = PackRef::new(self.value.bytes());
        let position = pack.find(field, 2)?;
        Some((position, pack.next(position)?))
    }

    fn convert_to_table(&mut self) {
        let mut table = HashTable::new(self.value.hasher().clone());
        self.as_ref().each(|field, value| {
            let key = table.key_of(field);
            table.set(&key, value, Ttl::Clear);
        });
        self.value.set_structure(Box::new(table));
    }
}
