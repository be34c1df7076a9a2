//! Putting elements in: LPUSH, RPUSH, LPUSHX, RPUSHX, LINSERT, LSET.

use super::{integer, pushed};
use crate::command::Outcome;
use crate::context::Ctx;
use crate::effects::Event;
use crate::notify::Class;
use rufous_protocol::error;
use rufous_protocol::request::Args;
use rufous_storage::types::list::{End, List, ListMut, Needle, Side};

const LINSERT: Event = Event::new(Class::LIST, "linsert");
const LSET: Event = Event::new(Class::LIST, "lset");

/// LPUSH key element \[element ...\]
pub(super) fn lpush(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    push(cx, args, End::Head)
}

/// RPUSH key element \[element ...\]
pub(super) fn rpush(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    push(cx, args, End::Tail)
}

/// LPUSHX key element \[element ...\]
pub(super) fn lpushx(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    push_if_there(cx, args, End::Head)
}

/// RPUSHX key element \[element ...\]
pub(super) fn rpushx(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    push_if_there(cx, args, End::Tail)
}

fn push(cx: &mut Ctx<'_>, args: Args<'_>, end: End) -> Outcome {
    let key = args.get(1);
    let len = push_to(&mut cx.db.write(key).edit_or_new::<List>()?, args.from(2), end);
    cx.changed(key, pushed(end), args.len() as u64 - 2);
    cx.reply.integer(len as i64);
    Ok(())
}

fn push_if_there(cx: &mut Ctx<'_>, args: Args<'_>, end: End) -> Outcome {
    let key = args.get(1);
    let Some(mut list) = cx.db.write(key).edit::<List>()? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let len = push_to(&mut list, args.from(2), end);
    cx.changed(key, pushed(end), args.len() as u64 - 2);
    cx.reply.integer(len as i64);
    Ok(())
}

/// Adds the elements; gives the list's length then.
fn push_to(list: &mut ListMut<'_>, elements: Args<'_>, end: End) -> usize {
    if elements.len() == 1 {
        list.push(end, &[elements.get(0)]);
    } else {
        list.push(end, &elements.iter().collect::<Vec<_>>());
    }
    list.as_ref().len()
}

/// LINSERT key BEFORE|AFTER pivot element
pub(super) fn linsert(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, place) = (args.get(1), args.get(2));
    let side = if place.eq_ignore_ascii_case(b"after") {
        Side::After
    } else if place.eq_ignore_ascii_case(b"before") {
        Side::Before
    } else {
        return Err(error::SYNTAX);
    };
    let Some(mut list) = cx.db.write(key).edit::<List>()? else {
        cx.reply.integer(0);
        return Ok(());
    };
    if !list.insert(side, Needle::new(args.get(3)), args.get(4)) {
        cx.reply.integer(-1);
        return Ok(());
    }
    let len = list.as_ref().len();
    cx.changed(key, LINSERT, 1);
    cx.reply.integer(len as i64);
    Ok(())
}

/// LSET key index element
pub(super) fn lset(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let key = args.get(1);
    let mut list = cx.db.write(key).edit::<List>()?.ok_or(error::NO_SUCH_KEY)?;
    if !list.set(integer(args.get(2))?, args.get(3)) {
        return Err(error::INDEX_OUT_OF_RANGE);
    }
    cx.changed(key, LSET, 1);
    cx.reply.ok();
    Ok(())
}
