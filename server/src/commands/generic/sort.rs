//! SORT and SORT_RO: the elements of a list, set or sorted set by number or by text, by themselves or by what other keys say.
//!
//! Looking at other keys may remove one that has expired, so elements are copied out of the collection first, one behind the
//! other into one buffer.

use crate::client::output::Shared;
use crate::command::Outcome;
use crate::context::{Ctx, OutputLimit, bulk_value};
use crate::effects::Event;
use crate::notify::Class;
use crate::store::Keys;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::{parse_f64_in_range_as_c, parse_i64};
use rufous_protocol::reply::Reply;
use rufous_protocol::request::Args;
use rufous_storage::types::hash::Hash;
use rufous_storage::types::list::{End, List};
use rufous_storage::types::set::Set;
use rufous_storage::types::sorted_set::{Direction, SortedSet};
use rufous_storage::{EntryRef, Str};
use std::cmp::Ordering;
use std::ops::Range;

const SORTSTORE: Event = Event::new(Class::LIST, "sortstore");
/// Elements that are stored together.
const BATCH: usize = 128;

/// The options.
struct Options<'a> {
    by: Option<Pattern<'a>>,
    /// The collection's own order is wanted: a pattern of BY is constant, even if another follows.
    keeps_order: bool,
    gets: Vec<Pattern<'a>>,
    offset: i64,
    /// All from the offset on if negative.
    count: i64,
    descending: bool,
    alpha: bool,
    store: Option<&'a [u8]>,
}

