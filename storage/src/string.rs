//! Changing a string in place: see [`crate::value`] for where its bytes lie. A string that was changed in place reports
//! `raw` from then on, as in Redis.

use crate::entry::{Content, EntryRef, Str};
use crate::value::ValueMut;

/// A string, for changing.
pub struct StrMut<'a>(ValueMut<'a>);

impl<'a> StrMut<'a> {
    /// The value is a string.
    pub(crate) fn new(value: ValueMut<'a>) -> StrMut<'a> {
        StrMut(value)
    }

    /// The entry.
    pub fn entry(&self) -> EntryRef<'_> {
        self.0.entry()
    }

    /// The value.
    pub fn get(&self) -> Str<'_> {
        self.entry().string().expect("a string")
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.get().len()
    }

    /// Whether the string has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes the string an integer.
    pub fn set_int(&mut self, value: i64) {
        self.0.set(Content::Int(value), false);
    }

    /// Appends bytes; gives the new length.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let old_len = self.len();
        if let Some(blob) = self.0.blob_mut() {
            blob.append(bytes);
            return old_len + bytes.len();
        }
        self.write_at(old_len, bytes);
        old_len + bytes.len()
    }

    /// Writes bytes at an offset; a gap behind the old end is zero.
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        let len = self.len().max(end);
        self.resize(len)[offset..end].copy_from_slice(bytes);
    }

    /// Sets the length, new bytes being zero; gives the bytes for writing.
    pub fn resize(&mut self, len: usize) -> &mut [u8] {
        self.0.own_resized(len);
        self.0.set_mark(true);
        self.0.own_bytes()
    }

    /// The bytes for writing.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        self.resize(self.len())
    }
}
