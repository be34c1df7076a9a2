//! The maps by ID and by name, with many elements, shared.

use crate::random::Random;
use crate::types::stream::{Ids, Name, Named, Names, StreamId};
use std::collections::BTreeMap;

const STEPS: usize = if cfg!(miri) { 300 } else { 30_000 };

fn id(number: u64) -> StreamId {
    StreamId::new(number / 8, number % 8)
}

#[test]
fn ids_are_kept_in_order_whatever_comes_and_goes() {
    let mut random = Random::new(1);
    // First they grow, then they shrink.
    for (range, removals) in [(20_000, 1), (2000, 2), (300, 1)] {
        let (mut ids, mut twin) = (Ids::default(), BTreeMap::new());
        let mut frozen = None;
        for step in 0..STEPS {
            let (number, value) = (random.below(range), random.next_u64());
            let is_shrinking = step > STEPS / 2;
            match random.below(4) {
                less if less < removals || is_shrinking && less < 3 => {
                    assert_eq!(ids.remove(id(number)), twin.remove(&id(number)));
                }
                3 => {
                    let changed = ids.update(id(number), |old| *old = value).is_some();
                    assert_eq!(changed, twin.get_mut(&id(number)).map(|old| *old = value).is_some());
                }
                _ => assert_eq!(ids.insert(id(number), value), twin.insert(id(number), value)),
            }
            assert_eq!(ids.get(id(number)), twin.get(&id(number)));
            if step % (STEPS / 3) == STEPS / 5 {
                frozen = Some((ids.clone(), twin.clone()));
            }
        }
        let (then, then_twin) = frozen.expect("a clone");
        for (ids, twin) in [(&ids, &twin), (&then, &then_twin)] {
            assert_eq!(ids.len(), twin.len());
            assert!(ids.iter().eq(twin.iter().map(|(id, value)| (*id, value))));
            let from = id(range / 2);
            assert!(ids.iter_from(from).eq(twin.range(from..).map(|(id, value)| (*id, value))));
            assert_eq!(ids.first(), twin.keys().next().copied());
            assert_eq!(ids.last(), twin.keys().next_back().copied());
        }
        let built: Ids<u64> = twin.iter().map(|(id, value)| (*id, *value)).collect();
        assert!(built.iter().eq(ids.iter()));
    }
}

#[test]
fn ids_that_ascend_fill_their_runs() {
    let mut ids = Ids::default();
    (0..10_000).for_each(|number| _ = ids.insert(id(number), ()));
    // 16 bytes an ID, and a little for what is around them.
    assert!(ids.heap_bytes() < 10_000 * 20, "{} bytes", ids.heap_bytes());
    (0..10_000).filter(|number| number % 16 != 0).for_each(|number| _ = ids.remove(id(number)));
    assert!(ids.heap_bytes() < 625 * 80, "{} bytes", ids.heap_bytes());
}

#[derive(Clone, Debug)]
struct Thing(Name, u64);

impl Named for Thing {
    fn name(&self) -> &[u8] {
        &self.0
    }
}

/// Many names share their first 16 bytes; some are short, some have zeros at their end.
fn name(number: u64) -> Vec<u8> {
    match number % 4 {
        0 => number.to_string().into_bytes(),
        1 => [b"a name of more than 16 bytes ".as_slice(), number.to_string().as_bytes()].concat(),
        2 => vec![0; (number % 20) as usize],
        _ => [number.to_string().as_bytes(), &[0, 0]].concat(),
    }
}

#[test]
fn names_are_kept_in_order_whatever_comes_and_goes() {
    let mut random = Random::new(2);
    let (mut names, mut twin) = (Names::default(), BTreeMap::new());
    let mut frozen = None;
    for step in 0..STEPS {
        let (name, value) = (name(random.below(600)), random.next_u64());
        match random.below(3) {
            0 => {
                let removed = names.remove(&name).map(|thing: Thing| thing.1);
                assert_eq!(removed, twin.remove(&name));
            }
            1 => {
                let changed = names.edit(&name, |thing| thing.1 = value).is_some();
                assert_eq!(changed, twin.get_mut(&name).map(|old| *old = value).is_some());
            }
            _ => {
                let added = names.insert(Thing(Name::from(name.as_slice()), value));
                assert_eq!(added, !twin.contains_key(&name));
                twin.entry(name.clone()).or_insert(value);
            }
        }
        assert_eq!(names.get(&name).map(|thing| thing.1), twin.get(&name).copied());
        if step == STEPS / 2 {
            frozen = Some((names.clone(), twin.clone()));
        }
    }
    let (then, then_twin) = frozen.expect("a clone");
    for (names, twin) in [(&names, &twin), (&then, &then_twin)] {
        assert_eq!(names.len(), twin.len());
        assert!(names.iter().map(|thing| (thing.name().to_vec(), thing.1)).eq(twin.clone()));
    }
}
