//! The ziplist, in which Redis kept small collections before 7.0.
//!
//! | bytes | content |
//! |---|---|
//! | 0..4 | length of the whole in bytes, little-endian |
//! | 4..8 | offset of the last element |
//! | 8..10 | number of elements; 65,535 means that or more |
//! | then, per element | length of the element before it, its own head, its content |
//! | last | `ff` |
//!
//! The length in front is one byte below 254, else `fe` and four bytes, little-endian. Heads:
//!
//! | head | then | element |
//! |---|---|---|
//! | `00nnnnnn` | n bytes | string |
//! | `01nnnnnn` | 1 byte, n bytes | string; n has 14 bits, high bits first |
//! | `10......` | 4 bytes, n bytes | string; n big-endian |
//! | `c0` `d0` `e0` | 2, 4, 8 bytes | signed integer, little-endian |
//! | `f0` `fe` | 3 bytes, 1 byte | signed integer, little-endian |
//! | `f1`..`fd` | | the integers 0 to 12 |

use super::super::{Error, Reader};
use rufous_storage::pack::Item;

const END: u8 = 0xff;
const LONG_PREVIOUS: u8 = 0xfe;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// All elements, once every byte is checked.
pub(super) fn items<'a>(reader: &mut Reader<'a>) -> Result<Vec<Item<'a>>, Error> {
    let (start, len) = (reader.clone(), reader.remaining());
    let (told_len, last) = (u32::from_le_bytes(reader.array()?), u32::from_le_bytes(reader.array()?));
    let told_count = u16::from_le_bytes(reader.array()?);
    if told_len as usize != len {
        return Err(start.corrupt("a ziplist of another length"));
    }
    let (mut items, mut previous, mut previous_len) = (Vec::new(), None, 0);
    loop {
        let here = reader.clone();
        let first = reader.byte()?;
        if first == END {
            break;
        }
        let told_previous_len = match first {
            LONG_PREVIOUS => u32::from_le_bytes(reader.array()?) as usize,
            short => usize::from(short),
        };
        if told_previous_len != previous_len {
            return Err(here.corrupt("a ziplist's element with a wrong length of the one before"));
        }
        items.push(item(reader)?);
        previous = Some(here.offset() - start.offset());
        previous_len = reader.offset() - here.offset();
    }
    let is_last_told = previous.is_none_or(|offset| offset == last as usize);
    let is_count_told = told_count == COUNT_UNKNOWN || usize::from(told_count) == items.len();
    if reader.remaining() > 0 || !is_last_told || last as usize > len - 1 || !is_count_told {
        return Err(start.corrupt("a ziplist with a wrong header"));
    }
    Ok(items)
}

/// The element behind the length in front of it.
fn item<'a>(reader: &mut Reader<'a>) -> Result<Item<'a>, Error> {
    let here = reader.clone();
    let head = reader.byte()?;
    let len = match head {
        0..0x40 => u64::from(head),
        0x40..0x80 => u64::from(head & 0x3f) << 8 | u64::from(reader.byte()?),
        0x80..0xc0 => u32::from_be_bytes(reader.array()?).into(),
        0xc0 => return Ok(Item::Int(i16::from_le_bytes(reader.array()?).into())),
        0xd0 => return Ok(Item::Int(i32::from_le_bytes(reader.array()?).into())),
        0xe0 => return Ok(Item::Int(i64::from_le_bytes(reader.array()?))),
        0xf0 => {
            let [a, b, c] = reader.array()?;
            return Ok(Item::Int((i32::from_le_bytes([0, a, b, c]) >> 8).into()));
        }
        0xfe => return Ok(Item::Int(i8::from_le_bytes(reader.array()?).into())),
        0xf1..=0xfd => return Ok(Item::Int(i64::from(head) - 0xf1)),
        _ => return Err(here.corrupt("a ziplist's element of unknown encoding")),
    };
    Ok(Item::of(reader.take(len)?))
}
