//! The timing wheel: which key hashes to look at, and when. One record is eight bytes.
//!
//! A record says only "at this time, look at the key with this hash": whoever pops it compares with the expiry in the
//! entry, and adds the record again if the time has not come. So stale records and equal hashes do no harm; only when
//! stale ones are too many need the owner [`Wheel::restart`] it, which drops doubles and offers the rest for adding again.
//!
//! Eight levels of 256 slots, one per byte of the unix time in ms. A record lies at the level of the highest byte in which
//! its time differs from `current`, in the slot of its own byte there. Time passes by going from one occupied slot to the
//! next, so that a jump of years costs nothing; a slot of a higher level is popped when it begins, and its records come
//! back finer.
//!
//! Invariant: every slot, read with the bytes of `current` above its level, begins at or before the time of its records. When
//! `current` goes back with the clock, slots begin too early for their records, never too late: these are popped early and
//! added again.

mod records;
mod sweep;
#[cfg(test)]
mod tests;

use records::Records;
use sweep::{Sweep, Swept};

const SLOTS: usize = 256;
const LEVELS: usize = 8;
/// What a step of popping gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Popped {
    /// A hash to look at.
    Record(u64),
    /// Nothing yet, a restart is under way.
    Working,
    /// Nothing now.
    Nothing,
}

/// Key hashes by time.
#[derive(Default)]
pub struct Wheel {
    current: u64,
    levels: [Option<Box<Level>>; LEVELS],
    /// Records taken out by a restart.
    sweep: Sweep,
    /// Whether the next step is the sweep's: while there is one, it takes turns with what is due.
    sweep_is_next: bool,
    len: usize,
}

impl Wheel {
    /// An empty wheel.
    pub fn new() -> Wheel {
        Wheel::default()
    }

    /// Number of records, stale ones included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a record for `at` (unix ms); a time that `current` has reached counts as the next ms.
    pub fn add(&mut self, at: i64, hash: u64) {
        let at = u64::try_from(at).unwrap_or(0).max(self.current + 1);
        let level = (63 - (at ^ self.current).leading_zeros() as usize) / 8;
        self.levels[level].get_or_insert_default().push(byte(at, level), hash);
        self.len += 1;
    }

    /// Takes a record whose time may have come at `now` (unix ms), or one that a restart took out.
    pub fn pop(&mut self, now: i64) -> Popped {
        let now = u64::try_from(now).unwrap_or(0);
        self.current = self.current.min(now);
        self.sweep_is_next ^= true;
        let popped = match self.sweep_is_next && !self.sweep.is_empty() {
            true => self.step_sweep(),
            false => self.pop_due(now).map_or_else(|| self.step_sweep(), Popped::Record),
        };
        if let Popped::Record(_) = popped {
            self.len -= 1;
        }
        popped
    }

    /// The earliest time (unix ms) at which `pop` may give something: not after that of the first record.
    pub fn next_at(&self) -> Option<i64> {
        if !self.sweep.is_empty() {
            return Some(0);
        }
        let (level, index) = self.first_slot()?;
        i64::try_from(self.slot_start(level, index)).ok()
    }

    /// Whether records that a restart took out are still to be popped.
    pub fn is_restarting(&self) -> bool {
        !self.sweep.is_empty()
    }

    /// Takes out all records, for `pop` to offer each hash once; takes turns with what is due.
    pub fn restart(&mut self) {
        let mut all = Records::default();
        for level in self.levels.iter_mut().flat_map(Option::take) {
            level.slots.into_iter().for_each(|slot| all.merge(slot));
        }
        self.sweep.add(all);
    }

    /// Visits up to `count` records that lie together, stale ones included, beginning at a random one.
    pub fn sample(&self, random: u64, count: usize, visit: &mut dyn FnMut(u64)) {
        let mut skip = ((u128::from(random) * self.len as u128) >> 64) as usize;
        let mut left = count.min(self.len);
        // Twice, so that a start near the end goes on at the beginning.
        for pile in self.piles().chain(self.piles()) {
            let len = pile.len();
            if skip >= len {
                skip -= len;
                continue;
            }
            for hash in pile.iter_from(std::mem::take(&mut skip)).take(left) {
                visit(hash);
                left -= 1;
            }
            if left == 0 {
                return;
            }
        }
    }

