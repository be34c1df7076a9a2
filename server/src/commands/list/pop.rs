//! Popping: LPOP, RPOP, LMPOP, and BLPOP, BRPOP, BLMPOP, which wait.

use super::read::reply_elements;
use super::{end_of, first_of, take_out, taken_out};
use crate::blocking::{Deadline, Until};
use crate::command::Outcome;
use crate::context::{Ctx, bulk_value};
use crate::effects::Event;
use crate::notify::Class;
use crate::words;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use rufous_storage::Kind;
use rufous_storage::types::list::{End, List};

/// LPOP key \[count\]
pub(super) fn lpop(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    pop(cx, args, End::Head)
}

/// RPOP key \[count\]
pub(super) fn rpop(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    pop(cx, args, End::Tail)
}

/// LMPOP numkeys key \[key ...\] LEFT|RIGHT \[COUNT count\]
pub(super) fn lmpop(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let pops = Pops::parse(args.from(1))?;
    if !pops.run(cx)? {
        cx.reply.null_array();
    }
    Ok(())
}

/// BLMPOP timeout numkeys key \[key ...\] LEFT|RIGHT \[COUNT count\]
pub(super) fn blmpop(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let pops = Pops::parse(args.from(2))?;
    let deadline = Deadline::in_seconds(&cx.server.clock, args.get(1))?;
    if pops.run(cx)? {
        return Ok(());
    }
    wait(cx, args, pops.keys, deadline)
}

/// BLPOP key \[key ...\] timeout
pub(super) fn blpop(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    pop_or_wait(cx, args, End::Head)
}

/// BRPOP key \[key ...\] timeout
pub(super) fn brpop(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    pop_or_wait(cx, args, End::Tail)
}

fn pop(cx: &mut Ctx<'_>, args: Args<'_>, end: End) -> Outcome {
    match args.len() {
        2 => pop_one(cx, args.get(1), end),
        3 => pop_some(cx, args, end),
        _ => Err(error::wrong_arity(cx.server.commands.full_name(cx.command))),
    }
}

fn pop_one(cx: &mut Ctx<'_>, key: &[u8], end: End) -> Outcome {
    let found = cx.db.write(key);
    let Some(list) = found.typed::<List>()? else {
        cx.reply.null();
        return Ok(());
    };
    bulk_value(&mut cx.reply, cx.refs, list.end(end));
    let start = first_of(list, end, 1);
    let taken = take_out(found, start, 1)?;
    taken_out(cx, key, popped(end), 1, taken);
    Ok(())
}

fn pop_some(cx: &mut Ctx<'_>, args: Args<'_>, end: End) -> Outcome {
    let (key, count) = (args.get(1), parse_i64(args.get(2)).and_then(|count| usize::try_from(count).ok()));
    let count = count.ok_or(error::NOT_POSITIVE)?;
    let Some(len) = cx.db.write(key).typed::<List>()?.map(|list| list.len()) else {
        cx.reply.null_array();
        return Ok(());
    };
    match count.min(len) {
        0 => cx.reply.array(0),
        count => reply_and_take_out(cx, key, end, count)?,
    }
    Ok(())
}

/// Pops elements, which are there, and replies them as an array.
fn reply_and_take_out(cx: &mut Ctx<'_>, key: &[u8], end: End, count: usize) -> Outcome {
    let limit = cx.output_limit();
    let found = cx.db.write(key);
    let Some(list) = found.typed::<List>()? else { return Ok(()) };
    match end {
        End::Head => reply_elements(&mut cx.reply, cx.refs, limit, list.elements(0), count),
        End::Tail => reply_elements(&mut cx.reply, cx.refs, limit, list.elements_back(list.len() - 1), count),
    }
    let start = first_of(list, end, count);
    let taken = take_out(found, start, count)?;
    taken_out(cx, key, popped(end), count, taken);
    Ok(())
}

fn pop_or_wait(cx: &mut Ctx<'_>, args: Args<'_>, end: End) -> Outcome {
    let timeout = args.len() - 1;
    let keys = args.to(timeout).from(1);
    let deadline = Deadline::in_seconds(&cx.server.clock, args.get(timeout))?;
    for key in keys.iter() {
        if cx.db.write(key).typed::<List>()?.is_some() {
            cx.reply.array(2);
            cx.reply.bulk(key);
            pop_one(cx, key, end)?;
            cx.propagate_as(words![pop_name(end), key]);
            return Ok(());
        }
    }
    wait(cx, args, keys, deadline)
}

fn wait(cx: &mut Ctx<'_>, args: Args<'_>, keys: Args<'_>, deadline: Deadline) -> Outcome {
    if cx.may_block() {
        cx.block_on_keys(args, keys, Until::Holds(Kind::List), deadline);
    } else {
        cx.reply.null_array();
    }
    Ok(())
}

/// What LMPOP and BLMPOP are to do.
struct Pops<'a> {
    keys: Args<'a>,
    end: End,
    count: usize,
}

impl<'a> Pops<'a> {
    /// Reads `numkeys key [key ...] LEFT|RIGHT [COUNT count]`.
    fn parse(args: Args<'a>) -> Result<Pops<'a>, ReplyError> {
        let at_least_one = |text, error| match parse_i64(text) {
            Some(value @ 1..) => Ok(usize::try_from(value).unwrap_or(usize::MAX)),
            _ => Err(error),
        };
        let numkeys = at_least_one(args.get(0), error::NUMKEYS_NOT_POSITIVE)?;
        let place = numkeys.saturating_add(1);
        let end = end_of(args.find(place).ok_or(error::SYNTAX)?)?;
        let count = match args.from(place + 1) {
            rest if rest.is_empty() => 1,
            rest if rest.get(0).eq_ignore_ascii_case(b"count") && rest.len() > 1 => {
                let count = at_least_one(rest.get(1), error::COUNT_NOT_POSITIVE)?;
                if rest.len() > 2 {
                    return Err(error::SYNTAX);
                }
                count
            }
            _ => return Err(error::SYNTAX),
        };
        Ok(Pops { keys: args.to(place).from(1), end, count })
    }

    /// Pops from the first list that is there, and replies its key and the elements. False if there is none.
    fn run(&self, cx: &mut Ctx<'_>) -> Result<bool, ReplyError> {
        for key in self.keys.iter() {
            if let Some(len) = cx.db.write(key).typed::<List>()?.map(|list| list.len()) {
                cx.reply.array(2);
                cx.reply.bulk(key);
                let count = self.count.min(len);
                reply_and_take_out(cx, key, self.end, count)?;
                cx.propagate_as(words![pop_name(self.end), key, count as i64]);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What pops at an end without waiting.
fn pop_name(end: End) -> &'static [u8] {
    if end == End::Head { b"LPOP" } else { b"RPOP" }
}

/// The event of a pop at an end.
pub(super) fn popped(end: End) -> Event {
    Event::new(Class::LIST, if end == End::Head { "lpop" } else { "rpop" })
}
