//! Changing leaves, and putting them in and taking them out one at a time.
//!
//! Every change makes the nodes on its path its own first (`Arc::make_mut`): a node that a clone shares is copied, and the
//! clone keeps the old one.

use triomphe::Arc;

use super::node::{Kid, Kids, Node, NodeRef};
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
        let mut spill = Vec::new();
        let leaf = self.leaf_mut(at);
        let old_len = leaf.len();
        let result = change(leaf, &mut spill);
        spill.retain(|leaf| !leaf.is_empty());
        if leaf.is_empty() && !spill.is_empty() {
            *leaf = spill.remove(0);
        }
        let note = Note::of(leaf, old_len);
        self.take_note(at, &note);
        if note.key.is_none() {
            self.remove(at);
        }
        let mut here = *at;
        for leaf in spill {
            here = self.insert_after(&here, leaf);
        }
        result
    }

    /// Changes the leaf at a cursor and the next one: to merge them, or to move elements across. A leaf left empty is taken out.
    /// None if there is no next leaf. The cursor stays good if none is taken out.
    pub fn merge_with_next<R>(&mut self, at: &Cursor, change: impl FnOnce(&mut L, &mut L) -> R) -> Option<R> {
        let next = self.next(at)?;
        let (one, other) = self.pair_mut(at, &next);
        let old = (one.len(), other.len());
        let result = change(one, other);
        let notes = (Note::of(one, old.0), Note::of(other, old.1));
        self.take_note(at, &notes.0);
        self.take_note(&next, &notes.1);
        let meet = self.position(&next);
        // The later one first: that leaves the path of the other as it is.
        for (cursor, note) in [(&next, &notes.1), (at, &notes.0)] {
            if note.key.is_none() {
                self.take(cursor);
            }
        }
        if notes.0.key.is_none() || notes.1.key.is_none() {
            self.repair(meet);
        }
        Some(result)
    }

    /// Puts in a leaf, which must not be empty, after the one at a cursor. Gives the new leaf's cursor.
    pub fn insert_after(&mut self, at: &Cursor, leaf: L) -> Cursor {
        self.put(at, Side::After, Kid::Leaf(leaf), 0)
    }

    /// Puts in a leaf, which must not be empty, before the one at a cursor. Gives the new leaf's cursor.
    pub fn insert_before(&mut self, at: &Cursor, leaf: L) -> Cursor {
        self.put(at, Side::Before, Kid::Leaf(leaf), 0)
    }

    /// Puts in a leaf, which must not be empty, before all others.
    pub fn push_front(&mut self, leaf: L) {
        self.put(&Cursor::default(), Side::Before, Kid::Leaf(leaf), 0);
    }

    /// Puts in a leaf, which must not be empty, after all others.
    pub fn push_back(&mut self, leaf: L) {
        let last = self.last().map_or_else(Cursor::default, |(cursor, _)| cursor);
        self.put(&last, Side::After, Kid::Leaf(leaf), 0);
    }

    /// Takes the leaf at a cursor out.
    pub fn remove(&mut self, at: &Cursor) -> L {
        let position = self.position(at);
        let leaf = self.take(at);
        self.repair(position);
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

    /// Puts a kid beside the node, or leaf, of its own height on the cursor's path. Gives the path to it, with what the cursor
    /// had below.
    pub(super) fn put(&mut self, at: &Cursor, side: Side, kid: Kid<L, FANOUT>, kid_height: usize) -> Cursor {
        let added = kid.count();
        assert!(added > 0, "a tree has no empty leaves");
        self.len += added;
        let mut path = *at;
        let Some(root) = &mut self.root else {
            self.root = Some(Arc::new(Node::of(kid)));
            self.height = 1;
            return path;
        };
        let sprout = if kid_height == self.height {
            let Kid::Node(node) = kid else { unreachable!("a root is no leaf") };
            Some(Sprout { node, side, has_new: true })
        } else {
            let target = self.height - 1 - kid_height;
            if side == Side::After {
                path.steps[target] += 1;
            }
            insert(root, Insertion { path: &mut path, target, kid }, 0, Edges { first: true, last: true })
        };
        if let Some(sprout) = sprout {
            self.grow(sprout, &mut path);
        }
        path
    }

    /// Puts a new root above the old one and its new sibling.
    fn grow(&mut self, sprout: Sprout<L, FANOUT>, path: &mut Cursor) {
        let Some(old) = self.root.take() else { return };
        let mut root = Node::of(Kid::Node(old));
        let at = usize::from(sprout.side == Side::After);
        root.insert(at, Kid::Node(sprout.node));
        path.steps.rotate_right(1);
        path.set_step(0, if sprout.has_new { at } else { 1 - at });
        self.root = Some(Arc::new(root));
        self.height += 1;
    }

    /// Takes a leaf out, and the nodes that are empty without it. Thin nodes and roots of one kid may remain.
    fn take(&mut self, at: &Cursor) -> L {
        let root = self.root.as_mut().expect("a cursor is of a tree that is not empty");
        let leaf = take(root, &at.steps);
        if root.is_empty() {
            self.root = None;
            self.height = 0;
        }
        self.len -= leaf.len() as u64;
        leaf
    }

    fn leaf_mut(&mut self, at: &Cursor) -> &mut L {
        let root = self.root.as_mut().expect("a cursor is of a tree that is not empty");
        leaf_below(root, &at.steps)
    }

    /// Two different leaves, the left one first.
    fn pair_mut(&mut self, left: &Cursor, right: &Cursor) -> (&mut L, &mut L) {
        let mut node = Arc::make_mut(self.root.as_mut().expect("a cursor is of a tree that is not empty"));
        for depth in 0.. {
            let steps = [left.step(depth), right.step(depth)];
            match &mut node.kids {
                Kids::Leaves(leaves) => {
                    let [one, other] = leaves.get_disjoint_mut(steps).expect("two leaves of the node");
                    return (one, other);
                }
                Kids::Nodes(nodes) => {
                    if steps[0] == steps[1] {
                        node = Arc::make_mut(&mut nodes[steps[0]]);
                        continue;
                    }
                    let [one, other] = nodes.get_disjoint_mut(steps).expect("two kids of the node");
                    let (left, right) = (&left.steps[depth + 1..], &right.steps[depth + 1..]);
                    return (leaf_below(one, left), leaf_below(other, right));
                }
            }
        }
        unreachable!("every path ends in a leaf")
    }

    /// Writes a leaf's new key and count along its path.
    fn take_note(&mut self, at: &Cursor, note: &Note<L::Key>) {
        let is_first = at.steps.iter().rposition(|&step| step > 0);
        self.len = self.len.wrapping_add(note.more);
        let mut node = self.root.as_mut();
        for (depth, &step) in at.steps.iter().enumerate() {
            let Some(here) = node else { break };
            let here = Arc::make_mut(here);
            let step = usize::from(step);
            // The leaf is its kid's first if only zeros follow.
            let key = note.key.filter(|_| is_first.is_none_or(|last| last <= depth));
            here.add(step, key, note.more);
            node = here.nodes_mut().map(|nodes| &mut nodes[step]);
        }
    }
}

