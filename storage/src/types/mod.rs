//! The types of values: what each means, which encoding it has and when that changes.
//!
//! A type is read through its `Ref`, which is `Copy` and lives as long as the borrow of the entry, and changed through its
//! `Mut`, which writes in place what can be written in place. Both hide the encoding: bytes in the entry for a small collection
//! (`pack`), a structure of its own for a large one.
//!
//! Invariant: a collection under a key is never empty once a command has ended; whoever takes the last element removes the key.

pub mod fresh;
pub mod hash;
pub mod list;
pub mod set;
pub mod sorted_set;
pub mod stream;

use crate::entry::{EntryRef, Kind};
use crate::value::ValueMut;
use std::io::Write as _;

/// What a key can hold. Implemented by markers, such as [`set::Set`].
pub trait Type {
    /// As TYPE says.
    const KIND: Kind;
    /// The bytes of a new value without elements, and the mark that belongs to them.
    const EMPTY: (&'static [u8], bool);
    /// The value for reading.
    type Ref<'a>: Copy;
    /// The value for changing.
    type Mut<'a>;

    /// The value of an entry of this type.
    fn read(entry: EntryRef<'_>) -> Self::Ref<'_>;

    /// A value of this type, for changing.
    fn edit<'a>(value: ValueMut<'a>, limits: &'a Limits) -> Self::Mut<'a>;

    /// As `read`, without what has expired at `now` (unix ms).
    #[inline]
    fn read_at(entry: EntryRef<'_>, _now: i64) -> Self::Ref<'_> {
        Self::read(entry)
    }

    /// As `edit`; what has expired at `now` (unix ms) counts as absent.
    #[inline]
    fn edit_at<'a>(value: ValueMut<'a>, limits: &'a Limits, _now: i64) -> Self::Mut<'a> {
        Self::edit(value, limits)
    }
}

/// From which size on a collection is a structure of its own; the directives of these names.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// `hash-max-listpack-entries`
    pub hash_entries: usize,
    /// `hash-max-listpack-value`, bytes
    pub hash_value: usize,
    /// `set-max-intset-entries`
    pub set_intset_entries: usize,
    /// `set-max-listpack-entries`
    pub set_listpack_entries: usize,
    /// `set-max-listpack-value`, bytes
    pub set_listpack_value: usize,
    /// `zset-max-listpack-entries`
    pub zset_entries: usize,
    /// `zset-max-listpack-value`, bytes
    pub zset_value: usize,
    /// How the scores of small sorted sets are written
    pub score_text: ScoreText,
    /// `list-max-listpack-size`: elements if positive, else -1 to -5 for 4 to 64 KiB
    pub list_size: i32,
    /// Bytes from which on an element of a list has a node of its own.
    pub list_plain_bytes: usize,
    /// `stream-node-max-bytes`
    pub stream_bytes: usize,
    /// `stream-node-max-entries`
    pub stream_entries: usize,
}

/// Writes a score that is no integer as text, to the front of the buffer. The room has no rules of its own for that: Redis writes
/// scores as it prints them.
#[derive(Clone, Copy, Debug)]
pub struct ScoreText(pub fn(&mut [u8; 32], f64) -> &[u8]);

impl Default for ScoreText {
    /// As Rust prints numbers with an exponent.
    fn default() -> ScoreText {
        ScoreText(|buffer, score| {
            let mut rest = buffer.as_mut_slice();
            write!(rest, "{score:e}").expect("a double has at most 24 characters");
            let left = rest.len();
            &buffer[..buffer.len() - left]
        })
    }
}
