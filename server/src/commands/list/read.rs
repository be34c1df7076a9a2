//! Reading: LLEN, LINDEX, LRANGE, LPOS.

use super::{integer, range};
use crate::client::output::Shared;
use crate::command::Outcome;
use crate::context::{Ctx, OutputLimit, bulk_value};
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::reply::Reply;
use rufous_protocol::request::Args;
use rufous_storage::Str;
use rufous_storage::types::list::{End, List, ListRef, Needle};

const RANK_ZERO: ReplyError = ReplyError::fixed(
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
);
const COUNT_NEGATIVE: ReplyError = ReplyError::fixed("ERR COUNT can't be negative");
const MAXLEN_NEGATIVE: ReplyError = ReplyError::fixed("ERR MAXLEN can't be negative");

/// A long reply asks so often whether the client is past its output limit.
const ELEMENTS_BETWEEN_CHECKS: usize = 1024;

/// LLEN key
pub(super) fn llen(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let len = cx.db.typed::<List>(args.get(1))?.map_or(0, |list| list.len());
    cx.reply.integer(len as i64);
    Ok(())
}

/// LINDEX key index
pub(super) fn lindex(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let Some(list) = cx.db.typed::<List>(args.get(1))? else {
        cx.reply.null();
        return Ok(());
    };
    match list.get(integer(args.get(2))?) {
        Some(element) => bulk_value(&mut cx.reply, cx.refs, element),
        None => cx.reply.null(),
    }
    Ok(())
}

/// LRANGE key start stop
pub(super) fn lrange(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (start, stop) = (integer(args.get(2))?, integer(args.get(3))?);
    let limit = cx.output_limit();
    let Some(list) = cx.db.typed::<List>(args.get(1))? else {
        cx.reply.array(0);
        return Ok(());
    };
    let (start, count) = range(list.len(), start, stop);
    reply_elements(&mut cx.reply, cx.refs, limit, list.elements(start), count);
    Ok(())
}

/// Replies the first elements of an iterator; stops past the output limit, as the client is closed then.
pub(super) fn reply_elements<'a>(
    reply: &mut Reply<'_>,
    refs: &mut Vec<(usize, Shared)>,
    limit: OutputLimit<'_>,
    mut elements: impl Iterator<Item = Str<'a>>,
    count: usize,
) {
    reply.array(count);
    let mut left = count;
    while left > 0 && !limit.is_passed(reply.out) {
        let some = left.min(ELEMENTS_BETWEEN_CHECKS);
        elements.by_ref().take(some).for_each(|element| bulk_value(reply, refs, element));
        left -= some;
    }
}

/// The options of LPOS.
struct Search {
    /// Which match is the first that counts, from 1 on.
    rank: u64,
    from: End,
    /// `None` asks for one match, 0 for all.
    count: Option<u64>,
    /// How many elements to look at; 0 is all.
    elements_max: u64,
}

impl Search {
    fn parse(args: Args<'_>) -> Result<Search, ReplyError> {
        let mut search = Search { rank: 1, from: End::Head, count: None, elements_max: 0 };
        let mut at = 0;
        while at < args.len() {
            let (option, value) = (args.get(at), args.find(at + 1).ok_or(error::SYNTAX)?);
            let positive = |error| parse_i64(value).and_then(|n| u64::try_from(n).ok()).ok_or(error);
            if option.eq_ignore_ascii_case(b"rank") {
                let rank = match integer(value)? {
                    0 => return Err(RANK_ZERO),
                    i64::MIN => return Err(error::out_of_range(-i64::MAX, i64::MAX)),
                    rank => rank,
                };
                search.rank = rank.unsigned_abs();
                search.from = if rank < 0 { End::Tail } else { End::Head };
            } else if option.eq_ignore_ascii_case(b"count") {
                search.count = Some(positive(COUNT_NEGATIVE)?);
            } else if option.eq_ignore_ascii_case(b"maxlen") {
                search.elements_max = positive(MAXLEN_NEGATIVE)?;
            } else {
                return Err(error::SYNTAX);
            }
            at += 2;
        }
        Ok(search)
    }

    /// Visits the indexes of the matches asked for.
    fn run(&self, list: ListRef<'_>, needle: Needle<'_>, mut visit: impl FnMut(usize)) {
        let last = list.len() - 1;
        match self.from {
            End::Head => self.matches(list.elements(0), needle).for_each(visit),
            End::Tail => self.matches(list.elements_back(last), needle).for_each(|at| visit(last - at)),
        }
    }

    /// The places of the matches asked for, counted along the way.
    fn matches<'e>(
        &self,
        elements: impl Iterator<Item = Str<'e>>,
        needle: Needle<'_>,
    ) -> impl Iterator<Item = usize> {
        let all =
            |limit: u64| if limit == 0 { usize::MAX } else { usize::try_from(limit).unwrap_or(usize::MAX) };
        elements
            .take(all(self.elements_max))
            .enumerate()
            .filter(move |(_, element)| needle.equals(*element))
            .map(|(at, _)| at)
            .skip(usize::try_from(self.rank - 1).unwrap_or(usize::MAX))
            .take(all(self.count.unwrap_or(1)))
    }
}

/// LPOS key element \[RANK rank\] \[COUNT num-matches\] \[MAXLEN len\]
pub(super) fn lpos(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let search = Search::parse(args.from(3))?;
    let list = cx.db.typed::<List>(args.get(1))?;
    let needle = Needle::new(args.get(2));
    let (mark, mut found) = (cx.reply.defer(), 0);
    if let Some(list) = list {
        search.run(list, needle, |index| {
            cx.reply.integer(index as i64);
            found += 1;
        });
    }
    match search.count {
        Some(_) => cx.reply.set_array(mark, found),
        None if found == 0 => cx.reply.null(),
        None => {}
    }
    Ok(())
}
