//! Times to live: setting, telling and clearing them.

use super::DEL;
use crate::command::Outcome;
use crate::context::Ctx;
use crate::effects::Event;
use crate::notify::Class;
use crate::propagation::Word;
use crate::words;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;

const EXPIRE: Event = Event::new(Class::GENERIC, "expire");
const PERSIST: Event = Event::new(Class::GENERIC, "persist");

/// In which unit a command speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

impl Unit {
    /// Milliseconds, unless they do not fit.
    pub fn to_ms(self, time: i64) -> Option<i64> {
        match self {
            Unit::Seconds => time.checked_mul(1000),
            Unit::Milliseconds => Some(time),
        }
    }

    /// A time in milliseconds, which is not negative, rounded to the unit.
    fn rounded(self, ms: i64) -> i64 {
        match self {
            Unit::Seconds => ms.saturating_add(500) / 1000,
            Unit::Milliseconds => ms,
        }
    }
}

/// NX, XX, GT, LT: when a new expiry is accepted.
#[derive(Default)]
struct Conditions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Conditions {
    fn parse(options: Args<'_>) -> Result<Conditions, ReplyError> {
        let mut conditions = Conditions::default();
        for option in options {
            match option.to_ascii_lowercase().as_slice() {
                b"nx" => conditions.nx = true,
                b"xx" => conditions.xx = true,
                b"gt" => conditions.gt = true,
                b"lt" => conditions.lt = true,
                _ => return Err(error::unsupported_option(option)),
            }
        }
        let Conditions { nx, xx, gt, lt } = conditions;
        if nx && (xx || gt || lt) {
            return Err(error::EXPIRE_NX);
        }
        if gt && lt {
            return Err(error::EXPIRE_GT_LT);
        }
        Ok(conditions)
    }

    /// May `at` take the place of the present expiry? A key without one counts as expiring never.
    fn allow(&self, present: Option<i64>, at: i64) -> bool {
        match present {
            None => !self.xx && !self.gt,
            Some(present) => !(self.nx || self.gt && at <= present || self.lt && at >= present),
        }
    }
}

/// EXPIRE key seconds [NX | XX | GT | LT]
pub(super) fn expire(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    set_expiry(cx, args, cx.now(), Unit::Seconds)
}

/// PEXPIRE key milliseconds [NX | XX | GT | LT]
pub(super) fn pexpire(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    set_expiry(cx, args, cx.now(), Unit::Milliseconds)
}

/// EXPIREAT key unix-time-seconds [NX | XX | GT | LT]
pub(super) fn expireat(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    set_expiry(cx, args, 0, Unit::Seconds)
}

/// PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]
pub(super) fn pexpireat(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    set_expiry(cx, args, 0, Unit::Milliseconds)
}

/// Lets a key expire at a time that is counted from `base_ms`; deletes it if that has passed.
fn set_expiry(cx: &mut Ctx<'_>, args: Args<'_>, base_ms: i64, unit: Unit) -> Outcome {
    let key = args.get(1);
    let conditions = Conditions::parse(args.from(3))?;
    let time = parse_i64(args.get(2)).ok_or(error::NOT_AN_INTEGER)?;
    let Some(at) = unit.to_ms(time).and_then(|ms| ms.checked_add(base_ms)) else {
        return Err(error::invalid_expire_time(cx.server.commands.full_name(cx.command)));
    };

    let horizon = cx.db.horizon;
    let found = cx.db.write(key);
    let allowed = found.entry().is_some_and(|entry| conditions.allow(entry.expire_at(), at));
    if !allowed {
        cx.reply.integer(0);
        return Ok(());
    }
    if at <= horizon {
        let lazy = cx.server.config.lazyfree_lazy_expire;
        found.remove(lazy);
        cx.changed(key, DEL, 1);
        cx.propagate_removal(key, lazy);
    } else {
        found.set_expire(Some(at));
        cx.changed(key, EXPIRE, 1);
        propagate_expiry(cx, args, at);
    }
    cx.reply.integer(1);
    Ok(())
}

