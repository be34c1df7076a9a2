//! One database: keys, their entries, their expiry. With [`crate::keyspace`], the only door to keys.
//!
//! Times are unix ms and come in as arguments; so does randomness. Nothing here deletes a key by itself: an expired key
//! is found like any other until the caller removes it.
//!
//! Invariants:
//! - `expires_len` and `expires_sum` count exactly the entries that have an expiry.
//! - For each of them the wheel holds a record at or before its time.

use crate::blob::Blob;
use crate::entries::{Detached, Entries, Place, View};
use crate::entry::{Content, Entry, EntryRef, Kind, Large, SMALL_VALUE_BYTES_MAX, Structure, parse_int};
use crate::hash::Hasher;
use crate::random::Random;
use crate::reclaim::Garbage as Retired;
use crate::string::StrMut;
use crate::table::TableStats;
use crate::wheel::{Popped, Wheel};

/// Decimal integers are at most this long.
const INT_BYTES_MAX: usize = 20;

/// Records that the wheel may hold for keys without or with another expiry, beyond one for each key with an expiry.
const STALE_RECORDS_MAX: usize = 1024;
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
    wheel: Wheel,
    expires_len: usize,
    expires_sum: i128,
    pub(crate) fresh_access: u32,
}

impl Db {
    /// An empty database whose key hashes follow from `seed`.
    pub fn new(seed: u64) -> Db {
        Db {
            entries: Entries::new(Hasher::new(seed)),
            wheel: Wheel::new(),
            expires_len: 0,
            expires_sum: 0,
            fresh_access: 0,
        }
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
        self.expires_len
    }

    /// Mean time to live in ms of the keys with an expiry; 0 if there are none.
    pub fn avg_ttl(&self, now: i64) -> i64 {
        match self.expires_len {
            0 => 0,
            count => {
                i64::try_from(self.expires_sum / count as i128 - i128::from(now)).unwrap_or(i64::MAX).max(0)
            }
        }
    }

    /// Bytes beyond the entries.
    pub fn memory(&self) -> DbMemory {
        DbMemory { table_bytes: self.entries.table_bytes(), expires_bytes: self.wheel.memory_bytes() }
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
            self.note_expiry(hash, None, expiry);
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
            let (_, old) =
                self.entries.replace(place, Entry::new(key, Kind::String, content, raw, expiry, access));
            replaced = Some(Removed(old)).filter(Removed::is_large);
        }
        self.note_expiry(hash, old_expiry, expiry);
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
        self.note_expiry(hash, old, expiry);
    }

    /// Removes a key, expired or not.
    pub fn remove(&mut self, key: &[u8]) -> Option<Removed> {
        let hash = self.hash(key);
        let place = self.entries.find(hash, key)?;
        Some(self.remove_at(hash, place))
    }

    /// Removes the entry at a place.
    pub(crate) fn remove_at(&mut self, hash: u64, place: Place) -> Removed {
        let expiry = self.entries.get(place).expire_at();
        self.note_expiry(hash, expiry, None);
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
        let expiry = entry.as_ref().expire_at();
        let (old_expiry, old) = match self.entries.find(hash, entry.as_ref().key()) {
            None => {
                self.entries.insert(hash, entry);
                (None, None)
            }
            Some(place) => (self.entries.get(place).expire_at(), self.entries.replace(place, entry).1),
        };
        self.note_expiry(hash, old_expiry, expiry);
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
        self.wheel.sample(random, count, &mut |hash| out.extend(self.expiring(hash)));
    }

    /// Appends up to `count` of the entries that expire first, as far as the timing wheel tells.
    pub fn sample_first_expiring<'a>(&'a self, count: usize, out: &mut Vec<EntryRef<'a>>) {
        self.wheel.sample_first(count, &mut |hash| out.extend(self.expiring(hash)));
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
        self.wheel.clear();
        (self.expires_len, self.expires_sum) = (0, 0);
        Garbage { tables: vec![self.entries.detach()], ..Garbage::default() }
    }

    /// The database as it is now, for another thread to read while this one changes.
    pub fn freeze(&mut self) -> DbView {
        DbView { view: self.entries.freeze(), expires_len: self.expires_len }
    }

    /// Names keys whose time has passed at `now`, after looking at up to `budget` records; the caller removes them, or
    /// they wait for their next access. A key may come twice. Gives the number of records looked at: `budget` means that there may be more.
    pub fn due(&mut self, now: i64, budget: usize, visit: &mut dyn FnMut(&[u8])) -> usize {
        if self.has_stale_records() {
            self.wheel.restart();
        }
        let (mut looked_at, mut more) = (0, true);
        while more && looked_at < budget {
            let (mut window, mut filled) = ([0; DUE_WINDOW], 0);
            while more && looked_at < budget && filled < DUE_WINDOW {
                match self.wheel.pop(now) {
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
            let Some(entry) = self.expiring(hash) else { continue };
            match entry.expire_at().filter(|&at| at >= now) {
                None => visit(entry.key()),
                Some(at) => self.wheel.add(record_time(at), hash),
            }
        }
    }

    /// When [`Db::due`] next has work (unix ms): keys that may be due, or its own records to put in order.
    pub fn next_due(&self) -> Option<i64> {
        if self.has_stale_records() { Some(0) } else { self.wheel.next_at() }
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

    /// Whether so many records of the wheel are stale that it is to be restarted.
    fn has_stale_records(&self) -> bool {
        self.wheel.len() > 2 * self.expires_len + STALE_RECORDS_MAX && !self.wheel.is_restarting()
    }

    /// The entry with this hash, if it has an expiry.
    fn expiring(&self, hash: u64) -> Option<EntryRef<'_>> {
        let accept = |entry: EntryRef<'_>| entry.expire_at().is_some() && self.hash(entry.key()) == hash;
        self.entries.find_hash(hash, accept).map(|place| self.entries.get(place))
    }

    /// Follows a change of a key's expiry. A later time needs no record: the earlier one finds it.
    fn note_expiry(&mut self, hash: u64, old: Option<i64>, new: Option<i64>) {
        if old == new {
            return;
        }
        if let Some(at) = old {
            self.expires_len -= 1;
            self.expires_sum -= i128::from(at);
        }
        if let Some(at) = new {
            self.expires_len += 1;
            self.expires_sum += i128::from(at);
            if old.is_none_or(|old| at < old) {
                self.wheel.add(record_time(at), hash);
            }
        }
    }
}

/// A database as it was at one moment. Dropping it lets what only it sees be freed.
pub struct DbView {
    view: View,
    expires_len: usize,
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

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.view.iter()
    }
}

/// A key expires when the time is past its expiry: one ms later.
fn record_time(expire_at: i64) -> i64 {
    expire_at.saturating_add(1)
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
