//! A node of the index; see there.

use std::array;
use std::ops::Range;

use triomphe::Arc;

use crate::block::Block;
use crate::dict::key::PLACE_BITS;
use crate::entry::array_bytes;
use crate::sharing;

const SLOT_BITS: u32 = 8;
const SLOTS: usize = 1 << SLOT_BITS;
/// A node of so many kids splits rather than take another one.
const KIDS_MAX: usize = 64;
/// Nodes merge when both together have no more kids.
pub(super) const MERGED_KIDS_MAX: usize = KIDS_MAX / 2;
/// The depth at which a slot is one place. Nodes of that depth have a kid for every slot, if need be.
pub(super) const DEPTH_MAX: u32 = PLACE_BITS - SLOT_BITS;

#[derive(Clone)]
pub(super) struct Node {
    /// How many leading bits of a place the node stands for.
    pub(super) depth: u32,
    slots: [u8; SLOTS],
    pub(super) kids: Kids,
}

/// What a node parts its places among. There is at least one.
#[derive(Clone)]
pub(super) enum Kids {
    /// None where there are no elements.
    Blocks(Vec<Option<Block>>),
    Nodes(Vec<Kid>),
}

#[derive(Clone)]
pub(super) struct Kid {
    pub(super) node: Arc<Node>,
    /// Elements below.
    pub(super) len: usize,
}

/// The node for writing: copied first if it is shared.
#[inline]
pub(super) fn own(node: &mut Arc<Node>) -> &mut Node {
    sharing::own(node, Node::kids_bytes)
}

impl Node {
    /// A node of depth 0 with one kid.
    pub(super) fn new(kids: Kids) -> Node {
        Node { depth: 0, slots: [0; SLOTS], kids }
    }

    /// A root without elements.
    pub(super) fn root() -> Arc<Node> {
        Arc::new(Node::new(Kids::Blocks(vec![None])))
    }

    /// How many kids there are.
    pub(super) fn len(&self) -> usize {
        match &self.kids {
            Kids::Blocks(blocks) => blocks.len(),
            Kids::Nodes(nodes) => nodes.len(),
        }
    }

    /// The kid for a place.
    #[inline]
    pub(super) fn kid_of(&self, place: u64) -> usize {
        usize::from(self.slots[self.slot_of(place)])
    }

    /// The range of the kid for a place.
    pub(super) fn places(&self, place: u64) -> Range<u64> {
        let (run, shift) = (self.run(self.kid_of(place)), self.shift());
        let start = place >> (shift + SLOT_BITS) << SLOT_BITS;
        let place_of = |slot: usize| (start + slot as u64) << shift;
        place_of(run.start)..place_of(run.end)
    }

    /// The first place of a kid, where `start` is the node's.
    pub(super) fn start_of(&self, kid: usize, start: u64) -> u64 {
        start + ((self.run(kid).start as u64) << self.shift())
    }

    /// Whether the kid for a place can be replaced by two.
    pub(super) fn can_split(&self, place: u64) -> bool {
        let has_room = self.len() < KIDS_MAX || self.depth == DEPTH_MAX;
        has_room && self.run(self.kid_of(place)).len() > 1
    }

    /// The kid for a place and the one for the other half of a common range: the number of the left one. None if that half is
    /// parted, or the kid has the whole of the node's range.
    pub(super) fn pair_of(&self, place: u64) -> Option<usize> {
        let kid = self.kid_of(place);
        let run = self.run(kid);
        let left = if run.start & run.len() == 0 { kid } else { kid - 1 };
        let is_pair = left + 1 < self.len() && self.run(left).len() == self.run(left + 1).len();
        is_pair.then_some(left)
    }

    /// Whether every kid has two slots or more, so that slots twice as large would do.
    pub(super) fn is_coarse(&self) -> bool {
        self.slots.as_chunks().0.iter().all(|[even, odd]| even == odd)
    }

    pub(super) fn nodes_mut(&mut self) -> &mut Vec<Kid> {
        match &mut self.kids {
            Kids::Nodes(nodes) => nodes,
            Kids::Blocks(_) => unreachable!("a node above nodes"),
        }
    }

    /// Replaces the block for a place by what `split` makes of it and the middle of its range.
    pub(super) fn split_block(
        &mut self,
        place: u64,
        split: impl FnOnce(Option<Block>, u64) -> [Option<Block>; 2],
    ) {
        let (kid, places) = (self.kid_of(place), self.places(place));
        let blocks = self.blocks_mut();
        let [left, right] = split(blocks[kid].take(), places.start.midpoint(places.end));
        blocks[kid] = left;
        insert(blocks, kid + 1, right);
        self.split_run(kid);
    }

    /// Replaces the node for a place, which has two kids at least, by its halves.
    pub(super) fn split_node(&mut self, place: u64) {
        let kid = self.kid_of(place);
        let nodes = self.nodes_mut();
        let right = own(&mut nodes[kid].node).split_off();
        let len = right.elements();
        nodes[kid].len -= len;
        insert(nodes, kid + 1, Kid { node: Arc::new(right), len });
        self.split_run(kid);
    }

    /// Replaces two blocks by one.
    pub(super) fn merge_blocks(
        &mut self,
        left: usize,
        merge: impl FnOnce(Option<Block>, Option<Block>) -> Option<Block>,
    ) {
        let blocks = self.blocks_mut();
        let right = blocks.remove(left + 1);
        blocks[left] = merge(blocks[left].take(), right);
        self.merge_runs(left);
    }