/// What changed about a leaf, for its parents.
struct Note<K> {
    /// None if the leaf is empty.
    key: Option<K>,
    /// By how much the count grew, modulo 2^64.
    more: u64,
}

impl<K> Note<K> {
    fn of<L: Leaf<Key = K>>(leaf: &L, old_len: usize) -> Self {
        let key = if leaf.is_empty() { None } else { Some(leaf.key()) };
        Self { key, more: (leaf.len() as u64).wrapping_sub(old_len as u64) }
    }
}

fn leaf_below<'a, L: Leaf, const FANOUT: usize>(node: &'a mut NodeRef<L, FANOUT>, steps: &[u8]) -> &'a mut L {
    let mut node = Arc::make_mut(node);
    for &step in steps {
        match &mut node.kids {
            Kids::Leaves(leaves) => return &mut leaves[usize::from(step)],
            Kids::Nodes(nodes) => node = Arc::make_mut(&mut nodes[usize::from(step)]),
        }
    }
    unreachable!("every path ends in a leaf")
}

fn take<L: Leaf, const FANOUT: usize>(node: &mut NodeRef<L, FANOUT>, steps: &[u8]) -> L {
    let node = Arc::make_mut(node);
    let step = usize::from(steps[0]);
    let Some(nodes) = node.nodes_mut() else {
        let Kid::Leaf(leaf) = node.remove(step) else { unreachable!("a lowest node holds leaves") };
        return leaf;
    };
    let leaf = take(&mut nodes[step], &steps[1..]);
    match nodes[step].is_empty() {
        true => drop(node.remove(step)),
        false => node.note_again(step),
    }
    leaf
}

