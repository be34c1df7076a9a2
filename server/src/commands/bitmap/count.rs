//! BITCOUNT and BITPOS: counting and finding bits in a string or a part of it.

use super::{integer, is_bit_unit};
use crate::command::Outcome;
use crate::context::Ctx;
use rufous_protocol::error;
use rufous_protocol::request::Args;

const WORD_BYTES: usize = 8;
/// Bytes that are searched together, so that the compiler can put them into vector registers.
const STRIDE_BYTES: usize = 4 * WORD_BYTES;

/// BITCOUNT key \[start end \[BYTE | BIT\]\]
pub(super) fn bitcount(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let Some(value) = cx.db.string(args.get(1))? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let mut buffer = itoa::Buffer::new();
    let bytes = value.as_bytes(&mut buffer);
    let range = match args.len() {
        2 => whole(bytes),
        4 | 5 => {
            let (start, end) = (integer(args.get(2))?, integer(args.get(3))?);
            let is_backwards = start < 0 && end < 0 && start > end;
            let in_bits = !is_backwards && args.find(4).map_or(Ok(false), is_bit_unit)?;
            if is_backwards { None } else { clamp(start, end, bytes.len(), in_bits) }
        }
        _ => return Err(error::SYNTAX),
    };
    let count = range.map_or(0, |(first, last)| count_between(bytes, first, last));
    cx.reply.integer(count as i64);
    Ok(())
}

/// BITPOS key bit \[start \[end \[BYTE | BIT\]\]\]
pub(super) fn bitpos(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let bit = match integer(args.get(2))? {
        0 => false,
        1 => true,
        _ => return Err(error::BIT_ARGUMENT),
    };
    let Some(value) = cx.db.string(args.get(1))? else {
        cx.reply.integer(if bit { -1 } else { 0 });
        return Ok(());
    };
    let mut buffer = itoa::Buffer::new();
    let bytes = value.as_bytes(&mut buffer);
    let range = match args.len() {
        3 => whole(bytes),
        4..=6 => {
            let start = integer(args.get(3))?;
            let in_bits = args.find(5).map_or(Ok(false), is_bit_unit)?;
            let end = args.find(4).map_or(Ok(-1), integer)?;
            clamp(start, end, bytes.len(), in_bits)
        }
        _ => return Err(error::SYNTAX),
    };
    let has_end = args.len() > 4;
    let position = range.and_then(|(first, last)| {
        // Without an end, the string goes on with zeros for ever.
        let beyond = (!bit && !has_end).then_some(last + 1);
        find_between(bytes, first, last, bit).or(beyond)
    });
    cx.reply.integer(position.map_or(-1, |position| position as i64));
    Ok(())
}

/// The first and last bit of all bytes.
fn whole(bytes: &[u8]) -> Option<(u64, u64)> {
    clamp(0, -1, bytes.len(), false)
}

/// The first and last bit of a range of bytes or bits, inclusive; negative offsets count from the end. `None` if it is empty.
fn clamp(start: i64, end: i64, len: usize, in_bits: bool) -> Option<(u64, u64)> {
    let total = if in_bits { len as i64 * 8 } else { len as i64 };
    let from_front = |offset: i64| if offset < 0 { offset.saturating_add(total).max(0) } else { offset };
    let (start, end) = (from_front(start), from_front(end).min(total - 1));
    if start > end {
        None
    } else if in_bits {
        Some((start as u64, end as u64))
    } else {
        Some((start as u64 * 8, end as u64 * 8 + 7))
    }
}

/// The bits of byte `index` that are among those from `first` to `last`, counted from the front of the string.
fn mask(index: usize, first: u64, last: u64) -> u8 {
    let mut mask = 0xff;
    if index as u64 == first / 8 {
        mask &= 0xff >> (first % 8);
    }
    if index as u64 == last / 8 {
        mask &= !(0x7f >> (last % 8));
    }
    mask
}

/// How many of the bits from `first` to `last` are 1.
fn count_between(bytes: &[u8], first: u64, last: u64) -> u64 {
    let (head, tail) = ((first / 8) as usize, (last / 8) as usize);
    let edge = |index| u64::from((bytes[index] & mask(index, first, last)).count_ones());
    if head == tail {
        return edge(head);
    }
    edge(head) + count_ones(&bytes[head + 1..tail]) + edge(tail)
}

