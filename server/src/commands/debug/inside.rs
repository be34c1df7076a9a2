//! DEBUG subcommands that look inside: LISTPACK and QUICKLIST log how a collection lies in its blocks, MALLCTL and MALLCTL-STR
//! read and change the allocator's settings.
//!
//! Each element is a line of the log, with its place in the block, its bytes there and the beginning of its value.

use super::find;
use crate::command::Outcome;
use crate::config::LogLevel;
use crate::context::Ctx;
use rufous_persistence::disk::system_text;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use rufous_storage::memory;
use rufous_storage::pack::{Item, PackRef};
use rufous_storage::types::hash::{Hash, HashRef};
use rufous_storage::types::list::{List, NodeRef};
use rufous_storage::types::set::{Set, SetRef};
use rufous_storage::types::sorted_set::{SortedSet, SortedSetRef};
use rufous_storage::{Encoding, EntryRef};
use std::fmt::Write;

/// Bytes of a value that are shown.
const SHOWN_BYTES_MAX: usize = 40;

/// DEBUG LISTPACK key
pub(super) fn listpack(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let entry = find(cx.db.store.keyspace.db(cx.db.index), args.get(2))?;
    let pack = pack_of(entry).ok_or(error::DEBUG_NOT_LISTPACK)?;
    cx.server.log.raw(LogLevel::Notice, &shown_pack(pack));
    cx.reply.simple("Listpack structure printed on stdout");
    Ok(())
}

/// DEBUG QUICKLIST key \[full\]
pub(super) fn quicklist(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let entry = find(cx.db.store.keyspace.db(cx.db.index), args.get(2))?;
    let shows_elements = args.find(3).is_some_and(super::switch);
    let list = entry.typed::<List>().filter(|_| entry.encoding() == Encoding::Quicklist);
    let list = list.ok_or(error::DEBUG_NOT_QUICKLIST)?;
    let mut text = format!("{{count : {}}}\n{{nodes: {}}}\n", list.len(), list.nodes().count());
    for (number, node) in list.nodes().enumerate() {
        let (count, bytes) = (node.count(), node.content_bytes());
        let container = if matches!(node, NodeRef::Plain(_)) { "PLAIN" } else { "PACKED" };
        let _ = writeln!(text, "{{quicklist node({number})}} {container} {{size: {bytes}, count: {count}}}");
        match node {
            NodeRef::Pack(pack) if shows_elements => text += &shown_pack(pack),
            NodeRef::Plain(blob) if shows_elements => {
                let _ = writeln!(text, "{}", shown(blob));
            }
            _ => {}
        }
    }
    cx.server.log.raw(LogLevel::Notice, &text);
    cx.reply.simple("Quicklist structure printed on stdout");
    Ok(())
}

/// The listpack that a small collection is.
fn pack_of(entry: EntryRef<'_>) -> Option<PackRef<'_>> {
    if let Some(list) = entry.typed::<List>().filter(|_| entry.encoding() == Encoding::Listpack) {
        return list.nodes().find_map(|node| if let NodeRef::Pack(pack) = node { Some(pack) } else { None });
    }
    if let Some(SetRef::Pack(pack)) = entry.typed::<Set>() {
        return Some(pack);
    }
    if let Some(SortedSetRef::Pack(pack)) = entry.typed::<SortedSet>() {
        return Some(pack);
    }
    match entry.typed::<Hash>()? {
        HashRef::Pack(pack) => Some(pack),
        HashRef::Timed(timed) => timed.pack(),
        HashRef::Table(_) => None,
    }
}

fn shown_pack(pack: PackRef<'_>) -> String {
    let mut text = format!("{{total bytes {}}} {{num entries {}}}\n", pack.listpack_bytes(), pack.len());
    // Places are those in a listpack, which has its length in front.
    let before = pack.listpack_bytes() - pack.bytes().len();
    let mut entries = pack.entries().enumerate().peekable();
    while let Some((index, (position, item))) = entries.next() {
        // One byte ends the block.
        let end = entries.peek().map_or(pack.bytes().len() - 1, |(_, (next, _))| next.offset());
        let (offset, bytes) = (before + position.offset(), end - position.offset());
        let value = match item {
            Item::Int(value) => format!("[int] {value}"),
            Item::Bytes(value) => format!("[str] {}", shown(value)),
        };
        let _ = writeln!(text, "{{index: {index}, offset: {offset}, bytes: {bytes}}} {value}");
    }
    text
}

/// The beginning of a value, on one line.
fn shown(value: &[u8]) -> String {
    let beginning = value[..value.len().min(SHOWN_BYTES_MAX)].escape_ascii();
    let rest = value.len().saturating_sub(SHOWN_BYTES_MAX);
    if rest == 0 { beginning.to_string() } else { format!("{beginning}... and {rest} bytes") }
}

/// DEBUG MALLCTL name \[value\]
pub(super) fn mallctl(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let value = args.find(3).map(|value| parse_i64(value).ok_or(error::NOT_AN_INTEGER)).transpose()?;
    cx.reply.integer(memory::setting(args.get(2), value).map_err(refusal)?);
    Ok(())
}

/// DEBUG MALLCTL-STR name \[VOID\]
pub(super) fn mallctl_str(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let name = args.get(2);
    match args.find(3) {
        None => {
            let text = memory::text_setting(name).map_err(refusal)?;
            cx.reply.bulk(text.as_bytes());
        }
        Some(b"VOID") => {
            memory::run_command(name).map_err(refusal)?;
            cx.reply.ok();
        }
        Some(_) => return Err(refusal(memory::NOT_PERMITTED)),
    }
    Ok(())
}

/// What the system says of an error's number.
fn refusal(number: i32) -> ReplyError {
    error::message(&system_text(&std::io::Error::from_raw_os_error(number)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rufous_storage::pack::PackMut;

    #[test]
    fn elements_are_shown_with_their_places() {
        let mut bytes = Vec::new();
        let long = [b'x'; 50];
        PackMut::empty_in(&mut bytes).extend([Item::Int(7), Item::Bytes(b"a\nb"), Item::Bytes(&long)]);
        let expected = format!(
            "{{total bytes 66}} {{num entries 3}}\n\
             {{index: 0, offset: 6, bytes: 2}} [int] 7\n\
             {{index: 1, offset: 8, bytes: 5}} [str] a\\nb\n\
             {{index: 2, offset: 13, bytes: 52}} [str] {}... and 10 bytes\n",
            "x".repeat(40),
        );
        assert_eq!(shown_pack(PackRef::new(&bytes)), expected);
    }
}
