//! XGROUP: making, moving and removing consumer groups and consumers.

use super::id;
use super::read::CREATECONSUMER;
use crate::command::Outcome;
use crate::context::Ctx;
use crate::effects::Event;
use crate::found::Found;
use crate::notify::Class;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use rufous_storage::types::stream::{Group, Name, Stream, StreamId};

const CREATE: Event = Event::new(Class::STREAM, "xgroup-create");
const SETID: Event = Event::new(Class::STREAM, "xgroup-setid");
const DESTROY: Event = Event::new(Class::STREAM, "xgroup-destroy");
const DELCONSUMER: Event = Event::new(Class::STREAM, "xgroup-delconsumer");

/// The options of CREATE and SETID.
#[derive(Default)]
struct Options {
    mkstream: bool,
    entries_read: Option<u64>,
}

impl Options {
    fn parse(cx: &Ctx<'_>, args: Args<'_>, may_make: bool) -> Result<Options, ReplyError> {
        let mut options = Options::default();
        let mut rest = args.from(5);
        while let Some(option) = rest.find(0) {
            if may_make && option.eq_ignore_ascii_case(b"mkstream") {
                options.mkstream = true;
                rest = rest.from(1);
            } else if option.eq_ignore_ascii_case(b"entriesread") && rest.len() > 1 {
                options.entries_read = match parse_i64(rest.get(1)).ok_or(error::NOT_AN_INTEGER)? {
                    -1 => None,
                    read => Some(u64::try_from(read).map_err(|_| error::XGROUP_ENTRIESREAD)?),
                };
                rest = rest.from(2);
            } else {
                return Err(cx.subcommand_syntax(args));
            }
        }
        Ok(options)
    }
}

/// XGROUP CREATE key group id|$ \[MKSTREAM\] \[ENTRIESREAD entries-read\]
pub(super) fn create(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let options = Options::parse(cx, args, true)?;
    if args.len() > 8 {
        return Err(cx.subcommand_syntax(args));
    }
    let (key, name) = (args.get(2), args.get(3));
    let found = cx.db.write(key);
    let (is_new, last, taken) = match found.typed::<Stream>()? {
        None if options.mkstream => (true, StreamId::MIN, false),
        None => return Err(error::XGROUP_KEY),
        Some(stream) => (false, stream.log().last_id(), stream.group(name).is_some()),
    };
    let id = if args.get(4) == b"$" { last } else { id::strict(args.get(4), 0)? };
    if taken {
        return Err(error::XGROUP_BUSY);
    }
    found.edit_or_new::<Stream>()?.stream().add_group(Group::new(Name::from(name), id, options.entries_read));
    cx.reply.ok();
    if is_new {
        cx.changed(key, CREATE, 1);
    } else {
        changed_groups(cx, key, CREATE);
    }
    Ok(())
}

/// XGROUP SETID key group id|$ \[ENTRIESREAD entries-read\]
pub(super) fn setid(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let options = Options::parse(cx, args, false)?;
    if args.len() > 7 {
        return Err(cx.subcommand_syntax(args));
    }
    let (key, name) = (args.get(2), args.get(3));
    let found = cx.db.write(key);
    let last = with_group(&found, key, name)?.log().last_id();
    let id = if args.get(4) == b"$" { last } else { id::any(args.get(4), 0)? };
    if let Some(mut stream) = found.edit::<Stream>()? {
        stream.stream().edit_group(name, |group, _| {
            group.last_id = id;
            group.entries_read = options.entries_read;
        });
    }
    cx.reply.ok();
    changed_groups(cx, key, SETID);
    Ok(())
}

/// XGROUP DESTROY key group
pub(super) fn destroy(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let key = args.get(2);
    let mut stream = cx.db.write(key).edit::<Stream>()?.ok_or(error::XGROUP_KEY)?;
    let Some(removed) = stream.stream().remove_group(args.get(3)) else {
        cx.reply.integer(0);
        return Ok(());
    };
    cx.db.store.lazyfree.free(removed);
    cx.reply.integer(1);
    // Those who wait for the group must hear of it.
    cx.changed(key, DESTROY, 1);
    Ok(())
}

/// XGROUP CREATECONSUMER key group consumer
pub(super) fn createconsumer(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, name, now) = (args.get(2), args.get(3), cx.now());
    let found = cx.db.write(key);
    with_group(&found, key, name)?;
    let mut stream = found.edit::<Stream>()?.ok_or(error::XGROUP_KEY)?;
    let created = stream.stream().edit_group(name, |group, _| group.create_consumer(args.get(4), now));
    let created = created == Some(true);
    cx.reply.integer(created.into());
    if created {
        changed_groups(cx, key, CREATECONSUMER);
    }
    Ok(())
}

/// XGROUP DELCONSUMER key group consumer
pub(super) fn delconsumer(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, name) = (args.get(2), args.get(3));
    let found = cx.db.write(key);
    with_group(&found, key, name)?;
    let mut stream = found.edit::<Stream>()?.ok_or(error::XGROUP_KEY)?;
    let pending = stream.stream().edit_group(name, |group, _| group.delete_consumer(args.get(4))).flatten();
    cx.reply.integer(pending.unwrap_or(0) as i64);
    if pending.is_some() {
        changed_groups(cx, key, DELCONSUMER);
    }
    Ok(())
}

/// XGROUP HELP
pub(super) fn help(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.help(
        "XGROUP",
        &[
            (
                "CREATE <key> <groupname> <id|$> [MKSTREAM] [ENTRIESREAD <entries-read>]",
                "Make a group that reads from an entry on.",
            ),
            ("CREATECONSUMER <key> <groupname> <consumer>", "Make a consumer of a group."),
            ("DELCONSUMER <key> <groupname> <consumer>", "Remove a consumer with what it has pending."),
            ("DESTROY <key> <groupname>", "Remove a group."),
            (
                "SETID <key> <groupname> <id|$> [ENTRIESREAD <entries-read>]",
                "Let a group read from another entry on.",
            ),
        ],
    );
    Ok(())
}

/// A change of groups: no entry has changed, so nobody who watches or caches the key is told.
pub(super) fn changed_groups(cx: &mut Ctx<'_>, key: &[u8], event: Event) {
    cx.db.store.dirty += 1;
    cx.notify(key, event);
}

/// The stream, which must be there and have the group.
fn with_group<'f>(found: &'f Found<'_>, key: &[u8], group: &[u8]) -> Result<&'f Stream, ReplyError> {
    let stream = found.typed::<Stream>()?.ok_or(error::XGROUP_KEY)?;
    stream.group(group).ok_or_else(|| error::no_group(key, group))?;
    Ok(stream)
}
