//! Growth and shrinking: memory, steadiness of scans, fairness of random elements.

use std::collections::HashMap;

use super::{DEEP, GOOD, Owner, key_of, scaled};

#[test]
fn a_small_table_is_small() {
    let mut owner = Owner::<GOOD>::new();
    assert_eq!(owner.table.memory_bytes(), 0);
    (0..7).for_each(|key| owner.set(key, key));
    assert_eq!(owner.table.memory_bytes(), 64);
    (7..14).for_each(|key| owner.set(key, key));
    assert_eq!(owner.table.memory_bytes(), 128);
    owner.set(14, 14);
    owner.set(15, 15);
    assert_eq!(owner.table.memory_bytes(), 192);
    assert_eq!(size_of_val(&owner.table), 48);
}

#[test]
fn a_table_grows_and_shrinks_with_its_elements() {
    let mut owner = Owner::<GOOD>::new();
    let count = scaled(200_000) as u64;
    let mut most: f64 = 0.0;
    for key in 0..count {
        owner.set(key, key);
        if key >= 1000 && key % 100 == 0 {
            most = most.max(owner.table.memory_bytes() as f64 / owner.table.len() as f64);
        }
    }
    assert!(most < 13.0, "{most} bytes a key while growing");
    let mut most: f64 = 0.0;
    for key in 0..count {
        owner.take(key);
        if owner.table.len() >= 1000 && key % 100 == 0 {
            most = most.max(owner.table.memory_bytes() as f64 / owner.table.len() as f64);
        }
    }
    assert!(most < 30.0, "{most} bytes a key while shrinking");
    assert_eq!(owner.table.memory_bytes(), 0);
}

#[test]
fn reserving_allocates_once() {
    for count in [0, 1, 100, 500, 5_000, scaled(100_000)] {
        let mut owner = Owner::<GOOD>::new();
        owner.table.reserve(count);
        let reserved = owner.table.stats();
        let twin: HashMap<u64, u64> = (0..count as u64).map(|key| (key, key)).collect();
        twin.keys().for_each(|key| owner.set(*key, *key));
        owner.audit(&twin);
        let filled = owner.table.stats();
        let per_key = filled.memory_bytes as f64 / count.max(200) as f64;
        assert!(per_key < 13.0, "{per_key} bytes a key of {count}");
        if count >= 5_000 {
            assert!(filled.pages <= reserved.pages + reserved.pages / 4, "{reserved:?} {filled:?}");
        }
        owner.set(0, 0);
        let filled = owner.table.stats();
        owner.table.reserve(1_000_000);
        assert_eq!(owner.table.stats(), filled, "a table with elements is left alone");
    }
}

#[test]
fn a_reserved_table_can_be_given_up() {
    let mut owner = Owner::<GOOD>::new();
    owner.table.reserve(scaled(50_000));
    owner.set(1, 1);
    drop(owner.table.detach(&mut owner.reclaim));
    owner.table.reserve(scaled(50_000));
    assert_eq!(owner.table.scan(0, |_| panic!("no element")) >> 50, 0);
}

#[test]
fn any_cursor_ends() {
    let mut owner = Owner::<DEEP>::new();
    (0..scaled(20_000) as u64).for_each(|key| owner.set(key, key));
    let mut random = 1_u64;
    for cursor in [1, u64::MAX, 1 << 50, (1 << 50) - 1, 63 << 10 | 5, 1 << 49] {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(cursor);
        for mut cursor in [cursor, random] {
            let mut steps = 0;
            while steps == 0 || cursor != 0 {
                cursor = owner.table.scan(cursor, |_| ());
                steps += 1;
                assert!(steps < 200_000, "endless");
            }
        }
    }
}

#[test]
fn a_scan_survives_growing_a_thousandfold_and_shrinking_back() {
    let mut owner = Owner::<GOOD>::new();
    let (few, many) = (300_u64, scaled(300_000) as u64);
    (0..few).for_each(|key| owner.set(key, key));
    let (mut seen, mut cursor, mut steps_taken) = (HashMap::new(), 0, 0);
    let mut scan = |owner: &Owner<GOOD>, steps: usize| {
        for _ in 0..steps {
            if steps_taken == 0 || cursor != 0 {
                cursor = owner.table.scan(cursor, |ptr| *seen.entry(key_of::<GOOD>(ptr)).or_insert(0) += 1);
                steps_taken += 1;
            }
        }
        steps_taken
    };
    scan(&owner, 7);
    (few..many).for_each(|key| owner.set(key, key));
    assert_eq!(scan(&owner, scaled(400)), 7 + scaled(400), "in its midst");
    (few..many).for_each(|key| assert!(owner.take(key).is_some()));
    (few..many / 2).for_each(|key| owner.set(key, key));
    assert_eq!(scan(&owner, scaled(120)), 7 + scaled(520), "in its midst");
    (few..many / 2).for_each(|key| assert!(owner.take(key).is_some()));
    scan(&owner, 10_000);
    for key in 0..few {
        assert_eq!(seen.get(&key), Some(&1), "{key}");
    }
}

#[test]
#[cfg(not(miri))] // many draws
fn random_elements_are_equally_likely() {
    for count in [5_u64, 60, 1_000, 3_000] {
        let mut owner = Owner::<GOOD>::new();
        (0..count).for_each(|key| owner.set(key, key));
        let draws_each = 200;
        let mut drawn = vec![0_u32; count as usize];
        for r in 0..count * draws_each {
            let ptr = owner.table.random(r).expect("not empty");
            drawn[key_of::<GOOD>(ptr) as usize] += 1;
        }
        // The expected sum is the number of elements less one, its standard deviation about its root's double.
        let deviation = |n: u32| (f64::from(n) - draws_each as f64).powi(2) / draws_each as f64;
        let sum: f64 = drawn.into_iter().map(deviation).sum();
        let limit = count as f64 + 5.0 * (2.0 * count as f64).sqrt();
        assert!(sum < limit, "chi-square {sum} for {count} elements");
    }
}
