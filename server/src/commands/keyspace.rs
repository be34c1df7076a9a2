//! Commands about whole databases: DBSIZE, FLUSHALL, FLUSHDB, SWAPDB.

use crate::command::{Category, Command, Flags, Group, Outcome};
use crate::context::Ctx;
use crate::persistence::snapshot;
use crate::transaction;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use rufous_storage::{Garbage, memory};
use std::ops::Range;

const FLUSH_TIPS: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

/// Commands about whole databases.
pub const ROWS: &[Command] = &[
    Command::new("dbsize", dbsize, 1, Flags::READONLY.union(Flags::FAST), Group::Server)
        .acl(Category::KEYSPACE)
        .docs("1.0.0", "O(1)", "Counts the keys of the database.", "")
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"]),
    Command::new("flushall", flushall, -1, Flags::WRITE, Group::Server)
        .acl(Category::KEYSPACE.union(Category::DANGEROUS))
        .docs(
            "1.0.0",
            "O(N) where N is the number of keys in all databases",
            "Empties all databases.",
            "[ASYNC@4.0.0 | SYNC@6.2.0]:flush-type",
        )
        .history(&[("4.0.0", "Takes ASYNC."), ("6.2.0", "Takes SYNC.")])
        .tips(FLUSH_TIPS),
    Command::new("flushdb", flushdb, -1, Flags::WRITE, Group::Server)
        .acl(Category::KEYSPACE.union(Category::DANGEROUS))
        .docs(
            "1.0.0",
            "O(N) where N is the number of keys in the database",
            "Empties the selected database.",
            "[ASYNC@4.0.0 | SYNC@6.2.0]:flush-type",
        )
        .history(&[("4.0.0", "Takes ASYNC."), ("6.2.0", "Takes SYNC.")])
        .tips(FLUSH_TIPS),
    Command::new("swapdb", swapdb, 3, Flags::WRITE.union(Flags::FAST), Group::Server)
        .acl(Category::KEYSPACE.union(Category::DANGEROUS))
        .docs(
            "4.0.0",
            "O(N) where N is the number of clients that watch or wait for keys of the two databases",
            "Exchanges the contents of two databases.",
            "index1:integer index2:integer",
        ),
];

/// DBSIZE
fn dbsize(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let keys = cx.db.db().len();
    cx.reply.integer(keys as i64);
    Ok(())
}

/// FLUSHALL [ASYNC | SYNC]
fn flushall(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let lazy = parse_flush(cx, args)?;
    empty(cx, 0..cx.db.store.keyspace.count(), lazy);
    // What was is not to come back by a restart, nor by a snapshot that began before.
    snapshot::stop(cx.db.store, cx.server);
    if !cx.server.config.save.is_empty() {
        // Why it failed is in the log, and in the replies to what is written next.
        let _ = snapshot::save(cx.db.store, cx.server);
    }
    // Even if nothing was there: a copy may hold keys that are hidden here.
    cx.propagate_anyway();
    cx.reply.ok();
    Ok(())
}

/// FLUSHDB [ASYNC | SYNC]
fn flushdb(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let lazy = parse_flush(cx, args)?;
    empty(cx, cx.db.index..cx.db.index + 1, lazy);
    cx.propagate_anyway();
    cx.reply.ok();
    Ok(())
}

/// Whether to free in the background.
fn parse_flush(cx: &Ctx<'_>, args: Args<'_>) -> Result<bool, ReplyError> {
    match args.find(1) {
        None => Ok(cx.server.config.lazyfree_lazy_user_flush),
        Some(mode) if args.len() == 2 && mode.eq_ignore_ascii_case(b"async") => Ok(true),
        Some(mode) if args.len() == 2 && mode.eq_ignore_ascii_case(b"sync") => Ok(false),
        Some(_) => Err(error::SYNTAX),
    }
}

/// Removes all keys of some databases, with all that follows but a reply.
pub fn empty(cx: &mut Ctx<'_>, dbs: Range<usize>, lazy: bool) {
    let store = &mut *cx.db.store;
    let mut garbage = Garbage::default();
    for index in dbs {
        transaction::touch_db(cx.server, cx.client, &store.keyspace, cx.db.now, index, None);
        cx.server.blocking.signal_all(index);
        garbage.merge(store.keyspace.db_mut(index).clear());
    }
    store.effects.flushed();
    let keys = garbage.len() as u64;
    store.dirty += keys;
    if lazy {
        store.lazyfree.send(garbage, keys);
    } else {
        drop(garbage);
        // Nothing else may happen for a long time that gives the pages back.
        memory::purge();
    }
}

/// SWAPDB index1 index2
fn swapdb(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    if cx.server.config.cluster_enabled {
        return Err(error::SWAPDB_IN_CLUSTER);
    }
    let first = parse_i32(args.get(1)).map_err(|_| error::DB_INDEX_FIRST)?;
    let second = parse_i32(args.get(2)).map_err(|_| error::DB_INDEX_SECOND)?;
    let (first, second) = (existing_db(cx, first)?, existing_db(cx, second)?);

    let store = &mut *cx.db.store;
    if first != second {
        for (db, replaced_by) in [(first, second), (second, first)] {
            let replaced_by = Some(replaced_by);
            transaction::touch_db(cx.server, cx.client, &store.keyspace, cx.db.now, db, replaced_by);
            cx.server.blocking.signal_all(db);
        }
        store.keyspace.swap(first, second);
    }
    store.dirty += 1;
    cx.reply.ok();
    Ok(())
}

/// A database that exists, named by its number.
pub fn parse_db(cx: &Ctx<'_>, text: &[u8]) -> Result<usize, ReplyError> {
    existing_db(cx, parse_i32(text)?)
}

/// An integer of 32 bits.
pub fn parse_i32(text: &[u8]) -> Result<i32, ReplyError> {
    let number = parse_i64(text).ok_or(error::NOT_AN_INTEGER)?;
    i32::try_from(number).map_err(|_| error::out_of_range(i64::from(i32::MIN), i64::from(i32::MAX)))
}

/// The database of this number, if there are that many.
pub fn existing_db(cx: &Ctx<'_>, number: i32) -> Result<usize, ReplyError> {
    let index = usize::try_from(number).ok().filter(|index| *index < cx.db.store.keyspace.count());
    index.ok_or(error::DB_INDEX_OUT_OF_RANGE)
}
