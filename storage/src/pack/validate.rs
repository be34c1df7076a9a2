//! Checking bytes from outside, an RDB file or a RESTORE, before they are read as a block or a set of integers.
//!
//! What passes is walked to its end from both sides without a panic. It need not be canonical: see [`PackRef::canonical`].

use std::borrow::Cow;
use std::fmt;

use super::edit::PackMut;
use super::intset::{self, IntSetRef};
use super::item::Item;
use super::layout::{END, HEADER_BYTES, LEN_BYTES, back_len_bytes, write_back_len};
use super::read::PackRef;

/// What is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt {
    /// What is wrong.
    pub fault: Fault,
    /// Where, in bytes from the start; of an element, where it starts.
    pub offset: usize,
}

/// What can be wrong with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There are fewer bytes than a header takes, or the header tells another number than there are.
    Length,
    /// The last byte is not the end.
    End,
    /// An element starts with a byte that means nothing.
    Encoding,
    /// An element reaches beyond the end.
    Element,
    /// An element's back length is not its length.
    BackLength,
    /// The header tells another number of elements than there are.
    Count,
    /// Integers take a number of bytes that is not 2, 4 or 8.
    Width,
    /// An integer is not greater than the one before it.
    Order,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Length => "a length that is not that of the bytes",
            Fault::End => "no end",
            Fault::Encoding => "an unknown encoding",
            Fault::Element => "an element beyond the end",
            Fault::BackLength => "a wrong back length",
            Fault::Count => "a wrong number of elements",
            Fault::Width => "a wrong width of integers",
            Fault::Order => "integers out of order",
        })
    }
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.fault, self.offset)
    }
}

impl std::error::Error for Corrupt {}

/// Checks every byte of a listpack; the block is that without its length.
pub fn validate(bytes: &[u8]) -> Result<PackRef<'_>, Corrupt> {
    if bytes.len() <= LEN_BYTES + HEADER_BYTES || u32_at(bytes, 0) as usize != bytes.len() {
        return Err(Corrupt { fault: Fault::Length, offset: 0 });
    }
    let end = bytes.len() - 1;
    if bytes[end] != END {
        return Err(Corrupt { fault: Fault::End, offset: end });
    }
    let (mut count, mut offset) = (0, LEN_BYTES + HEADER_BYTES);
    while offset < end {
        offset += entry_len(&bytes[offset..end]).map_err(|fault| Corrupt { fault, offset })?;
        count += 1;
    }
    let pack = PackRef::new(&bytes[LEN_BYTES..]);
    match pack.count() {
        Some(told) if told != count => Err(Corrupt { fault: Fault::Count, offset: LEN_BYTES }),
        _ => Ok(pack),
    }
}

/// Checks every byte of a set of integers.
pub fn validate_intset(bytes: &[u8]) -> Result<IntSetRef<'_>, Corrupt> {
    if bytes.len() < intset::HEADER_BYTES {
        return Err(Corrupt { fault: Fault::Length, offset: 0 });
    }
    let (width, count) = (u32_at(bytes, 0), u64::from(u32_at(bytes, 4)));
    if !matches!(width, 2 | 4 | 8) {
        return Err(Corrupt { fault: Fault::Width, offset: 0 });
    }
    if intset::HEADER_BYTES as u64 + count * u64::from(width) != bytes.len() as u64 {
        return Err(Corrupt { fault: Fault::Length, offset: 4 });
    }
    let set = IntSetRef::new(bytes);
    match set.iter().zip(set.iter().skip(1)).position(|(one, next)| one >= next) {
        Some(index) => {
            let offset = intset::HEADER_BYTES + (index + 1) * width as usize;
            Err(Corrupt { fault: Fault::Order, offset })
        }
        None => Ok(set),
    }
}

impl<'a> PackRef<'a> {
    /// The block with every element in its canonical encoding, as Redis and this module write them. Other writers may have
    /// left integers as strings, or with more bytes than they need; those would not be found.
    pub fn canonical(self) -> Cow<'a, [u8]> {
        let mut offset = HEADER_BYTES;
        while offset < self.end() {
            let (item, len) = Item::read(&self.bytes()[offset..]);
            // The canonical encoding is shorter than any other, also than the digits of an integer.
            if canonical_item(item).encoded_len() != len {
                let mut pack = Vec::with_capacity(self.bytes().len());
                PackMut::empty_in(&mut pack).extend(self.iter().map(canonical_item));
                return Cow::Owned(pack);
            }
            offset = self.after(offset);
        }
        Cow::Borrowed(self.bytes())
    }
}

fn canonical_item(item: Item<'_>) -> Item<'_> {
    match item {
        Item::Int(_) => item,
        Item::Bytes(bytes) => Item::of(bytes),
    }
}

/// The bytes that the first element of `bytes` takes with its back length.
fn entry_len(bytes: &[u8]) -> Result<usize, Fault> {
    let head_bytes = match bytes[0] {
        0xf5.. => return Err(Fault::Encoding),
        0xf0 => 5,
        0xe0..0xf0 => 2,
        _ => 1,
    };
    if bytes.len() < head_bytes {
        return Err(Fault::Element);
    }
    let len = Item::encoded_len_at(bytes);
    let back_bytes = back_len_bytes(len);
    let back_len = bytes.get(len..len + back_bytes).ok_or(Fault::Element)?;
    let mut expected = [0; 5];
    write_back_len(len, &mut expected);
    if back_len == &expected[..back_bytes] { Ok(len + back_bytes) } else { Err(Fault::BackLength) }
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().expect("four bytes"))
}