    /// Visits up to `count` of the records that come first.
    pub fn sample_first(&self, count: usize, visit: &mut dyn FnMut(u64)) {
        if let Some((level, index)) = self.first_slot() {
            let slot = self.levels[level].as_ref().map(|level| &level.slots[index]);
            slot.into_iter().flat_map(|slot| slot.iter_from(0)).take(count).for_each(visit);
        }
    }

    /// Drops all records.
    pub fn clear(&mut self) {
        *self = Wheel { current: self.current, ..Wheel::default() };
    }

    /// Heap bytes.
    pub fn memory_bytes(&self) -> usize {
        let levels = self.levels.iter().flatten().count() * size_of::<Level>();
        levels + self.piles().map(Records::memory_bytes).sum::<usize>()
    }

    fn piles(&self) -> impl Iterator<Item = &Records> {
        self.levels.iter().flatten().flat_map(|level| &level.slots).chain(self.sweep.piles())
    }

    fn pop_due(&mut self, now: u64) -> Option<u64> {
        let due = self.first_slot().map(|(level, index)| (level, index, self.slot_start(level, index)));
        let Some((level, index, start)) = due.filter(|&(_, _, start)| start <= now) else {
            self.current = self.current.max(now);
            return None;
        };
        self.current = self.current.max(start);
        self.levels[level].as_mut()?.pop(index)
    }

    fn step_sweep(&mut self) -> Popped {
        match self.sweep.step() {
            Swept::Record(hash) => Popped::Record(hash),
            Swept::Worked(dropped) => {
                self.len -= dropped;
                Popped::Working
            }
            Swept::Nothing => Popped::Nothing,
        }
    }

    /// The earliest occupied slot: one that is being popped, else the first of the lowest level.
    fn first_slot(&self) -> Option<(usize, usize)> {
        if self.is_empty() {
            return None;
        }
        let begun = (0..LEVELS).find_map(|level| {
            let index = byte(self.current, level);
            self.levels[level].as_ref().filter(|l| l.is_occupied(index)).map(|_| (level, index))
        });
        begun.or_else(|| {
            (0..LEVELS).find_map(|level| self.levels[level].as_ref()?.first().map(|index| (level, index)))
        })
    }

    fn slot_start(&self, level: usize, index: usize) -> u64 {
        let shift = 8 * level as u32;
        let above = self.current.checked_shr(shift + 8).map_or(0, |bits| bits << (shift + 8));
        above | (index as u64) << shift
    }
}

/// One level's slots, and a bit for each that has records.
struct Level {
    occupied: [u64; SLOTS / 64],
    slots: [Records; SLOTS],
}

impl Default for Level {
    fn default() -> Self {
        Level { occupied: [0; SLOTS / 64], slots: std::array::from_fn(|_| Records::default()) }
    }
}

impl Level {
    fn push(&mut self, index: usize, hash: u64) {
        self.slots[index].push(hash);
        self.occupied[index / 64] |= 1 << (index % 64);
    }

    fn pop(&mut self, index: usize) -> Option<u64> {
        let hash = self.slots[index].pop();
        if self.slots[index].is_empty() {
            self.occupied[index / 64] &= !(1 << (index % 64));
        }
        hash
    }

    fn is_occupied(&self, index: usize) -> bool {
        self.occupied[index / 64] >> (index % 64) & 1 == 1
    }

    fn first(&self) -> Option<usize> {
        let word = self.occupied.iter().position(|&word| word != 0)?;
        Some(word * 64 + self.occupied[word].trailing_zeros() as usize)
    }
}

fn byte(time: u64, level: usize) -> usize {
    (time >> (8 * level)) as usize & 0xff
}
