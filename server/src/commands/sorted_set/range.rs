//! Ranges: ZRANGE and its kin, ZRANGESTORE, ZCOUNT, ZLEXCOUNT, ZREMRANGEBYRANK and its kin.

use super::span::{By, Limit, Span};
use super::{Removal, elements_header, reply_element};
use crate::command::Outcome;
use crate::context::Ctx;
use crate::effects::Event;
use crate::notify::Class;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use rufous_storage::types::sorted_set::{Direction, SortedSet};

const ZRANGESTORE: Event = Event::new(Class::SORTED_SET, "zrangestore");
const ZREMRANGEBYRANK: Event = Event::new(Class::SORTED_SET, "zremrangebyrank");
const ZREMRANGEBYSCORE: Event = Event::new(Class::SORTED_SET, "zremrangebyscore");
const ZREMRANGEBYLEX: Event = Event::new(Class::SORTED_SET, "zremrangebylex");

/// What ZRANGE and its kin ask for.
struct Query<'a> {
    span: Span<'a>,
    direction: Direction,
    limit: Limit,
    with_scores: bool,
}

/// What the command's name has decided already.
#[derive(Clone, Copy, Default)]
struct Decided {
    by: Option<By>,
    direction: Option<Direction>,
    /// ZRANGESTORE: no WITHSCORES.
    stores: bool,
}

impl<'a> Query<'a> {
    /// Parses the ends of the range and the options behind them.
    fn parse(args: Args<'a>, decided: Decided) -> Result<Query<'a>, ReplyError> {
        let Decided { mut by, mut direction, stores } = decided;
        let (mut limit, mut with_scores) = (Limit::NONE, false);
        let mut options = args.from(2);
        while let Some(option) = options.find(0) {
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            let mut taken = 1;
            if !stores && is("withscores") {
                with_scores = true;
            } else if is("limit") && options.len() > 2 {
                let number = |index| parse_i64(options.get(index)).ok_or(error::NOT_AN_INTEGER);
                limit = Limit { offset: number(1)?, count: number(2)? };
                taken = 3;
            } else if direction.is_none() && is("rev") {
                direction = Some(Direction::Descending);
            } else if by.is_none() && is("bylex") {
                by = Some(By::Lex);
            } else if by.is_none() && is("byscore") {
                by = Some(By::Score);
            } else {
                return Err(error::SYNTAX);
            }
            options = options.from(taken);
        }
        let (by, direction) = (by.unwrap_or(By::Rank), direction.unwrap_or(Direction::Ascending));
        if limit.count != -1 && by == By::Rank {
            return Err(error::ZRANGE_LIMIT);
        }
        if with_scores && by == By::Lex {
            return Err(error::ZRANGE_WITHSCORES);
        }
        if by == By::Rank {
            limit = Limit::NONE; // of ranks, LIMIT .. -1 is let pass and means nothing
        }
        let (first, second) = (args.get(0), args.get(1));
        let (min, max) = match (by, direction) {
            (By::Score | By::Lex, Direction::Descending) => (second, first),
            _ => (first, second),
        };
        Ok(Query { span: Span::parse(by, min, max)?, direction, limit, with_scores })
    }
}

/// ZRANGE key start stop \[BYSCORE | BYLEX\] \[REV\] \[LIMIT offset count\] \[WITHSCORES\]
pub(super) fn zrange(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    range(cx, args, Decided::default())
}

/// ZREVRANGE key start stop \[WITHSCORES\]
pub(super) fn zrevrange(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    range(cx, args, decided(By::Rank, Direction::Descending))
}

/// ZRANGEBYSCORE key min max \[WITHSCORES\] \[LIMIT offset count\]
pub(super) fn zrangebyscore(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    range(cx, args, decided(By::Score, Direction::Ascending))
}

/// ZREVRANGEBYSCORE key max min \[WITHSCORES\] \[LIMIT offset count\]
pub(super) fn zrevrangebyscore(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    range(cx, args, decided(By::Score, Direction::Descending))
}

/// ZRANGEBYLEX key min max \[LIMIT offset count\]
pub(super) fn zrangebylex(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    range(cx, args, decided(By::Lex, Direction::Ascending))
}

/// ZREVRANGEBYLEX key max min \[LIMIT offset count\]
pub(super) fn zrevrangebylex(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    range(cx, args, decided(By::Lex, Direction::Descending))
}

fn decided(by: By, direction: Direction) -> Decided {
    Decided { by: Some(by), direction: Some(direction), stores: false }
}

fn range(cx: &mut Ctx<'_>, args: Args<'_>, decided: Decided) -> Outcome {
    let Query { span, direction, limit, with_scores } = Query::parse(args.from(2), decided)?;
    let Some(set) = cx.db.typed::<SortedSet>(args.get(1))? else {
        cx.reply.array(0);
        return Ok(());
    };
    let ranks = limit.apply(span.ranks(set, direction), direction);
    elements_header(&mut cx.reply, ranks.len(), with_scores);
    set.visit(ranks, direction, |member, score| reply_element(&mut cx.reply, member, score, with_scores));
    Ok(())
}

/// ZRANGESTORE destination source min max \[BYSCORE | BYLEX\] \[REV\] \[LIMIT offset count\]
pub(super) fn zrangestore(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (destination, source) = (args.get(1), args.get(2));
    let Query { span, direction, limit, .. } =
        Query::parse(args.from(3), Decided { stores: true, ..Decided::default() })?;
    let (mut result, limits) = (cx.db.db().fresh::<SortedSet>(), cx.db.store.limits.clone());
    let mut elements = Vec::new();
    if let Some(set) = cx.db.typed::<SortedSet>(source)? {
        let ranks = limit.apply(span.ranks(set, direction), direction);
        set.visit(ranks, Direction::Ascending, |member, score| elements.push((member, score)));
    }
    let len = elements.len();
    result.edit(&limits, |result| result.fill(elements.iter().copied()));
    cx.store_result(destination, result, len, ZRANGESTORE);
    Ok(())
}

/// ZCOUNT key min max
pub(super) fn zcount(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    count(cx, args, By::Score)
}

/// ZLEXCOUNT key min max
pub(super) fn zlexcount(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    count(cx, args, By::Lex)
}

fn count(cx: &mut Ctx<'_>, args: Args<'_>, by: By) -> Outcome {
    let span = Span::parse(by, args.get(2), args.get(3))?;
    let set = cx.db.typed::<SortedSet>(args.get(1))?;
    cx.reply.integer(set.map_or(0, |set| span.ranks(set, Direction::Ascending).len()) as i64);
    Ok(())
}

/// ZREMRANGEBYRANK key start stop
pub(super) fn zremrangebyrank(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    remove(cx, args, By::Rank, ZREMRANGEBYRANK)
}

/// ZREMRANGEBYSCORE key min max
pub(super) fn zremrangebyscore(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    remove(cx, args, By::Score, ZREMRANGEBYSCORE)
}

/// ZREMRANGEBYLEX key min max
pub(super) fn zremrangebylex(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    remove(cx, args, By::Lex, ZREMRANGEBYLEX)
}

fn remove(cx: &mut Ctx<'_>, args: Args<'_>, by: By, event: Event) -> Outcome {
    let key = args.get(1);
    let span = Span::parse(by, args.get(2), args.get(3))?;
    let Some(mut set) = cx.db.write(key).edit::<SortedSet>()? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let ranks = span.ranks(set.as_ref(), Direction::Ascending);
    cx.reply.integer(ranks.len() as i64);
    let removal = Removal::new(&mut set, ranks);
    removal.finish(cx, key, event);
    Ok(())
}
