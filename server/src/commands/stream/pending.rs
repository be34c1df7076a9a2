//! XACK, XACKDEL and XPENDING.

use super::delete::{XDEL, ids_and_references, reply_absent, reply_deletion};
use super::id;
use super::trim::{propagate_forgotten, propagate_ids};
use crate::command::Outcome;
use crate::context::Ctx;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::reply::Reply;
use rufous_protocol::request::Args;
use rufous_storage::types::stream::{Consumer, Deletion, Group, Named, References, Stream, StreamId};

/// XACK key group id \[id ...\]
pub(super) fn xack(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, group) = (args.get(1), args.get(2));
    let found = cx.db.write(key);
    if found.typed::<Stream>()?.is_none_or(|stream| stream.group(group).is_none()) {
        cx.reply.integer(0);
        return Ok(());
    }
    let ids = id::all(args.from(3))?;
    let Some(mut stream) = found.edit::<Stream>()? else { return Ok(()) };
    let acknowledged = stream
        .stream()
        .edit_group(group, |group, _| ids.iter().filter(|id| group.acknowledge(**id)).count())
        .unwrap_or(0);
    cx.reply.integer(acknowledged as i64);
    cx.db.store.dirty += acknowledged as u64;
    Ok(())
}

/// XACKDEL key group \[KEEPREF|DELREF|ACKED\] IDS numids id \[id ...\]
pub(super) fn xackdel(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (ids, references) = ids_and_references(args.from(3))?;
    let (key, group) = (args.get(1), args.get(2));
    let found = cx.db.write(key);
    if found.typed::<Stream>()?.is_none_or(|stream| stream.group(group).is_none()) {
        reply_absent(&mut cx.reply, ids.len());
        return Ok(());
    }
    let ids = id::all(ids)?;
    let Some(mut stream) = found.edit::<Stream>()? else { return Ok(()) };
    let stream = stream.stream();
    cx.reply.array(ids.len());
    let (mut acknowledged, mut deleted) = (Vec::new(), Vec::new());
    for id in ids {
        if stream.edit_group(group, |group, _| group.acknowledge(id)) != Some(true) {
            reply_deletion(&mut cx.reply, Deletion::Absent);
            continue;
        }
        acknowledged.push(id);
        let deletion = stream.delete(id, references);
        if deletion == Deletion::Done {
            deleted.push(id);
        }
        // What was acknowledged counts as done with even if somebody else had deleted it.
        reply_deletion(&mut cx.reply, if deletion == Deletion::Refused { deletion } else { Deletion::Done });
    }
    let forgotten = if references == References::Remove { stream.forget(&acknowledged) } else { Vec::new() };
    match acknowledged.len() as u64 {
        count if deleted.is_empty() => cx.db.store.dirty += count,
        count => cx.changed(key, XDEL, count),
    }
    propagate_ids(cx, &[b"XACK", key, group], &acknowledged);
    propagate_ids(cx, &[b"XDEL", key], &deleted);
    propagate_forgotten(cx, key, &forgotten);
    Ok(())
}

/// Which pending entries XPENDING shows.
struct Filter<'a> {
    min_idle_ms: i64,
    start: StreamId,
    end: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    /// `[IDLE min-idle-time] start end count [consumer]`
    fn parse(args: Args<'a>) -> Result<Filter<'a>, ReplyError> {
        let integer = |text| parse_i64(text).ok_or(error::NOT_AN_INTEGER);
        let (mut rest, mut min_idle_ms) = (args, 0);
        if args.get(0).eq_ignore_ascii_case(b"idle") {
            min_idle_ms = integer(args.get(1))?;
            rest = args.from(2);
            if rest.len() < 3 {
                return Err(error::SYNTAX);
            }
        }
        let count = usize::try_from(integer(rest.get(2))?).unwrap_or(0);
        let (start, end) = (id::start(rest.get(0))?, id::end(rest.get(1))?);
        Ok(Filter { min_idle_ms, start, end, count, consumer: rest.find(3) })
    }
}

/// XPENDING key group \[\[IDLE min-idle-time\] start end count \[consumer\]\]
pub(super) fn xpending(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let filter = match args.len() {
        3 => None,
        6..=9 => Some(Filter::parse(args.from(3))?),
        _ => return Err(error::SYNTAX),
    };
    let (key, name) = (args.get(1), args.get(2));
    let now = cx.now();
    let stream = cx.db.typed::<Stream>(key)?;
    let group = stream.and_then(|stream| stream.group(name));
    let group = group.ok_or_else(|| error::no_key_or_group(key, name))?;
    let reply = &mut cx.reply;
    match filter {
        None => reply_summary(reply, group),
        Some(filter) => reply_pending(reply, group, &filter, now),
    }
    Ok(())
}

fn reply_summary(reply: &mut Reply<'_>, group: &Group) {
    let pending = group.pending();
    reply.array(4);
    reply.integer(pending.len() as i64);
    let (Some(first), Some(last)) = (pending.first(), pending.last()) else {
        reply.null();
        reply.null();
        return reply.null_array();
    };
    id::reply(reply, first);
    id::reply(reply, last);
    let (mark, mut count) = (reply.defer(), 0);
    for consumer in group.consumers().iter().filter(|consumer| !consumer.pending().is_empty()) {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_from_int(consumer.pending().len() as i64);
        count += 1;
    }
    reply.set_array(mark, count);
}

fn reply_pending(reply: &mut Reply<'_>, group: &Group, filter: &Filter<'_>, now: i64) {
    let consumer: Option<&Consumer> = match filter.consumer {
        None => None,
        Some(name) => match group.consumers().get(name) {
            Some(consumer) => Some(consumer),
            None => return reply.array(0),
        },
    };
    let of_consumer = consumer.map(|consumer| {
        let ids = consumer.pending().iter_from(filter.start);
        ids.filter_map(|(id, ())| Some((id, group.pending().get(id)?)))
    });
    let of_group = consumer.is_none().then(|| group.pending().iter_from(filter.start));
    let entries = of_consumer.into_iter().flatten().chain(of_group.into_iter().flatten());
    let (mark, mut count) = (reply.defer(), 0);
    for (id, pending) in entries.take_while(|(id, _)| *id <= filter.end) {
        if count == filter.count {
            break;
        }
        let idle = now.saturating_sub(pending.delivered_ms);
        if filter.min_idle_ms != 0 && idle < filter.min_idle_ms {
            continue;
        }
        count += 1;
        reply.array(4);
        id::reply(reply, id);
        reply.bulk(&pending.consumer);
        reply.integer(idle.max(0));
        reply.integer(pending.deliveries as i64);
    }
    reply.set_array(mark, count);
}
