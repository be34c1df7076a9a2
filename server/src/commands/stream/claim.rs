//! XCLAIM and XAUTOCLAIM: pending entries that go to another consumer.

use super::id;
use super::range::reply_entry;
use super::read::{CREATECONSUMER, propagate_progress};
use super::trim::propagate_ids;
use crate::command::Outcome;
use crate::context::Ctx;
use crate::words;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::reply::Reply;
use rufous_protocol::request::Args;
use rufous_storage::types::stream::{Stream, StreamId};

/// XAUTOCLAIM looks at so many entries for each one that it may give.
const ATTEMPTS_PER_ENTRY: usize = 10;
/// Entries that XAUTOCLAIM gives at most, unless told.
const COUNT_DEFAULT: i64 = 100;
/// A greater COUNT is refused.
const COUNT_MAX: i64 = i64::MAX / 16;

/// How entries are claimed.
struct Claim {
    min_idle_ms: i64,
    delivered_ms: i64,
    /// `None` adds one, unless only IDs are replied.
    deliveries: Option<u64>,
    /// Entries that nobody has pending, too.
    force: bool,
    ids_only: bool,
    /// The group has read up to here.
    last_id: StreamId,
}

/// What became of an entry.
enum Claimed {
    No,
    /// It counts as delivered so often now.
    Yes(u64),
    /// It is no longer in the stream, so that it is not pending any more either.
    Gone,
}

impl Claim {
    fn parse(args: Args<'_>, min_idle_ms: i64, now: i64) -> Result<Claim, ReplyError> {
        let mut delivered = None;
        let mut claim = Claim {
            min_idle_ms,
            delivered_ms: now,
            deliveries: None,
            force: false,
            ids_only: false,
            last_id: StreamId::MIN,
        };
        let mut rest = args;
        while let Some(option) = rest.find(0) {
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            let value = rest.find(1);
            let integer = |error| value.and_then(parse_i64).ok_or(error);
            let mut taken = 2;
            if is("force") {
                (claim.force, taken) = (true, 1);
            } else if is("justid") {
                (claim.ids_only, taken) = (true, 1);
            } else if is("idle") && value.is_some() {
                delivered = Some(now.wrapping_sub(integer(error::XCLAIM_IDLE)?));
            } else if is("time") && value.is_some() {
                delivered = Some(integer(error::XCLAIM_TIME)?);
            } else if is("retrycount") && value.is_some() {
                claim.deliveries = u64::try_from(integer(error::XCLAIM_RETRYCOUNT)?).ok();
            } else if let (true, Some(value)) = (is("lastid"), value) {
                claim.last_id = id::strict(value, 0)?;
            } else {
                return Err(error::xclaim_option(option));
            }
            rest = rest.from(taken);
        }
        // A time that makes no sense is the present one.
        claim.delivered_ms = delivered.filter(|at| (0..=now).contains(at)).unwrap_or(now);
        Ok(claim)
    }

    /// Gives an entry to a consumer, if it may have it.
    fn run(&self, stream: &mut Stream, to: (&[u8], &[u8]), id: StreamId, now: i64) -> Claimed {
        let (group, consumer) = to;
        let exists = stream.log().contains(id);
        let claimed = stream.edit_group(group, |group, _| {
            let pending = group.pending().get(id);
            if !exists {
                return if group.acknowledge(id) { Claimed::Gone } else { Claimed::No };
            }
            let deliveries = match pending {
                None if !self.force => return Claimed::No,
                // As if it had been delivered once when it was made pending.
                None => 1,
                Some(pending) => {
                    let idle = now.saturating_sub(pending.delivered_ms);
                    if self.min_idle_ms > 0 && idle < self.min_idle_ms {
                        return Claimed::No;
                    }
                    pending.deliveries
                }
            };
            let more = u64::from(!self.ids_only);
            let deliveries = self.deliveries.unwrap_or(deliveries.wrapping_add(more));
            group.assign(id, consumer, self.delivered_ms, deliveries);
            group.edit_consumer(consumer, |consumer| consumer.active_ms = Some(now));
            Claimed::Yes(deliveries)
        });
        claimed.unwrap_or(Claimed::No)
    }
}

