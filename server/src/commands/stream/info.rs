//! XINFO: what a stream, its groups and their consumers look like.

use super::id;
use super::range::{reply_entries, reply_entry};
use crate::command::Outcome;
use crate::context::{Ctx, OutputLimit};
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::reply::Reply;
use rufous_protocol::request::Args;
use rufous_storage::types::stream::{Consumer, Group, Log, Named, Stream, StreamId};

/// What FULL shows of entries and of pending entries, unless told.
const COUNT_DEFAULT: usize = 10;

/// XINFO STREAM key \[FULL \[COUNT count\]\]
pub(super) fn stream(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let limit = cx.output_limit();
    // A key that is not there comes before options that are wrong.
    if cx.db.typed::<Stream>(args.get(2))?.is_none() {
        return Err(error::NO_SUCH_KEY);
    }
    let count = full_count(cx, args)?;
    let Some(stream) = cx.db.peek(args.get(2)).and_then(|entry| entry.typed::<Stream>()) else {
        return Err(error::NO_SUCH_KEY);
    };
    let reply = &mut cx.reply;
    reply.map(if count.is_some() { 9 } else { 10 });
    reply_log(reply, stream.log());
    match count {
        None => reply_ends(reply, stream),
        Some(count) => reply_full(reply, limit, stream, count),
    }
    Ok(())
}

/// How much FULL shows of everything; `None` without FULL.
fn full_count(cx: &Ctx<'_>, args: Args<'_>) -> Result<Option<usize>, ReplyError> {
    let is = |at: usize, word: &str| args.get(at).eq_ignore_ascii_case(word.as_bytes());
    match args.len() {
        3 => Ok(None),
        4 if is(3, "full") => Ok(Some(COUNT_DEFAULT)),
        6 if is(3, "full") && is(4, "count") => {
            let count = parse_i64(args.get(5)).ok_or(error::NOT_AN_INTEGER)?;
            Ok(Some(match usize::try_from(count) {
                Ok(0) => usize::MAX,
                Ok(count) => count,
                Err(_) => COUNT_DEFAULT,
            }))
        }
        _ => Err(cx.subcommand_syntax(args)),
    }
}

fn reply_log(reply: &mut Reply<'_>, log: &Log) {
    // The tree's own nodes and its leaves, as the nodes of a radix tree would be counted.
    let (leaves, nodes) = log.node_counts();
    field(reply, "length", |reply| reply.integer(log.len() as i64));
    field(reply, "radix-tree-keys", |reply| reply.integer(leaves as i64));
    field(reply, "radix-tree-nodes", |reply| reply.integer((nodes.max(1) + leaves) as i64));
    field(reply, "last-generated-id", |reply| id::reply(reply, log.last_id()));
    field(reply, "max-deleted-entry-id", |reply| id::reply(reply, log.max_deleted_id()));
    field(reply, "entries-added", |reply| reply.integer(log.entries_added() as i64));
    field(reply, "recorded-first-entry-id", |reply| id::reply(reply, log.first_id().unwrap_or_default()));
}

fn reply_ends(reply: &mut Reply<'_>, stream: &Stream) {
    field(reply, "groups", |reply| reply.integer(stream.groups().len() as i64));
    let log = stream.log();
    let first = log.range(StreamId::MIN, StreamId::MAX).next();
    let last = log.range_back(StreamId::MIN, StreamId::MAX).next();
    for (name, entry) in [("first-entry", first), ("last-entry", last)] {
        field(reply, name, |reply| match entry {
            Some(entry) => reply_entry(reply, entry),
            None => reply.null(),
        });
    }
}

fn reply_full(reply: &mut Reply<'_>, limit: OutputLimit<'_>, stream: &Stream, count: usize) {
    let entries = stream.log().range(StreamId::MIN, StreamId::MAX).take(count);
    field(reply, "entries", |reply| reply_entries(reply, limit, entries, |_| ()));
    field(reply, "groups", |reply| {
        reply.array(stream.groups().len());
        for group in stream.groups().iter() {
            reply.map(7);
            reply_group_name(reply, group);
            field(reply, "last-delivered-id", |reply| id::reply(reply, group.last_id));
            reply_progress(reply, group, stream.log());
            field(reply, "pel-count", |reply| reply.integer(group.pending().len() as i64));
            field(reply, "pending", |reply| reply_pending(reply, group, count));
            field(reply, "consumers", |reply| {
                reply.array(group.consumers().len());
                group.consumers().iter().for_each(|consumer| reply_consumer(reply, group, consumer, count));
            });
        }
    });
}