/// How elements become the names of keys.
enum Pattern<'a> {
    /// `#`: the element itself.
    Element,
    /// No `*` in it, so no key.
    Constant,
    /// `prefix*postfix`, or a field of the hash there.
    Key { prefix: &'a [u8], postfix: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    /// As C reads it, nothing behind a NUL byte means anything special.
    fn parse(pattern: &'a [u8]) -> Pattern<'a> {
        if pattern == b"#" {
            return Pattern::Element;
        }
        let end = pattern.iter().position(|&byte| byte == 0).unwrap_or(pattern.len());
        let Some(star) = pattern[..end].iter().position(|&byte| byte == b'*') else {
            return Pattern::Constant;
        };
        let (prefix, postfix) = (&pattern[..star], &pattern[star + 1..]);
        let arrow = pattern[star + 1..end].windows(2).position(|pair| pair == b"->");
        match arrow.filter(|arrow| star + 1 + arrow + 2 < end) {
            Some(arrow) => {
                Pattern::Key { prefix, postfix: &postfix[..arrow], field: Some(&postfix[arrow + 2..]) }
            }
            None => Pattern::Key { prefix, postfix, field: None },
        }
    }

    /// Shows what the pattern finds for an element. `name` is room for the key's name.
    fn look_up<R>(
        &self,
        keys: &mut Keys<'_>,
        element: &[u8],
        name: &mut Vec<u8>,
        show: impl FnOnce(Option<Str<'_>>) -> R,
    ) -> R {
        let (prefix, postfix, field) = match self {
            Pattern::Element => return show(Some(Str::Bytes(element))),
            Pattern::Constant => return show(None),
            Pattern::Key { prefix, postfix, field } => (prefix, postfix, field),
        };
        name.clear();
        [*prefix, element, *postfix].iter().for_each(|part| name.extend_from_slice(part));
        let horizon = keys.horizon;
        let entry = keys.read(name);
        match field {
            None => show(entry.and_then(EntryRef::string)),
            Some(field) => {
                let value =
                    entry.and_then(|entry| entry.typed_at::<Hash>(horizon)).and_then(|hash| hash.get(field));
                show(value.map(Str::from))
            }
        }
    }
}

impl<'a> Options<'a> {
    fn parse(cx: &Ctx<'_>, mut args: Args<'a>, may_store: bool) -> Result<Options<'a>, ReplyError> {
        let in_cluster = cx.server.config.cluster_enabled;
        let mut options = Options {
            by: None,
            keeps_order: false,
            gets: Vec::new(),
            offset: 0,
            count: -1,
            descending: false,
            alpha: false,
            store: None,
        };
        while let Some(option) = args.find(0) {
            let taken = match (option.to_ascii_lowercase().as_slice(), args.len() - 1) {
                (b"asc", _) => {
                    options.descending = false;
                    1
                }
                (b"desc", _) => {
                    options.descending = true;
                    1
                }
                (b"alpha", _) => {
                    options.alpha = true;
                    1
                }
                (b"limit", 2..) => {
                    let number = |at| parse_i64(args.get(at)).ok_or(error::NOT_AN_INTEGER);
                    (options.offset, options.count) = (number(1)?, number(2)?);
                    3
                }
                (b"store", 1..) if may_store => {
                    options.store = Some(args.get(1));
                    2
                }
                (b"by", 1..) => {
                    let pattern = Pattern::parse(args.get(1));
                    if in_cluster && matches!(pattern, Pattern::Key { .. }) {
                        return Err(error::SORT_BY_IN_CLUSTER);
                    }
                    options.keeps_order |= !matches!(pattern, Pattern::Key { .. });
                    options.by = Some(pattern);
                    2
                }
                (b"get", 1..) if in_cluster => return Err(error::SORT_GET_IN_CLUSTER),
                (b"get", 1..) => {
                    options.gets.push(Pattern::parse(args.get(1)));
                    2
                }
                _ => return Err(error::SYNTAX),
            };
            args = args.from(taken);
        }
        Ok(options)
    }

    /// The part of so many elements that is wanted.
    fn part(&self, len: usize) -> Range<usize> {
        let start = usize::try_from(self.offset.max(0)).unwrap_or(usize::MAX).min(len);
        match usize::try_from(self.count) {
            Ok(count) => start..start.saturating_add(count).min(len),
            Err(_) => start..len,
        }
    }
}

/// Copies of elements, and what they are sorted by.
#[derive(Default)]
struct Elements {
    text: Vec<u8>,
    ranges: Vec<Range<usize>>,
    /// By members of a set or sorted set, whose own order is by chance, equal weights are told apart.
    is_by_chance: bool,
}

impl Elements {
    fn push(&mut self, element: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(element);
        self.ranges.push(start..self.text.len());
    }

    fn get(&self, at: usize) -> &[u8] {
        &self.text[self.ranges[at].clone()]
    }

    /// Copies what a key holds; of what is not sorted, the part that is wanted. Then comes where in them that part is.
    fn collect(
        cx: &mut Ctx<'_>,
        key: &[u8],
        options: &mut Options<'_>,
    ) -> Result<(Elements, Range<usize>), ReplyError> {
        let (mut elements, mut buffer) = (Elements::default(), itoa::Buffer::new());
        let Some(entry) = cx.db.read(key) else { return Ok((elements, 0..0)) };
        let all;
        if let Some(list) = entry.typed::<List>() {
            all = list.len();
            let part = if options.keeps_order { options.part(all) } else { 0..all };
            let mut push = |element: Str<'_>| elements.push(element.as_bytes(&mut buffer));
            if options.keeps_order && options.descending && !part.is_empty() {
                list.elements_back(all - 1 - part.start).take(part.len()).for_each(&mut push);
            } else {
                list.elements(part.start).take(part.len()).for_each(&mut push);
            }
        } else if let Some(set) = entry.typed::<SortedSet>() {
            all = set.len();
            let part = if options.keeps_order { options.part(all) } else { 0..all };
            let (ranks, direction) = match options.keeps_order && options.descending {
                true => (all - part.end..all - part.start, Direction::Descending),
                false => (part, Direction::Ascending),
            };
            set.visit(ranks, direction, |member, _| elements.push(member.as_bytes(&mut buffer)));
        } else if let Some(set) = entry.typed::<Set>() {
            all = set.len();
            elements.is_by_chance = true;
            set.iter().for_each(|member| elements.push(member.as_bytes(&mut buffer)));
            if options.keeps_order && options.store.is_some() {
                // What is stored must not depend on chance.
                (options.by, options.alpha, options.keeps_order) = (None, true, false);
            } else if options.keeps_order {
                return Ok((elements, options.part(all)));
            }
        } else {
            return Err(error::WRONG_TYPE);
        }
        let part = if options.keeps_order { 0..elements.ranges.len() } else { options.part(all) };
        Ok((elements, part))
    }

    /// Sorts by the numbers that elements, or the keys they name, hold.
    fn sort_by_number(&mut self, keys: &mut Keys<'_>, options: &Options<'_>) -> Result<(), ReplyError> {
        let (mut name, mut buffer) = (Vec::new(), itoa::Buffer::new());
        let mut weight = |element: &[u8]| match &options.by {
            None => parse_f64_in_range_as_c(element),
            Some(by) => by.look_up(keys, element, &mut name, |value| match value {
                None => Some(0.0),
                Some(Str::Int(int)) => Some(int as f64),
                Some(value) => parse_f64_in_range_as_c(value.as_bytes(&mut buffer)),
            }),
        };
        let mut weighed = Vec::with_capacity(self.ranges.len());
        let mut all_are_numbers = true;
        for at in 0..self.ranges.len() {
            let weight = weight(self.get(at));
            all_are_numbers &= weight.is_some();
            weighed.push((weight.unwrap_or(0.0), self.ranges[at].clone()));
        }
        if !all_are_numbers {
            return Err(error::SORT_WEIGHT);
        }
        weighed.sort_by(|(one, one_range), (other, other_range)| {
            let by_text = || self.text[one_range.clone()].cmp(&self.text[other_range.clone()]);
            options.directed(one.partial_cmp(other).unwrap_or(Ordering::Equal).then_with(by_text))
        });
        self.ranges = weighed.into_iter().map(|(_, range)| range).collect();
        Ok(())
    }

    /// Sorts by the texts of elements, or of what the keys they name hold. What names no such key comes first.
    fn sort_by_text(&mut self, keys: &mut Keys<'_>, options: &Options<'_>) {
        let Some(by) = &options.by else {
            let Elements { text, ranges, .. } = self;
            return ranges
                .sort_by(|one, other| options.directed(text[one.clone()].cmp(&text[other.clone()])));
        };
        let (mut name, mut buffer) = (Vec::new(), itoa::Buffer::new());
        let mut weights: Vec<u8> = Vec::new();
        let mut weighed = Vec::with_capacity(self.ranges.len());
        for at in 0..self.ranges.len() {
            let start = weights.len();
            let found = by.look_up(keys, self.get(at), &mut name, |value| {
                value.map(|value| weights.extend_from_slice(value.as_bytes(&mut buffer)))
            });
            weighed.push((found.map(|()| start..weights.len()), self.ranges[at].clone()));
        }
        weighed.sort_by(|(one, one_range), (other, other_range)| {
            let text = |range: &Option<Range<usize>>| range.clone().map(|range| &weights[range]);
            let order = options.directed(text(one).cmp(&text(other)));
            match order {
                Ordering::Equal if self.is_by_chance => {
                    self.text[one_range.clone()].cmp(&self.text[other_range.clone()])
                }
                order => order,
            }
        });
        self.ranges = weighed.into_iter().map(|(_, range)| range).collect();
    }
}

impl Options<'_> {
    fn directed(&self, order: Ordering) -> Ordering {
        if self.descending { order.reverse() } else { order }
    }
}

