//! Views on other threads while the table changes; tables dropped or detached under a view.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::thread;

use super::super::bucket::BUCKET_BYTES;
use super::{GOOD, Item, Owner, contents, scaled};

fn next(state: &mut u64) -> usize {
    *state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
    (*state >> 33) as usize
}

fn filled(count: usize) -> (Owner<GOOD>, HashMap<u64, u64>) {
    let mut owner = Owner::new();
    let twin: HashMap<u64, u64> = (0..count as u64).map(|key| (key, key * 3)).collect();
    twin.iter().for_each(|(key, value)| owner.set(*key, *value));
    (owner, twin)
}

/// Changes of every kind, on keys old and new.
fn churn(owner: &mut Owner<GOOD>, twin: &mut HashMap<u64, u64>, changes: usize, state: &mut u64) {
    let keys = scaled(24_000).max(400);
    for n in 0..changes as u64 {
        let key = (next(state) % keys) as u64;
        match next(state) % 4 {
            0 => assert_eq!(owner.take(key), twin.remove(&key)),
            1 => {
                owner.overwrite(key, n);
                twin.insert(key, n);
            }
            _ => {
                owner.set(key, n);
                twin.insert(key, n);
            }
        }
    }
}

#[test]
fn views_are_read_elsewhere_while_the_table_changes() {
    let (mut owner, mut twin) = filled(scaled(12_000));
    let mut state = 1;
    let mut walkers = Vec::new();
    for round in 0..if cfg!(miri) { 4 } else { 12 } {
        let view = owner.table.freeze(&mut owner.reclaim);
        let expected = twin.clone();
        let walks = 1 + round % 3;
        walkers.push(thread::spawn(move || {
            (0..walks).for_each(|_| assert_eq!(contents::<GOOD>(view.iter()), expected));
        }));
        churn(&mut owner, &mut twin, scaled(8_000), &mut state);
        owner.reclaim.collect(scaled(2_000));
        if round % 4 == 3 {
            walkers.drain(..2).for_each(|walker| walker.join().expect("a walk"));
        }
    }
    walkers.into_iter().for_each(|walker| walker.join().expect("a walk"));
    owner.audit(&twin);
    while owner.reclaim.collect(1000) > 0 {}
    assert!(owner.reclaim.is_empty());
    assert_eq!(owner.living.load(Ordering::Relaxed) as usize, twin.len());
}

#[test]
fn garbage_is_freed_on_another_thread() {
    let (mut owner, mut twin) = filled(scaled(8_000));
    let view = owner.table.freeze(&mut owner.reclaim);
    churn(&mut owner, &mut twin, scaled(8_000), &mut 1);
    assert!(owner.reclaim.take_garbage().is_none(), "a view lives");
    drop(view);
    while let Some(garbage) = owner.reclaim.take_garbage() {
        thread::spawn(move || drop(garbage)).join().expect("freed");
    }
    assert!(owner.reclaim.is_empty());
    assert_eq!(owner.living.load(Ordering::Relaxed) as usize, twin.len());
}

#[test]
fn a_key_is_copied_once_a_view() {
    let (mut owner, _) = filled(scaled(4_000));
    let view = owner.table.freeze(&mut owner.reclaim);
    let place = owner.find(5).expect("there");
    assert!(owner.table.is_shared(place));
    owner.set(5, 1);
    let pending = owner.reclaim.pending();
    assert_eq!(pending, 2, "its page and its item");
    for value in 0..10 {
        owner.set(5, value);
    }
    assert_eq!(owner.reclaim.pending(), pending);
    let other = owner.table.freeze(&mut owner.reclaim);
    assert!(owner.table.is_shared(owner.find(5).expect("there")));
    drop((view, other));
    assert!(!owner.table.is_shared(owner.find(5).expect("there")), "no view lives");
    owner.set(5, 11);
    assert_eq!(owner.reclaim.pending(), pending);
}

