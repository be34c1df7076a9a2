//! One element of a small collection, encoded as in a listpack but without the back length behind it.
//!
//! | first byte | then | element |
//! |---|---|---|
//! | `0xxxxxxx` | | integer 0..=127 |
//! | `10xxxxxx` | bytes | string of x < 64 bytes |
//! | `110xxxxx` | 8 more bits | 13-bit signed integer, high bits first |
//! | `1110xxxx` | 8 more bits, bytes | string of x < 4096 bytes, high bits first |
//! | `f0` | 4, bytes | string, length little-endian |
//! | `f1` `f2` `f3` `f4` | 2, 3, 4, 8 | signed integer, little-endian |
//!
//! Invariant: an item made by [`Item::of`] is canonical: it is an integer exactly when the bytes are an integer's decimal
//! form, and [`Item::write`] takes the shortest encoding. So equal bytes make equal items and equal encodings.

use super::layout::with_back_len;
use crate::entry::{decimal_len, parse_int};

/// The most bytes that come before a string's content, or that an integer takes.
pub(super) const HEAD_BYTES_MAX: usize = 9;

const INT_16: u8 = 0xf1;
const INT_24: u8 = 0xf2;
const INT_32: u8 = 0xf3;
const INT_64: u8 = 0xf4;
const STRING_6: u8 = 0x80;
const INT_13: u8 = 0xc0;
const STRING_12: u8 = 0xe0;
const STRING_32: u8 = 0xf0;

/// An element: what its bytes mean, not how they are encoded. Its order is for telling items apart, not that of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item<'a> {
    /// The decimal form of an integer.
    Int(i64),
    /// Any other bytes.
    Bytes(&'a [u8]),
}

