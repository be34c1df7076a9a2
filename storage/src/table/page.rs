//! A page: some home buckets in hash order, followed by a few stash buckets, without a header.
//!
//! An element is at home in bucket `place * home buckets >> 10`. That is monotone in the place, so that a
//! page of any size holds its elements in the same order. When its home is full, an element goes to the
//! neighbour (the next bucket, the first after the last), else one element there makes room by moving on,
//! else it goes to the stash; the overflow byte of the home bucket says, exactly, where to look.
//!
//! What describes a page is packed in its directory entry, `Page`:
//! ```text
//! | 63..55 stash buckets | 54..49 home buckets - 1 | 48 frozen | 47..6 address | 5..0 depth |
//! ```
//! `frozen` says that a view may read the page: it must be copied before it is changed. It is stale once
//! all views have ended. The page without elements is a constant that all tables share and nobody writes.
//!
//! Every method requires that the page is allocated, changing ones that the caller owns the page alone
//! (not empty, not visible to a view, no reference into it). The table upholds both.
#![allow(unsafe_code)]

use std::alloc::{self, Layout};
use std::ptr::{self, NonNull};

use super::bucket::{BUCKET_BYTES, Bucket, Matches, NEIGHBOUR, SLOTS, Slot, stash_bit, stash_buckets};
use crate::reclaim::{Free, Reclaim};

/// Bits of the hash that say where in its page an element is at home: the lowest.
pub(super) const PLACES: u64 = 1 << 10;
/// Pages have more buckets than this only when elements collide beyond what splitting can solve.
pub(super) const BUCKETS_MAX: usize = 64;
/// The deepest page: as many leading bits of the hash tell pages apart.
pub(super) const DEPTH_MAX: u32 = 34;

/// Page sizes in buckets; the allocator has a class for each.
const SIZES: [usize; 13] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 40, 48, 56];
const STASH_MAX: usize = 511;

const DEPTH: usize = 63;
const ADDRESS: usize = 0x0000_ffff_ffff_ffc0;
const FROZEN: usize = 1 << 48;

static NO_ELEMENTS: NoElements = NoElements(Bucket::EMPTY);
struct NoElements(Bucket);
// SAFETY: the bucket holds no pointer and is never written.
unsafe impl Sync for NoElements {}

/// Where an element is at home in its page.
#[inline]
pub(super) fn place_of(hash: u64) -> u64 {
    hash % PLACES
}

/// The tag of an element; never 0.
#[inline]
pub(super) fn tag_of(hash: u64) -> u8 {
    match (hash >> 10) as u8 {
        0 => 1,
        tag => tag,
    }
}

/// The six bits of the hash that the next splits of a page of this depth decide by.
#[inline]
pub(super) fn next_bits_of(hash: u64, depth: u32) -> u64 {
    hash >> (58 - depth / 6 * 6) & 63
}

/// The smallest page size, in buckets, that holds so many elements loosely enough to take some more.
pub(super) fn buckets_for(elements: usize) -> usize {
    let wanted = elements * 9 / 8;
    SIZES.into_iter().find(|buckets| wanted < buckets * SLOTS).unwrap_or(BUCKETS_MAX)
}

/// The page size, in buckets, after this one.
pub(super) fn next_size(buckets: usize) -> usize {
    if buckets >= BUCKETS_MAX {
        return buckets + buckets / 8;
    }
    SIZES.into_iter().find(|size| *size > buckets).unwrap_or(BUCKETS_MAX)
}

fn stash_of(buckets: usize) -> usize {
    match buckets {
        0..=2 => 0,
        3..=16 => 1,
        17..=40 => 2,
        41..=BUCKETS_MAX => 3,
        _ => 3 + buckets - BUCKETS_MAX,
    }
}

/// The slot of a page that holds an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) bucket: u16,
    pub(super) slot: u8,
}

impl Position {
    #[inline]
    fn new(bucket: usize, slot: usize) -> Self {
        Self { bucket: bucket as u16, slot: slot as u8 }
    }
}

