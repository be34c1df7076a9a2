//! The bytes of a block around its elements: header, back lengths, end. The table is in the head of `pack`.

use super::item::Item;

/// The bytes of a block without elements.
pub const EMPTY: &[u8] = &[0, 0, END];
/// The most bytes that a block should have: Redis' limit. What encodings add to the content may take it a little beyond.
pub const BYTES_MAX: usize = 1 << 30;

/// Bytes before the first element: their number.
pub(super) const HEADER_BYTES: usize = 2;
/// Bytes that a listpack has in front of the block: its length.
pub(super) const LEN_BYTES: usize = 4;
/// The number of elements when they must be counted.
pub(super) const COUNT_UNKNOWN: u16 = u16::MAX;
/// The last byte; no element starts with it.
pub(super) const END: u8 = 0xff;

/// Length of elements with back length by their first byte; 0 where more bytes must be looked at. One load takes the place
/// of branches that the mix of elements makes hard to predict.
static SHORT_LEN: [u8; 256] = short_lens();

const fn short_lens() -> [u8; 256] {
    let mut lens = [0; 256];
    let mut first = 0;
    while first < 256 {
        lens[first] = match first {
            0x00..=0x7f => 2,
            0x80..=0xbf => (first - 0x80 + 2) as u8,
            0xc0..=0xdf => 3,
            0xf1 => 4,
            0xf2 => 5,
            0xf3 => 6,
            0xf4 => 10,
            _ => 0,
        };
        first += 1;
    }
    lens
}

/// Bytes that the element at the start of `bytes` takes with its back length.
#[inline]
pub(super) fn entry_len_at(bytes: &[u8]) -> usize {
    match SHORT_LEN[usize::from(bytes[0])] {
        0 => long_entry_len_at(bytes),
        len => len.into(),
    }
}

#[inline(never)]
fn long_entry_len_at(bytes: &[u8]) -> usize {
    with_back_len(Item::encoded_len_at(bytes))
}

/// Bytes that the element at the end of `bytes` takes with its back length.
#[inline]
pub(super) fn entry_len_before(bytes: &[u8]) -> usize {
    match bytes[bytes.len() - 1] {
        len @ 0..0x80 => usize::from(len) + 1,
        _ => long_entry_len_before(bytes),
    }
}

#[inline(never)]
fn long_entry_len_before(bytes: &[u8]) -> usize {
    with_back_len(read_back_len(bytes))
}

/// Bytes that an item of this encoded length takes with its back length.
#[inline]
pub(super) fn with_back_len(encoded_len: usize) -> usize {
    encoded_len + back_len_bytes(encoded_len)
}

/// Bytes that the back length of an item of this encoded length takes. The greatest value of each width but the first is
/// left to the next, as Redis has it.
#[inline]
pub(super) fn back_len_bytes(encoded_len: usize) -> usize {
    match encoded_len {
        0..=0x7f => 1,
        0x80..0x3fff => 2,
        0x3fff..0x1f_ffff => 3,
        0x1f_ffff..0xfff_ffff => 4,
        _ => 5,
    }
}

/// Writes the back length of an item of this encoded length to the start of `to`; says how many bytes it took.
#[inline]
pub(super) fn write_back_len(encoded_len: usize, to: &mut [u8]) -> usize {
    if encoded_len < 0x80 {
        to[0] = encoded_len as u8;
        return 1;
    }
    let bytes = back_len_bytes(encoded_len);
    let mut rest = encoded_len;
    for byte in to[1..bytes].iter_mut().rev() {
        *byte = 0x80 | rest as u8;
        rest >>= 7;
    }
    to[0] = rest as u8;
    bytes
}

/// The encoded length of the item whose back length ends `bytes`.
fn read_back_len(bytes: &[u8]) -> usize {
    let mut len = 0;
    for (group, byte) in bytes.iter().rev().enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            break;
        }
    }
    len
}

/// Writes an item and its back length to the start of `to`; says how many bytes they took.
#[inline]
pub(super) fn write_entry(item: Item<'_>, to: &mut [u8]) -> usize {
    let len = item.write(to);
    len + write_back_len(len, &mut to[len..])
}
