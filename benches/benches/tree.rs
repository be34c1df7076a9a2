//! The tree beside the standard ordered map, hash set and deque: finding by key and by position, changes in the middle with and
//! without a frozen clone, both ends, cutting and building.
//!
//! One million elements of 8 bytes, 32 a leaf. Every leaf is an allocation of its own, as the server's leaves are.

mod cpu_time;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hint::black_box;

use arrayvec::ArrayVec;
use cpu_time::CpuTime;
use criterion::measurement::Measurement;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use rapidhash::fast::RandomState;
use rufous_benches::template::Random;
// Links the allocator that the server uses.
use rufous_server as _;
use rufous_storage::tree::{Leaf, Tree};
use triomphe::Arc;

const ELEMENTS: u64 = 1_000_000;
const LEAF_LEN: usize = 32;
const LEAF_LEN_MAX: usize = 64;
/// Lookups prepared ahead: far more than the caches hold leaves for.
const DRAWS: usize = 1 << 16;
/// Changes between one frozen clone and the next.
const CHANGES_PER_CLONE: usize = 1024;
/// Spreads numbers so that they are in order and yet not next to each other.
const SPREAD: u64 = 1 << 40;

/// A leaf of numbers in order.
#[derive(Clone, Default)]
struct Block(Arc<ArrayVec<u64, LEAF_LEN_MAX>>);

impl Block {
    fn of(numbers: impl IntoIterator<Item = u64>) -> Self {
        Self(Arc::new(numbers.into_iter().collect()))
    }
}

impl Leaf for Block {
    type Key = u64;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn key(&self) -> u64 {
        self.0[0]
    }

    fn split_off(&mut self, at: usize) -> Self {
        Self::of(Arc::make_mut(&mut self.0).drain(at..))
    }
}

fn grown<const FANOUT: usize>() -> Tree<Block, FANOUT> {
    let leaf = |first: u64| Block::of((first..first + LEAF_LEN as u64).map(|number| number * SPREAD));
    (0..ELEMENTS).step_by(LEAF_LEN).map(leaf).collect()
}

fn find<const FANOUT: usize>(tree: &Tree<Block, FANOUT>, number: u64) -> bool {
    let found = tree.seek(|&key| key <= number);
    found.is_some_and(|(_, leaf)| leaf.0.binary_search(&number).is_ok())
}

fn insert<const FANOUT: usize>(tree: &mut Tree<Block, FANOUT>, number: u64) {
    let Some((cursor, leaf)) = tree.seek(|&key| key <= number) else { return };
    let Err(at) = leaf.0.binary_search(&number) else { return };
    tree.update(&cursor, |leaf, spill| {
        if leaf.len() == LEAF_LEN_MAX {
            let mut tail = leaf.split_off(LEAF_LEN_MAX / 2);
            match at.checked_sub(LEAF_LEN_MAX / 2) {
                Some(at) if at > 0 => Arc::make_mut(&mut tail.0).insert(at, number),
                _ => Arc::make_mut(&mut leaf.0).insert(at, number),
            }
            spill.push(tail);
        } else {
            Arc::make_mut(&mut leaf.0).insert(at, number);
        }
    });
}

fn remove<const FANOUT: usize>(tree: &mut Tree<Block, FANOUT>, number: u64) {
    let Some((cursor, leaf)) = tree.seek(|&key| key <= number) else { return };
    let Ok(at) = leaf.0.binary_search(&number) else { return };
    let merges = leaf.len() == LEAF_LEN_MAX / 4;
    tree.update(&cursor, |leaf, _| Arc::make_mut(&mut leaf.0).remove(at));
    if merges {
        tree.merge_with_next(&cursor, |one, other| {
            if one.len() + other.len() <= LEAF_LEN_MAX {
                let moved = Arc::make_mut(&mut other.0).take();
                Arc::make_mut(&mut one.0).extend(moved);
            }
        });
    }
}

fn draws(mut draw: impl FnMut(&mut Random) -> u64) -> impl Iterator<Item = u64> + Clone {
    let mut random = Random::new(1);
    (0..DRAWS).map(|_| draw(&mut random)).collect::<Vec<_>>().into_iter().cycle()
}

/// A bench of one draw at a time.
fn each<M: Measurement>(
    group: &mut BenchmarkGroup<'_, M>,
    name: &str,
    mut draws: impl Iterator<Item = u64>,
    mut run: impl FnMut(u64) -> bool,
) {
    group.bench_function(name, |bencher| {
        bencher.iter(|| run(black_box(draws.next().expect("an endless iterator"))));
    });
}

