//! When fields expire: HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT, HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME, HPERSIST.

use super::{HDEL, HEXPIRE, HPERSIST};
use crate::command::Outcome;
use crate::commands::generic::expire::Unit;
use crate::context::Ctx;
use crate::effects::DEL;
use crate::propagation::Word;
use crate::store::Keys;
use crate::words;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use rufous_storage::types::hash::{Hash, HashMut};

/// The last time at which a field may expire (unix ms).
const EXPIRY_MAX: i64 = (1 << 46) - 1;

// What is replied for a field.
const NO_FIELD: i64 = -2;
const NO_EXPIRY: i64 = -1;
const NOT_ALLOWED: i64 = 0;
const DONE: i64 = 1;
const DELETED: i64 = 2;

/// When a new expiry is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Condition {
    Always,
    /// NX: the field has none.
    None,
    /// XX: it has one.
    Some,
    /// GT: it has an earlier one.
    Later,
    /// LT: it has a later one, or none.
    Earlier,
}

impl Condition {
    fn parse(word: &[u8]) -> Condition {
        match word.to_ascii_lowercase().as_slice() {
            b"nx" => Condition::None,
            b"xx" => Condition::Some,
            b"gt" => Condition::Later,
            b"lt" => Condition::Earlier,
            _ => Condition::Always,
        }
    }

    fn allows(self, present: Option<i64>, at: i64) -> bool {
        match self {
            Condition::Always => true,
            Condition::None => present.is_none(),
            Condition::Some => present.is_some(),
            Condition::Later => present.is_some_and(|present| at > present),
            Condition::Earlier => present.is_none_or(|present| at < present),
        }
    }
}

/// HEXPIRE key seconds \[NX | XX | GT | LT\] FIELDS numfields field \[field ...\]
pub(super) fn hexpire(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    set_expiries(cx, args, cx.now(), Unit::Seconds)
}

/// HPEXPIRE key milliseconds \[NX | XX | GT | LT\] FIELDS numfields field \[field ...\]
pub(super) fn hpexpire(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    set_expiries(cx, args, cx.now(), Unit::Milliseconds)
}

/// HEXPIREAT key unix-time-seconds \[NX | XX | GT | LT\] FIELDS numfields field \[field ...\]
pub(super) fn hexpireat(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    set_expiries(cx, args, 0, Unit::Seconds)
}

/// HPEXPIREAT key unix-time-milliseconds \[NX | XX | GT | LT\] FIELDS numfields field \[field ...\]
pub(super) fn hpexpireat(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    set_expiries(cx, args, 0, Unit::Milliseconds)
}

/// Lets fields expire at a time that is counted from `base_ms`; deletes them if that has passed.
fn set_expiries(cx: &mut Ctx<'_>, args: Args<'_>, base_ms: i64, unit: Unit) -> Outcome {
    let (key, horizon) = (args.get(1), cx.db.horizon);
    let parsed = parse(cx, args, base_ms, unit);
    let found = cx.db.write(key);
    found.typed::<Hash>()?;
    let (at, condition, fields) = parsed?;

    cx.reply.array(fields.len());
    let Some(mut hash) = found.edit::<Hash>()? else {
        fields.iter().for_each(|_| cx.reply.integer(NO_FIELD));
        return Ok(());
    };
    let mut changed = Vec::new();
    for field in fields.iter() {
        let code = match hash.as_ref().expiry(field) {
            None => NO_FIELD,
            Some(present) if !condition.allows(present, at) => NOT_ALLOWED,
            Some(_) => {
                changed.push(field);
                expire_field(&mut hash, field, at, horizon)
            }
        };
        cx.reply.integer(code);
    }
    let is_empty = hash.as_ref().is_empty();
    expiries_changed(cx, key, &changed, at, is_empty);
    Ok(())
}

fn parse<'a>(
    cx: &Ctx<'_>,
    args: Args<'a>,
    base_ms: i64,
    unit: Unit,
) -> Result<(i64, Condition, Args<'a>), ReplyError> {
    let at = deadline(cx, args.get(2), base_ms, unit)?;
    let condition = Condition::parse(args.get(3));
    let rest = args.from(if condition == Condition::Always { 3 } else { 4 });
    Ok((at, condition, named(rest, error::FIELDS_COUNT_ZERO)?))
}

/// The time that an argument says, counted from `base_ms` (unix ms).
pub(super) fn deadline(cx: &Ctx<'_>, text: &[u8], base_ms: i64, unit: Unit) -> Result<i64, ReplyError> {
    let time = parse_i64(text).ok_or(error::NOT_AN_INTEGER)?;
    if time < 0 {
        return Err(error::FIELD_EXPIRY_NEGATIVE);
    }
    let at = unit.to_ms(time).and_then(|ms| ms.checked_add(base_ms)).filter(|at| *at <= EXPIRY_MAX);
    at.ok_or_else(|| error::invalid_expire_time(cx.server.commands.full_name(cx.command)))
}

/// The fields of `FIELDS numfields field [field ...]`; `error` tells of a number that is none.
pub(super) fn named(args: Args<'_>, error: ReplyError) -> Result<Args<'_>, ReplyError> {
    if !args.find(0).is_some_and(|word| word.eq_ignore_ascii_case(b"fields")) {
        return Err(error::FIELDS_MISSING);
    }
    let count = args.find(1).and_then(parse_i64).filter(|count| *count > 0).ok_or(error)?;
    let fields = args.from(2);
    if usize::try_from(count) == Ok(fields.len()) { Ok(fields) } else { Err(error::FIELDS_COUNT_DIFFERS) }
}

/// The hash under a key, to be changed, and the fields of `key FIELDS numfields field [field ...]`.
pub(super) fn hash_and_fields<'d, 'a: 'd>(
    db: &'d mut Keys<'_>,
    args: Args<'a>,
) -> Result<(Option<HashMut<'d>>, Args<'a>), ReplyError> {
    let found = db.write(args.get(1));
    found.typed::<Hash>()?;
    let fields = named(args.from(2), error::FIELDS_COUNT)?;
    Ok((found.edit::<Hash>()?, fields))
}

