//! Walking along a list, element by element, either way.

use std::iter::Rev;

use super::{ListRef, NodeRef};
use crate::blob::Blob;
use crate::entry::Str;
use crate::pack::{self, PackRef};
use crate::tree::{Leaves, LeavesBack};
use crate::types::list::Node;
use crate::types::list::quicklist::Quicklist;

/// Elements towards the tail; see [`ListRef::elements`].
pub type Elements<'a> = Walk<'a, Forward>;

/// Elements towards the head; see [`ListRef::elements_back`].
pub type ElementsBack<'a> = Walk<'a, Back>;

/// A way along a list.
pub trait Way {
    /// The elements of a block.
    type Items<'a>: Iterator<Item = pack::Item<'a>>;
    /// The leaves of a large list.
    type Leaves<'a>: Iterator<Item = &'a Node>;

    /// A block from an element on.
    fn items(pack: PackRef<'_>, index: usize) -> Option<Self::Items<'_>>;

    /// A large list from the leaf of an element on; and the index of the element in it.
    fn leaves(list: &Quicklist, index: usize) -> Option<(Self::Leaves<'_>, usize)>;

    /// The index at which a leaf begins.
    fn first(leaf: NodeRef<'_>) -> usize;
}

/// Towards the tail.
#[derive(Debug)]
pub enum Forward {}

/// Towards the head.
#[derive(Debug)]
pub enum Back {}

/// Elements one way.
pub struct Walk<'a, W: Way> {
    here: Here<'a, W>,
    rest: Option<W::Leaves<'a>>,
}

/// The rest of a leaf.
enum Here<'a, W: Way> {
    Pack(W::Items<'a>),
    Plain(Option<&'a Blob>),
}

impl Way for Forward {
    type Items<'a> = pack::Iter<'a>;
    type Leaves<'a> = Leaves<'a, Node>;

    #[inline]
    fn items(pack: PackRef<'_>, index: usize) -> Option<pack::Iter<'_>> {
        if index == 0 { Some(pack.iter()) } else { Some(pack.iter_from(pack.at(index as i64)?)) }
    }

    fn leaves(list: &Quicklist, index: usize) -> Option<(Leaves<'_, Node>, usize)> {
        let (cursor, _, offset) = list.at(index)?;
        Some((list.leaves_from(&cursor), offset))
    }

    #[inline]
    fn first(_: NodeRef<'_>) -> usize {
        0
    }
}

impl Way for Back {
    type Items<'a> = Rev<pack::Iter<'a>>;
    type Leaves<'a> = LeavesBack<'a, Node>;

    #[inline]
    fn items(pack: PackRef<'_>, index: usize) -> Option<Rev<pack::Iter<'_>>> {
        Some(pack.iter_back_from(pack.at(index as i64)?))
    }

    fn leaves(list: &Quicklist, index: usize) -> Option<(LeavesBack<'_, Node>, usize)> {
        let (cursor, _, offset) = list.at(index)?;
        Some((list.leaves_back_from(&cursor), offset))
    }

    #[inline]
    fn first(leaf: NodeRef<'_>) -> usize {
        leaf.count() - 1
    }
}

impl<'a, W: Way> Walk<'a, W> {
    #[inline]
    pub(super) fn new(list: ListRef<'a>, start: usize) -> Walk<'a, W> {
        match list {
            ListRef::Pack(pack) => Walk { here: Here::from(NodeRef::Pack(pack), start), rest: None },
            ListRef::Nodes(list) => {
                let Some((mut rest, offset)) = W::leaves(list, start) else {
                    return Walk { here: Here::Plain(None), rest: None };
                };
                let here = rest.next().map_or(Here::Plain(None), |leaf| Here::from(leaf.as_ref(), offset));
                Walk { here, rest: Some(rest) }
            }
        }
    }
}

impl<'a, W: Way> Iterator for Walk<'a, W> {
    type Item = Str<'a>;

    #[inline]
    fn next(&mut self) -> Option<Str<'a>> {
        loop {
            let element = match &mut self.here {
                Here::Pack(items) => items.next().map(Str::from),
                Here::Plain(blob) => blob.take().map(Str::Blob),
            };
            if element.is_some() {
                return element;
            }
            let node = self.rest.as_mut()?.next()?.as_ref();
            self.here = Here::from(node, W::first(node));
        }
    }
}

impl<'a, W: Way> Here<'a, W> {
    /// The elements of a leaf from the one at `index` on.
    #[inline]
    fn from(node: NodeRef<'a>, index: usize) -> Here<'a, W> {
        match node {
            NodeRef::Pack(pack) => W::items(pack, index).map_or(Here::Plain(None), Here::Pack),
            NodeRef::Plain(blob) => Here::Plain(Some(blob)),
        }
    }
}
