//! A block in an allocation of its own, shared by reference count: the leaves of lists and streams.
//!
//! | bytes | content |
//! |---|---|
//! | 0..4 | number of handles, atomic |
//! | 4..8 | length of the block |
//! | then | the block |
//! | then | idle bytes, up to the size class |
//!
//! Invariants:
//! - The allocation has the size that [`class_bytes`] gives for the header and the block, so that capacity needs no field.
//! - Every byte of the block is initialised; the idle bytes need not be.
//! - Bytes are written only through the sole handle, borrowed for writing: whoever else holds the block never sees it change.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::fmt;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};

use super::edit::{Buffer, PackMut};
use super::read::{PackRef, Position};
use crate::entry::class_bytes;
use crate::sharing;

/// What is before the block.
#[repr(C)]
struct Header {
    refs: AtomicU32,
    len: u32,
}

/// Bytes before the block.
const HEADER_BYTES: usize = size_of::<Header>();
/// Handles to one block: far more than there are views, far fewer than would overflow the count.
const REFS_MAX: u32 = 1 << 30;

/// A handle to a block: 8 bytes, and so is an `Option` of it. `clone` shares the block, a change copies it where it is shared.
pub struct Pack(NonNull<Header>);

// SAFETY: the count is atomic, and the bytes are written only while one handle is left, which is borrowed for writing.
unsafe impl Send for Pack {}
// SAFETY: as above; a shared handle only reads and counts.
unsafe impl Sync for Pack {}

impl Pack {
    /// A block without elements.
    pub fn new() -> Pack {
        Pack::from(PackRef::EMPTY)
    }

    /// The block for reading.
    #[inline]
    pub fn as_ref(&self) -> PackRef<'_> {
        PackRef::new(self.bytes())
    }

    /// The block for editing. What is shared is copied at the first change.
    #[inline]
    pub fn edit(&mut self) -> PackMut<PackBuffer<'_>> {
        PackMut::new(PackBuffer(self))
    }

    /// Moves the element at `position` and those after it to a block of their own.
    pub fn split_off(&mut self, position: Position) -> Pack {
        let mut tail = Pack::new();
        self.edit().split_off(position, PackBuffer(&mut tail));
        tail
    }

    /// Whether this is the only handle, so that a change needs no copy.
    #[inline]
    pub fn is_unique(&self) -> bool {
        // Acquire pairs with the release in `drop`: what other handles read was read before what this one writes.
        self.refs().load(Ordering::Acquire) == 1
    }

    /// Whether both are handles to one block.
    #[inline]
    pub fn is_same(&self, other: &Pack) -> bool {
        self.0 == other.0
    }

    /// Bytes allocated for a block of so many bytes.
    #[inline]
    pub fn heap_bytes(block_bytes: usize) -> usize {
        class_bytes(HEADER_BYTES + block_bytes)
    }

    /// A block of `len` bytes that starts with `bytes` or, where it is shorter, with the first of them. The rest is zero.
    fn with_start(bytes: &[u8], len: usize) -> Pack {
        let layout = layout_of(len);
        // SAFETY: no layout is empty.
        let pointer = unsafe { alloc(layout) }.cast::<Header>();
        let Some(pointer) = NonNull::new(pointer) else { handle_alloc_error(layout) };
        let kept = bytes.len().min(len);
        // SAFETY: the allocation has room for the header and `len` bytes behind it, and nobody else knows of it.
        unsafe {
            pointer.write(Header { refs: AtomicU32::new(1), len: len_field(len) });
            let block = pointer.add(1).cast::<u8>();
            block.copy_from_nonoverlapping(NonNull::from(bytes).cast(), kept);
            block.add(kept).write_bytes(0, len - kept);
        }
        Pack(pointer)
    }

    /// Makes the sole handle's block longer or shorter; new bytes are zero.
    fn reallocate(&mut self, len: usize) {
        let old_len = self.len();
        let (old_layout, layout) = (layout_of(old_len), layout_of(len));
        if layout != old_layout {
            // SAFETY: the allocation has the old layout, as of the invariants, and the new size is not zero. This handle is the
            // only one.
            let pointer = unsafe { realloc(self.0.as_ptr().cast(), old_layout, layout.size()) };
            let Some(pointer) = NonNull::new(pointer.cast::<Header>()) else { handle_alloc_error(layout) };
            self.0 = pointer;
        }
        if len > old_len {
            // SAFETY: the allocation has room for `len` bytes behind the header.
            unsafe { self.block().add(old_len).write_bytes(0, len - old_len) };
        }
        // SAFETY: this is the only handle, and it is borrowed for writing.
        unsafe { self.0.as_mut() }.len = len_field(len);
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: the allocation starts with the header and lives as long as any handle. Nobody writes the length while a handle
        // is borrowed for reading.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn refs(&self) -> &AtomicU32 {
        &self.header().refs
    }

    #[inline]
    fn block(&self) -> NonNull<u8> {
        // SAFETY: the block lies behind the header, in the same allocation.
        unsafe { self.0.add(1).cast() }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes are initialised, and nobody writes them while this handle is borrowed.
        unsafe { slice::from_raw_parts(self.block().as_ptr(), self.len()) }
    }

    #[inline]
    fn len(&self) -> usize {
        self.header().len as usize
    }
}

