//! Dense registers: 16384 of six bits, one behind the other from the least significant bit of the first byte on.
//!
//! | byte | bits 7..0, each digit the number of a register |
//! |---|---|
//! | 0 | `11000000` |
//! | 1 | `22221111` |
//! | 2 | `33333322` |
//! | 3 | as byte 0, four registers on |
//!
//! Merging never unpacks them. When all other bits are masked away, the difference of two words is that of the registers
//! lying whole in them; three masks, one of them for words that begin a byte later, reach the eight registers of every six
//! bytes. The loops compile to vector code for any x86-64, without asking the processor what it can do.

use super::REGISTERS;
use std::ops::Range;

/// The least number of registers that fill whole bytes, and those bytes.
const GROUP_REGISTERS: usize = 4;
const GROUP_BYTES: usize = 3;
/// Bytes of all registers.
pub(super) const BYTES: usize = REGISTERS / GROUP_REGISTERS * GROUP_BYTES;
/// What a register can hold; also the mask of its bits.
const VALUE_MAX: u8 = 63;
const VALUES: usize = VALUE_MAX as usize + 1;

/// The registers as they lie.
pub(super) type Packed = [u8; BYTES];
/// How often each value occurs among the registers.
pub(super) type Histogram = [u32; VALUES];

/// The value of a register.
#[inline]
pub(super) fn get(packed: &Packed, register: usize) -> u8 {
    let (word, shift) = group(packed, register);
    (word >> shift) as u8 & VALUE_MAX
}

/// Raises a register to `value`, at most 63, if it is lower; whether it was.
#[inline]
pub(super) fn raise(packed: &mut Packed, register: usize, value: u8) -> bool {
    let (word, shift) = group(packed, register);
    let old = (word >> shift) as u8 & VALUE_MAX;
    if old >= value {
        return false;
    }
    // The sum stays within the register's bits.
    let [first, second, third, _] = (word + (u32::from(value - old) << shift)).to_le_bytes();
    packed.as_chunks_mut().0[register / GROUP_REGISTERS] = [first, second, third];
    true
}

/// As [`raise`], for several registers that follow one another.
#[inline]
pub(super) fn raise_range(packed: &mut Packed, registers: Range<usize>, value: u8) {
    for register in registers {
        raise(packed, register, value);
    }
}

/// The three bytes that hold a register, as a number, and the register's place in it.
#[inline]
fn group(packed: &Packed, register: usize) -> (u32, usize) {
    let [first, second, third] = packed.as_chunks::<GROUP_BYTES>().0[register / GROUP_REGISTERS];
    (u32::from_le_bytes([first, second, third, 0]), register % GROUP_REGISTERS * 6)
}

/// The registers' values in order.
pub(super) fn values(packed: &Packed) -> impl Iterator<Item = u8> {
    (0..REGISTERS).map(|register| get(packed, register))
}

/// Bytes that are raised at a time: whole vectors, and whole periods of the masks.
const CHUNK_BYTES: usize = 48;

/// Raises every register to the value that it has in `other`, if it is lower.
pub(super) fn raise_all(packed: &mut Packed, other: &Packed) {
    const WHOLE: [Masks; 2] = [masks([0, 2, 4]), masks([6, 8, 10])];
    // Two registers of every eight lie across the border of two words.
    const ACROSS: [Masks; 1] = [masks([4, 6, u16::BITS])];
    let (chunks, other_chunks) =
        (packed.as_chunks_mut::<CHUNK_BYTES>().0, other.as_chunks::<CHUNK_BYTES>().0);
    for (mine, other) in chunks.iter_mut().zip(other_chunks) {
        raise_words(mine, other, &WHOLE);
    }
    let (chunks, rest) = packed[1..].as_chunks_mut::<CHUNK_BYTES>();
    let (other_chunks, other_rest) = other[1..].as_chunks::<CHUNK_BYTES>();
    for (mine, other) in chunks.iter_mut().zip(other_chunks) {
        raise_words(mine, other, &ACROSS);
    }
    raise_words(rest, other_rest, &ACROSS);
}

/// For each word of a chunk the bits of one register.
type Masks = [u16; CHUNK_BYTES / 2];

/// The masks of registers at these places in every third word, the second, the third; no register at place 16.
const fn masks(places: [u32; 3]) -> Masks {
    let mut masks = [0; CHUNK_BYTES / 2];
    let mut word = 0;
    while word < masks.len() {
        let place = places[word % 3];
        masks[word] = if place < u16::BITS { (VALUE_MAX as u16) << place } else { 0 };
        word += 1;
    }
    masks
}

#[inline(always)]
fn raise_words<const N: usize>(mine: &mut [u8], other: &[u8], masks: &[Masks; N]) {
    let words = mine.as_chunks_mut().0.iter_mut().zip(other.as_chunks().0);
    for (word, (mine, other)) in words.enumerate().take(CHUNK_BYTES / 2) {
        let (old, new) = (u16::from_le_bytes(*mine), u16::from_le_bytes(*other));
        let rises = masks.iter().map(|masks| (new & masks[word]).saturating_sub(old & masks[word]));
        *mine = (old + rises.sum::<u16>()).to_le_bytes();
    }
}

/// How often each value occurs.
///
/// Registers are counted in pairs, twelve bits at a time, and the counts of pairs are added up at the end. Two tables take
/// turns, so that a counter just written is not waited for where pairs repeat, as zeros do.
pub(super) fn histogram(packed: &Packed) -> Histogram {
    const CHUNK_PAIRS: u16 = 8;
    let mut tables = [[0; PAIRS]; 2];
    let mut zero_pairs = 0;
    for chunk in packed.as_chunks::<12>().0 {
        let &[a, b, c, d, e, f, g, h, i, j, k, l] = chunk;
        let low = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let high = u64::from_le_bytes([e, f, g, h, i, j, k, l]);
        if low | high == 0 {
            zero_pairs += CHUNK_PAIRS;
            continue;
        }
        for word in [low, high >> 16] {
            for pair in 0..4 {
                tables[pair % 2][(word >> (12 * pair)) as usize % PAIRS] += 1;
            }
        }
    }
    let [pairs, others] = &mut tables;
    pairs.iter_mut().zip(others).for_each(|(count, other)| *count += *other);
    pairs[0] += zero_pairs;
    values_of_pairs(pairs)
}

/// Values of a pair of registers.
const PAIRS: usize = VALUES * VALUES;

/// How often each value occurs as the first or the second of a pair.
fn values_of_pairs(pairs: &[u16; PAIRS]) -> Histogram {
    let mut firsts = [0u16; VALUES];
    let mut histogram = [0; VALUES];
    for (second, row) in histogram.iter_mut().zip(pairs.as_chunks::<VALUES>().0) {
        firsts.iter_mut().zip(row).for_each(|(first, count)| *first += count);
        *second = u32::from(row.iter().sum::<u16>());
    }
    histogram.iter_mut().zip(firsts).for_each(|(count, first)| *count += u32::from(first));
    histogram
}
