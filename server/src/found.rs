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
use crate::effects::{Effects, Event, NEW};
use crate::lazyfree::LazyFree;
use crate::notify::Class;
use crate::store::{Keys, Store, mark_access};
use rufous_protocol::error::{self, ReplyError};
use rufous_storage::types::{Limits, Type};
use rufous_storage::{EntryRef, Lookup, NewStr, Str, StrMut, Ttl, evict};

/// See the file head.
pub struct Found<'a> {
    lookup: Lookup<'a, 'a>,
    key: &'a [u8],
    index: usize,
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
        match lookup.entry() {
            None => {}
            Some(entry) if entry.is_expired(horizon) => {
                stats.expired += 1;
                expire(&mut lookup, key, index, effects, lazyfree);
            }
            Some(entry) if self.touch => mark_access(entry, marks, random, now),
            Some(_) => {}
        }
        let overwrite_mark = (!self.touch && marks.lfu.is_none()).then(|| evict::lru_bits(now));
        Found { lookup, key, index, effects, lazyfree, overwrite_mark, limits }
    }

    /// As [`Keys::read`], with the hash at hand.
    #[inline]
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
    #[inline]
    fn search<const MARK: bool, const TELL: bool>(&mut self, hash: u64, key: &[u8]) -> Option<EntryRef<'_>> {
        let (index, now, horizon) = (self.index, self.now, self.horizon);
        let Store { keyspace, effects, stats, marks, random, lazyfree, expire_paused, .. } = &mut *self.store;
        let mut lookup = keyspace.db_mut(index).look_up_hashed(hash, key);
        let expired = lookup.entry().is_some_and(|entry| entry.is_expired(horizon));
        if expired && !*expire_paused {
            stats.expired += 1;
            expire(&mut lookup, key, index, effects, lazyfree);
        }
        let Some(entry) = lookup.into_entry().filter(|_| !expired) else {
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
            Some(entry) => entry.typed::<T>().map(Some).ok_or(error::WRONG_TYPE),
        }
    }

    /// The value, for changing in place; `None` if the key is absent. Another type is an error.
    #[inline]
    pub fn edit<T: Type>(self) -> Result<Option<T::Mut<'a>>, ReplyError> {
        if !self.exists() {
            return Ok(None);
        }
        self.lookup.edit::<T>(self.limits).map(Some).ok_or(error::WRONG_TYPE)
    }

    /// The value, for changing in place; a new one without elements, to which the caller must add, if the key is absent.
    /// Another type is an error.
    #[inline]
    pub fn edit_or_new<T: Type>(self) -> Result<T::Mut<'a>, ReplyError> {
        if !self.exists() {
            self.effects.event(self.index, self.key, NEW);
        }
        self.lookup.edit_or_new::<T>(self.limits).ok_or(error::WRONG_TYPE)
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

/// Removes the entry of a lookup, whose time has passed.
#[cold]
fn expire(
    lookup: &mut Lookup<'_, '_>,
    key: &[u8],
    index: usize,
    effects: &mut Effects,
    lazyfree: &mut LazyFree,
) {
    if let Some(removed) = lookup.take() {
        lazyfree.free(removed);
    }
    effects.expired(index, key);
    effects.event(index, key, Event::new(Class::EXPIRED, "expired"));
}
