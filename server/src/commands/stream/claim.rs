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
use rufous_storage::types::stream::{Group, Log, Name, Pending, Stream, StreamId};
use smallvec::SmallVec;

/// XAUTOCLAIM looks at so many entries for each one that it may give.
const ATTEMPTS_PER_ENTRY: usize = 10;
/// Entries that XAUTOCLAIM gives at most, unless told.
const COUNT_DEFAULT: i64 = 100;
/// A greater COUNT is refused.
const COUNT_MAX: i64 = i64::MAX / 16;

/// Pending entries that are looked up together.
const IDS_INLINE: usize = 32;

/// How entries are claimed.
struct Claim {
    now: i64,
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

impl Claim {
    fn parse(args: Args<'_>, min_idle_ms: i64, now: i64) -> Result<Claim, ReplyError> {
        let mut delivered = None;
        let mut claim = Claim {
            now,
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

    /// Gives entries to a consumer, as far as it may have them.
    fn run(&self, group: &mut Group, log: &Log, to: &Name, ids: &[StreamId], outcome: &mut Claims) {
        for &id in ids {
            if !log.contains(id) {
                if group.acknowledge(id) {
                    outcome.gone.push(id);
                }
                continue;
            }
            let claimed = group.claim(id, to, |pending| self.decide(pending));
            outcome.claimed.extend(claimed.map(|deliveries| (id, deliveries)));
        }
    }

    /// Gives up to `count` pending entries from one on to a consumer, as far as it may have them. Gives the first one that was not
    /// looked at.
    fn run_from(
        &self,
        group: &mut Group,
        log: &Log,
        to: &Name,
        (start, count): (StreamId, usize),
        outcome: &mut Claims,
    ) -> Option<StreamId> {
        let mut attempts = count.saturating_mul(ATTEMPTS_PER_ENTRY);
        let mut next = Some(start);
        loop {
            let pending = group.pending().iter_from(next?).map(|(id, _)| id);
            let some: SmallVec<[StreamId; IDS_INLINE]> = pending.take(IDS_INLINE).collect();
            for &id in &some {
                if attempts == 0 || outcome.len() == count {
                    return Some(id);
                }
                attempts -= 1;
                self.run(group, log, to, &[id], outcome);
            }
            next = some.last()?.next();
        }
    }

    /// When a pending entry counts as delivered to its new consumer, and how often; `None` if it stays where it is. An entry that
    /// nobody has is as if it had been delivered once.
    fn decide(&self, pending: Option<&Pending>) -> Option<(i64, u64)> {
        let deliveries = match pending {
            None if !self.force => return None,
            None => 1,
            Some(pending) => {
                let idle = self.now.saturating_sub(pending.delivered_ms);
                if self.min_idle_ms > 0 && idle < self.min_idle_ms {
                    return None;
                }
                pending.deliveries
            }
        };
        let more = u64::from(!self.ids_only);
        Some((self.delivered_ms, self.deliveries.unwrap_or(deliveries.wrapping_add(more))))
    }
}

/// XCLAIM key group consumer min-idle-time id \[id ...\] \[IDLE ms\] \[TIME unix-time-ms\] \[RETRYCOUNT count\] \[FORCE\] \[JUSTID\] \[LASTID id\]
pub(super) fn xclaim(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, group, consumer, now) = (args.get(1), args.get(2), args.get(3), cx.now());
    require_group(cx, key, group)?;
    let min_idle = parse_i64(args.get(4)).ok_or(error::XCLAIM_MIN_IDLE)?.max(0);
    let ids: Vec<StreamId> = args.from(5).iter().map_while(|text| id::strict(text, 0).ok()).collect();
    let claim = Claim::parse(args.from(5 + ids.len()), min_idle, now)?;

    let Some(mut stream) = cx.db.write(key).edit::<Stream>()? else { return Ok(()) };
    let stream = stream.stream();
    let mut outcome = Claims::default();
    let met = stream.edit_group(group, |group, log| {
        let (met, to) = meet(group, consumer, claim.last_id, now);
        claim.run(group, log, &to, &ids, &mut outcome);
        outcome.end(group, &to, now);
        met
    });
    outcome.reply(&mut cx.reply, stream, claim.ids_only);
    outcome.finish(cx, (key, group, consumer), met.unwrap_or_default(), claim.delivered_ms);
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
        now,
        min_idle_ms,
        delivered_ms: now,
        deliveries: None,
        force: false,
        ids_only,
        last_id: StreamId::MIN,
    };

    let Some(mut stream) = cx.db.write(key).edit::<Stream>()? else { return Ok(()) };
    let stream = stream.stream();
    let (mut outcome, mut cursor) = (Claims::default(), None);
    let met = stream.edit_group(group, |group, log| {
        let (met, to) = meet(group, consumer, StreamId::MIN, now);
        cursor = claim.run_from(group, log, &to, (start, count as usize), &mut outcome);
        outcome.end(group, &to, now);
        met
    });
    cx.reply.array(3);
    id::reply(&mut cx.reply, cursor.unwrap_or(StreamId::MIN));
    outcome.reply(&mut cx.reply, stream, ids_only);
    cx.reply.array(outcome.gone.len());
    outcome.gone.iter().for_each(|id| id::reply(&mut cx.reply, *id));
    outcome.finish(cx, (key, group, consumer), met.unwrap_or_default(), now);
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

/// Makes the consumer if it is new, and notes that it asked. Gives its name, too.
fn meet(group: &mut Group, consumer: &[u8], last_id: StreamId, now: i64) -> (Met, Name) {
    let is_ahead = last_id > group.last_id;
    group.last_id = group.last_id.max(last_id);
    let read_on = is_ahead.then_some((group.last_id, group.entries_read));
    let is_new = group.meet(consumer, now);
    let name = group.consumers().get(consumer).expect("the consumer that was met").name_handle().clone();
    (Met { is_new, read_on }, name)
}

fn reply_claimed(reply: &mut Reply<'_>, stream: &Stream, id: StreamId, ids_only: bool) {
    let entry = if ids_only { None } else { stream.log().range(id, id).next() };
    match entry {
        Some(entry) => reply_entry(reply, entry),
        None => id::reply(reply, id),
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

    /// Notes that the consumer got something, if it did.
    fn end(&self, group: &mut Group, to: &Name, now: i64) {
        if !self.claimed.is_empty() {
            group.edit_consumer(to, |consumer| consumer.active_ms = Some(now));
        }
    }

    fn reply(&self, reply: &mut Reply<'_>, stream: &Stream, ids_only: bool) {
        reply.array(self.claimed.len());
        self.claimed.iter().for_each(|(id, _)| reply_claimed(reply, stream, *id, ids_only));
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
