//! One database: keys, their entries, their expiry. With [`crate::keyspace`], the only door to keys.
//!
//! Times are unix ms and come in as arguments; so does randomness. Nothing here deletes a key by itself: an expired key
//! is found like any other until the caller removes it.
//!
//! Invariant: what [`crate::timers`] knows of an entry's times is what the entry says.

use crate::blob::Blob;
use crate::entries::{Detached, Entries, Place, View};
use crate::entry::{Content, Entry, EntryRef, Kind, Large, SMALL_VALUE_BYTES_MAX, Structure, parse_int};
use crate::hash::Hasher;
use crate::random::Random;
use crate::reclaim::Garbage as Retired;
use crate::string::StrMut;
use crate::table::TableStats;
use crate::timers::{Times, record_time};
use crate::wheel::Popped;

/// Decimal integers are at most this long.
const INT_BYTES_MAX: usize = 20;

/// Records whose keys are looked up together, so that their cache misses overlap.
const DUE_WINDOW: usize = 16;

/// A string value to store.
#[derive(Debug)]
pub enum NewStr<'a> {
    /// Bytes; stored as an integer if they are one in canonical form.
    Bytes(&'a [u8]),
    /// An integer.
    Int(i64),
    /// Bytes whose buffer is taken over if they are many; stored as an integer if they are one in canonical form.
    Large(Vec<u8>),
    /// A large value, shared.
    Blob(Blob),
    /// Bytes; never stored as an integer.
    Text(&'a [u8]),
    /// Bytes whose buffer is taken over if they are many; never stored as an integer, and reported as `raw`.
    Raw(Vec<u8>),
}

/// What becomes of a key's expiry when its value is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// It stays.
    Keep,
    /// The key never expires.
    Clear,
    /// The key expires at this time (unix ms).
    At(i64),
}

/// What setting a value met.
#[derive(Debug)]
pub struct SetResult {
    /// Whether the key was there, expired or not.
    pub was_present: bool,
    /// The old value, where freeing it elsewhere is worth the way; a small one is freed already.
    pub replaced: Option<Removed>,
}

/// A removed key and value, or none. Dropping frees it, on any thread; what a frozen view sees lives on there.
#[derive(Debug)]
pub struct Removed(Option<Entry>);

impl Removed {
    /// What was taken out of a value.
    pub(crate) fn of_structure<T: Structure>(structure: T) -> Removed {
        let content = Content::Large(Large::new(Box::new(structure)));
        Removed(Some(Entry::new(&[], T::KIND, content, false, None, 0)))
    }

    /// Whether freeing takes long enough to do it on another thread.
    pub fn is_large(&self) -> bool {
        self.0.as_ref().is_some_and(|entry| entry.as_ref().is_slow_to_free())
    }

    /// The removed entry, unless a frozen view holds it.
    pub fn entry(&self) -> Option<EntryRef<'_>> {
        self.0.as_ref().map(Entry::as_ref)
    }
}

/// Keys and values out of the keyspace. Dropping frees them, at once or on another thread.
#[derive(Default)]
pub struct Garbage {
    tables: Vec<Detached>,
    entries: Vec<Removed>,
    retired: Vec<Box<dyn Retired>>,
    structures: Vec<Large>,
}

impl Garbage {
    /// How many keys are in it; what ended views held is not counted.
    pub fn len(&self) -> usize {
        self.tables.iter().map(Detached::len).sum::<usize>() + self.entries.len()
    }

    /// Whether there is nothing to free.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.retired.is_empty() && self.structures.is_empty()
    }

    /// What was cut off a structure.
    pub(crate) fn of_structure<T: Structure>(structure: T) -> Garbage {
        Garbage { structures: vec![Large::new(Box::new(structure))], ..Garbage::default() }
    }

    /// Adds what `other` holds.
    pub fn merge(&mut self, other: Garbage) {
        self.tables.extend(other.tables);
        self.entries.extend(other.entries);
        self.retired.extend(other.retired);
        self.structures.extend(other.structures);
    }
}

impl From<Removed> for Garbage {
    fn from(removed: Removed) -> Garbage {
        Garbage { entries: vec![removed], ..Garbage::default() }
    }
}

/// Bytes of a database beyond its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DbMemory {
    /// The table of keys.
    pub table_bytes: usize,
    /// The timing wheel.
    pub expires_bytes: usize,
}

/// One database.
pub struct Db {
    pub(crate) entries: Entries,
    pub(crate) fresh_access: u32,
}

impl Db {
    /// An empty database whose key hashes follow from `seed`.
    pub fn new(seed: u64) -> Db {
        Db { entries: Entries::new(Hasher::new(seed)), fresh_access: 0 }
    }

    /// Number of keys, expired ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of keys with an expiry.
    pub fn expires_len(&self) -> usize {
        self.entries.timers().keys_len
    }

