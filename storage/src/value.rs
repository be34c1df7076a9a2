//! A key's value, for changing in place: where it lies, and when it moves.
//!
//! Bytes (of strings that are no integer, and of small collections) lie in their entry or beside it and move from class to
//! class; beyond [`crate::entry::SMALL_VALUE_BYTES_MAX`] they become a [`Blob`], which grows with slack. Large collections
//! are structures of their own, which share what a frozen view sees.
//!
//! Invariant: what a frozen view sees is not written: bytes are copied first, a structure is cloned, which shares its parts.

use crate::blob::Blob;
use crate::entries::{Entries, Place};
use crate::entry::{Content, Entry, EntryRef, Large, Structure};
use crate::hash::Hasher;
use crate::pack::Buffer;

/// The value under a key, for changing.
pub struct ValueMut<'a> {
    entries: &'a mut Entries,
    place: Place,
}

impl<'a> ValueMut<'a> {
    pub(crate) fn new(entries: &'a mut Entries, place: Place) -> ValueMut<'a> {
        ValueMut { entries, place }
    }

    /// The entry.
    #[inline]
    pub(crate) fn entry(&self) -> EntryRef<'_> {
        self.entries.get(self.place)
    }

    /// The hash function of the database's tables.
    pub(crate) fn hasher(&self) -> &Hasher {
        self.entries.hasher()
    }

    /// Writes an integer or bytes over a value of bytes; `mark` as [`Entry::new`] says.
    pub(crate) fn set(&mut self, content: Content<'_>, mark: bool) {
        let written = self.entries.get_mut(self.place).is_some_and(|mut entry| entry.try_set(&content, mark));
        if !written {
            self.replace(content, mark);
        }
    }

    /// Puts a structure in the place of the value.
    pub(crate) fn set_structure<T: Structure>(&mut self, structure: Box<T>) {
        self.set_marked_structure(structure, false);
    }

    /// The same; `mark` as [`Entry::new`] says.
    pub(crate) fn set_marked_structure<T: Structure>(&mut self, structure: Box<T>, mark: bool) {
        self.replace(Content::Large(Large::new(structure)), mark);
    }

    /// Notes that the first field of a hash expired at `old` and does so at `new`.
    pub(crate) fn note_field(&mut self, old: Option<i64>, new: Option<i64>) {
        if old != new {
            let hash = self.entries.hash(self.entry().key());
            self.entries.note_field(hash, old, new);
        }
    }

    /// Where the value lies now.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Notes what [`Entry::new`] says of `mark`, in an entry that no view sees.
    pub(crate) fn set_mark(&mut self, mark: bool) {
        self.entries.get_mut(self.place).expect("an entry of our own").set_mark(mark);
    }

    /// The bytes for writing; of an integer, its decimal form.
    pub(crate) fn own_bytes(&mut self) -> &mut [u8] {
        let len = self
            .entry()
            .string()
            .map_or_else(|| self.entry().bytes().map_or(0, <[u8]>::len), |value| value.len());
        self.own_resized(len)
    }

    /// Makes the value bytes of the given length, new ones being zero, and gives them for writing.
    pub(crate) fn own_resized(&mut self, len: usize) -> &mut [u8] {
        self.own(len);
        self.entries.get_mut(self.place).expect("an entry of our own").into_bytes_mut()
    }

    /// The blob for writing, if there is one that no view sees.
    pub(crate) fn blob_mut(&mut self) -> Option<&mut Blob> {
        self.entries.get_mut(self.place)?.into_blob_mut()
    }

    /// The structure, if there is one of this kind, for writing.
    pub(crate) fn structure_mut<T: Structure>(&mut self) -> Option<&mut T> {
        self.entry().structure::<T>()?;
        if self.entries.get_mut(self.place).is_none() {
            let copy = self.entry().structure::<T>()?.clone();
            let mark = self.entry().mark();
            self.set_marked_structure(Box::new(copy), mark);
        }
        self.entries.get_mut(self.place)?.into_structure_mut()
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
        let entry = self.entry();
        if let Some(blob) = entry.blob() {
            let mut blob = blob.clone();
            blob.resize(len);
            return self.replace(Content::Blob(blob), entry.mark());
        }
        let mut buffer = itoa::Buffer::new();
        let old = match entry.string() {
            Some(value) => value.as_bytes(&mut buffer),
            None => entry.bytes().expect("a value of bytes"),
        };
        let content = Content::Padded { bytes: &old[..old.len().min(len)], len };
        let new =
            Entry::new(entry.key(), entry.kind(), content, entry.mark(), entry.expire_at(), entry.access());
        self.place = self.entries.replace(self.place, new).0;
    }

    fn replace(&mut self, content: Content<'_>, mark: bool) {
        let old = self.entry();
        let new = Entry::new(old.key(), old.kind(), content, mark, old.expire_at(), old.access());
        self.place = self.entries.replace(self.place, new).0;
    }
}

/// The bytes of a small collection.
impl Buffer for ValueMut<'_> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.entry().bytes().expect("a value of bytes")
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.own_bytes()
    }

    #[inline]
    fn resize(&mut self, len: usize) {
        self.own_resized(len);
    }
}
