//! Changing a string in place: where its bytes lie, and when they move.
//!
//! Small strings lie in their entry or beside it, and move from class to class; beyond
//! [`crate::entry::SMALL_VALUE_BYTES_MAX`] they become a [`Blob`], which grows with slack. A string that was changed in place reports `raw` from then on, as in Redis.
//! What a frozen view sees is copied first.

use crate::blob::Blob;
use crate::entries::Entries;
use crate::entry::{Content, Entry, EntryRef, Str};
use crate::table::Place;

/// A string, for changing.
pub struct StrMut<'a> {
    entries: &'a mut Entries,
    place: Place,
}

impl<'a> StrMut<'a> {
    /// The entry at `place` is a string.
    pub(crate) fn new(entries: &'a mut Entries, place: Place) -> StrMut<'a> {
        StrMut { entries, place }
    }

    /// The entry.
    pub fn entry(&self) -> EntryRef<'_> {
        self.entries.get(self.place)
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
        let written = self
            .entries
            .get_mut(self.place)
            .is_some_and(|mut entry| entry.try_set(&Content::Int(value), false));
        if !written {
            self.replace(Content::Int(value), false);
        }
    }

    /// Appends bytes; gives the new length.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let old_len = self.len();
        if let Some(blob) = self.blob_mut() {
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
        self.own(len);
        let mut entry = self.entries.get_mut(self.place).expect("an entry of our own");
        entry.set_raw(true);
        self.bytes_mut()
    }

    /// The bytes for writing.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        self.resize(self.len())
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.entries.get_mut(self.place).expect("an entry of our own").into_bytes_mut()
    }

    /// Makes the value bytes of the given length, in an entry that no view sees.
    fn own(&mut self, len: usize) {
        if let Some(mut entry) = self.entries.get_mut(self.place) {
            if entry.try_resize(len) {
                return;
            }
            if let Some(blob) = entry.blob_mut() {
                blob.resize(len);
                return;
            }
        }
        let (value, mut buffer) = (self.get(), itoa::Buffer::new());
        if let Str::Blob(blob) = value {
            let mut blob = blob.clone();
            blob.resize(len);
            return self.replace(Content::Blob(blob), true);
        }
        let old = value.as_bytes(&mut buffer);
        let old = &old[..old.len().min(len)];
        let content = Content::Padded { bytes: old, len };
        let (entry, expiry) = (self.entry(), self.entry().expire_at());
        let new = Entry::string(entry.key(), content, true, expiry, entry.access());
        self.place = self.entries.replace(self.place, new).0;
    }

    fn blob_mut(&mut self) -> Option<&mut Blob> {
        self.entries.get_mut(self.place)?.into_blob_mut()
    }

    fn replace(&mut self, content: Content<'_>, raw: bool) {
        let old = self.entry();
        let new = Entry::string(old.key(), content, raw, old.expire_at(), old.access());
        self.place = self.entries.replace(self.place, new).0;
    }
}
