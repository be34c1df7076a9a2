//! Small collections as one contiguous block of bytes, laid out as Redis' listpack and intset.
//!
//! | bytes | content |
//! |---|---|
//! | 0..2 | number of elements, little-endian; 65,535 means that or more, or unknown: count them |
//! | then, per element | the encoded [`Item`], then its back length |
//! | last | `ff` |
//!
//! The back length is the encoded item's length in groups of seven bits, the highest group first, the top bit set in all
//! bytes but the first: read backwards, it ends at the byte without that bit. So a block is walked from both ends.
//!
//! A listpack has four bytes more in front, its own length, little-endian. Whoever has a block knows its length, so these bytes are
//! there in files only: [`PackRef::put_listpack`] adds them, [`validate()`] takes them off. Limits count them, as Redis does.
//!
//! [`PackRef`] reads borrowed bytes; [`PackMut`] edits them wherever they are, behind the [`Buffer`] trait.
//! [`IntSetRef`] and [`IntSetMut`] do so for sets of integers, which have a layout of their own. [`Pack`] is a block with an
//! allocation of its own, shared by handles. [`validate()`] and [`validate_intset`] check bytes from outside.
//!
//! Invariants:
//! - Bytes given to [`PackRef::new`] are a whole block that this module wrote or checked. Elements are canonical, as
//!   [`Item::of`] has it, so that searching compares encodings; what other writers left goes through
//!   [`PackRef::canonical`] first.
//! - A block stays at about [`BYTES_MAX`]: callers ask [`PackRef::fits`] before they add what clients sent.
//! - An edit is one resize of the buffer and one move of the bytes behind the place.

mod edit;
mod find;
mod intset;
mod item;
mod layout;
mod read;
mod shared;
#[cfg(test)]
mod tests;
mod validate;

pub use edit::{Buffer, PackMut};
pub use intset::{INTSET_EMPTY, IntSetIter, IntSetMut, IntSetRef};
pub use item::Item;
pub use layout::{BYTES_MAX, EMPTY};
pub use read::{Entries, Iter, PackRef, Pairs, Position};
pub use shared::{Pack, PackBuffer};
pub use validate::{Corrupt, Fault, validate, validate_intset};
