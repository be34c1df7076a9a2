//! The keyspace with all that an access to a key sets off: lazy expiry, hit and miss counts, LRU and LFU marks, effects.
//!
//! [`Keys`] is a command's door to the keys of its database. It lives in `Ctx` beside the reply, so that a handler can
//! write a borrowed value into the reply without copying it.
//!
//! Invariants: an entry whose TTL has passed is never shown: the lookup removes it first and queues the `expired`
//! effect; the same holds for the fields of a hash; every removal of a key by a command goes through [`Keys::remove`], so that lazy freeing is decided in one place.

use crate::effects::{Effects, NEW};
use crate::found::{Aftermath, FIELDS_PER_LOOKUP, pass_time};
use crate::lazyfree::LazyFree;
use rufous_protocol::error::{self, ReplyError};
use rufous_storage::evict::{self, Lfu};
use rufous_storage::types::fresh::Fresh;
use rufous_storage::types::{Limits, Type};
use rufous_storage::{Db, EntryRef, Keyspace, Random, State, Str};

/// What INFO counts of key accesses.
#[derive(Default, Clone)]
pub struct KeyStats {
    /// Reads that found their key.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Keys removed because their TTL passed.
    pub expired: u64,
    /// Fields of hashes removed because theirs did.
    pub expired_fields: u64,
    /// Keys removed to make room.
    pub evicted: u64,
}

/// How accesses mark entries, copied from the configuration.
#[derive(Clone, Copy, Default)]
pub struct AccessMarks {
    /// How LFU counters move, when `maxmemory-policy` is an LFU one.
    pub lfu: Option<Lfu>,
}

/// See the file head.
pub struct Store {
    /// All databases.
    pub keyspace: Keyspace,
    /// What the running command set off.
    pub effects: Effects,
    /// Counters.
    pub stats: KeyStats,
    /// Changes since the last save: INFO's `rdb_changes_since_last_save`.
    pub dirty: u64,
    /// LRU or LFU.
    pub marks: AccessMarks,
    /// When collections change their encoding.
    pub limits: Limits,
    /// The engine's only source of randomness.
    pub random: Random,
    /// Where large values go to die.
    pub lazyfree: LazyFree,
    /// DEBUG SET-ACTIVE-EXPIRE.
    pub active_expire: bool,
    /// CLIENT PAUSE is in force: keys whose TTL has passed are hidden, but stay.
    pub expire_paused: bool,
    /// The access mark that the databases give to new keys.
    pub fresh_mark: u32,
}

impl Store {
    /// Keeps the access mark of new keys up to date. Once a turn of the loop.
    #[inline]
    pub fn follow_clock(&mut self, now: i64) {
        let mark = fresh_mark(&self.marks, now);
        if mark != self.fresh_mark {
            self.fresh_mark = mark;
            self.keyspace.set_fresh_access(mark);
        }
    }
}

impl Store {
    /// What ended views held goes to the lazy-free thread. Its objects count as no keys.
    pub fn free_retired(&mut self) {
        let retired = self.keyspace.take_garbage();
        if !retired.is_empty() {
            self.lazyfree.send(retired, 0);
        }
    }

    /// CONFIG RESETSTAT.
    pub fn reset_stats(&mut self) {
        self.stats = KeyStats::default();
        self.lazyfree.reset_freed();
    }
}

/// The keys of one database at one moment.
pub struct Keys<'a> {
    /// Everything behind.
    pub store: &'a mut Store,
    /// Selected database.
    pub index: usize,
    /// Unix time in milliseconds.
    pub now: i64,
    /// What expires up to here has expired: that is now, and never while the append-only file is read, in which expired keys are
    /// removed by commands.
    pub horizon: i64,
    /// Accesses leave LRU and LFU marks (CLIENT NO-TOUCH switches it off).
    pub touch: bool,
}

impl<'a> Keys<'a> {
    /// The selected database.
    #[inline]
    pub fn db(&mut self) -> &mut Db {
        self.store.keyspace.db_mut(self.index)
    }

    /// Takes out what has expired of a key, if anything has: all of it, or at most so many fields. How many fields that were.
    #[cold]
    pub fn expire(&mut self, key: &[u8], fields_max: usize) -> usize {
        let (index, horizon) = (self.index, self.horizon);
        let Store { keyspace, effects, stats, lazyfree, .. } = &mut *self.store;
        let mut lookup = keyspace.db_mut(index).look_up(key);
        let state = lookup.entry().map_or(State::Live, |entry| entry.state(horizon));
        pass_time(
            &mut lookup,
            state,
            horizon,
            &mut Aftermath { key, index, fields_max, stats, effects, lazyfree },
        )
    }

    /// Looks a key up for reading: counts hit or miss and marks the access.
    #[inline]
    pub fn read(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let hash = self.store.keyspace.db(self.index).hash(key);
        self.read_hashed(hash, key)
    }

