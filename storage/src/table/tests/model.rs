//! Random operations on a table and its naive twin, with scans and overlapping views under way.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{CROWDED, DEEP, EQUAL, GOOD, Item, Owner, contents, key_of, scaled};
use crate::table::View;

/// Keys are below this.
const KEYS: usize = if cfg!(miri) { 100 } else { 4_000 };
/// As many when hashes are equal, which makes everything slow.
const EQUAL_KEYS: usize = KEYS / 10;
/// Views at a time.
const VIEWS_MAX: usize = 4;

#[derive(Clone, Debug)]
enum Operation {
    /// Set, overwrite or take a range of keys that wraps around, each step-th.
    Set {
        first: usize,
        count: usize,
        step: usize,
    },
    Overwrite {
        first: usize,
        count: usize,
        step: usize,
    },
    Take {
        first: usize,
        count: usize,
        step: usize,
    },
    Scan {
        steps: usize,
    },
    Freeze,
    WalkView(usize),
    DropView(usize),
    Collect {
        budget: usize,
    },
    Detach,
    Random(u64),
    Sample(u64, usize),
}

fn operation(count_max: usize) -> impl Strategy<Value = Operation> {
    let range = || (0..KEYS, 1..count_max, 1..4_usize);
    prop_oneof![
        6 => range().prop_map(|(first, count, step)| Operation::Set { first, count, step }),
        3 => range().prop_map(|(first, count, step)| Operation::Overwrite { first, count, step }),
        6 => range().prop_map(|(first, count, step)| Operation::Take { first, count, step }),
        6 => (1..200_usize).prop_map(|steps| Operation::Scan { steps }),
        2 => Just(Operation::Freeze),
        1 => (0..VIEWS_MAX).prop_map(Operation::WalkView),
        2 => (0..VIEWS_MAX).prop_map(Operation::DropView),
        2 => (0..2 * count_max).prop_map(|budget| Operation::Collect { budget }),
        1 => Just(Operation::Detach),
        1 => any::<u64>().prop_map(Operation::Random),
        1 => (any::<u64>(), 0..100_usize).prop_map(|(random, n)| Operation::Sample(random, n)),
    ]
}

/// A scan under way, with what it owes and what it has given, by incarnation of a key.
#[derive(Default)]
struct Scan {
    cursor: u64,
    present_throughout: Vec<(u64, u64)>,
    seen: HashMap<(u64, u64), usize>,
}

/// The table, its twin and what is under way.
struct Model<const HASH: u8> {
    owner: Owner<HASH>,
    twin: HashMap<u64, u64>,
    /// Since when a key is there, by the number of the insertion.
    incarnations: HashMap<u64, u64>,
    changes: u64,
    scan: Option<Scan>,
    views: Vec<(View<Item<HASH>>, HashMap<u64, u64>)>,
}

impl<const HASH: u8> Model<HASH> {
    fn new() -> Self {
        let (twin, incarnations) = (HashMap::new(), HashMap::new());
        Self { owner: Owner::new(), twin, incarnations, changes: 0, scan: None, views: Vec::new() }
    }

    fn run(&mut self, operation: &Operation) {
        match *operation {
            Operation::Set { first, count, step } => self.each(first, count, step, |model, key| {
                model.owner.set(key, model.changes);
                model.note_set(key);
            }),
            Operation::Overwrite { first, count, step } => self.each(first, count, step, |model, key| {
                model.owner.overwrite(key, model.changes);
                model.note_set(key);
            }),
            Operation::Take { first, count, step } => self.each(first, count, step, |model, key| {
                assert_eq!(model.owner.take(key), model.twin.remove(&key));
                model.incarnations.remove(&key);
            }),
            Operation::Scan { steps } => (0..steps).for_each(|_| self.scan_on()),
            Operation::Freeze if self.views.len() < VIEWS_MAX => {
                let view = self.owner.table.freeze(&mut self.owner.reclaim);
                self.views.push((view, self.twin.clone()));
            }
            Operation::Freeze => (),
            Operation::WalkView(index) => self.walk_view(index),
            Operation::DropView(index) if index < self.views.len() => drop(self.views.remove(index)),
            Operation::DropView(_) => (),
            Operation::Collect { budget } => {
                self.owner.reclaim.collect(budget);
            }
            Operation::Detach => self.detach(),
            Operation::Random(random) => match self.owner.table.random(random) {
                Some(ptr) => assert!(self.twin.contains_key(&key_of::<HASH>(ptr))),
                None => assert!(self.twin.is_empty()),
            },
            Operation::Sample(random, n) => {
                let mut sample = Vec::new();
                self.owner.table.sample(random, &mut sample, n);
                let sample = contents::<HASH>(sample.into_iter());
                assert_eq!(sample.len(), n.min(self.twin.len()));
                assert!(sample.iter().all(|(key, value)| self.twin.get(key) == Some(value)));
            }
        }
    }

