//! Ranges as clients give them: by rank, by score, by member; and what LIMIT leaves of them.

use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::{parse_f64_as_c, parse_i64};
use rufous_storage::types::sorted_set::{Cut, Direction, SortedSetRef};
use std::ops::Range;

/// What a range's ends are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Rank,
    Score,
    Lex,
}

/// A range of a sorted set.
#[derive(Clone, Copy)]
pub(super) enum Span<'a> {
    /// From the first to the last of these ranks; negative ones count from the end.
    Ranks(i64, i64),
    /// What lies between two cuts.
    Cuts(Cut<'a>, Cut<'a>),
}

/// LIMIT: how many elements to skip, and how many to take; a negative number takes all.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) offset: i64,
    pub(super) count: i64,
}

impl<'a> Span<'a> {
    /// Parses the ends, the lower one first.
    pub(super) fn parse(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Span<'a>, ReplyError> {
        match by {
            By::Rank => {
                let rank = |text| parse_i64(text).ok_or(error::NOT_AN_INTEGER);
                Ok(Span::Ranks(rank(min)?, rank(max)?))
            }
            By::Score => {
                let (min, max) = (score(min)?, score(max)?);
                let from = if min.is_open { Cut::AfterScore(min.at) } else { Cut::BeforeScore(min.at) };
                let to = if max.is_open { Cut::BeforeScore(max.at) } else { Cut::AfterScore(max.at) };
                Ok(Span::Cuts(from, to))
            }
            By::Lex => Ok(Span::Cuts(
                lex(min, Cut::BeforeMember, Cut::AfterMember)?,
                lex(max, Cut::AfterMember, Cut::BeforeMember)?,
            )),
        }
    }

    /// The ranks of what is in the range. Given ranks count in the direction.
    pub(super) fn ranks(self, set: SortedSetRef<'_>, direction: Direction) -> Range<usize> {
        let (first, last) = match self {
            Span::Cuts(from, to) => return set.ranks(from, to),
            Span::Ranks(first, last) => (first, last),
        };
        let len = set.len();
        let from_front = |rank: i64| if rank < 0 { (len as i64).saturating_add(rank) } else { rank };
        let (first, last) = (from_front(first).max(0), from_front(last).min(len as i64 - 1));
        if first > last {
            return 0..0;
        }
        let (start, end) = (first as usize, last as usize + 1);
        match direction {
            Direction::Ascending => start..end,
            Direction::Descending => len - end..len - start,
        }
    }
}

impl Limit {
    /// All of a range.
    pub(super) const NONE: Limit = Limit { offset: 0, count: -1 };

    /// What is left of ranks gone through in a direction. A negative offset leaves nothing.
    pub(super) fn apply(self, ranks: Range<usize>, direction: Direction) -> Range<usize> {
        let len = ranks.len();
        let skipped = usize::try_from(self.offset).unwrap_or(usize::MAX).min(len);
        let taken = usize::try_from(self.count).unwrap_or(usize::MAX).min(len - skipped);
        match direction {
            Direction::Ascending => ranks.start + skipped..ranks.start + skipped + taken,
            Direction::Descending => ranks.end - skipped - taken..ranks.end - skipped,
        }
    }
}

struct Score {
    at: f64,
    is_open: bool,
}

fn score(text: &[u8]) -> Result<Score, ReplyError> {
    let (text, is_open) = match text {
        [b'(', text @ ..] => (text, true),
        text => (text, false),
    };
    let at = parse_f64_as_c(text).ok_or(error::RANGE_NOT_FLOATS)?;
    Ok(Score { at, is_open })
}

/// An end of a lexicographic range: `closed` is the cut that leaves the member in the range, `open` the other.
fn lex<'a>(
    text: &'a [u8],
    closed: impl Fn(&'a [u8]) -> Cut<'a>,
    open: impl Fn(&'a [u8]) -> Cut<'a>,
) -> Result<Cut<'a>, ReplyError> {
    match text {
        [b'-'] | [b'-', 0, ..] => Ok(Cut::First),
        [b'+'] | [b'+', 0, ..] => Ok(Cut::Last),
        [b'[', member @ ..] => Ok(closed(member)),
        [b'(', member @ ..] => Ok(open(member)),
        _ => Err(error::RANGE_NOT_STRINGS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_skip_and_take_in_the_direction() {
        let check = |offset, count, ascending: Range<usize>, descending: Range<usize>| {
            let limit = Limit { offset, count };
            assert_eq!(limit.apply(10..20, Direction::Ascending), ascending, "{offset} {count}");
            assert_eq!(limit.apply(10..20, Direction::Descending), descending, "{offset} {count}");
        };
        check(0, -1, 10..20, 10..20);
        check(2, 3, 12..15, 15..18);
        check(2, -5, 12..20, 10..18);
        check(9, 9, 19..20, 10..11);
        check(10, 1, 20..20, 10..10);
        check(i64::MAX, i64::MAX, 20..20, 10..10);
        check(-1, 5, 20..20, 10..10);
        check(0, 0, 10..10, 20..20);
    }

    #[test]
    fn ends_are_open_or_closed() {
        let check = |by, min: &str, max: &str, expected: Result<(Cut<'_>, Cut<'_>), ReplyError>| {
            let cuts = Span::parse(by, min.as_bytes(), max.as_bytes()).map(|span| match span {
                Span::Cuts(from, to) => (from, to),
                Span::Ranks(..) => unreachable!("cuts were asked for"),
            });
            assert_eq!(cuts, expected, "{min} {max}");
        };
        check(By::Score, "1", "(2.5", Ok((Cut::BeforeScore(1.0), Cut::BeforeScore(2.5))));
        check(
            By::Score,
            "(-inf",
            "+inf",
            Ok((Cut::AfterScore(f64::NEG_INFINITY), Cut::AfterScore(f64::INFINITY))),
        );
        check(By::Score, "", " 1", Ok((Cut::BeforeScore(0.0), Cut::AfterScore(1.0))));
        check(By::Score, "x", "1", Err(error::RANGE_NOT_FLOATS));
        check(By::Score, "1", "((1", Err(error::RANGE_NOT_FLOATS));
        check(By::Lex, "-", "+", Ok((Cut::First, Cut::Last)));
        check(By::Lex, "[a", "(b", Ok((Cut::BeforeMember(b"a"), Cut::BeforeMember(b"b"))));
        check(By::Lex, "(a", "[", Ok((Cut::AfterMember(b"a"), Cut::AfterMember(b""))));
        check(By::Lex, "a", "+", Err(error::RANGE_NOT_STRINGS));
        check(By::Lex, "-", "", Err(error::RANGE_NOT_STRINGS));
        check(By::Lex, "--", "+", Err(error::RANGE_NOT_STRINGS));
    }
}
