//! A sorted set on a tree: blocks of numbers whose keys are only prefixes, beside a standard sorted set.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Block, audit, scaled};
use crate::tree::{Cursor, Tree};

const BLOCK_MAX: usize = 4;

#[derive(Default)]
struct Sorted<const FANOUT: usize>(Tree<Block, FANOUT>);

impl<const FANOUT: usize> Sorted<FANOUT> {
    fn seek(&self, number: u32) -> Option<(Cursor, &Block)> {
        self.0.seek_tied(|key| key.cmp(&(number >> 8)), |leaf| leaf.0[0] <= number)
    }

    fn insert(&mut self, number: u32) -> bool {
        let Some((cursor, leaf)) = self.seek(number) else {
            self.0.push_back(Block::of([number]));
            return true;
        };
        let Err(at) = leaf.0.binary_search(&number) else { return false };
        self.0.update(&cursor, |leaf, spill| {
            leaf.numbers().insert(at, number);
            if leaf.0.len() > BLOCK_MAX {
                spill.push(Block::of(leaf.numbers().split_off(BLOCK_MAX / 2)));
            }
        });
        true
    }

    fn remove(&mut self, number: u32) -> bool {
        let Some((cursor, leaf)) = self.seek(number) else { return false };
        let Ok(at) = leaf.0.binary_search(&number) else { return false };
        let len = leaf.0.len();
        self.0.update(&cursor, |leaf, _| leaf.numbers().remove(at));
        if 1 < len && len <= BLOCK_MAX / 2 {
            self.0.merge_with_next(&cursor, |one, other| {
                if one.0.len() + other.0.len() <= BLOCK_MAX {
                    one.numbers().append(other.numbers());
                }
            });
        }
        true
    }

    /// How many numbers are smaller, and whether this one is there.
    fn rank(&self, number: u32) -> (u64, bool) {
        let Some((cursor, leaf)) = self.seek(number) else { return (0, false) };
        let found = leaf.0.binary_search(&number);
        let (Ok(at) | Err(at)) = found;
        (self.0.position(&cursor) + at as u64, found.is_ok())
    }
}

fn run<const FANOUT: usize>(steps: &[(u32, bool)]) {
    let mut sorted = Sorted::<FANOUT>::default();
    let mut twin = BTreeSet::new();
    for &(number, removes) in steps {
        match removes {
            true => assert_eq!(sorted.remove(number), twin.remove(&number)),
            false => assert_eq!(sorted.insert(number), twin.insert(number)),
        }
        let rank = twin.range(..number).count() as u64;
        assert_eq!(sorted.rank(number), (rank, twin.contains(&number)));
    }
    audit(&sorted.0);
    assert!(sorted.0.leaves().flat_map(|leaf| leaf.0.iter()).eq(&twin));
    for key in 0..4 {
        // The last leaf whose key is smaller: where to walk on from to find all of a key.
        let found = sorted.0.seek(|&other| other < key).map(|(cursor, _)| cursor);
        let from = sorted.0.leaves_from(&found.unwrap_or_default()).flat_map(|leaf| leaf.0.iter());
        assert!(from.filter(|&number| number >> 8 == key).eq(twin.range(key << 8..(key + 1) << 8)));
    }
}

/// Few keys, many numbers each: most leaves tie.
fn steps() -> impl Strategy<Value = Vec<(u32, bool)>> {
    vec((0..1024u32, prop::bool::weighted(0.4)), 0..600)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(scaled(100)))]

    #[test]
    fn sorted_sets_of_narrow_nodes_do_as_standard_ones(steps in steps()) {
        run::<4>(&steps);
    }

    #[test]
    fn sorted_sets_do_as_standard_ones(steps in steps()) {
        run::<30>(&steps);
    }
}
