//! Tests of the table: the elements and helpers they share, and an audit of all invariants of a table.
//!
//! - `model`: random operations against a naive twin, views and scans included.
//! - `views`: views on other threads, detaching, dropping. `sizes`: growth, shrinking, memory, fairness.
#![allow(unsafe_code)]

mod model;
mod sizes;
mod views;

use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

use super::bucket::{NEIGHBOUR, stash_bit};
use super::directory::end;
use super::page::{next_bits_of, place_of, tag_of};
use super::{Element, Place, Table, Taken};
use crate::hash::Hasher;
use crate::reclaim::Reclaim;

/// Fewer elements where each step is slow.
pub(super) const fn scaled(count: usize) -> usize {
    if cfg!(miri) { count / 40 } else { count }
}

/// How hashes are spoilt, to reach what good hashes do not.
pub(super) const GOOD: u8 = 0;
/// Leading bits mostly equal: the directory grows deep on one side.
pub(super) const DEEP: u8 = 1;
/// Few places: buckets overflow to neighbours and stashes.
pub(super) const CROWDED: u8 = 2;
/// Few hashes: pages that splitting does not help.
pub(super) const EQUAL: u8 = 3;

/// An element: a key, a value, and a tally of elements that live.
#[repr(C, align(8))]
pub(super) struct Item<const HASH: u8> {
    key: [u8; 8],
    pub(super) value: u64,
    living: Arc<AtomicIsize>,
}

// SAFETY: items are boxes, 8-aligned; their keys never change, and any thread may free them.
unsafe impl<const HASH: u8> Element for Item<HASH> {
    unsafe fn key<'a>(ptr: NonNull<u8>) -> &'a [u8] {
        // SAFETY: the caller promises that the item lives.
        unsafe { &(*ptr.cast::<Self>().as_ptr()).key }
    }

    unsafe fn free(ptr: NonNull<u8>) {
        // SAFETY: the caller gives the item up.
        drop(unsafe { Box::from_raw(ptr.cast::<Self>().as_ptr()) });
    }

    unsafe fn bytes(_: NonNull<u8>) -> usize {
        size_of::<Self>()
    }

    unsafe fn hash(ptr: NonNull<u8>, hasher: &Hasher) -> u64 {
        // SAFETY: the caller promises that the item lives.
        spoilt::<HASH>(hasher.hash(unsafe { Self::key(ptr) }))
    }
}

impl<const HASH: u8> Drop for Item<HASH> {
    fn drop(&mut self) {
        self.living.fetch_sub(1, Ordering::Relaxed);
        self.value = u64::MAX;
    }
}

fn spoilt<const HASH: u8>(hash: u64) -> u64 {
    match HASH {
        DEEP => {
            hash & 0x007f_ffff_ffff_ffff | if hash & 0x70 == 0 { hash & 0xff00_0000_0000_0000 } else { 0 }
        }
        CROWDED => hash & !0x3ff | hash & 0x203,
        EQUAL => hash & 0x4000_0000_0000_0003,
        _ => hash,
    }
}

/// A table of items, as their owner would keep it.
pub(super) struct Owner<const HASH: u8> {
    pub(super) table: Table<Item<HASH>>,
    pub(super) reclaim: Reclaim,
    pub(super) living: Arc<AtomicIsize>,
}

impl<const HASH: u8> Owner<HASH> {
    pub(super) fn new() -> Self {
        let (table, reclaim) = (Table::new(Hasher::new(7)), Reclaim::default());
        Self { table, reclaim, living: Arc::default() }
    }

    pub(super) fn hash(&self, key: u64) -> u64 {
        spoilt::<HASH>(self.table.hasher().hash(&key.to_le_bytes()))
    }

    pub(super) fn find(&self, key: u64) -> Option<Place> {
        self.table.find(self.hash(key), &key.to_le_bytes())
    }

    pub(super) fn get(&self, key: u64) -> Option<u64> {
        let ptr = self.table.at(self.find(key)?);
        // SAFETY: the item lives, and nobody writes to it meanwhile.
        Some(unsafe { ptr.cast::<Item<HASH>>().as_ref() }.value)
    }

    /// Sets a value as an owner does: in place unless a view may see it.
    pub(super) fn set(&mut self, key: u64, value: u64) {
        let Some(place) = self.find(key) else {
            let hash = self.hash(key);
            let place = self.table.insert(hash, self.item(key, value), &mut self.reclaim);
            assert_eq!(key_of::<HASH>(self.table.at(place)), key);
            return;
        };
        if self.table.is_shared(place) {
            let item = self.item(key, value);
            self.replace(place, item);
        } else {
            // SAFETY: the table owns the item alone.
            unsafe { self.table.at(place).cast::<Item<HASH>>().as_mut() }.value = value;
        }
    }

