//! Members from an end: ZPOPMIN, ZPOPMAX, ZMPOP, and those that wait for a member: BZPOPMIN, BZPOPMAX, BZMPOP.

use super::{Removal, elements_header};
use crate::blocking::{Deadline, Until};
use crate::command::Outcome;
use crate::commands::positive;
use crate::context::{Ctx, bulk_item};
use crate::effects::Event;
use crate::notify::Class;
use crate::words;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::reply::Resp;
use rufous_protocol::request::Args;
use rufous_storage::Kind;
use rufous_storage::types::sorted_set::{Direction, SortedSet, SortedSetMut};
use std::ops::Range;

/// Which end.
#[derive(Clone, Copy)]
enum End {
    Min,
    Max,
}

impl End {
    fn event(self) -> Event {
        Event::new(Class::SORTED_SET, if matches!(self, End::Min) { "zpopmin" } else { "zpopmax" })
    }

    /// What pops at this end without waiting.
    fn pop_name(self) -> &'static [u8] {
        if matches!(self, End::Min) { b"ZPOPMIN" } else { b"ZPOPMAX" }
    }

    /// The ranks of so many members, or of as many as there are, and the way to go through them.
    fn ranks(self, set: &SortedSetMut<'_>, count: usize) -> (Range<usize>, Direction) {
        let len = set.as_ref().len();
        match self {
            End::Min => (0..count.min(len), Direction::Ascending),
            End::Max => (len.saturating_sub(count)..len, Direction::Descending),
        }
    }
}

/// ZPOPMIN key \[count\]
pub(super) fn zpopmin(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    pop(cx, args, End::Min)
}

/// ZPOPMAX key \[count\]
pub(super) fn zpopmax(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    pop(cx, args, End::Max)
}

fn pop(cx: &mut Ctx<'_>, args: Args<'_>, end: End) -> Outcome {
    let key = args.get(1);
    let count = match args.find(2) {
        _ if args.len() > 3 => return Err(error::SYNTAX),
        Some(count) => Some(positive(count, error::NOT_POSITIVE)?),
        None => None,
    };
    let Some(mut set) = cx.db.write(key).edit::<SortedSet>()?.filter(|_| count != Some(0)) else {
        cx.reply.array(0);
        return Ok(());
    };
    let (ranks, direction) = end.ranks(&set, count.unwrap_or(1));
    // Without a count the reply is flat whatever the protocol.
    let is_flat = count.is_none() || cx.reply.resp == Resp::V2;
    if is_flat {
        cx.reply.array(2 * ranks.len());
    } else {
        elements_header(&mut cx.reply, ranks.len(), true);
    }
    set.as_ref().visit(ranks.clone(), direction, |member, score| {
        if !is_flat {
            cx.reply.array(2);
        }
        bulk_item(&mut cx.reply, member);
        cx.reply.double(score);
    });
    let removal = Removal::new(&mut set, ranks);
    removal.finish(cx, key, end.event());
    Ok(())
}

/// Where to take members from: ZMPOP's arguments from the number of keys on.
struct Take<'a> {
    keys: Args<'a>,
    end: End,
    count: usize,
}

impl<'a> Take<'a> {
    fn parse(args: Args<'a>) -> Result<Take<'a>, ReplyError> {
        let at_least_one = |text, error: ReplyError| {
            parse_i64(text).and_then(|number| usize::try_from(number).ok()).filter(|&n| n > 0).ok_or(error)
        };
        let keys = at_least_one(args.get(0), error::NUMKEYS_NOT_POSITIVE)?;
        let end = match keys.checked_add(1).and_then(|at| args.find(at)) {
            Some(word) if word.eq_ignore_ascii_case(b"min") => End::Min,
            Some(word) if word.eq_ignore_ascii_case(b"max") => End::Max,
            _ => return Err(error::SYNTAX),
        };
        let (mut options, mut count) = (args.from(keys + 2), None);
        while let Some(option) = options.find(0) {
            let value = options.find(1).filter(|_| count.is_none() && option.eq_ignore_ascii_case(b"count"));
            count = Some(at_least_one(value.ok_or(error::SYNTAX)?, error::COUNT_NOT_POSITIVE)?);
            options = options.from(2);
        }
        Ok(Take { keys: args.from(1).to(keys), end, count: count.unwrap_or(1) })
    }

    /// Takes members from the first key that has some, and replies them with the key. False if none has.
    fn run(&self, cx: &mut Ctx<'_>) -> Result<bool, ReplyError> {
        for key in self.keys.iter() {
            let Some(mut set) = cx.db.write(key).edit::<SortedSet>()? else { continue };
            let (ranks, direction) = self.end.ranks(&set, self.count);
            cx.reply.array(2);
            cx.reply.bulk(key);
            cx.reply.array(ranks.len());
            set.as_ref().visit(ranks.clone(), direction, |member, score| {
                cx.reply.array(2);
                bulk_item(&mut cx.reply, member);
                cx.reply.double(score);
            });
            let count = ranks.len() as i64;
            let removal = Removal::new(&mut set, ranks);
            removal.finish(cx, key, self.end.event());
            cx.propagate_as(words![self.end.pop_name(), key, count]);
            return Ok(true);
        }
        Ok(false)
    }
}

/// ZMPOP numkeys key \[key ...\] MIN | MAX \[COUNT count\]
pub(super) fn zmpop(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    if !Take::parse(args.from(1))?.run(cx)? {
        cx.reply.null_array();
    }
    Ok(())
}

/// BZMPOP timeout numkeys key \[key ...\] MIN | MAX \[COUNT count\]
pub(super) fn bzmpop(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let take = Take::parse(args.from(2))?;
    let deadline = Deadline::in_seconds(&cx.server.clock, args.get(1))?;
    if !take.run(cx)? {
        wait(cx, args, take.keys, deadline);
    }
    Ok(())
}

/// BZPOPMIN key \[key ...\] timeout
pub(super) fn bzpopmin(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    pop_or_wait(cx, args, End::Min)
}

/// BZPOPMAX key \[key ...\] timeout
pub(super) fn bzpopmax(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    pop_or_wait(cx, args, End::Max)
}

fn pop_or_wait(cx: &mut Ctx<'_>, args: Args<'_>, end: End) -> Outcome {
    let last = args.len() - 1;
    let deadline = Deadline::in_seconds(&cx.server.clock, args.get(last))?;
    let keys = args.to(last).from(1);
    for key in keys.iter() {
        let Some(mut set) = cx.db.write(key).edit::<SortedSet>()? else { continue };
        let (ranks, direction) = end.ranks(&set, 1);
        cx.reply.array(3);
        cx.reply.bulk(key);
        set.as_ref().visit(ranks.clone(), direction, |member, score| {
            bulk_item(&mut cx.reply, member);
            cx.reply.double(score);
        });
        let removal = Removal::new(&mut set, ranks);
        removal.finish(cx, key, end.event());
        cx.propagate_as(words![end.pop_name(), key]);
        return Ok(());
    }
    wait(cx, args, keys, deadline);
    Ok(())
}

/// Waits until one of the keys holds a sorted set, where that is allowed.
fn wait(cx: &mut Ctx<'_>, args: Args<'_>, keys: Args<'_>, deadline: Deadline) {
    if cx.may_block() {
        cx.block_on_keys(args, keys.iter(), Until::Holds(Kind::SortedSet), deadline);
    } else {
        cx.reply.null_array();
    }
}
