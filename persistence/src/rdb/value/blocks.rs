//! Whole collections as one string: reading the string, checking it, and making it a block as [`pack`] has them.

use std::borrow::Cow;

use super::super::{Error, Fault, Reader};
use super::{ziplist, zipmap};
use rufous_storage::pack::{self, BYTES_MAX, Item, PackMut, PackRef};

/// A string that holds a block, and where it is.
pub(super) struct Block<'a> {
    /// The string, then the block.
    pub(super) bytes: Cow<'a, [u8]>,
    /// The offset of the string's content; of a compressed one, where the string ends.
    pub(super) start: usize,
}

impl<'a> Block<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Block<'a>, Error> {
        let bytes = reader.bytes()?;
        let start = match &bytes {
            Cow::Borrowed(bytes) => reader.offset() - bytes.len(),
            Cow::Owned(_) => reader.offset(),
        };
        Ok(Block { bytes, start })
    }

    /// The error of a block that makes no sense.
    pub(super) fn corrupt(&self, what: &'static str) -> Error {
        Error { offset: self.start, fault: Fault::Corrupt(what) }
    }

    /// The error of a block without elements.
    pub(super) fn empty(&self) -> Error {
        Error { offset: self.start, fault: Fault::Empty }
    }

    /// Checks that the string is a listpack, and takes the block out of it, in canonical form.
    pub(super) fn listpack(self) -> Result<Block<'a>, Error> {
        let start = self.start;
        let at = |corrupt| block_error(start, corrupt);
        let bytes = match self.bytes {
            Cow::Borrowed(bytes) => pack::validate(bytes).map_err(at)?.canonical(),
            Cow::Owned(bytes) => Cow::Owned(pack::validate(&bytes).map_err(at)?.canonical().into_owned()),
        };
        Ok(Block { bytes, start })
    }

    /// Checks that the string is an intset.
    pub(super) fn intset(self) -> Result<Block<'a>, Error> {
        pack::validate_intset(&self.bytes).map_err(|corrupt| block_error(self.start, corrupt))?;
        Ok(self)
    }

    /// Checks that the string is a ziplist, and makes it a listpack.
    pub(super) fn ziplist(self) -> Result<Block<'a>, Error> {
        let items = ziplist::items(&mut Reader::inside(&self.bytes, self.start))?;
        self.listpack_of(&items)
    }

    /// Checks that the string is a zipmap, and makes it a listpack.
    pub(super) fn zipmap(self) -> Result<Block<'a>, Error> {
        let items = zipmap::items(&mut Reader::inside(&self.bytes, self.start))?;
        self.listpack_of(&items)
    }

    fn listpack_of(&self, items: &[Item<'_>]) -> Result<Block<'a>, Error> {
        if items.iter().map(|item| item.encoded_len()).sum::<usize>() > BYTES_MAX {
            return Err(self.corrupt("a block that is too large"));
        }
        let mut bytes = Vec::new();
        PackMut::empty_in(&mut bytes).extend(items.iter().copied());
        Ok(Block { bytes: Cow::Owned(bytes), start: self.start })
    }

    /// The listpack that the string is by now.
    pub(super) fn pack(&self) -> PackRef<'_> {
        PackRef::new(&self.bytes)
    }

    /// Checks that the listpack has elements, a multiple of `stride`, of which the first of each stride, the name, differ.
    pub(super) fn named(self, stride: usize) -> Result<Block<'a>, Error> {
        let mut names: Vec<_> = self.pack().iter().step_by(stride).collect();
        if names.is_empty() {
            return Err(self.empty());
        }
        if !self.pack().len().is_multiple_of(stride) {
            return Err(self.corrupt("a name without a value"));
        }
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(self.corrupt("a name that occurs twice"));
        }
        drop(names);
        Ok(self)
    }
}

fn block_error(start: usize, corrupt: pack::Corrupt) -> Error {
    Error { offset: start + corrupt.offset, fault: Fault::Block(corrupt.fault) }
}