/// A directory entry: a page's address, size, depth and frozen bit.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Page(*mut u8);

impl Page {
    /// The page without elements at a depth. It must not be changed.
    pub(super) fn without_elements(depth: u32) -> Self {
        Self(ptr::from_ref(&NO_ELEMENTS.0).cast_mut().cast()).with_depth(depth)
    }

    /// A new page of so many buckets, all empty.
    pub(super) fn allocate(buckets: usize, depth: u32) -> Self {
        let stash = stash_of(buckets);
        assert!(stash <= STASH_MAX, "thousands of keys with one hash: the hash function is broken");
        let layout = layout(buckets);
        // SAFETY: the layout has a size; zeros are empty buckets.
        let ptr = unsafe { alloc::alloc_zeroed(layout) };
        if ptr.is_null() {
            alloc::handle_alloc_error(layout);
        }
        debug_assert_eq!(ptr.addr() & !ADDRESS, 0);
        let bits = stash << 55 | (buckets - stash - 1) << 49;
        Self(ptr.map_addr(|address| address | bits)).with_depth(depth)
    }

    /// Gives the page's memory back, its elements left alone.
    ///
    /// # Safety
    /// Nobody uses the page any more. It may be the one without elements.
    pub(super) unsafe fn free(self) {
        if !self.is_without_elements() {
            // SAFETY: pages come from `allocate` with this layout.
            unsafe { alloc::dealloc(self.base().cast(), layout(self.buckets())) }
        }
    }

    /// Gives the page's memory back when no view can see it any more, its elements left alone.
    ///
    /// # Safety
    /// As for `free`, but that views may use it.
    pub(super) unsafe fn defer_free(self, reclaim: &mut Reclaim) {
        debug_assert!(!self.is_without_elements());
        let free: Free = |ptr, buckets| {
            // SAFETY: pages come from `allocate` with this layout; `defer` calls this once, after all views.
            unsafe { alloc::dealloc(ptr.as_ptr(), layout(buckets)) }
        };
        // SAFETY: the caller gives the page up but for views.
        unsafe { reclaim.defer(self.address(), self.buckets(), self.bytes(), free) }
    }

    #[inline]
    pub(super) fn is_without_elements(self) -> bool {
        ptr::addr_eq(self.base(), &raw const NO_ELEMENTS.0)
    }

    #[inline]
    pub(super) fn depth(self) -> u32 {
        (self.0.addr() & DEPTH) as u32
    }

    #[inline]
    pub(super) fn with_depth(self, depth: u32) -> Self {
        debug_assert!(depth <= DEPTH_MAX);
        Self(self.0.map_addr(|address| address & !DEPTH | depth as usize))
    }

    #[inline]
    pub(super) fn is_frozen(self) -> bool {
        self.0.addr() & FROZEN != 0
    }

    #[inline]
    pub(super) fn frozen(self) -> Self {
        Self(self.0.map_addr(|address| address | FROZEN))
    }

    /// Home and stash buckets.
    #[inline]
    pub(super) fn buckets(self) -> usize {
        self.home_buckets() + self.stash_buckets()
    }

    #[inline]
    pub(super) fn home_buckets(self) -> usize {
        (self.0.addr() >> 49 & 63) + 1
    }

    #[inline]
    pub(super) fn stash_buckets(self) -> usize {
        self.0.addr() >> 55
    }

    /// Bytes allocated.
    pub(super) fn bytes(self) -> usize {
        if self.is_without_elements() { 0 } else { self.buckets() * BUCKET_BYTES }
    }

    fn address(self) -> NonNull<u8> {
        NonNull::new(self.base().cast()).expect("a page has an address")
    }

    #[inline]
    fn base(self) -> *mut Bucket {
        self.0.map_addr(|address| address & ADDRESS).cast()
    }