    /// Number of hashes with fields that expire.
    pub fn expiring_hashes_len(&self) -> usize {
        self.entries.timers().hashes_len
    }

    /// Mean time to live in ms of the keys with an expiry; 0 if there are none.
    pub fn avg_ttl(&self, now: i64) -> i64 {
        match self.entries.timers().keys_len {
            0 => 0,
            count => {
                let mean = self.entries.timers().keys_sum / count as i128;
                i64::try_from(mean - i128::from(now)).unwrap_or(i64::MAX).max(0)
            }
        }
    }

    /// Bytes beyond the entries.
    pub fn memory(&self) -> DbMemory {
        DbMemory {
            table_bytes: self.entries.table_bytes(),
            expires_bytes: self.entries.timers().wheel.memory_bytes(),
        }
    }

    /// The access bits that new keys begin with (see [`crate::evict`]); the caller keeps them up to date.
    pub fn set_fresh_access(&mut self, bits: u32) {
        self.fresh_access = bits;
    }

    /// The hash of a key in this database, for [`Db::prefetch`] and the `_hashed` functions.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.entries.hash(key)
    }

    /// How the table of keys is filled; O(n).
    pub fn table_stats(&self) -> TableStats {
        self.entries.table_stats()
    }

    /// Asks for the memory that looking up these hashes needs.
    #[inline]
    pub fn prefetch(&self, hashes: &[u64]) {
        self.entries.prefetch(hashes);
    }

    /// The entry of a key, expired or not.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<EntryRef<'_>> {
        self.find_hashed(self.hash(key), key)
    }

    /// As [`Db::find`], with the hash at hand.
    #[inline]
    pub fn find_hashed(&self, hash: u64, key: &[u8]) -> Option<EntryRef<'_>> {
        self.entries.find(hash, key).map(|place| self.entries.get(place))
    }

    /// Whether the key is there, expired or not.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.find(key).is_some()
    }

    /// Sets a string, whatever the key held before.
    pub fn set_string(&mut self, key: &[u8], value: NewStr<'_>, ttl: Ttl) -> SetResult {
        self.set_string_hashed(self.hash(key), key, value, ttl)
    }

    /// As [`Db::set_string`], with the hash at hand.
    pub fn set_string_hashed(&mut self, hash: u64, key: &[u8], value: NewStr<'_>, ttl: Ttl) -> SetResult {
        let place = self.entries.find(hash, key);
        let replaced = self.set_string_at(hash, place, key, value, ttl);
        SetResult { was_present: place.is_some(), replaced }
    }

    /// Sets a string where the search for its key ended.
    #[inline]
    pub(crate) fn set_string_at(
        &mut self,
        hash: u64,
        place: Option<Place>,
        key: &[u8],
        value: NewStr<'_>,
        ttl: Ttl,
    ) -> Option<Removed> {
        let mut kept = Vec::new();
        let (content, raw) = content_of(value, &mut kept);
        let Some(place) = place else {
            let expiry = match ttl {
                Ttl::At(at) => Some(at),
                Ttl::Keep | Ttl::Clear => None,
            };
            self.entries.insert(hash, Entry::new(key, Kind::String, content, raw, expiry, self.fresh_access));
            self.entries.note_key(hash, None, expiry);
            return None;
        };
        let old = self.entries.get(place);
        let (old_expiry, access) = (old.expire_at(), old.access());
        let expiry = match ttl {
            Ttl::Keep => old_expiry,
            Ttl::Clear => None,
            Ttl::At(at) => Some(at),
        };
        let same_shape = old_expiry.is_some() == expiry.is_some();
        let mut replaced = None;
        let written = same_shape
            && old.kind() == Kind::String
            && self.entries.get_mut(place).is_some_and(|mut entry| {
                let written = entry.try_set(&content, raw);
                if let (true, Some(at)) = (written, expiry) {
                    entry.try_set_expiry(at);
                }
                written
            });
        if !written {
            let field_expiry = self.entries.get(place).field_expire_at();
            self.entries.note_field(hash, field_expiry, None);
            let (_, old) =
                self.entries.replace(place, Entry::new(key, Kind::String, content, raw, expiry, access));
            replaced = Some(Removed(old)).filter(Removed::is_large);
        }
        self.entries.note_key(hash, old_expiry, expiry);
        replaced
    }

    /// Adds a key that is not there, with bytes that are about to be changed in place.
    pub(crate) fn insert_new(
        &mut self,
        hash: u64,
        key: &[u8],
        kind: Kind,
        bytes: &[u8],
        mark: bool,
    ) -> Place {
        let entry = Entry::new(key, kind, Content::Bytes(bytes), mark, None, self.fresh_access);
        self.entries.insert(hash, entry)
    }

    /// The string under a key, for changing. `None` if the key is absent or holds another kind.
    pub fn string_mut(&mut self, key: &[u8]) -> Option<StrMut<'_>> {
        self.look_up(key).into_string_mut()
    }

    /// Sets or clears a key's expiry; whether the key is there.
    pub fn set_expire(&mut self, key: &[u8], expiry: Option<i64>) -> bool {
        let hash = self.hash(key);
        let Some(place) = self.entries.find(hash, key) else { return false };
        self.set_expire_at(hash, place, key, expiry);
        true
    }

    /// Sets or clears the expiry of the entry at a place.
    pub(crate) fn set_expire_at(&mut self, hash: u64, place: Place, key: &[u8], expiry: Option<i64>) {
        let old = self.entries.get(place).expire_at();
        if old == expiry {
            return;
        }
        let written = match (expiry, self.entries.get_mut(place)) {
            (Some(at), Some(mut entry)) => entry.try_set_expiry(at),
            _ => false,
        };
        if !written {
            let copy = Entry::copy_of(self.entries.get(place), key, expiry);
            self.entries.replace(place, copy);
        }
        self.entries.note_key(hash, old, expiry);
    }

    /// Removes a key, expired or not.
    pub fn remove(&mut self, key: &[u8]) -> Option<Removed> {
        let hash = self.hash(key);
        let place = self.entries.find(hash, key)?;
        Some(self.remove_at(hash, place))
    }

    /// Removes the entry at a place.
    pub(crate) fn remove_at(&mut self, hash: u64, place: Place) -> Removed {
        let times = self.entries.get(place).times();
        self.entries.note(hash, times, Times::default());
        Removed(self.entries.take(place))
    }

    /// Moves an entry with its expiry under another key; gives what that held, or `None` if `from` is not there.
    /// Equal keys change nothing.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) -> Option<Removed> {
        let place = self.entries.find(self.hash(from), from)?;
        if from == to {
            return Some(Removed(None));
        }
        let entry = self.entries.get(place);
        let moved = Entry::copy_of(entry, to, entry.expire_at());
        self.remove(from);
        Some(self.put(moved))
    }

    /// Puts an entry; gives what its key held.
    pub(crate) fn put(&mut self, entry: Entry) -> Removed {
        let hash = self.hash(entry.as_ref().key());
        let times = entry.as_ref().times();
        let (old_times, old) = match self.entries.find(hash, entry.as_ref().key()) {
            None => {
                self.entries.insert(hash, entry);
                (Times::default(), None)
            }
            Some(place) => (self.entries.get(place).times(), self.entries.replace(place, entry).1),
        };
        self.entries.note(hash, old_times, times);
        Removed(old)
    }

    /// A random key's entry, expired or not.
    pub fn random(&self, random: &mut Random) -> Option<EntryRef<'_>> {
        self.entries.random(random.next_u64())
    }

    /// Appends up to `count` entries that lie near each other, for eviction to choose from. With `expiring_only`, entries
    /// without expiry are left out.
    pub fn sample<'a>(&'a self, random: u64, count: usize, expiring_only: bool, out: &mut Vec<EntryRef<'a>>) {
        if !expiring_only {
            return self.entries.sample(random, count, out);
        }
        self.entries.timers().wheel.sample(random, count, &mut |hash| out.extend(self.expiring(hash)));
    }

    /// Appends up to `count` of the entries that expire first, as far as the timing wheel tells.
    pub fn sample_first_expiring<'a>(&'a self, count: usize, out: &mut Vec<EntryRef<'a>>) {
        self.entries.timers().wheel.sample_first(count, &mut |hash| out.extend(self.expiring(hash)));
    }

    /// Visits the entries of one step of a scan that began at cursor 0; 0 comes back at the end. Keys that are there
    /// throughout come exactly once.
    pub fn scan(&self, cursor: u64, visit: &mut dyn FnMut(EntryRef<'_>)) -> u64 {
        self.entries.scan(cursor, visit)
    }

    /// All entries, expired ones included, in no order.
    pub fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.entries.iter()
    }

    /// Removes all keys.
    pub fn clear(&mut self) -> Garbage {
        self.entries.timers_mut().clear();
        Garbage { tables: vec![self.entries.detach()], ..Garbage::default() }
    }

    /// The database as it is now, for another thread to read while this one changes.
    pub fn freeze(&mut self) -> DbView {
        DbView {
            view: self.entries.freeze(),
            expires_len: self.expires_len(),
            expiring_hashes_len: self.expiring_hashes_len(),
        }
    }

    /// Names keys that have a time which has passed at `now`, after looking at up to `budget` records. The caller removes those
    /// that are expired, or they wait for their next access, and the fields that are; what is left of these is named again in
    /// the next ms. A key may come twice. Gives the number of records looked at: `budget` means that there may be more.
    pub fn due(&mut self, now: i64, budget: usize, visit: &mut dyn FnMut(&[u8])) -> usize {
        if self.entries.timers().has_stale_records() {
            self.entries.timers_mut().wheel.restart();
        }
        let (mut looked_at, mut more) = (0, true);
        while more && looked_at < budget {
            let (mut window, mut filled) = ([0; DUE_WINDOW], 0);
            while more && looked_at < budget && filled < DUE_WINDOW {
                match self.entries.timers_mut().wheel.pop(now) {
                    Popped::Record(hash) => {
                        window[filled] = hash;
                        filled += 1;
                    }
                    Popped::Working => (),
                    Popped::Nothing => more = false,
                }
                looked_at += usize::from(more);
            }
            self.name_due(now, &window[..filled], visit);
        }
        looked_at
    }

    /// Names the keys of a window of popped records that are due; adds the others to the wheel again.
    fn name_due(&mut self, now: i64, window: &[u64], visit: &mut dyn FnMut(&[u8])) {
        self.entries.prefetch(window);
        for &hash in window {
            let is_timed = |entry: EntryRef<'_>| entry.is_timed() && self.hash(entry.key()) == hash;
            let Some(place) = self.entries.find_hash(hash, is_timed) else { continue };
            let entry = self.entries.get(place);
            let Some(at) = entry.times().first() else { continue };
            let is_past = at < now;
            if is_past {
                visit(entry.key());
            }
            if !is_past || !entry.is_expired(now) {
                self.entries.timers_mut().wheel.add(record_time(at), hash);
            }
        }
    }

    /// When [`Db::due`] next has work (unix ms): keys that may be due, or its own records to put in order.
    pub fn next_due(&self) -> Option<i64> {
        if self.entries.timers().has_stale_records() {
            Some(0)
        } else {
            self.entries.timers().wheel.next_at()
        }
    }

    /// Bytes that views made the database keep beside what it went on with, over all time: copied pages of the table, entries
    /// that were replaced or removed. Of a large collection that is its entry alone: its nodes and blocks are shared one by
    /// one, and go uncounted.
    pub fn kept_bytes(&self) -> u64 {
        self.entries.kept_bytes()
    }

    /// Takes out all that ended views held and nothing sees any more, for another thread to free.
    pub fn take_garbage(&mut self) -> Garbage {
        Garbage {
            retired: std::iter::from_fn(|| self.entries.take_garbage()).collect(),
            ..Garbage::default()
        }
    }

    /// Makes room for `keys` if there is none yet, as before loading.
    pub fn reserve(&mut self, keys: usize) {
        self.entries.reserve(keys);
    }

    /// The entry with this hash, if it has an expiry.
    fn expiring(&self, hash: u64) -> Option<EntryRef<'_>> {
        let accept = |entry: EntryRef<'_>| entry.expire_at().is_some() && self.hash(entry.key()) == hash;
        self.entries.find_hash(hash, accept).map(|place| self.entries.get(place))
    }
}