/// Sets the expiry of a field that is there, or deletes it if that has passed. What is replied for it.
pub(super) fn expire_field(hash: &mut HashMut<'_>, field: &[u8], at: i64, horizon: i64) -> i64 {
    if at <= horizon {
        hash.remove(field);
        return DELETED;
    }
    hash.set_expiry(field, Some(at));
    DONE
}

/// Records what [`expire_field`] did to fields, none of which occurs twice among deleted ones.
pub(super) fn expiries_changed(cx: &mut Ctx<'_>, key: &[u8], fields: &[&[u8]], at: i64, is_empty: bool) {
    if fields.is_empty() {
        return;
    }
    if at <= cx.db.horizon {
        cx.db.store.stats.expired_fields += fields.len() as u64;
        return fields_removed(cx, key, fields, is_empty);
    }
    cx.changed(key, HEXPIRE, fields.len() as u64);
    propagate_expiry(cx, key, at, fields);
}

/// Propagates that fields expire at a time.
pub(super) fn propagate_expiry(cx: &mut Ctx<'_>, key: &[u8], at: i64, fields: &[&[u8]]) {
    propagate_fields(cx, words![b"HPEXPIREAT", key, at], fields);
}

/// Records that fields were taken out of a hash, and removes the key of one that is empty now.
pub(super) fn fields_removed(cx: &mut Ctx<'_>, key: &[u8], fields: &[&[u8]], is_empty: bool) {
    if fields.is_empty() {
        return;
    }
    cx.changed(key, HDEL, fields.len() as u64);
    if is_empty && cx.db.remove(key, false) {
        cx.notify(key, DEL);
    }
    if cx.propagates() {
        let mut command = words![b"HDEL", key].to_vec();
        command.extend(fields.iter().map(|field| Word::Bytes(field)));
        cx.propagate_as(&command);
    }
}

/// Propagates a command that ends with `FIELDS numfields field [field ...]`.
pub(super) fn propagate_fields(cx: &mut Ctx<'_>, command: &[Word<'_>], fields: &[&[u8]]) {
    if cx.propagates() {
        let mut words = command.to_vec();
        words.extend(words![b"FIELDS", fields.len() as i64]);
        words.extend(fields.iter().map(|field| Word::Bytes(field)));
        cx.propagate_as(&words);
    }
}

/// HTTL key FIELDS numfields field \[field ...\]
pub(super) fn httl(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    tell_expiries(cx, args, cx.now(), Unit::Seconds)
}

/// HPTTL key FIELDS numfields field \[field ...\]
pub(super) fn hpttl(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    tell_expiries(cx, args, cx.now(), Unit::Milliseconds)
}

/// HEXPIRETIME key FIELDS numfields field \[field ...\]
pub(super) fn hexpiretime(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    tell_expiries(cx, args, 0, Unit::Seconds)
}

/// HPEXPIRETIME key FIELDS numfields field \[field ...\]
pub(super) fn hpexpiretime(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    tell_expiries(cx, args, 0, Unit::Milliseconds)
}

/// Replies when fields expire, counted from `base_ms`.
fn tell_expiries(cx: &mut Ctx<'_>, args: Args<'_>, base_ms: i64, unit: Unit) -> Outcome {
    let hash = cx.db.typed::<Hash>(args.get(1))?;
    let fields = named(args.from(2), error::FIELDS_COUNT)?;
    cx.reply.array(fields.len());
    for field in fields.iter() {
        cx.reply.integer(match hash.and_then(|hash| hash.expiry(field)) {
            None => NO_FIELD,
            Some(None) => NO_EXPIRY,
            Some(Some(at)) => rounded_up(at.saturating_sub(base_ms), unit),
        });
    }
    Ok(())
}

/// A time in milliseconds in the unit; a part of a second counts as one.
fn rounded_up(ms: i64, unit: Unit) -> i64 {
    match unit {
        Unit::Seconds => ms.saturating_add(999) / 1000,
        Unit::Milliseconds => ms,
    }
}

/// HPERSIST key FIELDS numfields field \[field ...\]
pub(super) fn hpersist(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let key = args.get(1);
    let (hash, fields) = hash_and_fields(&mut cx.db, args)?;

    cx.reply.array(fields.len());
    let Some(mut hash) = hash else {
        fields.iter().for_each(|_| cx.reply.integer(NO_FIELD));
        return Ok(());
    };
    let mut has_changed = false;
    for field in fields.iter() {
        cx.reply.integer(match hash.as_ref().expiry(field) {
            None => NO_FIELD,
            Some(None) => NO_EXPIRY,
            Some(Some(_)) => {
                hash.set_expiry(field, None);
                has_changed = true;
                DONE
            }
        });
    }
    if has_changed {
        cx.changed(key, HPERSIST, 1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_compare_with_the_present_expiry() {
        let check = |word: &str, expected: [bool; 4]| {
            let condition = Condition::parse(word.as_bytes());
            let presents = [None, Some(8), Some(9), Some(10)];
            assert_eq!(presents.map(|present| condition.allows(present, 9)), expected, "{word}");
        };
        check("FIELDS", [true; 4]);
        check("nX", [true, false, false, false]);
        check("xx", [false, true, true, true]);
        check("GT", [false, true, false, false]);
        check("lt", [true, false, false, true]);
    }
}