    /// The home bucket of a place.
    #[inline]
    pub(super) fn home(self, place: u64) -> usize {
        place as usize * self.home_buckets() / PLACES as usize
    }

    #[inline]
    pub(super) fn neighbour(self, bucket: usize) -> usize {
        if bucket + 1 == self.home_buckets() { 0 } else { bucket + 1 }
    }

    fn neighbour_before(self, bucket: usize) -> usize {
        if bucket == 0 { self.home_buckets() - 1 } else { bucket - 1 }
    }

    fn stash(self) -> std::ops::Range<usize> {
        self.home_buckets()..self.buckets()
    }

    /// The address of a bucket, for prefetching.
    #[inline]
    pub(super) fn bucket_address(self, index: usize) -> *const Bucket {
        self.base().wrapping_add(index)
    }

    #[inline]
    pub(super) fn bucket<'a>(self, index: usize) -> &'a Bucket {
        debug_assert!(index < self.buckets());
        // SAFETY: within the page, which is allocated and not being changed (head of this file).
        unsafe { &*self.base().add(index) }
    }

    #[inline]
    fn bucket_mut<'a>(self, index: usize) -> &'a mut Bucket {
        debug_assert!(index < self.buckets() && !self.is_without_elements());
        // SAFETY: within the page, which the caller owns alone; no method keeps two buckets borrowed.
        unsafe { &mut *self.base().add(index) }
    }

    #[inline]
    pub(super) fn slot(self, position: Position) -> Slot {
        self.bucket(usize::from(position.bucket)).slot(usize::from(position.slot))
    }

    #[inline]
    pub(super) fn set_slot(self, position: Position, slot: Slot) {
        self.bucket_mut(usize::from(position.bucket)).set_slot(usize::from(position.slot), slot);
    }

    /// Finds the element of this hash that `is_it`.
    #[inline]
    pub(super) fn find(self, hash: u64, is_it: impl Fn(NonNull<u8>) -> bool) -> Option<Position> {
        let home = self.home(place_of(hash));
        let found = self.find_in(home, hash, &is_it);
        let overflow = self.bucket(home).overflow();
        if found.is_some() || overflow == 0 {
            return found;
        }
        self.find_elsewhere(home, overflow, hash, &is_it)
    }

    #[inline(always)]
    fn find_in(self, index: usize, hash: u64, is_it: &impl Fn(NonNull<u8>) -> bool) -> Option<Position> {
        let bucket = self.bucket(index);
        let it = |slot: Slot| slot.place() == place_of(hash) && is_it(slot.element());
        bucket.matching(tag_of(hash)).find(|n| it(bucket.slot(*n))).map(|n| Position::new(index, n))
    }

    /// Apart from `find`, so that what most searches need is inlined into those who search.
    #[inline(never)]
    fn find_elsewhere(
        self,
        home: usize,
        overflow: u8,
        hash: u64,
        is_it: &impl Fn(NonNull<u8>) -> bool,
    ) -> Option<Position> {
        self.elsewhere(home, overflow).find_map(|index| self.find_in(index, hash, is_it))
    }

    /// The buckets besides its home where an element may be, by the home's overflow byte.
    #[inline]
    fn elsewhere(self, home: usize, overflow: u8) -> impl Iterator<Item = usize> {
        let neighbour = (overflow & NEIGHBOUR != 0).then(|| self.neighbour(home));
        let first = self.home_buckets();
        neighbour
            .into_iter()
            .chain(stash_buckets(overflow, self.stash_buckets()).map(move |index| first + index))
    }

    /// The first slot of the home bucket that looks like an element of this hash.
    #[inline]
    pub(super) fn likely_at_home(self, hash: u64) -> Option<Slot> {
        self.likely_in(self.home(place_of(hash)), hash)
    }

    /// The first slot of the other buckets that looks like an element of this hash.
    #[inline]
    pub(super) fn likely_elsewhere(self, hash: u64) -> Option<Slot> {
        self.buckets_elsewhere(hash).find_map(|index| self.likely_in(index, hash))
    }

