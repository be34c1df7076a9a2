//! Fields read or written together with what becomes of them then: HGETEX, HSETEX, HGETDEL.

use super::expiry::{
    deadline, expire_field, expiries_changed, fields_removed, hash_and_fields, propagate_expiry,
    propagate_fields,
};
use super::{HEXPIRE, HPERSIST, HSET};
use crate::command::Outcome;
use crate::commands::generic::expire::Unit;
use crate::context::{Ctx, bulk_item};
use crate::propagation::Word;
use crate::words;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use rufous_storage::Ttl;
use rufous_storage::types::hash::{Hash, HashMut};

/// What becomes of the fields' expiries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expiry {
    Unsaid,
    /// HSETEX KEEPTTL.
    Keep,
    /// HGETEX PERSIST.
    Persist,
    /// Unix ms.
    At(i64),
}

/// When HSETEX sets anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Condition {
    Always,
    /// FNX: none of the fields exists.
    None,
    /// FXX: all fields do.
    All,
}

/// Options of HGETEX and HSETEX. They may stand in any order; fields are the words behind FIELDS and their number.
struct Options<'a> {
    expiry: Expiry,
    condition: Condition,
    fields: Option<Args<'a>>,
}

impl<'a> Options<'a> {
    /// `is_set` for HSETEX, whose fields come with values.
    fn parse(cx: &Ctx<'_>, args: Args<'a>, is_set: bool) -> Result<Options<'a>, ReplyError> {
        let mut options = Options { expiry: Expiry::Unsaid, condition: Condition::Always, fields: None };
        let mut rest = args.from(2);
        while let Some(word) = rest.find(0) {
            let name = word.to_ascii_lowercase();
            let taken = match name.as_slice() {
                b"fields" => options.take_fields(cx, rest, is_set)?,
                b"ex" | b"px" | b"exat" | b"pxat" => options.take_time(cx, &name, rest.find(1), is_set)?,
                b"keepttl" if is_set => options.take_expiry(Expiry::Keep, is_set)?,
                b"persist" if !is_set => options.take_expiry(Expiry::Persist, is_set)?,
                b"fnx" if is_set => options.take_condition(Condition::None)?,
                b"fxx" if is_set => options.take_condition(Condition::All)?,
                b"keepttl" | b"persist" | b"fnx" | b"fxx" => return Err(error::OPTION_OF_ANOTHER_COMMAND),
                _ => return Err(error::unknown_argument(word)),
            };
            rest = rest.from(taken);
        }
        Ok(options)
    }

    /// Takes FIELDS, which begins `rest`; how many words that is.
    fn take_fields(&mut self, cx: &Ctx<'_>, rest: Args<'a>, is_set: bool) -> Result<usize, ReplyError> {
        if self.fields.is_some() {
            return Err(error::FIELDS_TWICE);
        }
        let Some(count) = rest.find(1) else {
            return Err(error::wrong_arity(cx.server.commands.full_name(cx.command)));
        };
        let count = parse_i64(count).and_then(|count| i32::try_from(count).ok()).filter(|count| *count > 0);
        let count = count.ok_or(error::FIELDS_COUNT_INVALID)? as usize;
        let end = 2 + count * if is_set { 2 } else { 1 };
        if end > rest.len() {
            return Err(error::FIELDS_TOO_FEW);
        }
        self.fields = Some(rest.to(end).from(2));
        Ok(end)
    }

    fn take_time(
        &mut self,
        cx: &Ctx<'_>,
        name: &[u8],
        time: Option<&[u8]>,
        is_set: bool,
    ) -> Result<usize, ReplyError> {
        self.take_expiry(Expiry::At(0), is_set)?;
        let unit = if name.starts_with(b"e") { Unit::Seconds } else { Unit::Milliseconds };
        let base_ms = if name.ends_with(b"at") { 0 } else { cx.now() };
        let time = time.ok_or(error::FIELD_EXPIRY_MISSING)?;
        self.expiry = Expiry::At(deadline(cx, time, base_ms, unit)?);
        Ok(2)
    }

    fn take_expiry(&mut self, expiry: Expiry, is_set: bool) -> Result<usize, ReplyError> {
        if self.expiry != Expiry::Unsaid {
            return Err(if is_set { error::HSETEX_ONE_EXPIRY } else { error::HGETEX_ONE_EXPIRY });
        }
        self.expiry = expiry;
        Ok(1)
    }

    fn take_condition(&mut self, condition: Condition) -> Result<usize, ReplyError> {
        if self.condition != Condition::Always {
            return Err(error::HSETEX_ONE_CONDITION);
        }
        self.condition = condition;
        Ok(1)
    }
}

