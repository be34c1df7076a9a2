//! A hash table of owned elements: the keyspace and every large collection.
//!
//! Extendible hashing: a directory tells by the leading bits of a hash which page holds it, a page of 1 to 64
//! buckets tells by the trailing bits which bucket. One page at a time grows, splits, shrinks or merges, so
//! that no call does more work than a page needs. A slot holds a pointer to an element and enough of its hash
//! that growing, shrinking and scanning read no element (but for each sixth split of a page).
//!
//! - `bucket`: one cache line; tags, slots. `page`: where in a page an element lives. `directory`: which page.
//! - `resize`: how pages grow, split, shrink, merge. `scan`: the cursor. `sample`: random elements,
//!   statistics. `view`: frozen views, detaching.
//!
//! Views. `freeze` copies the directory for another thread to read at leisure, and marks every page as frozen.
//! As long as a view lives, a frozen page is copied before its first change and the elements of the copy are
//! marked as shared; taking or replacing a shared element retires it, changing it is for its owner to avoid
//! (`is_shared`). When no view lives, marks of both kinds mean nothing and stay where they are. The next
//! freeze marks all pages anew.
//!
//! Contract with the owner, who is the storage crate alone: pointers given to a table are elements of its
//! type, each owned by one table; hashes are those of `Element::hash`; a `Place` is used before the next
//! change of its table only; the same `Reclaim` is given to all calls. The methods check what is cheap to
//! check in debug builds.
#![allow(unsafe_code)]

mod bucket;
mod directory;
mod page;
mod resize;
mod sample;
mod scan;
#[cfg(test)]
mod tests;
mod view;

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use bucket::Slot;
use directory::Directory;
use page::{Page, Position, next_bits_of, place_of, tag_of};

pub use sample::TableStats;
pub(crate) use view::{Detached, View};

use crate::hash::{Hasher, same_key};
use crate::prefetch::{prefetch, prefetch_element};
use crate::reclaim::{Free, Liveness, Reclaim};

/// What a table holds pointers to.
///
/// # Safety
/// Pointers given to the table are 8-aligned and below 2^48. `key` may be called on any thread while the
/// element lives, also while its owner writes those parts of it that are not its key (atomically, if a view
/// may read them). `free` may be called on any thread.
pub(crate) unsafe trait Element {
    /// The key, which never changes.
    ///
    /// # Safety
    /// The element lives for `'a`.
    unsafe fn key<'a>(ptr: NonNull<u8>) -> &'a [u8];

    /// Frees the element and what it owns.
    ///
    /// # Safety
    /// The element lives, and nobody uses it afterwards.
    unsafe fn free(ptr: NonNull<u8>);

    /// The element's bytes, as far as they are told at once: those that a view keeps when the element is replaced.
    ///
    /// # Safety
    /// The element lives.
    unsafe fn bytes(ptr: NonNull<u8>) -> usize;

    /// The hash of the key; the one that `insert` and `find` are called with.
    ///
    /// # Safety
    /// The element lives.
    unsafe fn hash(ptr: NonNull<u8>, hasher: &Hasher) -> u64 {
        // SAFETY: the caller's promise is the same.
        hasher.hash(unsafe { Self::key(ptr) })
    }
}

/// A hash table of elements that it owns.
pub(crate) struct Table<E: Element> {
    directory: Directory,
    len: usize,
    page_bytes: usize,
    hasher: Hasher,
    /// Since the last freeze, until it is noticed that no view lives.
    views: Option<Liveness>,
    elements: PhantomData<E>,
}

// SAFETY: a table owns its elements and pages alone, views aside, which only read and synchronize by
// `Liveness`; elements can be used and freed on any thread by the contract of `Element`.
unsafe impl<E: Element> Send for Table<E> {}

/// Where in a table an element is, until the next change of the table.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    hash: u64,
    page: Page,
    position: Position,
}

/// An element taken out of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The caller's to keep or to free.
    Owned(NonNull<u8>),
    /// A view may see it: already retired, but still there to be read until the next `Reclaim::collect`.
    Shared(NonNull<u8>),
}

impl<E: Element> Table<E> {
    /// An empty table, which allocates nothing. `hasher` is what `Element::hash` is called with.
    pub(crate) fn new(hasher: Hasher) -> Self {
        let directory = Directory::Page(Page::without_elements(0));
        Self { directory, len: 0, page_bytes: 0, hasher, views: None, elements: PhantomData }
    }

    /// Elements in the table.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes allocated for pages and directory, without the elements and what is retired.
    #[inline]
    pub(crate) fn memory_bytes(&self) -> usize {
        self.page_bytes + self.directory.bytes()
    }

    /// The hash function of this table.
    #[inline]
    pub(crate) fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// Finds the element with this key.
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<Place> {
        // SAFETY: elements of the table live.
        self.find_hash(hash, |ptr| same_key(unsafe { E::key(ptr) }, key))
    }

    /// The element at a place.
    #[inline]
    pub(crate) fn at(&self, place: Place) -> NonNull<u8> {
        self.slot(place).element()
    }

    /// Whether a live view may see the element, which must then be copied instead of being written.
    #[inline]
    pub(crate) fn is_shared(&self, place: Place) -> bool {
        self.has_views() && (place.page.is_frozen() || self.slot(place).is_shared())
    }

    /// Puts in an element whose key is absent.
    pub(crate) fn insert(&mut self, hash: u64, ptr: NonNull<u8>, reclaim: &mut Reclaim) -> Place {
        debug_assert!(self.is_new(hash, ptr));
        loop {
            let page = self.page_to_change(hash, reclaim);
            let slot = Slot::new(ptr, place_of(hash), next_bits_of(hash, page.depth()));
            if !page.is_without_elements()
                && let Some(position) = page.put(slot, tag_of(hash))
            {
                self.len += 1;
                return Place { hash, page, position };
            }
            self.grow(hash, reclaim);
        }
    }

