//! Sets.

use std::borrow::Cow;

use super::super::{Error, Fault, Reader, Text};
use super::blocks::Block;
use rufous_storage::pack::IntSetRef;

/// The members of a set.
#[derive(Clone, Debug)]
pub enum Set<'a> {
    /// In an intset.
    Intset(Cow<'a, [u8]>),
    /// In a listpack.
    Listpack(Cow<'a, [u8]>),
    /// One by one.
    Members(Vec<Text<'a>>),
}

impl<'a> Set<'a> {
    pub(super) fn members(reader: &mut Reader<'a>) -> Result<Set<'a>, Error> {
        let members: Result<Vec<_>, _> = (0..reader.count()?).map(|_| reader.text()).collect();
        match members? {
            none if none.is_empty() => Err(reader.error(Fault::Empty)),
            members => Ok(Set::Members(members)),
        }
    }

    pub(super) fn intset(reader: &mut Reader<'a>) -> Result<Set<'a>, Error> {
        let block = Block::read(reader)?.intset()?;
        if IntSetRef::new(&block.bytes).is_empty() {
            return Err(block.corrupt("an intset without integers"));
        }
        Ok(Set::Intset(block.bytes))
    }

    pub(super) fn listpack(reader: &mut Reader<'a>) -> Result<Set<'a>, Error> {
        Ok(Set::Listpack(Block::read(reader)?.listpack()?.named(1)?.bytes))
    }
}
