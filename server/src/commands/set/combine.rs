//! Several sets at once: SINTER, SUNION, SDIFF, their STORE forms, SINTERCARD.
//!
//! All sets are looked up and checked before the first element is read. A result that is stored is made apart, so that the
//! destination may be one of the sources.

use super::TOO_MANY_KEYS;
use crate::command::Outcome;
use crate::commands::positive;
use crate::context::{Ctx, bulk_item};
use crate::effects::Event;
use crate::notify::Class;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use rufous_storage::pack::Item;
use rufous_storage::types::fresh::Fresh;
use rufous_storage::types::set::{Set, SetRef};

const SINTERSTORE: Event = Event::new(Class::SET, "sinterstore");
const SUNIONSTORE: Event = Event::new(Class::SET, "sunionstore");
const SDIFFSTORE: Event = Event::new(Class::SET, "sdiffstore");

/// SINTER key \[key ...\]
pub(super) fn sinter(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let sets = cx.db.several::<Set>(args.from(1).iter())?;
    let (mark, mut len) = (cx.reply.defer(), 0);
    intersect(sets, &mut |member| {
        bulk_item(&mut cx.reply, member);
        len += 1;
        true
    });
    cx.reply.set_set(mark, len);
    Ok(())
}

/// SINTERCARD numkeys key \[key ...\] \[LIMIT limit\]
pub(super) fn sintercard(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let count = parse_i64(args.get(1)).filter(|&count| count > 0).ok_or(error::NUMKEYS_NOT_POSITIVE)?;
    let keys = usize::try_from(count).ok().filter(|&count| count <= args.len() - 2).ok_or(TOO_MANY_KEYS)?;
    let mut limit = 0;
    let mut options = args.from(2 + keys);
    while let Some(option) = options.find(0) {
        let value = options.find(1).filter(|_| option.eq_ignore_ascii_case(b"limit")).ok_or(error::SYNTAX)?;
        limit = positive(value, error::LIMIT_NEGATIVE)?;
        options = options.from(2);
    }
    let sets = cx.db.several::<Set>(args.from(2).to(keys).iter())?;
    let mut len = 0;
    intersect(sets, &mut |_| {
        len += 1;
        limit == 0 || len < limit
    });
    cx.reply.integer(len as i64);
    Ok(())
}

/// SINTERSTORE destination key \[key ...\]
pub(super) fn sinterstore(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (mut result, limits) = (cx.db.db().fresh::<Set>(), cx.db.store.limits.clone());
    let sets = cx.db.several::<Set>(args.from(2).iter())?;
    result.edit(&limits, |result| {
        intersect(sets, &mut |member| result.add_item(member));
    });
    store(cx, args.get(1), result, SINTERSTORE)
}

/// SUNION key \[key ...\]
pub(super) fn sunion(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let result = union(cx, args.from(1))?;
    reply(cx, &result);
    Ok(())
}

/// SUNIONSTORE destination key \[key ...\]
pub(super) fn sunionstore(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let result = union(cx, args.from(2))?;
    store(cx, args.get(1), result, SUNIONSTORE)
}

/// SDIFF key \[key ...\]
pub(super) fn sdiff(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let result = difference(cx, args.from(1))?;
    reply(cx, &result);
    Ok(())
}

/// SDIFFSTORE destination key \[key ...\]
pub(super) fn sdiffstore(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let result = difference(cx, args.from(2))?;
    store(cx, args.get(1), result, SDIFFSTORE)
}

/// Visits what all sets have in common, until the visitor has enough. Goes through the smallest set.
fn intersect<'a>(sets: Vec<Option<SetRef<'a>>>, visit: &mut dyn FnMut(Item<'a>) -> bool) {
    let Some(mut sets) = sets.into_iter().collect::<Option<Vec<_>>>() else { return };
    sets.sort_by_key(|set| set.len());
    let (smallest, others) = sets.split_first().expect("a command with a key");
    for member in smallest.iter() {
        if others.iter().all(|set| set.contains_item(member)) && !visit(member) {
            return;
        }
    }
}

fn union(cx: &mut Ctx<'_>, keys: Args<'_>) -> Result<Fresh<Set>, ReplyError> {
    let (mut result, limits) = (cx.db.db().fresh::<Set>(), cx.db.store.limits.clone());
    let sets = cx.db.several::<Set>(keys.iter())?;
    result.edit(&limits, |result| {
        for member in sets.into_iter().flatten().flat_map(SetRef::iter) {
            result.add_item(member);
        }
    });
    Ok(result)
}

fn difference(cx: &mut Ctx<'_>, keys: Args<'_>) -> Result<Fresh<Set>, ReplyError> {
    let (mut result, limits) = (cx.db.db().fresh::<Set>(), cx.db.store.limits.clone());
    let same = keys.iter().skip(1).any(|key| key == keys.get(0));
    let sets = cx.db.several::<Set>(keys.iter())?;
    let Some(first) = sets[0].filter(|_| !same) else { return Ok(result) };
    let mut others: Vec<_> = sets[1..].iter().flatten().copied().collect();
    // Either each member is looked for in the others, or the others are taken away; what is less work.
    let looking = first.len() * (others.len() + 1) / 2;
    let taking = first.len() + others.iter().map(|set| set.len()).sum::<usize>();
    result.edit(&limits, |result| {
        if looking <= taking {
            others.sort_by_key(|set| std::cmp::Reverse(set.len()));
            for member in first.iter().filter(|&member| !others.iter().any(|set| set.contains_item(member))) {
                result.add_item(member);
            }
            return;
        }
        first.iter().for_each(|member| _ = result.add_item(member));
        for member in others.iter().flat_map(|set| set.iter()) {
            result.remove_item(member);
            if result.as_ref().is_empty() {
                return;
            }
        }
    });
    Ok(result)
}

fn reply(cx: &mut Ctx<'_>, result: &Fresh<Set>) {
    let set = result.read();
    cx.reply.set(set.len());
    set.iter().for_each(|member| bulk_item(&mut cx.reply, member));
}

fn store(cx: &mut Ctx<'_>, destination: &[u8], result: Fresh<Set>, event: Event) -> Outcome {
    let len = result.read().len();
    cx.store_result(destination, result, len, event);
    Ok(())
}