    /// Puts an element in the place of the one with the same key; gives its place and the old element.
    pub(crate) fn replace(
        &mut self,
        place: Place,
        new: NonNull<u8>,
        reclaim: &mut Reclaim,
    ) -> (Place, Taken) {
        // SAFETY: the caller gives a live element, and those of the table live.
        debug_assert!(unsafe { E::key(new) == E::key(self.at(place)) });
        let page = self.page_to_change(place.hash, reclaim);
        let old = page.slot(place.position);
        page.set_slot(place.position, old.with_element(new));
        (Place { page, ..place }, self.taken(old, reclaim))
    }

    /// Takes the element at a place out of the table.
    pub(crate) fn take(&mut self, place: Place, reclaim: &mut Reclaim) -> Taken {
        debug_assert!(self.slot(place).place() == place_of(place.hash));
        let page = self.page_to_change(place.hash, reclaim);
        let slot = page.slot(place.position);
        let home_is_empty = page.remove(place.position);
        self.len -= 1;
        let taken = self.taken(slot, reclaim);
        if home_is_empty {
            self.shrink(place.hash, reclaim);
        }
        taken
    }

    /// Finds an element that the caller accepts among those that look like having this hash. Elements of
    /// other hashes may be among them.
    #[inline]
    pub(crate) fn find_hash(&self, hash: u64, accept: impl Fn(NonNull<u8>) -> bool) -> Option<Place> {
        let page = self.directory.page(hash);
        let position = page.find(hash, accept)?;
        Some(Place { hash, page, position })
    }

    /// All elements, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = NonNull<u8>> {
        self.directory.pages_from(0).flat_map(Page::elements).map(|(slot, _)| slot.element())
    }

    /// Starts to load into the cache what `find` of these hashes is likely to read: all buckets first, then all elements,
    /// so that their misses overlap. Each pass is a loop of its own and short, so that the processor runs several rounds of it at once.
    ///
    /// For elements that are not in their home bucket, all buckets where they may be are asked for before the first of them
    /// is read, so that these misses overlap, too.
    #[inline]
    pub(crate) fn prefetch(&self, hashes: &[u64]) {
        for hashes in hashes.chunks(u64::BITS as usize) {
            for &hash in hashes {
                let page = self.directory.page(hash);
                prefetch(page.bucket_address(page.home(place_of(hash))).cast());
            }
            let mut elsewhere = 0u64;
            for (index, &hash) in hashes.iter().enumerate() {
                let page = self.directory.page(hash);
                match page.likely_at_home(hash) {
                    Some(slot) => prefetch_element(slot.element()),
                    None => {
                        for bucket in page.buckets_elsewhere(hash) {
                            prefetch(page.bucket_address(bucket).cast());
                            elsewhere |= 1 << index;
                        }
                    }
                }
            }
            while elsewhere != 0 {
                let hash = hashes[elsewhere.trailing_zeros() as usize];
                if let Some(slot) = self.directory.page(hash).likely_elsewhere(hash) {
                    prefetch_element(slot.element());
                }
                elsewhere &= elsewhere - 1;
            }
        }
    }

    /// Whether an element has this hash and a key that is absent.
    fn is_new(&self, hash: u64, ptr: NonNull<u8>) -> bool {
        // SAFETY: the element lives.
        let (key, its_hash) = unsafe { (E::key(ptr), E::hash(ptr, &self.hasher)) };
        its_hash == hash && self.find(hash, key).is_none()
    }

    #[inline]
    fn slot(&self, place: Place) -> Slot {
        debug_assert!(self.directory.page(place.hash) == place.page, "the table has changed since");
        place.page.slot(place.position)
    }

    /// Whether a view of this table may be live.
    #[inline]
    fn has_views(&self) -> bool {
        self.views.as_ref().is_some_and(Liveness::any)
    }

    /// The page of a hash, for changing, unless it is the one without elements.
    #[inline]
    fn page_to_change(&mut self, hash: u64, reclaim: &mut Reclaim) -> Page {
        let page = self.directory.page(hash);
        if self.views.is_none() { page } else { self.thaw(hash, page, reclaim) }
    }

    /// Copies the page if a view may see it.
    #[cold]
    fn thaw(&mut self, hash: u64, page: Page, reclaim: &mut Reclaim) -> Page {
        if !self.has_views() {
            self.views = None;
            return page;
        }
        if !page.is_frozen() || page.is_without_elements() {
            return page;
        }
        let copy = page.thawed_copy();
        self.directory.set(hash, copy);
        // SAFETY: the table no longer refers to the page.
        unsafe { page.defer_free(reclaim) }
        copy
    }

    /// What becomes of an element that the table no longer refers to: retired if a view may see it.
    #[inline]
    fn taken(&self, slot: Slot, reclaim: &mut Reclaim) -> Taken {
        let ptr = slot.element();
        if !slot.is_shared() || !self.has_views() {
            return Taken::Owned(ptr);
        }
        // SAFETY: `defer` calls this once, after all views have ended.
        let free: Free = |ptr, _| unsafe { E::free(ptr) };
        // SAFETY: the table owned the element, views aside.
        unsafe { reclaim.defer(ptr, 0, E::bytes(ptr), free) }
        Taken::Shared(ptr)
    }
}

impl<E: Element> fmt::Debug for Table<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Table {{ len: {}, bytes: {} }}", self.len, self.memory_bytes())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Place {{ hash: {:x}, position: {:?} }}", self.hash, self.position)
    }
}
