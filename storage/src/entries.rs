//! The table of one database's entries, with types: the only place where table pointers become entries and back.
//!
//! Invariants:
//! - An [`EntryMut`] is given out for an entry that no view sees. Everything else that changes an entry replaces it.
//! - The old entry of a replacement or removal is freed here, handed to the caller, or left to the views that see it.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use crate::entry::{Entry, EntryMut, EntryRef};
use crate::hash::Hasher;
use crate::reclaim::{Garbage, Reclaim};
pub(crate) use crate::table::Place;
use crate::table::{self, Element, Table, TableStats, Taken};
use crate::timers::{Timers, Times};

/// Tells the table how to read and free entries.
pub(crate) struct EntryElement;

// SAFETY: every pointer that goes into a table here comes from Entry::into_raw.
unsafe impl Element for EntryElement {
    unsafe fn key<'a>(pointer: NonNull<u8>) -> &'a [u8] {
        // SAFETY: the caller keeps the element alive.
        unsafe { EntryRef::from_raw(pointer) }.key()
    }

    unsafe fn free(pointer: NonNull<u8>) {
        // SAFETY: the caller is the last user.
        drop(unsafe { Entry::from_raw(pointer) });
    }

    unsafe fn bytes(pointer: NonNull<u8>) -> usize {
        // SAFETY: the caller keeps the element alive.
        unsafe { EntryRef::from_raw(pointer) }.own_bytes()
    }
}

/// Entries by key.
pub(crate) struct Entries {
    table: Table<EntryElement>,
    reclaim: Reclaim,
    /// When the entries of a database need a look. Who puts in, takes out or replaces an entry with times notes it.
    timers: Option<Box<Timers>>,
}

impl Entries {
    /// For a database.
    pub(crate) fn new(hasher: Hasher) -> Entries {
        Entries { timers: Some(Box::default()), ..Entries::apart(hasher) }
    }

    /// For values that are under no key yet: whoever puts them there notes their times.
    pub(crate) fn apart(hasher: Hasher) -> Entries {
        Entries { table: Table::new(hasher), reclaim: Reclaim::default(), timers: None }
    }

    /// The timers of a database.
    pub(crate) fn timers(&self) -> &Timers {
        self.timers.as_ref().expect("entries of a database")
    }

    /// The same for changing.
    pub(crate) fn timers_mut(&mut self) -> &mut Timers {
        self.timers.as_mut().expect("entries of a database")
    }

    /// Notes that the key of a hash expired at `old` and does so at `new`.
    #[inline]
    pub(crate) fn note_key(&mut self, hash: u64, old: Option<i64>, new: Option<i64>) {
        if old != new
            && let Some(timers) = &mut self.timers
        {
            timers.note_key(hash, old, new);
        }
    }

    /// The same for its first field.
    #[inline]
    pub(crate) fn note_field(&mut self, hash: u64, old: Option<i64>, new: Option<i64>) {
        if old != new
            && let Some(timers) = &mut self.timers
        {
            timers.note_field(hash, old, new);
        }
    }

    /// The same for both.
    #[inline]
    pub(crate) fn note(&mut self, hash: u64, old: Times, new: Times) {
        self.note_key(hash, old.key, new.key);
        self.note_field(hash, old.field, new.field);
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// The hash function.
    pub(crate) fn hasher(&self) -> &Hasher {
        self.table.hasher()
    }

    /// The hash of a key, which the others here take.
    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        self.table.hasher().hash(key)
    }

    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<Place> {
        self.table.find(hash, key)
    }

    /// The first entry under the hash that `accept` accepts; it may also be asked about entries of another hash.
    pub(crate) fn find_hash(&self, hash: u64, accept: impl Fn(EntryRef<'_>) -> bool) -> Option<Place> {
        // SAFETY: what lies in the table is live.
        self.table.find_hash(hash, |pointer| accept(unsafe { EntryRef::from_raw(pointer) }))
    }

    #[inline]
    pub(crate) fn get(&self, place: Place) -> EntryRef<'_> {
        // SAFETY: the table owns it; changing it takes `&mut self`.
        unsafe { EntryRef::from_raw(self.table.at(place)) }
    }

