//! What can happen to the bytes of a value.

use crate::seed::Seed;

/// Bytes that mean something in one of the formats: lengths, encodings, ends.
const BYTES: [u8; 20] = [
    0, 1, 2, 7, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xdf, 0xe0, 0xf0, 0xf1, 0xfe,
    0xff,
];
/// Types that a server may know.
const TYPES: [u8; 24] =
    [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26];
/// A body gets no longer by splicing.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The last body with a few changes, some of which bring bytes of the others.
pub(super) fn harm(seed: &mut Seed, bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = bodies.last().cloned().unwrap_or_default();
    for _ in 0..=seed.below(4) {
        change(seed, &mut bytes, bodies);
        if bytes.is_empty() {
            bytes.push(*seed.pick(&TYPES));
        }
    }
    bytes.truncate(BODY_BYTES_MAX);
    bytes
}

fn change(seed: &mut Seed, bytes: &mut Vec<u8>, bodies: &[Vec<u8>]) {
    let at = place(seed, bytes.len());
    match seed.below(16) {
        0..=2 => bytes[at] ^= 1 << seed.below(8),
        3..=5 => bytes[at] = *seed.pick(&BYTES),
        6 => bytes.insert(at, *seed.pick(&BYTES)),
        7 => drop(bytes.remove(at)),
        8 => bytes.truncate(at),
        9 => bytes[at] = bytes[at].wrapping_add(1),
        10 => bytes[at] = bytes[at].wrapping_sub(1),
        11 => bytes[0] = *seed.pick(&TYPES),
        12 => {
            let other = seed.pick(bodies);
            let from = seed.below(other.len());
            let len = seed.below(other.len() - from).min(200);
            let until = if seed.one_in(2) { at } else { (at + len).min(bytes.len()) };
            bytes.splice(at..until, other[from..from + len].iter().copied());
        }
        13 => {
            let other = seed.pick(bodies);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[seed.below(other.len())..]);
        }
        14 => {
            let until = (at + 1 + seed.below(20)).min(bytes.len());
            let part = bytes[at..until].to_vec();
            bytes.splice(at..at, part);
        }
        _ => {
            let number =
                *seed.pick(&[0u64, 1, 127, 128, 0xffff, 0x7fff_ffff, 0xffff_ffff, u64::MAX / 2, u64::MAX]);
            let width = *seed.pick(&[1, 2, 4, 8]);
            let little = number.to_le_bytes();
            for (byte, new) in bytes[at..].iter_mut().zip(&little[..width]) {
                *byte = *new;
            }
        }
    }
}

/// Mostly near the start, which says how to read the rest.
fn place(seed: &mut Seed, len: usize) -> usize {
    let reach = match seed.below(4) {
        0 => len.min(16),
        1 => len.min(64),
        _ => len,
    };
    seed.below(reach)
}