    /// The same, unless a pause keeps it: then it is only hidden.
    #[cold]
    pub fn expire_unless_paused(&mut self, key: &[u8]) {
        if !self.store.expire_paused {
            self.expire(key, FIELDS_PER_LOOKUP);
        }
    }

    /// The keys of another database at the same moment.
    #[inline]
    pub fn at(&mut self, index: usize) -> Keys<'_> {
        Keys { store: &mut *self.store, index, now: self.now, horizon: self.horizon, touch: self.touch }
    }

    /// A value came to a key that was not there: it is as good as new.
    pub fn arrived(&mut self, key: &[u8]) {
        if let Some(entry) = self.store.keyspace.db(self.index).find(key) {
            entry.set_access(fresh_mark(&self.store.marks, self.now));
        }
        self.store.effects.event(self.index, key, NEW);
    }

    /// Looks a key up without counting or marking.
    #[inline]
    pub fn peek(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        if self.locate(key) { self.store.keyspace.db(self.index).find(key) } else { None }
    }

    /// Is there a live entry?
    #[inline]
    pub fn contains(&mut self, key: &[u8]) -> bool {
        self.locate(key)
    }

    #[inline]
    fn locate(&mut self, key: &[u8]) -> bool {
        match self.store.keyspace.db(self.index).find(key) {
            None => false,
            Some(entry) if !entry.is_expired(self.horizon) => true,
            Some(_) => {
                self.expire_unless_paused(key);
                false
            }
        }
    }

    /// A string for reading; the wrong type is an error. Inlined whole, because GET is little more.
    #[inline(always)]
    pub fn string(&mut self, key: &[u8]) -> Result<Option<Str<'_>>, ReplyError> {
        match self.search::<true, true>(self.store.keyspace.db(self.index).hash(key), key) {
            None => Ok(None),
            Some(entry) => entry.string().map(Some).ok_or(error::WRONG_TYPE),
        }
    }

    /// A value of one type for reading; another type is an error.
    #[inline]
    pub fn typed<T: Type>(&mut self, key: &[u8]) -> Result<Option<T::Ref<'_>>, ReplyError> {
        let horizon = self.horizon;
        match self.read(key) {
            None => Ok(None),
            Some(entry) => entry.typed_at::<T>(horizon).map(Some).ok_or(error::WRONG_TYPE),
        }
    }

    /// Values of one type under several keys, for reading at once; another type is an error.
    pub fn several<'k, T: Type>(
        &mut self,
        keys: impl Iterator<Item = &'k [u8]> + Clone,
    ) -> Result<Vec<Option<T::Ref<'_>>>, ReplyError> {
        let horizon = self.horizon;
        let entries = self.entries(keys, |entry| entry.kind() == T::KIND)?;
        Ok(entries.into_iter().map(|entry| entry.and_then(|entry| entry.typed_at::<T>(horizon))).collect())
    }

    /// What is under several keys, for reading at once; what is not accepted is an error.
    pub fn entries<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k [u8]> + Clone,
        accepts: impl Fn(EntryRef<'_>) -> bool,
    ) -> Result<Vec<Option<EntryRef<'_>>>, ReplyError> {
        for key in keys.clone() {
            if !self.read(key).is_none_or(&accepts) {
                return Err(error::WRONG_TYPE);
            }
        }
        let (db, horizon) = (self.store.keyspace.db(self.index), self.horizon);
        Ok(keys.map(|key| db.find(key).filter(|entry| !entry.is_expired(horizon))).collect())
    }

    /// Stores a value under a key, over whatever that held.
    pub fn store_fresh<T>(&mut self, key: &[u8], fresh: Fresh<T>) {
        let existed = self.contains(key);
        let replaced = self.db().store(key, fresh);
        if !existed {
            self.store.effects.event(self.index, key, NEW);
        }
        if let Some(replaced) = replaced {
            self.store.lazyfree.free(replaced);
        }
    }

    /// Removes a live key. True if it existed. Large values are freed lazily when `lazy`.
    pub fn remove(&mut self, key: &[u8], lazy: bool) -> bool {
        if !self.locate(key) {
            return false;
        }
        match self.store.keyspace.db_mut(self.index).remove(key) {
            Some(removed) if lazy => self.store.lazyfree.free(removed),
            Some(removed) => drop(removed),
            None => return false,
        }
        true
    }
}

/// The mark of a new entry: the LRU clock, or the LFU counter's start value with the minute.
pub fn fresh_mark(marks: &AccessMarks, now: i64) -> u32 {
    if marks.lfu.is_some() { evict::lfu_fresh_bits(now) } else { evict::lru_bits(now) }
}

/// Marks an access on an entry.
#[inline]
pub fn mark_access(entry: EntryRef<'_>, marks: &AccessMarks, random: &mut Random, now: i64) {
    match marks.lfu {
        Some(lfu) => evict::touch_lfu(entry, now, lfu, random),
        None => evict::touch_lru(entry, evict::lru_bits(now)),
    }
}