/// Whether a node is the first and the last of its level.
#[derive(Clone, Copy)]
struct Edges {
    first: bool,
    last: bool,
}

/// A kid on its way to its place.
struct Insertion<'a, L: Leaf, const FANOUT: usize> {
    /// Leads to the place; follows it when nodes split.
    path: &'a mut Cursor,
    /// Which step of the path is the kid's place in its node.
    target: usize,
    kid: Kid<L, FANOUT>,
}

/// A new sibling of a node that had no room.
struct Sprout<L: Leaf, const FANOUT: usize> {
    node: NodeRef<L, FANOUT>,
    /// On which side of the old node.
    side: Side,
    /// Whether the path leads through the new node.
    has_new: bool,
}

fn insert<L: Leaf, const FANOUT: usize>(
    node: &mut NodeRef<L, FANOUT>,
    insertion: Insertion<'_, L, FANOUT>,
    depth: usize,
    edges: Edges,
) -> Option<Sprout<L, FANOUT>> {
    let Insertion { path, target, kid } = insertion;
    let node = Arc::make_mut(node);
    let step = path.step(depth);
    if depth == target {
        return make_room(node, path, depth, edges, step, kid);
    }
    let kid_edges = Edges { first: edges.first && step == 0, last: edges.last && step + 1 == node.len() };
    let nodes = node.nodes_mut().expect("the target is not below the leaves");
    let sprout = insert(&mut nodes[step], Insertion { path, target, kid }, depth + 1, kid_edges);
    node.note_again(step);
    let sprout = sprout?;
    let at = step + usize::from(sprout.side == Side::After);
    path.set_step(depth, if sprout.has_new { at } else { 2 * step + 1 - at });
    make_room(node, path, depth, edges, at, Kid::Node(sprout.node))
}

/// Puts a kid in, splitting the node if it is full: in halves, but at the ends of the level so that the full node stays full.
fn make_room<L: Leaf, const FANOUT: usize>(
    node: &mut Node<L, FANOUT>,
    path: &mut Cursor,
    depth: usize,
    edges: Edges,
    at: usize,
    kid: Kid<L, FANOUT>,
) -> Option<Sprout<L, FANOUT>> {
    if !node.is_full() {
        node.insert(at, kid);
        return None;
    }
    let (new, side) = match at {
        0 if edges.first => (Node::of(kid), Side::Before),
        _ if at == FANOUT && edges.last => (Node::of(kid), Side::After),
        _ => {
            let mut tail = node.split_off(FANOUT / 2);
            match at.checked_sub(node.len()) {
                Some(at) if at > 0 => tail.insert(at, kid),
                _ => node.insert(at, kid),
            }
            (tail, Side::After)
        }
    };
    let left_len = if side == Side::Before { new.len() } else { node.len() };
    let step = path.step(depth);
    let in_right = step >= left_len;
    if in_right {
        path.set_step(depth, step - left_len);
    }
    Some(Sprout { node: Arc::new(new), side, has_new: in_right == (side == Side::After) })
}