/// A database as it was at one moment. Dropping it lets what only it sees be freed.
pub struct DbView {
    view: View,
    expires_len: usize,
    expiring_hashes_len: usize,
}

impl DbView {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.view.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of keys with an expiry.
    pub fn expires_len(&self) -> usize {
        self.expires_len
    }

    /// Number of hashes with fields that expire.
    pub fn expiring_hashes_len(&self) -> usize {
        self.expiring_hashes_len
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.view.iter()
    }
}

/// The content, and whether the string reports `raw` however short it is. A short buffer is kept in `kept`.
#[inline]
fn content_of<'v>(value: NewStr<'v>, kept: &'v mut Vec<u8>) -> (Content<'v>, bool) {
    match value {
        NewStr::Int(value) => (Content::Int(value), false),
        NewStr::Bytes(bytes) => (parse_if_short(bytes).map_or(Content::Bytes(bytes), Content::Int), false),
        NewStr::Blob(blob) => (Content::Blob(blob), false),
        NewStr::Text(bytes) => (Content::Bytes(bytes), false),
        NewStr::Large(bytes) if bytes.len() >= SMALL_VALUE_BYTES_MAX => {
            (Content::Blob(Blob::from(bytes)), false)
        }
        NewStr::Raw(bytes) if bytes.len() >= SMALL_VALUE_BYTES_MAX => {
            (Content::Blob(Blob::from(bytes)), true)
        }
        NewStr::Large(bytes) => {
            *kept = bytes;
            (parse_if_short(kept).map_or(Content::Bytes(kept), Content::Int), false)
        }
        NewStr::Raw(bytes) => {
            *kept = bytes;
            (Content::Bytes(kept), true)
        }
    }
}

#[inline]
fn parse_if_short(bytes: &[u8]) -> Option<i64> {
    if bytes.len() <= INT_BYTES_MAX { parse_int(bytes) } else { None }
}
