//! XADD and XSETID.

use super::id::{self, Partial};
use super::trim::{Options, XTRIM, propagate_references};
use crate::command::Outcome;
use crate::context::Ctx;
use crate::effects::Event;
use crate::notify::Class;
use crate::propagation::Word;
use crate::words;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use rufous_storage::pack::{BYTES_MAX, Item};
use rufous_storage::types::stream::{ID_TEXT_BYTES_MAX, Stream, StreamId, Trimmed};
use smallvec::SmallVec;

const XADD: Event = Event::new(Class::STREAM, "xadd");
const XSETID: Event = Event::new(Class::STREAM, "xsetid");

/// Names and values that are gathered without an allocation.
const FIELDS_INLINE: usize = 16;

/// What XADD was asked to do.
struct Addition<'a> {
    options: Options,
    creates: bool,
    /// `None` is `*`.
    id: Option<Partial>,
    fields: Args<'a>,
}

impl<'a> Addition<'a> {
    #[inline]
    fn parse(args: Args<'a>, is_replayed: bool) -> Result<Addition<'a>, ReplyError> {
        let (mut options, mut creates) = (Options::default(), true);
        let mut rest = args.from(2);
        let id = loop {
            match rest.find(0) {
                None => break None, // told by the number of fields
                Some(b"*") => {
                    rest = rest.from(1);
                    break None;
                }
                Some(word) if word.first().is_some_and(u8::is_ascii_alphabetic) => {
                    if let Some(taken) = options.take(rest)? {
                        rest = rest.from(taken);
                    } else if word.eq_ignore_ascii_case(b"nomkstream") {
                        creates = false;
                        rest = rest.from(1);
                    } else {
                        return Err(error::STREAM_ID);
                    }
                }
                Some(word) => {
                    rest = rest.from(1);
                    break Some(id::partial(word)?);
                }
            }
        };
        options.check(is_replayed)?;
        Ok(Addition { options, creates, id, fields: rest })
    }

    /// The ID of the new entry in a stream whose last one is known.
    #[inline]
    fn id_after(&self, last: StreamId, now: i64) -> Result<StreamId, ReplyError> {
        if last == StreamId::MAX {
            return Err(error::STREAM_EXHAUSTED);
        }
        let id = match self.id {
            None => {
                let now = StreamId::new(now as u64, 0);
                if now.ms > last.ms { Some(now) } else { last.next() }
            }
            Some(Partial { ms, seq: Some(seq) }) => Some(StreamId { ms, seq }),
            Some(Partial { ms, seq: None }) if ms == last.ms => {
                last.seq.checked_add(1).map(|seq| StreamId { ms, seq })
            }
            Some(Partial { ms, seq: None }) => Some(StreamId { ms, seq: 0 }),
        };
        id.filter(|id| *id > last).ok_or(error::STREAM_ID_SMALL)
    }

    /// With the ID that the entry got, and with what trimming came to.
    #[cold]
    fn propagate(&self, cx: &mut Ctx<'_>, key: &[u8], id: StreamId, len: u64, trimmed: &Trimmed) {
        let has_id = matches!(self.id, Some(Partial { seq: Some(_), .. }));
        if has_id && self.options.are_exact() {
            return;
        }
        let mut buffer = [0; ID_TEXT_BYTES_MAX];
        let mut words = words![b"XADD", key].to_vec();
        words.extend(self.options.outcome(len));
        words.push(Word::Bytes(id.write(&mut buffer)));
        words.extend(self.fields.iter().map(Word::Bytes));
        cx.propagate_as(&words);
        propagate_references(cx, key, &self.options, trimmed);
    }
}

/// XADD key \[NOMKSTREAM\] \[KEEPREF|DELREF|ACKED\] \[MAXLEN|MINID \[=|~\] threshold \[LIMIT count\]\] *|id field value \[field value ...\]
pub(super) fn xadd(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let addition = Addition::parse(args, cx.client.is_nobody())?;
    let fields = addition.fields;
    if fields.is_empty() || fields.len() % 2 != 0 {
        return Err(error::wrong_arity(cx.server.commands.full_name(cx.command)));
    }
    if addition.id == Some(Partial { ms: 0, seq: Some(0) }) {
        return Err(error::STREAM_ID_ZERO);
    }
    let (key, now) = (args.get(1), cx.now());
    let found = cx.db.write(key);
    let last = match found.typed::<Stream>()? {
        Some(stream) => stream.log().last_id(),
        None if addition.creates => StreamId::MIN,
        None => {
            cx.reply.null();
            return Ok(());
        }
    };
    let id = addition.id_after(last, now)?;
    let bytes = fields.iter().map(<[u8]>::len).sum();
    if bytes > BYTES_MAX {
        return Err(error::STREAM_TOO_LARGE);
    }
    let mut stream = found.edit_or_new::<Stream>()?;
    let (stream, limits) = stream.parts();
    let items: SmallVec<[Item<'_>; FIELDS_INLINE]> = fields.iter().map(Item::of).collect();
    stream.log_mut().append(id, &items, bytes, limits);
    let trimmed = addition.options.apply(stream, limits);
    let len = stream.log().len();
    id::reply(&mut cx.reply, id);
    cx.changed(key, XADD, 1);
    if trimmed.count > 0 {
        cx.notify(key, XTRIM);
    }
    if cx.propagates() {
        addition.propagate(cx, key, id, len, &trimmed);
    }
    if let Some(removed) = trimmed.removed {
        cx.db.store.lazyfree.free(removed);
    }
    Ok(())
}

/// XSETID key last-id \[ENTRIESADDED entries-added\] \[MAXDELETEDID max-deleted-id\]
pub(super) fn xsetid(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let id = id::strict(args.get(2), 0)?;
    let (mut entries_added, mut max_deleted_id) = (None, StreamId::MIN);
    let mut rest = args.from(3);
    while let Some(option) = rest.find(0) {
        let value = rest.find(1).ok_or(error::SYNTAX)?;
        if option.eq_ignore_ascii_case(b"entriesadded") {
            let added = parse_i64(value).ok_or(error::NOT_AN_INTEGER)?;
            entries_added = Some(u64::try_from(added).map_err(|_| error::XSETID_ADDED)?);
        } else if option.eq_ignore_ascii_case(b"maxdeletedid") {
            max_deleted_id = id::strict(value, 0)?;
            if id < max_deleted_id {
                return Err(error::XSETID_BELOW_GIVEN);
            }
        } else {
            return Err(error::SYNTAX);
        }
        rest = rest.from(2);
    }
    let key = args.get(1);
    let found = cx.db.write(key);
    let log = found.typed::<Stream>()?.ok_or(error::NO_SUCH_KEY)?.log();
    if id < log.max_deleted_id() {
        return Err(error::XSETID_BELOW_DELETED);
    }
    if let Some(last) = log.last_entry_id() {
        if id < last {
            return Err(error::XSETID_BELOW_LAST);
        }
        if entries_added.is_some_and(|added| log.len() > added) {
            return Err(error::XSETID_ADDED_LESS);
        }
    }
    if let Some(mut stream) = found.edit::<Stream>()? {
        let given = Some(max_deleted_id).filter(|id| *id != StreamId::MIN);
        stream.stream().log_mut().set_id(id, entries_added, given);
    }
    cx.reply.ok();
    cx.changed(key, XSETID, 1);
    Ok(())
}
