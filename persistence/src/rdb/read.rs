//! The primitives, read from bytes.

use std::borrow::Cow;

use super::{Error, Fault, Type};
use crate::dump::VERSION_VALKEY;
use crate::lzf;
use rufous_storage::pack::Item;

const INT_8: u8 = 0;
const INT_16: u8 = 1;
const INT_32: u8 = 2;
const LZF: u8 = 3;

const NOT_A_NUMBER: u8 = 253;
const INFINITY: u8 = 254;
const MINUS_INFINITY: u8 = 255;

/// A string as it was encoded.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    /// The decimal form of an integer.
    Int(i64),
    /// Bytes: those of the input, or decompressed.
    Bytes(Cow<'a, [u8]>),
}

impl From<Item<'_>> for Text<'_> {
    /// Copies the element.
    fn from(item: Item<'_>) -> Self {
        match item {
            Item::Int(value) => Text::Int(value),
            Item::Bytes(bytes) => Text::Bytes(Cow::Owned(bytes.to_vec())),
        }
    }
}

impl Text<'_> {
    /// The element that this is in a collection.
    pub fn item(&self) -> Item<'_> {
        match self {
            Text::Int(value) => Item::Int(*value),
            Text::Bytes(bytes) => Item::of(bytes),
        }
    }

    /// The bytes; an integer is formatted into `buffer`.
    pub fn as_bytes<'b>(&'b self, buffer: &'b mut itoa::Buffer) -> &'b [u8] {
        match self {
            Text::Int(value) => buffer.format(*value).as_bytes(),
            Text::Bytes(bytes) => bytes,
        }
    }

    /// The bytes, copied where they are still those of the input.
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Text::Int(value) => itoa::Buffer::new().format(value).as_bytes().to_vec(),
            Text::Bytes(bytes) => bytes.into_owned(),
        }
    }
}

/// Reads from the front of some bytes.
///
/// Invariant: a function that fails leaves the reader anywhere, but inside the bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    all: &'a [u8],
    at: usize,
    /// Added to offsets: where the bytes come from.
    base: usize,
    /// The version is one of Redis', where both have given a type of value a meaning.
    is_of_redis: bool,
}

/// A length, or the special encoding that a string has in its place.
enum Length {
    Plain(u64),
    Special(u8),
}