    fn each(&mut self, first: usize, count: usize, step: usize, act: impl Fn(&mut Self, u64)) {
        for n in 0..count {
            self.changes += 1;
            let keys = if HASH == EQUAL { EQUAL_KEYS } else { KEYS };
            act(self, ((first + n * step) % keys) as u64);
        }
    }

    fn note_set(&mut self, key: u64) {
        self.twin.insert(key, self.changes);
        self.incarnations.entry(key).or_insert(self.changes);
    }

    fn scan_on(&mut self) {
        let incarnations = &self.incarnations;
        let scan = self.scan.get_or_insert_with(|| Scan {
            present_throughout: incarnations.iter().map(|(key, since)| (*key, *since)).collect(),
            ..Scan::default()
        });
        let Scan { cursor, seen, .. } = scan;
        *cursor = self.owner.table.scan(*cursor, |ptr| {
            let key = key_of::<HASH>(ptr);
            *seen.entry((key, incarnations[&key])).or_insert(0) += 1;
        });
        assert!(*cursor < 1 << 50);
        if *cursor == 0 {
            self.end_scan();
        }
    }

    fn end_scan(&mut self) {
        let Some(scan) = self.scan.take() else { return };
        assert!(scan.seen.values().all(|times| *times == 1), "seen twice");
        for element in scan.present_throughout {
            let (key, since) = element;
            let is_still_there = self.incarnations.get(&key) == Some(&since);
            assert!(!is_still_there || scan.seen.contains_key(&element), "{key} was there and not seen");
        }
    }

    fn walk_view(&self, index: usize) {
        if let Some((view, twin)) = self.views.get(index) {
            assert_eq!(view.len(), twin.len());
            assert_eq!(contents::<HASH>(view.iter()), *twin);
        }
    }

    fn detach(&mut self) {
        let detached = self.owner.table.detach(&mut self.owner.reclaim);
        let is_retired = detached.len() == 0 && !self.views.is_empty();
        assert!(is_retired || detached.len() == self.twin.len());
        assert_eq!(self.owner.table.memory_bytes(), 0);
        self.twin.clear();
        self.incarnations.clear();
    }

    fn finish(mut self) {
        self.owner.audit(&self.twin);
        (0..self.views.len()).for_each(|index| self.walk_view(index));
        while self.scan.is_some() {
            self.scan_on();
        }
        self.views.clear();
        while self.owner.reclaim.collect(scaled(1000)) > 0 {}
        assert!(self.owner.reclaim.is_empty());
        assert_eq!(self.owner.living.load(Ordering::Relaxed) as usize, self.twin.len());
        let keys: Vec<u64> = self.twin.keys().copied().collect();
        keys.into_iter().for_each(|key| assert!(self.owner.take(key).is_some()));
        assert_eq!(self.owner.table.memory_bytes(), 0, "an empty table allocates nothing");
        assert_eq!(self.owner.living.load(Ordering::Relaxed), 0);
    }
}

fn check<const HASH: u8>(operations: &[Operation]) {
    let mut model = Model::<HASH>::new();
    for (n, operation) in operations.iter().enumerate() {
        model.run(operation);
        if n % 16 == 0 {
            model.owner.audit(&model.twin);
        }
    }
    model.finish();
}

fn cases(cases: u32) -> ProptestConfig {
    let cases = if cfg!(miri) { 1 } else { cases };
    let failure_persistence = if cfg!(miri) { None } else { ProptestConfig::default().failure_persistence };
    ProptestConfig { cases, failure_persistence, ..ProptestConfig::default() }
}

const OPERATIONS_MAX: usize = if cfg!(miri) { 30 } else { 100 };

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn behaves_like_its_twin(operations in vec(operation(KEYS / 2), 1..OPERATIONS_MAX)) {
        check::<GOOD>(&operations);
    }

    #[test]
    fn behaves_like_its_twin_when_small(operations in vec(operation(20), 1..OPERATIONS_MAX)) {
        check::<GOOD>(&operations);
    }

    #[test]
    fn behaves_like_its_twin_when_deep(operations in vec(operation(KEYS / 4), 1..OPERATIONS_MAX)) {
        check::<DEEP>(&operations);
    }

    #[test]
    fn behaves_like_its_twin_when_crowded(operations in vec(operation(KEYS / 4), 1..OPERATIONS_MAX)) {
        check::<CROWDED>(&operations);
    }

    #[test]
    fn behaves_like_its_twin_when_hashes_are_equal(operations in vec(operation(200), 1..OPERATIONS_MAX)) {
        check::<EQUAL>(&operations);
    }
}
