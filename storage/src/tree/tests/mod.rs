//! Tests of the tree: the leaf they share, and an audit of all invariants.
//!
//! - `model`: random operations on several trees that share nodes, against vectors of leaves.
//! - `sorted`: a sorted set on a tree, with keys that are only prefixes, against a standard one.
//! - `sharing`: readers on other threads, freeing in steps, what nodes a change leaves full.

mod model;
mod sharing;
mod sorted;

use std::sync::Arc;

use super::node::{Kids, Node};
use super::{Leaf, Shape, Tree};
use crate::entry::class_bytes;

/// Fewer operations where each is slow.
pub(super) const fn scaled(count: u32) -> u32 {
    if cfg!(miri) { count.div_ceil(40) } else { count }
}

/// A leaf of numbers, whose key is the first number without its low byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block(pub(super) Arc<Vec<u32>>);

impl Block {
    pub(super) fn of(numbers: impl IntoIterator<Item = u32>) -> Self {
        Self(Arc::new(numbers.into_iter().collect()))
    }

    pub(super) fn numbers(&mut self) -> &mut Vec<u32> {
        Arc::make_mut(&mut self.0)
    }
}

impl Leaf for Block {
    type Key = u32;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn key(&self) -> u32 {
        self.0[0] >> 8
    }

    fn split_off(&mut self, at: usize) -> Self {
        assert!(0 < at && at < self.len(), "both parts have elements");
        Self::of(self.numbers().split_off(at))
    }
}

/// Panics if an invariant of the file head does not hold.
pub(super) fn audit<const FANOUT: usize>(tree: &Tree<Block, FANOUT>) {
    let Some(root) = &tree.root else {
        assert_eq!((tree.len, tree.height), (0, 0));
        return;
    };
    assert!(root.len() > 1 || tree.height == 1, "the root has one kid");
    assert_eq!(root.total(), tree.len);
    audit_node(root, tree.height, true, true);
    let shape = tree.shape();
    assert_eq!((shape.leaves, shape.height), (tree.leaves().count(), tree.height));
}

fn audit_node<const FANOUT: usize>(node: &Node<Block, FANOUT>, height: usize, first: bool, last: bool) {
    assert!(!node.is_empty() && (first || last || !node.is_thin()), "{} kids at height {height}", node.len());
    match &node.kids {
        Kids::Leaves(leaves) => {
            assert_eq!(height, 1);
            let of_leaf = leaves.iter().map(|leaf| (leaf.key(), leaf.len() as u64));
            assert!(leaves.iter().all(|leaf| !leaf.is_empty()));
            assert!(of_leaf.eq(node.keys().iter().copied().zip(node.counts().iter().copied())));
        }
        Kids::Nodes(nodes) => {
            assert!(height > 1);
            let of_node = nodes.iter().map(|node| (node.key(), node.total()));
            assert!(of_node.eq(node.keys().iter().copied().zip(node.counts().iter().copied())));
            for (at, kid) in nodes.iter().enumerate() {
                audit_node(kid, height - 1, first && at == 0, last && at + 1 == nodes.len());
            }
        }
    }
}

/// A tree of leaves of one number each.
pub(super) fn ones<const FANOUT: usize>(count: u32) -> Tree<Block, FANOUT> {
    (0..count).map(|number| Block::of([number])).collect()
}

#[test]
fn an_empty_tree_answers() {
    let mut tree = Tree::<Block>::new();
    assert!(tree.is_empty() && tree.is_same(&Tree::default()) && tree.clone().is_empty());
    assert!(tree.first().is_none() && tree.last().is_none() && tree.at(0).is_none());
    assert!(
        tree.seek(|_| true).is_none() && tree.seek_tied(|_| std::cmp::Ordering::Equal, |_| true).is_none()
    );
    assert!(tree.leaves().next().is_none() && tree.leaves_back().next().is_none());
    assert!(tree.pop_front().is_none() && tree.pop_back().is_none());
    assert!(
        tree.split_off(0).is_empty() && tree.split_off(1).is_empty() && tree.remove_range(0..1).is_empty()
    );
    assert_eq!(tree.merge_around(0, |_, _| ()), None);
    tree.append(Tree::new());
    assert_eq!(tree.shape(), Shape::default());
    assert!([Block::of([])].into_iter().collect::<Tree<_>>().is_empty());
}

#[test]
#[should_panic(expected = "no empty leaves")]
fn an_empty_leaf_is_refused() {
    Tree::<Block>::new().push_back(Block::of([]));
}

/// A leaf that shows only its key.
#[derive(Clone)]
struct Bare<K>(Arc<K>);

impl<K: Copy + Default + PartialEq + Send + Sync> Leaf for Bare<K> {
    type Key = K;

    fn len(&self) -> usize {
        1
    }

    fn key(&self) -> K {
        *self.0
    }

    fn split_off(&mut self, _at: usize) -> Self {
        self.clone()
    }
}

#[test]
fn nodes_fill_size_classes() {
    fn check<K: Copy + Default + PartialEq + Send + Sync>(class: usize) {
        let tree: Tree<Bare<K>> = [Bare(Arc::new(K::default()))].into_iter().collect();
        let bytes = tree.shape().node_bytes;
        assert!(class_bytes(bytes) == class && class - bytes <= class / 16, "{bytes} bytes");
    }
    check::<()>(512);
    check::<u64>(768);
    check::<(u64, u64)>(1024);
}
