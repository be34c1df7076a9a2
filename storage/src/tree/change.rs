//! Changing leaves, and putting them in and taking them out one at a time.
//!
//! Every change makes the nodes on its path its own first (`own`): a node that a clone shares is copied, and the
//! clone keeps the old one.

use arrayvec::ArrayVec;
use triomphe::Arc;

use super::cursor::HEIGHT_MAX;
use super::node::{Kid, Kids, Node, NodeRef, own};
use super::{Cursor, Leaf, Tree};

/// On which side of its place something new goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    After,
}

impl<L: Leaf, const FANOUT: usize> Tree<L, FANOUT> {
    /// Changes the leaf at a cursor. What `change` pushes to its second argument is put in after the leaf, in that order; a leaf
    /// that it leaves empty is taken out. The cursor stays good if neither happens.
    pub fn update<R>(&mut self, at: &Cursor, change: impl FnOnce(&mut L, &mut Vec<L>) -> R) -> R {
        self.update_chosen(|depth, _| at.step::<FANOUT>(depth), change).expect(NOT_EMPTY)
    }

    /// Changes the first leaf, as `update` does, in one descent. None in an empty tree.
    pub fn update_first<R>(&mut self, change: impl FnOnce(&mut L, &mut Vec<L>) -> R) -> Option<R> {
        self.update_chosen(|_, _| 0, change)
    }

    /// Changes the last leaf, as `update` does, in one descent. None in an empty tree.
    pub fn update_last<R>(&mut self, change: impl FnOnce(&mut L, &mut Vec<L>) -> R) -> Option<R> {
        self.update_chosen(|_, node| node.len() - 1, change)
    }

    /// Changes the leaf at a cursor and the next one: to merge them, or to move elements across. A leaf left empty is taken out.
    /// None if there is no next leaf. The cursor stays good if none is taken out.
    pub fn merge_with_next<R>(&mut self, at: &Cursor, change: impl FnOnce(&mut L, &mut L) -> R) -> Option<R> {
        let next = self.next(at)?;
        let (one, other) = self.pair_mut(*at, next);
        let result = change(one, other);
        let empty = (one.is_empty(), other.is_empty());
        self.note_again(*at);
        self.note_again(next);
        match empty {
            (false, false) => (),
            (false, true) => drop(self.remove(&next)),
            (true, false) => drop(self.remove(at)),
            (true, true) => {
                let meet = self.position(at);
                // The later one first: that leaves the path of the other as it is.
                self.take(next, Fill::Later);
                self.take(*at, Fill::Later);
                self.repair(meet);
            }
        }
        Some(result)
    }

    /// Puts in a leaf, which must not be empty, after the one at a cursor. Gives the new leaf's cursor.
    pub fn insert_after(&mut self, at: &Cursor, leaf: L) -> Cursor {
        self.put(*at, Side::After, Kid::Leaf(leaf), 0)
    }

    /// Puts in a leaf, which must not be empty, before the one at a cursor. Gives the new leaf's cursor.
    pub fn insert_before(&mut self, at: &Cursor, leaf: L) -> Cursor {
        self.put(*at, Side::Before, Kid::Leaf(leaf), 0)
    }

    /// Puts in a leaf, which must not be empty, before all others.
    pub fn push_front(&mut self, leaf: L) {
        self.put(Cursor::default(), Side::Before, Kid::Leaf(leaf), 0);
    }

    /// Puts in a leaf, which must not be empty, after all others.
    pub fn push_back(&mut self, leaf: L) {
        let last = self.last().map_or_else(Cursor::default, |(cursor, _)| cursor);
        self.put(last, Side::After, Kid::Leaf(leaf), 0);
    }

    /// Takes the leaf at a cursor out.
    pub fn remove(&mut self, at: &Cursor) -> L {
        let leaf = self.take(*at, Fill::Now);
        self.settle_root();
        leaf
    }

    /// Takes the first leaf out.
    pub fn pop_front(&mut self) -> Option<L> {
        let (first, _) = self.first()?;
        Some(self.remove(&first))
    }

    /// Takes the last leaf out.
    pub fn pop_back(&mut self) -> Option<L> {
        let (last, _) = self.last()?;
        Some(self.remove(&last))
    }

    /// Changes the leaf that the choices in each node lead to. None in an empty tree.
    fn update_chosen<R>(
        &mut self,
        choose: impl FnMut(usize, &Node<L, FANOUT>) -> usize,
        change: impl FnOnce(&mut L, &mut Vec<L>) -> R,
    ) -> Option<R> {
        let mut path = Cursor::default();
        let mut spill = Vec::new();
        let change = |leaf: &mut L| {
            let result = change(leaf, &mut spill);
            if !spill.is_empty() {
                spill.retain(|leaf| !leaf.is_empty());
                if leaf.is_empty() && !spill.is_empty() {
                    *leaf = spill.remove(0);
                }
            }
            (result, leaf.is_empty())
        };
        let (result, is_empty) = self.change_leaf(choose, change, &mut path)?;
        if is_empty {
            self.remove(&path);
        }
        for leaf in spill {
            path = self.insert_after(&path, leaf);
        }
        Some(result)
    }