fn searches(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("find");
    group.throughput(Throughput::Elements(1));
    let keys = draws(|random| random.below(ELEMENTS) * SPREAD);
    let (narrow, tree, wide) = (grown::<16>(), grown::<30>(), grown::<62>());
    each(&mut group, "key/tree", keys.clone(), |key| find(&tree, key));
    each(&mut group, "key/tree of nodes of 16", keys.clone(), |key| find(&narrow, key));
    each(&mut group, "key/tree of nodes of 62", keys.clone(), |key| find(&wide, key));
    let map: BTreeMap<u64, ()> = (0..ELEMENTS).map(|number| (number * SPREAD, ())).collect();
    each(&mut group, "key/ordered map", keys.clone(), |key| map.contains_key(&key));
    let set: HashSet<u64, RandomState> = map.keys().copied().collect();
    each(&mut group, "key/hash set", keys.clone(), |key| set.contains(&key));
    let positions = draws(|random| random.below(ELEMENTS));
    let at =
        |position| tree.at(position).is_some_and(|(_, leaf, offset)| leaf.0[offset] == position * SPREAD);
    each(&mut group, "position/tree", positions, at);
    let rank = |key| tree.seek(|&other| other <= key).is_some_and(|(cursor, _)| tree.position(&cursor) > key);
    each(&mut group, "position of a key/tree", keys, rank);
    group.finish();
}

fn changes(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("insert and remove");
    group.throughput(Throughput::Elements(2));
    // Odd, so that none is there before.
    let keys = draws(|random| random.below(ELEMENTS * SPREAD) | 1);
    let mut tree = grown::<30>();
    each(&mut group, "tree", keys.clone(), |key| {
        insert(&mut tree, key);
        remove(&mut tree, key);
        true
    });
    let mut frozen = tree.clone();
    let mut count = 0;
    each(&mut group, "tree, frozen every 1024", keys.clone(), |key| {
        insert(&mut tree, key);
        remove(&mut tree, key);
        count += 1;
        if count % CHANGES_PER_CLONE == 0 {
            frozen = tree.clone();
        }
        frozen.is_empty()
    });
    let mut map: BTreeMap<u64, ()> = (0..ELEMENTS).map(|number| (number * SPREAD, ())).collect();
    each(&mut group, "ordered map", keys, |key| {
        map.insert(key, ());
        map.remove(&key).is_some()
    });
    group.finish();
}

fn push_back(tree: &mut Tree<Block>, number: u64) {
    tree.update_last(|leaf, spill| match leaf.len() {
        LEAF_LEN => spill.push(Block::of([number])),
        _ => Arc::make_mut(&mut leaf.0).push(number),
    });
}

fn pop_front(tree: &mut Tree<Block>) -> Option<u64> {
    tree.update_first(|leaf, _| Arc::make_mut(&mut leaf.0).remove(0))
}

fn pop_back(tree: &mut Tree<Block>) -> Option<u64> {
    tree.update_last(|leaf, _| Arc::make_mut(&mut leaf.0).pop())?
}

fn ends(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("push and pop");
    group.throughput(Throughput::Elements(2));
    let numbers = 0..u64::MAX;
    let mut tree = grown::<30>();
    each(&mut group, "one end, a leaf each/tree", numbers.clone(), |number| {
        push_back(&mut tree, number);
        pop_back(&mut tree).is_some()
    });
    push_back(&mut tree, 0);
    each(&mut group, "one end/tree", numbers.clone(), |number| {
        push_back(&mut tree, number);
        pop_back(&mut tree).is_some()
    });
    each(&mut group, "both ends/tree", numbers.clone(), |number| {
        push_back(&mut tree, number);
        pop_front(&mut tree).is_some()
    });
    let mut deque: VecDeque<u64> = (0..ELEMENTS).collect();
    each(&mut group, "both ends/deque", numbers, |number| {
        deque.push_back(number);
        deque.pop_front().is_some()
    });
    group.finish();
}

fn whole(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("whole");
    let mut tree = grown::<30>();
    let leaves: Vec<Block> = tree.leaves().cloned().collect();
    group.bench_function("build of full nodes", |bencher| {
        bencher.iter_batched(
            || leaves.clone(),
            |leaves| leaves.into_iter().collect::<Tree<_>>(),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("push all leaves", |bencher| {
        let push_all = |leaves: Vec<Block>| {
            let mut tree = Tree::<Block>::new();
            leaves.into_iter().for_each(|leaf| tree.push_back(leaf));
            tree
        };
        bencher.iter_batched(|| leaves.clone(), push_all, BatchSize::LargeInput);
    });
    group.bench_function("visit all leaves", |bencher| {
        bencher.iter(|| tree.leaves().map(|leaf| std::ptr::from_ref(leaf).addr() & 1).sum::<usize>());
    });
    group.bench_function("cut the middle half out and put it back", |bencher| {
        bencher.iter(|| {
            let mut middle = tree.remove_range(black_box(ELEMENTS / 4 + 1)..ELEMENTS / 4 * 3 + 1);
            let after = tree.split_off(ELEMENTS / 4 + 1);
            middle.append(after);
            tree.append(middle);
            let join = |one: &mut Block, other: &mut Block| {
                let moved = Arc::make_mut(&mut other.0).take();
                Arc::make_mut(&mut one.0).extend(moved);
            };
            tree.merge_around(ELEMENTS / 4 + 1, join);
            tree.merge_around(ELEMENTS / 4 * 3 + 1, join);
        });
    });
    group.finish();
}

criterion_group!(
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = searches, changes, ends, whole
);
criterion_main!(benches);
