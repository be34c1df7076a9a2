//! A key looked up to be written: one search, then whatever the command decides.
//!
//! ```text
//! let found = cx.db.write(key);               // what has expired is gone, the access is marked
//! let old = found.string()?;                  // look
//! found.set(NewStr::Int(7), Ttl::Keep);       // change that very place
//! cx.changed(key, INCRBY, 1);
//! ```
//! Invariants: the entry that is shown has not expired; a key that comes into being queues the `new` event, so that no
//! command has to; an overwritten entry's access mark is that of an access.

use crate::dispatch::window::WINDOW;
use crate::effects::{DEL, Effects, Event, Listening, NEW};
use crate::lazyfree::LazyFree;
use crate::notify::Class;
use crate::propagation::Word;
use crate::store::{KeyStats, Keys, Store, mark_access};
use rufous_protocol::error::{self, ReplyError};
use rufous_storage::types::hash::Hash;
use rufous_storage::types::{Limits, Type};
use rufous_storage::{EntryRef, Lookup, NewStr, State, Str, StrMut, Ttl, evict};

/// Expired fields that a lookup takes out of a hash at most. The others are passed over by who reads it, until their turn comes.
pub const FIELDS_PER_LOOKUP: usize = 256;

/// See the file head.
pub struct Found<'a> {
    lookup: Lookup<'a, 'a>,
    key: &'a [u8],
    index: usize,
    horizon: i64,
    effects: &'a mut Effects,
    lazyfree: &'a mut LazyFree,
    /// The LRU mark that an overwrite leaves although the access itself left none (CLIENT NO-TOUCH).
    overwrite_mark: Option<u32>,
    limits: &'a Limits,
}

impl Keys<'_> {
    /// Looks a key up for writing: neither hit nor miss.
    #[inline]
    pub fn write<'k>(&'k mut self, key: &'k [u8]) -> Found<'k> {
        let hash = self.store.keyspace.db(self.index).hash(key);
        self.write_hashed(hash, key)
    }

    /// As [`Keys::write`], with the hash at hand.
    #[inline]
    pub fn write_hashed<'k>(&'k mut self, hash: u64, key: &'k [u8]) -> Found<'k> {
        let (index, now, horizon) = (self.index, self.now, self.horizon);
        let Store { keyspace, effects, stats, marks, random, lazyfree, limits, .. } = &mut *self.store;
        let mut lookup = keyspace.db_mut(index).look_up_hashed(hash, key);
        let state = lookup.entry().map_or(State::Live, |entry| entry.state(horizon));
        if state != State::Live {
            let fields_max = FIELDS_PER_LOOKUP;
            pass_time(
                &mut lookup,
                state,
                horizon,
                &mut Aftermath { key, index, fields_max, stats, effects, lazyfree },
            );
        }
        if self.touch
            && let Some(entry) = lookup.entry()
        {
            mark_access(entry, marks, random, now);
        }
        let overwrite_mark = (!self.touch && marks.lfu.is_none()).then(|| evict::lru_bits(now));
        Found { lookup, key, index, horizon, effects, lazyfree, overwrite_mark, limits }
    }

    /// As [`Keys::read`], with the hash at hand.
    pub fn read_hashed(&mut self, hash: u64, key: &[u8]) -> Option<EntryRef<'_>> {
        self.search::<true, true>(hash, key)
    }

    /// Looks a key up for a question about it (EXISTS, TTL, TYPE): counts hit or miss, leaves no mark.
    #[inline]
    pub fn look(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        self.search::<false, true>(self.store.keyspace.db(self.index).hash(key), key)
    }

    /// The same without a `keymiss` event (OBJECT).
    pub fn inspect(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        self.search::<false, false>(self.store.keyspace.db(self.index).hash(key), key)
    }

    /// Looks a key up and counts hit or miss; a hit is marked when `MARK`, a miss told when `TELL`.
    #[inline(always)]
    pub(crate) fn search<const MARK: bool, const TELL: bool>(
        &mut self,
        hash: u64,
        key: &[u8],
    ) -> Option<EntryRef<'_>> {
        let (index, now, horizon) = (self.index, self.now, self.horizon);
        let Store { keyspace, effects, stats, marks, random, lazyfree, expire_paused, .. } = &mut *self.store;
        let mut lookup = keyspace.db_mut(index).look_up_hashed(hash, key);
        let state = lookup.entry().map_or(State::Live, |entry| entry.state(horizon));
        if state != State::Live && !*expire_paused {
            let fields_max = FIELDS_PER_LOOKUP;
            pass_time(
                &mut lookup,
                state,
                horizon,
                &mut Aftermath { key, index, fields_max, stats, effects, lazyfree },
            );
        }
        let is_gone = matches!(state, State::Expired | State::Empty);
        let Some(entry) = lookup.into_entry().filter(|_| !is_gone) else {
            stats.misses += 1;
            if TELL {
                effects.event(index, key, Event::new(Class::KEY_MISS, "keymiss"));
            }
            return None;
        };
        stats.hits += 1;
        if MARK && self.touch {
            mark_access(entry, marks, random, now);
        }
        Some(entry)
    }

    /// Hashes up to [`WINDOW`] keys and asks for their memory, so that the cache misses of their lookups overlap.
    #[inline]
    pub fn prefetch<'k>(&mut self, keys: impl Iterator<Item = &'k [u8]>) -> [u64; WINDOW] {
        let db = self.store.keyspace.db(self.index);
        let mut hashes = [0; WINDOW];
        let mut count = 0;
        for (hash, key) in hashes.iter_mut().zip(keys) {
            *hash = db.hash(key);
            count += 1;
        }
        db.prefetch(&hashes[..count]);
        hashes
    }
}

