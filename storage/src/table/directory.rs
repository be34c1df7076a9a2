//! The directory: which page holds a hash.
//!
//! Extendible hashing in two levels. A page of depth `d` holds all hashes that begin with the same `d` bits.
//! A segment of depth `s` and `b` bits has 2^b entries for the hashes that begin with the same `s` bits, told
//! apart by the next `b`; a page that is less deep fills several entries, also of several segments. The root
//! has 2^r pointers to segments, told apart by the first `r` bits; a segment that is less deep fills several.
//! So when a page outgrows its segment, only that one (2 KiB) is doubled or split, and only the root (8 bytes
//! per 256 entries) is ever doubled as a whole. A table of one page has no directory but the entry itself.
//!
//! Invariants: `s <= r`, `b <= 8`, and `b == 8` when `r > 0`; every segment is referred to by 2^(r - s)
//! neighbouring root pointers; every page by all entries of its hashes; no page is deeper than its segment's
//! `s + b`.
#![allow(unsafe_code)]

use std::ptr;

use super::page::{DEPTH_MAX, Page};

/// Bits of a full segment.
const SEGMENT_BITS: u32 = 8;

/// Finds the page of a hash.
pub(super) enum Directory {
    /// One page holds everything.
    Page(Page),
    /// Two levels, as described above.
    Root(Box<Root>),
}

impl Directory {
    /// The page of a hash.
    #[inline]
    pub(super) fn page(&self, hash: u64) -> Page {
        match self {
            Self::Page(page) => *page,
            Self::Root(root) => root.segment(hash).page(hash),
        }
    }

    /// An upper bound of the depth of all pages.
    pub(super) fn depth_max(&self) -> u32 {
        match self {
            Self::Page(_) => 0,
            Self::Root(root) if root.bits == 0 => root.segment(0).resolution(),
            Self::Root(root) => root.bits + SEGMENT_BITS,
        }
    }

    /// The page of this hash and all after it, each once, in hash order.
    pub(super) fn pages_from(&self, hash: u64) -> Pages<'_> {
        Pages { directory: self, next: Some(hash) }
    }

    /// Makes `page` the page of all hashes that agree with this one in its depth of leading bits.
    /// The directory must tell so many bits apart.
    pub(super) fn set(&mut self, hash: u64, page: Page) {
        let root = match self {
            Self::Page(only) => {
                debug_assert_eq!(page.depth(), 0);
                *only = page;
                return;
            }
            Self::Root(root) => root,
        };
        let mut position = start(hash, page.depth());
        let end = end(hash, page.depth());
        loop {
            let segment = root.segment(position);
            segment.set(position, page);
            position = self::end(position, segment.depth().max(page.depth()));
            if position == end {
                return;
            }
        }
    }

    /// Tells one more bit of this hash apart than its page is deep.
    pub(super) fn refine(&mut self, hash: u64) {
        let depth = self.page(hash).depth();
        match self {
            Self::Page(page) => *self = Self::Root(Box::new(Root::new(*page))),
            Self::Root(root) if root.segment(hash).resolution() > depth => (),
            Self::Root(root) if root.segment(hash).bits() < SEGMENT_BITS => root.double_segment(),
            Self::Root(root) => {
                if root.segment(hash).depth() == root.bits {
                    root.double();
                }
                root.split_segment(hash);
            }
        }
    }

    /// Gives back what of the directory around this hash is finer than the pages need. Leaves some slack, so
    /// that it is not soon refined again.
    pub(super) fn coarsen(&mut self, hash: u64) {
        let Self::Root(root) = self else { return };
        while root.merge_segments(hash) {}
        while root.halve() {}
        while root.halve_segment() {}
        if root.bits == 0 && root.segment(0).bits() == 0 {
            *self = Self::Page(root.segment(0).page(0));
        }
    }

    /// Sets the frozen bit of every page, and lists the pages that hold elements in hash order.
    pub(super) fn freeze(&mut self) -> Vec<Page> {
        let root = match self {
            Self::Page(page) => {
                *page = page.frozen();
                return if page.is_without_elements() { Vec::new() } else { vec![*page] };
            }
            Self::Root(root) => root,
        };
        let mut pages: Vec<Page> = Vec::with_capacity(root.entries());
        for segment in root.each_segment() {
            segment.change_each(|page| {
                let page = page.frozen();
                if !page.is_without_elements() && pages.last() != Some(&page) {
                    pages.push(page);
                }
                page
            });
        }
        pages
    }

    /// Bytes allocated.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Page(_) => 0,
            Self::Root(root) => root.bytes(),
        }
    }

    /// How many entries the directory has.
    pub(super) fn entries(&self) -> usize {
        match self {
            Self::Page(_) => 1,
            Self::Root(root) => root.entries(),
        }
    }
}

