//! Random operations on dicts that share blocks, against standard maps.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::{ALIKE, DEEP, EQUAL, GOOD, Spoilt, audit, bytes_of, scaled};
use crate::dict::Dict;
use crate::hash::Hasher;
use crate::pack::Item;
use crate::random::Random;

#[derive(Clone, Debug)]
enum Step {
    /// Key, value, expiry.
    Put(u32, u32, Option<i64>),
    /// Key, length of the value.
    PutLarge(u32, usize),
    Remove(u32),
    /// Takes out all but a few.
    RemoveMost(u32),
    Pop(u64),
    Scan,
    Share,
    /// Goes on with an older dict.
    Swap(usize),
    Rebuild,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let expiry = || prop_oneof![3 => Just(None), 1 => (-5..50i64).prop_map(Some)];
    let key = || 0..800u32;
    let step = prop_oneof![
        60 => (key(), any::<u32>(), expiry()).prop_map(|(key, value, expiry)| Step::Put(key, value, expiry)),
        2 => (key(), 0..9000usize).prop_map(|(key, len)| Step::PutLarge(key, len)),
        30 => key().prop_map(Step::Remove),
        1 => any::<u32>().prop_map(Step::RemoveMost),
        5 => any::<u64>().prop_map(Step::Pop),
        20 => Just(Step::Scan),
        1 => Just(Step::Share),
        1 => any::<usize>().prop_map(Step::Swap),
        1 => Just(Step::Rebuild),
    ];
    vec(step, 0..scaled(1500).max(100))
}

type Twin = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

/// A dict, its twin, and a scan under way.
#[derive(Clone)]
struct Pair<const HASH: u8> {
    dict: Dict<Spoilt<HASH>>,
    twin: Twin,
    cursor: u64,
    /// There since the scan began, and not visited.
    awaited: BTreeSet<Vec<u8>>,
    /// Not to be visited again, unless put in anew.
    visited: BTreeSet<Vec<u8>>,
}

impl<const HASH: u8> Pair<HASH> {
    fn new() -> Self {
        let dict = Dict::new(Hasher::new(1));
        Pair { dict, twin: Twin::new(), cursor: 0, awaited: BTreeSet::new(), visited: BTreeSet::new() }
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>, expiry: Option<i64>) {
        let hashed = self.dict.key(&key);
        let old = self.dict.put(&hashed, (Item::of(&value), expiry), |old| (old.value.to_vec(), old.expiry));
        assert_eq!(old, self.twin.insert(key, (value, expiry)));
    }

    fn remove(&mut self, key: &[u8]) {
        let hashed = self.dict.key(key);
        let old = self.dict.remove_with(&hashed, |old| (old.value.to_vec(), old.expiry));
        assert_eq!(old, self.twin.remove(key));
        self.gone(key);
    }

    fn gone(&mut self, key: &[u8]) {
        self.awaited.remove(key);
        self.visited.remove(key);
    }

    fn scan(&mut self) {
        if self.cursor == 0 {
            self.awaited = self.twin.keys().cloned().collect();
            self.visited.clear();
        }
        let Pair { dict, twin, awaited, visited, .. } = self;
        self.cursor = dict.scan(self.cursor, |field| {
            let key = field.name.to_vec();
            assert_eq!(twin[&key], (field.value.to_vec(), field.expiry));
            awaited.remove(&key);
            assert!(visited.insert(key), "visited twice");
        });
        assert!(self.cursor < 1 << 50);
        if self.cursor == 0 {
            assert!(self.awaited.is_empty(), "{} missed", self.awaited.len());
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Put(key, value, expiry) => self.put(bytes_of(key), bytes_of(value), expiry),
            Step::PutLarge(key, len) => self.put(bytes_of(key), vec![b'v'; len], None),
            Step::Remove(key) => self.remove(&bytes_of(key)),
            Step::RemoveMost(kept) => {
                let keys: Vec<_> = self.twin.keys().cloned().collect();
                let removed = keys.iter().enumerate().filter(|(index, _)| *index as u32 % 20 != kept % 20);
                removed.for_each(|(_, key)| self.remove(key));
            }
            Step::Pop(seed) => {
                let popped = self.dict.pop(&mut Random::new(seed), |field| field.name.to_vec());
                assert_eq!(popped.is_some(), !self.twin.is_empty());
                if let Some(key) = popped {
                    assert!(self.twin.remove(&key).is_some());
                    self.gone(&key);
                }
            }
            Step::Scan => self.scan(),
            Step::Rebuild => {
                let fields: Vec<_> = self.dict.iter().collect();
                self.dict = Dict::build(Hasher::new(1), fields.iter().chain(&fields).copied());
            }
            Step::Share | Step::Swap(_) => unreachable!("what concerns several dicts"),
        }
    }

    fn check(&self) {
        audit(&self.dict);
        let fields =
            self.dict.iter().map(|field| (field.name.to_vec(), (field.value.to_vec(), field.expiry)));
        assert_eq!(fields.collect::<Twin>(), self.twin);
        for (rank, field) in self.dict.iter().enumerate() {
            assert_eq!(self.dict.nth(rank), Some(field));
            assert_eq!(self.dict.get(&self.dict.key_of(field.name)), Some(field));
        }
        assert_eq!(self.dict.nth(self.dict.len()), None);
        let names: Vec<_> = (0..900).map(bytes_of).collect();
        let keys: Vec<_> = names.iter().map(|name| self.dict.key(name)).collect();
        let mut many = Vec::new();
        self.dict.get_many(&keys, |index, field| {
            assert_eq!(index, many.len());
            many.push(field);
        });
        assert!(many.iter().zip(&names).all(|(field, name)| field.is_some() == self.twin.contains_key(name)));
        assert!(many.into_iter().zip(&keys).all(|(field, key)| field == self.dict.get(key)));
        let earliest = self.twin.values().filter_map(|(_, expiry)| *expiry).min();
        assert_eq!(self.dict.expiries.first().map(|(at, _)| at), earliest);
    }
}

fn run<const HASH: u8>(steps: Vec<Step>) {
    let mut pair = Pair::<HASH>::new();
    let mut others: Vec<Pair<HASH>> = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Share => others.push(pair.clone()),
            Step::Swap(index) if !others.is_empty() => {
                let index = index % others.len();
                std::mem::swap(&mut pair, &mut others[index]);
            }
            Step::Swap(_) => (),
            step => pair.apply(step),
        }
        if number % 500 == 0 {
            audit(&pair.dict);
        }
    }
    pair.check();
    others.iter().for_each(Pair::check);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 32 }))]

    #[test]
    fn a_dict_is_a_map(steps in steps()) {
        run::<GOOD>(steps);
    }

    #[test]
    fn a_dict_of_few_hashes_is_a_map(steps in steps()) {
        run::<EQUAL>(steps);
    }

    #[test]
    fn a_dict_of_one_tag_is_a_map(steps in steps()) {
        run::<ALIKE>(steps);
    }

    #[test]
    fn a_dict_of_crowded_places_is_a_map(steps in steps()) {
        run::<DEEP>(steps);
    }
}
