//! A dict: elements found by key, packed into blocks. Big sets, big hashes, and a big sorted set's members by name.
//!
//! Elements are ordered by the hash of their key. A block holds those of one range of hashes: up to 64 of them, or 4 KB,
//! in one allocation that is shared by reference count. So an element costs its bytes and about six more, a clone of the whole
//! costs nothing until one of the two changes, and then a block at a time.
//!
//! - `elements`: how elements lie in a block, whose memory is [`crate::block`]'s. `lanes`: looking at many bytes at once.
//! - `index`: which block holds a hash. `key`, `shape`: what an element is.
//! - `change`: putting in, taking out; how blocks split and merge. `build`: all at once.
//! - `walk`: iteration, cursors of scans, random elements. `fields`, `expiries`: hashes, and when their fields expire.
//!
//! Invariants:
//! - An element lies in the block in whose range its place is; a key occurs once.
//! - No block is empty. Beyond `BLOCK_LEN_MAX` elements or `BLOCK_BYTES_MAX` bytes a block has one element, or
//!   elements of one place only.
//! - No operation does more work than a block or two and the path to them take.

mod build;
mod change;
mod elements;
mod expiries;
mod fields;
mod index;
mod key;
mod lanes;
mod shape;
#[cfg(test)]
mod tests;
mod walk;

use std::fmt;
use std::marker::PhantomData;

use arrayvec::ArrayVec;

use crate::block::Block;
use expiries::Expiries;
use index::Index;

pub use key::Key;
pub use shape::{Field, Fields, Members, Scores, Shape};

use crate::hash::Hasher;
use crate::pack::Item;

/// A block of so many elements splits before it takes another one.
const BLOCK_LEN_MAX: usize = 64;
/// A block splits before it takes more bytes than these, unless it has one element.
const BLOCK_BYTES_MAX: usize = 4096;
/// Lookups that are under way at once.
pub(crate) const WINDOW: usize = 16;
/// Lines of the cache that a block's header, tags and lengths take.
const TAG_LINES: usize = 2;

/// Elements of a shape by key. `Clone` shares everything, in O(1); dropping frees what no clone shares, on any thread.
pub struct Dict<S: Shape> {
    index: Index,
    block_bytes: usize,
    hasher: Hasher,
    expiries: Expiries,
    shape: PhantomData<S>,
}

impl<S: Shape> Dict<S> {
    /// An empty dict; allocates nothing. All dicts that share keys need the same hash function.
    pub fn new(hasher: Hasher) -> Self {
        Dict {
            index: Index::default(),
            block_bytes: 0,
            hasher,
            expiries: Expiries::default(),
            shape: PhantomData,
        }
    }

    /// Elements. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes allocated, shared ones included. Visits a part in a thousand of what the elements are.
    pub fn memory_bytes(&self) -> usize {
        self.block_bytes + self.index.memory_bytes() + self.expiries.memory_bytes()
    }

