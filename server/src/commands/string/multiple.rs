//! Several strings at once: MGET, MSET, MSETNX, MSETEX.
//!
//! Keys are taken in windows of [`WINDOW`]: hashed and prefetched together, so that the cache misses of their lookups
//! overlap.

use super::options::{Command, Condition, Options};
use super::{EXPIRE, SET, new_value};
use crate::command::Outcome;
use crate::context::{Ctx, bulk_value};
use crate::dispatch::window::WINDOW;
use crate::words;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use rufous_storage::{EntryRef, Ttl};

const INVALID_NUMKEYS: ReplyError = ReplyError::fixed("ERR invalid numkeys value");
const WRONG_PAIRS: ReplyError = ReplyError::fixed("ERR wrong number of key-value pairs");

/// MGET key \[key ...\]
pub(super) fn mget(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let mut keys = args.from(1);
    cx.reply.array(keys.len());
    while !keys.is_empty() && !cx.is_over_output_limit() {
        let window = keys.to(WINDOW);
        let hashes = cx.db.prefetch(window.iter());
        for (key, hash) in window.iter().zip(hashes) {
            match cx.db.read_hashed(hash, key).and_then(EntryRef::string) {
                Some(value) => bulk_value(&mut cx.reply, cx.refs, value),
                None => cx.reply.null(),
            }
        }
        keys = keys.from(WINDOW);
    }
    Ok(())
}

/// MSET key value \[key value ...\]
pub(super) fn mset(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let pairs = args.from(1);
    if pairs.pairs().is_none() {
        return Err(error::wrong_arity("mset"));
    }
    put_all(cx, pairs, Ttl::Clear);
    cx.reply.ok();
    Ok(())
}

/// MSETNX key value \[key value ...\]
pub(super) fn msetnx(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let pairs = args.from(1);
    if pairs.pairs().is_none() {
        return Err(error::wrong_arity("msetnx"));
    }
    let done = holds_for_all(cx, pairs, Condition::Absent);
    if done {
        put_all(cx, pairs, Ttl::Clear);
    }
    cx.reply.integer(done.into());
    Ok(())
}

/// MSETEX numkeys key value \[key value ...\] \[NX | XX\] \[EX s | PX ms | EXAT s | PXAT ms | KEEPTTL\]
pub(super) fn msetex(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let count = parse_i64(args.get(1)).filter(|count| (1..=i64::from(i32::MAX)).contains(count));
    let words = 2 * count.ok_or(INVALID_NUMKEYS)? as usize;
    let pairs = args.from(2).to(words);
    if pairs.len() < words {
        return Err(WRONG_PAIRS);
    }
    let options = Options::parse(args.from(2 + words), Command::MSetEx)?;
    let ttl = options.ttl(cx.now(), "msetex")?;
    let done = holds_for_all(cx, pairs, options.condition);
    if done {
        put_all(cx, pairs, ttl);
        propagate_sets(cx, pairs, ttl);
    }
    cx.reply.integer(done.into());
    Ok(())
}

/// As SETs: other servers may not know MSETEX.
fn propagate_sets(cx: &mut Ctx<'_>, pairs: Args<'_>, ttl: Ttl) {
    for [key, value] in pairs.pairs().into_iter().flatten() {
        match ttl {
            Ttl::At(at) => cx.propagate_as(words![b"SET", key, value, b"PXAT", at]),
            Ttl::Keep => cx.propagate_as(words![b"SET", key, value, b"KEEPTTL"]),
            Ttl::Clear => cx.propagate_as(words![b"SET", key, value]),
        }
    }
}

fn holds_for_all(cx: &mut Ctx<'_>, pairs: Args<'_>, condition: Condition<'_>) -> bool {
    let wanted = match condition {
        Condition::Absent => false,
        Condition::Present => true,
        Condition::Always | Condition::Equals(_) => return true,
    };
    pairs.pairs().into_iter().flatten().all(|[key, _]| cx.db.write(key).exists() == wanted)
}

/// Sets all pairs; `pairs` is an even number of arguments.
fn put_all(cx: &mut Ctx<'_>, mut pairs: Args<'_>, ttl: Ttl) {
    while !pairs.is_empty() {
        let window = pairs.to(2 * WINDOW);
        let hashes = cx.db.prefetch(window.iter().step_by(2));
        for (at, hash) in (0..window.len()).step_by(2).zip(hashes) {
            let key = window.get(at);
            cx.db.write_hashed(hash, key).set(new_value(window, at + 1), ttl);
            cx.changed(key, SET, 1);
            if let Ttl::At(_) = ttl {
                cx.notify(key, EXPIRE);
            }
        }
        pairs = pairs.from(2 * WINDOW);
    }
}
