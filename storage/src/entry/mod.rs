//! An entry: one allocation that holds a key, its header, its expiry and its value or the way to it.
//!
//! | bytes | content |
//! |---|---|
//! | 0 | kind (low four bits), form (high four bits) |
//! | 1 | flags, see the constants below |
//! | 2 | key length (0 when `WIDE_KEY`) |
//! | 3 | inline word, low byte |
//! | 4..7 | access bits (LRU or LFU), 24 bits |
//! | 7 | inline word, high byte |
//! | then 8, if `HAS_EXPIRY` | expiry, unix ms, signed |
//! | then 8, if `PAYLOAD_8` | a 64-bit integer, or a pointer to the value |
//! | then 4, if `PAYLOAD_4` | a 32-bit integer |
//! | then 4, if `WIDE_KEY` | key length |
//! | then | key |
//! | then, if embedded | value, as many bytes as the inline word says |
//!
//! A small value is embedded: one allocation, one cache miss. It is boxed where the size class would waste an eighth, as with
//! 1,024 bytes of value, which would take 1,280 with their key. Beyond 4 KiB it is a [`Blob`], which can be shared.
//!
//! That holds for strings and for small collections alike, whose value is the bytes of a listpack or intset. A large
//! collection is a structure of its own ([`Large`]), to which the payload points.
//!
//! Invariants:
//! - The allocation has the size that [`class_bytes`] gives for the content, so that content which stays in its class
//!   is written in place, and the size at release follows from the header.
//! - An entry has exactly one owner: an [`Entry`] or the table. While a frozen view sees it, nothing but the access bits
//!   changes; they and byte 7 are read and written as one relaxed atomic word, because the view reads meanwhile.
//! - A 16-bit integer lives in the inline word.
#![allow(unsafe_code)]

mod large;
mod read;
#[cfg(test)]
mod tests;
mod value;
mod write;

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

pub(crate) use large::{Large, Structure};
pub use read::{EntryRef, State};
pub(crate) use value::{Content, decimal_len};
pub use value::{Encoding, Kind, Str, parse_int};
pub(crate) use write::EntryMut;

use crate::blob::Blob;
/// The longest string that Redis calls `embstr`.
pub const EMBSTR_BYTES_MAX: usize = 44;
/// Values longer than this are a [`Blob`]; an entry with an embedded value is no larger.
pub const SMALL_VALUE_BYTES_MAX: usize = 4096;
/// Values up to this length are embedded whatever the key.
const ALWAYS_EMBEDDED_BYTES_MAX: usize = 64;
/// Access bits are 24 wide.
pub const ACCESS_MASK: u32 = 0x00ff_ffff;

/// A string was changed in place once and reports `raw` from then on; the bytes of a set are an intset.
const MARK: u8 = 0x01;
/// The same mark of a hash: its fields may expire. It has a bit of its own so that one test tells whether an entry has times.
const FIELDS_EXPIRE: u8 = 0x40;
const PAYLOAD_4: u8 = 0x04;
const PAYLOAD_8: u8 = 0x08;
const HAS_EXPIRY: u8 = 0x10;
const WIDE_KEY: u8 = 0x20;

const HEADER_BYTES: usize = 8;
const ALIGN: usize = 8;

/// The size of the allocator's class for `bytes`: steps of 8 up to 64, then four classes a doubling, then pages.
pub const fn class_bytes(bytes: usize) -> usize {
    const SMALL_BYTES_MAX: usize = 14 * 1024;
    const PAGE_BYTES: usize = 4096;
    match bytes {
        0..=64 => bytes.next_multiple_of(8),
        65..=SMALL_BYTES_MAX => bytes.next_multiple_of(1 << ((bytes - 1).ilog2() - 2)),
        _ => bytes.next_multiple_of(PAGE_BYTES),
    }
}

/// The size of the class of a vector's allocation.
pub(crate) fn array_bytes<T>(array: &Vec<T>) -> usize {
    class_bytes(array.capacity() * size_of::<T>())
}

/// An entry that is not in a table. Dropping it frees it.
pub(crate) struct Entry(NonNull<u8>);

// SAFETY: an entry owns all it points to, and what it points to (a Blob) may be sent and dropped anywhere.
unsafe impl Send for Entry {}

impl Entry {
    /// Makes an entry. `mark` is whether a string reports `raw` for having been changed in place, whether the bytes of a set are
    /// an intset, and whether a hash is one whose fields may expire.
    pub(crate) fn new(
        key: &[u8],
        kind: Kind,
        content: Content<'_>,
        mark: bool,
        expiry: Option<i64>,
        access: u32,
    ) -> Entry {
        let head = Head { key, kind, mark, expiry, access };
        match content {
            Content::Int(value) => Entry::int(&head, value),
            Content::Bytes(bytes) => Entry::bytes(&head, bytes, bytes.len()),
            Content::Padded { bytes, len } => Entry::bytes(&head, bytes, len),
            Content::Blob(blob) => Entry::pointer(&head, Form::Blob, blob),
            Content::Large(large) => Entry::pointer(&head, Form::Large, large.into_raw()),
        }
    }