    /// Changes a leaf and what the nodes above keep about it. Gives the path chosen.
    fn change_leaf<R>(
        &mut self,
        mut choose: impl FnMut(usize, &Node<L, FANOUT>) -> usize,
        change: impl FnOnce(&mut L) -> R,
        path: &mut Cursor,
    ) -> Option<R> {
        let mut notes = ArrayVec::<_, HEIGHT_MAX>::new();
        let mut node = own(self.root.as_mut()?);
        let leaf = loop {
            let step = choose(notes.len(), node);
            *path = path.with_step::<FANOUT>(notes.len(), step);
            let (note, kids) = node.note_of(step);
            notes.push(note);
            match kids {
                Kids::Leaves(leaves) => break &mut leaves[step],
                Kids::Nodes(nodes) => node = own(&mut nodes[step]),
            }
        };
        let old_len = leaf.len();
        let result = change(leaf);
        let more = (leaf.len() as u64).wrapping_sub(old_len as u64);
        if more != 0 {
            notes.iter_mut().for_each(|(_, count)| **count = count.wrapping_add(more));
            self.len = self.len.wrapping_add(more);
        }
        if !leaf.is_empty() && *notes[notes.len() - 1].0 != leaf.key() {
            for (depth, (key, _)) in notes.iter_mut().enumerate().rev() {
                **key = leaf.key();
                if path.step::<FANOUT>(depth) > 0 {
                    break;
                }
            }
        }
        Some(result)
    }

    /// Puts a kid beside the node, or leaf, of its own height on the cursor's path. Gives the path to it, with what the cursor
    /// had below.
    pub(super) fn put(&mut self, at: Cursor, side: Side, kid: Kid<L, FANOUT>, kid_height: usize) -> Cursor {
        let added = kid.count();
        assert!(added > 0, "a tree has no empty leaves");
        self.len += added;
        let mut path = at;
        let Some(root) = &mut self.root else {
            self.root = Some(Arc::new(Node::of(kid)));
            self.height = 1;
            return path;
        };
        if kid_height == self.height {
            self.grow(kid, side);
            return path;
        }
        let target = self.height - 1 - kid_height;
        let at = path.step::<FANOUT>(target) + usize::from(side == Side::After);
        let insertion = Insertion { path: &mut path, target, at, kid };
        if let Some(Sprout { node, has_path }) = insert(root, insertion, 0, Edges::ROOT) {
            self.grow(Kid::Node(node), Side::After);
            path = path.below_root::<FANOUT>(has_path.into());
        }
        path
    }

    /// Puts a new root above the old one and a sibling of it.
    fn grow(&mut self, sibling: Kid<L, FANOUT>, side: Side) {
        let Some(old) = self.root.take() else { return };
        let mut root = Node::of(Kid::Node(old));
        root.insert(usize::from(side == Side::After), sibling);
        self.root = Some(Arc::new(root));
        self.height += 1;
    }

    /// Takes a leaf out, and the nodes that are empty without it. A root of one kid may remain.
    fn take(&mut self, at: Cursor, fill: Fill) -> L {
        let root = self.root.as_mut().expect(NOT_EMPTY);
        let leaf = take(root, at, 0, Edges::ROOT, fill);
        self.len -= leaf.len() as u64;
        leaf
    }

    /// Two different leaves, the left one first.
    fn pair_mut(&mut self, left: Cursor, right: Cursor) -> (&mut L, &mut L) {
        let mut node = own(self.root.as_mut().expect(NOT_EMPTY));
        for depth in 0.. {
            let steps = [left.step::<FANOUT>(depth), right.step::<FANOUT>(depth)];
            match &mut node.kids {
                Kids::Leaves(leaves) => {
                    let [one, other] = leaves.get_disjoint_mut(steps).expect("two leaves of the node");
                    return (one, other);
                }
                Kids::Nodes(nodes) => {
                    if steps[0] == steps[1] {
                        node = own(&mut nodes[steps[0]]);
                        continue;
                    }
                    let [one, other] = nodes.get_disjoint_mut(steps).expect("two kids of the node");
                    return (leaf_below(one, left, depth + 1), leaf_below(other, right, depth + 1));
                }
            }
        }
        unreachable!("every path ends in a leaf")
    }

    /// Reads key and count of a leaf again, for all nodes on its path.
    fn note_again(&mut self, at: Cursor) {
        let root = self.root.as_mut().expect(NOT_EMPTY);
        note_again(root, at, 0);
        self.len = root.total();
    }
}

const NOT_EMPTY: &str = "a cursor is of a tree that is not empty";

