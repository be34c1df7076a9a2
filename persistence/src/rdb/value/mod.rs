//! Values, read into a form that is checked and belongs to no encoding in memory.
//!
//! A collection comes as the block that it was written as, where storage knows that encoding too, else element by element.
//! Blocks of old encodings (ziplist, zipmap) come as listpacks.
//!
//! Invariants of what is given:
//! - No collection is empty; no list has an empty block.
//! - A block passed the checks of `rufous_storage::pack` and is canonical; the names in it (members, fields) differ. Scores are
//!   numbers; the members of a sorted set's block are in order.
//! - Where elements come one by one, nobody looked whether their names differ: who puts them together sees that anyway.

mod blocks;
mod hash;
mod list;
mod set;
mod sorted_set;
mod stream;
#[cfg(test)]
mod tests;
mod ziplist;
mod zipmap;

use super::{Error, Reader, Text, Type};
pub use hash::{Field, Hash};
pub use list::Node;
pub use set::Set;
pub use sorted_set::SortedSet;
pub use stream::{Consumer, Group, NEVER, Pending, Stream, StreamId, UNKNOWN};

/// A value.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// A string.
    String(Text<'a>),
    /// A list: its parts in order.
    List(Vec<Node<'a>>),
    /// A set.
    Set(Set<'a>),
    /// A sorted set.
    SortedSet(SortedSet<'a>),
    /// A hash.
    Hash(Hash<'a>),
    /// A stream.
    Stream(Box<Stream<'a>>),
}

impl<'a> Value<'a> {
    /// Reads a value of a type; `reader` stands behind the byte that announced it.
    pub fn read(reader: &mut Reader<'a>, kind: Type) -> Result<Value<'a>, Error> {
        Ok(match kind {
            Type::String => Value::String(reader.text()?),
            Type::List => Value::List(list::elements(reader)?),
            Type::ListZiplist => Value::List(list::ziplist(reader)?),
            Type::ListZiplists => Value::List(list::ziplists(reader)?),
            Type::ListListpacks => Value::List(list::listpacks(reader)?),
            Type::Set => Value::Set(Set::members(reader)?),
            Type::SetIntset => Value::Set(Set::intset(reader)?),
            Type::SetListpack => Value::Set(Set::listpack(reader)?),
            Type::SortedSetTextual => Value::SortedSet(SortedSet::members(reader, Reader::textual_double)?),
            Type::SortedSet => Value::SortedSet(SortedSet::members(reader, Reader::double)?),
            Type::SortedSetZiplist => Value::SortedSet(SortedSet::ziplist(reader)?),
            Type::SortedSetListpack => Value::SortedSet(SortedSet::listpack(reader)?),
            Type::Hash => Value::Hash(Hash::fields(reader)?),
            Type::HashZipmap => Value::Hash(Hash::zipmap(reader)?),
            Type::HashZiplist => Value::Hash(Hash::ziplist(reader)?),
            Type::HashListpack => Value::Hash(Hash::listpack(reader)?),
            Type::HashExpiries if reader.is_of_valkey() => Value::Hash(Hash::fields_and_expiries(reader)?),
            Type::HashExpiries => Value::Hash(Hash::expiries_and_fields(reader)?),
            Type::HashListpackExpiriesFirst => Value::Hash(Hash::listpack_of_triples(reader)?),
            Type::HashMetadata => Value::Hash(Hash::fields_and_delays(reader)?),
            Type::HashListpackExpiries => Value::Hash(Hash::listpack_of_expiries(reader)?),
            Type::StreamFirst => Value::Stream(Box::new(stream::first(reader)?)),
            Type::StreamSecond => Value::Stream(Box::new(stream::second(reader)?)),
            Type::Stream => Value::Stream(Box::new(stream::third(reader)?)),
            Type::StreamProducers => Value::Stream(Box::new(stream::fourth(reader)?)),
        })
    }
}
