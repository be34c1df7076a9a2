//! Members by chance: ZRANDMEMBER.

use super::{elements_header, reply_element};
use crate::command::Outcome;
use crate::commands::picks;
use crate::context::{Ctx, bulk_item};
use rufous_protocol::error;
use rufous_protocol::request::Args;
use rufous_storage::types::sorted_set::SortedSet;

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
    let count = picks(count)?;
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
    let limit = cx.output_limit();
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
    elements_header(&mut cx.reply, count, with_scores);
    for picked in 0..count {
        let (member, score) = set.random(&mut random);
        reply_element(&mut cx.reply, member, score, with_scores);
        if limit.is_passed_after(picked, cx.reply.out) {
            break;
        }
    }
    Ok(())
}