impl<'a> Item<'a> {
    /// The item that `bytes` are: an integer when they are its decimal form, by the rule of [`parse_int`].
    #[inline]
    pub fn of(bytes: &'a [u8]) -> Item<'a> {
        match parse_int(bytes) {
            Some(value) => Item::Int(value),
            None => Item::Bytes(bytes),
        }
    }

    /// The element at the start of `bytes`, and how many of them it takes. Panics where the bytes end inside it.
    #[inline]
    pub fn read(bytes: &'a [u8]) -> (Item<'a>, usize) {
        let first = bytes[0];
        match first {
            0..STRING_6 => (Item::Int(first.into()), 1),
            STRING_6..INT_13 => string(bytes, 1, usize::from(first & 0x3f)),
            INT_13..STRING_12 => {
                let high = i16::from((first << 3) as i8) << 5; // bit 4 is the sign
                (Item::Int((high | i16::from(bytes[1])).into()), 2)
            }
            STRING_12..STRING_32 => string(bytes, 2, len_12(first, bytes[1])),
            STRING_32 => string(bytes, 5, len_32(bytes)),
            INT_16 => (Item::Int(int::<2>(bytes)), 3),
            INT_24 => (Item::Int(int::<3>(bytes)), 4),
            INT_32 => (Item::Int(int::<4>(bytes)), 5),
            _ => (Item::Int(int::<8>(bytes)), 9),
        }
    }

    /// How many bytes the element at the start of `bytes` takes. Reads at most five of them; panics where there are fewer
    /// than its length needs.
    #[inline]
    pub fn encoded_len_at(bytes: &[u8]) -> usize {
        let first = bytes[0];
        match first {
            0..STRING_6 => 1,
            STRING_6..INT_13 => 1 + usize::from(first & 0x3f),
            INT_13..STRING_12 => 2,
            STRING_12..STRING_32 => 2 + len_12(first, bytes[1]),
            STRING_32 => 5 + len_32(bytes),
            INT_16 => 3,
            INT_24 => 4,
            INT_32 => 5,
            _ => 9,
        }
    }

    /// Bytes that [`Item::write`] takes.
    #[inline]
    pub fn encoded_len(self) -> usize {
        match self {
            Item::Int(0..=127) => 1,
            Item::Int(-4096..=4095) => 2,
            Item::Int(value) => 1 + int_bytes(value),
            Item::Bytes(bytes) => match bytes.len() {
                len @ 0..=63 => 1 + len,
                len @ 64..=4095 => 2 + len,
                len => 5 + len,
            },
        }
    }

    /// Bytes that the element takes in a block, its back length included.
    #[inline]
    pub fn stored_len(self) -> usize {
        with_back_len(self.encoded_len())
    }

    /// Writes the element to the start of `to`; says how many bytes it took. Panics where `to` is shorter.
    #[inline]
    pub fn write(self, to: &mut [u8]) -> usize {
        let (head, head_len) = self.head();
        // Copies of a constant length take no call.
        match head_len {
            1 => to[0] = head[0],
            2 => to[..2].copy_from_slice(&head[..2]),
            3 => to[..3].copy_from_slice(&head[..3]),
            4 => to[..4].copy_from_slice(&head[..4]),
            5 => to[..5].copy_from_slice(&head[..5]),
            _ => to[..HEAD_BYTES_MAX].copy_from_slice(&head),
        }
        match self {
            Item::Int(_) => head_len,
            Item::Bytes(bytes) => {
                to[head_len..head_len + bytes.len()].copy_from_slice(bytes);
                head_len + bytes.len()
            }
        }
    }

    /// The encoding up to a string's content, all of an integer's: so many of these bytes, the rest is zero.
    #[inline]
    pub fn head(self) -> ([u8; HEAD_BYTES_MAX], usize) {
        let mut head = [0; HEAD_BYTES_MAX];
        let len = match self {
            Item::Int(value @ 0..=127) => {
                head[0] = value as u8;
                1
            }
            Item::Int(value @ -4096..=4095) => {
                head[0] = INT_13 | (value >> 8) as u8 & 0x1f;
                head[1] = value as u8;
                2
            }
            Item::Int(value) => {
                let len = int_bytes(value);
                head[0] = match len {
                    2 => INT_16,
                    3 => INT_24,
                    4 => INT_32,
                    _ => INT_64,
                };
                let bytes = value as u64 & u64::MAX >> (64 - 8 * len);
                head[1..].copy_from_slice(&bytes.to_le_bytes());
                1 + len
            }
            Item::Bytes(bytes) => match bytes.len() {
                len @ 0..=63 => {
                    head[0] = STRING_6 | len as u8;
                    1
                }
                len @ 64..=4095 => {
                    head[0] = STRING_12 | (len >> 8) as u8;
                    head[1] = len as u8;
                    2
                }
                len => {
                    head[0] = STRING_32;
                    let len = u32::try_from(len).expect("an element of less than 4 GiB");
                    head[1..5].copy_from_slice(&len.to_le_bytes());
                    5
                }
            },
        };
        (head, len)
    }

    /// The element's bytes; an integer is formatted into `buffer`.
    #[inline]
    pub fn as_bytes<'b>(self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Item::Int(value) => buffer.format(value).as_bytes(),
            Item::Bytes(bytes) => bytes,
        }
    }

    /// The element's bytes, copied.
    pub fn to_vec(self) -> Vec<u8> {
        self.as_bytes(&mut itoa::Buffer::new()).to_vec()
    }

    /// The integer that the element is.
    #[inline]
    pub fn as_int(self) -> Option<i64> {
        match self {
            Item::Int(value) => Some(value),
            Item::Bytes(bytes) => parse_int(bytes),
        }
    }

    /// Length of the element's bytes, of an integer in decimal.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            Item::Int(value) => decimal_len(value),
            Item::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether the element has no bytes.
    #[inline]
    pub fn is_empty(self) -> bool {
        matches!(self, Item::Bytes([]))
    }

    /// Whether the element's bytes are these. To compare many elements with the same bytes, make an item of them once.
    #[inline]
    pub fn equals(self, bytes: &[u8]) -> bool {
        match self {
            Item::Int(value) => parse_int(bytes) == Some(value),
            Item::Bytes(own) => own == bytes,
        }
    }
}

impl From<i64> for Item<'_> {
    #[inline]
    fn from(value: i64) -> Self {
        Item::Int(value)
    }
}