    /// The entry for writing in place, unless a view sees it.
    #[inline]
    pub(crate) fn get_mut(&mut self, place: Place) -> Option<EntryMut<'_>> {
        // SAFETY: no view sees the entry, and `&mut self` excludes other borrows.
        (!self.table.is_shared(place)).then(|| unsafe { EntryMut::from_raw(self.table.at(place)) })
    }

    /// The caller has seen that the key is absent.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64, entry: Entry) -> Place {
        self.table.insert(hash, entry.into_raw(), &mut self.reclaim)
    }

    /// Puts `entry` in the place of one with the same key; gives the old one, unless a view sees it.
    #[inline]
    pub(crate) fn replace(&mut self, place: Place, entry: Entry) -> (Place, Option<Entry>) {
        let (place, old) = self.table.replace(place, entry.into_raw(), &mut self.reclaim);
        (place, owned(old))
    }

    /// Takes the entry out; gives it, unless a view sees it.
    #[inline]
    pub(crate) fn take(&mut self, place: Place) -> Option<Entry> {
        owned(self.table.take(place, &mut self.reclaim))
    }

    pub(crate) fn scan(&self, cursor: u64, mut visit: impl FnMut(EntryRef<'_>)) -> u64 {
        // SAFETY: what lies in the table is live, and `&self` keeps it unchanged.
        self.table.scan(cursor, |pointer| visit(unsafe { EntryRef::from_raw(pointer) }))
    }

    pub(crate) fn random(&self, random: u64) -> Option<EntryRef<'_>> {
        // SAFETY: as in `scan`.
        self.table.random(random).map(|pointer| unsafe { EntryRef::from_raw(pointer) })
    }

    /// Appends up to `count` entries that lie near each other.
    pub(crate) fn sample<'a>(&'a self, random: u64, count: usize, out: &mut Vec<EntryRef<'a>>) {
        let mut pointers = Vec::with_capacity(count);
        self.table.sample(random, &mut pointers, count);
        // SAFETY: as in `scan`.
        out.extend(pointers.into_iter().map(|pointer| unsafe { EntryRef::from_raw(pointer) }));
    }

    #[inline]
    pub(crate) fn prefetch(&self, hashes: &[u64]) {
        self.table.prefetch(hashes);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> {
        // SAFETY: as in `scan`.
        self.table.iter().map(|pointer| unsafe { EntryRef::from_raw(pointer) })
    }

    /// Bytes of the table, without the entries.
    pub(crate) fn table_bytes(&self) -> usize {
        self.table.memory_bytes()
    }

    pub(crate) fn table_stats(&self) -> TableStats {
        self.table.stats()
    }

    /// Makes room for `count` if there is nothing yet.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.table.reserve(count);
    }

    pub(crate) fn freeze(&mut self) -> View {
        View(self.table.freeze(&mut self.reclaim))
    }

    /// Takes all entries out.
    pub(crate) fn detach(&mut self) -> Detached {
        self.table.detach(&mut self.reclaim)
    }

    /// Bytes of pages and entries that were kept for views, over all time.
    pub(crate) fn kept_bytes(&self) -> u64 {
        self.reclaim.kept_bytes()
    }

    /// Takes out some of what views no longer see, for another thread to free.
    pub(crate) fn take_garbage(&mut self) -> Option<Box<dyn Garbage>> {
        self.reclaim.take_garbage()
    }
}

/// All entries of a table that was emptied. Dropping frees them, on any thread.
pub(crate) type Detached = table::Detached<EntryElement>;

/// The entries as they were at one moment, for another thread to read.
pub(crate) struct View(table::View<EntryElement>);

impl View {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> {
        // SAFETY: what a view sees is live and unchanged, but for the access bits, as long as the view lives.
        self.0.iter().map(|pointer| unsafe { EntryRef::from_raw(pointer) })
    }
}

fn owned(taken: Taken) -> Option<Entry> {
    match taken {
        // SAFETY: the table gave the element up, and no view sees it.
        Taken::Owned(pointer) => Some(unsafe { Entry::from_raw(pointer) }),
        Taken::Shared(_) => None,
    }
}
