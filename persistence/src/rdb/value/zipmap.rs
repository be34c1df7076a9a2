//! The zipmap, in which Redis kept small hashes before 2.6.
//!
//! | bytes | content |
//! |---|---|
//! | 0 | number of fields; 254 means that or more |
//! | then, per field | length, name, length, one byte: how many bytes are idle behind the value, value, idle bytes |
//! | last | `ff` |
//!
//! A length is one byte below 254, else `fe` and four bytes, little-endian.

use super::super::{Error, Reader};
use rufous_storage::pack::Item;

const END: u8 = 0xff;
const LONG: u8 = 0xfe;
const COUNT_UNKNOWN: u8 = 254;

/// Names and values in turn, once every byte is checked.
pub(super) fn items<'a>(reader: &mut Reader<'a>) -> Result<Vec<Item<'a>>, Error> {
    let start = reader.clone();
    let told_count = reader.byte()?;
    let mut items = Vec::new();
    while let Some(name_len) = len(reader)? {
        items.push(Item::of(reader.take(name_len.into())?));
        let here = reader.clone();
        let value_len = len(reader)?.ok_or(here.corrupt("a zipmap's name without a value"))?;
        let idle_len = reader.byte()?;
        items.push(Item::of(reader.take(value_len.into())?));
        reader.take(idle_len.into())?;
    }
    let is_count_told = told_count == COUNT_UNKNOWN || usize::from(told_count) == items.len() / 2;
    if reader.remaining() > 0 || !is_count_told {
        return Err(start.corrupt("a zipmap with a wrong header"));
    }
    Ok(items)
}

/// A length; nothing at the end.
fn len(reader: &mut Reader<'_>) -> Result<Option<u32>, Error> {
    match reader.byte()? {
        END => Ok(None),
        LONG => Ok(Some(u32::from_le_bytes(reader.array()?))),
        short => Ok(Some(short.into())),
    }
}
