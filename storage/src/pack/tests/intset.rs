//! A set of integers against a sorted set, under random edits, and against bytes that Redis wrote.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::redis::string_in;
use crate::pack::{INTSET_EMPTY, IntSetMut, IntSetRef};

#[derive(Clone, Debug)]
enum Step {
    Add(i64),
    Remove(i64),
    RemoveAt(usize),
    Clear,
}

fn value() -> impl Strategy<Value = i64> {
    const EDGES: [i64; 14] = [
        -32769,
        -32768,
        -32767,
        32766,
        32767,
        32768,
        -2_147_483_649,
        -2_147_483_648,
        2_147_483_647,
        2_147_483_648,
        i64::MIN,
        i64::MIN + 1,
        i64::MAX - 1,
        i64::MAX,
    ];
    prop_oneof![20 => -12i64..12, 2 => -40_000i64..40_000, 1 => prop::sample::select(EDGES.to_vec())]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => value().prop_map(Step::Add),
        6 => value().prop_map(Step::Remove),
        3 => any::<usize>().prop_map(Step::RemoveAt),
        1 => Just(Step::Clear),
    ]
}

fn check(set: IntSetRef<'_>, model: &BTreeSet<i64>) {
    assert_eq!(set.len(), model.len());
    assert_eq!(set.is_empty(), model.is_empty());
    assert!(set.iter().eq(model.iter().copied()));
    assert!(set.iter().rev().eq(model.iter().rev().copied()));
    assert_eq!(set.get(model.len()), None);
    for (index, &value) in model.iter().enumerate() {
        assert_eq!(set.get(index), Some(value));
        for value in [value, value.saturating_sub(1), value.saturating_add(1)] {
            assert_eq!(set.contains(value), model.contains(&value));
            let index = model.range(..value).count();
            assert_eq!(set.search(value), if model.contains(&value) { Ok(index) } else { Err(index) });
        }
    }
    for value in [i64::MIN, -100_000, 0, 100_000, i64::MAX] {
        assert_eq!(set.contains(value), model.contains(&value));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]

    #[test]
    fn edits_agree_with_a_sorted_set(steps in proptest::collection::vec(step(), 0..60)) {
        let mut set = IntSetMut::new(INTSET_EMPTY.to_vec());
        let mut model = BTreeSet::new();
        for step in steps {
            match step {
                Step::Add(value) => prop_assert_eq!(set.add(value), model.insert(value)),
                Step::Remove(value) => prop_assert_eq!(set.remove(value), model.remove(&value)),
                Step::RemoveAt(index) => {
                    let Some(index) = index.checked_rem(model.len()) else { continue };
                    set.remove_at(index);
                    model.remove(&model.iter().copied().nth(index).unwrap());
                }
                Step::Clear => {
                    set.clear();
                    model.clear();
                }
            }
            check(set.as_ref(), &model);
        }
    }
}

#[test]
fn bytes_are_those_of_redis() {
    for (payload, added) in [
        (
            "0b1402000000060000000080fbff010002000300ff7f0a00d70f43b91bd6a2c7",
            &[3, 1, 2, -5, 32767, -32768][..],
        ),
        ("0b140400000003000000f9ffffff01000000008000000a00b0b642e5384dc027", &[1, 32768, -7]),
        (
            "0b280800000004000000ffffff7fffffffff05000000000000007011010000000000ffffffffffffff7f0a002e9f57402483\
             487d",
            &[5, -2_147_483_649, 70_000, i64::MAX],
        ),
        ("0b0a020000000100000001000a00056f61290c490534", &[1]),
    ] {
        let mut set = IntSetMut::empty_in(Vec::new());
        for &value in added {
            assert!(set.add(value));
        }
        assert_eq!(set.as_ref().bytes(), string_in(payload, &[11]));
    }
}

#[test]
fn the_width_stays_when_what_needed_it_is_removed() {
    let mut set = IntSetMut::empty_in(Vec::new());
    for value in [1, 2, 70_000] {
        set.add(value);
    }
    set.remove(70_000);
    let payload = "0b10040000000200000001000000020000000a00234df9c5cc5e79db";
    assert_eq!(set.as_ref().bytes(), string_in(payload, &[11]));
}
