//! Setting and getting one string: SET, GET and their descendants.

use super::options::{Command, Condition, Deadline, Expiry, Options, Unit};
use super::{DEL, EXPIRE, PERSIST, SET, equals, new_value};
use crate::command::Outcome;
use crate::context::{Ctx, bulk_value};
use crate::propagation::Word;
use crate::words;
use rufous_protocol::error;
use rufous_protocol::request::Args;
use rufous_storage::{NewStr, Ttl};

/// GET key
#[inline]
pub(super) fn get(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    match cx.db.string(args.get(1))? {
        Some(value) => bulk_value(&mut cx.reply, cx.refs, value),
        None => cx.reply.null(),
    }
    Ok(())
}

/// SET key value \[NX | XX | IFEQ value\] \[GET\] \[EX s | PX ms | EXAT s | PXAT ms | KEEPTTL\]
#[inline]
pub(super) fn set(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    if args.len() == 3 {
        let key = args.get(1);
        cx.db.write(key).set(new_value(args, 2), Ttl::Clear);
        cx.changed(key, SET, 1);
        cx.reply.ok();
        return Ok(());
    }
    set_with_options(cx, args)
}

fn set_with_options(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let options = Options::parse(args.from(3), Command::Set)?;
    let ttl = options.ttl(cx.now(), "set")?;

    // GET shows the old value even when the condition refuses.
    if options.get {
        get(cx, args)?;
    }
    let done = put(cx, args.get(1), new_value(args, 2), options.condition, ttl)?;
    if done && cx.propagates() {
        propagate_set(cx, args, &options, ttl);
    }
    match (options.get, done) {
        (true, _) => {}
        (false, true) => cx.reply.ok(),
        (false, false) => cx.reply.null(),
    }
    Ok(())
}

/// The form of a SET with options that means the same whenever and wherever it runs.
fn propagate_set(cx: &mut Ctx<'_>, args: Args<'_>, options: &Options<'_>, ttl: Ttl) {
    let (key, value) = (args.get(1), args.get(2));
    // Other servers may not know IFEQ.
    let is_conditional = matches!(options.condition, Condition::Equals(_));
    match ttl {
        Ttl::At(at) if is_conditional || !options.is_in_unix_millis() => {
            cx.propagate_as(words![b"SET", key, value, b"PXAT", at]);
        }
        Ttl::At(_) => {}
        Ttl::Keep if is_conditional => cx.propagate_as(words![b"SET", key, value, b"KEEPTTL"]),
        Ttl::Clear if is_conditional => cx.propagate_as(words![b"SET", key, value]),
        Ttl::Keep | Ttl::Clear if options.get => {
            let rest = args.from(3).iter().filter(|word| !word.eq_ignore_ascii_case(b"get"));
            let words: Vec<Word<'_>> = args.to(3).iter().chain(rest).map(Word::Bytes).collect();
            cx.propagate_as(&words);
        }
        Ttl::Keep | Ttl::Clear => {}
    }
}

/// Sets a string if the condition holds. True if it did.
fn put(
    cx: &mut Ctx<'_>,
    key: &[u8],
    value: NewStr<'_>,
    condition: Condition<'_>,
    ttl: Ttl,
) -> Result<bool, error::ReplyError> {
    let found = cx.db.write(key);
    let holds = match condition {
        Condition::Always => true,
        Condition::Absent => !found.exists(),
        Condition::Present => found.exists(),
        Condition::Equals(expected) => found.string()?.is_some_and(|old| equals(old, expected)),
    };
    if holds {
        found.set(value, ttl);
        cx.changed(key, SET, 1);
        if let Ttl::At(_) = ttl {
            cx.notify(key, EXPIRE);
        }
    }
    Ok(holds)
}

/// SETNX key value
pub(super) fn setnx(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let done = put(cx, args.get(1), new_value(args, 2), Condition::Absent, Ttl::Clear)?;
    cx.reply.integer(done.into());
    Ok(())
}

/// SETEX key seconds value
pub(super) fn setex(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let deadline = Deadline { unit: Unit::Seconds, text: args.get(2) };
    set_until(cx, args, deadline.resolve(cx.now(), "setex")?)
}

/// PSETEX key milliseconds value
pub(super) fn psetex(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let deadline = Deadline { unit: Unit::Millis, text: args.get(2) };
    set_until(cx, args, deadline.resolve(cx.now(), "psetex")?)
}

fn set_until(cx: &mut Ctx<'_>, args: Args<'_>, at: i64) -> Outcome {
    put(cx, args.get(1), new_value(args, 3), Condition::Always, Ttl::At(at))?;
    cx.propagate_as(words![b"SET", args.get(1), args.get(3), b"PXAT", at]);
    cx.reply.ok();
    Ok(())
}

/// GETSET key value
pub(super) fn getset(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    get(cx, args)?;
    put(cx, args.get(1), new_value(args, 2), Condition::Always, Ttl::Clear)?;
    cx.propagate_as(words![b"SET", args.get(1), args.get(2)]);
    Ok(())
}

/// GETDEL key
pub(super) fn getdel(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let key = args.get(1);
    get(cx, args)?;
    if cx.db.write(key).remove(false) {
        cx.changed(key, DEL, 1);
        cx.propagate_removal(key, false);
    }
    Ok(())
}

/// GETEX key \[EX s | PX ms | EXAT s | PXAT ms | PERSIST\]
pub(super) fn getex(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let key = args.get(1);
    let options = Options::parse(args.from(2), Command::GetEx)?;
    match cx.db.string(key)? {
        None => {
            cx.reply.null();
            return Ok(());
        }
        Some(value) => bulk_value(&mut cx.reply, cx.refs, value),
    }
    match options.expiry {
        Expiry::Unsaid | Expiry::Keep => {}
        Expiry::Persist => {
            let found = cx.db.write(key);
            if found.entry().is_some_and(|entry| entry.expire_at().is_some()) {
                found.set_expire(None);
                cx.changed(key, PERSIST, 1);
                cx.propagate_as(words![b"PERSIST", key]);
            }
        }
        Expiry::At(deadline) => {
            // Judged only now: a missing key or another kind comes first.
            let at = deadline.resolve(cx.now(), "getex")?;
            if deadline.is_absolute() && at <= cx.db.horizon {
                let lazy = cx.server.config.lazyfree_lazy_expire;
                cx.db.write(key).remove(lazy);
                cx.changed(key, DEL, 1);
                cx.propagate_removal(key, lazy);
            } else {
                cx.db.write(key).set_expire(Some(at));
                cx.changed(key, EXPIRE, 1);
                cx.propagate_as(words![b"PEXPIREAT", key, at]);
            }
        }
    }
    Ok(())
}

/// DELIFEQ key value
pub(super) fn delifeq(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, expected) = (args.get(1), args.get(2));
    let found = cx.db.write(key);
    let is_equal = found.string()?.is_some_and(|value| equals(value, expected));
    if is_equal {
        found.remove(false);
        cx.changed(key, DEL, 1);
        cx.propagate_removal(key, false);
    }
    cx.reply.integer(is_equal.into());
    Ok(())
}
