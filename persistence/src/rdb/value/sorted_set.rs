//! Sorted sets.

use std::borrow::Cow;

use super::super::{Error, Fault, Reader, Text};
use super::blocks::Block;
use rufous_protocol::number::parse_f64;
use rufous_storage::pack::Item;

/// No member with a score of eight bytes takes less.
const MEMBER_BYTES_MIN: usize = 9;

/// The members of a sorted set with their scores.
#[derive(Clone, Debug)]
pub enum SortedSet<'a> {
    /// In a listpack: member, score, .. in order.
    Listpack(Cow<'a, [u8]>),
    /// One by one, in order.
    Members(Vec<(Text<'a>, f64)>),
}

impl<'a> SortedSet<'a> {
    pub(super) fn members(
        reader: &mut Reader<'a>,
        score: fn(&mut Reader<'a>) -> Result<f64, Error>,
    ) -> Result<SortedSet<'a>, Error> {
        let count = reader.count()?;
        let mut members = Vec::with_capacity(count.min(reader.remaining() / MEMBER_BYTES_MIN));
        for _ in 0..count {
            let member = reader.text()?;
            let here = reader.clone();
            let score = score(reader)?;
            if score.is_nan() {
                return Err(here.corrupt("a score that is not a number"));
            }
            members.push((member, score));
        }
        if members.is_empty() { Err(reader.error(Fault::Empty)) } else { Ok(SortedSet::in_order(members)) }
    }

    /// Brings members in order; most servers write the highest first. Sorting what is almost sorted is quick.
    fn in_order(mut members: Vec<(Text<'a>, f64)>) -> SortedSet<'a> {
        members.reverse();
        let mut buffers = [itoa::Buffer::new(), itoa::Buffer::new()];
        members.sort_by(|(one, one_score), (other, other_score)| {
            let [one_buffer, other_buffer] = &mut buffers;
            let by_member = || one.as_bytes(one_buffer).cmp(other.as_bytes(other_buffer));
            one_score.partial_cmp(other_score).expect("scores are numbers").then_with(by_member)
        });
        SortedSet::Members(members)
    }

    pub(super) fn ziplist(reader: &mut Reader<'a>) -> Result<SortedSet<'a>, Error> {
        SortedSet::block(Block::read(reader)?.ziplist()?)
    }

    pub(super) fn listpack(reader: &mut Reader<'a>) -> Result<SortedSet<'a>, Error> {
        SortedSet::block(Block::read(reader)?.listpack()?)
    }

    /// A block whose members are in order stays, unless a score in it is written as storage never does; else its members are
    /// taken out. Redis looks at neither order nor scores.
    fn block(block: Block<'a>) -> Result<SortedSet<'a>, Error> {
        let block = block.named(2)?;
        let pairs = block.pack().pairs().map(|(member, score)| Some((member, score_of(score)?)));
        let pairs: Vec<(Item<'_>, f64)> =
            pairs.collect::<Option<_>>().ok_or(block.corrupt("a score that is no number"))?;
        let is_plain = block.pack().pairs().all(|(_, score)| !is_hexadecimal(score));
        let mut buffers = [itoa::Buffer::new(), itoa::Buffer::new()];
        let is_sorted = pairs.windows(2).all(|pair| {
            let [(one, one_score), (next, next_score)] = [pair[0], pair[1]];
            let [one_buffer, next_buffer] = &mut buffers;
            one_score < next_score
                || (one_score == next_score && one.as_bytes(one_buffer) < next.as_bytes(next_buffer))
        });
        if is_sorted && is_plain {
            drop(pairs);
            return Ok(SortedSet::Listpack(block.bytes));
        }
        Ok(SortedSet::in_order(pairs.into_iter().map(|(member, score)| (member.into(), score)).collect()))
    }
}

fn score_of(item: Item<'_>) -> Option<f64> {
    match item {
        Item::Int(value) => Some(value as f64),
        Item::Bytes(text) => parse_f64(text),
    }
}

fn is_hexadecimal(score: Item<'_>) -> bool {
    matches!(score, Item::Bytes(text) if text.contains(&b'x') || text.contains(&b'X'))
}
