//! Taking values to other names and databases: COPY, MOVE, RENAME, RENAMENX.
//!
//! A value that arrives somewhere counts as new there: it carries a fresh access mark, and `new` is the first event.

use crate::command::Outcome;
use crate::commands::keyspace::parse_db;
use crate::context::Ctx;
use crate::effects::Event;
use crate::notify::Class;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::request::Args;
use rufous_storage::Removed;

const COPY_TO: Event = Event::new(Class::GENERIC, "copy_to");
const MOVE_FROM: Event = Event::new(Class::GENERIC, "move_from");
const MOVE_TO: Event = Event::new(Class::GENERIC, "move_to");
const RENAME_FROM: Event = Event::new(Class::GENERIC, "rename_from");
const RENAME_TO: Event = Event::new(Class::GENERIC, "rename_to");

/// RENAME key newkey
pub(super) fn rename(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    rename_key(cx, args.get(1), args.get(2), true)?;
    cx.reply.ok();
    Ok(())
}

/// RENAMENX key newkey
pub(super) fn renamenx(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let renamed = rename_key(cx, args.get(1), args.get(2), false)?;
    cx.reply.integer(i64::from(renamed));
    Ok(())
}

/// Frees what a value was put over, as `lazyfree-lazy-server-del` says.
fn free(cx: &mut Ctx<'_>, replaced: Option<Removed>) {
    match replaced {
        Some(removed) if cx.server.config.lazyfree_lazy_server_del => cx.db.store.lazyfree.free(removed),
        other => drop(other),
    }
}

/// Whether the key got its new name.
fn rename_key(cx: &mut Ctx<'_>, from: &[u8], to: &[u8], replace: bool) -> Result<bool, ReplyError> {
    if !cx.db.contains(from) {
        return Err(error::NO_SUCH_KEY);
    }
    if from == to {
        return Ok(false);
    }
    if cx.db.contains(to) && !replace {
        return Ok(false);
    }
    let replaced = cx.db.db().rename(from, to);
    free(cx, replaced);
    cx.db.arrived(to);
    let index = cx.db.index;
    let effects = &mut cx.db.store.effects;
    effects.changed(index, from);
    effects.changed(index, to);
    effects.event(index, from, RENAME_FROM);
    effects.event(index, to, RENAME_TO);
    cx.db.store.dirty += 1;
    Ok(true)
}

/// MOVE key db
pub(super) fn move_key(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    if cx.server.config.cluster_enabled {
        return Err(error::MOVE_IN_CLUSTER);
    }
    let (key, from) = (args.get(1), cx.db.index);
    let to = parse_db(cx, args.get(2))?;
    if to == from {
        return Err(error::SAME_OBJECT);
    }
    let moves = cx.db.contains(key) && !cx.db.at(to).contains(key);
    if moves {
        let replaced = cx.db.store.keyspace.move_key(key, from, to);
        free(cx, replaced);
        cx.db.at(to).arrived(key);
        let effects = &mut cx.db.store.effects;
        effects.changed(from, key);
        effects.changed(to, key);
        effects.event(from, key, MOVE_FROM);
        effects.event(to, key, MOVE_TO);
        cx.db.store.dirty += 1;
    }
    cx.reply.integer(i64::from(moves));
    Ok(())
}

/// COPY source destination [DB destination-db] [REPLACE]
pub(super) fn copy(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (source, destination, from) = (args.get(1), args.get(2), cx.db.index);
    let (mut to, mut replace) = (from, false);
    let mut options = args.from(3);
    while let Some(option) = options.find(0) {
        if option.eq_ignore_ascii_case(b"replace") {
            replace = true;
            options = options.from(1);
        } else if option.eq_ignore_ascii_case(b"db") && options.len() > 1 {
            to = parse_db(cx, options.get(1))?;
            options = options.from(2);
        } else {
            return Err(error::SYNTAX);
        }
    }
    if cx.server.config.cluster_enabled && (from != 0 || to != 0) {
        return Err(error::COPY_IN_CLUSTER);
    }
    if from == to && source == destination {
        return Err(error::SAME_OBJECT);
    }

    if cx.db.read(source).is_none() || (cx.db.at(to).contains(destination) && !replace) {
        cx.reply.integer(0);
        return Ok(());
    }
    let replaced = cx.db.store.keyspace.copy_key(from, source, to, destination);
    free(cx, replaced);
    cx.db.at(to).arrived(destination);
    cx.db.store.effects.changed(to, destination);
    cx.db.store.effects.event(to, destination, COPY_TO);
    cx.db.store.dirty += 1;
    cx.reply.integer(1);
    Ok(())
}
