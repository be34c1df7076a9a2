//! Lists: elements in the order in which they were put.
//!
//! | encoding | while | is |
//! |---|---|---|
//! | listpack | the list fits into one block | one block, in the entry |
//! | quicklist | otherwise | a [`Quicklist`]: a tree of blocks by position |
//!
//! `list-max-listpack-size` says what fits. A list that grows is a quicklist from the first element on that would not fit; one
//! that shrinks is a listpack again once it is one block that is half full at most, so that it does not go to and fro.

mod elements;
mod node;
mod quicklist;

use crate::db::Removed;
use crate::entry::{Content, EntryRef, Kind, Str, Structure};
use crate::pack::{EMPTY, Item, Pack, PackMut, PackRef};
use crate::tree::Tree;
use crate::types::{Limits, Type};
use crate::value::ValueMut;
use node::Room;

pub use elements::{Elements, ElementsBack};
pub use node::{Node, NodeRef};
pub use quicklist::Quicklist;

/// A list, as a type.
#[derive(Debug)]
pub enum List {}

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where index 0 is.
    Head,
    /// Where index -1 is.
    Tail,
}

/// Where an element goes, seen from its pivot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Nearer to the head.
    Before,
    /// Nearer to the tail.
    After,
}

/// A list, for reading.
#[derive(Clone, Copy)]
pub enum ListRef<'a> {
    /// Elements in one block.
    Pack(PackRef<'a>),
    /// A large list.
    Nodes(&'a Quicklist),
}

/// A list, for changing.
pub struct ListMut<'a> {
    value: ValueMut<'a>,
    limits: &'a Limits,
}

/// An element to search for, parsed once.
#[derive(Clone, Copy, Debug)]
pub struct Needle<'a> {
    bytes: &'a [u8],
    item: Item<'a>,
}

impl<'a> Needle<'a> {
    /// An element of these bytes.
    pub fn new(bytes: &'a [u8]) -> Needle<'a> {
        Needle { bytes, item: Item::of(bytes) }
    }

    /// Whether an element is equal to it.
    #[inline]
    pub fn equals(&self, element: Str<'_>) -> bool {
        match element {
            Str::Int(value) => self.item == Item::Int(value),
            Str::Bytes(bytes) => self.bytes == bytes,
            Str::Blob(blob) => self.bytes == blob.as_slice(),
        }
    }
}

impl Type for List {
    const KIND: Kind = Kind::List;
    const EMPTY: (&'static [u8], bool) = (EMPTY, false);
    type Ref<'a> = ListRef<'a>;
    type Mut<'a> = ListMut<'a>;

    #[inline]
    fn read(entry: EntryRef<'_>) -> ListRef<'_> {
        match entry.bytes() {
            Some(bytes) => ListRef::Pack(PackRef::new(bytes)),
            None => ListRef::Nodes(entry.structure().expect("a list of bytes or structure")),
        }
    }

    fn edit<'a>(value: ValueMut<'a>, limits: &'a Limits) -> ListMut<'a> {
        ListMut { value, limits }
    }
}

impl Structure for Quicklist {
    const KIND: Kind = Kind::List;

    fn memory_bytes(&self) -> usize {
        self.heap_bytes()
    }

    fn elements_len(&self) -> usize {
        self.len()
    }
}

impl<'a> ListRef<'a> {
    /// Number of elements.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            ListRef::Pack(pack) => pack.len(),
            ListRef::Nodes(list) => list.len(),
        }
    }

    /// Whether there are no elements, as in a list that is just being made.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The element at `index`; -1 is the last.
    #[inline]
    pub fn get(self, index: i64) -> Option<Str<'a>> {
        match self {
            ListRef::Pack(pack) => Some(pack.get(pack.at(index)?).into()),
            ListRef::Nodes(list) => list.get(index),
        }
    }

    /// The element at an end; the list is not empty.
    #[inline]
    pub fn end(self, end: End) -> Str<'a> {
        self.get(if end == End::Head { 0 } else { -1 }).expect("a list that is not empty")
    }

    /// The element at `start`, counted from 0, and those after it.
    #[inline]
    pub fn elements(self, start: usize) -> Elements<'a> {
        Elements::new(self, start)
    }

    /// The element at `start`, counted from 0, and those before it, backwards.
    #[inline]
    pub fn elements_back(self, start: usize) -> ElementsBack<'a> {
        ElementsBack::new(self, start)
    }

    /// The blocks and large elements that the list is made of.
    pub fn nodes(self) -> impl Iterator<Item = NodeRef<'a>> {
        let (pack, list) = match self {
            ListRef::Pack(pack) => (Some(NodeRef::Pack(pack)), None),
            ListRef::Nodes(list) => (None, Some(list.nodes())),
        };
        pack.into_iter().chain(list.into_iter().flatten())
    }
}

