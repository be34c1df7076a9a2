//! Finding a command by its name: a perfect hash, built when the names are known.
//!
//! ```text
//!  name -> fingerprint (head, tail, tag): the first and last 8 bytes in lower case; length and container
//!       -> hash: one multiplication
//!       -> shifts[upper bits] -> slots[lower bits + shift]: fingerprint and ID, one comparison
//! ```
//! The shifts are searched at build time so that no two names share a slot. Names of up to 16 bytes are what their
//! fingerprint says; for longer ones, which only `rename-command` makes common, the caller compares the name too.
//!
//! Invariants: the numbers of slots and of shifts are powers of two; names that differ only in the case of ASCII letters
//! have the same fingerprint.

use super::CommandId;

/// Seeds tried before giving up. One in a few works.
const SEEDS_MAX: u64 = 10_000;
/// Slots per name, at least, before rounding up to a power of two.
const SLOTS_PER_NAME: usize = 2;

/// A name in the form in which names are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fingerprint {
    head: u64,
    tail: u64,
    /// Length (cut to 16 bits) and container; never that of [`Fingerprint::NONE`].
    tag: u64,
}

/// A container's number is above the length; this one stands for none.
pub(super) const TOP_LEVEL: u16 = u16::MAX;
/// Longest name whose fingerprint says everything.
pub(super) const FINGERPRINT_LEN_MAX: usize = 16;

impl Fingerprint {
    /// What no name has.
    pub(super) const NONE: Fingerprint = Fingerprint { head: 0, tail: 0, tag: u64::MAX };

    #[inline]
    pub(super) fn of(container: u16, name: &[u8]) -> Fingerprint {
        let len = name.len();
        let tag = u64::from(container) << 32 | (len as u64).min(u64::from(u32::MAX));
        let (head, tail) = match *name {
            [] => (0, 0),
            [a] => (u64::from(a), 0),
            [a, b] => (u64::from(a) | u64::from(b) << 8, 0),
            [a, b, c] => (u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16, 0),
            _ if len < 8 => (half(name, 0) | half(name, len - 4) << 32, 0),
            _ if len <= FINGERPRINT_LEN_MAX => (word(name, 0), word(name, len - 8)),
            _ => (digest(&name[..len - 8]), word(name, len - 8)),
        };
        Fingerprint { head: lower(head), tail: lower(tail), tag }
    }

    /// Bits of all parts, the upper half of a product and the lower one folded together.
    #[inline]
    fn hash(self, seed: u64) -> u64 {
        let mixed = self.head ^ self.tail.rotate_left(29) ^ self.tag.rotate_left(47);
        let product = u128::from(mixed ^ seed) * u128::from(0x9E37_79B9_7F4A_7C15u64 ^ seed << 1);
        (product >> 64) as u64 ^ product as u64
    }
}

#[inline]
fn half(name: &[u8], at: usize) -> u64 {
    let bytes = name[at..].first_chunk::<4>().expect("four bytes");
    u64::from(u32::from_le_bytes(*bytes))
}

#[inline]
fn word(name: &[u8], at: usize) -> u64 {
    let bytes = name[at..].first_chunk::<8>().expect("eight bytes");
    u64::from_le_bytes(*bytes)
}

/// Lower case for the ASCII letters of eight bytes at once.
#[inline]
fn lower(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = word & (0x7F * EACH);
    let from_a = low + (0x80 - b'A' as u64) * EACH;
    let past_z = low + (0x80 - b'Z' as u64 - 1) * EACH;
    let is_upper = from_a & !past_z & !word & (0x80 * EACH);
    word | is_upper >> 2
}

/// Long names: the bytes before the last eight, as one word without upper-case bits.
#[cold]
fn digest(bytes: &[u8]) -> u64 {
    let mut state = 0u64;
    for chunk in bytes.chunks(8) {
        let mut padded = [0; 8];
        padded[..chunk.len()].copy_from_slice(chunk);
        state =
            (state ^ lower(u64::from_le_bytes(padded))).wrapping_mul(0x9FB2_1C65_1E98_DF25).rotate_left(31);
    }
    // Set bit 7 of each byte: `lower` leaves such bytes alone.
    state | 0x8080_8080_8080_8080
}

#[derive(Clone, Copy)]
struct Slot {
    name: Fingerprint,
    id: CommandId,
}

const FREE: Slot = Slot { name: Fingerprint::NONE, id: CommandId(0) };

/// See the file head.
#[derive(Default)]
pub(super) struct PerfectHash {
    slots: Box<[Slot]>,
    shifts: Box<[u16]>,
    seed: u64,
}

