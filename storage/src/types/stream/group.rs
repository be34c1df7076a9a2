//! Consumer groups: how far a group has read, who got which entry, what is not acknowledged.
//!
//! A pending entry stands in the group's map, with its consumer's name, and in the consumer's.
//!
//! Invariants: both have the same entries; the consumer of a pending entry exists.

use super::StreamId;
use super::ids::Ids;
use super::log::Log;
use super::names::{Name, Named, Names};

/// A consumer group.
#[derive(Clone, Debug)]
pub struct Group {
    name: Name,
    /// The last entry delivered.
    pub last_id: StreamId,
    /// How many of the entries ever added the group has read, if that is known.
    pub entries_read: Option<u64>,
    pending: Ids<Pending>,
    consumers: Names<Consumer>,
}

/// A consumer.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Name,
    /// When it last asked (unix ms).
    pub seen_ms: i64,
    /// When it last got something (unix ms).
    pub active_ms: Option<i64>,
    pending: Ids<()>,
}

/// An entry delivered and not yet acknowledged.
#[derive(Clone, Debug)]
pub struct Pending {
    /// When it was delivered last (unix ms).
    pub delivered_ms: i64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// To whom.
    pub consumer: Name,
}

impl Named for Group {
    fn name(&self) -> &[u8] {
        &self.name
    }
}

impl Named for Consumer {
    fn name(&self) -> &[u8] {
        &self.name
    }
}

impl Consumer {
    /// A consumer that has nothing.
    pub fn new(name: Name, seen_ms: i64, active_ms: Option<i64>) -> Consumer {
        Consumer { name, seen_ms, active_ms, pending: Ids::default() }
    }

    /// Its name.
    pub fn name_handle(&self) -> &Name {
        &self.name
    }

    /// The entries that it has and has not acknowledged.
    pub fn pending(&self) -> &Ids<()> {
        &self.pending
    }
}

impl Group {
    /// A group without consumers.
    pub fn new(name: Name, last_id: StreamId, entries_read: Option<u64>) -> Group {
        Group { name, last_id, entries_read, pending: Ids::default(), consumers: Names::default() }
    }

    /// Its name.
    pub fn name_handle(&self) -> &Name {
        &self.name
    }

    /// Entries that are not acknowledged.
    pub fn pending(&self) -> &Ids<Pending> {
        &self.pending
    }

    /// The consumers.
    pub fn consumers(&self) -> &Names<Consumer> {
        &self.consumers
    }

    /// How many entries the group has not read yet, if that can be told.
    pub fn lag(&self, log: &Log) -> Option<i64> {
        if log.entries_added() == 0 {
            return Some(0);
        }
        let has_gap = log.gap().is_some_and(|gap| self.last_id <= gap);
        let known = self.entries_read.filter(|_| !has_gap);
        let read = known.or_else(|| log.entries_up_to(self.last_id))?;
        Some(log.entries_added().wrapping_sub(read) as i64)
    }

    /// Makes a consumer, if there is none of this name; true if there was none.
    pub fn create_consumer(&mut self, name: &[u8], now: i64) -> bool {
        self.consumers.get(name).is_none() && self.add_consumer(Consumer::new(Name::from(name), now, None))
    }

    /// Notes that a consumer asked, and makes it if there is none of its name; true if there was none.
    pub fn meet(&mut self, name: &[u8], now: i64) -> bool {
        let known = self.consumers.edit(name, |consumer| consumer.seen_ms = now);
        known.is_none() && self.add_consumer(Consumer::new(Name::from(name), now, None))
    }

    /// Adds a consumer that has nothing yet; false if there is one of its name.
    pub fn add_consumer(&mut self, consumer: Consumer) -> bool {
        self.consumers.insert(consumer)
    }

    /// Changes a consumer's times.
    pub fn edit_consumer(&mut self, name: &[u8], change: impl FnOnce(&mut Consumer)) {
        self.consumers.edit(name, change);
    }

