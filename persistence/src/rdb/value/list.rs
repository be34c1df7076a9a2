//! Lists.

use std::borrow::Cow;

use super::super::{Error, Fault, Reader, Text};
use super::blocks::Block;

/// How a part of a list is stored.
const PLAIN: u64 = 1;
const PACKED: u64 = 2;

/// A part of a list.
#[derive(Clone, Debug)]
pub enum Node<'a> {
    /// Elements in a listpack.
    Listpack(Cow<'a, [u8]>),
    /// One element.
    Element(Text<'a>),
}

pub(super) fn elements<'a>(reader: &mut Reader<'a>) -> Result<Vec<Node<'a>>, Error> {
    nodes(reader, |reader| Ok(Some(Node::Element(reader.text()?))))
}

pub(super) fn ziplist<'a>(reader: &mut Reader<'a>) -> Result<Vec<Node<'a>>, Error> {
    let block = Block::read(reader)?.ziplist()?;
    let empty = block.empty();
    Ok(vec![node(block).ok_or(empty)?])
}

pub(super) fn ziplists<'a>(reader: &mut Reader<'a>) -> Result<Vec<Node<'a>>, Error> {
    nodes(reader, |reader| Ok(node(Block::read(reader)?.ziplist()?)))
}

pub(super) fn listpacks<'a>(reader: &mut Reader<'a>) -> Result<Vec<Node<'a>>, Error> {
    nodes(reader, |reader| {
        let here = reader.clone();
        match reader.len()? {
            PACKED => Ok(node(Block::read(reader)?.listpack()?)),
            PLAIN => {
                let block = Block::read(reader)?;
                let is_empty = block.bytes.is_empty();
                Ok((!is_empty).then_some(Node::Element(Text::Bytes(block.bytes))))
            }
            _ => Err(here.corrupt("a list's part of unknown kind")),
        }
    })
}

/// A block as a part of a list; nothing if it has no elements.
fn node(block: Block<'_>) -> Option<Node<'_>> {
    (!block.pack().is_empty()).then_some(Node::Listpack(block.bytes))
}

/// As many parts as announced, without the empty ones.
fn nodes<'a>(
    reader: &mut Reader<'a>,
    read: impl Fn(&mut Reader<'a>) -> Result<Option<Node<'a>>, Error>,
) -> Result<Vec<Node<'a>>, Error> {
    let mut nodes = Vec::new();
    for _ in 0..reader.count()? {
        nodes.extend(read(reader)?);
    }
    if nodes.is_empty() { Err(reader.error(Fault::Empty)) } else { Ok(nodes) }
}