    /// Replaces two nodes by one.
    pub(super) fn merge_nodes(&mut self, left: usize) {
        let nodes = self.nodes_mut();
        let right = nodes.remove(left + 1);
        nodes[left].len += right.len;
        own(&mut nodes[left].node).append(sharing::take(right.node, Node::kids_bytes));
        self.merge_runs(left);
    }

    /// Bytes allocated for this node and those below.
    pub(super) fn memory_bytes(&self) -> usize {
        let below = match &self.kids {
            Kids::Blocks(_) => 0,
            Kids::Nodes(nodes) => nodes.iter().map(|kid| kid.node.memory_bytes()).sum(),
        };
        sharing::part_bytes::<Node>() + self.kids_bytes() + below
    }

    /// Bytes allocated for the handles of its kids.
    fn kids_bytes(&self) -> usize {
        match &self.kids {
            Kids::Blocks(blocks) => array_bytes(blocks),
            Kids::Nodes(nodes) => array_bytes(nodes),
        }
    }

    /// Panics if an invariant does not hold; elements below, and nodes on the way to a block.
    #[cfg(test)]
    pub(super) fn audit(&self) -> (usize, usize) {
        assert!(
            self.slots.is_sorted()
                && self.slots[0] == 0
                && usize::from(self.slots[SLOTS - 1]) + 1 == self.len()
        );
        for kid in 0..self.len() {
            let run = self.run(kid);
            assert!(run.len().is_power_of_two() && run.start.is_multiple_of(run.len()), "slots {run:?}");
        }
        assert!(self.len() <= KIDS_MAX || self.depth == DEPTH_MAX);
        let Kids::Nodes(nodes) = &self.kids else { return (self.elements(), 1) };
        let mut height = None;
        for (kid, Kid { node, len }) in nodes.iter().enumerate() {
            let (elements, below) = node.audit();
            assert_eq!(*len, elements);
            assert_eq!(*height.get_or_insert(below), below, "all blocks are at one height");
            assert_eq!(self.run(kid).len(), SLOTS >> (node.depth - self.depth));
        }
        (self.elements(), 1 + height.unwrap_or(0))
    }

    /// Elements below.
    fn elements(&self) -> usize {
        match &self.kids {
            Kids::Blocks(blocks) => blocks.iter().flatten().map(Block::len).sum(),
            Kids::Nodes(nodes) => nodes.iter().map(|kid| kid.len).sum(),
        }
    }

    /// By how many bits a slot is wider than a place.
    #[inline]
    fn shift(&self) -> u32 {
        DEPTH_MAX - self.depth
    }

    #[inline]
    fn slot_of(&self, place: u64) -> usize {
        usize::from((place >> self.shift()) as u8)
    }

    /// The slots of a kid.
    fn run(&self, kid: usize) -> Range<usize> {
        let before = |limit: usize| self.slots.partition_point(|&slot| usize::from(slot) < limit);
        before(kid)..before(kid + 1)
    }

    fn blocks_mut(&mut self) -> &mut Vec<Option<Block>> {
        match &mut self.kids {
            Kids::Blocks(blocks) => blocks,
            Kids::Nodes(_) => unreachable!("a node above blocks"),
        }
    }

    /// Gives the second half of a kid's slots, and all after them, to the next kid.
    fn split_run(&mut self, kid: usize) {
        let run = self.run(kid);
        self.slots[run.start.midpoint(run.end)..].iter_mut().for_each(|slot| *slot += 1);
    }

    /// Takes the number of the kid after `left` away.
    fn merge_runs(&mut self, left: usize) {
        let end = self.run(left).end;
        self.slots[end..].iter_mut().for_each(|slot| *slot -= 1);
    }

    /// Takes the second half out into a node of its own; each has slots half as large.
    fn split_off(&mut self) -> Node {
        let (depth, middle) = (self.depth + 1, self.slots[SLOTS / 2]);
        let (left, right) = self.slots.split_at(SLOTS / 2);
        let right = array::from_fn(|slot| right[slot / 2] - middle);
        let left = array::from_fn(|slot| left[slot / 2]);
        let kids = match &mut self.kids {
            Kids::Blocks(blocks) => Kids::Blocks(split_off(blocks, middle.into())),
            Kids::Nodes(nodes) => Kids::Nodes(split_off(nodes, middle.into())),
        };
        (self.depth, self.slots) = (depth, left);
        Node { depth, slots: right, kids }
    }

    /// Appends the other half of a common range; both are coarse.
    fn append(&mut self, right: Node) {
        let len = self.len() as u8;
        let half = |slots: &[u8; SLOTS], slot| slots[slot % (SLOTS / 2) * 2];
        let slot_of =
            |slot| if slot < SLOTS / 2 { half(&self.slots, slot) } else { len + half(&right.slots, slot) };
        self.slots = array::from_fn(slot_of);
        self.depth -= 1;
        match (&mut self.kids, right.kids) {
            (Kids::Blocks(left), Kids::Blocks(right)) => left.extend(right),
            (Kids::Nodes(left), Kids::Nodes(right)) => left.extend(right),
            _ => unreachable!("all blocks are at one height"),
        }
    }
}

fn split_off<T>(kids: &mut Vec<T>, at: usize) -> Vec<T> {
    let tail = kids.split_off(at);
    kids.shrink_to_fit();
    tail
}

/// Inserts a kid, growing by an eighth instead of by all.
fn insert<T>(kids: &mut Vec<T>, at: usize, kid: T) {
    if kids.len() == kids.capacity() {
        kids.reserve_exact(8);
    }
    kids.insert(at, kid);
}
