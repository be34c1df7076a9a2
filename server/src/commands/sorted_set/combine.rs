//! Several sorted sets, or sets, at once: ZUNION, ZINTER, ZDIFF, their STORE forms, ZINTERCARD.
//!
//! A member of a set has the score 1. Sources are gone through from the smallest to the largest, because the order decides how
//! sums of scores round. What comes out are members borrowed from the sources, sorted at the end.

use super::{elements_header, reply_element};
use crate::command::Outcome;
use crate::commands::positive;
use crate::context::Ctx;
use crate::effects::Event;
use crate::notify::Class;
use crate::store::Keys;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::{parse_f64, parse_i64};
use rufous_protocol::request::Args;
use rufous_storage::EntryRef;
use rufous_storage::pack::Item;
use rufous_storage::types::set::{Set, SetRef};
use rufous_storage::types::sorted_set::{Direction, SortedSet, SortedSetRef};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

const ZUNIONSTORE: Event = Event::new(Class::SORTED_SET, "zunionstore");
const ZINTERSTORE: Event = Event::new(Class::SORTED_SET, "zinterstore");
const ZDIFFSTORE: Event = Event::new(Class::SORTED_SET, "zdiffstore");

/// What the command makes of its sources.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What becomes of the result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Reply,
    Store,
    Count,
}

/// How the scores of one member come together.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

/// The arguments behind the keys.
struct Options {
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    /// How far ZINTERCARD counts; 0 to the end.
    limit: usize,
}

/// What a key holds.
#[derive(Clone, Copy)]
enum Source<'a> {
    Set(SetRef<'a>),
    SortedSet(SortedSetRef<'a>),
}

/// A key's value, if there is one, and its weight.
#[derive(Clone, Copy)]
struct Weighted<'a> {
    source: Option<Source<'a>>,
    weight: f64,
}

type Elements<'a> = Vec<(Item<'a>, f64)>;

/// ZUNION numkeys key \[key ...\] \[WEIGHTS weight \[weight ...\]\] \[AGGREGATE SUM | MIN | MAX\] \[WITHSCORES\]
pub(super) fn zunion(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    reply(cx, args, Operation::Union)
}

/// ZINTER numkeys key \[key ...\] \[WEIGHTS weight \[weight ...\]\] \[AGGREGATE SUM | MIN | MAX\] \[WITHSCORES\]
pub(super) fn zinter(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    reply(cx, args, Operation::Intersection)
}

/// ZDIFF numkeys key \[key ...\] \[WITHSCORES\]
pub(super) fn zdiff(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    reply(cx, args, Operation::Difference)
}

/// ZUNIONSTORE destination numkeys key \[key ...\] \[WEIGHTS weight \[weight ...\]\] \[AGGREGATE SUM | MIN | MAX\]
pub(super) fn zunionstore(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    store(cx, args, Operation::Union, ZUNIONSTORE)
}

/// ZINTERSTORE destination numkeys key \[key ...\] \[WEIGHTS weight \[weight ...\]\] \[AGGREGATE SUM | MIN | MAX\]
pub(super) fn zinterstore(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    store(cx, args, Operation::Intersection, ZINTERSTORE)
}

/// ZDIFFSTORE destination numkeys key \[key ...\]
pub(super) fn zdiffstore(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    store(cx, args, Operation::Difference, ZDIFFSTORE)
}

/// ZINTERCARD numkeys key \[key ...\] \[LIMIT limit\]
pub(super) fn zintercard(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let name = cx.server.commands.full_name(cx.command);
    let (sources, options) = read(&mut cx.db, name, args.from(1), Operation::Intersection, Purpose::Count)?;
    let mut len = 0;
    intersect(sorted(sources), options.aggregate, |_, _| {
        len += 1;
        len != options.limit
    });
    cx.reply.integer(len as i64);
    Ok(())
}

fn reply(cx: &mut Ctx<'_>, args: Args<'_>, operation: Operation) -> Outcome {
    let name = cx.server.commands.full_name(cx.command);
    let (sources, options) = read(&mut cx.db, name, args.from(1), operation, Purpose::Reply)?;
    let elements = combine(sources, operation, options.aggregate);
    elements_header(&mut cx.reply, elements.len(), options.with_scores);
    for (member, score) in elements {
        reply_element(&mut cx.reply, member, score, options.with_scores);
    }
    Ok(())
}