impl<'a> From<&'a [u8]> for Item<'a> {
    #[inline]
    fn from(bytes: &'a [u8]) -> Self {
        Item::of(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Item<'a> {
    #[inline]
    fn from(bytes: &'a [u8; N]) -> Self {
        Item::of(bytes)
    }
}

/// The whole bytes, 2, 3, 4 or 8, that an integer of more than 13 bits takes.
#[inline]
fn int_bytes(value: i64) -> usize {
    match value {
        -0x8000..=0x7fff => 2,
        -0x80_0000..=0x7f_ffff => 3,
        -0x8000_0000..=0x7fff_ffff => 4,
        _ => 8,
    }
}

#[inline]
fn string(bytes: &[u8], head_len: usize, len: usize) -> (Item<'_>, usize) {
    (Item::Bytes(&bytes[head_len..head_len + len]), head_len + len)
}

#[inline]
fn int<const WIDTH: usize>(bytes: &[u8]) -> i64 {
    let mut word = [0; 8];
    word[8 - WIDTH..].copy_from_slice(&bytes[1..=WIDTH]);
    i64::from_le_bytes(word) >> (64 - 8 * WIDTH)
}

#[inline]
fn len_12(first: u8, second: u8) -> usize {
    usize::from(first & 0x0f) << 8 | usize::from(second)
}

#[inline]
fn len_32(bytes: &[u8]) -> usize {
    let len = bytes[1..5].try_into().expect("four bytes");
    u32::from_le_bytes(len) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &[u8], encoded: &[u8]) {
        let item = Item::of(text);
        let mut bytes = vec![0xaa; encoded.len() + 1];
        assert_eq!(item.write(&mut bytes), encoded.len());
        assert_eq!(&bytes[..encoded.len()], encoded);
        assert_eq!(bytes[encoded.len()], 0xaa, "written past the end");
        assert_eq!(item.encoded_len(), encoded.len());
        assert_eq!(Item::encoded_len_at(&bytes), encoded.len());
        assert_eq!(Item::read(&bytes), (item, encoded.len()));
        assert_eq!(item.to_vec(), text);
        assert_eq!(item.len(), text.len());
        assert_eq!(item.is_empty(), text.is_empty());
        assert!(item.equals(text));
        assert!(!item.equals(&[text, b"0"].concat()));
    }

    #[test]
    fn integers_take_the_shortest_encoding() {
        check(b"0", &[0]);
        check(b"127", &[0x7f]);
        check(b"128", &[0xc0, 0x80]);
        check(b"4095", &[0xcf, 0xff]);
        check(b"-1", &[0xdf, 0xff]);
        check(b"-4096", &[0xd0, 0]);
        check(b"4096", &[0xf1, 0, 0x10]);
        check(b"-4097", &[0xf1, 0xff, 0xef]);
        check(b"32767", &[0xf1, 0xff, 0x7f]);
        check(b"-32768", &[0xf1, 0, 0x80]);
        check(b"32768", &[0xf2, 0, 0x80, 0]);
        check(b"-32769", &[0xf2, 0xff, 0x7f, 0xff]);
        check(b"8388607", &[0xf2, 0xff, 0xff, 0x7f]);
        check(b"-8388608", &[0xf2, 0, 0, 0x80]);
        check(b"8388608", &[0xf3, 0, 0, 0x80, 0]);
        check(b"-8388609", &[0xf3, 0xff, 0xff, 0x7f, 0xff]);
        check(b"2147483647", &[0xf3, 0xff, 0xff, 0xff, 0x7f]);
        check(b"-2147483648", &[0xf3, 0, 0, 0, 0x80]);
        check(b"2147483648", &[0xf4, 0, 0, 0, 0x80, 0, 0, 0, 0]);
        check(b"9223372036854775807", &[0xf4, 255, 255, 255, 255, 255, 255, 255, 0x7f]);
        check(b"-9223372036854775808", &[0xf4, 0, 0, 0, 0, 0, 0, 0, 0x80]);
    }

    #[test]
    fn what_is_no_canonical_integer_is_bytes() {
        for text in
            ["", "-", "-0", "01", "+1", " 1", "1 ", "1.0", "9223372036854775808", "-9223372036854775809"]
        {
            let mut encoded = vec![0x80 | text.len() as u8];
            encoded.extend_from_slice(text.as_bytes());
            check(text.as_bytes(), &encoded);
            assert_eq!(Item::of(text.as_bytes()).as_int(), None);
        }
    }

    #[test]
    fn strings_take_the_shortest_encoding() {
        for (len, head) in [
            (63, &[0xbf][..]),
            (64, &[0xe0, 0x40]),
            (255, &[0xe0, 0xff]),
            (256, &[0xe1, 0]),
            (4095, &[0xef, 0xff]),
            (4096, &[0xf0, 0, 0x10, 0, 0]),
            (70_000, &[0xf0, 0x70, 0x11, 1, 0]),
        ] {
            let text = vec![b'x'; len];
            check(&text, &[head, &text].concat());
        }
    }

    #[test]
    fn longer_encodings_of_an_integer_are_read() {
        for encoded in [&[0xc0, 5][..], &[0xf1, 5, 0], &[0xf2, 5, 0, 0], &[0xf4, 5, 0, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(Item::read(encoded), (Item::Int(5), encoded.len()));
        }
    }

    proptest! {
        #[test]
        fn any_item_is_read_as_written(text in prop_oneof![
            any::<i64>().prop_map(|value| value.to_string().into_bytes()),
            (any::<i64>(), 0u32..64).prop_map(|(value, shift)| (value >> shift).to_string().into_bytes()),
            proptest::collection::vec(any::<u8>(), 0..200),
            "[-+ 0-9]{0,21}".prop_map(String::into_bytes),
        ]) {
            let item = Item::of(&text);
            let mut bytes = vec![0; item.encoded_len()];
            prop_assert_eq!(item.write(&mut bytes), bytes.len());
            prop_assert_eq!(Item::read(&bytes), (item, bytes.len()));
            prop_assert_eq!(item.to_vec(), text.clone());
            prop_assert_eq!(item.len(), text.len());
            prop_assert!(item.equals(&text));
            prop_assert_eq!(item.as_int(), parse_int(&text));
        }
    }
}
