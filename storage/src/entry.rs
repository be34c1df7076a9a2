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
//! | then 8, if `PAYLOAD_8` | a 64-bit integer or a pointer |
//! | then 4, if `PAYLOAD_4` | a 32-bit integer |
//! | then 4, if `WIDE_KEY` | key length |
//! | then | key |
//! | then, if embedded | value, as many bytes as the inline word says |
//!
//! Invariants:
//! - The allocation has the size that [`class_bytes`] gives for the content, so that content which stays in its class
//!   is written in place, and the size at release follows from the header.
//! - An entry has exactly one owner: an [`Entry`] or the table. While a frozen view sees it, nothing but the access bits
//!   changes; they and byte 7 are read and written as one relaxed atomic word, because the view reads meanwhile.
//! - A 16-bit integer lives in the inline word.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::blob::Blob;

/// The longest string that Redis calls `embstr`.
pub const EMBSTR_BYTES_MAX: usize = 44;
/// The largest allocation of an entry with an embedded value; larger values become a [`Blob`].
pub const EMBEDDED_ENTRY_BYTES_MAX: usize = 4096;
/// Values up to this length are embedded however long the key is.
const ALWAYS_EMBEDDED_BYTES_MAX: usize = 64;
/// Access bits are 24 wide.
pub const ACCESS_MASK: u32 = 0x00ff_ffff;

/// The string was changed in place once: it reports `raw` from then on.
const RAW: u8 = 0x01;
const PAYLOAD_4: u8 = 0x04;
const PAYLOAD_8: u8 = 0x08;
const HAS_EXPIRY: u8 = 0x10;
const WIDE_KEY: u8 = 0x20;

const HEADER_BYTES: usize = 8;
const ALIGN: usize = 8;

/// What a key holds, numbered as RDB and modules number it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Bytes or an integer.
    String = 0,
    /// A list.
    List = 1,
    /// A set.
    Set = 2,
    /// A sorted set.
    SortedSet = 3,
    /// A hash.
    Hash = 4,
    /// A module's own type.
    Module = 5,
    /// A stream.
    Stream = 6,
}

impl Kind {
    /// The name as `TYPE` replies it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list",
            Kind::Set => "set",
            Kind::SortedSet => "zset",
            Kind::Hash => "hash",
            Kind::Module => "module",
            Kind::Stream => "stream",
        }
    }

    fn from_bits(bits: u8) -> Kind {
        match bits {
            0 => Kind::String,
            1 => Kind::List,
            2 => Kind::Set,
            3 => Kind::SortedSet,
            4 => Kind::Hash,
            5 => Kind::Module,
            _ => Kind::Stream,
        }
    }
}

/// How a value is laid out, in the words of `OBJECT ENCODING`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// An integer.
    Int,
    /// A short string that was never changed in place.
    Embstr,
    /// Any other string.
    Raw,
}

impl Encoding {
    /// The name as `OBJECT ENCODING` replies it.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Int => "int",
            Encoding::Embstr => "embstr",
            Encoding::Raw => "raw",
        }
    }
}

/// Where the value's bytes are.
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
}

impl Form {
    fn payload_flag(self) -> u8 {
        match self {
            Form::Int16 | Form::Embedded => 0,
            Form::Int32 => PAYLOAD_4,
            Form::Int64 | Form::Blob => PAYLOAD_8,
        }
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

/// A string value on its way into an entry.
#[derive(Clone, Debug)]
pub(crate) enum Content<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    Blob(Blob),
}

/// A string value as it lies in an entry.
#[derive(Clone, Copy, Debug)]
pub enum Str<'a> {
    /// An integer; its decimal form is the string.
    Int(i64),
    /// Bytes inside the entry.
    Bytes(&'a [u8]),
    /// A large value, which can be shared without copying.
    Blob(&'a Blob),
}

impl<'a> Str<'a> {
    /// Length in bytes, of an integer in decimal.
    pub fn len(self) -> usize {
        match self {
            Str::Int(value) => decimal_len(value),
            Str::Bytes(bytes) => bytes.len(),
            Str::Blob(blob) => blob.len(),
        }
    }

    /// Whether the string has no bytes.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The bytes; an integer is formatted into `buffer`.
    pub fn as_bytes<'b>(self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Str::Int(value) => buffer.format(value).as_bytes(),
            Str::Bytes(bytes) => bytes,
            Str::Blob(blob) => blob,
        }
    }

    /// The bytes, copied.
    pub fn to_vec(self) -> Vec<u8> {
        self.as_bytes(&mut itoa::Buffer::new()).to_vec()
    }

    /// The integer that the string is, by the strict rule of [`parse_int`].
    pub fn to_int(self) -> Option<i64> {
        match self {
            Str::Int(value) => Some(value),
            Str::Bytes(bytes) => parse_int(bytes),
            Str::Blob(blob) => parse_int(blob),
        }
    }

    /// The large value, for replies by reference.
    pub fn blob(self) -> Option<&'a Blob> {
        match self {
            Str::Blob(blob) => Some(blob),
            _ => None,
        }
    }
}