/// XCLAIM key group consumer min-idle-time id \[id ...\] \[IDLE ms\] \[TIME unix-time-ms\] \[RETRYCOUNT count\] \[FORCE\] \[JUSTID\] \[LASTID id\]
pub(super) fn xclaim(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, group, consumer, now) = (args.get(1), args.get(2), args.get(3), cx.now());
    require_group(cx, key, group)?;
    let min_idle = parse_i64(args.get(4)).ok_or(error::XCLAIM_MIN_IDLE)?.max(0);
    let ids: Vec<StreamId> = args.from(5).iter().map_while(|text| id::strict(text, 0).ok()).collect();
    let claim = Claim::parse(args.from(5 + ids.len()), min_idle, now)?;

    let met = meet(cx, key, (group, consumer), claim.last_id);
    let Some(mut stream) = cx.db.write(key).edit::<Stream>()? else { return Ok(()) };
    let stream = stream.stream();
    let (mark, mut outcome) = (cx.reply.defer(), Claims::default());
    for id in ids {
        match claim.run(stream, (group, consumer), id, now) {
            Claimed::No => {}
            Claimed::Gone => outcome.gone.push(id),
            Claimed::Yes(deliveries) => {
                outcome.claimed.push((id, deliveries));
                reply_claimed(&mut cx.reply, stream, id, claim.ids_only);
            }
        }
    }
    cx.reply.set_array(mark, outcome.claimed.len());
    outcome.finish(cx, (key, group, consumer), met, claim.delivered_ms);
    Ok(())
}

/// XAUTOCLAIM key group consumer min-idle-time start \[COUNT count\] \[JUSTID\]
pub(super) fn xautoclaim(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, group, consumer, now) = (args.get(1), args.get(2), args.get(3), cx.now());
    let min_idle_ms = parse_i64(args.get(4)).ok_or(error::XAUTOCLAIM_MIN_IDLE)?.max(0);
    let start = id::start(args.get(5))?;
    let (mut count, mut ids_only) = (COUNT_DEFAULT, false);
    let mut rest = args.from(6);
    while let Some(option) = rest.find(0) {
        if let (true, Some(value)) = (option.eq_ignore_ascii_case(b"count"), rest.find(1)) {
            let given = parse_i64(value).filter(|count| (1..=COUNT_MAX).contains(count));
            count = given.ok_or(error::XAUTOCLAIM_COUNT)?;
            rest = rest.from(2);
        } else if option.eq_ignore_ascii_case(b"justid") {
            ids_only = true;
            rest = rest.from(1);
        } else {
            return Err(error::SYNTAX);
        }
    }
    require_group(cx, key, group)?;
    let claim = Claim {
        min_idle_ms,
        delivered_ms: now,
        deliveries: None,
        force: false,
        ids_only,
        last_id: StreamId::MIN,
    };

    let met = meet(cx, key, (group, consumer), StreamId::MIN);
    let Some(mut stream) = cx.db.write(key).edit::<Stream>()? else { return Ok(()) };
    let stream = stream.stream();
    let mut outcome = Claims::default();
    let count = count as usize;
    let mut attempts = count.saturating_mul(ATTEMPTS_PER_ENTRY);
    let next = |stream: &Stream, from: Option<StreamId>| {
        stream.group(group)?.pending().iter_from(from?).next().map(|(id, _)| id)
    };
    let mut cursor = next(stream, Some(start));
    while let Some(id) = cursor
        && attempts > 0
        && outcome.len() < count
    {
        attempts -= 1;
        match claim.run(stream, (group, consumer), id, now) {
            Claimed::No => {}
            Claimed::Gone => outcome.gone.push(id),
            Claimed::Yes(deliveries) => outcome.claimed.push((id, deliveries)),
        }
        cursor = next(stream, id.next());
    }
    cx.reply.array(3);
    id::reply(&mut cx.reply, cursor.unwrap_or(StreamId::MIN));
    cx.reply.array(outcome.claimed.len());
    outcome.claimed.iter().for_each(|(id, _)| reply_claimed(&mut cx.reply, stream, *id, ids_only));
    cx.reply.array(outcome.gone.len());
    outcome.gone.iter().for_each(|id| id::reply(&mut cx.reply, *id));
    outcome.finish(cx, (key, group, consumer), met, now);
    Ok(())
}

