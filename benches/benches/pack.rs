//! Small collections: searching and growing blocks of elements.
//!
//! `find` is beside `walk`, which decodes each element and compares items. Needles are drawn from several blocks, so that no branch
//! is learnt by heart.

mod cpu_time;

use std::hint::black_box;

use cpu_time::CpuTime;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rufous_benches::template::Random;
// Links the allocator that the server uses.
use rufous_server as _;
use rufous_storage::pack::{Buffer, INTSET_EMPTY, IntSetMut, IntSetRef, Item, Pack, PackMut, PackRef};

const BLOCKS: usize = 32;
const PAIRS: u64 = 64;
const DRAWS: usize = 1 << 12;

/// Blocks of 64 pairs: `field:17`, and a value of one length or of many kinds.
fn hashes(value: fn(&mut Random) -> Vec<u8>) -> Vec<Vec<u8>> {
    let mut random = Random::new(1);
    let mut hash = || {
        let mut block = Vec::new();
        let mut pack = PackMut::empty_in(&mut block);
        for number in 0..PAIRS {
            let (field, value) = (field(number), value(&mut random));
            pack.extend([field.as_slice(), &value]);
        }
        block
    };
    (0..BLOCKS).map(|_| hash()).collect()
}

fn field(number: u64) -> Vec<u8> {
    format!("field:{number}").into_bytes()
}

fn plain(_: &mut Random) -> Vec<u8> {
    b"0123456789-abcdef".to_vec()
}

fn mixed(random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => random.below(100).to_string().into_bytes(),
        1 => (random.below(1 << 40)).to_string().into_bytes(),
        2 => vec![b'x'; random.below(60) as usize],
        _ => vec![b'x'; 64 + random.below(40) as usize],
    }
}

/// Blocks and needles, drawn ahead.
fn draws(fields: std::ops::Range<u64>) -> Vec<(usize, Vec<u8>)> {
    let mut random = Random::new(2);
    let mut draw = || {
        let number = fields.start + random.below(fields.end - fields.start);
        (random.below(BLOCKS as u64) as usize, field(number))
    };
    (0..DRAWS).map(|_| draw()).collect()
}

fn walk(pack: PackRef<'_>, needle: &[u8]) -> bool {
    let needle = Item::of(needle);
    pack.iter().step_by(2).any(|item| item == needle)
}

fn searches(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("hash of 64 pairs");
    for (name, value) in [("plain", plain as fn(&mut Random) -> Vec<u8>), ("mixed", mixed)] {
        let blocks = hashes(value);
        for (kind, fields) in [("hit", 0..PAIRS), ("miss", 100..1000)] {
            let draws = draws(fields);
            let mut turns = draws.iter().cycle();
            group.bench_function(format!("{name}/{kind}/find"), |bencher| {
                bencher.iter(|| {
                    let (block, field) = turns.next().expect("an endless iterator");
                    PackRef::new(&blocks[*block]).find(black_box(field), 2)
                });
            });
            group.bench_function(format!("{name}/{kind}/walk"), |bencher| {
                bencher.iter(|| {
                    let (block, field) = turns.next().expect("an endless iterator");
                    walk(PackRef::new(&blocks[*block]), black_box(field))
                });
            });
        }
    }
    group.finish();
}

fn integers(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("set of 128 integers");
    let mut random = Random::new(3);
    let values: Vec<i64> = (0..128).map(|_| random.below(100_000) as i64).collect();
    let (mut block, mut set) = (Vec::new(), INTSET_EMPTY.to_vec());
    PackMut::empty_in(&mut block).extend(values.iter().copied());
    let mut set_mut = IntSetMut::new(&mut set);
    for &value in &values {
        set_mut.add(value);
    }
    let mut turns = values.iter().cycle();
    group.bench_function("pack", |bencher| {
        bencher.iter(|| PackRef::new(&block).find_item(Item::Int(*turns.next().expect("endless")), 1));
    });
    group.bench_function("intset", |bencher| {
        bencher.iter(|| IntSetRef::new(&set).contains(*turns.next().expect("endless")));
    });
    group.finish();
}

fn fill<B: Buffer>(mut pack: PackMut<B>) {
    for number in 0..128i64 {
        pack.push_back(black_box(b"an element"));
        pack.push_back(number * 37);
    }
}

fn pushes(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("push 256");
    group.throughput(Throughput::Elements(256));
    group.bench_function("vec", |bencher| bencher.iter(|| fill(PackMut::empty_in(Vec::new()))));
    group.bench_function("pack", |bencher| {
        bencher.iter_batched(Pack::new, |mut pack| fill(pack.edit()), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = searches, integers, pushes
}
criterion_main!(benches);