    /// Takes a consumer out, with what it has not acknowledged; says how much that was.
    pub fn delete_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let consumer = self.consumers.remove(name)?;
        for (id, ()) in consumer.pending.iter() {
            self.pending.remove(id);
        }
        Some(consumer.pending.len())
    }

    /// Notes that the group has read entries, in order; it may have read some of them before.
    pub fn read(&mut self, log: &Log, ids: &[StreamId]) {
        let gap = log.gap();
        for &id in ids {
            if id <= self.last_id {
                continue;
            }
            self.entries_read = match self.entries_read {
                Some(read) if gap.is_none_or(|gap| id > gap) => Some(read.wrapping_add(1)),
                before => {
                    if log.entries_added() > 0 {
                        log.entries_up_to(id)
                    } else {
                        before
                    }
                }
            };
            self.last_id = id;
        }
    }

    /// Notes the first delivery of entries to a consumer, which exists. Who had them before loses them.
    pub fn deliver(&mut self, ids: &[StreamId], consumer: &[u8], now: i64) {
        let Some(to) = self.consumers.get(consumer).map(|consumer| consumer.name.clone()) else { return };
        for &id in ids {
            let pending = Pending { delivered_ms: now, deliveries: 1, consumer: to.clone() };
            let before = self.pending.insert(id, pending);
            if let Some(before) = before.filter(|before| !before.consumer.is(&to)) {
                self.consumers.edit(&before.consumer, |consumer| consumer.pending.remove(id));
            }
        }
        self.consumers.edit(consumer, |consumer| {
            consumer.active_ms = Some(now);
            ids.iter().for_each(|&id| _ = consumer.pending.insert(id, ()));
        });
    }

    /// Notes another delivery of an entry to who has it.
    pub fn deliver_again(&mut self, id: StreamId, now: i64) {
        self.pending.update(id, |pending| {
            pending.delivered_ms = now;
            pending.deliveries = pending.deliveries.wrapping_add(1);
        });
    }

    /// Gives an entry to a consumer, which exists, whoever had it.
    pub fn assign(&mut self, id: StreamId, consumer: &[u8], delivered_ms: i64, deliveries: u64) {
        let Some(to) = self.consumers.get(consumer).map(|consumer| consumer.name.clone()) else { return };
        self.claim(id, &to, |_| Some((delivered_ms, deliveries)));
    }

    /// Gives an entry to a consumer, which exists, if `decide` says when it counts as delivered and how often; it sees what is pending.
    /// Gives how often.
    pub fn claim(
        &mut self,
        id: StreamId,
        to: &Name,
        decide: impl Fn(Option<&Pending>) -> Option<(i64, u64)>,
    ) -> Option<u64> {
        let changed = self.pending.update(id, |pending| {
            let (delivered_ms, deliveries) = decide(Some(pending))?;
            (pending.delivered_ms, pending.deliveries) = (delivered_ms, deliveries);
            let is_theirs = pending.consumer.is(to);
            let before = (!is_theirs).then(|| std::mem::replace(&mut pending.consumer, to.clone()));
            Some((deliveries, before))
        });
        let (deliveries, before) = match changed {
            Some(None) => return None,
            Some(Some((deliveries, None))) => return Some(deliveries),
            Some(Some((deliveries, before))) => (deliveries, before),
            None => {
                let (delivered_ms, deliveries) = decide(None)?;
                self.pending.insert(id, Pending { delivered_ms, deliveries, consumer: to.clone() });
                (deliveries, None)
            }
        };
        if let Some(before) = before {
            self.consumers.edit(&before, |consumer| consumer.pending.remove(id));
        }
        self.consumers.edit(to, |consumer| consumer.pending.insert(id, ()));
        Some(deliveries)
    }

    /// Notes that an entry is done with; false if it was not pending.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove(id) else { return false };
        self.consumers.edit(&pending.consumer, |consumer| consumer.pending.remove(id));
        true
    }

    /// Heap bytes beyond its own, rounded to the allocator's classes. Visits everything.
    pub(super) fn heap_bytes(&self) -> usize {
        let consumers =
            self.consumers.iter().map(|consumer| consumer.name.heap_bytes() + consumer.pending.heap_bytes());
        self.name.heap_bytes()
            + self.pending.heap_bytes()
            + self.consumers.heap_bytes()
            + consumers.sum::<usize>()
    }
}
