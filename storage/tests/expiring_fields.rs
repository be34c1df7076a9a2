//! Hashes whose fields expire against a naive twin: a clock that advances, expiry at access and by the wheel, keys that are
//! copied, renamed and overwritten, frozen views in between.

use proptest::prelude::*;
use rufous_storage::types::Limits;
use rufous_storage::types::hash::{Hash, HashRef};
use rufous_storage::{Db, Encoding, EntryRef, Keyspace, KeyspaceView, NewStr, Random, State, Ttl};
use std::collections::{BTreeMap, BTreeSet};

/// Fields with their values and expiries; those that are past too, until they are taken out.
type Fields = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;
type Model = BTreeMap<Vec<u8>, Fields>;

const START: i64 = 1_700_000_000_000;

fn limits() -> Limits {
    Limits { hash_entries: 12, hash_value: 20, ..Limits::default() }
}

#[derive(Clone, Debug)]
enum Step {
    Set {
        key: u8,
        field: Vec<u8>,
        value: Vec<u8>,
        ttl: Ttl,
    },
    Remove {
        key: u8,
        field: Vec<u8>,
    },
    /// In so many ms from now, or never.
    Expire {
        key: u8,
        field: Vec<u8>,
        after: Option<i64>,
    },
    /// Takes up to so many expired fields out.
    Touch {
        key: u8,
        most: usize,
    },
    Sweep,
    Advance(i64),
    Copy(u8, u8),
    Rename(u8, u8),
    Drop(u8),
    Overwrite(u8),
    Freeze,
    Thaw,
}

