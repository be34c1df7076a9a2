//! The keyspace beside the standard hash map: lookups, overwrites and growth.
//!
//! Both hold the same keys and values under the same hash function family and allocator. The map has what the keyspace needs less:
//! no expiry, no type, no access bits, and an insertion that may move everything. Elements are keys.

mod cpu_time;

use std::collections::HashMap;
use std::hint::black_box;

use cpu_time::CpuTime;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rapidhash::fast::RandomState;
use rufous_benches::template::Random;
// Links the allocator that the server uses.
use rufous_server as _;
use rufous_storage::{Db, NewStr, Ttl};

type Map = HashMap<Box<[u8]>, Box<[u8]>, RandomState>;

const KEYS: u64 = 1_000_000;
const GROWN: u64 = 200_000;
const VALUE: &[u8] = b"0123456789abcdef";
const WINDOW: usize = 16;
/// Lookups prepared ahead: far more than the caches hold entries for.
const DRAWS: usize = 1 << 16;

fn key(number: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let digits = number.to_string();
    key[16 - digits.len()..].copy_from_slice(digits.as_bytes());
    key
}

fn draws(from: u64) -> Vec<[u8; 16]> {
    let mut random = Random::new(1);
    (0..DRAWS).map(|_| key(from + random.below(KEYS))).collect()
}

fn grown_db(count: u64) -> Db {
    let mut db = Db::new(1);
    for number in 0..count {
        db.set_string(&key(number), NewStr::Bytes(VALUE), Ttl::Clear);
    }
    db
}

fn grown_map(count: u64) -> Map {
    let mut map = Map::default();
    for number in 0..count {
        map.insert(key(number).into(), VALUE.into());
    }
    map
}

fn lookups(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("find");
    let (db, map) = (grown_db(KEYS), grown_map(KEYS));
    for (name, keys) in [("hit", draws(0)), ("miss", draws(KEYS))] {
        group.throughput(Throughput::Elements(WINDOW as u64));
        let mut windows = keys.chunks(WINDOW).cycle();
        group.bench_function(format!("{name}/db"), |bencher| {
            bencher.iter(|| {
                let window = windows.next().expect("an endless iterator");
                window.iter().filter(|key| db.find(black_box(&key[..])).is_some()).count()
            });
        });
        group.bench_function(format!("{name}/db, in windows"), |bencher| {
            bencher.iter(|| find_window(&db, windows.next().expect("an endless iterator")));
        });
        group.bench_function(format!("{name}/map"), |bencher| {
            bencher.iter(|| {
                let window = windows.next().expect("an endless iterator");
                window.iter().filter(|key| map.contains_key(black_box(&key[..]))).count()
            });
        });
    }
    group.finish();
}

/// As the server does it: hash all, ask for their memory, then look.
fn find_window(db: &Db, keys: &[[u8; 16]]) -> usize {
    let mut hashes = [0; WINDOW];
    for (hash, key) in hashes.iter_mut().zip(keys) {
        *hash = db.hash(key);
    }
    db.prefetch(&hashes);
    hashes.iter().zip(keys).filter(|(hash, key)| db.find_hashed(**hash, &key[..]).is_some()).count()
}

fn writes(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("set");
    let (mut db, mut map) = (grown_db(KEYS), grown_map(KEYS));
    let keys = draws(0);
    let mut turns = keys.iter().cycle();
    group.throughput(Throughput::Elements(1));
    group.bench_function("overwrite/db", |bencher| {
        bencher.iter(|| {
            let key = turns.next().expect("an endless iterator");
            db.set_string(&key[..], NewStr::Bytes(black_box(VALUE)), Ttl::Clear)
        });
    });
    group.bench_function("overwrite/map", |bencher| {
        bencher.iter(|| {
            let key = turns.next().expect("an endless iterator");
            map.get_mut(&key[..]).expect("a key that is there").copy_from_slice(black_box(VALUE));
        });
    });
    group.throughput(Throughput::Elements(GROWN));
    group.sample_size(10);
    group.bench_function("grow from empty/db", |bencher| {
        bencher.iter_batched(|| GROWN, |count| grown_db(black_box(count)), BatchSize::PerIteration);
    });
    group.bench_function("grow from empty/map", |bencher| {
        bencher.iter_batched(|| GROWN, |count| grown_map(black_box(count)), BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = lookups, writes
}
criterion_main!(benches);
