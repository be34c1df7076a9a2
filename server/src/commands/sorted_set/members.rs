//! Members by name: ZADD, ZINCRBY, ZREM, ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK, ZSCAN.

use crate::command::Outcome;
use crate::commands::generic::scan::{ScanOptions, Scanned, parse_cursor, reply_cursor};
use crate::context::{Ctx, bulk_item};
use crate::effects::Event;
use crate::notify::Class;
use bitflags::bitflags;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::{parse_f64, write_f64, write_f64_in_17_digits};
use rufous_protocol::request::Args;
use rufous_storage::types::sorted_set::{SortedSet, SortedSetRef};
use smallvec::SmallVec;

const ZADD: Event = Event::new(Class::SORTED_SET, "zadd");
const ZINCR: Event = Event::new(Class::SORTED_SET, "zincr");
const ZREM: Event = Event::new(Class::SORTED_SET, "zrem");

bitflags! {
    /// The options of ZADD.
    #[derive(Clone, Copy)]
    pub(in crate::commands) struct Add: u8 {
        /// Only new members.
        const NX = 1 << 0;
        /// Only members.
        const XX = 1 << 1;
        /// Only to greater scores.
        const GT = 1 << 2;
        /// Only to lesser scores.
        const LT = 1 << 3;
        /// Reply how many changed.
        const CH = 1 << 4;
        /// Add to the old score, reply the new one.
        const INCR = 1 << 5;
    }
}

impl Add {
    fn parse(word: &[u8]) -> Option<Add> {
        if !word.first()?.is_ascii_alphabetic() {
            return None;
        }
        let options = [
            ("nx", Add::NX),
            ("xx", Add::XX),
            ("gt", Add::GT),
            ("lt", Add::LT),
            ("ch", Add::CH),
            ("incr", Add::INCR),
        ];
        options
            .into_iter()
            .find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, option)| option)
    }

    fn check(self, pairs: usize) -> Result<(), ReplyError> {
        if self.contains(Add::NX | Add::XX) {
            return Err(error::ZADD_NX_AND_XX);
        }
        if (self & (Add::NX | Add::GT | Add::LT)).bits().count_ones() > 1 {
            return Err(error::ZADD_NX_GT_LT);
        }
        if self.contains(Add::INCR) && pairs > 1 {
            return Err(error::ZADD_INCR_PAIRS);
        }
        Ok(())
    }

    /// The score that a member gets, if the options let it.
    fn score(self, old: Option<f64>, score: f64) -> Option<f64> {
        let Some(old) = old else { return (!self.contains(Add::XX)).then_some(score) };
        let new = if self.contains(Add::INCR) { old + score } else { score };
        let refused = self.contains(Add::NX)
            || self.contains(Add::LT) && new >= old
            || self.contains(Add::GT) && new <= old;
        (!refused).then_some(new)
    }
}

/// ZADD key \[NX | XX\] \[GT | LT\] \[CH\] \[INCR\] score member \[score member ...\]
pub(super) fn zadd(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    add(cx, args, Add::empty())
}

/// ZINCRBY key increment member
pub(super) fn zincrby(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    add(cx, args, Add::INCR)
}

fn add(cx: &mut Ctx<'_>, args: Args<'_>, mut options: Add) -> Outcome {
    let key = args.get(1);
    let mut rest = args.from(2);
    while let Some(option) = rest.find(0).and_then(Add::parse) {
        options |= option;
        rest = rest.from(1);
    }
    let pairs = rest.pairs().filter(|pairs| pairs.len() > 0).ok_or(error::SYNTAX)?;
    options.check(pairs.len())?;
    let scores = pairs.clone().map(|[score, _]| parse_f64(score).ok_or(error::NOT_A_FLOAT));
    let scores = scores.collect::<Result<SmallVec<[f64; 8]>, _>>()?;

    insert(cx, key, options, &scores, pairs.map(|[_, member]| member))
}

/// Adds members with their scores, as many of each and one at least, and replies how many are new.
pub(in crate::commands) fn insert<'m>(
    cx: &mut Ctx<'_>,
    key: &[u8],
    options: Add,
    scores: &[f64],
    mut members: impl Iterator<Item = &'m [u8]> + Clone,
) -> Outcome {
    let found = cx.db.write(key);
    let (mut added, mut updated, mut last) = (0, 0, None);
    if found.exists() || !options.contains(Add::XX) {
        let mut set = found.edit_or_new::<SortedSet>()?;
        set.expect(members.clone().next().unwrap_or_default(), scores.len());
        for (member, &score) in members.by_ref().zip(scores) {
            set.update(member, |old| {
                last = options.score(old, score);
                match (old, last.filter(|score| !score.is_nan())?) {
                    (None, _) => added += 1,
                    (Some(old), new) => updated += u64::from(new != old),
                }
                last
            });
        }
    }
    if last.is_some_and(f64::is_nan) {
        return Err(error::SCORE_NAN);
    }
    if added + updated > 0 {
        cx.changed(key, if options.contains(Add::INCR) { ZINCR } else { ZADD }, added + updated);
    }
    match last {
        Some(score) if options.contains(Add::INCR) => cx.reply.double(score),
        None if options.contains(Add::INCR) => cx.reply.null(),
        _ => cx.reply.integer((added + if options.contains(Add::CH) { updated } else { 0 }) as i64),
    }
    Ok(())
}

