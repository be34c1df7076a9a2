//! Hashes: fields with values.
//!
//! | encoding | while | is |
//! |---|---|---|
//! | listpack | fields are few, fields and values short | field, value, field, value in the order they came |
//! | listpackex | the same, once a field was given an expiry | field, value, time; see [`triples`] |
//! | hashtable | otherwise | a dict |
//!
//! A hash never goes back to a listpack by losing fields or expiries.
//!
//! The entry's mark says that fields may expire; reading such a hash is [`timed`]'s. The others pay nothing for it.

pub mod timed;
pub mod triples;

pub use crate::dict::Field;
pub use timed::TimedRef;

use crate::db::Ttl;
use crate::dict::{Dict, Fields};
use crate::entry::{Content, EntryRef, Kind, Structure};
use crate::pack::{Buffer, EMPTY, Item, PackMut, PackRef, Position};
use crate::random::Random;
use crate::types::{Limits, Type};
use crate::value::ValueMut;
use triples::Triples;

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
    /// A hash whose fields may expire.
    Timed(TimedRef<'a>),
}

/// A hash, for changing.
pub struct HashMut<'a> {
    value: ValueMut<'a>,
    limits: &'a Limits,
    /// Fields that expire before this time (unix ms) count as absent.
    now: i64,
}

