//! SCAN, and what HSCAN, SSCAN and ZSCAN share with it: the cursor and the options.

use crate::command::Outcome;
use crate::context::Ctx;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::glob;
use rufous_protocol::number::{parse_i64, parse_u64};
use rufous_protocol::reply::Reply;
use rufous_protocol::request::Args;
use rufous_storage::EntryRef;

/// Elements asked for when COUNT is not given.
const COUNT_DEFAULT: u64 = 10;
/// Steps that visit nothing are cheap, but not free: a call takes at most so many for each element asked for.
const STEPS_PER_ELEMENT_MAX: u64 = 10;

/// What a scan goes through, which decides its options.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scanned {
    /// Keys: TYPE is an option.
    Keys,
    /// Members of a set or sorted set.
    Members,
    /// Fields of a hash: NOVALUES is an option.
    Fields,
}

/// MATCH, COUNT, TYPE and NOVALUES.
pub struct ScanOptions<'a> {
    /// Nothing when everything matches.
    pub pattern: Option<&'a [u8]>,
    /// About how many elements to visit.
    pub count: u64,
    /// The name of a type, in any case and not necessarily one that exists.
    pub type_name: Option<&'a [u8]>,
    /// Fields without their values.
    pub without_values: bool,
}

impl<'a> ScanOptions<'a> {
    /// Parses what follows the cursor.
    pub fn parse(mut options: Args<'a>, scanned: Scanned) -> Result<ScanOptions<'a>, ReplyError> {
        let mut parsed =
            ScanOptions { pattern: None, count: COUNT_DEFAULT, type_name: None, without_values: false };
        while let Some(option) = options.find(0) {
            if scanned == Scanned::Fields && option.eq_ignore_ascii_case(b"novalues") {
                parsed.without_values = true;
                options = options.from(1);
                continue;
            }
            let value = options.find(1).ok_or(error::SYNTAX)?;
            match option.to_ascii_lowercase().as_slice() {
                b"count" => {
                    let count = parse_i64(value).ok_or(error::NOT_AN_INTEGER)?;
                    parsed.count =
                        u64::try_from(count).ok().filter(|&count| count > 0).ok_or(error::SYNTAX)?;
                }
                b"match" => parsed.pattern = Some(value).filter(|pattern| *pattern != b"*"),
                b"type" if scanned == Scanned::Keys => parsed.type_name = Some(value),
                _ => return Err(error::SYNTAX),
            }
            options = options.from(2);
        }
        Ok(parsed)
    }

    /// Does an element pass MATCH?
    pub fn matches(&self, element: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, element))
    }

    /// Goes on from a cursor until enough is visited or the end is reached. A step takes the cursor and gives the next one,
    /// and how many it visited.
    pub fn run(&self, mut cursor: u64, mut step: impl FnMut(u64) -> (u64, u64)) -> u64 {
        let (mut visited, mut steps) = (0, 0);
        loop {
            let (next, seen) = step(cursor);
            (cursor, visited, steps) = (next, visited + seen, steps + 1);
            if cursor == 0
                || visited >= self.count
                || steps > self.count.saturating_mul(STEPS_PER_ELEMENT_MAX)
            {
                return cursor;
            }
        }
    }

    fn is_of_type(&self, entry: EntryRef<'_>) -> bool {
        self.type_name.is_none_or(|name| entry.kind().name().as_bytes().eq_ignore_ascii_case(name))
    }
}

/// Parses a cursor as C's `strtoul` does, but for leading space. No digits at all are a zero.
pub fn parse_cursor(text: &[u8]) -> Result<u64, ReplyError> {
    match text {
        [] => Ok(0),
        [b' ' | b'\t'..=b'\r', ..] => Err(error::INVALID_CURSOR),
        [b'-', digits @ ..] => {
            let magnitude = parse_u64(digits).filter(|_| digits[0].is_ascii_digit());
            magnitude.map(u64::wrapping_neg).ok_or(error::INVALID_CURSOR)
        }
        _ => parse_u64(text).ok_or(error::INVALID_CURSOR),
    }
}

/// Replies the cursor to go on with; the number of elements that a scan found, which follow, is `len`.
pub fn reply_cursor(reply: &mut Reply<'_>, cursor: u64, len: usize) {
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(cursor).as_bytes());
    reply.array(len);
}

/// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
pub(super) fn scan(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let cursor = parse_cursor(args.get(1))?;
    let options = ScanOptions::parse(args.from(2), Scanned::Keys)?;

    let now = cx.now();
    let db = cx.db.store.keyspace.db(cx.db.index);
    let (mut found, mut expired) = (Names::default(), Names::default());
    let cursor = options.run(cursor, |cursor| {
        let mut visited = 0;
        let next = db.scan(cursor, &mut |entry| {
            visited += 1;
            if !options.matches(entry.key()) {
            } else if entry.is_expired(now) {
                expired.push(entry.key());
            } else if options.is_of_type(entry) {
                found.push(entry.key());
            }
        });
        (next, visited)
    });
    for key in expired.iter() {
        cx.db.expire_unless_paused(key);
    }

    reply_cursor(&mut cx.reply, cursor, found.ends.len());
    found.iter().for_each(|key| cx.reply.bulk(key));
    Ok(())
}

/// Names one behind the other.
#[derive(Default)]
struct Names {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Names {
    fn push(&mut self, name: &[u8]) {
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len());
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| &self.bytes[std::mem::replace(&mut start, end)..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rufous_protocol::request::OwnedArgs;

    #[test]
    fn cursors_are_read_as_c_reads_them() {
        let good: [(&[u8], u64); 7] = [
            (b"", 0),
            (b"0", 0),
            (b"007", 7),
            (b"+5", 5),
            (b"-1", u64::MAX),
            (b"-0", 0),
            (b"18446744073709551615", u64::MAX),
        ];
        for (text, cursor) in good {
            assert_eq!(parse_cursor(text), Ok(cursor), "{}", text.escape_ascii());
        }
        let bad: [&[u8]; 9] =
            [b" 1", b"\t1", b"1 ", b"x", b"-", b"+", b"--1", b"1.0", b"18446744073709551616"];
        for text in bad {
            assert_eq!(parse_cursor(text), Err(error::INVALID_CURSOR), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn options_are_checked_from_left_to_right() {
        let check = |options: &str, scanned, expected: Result<(Option<&str>, u64), ReplyError>| {
            let args: OwnedArgs = options.split_whitespace().map(str::as_bytes).collect();
            let parsed = ScanOptions::parse(args.args(), scanned);
            let expected = expected.map(|(pattern, count)| (pattern.map(|p| p.as_bytes().to_vec()), count));
            assert_eq!(parsed.map(|o| (o.pattern.map(<[u8]>::to_vec), o.count)), expected, "{options}");
        };
        check("", Scanned::Keys, Ok((None, 10)));
        check("Match a* COUNT 3 match *", Scanned::Keys, Ok((None, 3)));
        check("match a* type none", Scanned::Keys, Ok((Some("a*"), 10)));
        check("type string", Scanned::Members, Err(error::SYNTAX));
        check("count", Scanned::Keys, Err(error::SYNTAX));
        check("count 0", Scanned::Keys, Err(error::SYNTAX));
        check("count x foo", Scanned::Keys, Err(error::NOT_AN_INTEGER));
        check("foo bar count x", Scanned::Keys, Err(error::SYNTAX));
    }
}
