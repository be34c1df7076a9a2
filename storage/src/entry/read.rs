//! Reading an entry: the fields of the layout that [`super`] describes.
#![allow(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::{
    ACCESS_MASK, EMBSTR_BYTES_MAX, Encoding, Entry, FIELDS_EXPIRE, Form, HAS_EXPIRY, HEADER_BYTES, Kind,
    Large, MARK, Str, Structure, WIDE_KEY, class_bytes, expiry_bytes, key_offset,
};
use crate::blob::Blob;
use crate::timers::Times;
use crate::types::Type;
use crate::types::hash::TimedRef;

/// Values of so many bytes or elements are worth freeing on another thread.
const SLOW_BYTES_MIN: usize = 64 * 1024;
const SLOW_ELEMENTS_MIN: usize = 512;

/// What of an entry has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Live,
    /// Some fields of a hash.
    Stale,
    /// All fields of a hash.
    Empty,
    /// The key.
    Expired,
}

/// An entry for reading; any number at a time, from any thread.
#[derive(Clone, Copy)]
pub struct EntryRef<'a> {
    pub(super) pointer: NonNull<u8>,
    pub(super) life: PhantomData<&'a Entry>,
}

// SAFETY: all that changes under an EntryRef is one atomic word.
unsafe impl Send for EntryRef<'_> {}
// SAFETY: as above.
unsafe impl Sync for EntryRef<'_> {}