/// As PEXPIREAT, with the client's conditions.
fn propagate_expiry(cx: &mut Ctx<'_>, args: Args<'_>, at: i64) {
    if cx.propagates() {
        let mut words = words![b"PEXPIREAT", args.get(1), at].to_vec();
        words.extend(args.from(3).iter().map(Word::Bytes));
        cx.propagate_as(&words);
    }
}

/// PERSIST key
pub(super) fn persist(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let key = args.get(1);
    let found = cx.db.write(key);
    let had_expiry = found.entry().is_some_and(|entry| entry.expire_at().is_some());
    if had_expiry {
        found.set_expire(None);
        cx.changed(key, PERSIST, 1);
    }
    cx.reply.integer(i64::from(had_expiry));
    Ok(())
}

/// TTL key
pub(super) fn ttl(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    tell_expiry(cx, args.get(1), cx.now(), Unit::Seconds)
}

/// PTTL key
pub(super) fn pttl(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    tell_expiry(cx, args.get(1), cx.now(), Unit::Milliseconds)
}

/// EXPIRETIME key
pub(super) fn expiretime(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    tell_expiry(cx, args.get(1), 0, Unit::Seconds)
}

/// PEXPIRETIME key
pub(super) fn pexpiretime(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    tell_expiry(cx, args.get(1), 0, Unit::Milliseconds)
}

/// Replies when a key expires, counted from `base_ms`; -1 if never, -2 if it is not there.
fn tell_expiry(cx: &mut Ctx<'_>, key: &[u8], base_ms: i64, unit: Unit) -> Outcome {
    let reply = match cx.db.look(key).map(|entry| entry.expire_at()) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => unit.rounded(at.saturating_sub(base_ms).max(0)),
    };
    cx.reply.integer(reply);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rufous_protocol::request::OwnedArgs;

    #[track_caller]
    fn check(options: &str, expected: Result<[bool; 5], &str>) {
        let args: OwnedArgs = options.split_whitespace().map(str::as_bytes).collect();
        let presents = [(None, 5), (None, i64::MIN), (Some(9), 8), (Some(9), 9), (Some(9), 10)];
        let outcome = Conditions::parse(args.args());
        match (outcome, expected) {
            (Ok(conditions), Ok(allowed)) => {
                assert_eq!(presents.map(|(present, at)| conditions.allow(present, at)), allowed, "{options}");
            }
            (Err(error), Err(text)) => assert_eq!(error.to_string(), text, "{options}"),
            (outcome, _) => panic!("{options}: {:?}", outcome.err()),
        }
    }

    #[test]
    fn conditions_compare_with_the_present_expiry() {
        let nx_error = "ERR NX and XX, GT or LT options at the same time are not compatible";
        check("", Ok([true; 5]));
        check("nX", Ok([true, true, false, false, false]));
        check("xx", Ok([false, false, true, true, true]));
        check("gt", Ok([false, false, false, false, true]));
        check("lt", Ok([true, true, true, false, false]));
        check("xx lt", Ok([false, false, true, false, false]));
        check("xx GT", Ok([false, false, false, false, true]));
        check("nx xx", Err(nx_error));
        check("gt nx", Err(nx_error));
        check("nx lt gt", Err(nx_error));
        check("gt lt", Err("ERR GT and LT options at the same time are not compatible"));
        check("nx ab", Err("ERR Unsupported option ab"));
    }

    #[test]
    fn seconds_round_to_the_nearest() {
        assert_eq!([0, 499, 500, 1499, 1500].map(|ms| Unit::Seconds.rounded(ms)), [0, 0, 1, 1, 2]);
        assert_eq!(Unit::Seconds.to_ms(i64::MAX / 1000 + 1), None);
        assert_eq!(Unit::Seconds.to_ms(i64::MIN / 1000), Some(i64::MIN / 1000 * 1000));
    }
}
