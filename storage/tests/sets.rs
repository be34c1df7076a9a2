//! Sets against a naive twin, through every encoding, with frozen views of the database in between.

use proptest::prelude::*;
use rufous_storage::types::Limits;
use rufous_storage::types::set::Set;
use rufous_storage::{Encoding, Keyspace, KeyspaceView, Random};
use std::collections::BTreeSet;

const KEY: &[u8] = b"set";

fn limits() -> Limits {
    Limits { set_intset_entries: 16, set_listpack_entries: 12, set_listpack_value: 20, ..Limits::default() }
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u8>),
    Remove(Vec<u8>),
    Pop,
    Freeze,
    Thaw,
    Copy,
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (-20i64..20).prop_map(|int| int.to_string().into_bytes()),
        1 => any::<i64>().prop_map(|int| int.to_string().into_bytes()),
        2 => (0..40u8).prop_map(|n| format!("m{n}").into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => member().prop_map(Step::Add),
        4 => member().prop_map(Step::Remove),
        1 => Just(Step::Pop),
        1 => Just(Step::Freeze),
        1 => Just(Step::Thaw),
        1 => Just(Step::Copy),
    ]
}

fn content(keyspace: &mut Keyspace, key: &[u8]) -> BTreeSet<Vec<u8>> {
    let entry = keyspace.db(0).find(key);
    entry.map_or_else(BTreeSet::new, |entry| {
        entry.typed::<Set>().unwrap().iter().map(|m| m.to_vec()).collect()
    })
}

fn seen(view: &KeyspaceView) -> BTreeSet<Vec<u8>> {
    let set = view.dbs()[0].iter().find(|entry| entry.key() == KEY);
    set.map_or_else(BTreeSet::new, |entry| entry.typed::<Set>().unwrap().iter().map(|m| m.to_vec()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 300 }))]

    #[test]
    fn sets_are_sets(steps in prop::collection::vec(step(), 1..150)) {
        let (limits, mut random) = (limits(), Random::new(7));
        let (mut keyspace, mut model) = (Keyspace::new(1, 1), BTreeSet::new());
        let mut views: Vec<(KeyspaceView, BTreeSet<Vec<u8>>)> = Vec::new();
        for step in steps {
            match step {
                Step::Add(member) => {
                    let mut set = keyspace.db_mut(0).look_up(KEY).edit_or_new::<Set>(&limits).unwrap();
                    prop_assert_eq!(set.add(&member), model.insert(member.clone()));
                    prop_assert!(set.as_ref().contains(&member));
                }
                Step::Remove(member) => {
                    let set = keyspace.db_mut(0).look_up(KEY).edit::<Set>(&limits);
                    let removed = set.is_some_and(|mut set| set.remove(&member));
                    prop_assert_eq!(removed, model.remove(&member));
                }
                Step::Pop => {
                    let Some(mut set) = keyspace.db_mut(0).look_up(KEY).edit::<Set>(&limits) else { continue };
                    if set.as_ref().is_empty() { continue }
                    let member = set.as_ref().random(&mut random).to_vec();
                    prop_assert!(set.remove(&member) && model.remove(&member));
                }
                Step::Freeze => views.push((keyspace.freeze(), model.clone())),
                Step::Thaw => drop(views.pop()),
                Step::Copy => {
                    keyspace.copy_key(0, KEY, 0, b"copy");
                    if let Some(mut copy) = keyspace.db_mut(0).look_up(b"copy").edit::<Set>(&limits) {
                        copy.add(b"only in the copy");
                    }
                }
            }
            prop_assert_eq!(&content(&mut keyspace, KEY), &model);
            let len = keyspace.db(0).find(KEY).map_or(0, |entry| entry.typed::<Set>().unwrap().len());
            prop_assert_eq!(len, model.len());
            for (view, then) in &views {
                prop_assert_eq!(&seen(view), then);
            }
        }
    }
}

#[test]
fn encodings_change_where_redis_changes_them() {
    let limits = limits();
    let check = |members: &[&str], expected: Encoding| {
        let mut keyspace = Keyspace::new(1, 1);
        for member in members {
            keyspace.db_mut(0).look_up(KEY).edit_or_new::<Set>(&limits).unwrap().add(member.as_bytes());
        }
        assert_eq!(keyspace.db(0).find(KEY).unwrap().encoding(), expected, "{members:?}");
    };
    let ints: Vec<String> = (0..17).map(|int| int.to_string()).collect();
    let ints: Vec<&str> = ints.iter().map(String::as_str).collect();
    check(&ints[..16], Encoding::Intset);
    check(&ints, Encoding::Hashtable);
    check(&[&ints[..11], &["a"]].concat(), Encoding::Listpack);
    check(&[&ints[..12], &["a"]].concat(), Encoding::Hashtable);
    check(&["a", "12345678901234567890"], Encoding::Listpack);
    check(&["a", "123456789012345678901"], Encoding::Hashtable);
    check(&["1", "123456789012345678901"], Encoding::Hashtable);
}
