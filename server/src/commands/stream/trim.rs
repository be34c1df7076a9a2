//! Trimming: the options of XADD and XTRIM, and XTRIM.

use super::id;
use crate::command::Outcome;
use crate::context::Ctx;
use crate::effects::Event;
use crate::notify::Class;
use crate::propagation::Word;
use crate::words;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use rufous_storage::types::Limits;
use rufous_storage::types::stream::{Bound, Name, References, Stream, StreamId, Trim, Trimmed};

pub(super) const XTRIM: Event = Event::new(Class::STREAM, "xtrim");

/// `~` without LIMIT removes at most the entries of so many full nodes.
const NODES_MAX: u64 = 100;
/// The same where nodes have no limit of entries.
const ENTRIES_MAX_DEFAULT: u64 = 10_000;
/// The same whatever nodes may have.
const ENTRIES_MAX: u64 = 1_000_000;

/// What the options came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    bound: Option<Bound>,
    is_approximate: bool,
    limit: Option<i64>,
    references: Option<References>,
}

impl Options {
    /// Reads one option from the front of `args`; gives how many arguments it takes, or nothing if it is none.
    #[inline]
    pub(super) fn take(&mut self, args: Args<'_>) -> Result<Option<usize>, ReplyError> {
        let option = args.get(0);
        let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
        let has_more = args.len() > 1;
        if is("maxlen") && has_more {
            self.take_bound(args, |text| match parse_i64(text).ok_or(error::NOT_AN_INTEGER)? {
                len @ 0.. => Ok(Bound::Length(len as u64)),
                _ => Err(error::STREAM_MAXLEN_NEGATIVE),
            })
        } else if is("minid") && has_more {
            self.take_bound(args, |text| Ok(Bound::Id(id::strict(text, 0)?)))
        } else if is("limit") && has_more {
            let limit = parse_i64(args.get(1)).ok_or(error::NOT_AN_INTEGER)?;
            if limit < 0 {
                return Err(error::STREAM_LIMIT_NEGATIVE);
            }
            self.limit = Some(limit);
            Ok(Some(2))
        } else if let (Some(references), None) = (references(option), self.references) {
            self.references = Some(references);
            Ok(Some(1))
        } else {
            Ok(None)
        }
    }

    fn take_bound(
        &mut self,
        args: Args<'_>,
        parse: impl FnOnce(&[u8]) -> Result<Bound, ReplyError>,
    ) -> Result<Option<usize>, ReplyError> {
        if self.bound.is_some() {
            return Err(error::STREAM_TRIM_TWICE);
        }
        let operator = args.get(1);
        let has_operator = args.len() > 2 && matches!(operator, b"~" | b"=");
        self.is_approximate = has_operator && operator == b"~";
        let value = 1 + usize::from(has_operator);
        self.bound = Some(parse(args.get(value))?);
        Ok(Some(value + 1))
    }

    /// Checks that the options go together. Redis writes what `~` with LIMIT came to as `=` with the same LIMIT: what is run again
    /// is not limited.
    pub(super) fn check(&mut self, is_replayed: bool) -> Result<(), ReplyError> {
        match (self.bound, self.limit) {
            (None, Some(1..)) => Err(error::STREAM_LIMIT_ALONE),
            _ if is_replayed => {
                self.limit = Some(0);
                Ok(())
            }
            (_, Some(_)) if !self.is_approximate => Err(error::STREAM_LIMIT_EXACT),
            _ => Ok(()),
        }
    }

    /// Trims a stream by these options.
    #[inline]
    pub(super) fn apply(&self, stream: &mut Stream, limits: &Limits) -> Trimmed {
        let Some(bound) = self.bound else { return Trimmed::default() };
        let limit = match self.limit {
            Some(limit) => limit as u64,
            None if self.is_approximate => default_limit(limits),
            None => 0,
        };
        let limit = Some(limit).filter(|limit| *limit > 0);
        let trim = Trim { bound, is_approximate: self.is_approximate, limit };
        stream.trim(trim, self.references.unwrap_or_default())
    }

    /// Whether the same options come to the same on any server at any time.
    pub(super) fn are_exact(&self) -> bool {
        self.bound.is_none()
            || !self.is_approximate && self.references.unwrap_or_default() == References::Keep
    }

    /// The options that come to what these came to: as an exact length, if the entries went from the front on.
    pub(super) fn outcome(&self, len: u64) -> Vec<Word<'static>> {
        match self.references {
            Some(References::Respect) => Vec::new(),
            _ if self.bound.is_none() => Vec::new(),
            _ => words![b"MAXLEN", b"=", len as i64].to_vec(),
        }
    }
}

