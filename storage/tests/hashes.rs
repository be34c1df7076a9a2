//! Hashes against a naive twin, through both encodings, with frozen views of the database in between.

use proptest::prelude::*;
use rufous_storage::types::Limits;
use rufous_storage::types::hash::Hash;
use rufous_storage::{Encoding, EntryRef, Keyspace, KeyspaceView};
use std::collections::BTreeMap;

const KEY: &[u8] = b"hash";

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn limits() -> Limits {
    Limits { hash_entries: 12, hash_value: 20, ..Limits::default() }
}

#[derive(Clone, Debug)]
enum Step {
    Set(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    Freeze,
    Thaw,
}

fn word(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => (-10i64..10).prop_map(|int| int.to_string().into_bytes()),
        2 => (0..20u8).prop_map(|n| format!("f{n}").into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..longest),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (word(24), word(200)).prop_map(|(field, value)| Step::Set(field, value)),
        4 => word(24).prop_map(Step::Remove),
        1 => Just(Step::Freeze),
        1 => Just(Step::Thaw),
    ]
}

fn content(entry: Option<EntryRef<'_>>) -> Model {
    let mut model = Model::new();
    if let Some(entry) = entry {
        entry.typed::<Hash>().unwrap().each(|field, value| {
            assert!(model.insert(field.to_vec(), value.to_vec()).is_none(), "a field twice");
        });
    }
    model
}

fn seen(view: &KeyspaceView) -> Model {
    content(view.dbs()[0].iter().find(|entry| entry.key() == KEY))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 300 }))]

    #[test]
    fn hashes_are_maps(steps in prop::collection::vec(step(), 1..150)) {
        let (limits, mut keyspace, mut model) = (limits(), Keyspace::new(1, 1), Model::new());
        let mut views: Vec<(KeyspaceView, Model)> = Vec::new();
        for step in steps {
            match step {
                Step::Set(field, value) => {
                    let mut hash = keyspace.db_mut(0).look_up(KEY).edit_or_new::<Hash>(&limits).unwrap();
                    prop_assert_eq!(hash.set(&field, &value), model.insert(field.clone(), value.clone()).is_none());
                    prop_assert_eq!(hash.as_ref().get(&field).map(|value| value.to_vec()), Some(value));
                }
                Step::Remove(field) => {
                    let hash = keyspace.db_mut(0).look_up(KEY).edit::<Hash>(&limits);
                    let removed = hash.is_some_and(|mut hash| hash.remove(&field));
                    prop_assert_eq!(removed, model.remove(&field).is_some());
                }
                Step::Freeze => views.push((keyspace.freeze(), model.clone())),
                Step::Thaw => drop(views.pop()),
            }
            prop_assert_eq!(&content(keyspace.db(0).find(KEY)), &model);
            let len = keyspace.db(0).find(KEY).map_or(0, |entry| entry.typed::<Hash>().unwrap().len());
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
    let check = |pairs: &[(&str, &str)], expected: Encoding| {
        let mut keyspace = Keyspace::new(1, 1);
        for (field, value) in pairs {
            let mut hash = keyspace.db_mut(0).look_up(KEY).edit_or_new::<Hash>(&limits).unwrap();
            hash.set(field.as_bytes(), value.as_bytes());
        }
        assert_eq!(keyspace.db(0).find(KEY).unwrap().encoding(), expected, "{pairs:?}");
    };
    let names: Vec<String> = (0..13).map(|n| n.to_string()).collect();
    let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    check(&pairs[..12], Encoding::Listpack);
    check(&pairs, Encoding::Hashtable);
    check(&[("12345678901234567890", "a")], Encoding::Listpack);
    check(&[("123456789012345678901", "a")], Encoding::Hashtable);
    check(&[("a", "123456789012345678901")], Encoding::Hashtable);
}
