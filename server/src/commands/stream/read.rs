//! XREAD and XREADGROUP.
//!
//! Both run again from their start when a stream that they wait for has changed. So that `$` and `+` keep meaning what they meant at
//! first, the request that waits has IDs in their place.

use super::id;
use super::range::{reply_entries, reply_entry};
use crate::blocking::{Deadline, Until};
use crate::command::Outcome;
use crate::context::{Ctx, OutputLimit};
use crate::effects::Event;
use crate::notify::Class;
use crate::propagation::Word;
use crate::words;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::reply::{Mark, Reply, Resp};
use rufous_protocol::request::{Args, OwnedArgs};
use rufous_storage::Kind;
use rufous_storage::types::stream::{ID_TEXT_BYTES_MAX, Stream, StreamId};
use smallvec::SmallVec;

pub(super) const CREATECONSUMER: Event = Event::new(Class::STREAM, "xgroup-createconsumer");

/// IDs that are gathered without an allocation.
const IDS_INLINE: usize = 32;

/// IDs of entries that were just delivered.
type DeliveredIds = SmallVec<[StreamId; IDS_INLINE]>;

/// Who reads.
#[derive(Clone, Copy)]
struct Reader<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
}

/// What was asked for.
struct Reading<'a> {
    count: usize,
    deadline: Option<Deadline>,
    reader: Option<Reader<'a>>,
    /// Nothing becomes pending.
    noack: bool,
    /// Where the keys are; as many IDs follow.
    keys_at: usize,
    keys: Args<'a>,
    ids: Args<'a>,
}

/// From where on a stream is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum From {
    /// From the entry after this one.
    After(StreamId),
    /// The last entry alone.
    Last,
    /// What the group has not read yet.
    New,
}

/// XREAD \[COUNT count\] \[BLOCK milliseconds\] STREAMS key \[key ...\] id \[id ...\]
pub(super) fn xread(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let reading = Reading::parse(cx, args, false)?;
    let mut from = Vec::with_capacity(reading.keys.len());
    for (key, id) in reading.keys.iter().zip(reading.ids.iter()) {
        let stream = cx.db.typed::<Stream>(key)?;
        from.push(match id {
            b"$" => From::After(stream.map_or(StreamId::MIN, |stream| stream.log().last_id())),
            b"+" if stream.is_some_and(|stream| !stream.log().is_empty()) => From::Last,
            b"+" => From::After(stream.map_or(StreamId::MIN, |stream| stream.log().last_id())),
            b">" => return Err(error::XREAD_NEW),
            id => From::After(id::strict(id, 0)?),
        });
    }
    let (mark, mut served) = (cx.reply.defer(), 0);
    for (key, &from) in reading.keys.iter().zip(&from) {
        served += usize::from(read_one(cx, key, from, reading.count));
    }
    reading.end(cx, args, (mark, served), &from)
}

/// XREADGROUP GROUP group consumer \[COUNT count\] \[BLOCK milliseconds\] \[NOACK\] STREAMS key \[key ...\] id \[id ...\]
pub(super) fn xreadgroup(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let reading = Reading::parse(cx, args, true)?;
    let reader = reading.reader.ok_or(error::XREADGROUP_GROUP)?;
    let mut from = Vec::with_capacity(reading.keys.len());
    for (key, id) in reading.keys.iter().zip(reading.ids.iter()) {
        if cx.db.typed::<Stream>(key)?.is_none_or(|stream| stream.group(reader.group).is_none()) {
            return Err(error::no_group_to_read(key, reader.group));
        }
        from.push(match id {
            b"$" => return Err(error::XREADGROUP_LAST),
            b"+" => return Err(error::XREADGROUP_LAST_ENTRY),
            b">" => From::New,
            id => match id::strict(id, 0)? {
                StreamId::MAX => From::New,
                id => From::After(id),
            },
        });
    }
    let (mark, mut served) = (cx.reply.defer(), 0);
    for (key, &from) in reading.keys.iter().zip(&from) {
        served += usize::from(read_group(cx, key, &reading, reader, from));
    }
    reading.end(cx, args, (mark, served), &from)
}