impl PerfectHash {
    /// The hash of these names, which must differ from one another.
    pub(super) fn new(names: Vec<(Fingerprint, CommandId)>) -> PerfectHash {
        let slot_count = (names.len() * SLOTS_PER_NAME).next_power_of_two();
        let bucket_count = (names.len() / 2).next_power_of_two();
        // A seed of few bits is spread over the word.
        let mut seeds = (1..=SEEDS_MAX).map(|seed| seed.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        let found = seeds.find_map(|seed| {
            let empty = PerfectHash {
                slots: vec![FREE; slot_count].into(),
                shifts: vec![0; bucket_count].into(),
                seed,
            };
            empty.filled(&names)
        });
        found.expect("names are few and differ in their fingerprints")
    }

    /// The command of this name.
    #[inline]
    pub(super) fn find(&self, name: Fingerprint) -> Option<CommandId> {
        let slot = &self.slots[self.slot_of(name)];
        (slot.name == name).then_some(slot.id)
    }

    /// Places all names, those of full buckets first; nothing if the seed does not do.
    fn filled(mut self, names: &[(Fingerprint, CommandId)]) -> Option<PerfectHash> {
        let mut buckets = vec![Vec::new(); self.shifts.len()];
        for &named in names {
            buckets[self.bucket_of(named.0.hash(self.seed))].push(named);
        }
        buckets.sort_by_key(|bucket| std::cmp::Reverse(bucket.len()));
        for bucket in buckets.iter().filter(|bucket| !bucket.is_empty()) {
            self.place(bucket)?;
        }
        Some(self)
    }

    /// Finds the shift with which the names of one bucket fall into free slots, each into its own.
    fn place(&mut self, names: &[(Fingerprint, CommandId)]) -> Option<()> {
        let bucket = self.bucket_of(names[0].0.hash(self.seed));
        for shift in 0..self.slots.len() {
            self.shifts[bucket] = u16::try_from(shift).ok()?;
            let mut places: Vec<usize> = names.iter().map(|named| self.slot_of(named.0)).collect();
            if places.iter().any(|&at| self.slots[at].name != Fingerprint::NONE) {
                continue;
            }
            for (&at, &(name, id)) in places.iter().zip(names) {
                self.slots[at] = Slot { name, id };
            }
            places.sort_unstable();
            places.dedup();
            if places.len() == names.len() {
                return Some(());
            }
            places.iter().for_each(|&at| self.slots[at] = FREE);
        }
        None
    }

    #[inline]
    fn slot_of(&self, name: Fingerprint) -> usize {
        let hash = name.hash(self.seed);
        let shift = usize::from(self.shifts[self.bucket_of(hash)]);
        (hash as usize).wrapping_add(shift) & (self.slots.len() - 1)
    }

    #[inline]
    fn bucket_of(&self, hash: u64) -> usize {
        (hash >> 40) as usize & (self.shifts.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_differ_have_different_fingerprints() {
        let check = |a: &[u8], b: &[u8], same: bool| {
            assert_eq!(Fingerprint::of(TOP_LEVEL, a) == Fingerprint::of(TOP_LEVEL, b), same, "{a:?} {b:?}");
        };
        check(b"", b"\0", false);
        check(b"ab", b"ab\0", false);
        check(b"abcd", b"abcdabcd", false);
        check(b"GEORADIUSBYMEMBER_RO", b"georadiusbymember_ro", true);
        check(b"georadiusbymember_ro", b"georadiusbXmember_ro", false);
        assert_ne!(Fingerprint::of(TOP_LEVEL, b"get"), Fingerprint::of(0, b"get"));
        assert_eq!(PerfectHash::new(Vec::new()).find(Fingerprint::of(TOP_LEVEL, b"get")), None);
    }

    #[test]
    fn thousands_of_names() {
        let names: Vec<String> = (0..3000).map(|i| format!("command-{i}")).collect();
        let named = names
            .iter()
            .zip(0..)
            .map(|(name, i)| (Fingerprint::of(TOP_LEVEL, name.as_bytes()), CommandId(i)));
        let hash = PerfectHash::new(named.collect());
        for (name, i) in names.iter().zip(0..) {
            assert_eq!(hash.find(Fingerprint::of(TOP_LEVEL, name.as_bytes())), Some(CommandId(i)));
            assert_eq!(hash.find(Fingerprint::of(TOP_LEVEL, &name.as_bytes()[1..])), None);
        }
    }

    proptest! {
        #[test]
        fn lower_is_ascii_lower_case(bytes: [u8; 8]) {
            let lowered = lower(u64::from_le_bytes(bytes)).to_le_bytes();
            prop_assert_eq!(lowered, bytes.map(|byte| byte.to_ascii_lowercase()));
        }
    }
}
