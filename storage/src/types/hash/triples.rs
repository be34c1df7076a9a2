//! The small form of a hash whose fields may expire: one block of field, value, time, field, value, time, ..
//!
//! | element | content |
//! |---|---|
//! | 3n | a field's name |
//! | 3n + 1 | its value |
//! | 3n + 2 | when it expires, unix ms; 0 if it does not |
//!
//! That is Redis' listpackex, so that an RDB file takes the block as it is.
//!
//! Invariant: fields are ordered by time, those that stay at the end. So what expires next is found at once.

use crate::dict::Field;
use crate::pack::{Buffer, Item, PackMut, PackRef, Position};

/// What stands for no expiry.
const NEVER: i64 = 0;

/// A block for reading.
#[derive(Clone, Copy, Debug)]
pub struct Triples<'a>(PackRef<'a>);

impl<'a> Triples<'a> {
    /// Takes a block of triples in order.
    pub(super) fn new(pack: PackRef<'a>) -> Triples<'a> {
        Triples(pack)
    }

    /// The block.
    pub fn pack(self) -> PackRef<'a> {
        self.0
    }

    pub(super) fn len(self) -> usize {
        self.0.len() / 3
    }

    /// The fields with their positions.
    pub(super) fn entries(self) -> impl Iterator<Item = (Position, Field<'a>)> {
        let mut entries = self.0.entries();
        std::iter::from_fn(move || {
            let (position, name) = entries.next()?;
            let ((_, value), (_, time)) = (entries.next()?, entries.next()?);
            Some((position, Field { name, value, expiry: expiry_of(time) }))
        })
    }

    pub(super) fn fields(self) -> impl Iterator<Item = Field<'a>> {
        self.entries().map(|(_, field)| field)
    }

    #[inline]
    pub(super) fn find(self, name: &[u8]) -> Option<(Position, Field<'a>)> {
        let position = self.0.find(name, 3)?;
        Some((position, self.get(position)?))
    }

    pub(super) fn nth(self, index: usize) -> Option<Field<'a>> {
        self.get(self.0.at(3 * index as i64)?)
    }

    pub(super) fn first_expiry(self) -> Option<i64> {
        expiry_of(self.0.get(self.0.at(2)?))
    }

    /// When the last field expires; `None` if it stays.
    pub(super) fn last_expiry(self) -> Option<i64> {
        expiry_of(self.0.get(self.0.last()?))
    }

    /// How many fields expire before a time.
    pub(super) fn len_before(self, time: i64) -> usize {
        self.fields().take_while(|field| field.expiry.is_some_and(|at| at < time)).count()
    }

    fn get(self, name: Position) -> Option<Field<'a>> {
        let value = self.0.next(name)?;
        let time = self.0.next(value)?;
        Some(Field { name: self.0.get(name), value: self.0.get(value), expiry: expiry_of(self.0.get(time)) })
    }
}

/// Whether a block that was checked is one of triples in order. That their names differ is not looked at.
pub fn is_ordered(pack: PackRef<'_>) -> bool {
    let mut earliest = 1;
    pack.len().is_multiple_of(3)
        && pack.iter().skip(2).step_by(3).all(|time| match time {
            Item::Int(NEVER) => {
                earliest = i64::MAX;
                true
            }
            Item::Int(at) => at < i64::MAX && at >= std::mem::replace(&mut earliest, at),
            Item::Bytes(_) => false,
        })
}

/// The triples that pairs become: none of their fields expires.
pub(super) fn of_pairs(pack: PackRef<'_>) -> Vec<u8> {
    let mut triples = PackMut::empty_in(Vec::new());
    triples.extend(pack.pairs().flat_map(|(name, value)| [name, value, Item::Int(NEVER)]));
    triples.as_ref().bytes().to_vec()
}

/// Puts a field that is not there in its place.
pub(super) fn insert<B: Buffer>(pack: &mut PackMut<B>, name: Item<'_>, value: Item<'_>, expiry: Option<i64>) {
    let later = expiry.and_then(|at| {
        let mut entries = Triples(pack.as_ref()).entries();
        entries.find(|(_, field)| field.expiry.is_none_or(|other| other > at)).map(|(position, _)| position)
    });
    pack.insert_all(later, [name, value, Item::Int(expiry.unwrap_or(NEVER))]);
}

fn expiry_of(time: Item<'_>) -> Option<i64> {
    time.as_int().filter(|at| *at != NEVER)
}
