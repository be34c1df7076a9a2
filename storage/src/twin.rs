//! The naive twin of the table: a sorted map with the same surface, against which the table is tested.
//!
//! Everything is slow and obvious. A frozen view is a list of pointers; what leaves the map while a view may see it is
//! kept in the [`Reclaim`] until no view lives.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Weak};

/// What a table holds: pointers to allocations that know their key.
///
/// # Safety
/// `key` and `free` must be sound for every pointer put into a table of this type.
pub(crate) unsafe trait Element {
    /// # Safety
    /// `pointer` is a live element throughout `'a`.
    unsafe fn key<'a>(pointer: NonNull<u8>) -> &'a [u8];
    /// # Safety
    /// `pointer` is an element that nobody uses any more.
    unsafe fn free(pointer: NonNull<u8>);
}

/// Hash of a key under a seed.
pub(crate) fn hash(seed: u64, key: &[u8]) -> u64 {
    rapidhash::v3::rapidhash_v3_seeded(key, &rapidhash::v3::RapidSecrets::seed(seed))
}

struct Slot {
    pointer: NonNull<u8>,
    shared: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    hash: u64,
    index: usize,
}

pub(crate) enum Taken {
    Owned(NonNull<u8>),
    Shared(NonNull<u8>),
}

#[derive(Default)]
pub(crate) struct Reclaim {
    views: Vec<Weak<()>>,
    retired: Vec<(NonNull<u8>, unsafe fn(NonNull<u8>))>,
}

// SAFETY: retired elements are Send, as all elements are.
unsafe impl Send for Reclaim {}

impl Reclaim {
    pub(crate) fn collect(&mut self, budget: usize) -> usize {
        self.views.retain(|view| view.strong_count() > 0);
        if !self.views.is_empty() {
            return 0;
        }
        fence(Ordering::Acquire);
        let count = budget.min(self.retired.len());
        for (pointer, free) in self.retired.drain(..count) {
            // SAFETY: the element left the table, and the views that saw it are gone.
            unsafe { free(pointer) };
        }
        count
    }
}

impl Drop for Reclaim {
    fn drop(&mut self) {
        while self.collect(usize::MAX) > 0 {}
    }
}

pub(crate) struct Table<E: Element> {
    slots: BTreeMap<u64, Vec<Slot>>,
    len: usize,
    element: PhantomData<E>,
}

// SAFETY: elements are Send.
unsafe impl<E: Element> Send for Table<E> {}

