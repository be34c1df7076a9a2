//! What trees share and what they do not; what nodes are full.

use std::sync::Arc;
use std::thread;

use super::{Block, audit, ones, scaled};
use crate::reclaim::Garbage;
use crate::tree::{Leaf, Remains, Tree};

/// Copies of the block of each leaf.
fn shares(tree: &Tree<Block, 4>) -> Vec<usize> {
    tree.leaves().map(|leaf| Arc::strong_count(&leaf.0)).collect()
}

#[test]
fn a_change_copies_only_its_path() {
    let mut tree = ones::<4>(64);
    let frozen = tree.clone();
    assert!(tree.is_same(&frozen) && shares(&tree) == [1; 64]);
    let (first, _) = tree.first().expect("leaves");
    tree.update(&first, |leaf, _| leaf.numbers().push(7));
    assert!(!tree.is_same(&frozen));
    // The lowest node was copied, and the leaf changed: its three neighbours are in two nodes now.
    assert_eq!(shares(&tree)[..6], [1, 2, 2, 2, 1, 1]);
    assert_eq!((tree.len(), frozen.len()), (65, 64));
    drop(frozen);
    assert_eq!(shares(&tree), [1; 64]);
    audit(&tree);
}

#[test]
fn readers_keep_what_they_saw() {
    let count = scaled(2000);
    let mut tree = ones::<4>(count);
    thread::scope(|scope| {
        for round in 0..8 {
            let frozen = tree.clone();
            let expected: Vec<u32> = frozen.leaves().flat_map(|leaf| leaf.0.iter().copied()).collect();
            scope.spawn(move || {
                for _ in 0..3 {
                    assert!(frozen.leaves().flat_map(|leaf| leaf.0.iter()).eq(&expected));
                    assert!(
                        frozen.leaves_back().flat_map(|leaf| leaf.0.iter().rev()).eq(expected.iter().rev())
                    );
                }
            });
            let len = tree.len();
            for position in (0..len).step_by(7) {
                let (cursor, ..) = tree.at(position).expect("an element");
                tree.update(&cursor, |leaf, _| leaf.numbers()[0] ^= 1 << 20);
            }
            drop(tree.remove_range(len / 3..len / 3 + u64::from(round)));
            tree.push_back(Block::of([count + round]));
        }
    });
    audit(&tree);
}

#[test]
fn remains_are_freed_in_steps_and_leave_shared_nodes_alone() {
    let mut tree = ones::<4>(64);
    let blocks: Vec<_> = tree.leaves().map(|leaf| Arc::clone(&leaf.0)).collect();
    let held = |blocks: &[Arc<Vec<u32>>]| blocks.iter().filter(|block| Arc::strong_count(block) > 1).count();
    let frozen = tree.clone();
    let (last, _) = tree.last().expect("leaves");
    tree.update(&last, |leaf, _| leaf.numbers()[0] = 0);

    let mut remains = Remains::from(tree);
    while remains.free_some(1) > 0 {}
    assert_eq!(held(&blocks), 64, "the frozen tree holds them");
    let mut remains = Remains::from(frozen);
    assert_eq!((remains.free_some(10), held(&blocks)), (10, 54));
    thread::scope(|scope| drop(scope.spawn(move || drop(remains))));
    assert_eq!(held(&blocks), 0);
}

#[test]
fn pushing_leaves_full_nodes_behind() {
    let built = ones::<30>(3000).shape();
    let mut front = Tree::<Block>::new();
    let mut back = Tree::<Block>::new();
    for number in 0..3000 {
        front.push_front(Block::of([number]));
        back.push_back(Block::of([number]));
    }
    assert_eq!((front.shape(), back.shape()), (built, built));
    assert_eq!((built.leaves, built.nodes, built.height), (3000, 100 + 4 + 1, 3));
}

#[test]
fn a_queue_stays_small() {
    let mut tree = ones::<4>(16);
    for number in 0..scaled(4000) {
        tree.push_back(Block::of([number]));
        tree.pop_front();
    }
    audit(&tree);
    assert!(tree.height() <= 3, "{tree:?}");
    while tree.len() > 2 {
        tree.pop_front();
        tree.pop_back();
        audit(&tree);
    }
    assert_eq!(tree.height(), 1);
}

#[test]
fn large_counts_are_exact() {
    #[derive(Clone)]
    struct Huge(u32);
    impl Leaf for Huge {
        type Key = ();
        fn len(&self) -> usize {
            self.0 as usize
        }
        fn key(&self) {}
        fn split_off(&mut self, at: usize) -> Self {
            let tail = Self(self.0 - at as u32);
            self.0 = at as u32;
            tail
        }
    }
    let mut tree: Tree<Huge, 4> = (0..100).map(|_| Huge(u32::MAX)).collect();
    let total = 100 * u64::from(u32::MAX);
    assert_eq!(tree.len(), total);
    let removed = tree.remove_range(5..total - 7);
    assert_eq!((removed.len(), tree.len()), (total - 12, 12));
    assert_eq!(tree.at(5).map(|(_, leaf, offset)| (leaf.0, offset)), Some((7, 0)));
}