fn default_limit(limits: &Limits) -> u64 {
    match NODES_MAX.saturating_mul(limits.stream_entries as u64) {
        0 => ENTRIES_MAX_DEFAULT,
        limit => limit.min(ENTRIES_MAX),
    }
}

/// KEEPREF, DELREF or ACKED.
pub(super) fn references(word: &[u8]) -> Option<References> {
    if word.eq_ignore_ascii_case(b"keepref") {
        Some(References::Keep)
    } else if word.eq_ignore_ascii_case(b"delref") {
        Some(References::Remove)
    } else if word.eq_ignore_ascii_case(b"acked") {
        Some(References::Respect)
    } else {
        None
    }
}

/// XTRIM key MAXLEN|MINID \[=|~\] threshold \[LIMIT count\] \[KEEPREF|DELREF|ACKED\]
pub(super) fn xtrim(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let mut options = Options::default();
    let mut rest = args.from(2);
    while !rest.is_empty() {
        rest = rest.from(options.take(rest)?.ok_or(error::SYNTAX)?);
    }
    if options.bound.is_none() && options.limit.is_none_or(|limit| limit == 0) {
        return Err(error::STREAM_TRIM_HOW);
    }
    options.check(cx.client.is_nobody())?;
    let key = args.get(1);
    let Some(mut stream) = cx.db.write(key).edit::<Stream>()? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let (stream, limits) = stream.parts();
    let trimmed = options.apply(stream, limits);
    let len = stream.log().len();
    cx.reply.integer(trimmed.count as i64);
    if trimmed.count > 0 {
        cx.changed(key, XTRIM, trimmed.count);
        if !options.are_exact() && cx.propagates() {
            let outcome = options.outcome(len);
            if !outcome.is_empty() {
                cx.propagate_as(&[words![b"XTRIM", key].as_slice(), &outcome].concat());
            }
            propagate_references(cx, key, &options, &trimmed);
        }
    }
    if let Some(removed) = trimmed.removed {
        cx.db.store.lazyfree.free(removed);
    }
    Ok(())
}

/// What trimming did beyond taking entries from the front.
pub(super) fn propagate_references(cx: &mut Ctx<'_>, key: &[u8], options: &Options, trimmed: &Trimmed) {
    if options.references == Some(References::Respect) {
        propagate_ids(cx, &[b"XDEL", key], &trimmed.ids);
    }
    propagate_forgotten(cx, key, &trimmed.forgotten);
}

/// What groups no longer have pending, as acknowledged.
pub(super) fn propagate_forgotten(cx: &mut Ctx<'_>, key: &[u8], forgotten: &[(Name, Vec<StreamId>)]) {
    forgotten.iter().for_each(|(group, ids)| propagate_ids(cx, &[b"XACK", key, group], ids));
}

/// A command that ends in IDs, if there are any.
pub(super) fn propagate_ids(cx: &mut Ctx<'_>, words: &[&[u8]], ids: &[StreamId]) {
    if ids.is_empty() || !cx.propagates() {
        return;
    }
    let ids: Vec<String> = ids.iter().map(StreamId::to_string).collect();
    let words = words.iter().copied().chain(ids.iter().map(String::as_bytes));
    cx.propagate_as(&words.map(Word::Bytes).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::Options;
    use rufous_protocol::error::{self, ReplyError};
    use rufous_protocol::request::OwnedArgs;

    #[test]
    fn options_must_go_together() {
        let check = |line: &str, is_replayed: bool, expected: Result<Option<i64>, ReplyError>| {
            let words: OwnedArgs = line.split(' ').map(str::as_bytes).collect();
            let (mut options, mut rest) = (Options::default(), words.args());
            while !rest.is_empty() {
                rest = rest.from(options.take(rest).expect("options").expect("an option"));
            }
            assert_eq!(options.check(is_replayed).map(|()| options.limit), expected, "{line}");
        };
        check("maxlen 5", false, Ok(None));
        check("maxlen = 5 delref", false, Ok(None));
        check("maxlen ~ 5 limit 3", false, Ok(Some(3)));
        check("limit 3 minid ~ 5", false, Ok(Some(3)));
        check("maxlen = 5 limit 3", false, Err(error::STREAM_LIMIT_EXACT));
        check("maxlen 5 limit 0", false, Err(error::STREAM_LIMIT_EXACT));
        check("limit 3", false, Err(error::STREAM_LIMIT_ALONE));
        check("maxlen = 5 limit 3", true, Ok(Some(0)));
        check("maxlen ~ 5", true, Ok(Some(0)));
        check("limit 3", true, Err(error::STREAM_LIMIT_ALONE));
    }
}