fn word(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => (-8i64..8).prop_map(|int| int.to_string().into_bytes()),
        2 => (0..12u8).prop_map(|n| format!("f{n}").into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..longest),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..3u8;
    let ttl = prop_oneof![Just(Ttl::Clear), Just(Ttl::Keep), (0..60i64).prop_map(Ttl::At)];
    let after = || prop_oneof![3 => (0..60i64).prop_map(Some), 1 => Just(None)];
    prop_oneof![
        9 => (key(), word(24), word(60), ttl)
            .prop_map(|(key, field, value, ttl)| Step::Set { key, field, value, ttl }),
        3 => (key(), word(24)).prop_map(|(key, field)| Step::Remove { key, field }),
        6 => (key(), word(24), after()).prop_map(|(key, field, after)| Step::Expire { key, field, after }),
        3 => (key(), 0..5usize).prop_map(|(key, most)| Step::Touch { key, most }),
        1 => Just(Step::Sweep),
        3 => (0..40i64).prop_map(Step::Advance),
        1 => (key(), key()).prop_map(|(from, to)| Step::Copy(from, to)),
        1 => (key(), key()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => key().prop_map(Step::Drop),
        1 => key().prop_map(Step::Overwrite),
        1 => Just(Step::Freeze),
        1 => Just(Step::Thaw),
    ]
}

/// All fields in memory.
fn stored(entry: EntryRef<'_>) -> Fields {
    let mut fields = Fields::new();
    entry.typed::<Hash>().unwrap().each_field(|field| {
        let old = fields.insert(field.name.to_vec(), (field.value.to_vec(), field.expiry));
        assert!(old.is_none(), "a field twice");
    });
    fields
}

fn is_past(expiry: Option<i64>, now: i64) -> bool {
    expiry.is_some_and(|at| at < now)
}

fn live(fields: &Fields, now: i64) -> BTreeSet<&[u8]> {
    fields.iter().filter(|(_, (_, at))| !is_past(*at, now)).map(|(name, _)| name.as_slice()).collect()
}

/// The server's way with a key that it looks up: what is wholly expired goes.
fn settle(db: &mut Db, model: &mut Model, key: &[u8], now: i64) {
    if db.find(key).is_some_and(|entry| entry.is_expired(now)) {
        db.remove(key);
        assert!(live(&model.remove(key).expect("a key that is there"), now).is_empty());
    }
}

fn touch(db: &mut Db, model: &mut Model, key: &[u8], most: usize, now: i64) {
    let Some(fields) = model.get_mut(key) else { return };
    let due = fields.len() - live(fields, now).len();
    let count = db.look_up(key).expire_fields(now, most, |name| {
        let (_, expiry) = fields.remove(&name.to_vec()).expect("a field that is there");
        assert!(is_past(expiry, now));
    });
    assert_eq!(count, due.min(most));
}

/// Active expiry until nothing is due, three fields a turn.
fn sweep(db: &mut Db, model: &mut Model, now: i64) {
    for _ in 0..10_000 {
        if db.next_due().is_none_or(|at| at > now) {
            return;
        }
        let mut named = Vec::new();
        db.due(now, 8, &mut |key| named.push(key.to_vec()));
        for key in named {
            settle(db, model, &key, now);
            touch(db, model, &key, 3, now);
        }
    }
    // Fields that are left are named again in the next ms, so that time has to pass for them.
}

fn check_reads(hash: HashRef<'_>, fields: &Fields, now: i64) {
    let live = live(fields, now);
    assert_eq!((hash.len(), hash.is_empty()), (live.len(), live.is_empty()));
    for (name, (value, expiry)) in fields {
        let shown = live.contains(name.as_slice());
        assert_eq!(hash.contains(name), shown);
        assert_eq!(hash.get(name).map(|value| value.to_vec()).as_ref(), Some(value).filter(|_| shown));
        assert_eq!(hash.expiry(name), shown.then_some(*expiry));
    }
    let (mut each, mut scanned, mut cursor) = (Vec::new(), Vec::new(), 0);
    hash.each(|name, _| each.push(name.to_vec()));
    loop {
        cursor = hash.scan(cursor, |name, _| scanned.push(name.to_vec()));
        if cursor == 0 {
            break;
        }
    }
    for names in [each, scanned] {
        assert_eq!(names.len(), live.len());
        assert_eq!(names.iter().map(Vec::as_slice).collect::<BTreeSet<_>>(), live);
    }
    if !live.is_empty() {
        let mut random = Random::new(7);
        assert!(live.contains(hash.random(&mut random).0.to_vec().as_slice()));
        let (count, mut drawn) = (live.len().div_ceil(2), BTreeSet::new());
        hash.random_distinct(count, &mut random, |name, _| {
            assert!(live.contains(name.to_vec().as_slice()) && drawn.insert(name.to_vec()));
        });
        assert_eq!(drawn.len(), count);
    }
}

fn check(db: &Db, model: &Model, now: i64) {
    for key in [[0], [1], [2]] {
        let entry = db.find(&key).filter(|entry| entry.typed::<Hash>().is_some());
        assert_eq!(entry.is_some(), model.contains_key(key.as_slice()));
        let (Some(entry), Some(fields)) = (entry, model.get(key.as_slice())) else { continue };
        assert_eq!(&stored(entry), fields);
        check_reads(entry.typed_at::<Hash>(now).unwrap(), fields, now);
        let expected = match (live(fields, now).len(), fields.len()) {
            (0, _) => State::Empty,
            (live, all) if live == all => State::Live,
            _ => State::Stale,
        };
        assert_eq!(entry.state(now), expected);
    }
    let expiring = model.values().filter(|fields| fields.values().any(|(_, at)| at.is_some()));
    assert_eq!(db.expiring_hashes_len(), expiring.count());
}

fn apply(keyspace: &mut Keyspace, model: &mut Model, now: i64, limits: &Limits, step: Step) {
    let db = keyspace.db_mut(0);
    match step {
        Step::Set { key, field, value, ttl } => {
            settle(db, model, &[key], now);
            let fields = model.entry(vec![key]).or_default();
            if fields.is_empty() {
                db.remove(&[key]);
            }
            let is_new = !live(fields, now).contains(field.as_slice());
            let old = fields.get(&field).and_then(|(_, at)| *at).filter(|_| !is_new);
            let ttl = if let Ttl::At(after) = ttl { Ttl::At(now + after) } else { ttl };
            let expiry = match ttl {
                Ttl::Keep => old,
                Ttl::Clear => None,
                Ttl::At(at) => Some(at),
            };
            let mut hash = db.look_up(&[key]).edit_or_new_at::<Hash>(limits, now).unwrap();
            assert_eq!(hash.set_with(&field, &value, ttl), is_new);
            fields.insert(field, (value, expiry));
        }
        Step::Remove { key, field } => {
            settle(db, model, &[key], now);
            let Some(fields) = model.get_mut([key].as_slice()) else { return };
            let is_there = live(fields, now).contains(field.as_slice());
            let mut hash = db.look_up(&[key]).edit_at::<Hash>(limits, now).unwrap();
            assert_eq!(hash.remove(&field), is_there);
            if is_there {
                fields.remove(&field);
            }
            if fields.is_empty() {
                db.remove(&[key]);
                model.remove([key].as_slice());
            }
        }
        Step::Expire { key, field, after } => {
            settle(db, model, &[key], now);
            let Some(fields) = model.get_mut([key].as_slice()) else { return };
            let is_there = live(fields, now).contains(field.as_slice());
            let expiry = after.map(|after| now + after);
            let mut hash = db.look_up(&[key]).edit_at::<Hash>(limits, now).unwrap();
            assert_eq!(hash.set_expiry(&field, expiry), is_there);
            if is_there {
                fields.get_mut(&field).unwrap().1 = expiry;
            }
        }
        Step::Touch { key, most } => {
            settle(db, model, &[key], now);
            touch(db, model, &[key], most, now);
        }
        Step::Sweep => sweep(db, model, now),
        Step::Copy(from, to) | Step::Rename(from, to) if from != to => {
            let Some(fields) = model.get([from].as_slice()).cloned() else { return };
            if matches!(step, Step::Copy(..)) {
                keyspace.copy_key(0, &[from], 0, &[to]);
            } else {
                db.rename(&[from], &[to]);
                model.remove([from].as_slice());
            }
            model.insert(vec![to], fields);
        }
        Step::Drop(key) => {
            db.remove(&[key]);
            model.remove([key].as_slice());
        }
        Step::Overwrite(key) => {
            db.set_string(&[key], NewStr::Bytes(b"text"), Ttl::Clear);
            model.remove([key].as_slice());
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 200 }))]

    #[test]
    fn fields_expire_and_are_never_seen_afterwards(steps in prop::collection::vec(step(), 1..120)) {
        let (limits, mut keyspace, mut model, mut now) = (limits(), Keyspace::new(1, 1), Model::new(), START);
        let mut views: Vec<(KeyspaceView, Model)> = Vec::new();
        for step in steps {
            match step {
                Step::Freeze => views.push((keyspace.freeze(), model.clone())),
                Step::Thaw => drop(views.pop()),
                Step::Advance(ms) => now += ms,
                // A string in the way of a hash.
                Step::Set { key, .. } if keyspace.db(0).find(&[key]).is_some_and(|entry| entry.string().is_some()) => {}
                step => apply(&mut keyspace, &mut model, now, &limits, step),
            }
            check(keyspace.db(0), &model, now);
            for (view, then) in &views {
                for (key, fields) in then {
                    let entry = view.dbs()[0].iter().find(|entry| entry.key() == key).unwrap();
                    prop_assert_eq!(&stored(entry), fields);
                }
            }
        }
        // The wheel finds all that expires, however it came to be there.
        for _ in 0..200 {
            now += 1;
            sweep(keyspace.db_mut(0), &mut model, now);
            check(keyspace.db(0), &model, now);
        }
        prop_assert_eq!(keyspace.db(0).expiring_hashes_len(), 0);
        keyspace.clear();
        prop_assert_eq!(keyspace.db(0).next_due(), None);
    }
}