/// SORT key \[BY pattern\] \[LIMIT offset count\] \[GET pattern \[GET pattern ...\]\] \[ASC | DESC\] \[ALPHA\]
/// \[STORE destination\]
pub(super) fn sort(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    sorted(cx, args, true)
}

/// SORT_RO: the same without STORE
pub(super) fn sort_ro(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    sorted(cx, args, false)
}

fn sorted(cx: &mut Ctx<'_>, args: Args<'_>, may_store: bool) -> Outcome {
    let mut options = Options::parse(cx, args.from(2), may_store)?;
    let (mut elements, part) = Elements::collect(cx, args.get(1), &mut options)?;
    if !options.keeps_order {
        if options.alpha {
            elements.sort_by_text(&mut cx.db, &options);
        } else {
            elements.sort_by_number(&mut cx.db, &options)?;
        }
    }
    match options.store {
        Some(destination) => store(cx, destination, &elements, part, &options.gets),
        None => {
            let limit = cx.output_limit();
            reply(&mut cx.reply, cx.refs, &mut cx.db, limit, (&elements, part), &options.gets);
        }
    }
    Ok(())
}

fn reply(
    reply: &mut Reply<'_>,
    refs: &mut Vec<(usize, Shared)>,
    keys: &mut Keys<'_>,
    limit: OutputLimit<'_>,
    (elements, part): (&Elements, Range<usize>),
    gets: &[Pattern<'_>],
) {
    let mut name = Vec::new();
    reply.array(part.len() * gets.len().max(1));
    for at in part.clone() {
        if limit.is_passed_after(at - part.start, reply.out) {
            return;
        }
        let element = elements.get(at);
        if gets.is_empty() {
            reply.bulk(element);
        }
        for get in gets {
            get.look_up(keys, element, &mut name, |value| match value {
                Some(value) => bulk_value(reply, refs, value),
                None => reply.null(),
            });
        }
    }
}

/// Stores the part as a list. What GET does not find is empty.
fn store(
    cx: &mut Ctx<'_>,
    destination: &[u8],
    elements: &Elements,
    part: Range<usize>,
    gets: &[Pattern<'_>],
) {
    let (mut result, limits) = (cx.db.db().fresh::<List>(), cx.db.store.limits.clone());
    let (mut name, mut buffer) = (Vec::new(), itoa::Buffer::new());
    let len = part.len() * gets.len().max(1);
    let mut batch: Vec<Vec<u8>> = Vec::new();
    let mut push = |batch: &mut Vec<Vec<u8>>| {
        let words: Vec<&[u8]> = batch.iter().map(Vec::as_slice).collect();
        result.edit(&limits, |list| list.push(End::Tail, &words));
        batch.clear();
    };
    for at in part {
        let element = elements.get(at);
        if gets.is_empty() {
            batch.push(element.to_vec());
        }
        for get in gets {
            batch.push(get.look_up(&mut cx.db, element, &mut name, |value| {
                value.map_or_else(Vec::new, |value| value.as_bytes(&mut buffer).to_vec())
            }));
        }
        if batch.len() >= BATCH {
            push(&mut batch);
        }
    }
    push(&mut batch);
    cx.store_changes(destination, result, len, SORTSTORE, len as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: Option<(&str, &str, Option<&str>)>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let parts = match Pattern::parse(pattern.as_bytes()) {
            Pattern::Key { prefix, postfix, field } => Some((text(prefix), text(postfix), field.map(text))),
            _ => None,
        };
        let expected =
            expected.map(|(prefix, postfix, field)| (prefix.into(), postfix.into(), field.map(Into::into)));
        assert_eq!(parts, expected, "{pattern}");
    }

    #[test]
    fn patterns_name_keys_and_fields() {
        check("nosort", None);
        check("#", None);
        check("a\0*", None);
        check("w_*", Some(("w_", "", None)));
        check("*", Some(("", "", None)));
        check("a*b*c", Some(("a", "b*c", None)));
        check("a->*b->c->d", Some(("a->", "b", Some("c->d"))));
        check("a*->", Some(("a", "->", None)));
        check("a*->b", Some(("a", "", Some("b"))));
    }
}
