//! Values between RDB and storage: an entry's value written, a value that was read made one of storage.
//!
//! What a value is written as follows its encoding in memory where the version knows that encoding, so that reading it
//! back is a copy. Older versions get collections element by element.

mod hash;
mod list;
mod set;
mod sorted_set;
mod stream;

use super::{Fault, Text, Type, Value, Writer};
use rufous_storage::pack::Item;
use rufous_storage::types::Limits;
use rufous_storage::types::fresh::Fresh;
use rufous_storage::types::hash::Hash;
use rufous_storage::types::list::List;
use rufous_storage::types::set::Set;
use rufous_storage::types::sorted_set::SortedSet;
use rufous_storage::types::stream::Stream;
use rufous_storage::{Db, EntryRef, NewStr, Str};
use std::borrow::Cow;

/// The version that rises where a value needs a later one.
const RISING_VERSION: u16 = 11;

/// A value of storage that is not yet under a key.
pub enum Made<'a> {
    /// A string.
    String(NewStr<'a>),
    /// A collection.
    Collection(Fresh<()>),
}

/// The version to write a value in where `wanted` is asked for: 11, which Redis 7.2 reads, rises to what the value needs. Whoever
/// asks for an older one means servers that know nothing newer.
pub fn version_for(entry: EntryRef<'_>, wanted: u16) -> u16 {
    let expires = entry.typed::<Hash>().is_some_and(|hash| hash::version_needed(hash) > 0);
    version_with(expires, wanted)
}

/// The same for many values, in some of which fields expire or in none.
pub fn version_with(expiring_fields: bool, wanted: u16) -> u16 {
    if expiring_fields && wanted == RISING_VERSION { hash::EXPIRIES_VERSION } else { wanted }
}

/// Writes an entry's type and value, or has the writer refuse a value that its version cannot hold.
pub fn write_value(writer: &mut Writer<'_>, entry: EntryRef<'_>) {
    if let Some(string) = entry.string() {
        writer.kind(Type::String);
        match string {
            Str::Int(value) => writer.int(value),
            Str::Bytes(bytes) => writer.text(bytes),
            Str::Blob(blob) => writer.text(blob),
        }
    } else if let Some(set) = entry.typed::<Set>() {
        set::write(writer, set);
    } else if let Some(list) = entry.typed::<List>() {
        list::write(writer, list);
    } else if let Some(hash) = entry.typed::<Hash>() {
        hash::write(writer, hash);
    } else if let Some(set) = entry.typed::<SortedSet>() {
        sorted_set::write(writer, set);
    } else if let Some(value) = entry.typed::<Stream>() {
        stream::write(writer, value);
    }
}

impl<'a> Value<'a> {
    /// Makes the value one for a database, whose own keys stay as they are. Names that occur twice are an error.
    pub fn make(self, db: &Db, limits: &Limits) -> Result<Made<'a>, Fault> {
        Ok(match self {
            Value::String(Text::Int(value)) => Made::String(NewStr::Int(value)),
            Value::String(Text::Bytes(Cow::Borrowed(bytes))) => Made::String(NewStr::Bytes(bytes)),
            Value::String(Text::Bytes(Cow::Owned(bytes))) => Made::String(NewStr::Large(bytes)),
            Value::Set(value) => Made::Collection(set::make(value, db.fresh(), limits)?.into_any()),
            Value::List(nodes) => Made::Collection(list::make(nodes, db.fresh(), limits).into_any()),
            Value::Hash(value) => Made::Collection(hash::make(value, db.fresh(), limits)?.into_any()),
            Value::SortedSet(value) => {
                Made::Collection(sorted_set::make(value, db.fresh(), limits)?.into_any())
            }
            Value::Stream(value) => Made::Collection(stream::make(*value, db.fresh(), limits).into_any()),
        })
    }
}

/// Writes an element of a collection as a string.
fn write_item(writer: &mut Writer<'_>, item: Item<'_>) {
    match item {
        Item::Int(value) => writer.int(value),
        Item::Bytes(bytes) => writer.text(bytes),
    }
}
