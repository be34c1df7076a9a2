//! A block: one reference-counted allocation of a size class, behind a handle of 8 bytes. The leaves of dicts and rankings.
//!
//! | bytes | content |
//! |---|---|
//! | 0 | holders, atomic |
//! | 4 | elements, and in the topmost bit whether it is wide |
//! | 8 | size of the allocation in words of 8 bytes |
//! | 12 | a number, low half first |
//! | from 20 to the end | content |
//!
//! What the content is, what wide means and what the number counts is its user's business: `dict`, `ranking`.
//!
//! Invariants:
//! - Cloning a handle shares the block. Whoever writes holds the only handle: there is no way to write otherwise.
//! - All content bytes are initialised from the start, those not in use too.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::process::abort;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use crate::entry::class_bytes;
use crate::prefetch::prefetch_lines;
use crate::sharing;

const WIDE: u32 = 1 << 31;
const WORD_BYTES: usize = 8;
const HEADER_BYTES: usize = size_of::<Header>();
/// The least content, so that whoever reads 64 tags or 64 lengths at once stays inside.
const CONTENT_BYTES_MIN: usize = 128 - HEADER_BYTES;

#[repr(C)]
struct Header {
    holders: AtomicU32,
    len: u32,
    words: u32,
    number: [u32; 2],
}

/// A shared block. Dropping the last handle frees it, on any thread.
pub(crate) struct Block(NonNull<Header>);

// SAFETY: a block is plain bytes that are written by a sole holder only; the holder count is atomic.
unsafe impl Send for Block {}
// SAFETY: as above; through `&Block` bytes are only read.
unsafe impl Sync for Block {}

impl Block {
    /// A block of no elements, with `content_bytes` or a little more of zeroed content.
    pub(crate) fn zeroed(content_bytes: usize, is_wide: bool, number: u64) -> Block {
        let bytes = allocated_bytes_of(content_bytes);
        let words = u32::try_from(bytes / WORD_BYTES).expect("a block below 32 GiB");
        let layout = layout_of(words);
        // SAFETY: the layout is larger than the header.
        let pointer = unsafe { alloc_zeroed(layout) };
        let Some(header) = NonNull::new(pointer.cast::<Header>()) else { handle_alloc_error(layout) };
        let len = if is_wide { WIDE } else { 0 };
        // SAFETY: the allocation is aligned and has room for the header.
        unsafe { header.write(Header { holders: AtomicU32::new(1), len, words, number: halves(number) }) };
        Block(header)
    }

    /// Elements in the block.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        (self.header().len & !WIDE) as usize
    }

    /// Whether the block was made wide.
    #[inline]
    pub(crate) fn is_wide(&self) -> bool {
        self.header().len & WIDE != 0
    }

    /// Bytes of the allocation.
    #[inline]
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.header().words as usize * WORD_BYTES
    }

    /// Whether this is the only handle, so that the block may be written.
    #[inline]
    pub(crate) fn is_unique(&self) -> bool {
        // Pairs with the release in `drop`: what other holders read, they read before.
        self.header().holders.load(Ordering::Acquire) == 1
    }

    /// The content.
    #[inline]
    pub(crate) fn content(&self) -> &[u8] {
        let len = self.allocated_bytes() - HEADER_BYTES;
        // SAFETY: the allocation has that many initialised bytes behind the header; nobody writes them while this handle is
        // borrowed, because a writer borrows the only handle mutably.
        unsafe { NonNull::slice_from_raw_parts(self.0.add(1).cast(), len).as_ref() }
    }

    /// The content for writing. The block must not be shared.
    #[inline]
    pub(crate) fn content_mut(&mut self) -> &mut [u8] {
        assert!(self.is_unique(), "a shared block is never written");
        let len = self.allocated_bytes() - HEADER_BYTES;
        // SAFETY: as in `content`; this is the only handle, and it is borrowed mutably.
        unsafe { NonNull::slice_from_raw_parts(self.0.add(1).cast(), len).as_mut() }
    }

    /// Sets the number. The block must not be shared.
    pub(crate) fn set_number(&mut self, number: u64) {
        assert!(self.is_unique(), "a shared block is never written");
        // SAFETY: this is the only handle, and it is borrowed mutably.
        unsafe { self.0.as_mut() }.number = halves(number);
    }

    /// Sets how many elements there are. The block must not be shared.
    #[inline]
    pub(crate) fn set_len(&mut self, len: usize) {
        assert!(self.is_unique(), "a shared block is never written");
        let len = u32::try_from(len).ok().filter(|len| len & WIDE == 0).expect("fewer than 2^31 elements");
        // SAFETY: this is the only handle, and it is borrowed mutably.
        let header = unsafe { self.0.as_mut() };
        header.len = header.len & WIDE | len;
    }

    /// The number.
    #[inline]
    pub(crate) fn number(&self) -> u64 {
        let [low, high] = self.header().number;
        u64::from(high) << 32 | u64::from(low)
    }

    /// Starts to load the first lines of the cache, which every search reads first. There may be fewer.
    #[inline]
    pub(crate) fn prefetch_lines(&self, count: usize) {
        prefetch_lines(self.0.as_ptr().cast(), count);
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: the header lives as long as a handle, and nobody writes it while this handle is borrowed, but for the
        // atomic count.
        unsafe { self.0.as_ref() }
    }
}

impl Clone for Block {
    fn clone(&self) -> Block {
        // As with `Arc`: a new handle comes from an existing one, so nothing has to be ordered.
        let holders = self.header().holders.fetch_add(1, Ordering::Relaxed);
        if holders > u32::MAX / 2 {
            abort(); // handles were leaked by the billion; a wrapped count would free what is in use
        }
        Block(self.0)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let layout = layout_of(self.header().words);
        if self.header().holders.fetch_sub(1, Ordering::Release) != 1 {
            return sharing::give_up(layout.size());
        }
        fence(Ordering::Acquire); // what other holders did, they did before
        // SAFETY: this was the last handle; the layout is that of the allocation.
        unsafe { dealloc(self.0.as_ptr().cast(), layout) }
    }
}

/// Bytes of the allocation that a content takes.
pub(crate) fn allocated_bytes_of(content_bytes: usize) -> usize {
    class_bytes(HEADER_BYTES + content_bytes.max(CONTENT_BYTES_MIN))
}

fn halves(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}

fn layout_of(words: u32) -> Layout {
    Layout::from_size_align(words as usize * WORD_BYTES, WORD_BYTES).expect("a block below the address space")
}