#[test]
fn what_a_view_sees_stays_shared_through_growth_and_shrinking() {
    let count = scaled(2_000) as u64;
    let (mut owner, _) = filled(count as usize);
    // A view for every few keys, so that pages changed since merge with pages not touched since. New elements each
    // time, whose slots carry no stale marks of the view before.
    while owner.table.len() > 4 {
        let remaining = owner.table.len() as u64 - 4;
        (0..remaining + 4).for_each(|key| owner.overwrite(key, key));
        let view = owner.table.freeze(&mut owner.reclaim);
        (remaining..remaining + 4).for_each(|key| assert!(owner.take(key).is_some()));
        assert_all_shared(&owner, 0..remaining);
        assert_eq!(contents::<GOOD>(view.iter()), (0..remaining + 4).map(|key| (key, key)).collect());
        drop(view);
    }
    (0..count / 8).for_each(|key| owner.set(key, key));
    let view = owner.table.freeze(&mut owner.reclaim);
    (count / 8..count).for_each(|key| owner.set(key, key));
    assert_all_shared(&owner, 0..count / 8);
    let is_shared = |key| owner.table.is_shared(owner.find(key).expect("set"));
    assert!(!(count / 8..count).any(is_shared), "new since");
    drop(view);
}

fn assert_all_shared(owner: &Owner<GOOD>, mut keys: std::ops::Range<u64>) {
    assert!(keys.all(|key| owner.table.is_shared(owner.find(key).expect("never taken"))));
}

#[test]
fn detached_elements_are_freed_elsewhere_or_after_the_view() {
    let (mut owner, twin) = filled(scaled(8_000));
    let detached = owner.table.detach(&mut owner.reclaim);
    assert_eq!((detached.len(), owner.table.len()), (twin.len(), 0));
    thread::spawn(move || drop(detached)).join().expect("freed");
    assert_eq!(owner.living.load(Ordering::Relaxed), 0);

    let (mut owner, twin) = filled(scaled(8_000));
    let view = owner.table.freeze(&mut owner.reclaim);
    drop(owner.table.detach(&mut owner.reclaim));
    owner.set(1, 1);
    while owner.reclaim.collect(500) > 0 {}
    assert_eq!(contents::<GOOD>(view.iter()), twin);
    drop(view);
    let budget = 100;
    let step = owner.reclaim.collect(budget);
    assert!(step >= budget && step < budget + 500, "freed in steps, a page at most beyond: {step}");
    while owner.reclaim.collect(budget) > 0 {}
    assert!(owner.reclaim.is_empty());
    assert_eq!(owner.living.load(Ordering::Relaxed), 1);
}

#[test]
fn what_a_view_makes_its_owner_keep_is_counted_once() {
    let (mut owner, _) = filled(scaled(5_000));
    owner.overwrite(1, 1);
    owner.set(0, 0);
    assert_eq!(owner.reclaim.kept_bytes(), 0, "nothing is kept without a view");
    let view = owner.table.freeze(&mut owner.reclaim);
    owner.overwrite(1, 2);
    let kept = owner.reclaim.kept_bytes();
    assert!(kept >= (size_of::<Item<GOOD>>() + BUCKET_BYTES) as u64, "the element and its page: {kept}");
    owner.overwrite(1, 3);
    assert_eq!(owner.reclaim.kept_bytes(), kept, "no view sees what is there now");
    drop(view);
    owner.overwrite(2, 4);
    assert_eq!(owner.reclaim.kept_bytes(), kept, "the view has ended");
}

#[test]
fn dropping_a_table_frees_its_elements() {
    for count in [0, 1, 7, 8, scaled(5_000)] {
        let (owner, _) = filled(count);
        let living = owner.living.clone();
        drop(owner);
        assert_eq!(living.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn a_view_that_ended_leaves_nothing_behind() {
    let (mut owner, _) = filled(scaled(5_000));
    drop(owner.table.freeze(&mut owner.reclaim));
    let living = owner.living.clone();
    drop(owner);
    assert_eq!(living.load(Ordering::Relaxed), 0);
}

#[test]
#[cfg(not(miri))] // leaks on purpose
fn dropping_a_table_under_a_view_leaves_the_view_intact() {
    let (mut owner, twin) = filled(100);
    let view = owner.table.freeze(&mut owner.reclaim);
    drop(owner);
    assert_eq!(contents::<GOOD>(view.iter()), twin);
}