impl<'a> Reading<'a> {
    fn parse(cx: &Ctx<'_>, args: Args<'a>, is_group: bool) -> Result<Reading<'a>, ReplyError> {
        let (mut count, mut deadline, mut reader, mut noack) = (0, None, None, false);
        let mut at = 1;
        let keys_at = loop {
            let option = args.find(at).ok_or(error::SYNTAX)?;
            let more = args.len() - at - 1;
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            if is("block") && more > 0 {
                deadline = Some(Deadline::in_milliseconds(&cx.server.clock, args.get(at + 1))?);
                at += 2;
            } else if is("count") && more > 0 {
                count = parse_i64(args.get(at + 1)).ok_or(error::NOT_AN_INTEGER)?;
                at += 2;
            } else if is("streams") && more > 0 {
                break at + 1;
            } else if is("group") && more > 1 {
                if !is_group {
                    return Err(error::XREAD_GROUP);
                }
                reader = Some(Reader { group: args.get(at + 1), consumer: args.get(at + 2) });
                at += 3;
            } else if is("noack") {
                if !is_group {
                    return Err(error::XREAD_NOACK);
                }
                noack = true;
                at += 1;
            } else {
                return Err(error::SYNTAX);
            }
        };
        let streams = args.len() - keys_at;
        if !streams.is_multiple_of(2) {
            let symbol = if is_group { ">" } else { "$" };
            return Err(error::unbalanced_streams(cx.server.commands.full_name(cx.command), symbol));
        }
        let ids_at = keys_at + streams / 2;
        let count = match usize::try_from(count) {
            Ok(count @ 1..) => count,
            _ => usize::MAX,
        };
        Ok(Reading {
            count,
            deadline,
            reader,
            noack,
            keys_at,
            keys: args.to(ids_at).from(keys_at),
            ids: args.from(ids_at),
        })
    }

    /// Completes the reply of the streams that were served since a mark; waits, or replies null, if there were none.
    fn end(&self, cx: &mut Ctx<'_>, args: Args<'_>, (mark, served): (Mark, usize), from: &[From]) -> Outcome {
        if served > 0 {
            match cx.reply.resp {
                Resp::V2 => cx.reply.set_array(mark, served),
                Resp::V3 => cx.reply.set_map(mark, served),
            }
            return Ok(());
        }
        let Some(deadline) = self.deadline.filter(|_| cx.may_block()) else {
            cx.reply.null_array();
            return Ok(());
        };
        let until = if self.reader.is_some() { Until::Changes } else { Until::Holds(Kind::Stream) };
        let mut request = OwnedArgs::new();
        let ids_at = self.keys_at + self.keys.len();
        for (at, arg) in args.iter().enumerate() {
            match at.checked_sub(ids_at).map(|at| from[at]) {
                Some(From::After(id)) => request.push(id.write(&mut [0; ID_TEXT_BYTES_MAX])),
                _ => request.push(arg),
            }
        }
        cx.block_on_keys(request.args(), self.keys, until, deadline);
        Ok(())
    }
}

/// Begins the reply of one stream: a pair, or with RESP3 an element of a map.
fn reply_key(reply: &mut Reply<'_>, key: &[u8]) {
    if reply.resp == Resp::V2 {
        reply.array(2);
    }
    reply.bulk(key);
}

/// Replies what a stream has, if it has anything.
fn read_one(cx: &mut Ctx<'_>, key: &[u8], from: From, count: usize) -> bool {
    let limit = cx.output_limit();
    let Some(log) = cx.db.peek(key).and_then(|entry| entry.typed::<Stream>()).map(Stream::log) else {
        return false;
    };
    let Some(last) = log.last_entry_id() else { return false };
    let (start, count) = match from {
        From::After(id) if last <= id => return false,
        From::After(id) => (id.next().unwrap_or(StreamId::MAX), count),
        From::Last | From::New => (last, 1),
    };
    reply_key(&mut cx.reply, key);
    reply_entries(&mut cx.reply, limit, log.range(start, StreamId::MAX).take(count), |_| ());
    true
}