/// The first hash that agrees with this one in so many leading bits.
#[inline]
pub(super) fn start(hash: u64, depth: u32) -> u64 {
    hash & !(u64::MAX >> depth)
}

/// The first hash after those that agree with this one in so many leading bits; 0 when there is none.
#[inline]
pub(super) fn end(hash: u64, depth: u32) -> u64 {
    (hash | u64::MAX >> depth).wrapping_add(1)
}

/// The leading bits of a hash as a number.
#[inline]
fn leading(hash: u64, bits: u32) -> usize {
    (hash >> 1 >> (63 - bits)) as usize
}

/// Iterates over pages in hash order.
pub(super) struct Pages<'a> {
    directory: &'a Directory,
    next: Option<u64>,
}

impl Iterator for Pages<'_> {
    type Item = Page;

    fn next(&mut self) -> Option<Page> {
        let hash = self.next?;
        let page = self.directory.page(hash);
        self.next = Some(end(hash, page.depth())).filter(|next| *next != 0);
        Some(page)
    }
}

/// The upper level.
pub(super) struct Root {
    bits: u32,
    /// Segments allocated, and entries of each.
    segments_len: usize,
    segment_entries: usize,
    segments: Vec<Segment>,
}

impl Root {
    /// A directory that tells one bit apart, of one page.
    fn new(page: Page) -> Self {
        let segments = vec![Segment::allocate(0, 1, |_| page)];
        Self { bits: 0, segments_len: 1, segment_entries: 2, segments }
    }

    #[inline]
    fn segment(&self, hash: u64) -> Segment {
        self.segments[leading(hash, self.bits)]
    }

    fn each_segment(&self) -> impl Iterator<Item = Segment> {
        let mut next = Some(0);
        std::iter::from_fn(move || {
            let segment = self.segment(next?);
            next = Some(end(next?, segment.depth())).filter(|next| *next != 0);
            Some(segment)
        })
    }

    fn entries(&self) -> usize {
        self.segments_len * self.segment_entries
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.segments.capacity() * size_of::<Segment>()
            + self.entries() * size_of::<Page>()
    }

    /// Makes `segment` the one of all hashes that agree with this one in its depth of leading bits.
    fn set(&mut self, hash: u64, segment: Segment) {
        let first = leading(start(hash, segment.depth()), self.bits);
        self.segments[first..first + (1 << (self.bits - segment.depth()))].fill(segment);
    }

    /// Doubles the only segment.
    fn double_segment(&mut self) {
        let old = self.segments[0];
        self.segments[0] = Segment::allocate(0, old.bits() + 1, |n| old.get(n / 2));
        self.segment_entries *= 2;
        old.free();
    }

    /// Halves the only segment, if no page needs it; says whether it did.
    fn halve_segment(&mut self) -> bool {
        let old = self.segments[0];
        if self.bits > 0 || old.bits() == 0 || !old.pages_are_below(old.bits()) {
            return false;
        }
        self.segments[0] = Segment::allocate(0, old.bits() - 1, |n| old.get(n * 2));
        self.segment_entries /= 2;
        old.free();
        true
    }

    /// Splits the segment of a hash, which the root must tell apart further than the segment is deep.
    fn split_segment(&mut self, hash: u64) {
        let old = self.segment(hash);
        let depth = old.depth() + 1;
        let half = 1 << (SEGMENT_BITS - 1);
        let left = start(hash, old.depth());
        self.set(left, Segment::allocate(depth, SEGMENT_BITS, |n| old.get(n / 2)));
        let right = left | 1 << (64 - depth);
        self.set(right, Segment::allocate(depth, SEGMENT_BITS, |n| old.get(half + n / 2)));
        self.segments_len += 1;
        old.free();
    }