impl<'a> EntryRef<'a> {
    /// # Safety
    /// `pointer` is a live entry throughout `'a`, and nothing but its access bits changes meanwhile.
    pub(crate) unsafe fn from_raw(pointer: NonNull<u8>) -> EntryRef<'a> {
        EntryRef { pointer, life: PhantomData }
    }

    /// The key.
    #[inline]
    pub fn key(self) -> &'a [u8] {
        // SAFETY: the key lies there, initialised, for the life of the entry.
        unsafe {
            let start = self.pointer.add(key_offset(self.flags()));
            NonNull::slice_from_raw_parts(start, self.key_len()).as_ref()
        }
    }

    /// Where the entry lies, for DEBUG OBJECT.
    pub fn address(self) -> usize {
        self.pointer.addr().get()
    }

    /// What the key holds.
    pub fn kind(self) -> Kind {
        Kind::from_bits(self.byte(0) & 0x0f)
    }

    /// How the value is laid out.
    pub fn encoding(self) -> Encoding {
        let mark = self.mark();
        match (self.kind(), self.form()) {
            (Kind::String, Form::Int16 | Form::Int32 | Form::Int64) => Encoding::Int,
            (Kind::String, Form::Embedded) if !mark && self.inline() as usize <= EMBSTR_BYTES_MAX => {
                Encoding::Embstr
            }
            (Kind::String, _) => Encoding::Raw,
            (Kind::Stream, _) => Encoding::Stream,
            (Kind::List, Form::Large) => Encoding::Quicklist,
            (Kind::SortedSet, Form::Large) => Encoding::Skiplist,
            (_, Form::Large) => Encoding::Hashtable,
            (Kind::Set, _) if mark => Encoding::Intset,
            (Kind::Hash, _) if mark => Encoding::ListpackEx,
            _ => Encoding::Listpack,
        }
    }

    /// The value, if it is of this type; of a hash, expired fields too.
    #[inline]
    pub fn typed<T: Type>(self) -> Option<T::Ref<'a>> {
        self.typed_at::<T>(i64::MIN)
    }

    /// The value at `now` (unix ms), if it is of this type.
    #[inline]
    pub fn typed_at<T: Type>(self, now: i64) -> Option<T::Ref<'a>> {
        (self.kind() == T::KIND).then(|| T::read_at(self, now))
    }

    /// When the key expires, unix ms.
    #[inline]
    pub fn expire_at(self) -> Option<i64> {
        if self.flags() & HAS_EXPIRY == 0 {
            return None;
        }
        // SAFETY: the flag announces eight aligned bytes behind the header.
        Some(unsafe { self.pointer.add(HEADER_BYTES).cast::<i64>().read() })
    }

    /// Whether the key expires, or is a hash whose fields may.
    #[inline]
    pub(crate) fn is_timed(self) -> bool {
        self.flags() & (HAS_EXPIRY | FIELDS_EXPIRE) != 0
    }

    /// When the first field of a hash expires, unix ms.
    pub(crate) fn field_expire_at(self) -> Option<i64> {
        if self.flags() & FIELDS_EXPIRE == 0 { None } else { TimedRef::of(self, i64::MIN).first_expiry() }
    }

    /// When the key and the first field expire.
    pub(crate) fn times(self) -> Times {
        Times { key: self.expire_at(), field: self.field_expire_at() }
    }

    /// What has expired at `now` (unix ms).
    #[inline]
    pub fn state(self, now: i64) -> State {
        if !self.is_timed() {
            State::Live
        } else if self.expire_at().is_some_and(|at| at < now) {
            State::Expired
        } else if self.flags() & FIELDS_EXPIRE != 0 {
            TimedRef::of(self, now).state()
        } else {
            State::Live
        }
    }

    /// Whether the key is gone at `now` (unix ms): its time has passed, or that of each field of a hash.
    #[inline]
    pub fn is_expired(self, now: i64) -> bool {
        matches!(self.state(now), State::Expired | State::Empty)
    }

    /// The value, if it is a string.
    #[inline]
    pub fn string(self) -> Option<Str<'a>> {
        if self.byte(0) & 0x0f != Kind::String as u8 {
            return None;
        }
        // SAFETY: each form announces what lies at its place.
        Some(unsafe {
            match self.form() {
                Form::Int16 => Str::Int(i64::from(self.inline() as i16)),
                Form::Int32 => Str::Int(i64::from(self.payload().cast::<i32>().read())),
                Form::Int64 => Str::Int(self.payload().cast::<i64>().read()),
                Form::Embedded | Form::Boxed => Str::Bytes(
                    NonNull::slice_from_raw_parts(self.value_start(), usize::from(self.inline())).as_ref(),
                ),
                Form::Blob => Str::Blob(self.payload().cast::<Blob>().as_ref()),
                Form::Large => unreachable!("a string is no structure"),
            }
        })
    }

    /// The bytes of a string that is no integer, or of a small collection.
    #[inline]
    pub(crate) fn bytes(self) -> Option<&'a [u8]> {
        // SAFETY: each form announces what lies at its place.
        unsafe {
            match self.form() {
                Form::Embedded | Form::Boxed => Some(
                    NonNull::slice_from_raw_parts(self.value_start(), usize::from(self.inline())).as_ref(),
                ),
                Form::Blob => Some(self.payload().cast::<Blob>().as_ref()),
                Form::Int16 | Form::Int32 | Form::Int64 | Form::Large => None,
            }
        }
    }

    /// The blob that the value is, if it is one.
    pub(crate) fn blob(self) -> Option<&'a Blob> {
        // SAFETY: the form announces a Blob in the payload.
        (self.form() == Form::Blob).then(|| unsafe { self.payload().cast::<Blob>().as_ref() })
    }

    /// What [`Entry::new`] says of `mark`.
    #[inline]
    pub(crate) fn mark(self) -> bool {
        self.flags() & (MARK | FIELDS_EXPIRE) != 0
    }

    /// The structure of a large collection, whatever its kind.
    pub(super) fn large(self) -> Option<ManuallyDrop<Large>> {
        // SAFETY: the form announces a pointer to a structure of the kind; that it is not dropped leaves its owner the only one.
        (self.form() == Form::Large)
            .then(|| ManuallyDrop::new(unsafe { Large::from_raw(self.kind(), self.payload().cast().read()) }))
    }

    /// The structure of a large collection.
    #[inline]
    pub(crate) fn structure<T: Structure>(self) -> Option<&'a T> {
        let is_one = self.byte(0) == T::KIND as u8 | (Form::Large as u8) << 4;
        // SAFETY: kind and form announce a pointer to it in the payload.
        is_one.then(|| unsafe { self.payload().cast::<NonNull<T>>().read().as_ref() })
    }

    /// Starts to load what searches of a large collection for these members read, so that their cache misses overlap; with `ranks`
    /// also what those for their places in the order do.
    pub fn prefetch_members(self, members: &[&[u8]], ranks: bool) {
        if let Some(large) = self.large() {
            large.prefetch_members(members, ranks);
        }
    }

    /// The 24 access bits: LRU clock or LFU counter, see `evict`.
    pub fn access(self) -> u32 {
        self.word().load(Relaxed) & ACCESS_MASK
    }

    /// Sets the access bits. Two writers at once may lose one of the writes, nothing else.
    pub fn set_access(self, bits: u32) {
        let word = self.word();
        word.store((word.load(Relaxed) & !ACCESS_MASK) | (bits & ACCESS_MASK), Relaxed);
    }

    /// Bytes of the value as a string.
    pub fn value_bytes_len(self) -> usize {
        self.string().map_or(0, Str::len)
    }

    /// Whether freeing takes long enough to do it on another thread.
    pub(crate) fn is_slow_to_free(self) -> bool {
        match self.large() {
            Some(large) => large.elements_len() >= SLOW_ELEMENTS_MIN,
            None => self.blob().is_some_and(|blob| blob.len() >= SLOW_BYTES_MIN),
        }
    }

    /// Heap bytes of key and value, rounded to the allocator's classes.
    pub fn memory_bytes(self) -> usize {
        self.own_bytes() + self.large().map_or(0, |large| large.memory_bytes())
    }

    /// The same without those of a structure.
    pub(crate) fn own_bytes(self) -> usize {
        let value = match (self.form(), self.blob()) {
            (Form::Boxed, _) => class_bytes(usize::from(self.inline())),
            (_, Some(blob)) => blob.heap_bytes().into_iter().map(class_bytes).sum(),
            _ => 0,
        };
        class_bytes(self.content_bytes()) + value
    }

    #[inline]
    pub(super) fn byte(self, offset: usize) -> u8 {
        // SAFETY: offsets 0 to 3 are plain header bytes.
        unsafe { self.pointer.add(offset).read() }
    }

    #[inline]
    pub(super) fn flags(self) -> u8 {
        self.byte(1)
    }

    pub(super) fn word(self) -> &'a AtomicU32 {
        // SAFETY: bytes 4 to 8 are aligned, and used as this atomic only.
        unsafe { self.pointer.add(4).cast::<AtomicU32>().as_ref() }
    }

    pub(super) fn inline(self) -> u16 {
        u16::from(self.byte(3)) | ((self.word().load(Relaxed) >> 24) as u16) << 8
    }

    pub(super) fn form(self) -> Form {
        match self.byte(0) >> 4 {
            0 => Form::Int16,
            1 => Form::Int32,
            2 => Form::Int64,
            3 => Form::Embedded,
            4 => Form::Blob,
            5 => Form::Boxed,
            _ => Form::Large,
        }
    }

    #[inline]
    pub(super) fn key_len(self) -> usize {
        if self.flags() & WIDE_KEY == 0 {
            return usize::from(self.byte(2));
        }
        // SAFETY: the flag announces the length in the four bytes before the key.
        unsafe { self.pointer.add(key_offset(self.flags()) - 4).cast::<u32>().read() as usize }
    }

    pub(super) fn payload(self) -> NonNull<u8> {
        // SAFETY: in bounds, or one past the header of an entry without payload, which nobody reads.
        unsafe { self.pointer.add(HEADER_BYTES + expiry_bytes(self.flags())) }
    }

    /// Where the bytes of an embedded or boxed value are.
    pub(super) fn value_start(self) -> NonNull<u8> {
        // SAFETY: a boxed form announces a pointer in the payload; else the end of the key is in bounds.
        unsafe {
            match self.form() {
                Form::Boxed => self.payload().cast::<NonNull<u8>>().read(),
                _ => self.pointer.add(key_offset(self.flags()) + self.key_len()),
            }
        }
    }

    /// Bytes of the entry's own allocation that are in use.
    pub(super) fn content_bytes(self) -> usize {
        let value = if self.form() == Form::Embedded { usize::from(self.inline()) } else { 0 };
        key_offset(self.flags()) + self.key_len() + value
    }
}

impl fmt::Debug for EntryRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key().escape_ascii().to_string())
            .field("kind", &self.kind())
            .field("encoding", &self.encoding())
            .field("expire_at", &self.expire_at())
            .finish()
    }
}