/// ZREM key member \[member ...\]
pub(super) fn zrem(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, members) = (args.get(1), args.from(2));
    let (mut removed, mut is_empty) = (0, false);
    if let Some(mut set) = cx.db.write(key).edit::<SortedSet>()? {
        for member in members.iter() {
            if set.remove(member) {
                removed += 1;
                is_empty = set.as_ref().is_empty();
            }
            if is_empty {
                break;
            }
        }
    }
    cx.reply_removed(key, ZREM, removed, is_empty);
    Ok(())
}

/// ZCARD key
pub(super) fn zcard(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let len = cx.db.typed::<SortedSet>(args.get(1))?.map_or(0, SortedSetRef::len);
    cx.reply.integer(len as i64);
    Ok(())
}

/// ZSCORE key member
pub(super) fn zscore(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    match cx.db.typed::<SortedSet>(args.get(1))?.and_then(|set| set.score(args.get(2))) {
        Some(score) => cx.reply.double(score),
        None => cx.reply.null(),
    }
    Ok(())
}

/// ZMSCORE key member \[member ...\]
pub(super) fn zmscore(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (set, members) = (cx.db.typed::<SortedSet>(args.get(1))?, args.from(2));
    cx.reply.array(members.len());
    for member in members.iter() {
        match set.and_then(|set| set.score(member)) {
            Some(score) => cx.reply.double(score),
            None => cx.reply.null(),
        }
    }
    Ok(())
}

/// ZRANK key member \[WITHSCORE\]
pub(super) fn zrank(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    rank(cx, args, |rank, _| rank)
}

/// ZREVRANK key member \[WITHSCORE\]
pub(super) fn zrevrank(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    rank(cx, args, |rank, len| len - 1 - rank)
}

fn rank(cx: &mut Ctx<'_>, args: Args<'_>, of_len: impl Fn(usize, usize) -> usize) -> Outcome {
    let with_score = match args.find(3) {
        _ if args.len() > 4 => return Err(error::wrong_arity(cx.server.commands.full_name(cx.command))),
        Some(option) if option.eq_ignore_ascii_case(b"withscore") => true,
        Some(_) => return Err(error::SYNTAX),
        None => false,
    };
    let set = cx.db.typed::<SortedSet>(args.get(1))?;
    match set.and_then(|set| Some((set.rank(args.get(2))?, set.len()))) {
        Some(((rank, score), len)) => {
            if with_score {
                cx.reply.array(2);
            }
            cx.reply.integer(of_len(rank, len) as i64);
            if with_score {
                cx.reply.double(score);
            }
        }
        None if with_score => cx.reply.null_array(),
        None => cx.reply.null(),
    }
    Ok(())
}

/// ZSCAN key cursor \[MATCH pattern\] \[COUNT count\]
pub(super) fn zscan(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let cursor = parse_cursor(args.get(2))?;
    let Some(set) = cx.db.typed::<SortedSet>(args.get(1))? else {
        reply_cursor(&mut cx.reply, 0, 0);
        return Ok(());
    };
    let options = ScanOptions::parse(args.from(3), Scanned::Members)?;
    let mut found = Vec::new();
    let cursor = options.run(cursor, |cursor| {
        let mut visited = 0;
        let next = set.scan(cursor, &mut |member, score| {
            visited += 1;
            if options.matches(member.as_bytes(&mut itoa::Buffer::new())) {
                found.push((member, score));
            }
        });
        (next, visited)
    });
    // Redis prints the scores of a large sorted set in another way here than anywhere else.
    let print = match set {
        SortedSetRef::Pack(_) => write_f64,
        SortedSetRef::Ranking(_) => write_f64_in_17_digits,
    };
    reply_cursor(&mut cx.reply, cursor, 2 * found.len());
    for (member, score) in found {
        bulk_item(&mut cx.reply, member);
        cx.reply.bulk(print(&mut [0; 32], score));
    }
    Ok(())
}
