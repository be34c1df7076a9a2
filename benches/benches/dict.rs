//! The dict beside the standard hash set with an allocation per element, as Redis and Valkey keep members.
//!
//! One million members of 16 bytes, under the same hash function family and allocator. *Alone*: which member is looked up next
//! follows from the one found, so that lookups cannot overlap, as they do not in a server with the rest of a command between
//! them. *In windows*: 16 at once. Neither: the processor overlaps as many rounds of the loop as it can. Elements are members.

mod cpu_time;

use std::collections::HashSet;
use std::hint::black_box;

use cpu_time::CpuTime;
use criterion::measurement::Measurement;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use rapidhash::fast::RandomState;
use rufous_benches::template::Random;
// Links the allocator that the server uses.
use rufous_server as _;
use rufous_storage::Hasher;
use rufous_storage::dict::{Dict, Members};
use rufous_storage::memory::used_bytes;
use rufous_storage::pack::Item;

type Set = HashSet<Box<[u8]>, RandomState>;
type Member = [u8; 16];

const MEMBERS: u64 = 1_000_000;
const GROWN: u64 = 200_000;
const WINDOW: usize = 16;

/// The member of a number; numbers next to each other have nothing in common.
fn member(number: u64) -> Member {
    (u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes()
}

/// Members at random: far more than the caches hold.
fn draws(from: u64) -> Vec<Member> {
    let mut random = Random::new(1);
    (0..MEMBERS).map(|_| member(from + random.below(MEMBERS))).collect()
}

fn grown_dict(count: u64) -> Dict<Members> {
    let mut dict = Dict::new(Hasher::new(1));
    for number in 0..count {
        dict.insert(&dict.key(black_box(&member(number))));
    }
    dict
}

fn grown_set(count: u64) -> Set {
    let mut set = Set::default();
    for number in 0..count {
        set.insert(black_box(&member(number))[..].into());
    }
    set
}

fn grown<T>(name: &str, grow: impl FnOnce(u64) -> T) -> T {
    let before = used_bytes();
    let grown = grow(MEMBERS);
    println!("{name}: {:.1} bytes a member", (used_bytes() - before) as f64 / MEMBERS as f64);
    grown
}

/// Looks up a window of members at a time, by a function that says whether one is there.
fn bench<M: Measurement>(
    group: &mut BenchmarkGroup<'_, M>,
    name: &str,
    members: &[Member],
    contains: impl Fn(&Member) -> bool,
) {
    let mut windows = members.chunks_exact(WINDOW).cycle();
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let window = windows.next().expect("an endless iterator");
            window.iter().filter(|member| contains(black_box(member))).count()
        });
    });
}

/// Looks up one member after the other, by a function that gives the first byte of the member found.
fn bench_alone<M: Measurement>(
    group: &mut BenchmarkGroup<'_, M>,
    name: &str,
    members: &[Member],
    first_byte: impl Fn(&Member) -> u8,
) {
    let mut index = 0;
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let member = &members[index];
            let difference = first_byte(black_box(member)) ^ member[0]; // always 0, but only when it has been read
            index = (index + 1 + usize::from(difference)) % members.len();
        });
    });
}

fn lookups(criterion: &mut Criterion<CpuTime>) {
    let (dict, set) = (grown("dict", grown_dict), grown("set", grown_set));
    for (name, members) in [("hit", draws(0)), ("miss", draws(MEMBERS))] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(WINDOW as u64));
        bench(&mut group, "dict", &members, |member| dict.contains(&dict.key(member)));
        bench(&mut group, "set", &members, |member| set.contains(&member[..]));
        let mut windows = members.as_chunks::<WINDOW>().0.iter().cycle();
        group.bench_function("dict, in windows", |bencher| {
            bencher.iter(|| {
                let window = black_box(windows.next().expect("an endless iterator"));
                let mut found = 0;
                dict.get_many(&window.each_ref().map(|member| dict.key(member)), |_, element| {
                    found += usize::from(element.is_some());
                });
                found
            });
        });
        group.finish();
    }
    let members = draws(0);
    let mut group = criterion.benchmark_group("hit, alone");
    group.throughput(Throughput::Elements(1));
    bench_alone(&mut group, "dict", &members, |member| match dict.get(&dict.key(member)) {
        Some(Item::Bytes(bytes)) => bytes[0],
        other => panic!("{other:?}"),
    });
    bench_alone(&mut group, "set", &members, |member| set.get(&member[..]).expect("a member")[0]);
    group.finish();
}

fn growth(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("grow from empty");
    group.throughput(Throughput::Elements(GROWN));
    group.sample_size(10);
    group.bench_function("dict", |bencher| bencher.iter_with_large_drop(|| grown_dict(GROWN)));
    group.bench_function("set", |bencher| bencher.iter_with_large_drop(|| grown_set(GROWN)));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = lookups, growth
}
criterion_main!(benches);
