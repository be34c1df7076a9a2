//! When the keys of a database need a look: the timing wheel, and how many keys wait in it.
//!
//! A key needs a look when it expires itself, or, if it is a hash, when the first of its fields does. The wheel has a record at
//! or before each of the two times. Records of times that have moved on are found stale when they are popped.
//!
//! Invariant: the counts are exact. Each change of an entry that has, had or gets a time is noted once.

use crate::wheel::Wheel;

/// Records that the wheel may hold beyond two for each time that is waited for.
const STALE_RECORDS_MAX: usize = 1024;

/// The times of an entry, unix ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    /// When the key expires.
    pub(crate) key: Option<i64>,
    /// When the first field does.
    pub(crate) field: Option<i64>,
}

impl Times {
    /// The earlier one.
    pub(crate) fn first(self) -> Option<i64> {
        self.key.into_iter().chain(self.field).min()
    }
}

/// See the file head.
#[derive(Default)]
pub(crate) struct Timers {
    pub(crate) wheel: Wheel,
    /// Keys that expire, and the sum of their times.
    pub(crate) keys_len: usize,
    pub(crate) keys_sum: i128,
    /// Hashes with fields that expire.
    pub(crate) hashes_len: usize,
}

impl Timers {
    /// Follows a change of when the key of a hash expires. A later time needs no record: the earlier one finds it.
    pub(crate) fn note_key(&mut self, hash: u64, old: Option<i64>, new: Option<i64>) {
        if let Some(at) = old {
            self.keys_len -= 1;
            self.keys_sum -= i128::from(at);
        }
        if let Some(at) = new {
            self.keys_len += 1;
            self.keys_sum += i128::from(at);
            self.record(hash, old, at);
        }
    }

    /// The same for when the first field does.
    pub(crate) fn note_field(&mut self, hash: u64, old: Option<i64>, new: Option<i64>) {
        self.hashes_len -= usize::from(old.is_some());
        if let Some(at) = new {
            self.hashes_len += 1;
            self.record(hash, old, at);
        }
    }

    /// Whether so many records are stale that the wheel is to be restarted.
    pub(crate) fn has_stale_records(&self) -> bool {
        let live = self.keys_len + self.hashes_len;
        self.wheel.len() > 2 * live + STALE_RECORDS_MAX && !self.wheel.is_restarting()
    }

    /// Forgets all times.
    pub(crate) fn clear(&mut self) {
        self.wheel.clear();
        (self.keys_len, self.keys_sum, self.hashes_len) = (0, 0, 0);
    }

    fn record(&mut self, hash: u64, old: Option<i64>, at: i64) {
        if old.is_none_or(|old| at < old) {
            self.wheel.add(record_time(at), hash);
        }
    }
}

/// What expires at a time is due when that time is past: one ms later.
pub(crate) fn record_time(at: i64) -> i64 {
    at.saturating_add(1)
}
