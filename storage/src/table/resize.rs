//! How pages grow, split, shrink and merge; each call changes one page, or two that become one.
//!
//! A page that has no room grows to the next size; one of the largest size splits in two by the next bit of
//! the hash. A page that has become loose shrinks, or merges with its sibling when both together fill no more
//! than half of the largest page. The thresholds lie apart, so that inserting and deleting around one of them
//! does not move elements each time.
//!
//! How loose a page is, nobody counts along: it is counted when a home bucket becomes empty, which
//! is rare in a full page, likely in a loose one, and certain for the last element.
#![allow(unsafe_code)]

use super::bucket::{BUCKET_BYTES, SLOTS, Slot};
use super::page::{BUCKETS_MAX, DEPTH_MAX, Page, buckets_for, next_bits_of, next_size};
use super::{Element, Table, directory, prefetch};
use crate::reclaim::Reclaim;

/// Two pages merge when they hold no more elements than this.
const MERGED_MAX: usize = BUCKETS_MAX * SLOTS / 2;
/// Elements for each of the pages that would be if all were as deep as the deepest.
const ELEMENTS_MIN: usize = 4;
/// Elements in a page of the largest size when a table is pre-sized.
const RESERVED: usize = BUCKETS_MAX * SLOTS * 13 / 16;

impl<E: Element> Table<E> {
    /// Prepares an empty table for so many elements; does nothing to any other. Takes O(n).
    pub(crate) fn reserve(&mut self, elements: usize) {
        if self.len > 0 || elements <= SLOTS {
            return;
        }
        let mut depth = 0;
        while elements >> depth > RESERVED && depth < DEPTH_MAX {
            depth += 1;
        }
        let buckets = buckets_for(elements >> depth);
        *self = Self::new(self.hasher.clone());
        self.page_bytes = (buckets * BUCKET_BYTES) << depth;
        let mut hash = 0;
        loop {
            while self.directory.page(hash).depth() < depth {
                let half = Page::without_elements(self.directory.page(hash).depth() + 1);
                self.directory.refine(hash);
                self.directory.set(hash, half);
                self.directory.set(hash | 1 << (64 - half.depth()), half);
            }
            self.directory.set(hash, Page::allocate(buckets, depth));
            hash = directory::end(hash, depth);
            if hash == 0 {
                return;
            }
        }
    }

    /// Makes room in the page of a hash, which no view may see. It may take several calls to make enough.
    #[cold]
    pub(super) fn grow(&mut self, hash: u64, reclaim: &mut Reclaim) {
        let page = self.directory.page(hash);
        if page.is_without_elements() {
            self.install(hash, Page::allocate(1, page.depth()));
        } else if page.buckets() < BUCKETS_MAX || !self.may_split(page) {
            self.install(hash, build(next_size(page.buckets()), page.depth(), page.elements()));
            self.dispose(page, reclaim);
        } else {
            self.split(hash, page, reclaim);
        }
    }

    /// Whether the directory may become finer than this page. Hashes that are not even, if ever they come,
    /// must not make it grow out of all proportion; then the page grows beyond its size.
    fn may_split(&self, page: Page) -> bool {
        page.depth() < DEPTH_MAX && self.len >> page.depth() >= ELEMENTS_MIN
    }

    fn split(&mut self, hash: u64, page: Page, reclaim: &mut Reclaim) {
        let depth = page.depth() + 1;
        let bit = 5 - page.depth() % 6;
        let is_right = move |slot: Slot| slot.next_bits() >> bit & 1 == 1;
        let right_len = page.elements().filter(|(slot, _)| is_right(*slot)).count();
        let left_len = page.len() - right_len;
        let must_rehash = depth.is_multiple_of(6);
        if must_rehash {
            page.elements().for_each(|(slot, _)| prefetch(slot.element().as_ptr()));
        }
        let hasher = &self.hasher;
        let half = |len, right| {
            let elements = page.elements().filter(move |(slot, _)| is_right(*slot) == right);
            let renewed = elements.map(|(slot, tag)| match must_rehash {
                // SAFETY: elements of the table live.
                true => (
                    slot.with_next_bits(next_bits_of(unsafe { E::hash(slot.element(), hasher) }, depth)),
                    tag,
                ),
                false => (slot, tag),
            });
            build(buckets_for(len), depth, renewed)
        };
        let (left, right) = (half(left_len, false), half(right_len, true));
        let hash = directory::start(hash, depth - 1);
        self.directory.refine(hash);
        self.install(hash, left);
        self.install(hash | 1 << (64 - depth), right);
        self.dispose(page, reclaim);
    }