fn reply_pending(reply: &mut Reply<'_>, group: &Group, count: usize) {
    reply.array(group.pending().len().min(count));
    for (id, pending) in group.pending().iter().take(count) {
        reply.array(4);
        id::reply(reply, id);
        reply.bulk(&pending.consumer);
        reply.integer(pending.delivered_ms);
        reply.integer(pending.deliveries as i64);
    }
}

fn reply_consumer(reply: &mut Reply<'_>, group: &Group, consumer: &Consumer, count: usize) {
    reply.map(5);
    field(reply, "name", |reply| reply.bulk(consumer.name()));
    field(reply, "seen-time", |reply| reply.integer(consumer.seen_ms));
    field(reply, "active-time", |reply| reply.integer(consumer.active_ms.unwrap_or(-1)));
    field(reply, "pel-count", |reply| reply.integer(consumer.pending().len() as i64));
    field(reply, "pending", |reply| {
        reply.array(consumer.pending().len().min(count));
        for (id, ()) in consumer.pending().iter().take(count) {
            let pending = group.pending().get(id).expect("what a consumer has pending, the group has");
            reply.array(3);
            id::reply(reply, id);
            reply.integer(pending.delivered_ms);
            reply.integer(pending.deliveries as i64);
        }
    });
}

/// XINFO GROUPS key
pub(super) fn groups(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let stream = cx.db.typed::<Stream>(args.get(2))?.ok_or(error::NO_SUCH_KEY)?;
    let reply = &mut cx.reply;
    reply.array(stream.groups().len());
    for group in stream.groups().iter() {
        reply.map(6);
        reply_group_name(reply, group);
        field(reply, "consumers", |reply| reply.integer(group.consumers().len() as i64));
        field(reply, "pending", |reply| reply.integer(group.pending().len() as i64));
        field(reply, "last-delivered-id", |reply| id::reply(reply, group.last_id));
        reply_progress(reply, group, stream.log());
    }
    Ok(())
}

/// XINFO CONSUMERS key group
pub(super) fn consumers(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, name, now) = (args.get(2), args.get(3), cx.now());
    let stream = cx.db.typed::<Stream>(key)?.ok_or(error::NO_SUCH_KEY)?;
    let group = stream.group(name).ok_or_else(|| error::no_group(key, name))?;
    let reply = &mut cx.reply;
    reply.array(group.consumers().len());
    for consumer in group.consumers().iter() {
        reply.map(4);
        field(reply, "name", |reply| reply.bulk(consumer.name()));
        field(reply, "pending", |reply| reply.integer(consumer.pending().len() as i64));
        field(reply, "idle", |reply| reply.integer(now.saturating_sub(consumer.seen_ms).max(0)));
        let inactive = consumer.active_ms.map_or(-1, |active| now.saturating_sub(active));
        field(reply, "inactive", |reply| reply.integer(inactive));
    }
    Ok(())
}

/// XINFO HELP
pub(super) fn help(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.help(
        "XINFO",
        &[
            ("CONSUMERS <key> <groupname>", "List the consumers of a group."),
            ("GROUPS <key>", "List the groups of a stream."),
            ("STREAM <key> [FULL [COUNT <count>]]", "Describe a stream."),
        ],
    );
    Ok(())
}

fn reply_group_name(reply: &mut Reply<'_>, group: &Group) {
    field(reply, "name", |reply| reply.bulk(group.name()));
}

fn reply_progress(reply: &mut Reply<'_>, group: &Group, log: &Log) {
    let number = |reply: &mut Reply<'_>, number: Option<i64>| match number {
        Some(number) => reply.integer(number),
        None => reply.null(),
    };
    field(reply, "entries-read", |reply| number(reply, group.entries_read.map(|read| read as i64)));
    field(reply, "lag", |reply| number(reply, group.lag(log)));
}

fn field(reply: &mut Reply<'_>, name: &str, value: impl FnOnce(&mut Reply<'_>)) {
    reply.bulk(name.as_bytes());
    value(reply);
}