impl<'a> Reader<'a> {
    /// A reader from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader::inside(bytes, 0)
    }

    /// A reader of a block inside other bytes, which starts at the offset `base` there.
    pub fn inside(bytes: &'a [u8], base: usize) -> Reader<'a> {
        Reader { all: bytes, at: 0, base, is_of_redis: false }
    }

    /// The same for bytes of a version. Without it they count as Valkey's, where Redis and Valkey differ.
    pub fn of_version(self, version: u16) -> Reader<'a> {
        Reader { is_of_redis: version < VERSION_VALKEY, ..self }
    }

    /// Whether types that Redis and Valkey have given different meanings are Valkey's.
    pub(super) fn is_of_valkey(&self) -> bool {
        !self.is_of_redis
    }

    /// Where the next byte is.
    pub fn offset(&self) -> usize {
        self.base + self.at
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.all.len() - self.at
    }

    /// An error at the present offset.
    pub fn error(&self, fault: Fault) -> Error {
        Error { offset: self.offset(), fault }
    }

    /// The error of bytes that make no sense, at the present offset.
    pub fn corrupt(&self, what: &'static str) -> Error {
        self.error(Fault::Corrupt(what))
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Error> {
        Ok(self.array::<1>()?[0])
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: u64) -> Result<&'a [u8], Error> {
        let len = usize::try_from(len).ok().filter(|len| *len <= self.remaining());
        let len = len.ok_or(self.error(Fault::End))?;
        let bytes = &self.all[self.at..self.at + len];
        self.at += len;
        Ok(bytes)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let bytes = self.all[self.at..].first_chunk::<N>().ok_or(self.error(Fault::End))?;
        self.at += N;
        Ok(*bytes)
    }

    /// The byte that announces a value.
    pub fn kind(&mut self) -> Result<Type, Error> {
        let start = self.clone();
        let byte = self.byte()?;
        Type::of(byte).ok_or(start.error(Fault::Type(byte)))
    }

    /// A length.
    #[allow(clippy::len_without_is_empty)] // reads; is not the reader's own length
    pub fn len(&mut self) -> Result<u64, Error> {
        let start = self.clone();
        match self.length()? {
            Length::Plain(len) => Ok(len),
            Length::Special(_) => Err(start.corrupt("an encoded string where a length is due")),
        }
    }

    /// How many things follow, of which each takes a byte at least.
    pub fn count(&mut self) -> Result<usize, Error> {
        let count = self.len()?;
        usize::try_from(count).ok().filter(|count| *count <= self.remaining()).ok_or(self.error(Fault::End))
    }

    /// A string.
    pub fn text(&mut self) -> Result<Text<'a>, Error> {
        let start = self.clone();
        match self.length()? {
            Length::Plain(len) => Ok(Text::Bytes(Cow::Borrowed(self.take(len)?))),
            Length::Special(INT_8) => Ok(Text::Int(i8::from_le_bytes(self.array()?).into())),
            Length::Special(INT_16) => Ok(Text::Int(i16::from_le_bytes(self.array()?).into())),
            Length::Special(INT_32) => Ok(Text::Int(i32::from_le_bytes(self.array()?).into())),
            Length::Special(LZF) => Ok(Text::Bytes(Cow::Owned(self.compressed()?))),
            Length::Special(_) => Err(start.corrupt("an unknown encoding of a string")),
        }
    }

    /// A string as bytes.
    pub fn bytes(&mut self) -> Result<Cow<'a, [u8]>, Error> {
        match self.text()? {
            Text::Bytes(bytes) => Ok(bytes),
            int => Ok(Cow::Owned(int.into_vec())),
        }
    }

    /// A double of eight bytes.
    pub fn double(&mut self) -> Result<f64, Error> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// A double as text, as in old sorted sets.
    pub fn textual_double(&mut self) -> Result<f64, Error> {
        match self.byte()? {
            NOT_A_NUMBER => Ok(f64::NAN),
            INFINITY => Ok(f64::INFINITY),
            MINUS_INFINITY => Ok(f64::NEG_INFINITY),
            len => {
                let start = self.clone();
                let text = std::str::from_utf8(self.take(len.into())?).ok();
                text.and_then(|text| text.parse().ok()).ok_or(start.corrupt("a score that is no number"))
            }
        }
    }

    /// A time, unix ms.
    pub fn milliseconds(&mut self) -> Result<i64, Error> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    fn length(&mut self) -> Result<Length, Error> {
        let start = self.clone();
        let first = self.byte()?;
        let low = first & 0x3f;
        match first {
            0..0x40 => Ok(Length::Plain(low.into())),
            0x40..0x80 => Ok(Length::Plain(u64::from(low) << 8 | u64::from(self.byte()?))),
            0x80 => Ok(Length::Plain(u32::from_be_bytes(self.array()?).into())),
            0x81 => Ok(Length::Plain(u64::from_be_bytes(self.array()?))),
            0x82..0xc0 => Err(start.corrupt("an unknown form of a length")),
            0xc0.. => Ok(Length::Special(low)),
        }
    }

    fn compressed(&mut self) -> Result<Vec<u8>, Error> {
        let (compressed_len, len) = (self.len()?, self.len()?);
        let start = self.clone();
        let compressed = self.take(compressed_len)?;
        let text = usize::try_from(len).ok().and_then(|len| lzf::decompress(compressed, len));
        text.ok_or(start.corrupt("a compressed string that does not decompress"))
    }
}