impl Type for Hash {
    const KIND: Kind = Kind::Hash;
    const EMPTY: (&'static [u8], bool) = (EMPTY, false);
    type Ref<'a> = HashRef<'a>;
    type Mut<'a> = HashMut<'a>;

    #[inline]
    fn read(entry: EntryRef<'_>) -> HashRef<'_> {
        Hash::read_at(entry, i64::MIN)
    }

    fn edit<'a>(value: ValueMut<'a>, limits: &'a Limits) -> HashMut<'a> {
        Hash::edit_at(value, limits, i64::MIN)
    }

    #[inline]
    fn read_at(entry: EntryRef<'_>, now: i64) -> HashRef<'_> {
        if entry.mark() {
            return HashRef::Timed(TimedRef::of(entry, now));
        }
        match entry.bytes() {
            Some(bytes) => HashRef::Pack(PackRef::new(bytes)),
            None => HashRef::Table(entry.structure::<HashTable>().expect("a hash of bytes or structure")),
        }
    }

    fn edit_at<'a>(value: ValueMut<'a>, limits: &'a Limits, now: i64) -> HashMut<'a> {
        HashMut { value, limits, now }
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

    fn prefetch_members(&self, members: &[&[u8]], _: bool) {
        self.prefetch(members);
    }
}

impl<'a> HashRef<'a> {
    /// Number of fields.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            HashRef::Pack(pack) => pack.len() / 2,
            HashRef::Table(table) => table.len(),
            HashRef::Timed(hash) => hash.len(),
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
            HashRef::Timed(hash) => hash.get(field).map(|field| field.value),
        }
    }

    /// When a field expires (unix ms), if it does. `None` if there is no such field.
    pub fn expiry(self, field: &[u8]) -> Option<Option<i64>> {
        match self {
            HashRef::Timed(hash) => hash.get(field).map(|field| field.expiry),
            _ => self.contains(field).then_some(None),
        }
    }

    /// Whether there is such a field.
    #[inline]
    pub fn contains(self, field: &[u8]) -> bool {
        match self {
            HashRef::Pack(pack) => pack.find(field, 2).is_some(),
            HashRef::Table(table) => table.contains(&table.key(field)),
            HashRef::Timed(hash) => hash.get(field).is_some(),
        }
    }

    /// Visits all fields with their values.
    #[inline]
    pub fn each(self, mut visit: impl FnMut(Item<'a>, Item<'a>)) {
        match self {
            HashRef::Pack(pack) => pack.pairs().for_each(|(field, value)| visit(field, value)),
            HashRef::Table(table) => table.iter().for_each(|field| visit(field.name, field.value)),
            HashRef::Timed(hash) => hash.each(|field| visit(field.name, field.value)),
        }
    }

    /// Visits all fields with their values and expiries.
    pub fn each_field(self, mut visit: impl FnMut(Field<'a>)) {
        match self {
            HashRef::Timed(hash) => hash.each(visit),
            _ => self.each(|name, value| visit(Field { name, value, expiry: None })),
        }
    }

    /// A field by chance with its value, each as likely; the hash is not empty.
    pub fn random(self, random: &mut Random) -> (Item<'a>, Item<'a>) {
        if let HashRef::Timed(hash) = self {
            let field = hash.random(random);
            return (field.name, field.value);
        }
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
            HashRef::Timed(_) => unreachable!("chosen above"),
        }
    }

    /// `count` different fields by chance with their values, each choice as likely; there are as many.
    pub fn random_distinct(
        self,
        count: usize,
        random: &mut Random,
        mut visit: impl FnMut(Item<'a>, Item<'a>),
    ) {
        match self {
            HashRef::Table(table) => {
                return table.random_distinct(count, random, |field| visit(field.name, field.value));
            }
            HashRef::Timed(hash) => {
                return hash.random_distinct(count, random, |field| visit(field.name, field.value));
            }
            HashRef::Pack(_) => {}
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
        match self {
            HashRef::Table(table) => table.scan(cursor, |field| visit(field.name, field.value)),
            HashRef::Timed(hash) => hash.scan(cursor, |field| visit(field.name, field.value)),
            HashRef::Pack(_) => {
                self.each(visit);
                0
            }
        }
    }
}

impl HashMut<'_> {
    /// The hash, for reading.
    pub fn as_ref(&self) -> HashRef<'_> {
        Hash::read_at(self.value.entry(), self.now)
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

    /// The same for a listpack of triples that [`triples::is_ordered`].
    pub fn adopt_triples(&mut self, bytes: &[u8]) {
        self.value.set(Content::Bytes(bytes), true);
        self.value.note_field(None, self.value.entry().field_expire_at());
        if self.as_ref().len() > self.limits.hash_entries {
            self.convert_to_table();
        }
    }

    /// Sets a field, which then does not expire; true if it is new.
    pub fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        if self.value.entry().mark() {
            return self.set_timed(field, value, Ttl::Clear);
        }
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

    /// Sets a field, and what `ttl` says of its expiry; true if it is new.
    pub fn set_with(&mut self, field: &[u8], value: &[u8], ttl: Ttl) -> bool {
        if let Ttl::At(_) = ttl {
            timed::allow(&mut self.value);
        }
        if self.value.entry().mark() { self.set_timed(field, value, ttl) } else { self.set(field, value) }
    }

    /// Sets when a field expires (unix ms, later than 0), or that it does not; true if there is one.
    pub fn set_expiry(&mut self, field: &[u8], expiry: Option<i64>) -> bool {
        match self.as_ref().expiry(field) {
            None => return false,
            Some(old) if old == expiry => return true,
            Some(_) => timed::allow(&mut self.value),
        }
        let before = self.value.entry().field_expire_at();
        if let Some(table) = self.value.structure_mut::<HashTable>() {
            let key = table.key(field);
            table.set_expiry(&key, expiry);
        } else if let Some((position, old)) = self.triples().find(field) {
            let value = old.value.to_vec();
            let mut pack = PackMut::new(&mut self.value);
            pack.remove(position, 3);
            triples::insert(&mut pack, Item::of(field), Item::of(&value), expiry);
        }
        self.value.note_field(before, self.value.entry().field_expire_at());
        true
    }

    /// Takes a field out; true if there was one.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        if self.value.entry().mark() {
            return self.remove_timed(field);
        }
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

    fn set_timed(&mut self, name: &[u8], value: &[u8], ttl: Ttl) -> bool {
        if self.value.entry().bytes().is_some() && name.len().max(value.len()) > self.limits.hash_value {
            self.convert_to_table();
        }
        let before = self.value.entry().field_expire_at();
        let old = self.as_ref().expiry(name);
        let expiry = match ttl {
            Ttl::Keep => old.flatten(),
            Ttl::Clear => None,
            Ttl::At(at) => Some(at),
        };
        if let Some(table) = self.value.structure_mut::<HashTable>() {
            let key = table.key(name);
            table.set(&key, Item::of(value), expiry.map_or(Ttl::Clear, Ttl::At));
        } else {
            self.set_in_triples(name, value, expiry);
        }
        self.value.note_field(before, self.value.entry().field_expire_at());
        old.is_none()
    }

    fn set_in_triples(&mut self, name: &[u8], value: &[u8], expiry: Option<i64>) {
        let old = self.triples().find(name).map(|(position, field)| (position, field.expiry));
        match old {
            Some((position, at)) if at == expiry => {
                let place = self.triples().pack().next(position).expect("a value behind the field");
                PackMut::new(&mut self.value).replace(place, value);
            }
            _ => {
                let mut pack = PackMut::new(&mut self.value);
                if let Some((position, _)) = old {
                    pack.remove(position, 3);
                }
                triples::insert(&mut pack, Item::of(name), Item::of(value), expiry);
            }
        }
        if self.triples().len() > self.limits.hash_entries {
            self.convert_to_table();
        }
    }

    fn remove_timed(&mut self, field: &[u8]) -> bool {
        if !self.as_ref().contains(field) {
            return false;
        }
        let before = self.value.entry().field_expire_at();
        if let Some(table) = self.value.structure_mut::<HashTable>() {
            let key = table.key(field);
            table.remove(&key);
        } else if let Some((position, _)) = self.triples().find(field) {
            PackMut::new(&mut self.value).remove(position, 3);
        }
        self.value.note_field(before, self.value.entry().field_expire_at());
        true
    }

    /// The block of a small hash whose fields may expire.
    fn triples(&self) -> Triples<'_> {
        Triples::new(PackRef::new(self.value.bytes()))
    }

    fn convert_to_table(&mut self) {
        let mut table = HashTable::new(self.value.hasher().clone());
        Hash::read(self.value.entry()).each_field(|field| {
            let key = table.key_of(field.name);
            table.set(&key, field.value, field.expiry.map_or(Ttl::Clear, Ttl::At));
        });
        let mark = self.value.entry().mark();
        self.value.set_marked_structure(Box::new(table), mark);
    }
}
