//! Hashes, and fields that expire.

use std::borrow::Cow;

use super::super::{Error, Fault, Reader, Text};
use super::blocks::Block;
use rufous_storage::pack::Item;
use rufous_storage::types::hash::triples;

/// What Valkey writes for a field that does not expire.
const NEVER: i64 = -1;

const NO_TIME: &str = "a field's time that no clock will show";

/// The fields of a hash.
#[derive(Clone, Debug)]
pub enum Hash<'a> {
    /// In a listpack: name, value, ..; none expires.
    Listpack(Cow<'a, [u8]>),
    /// In a listpack: name, value, time, .. in order.
    Triples(Cow<'a, [u8]>),
    /// One by one.
    Fields(Vec<Field<'a>>),
}

/// A field of a hash.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    /// Its name.
    pub name: Text<'a>,
    /// Its value.
    pub value: Text<'a>,
    /// When it expires (unix ms), if it does.
    pub expiry: Option<i64>,
}

impl<'a> Hash<'a> {
    pub(super) fn fields(reader: &mut Reader<'a>) -> Result<Hash<'a>, Error> {
        Hash::each(reader, |reader| Ok(Field { name: reader.text()?, value: reader.text()?, expiry: None }))
    }

    /// Valkey's: the time behind each field.
    pub(super) fn fields_and_expiries(reader: &mut Reader<'a>) -> Result<Hash<'a>, Error> {
        Hash::each(reader, |reader| {
            let (name, value) = (reader.text()?, reader.text()?);
            let here = reader.clone();
            match reader.milliseconds()? {
                NEVER => Ok(Field { name, value, expiry: None }),
                at @ 0.. => Ok(Field { name, value, expiry: Some(at) }),
                _ => Err(here.corrupt("a field's negative time")),
            }
        })
    }

    /// Redis', before 7.4 was released: the time in front of each field.
    pub(super) fn expiries_and_fields(reader: &mut Reader<'a>) -> Result<Hash<'a>, Error> {
        Hash::each(reader, |reader| {
            let here = reader.clone();
            let expiry = match reader.len()? {
                0 => None,
                at => Some(i64::try_from(at).map_err(|_| here.corrupt(NO_TIME))?),
            };
            Ok(Field { name: reader.text()?, value: reader.text()?, expiry })
        })
    }

    /// Redis': in front of each field, how long after the earliest of all it expires, plus one.
    pub(super) fn fields_and_delays(reader: &mut Reader<'a>) -> Result<Hash<'a>, Error> {
        let earliest = reader.milliseconds()?;
        Hash::each(reader, |reader| {
            let here = reader.clone();
            let expiry = match reader.len()? {
                0 => None,
                delay => {
                    let at = earliest.checked_add_unsigned(delay - 1).filter(|at| *at >= 0);
                    Some(at.ok_or(here.corrupt(NO_TIME))?)
                }
            };
            Ok(Field { name: reader.text()?, value: reader.text()?, expiry })
        })
    }

    pub(super) fn listpack_of_expiries(reader: &mut Reader<'a>) -> Result<Hash<'a>, Error> {
        reader.milliseconds()?; // the earliest, which the fields tell too
        Hash::listpack_of_triples(reader)
    }

    pub(super) fn listpack_of_triples(reader: &mut Reader<'a>) -> Result<Hash<'a>, Error> {
        let block = Block::read(reader)?.listpack()?.named(3)?;
        if triples::is_ordered(block.pack()) {
            return Ok(Hash::Triples(block.bytes));
        }
        let items: Vec<Item<'_>> = block.pack().iter().collect();
        let fields = items.chunks(3).map(|field| {
            let expiry = match field[2] {
                Item::Int(0) => None,
                Item::Int(at @ 1..) => Some(at),
                _ => return Err(block.corrupt("a field's time that is none")),
            };
            Ok(Field { name: field[0].into(), value: field[1].into(), expiry })
        });
        Ok(Hash::Fields(fields.collect::<Result<_, _>>()?))
    }

    /// One by one, because the length of values decides how they are kept: as in Redis, that is so for this encoding alone.
    pub(super) fn zipmap(reader: &mut Reader<'a>) -> Result<Hash<'a>, Error> {
        let block = Block::read(reader)?.zipmap()?.named(2)?;
        let items: Vec<Item<'_>> = block.pack().iter().collect();
        let fields = items.chunks(2);
        let fields =
            fields.map(|field| Field { name: field[0].into(), value: field[1].into(), expiry: None });
        Ok(Hash::Fields(fields.collect()))
    }

    pub(super) fn ziplist(reader: &mut Reader<'a>) -> Result<Hash<'a>, Error> {
        Hash::block(Block::read(reader)?.ziplist()?)
    }

    pub(super) fn listpack(reader: &mut Reader<'a>) -> Result<Hash<'a>, Error> {
        Hash::block(Block::read(reader)?.listpack()?)
    }

    fn block(block: Block<'a>) -> Result<Hash<'a>, Error> {
        Ok(Hash::Listpack(block.named(2)?.bytes))
    }

    fn each(
        reader: &mut Reader<'a>,
        mut read: impl FnMut(&mut Reader<'a>) -> Result<Field<'a>, Error>,
    ) -> Result<Hash<'a>, Error> {
        let fields: Result<Vec<_>, _> = (0..reader.count()?).map(|_| read(reader)).collect();
        match fields? {
            none if none.is_empty() => Err(reader.error(Fault::Empty)),
            fields => Ok(Hash::Fields(fields)),
        }
    }
}
