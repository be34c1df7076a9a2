//! Random operations on a few trees that share nodes. Each has a naive twin: a vector of leaves.

use std::mem;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Block, audit, scaled};
use crate::tree::{Cursor, Tree};

/// Trees alive at once.
const TREES_MAX: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    PushFront(u8),
    PushBack(u8),
    InsertBefore(u16),
    InsertAfter(u16),
    PopFront(u8),
    PopBack(u8),
    Remove(u16),
    /// Puts numbers in front of a leaf's, cuts it down to a length and spills the rest in pieces of another.
    Update(u16, u8, u8, u8),
    /// Moves numbers between a leaf and the next until the first has this many; of the rest, keeps as many as the last says.
    Merge(u16, u8, u8),
    MergeAround(u16),
    SplitOff(u16),
    RemoveRange(u16, u16),
    /// Appends a clone of another tree, or moves it.
    Append(u8, bool),
    Clone,
    Rebuild,
    Forget,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => any::<u8>().prop_map(Step::PushFront),
        3 => any::<u8>().prop_map(Step::PushBack),
        3 => any::<u16>().prop_map(Step::InsertBefore),
        3 => any::<u16>().prop_map(Step::InsertAfter),
        2 => any::<u8>().prop_map(Step::PopFront),
        2 => any::<u8>().prop_map(Step::PopBack),
        8 => any::<u16>().prop_map(Step::Remove),
        6 => (any::<u16>(), 0..9u8, 0..5u8, 1..4u8).prop_map(|(at, add, keep, piece)| Step::Update(at, add, keep, piece)),
        3 => (any::<u16>(), 0..5u8, 0..5u8).prop_map(|(at, keep, rest)| Step::Merge(at, keep, rest)),
        1 => any::<u16>().prop_map(Step::MergeAround),
        2 => any::<u16>().prop_map(Step::SplitOff),
        3 => any::<(u16, u16)>().prop_map(|(from, to)| Step::RemoveRange(from, to)),
        3 => any::<(u8, bool)>().prop_map(|(which, moved)| Step::Append(which, moved)),
        2 => Just(Step::Clone),
        1 => Just(Step::Rebuild),
        1 => Just(Step::Forget),
    ]
}

#[derive(Clone, Default)]
struct Pair<const FANOUT: usize> {
    tree: Tree<Block, FANOUT>,
    twin: Vec<Vec<u32>>,
}

/// The trees, and a source of numbers that are all different.
struct World<const FANOUT: usize> {
    pairs: Vec<Pair<FANOUT>>,
    number: u32,
}

impl<const FANOUT: usize> World<FANOUT> {
    fn numbers(&mut self, count: usize) -> Vec<u32> {
        let from = self.number;
        self.number += count as u32;
        // Spread, so that keys differ and are in no order.
        (from..self.number).map(|number| number.wrapping_mul(0x9e37_79b1)).collect()
    }

    fn add(&mut self, pair: Pair<FANOUT>) {
        if self.pairs.len() == TREES_MAX {
            self.pairs.remove(0);
        }
        self.pairs.push(pair);
    }

    fn run(&mut self, which: u8, step: &Step) {
        let index = usize::from(which) % self.pairs.len();
        let mut pair = self.pairs.swap_remove(index);
        match *step {
            Step::PushFront(count) => (0..=count % 12).for_each(|_| {
                let leaf = self.numbers(usize::from(count % 3) + 1);
                pair.push_front(leaf, count > 200);
            }),
            Step::PushBack(count) => (0..=count % 12).for_each(|_| {
                let leaf = self.numbers(usize::from(count % 3) + 1);
                pair.push_back(leaf, count > 200);
            }),
            Step::InsertBefore(at) => pair.insert(at, self.numbers(2), 0),
            Step::InsertAfter(at) => pair.insert(at, self.numbers(2), 1),
            Step::Update(at, add, keep, piece) => {
                pair.update(at, self.numbers(add.into()), keep.into(), piece.into())
            }
            Step::Append(which, moved) => {
                let other = match self.pairs.len() {
                    0 => pair.clone(),
                    len if moved => self.pairs.swap_remove(usize::from(which) % len),
                    len => self.pairs[usize::from(which) % len].clone(),
                };
                if pair.twin.len() + other.twin.len() < 3000 {
                    pair.tree.append(other.tree);
                    pair.twin.extend(other.twin);
                }
            }
            Step::SplitOff(at) => {
                let tail = pair.split_off(at);
                self.add(tail);
            }
            Step::RemoveRange(from, to) => {
                let range = pair.remove_range(from, to);
                self.add(range);
            }
            Step::Clone => self.add(pair.clone()),
            Step::Forget => pair = Pair::default(),
            _ => pair.shrink(step),
        }
        self.add(pair);
        self.pairs.iter().for_each(Pair::check);
    }
}

