//! What leaves a table: frozen views for other threads to read, and everything at once to be freed elsewhere.
#![allow(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::ptr::NonNull;

use super::directory::{self, Directory};
use super::page::Page;
use super::{Element, Table};
use crate::prefetch::ahead;
use crate::reclaim::{Garbage, Reclaim, ViewGuard};

/// The elements that a table held at one moment, while the table goes on changing.
/// Dropped, it ends, and what only it could see is freed by the table's `Reclaim`.
pub(crate) struct View<E: Element> {
    pages: Vec<Page>,
    len: usize,
    _guard: ViewGuard,
    elements: PhantomData<E>,
}

// SAFETY: pages and elements that a view sees are not written nor freed before the guard is dropped, and
// elements can be read on any thread by the contract of `Element`.
unsafe impl<E: Element> Send for View<E> {}
// SAFETY: as above; a view itself never changes.
unsafe impl<E: Element> Sync for View<E> {}

impl<E: Element> View<E> {
    /// Elements in the view.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All elements, in no order that means anything. They live as long as the view.
    pub(crate) fn iter(&self) -> impl Iterator<Item = NonNull<u8>> {
        ahead(self.pages.iter().flat_map(|page| page.elements()).map(|(slot, _)| slot.element()))
    }
}

impl<E: Element> fmt::Debug for View<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "View {{ len: {}, pages: {} }}", self.len, self.pages.len())
    }
}

/// All elements of a table that has given them up, seen by no view. Dropped, it frees them, on any thread.
pub(crate) struct Detached<E: Element> {
    directory: Directory,
    len: usize,
    /// The first hash whose page is not freed yet.
    next: u64,
    elements: PhantomData<E>,
}

// SAFETY: as for `Table`.
unsafe impl<E: Element> Send for Detached<E> {}

impl<E: Element> Detached<E> {
    /// Elements to be freed.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn new(directory: Directory, len: usize) -> Self {
        Self { directory, len, next: 0, elements: PhantomData }
    }
}

impl<E: Element> Garbage for Detached<E> {
    fn free_some(&mut self, budget: usize) -> usize {
        let mut freed = 0;
        while freed < budget && self.len > 0 {
            let page = self.directory.page(self.next);
            for (slot, _) in page.elements() {
                // SAFETY: this owns the elements alone: what a view may see waits in a `Reclaim`.
                unsafe { E::free(slot.element()) }
                freed += 1;
                self.len -= 1;
            }
            self.directory.set(self.next, Page::without_elements(page.depth()));
            self.next = directory::end(self.next, page.depth());
            // SAFETY: the directory no longer refers to it.
            unsafe { page.free() }
        }
        freed
    }
}

impl<E: Element> Drop for Detached<E> {
    fn drop(&mut self) {
        self.free_some(usize::MAX);
        // Pages without elements may follow the last element.
        for page in self.directory.pages_from(self.next) {
            // SAFETY: the directory goes with this.
            unsafe { page.free() }
        }
    }
}

impl<E: Element> fmt::Debug for Detached<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Detached {{ len: {} }}", self.len)
    }
}

impl<E: Element + 'static> Table<E> {
    /// Takes everything out at once, to be freed elsewhere. What a view may see goes to `reclaim` instead,
    /// whole.
    pub(crate) fn detach(&mut self, reclaim: &mut Reclaim) -> Detached<E> {
        let (is_shared, bytes) = (self.has_views(), self.memory_bytes());
        let detached = self.take_all();
        if !is_shared {
            return detached;
        }
        reclaim.retire_large(Box::new(detached), bytes);
        Detached::new(Directory::Page(Page::without_elements(0)), 0)
    }
}

impl<E: Element> Table<E> {
    /// A view of the table as it is now. Copies the directory, no page and no element.
    pub(crate) fn freeze(&mut self, reclaim: &mut Reclaim) -> View<E> {
        self.views = Some(reclaim.liveness().clone());
        let guard = reclaim.begin_view();
        View { pages: self.directory.freeze(), len: self.len, _guard: guard, elements: PhantomData }
    }

    fn take_all(&mut self) -> Detached<E> {
        let directory = mem::replace(&mut self.directory, Directory::Page(Page::without_elements(0)));
        self.views = None;
        self.page_bytes = 0;
        Detached::new(directory, mem::take(&mut self.len))
    }
}

impl<E: Element> Drop for Table<E> {
    /// Frees all elements. While a view lives, all is leaked: that is safe, freeing it is not. Detach to free
    /// it later.
    fn drop(&mut self) {
        let is_shared = self.has_views();
        let detached = self.take_all();
        if is_shared {
            mem::forget(detached);
        }
    }
}