fn store(cx: &mut Ctx<'_>, args: Args<'_>, operation: Operation, event: Event) -> Outcome {
    let (mut result, limits) = (cx.db.db().fresh::<SortedSet>(), cx.db.store.limits.clone());
    let name = cx.server.commands.full_name(cx.command);
    let (sources, options) = read(&mut cx.db, name, args.from(2), operation, Purpose::Store)?;
    let elements = combine(sources, operation, options.aggregate);
    let len = elements.len();
    result.edit(&limits, |result| result.fill(elements.iter().copied()));
    cx.store_result(args.get(1), result, len, event);
    Ok(())
}

/// Looks the keys up, and parses what is behind them. `args` begin with the number of keys. In Redis' order: a key of another
/// type is found before a mistake behind the keys.
fn read<'k>(
    db: &'k mut Keys<'_>,
    name: &str,
    args: Args<'_>,
    operation: Operation,
    purpose: Purpose,
) -> Result<(Vec<Weighted<'k>>, Options), ReplyError> {
    let count = parse_i64(args.get(0)).ok_or(error::NOT_AN_INTEGER)?;
    if count < 1 {
        return Err(error::input_key_needed(name));
    }
    let count = usize::try_from(count).ok().filter(|&count| count < args.len()).ok_or(error::SYNTAX)?;
    let keys = args.from(1).to(count);
    let sources = db.entries(keys.iter(), |entry| Source::of(entry).is_some())?;
    let options = Options::parse(args.from(1 + count), count, operation, purpose)?;
    let weights = options.weights.iter().copied().chain(std::iter::repeat(1.0));
    let weighted = |(entry, weight): (Option<EntryRef<'k>>, f64)| Weighted {
        source: entry.and_then(Source::of),
        weight,
    };
    Ok((sources.into_iter().zip(weights).map(weighted).collect(), options))
}

impl Options {
    fn parse(
        mut args: Args<'_>,
        keys: usize,
        operation: Operation,
        purpose: Purpose,
    ) -> Result<Options, ReplyError> {
        let mut options =
            Options { weights: Vec::new(), aggregate: Aggregate::Sum, with_scores: false, limit: 0 };
        let weighs = operation != Operation::Difference && purpose != Purpose::Count;
        while let Some(option) = args.find(0) {
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            let mut taken = 2;
            if weighs && args.len() > keys && is("weights") {
                let weights = args.from(1).to(keys).iter();
                let weights = weights.map(|weight| parse_f64(weight).ok_or(error::WEIGHT_NOT_A_FLOAT));
                options.weights = weights.collect::<Result<_, _>>()?;
                taken = 1 + keys;
            } else if weighs && args.len() > 1 && is("aggregate") {
                options.aggregate = Aggregate::parse(args.get(1))?;
            } else if purpose == Purpose::Reply && is("withscores") {
                options.with_scores = true;
                taken = 1;
            } else if purpose == Purpose::Count && args.len() > 1 && is("limit") {
                options.limit = positive(args.get(1), error::LIMIT_NEGATIVE)?;
            } else {
                return Err(error::SYNTAX);
            }
            args = args.from(taken);
        }
        Ok(options)
    }
}

impl Aggregate {
    fn parse(word: &[u8]) -> Result<Aggregate, ReplyError> {
        match word.to_ascii_lowercase().as_slice() {
            b"sum" => Ok(Aggregate::Sum),
            b"min" => Ok(Aggregate::Min),
            b"max" => Ok(Aggregate::Max),
            _ => Err(error::SYNTAX),
        }
    }

    /// Adds a score; infinities that cancel each other out give 0.
    fn add(self, sum: f64, score: f64) -> f64 {
        match self {
            Aggregate::Sum => number_or_zero(sum + score),
            Aggregate::Min if score < sum => score,
            Aggregate::Max if score > sum => score,
            Aggregate::Min | Aggregate::Max => sum,
        }
    }
}