    /// Gives memory back if the page of a hash has become loose.
    #[cold]
    pub(super) fn shrink(&mut self, hash: u64, reclaim: &mut Reclaim) {
        if self.merge_all(hash, reclaim) {
            return;
        }
        let page = self.directory.page(hash);
        let (len, buckets) = (page.len(), page.buckets());
        if len == 0 || len * 5 < buckets * SLOTS * 3 && buckets_for(len) < buckets {
            let elements = self.elements_to_move(page);
            self.install(hash, build(buckets_for(len), page.depth(), elements));
            self.dispose(page, reclaim);
        }
    }

    /// Merges the page of a hash with its sibling, and that with its own, as long as they are small enough.
    fn merge_all(&mut self, hash: u64, reclaim: &mut Reclaim) -> bool {
        let mut merged = false;
        while self.merge(hash, reclaim) {
            merged = true;
        }
        if merged {
            self.directory.coarsen(hash);
        }
        merged
    }

    fn merge(&mut self, hash: u64, reclaim: &mut Reclaim) -> bool {
        let depth = self.directory.page(hash).depth();
        if depth == 0 {
            return false;
        }
        let hash = directory::start(hash, depth - 1);
        let (left, right) = (self.directory.page(hash), self.directory.page(hash | 1 << (64 - depth)));
        if left.depth() != right.depth() || left.len() + right.len() > MERGED_MAX {
            return false;
        }
        let renew = |page: Page, start: u64| {
            let next_bits = next_bits_of(start, depth - 1);
            let renewed =
                move |slot: Slot| if depth.is_multiple_of(6) { slot.with_next_bits(next_bits) } else { slot };
            self.elements_to_move(page).map(move |(slot, tag)| (renewed(slot), tag))
        };
        let elements = renew(left, hash).chain(renew(right, hash | 1 << (64 - depth)));
        let page = build(buckets_for(left.len() + right.len()), depth - 1, elements);
        self.install(hash, page);
        self.dispose(left, reclaim);
        self.dispose(right, reclaim);
        true
    }

    /// The elements of a page for another, marked as shared if a view may see the page.
    fn elements_to_move(&self, page: Page) -> impl Iterator<Item = (Slot, u8)> + Clone + use<E> {
        let share = page.is_frozen() && self.has_views();
        page.elements().map(move |(slot, tag)| (if share { slot.shared() } else { slot }, tag))
    }

    /// Makes a page the one of its hashes. The directory must be fine enough.
    fn install(&mut self, hash: u64, page: Page) {
        self.page_bytes += page.bytes();
        self.directory.set(hash, page);
    }

    /// Frees a page that the directory no longer refers to, its elements left alone.
    fn dispose(&mut self, page: Page, reclaim: &mut Reclaim) {
        self.page_bytes -= page.bytes();
        let is_visible = page.is_frozen() && self.has_views() && !page.is_without_elements();
        // SAFETY: nobody but a view uses the page.
        unsafe { if is_visible { page.defer_free(reclaim) } else { page.free() } }
    }
}

/// A new page of these elements, of at least so many buckets.
fn build(mut buckets: usize, depth: u32, elements: impl Iterator<Item = (Slot, u8)> + Clone) -> Page {
    let mut elements = elements.peekable();
    if elements.peek().is_none() {
        return Page::without_elements(depth);
    }
    loop {
        let page = Page::allocate(buckets, depth);
        if elements.clone().all(|(slot, tag)| page.put(slot, tag).is_some()) {
            return page;
        }
        // SAFETY: nobody has seen it.
        unsafe { page.free() }
        buckets = next_size(buckets);
    }
}