impl ListMut<'_> {
    /// The list, for reading.
    pub fn as_ref(&self) -> ListRef<'_> {
        List::read(self.value.entry())
    }

    /// Adds elements at an end, one after the other.
    pub fn push(&mut self, end: End, elements: &[&[u8]]) {
        self.grow_for(elements);
        if let Some(list) = self.value.structure_mut::<Quicklist>() {
            return list.push(end, elements, self.limits);
        }
        let mut pack = PackMut::new(&mut self.value);
        match (elements, end) {
            (&[element], End::Head) => drop(pack.push_front(element)),
            (&[element], End::Tail) => drop(pack.push_back(element)),
            (_, End::Head) => {
                let first = pack.as_ref().first();
                pack.insert_all(first, elements.iter().rev().copied());
            }
            (_, End::Tail) => pack.extend(elements.iter().copied()),
        }
    }

    /// Moves the element at one end to an end.
    pub fn rotate(&mut self, from: End, to: End) {
        let mut buffer = itoa::Buffer::new();
        let element = self.as_ref().end(from).as_bytes(&mut buffer).to_vec();
        let last = self.as_ref().len() - 1;
        if last > 0 {
            self.cut(if from == End::Head { 0 } else { last }, 1);
            self.push(to, &[&element]);
        }
        self.shrink();
    }

    /// Takes out `count` elements from `start`, counted from 0, on; all of them are there, and others. Gives what is worth
    /// freeing elsewhere.
    pub fn remove_range(&mut self, start: usize, count: usize) -> Option<Removed> {
        let cut = self.cut(start, count);
        self.shrink();
        cut
    }

    /// Puts another element in the place of the one at `index`; -1 is the last. False if there is none.
    pub fn set(&mut self, index: i64, element: &[u8]) -> bool {
        self.grow_for(&[element]);
        let replaced = match self.value.structure_mut::<Quicklist>() {
            Some(list) => list.set(index, element, self.limits),
            None => match PackRef::new(self.value.entry().bytes().expect("a small list")).at(index) {
                Some(position) => {
                    PackMut::new(&mut self.value).replace(position, element);
                    true
                }
                None => false,
            },
        };
        if replaced {
            self.shrink();
        }
        replaced
    }

    /// Puts an element beside the first one that is equal to `pivot`. False if there is none.
    pub fn insert(&mut self, side: Side, pivot: Needle<'_>, element: &[u8]) -> bool {
        self.grow_for(&[element]);
        if let Some(list) = self.value.structure_mut::<Quicklist>() {
            return list.insert(side, pivot, element, self.limits);
        }
        let mut pack = PackMut::new(&mut self.value);
        let Some(position) = pack.as_ref().find_first(pivot.item) else { return false };
        match side {
            Side::Before => pack.insert_before(position, element),
            Side::After => pack.insert_after(position, element),
        };
        true
    }

    /// Removes up to `most` of the elements that are equal to a needle, beginning at an end; says how many.
    pub fn remove_equal(&mut self, needle: Needle<'_>, from: End, most: usize) -> usize {
        let removed = match self.value.structure_mut::<Quicklist>() {
            Some(list) => list.remove_equal(needle, from, most),
            None => node::remove_equal(&mut PackMut::new(&mut self.value), needle, from, most),
        };
        if removed > 0 {
            self.shrink();
        }
        removed
    }

    fn cut(&mut self, start: usize, count: usize) -> Option<Removed> {
        if let Some(list) = self.value.structure_mut::<Quicklist>() {
            return list.cut(start, count).map(Removed::of_structure);
        }
        PackMut::new(&mut self.value).remove_range(start as i64, count);
        None
    }

    /// Makes a quicklist of a small list that has no room for these elements.
    fn grow_for(&mut self, elements: &[&[u8]]) {
        let Some(bytes) = self.value.entry().bytes() else { return };
        let pack = PackRef::new(bytes);
        let more: usize = elements.iter().map(|element| element.len()).sum();
        if !Room::of(self.limits.list_size).holds(pack.listpack_bytes() + more, pack.len() + elements.len()) {
            let nodes = (!pack.is_empty()).then(|| Node::Pack(Pack::from(pack)));
            self.value.set_structure(Box::new(Quicklist::from(nodes.into_iter().collect::<Tree<Node>>())));
        }
    }

    /// Makes a small list of a quicklist that has become one block, half full at most.
    fn shrink(&mut self) {
        let ListRef::Nodes(list) = self.as_ref() else { return };
        let Some(pack) = list.only_pack() else { return };
        let read = pack.as_ref();
        if Room::after_shrinking(self.limits.list_size).holds(read.listpack_bytes(), read.len()) {
            let pack = pack.clone();
            self.value.set(Content::Bytes(pack.as_ref().bytes()), false);
        }
    }
}