    /// Merges the segment of a hash with its sibling, if no page needs both; says whether it did.
    fn merge_segments(&mut self, hash: u64) -> bool {
        let depth = self.segment(hash).depth();
        if depth == 0 {
            return false;
        }
        let left = start(hash, depth - 1);
        let (one, two) = (self.segment(left), self.segment(left | 1 << (64 - depth)));
        let limit = depth + SEGMENT_BITS - 1;
        if two.depth() != one.depth() || !one.pages_are_below(limit) || !two.pages_are_below(limit) {
            return false;
        }
        let half = 1 << (SEGMENT_BITS - 1);
        let merged = Segment::allocate(depth - 1, SEGMENT_BITS, |n| {
            if n < half { one.get(n * 2) } else { two.get((n - half) * 2) }
        });
        self.set(left, merged);
        self.segments_len -= 1;
        one.free();
        two.free();
        true
    }

    fn double(&mut self) {
        self.bits += 1;
        self.segments = self.segments.iter().flat_map(|segment| [*segment; 2]).collect();
    }

    /// Halves the root, if no segment needs it; says whether it did.
    fn halve(&mut self) -> bool {
        let slack = u32::from(self.bits > 4);
        if self.bits == 0 || self.segments.iter().any(|segment| segment.depth() + slack >= self.bits) {
            return false;
        }
        self.bits -= 1;
        self.segments = self.segments.iter().step_by(2).copied().collect();
        true
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        self.each_segment().for_each(Segment::free);
    }
}

/// The address of 2^bits entries (of which a page fills one or more), tagged in the top bytes with bits and
/// depth.
#[derive(Clone, Copy)]
struct Segment(*mut Page);

impl Segment {
    fn allocate(depth: u32, bits: u32, entry: impl FnMut(usize) -> Page) -> Self {
        debug_assert!(depth + bits <= DEPTH_MAX + SEGMENT_BITS && bits <= SEGMENT_BITS);
        let entries: Box<[Page]> = (0..1 << bits).map(entry).collect();
        let tag = (bits as usize) << 56 | (depth as usize) << 48;
        Self(Box::into_raw(entries).cast::<Page>().map_addr(|address| address | tag))
    }

    fn free(self) {
        // SAFETY: made by `allocate` from a box of so many entries; every caller drops the last reference.
        drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(self.base(), 1 << self.bits())) });
    }

    #[inline]
    fn bits(self) -> u32 {
        (self.0.addr() >> 56) as u32
    }

    #[inline]
    fn depth(self) -> u32 {
        (self.0.addr() >> 48 & 0xff) as u32
    }

    fn resolution(self) -> u32 {
        self.depth() + self.bits()
    }

    #[inline]
    fn base(self) -> *mut Page {
        self.0.map_addr(|address| address & 0x0000_ffff_ffff_ffff)
    }

    #[inline]
    fn index(self, hash: u64) -> usize {
        leading(hash << self.depth(), self.bits())
    }

    #[inline]
    fn page(self, hash: u64) -> Page {
        self.get(self.index(hash))
    }

    #[inline]
    fn get(self, index: usize) -> Page {
        debug_assert!(index < 1 << self.bits());
        // SAFETY: within the segment, which is allocated as long as a root refers to it.
        unsafe { *self.base().add(index) }
    }

    /// Sets the entries of a page for its hashes, the first of which within this segment is given.
    fn set(self, first: u64, page: Page) {
        let shared = page.depth().max(self.depth());
        let index = self.index(first);
        for n in index..index + (1 << (self.resolution() - shared)) {
            debug_assert!(n < 1 << self.bits());
            // SAFETY: within the segment, which is allocated and reached through the one mutable root.
            unsafe { *self.base().add(n) = page }
        }
    }

    fn change_each(self, mut change: impl FnMut(Page) -> Page) {
        for n in 0..1 << self.bits() {
            // SAFETY: within the segment, which is allocated and reached through the one mutable root.
            unsafe { *self.base().add(n) = change(self.get(n)) }
        }
    }

    fn pages_are_below(self, depth: u32) -> bool {
        (0..1 << self.bits()).all(|n| self.get(n).depth() < depth)
    }
}