#[test]
fn encodings_are_those_of_redis() {
    let (limits, mut keyspace) = (limits(), Keyspace::new(1, 1));
    let mut set = |field: &str, value: &str, ttl: Ttl| {
        let db = keyspace.db_mut(0);
        db.look_up(b"h").edit_or_new::<Hash>(&limits).unwrap().set_with(
            field.as_bytes(),
            value.as_bytes(),
            ttl,
        );
        db.find(b"h").unwrap().encoding()
    };
    assert_eq!(set("a", "1", Ttl::Keep), Encoding::Listpack);
    assert_eq!(set("a", "1", Ttl::At(START)), Encoding::ListpackEx);
    assert_eq!(set("a", "1", Ttl::Clear), Encoding::ListpackEx);
    for field in 0..11 {
        assert_eq!(set(&field.to_string(), "2", Ttl::Clear), Encoding::ListpackEx);
    }
    assert_eq!(set("b", "1", Ttl::Clear), Encoding::Hashtable);
    assert_eq!(set("b", "1", Ttl::At(START)), Encoding::Hashtable);
}

#[test]
fn a_view_keeps_a_large_hash_whose_fields_expire() {
    let (limits, mut keyspace) = (limits(), Keyspace::new(1, 1));
    let count = if cfg!(miri) { 50 } else { 3000 };
    for field in 0..count {
        let ttl = if field % 2 == 0 { Ttl::At(START + field) } else { Ttl::Clear };
        let mut hash = keyspace.db_mut(0).look_up(b"h").edit_or_new::<Hash>(&limits).unwrap();
        hash.set_with(field.to_string().as_bytes(), b"v", ttl);
    }
    let (view, now) = (keyspace.freeze(), START + count);
    let mut taken = 0;
    while keyspace.db(0).find(b"h").unwrap().state(now) == State::Stale {
        let count = keyspace.db_mut(0).look_up(b"h").expire_fields(now, 7, |_| taken += 1);
        assert!((1..=7).contains(&count));
    }
    assert_eq!((taken, keyspace.db(0).expiring_hashes_len()), (count / 2, 0));
    assert_eq!(stored(keyspace.db(0).find(b"h").unwrap()).len() as i64, count / 2);
    assert_eq!(stored(view.dbs()[0].iter().next().unwrap()).len() as i64, count);
}
