//! The sorted set commands. What a sorted set is in memory is storage's business.
//!
//! | file | commands |
//! |---|---|
//! | [`members`] | ZADD, ZINCRBY, ZREM, ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK, ZSCAN |
//! | [`range`] | ZRANGE and its kin, ZRANGESTORE, ZCOUNT, ZLEXCOUNT, ZREMRANGEBYRANK and its kin |
//! | [`pop`] | ZPOPMIN, ZPOPMAX, ZMPOP, BZPOPMIN, BZPOPMAX, BZMPOP |
//! | [`random`] | ZRANDMEMBER |
//! | [`combine`] | ZUNION, ZINTER, ZDIFF, their STORE forms, ZINTERCARD |
//!
//! [`rows`] has what COMMAND tells of them, [`span`] the ranges that clients give.

mod combine;
mod members;
mod pop;
mod random;
mod range;
mod rows;
mod span;

pub(in crate::commands) use members::{Add, insert};
pub use rows::ROWS;

use crate::context::{Ctx, bulk_item};
use crate::effects::{DEL, Event};
use rufous_protocol::reply::{Reply, Resp};
use rufous_storage::Garbage;
use rufous_storage::pack::Item;
use rufous_storage::types::sorted_set::SortedSetMut;
use std::ops::Range;

/// The header of a reply of so many elements: with scores a flat array in RESP2, pairs in RESP3.
fn elements_header(reply: &mut Reply<'_>, len: usize, with_scores: bool) {
    let is_flat = with_scores && reply.resp == Resp::V2;
    reply.array(if is_flat { len.saturating_mul(2) } else { len });
}

/// One element of it.
#[inline]
fn reply_element(reply: &mut Reply<'_>, member: Item<'_>, score: f64, with_scores: bool) {
    if with_scores && reply.resp == Resp::V3 {
        reply.array(2);
    }
    bulk_item(reply, member);
    if with_scores {
        reply.double(score);
    }
}

/// A range of ranks taken out of a sorted set.
struct Removal {
    len: usize,
    /// Nothing was left, so that the key has to go; its elements go with it.
    is_all: bool,
    garbage: Garbage,
}

impl Removal {
    fn new(set: &mut SortedSetMut<'_>, ranks: Range<usize>) -> Removal {
        let (len, is_all) = (ranks.len(), ranks.len() == set.as_ref().len());
        let garbage = if is_all { Garbage::default() } else { set.remove_ranks(ranks) };
        Removal { len, is_all, garbage }
    }

    /// Records the change, if it was one, and lets go of what is left over.
    fn finish(self, cx: &mut Ctx<'_>, key: &[u8], event: Event) {
        if self.len > 0 {
            cx.changed(key, event, self.len as u64);
        }
        if self.is_all {
            cx.db.remove(key, true);
            cx.notify(key, DEL);
        }
        if !self.garbage.is_empty() {
            cx.db.store.lazyfree.send(self.garbage, 0);
        }
    }
}
