//! What a command sets off beyond its reply: one ordered queue, filled while the command runs and fanned out after it.
//!
//! Consumers: WATCH, client tracking, blocked clients and keyspace notifications. Key bytes are copied into the queue only
//! when someone listens, so that a plain SET pays one test. Beside the queue stands the stream of writes
//! ([`crate::propagation`]): it is here because lookups, which see only this, remove expired keys.
//!
//! Invariants: the order of the queue is the order in which things happened, expiries found on the way included;
//! the queue is empty between two commands.

use crate::notify::Class;
use crate::propagation::Word;
use crate::propagation::{Propagation, Readers};
use bitflags::bitflags;
use std::ops::Range;

bitflags! {
    /// Who wants to know of changes.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Listening: u8 {
        /// `notify-keyspace-events` is not empty.
        const NOTIFY = 1 << 0;
        /// Some client watches a key.
        const WATCH = 1 << 1;
        /// Some client tracks keys.
        const TRACKING = 1 << 2;
        /// Some client waits for a key.
        const BLOCKED = 1 << 3;
        /// Somebody reads the stream of writes.
        const WRITES = 1 << 4;
        /// All for whom the queue is kept.
        const QUEUE = Self::NOTIFY.bits() | Self::WATCH.bits() | Self::TRACKING.bits() | Self::BLOCKED.bits();
    }
}

/// A keyspace event: its class and the name that subscribers see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Which `notify-keyspace-events` letter lets it pass.
    pub class: Class,
    /// For example `set`.
    pub name: &'static str,
}

impl Event {
    /// For constant tables.
    pub const fn new(class: Class, name: &'static str) -> Event {
        Event { class, name }
    }
}

/// A key is gone.
pub const DEL: Event = Event::new(Class::GENERIC, "del");
/// A key came into being.
pub const NEW: Event = Event::new(Class::NEW, "new");

/// One thing that happened, to a key (a range of the queue's key bytes) of database `db`.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The value or TTL of a key changed.
    Changed { db: usize, key: Range<usize> },
    /// A key ran out and was removed.
    Expired { db: usize, key: Range<usize> },
    /// A keyspace event.
    Event { db: usize, key: Range<usize>, event: Event },
    /// Keys vanished wholesale: every cached key is invalid.
    Flushed,
}

/// See the file head.
#[derive(Default)]
pub struct Effects {
    queue: Vec<Effect>,
    keys: Vec<u8>,
    /// Kept up to date by watch, tracking and configuration.
    pub listening: Listening,
    /// The stream of writes.
    pub writes: Propagation,
    /// Keyspace-event classes that are switched on.
    pub classes: Class,
}

impl Effects {
    /// Sets the classes of `notify-keyspace-events`.
    pub fn set_classes(&mut self, classes: Class) {
        self.classes = classes;
        self.listening.set(Listening::NOTIFY, classes.intersects(Class::KEYSPACE | Class::KEYEVENT));
    }

    /// Somebody reads the stream of writes from here on.
    pub fn join_writes(&mut self, readers: Readers) {
        self.writes.join(readers);
        self.listening.insert(Listening::WRITES);
    }

    /// Somebody reads the stream of writes no longer.
    pub fn leave_writes(&mut self, readers: Readers) {
        self.writes.leave(readers);
        self.listening.set(Listening::WRITES, !self.writes.readers().is_empty());
    }

    /// Nothing queued?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The bytes of a queued key.
    pub fn key(&self, range: &Range<usize>) -> &[u8] {
        &self.keys[range.clone()]
    }

    /// A key's value or TTL changed.
    #[inline]
    pub fn changed(&mut self, db: usize, key: &[u8]) {
        if self.listening.intersects(Listening::WATCH.union(Listening::TRACKING).union(Listening::BLOCKED)) {
            let key = self.keep(key);
            self.queue.push(Effect::Changed { db, key });
        }
    }

    /// A keyspace event happened.
    #[inline]
    pub fn event(&mut self, db: usize, key: &[u8], event: Event) {
        if self.listening.contains(Listening::NOTIFY) && self.classes.intersects(event.class) {
            let key = self.keep(key);
            self.queue.push(Effect::Event { db, key, event });
        }
    }

    /// A key ran out.
    pub fn expired(&mut self, db: usize, key: &[u8]) {
        if self.listening.contains(Listening::WRITES) {
            self.writes.removed(db, key, self.writes.unlinks_expired);
        }
        if self.listening.intersects(Listening::QUEUE) {
            let key = self.keep(key);
            self.queue.push(Effect::Expired { db, key });
        }
    }

    /// Fields of a hash ran out; `names` are theirs, if writes are listened to.
    pub fn expired_fields<'a>(
        &mut self,
        db: usize,
        key: &'a [u8],
        names: impl ExactSizeIterator<Item = Word<'a>>,
    ) {
        if self.listening.contains(Listening::WRITES) {
            let words: Vec<Word<'_>> =
                [Word::from(b"HDEL"), Word::from(key)].into_iter().chain(names).collect();
            self.writes.command(db, words);
        }
        if self.listening.intersects(Listening::QUEUE) {
            let key = self.keep(key);
            self.queue.push(Effect::Expired { db, key });
        }
    }

    /// Keys vanished wholesale (FLUSHALL, FLUSHDB). Watchers are marked before, see [`crate::transaction::touch_db`].
    pub fn flushed(&mut self) {
        if self.listening.contains(Listening::TRACKING) {
            self.queue.push(Effect::Flushed);
        }
    }

    /// Hands the queue over for fan-out; give it back with [`Effects::recycle`].
    pub fn drain(&mut self) -> (Vec<Effect>, Vec<u8>) {
        (std::mem::take(&mut self.queue), std::mem::take(&mut self.keys))
    }

    /// Returns the drained buffers, so that their memory is reused. Effects that the fan-out itself queued stay.
    pub fn recycle(&mut self, mut queue: Vec<Effect>, mut keys: Vec<u8>) {
        if self.queue.is_empty() && queue.capacity() <= 1024 && keys.capacity() <= 64 * 1024 {
            queue.clear();
            keys.clear();
            self.queue = queue;
            self.keys = keys;
        }
    }

    fn keep(&mut self, key: &[u8]) -> Range<usize> {
        // SET queues "changed" and an event for the same key: the bytes are kept once.
        let last = match self.queue.last() {
            Some(Effect::Changed { key, .. } | Effect::Expired { key, .. } | Effect::Event { key, .. }) => {
                key.clone()
            }
            _ => 0..0,
        };
        if !last.is_empty() && self.keys[last.clone()] == *key {
            return last;
        }
        let start = self.keys.len();
        self.keys.extend_from_slice(key);
        start..self.keys.len()
    }
}