/// The leaf that a path leads to, from a node at a depth.
fn leaf_below<L: Leaf, const FANOUT: usize>(
    node: &mut NodeRef<L, FANOUT>,
    path: Cursor,
    depth: usize,
) -> &mut L {
    let step = path.step::<FANOUT>(depth);
    match &mut own(node).kids {
        Kids::Leaves(leaves) => &mut leaves[step],
        Kids::Nodes(nodes) => leaf_below(&mut nodes[step], path, depth + 1),
    }
}

fn note_again<L: Leaf, const FANOUT: usize>(node: &mut NodeRef<L, FANOUT>, path: Cursor, depth: usize) {
    let node = own(node);
    let step = path.step::<FANOUT>(depth);
    if let Some(nodes) = node.nodes_mut() {
        note_again(&mut nodes[step], path, depth + 1);
    }
    node.note_again(step);
}

/// Whether thin nodes are filled at once, or by `repair`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fill {
    Now,
    Later,
}

/// Whether a node is the first and the last of its level.
#[derive(Clone, Copy)]
struct Edges {
    first: bool,
    last: bool,
}

impl Edges {
    const ROOT: Self = Self { first: true, last: true };

    /// Of a kid of the node.
    fn of_kid(self, step: usize, len: usize) -> Self {
        Self { first: self.first && step == 0, last: self.last && step + 1 == len }
    }
}

fn take<L: Leaf, const FANOUT: usize>(
    node: &mut NodeRef<L, FANOUT>,
    path: Cursor,
    depth: usize,
    edges: Edges,
    fill: Fill,
) -> L {
    let node = own(node);
    let step = path.step::<FANOUT>(depth);
    let kid_edges = edges.of_kid(step, node.len());
    let Some(nodes) = node.nodes_mut() else {
        let Kid::Leaf(leaf) = node.remove(step) else { unreachable!("a lowest node holds leaves") };
        return leaf;
    };
    let kid = &mut nodes[step];
    let leaf = take(kid, path, depth + 1, kid_edges, fill);
    if kid.is_empty() {
        node.remove(step);
        return leaf;
    }
    let (key, is_thin) = (kid.key(), kid.is_thin());
    node.add(step, key, (leaf.len() as u64).wrapping_neg());
    if is_thin && !kid_edges.first && !kid_edges.last && fill == Fill::Now {
        node.rebalance(step);
    }
    leaf
}

/// A kid on its way to its place.
struct Insertion<'a, L: Leaf, const FANOUT: usize> {
    /// Leads to the place; follows it when nodes split.
    path: &'a mut Cursor,
    /// The depth of the node that takes the kid.
    target: usize,
    /// The kid's place in that node.
    at: usize,
    kid: Kid<L, FANOUT>,
}

/// The new right sibling of a node that had no room.
struct Sprout<L: Leaf, const FANOUT: usize> {
    node: NodeRef<L, FANOUT>,
    /// Whether the path leads through it now.
    has_path: bool,
}

fn insert<L: Leaf, const FANOUT: usize>(
    node: &mut NodeRef<L, FANOUT>,
    insertion: Insertion<'_, L, FANOUT>,
    depth: usize,
    edges: Edges,
) -> Option<Sprout<L, FANOUT>> {
    let Insertion { path, target, at, kid } = insertion;
    let node = own(node);
    // The new kid's place, and the place of the kid that the path leads to.
    let (at, kid, follow) = if depth == target {
        (at, kid, at)
    } else {
        let step = path.step::<FANOUT>(depth);
        let kid_edges = edges.of_kid(step, node.len());
        let nodes = node.nodes_mut().expect("the target is not below the leaves");
        let added = kid.count();
        let below = &mut nodes[step];
        let sprout = insert(below, Insertion { path, target, at, kid }, depth + 1, kid_edges);
        let Some(Sprout { node: new, has_path }) = sprout else {
            let key = below.key();
            node.add(step, key, added);
            return None;
        };
        node.note_again(step);
        (step + 1, Kid::Node(new), step + usize::from(has_path))
    };
    let new = make_room(node, at, kid, edges);
    let has_path = follow >= node.len();
    *path = path.with_step::<FANOUT>(depth, if has_path { follow - node.len() } else { follow });
    Some(Sprout { node: Arc::new(new?), has_path })
}

/// Puts a kid in, splitting the node if it is full: in halves, but at the ends of the level so that nodes stay full.
fn make_room<L: Leaf, const FANOUT: usize>(
    node: &mut Node<L, FANOUT>,
    at: usize,
    kid: Kid<L, FANOUT>,
    edges: Edges,
) -> Option<Node<L, FANOUT>> {
    if !node.is_full() {
        node.insert(at, kid);
        return None;
    }
    // What grows at the front is put in first, or after a first kid that has split.
    let left_len = match at {
        0 | 1 if edges.first => at,
        _ if at == FANOUT && edges.last => FANOUT,
        _ => FANOUT / 2,
    };
    let mut new = node.split_off(left_len);
    match at.checked_sub(left_len) {
        Some(at) if at > 0 || new.is_empty() => new.insert(at, kid),
        _ => node.insert(at, kid),
    }
    Some(new)
}