    /// Sets a value by a new item, whether it is shared or not.
    pub(super) fn overwrite(&mut self, key: u64, value: u64) {
        let Some(place) = self.find(key) else { return self.set(key, value) };
        let item = self.item(key, value);
        self.replace(place, item);
    }

    fn replace(&mut self, place: Place, item: NonNull<u8>) {
        let was_shared = self.table.is_shared(place);
        let (place, taken) = self.table.replace(place, item, &mut self.reclaim);
        assert_eq!(self.table.at(place), item);
        assert!(!self.table.is_shared(place), "a new item");
        self.settle(taken, was_shared);
    }

    pub(super) fn take(&mut self, key: u64) -> Option<u64> {
        let place = self.find(key)?;
        let (value, was_shared) = (self.get(key), self.table.is_shared(place));
        let taken = self.table.take(place, &mut self.reclaim);
        let (Taken::Owned(ptr) | Taken::Shared(ptr)) = taken;
        // SAFETY: still readable, by either way of having been taken.
        assert_eq!(Some(unsafe { ptr.cast::<Item<HASH>>().as_ref() }.value), value);
        self.settle(taken, was_shared);
        value
    }

    /// Frees what a table gave up. A view may end while a shared item is taken, but none begins.
    fn settle(&mut self, taken: Taken, was_shared: bool) {
        if let Taken::Owned(ptr) = taken {
            // SAFETY: the table gave the item up, and no view sees it.
            unsafe { Item::<HASH>::free(ptr) }
        } else {
            assert!(was_shared);
        }
    }

    fn item(&self, key: u64, value: u64) -> NonNull<u8> {
        self.living.fetch_add(1, Ordering::Relaxed);
        let item = Item::<HASH> { key: key.to_le_bytes(), value, living: Arc::clone(&self.living) };
        NonNull::from(Box::leak(Box::new(item))).cast()
    }

    /// Checks every invariant of the table, and that it holds just this.
    pub(super) fn audit(&self, expected: &HashMap<u64, u64>) {
        assert_eq!(self.table.len(), expected.len());
        assert_eq!(contents::<HASH>(self.table.iter()), *expected);
        for (key, value) in expected {
            assert_eq!(self.get(*key), Some(*value));
        }
        let (mut start, mut page_bytes) = (Some(0), 0);
        while let Some(first) = start {
            page_bytes += self.audit_page(first);
            start = Some(end(first, self.table.directory.page(first).depth())).filter(|next| *next != 0);
        }
        assert_eq!(self.table.memory_bytes(), page_bytes + self.table.directory.bytes());
    }

    fn audit_page(&self, first: u64) -> usize {
        let page = self.table.directory.page(first);
        let last = end(first, page.depth()).wrapping_sub(1);
        assert!(self.table.directory.page(last) == page, "all of a page's hashes lead to it");
        let mut overflows = HashMap::new();
        for index in 0..page.buckets() {
            let bucket = page.bucket(index);
            for slot in bucket.occupied() {
                // SAFETY: items of the table live.
                let hash = unsafe { Item::<HASH>::hash(bucket.slot(slot).element(), self.table.hasher()) };
                assert!((first..=last).contains(&hash));
                assert_eq!(bucket.slot(slot).place(), place_of(hash));
                assert_eq!(bucket.slot(slot).next_bits(), next_bits_of(hash, page.depth()));
                assert_eq!(bucket.tag(slot), tag_of(hash));
                let home = page.home(place_of(hash));
                let overflow = overflows.entry(home).or_insert(0);
                if index >= page.home_buckets() {
                    *overflow |= stash_bit(index - page.home_buckets());
                } else if index != home {
                    assert_eq!(index, page.neighbour(home));
                    *overflow |= NEIGHBOUR;
                }
            }
        }
        for home in 0..page.home_buckets() {
            assert_eq!(page.bucket(home).overflow(), overflows.get(&home).copied().unwrap_or(0));
        }
        page.bytes()
    }
}

pub(super) fn key_of<const HASH: u8>(ptr: NonNull<u8>) -> u64 {
    // SAFETY: the tests ask for items that live.
    u64::from_le_bytes(unsafe { Item::<HASH>::key(ptr) }.try_into().expect("eight bytes"))
}

/// Keys and values, each key once.
pub(super) fn contents<const HASH: u8>(items: impl Iterator<Item = NonNull<u8>>) -> HashMap<u64, u64> {
    let mut contents = HashMap::new();
    for ptr in items {
        // SAFETY: the tests ask for items that live and are not written meanwhile.
        let value = unsafe { ptr.cast::<Item<HASH>>().as_ref() }.value;
        assert_eq!(contents.insert(key_of::<HASH>(ptr), value), None, "a key twice");
    }
    contents
}