/// The block of a [`Pack`] while it is edited. Only [`PackMut`] can reach into it.
#[derive(Debug)]
pub struct PackBuffer<'a>(&'a mut Pack);

/// Copies first where another handle sees the bytes.
impl Buffer for PackBuffer<'_> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        if !self.0.is_unique() {
            *self.0 = Pack::with_start(self.0.bytes(), self.0.len());
        }
        // SAFETY: so many bytes are initialised; this is the only handle, and it is borrowed for writing.
        unsafe { slice::from_raw_parts_mut(self.0.block().as_ptr(), self.0.len()) }
    }

    fn resize(&mut self, len: usize) {
        if self.0.is_unique() {
            self.0.reallocate(len);
        } else {
            *self.0 = Pack::with_start(self.0.bytes(), len);
        }
    }
}

impl Clone for Pack {
    #[inline]
    fn clone(&self) -> Pack {
        // Relaxed: the new handle comes from one that is borrowed, so the block cannot go away meanwhile.
        let refs = self.refs().fetch_add(1, Ordering::Relaxed);
        assert!(refs < REFS_MAX, "{refs} handles to one block");
        Pack(self.0)
    }
}

impl Drop for Pack {
    #[inline]
    fn drop(&mut self) {
        let layout = layout_of(self.len());
        if self.refs().fetch_sub(1, Ordering::Release) != 1 {
            return sharing::give_up(layout.size());
        }
        // Pairs with the releases of the other handles: what they read was read before this frees it. A load, not a fence,
        // because ThreadSanitizer knows no fences.
        self.refs().load(Ordering::Acquire);
        // SAFETY: this was the last handle; the layout is that of the block's length, as of the invariants.
        unsafe { dealloc(self.0.as_ptr().cast(), layout) };
    }
}

impl Default for Pack {
    fn default() -> Pack {
        Pack::new()
    }
}

impl From<PackRef<'_>> for Pack {
    fn from(pack: PackRef<'_>) -> Pack {
        Pack::with_start(pack.bytes(), pack.bytes().len())
    }
}

impl fmt::Debug for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

fn layout_of(len: usize) -> Layout {
    Layout::from_size_align(class_bytes(HEADER_BYTES + len), align_of::<Header>())
        .expect("a block below the address space")
}

fn len_field(len: usize) -> u32 {
    u32::try_from(len).expect("a block of less than 4 GiB")
}

const _: () = assert!(size_of::<Option<Pack>>() == 8);
