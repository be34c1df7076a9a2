//! The keyspace against its model, a sorted map per database: random commands, with frozen views that must not change.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rufous_storage::{
    Blob, Db, DbView, Encoding, EntryRef, Keyspace, KeyspaceView, NewStr, Random, Str, Ttl, parse_int,
};

const DATABASES: usize = 2;
const NOW: i64 = 1_700_000_000_000;

/// A key's value and expiry; `raw` is whether it reports `raw` even when it is short.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    value: Vec<u8>,
    expiry: Option<i64>,
    encoding: Encoding,
}

type Model = BTreeMap<Vec<u8>, Held>;

#[derive(Clone, Debug)]
enum Step {
    Set { db: usize, key: Vec<u8>, value: Vec<u8>, ttl: Ttl, large: bool },
    SetInt { db: usize, key: Vec<u8>, value: i64 },
    SetInPlace { db: usize, key: Vec<u8>, value: i64 },
    Append { db: usize, key: Vec<u8>, bytes: Vec<u8> },
    WriteAt { db: usize, key: Vec<u8>, offset: usize, bytes: Vec<u8> },
    Resize { db: usize, key: Vec<u8>, len: usize },
    Flip { db: usize, key: Vec<u8>, index: usize },
    Expire { db: usize, key: Vec<u8>, expiry: Option<i64> },
    Touch { db: usize, key: Vec<u8>, bits: u32 },
    Remove { db: usize, key: Vec<u8> },
    Rename { db: usize, from: Vec<u8>, to: Vec<u8> },
    Copy { from_db: usize, from: Vec<u8>, to_db: usize, to: Vec<u8> },
    Move { db: usize, key: Vec<u8> },
    Swap,
    Clear { db: usize },
    Advance { ms: i64 },
    Freeze,
    Thaw { index: usize },
    Collect,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => (0u8..12).prop_map(|n| vec![b'k', n]),
        1 => Just(Vec::new()),
        1 => (250usize..300).prop_map(|len| vec![b'w'; len]),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![6 => 0usize..70, 2 => 200usize..300, 2 => 3900usize..4200, 1 => 8000usize..20_000];
    prop_oneof![
        2 => any::<i64>().prop_map(|value| value.to_string().into_bytes()),
        2 => (-70_000i64..70_000).prop_map(|value| value.to_string().into_bytes()),
        5 => (len, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn expiry() -> impl Strategy<Value = i64> {
    prop_oneof![6 => NOW - 10..NOW + 5000, 1 => NOW..NOW + 100_000_000_000, 1 => any::<i64>()]
}

fn step() -> impl Strategy<Value = Step> {
    let ttl = prop_oneof![Just(Ttl::Keep), Just(Ttl::Clear), expiry().prop_map(Ttl::At)];
    let db = 0..DATABASES;
    prop_oneof![
        6 => (db.clone(), key(), value(), ttl, any::<bool>())
            .prop_map(|(db, key, value, ttl, large)| Step::Set { db, key, value, ttl, large }),
        1 => (db.clone(), key(), any::<i64>()).prop_map(|(db, key, value)| Step::SetInt { db, key, value }),
        2 => (db.clone(), key(), -40_000i64..40_000).prop_map(|(db, key, value)| Step::SetInPlace { db, key, value }),
        3 => (db.clone(), key(), value()).prop_map(|(db, key, bytes)| Step::Append { db, key, bytes }),
        2 => (db.clone(), key(), 0usize..6000, value())
            .prop_map(|(db, key, offset, bytes)| Step::WriteAt { db, key, offset, bytes }),
        1 => (db.clone(), key(), 0usize..6000).prop_map(|(db, key, len)| Step::Resize { db, key, len }),
        2 => (db.clone(), key(), any::<usize>()).prop_map(|(db, key, index)| Step::Flip { db, key, index }),
        4 => (db.clone(), key(), proptest::option::of(expiry()))
            .prop_map(|(db, key, expiry)| Step::Expire { db, key, expiry }),
        1 => (db.clone(), key(), any::<u32>()).prop_map(|(db, key, bits)| Step::Touch { db, key, bits }),
        3 => (db.clone(), key()).prop_map(|(db, key)| Step::Remove { db, key }),
        2 => (db.clone(), key(), key()).prop_map(|(db, from, to)| Step::Rename { db, from, to }),
        2 => (db.clone(), key(), db.clone(), key())
            .prop_map(|(from_db, from, to_db, to)| Step::Copy { from_db, from, to_db, to }),
        1 => (db.clone(), key()).prop_map(|(db, key)| Step::Move { db, key }),
        1 => Just(Step::Swap),
        1 => db.prop_map(|db| Step::Clear { db }),
        2 => prop_oneof![0i64..3000, -500i64..100, 0i64..200_000_000].prop_map(|ms| Step::Advance { ms }),
        2 => Just(Step::Freeze),
        1 => any::<usize>().prop_map(|index| Step::Thaw { index }),
        2 => Just(Step::Collect),
    ]
}

/// What `SET` reports.
fn set_encoding(value: &[u8]) -> Encoding {
    match value.len() {
        0..=20 if parse_int(value).is_some() => Encoding::Int,
        0..=44 => Encoding::Embstr,
        _ => Encoding::Raw,
    }
}

struct World {
    keyspace: Keyspace,
    models: [Model; DATABASES],
    views: Vec<(KeyspaceView, [Model; DATABASES])>,
    now: i64,
    latest: i64,
}

impl World {
    fn new() -> World {
        let (keyspace, models) = (Keyspace::new(DATABASES, 42), Default::default());
        World { keyspace, models, views: Vec::new(), now: NOW, latest: 0 }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Set { db, key, value, ttl, large } => self.set(db, key, value, ttl, large),
            Step::SetInt { db, key, value } => {
                self.keyspace.db_mut(db).set_string(&key, NewStr::Int(value), Ttl::Clear);
                let value = value.to_string().into_bytes();
                self.models[db].insert(key, Held { value, expiry: None, encoding: Encoding::Int });
            }
            Step::SetInPlace { db, key, value } => {
                let found = self.keyspace.db_mut(db).string_mut(&key).map(|mut string| string.set_int(value));
                let held = self.models[db].get_mut(&key);
                assert_eq!(found.is_some(), held.is_some());
                if let Some(held) = held {
                    (held.value, held.encoding) = (value.to_string().into_bytes(), Encoding::Int);
                }
            }
            Step::Append { db, key, bytes } => self.change(db, &key, |value, string| {
                value.extend_from_slice(&bytes);
                assert_eq!(string.append(&bytes), value.len());
            }),
            Step::WriteAt { db, key, offset, bytes } => self.change(db, &key, |value, string| {
                value.resize(value.len().max(offset + bytes.len()), 0);
                value[offset..offset + bytes.len()].copy_from_slice(&bytes);
                string.write_at(offset, &bytes);
            }),
            Step::Resize { db, key, len } => self.change(db, &key, |value, string| {
                value.resize(len, 0);
                assert_eq!(string.resize(len).len(), len);
            }),
            Step::Flip { db, key, index } => self.change(db, &key, |value, string| {
                let bytes = string.as_mut_bytes();
                if let Some(index) = index.checked_rem(value.len()) {
                    bytes[index] ^= 0xff;
                    value[index] ^= 0xff;
                }
            }),
            Step::Expire { db, key, expiry } => {
                let held = self.models[db].get_mut(&key).map(|held| held.expiry = expiry);
                assert_eq!(self.keyspace.db_mut(db).set_expire(&key, expiry), held.is_some());
            }
            Step::Touch { db, key, bits } => {
                if let Some(entry) = self.keyspace.db(db).find(&key) {
                    entry.set_access(bits);
                    assert_eq!(entry.access(), bits & 0xff_ffff);
                }
            }
            Step::Remove { db, key } => {
                let removed = self.keyspace.db_mut(db).remove(&key);
                assert_eq!(removed.is_some(), self.models[db].remove(&key).is_some());
            }
            Step::Rename { db, from, to } => {
                let held = self.models[db].remove(&from);
                assert_eq!(self.keyspace.db_mut(db).rename(&from, &to).is_some(), held.is_some());
                held.map(|held| self.models[db].insert(to, held));
            }
            Step::Copy { from_db, from, to_db, to } => {
                let held = self.models[from_db].get(&from).cloned();
                assert_eq!(self.keyspace.copy_key(from_db, &from, to_db, &to).is_some(), held.is_some());
                held.map(|held| self.models[to_db].insert(to, held));
            }
            Step::Move { db, key } => {
                let held = self.models[db].remove(&key);
                assert_eq!(self.keyspace.move_key(&key, db, 1 - db).is_some(), held.is_some());
                held.map(|held| self.models[1 - db].insert(key, held));
            }
            Step::Swap => {
                self.keyspace.swap(0, 1);
                self.models.swap(0, 1);
            }
            Step::Clear { db } => {
                drop(self.keyspace.db_mut(db).clear());
                self.models[db].clear();
            }
            Step::Advance { ms } => self.advance(ms),
            Step::Freeze => self.views.push((self.keyspace.freeze(), self.models.clone())),
            Step::Thaw { index } if !self.views.is_empty() => {
                let (view, models) = self.views.swap_remove(index % self.views.len());
                check_view(&view, &models);
            }
            Step::Thaw { .. } => (),
            Step::Collect => drop(self.keyspace.take_garbage()),
        }
    }

    fn set(&mut self, db: usize, key: Vec<u8>, value: Vec<u8>, ttl: Ttl, large: bool) {
        let old = self.models[db].get(&key);
        let expiry = match ttl {
            Ttl::At(at) => Some(at),
            Ttl::Clear => None,
            Ttl::Keep => old.and_then(|held| held.expiry),
        };
        let new = if large { NewStr::Large(value.clone()) } else { NewStr::Bytes(&value) };
        let result = self.keyspace.db_mut(db).set_string(&key, new, ttl);
        assert_eq!(result.was_present, old.is_some());
        let encoding = set_encoding(&value);
        self.models[db].insert(key, Held { value, expiry, encoding });
    }

    /// Changes a string in both worlds, if it is there.
    fn change(
        &mut self,
        db: usize,
        key: &[u8],
        change: impl FnOnce(&mut Vec<u8>, &mut rufous_storage::StrMut<'_>),
    ) {
        let (held, string) = (self.models[db].get_mut(key), self.keyspace.db_mut(db).string_mut(key));
        assert_eq!(held.is_some(), string.is_some());
        if let (Some(held), Some(mut string)) = (held, string) {
            change(&mut held.value, &mut string);
            assert_eq!(string.len(), held.value.len());
            held.encoding = Encoding::Raw;
        }
    }

    /// Lets time pass. Only expired keys are due, and all of them when it is later than it ever was.
    fn advance(&mut self, ms: i64) {
        self.now += ms;
        let is_latest = self.now > self.latest;
        self.latest = self.latest.max(self.now);
        for (db, model) in self.models.iter_mut().enumerate() {
            let db = self.keyspace.db_mut(db);
            let mut due = Vec::new();
            while db.due(self.now, 7, &mut |key| due.push(key.to_vec())) == 7 {}
            due.sort_unstable();
            due.dedup();
            for key in &due {
                let expiry = model.remove(key).expect("a due key is there").expiry;
                assert!(expiry.is_some_and(|at| at < self.now), "due before its time");
                assert!(db.remove(key).is_some());
            }
            let expired = |held: &&Held| held.expiry.is_some_and(|at| at < self.now);
            assert!(!is_latest || !model.values().any(|held| expired(&held)), "late at {}", self.now);
        }
    }

    fn check(&self) {
        for (db, model) in self.models.iter().enumerate() {
            check_db(self.keyspace.db(db), model);
        }
        self.views.iter().for_each(|(view, models)| check_view(view, models));
    }
}

fn held(entry: EntryRef<'_>) -> (Vec<u8>, Held) {
    let value = entry.string().map(Str::to_vec).expect("a string");
    assert_eq!(entry.value_bytes_len(), value.len());
    (entry.key().to_vec(), Held { value, expiry: entry.expire_at(), encoding: entry.encoding() })
}

fn check_db(db: &Db, model: &Model) {
    assert_eq!(db.iter().map(held).collect::<Model>(), *model);
    assert_eq!(db.len(), model.len());
    let expiries: Vec<i64> = model.values().filter_map(|held| held.expiry).collect();
    assert_eq!(db.expires_len(), expiries.len());
    let mean = |sum: i128| sum / expiries.len().max(1) as i128 - i128::from(NOW);
    let expected = mean(expiries.iter().map(|&at| i128::from(at)).sum()).clamp(0, i64::MAX.into());
    assert_eq!(i128::from(db.avg_ttl(NOW)), if expiries.is_empty() { 0 } else { expected });
    for (key, value) in model {
        assert_eq!(db.find(key).map(held).as_ref(), Some(&(key.clone(), value.clone())));
    }
    let mut scanned = Model::new();
    let mut cursor = 0;
    loop {
        cursor = db.scan(cursor, &mut |entry| scanned.extend([held(entry)]));
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(scanned, *model);
    let random = db.random(&mut Random::new(model.len() as u64));
    assert_eq!(random.is_some(), !model.is_empty());
    assert!(random.is_none_or(|entry| model.contains_key(entry.key())));
}

fn check_view(view: &KeyspaceView, models: &[Model; DATABASES]) {
    for (db, model) in view.dbs().iter().zip(models) {
        assert_eq!(db.iter().map(held).collect::<Model>(), *model);
        assert_eq!(db.len(), model.len());
        assert_eq!(db.expires_len(), model.values().filter(|held| held.expiry.is_some()).count());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 400 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_keyspace_is_its_model(steps in proptest::collection::vec(step(), 1..if cfg!(miri) { 40 } else { 120 })) {
        let mut world = World::new();
        for (index, step) in steps.into_iter().enumerate() {
            world.take(step);
            if index % 8 == 0 {
                world.check();
            }
        }
        world.check();
        let World { mut keyspace, views, .. } = world;
        drop(views);
        drop(keyspace.take_garbage());
    }
}

/// A view is read on another thread while the keys that it sees are changed in every way.
#[test]
fn a_view_is_read_elsewhere_while_all_it_sees_changes() {
    let keys: u32 = if cfg!(miri) { 40 } else { 3000 };
    let value_of = |n: u32| vec![n as u8; [10, 300, 5000][n as usize % 3]];
    let mut keyspace = Keyspace::new(1, 7);
    for n in 0..keys {
        let ttl = if n % 2 == 0 { Ttl::At(NOW) } else { Ttl::Clear };
        keyspace.db_mut(0).set_string(&n.to_le_bytes(), NewStr::Bytes(&value_of(n)), ttl);
    }
    let view = keyspace.freeze();
    let check = move |view: &DbView| {
        let mut count = 0;
        for entry in view.iter() {
            let n = u32::from_le_bytes(entry.key().try_into().unwrap());
            assert_eq!(entry.string().unwrap().to_vec(), value_of(n));
            assert_eq!(entry.expire_at(), (n % 2 == 0).then_some(NOW));
            count += 1;
        }
        assert_eq!(count, keys);
    };
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            (0..3).for_each(|_| check(&view.dbs()[0]));
            drop(view);
        });
        let db = keyspace.db_mut(0);
        for n in 0..keys {
            let key = n.to_le_bytes();
            db.find(&key).unwrap().set_access(n);
            match n % 7 {
                0 => _ = db.set_string(&key, NewStr::Bytes(&value_of(n + 3)), Ttl::Keep),
                1 => db.string_mut(&key).unwrap().as_mut_bytes().fill(0),
                2 => _ = db.string_mut(&key).unwrap().append(b"more"),
                3 => _ = db.remove(&key),
                4 => _ = db.set_expire(&key, Some(NOW + 1)),
                5 => _ = db.set_expire(&key, None),
                _ => _ = db.rename(&key, b"all of them"),
            }
            db.set_string(&(n + keys).to_le_bytes(), NewStr::Int(1), Ttl::Clear);
            drop(db.take_garbage());
        }
        reader.join().unwrap();
    });
    drop(keyspace.take_garbage());
}

#[test]
fn a_blob_outlives_its_key_and_does_not_change() {
    let mut keyspace = Keyspace::new(1, 7);
    let db = keyspace.db_mut(0);
    db.set_string(b"k", NewStr::Large(vec![1; 100_000]), Ttl::Clear);
    let blob: Blob = db.find(b"k").unwrap().string().unwrap().blob().unwrap().clone();
    db.string_mut(b"k").unwrap().append(b"x");
    db.string_mut(b"k").unwrap().as_mut_bytes()[0] = 2;
    let removed = db.remove(b"k").unwrap();
    assert!(removed.is_large());
    std::thread::spawn(move || drop(removed)).join().unwrap();
    assert_eq!(*blob, [1; 100_000]);
}

#[test]
fn a_removed_blob_goes_to_another_thread_when_it_is_replaced() {
    let mut keyspace = Keyspace::new(1, 7);
    let db = keyspace.db_mut(0);
    db.set_string(b"k", NewStr::Large(vec![1; 100_000]), Ttl::Clear);
    assert!(db.set_string(b"k", NewStr::Int(1), Ttl::Clear).replaced.is_some());
    assert!(db.set_string(b"k", NewStr::Int(2), Ttl::Clear).replaced.is_none());
}

/// Locks that are taken and given back keep the wheel small.
#[test]
fn keys_set_and_removed_over_and_over_leave_no_heap_of_records() {
    let mut keyspace = Keyspace::new(1, 7);
    let db = keyspace.db_mut(0);
    let rounds = if cfg!(miri) { 2000 } else { 200_000 };
    for n in 0..rounds {
        let key = [b'l', (n % 10) as u8];
        db.set_string(&key, NewStr::Int(1), Ttl::At(NOW + 86_400_000));
        db.remove(&key);
        if n % 100 == 0 && db.next_due().is_some_and(|at| at <= NOW) {
            db.due(NOW, 1000, &mut |_| panic!("nothing is due"));
        }
    }
    assert!(db.memory().expires_bytes < 64 * 1024, "{} bytes", db.memory().expires_bytes);
    db.set_string(b"l", NewStr::Int(1), Ttl::At(NOW + 1));
    let mut due = 0;
    while db.due(NOW + 2, 1000, &mut |_| due += 1) == 1000 {}
    assert_eq!(due, 1);
}