impl<'a> Source<'a> {
    fn of(entry: EntryRef<'a>) -> Option<Source<'a>> {
        let set = || entry.typed::<Set>().map(Source::Set);
        entry.typed::<SortedSet>().map(Source::SortedSet).or_else(set)
    }

    fn len(self) -> usize {
        match self {
            Source::Set(set) => set.len(),
            Source::SortedSet(set) => set.len(),
        }
    }

    fn score(self, member: Item<'_>) -> Option<f64> {
        match self {
            Source::Set(set) => set.contains_item(member).then_some(1.0),
            Source::SortedSet(set) => set.score(member.as_bytes(&mut itoa::Buffer::new())),
        }
    }

    /// Visits all members, integers as such, until the visitor has enough.
    fn visit(self, visit: &mut dyn FnMut(Item<'a>, f64) -> bool) {
        match self {
            Source::Set(set) => _ = set.iter().all(|member| visit(member, 1.0)),
            Source::SortedSet(set) => {
                set.visit_while(0..set.len(), Direction::Ascending, |member, score| {
                    visit(canonical(member), score)
                });
            }
        }
    }
}

impl Weighted<'_> {
    fn len(&self) -> usize {
        self.source.map_or(0, Source::len)
    }
}

/// What an operation makes of its sources, in order.
fn combine<'a>(sources: Vec<Weighted<'a>>, operation: Operation, aggregate: Aggregate) -> Elements<'a> {
    let mut elements = Vec::new();
    match operation {
        Operation::Union => elements = unite(sorted(sources), aggregate),
        Operation::Intersection => intersect(sorted(sources), aggregate, |member, score| {
            elements.push((member, score));
            true
        }),
        Operation::Difference => subtract(&sources, |member, score| elements.push((member, score))),
    }
    elements.sort_unstable_by(compare);
    elements
}

fn sorted(mut sources: Vec<Weighted<'_>>) -> Vec<Weighted<'_>> {
    sources.sort_by_key(Weighted::len);
    sources
}

/// All members that any source has.
fn unite<'a>(sources: Vec<Weighted<'a>>, aggregate: Aggregate) -> Elements<'a> {
    let mut scores = HashMap::with_capacity(sources.last().map_or(0, Weighted::len));
    for Weighted { source, weight } in sources {
        let Some(source) = source else { continue };
        source.visit(&mut |member, score| {
            let score = number_or_zero(weight * score);
            match scores.entry(member) {
                Entry::Vacant(vacant) => _ = vacant.insert(score),
                Entry::Occupied(mut sum) => _ = sum.insert(aggregate.add(*sum.get(), score)),
            }
            true
        });
    }
    scores.into_iter().collect()
}

/// Visits the members that all sources have, until the visitor has enough.
fn intersect<'a>(
    sources: Vec<Weighted<'a>>,
    aggregate: Aggregate,
    mut visit: impl FnMut(Item<'a>, f64) -> bool,
) {
    let Some((smallest, others)) = sources.split_first() else { return };
    let Some(source) = smallest.source else { return };
    source.visit(&mut |member, score| {
        let mut sum = Some(number_or_zero(smallest.weight * score));
        for other in others {
            let score = other.source.and_then(|source| source.score(member));
            sum = sum.zip(score).map(|(sum, score)| aggregate.add(sum, score * other.weight));
            if sum.is_none() {
                break;
            }
        }
        sum.is_none_or(|sum| visit(member, sum))
    });
}

/// Visits the members of the first source that no other has.
fn subtract<'a>(sources: &[Weighted<'a>], mut visit: impl FnMut(Item<'a>, f64)) {
    let Some((Weighted { source: Some(first), .. }, others)) = sources.split_first() else { return };
    // What is larger is more likely to have a member.
    let mut others: Vec<Source<'a>> = others.iter().filter_map(|other| other.source).collect();
    others.sort_by_key(|other| std::cmp::Reverse(other.len()));
    first.visit(&mut |member, score| {
        if !others.iter().any(|other| other.score(member).is_some()) {
            visit(member, score);
        }
        true
    });
}

fn number_or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// An integer where the bytes are the decimal form of one, so that equal members are equal items.
fn canonical(member: Item<'_>) -> Item<'_> {
    match member {
        Item::Int(_) => member,
        Item::Bytes(bytes) => Item::of(bytes),
    }
}

/// The order of elements.
fn compare(one: &(Item<'_>, f64), other: &(Item<'_>, f64)) -> Ordering {
    let scores = one.1.partial_cmp(&other.1).unwrap_or(Ordering::Equal);
    let (mut buffer, mut other_buffer) = (itoa::Buffer::new(), itoa::Buffer::new());
    scores.then_with(|| one.0.as_bytes(&mut buffer).cmp(other.0.as_bytes(&mut other_buffer)))
}
