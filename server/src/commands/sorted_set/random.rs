//! Members by chance: ZRANDMEMBER.

use super::{elements_header, reply_element};
use crate::command::Outcome;
use crate::context::{Ctx, bulk_item};
use rufous_protocol::error;
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use rufous_storage::types::sorted_set::SortedSet;

/// A reply that may be endless asks so often whether the client is past its output limit.
const PICKS_BETWEEN_CHECKS: usize = 1024;

/// ZRANDMEMBER key \[count \[WITHSCORES\]\]
pub(super) fn zrandmember(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let Some(count) = args.find(2) else {
        let mut random = cx.db.store.random.fork();
        match cx.db.typed::<SortedSet>(args.get(1))? {
            Some(set) => bulk_item(&mut cx.reply, set.random(&mut random).0),
            None => cx.reply.null(),
        }
        return Ok(());
    };
    let count = parse_i64(count).ok_or(error::NOT_AN_INTEGER)?;
    if count == i64::MIN {
        return Err(error::out_of_range(-i64::MAX, i64::MAX));
    }
    let with_scores = match args.find(3) {
        None => false,
        Some(option) if args.len() == 4 && option.eq_ignore_ascii_case(b"withscores") => true,
        Some(_) => return Err(error::SYNTAX),
    };
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(error::OUT_OF_RANGE);
    }
    several(cx, args.get(1), count, with_scores)
}

/// Replies different members, or, where the count is negative, so many that may be the same.
fn several(cx: &mut Ctx<'_>, key: &[u8], count: i64, with_scores: bool) -> Outcome {
    let mut random = cx.db.store.random.fork();
    let Some(set) = cx.db.typed::<SortedSet>(key)? else {
        cx.reply.array(0);
        return Ok(());
    };
    if let Ok(count) = usize::try_from(count) {
        let count = count.min(set.len());
        elements_header(&mut cx.reply, count, with_scores);
        set.random_distinct(count, &mut random, &mut |member, score| {
            reply_element(&mut cx.reply, member, score, with_scores);
        });
        return Ok(());
    }
    let count = count.unsigned_abs() as usize;
    let hard_limit = cx.server.config.output_buffer_limit(cx.client.class()).hard_bytes;
    let is_over = |out: &Vec<u8>| hard_limit > 0 && cx.waiting.memory_with(out) as u64 >= hard_limit;
    elements_header(&mut cx.reply, count, with_scores);
    for picked in 0..count {
        let (member, score) = set.random(&mut random);
        reply_element(&mut cx.reply, member, score, with_scores);
        if picked % PICKS_BETWEEN_CHECKS == 0 && is_over(cx.reply.out) {
            break;
        }
    }
    Ok(())
}