/// Serves a consumer of a group; false if there is nothing new for it. The group is there.
fn read_group(cx: &mut Ctx<'_>, key: &[u8], reading: &Reading<'_>, reader: Reader<'_>, from: From) -> bool {
    let (limit, now) = (cx.output_limit(), cx.now());
    let Ok(Some(mut stream)) = cx.db.write(key).edit::<Stream>() else { return false };
    let stream = stream.stream();
    let met = stream.edit_group(reader.group, |group, _| (group.meet(reader.consumer, now), group.last_id));
    let Some((is_new, last_id)) = met else { return false };
    let (mut ids, mut progress) = (SmallVec::new(), None);
    let served = match from {
        From::After(id) => {
            reply_key(&mut cx.reply, key);
            read_history(&mut cx.reply, stream, (limit, now), reader, id, reading.count);
            true
        }
        From::New | From::Last if stream.log().last_entry_id().is_some_and(|last| last > last_id) => {
            reply_key(&mut cx.reply, key);
            ids = read_new(&mut cx.reply, stream, (limit, now), reader, last_id, reading);
            progress = stream.group(reader.group).map(|group| (group.last_id, group.entries_read));
            true
        }
        From::New | From::Last => false,
    };
    cx.db.store.dirty += u64::from(served) + u64::from(is_new);
    if is_new {
        cx.notify(key, CREATECONSUMER);
    }
    cx.propagate_nothing();
    if cx.propagates() {
        let is_pending = !reading.noack && !ids.is_empty();
        if is_new && !is_pending {
            cx.propagate_as(words![b"XGROUP", b"CREATECONSUMER", key, reader.group, reader.consumer]);
        }
        if is_pending {
            propagate_delivery(cx, key, reader, &ids);
        }
        if let Some((last_id, entries_read)) = progress {
            propagate_progress(cx, key, reader.group, last_id, entries_read);
        }
    }
    served
}

/// New entries that a consumer got, as claimed.
fn propagate_delivery(cx: &mut Ctx<'_>, key: &[u8], reader: Reader<'_>, ids: &[StreamId]) {
    let ids: Vec<String> = ids.iter().map(StreamId::to_string).collect();
    let mut words = words![b"XCLAIM", key, reader.group, reader.consumer, 0].to_vec();
    words.extend(ids.iter().map(|id| Word::Bytes(id.as_bytes())));
    words.extend(words![b"TIME", cx.now(), b"RETRYCOUNT", 1, b"FORCE", b"JUSTID"]);
    cx.propagate_as(&words);
}

/// How far a group has read.
pub(super) fn propagate_progress(
    cx: &mut Ctx<'_>,
    key: &[u8],
    group: &[u8],
    last_id: StreamId,
    entries_read: Option<u64>,
) {
    let read = entries_read.map_or(-1, |read| read as i64);
    let id = last_id.to_string();
    cx.propagate_as(words![b"XGROUP", b"SETID", key, group, id.as_bytes(), b"ENTRIESREAD", read]);
}

/// Replies what the group has not read yet, and notes that it has now. Gives the entries.
fn read_new(
    reply: &mut Reply<'_>,
    stream: &mut Stream,
    (limit, now): (OutputLimit<'_>, i64),
    reader: Reader<'_>,
    last_id: StreamId,
    reading: &Reading<'_>,
) -> DeliveredIds {
    let mut ids = DeliveredIds::new();
    let start = last_id.next().unwrap_or(StreamId::MAX);
    let entries = stream.log().range(start, StreamId::MAX).take(reading.count);
    reply_entries(reply, limit, entries, |id| ids.push(id));
    stream.edit_group(reader.group, |group, log| {
        group.read(log, &ids);
        if !reading.noack {
            group.deliver(&ids, reader.consumer, now);
        }
    });
    ids
}

/// Replies what a consumer has pending; there may be nothing.
fn read_history(
    reply: &mut Reply<'_>,
    stream: &mut Stream,
    (limit, now): (OutputLimit<'_>, i64),
    reader: Reader<'_>,
    after: StreamId,
    count: usize,
) {
    let (mark, mut shown, mut again) = (reply.defer(), 0, Vec::new());
    let consumer = stream.group(reader.group).and_then(|group| group.consumers().get(reader.consumer));
    let pending = consumer.map(|consumer| consumer.pending()).zip(after.next());
    let ids = pending.into_iter().flat_map(|(pending, start)| pending.iter_from(start));
    for (id, ()) in ids.take(count) {
        match stream.log().range(id, id).next() {
            Some(entry) => {
                reply_entry(reply, entry);
                again.push(id);
            }
            None => {
                reply.array(2);
                id::reply(reply, id);
                reply.null_array();
            }
        }
        shown += 1;
        if limit.is_passed(reply.out) {
            break;
        }
    }
    stream.edit_group(reader.group, |group, _| again.iter().for_each(|id| group.deliver_again(*id, now)));
    reply.set_array(mark, shown);
}