    fn int(head: &Head<'_>, value: i64) -> Entry {
        let form = Form::of_int(value);
        let inline = if form == Form::Int16 { value as u16 } else { 0 };
        let entry = Entry::allocate(head, form, inline);
        // SAFETY: the allocation has the payload bytes that the form announces.
        unsafe {
            match form {
                Form::Int32 => entry.as_ref().payload().cast::<i32>().write(value as i32),
                Form::Int64 => entry.as_ref().payload().cast::<i64>().write(value),
                _ => (),
            }
        }
        entry
    }

    /// An entry with `len` bytes, of which all but the first few are zero.
    fn bytes(head: &Head<'_>, bytes: &[u8], len: usize) -> Entry {
        let (copied, zeros) = (bytes.len().min(len), len.saturating_sub(bytes.len()));
        let form = Form::of_bytes(head.key.len(), head.expiry.is_some(), len);
        if form == Form::Blob {
            let mut large = Vec::with_capacity(len);
            large.extend_from_slice(&bytes[..copied]);
            large.resize(len, 0);
            return Entry::pointer(head, Form::Blob, Blob::from(large));
        }
        let entry = Entry::allocate(head, form, len as u16);
        // SAFETY: a boxed value has an allocation of its own, to which the payload points; an embedded value has room behind
        // the key. Both have room for `len` bytes.
        unsafe {
            if form == Form::Boxed {
                entry.as_ref().payload().cast::<NonNull<u8>>().write(allocate(len));
            }
            let value = entry.as_ref().value_start();
            value.copy_from_nonoverlapping(NonNull::from(bytes).cast(), copied);
            value.add(copied).write_bytes(0, zeros);
        }
        entry
    }

    /// An entry whose payload is a handle that it owns.
    fn pointer<T>(head: &Head<'_>, form: Form, handle: T) -> Entry {
        const { assert!(size_of::<T>() == 8 && align_of::<T>() == 8) };
        let entry = Entry::allocate(head, form, 0);
        // SAFETY: these forms have eight payload bytes, aligned to eight; the entry owns the handle from here.
        unsafe { entry.as_ref().payload().cast::<T>().write(handle) };
        entry
    }

    /// The same value under another key or expiry; a large value is shared, not copied.
    pub(crate) fn copy_of(other: EntryRef<'_>, key: &[u8], expiry: Option<i64>) -> Entry {
        let content = match (other.string(), other.bytes()) {
            (Some(Str::Int(value)), _) => Content::Int(value),
            (Some(Str::Blob(blob)), _) => Content::Blob(blob.clone()),
            (_, Some(bytes)) => Content::Bytes(bytes),
            _ => Content::Large(Large::clone(&other.large().expect("a structure, where there are no bytes"))),
        };
        Entry::new(key, other.kind(), content, other.mark(), expiry, other.access())
    }

