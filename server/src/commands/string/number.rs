//! Strings as numbers: INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT.

use super::{INCRBY, INCRBYFLOAT, integer};
use crate::command::Outcome;
use crate::context::Ctx;
use crate::words;
use rufous_protocol::error;
use rufous_protocol::number::LongDouble;
use rufous_protocol::request::Args;
use rufous_storage::{NewStr, Ttl};

/// INCR key
#[inline]
pub(super) fn incr(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    add(cx, args.get(1), 1)
}

/// DECR key
#[inline]
pub(super) fn decr(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    add(cx, args.get(1), -1)
}

/// INCRBY key increment
#[inline]
pub(super) fn incrby(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    add(cx, args.get(1), integer(args.get(2))?)
}

/// DECRBY key decrement
#[inline]
pub(super) fn decrby(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let increment = integer(args.get(2))?.checked_neg().ok_or(error::DECREMENT_OVERFLOW)?;
    add(cx, args.get(1), increment)
}

#[inline]
fn add(cx: &mut Ctx<'_>, key: &[u8], increment: i64) -> Outcome {
    let found = cx.db.write(key);
    let old = match found.string()? {
        Some(value) => value.to_int().ok_or(error::NOT_AN_INTEGER)?,
        None => 0,
    };
    let value = old.checked_add(increment).ok_or(error::INCREMENT_OVERFLOW)?;
    found.set(NewStr::Int(value), Ttl::Keep);
    cx.changed(key, INCRBY, 1);
    cx.reply.integer(value);
    Ok(())
}

/// INCRBYFLOAT key increment
pub(super) fn incrbyfloat(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let key = args.get(1);
    let found = cx.db.write(key);
    let old = match found.string()? {
        Some(value) => LongDouble::parse(value.as_bytes(&mut itoa::Buffer::new())),
        None => Some(LongDouble::from(0)),
    };
    let old = old.ok_or(error::NOT_A_FLOAT)?;
    let increment = LongDouble::parse(args.get(2)).ok_or(error::NOT_A_FLOAT)?;
    let value = old.checked_add(increment).ok_or(error::INCREMENT_NAN)?;
    let mut text = Vec::new();
    value.write_human(&mut text);
    found.set(NewStr::Text(&text), Ttl::Keep);
    cx.changed(key, INCRBYFLOAT, 1);
    // As the sum: other servers may round otherwise.
    cx.propagate_as(words![b"SET", key, &text, b"KEEPTTL"]);
    cx.reply.bulk(&text);
    Ok(())
}
