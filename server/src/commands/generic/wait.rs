//! WAIT and WAITAOF: how many replicas, and whose append-only files, have the client's writes so far.
//!
//! Nothing is connected yet that could confirm anything, and no append-only file is written: whoever asks for a
//! confirmation waits until its time has passed.

use crate::blocking::{Deadline, Wait};
use crate::command::Outcome;
use crate::context::Ctx;
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
    if (local > 0 || replicas > 0) && cx.may_block() {
        cx.block(args, Wait::Disk, deadline);
    } else {
        cx.reply.array(2);
        cx.reply.integer(0);
        cx.reply.integer(0);
    }
    Ok(())
}

fn integer(text: &[u8]) -> Result<i64, ReplyError> {
    parse_i64(text).ok_or(error::NOT_AN_INTEGER)
}
