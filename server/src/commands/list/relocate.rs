//! Moving an element from list to list: LMOVE, RPOPLPUSH, and BLMOVE, BRPOPLPUSH, which wait.

use super::pop::popped;
use super::{end_of, first_of, pushed, take_out, taken_out};
use crate::blocking::{Deadline, Until};
use crate::command::Outcome;
use crate::context::Ctx;
use crate::words;
use rufous_protocol::error::ReplyError;
use rufous_protocol::request::Args;
use rufous_storage::Kind;
use rufous_storage::types::list::{End, List};

/// LMOVE source destination LEFT|RIGHT LEFT|RIGHT
pub(super) fn lmove(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (from, to) = (end_of(args.get(3))?, end_of(args.get(4))?);
    move_element(cx, args, from, to)?;
    Ok(())
}

/// RPOPLPUSH source destination
pub(super) fn rpoplpush(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    move_element(cx, args, End::Tail, End::Head)?;
    Ok(())
}

/// BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout
pub(super) fn blmove(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (from, to) = (end_of(args.get(3))?, end_of(args.get(4))?);
    let deadline = Deadline::in_seconds(&cx.server.clock, args.get(5))?;
    if move_or_wait(cx, args, from, to, deadline)? {
        cx.propagate_as(words![b"LMOVE", args.get(1), args.get(2), args.get(3), args.get(4)]);
    }
    Ok(())
}

/// BRPOPLPUSH source destination timeout
pub(super) fn brpoplpush(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let deadline = Deadline::in_seconds(&cx.server.clock, args.get(3))?;
    if move_or_wait(cx, args, End::Tail, End::Head, deadline)? {
        cx.propagate_as(words![b"RPOPLPUSH", args.get(1), args.get(2)]);
    }
    Ok(())
}

/// True if an element was moved.
fn move_or_wait(
    cx: &mut Ctx<'_>,
    args: Args<'_>,
    from: End,
    to: End,
    deadline: Deadline,
) -> Result<bool, ReplyError> {
    let source = args.get(1);
    if cx.may_block() && cx.db.write(source).typed::<List>()?.is_none() {
        cx.block_on_keys(args, [source], Until::Holds(Kind::List), deadline);
        return Ok(false);
    }
    move_element(cx, args, from, to)
}

/// True if there was an element to move.
fn move_element(cx: &mut Ctx<'_>, args: Args<'_>, from: End, to: End) -> Result<bool, ReplyError> {
    let (source, destination) = (args.get(1), args.get(2));
    let found = cx.db.write(source);
    let Some(list) = found.typed::<List>()? else {
        cx.reply.null();
        return Ok(false);
    };
    let mut buffer = itoa::Buffer::new();
    let element = list.end(from).as_bytes(&mut buffer).to_vec();
    let start = first_of(list, from, 1);
    if source == destination {
        if let Some(mut list) = found.edit::<List>()? {
            list.rotate(from, to);
        }
        cx.changed(source, pushed(to), 0);
        cx.changed(source, popped(from), 1);
    } else {
        cx.db.write(destination).edit_or_new::<List>()?.push(to, &[&element]);
        cx.changed(destination, pushed(to), 0);
        let taken = take_out(cx.db.write(source), start, 1)?;
        taken_out(cx, source, popped(from), 1, taken);
    }
    cx.reply.bulk(&element);
    Ok(true)
}