impl<const FANOUT: usize> Pair<FANOUT> {
    /// A leaf, chosen by a random number.
    fn choose(&self, at: u16) -> Option<(usize, Cursor)> {
        let at = usize::from(at).checked_rem(self.twin.len())?;
        Some((at, self.cursor(at)))
    }

    fn cursor(&self, at: usize) -> Cursor {
        let before = self.twin[..at].iter().map(Vec::len).sum::<usize>();
        let (cursor, leaf, offset) = self.tree.at(before as u64).expect("a leaf");
        assert_eq!((&*leaf.0, offset), (&self.twin[at], 0));
        cursor
    }

    fn len(&self) -> usize {
        self.twin.iter().map(Vec::len).sum()
    }

    /// Puts a leaf in front, or spills it from the first.
    fn push_front(&mut self, leaf: Vec<u32>, spills: bool) {
        let block = Block::of(leaf.clone());
        let replace =
            |first: &mut Block, spill: &mut Vec<Block>| spill.push(mem::replace(first, block.clone()));
        if !spills || self.tree.update_first(replace).is_none() {
            self.tree.push_front(block);
        }
        self.twin.insert(0, leaf);
    }

    fn push_back(&mut self, leaf: Vec<u32>, spills: bool) {
        let block = Block::of(leaf.clone());
        if !spills || self.tree.update_last(|_, spill| spill.push(block.clone())).is_none() {
            self.tree.push_back(block);
        }
        self.twin.push(leaf);
    }

    fn insert(&mut self, at: u16, leaf: Vec<u32>, after: usize) {
        let Some((at, cursor)) = self.choose(at) else { return };
        let block = Block::of(leaf.clone());
        let placed = match after {
            0 => self.tree.insert_before(&cursor, block),
            _ => self.tree.insert_after(&cursor, block),
        };
        self.twin.insert(at + after, leaf);
        assert_eq!(placed, self.cursor(at + after), "the new leaf's cursor");
    }

    fn update(&mut self, at: u16, add: Vec<u32>, keep: usize, piece: usize) {
        let Some((at, cursor)) = self.choose(at) else { return };
        let mut leaf = self.twin.remove(at);
        leaf.splice(0..0, add.iter().copied());
        let rest = leaf.split_off(keep.min(leaf.len()));
        let pieces: Vec<_> = rest.chunks(piece).map(<[u32]>::to_vec).collect();
        let leaves = [leaf].into_iter().chain(pieces.clone()).filter(|leaf| !leaf.is_empty());
        self.twin.splice(at..at, leaves);
        let count = self.tree.update(&cursor, |leaf, spill| {
            leaf.numbers().splice(0..0, add);
            leaf.numbers().truncate(keep);
            spill.extend(pieces.into_iter().chain([Vec::new()]).map(Block::of));
            leaf.0.len()
        });
        assert!(count <= keep);
    }

    fn shrink(&mut self, step: &Step) {
        match *step {
            Step::PopFront(count) => (0..count % 40).for_each(|_| {
                let popped = self.tree.pop_front().map(|leaf| leaf.0.to_vec());
                assert_eq!(popped, (!self.twin.is_empty()).then(|| self.twin.remove(0)));
            }),
            Step::PopBack(count) => (0..count % 40).for_each(|_| {
                assert_eq!(self.tree.pop_back().map(|leaf| leaf.0.to_vec()), self.twin.pop());
            }),
            Step::Remove(at) => {
                // Neighbours too, so that nodes become thin.
                for _ in 0..=at % 5 {
                    let Some((at, cursor)) = self.choose(at) else { return };
                    assert_eq!(*self.tree.remove(&cursor).0, self.twin.remove(at));
                }
            }
            Step::Merge(at, keep, rest) => self.merge(at, keep.into(), rest.into()),
            Step::MergeAround(at) => self.merge_around(at),
            Step::Rebuild => self.tree = self.twin.iter().cloned().map(Block::of).collect(),
            _ => unreachable!("the world runs the others"),
        }
    }

    fn merge(&mut self, at: u16, keep: usize, keep_rest: usize) {
        let Some((at, cursor)) = self.choose(at) else { return };
        let result = self.tree.merge_with_next(&cursor, |one, other| {
            one.numbers().append(other.numbers());
            let keep = keep.min(one.0.len());
            let rest = one.numbers().split_off(keep);
            *other.numbers() = rest;
            other.numbers().truncate(keep_rest);
        });
        assert_eq!(result.is_some(), at + 1 < self.twin.len());
        if result.is_some() {
            let mut all = [self.twin.remove(at), self.twin.remove(at)].concat();
            let mut rest = all.split_off(keep.min(all.len()));
            rest.truncate(keep_rest);
            self.twin.splice(at..at, [all, rest].into_iter().filter(|leaf| !leaf.is_empty()));
        }
    }