impl<'a> Found<'a> {
    /// The entry, if the key is there.
    #[inline]
    pub fn entry(&self) -> Option<EntryRef<'_>> {
        self.lookup.entry()
    }

    /// Is the key there?
    #[inline]
    pub fn exists(&self) -> bool {
        self.entry().is_some()
    }

    /// The string, if the key is there; another kind is an error.
    #[inline]
    pub fn string(&self) -> Result<Option<Str<'_>>, ReplyError> {
        match self.entry() {
            None => Ok(None),
            Some(entry) => entry.string().map(Some).ok_or(error::WRONG_TYPE),
        }
    }

    /// The value, if the key is there; another type is an error.
    #[inline]
    pub fn typed<T: Type>(&self) -> Result<Option<T::Ref<'_>>, ReplyError> {
        match self.entry() {
            None => Ok(None),
            Some(entry) => entry.typed_at::<T>(self.horizon).map(Some).ok_or(error::WRONG_TYPE),
        }
    }

    /// The value, for changing in place; `None` if the key is absent. Another type is an error.
    #[inline]
    pub fn edit<T: Type>(self) -> Result<Option<T::Mut<'a>>, ReplyError> {
        if !self.exists() {
            return Ok(None);
        }
        self.lookup.edit_at::<T>(self.limits, self.horizon).map(Some).ok_or(error::WRONG_TYPE)
    }

    /// The value, for changing in place; a new one without elements, to which the caller must add, if the key is absent.
    /// Another type is an error.
    #[inline]
    pub fn edit_or_new<T: Type>(self) -> Result<T::Mut<'a>, ReplyError> {
        if !self.exists() {
            self.effects.event(self.index, self.key, NEW);
        }
        self.lookup.edit_or_new_at::<T>(self.limits, self.horizon).ok_or(error::WRONG_TYPE)
    }

    /// Sets the key to a string, whatever it held.
    #[inline]
    pub fn set(self, value: NewStr<'_>, ttl: Ttl) {
        match (self.entry(), self.overwrite_mark) {
            (None, _) => self.effects.event(self.index, self.key, NEW),
            (Some(entry), Some(mark)) => evict::touch_lru(entry, mark),
            (Some(_), None) => {}
        }
        if let Some(replaced) = self.lookup.set_string(value, ttl) {
            self.lazyfree.free(replaced);
        }
    }

    /// The string, for changing in place. `None` if the key is absent or holds another kind.
    #[inline]
    pub fn string_mut(self) -> Option<StrMut<'a>> {
        self.lookup.into_string_mut()
    }

    /// The string, for changing in place; a new one of no bytes if the key is absent. Another kind is an error.
    #[inline]
    pub fn string_mut_or_new(self) -> Result<StrMut<'a>, ReplyError> {
        if !self.exists() {
            self.effects.event(self.index, self.key, NEW);
        }
        self.lookup.into_string_mut_or_new().ok_or(error::WRONG_TYPE)
    }

    /// Sets or clears the expiry (unix ms), if the key is there.
    #[inline]
    pub fn set_expire(self, expiry: Option<i64>) {
        self.lookup.set_expire(expiry);
    }

    /// Removes the key, if it is there; a large value is freed on the lazy-free thread when `lazy`. True if it was.
    #[inline]
    pub fn remove(mut self, lazy: bool) -> bool {
        match self.lookup.take() {
            Some(removed) if lazy => self.lazyfree.free(removed),
            Some(removed) => drop(removed),
            None => return false,
        }
        true
    }
}

/// What an expiry sets off: where it is counted, told and freed.
pub struct Aftermath<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Its database.
    pub index: usize,
    /// So many fields at most.
    pub fields_max: usize,
    /// Counters.
    pub stats: &'a mut KeyStats,
    /// What is told.
    pub effects: &'a mut Effects,
    /// Where large values go to die.
    pub lazyfree: &'a mut LazyFree,
}

const HEXPIRED: Event = Event::new(Class::HASH, "hexpired");

/// Takes out what has expired of the entry that a lookup came to: all of it, or some fields. How many fields went one by one.
#[cold]
pub fn pass_time(lookup: &mut Lookup<'_, '_>, state: State, now: i64, after: &mut Aftermath<'_>) -> usize {
    match state {
        State::Live => return 0,
        State::Stale => return expire_fields(lookup, now, after),
        State::Empty | State::Expired => {}
    }
    let (index, key) = (after.index, after.key);
    let fields = lookup.entry().and_then(EntryRef::typed::<Hash>).map_or(0, |hash| hash.len());
    if let Some(removed) = lookup.take() {
        after.lazyfree.free(removed);
    }
    after.effects.expired(index, key);
    if state == State::Empty {
        after.stats.expired_fields += fields as u64;
        after.effects.event(index, key, HEXPIRED);
        after.effects.event(index, key, DEL);
    } else {
        after.stats.expired += 1;
        after.effects.event(index, key, Event::new(Class::EXPIRED, "expired"));
    }
    0
}

/// Takes expired fields out of a hash that has others.
fn expire_fields(lookup: &mut Lookup<'_, '_>, now: i64, after: &mut Aftermath<'_>) -> usize {
    let mut names = Vec::new();
    let is_written = after.effects.listening.contains(Listening::WRITES);
    let count = lookup.expire_fields(now, after.fields_max, |name| {
        if is_written {
            names.push(name.to_vec());
        }
    });
    if count > 0 {
        after.stats.expired_fields += count as u64;
        after.effects.expired_fields(after.index, after.key, names.iter().map(Word::from));
        after.effects.event(after.index, after.key, HEXPIRED);
    }
    count
}
