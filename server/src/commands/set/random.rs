//! Members by chance, and all of them: SPOP, SRANDMEMBER, SMEMBERS.

use super::DEL;
use crate::command::Outcome;
use crate::commands::{picks, positive};
use crate::context::{Ctx, bulk_item};
use crate::effects::Event;
use crate::notify::Class;
use crate::propagation::Word;
use crate::words;
use rufous_protocol::error;
use rufous_protocol::request::Args;
use rufous_storage::types::set::Set;

/// SPOP with a count propagates as SREMs of so many members.
const MEMBERS_PER_SREM: usize = 1024;

const SPOP: Event = Event::new(Class::SET, "spop");
/// SMEMBERS key
pub(super) fn smembers(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let set = cx.db.typed::<Set>(args.get(1))?;
    cx.reply.set(set.map_or(0, |set| set.len()));
    set.into_iter().flat_map(|set| set.iter()).for_each(|member| bulk_item(&mut cx.reply, member));
    Ok(())
}

/// SPOP key \[count\]
pub(super) fn spop(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    match args.len() {
        2 => pop_one(cx, args.get(1)),
        3 => pop_some(cx, args.get(1), positive(args.get(2), error::NOT_POSITIVE)?),
        _ => Err(error::SYNTAX),
    }
}

fn pop_one(cx: &mut Ctx<'_>, key: &[u8]) -> Outcome {
    let mut random = cx.db.store.random.fork();
    let Some(mut set) = cx.db.write(key).edit::<Set>()? else {
        cx.reply.null();
        return Ok(());
    };
    let member = set.as_ref().random(&mut random).to_vec();
    set.remove(&member);
    let is_empty = set.as_ref().is_empty();
    cx.reply.bulk(&member);
    popped(cx, key, 1, is_empty);
    cx.propagate_as(words![b"SREM", key, &member]);
    Ok(())
}

fn pop_some(cx: &mut Ctx<'_>, key: &[u8], count: usize) -> Outcome {
    let mut random = cx.db.store.random.fork();
    let Some(mut set) = cx.db.write(key).edit::<Set>()? else {
        cx.reply.set(0);
        return Ok(());
    };
    let len = set.as_ref().len();
    let count = count.min(len);
    cx.reply.set(count);
    if count == 0 {
        return Ok(());
    }
    let mut members = Vec::new();
    set.as_ref().random_distinct(count, &mut random, &mut |member| {
        bulk_item(&mut cx.reply, member);
        if count < len {
            members.push(member.to_vec());
        }
    });
    members.iter().for_each(|member| _ = set.remove(member));
    popped(cx, key, count, count == len);
    if count == len {
        cx.propagate_removal(key, cx.server.config.lazyfree_lazy_server_del);
    } else if cx.propagates() {
        propagate_members_removed(cx, key, &members);
    }
    Ok(())
}

/// As SREMs: which members go is chance.
fn propagate_members_removed(cx: &mut Ctx<'_>, key: &[u8], members: &[Vec<u8>]) {
    for members in members.chunks(MEMBERS_PER_SREM) {
        let mut words = words![b"SREM", key].to_vec();
        words.extend(members.iter().map(Word::from));
        cx.propagate_as(&words);
    }
}

fn popped(cx: &mut Ctx<'_>, key: &[u8], count: usize, all: bool) {
    cx.changed(key, SPOP, count as u64);
    if all {
        cx.db.remove(key, true);
        cx.notify(key, DEL);
    }
}

/// SRANDMEMBER key \[count\]
pub(super) fn srandmember(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let count = match args.len() {
        2 => None,
        3 => Some(picks(args.get(2))?),
        _ => return Err(error::SYNTAX),
    };
    let mut random = cx.db.store.random.fork();
    let limit = cx.output_limit();
    let set = cx.db.typed::<Set>(args.get(1))?;
    match (set, count) {
        (None, None) => cx.reply.null(),
        (None, Some(_)) => cx.reply.array(0),
        (Some(set), None) => bulk_item(&mut cx.reply, set.random(&mut random)),
        (Some(set), Some(count @ 0..)) => {
            let count = (count as usize).min(set.len());
            cx.reply.array(count);
            set.random_distinct(count, &mut random, &mut |member| bulk_item(&mut cx.reply, member));
        }
        // A negative count allows a member more than once.
        (Some(set), Some(count)) => {
            let count = count.unsigned_abs() as usize;
            cx.reply.array(count);
            for picked in 0..count {
                bulk_item(&mut cx.reply, set.random(&mut random));
                if limit.is_passed_after(picked, cx.reply.out) {
                    break;
                }
            }
        }
    }
    Ok(())
}
