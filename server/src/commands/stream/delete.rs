//! XDEL and XDELEX.

use super::id;
use super::trim::{propagate_forgotten, propagate_ids, references};
use crate::command::Outcome;
use crate::context::Ctx;
use crate::effects::Event;
use crate::notify::Class;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::reply::Reply;
use rufous_protocol::request::Args;
use rufous_storage::types::stream::{Deletion, References, Stream};

pub(super) const XDEL: Event = Event::new(Class::STREAM, "xdel");

/// XDEL key id \[id ...\]
pub(super) fn xdel(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let key = args.get(1);
    let Some(mut stream) = cx.db.write(key).edit::<Stream>()? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let ids = id::all(args.from(2))?;
    let log = stream.stream().log_mut();
    let deleted = ids.into_iter().filter(|id| log.delete(*id)).count() as u64;
    cx.reply.integer(deleted as i64);
    if deleted > 0 {
        cx.changed(key, XDEL, deleted);
    }
    Ok(())
}

/// XDELEX key \[KEEPREF|DELREF|ACKED\] IDS numids id \[id ...\]
pub(super) fn xdelex(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (ids, references) = ids_and_references(args.from(2))?;
    let key = args.get(1);
    let found = cx.db.write(key);
    if found.typed::<Stream>()?.is_none() {
        reply_absent(&mut cx.reply, ids.len());
        return Ok(());
    }
    let ids = id::all(ids)?;
    let Some(mut stream) = found.edit::<Stream>()? else { return Ok(()) };
    let stream = stream.stream();
    cx.reply.array(ids.len());
    let mut deleted = Vec::new();
    for id in ids {
        let deletion = stream.delete(id, references);
        reply_deletion(&mut cx.reply, deletion);
        if deletion == Deletion::Done {
            deleted.push(id);
        }
    }
    let forgotten = if references == References::Remove { stream.forget(&deleted) } else { Vec::new() };
    if !deleted.is_empty() {
        cx.changed(key, XDEL, deleted.len() as u64);
        propagate_ids(cx, &[b"XDEL", key], &deleted);
        propagate_forgotten(cx, key, &forgotten);
    }
    Ok(())
}

/// Reads `[KEEPREF|DELREF|ACKED] IDS numids id ..`, in either order.
pub(super) fn ids_and_references(args: Args<'_>) -> Result<(Args<'_>, References), ReplyError> {
    let (mut ids, mut chosen) = (None, None);
    let mut rest = args;
    while let Some(word) = rest.find(0) {
        let taken = if word.eq_ignore_ascii_case(b"ids") && ids.is_none() {
            let taken = id::counted(rest)?;
            ids = Some(rest.to(taken).from(2));
            taken
        } else if let (Some(references), None) = (references(word), chosen) {
            chosen = Some(references);
            1
        } else {
            return Err(error::SYNTAX);
        };
        rest = rest.from(taken);
    }
    Ok((ids.ok_or(error::SYNTAX)?, chosen.unwrap_or_default()))
}

/// Replies that there is none of so many entries.
pub(super) fn reply_absent(reply: &mut Reply<'_>, count: usize) {
    reply.array(count);
    (0..count).for_each(|_| reply_deletion(reply, Deletion::Absent));
}

pub(super) fn reply_deletion(reply: &mut Reply<'_>, deletion: Deletion) {
    reply.integer(match deletion {
        Deletion::Absent => -1,
        Deletion::Done => 1,
        Deletion::Refused => 2,
    });
}