/// The integer whose canonical decimal form `bytes` is: no sign but a minus, no leading zero, no space.
pub fn parse_int(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => (),
        _ => return None,
    }
    let mut magnitude = 0u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit - b'0'); // 19 digits stay below 2^64
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

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

/// An entry that is not in a table. Dropping it frees it.
pub(crate) struct Entry(NonNull<u8>);

// SAFETY: an entry owns all it points to, and what it points to (a Blob) may be sent and dropped anywhere.
unsafe impl Send for Entry {}

impl Entry {
    /// Makes an entry. `raw` is whether a string reports `raw` for having been changed in place.
    pub(crate) fn string(
        key: &[u8],
        content: Content<'_>,
        raw: bool,
        expiry: Option<i64>,
        access: u32,
    ) -> Entry {
        let raw = if raw { RAW } else { 0 };
        match content {
            Content::Int(value) => {
                let form = Form::of_int(value);
                let inline = if form == Form::Int16 { value as u16 } else { 0 };
                let entry = Entry::allocate(key, Kind::String, form, raw, expiry, access, inline);
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
            Content::Bytes(bytes) if embeds(key.len(), expiry.is_some(), bytes.len()) => {
                let inline = bytes.len() as u16;
                let entry = Entry::allocate(key, Kind::String, Form::Embedded, raw, expiry, access, inline);
                // SAFETY: an embedded entry has room for `inline` bytes behind its key.
                unsafe {
                    let value = entry.as_ref().value_start();
                    value.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
                }
                entry
            }
            Content::Bytes(bytes) => {
                Entry::string(key, Content::Blob(Blob::from(bytes.to_vec())), raw != 0, expiry, access)
            }
            Content::Blob(blob) => {
                let entry = Entry::allocate(key, Kind::String, Form::Blob, raw, expiry, access, 0);
                // SAFETY: the form has eight payload bytes, aligned to eight; the entry owns the handle from here.
                unsafe { entry.as_ref().payload().cast::<Blob>().write(blob) };
                entry
            }
        }
    }

    /// The same value under another key or expiry; a large value is shared, not copied.
    pub(crate) fn copy_of(other: EntryRef<'_>, key: &[u8], expiry: Option<i64>) -> Entry {
        let content = match other.string().expect("a kind that can be copied") {
            Str::Int(value) => Content::Int(value),
            Str::Bytes(bytes) => Content::Bytes(bytes),
            Str::Blob(blob) => Content::Blob(blob.clone()),
        };
        Entry::string(key, content, other.flags() & RAW != 0, expiry, other.access())
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
    fn allocate(
        key: &[u8],
        kind: Kind,
        form: Form,
        raw: u8,
        expiry: Option<i64>,
        access: u32,
        inline: u16,
    ) -> Entry {
        let mut flags = raw | form.payload_flag();
        if expiry.is_some() {
            flags |= HAS_EXPIRY;
        }
        if key.len() > usize::from(u8::MAX) {
            flags |= WIDE_KEY;
        }
        let value_len = if form == Form::Embedded { usize::from(inline) } else { 0 };
        let layout = layout_of(key_offset(flags) + key.len() + value_len);
        // SAFETY: the layout is not empty; every write below is inside it: header first, then the fields that the
        // flags announce at the offsets that the table in the head of this file gives.
        unsafe {
            let Some(pointer) = NonNull::new(alloc(layout)) else { handle_alloc_error(layout) };
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
        let layout = layout_of(entry.content_bytes());
        // SAFETY: the entry is owned and dropped once; the layout is the one of its making, since in-place changes
        // keep the class. A Blob form owns its handle.
        unsafe {
            if entry.form() == Form::Blob {
                entry.payload().cast::<Blob>().drop_in_place();
            }
            dealloc(self.0.as_ptr(), layout);
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

/// An entry for reading; any number at a time, from any thread.
#[derive(Clone, Copy)]
pub struct EntryRef<'a> {
    pointer: NonNull<u8>,
    life: PhantomData<&'a Entry>,
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

    /// What the key holds.
    pub fn kind(self) -> Kind {
        Kind::from_bits(self.byte(0) & 0x0f)
    }

    /// How the value is laid out.
    pub fn encoding(self) -> Encoding {
        match self.form() {
            Form::Int16 | Form::Int32 | Form::Int64 => Encoding::Int,
            Form::Embedded if self.flags() & RAW == 0 && self.inline() as usize <= EMBSTR_BYTES_MAX => {
                Encoding::Embstr
            }
            Form::Embedded | Form::Blob => Encoding::Raw,
        }
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

    /// Whether the key's time has passed at `now` (unix ms).
    #[inline]
    pub fn is_expired(self, now: i64) -> bool {
        self.expire_at().is_some_and(|at| at < now)
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
                Form::Embedded => Str::Bytes(
                    NonNull::slice_from_raw_parts(self.value_start(), usize::from(self.inline())).as_ref(),
                ),
                Form::Blob => Str::Blob(self.payload().cast::<Blob>().as_ref()),
            }
        })
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

    /// Heap bytes of key and value, rounded to the allocator's classes.
    pub fn memory_bytes(self) -> usize {
        let value = match self.string() {
            Some(Str::Blob(blob)) => blob.heap_bytes().into_iter().map(class_bytes).sum(),
            _ => 0,
        };
        class_bytes(self.content_bytes()) + value
    }

    #[inline]
    fn byte(self, offset: usize) -> u8 {
        // SAFETY: offsets 0 to 3 are plain header bytes.
        unsafe { self.pointer.add(offset).read() }
    }

    #[inline]
    fn flags(self) -> u8 {
        self.byte(1)
    }

    fn word(self) -> &'a AtomicU32 {
        // SAFETY: bytes 4 to 8 are aligned, and used as this atomic only.
        unsafe { self.pointer.add(4).cast::<AtomicU32>().as_ref() }
    }

    fn inline(self) -> u16 {
        u16::from(self.byte(3)) | ((self.word().load(Relaxed) >> 24) as u16) << 8
    }

    fn form(self) -> Form {
        match self.byte(0) >> 4 {
            0 => Form::Int16,
            1 => Form::Int32,
            2 => Form::Int64,
            3 => Form::Embedded,
            _ => Form::Blob,
        }
    }

    #[inline]
    fn key_len(self) -> usize {
        if self.flags() & WIDE_KEY == 0 {
            return usize::from(self.byte(2));
        }
        // SAFETY: the flag announces the length in the four bytes before the key.
        unsafe { self.pointer.add(key_offset(self.flags()) - 4).cast::<u32>().read() as usize }
    }

    fn payload(self) -> NonNull<u8> {
        // SAFETY: in bounds, or one past the header of an entry without payload, which nobody reads.
        unsafe { self.pointer.add(HEADER_BYTES + expiry_bytes(self.flags())) }
    }

    fn value_start(self) -> NonNull<u8> {
        // SAFETY: the end of the key is in bounds.
        unsafe { self.pointer.add(key_offset(self.flags()) + self.key_len()) }
    }

    fn content_bytes(self) -> usize {
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

    /// Writes the value over the old one, if form and class allow.
    pub(crate) fn try_set(&mut self, content: &Content<'_>, raw: bool) -> bool {
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
            Content::Blob(_) => return false,
        }
        self.set_raw(raw);
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

    /// Sets the length of an embedded value, if the class allows. New bytes are zero.
    pub(crate) fn try_resize(&mut self, len: usize) -> bool {
        let entry = self.as_ref();
        if entry.form() != Form::Embedded || !embeds(entry.key_len(), entry.expire_at().is_some(), len) {
            return false;
        }
        let fixed = entry.content_bytes() - usize::from(entry.inline());
        if class_bytes(fixed + len) != class_bytes(entry.content_bytes()) {
            return false;
        }
        let old_len = usize::from(entry.inline());
        if len > old_len {
            // SAFETY: the class has room for `len` bytes. They are written before they count as the value.
            unsafe { entry.value_start().add(old_len).write_bytes(0, len - old_len) };
        }
        self.set_inline(len as u16);
        true
    }

    /// The bytes of an embedded value.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let entry = self.as_ref();
        assert_eq!(entry.form(), Form::Embedded, "an embedded value");
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

    /// The bytes of an embedded or large value, for as long as the borrow of the entry.
    pub(crate) fn into_bytes_mut(self) -> &'a mut [u8] {
        let EntryMut { pointer, life } = self;
        let large = EntryMut { pointer, life }.into_blob_mut();
        // SAFETY: one of the two results is `Some`, and `self` is gone: its exclusive borrow goes to the result.
        match large {
            Some(blob) => blob.make_mut(),
            None => unsafe { NonNull::from((EntryMut { pointer, life }).bytes_mut()).as_mut() },
        }
    }

    /// The large value, if it is one, for as long as the borrow of the entry.
    pub(crate) fn into_blob_mut(mut self) -> Option<&'a mut Blob> {
        // SAFETY: `self` is gone: its exclusive borrow goes to the result.
        self.blob_mut().map(|blob| unsafe { NonNull::from(blob).as_mut() })
    }

    /// Notes whether the string reports `raw`.
    pub(crate) fn set_raw(&mut self, raw: bool) {
        let flags = self.as_ref().flags();
        // SAFETY: byte 1 is a plain header byte.
        unsafe { self.pointer.add(1).write(if raw { flags | RAW } else { flags & !RAW }) };
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

/// Whether a value of `value_len` bytes lies in the entry itself.
pub(crate) fn embeds(key_len: usize, has_expiry: bool, value_len: usize) -> bool {
    let fixed = HEADER_BYTES + if has_expiry { 8 } else { 0 } + key_len;
    value_len <= ALWAYS_EMBEDDED_BYTES_MAX || fixed + value_len <= EMBEDDED_ENTRY_BYTES_MAX
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

fn layout_of(content_bytes: usize) -> Layout {
    Layout::from_size_align(class_bytes(content_bytes), ALIGN).expect("an entry below the address space")
}

fn decimal_len(value: i64) -> usize {
    let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
    digits + usize::from(value < 0)
}
