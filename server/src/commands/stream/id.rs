//! IDs as clients write them: `5-3`, `5`, `-`, `+`, `(5-3`, `5-*`; and as replies show them.

use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::{parse_i64, parse_u64};
use rufous_protocol::reply::Reply;
use rufous_protocol::request::Args;
use rufous_storage::types::stream::{ID_TEXT_BYTES_MAX, StreamId};

/// No longer text is an ID, whatever zeros it begins with.
const TEXT_LEN_MAX: usize = 127;

/// An ID that may leave the number to the server (XADD `5-*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Partial {
    pub(super) ms: u64,
    /// `None` is `*`.
    pub(super) seq: Option<u64>,
}

/// An ID whose number may be missing: then it is `missing_seq`. `-` and `+` are none.
#[inline]
pub(super) fn strict(text: &[u8], missing_seq: u64) -> Result<StreamId, ReplyError> {
    match parse(text, missing_seq) {
        Some(Partial { ms, seq: Some(seq) }) => Ok(StreamId { ms, seq }),
        _ => Err(error::STREAM_ID),
    }
}

/// The same, with `-` for the least and `+` for the greatest ID.
pub(super) fn any(text: &[u8], missing_seq: u64) -> Result<StreamId, ReplyError> {
    match text {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        text => strict(text, missing_seq),
    }
}

/// An ID whose number may be `*`.
#[inline]
pub(super) fn partial(text: &[u8]) -> Result<Partial, ReplyError> {
    match text.strip_suffix(b"-*") {
        Some(ms) if !ms.contains(&b'-') => {
            let ms = if text.len() > TEXT_LEN_MAX { None } else { parse_u64(ms) };
            Ok(Partial { ms: ms.ok_or(error::STREAM_ID)?, seq: None })
        }
        _ => strict(text, 0).map(|id| Partial { ms: id.ms, seq: Some(id.seq) }),
    }
}

/// The start of a range, `(` meaning that it is not part of it.
pub(super) fn start(text: &[u8]) -> Result<StreamId, ReplyError> {
    match open(text) {
        Some(text) => strict(text, 0)?.next().ok_or(error::STREAM_START),
        None => any(text, 0),
    }
}

/// The end of a range, `(` meaning that it is not part of it.
pub(super) fn end(text: &[u8]) -> Result<StreamId, ReplyError> {
    match open(text) {
        Some(text) => strict(text, u64::MAX)?.previous().ok_or(error::STREAM_END),
        None => any(text, u64::MAX),
    }
}

/// IDs, all of them or an error.
pub(super) fn all(args: Args<'_>) -> Result<Vec<StreamId>, ReplyError> {
    args.iter().map(|text| strict(text, 0)).collect()
}

/// `IDS numids id ..` as XDELEX and XACKDEL read it from a position on: how many arguments it takes with the word.
pub(super) fn counted(args: Args<'_>) -> Result<usize, ReplyError> {
    let count = parse_i64(args.find(1).ok_or(error::SYNTAX)?).filter(|count| *count > 0);
    let count = count.ok_or(error::STREAM_NUMIDS)?;
    match usize::try_from(count) {
        Ok(count) if count <= args.len() - 2 => Ok(2 + count),
        _ => Err(error::STREAM_NUMIDS_MISMATCH),
    }
}

/// Replies an ID.
#[inline]
pub(super) fn reply(reply: &mut Reply<'_>, id: StreamId) {
    reply.bulk(id.write(&mut [0; ID_TEXT_BYTES_MAX]));
}

fn open(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b"(").filter(|rest| !rest.is_empty())
}

#[inline]
fn parse(text: &[u8], missing_seq: u64) -> Option<Partial> {
    if text.len() > TEXT_LEN_MAX {
        return None;
    }
    let (ms, seq) = match text.iter().position(|&byte| byte == b'-') {
        Some(dash) => (&text[..dash], parse_u64(&text[dash + 1..])?),
        None => (text, missing_seq),
    };
    Some(Partial { ms: parse_u64(ms)?, seq: Some(seq) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_clients_write_them() {
        let check = |text: &str, expected: Option<(u64, u64)>| {
            let id = any(text.as_bytes(), 7).ok().map(|id| (id.ms, id.seq));
            assert_eq!(id, expected, "{text}");
        };
        check("5-3", Some((5, 3)));
        check("5", Some((5, 7)));
        check("-", Some((0, 0)));
        check("+", Some((u64::MAX, u64::MAX)));
        check("18446744073709551615-18446744073709551615", Some((u64::MAX, u64::MAX)));
        check("18446744073709551616-0", None);
        check("007-08", Some((7, 8)));
        for bad in ["", "x", "5-", "-5", "5-x", "5--1", "5-3-1", "5-*", "(5", "*", "$", ">"] {
            check(bad, None);
        }
        check(&"0".repeat(200), None);
    }

    #[test]
    fn ends_of_ranges_may_be_open() {
        let check = |result: Result<StreamId, ReplyError>, expected: Option<(u64, u64)>| {
            assert_eq!(result.ok().map(|id| (id.ms, id.seq)), expected);
        };
        check(start(b"(5-3"), Some((5, 4)));
        check(start(b"(5"), Some((5, 1)));
        check(end(b"(5-3"), Some((5, 2)));
        check(end(b"(5"), Some((5, u64::MAX - 1)));
        check(end(b"(5-0"), Some((4, u64::MAX)));
        check(end(b"(0-0"), None);
        check(start(b"(18446744073709551615-18446744073709551615"), None);
        check(start(b"(-"), None);
        check(start(b"("), None);
    }

    #[test]
    fn the_number_may_be_left_to_the_server() {
        assert_eq!(partial(b"5-*").ok(), Some(Partial { ms: 5, seq: None }));
        assert_eq!(partial(b"5-1").ok(), Some(Partial { ms: 5, seq: Some(1) }));
        for bad in ["-*", "5-1-*", "*-*", "+-*", ""] {
            assert!(partial(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
