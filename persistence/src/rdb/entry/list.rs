//! Lists.

use super::super::{self as rdb, Type, Writer};
use rufous_storage::pack::PackRef;
use rufous_storage::types::Limits;
use rufous_storage::types::fresh::Fresh;
use rufous_storage::types::list::{End, List, ListRef, NodeRef};

/// The first version that knows lists of listpacks.
const LISTPACK_VERSION: u16 = 10;
const PLAIN: usize = 1;
const PACKED: usize = 2;
/// Elements that are added together.
const BATCH: usize = 128;

pub(super) fn write(writer: &mut Writer<'_>, list: ListRef<'_>) {
    if writer.version() < LISTPACK_VERSION {
        writer.kind(Type::List);
        writer.len(list.len());
        let mut buffer = itoa::Buffer::new();
        return list.elements(0).for_each(|element| writer.text(element.as_bytes(&mut buffer)));
    }
    writer.kind(Type::ListListpacks);
    writer.len(list.nodes().count());
    for node in list.nodes() {
        match node {
            NodeRef::Plain(element) => {
                writer.len(PLAIN);
                writer.text(element);
            }
            NodeRef::Pack(pack) => {
                writer.len(PACKED);
                writer.listpack(pack);
            }
        }
    }
}

pub(super) fn make(nodes: Vec<rdb::Node<'_>>, mut fresh: Fresh<List>, limits: &Limits) -> Fresh<List> {
    let mut push = |elements: &[&[u8]]| fresh.edit(limits, |list| list.push(End::Tail, elements));
    for node in &nodes {
        match node {
            rdb::Node::Element(text) => push(&[text.as_bytes(&mut itoa::Buffer::new())]),
            rdb::Node::Listpack(bytes) => {
                let elements: Vec<Vec<u8>> = PackRef::new(bytes).iter().map(|item| item.to_vec()).collect();
                for batch in elements.chunks(BATCH) {
                    push(&batch.iter().map(Vec::as_slice).collect::<Vec<_>>());
                }
            }
        }
    }
    fresh
}
