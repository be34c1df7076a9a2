//! The order of blocks: each holds the elements of one range of places, from its bound to the next block's.

use crate::block::Block;
use crate::tree::{Cursor, Leaf, Tree};

/// The blocks of a dict by their bounds. Clones share all of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    tree: Tree<Block>,
}

impl Leaf for Block {
    type Key = u64;

    fn len(&self) -> usize {
        Block::len(self)
    }

    fn key(&self) -> u64 {
        self.bound()
    }

    fn split_off(&mut self, _: usize) -> Block {
        unreachable!("a dict is never cut by position")
    }
}

impl Index {
    /// Elements in all blocks.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.tree.len() as usize
    }

    /// The block in whose range a place is. None if there are no blocks.
    #[inline]
    pub(super) fn find(&self, place: u64) -> Option<(Cursor, &Block)> {
        self.tree.seek(|bound| *bound <= place)
    }

    /// The block of the element at a rank, and the element's index in it.
    pub(super) fn at(&self, rank: usize) -> Option<(Cursor, &Block, usize)> {
        self.tree.at(rank as u64)
    }

    /// The block at a cursor.
    pub(super) fn block(&self, at: &Cursor) -> &Block {
        self.tree.leaf(at)
    }

    /// The next block.
    pub(super) fn next(&self, at: &Cursor) -> Option<(Cursor, &Block)> {
        let next = self.tree.next(at)?;
        Some((next, self.tree.leaf(&next)))
    }

    /// The block before.
    pub(super) fn previous(&self, at: &Cursor) -> Option<(Cursor, &Block)> {
        let previous = self.tree.previous(at)?;
        Some((previous, self.tree.leaf(&previous)))
    }

    /// All blocks in order.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.tree.leaves()
    }

    /// Puts in the first block of all.
    pub(super) fn put_first(&mut self, block: Block) {
        self.tree.push_front(block);
    }

    /// Changes a block. What is pushed to the second argument comes after it; if it is left empty it is taken out.
    pub(super) fn change<R>(
        &mut self,
        at: &Cursor,
        change: impl FnOnce(&mut Block, &mut Vec<Block>) -> R,
    ) -> R {
        self.tree.update(at, change)
    }

    /// Changes a block and the next one, which must exist. One that is left empty is taken out.
    pub(super) fn change_pair(&mut self, at: &Cursor, change: impl FnOnce(&mut Block, &mut Block)) {
        self.tree.merge_with_next(at, change);
    }

    /// Bytes allocated, without the blocks. Visits the nodes above the blocks.
    pub(super) fn memory_bytes(&self) -> usize {
        self.tree.shape().node_bytes
    }
}

impl FromIterator<Block> for Index {
    /// The blocks in the order of their bounds.
    fn from_iter<I: IntoIterator<Item = Block>>(blocks: I) -> Index {
        Index { tree: blocks.into_iter().collect() }
    }
}