/// HGETEX key \[EX s | PX ms | EXAT s | PXAT ms | PERSIST\] FIELDS numfields field \[field ...\]
pub(super) fn hgetex(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, horizon) = (args.get(1), cx.db.horizon);
    let parsed = Options::parse(cx, args, false);
    let found = cx.db.write(key);
    found.typed::<Hash>()?;
    let options = parsed?;
    let fields = options.fields.ok_or(error::FIELDS_MISSING)?;

    cx.reply.array(fields.len());
    let Some(mut hash) = found.edit::<Hash>()? else {
        fields.iter().for_each(|_| cx.reply.null());
        return Ok(());
    };
    let mut changed = Vec::new();
    for field in fields.iter() {
        match hash.as_ref().get(field) {
            None => cx.reply.null(),
            Some(value) => {
                bulk_item(&mut cx.reply, value);
                if change_expiry(&mut hash, field, options.expiry, horizon) {
                    changed.push(field);
                }
            }
        }
    }
    let is_empty = hash.as_ref().is_empty();
    match options.expiry {
        Expiry::At(at) => expiries_changed(cx, key, &changed, at, is_empty),
        _ if !changed.is_empty() => {
            cx.changed(key, HPERSIST, changed.len() as u64);
            propagate_fields(cx, words![b"HPERSIST", key], &changed);
        }
        _ => {}
    }
    Ok(())
}

/// Does to a field that was read what HGETEX says; whether that changed anything.
fn change_expiry(hash: &mut HashMut<'_>, field: &[u8], expiry: Expiry, horizon: i64) -> bool {
    match expiry {
        Expiry::At(at) => {
            expire_field(hash, field, at, horizon);
            true
        }
        Expiry::Persist if hash.as_ref().expiry(field).flatten().is_some() => hash.set_expiry(field, None),
        _ => false,
    }
}

/// HSETEX key \[FNX | FXX\] \[EX s | PX ms | EXAT s | PXAT ms | KEEPTTL\] FIELDS numfields field value \[field value ...\]
pub(super) fn hsetex(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, horizon) = (args.get(1), cx.db.horizon);
    let options = Options::parse(cx, args, true)?;
    let words = options.fields.ok_or(error::FIELDS_MISSING)?;
    let pairs = || words.pairs().into_iter().flatten();

    let found = cx.db.write(key);
    let hash = found.typed::<Hash>()?;
    let exists = |field: &[u8]| hash.is_some_and(|hash| hash.contains(field));
    let allowed = match options.condition {
        Condition::Always => true,
        Condition::None => pairs().all(|[field, _]| !exists(field)),
        Condition::All => pairs().all(|[field, _]| exists(field)),
    };
    if !allowed {
        cx.reply.integer(0);
        return Ok(());
    }

    let mut hash = found.edit_or_new::<Hash>()?;
    hash.expect(words.iter());
    let ttl = match options.expiry {
        Expiry::Keep => Ttl::Keep,
        Expiry::At(at) if at > horizon => Ttl::At(at),
        _ => Ttl::Clear,
    };
    pairs().for_each(|[field, value]| _ = hash.set_with(field, value, ttl));
    let is_past = matches!(options.expiry, Expiry::At(at) if at <= horizon);
    let removed: Vec<&[u8]> =
        pairs().filter(|[field, _]| is_past && hash.remove(field)).map(|[field, _]| field).collect();
    let is_empty = hash.as_ref().is_empty();
    let expiring = pairs().filter_map(|[field, _]| Some((hash.as_ref().expiry(field).flatten()?, field)));
    let kept: Vec<(i64, &[u8])> = if ttl == Ttl::Keep { expiring.collect() } else { Vec::new() };

    cx.changed(key, HSET, words.len() as u64 / 2);
    if let Ttl::At(_) = ttl {
        cx.notify(key, HEXPIRE);
    }
    if is_past {
        cx.db.store.stats.expired_fields += removed.len() as u64;
        fields_removed(cx, key, &removed, is_empty);
    } else {
        propagate_set(cx, key, words, ttl, &kept);
    }
    cx.reply.integer(1);
    Ok(())
}

/// As HSET and HPEXPIREAT, which more servers know; `kept` are the expiries that fields keep.
fn propagate_set(cx: &mut Ctx<'_>, key: &[u8], pairs: Args<'_>, ttl: Ttl, kept: &[(i64, &[u8])]) {
    if !cx.propagates() {
        return;
    }
    let mut command = words![b"HSET", key].to_vec();
    command.extend(pairs.iter().map(Word::Bytes));
    cx.propagate_as(&command);
    if let Ttl::At(at) = ttl {
        let fields: Vec<&[u8]> = pairs.iter().step_by(2).collect();
        propagate_expiry(cx, key, at, &fields);
    }
    for (at, field) in kept {
        propagate_expiry(cx, key, *at, &[field]);
    }
}

/// HGETDEL key FIELDS numfields field \[field ...\]
pub(super) fn hgetdel(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let key = args.get(1);
    let (hash, fields) = hash_and_fields(&mut cx.db, args)?;

    cx.reply.array(fields.len());
    let Some(mut hash) = hash else {
        fields.iter().for_each(|_| cx.reply.null());
        return Ok(());
    };
    let mut removed = Vec::new();
    for field in fields.iter() {
        match hash.as_ref().get(field) {
            None => cx.reply.null(),
            Some(value) => {
                bulk_item(&mut cx.reply, value);
                hash.remove(field);
                removed.push(field);
            }
        }
    }
    let is_empty = hash.as_ref().is_empty();
    fields_removed(cx, key, &removed, is_empty);
    Ok(())
}
