//! WAIT and WAITAOF: how many replicas, and whose append-only files, have the client's writes so far.
//!
//! No replica is connected yet that could confirm anything: whoever asks for one waits until its time has passed.

use crate::blocking::{Deadline, Wait};
use crate::command::Outcome;
use crate::context::Ctx;
use crate::persistence::aof::{self, Stage};
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;

/// WAIT numreplicas timeout
pub(super) fn wait(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let replicas = integer(args.get(1))?;
    let deadline = Deadline::in_milliseconds(&cx.server.clock, args.get(2))?;
    if replicas > 0 && cx.may_block() {
        cx.block(args, Wait::Replicas, deadline);
    } else {
        cx.reply.integer(0);
    }
    Ok(())
}

/// WAITAOF numlocal numreplicas timeout
pub(super) fn waitaof(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let local = integer(args.get(1))?;
    if !(0..=1).contains(&local) {
        return Err(error::out_of_range(0, 1));
    }
    let replicas = parse_i64(args.get(2)).filter(|count| *count >= 0).ok_or(error::NOT_POSITIVE)?;
    let deadline = Deadline::in_milliseconds(&cx.server.clock, args.get(3))?;
    if local > 0 && !cx.server.config.appendonly {
        return Err(error::WAIT_FOR_DISABLED_AOF);
    }
    let is_enough = replicas == 0 && (local == 0 || is_on_disk(cx));
    if !is_enough && cx.may_block() {
        let (token, id, until) = (cx.client.token, cx.client.id, cx.client.written_to);
        if replicas == 0 {
            aof::hold::wait(cx.server, token, id, until);
        }
        cx.block(args, Wait::Disk, deadline);
    } else {
        reply_confirmations(cx);
    }
    Ok(())
}

/// Whether all that the client wrote is on disk here.
fn is_on_disk(cx: &Ctx<'_>) -> bool {
    let aof = &cx.server.persistence.aof;
    aof.stage() == Stage::On && aof.synced() >= cx.client.written_to
}

/// Replies what of WAITAOF's wishes holds now.
pub(crate) fn reply_confirmations(cx: &mut Ctx<'_>) {
    let local = is_on_disk(cx);
    cx.reply.array(2);
    cx.reply.integer(local.into());
    cx.reply.integer(0);
}

fn integer(text: &[u8]) -> Result<i64, ReplyError> {
    parse_i64(text).ok_or(error::NOT_AN_INTEGER)
}
