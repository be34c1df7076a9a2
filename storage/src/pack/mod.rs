//! Small collections as one contiguous block of bytes, laid out as Redis' listpack.
//!
//! [`Item`] is one element: an integer or bytes.

mod item;

pub use item::Item;
