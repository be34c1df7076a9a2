//! The timing wheel: which key hashes to look at, and when. One record is eight bytes.
//!
//! A record says only "at this time, look at the key with this hash": whoever pops it compares with the expiry in the
//! entry, and adds the record again if the time has not come. So stale records and equal hashes do no harm.
//!
//! Eight levels of 256 slots, one per byte of the unix time in ms. A record lies at the level of the highest byte in which
//! its time differs from `current`, in the slot of its own byte there. Time passes by going from one occupied slot to the
//! next, so that a jump of years costs nothing; a slot of a higher level is popped when it begins, and its records come
//! back finer.
//!
//! Invariants:
//! - Every occupied slot of level L has an index above byte L of `current`, but for the one slot whose records are
//!   being popped: its index equals that byte.
//! - `current` never goes back, but by [`Wheel::restart`], which takes all records out and offers each for adding again.

/// Records in a full chunk of a slot: 4 KiB, so that no slot ever moves more than that to grow.
const CHUNK_RECORDS: usize = 512;
const SLOTS: usize = 256;
const LEVELS: usize = 8;
/// How far the clock may go back before the wheel starts over; up to then keys expire late by as much.
pub const BACKWARD_MS_MAX: u64 = 1000;

/// Key hashes by time.
#[derive(Default)]
pub struct Wheel {
    current: u64,
    levels: [Option<Box<Level>>; LEVELS],
    /// Records taken out by a restart.
    pending: Slot,
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
        let index = byte(at, level);
        self.levels[level].get_or_insert_default().push(index, hash);
        self.len += 1;
    }

    /// Takes a record whose time may have come at `now` (unix ms), or one that a restart took out.
    pub fn pop(&mut self, now: i64) -> Option<u64> {
        let now = u64::try_from(now).unwrap_or(0);
        if now + BACKWARD_MS_MAX < self.current {
            self.restart(now);
        }
        let hash = match self.pending.pop() {
            Some(hash) => hash,
            None => self.pop_due(now)?,
        };
        self.len -= 1;
        Some(hash)
    }

    /// The earliest time (unix ms) at which `pop` may give something: not after the first record's.
    pub fn next_at(&self) -> Option<i64> {
        if !self.pending.0.is_empty() {
            return Some(0);
        }
        let (level, index) = self.first_slot()?;
        i64::try_from(self.slot_start(level, index)).ok()
    }

    /// Sets the time and takes out all records, for `pop` to offer at once.
    pub fn restart(&mut self, now: u64) {
        self.current = now;
        for level in self.levels.iter_mut().flat_map(Option::take) {
            for slot in level.slots {
                self.pending.0.extend(slot.0);
            }
        }
    }

    /// Visits up to `count` records that lie together, stale ones included, beginning at a random one.
    pub fn sample(&self, random: u64, count: usize, visit: &mut dyn FnMut(u64)) {
        let mut skip = ((u128::from(random) * self.len as u128) >> 64) as usize;
        let mut left = count.min(self.len);
        let slots = || self.levels.iter().flatten().flat_map(|level| &level.slots).chain([&self.pending]);
        // Twice, so that a start near the end goes on at the beginning.
        for slot in slots().chain(slots()) {
            if skip >= slot.len() {
                skip -= slot.len();
                continue;
            }
            for hash in slot.iter_from(std::mem::take(&mut skip)).take(left) {
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
        let levels = self.levels.iter().flatten();
        levels
            .map(|level| size_of::<Level>() + level.slots.iter().map(Slot::memory_bytes).sum::<usize>())
            .sum::<usize>()
            + self.pending.memory_bytes()
    }

    fn pop_due(&mut self, now: u64) -> Option<u64> {
        let Some((level, index)) = self.first_slot() else {
            self.current = self.current.max(now);
            return None;
        };
        let start = self.slot_start(level, index);
        if start > now {
            self.current = self.current.max(now);
            return None;
        }
        self.current = self.current.max(start);
        self.levels[level].as_mut().and_then(|level| level.pop(index))
    }

    /// The earliest occupied slot: one that is being popped, else the first of the lowest level.
    fn first_slot(&self) -> Option<(usize, usize)> {
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
    slots: [Slot; SLOTS],
}

impl Default for Level {
    fn default() -> Self {
        Level { occupied: [0; SLOTS / 64], slots: std::array::from_fn(|_| Slot::default()) }
    }
}

impl Level {
    fn push(&mut self, index: usize, hash: u64) {
        self.slots[index].push(hash);
        self.occupied[index / 64] |= 1 << (index % 64);
    }

    fn pop(&mut self, index: usize) -> Option<u64> {
        let hash = self.slots[index].pop();
        if self.slots[index].0.is_empty() {
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

/// Records in chunks, none of them empty.
#[derive(Default)]
struct Slot(Vec<Vec<u64>>);

impl Slot {
    fn push(&mut self, hash: u64) {
        match self.0.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_RECORDS => chunk.push(hash),
            Some(_) => {
                let mut chunk = Vec::with_capacity(CHUNK_RECORDS);
                chunk.push(hash);
                self.0.push(chunk);
            }
            None => self.0.push(vec![hash]),
        }
    }

    fn pop(&mut self) -> Option<u64> {
        let chunk = self.0.last_mut()?;
        let hash = chunk.pop();
        if chunk.is_empty() {
            self.0.pop();
            if self.0.is_empty() {
                self.0 = Vec::new();
            }
        }
        hash
    }

    fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    fn iter_from(&self, index: usize) -> impl Iterator<Item = u64> {
        self.0.iter().flatten().skip(index).copied()
    }

    fn memory_bytes(&self) -> usize {
        let records: usize = self.0.iter().map(Vec::capacity).sum();
        self.0.capacity() * size_of::<Vec<u64>>() + records * size_of::<u64>()
    }
}

fn byte(time: u64, level: usize) -> usize {
    (time >> (8 * level)) as usize & 0xff
}
