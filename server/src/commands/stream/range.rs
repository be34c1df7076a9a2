//! XLEN, XRANGE and XREVRANGE, and how entries are replied.

use super::id;
use crate::command::Outcome;
use crate::context::{Ctx, OutputLimit, bulk_item};
use rufous_protocol::error;
use rufous_protocol::number::parse_i64;
use rufous_protocol::reply::Reply;
use rufous_protocol::request::Args;
use rufous_storage::types::stream::{Entry, Stream, StreamId};

/// XLEN key
pub(super) fn xlen(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let len = cx.db.typed::<Stream>(args.get(1))?.map_or(0, |stream| stream.log().len());
    cx.reply.integer(len as i64);
    Ok(())
}

/// XRANGE key start end \[COUNT count\]
pub(super) fn xrange(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    range(cx, args, false)
}

/// XREVRANGE key end start \[COUNT count\]
pub(super) fn xrevrange(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    range(cx, args, true)
}

fn range(cx: &mut Ctx<'_>, args: Args<'_>, backwards: bool) -> Outcome {
    let (start, end) = if backwards { (3, 2) } else { (2, 3) };
    let (start, end) = (id::start(args.get(start))?, id::end(args.get(end))?);
    let mut count = usize::MAX;
    let mut rest = args.from(4);
    while let Some(option) = rest.find(0) {
        if !option.eq_ignore_ascii_case(b"count") {
            return Err(error::SYNTAX);
        }
        let given = parse_i64(rest.find(1).ok_or(error::SYNTAX)?).ok_or(error::NOT_AN_INTEGER)?;
        count = usize::try_from(given).unwrap_or(0);
        rest = rest.from(2);
    }
    let limit = cx.output_limit();
    let Some(stream) = cx.db.typed::<Stream>(args.get(1))? else {
        cx.reply.array(0);
        return Ok(());
    };
    if count == 0 {
        cx.reply.null_array();
    } else if backwards {
        reply_entries(&mut cx.reply, limit, stream.log().range_back(start, end).take(count), |_| ());
    } else {
        reply_entries(&mut cx.reply, limit, stream.log().range(start, end).take(count), |_| ());
    }
    Ok(())
}

/// Replies entries as an array and shows their IDs; stops past the output limit, as the client is closed then.
#[inline]
pub(super) fn reply_entries<'a>(
    reply: &mut Reply<'_>,
    limit: OutputLimit<'_>,
    entries: impl Iterator<Item = Entry<'a>>,
    mut seen: impl FnMut(StreamId),
) {
    let (mark, mut count) = (reply.defer(), 0);
    for entry in entries {
        seen(entry.id);
        reply_entry(reply, entry);
        count += 1;
        if limit.is_passed(reply.out) {
            break;
        }
    }
    reply.set_array(mark, count);
}

/// Replies an entry: its ID, its fields and values.
#[inline]
pub(super) fn reply_entry(reply: &mut Reply<'_>, entry: Entry<'_>) {
    reply.array(2);
    id::reply(reply, entry.id);
    reply.array(2 * entry.len());
    for (name, value) in entry.fields() {
        bulk_item(reply, name);
        bulk_item(reply, value);
    }
}