    /// The hash function.
    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// The key that these bytes are.
    #[inline]
    pub fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        self.key_of(Item::of(bytes))
    }

    /// The key that an item is, canonical or not.
    #[inline]
    pub fn key_of<'k>(&self, item: Item<'k>) -> Key<'k> {
        let item = canonical(item);
        Key::new(item, S::hash(&self.hasher, item))
    }

    /// The element of a key.
    #[inline]
    pub fn get(&self, key: &Key<'_>) -> Option<S::Element<'_>> {
        element_in(self.index.find(key.place())?, key).map(read::<S>)
    }

    /// Looks up many keys in a third of the time that one after the other would take: their misses in the cache overlap. `visit`
    /// gets each key's index and its element.
    pub fn get_many<'a>(&'a self, keys: &[Key<'_>], mut visit: impl FnMut(usize, Option<S::Element<'a>>)) {
        for (window, keys) in keys.chunks(WINDOW).enumerate() {
            let blocks = self.load(keys);
            for (index, (block, key)) in blocks.iter().zip(keys).enumerate() {
                let found = block.and_then(|block| element_in(block, key));
                visit(window * WINDOW + index, found.map(read::<S>));
            }
        }
    }

    /// Starts to load what searches for these members read, all of them before the first is searched for.
    pub fn prefetch(&self, members: &[&[u8]]) {
        for window in members.chunks(WINDOW) {
            let mut keys = ArrayVec::<_, WINDOW>::new();
            keys.extend(window.iter().map(|member| self.key(member)));
            self.load(&keys);
        }
    }

    /// The blocks of up to a window of keys. Their misses overlap, and then those of the elements, which are on their way when
    /// this returns.
    fn load(&self, keys: &[Key<'_>]) -> [Option<&Block>; WINDOW] {
        let mut blocks = [None; WINDOW];
        for (block, key) in blocks.iter_mut().zip(keys) {
            *block = self.index.find(key.place()).inspect(|block| block.prefetch_lines(TAG_LINES));
        }
        for (block, key) in blocks.iter().zip(keys) {
            block.inspect(|block| block.prefetch_element(key.tag()));
        }
        blocks
    }

    /// Whether there is an element of a key.
    #[inline]
    pub fn contains(&self, key: &Key<'_>) -> bool {
        self.find(key).is_some()
    }

    /// Takes the element of a key out; whether there was one.
    pub fn remove(&mut self, key: &Key<'_>) -> bool {
        self.remove_with(key, |_| ()).is_some()
    }

    /// Takes the element of a key out, after showing it. None if there is none.
    pub fn remove_with<R>(&mut self, key: &Key<'_>, show: impl FnOnce(S::Element<'_>) -> R) -> Option<R> {
        let (_, index) = self.find(key)?;
        Some(self.take(key.place(), index, show))
    }

    #[inline]
    fn find(&self, key: &Key<'_>) -> Option<(&Block, usize)> {
        let block = self.index.find(key.place())?;
        Some((block, find_in(block, key)?))
    }

    /// The hash of an element's key.
    fn hash_of(&self, element: &[u8]) -> u64 {
        hash_of::<S>(&self.hasher, element)
    }
}

impl Dict<Members> {
    /// Puts a member in; whether it is new.
    pub fn insert(&mut self, key: &Key<'_>) -> bool {
        self.insert_new(key, ())
    }
}

impl Dict<Scores> {
    /// A member's score.
    #[inline]
    pub fn score(&self, key: &Key<'_>) -> Option<f64> {
        self.get(key).map(|(_, score)| score)
    }

    /// Shows a member's score, if it is a member, and sets the one that `decide` gives. An equal score changes nothing. Gives the
    /// old score and the new one where they differ.
    pub fn update(
        &mut self,
        key: &Key<'_>,
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) -> Option<(Option<f64>, f64)> {
        let found = self.find(key).map(|(block, index)| (index, read::<Scores>(block.element(index)).1));
        let old = found.map(|(_, score)| score);
        let score = decide(old).filter(|&score| old != Some(score))?;
        match found {
            Some((index, _)) => self.change(key.place(), |slot| {
                let block = slot.as_mut().expect("an element's block");
                Scores::write(score, &mut block.element_mut(index)[key.encoded_len()..]);
                ((), 0)
            }),
            None => _ = self.insert_new(key, score),
        }
        Some((old, score))
    }
}

impl<S: Shape> Clone for Dict<S> {
    fn clone(&self) -> Self {
        Dict {
            index: self.index.clone(),
            block_bytes: self.block_bytes,
            hasher: self.hasher.clone(),
            expiries: self.expiries.clone(),
            shape: PhantomData,
        }
    }
}

impl<S: Shape> fmt::Debug for Dict<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

#[inline]
fn element_in<'b>(block: &'b Block, key: &Key<'_>) -> Option<&'b [u8]> {
    block.find_element(key.tag(), |element| key.begins(element)).map(|(_, element)| element)
}

#[inline]
fn find_in(block: &Block, key: &Key<'_>) -> Option<usize> {
    block.find(key.tag(), |element| key.begins(element))
}

/// An integer where the bytes are the decimal form of one.
#[inline]
fn canonical(item: Item<'_>) -> Item<'_> {
    match item {
        Item::Int(_) => item,
        Item::Bytes(bytes) => Item::of(bytes),
    }
}

/// Takes the bytes of an element apart.
#[inline]
fn read<S: Shape>(element: &[u8]) -> S::Element<'_> {
    let (key, key_len) = Item::read(element);
    S::read(key, &element[key_len..])
}

/// The hash of an element's key.
fn hash_of<S: Shape>(hasher: &Hasher, element: &[u8]) -> u64 {
    S::hash(hasher, Item::read(element).0)
}

/// Where an element belongs.
fn place_of<S: Shape>(hasher: &Hasher, element: &[u8]) -> u64 {
    key::place_of(hash_of::<S>(hasher, element))
}