    /// The entry for reading.
    pub(crate) fn as_ref(&self) -> EntryRef<'_> {
        EntryRef { pointer: self.0, life: PhantomData }
    }

    /// Gives the allocation to the caller, who frees it by [`Entry::from_raw`].
    pub(crate) fn into_raw(self) -> NonNull<u8> {
        let pointer = self.0;
        std::mem::forget(self);
        pointer
    }

    /// # Safety
    /// `pointer` came from [`Entry::into_raw`], and nobody uses it but through the result.
    pub(crate) unsafe fn from_raw(pointer: NonNull<u8>) -> Entry {
        Entry(pointer)
    }

    /// An entry with header, expiry and key written; payload and value are the caller's to write.
    fn allocate(head: &Head<'_>, form: Form, inline: u16) -> Entry {
        let Head { key, kind, mark, expiry, access } = *head;
        let mut flags = if mark { mark_flag(kind) } else { 0 } | form.payload_flag();
        if expiry.is_some() {
            flags |= HAS_EXPIRY;
        }
        if key.len() > usize::from(u8::MAX) {
            flags |= WIDE_KEY;
        }
        let value_len = if form == Form::Embedded { usize::from(inline) } else { 0 };
        let pointer = allocate(key_offset(flags) + key.len() + value_len);
        // SAFETY: every write below is inside the allocation: header first, then the fields that the flags announce at the
        // offsets that the table in the head of this file gives.
        unsafe {
            pointer.write(kind as u8 | (form as u8) << 4);
            pointer.add(1).write(flags);
            pointer.add(2).write(if flags & WIDE_KEY == 0 { key.len() as u8 } else { 0 });
            pointer.add(3).write(inline as u8);
            let word = (access & ACCESS_MASK) | u32::from(inline >> 8) << 24;
            pointer.add(4).cast::<AtomicU32>().write(AtomicU32::new(word));
            if let Some(at) = expiry {
                pointer.add(HEADER_BYTES).cast::<i64>().write(at);
            }
            let start = pointer.add(key_offset(flags));
            if flags & WIDE_KEY != 0 {
                start.sub(4).cast::<u32>().write(u32::try_from(key.len()).expect("a key of less than 4 GiB"));
            }
            start.copy_from_nonoverlapping(NonNull::from(key).cast(), key.len());
            Entry(pointer)
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let entry = self.as_ref();
        // SAFETY: the entry is owned and dropped once; the layouts are those of its making, since in-place changes keep the
        // class. A Blob or large form owns its handle, a boxed form its value.
        unsafe {
            match entry.form() {
                Form::Blob => entry.payload().cast::<Blob>().drop_in_place(),
                Form::Large => drop(Large::from_raw(entry.kind(), entry.payload().cast().read())),
                Form::Boxed => dealloc(entry.value_start().as_ptr(), layout_of(usize::from(entry.inline()))),
                _ => (),
            }
            dealloc(self.0.as_ptr(), layout_of(entry.content_bytes()));
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

/// What every entry is made with.
struct Head<'a> {
    key: &'a [u8],
    kind: Kind,
    mark: bool,
    expiry: Option<i64>,
    access: u32,
}

/// Where the value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Form {
    /// In the inline word.
    Int16 = 0,
    /// In the four payload bytes.
    Int32 = 1,
    /// In the eight payload bytes.
    Int64 = 2,
    /// Behind the key.
    Embedded = 3,
    /// In a [`Blob`] whose handle is the eight payload bytes.
    Blob = 4,
    /// In an allocation of its own, to which the eight payload bytes point, as many bytes as the inline word says.
    Boxed = 5,
    /// A structure of the kind's own, to which the eight payload bytes point.
    Large = 6,
}

impl Form {
    fn payload_flag(self) -> u8 {
        match self {
            Form::Int16 | Form::Embedded => 0,
            Form::Int32 => PAYLOAD_4,
            Form::Int64 | Form::Blob | Form::Boxed | Form::Large => PAYLOAD_8,
        }
    }

    /// The form for bytes: embedded, unless a size class that fits badly makes it an eighth smaller to part value and key.
    fn of_bytes(key_len: usize, has_expiry: bool, len: usize) -> Form {
        let fixed = HEADER_BYTES + if has_expiry { 8 } else { 0 } + key_len;
        if len <= ALWAYS_EMBEDDED_BYTES_MAX {
            return Form::Embedded;
        }
        if len > SMALL_VALUE_BYTES_MAX {
            return Form::Blob;
        }
        let embedded_bytes = class_bytes(fixed + len);
        let boxed_bytes = class_bytes(fixed + 8) + class_bytes(len);
        let embeds =
            embedded_bytes <= SMALL_VALUE_BYTES_MAX && embedded_bytes < boxed_bytes + embedded_bytes / 8;
        if embeds { Form::Embedded } else { Form::Boxed }
    }

    fn of_int(value: i64) -> Form {
        if i16::try_from(value).is_ok() {
            Form::Int16
        } else if i32::try_from(value).is_ok() {
            Form::Int32
        } else {
            Form::Int64
        }
    }
}

/// The flag that is a kind's mark.
#[inline]
fn mark_flag(kind: Kind) -> u8 {
    if kind == Kind::Hash { FIELDS_EXPIRE } else { MARK }
}

#[inline]
fn expiry_bytes(flags: u8) -> usize {
    usize::from((flags & HAS_EXPIRY) >> 1)
}

/// Where the key starts. The flag bits are chosen so that this takes no branch.
#[inline]
fn key_offset(flags: u8) -> usize {
    HEADER_BYTES
        + expiry_bytes(flags)
        + usize::from(flags & (PAYLOAD_4 | PAYLOAD_8))
        + usize::from((flags & WIDE_KEY) >> 3)
}

/// Memory for so many bytes, in their class.
fn allocate(bytes: usize) -> NonNull<u8> {
    let layout = layout_of(bytes);
    // SAFETY: no entry and no boxed value is empty.
    let pointer = unsafe { alloc(layout) };
    NonNull::new(pointer).unwrap_or_else(|| handle_alloc_error(layout))
}

fn layout_of(content_bytes: usize) -> Layout {
    Layout::from_size_align(class_bytes(content_bytes), ALIGN).expect("an entry below the address space")
}