impl<E: Element> Table<E> {
    pub(crate) fn new() -> Self {
        Table { slots: BTreeMap::new(), len: 0, element: PhantomData }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<Place> {
        // SAFETY: what lies in the table is live.
        self.find_hash(hash, |pointer| unsafe { E::key(pointer) } == key)
    }

    pub(crate) fn find_hash(&self, hash: u64, mut accept: impl FnMut(NonNull<u8>) -> bool) -> Option<Place> {
        let index = self.slots.get(&hash)?.iter().position(|slot| accept(slot.pointer))?;
        Some(Place { hash, index })
    }

    fn slot(&self, place: Place) -> &Slot {
        &self.slots[&place.hash][place.index]
    }

    pub(crate) fn at(&self, place: Place) -> NonNull<u8> {
        self.slot(place).pointer
    }

    pub(crate) fn is_shared(&self, place: Place) -> bool {
        self.slot(place).shared
    }

    pub(crate) fn insert(&mut self, hash: u64, pointer: NonNull<u8>, _: &mut Reclaim) -> Place {
        let slots = self.slots.entry(hash).or_default();
        slots.push(Slot { pointer, shared: false });
        self.len += 1;
        Place { hash, index: slots.len() - 1 }
    }

    pub(crate) fn replace(
        &mut self,
        place: Place,
        new: NonNull<u8>,
        reclaim: &mut Reclaim,
    ) -> (Place, Taken) {
        let slot = &mut self.slots.get_mut(&place.hash).expect("a place in the table")[place.index];
        let old = std::mem::replace(slot, Slot { pointer: new, shared: false });
        (place, Self::taken(old, reclaim))
    }

    pub(crate) fn take(&mut self, place: Place, reclaim: &mut Reclaim) -> Taken {
        let slots = self.slots.get_mut(&place.hash).expect("a place in the table");
        let slot = slots.swap_remove(place.index);
        if slots.is_empty() {
            self.slots.remove(&place.hash);
        }
        self.len -= 1;
        Self::taken(slot, reclaim)
    }

    fn taken(slot: Slot, reclaim: &mut Reclaim) -> Taken {
        if slot.shared {
            reclaim.retired.push((slot.pointer, E::free));
            Taken::Shared(slot.pointer)
        } else {
            Taken::Owned(slot.pointer)
        }
    }

    pub(crate) fn scan(&self, cursor: u64, mut visit: impl FnMut(NonNull<u8>)) -> u64 {
        let mut range = self.slots.range(cursor..);
        let Some((_, slots)) = range.next() else { return 0 };
        slots.iter().for_each(|slot| visit(slot.pointer));
        range.next().map_or(0, |(hash, _)| *hash)
    }

    pub(crate) fn random(&self, random: u64) -> Option<NonNull<u8>> {
        let from = self.slots.range(random..).next().or_else(|| self.slots.iter().next());
        from.map(|(_, slots)| slots[0].pointer)
    }

    pub(crate) fn sample(&self, random: u64, out: &mut Vec<NonNull<u8>>, count: usize) {
        let around = self.slots.range(random..).chain(self.slots.range(..random));
        out.extend(around.flat_map(|(_, slots)| slots).take(count).map(|slot| slot.pointer));
    }

    pub(crate) fn prefetch_bucket(&self, _hash: u64) {}

    pub(crate) fn prefetch_element(&self, _hash: u64) {}

    pub(crate) fn iter(&self) -> impl Iterator<Item = NonNull<u8>> {
        self.slots.values().flatten().map(|slot| slot.pointer)
    }

    pub(crate) fn freeze(&mut self, reclaim: &mut Reclaim) -> View<E> {
        self.slots.values_mut().flatten().for_each(|slot| slot.shared = true);
        let token = Arc::new(());
        reclaim.views.push(Arc::downgrade(&token));
        View { pointers: self.iter().collect(), _token: token, element: PhantomData }
    }

    pub(crate) fn reserve(&mut self, _count: usize) {}

    pub(crate) fn memory_bytes(&self) -> usize {
        self.len * 11
    }

    /// Empties the table. What a view sees goes to `reclaim`, the rest comes out.
    pub(crate) fn detach(&mut self, reclaim: &mut Reclaim) -> Detached<E> {
        self.len = 0;
        let (shared, owned): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.slots).into_values().flatten().partition(|slot| slot.shared);
        reclaim.retired.extend(shared.iter().map(|slot| (slot.pointer, E::free as unsafe fn(NonNull<u8>))));
        Detached { pointers: owned.iter().map(|slot| slot.pointer).collect(), element: PhantomData }
    }
}

impl<E: Element> Drop for Table<E> {
    fn drop(&mut self) {
        for slot in std::mem::take(&mut self.slots).into_values().flatten() {
            // SAFETY: the table owned it, and views do not outlive tables in tests.
            unsafe { E::free(slot.pointer) };
        }
    }
}

pub(crate) struct Detached<E: Element> {
    pointers: Vec<NonNull<u8>>,
    element: PhantomData<E>,
}

// SAFETY: elements are Send.
unsafe impl<E: Element> Send for Detached<E> {}

impl<E: Element> Detached<E> {
    pub(crate) fn len(&self) -> usize {
        self.pointers.len()
    }
}

impl<E: Element> Drop for Detached<E> {
    fn drop(&mut self) {
        for pointer in self.pointers.drain(..) {
            // SAFETY: detached elements have no other owner.
            unsafe { E::free(pointer) };
        }
    }
}

pub(crate) struct View<E: Element> {
    pointers: Vec<NonNull<u8>>,
    _token: Arc<()>,
    element: PhantomData<E>,
}

// SAFETY: elements are Send, and shared ones do not change.
unsafe impl<E: Element> Send for View<E> {}

impl<E: Element> View<E> {
    pub(crate) fn len(&self) -> usize {
        self.pointers.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = NonNull<u8>> {
        self.pointers.iter().copied()
    }
}