fn require_group(cx: &mut Ctx<'_>, key: &[u8], group: &[u8]) -> Result<(), ReplyError> {
    let stream = cx.db.typed::<Stream>(key)?;
    match stream.is_some_and(|stream| stream.group(group).is_some()) {
        true => Ok(()),
        false => Err(error::no_key_or_group(key, group)),
    }
}

/// What the command has changed before it claims anything.
#[derive(Default)]
struct Met {
    is_new: bool,
    /// How far the group has read, if that was told.
    read_on: Option<(StreamId, Option<u64>)>,
}

/// Makes the consumer if it is new, and notes that it asked.
fn meet(cx: &mut Ctx<'_>, key: &[u8], to: (&[u8], &[u8]), last_id: StreamId) -> Met {
    let now = cx.now();
    let met = cx.db.write(key).edit::<Stream>().ok().flatten().and_then(|mut stream| {
        stream.stream().edit_group(to.0, |group, _| {
            let is_ahead = last_id > group.last_id;
            group.last_id = group.last_id.max(last_id);
            let read_on = is_ahead.then_some((group.last_id, group.entries_read));
            Met { is_new: group.meet(to.1, now), read_on }
        })
    });
    met.unwrap_or_default()
}

fn reply_claimed(reply: &mut Reply<'_>, stream: &Stream, id: StreamId, ids_only: bool) {
    match stream.log().range(id, id).next() {
        Some(entry) if !ids_only => reply_entry(reply, entry),
        _ => id::reply(reply, id),
    }
}

/// What claiming entries came to.
#[derive(Default)]
struct Claims {
    /// With how often each was delivered.
    claimed: Vec<(StreamId, u64)>,
    gone: Vec<StreamId>,
}

impl Claims {
    fn len(&self) -> usize {
        self.claimed.len() + self.gone.len()
    }

    fn finish(
        &self,
        cx: &mut Ctx<'_>,
        (key, group, consumer): (&[u8], &[u8], &[u8]),
        met: Met,
        delivered_ms: i64,
    ) {
        let count = self.len() as u64;
        let read_on = met.read_on.filter(|_| count == 0);
        cx.db.store.dirty += count + u64::from(read_on.is_some()) + u64::from(met.is_new);
        if met.is_new {
            cx.notify(key, CREATECONSUMER);
        }
        cx.propagate_nothing();
        if !cx.propagates() {
            return;
        }
        if met.is_new && self.claimed.is_empty() {
            cx.propagate_as(words![b"XGROUP", b"CREATECONSUMER", key, group, consumer]);
        }
        for (id, deliveries) in &self.claimed {
            let (id, deliveries) = (id.to_string(), *deliveries as i64);
            let head = words![b"XCLAIM", key, group, consumer, 0, id.as_bytes()];
            let tail = words![b"TIME", delivered_ms, b"RETRYCOUNT", deliveries, b"FORCE", b"JUSTID"];
            cx.propagate_as(&[head.as_slice(), tail].concat());
        }
        propagate_ids(cx, &[b"XACK", key, group], &self.gone);
        if let Some((last_id, entries_read)) = met.read_on {
            propagate_progress(cx, key, group, last_id, entries_read);
        }
    }
}
