//! Walking along a list, element by element.

use std::option;

use super::{ListRef, NodeRef, node};
use crate::blob::Blob;
use crate::entry::Str;
use crate::pack;
use crate::tree::{Leaves, LeavesBack};
use crate::types::list::Node;

/// Elements towards the tail; see [`ListRef::elements`].
pub struct Elements<'a> {
    here: Here<pack::Iter<'a>, option::IntoIter<&'a Blob>>,
    rest: Option<Leaves<'a, Node>>,
}

/// Elements towards the head; see [`ListRef::elements_back`].
pub struct ElementsBack<'a> {
    here: Here<std::iter::Rev<pack::Iter<'a>>, option::IntoIter<&'a Blob>>,
    rest: Option<LeavesBack<'a, Node>>,
}

/// The rest of a leaf.
enum Here<P, L> {
    Pack(P),
    Plain(L),
}

impl<'a> Elements<'a> {
    #[inline]
    pub(super) fn new(list: ListRef<'a>, start: usize) -> Elements<'a> {
        match list {
            ListRef::Pack(pack) => Elements { here: from(NodeRef::Pack(pack), start), rest: None },
            ListRef::Nodes(list) => match list.at(start) {
                None => Elements { here: Here::Plain(None.into_iter()), rest: None },
                Some((cursor, node, offset)) => {
                    let mut rest = list.leaves_from(&cursor);
                    rest.next();
                    Elements { here: from(node.as_ref(), offset), rest: Some(rest) }
                }
            },
        }
    }
}

impl<'a> ElementsBack<'a> {
    pub(super) fn new(list: ListRef<'a>, start: usize) -> ElementsBack<'a> {
        match list {
            ListRef::Pack(pack) => ElementsBack { here: back_from(NodeRef::Pack(pack), start), rest: None },
            ListRef::Nodes(list) => match list.at(start) {
                None => ElementsBack { here: Here::Plain(None.into_iter()), rest: None },
                Some((cursor, node, offset)) => {
                    let mut rest = list.leaves_back_from(&cursor);
                    rest.next();
                    ElementsBack { here: back_from(node.as_ref(), offset), rest: Some(rest) }
                }
            },
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Str<'a>;

    #[inline]
    fn next(&mut self) -> Option<Str<'a>> {
        loop {
            if let Some(element) = self.here.next() {
                return Some(element);
            }
            self.here = from(self.rest.as_mut()?.next()?.as_ref(), 0);
        }
    }
}

impl<'a> Iterator for ElementsBack<'a> {
    type Item = Str<'a>;

    #[inline]
    fn next(&mut self) -> Option<Str<'a>> {
        loop {
            if let Some(element) = self.here.next() {
                return Some(element);
            }
            let node = self.rest.as_mut()?.next()?.as_ref();
            self.here = back_from(node, node.count() - 1);
        }
    }
}

impl<'a, P, L> Here<P, L>
where
    P: Iterator<Item = pack::Item<'a>>,
    L: Iterator<Item = &'a Blob>,
{
    #[inline]
    fn next(&mut self) -> Option<Str<'a>> {
        match self {
            Here::Pack(items) => items.next().map(node::string),
            Here::Plain(blob) => blob.next().map(Str::Blob),
        }
    }
}

/// The elements of a leaf from `index` on.
#[inline]
fn from(node: NodeRef<'_>, index: usize) -> Here<pack::Iter<'_>, option::IntoIter<&Blob>> {
    match node {
        NodeRef::Pack(pack) if index == 0 => Here::Pack(pack.iter()),
        NodeRef::Pack(pack) => match pack.at(index as i64) {
            Some(position) => Here::Pack(pack.iter_from(position)),
            None => Here::Plain(None.into_iter()),
        },
        NodeRef::Plain(blob) => Here::Plain(Some(blob).into_iter()),
    }
}

/// The element of a leaf at `index` and those before it, backwards.
fn back_from(
    node: NodeRef<'_>,
    index: usize,
) -> Here<std::iter::Rev<pack::Iter<'_>>, option::IntoIter<&Blob>> {
    match node {
        NodeRef::Pack(pack) => match pack.at(index as i64) {
            Some(position) => Here::Pack(pack.iter_back_from(position)),
            None => Here::Plain(None.into_iter()),
        },
        NodeRef::Plain(blob) => Here::Plain(Some(blob).into_iter()),
    }
}