    /// The buckets besides its home where an element of this hash may be.
    #[inline]
    pub(super) fn buckets_elsewhere(self, hash: u64) -> impl Iterator<Item = usize> {
        let home = self.home(place_of(hash));
        self.elsewhere(home, self.bucket(home).overflow())
    }

    #[inline]
    fn likely_in(self, index: usize, hash: u64) -> Option<Slot> {
        let bucket = self.bucket(index);
        let mut slots = bucket.matching(tag_of(hash)).map(|index| bucket.slot(index));
        slots.find(|slot| slot.place() == place_of(hash))
    }

    /// The element in the `index`th slot of the page, if there is one.
    #[inline]
    pub(super) fn nth_slot(self, index: usize) -> Option<NonNull<u8>> {
        let (bucket, slot) = (self.bucket(index / SLOTS), index % SLOTS);
        (bucket.tag(slot) != 0).then(|| bucket.slot(slot).element())
    }

    /// Puts an element where it belongs. `None` when there is no room: the page must grow.
    #[inline]
    pub(super) fn put(self, slot: Slot, tag: u8) -> Option<Position> {
        let home = self.home(slot.place());
        if let Some(vacancy) = self.bucket(home).vacancy() {
            self.bucket_mut(home).set(vacancy, slot, tag);
            return Some(Position::new(home, vacancy));
        }
        self.put_elsewhere(home, slot, tag)
    }

    fn put_elsewhere(self, home: usize, slot: Slot, tag: u8) -> Option<Position> {
        if self.home_buckets() > 1 {
            let neighbour = self.neighbour(home);
            let vacancy = self.bucket(neighbour).vacancy().or_else(|| self.move_one_on(neighbour));
            if let Some(vacancy) = vacancy {
                self.bucket_mut(neighbour).set(vacancy, slot, tag);
                self.bucket_mut(home).add_overflow(NEIGHBOUR);
                return Some(Position::new(neighbour, vacancy));
            }
            if let Some(vacancy) = self.move_one_back(home) {
                self.bucket_mut(home).set(vacancy, slot, tag);
                return Some(Position::new(home, vacancy));
            }
        }
        self.stash().find_map(|stash| {
            let vacancy = self.bucket(stash).vacancy()?;
            self.bucket_mut(stash).set(vacancy, slot, tag);
            self.bucket_mut(home).add_overflow(stash_bit(stash - self.home_buckets()));
            Some(Position::new(stash, vacancy))
        })
    }

    /// Moves an element that is at home in this bucket to the neighbour; gives the slot that becomes vacant.
    fn move_one_on(self, bucket: usize) -> Option<usize> {
        let neighbour = self.neighbour(bucket);
        let vacancy = self.bucket(neighbour).vacancy()?;
        let index = self.elements_at_home(bucket, bucket).next()?;
        let (slot, tag) = self.bucket_mut(bucket).clear(index);
        self.bucket_mut(neighbour).set(vacancy, slot, tag);
        self.bucket_mut(bucket).add_overflow(NEIGHBOUR);
        Some(index)
    }

    /// Moves an element that came from the bucket before back there; gives the slot that becomes vacant.
    fn move_one_back(self, bucket: usize) -> Option<usize> {
        let before = self.neighbour_before(bucket);
        let vacancy = self.bucket(before).vacancy()?;
        let index = self.elements_at_home(bucket, before).next()?;
        let (slot, tag) = self.bucket_mut(bucket).clear(index);
        self.bucket_mut(before).set(vacancy, slot, tag);
        self.note_left(before, bucket);
        Some(index)
    }

    /// The slots of `bucket` whose elements are at home in `home`.
    fn elements_at_home(self, bucket: usize, home: usize) -> impl Iterator<Item = usize> {
        let content = self.bucket(bucket);
        content.occupied().filter(move |index| self.home(content.slot(*index).place()) == home)
    }

