//! Writing an entry in place: what keeps its size class, where no view sees it.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;

use super::{
    ACCESS_MASK, Content, Entry, EntryRef, Form, HAS_EXPIRY, HEADER_BYTES, Structure, class_bytes, mark_flag,
};
use crate::blob::Blob;

/// An entry for writing in place: it has an owner, and no view sees it.
pub(crate) struct EntryMut<'a> {
    pointer: NonNull<u8>,
    life: PhantomData<&'a mut Entry>,
}

impl<'a> EntryMut<'a> {
    /// # Safety
    /// `pointer` is a live entry throughout `'a`, which nobody else reads or writes meanwhile.
    pub(crate) unsafe fn from_raw(pointer: NonNull<u8>) -> EntryMut<'a> {
        EntryMut { pointer, life: PhantomData }
    }

    /// The entry for reading.
    pub(crate) fn as_ref(&self) -> EntryRef<'_> {
        EntryRef { pointer: self.pointer, life: PhantomData }
    }

    /// Writes the value over the old one of the same kind, if form and class allow.
    pub(crate) fn try_set(&mut self, content: &Content<'_>, mark: bool) -> bool {
        let entry = self.as_ref();
        match *content {
            Content::Int(value) => {
                let form = Form::of_int(value);
                if form != entry.form() {
                    return false;
                }
                self.write_int(form, value);
            }
            Content::Bytes(bytes) => {
                if !self.try_resize(bytes.len()) {
                    return false;
                }
                self.bytes_mut().copy_from_slice(bytes);
            }
            Content::Padded { .. } | Content::Blob(_) | Content::Large(_) => return false,
        }
        self.set_mark(mark);
        true
    }

    /// Sets the expiry, if there is one already.
    pub(crate) fn try_set_expiry(&mut self, at: i64) -> bool {
        let has = self.as_ref().flags() & HAS_EXPIRY != 0;
        if has {
            // SAFETY: the flag announces eight aligned bytes behind the header.
            unsafe { self.pointer.add(HEADER_BYTES).cast::<i64>().write(at) };
        }
        has
    }

    /// Sets the length of an embedded or boxed value, if the class allows. New bytes are zero.
    pub(crate) fn try_resize(&mut self, len: usize) -> bool {
        let entry = self.as_ref();
        let old_len = usize::from(entry.inline());
        let fixed = match entry.form() {
            Form::Embedded => entry.content_bytes() - old_len,
            Form::Boxed => 0,
            _ => return false,
        };
        if class_bytes(fixed + len) != class_bytes(fixed + old_len) {
            return false;
        }
        if len > old_len {
            // SAFETY: the class has room for `len` bytes. They are written before they count as the value.
            unsafe { entry.value_start().add(old_len).write_bytes(0, len - old_len) };
        }
        self.set_inline(u16::try_from(len).expect("a class of a small value"));
        true
    }

    /// The bytes of an embedded or boxed value.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let entry = self.as_ref();
        assert!(matches!(entry.form(), Form::Embedded | Form::Boxed), "a small value");
        let len = usize::from(entry.inline());
        // SAFETY: that many initialised bytes lie there, and this borrow is exclusive.
        unsafe { NonNull::slice_from_raw_parts(entry.value_start(), len).as_mut() }
    }

    /// The large value, if it is one.
    pub(crate) fn blob_mut(&mut self) -> Option<&mut Blob> {
        let entry = self.as_ref();
        // SAFETY: the form announces a Blob in the payload, and this borrow is exclusive.
        (entry.form() == Form::Blob).then(|| unsafe { entry.payload().cast::<Blob>().as_mut() })
    }

    /// The bytes of a small or large value, for as long as the borrow of the entry.
    pub(crate) fn into_bytes_mut(mut self) -> &'a mut [u8] {
        let mut bytes = match self.blob_mut() {
            Some(blob) => NonNull::from(blob.make_mut()),
            None => NonNull::from(self.bytes_mut()),
        };
        // SAFETY: `self` is gone: its exclusive borrow goes to the result.
        unsafe { bytes.as_mut() }
    }

    /// The large value, if it is one, for as long as the borrow of the entry.
    pub(crate) fn into_blob_mut(mut self) -> Option<&'a mut Blob> {
        // SAFETY: `self` is gone: its exclusive borrow goes to the result.
        self.blob_mut().map(|blob| unsafe { NonNull::from(blob).as_mut() })
    }

    /// The structure, if there is one of this kind, for as long as the borrow of the entry.
    pub(crate) fn into_structure_mut<T: Structure>(self) -> Option<&'a mut T> {
        let structure = NonNull::from(self.as_ref().structure::<T>()?);
        // SAFETY: the entry owns what it points to, and its exclusive borrow goes to the result.
        Some(unsafe { &mut *structure.as_ptr() })
    }

    /// Notes what [`Entry::new`] says of `mark`.
    pub(crate) fn set_mark(&mut self, mark: bool) {
        let (flags, flag) = (self.as_ref().flags(), mark_flag(self.as_ref().kind()));
        // SAFETY: byte 1 is a plain header byte.
        unsafe { self.pointer.add(1).write(if mark { flags | flag } else { flags & !flag }) };
    }

    fn write_int(&mut self, form: Form, value: i64) {
        match form {
            Form::Int16 => self.set_inline(value as u16),
            // SAFETY: the caller saw that the entry has this form, so its payload bytes are there.
            Form::Int32 => unsafe { self.as_ref().payload().cast::<i32>().write(value as i32) },
            // SAFETY: as above.
            _ => unsafe { self.as_ref().payload().cast::<i64>().write(value) },
        }
    }

    fn set_inline(&mut self, inline: u16) {
        // SAFETY: byte 3 is a plain header byte.
        unsafe { self.pointer.add(3).write(inline as u8) };
        let entry = self.as_ref();
        let word = entry.word();
        word.store((word.load(Relaxed) & ACCESS_MASK) | u32::from(inline >> 8) << 24, Relaxed);
    }
}
