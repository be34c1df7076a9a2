//! What an element holds besides its key: nothing, a value, or a score.
//!
//! | shape | element |
//! |---|---|
//! | [`Members`] | member |
//! | [`Fields`] | name, value, and where the field expires, when: 8 bytes, unix ms, little-endian |
//! | [`Scores`] | member, score: 8 bytes, little-endian |
//!
//! Member, name and value are items as in a listpack. Whether a field expires shows in what is left after its value.

use std::fmt;

use crate::hash::Hasher;
use crate::pack::Item;

/// What the elements of a dict are.
pub trait Shape: Sized + Send + Sync + 'static {
    /// An element, borrowed from the dict or on its way into it.
    type Element<'a>: Copy + fmt::Debug;
    /// An element without its key.
    type Rest<'a>: Copy;

    /// Takes an element apart.
    fn split<'a>(element: Self::Element<'a>) -> (Item<'a>, Self::Rest<'a>);

    /// The element of a key and the bytes after it.
    fn read<'a>(key: Item<'a>, rest: &'a [u8]) -> Self::Element<'a>;

    /// Bytes that [`Shape::write`] takes.
    fn encoded_len(rest: Self::Rest<'_>) -> usize;

    /// Writes what comes after the key; `to` is as long as announced.
    fn write(rest: Self::Rest<'_>, to: &mut [u8]);

    /// When the element expires (unix ms), if it does.
    #[inline]
    fn expiry(_: Self::Rest<'_>) -> Option<i64> {
        None
    }

    /// The hash of a key: of a string's bytes, of an integer's value.
    #[inline]
    fn hash(hasher: &Hasher, key: Item<'_>) -> u64 {
        match key {
            Item::Int(value) => hasher.hash(&value.to_le_bytes()),
            Item::Bytes(bytes) => hasher.hash(bytes),
        }
    }
}

/// The members of a set. An element is the member.
#[derive(Clone, Copy, Debug)]
pub enum Members {}

/// The fields of a hash. An element is a [`Field`].
#[derive(Clone, Copy, Debug)]
pub enum Fields {}

/// The members of a sorted set by name. An element is a member and its score.
#[derive(Clone, Copy, Debug)]
pub enum Scores {}

/// A field of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub name: Item<'a>,
    /// Its value.
    pub value: Item<'a>,
    /// When it expires (unix ms), if it does.
    pub expiry: Option<i64>,
}

impl Shape for Members {
    type Element<'a> = Item<'a>;
    type Rest<'a> = ();

    #[inline]
    fn split<'a>(element: Self::Element<'a>) -> (Item<'a>, Self::Rest<'a>) {
        (element, ())
    }

    #[inline]
    fn read<'a>(key: Item<'a>, _: &'a [u8]) -> Item<'a> {
        key
    }

    #[inline]
    fn encoded_len((): ()) -> usize {
        0
    }

    #[inline]
    fn write((): (), _: &mut [u8]) {}
}

impl Shape for Fields {
    type Element<'a> = Field<'a>;
    type Rest<'a> = (Item<'a>, Option<i64>);

    #[inline]
    fn split<'a>(element: Self::Element<'a>) -> (Item<'a>, Self::Rest<'a>) {
        (element.name, (element.value, element.expiry))
    }

    #[inline]
    fn read<'a>(key: Item<'a>, rest: &'a [u8]) -> Field<'a> {
        let (value, value_len) = Item::read(rest);
        let expiry = rest[value_len..].first_chunk().map(|bytes| i64::from_le_bytes(*bytes));
        Field { name: key, value, expiry }
    }

    #[inline]
    fn encoded_len((value, expiry): Self::Rest<'_>) -> usize {
        value.encoded_len() + if expiry.is_some() { size_of::<i64>() } else { 0 }
    }

    #[inline]
    fn write((value, expiry): Self::Rest<'_>, to: &mut [u8]) {
        let value_len = value.write(to);
        if let Some(at) = expiry {
            to[value_len..].copy_from_slice(&at.to_le_bytes());
        }
    }

    #[inline]
    fn expiry((_, expiry): Self::Rest<'_>) -> Option<i64> {
        expiry
    }
}

impl Shape for Scores {
    type Element<'a> = (Item<'a>, f64);
    type Rest<'a> = f64;

    #[inline]
    fn split<'a>(element: Self::Element<'a>) -> (Item<'a>, Self::Rest<'a>) {
        element
    }

    #[inline]
    fn read<'a>(key: Item<'a>, rest: &'a [u8]) -> (Item<'a>, f64) {
        (key, f64::from_le_bytes(*rest.first_chunk().expect("a score of 8 bytes")))
    }

    #[inline]
    fn encoded_len(_: f64) -> usize {
        size_of::<f64>()
    }

    #[inline]
    fn write(score: f64, to: &mut [u8]) {
        to.copy_from_slice(&score.to_le_bytes());
    }
}