    /// Takes an element out, and brings one back that had to leave home. True when its home is now empty.
    pub(super) fn remove(self, position: Position) -> bool {
        let (bucket, index) = (usize::from(position.bucket), usize::from(position.slot));
        let (slot, _) = self.bucket_mut(bucket).clear(index);
        let home = self.home(slot.place());
        if bucket != home {
            self.note_left(home, bucket);
        }
        if bucket < self.home_buckets() {
            self.bring_home(bucket, index);
        }
        self.bucket(home).len() == 0
    }

    /// Fills a vacancy by an element that is at home there and lives elsewhere, if there is one.
    fn bring_home(self, home: usize, vacancy: usize) {
        let overflow = self.bucket(home).overflow();
        let away = |bucket| self.elements_at_home(bucket, home).next().map(|index| (bucket, index));
        if let Some((bucket, index)) = self.elsewhere(home, overflow).find_map(away) {
            let (slot, tag) = self.bucket_mut(bucket).clear(index);
            self.bucket_mut(home).set(vacancy, slot, tag);
            self.note_left(home, bucket);
        }
    }

    /// Corrects the overflow byte of a home after one of its elements has left another bucket.
    fn note_left(self, home: usize, bucket: usize) {
        let lives_in = |bucket| self.elements_at_home(bucket, home).next().is_some();
        let (bit, others_left) = if bucket < self.home_buckets() {
            (NEIGHBOUR, lives_in(bucket))
        } else {
            let bit = stash_bit(bucket - self.home_buckets());
            let first = self.home_buckets();
            (bit, stash_buckets(bit, self.stash_buckets()).any(|index| lives_in(first + index)))
        };
        if !others_left {
            self.bucket_mut(home).remove_overflow(bit);
        }
    }

    /// Calls `visit` with every element at home in a bucket, wherever it lives.
    pub(super) fn visit_home(self, home: usize, mut visit: impl FnMut(Slot)) {
        for bucket in std::iter::once(home).chain(self.elsewhere(home, self.bucket(home).overflow())) {
            self.elements_at_home(bucket, home).for_each(|index| visit(self.bucket(bucket).slot(index)));
        }
    }

    /// All elements with their tags, in no order.
    pub(super) fn elements(self) -> Elements {
        Elements { page: self, bucket: 0, matches: self.bucket(0).occupied() }
    }

    /// How many elements the page holds; O(buckets).
    pub(super) fn len(self) -> usize {
        (0..self.buckets()).map(|index| self.bucket(index).len()).sum()
    }

    /// A copy of the page of which every element is marked as shared.
    pub(super) fn thawed_copy(self) -> Self {
        let copy = Self::allocate(self.buckets(), self.depth());
        // SAFETY: both have this many buckets, and one is new.
        unsafe { ptr::copy_nonoverlapping(self.base(), copy.base(), self.buckets()) };
        (0..copy.buckets()).for_each(|index| copy.bucket_mut(index).share_all());
        copy
    }
}

impl PartialEq for Page {
    fn eq(&self, other: &Self) -> bool {
        self.0.addr() == other.0.addr()
    }
}

/// Iterates over the elements of a page.
#[derive(Clone)]
pub(super) struct Elements {
    page: Page,
    bucket: usize,
    matches: Matches,
}

impl Iterator for Elements {
    type Item = (Slot, u8);

    #[inline]
    fn next(&mut self) -> Option<(Slot, u8)> {
        loop {
            if let Some(index) = self.matches.next() {
                let bucket = self.page.bucket(self.bucket);
                return Some((bucket.slot(index), bucket.tag(index)));
            }
            self.bucket += 1;
            if self.bucket >= self.page.buckets() {
                self.bucket = self.page.buckets();
                return None;
            }
            self.matches = self.page.bucket(self.bucket).occupied();
        }
    }
}

fn layout(buckets: usize) -> Layout {
    Layout::array::<Bucket>(buckets).expect("a page is small")
}
