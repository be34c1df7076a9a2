//! Fields by name: HSET, HSETNX, HMSET, HGET, HMGET, HDEL, HEXISTS, HLEN, HSTRLEN, HINCRBY, HINCRBYFLOAT.

use super::expiry::propagate_expiry;
use super::{HDEL, HINCRBY, HINCRBYFLOAT, HSET};
use crate::command::Outcome;
use crate::context::{Ctx, bulk_item};
use crate::words;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::{LongDouble, parse_i64};
use rufous_protocol::request::Args;
use rufous_storage::Ttl;
use rufous_storage::types::hash::Hash;

/// HSET key field value \[field value ...\]
pub(super) fn hset(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let created = set_all(cx, args, "hset")?;
    cx.reply.integer(created);
    Ok(())
}

/// HMSET key field value \[field value ...\]
pub(super) fn hmset(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    set_all(cx, args, "hmset")?;
    cx.reply.ok();
    Ok(())
}

fn set_all(cx: &mut Ctx<'_>, args: Args<'_>, command: &str) -> Result<i64, ReplyError> {
    let (key, words) = (args.get(1), args.from(2));
    let pairs = words.pairs().ok_or_else(|| error::wrong_arity(command))?;
    let mut hash = cx.db.write(key).edit_or_new::<Hash>()?;
    hash.expect(words.iter());
    let created = pairs.filter(|[field, value]| hash.set(field, value)).count();
    cx.changed(key, HSET, words.len() as u64 / 2);
    Ok(created as i64)
}

/// HSETNX key field value
pub(super) fn hsetnx(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, field) = (args.get(1), args.get(2));
    let found = cx.db.write(key);
    let is_new = found.typed::<Hash>()?.is_none_or(|hash| !hash.contains(field));
    if is_new {
        let mut hash = found.edit_or_new::<Hash>()?;
        hash.expect(args.from(2).iter());
        hash.set(field, args.get(3));
        cx.changed(key, HSET, 1);
    }
    cx.reply.integer(is_new.into());
    Ok(())
}

/// HGET key field
#[inline]
pub(super) fn hget(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    match cx.db.typed::<Hash>(args.get(1))?.and_then(|hash| hash.get(args.get(2))) {
        Some(value) => bulk_item(&mut cx.reply, value),
        None => cx.reply.null(),
    }
    Ok(())
}

/// HMGET key field \[field ...\]
pub(super) fn hmget(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (hash, fields) = (cx.db.typed::<Hash>(args.get(1))?, args.from(2));
    cx.reply.array(fields.len());
    for field in fields.iter() {
        match hash.and_then(|hash| hash.get(field)) {
            Some(value) => bulk_item(&mut cx.reply, value),
            None => cx.reply.null(),
        }
    }
    Ok(())
}

/// HDEL key field \[field ...\]
pub(super) fn hdel(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let key = args.get(1);
    let (mut removed, mut is_empty) = (0, false);
    if let Some(mut hash) = cx.db.write(key).edit::<Hash>()? {
        for field in args.from(2).iter() {
            if hash.remove(field) {
                removed += 1;
                is_empty = hash.as_ref().is_empty();
            }
            if is_empty {
                break;
            }
        }
    }
    cx.reply_removed(key, HDEL, removed, is_empty);
    Ok(())
}

/// HEXISTS key field
pub(super) fn hexists(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let exists = cx.db.typed::<Hash>(args.get(1))?.is_some_and(|hash| hash.contains(args.get(2)));
    cx.reply.integer(exists.into());
    Ok(())
}

/// HLEN key
pub(super) fn hlen(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let len = cx.db.typed::<Hash>(args.get(1))?.map_or(0, |hash| hash.len());
    cx.reply.integer(len as i64);
    Ok(())
}

/// HSTRLEN key field
pub(super) fn hstrlen(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let value = cx.db.typed::<Hash>(args.get(1))?.and_then(|hash| hash.get(args.get(2)));
    cx.reply.integer(value.map_or(0, |value| value.len() as i64));
    Ok(())
}

/// HINCRBY key field increment
pub(super) fn hincrby(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, field) = (args.get(1), args.get(2));
    let increment = parse_i64(args.get(3)).ok_or(error::NOT_AN_INTEGER)?;
    let found = cx.db.write(key);
    let old = match found.typed::<Hash>()?.and_then(|hash| hash.get(field)) {
        Some(value) => value.as_int().ok_or(error::HASH_NOT_AN_INTEGER)?,
        None => 0,
    };
    let value = old.checked_add(increment).ok_or(error::INCREMENT_OVERFLOW)?;
    let mut hash = found.edit_or_new::<Hash>()?;
    hash.set_with(field, itoa::Buffer::new().format(value).as_bytes(), Ttl::Keep);
    cx.changed(key, HINCRBY, 1);
    cx.reply.integer(value);
    Ok(())
}

/// HINCRBYFLOAT key field increment
pub(super) fn hincrbyfloat(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, field) = (args.get(1), args.get(2));
    let increment = LongDouble::parse(args.get(3)).ok_or(error::NOT_A_FLOAT)?;
    if !increment.is_finite() {
        return Err(error::NAN_OR_INFINITY);
    }
    let found = cx.db.write(key);
    let old = match found.typed::<Hash>()?.and_then(|hash| hash.get(field)) {
        Some(value) => {
            LongDouble::parse(value.as_bytes(&mut itoa::Buffer::new())).ok_or(error::HASH_NOT_A_FLOAT)?
        }
        None => LongDouble::from(0),
    };
    let value = old.checked_add(increment).ok_or(error::INCREMENT_NAN)?;
    let mut text = Vec::new();
    value.write_human(&mut text);
    let mut hash = found.edit_or_new::<Hash>()?;
    hash.set_with(field, &text, Ttl::Keep);
    let expiry = hash.as_ref().expiry(field).flatten();
    cx.changed(key, HINCRBYFLOAT, 1);
    // As the sum: other servers may round otherwise.
    cx.propagate_as(words![b"HSET", key, field, &text]);
    if let Some(at) = expiry {
        propagate_expiry(cx, key, at, &[field]);
    }
    cx.reply.bulk(&text);
    Ok(())
}