    fn merge_around(&mut self, at: u16) {
        let position = usize::from(at) % (self.len() + 1);
        let merged =
            self.tree.merge_around(position as u64, |one, other| one.numbers().append(other.numbers()));
        let mut meet = 0;
        let next = self.twin.iter().position(|leaf| {
            meet += leaf.len();
            meet > position
        });
        let starts = |next: usize| self.twin[..next].iter().map(Vec::len).sum::<usize>() == position;
        match next.filter(|&next| next > 0 && starts(next)) {
            Some(next) => {
                let moved = self.twin.remove(next);
                self.twin[next - 1].extend(moved);
                assert!(merged.is_some());
            }
            None => assert!(merged.is_none()),
        }
    }

    fn split_off(&mut self, at: u16) -> Self {
        let position = usize::from(at) % (self.len() + 2);
        let tree = self.tree.split_off(position as u64);
        Self { tree, twin: split_twin(&mut self.twin, position) }
    }

    fn remove_range(&mut self, from: u16, to: u16) -> Self {
        let len = self.len() + 1;
        let (from, to) = (usize::from(from) % len, usize::from(to) % len);
        let tree = self.tree.remove_range(from as u64..to as u64);
        let mut removed = Vec::new();
        if from < to {
            let after = split_twin(&mut self.twin, to);
            removed = split_twin(&mut self.twin, from);
            self.twin.extend(after);
        }
        Self { tree, twin: removed }
    }

    fn check(&self) {
        audit(&self.tree);
        assert_eq!(self.tree.len(), self.len() as u64);
        assert!(self.tree.leaves().map(|leaf| &*leaf.0).eq(&self.twin), "leaves");
        assert!(self.tree.leaves_back().map(|leaf| &*leaf.0).eq(self.twin.iter().rev()), "leaves, backwards");
    }

    /// Every cursor, both ways, and iterators from there.
    fn check_cursors(&self) {
        let mut position = 0;
        let mut next = self.tree.first().map(|(cursor, _)| cursor);
        let mut previous = None;
        for (at, leaf) in self.twin.iter().enumerate() {
            let cursor = next.expect("a cursor for each leaf");
            assert_eq!(self.tree.previous(&cursor), previous);
            assert_eq!((&*self.tree.leaf(&cursor).0, self.tree.position(&cursor)), (leaf, position));
            let last = position + leaf.len() as u64 - 1;
            assert_eq!(
                self.tree.at(last).map(|(at, _, offset)| (at, offset)),
                Some((cursor, leaf.len() - 1))
            );
            assert!(self.tree.leaves_from(&cursor).map(|leaf| &*leaf.0).eq(&self.twin[at..]));
            assert!(
                self.tree.leaves_back_from(&cursor).map(|leaf| &*leaf.0).eq(self.twin[..=at].iter().rev())
            );
            assert!(previous.is_none_or(|previous| previous < cursor));
            position += leaf.len() as u64;
            previous = next;
            next = self.tree.next(&cursor);
        }
        assert!(next.is_none() && self.tree.at(position).is_none());
    }
}

fn split_twin(twin: &mut Vec<Vec<u32>>, position: usize) -> Vec<Vec<u32>> {
    let mut rest = position;
    let mut at = 0;
    while at < twin.len() && rest >= twin[at].len() {
        rest -= twin[at].len();
        at += 1;
    }
    let mut tail = twin.split_off(at);
    if rest > 0 && !tail.is_empty() {
        let part = tail[0].split_off(rest);
        twin.push(mem::replace(&mut tail[0], part));
    }
    tail
}

fn run<const FANOUT: usize>(steps: &[(u8, Step)]) {
    let mut world = World::<FANOUT> { pairs: vec![Pair::default()], number: 1 };
    steps.iter().for_each(|(which, step)| world.run(*which, step));
    world.pairs.iter().for_each(Pair::check_cursors);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(scaled(200)))]

    #[test]
    fn trees_of_narrow_nodes_do_as_vectors_do(steps in vec((any::<u8>(), step()), 0..120)) {
        run::<4>(&steps);
    }

    #[test]
    fn trees_of_uneven_nodes_do_as_vectors_do(steps in vec((any::<u8>(), step()), 0..120)) {
        run::<7>(&steps);
    }

    #[test]
    fn trees_do_as_vectors_do(steps in vec((any::<u8>(), step()), 0..120)) {
        run::<30>(&steps);
    }
}