/// How many bits are 1. Word by word, which the compiler turns into vector code; carry-save adders gained nothing.
fn count_ones(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(WORD_BYTES);
    let odd: u64 = words.remainder().iter().map(|byte| u64::from(byte.count_ones())).sum();
    odd + words.map(|bytes| u64::from(word(bytes).count_ones())).sum::<u64>()
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_ne_bytes(bytes.try_into().expect("eight bytes"))
}

/// The first of the bits from `first` to `last` that is `bit`.
fn find_between(bytes: &[u8], first: u64, last: u64, bit: bool) -> Option<u64> {
    let (head, tail) = ((first / 8) as usize, (last / 8) as usize);
    let skipped = skipped(bit);
    let edge = |index: usize| {
        let other = (bytes[index] ^ skipped) & mask(index, first, last);
        (other != 0).then(|| index as u64 * 8 + u64::from(other.leading_zeros()))
    };
    let between = || {
        let middle = bytes.get(head + 1..tail)?;
        Some(find(middle, skipped)? + (head as u64 + 1) * 8)
    };
    edge(head).or_else(between).or_else(|| edge(tail))
}

/// The byte that holds no such bit.
fn skipped(bit: bool) -> u8 {
    if bit { 0 } else { 0xff }
}

/// The first bit that is not as in the byte `skipped`, which is all zeros or all ones.
fn find(bytes: &[u8], skipped: u8) -> Option<u64> {
    let skipped_word = u64::from_ne_bytes([skipped; WORD_BYTES]);
    let is_other = |stride: &[u8]| {
        let words = stride.chunks_exact(WORD_BYTES);
        words.fold(0, |other, bytes| other | (word(bytes) ^ skipped_word)) != 0
    };
    let strides = bytes.chunks_exact(STRIDE_BYTES).position(is_other).unwrap_or(bytes.len() / STRIDE_BYTES);
    let start = strides * STRIDE_BYTES;
    let index = start + bytes[start..].iter().position(|&byte| byte != skipped)?;
    Some(index as u64 * 8 + u64::from((bytes[index] ^ skipped).leading_zeros()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bits(bytes: &[u8]) -> Vec<bool> {
        bytes.iter().flat_map(|byte| (0..8).map(move |i| byte >> (7 - i) & 1 != 0)).collect()
    }

    #[test]
    fn ranges_are_clamped() {
        assert_eq!(clamp(0, -1, 3, false), Some((0, 23)));
        assert_eq!(clamp(1, 1, 3, false), Some((8, 15)));
        assert_eq!(clamp(1, 1, 3, true), Some((1, 1)));
        assert_eq!(clamp(-2, 100, 3, true), Some((22, 23)));
        assert_eq!(clamp(-100, -100, 3, false), Some((0, 7)));
        assert_eq!(clamp(3, 3, 3, false), None);
        assert_eq!(clamp(2, 1, 3, true), None);
        assert_eq!(clamp(0, -1, 0, false), None);
        assert_eq!(clamp(i64::MIN, i64::MAX, 3, true), Some((0, 23)));
    }

    proptest! {
        #[test]
        fn counting_is_adding_up_bits(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let naive = bits(&bytes).iter().filter(|&&bit| bit).count() as u64;
            prop_assert_eq!(count_ones(&bytes), naive);
        }

        #[test]
        fn ranges_count_and_find_what_is_inside(
            mut bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(0xff), any::<u8>()], 1..12),
            run in (any::<bool>(), 0usize..100),
            a in any::<prop::sample::Index>(),
            b in any::<prop::sample::Index>(),
            bit in any::<bool>(),
        ) {
            let middle = bytes.len() / 2;
            bytes.splice(middle..middle, std::iter::repeat_n(if run.0 { 0xff } else { 0 }, run.1));
            let bits = bits(&bytes);
            let (a, b) = (a.index(bits.len()), b.index(bits.len()));
            let (first, last) = (a.min(b), a.max(b));
            let inside = &bits[first..=last];
            let count = inside.iter().filter(|&&bit| bit).count() as u64;
            prop_assert_eq!(count_between(&bytes, first as u64, last as u64), count);
            let position = inside.iter().position(|&other| other == bit).map(|at| (first + at) as u64);
            prop_assert_eq!(find_between(&bytes, first as u64, last as u64, bit), position);
        }
    }
}
