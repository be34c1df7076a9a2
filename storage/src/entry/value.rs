//! What an entry holds, in words: kinds, encodings, string values on their way in and out.

use super::Large;
use crate::blob::Blob;
use crate::pack::Item;

/// What a key holds, numbered as RDB and modules number it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Bytes or an integer.
    String = 0,
    /// A list.
    List = 1,
    /// A set.
    Set = 2,
    /// A sorted set.
    SortedSet = 3,
    /// A hash.
    Hash = 4,
    /// A module's own type.
    Module = 5,
    /// A stream.
    Stream = 6,
}

impl Kind {
    /// The name as `TYPE` replies it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list",
            Kind::Set => "set",
            Kind::SortedSet => "zset",
            Kind::Hash => "hash",
            Kind::Module => "module",
            Kind::Stream => "stream",
        }
    }

    pub(super) fn from_bits(bits: u8) -> Kind {
        match bits {
            0 => Kind::String,
            1 => Kind::List,
            2 => Kind::Set,
            3 => Kind::SortedSet,
            4 => Kind::Hash,
            5 => Kind::Module,
            _ => Kind::Stream,
        }
    }
}

/// How a value is laid out, in the words of `OBJECT ENCODING`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// An integer.
    Int,
    /// A short string that was never changed in place.
    Embstr,
    /// Any other string.
    Raw,
    /// A small collection: one block of bytes.
    Listpack,
    /// A small hash whose fields may expire: one block of bytes.
    ListpackEx,
    /// A small set of integers: one sorted block.
    Intset,
    /// A large set or hash.
    Hashtable,
    /// A large list.
    Quicklist,
    /// A large sorted set.
    Skiplist,
    /// A stream.
    Stream,
}

impl Encoding {
    /// The name as `OBJECT ENCODING` replies it.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Int => "int",
            Encoding::Embstr => "embstr",
            Encoding::Raw => "raw",
            Encoding::Listpack => "listpack",
            Encoding::ListpackEx => "listpackex",
            Encoding::Intset => "intset",
            Encoding::Hashtable => "hashtable",
            Encoding::Quicklist => "quicklist",
            Encoding::Skiplist => "skiplist",
            Encoding::Stream => "stream",
        }
    }
}

/// A value on its way into an entry. Integers are for strings, bytes for strings and small collections.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    /// Bytes, then zeros up to a length.
    Padded {
        bytes: &'a [u8],
        len: usize,
    },
    Blob(Blob),
    Large(Large),
}

/// A string value as it lies in an entry.
#[derive(Clone, Copy, Debug)]
pub enum Str<'a> {
    /// An integer; its decimal form is the string.
    Int(i64),
    /// Bytes inside the entry.
    Bytes(&'a [u8]),
    /// A large value, which can be shared without copying.
    Blob(&'a Blob),
}

impl<'a> From<Item<'a>> for Str<'a> {
    #[inline]
    fn from(item: Item<'a>) -> Str<'a> {
        match item {
            Item::Int(value) => Str::Int(value),
            Item::Bytes(bytes) => Str::Bytes(bytes),
        }
    }
}

impl<'a> Str<'a> {
    /// Length in bytes, of an integer in decimal.
    pub fn len(self) -> usize {
        match self {
            Str::Int(value) => decimal_len(value),
            Str::Bytes(bytes) => bytes.len(),
            Str::Blob(blob) => blob.len(),
        }
    }

    /// Whether the string has no bytes.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The bytes; an integer is formatted into `buffer`.
    pub fn as_bytes<'b>(self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Str::Int(value) => buffer.format(value).as_bytes(),
            Str::Bytes(bytes) => bytes,
            Str::Blob(blob) => blob,
        }
    }

    /// The bytes, copied.
    pub fn to_vec(self) -> Vec<u8> {
        self.as_bytes(&mut itoa::Buffer::new()).to_vec()
    }

    /// The integer that the string is, by the strict rule of [`parse_int`].
    pub fn to_int(self) -> Option<i64> {
        match self {
            Str::Int(value) => Some(value),
            Str::Bytes(bytes) => parse_int(bytes),
            Str::Blob(blob) => parse_int(blob),
        }
    }

    /// The large value, for replies by reference.
    pub fn blob(self) -> Option<&'a Blob> {
        match self {
            Str::Blob(blob) => Some(blob),
            _ => None,
        }
    }
}

/// The integer whose canonical decimal form `bytes` is: no sign but a minus, no leading zero, no space.
pub fn parse_int(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => (),
        _ => return None,
    }
    let mut magnitude = 0u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit - b'0'); // 19 digits stay below 2^64
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// How many characters the decimal form of `value` has.
pub(crate) fn decimal_len(value: i64) -> usize {
    let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
    digits + usize::from(value < 0)
}
