//! Records on their way back into the wheel, each hash once.
//!
//! Keys that are set and deleted over and over leave a stale record each time. When those are most of the wheel, all
//! records come here. They are parted by the bytes of their hash until few enough are left to sort, which finds the doubles;
//! each step moves a chunk or sorts one small part, so that no step is long.

use super::records::Records;

/// Records that are sorted at once.
const SORTED_RECORDS_MAX: usize = 4096;
const PARTS: usize = 256;
const HASH_BYTES: u32 = 8;

/// What a step gave.
pub(super) enum Swept {
    /// A hash that will not come again.
    Record(u64),
    /// Nothing yet: records were moved, and so many doubles dropped.
    Worked(usize),
    /// There is no record.
    Nothing,
}

/// Records of which the first `depth` bytes of the hash are equal.
struct Part {
    records: Records,
    depth: u32,
    /// The parts by the next byte, once there are any.
    parts: Vec<Records>,
}

/// All records that are on their way.
#[derive(Default)]
pub(super) struct Sweep {
    stack: Vec<Part>,
    /// Distinct hashes.
    ready: Records,
}

impl Sweep {
    pub(super) fn is_empty(&self) -> bool {
        self.stack.is_empty() && self.ready.is_empty()
    }

    /// Adds records to those on their way.
    pub(super) fn add(&mut self, records: Records) {
        if !records.is_empty() {
            self.stack.push(Part { records, depth: 0, parts: Vec::new() });
        }
    }

    pub(super) fn step(&mut self) -> Swept {
        if let Some(hash) = self.ready.pop() {
            return Swept::Record(hash);
        }
        let Some(part) = self.stack.last_mut() else { return Swept::Nothing };
        if part.parts.is_empty() && (part.depth == HASH_BYTES || part.records.len() <= SORTED_RECORDS_MAX) {
            return self.sort();
        }
        match part.records.pop_chunk() {
            Some(chunk) => {
                part.parts.resize_with(PARTS, Records::default);
                let shift = 64 - 8 * (part.depth + 1);
                chunk.into_iter().for_each(|hash| part.parts[(hash >> shift) as usize % PARTS].push(hash));
            }
            None => {
                let Part { parts, depth, .. } = self.stack.pop().expect("the part of this step");
                let parts = parts.into_iter().filter(|records| !records.is_empty());
                self.stack.extend(parts.map(|records| Part { records, depth: depth + 1, parts: Vec::new() }));
            }
        }
        Swept::Worked(0)
    }

    /// Makes the top part ready.
    fn sort(&mut self) -> Swept {
        let Part { mut records, depth, .. } = self.stack.pop().expect("the part of this step");
        let count = records.len();
        let mut distinct: Vec<u64> = match depth {
            HASH_BYTES => records.pop().into_iter().collect(), // they are all equal
            _ => records.iter_from(0).collect(),
        };
        distinct.sort_unstable();
        distinct.dedup();
        let dropped = count - distinct.len();
        self.ready = Records::from(distinct);
        Swept::Worked(dropped)
    }

    /// All piles.
    pub(super) fn piles(&self) -> impl Iterator<Item = &Records> {
        self.stack.iter().flat_map(|part| part.parts.iter().chain([&part.records])).chain([&self.ready])
    }
}
