//! Sorted sets: distinct members, each with a score, in the order of the scores and, where they are equal, of the members' bytes.
//!
//! | encoding | while | is |
//! |---|---|---|
//! | listpack | members are few and short | members and scores in one block |
//! | skiplist | otherwise | a ranking |
//!
//! A sorted set never goes back to a smaller encoding by losing members. Scores are never NaN.

mod packed;

use crate::db::Garbage;
use crate::entry::{Content, EntryRef, Kind, Structure};
use crate::hash::Hasher;
use crate::pack::{Buffer, Item, PackMut, PackRef};
use crate::random::Random;
use crate::ranking::Ranking;
use crate::types::{Limits, Type};
use crate::value::ValueMut;
use std::ops::Range;

pub use crate::ranking::Cut;

/// A sorted set, as a type.
#[derive(Debug)]
pub enum SortedSet {}

/// Which way to go through a sorted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the least score on.
    Ascending,
    /// From the greatest score on.
    Descending,
}

/// A sorted set, for reading.
#[derive(Clone, Copy)]
pub enum SortedSetRef<'a> {
    /// Members and scores in one block.
    Pack(PackRef<'a>),
    /// A large sorted set.
    Ranking(&'a Ranking),
}

/// A sorted set, for changing.
pub struct SortedSetMut<'a> {
    value: ValueMut<'a>,
    limits: &'a Limits,
}

impl Type for SortedSet {
    const KIND: Kind = Kind::SortedSet;
    const EMPTY: (&'static [u8], bool) = (crate::pack::EMPTY, false);
    type Ref<'a> = SortedSetRef<'a>;
    type Mut<'a> = SortedSetMut<'a>;

    #[inline]
    fn read(entry: EntryRef<'_>) -> SortedSetRef<'_> {
        match entry.bytes() {
            Some(bytes) => SortedSetRef::Pack(PackRef::new(bytes)),
            None => SortedSetRef::Ranking(
                entry.structure::<Ranking>().expect("a sorted set of bytes or structure"),
            ),
        }
    }

    fn edit<'a>(value: ValueMut<'a>, limits: &'a Limits) -> SortedSetMut<'a> {
        SortedSetMut { value, limits }
    }
}

impl Structure for Ranking {
    const KIND: Kind = Kind::SortedSet;

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + Ranking::memory_bytes(self)
    }

    fn elements_len(&self) -> usize {
        self.len()
    }

    fn prefetch_members(&self, members: &[&[u8]], ranks: bool) {
        if ranks { self.prefetch_places(members) } else { self.prefetch(members) }
    }
}

impl<'a> SortedSetRef<'a> {
    /// Number of members.
    pub fn len(self) -> usize {
        match self {
            SortedSetRef::Pack(pack) => pack.len() / 2,
            SortedSetRef::Ranking(ranking) => ranking.len(),
        }
    }

    /// Whether there are no members, as in a sorted set that is just being made.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// A member's score.
    #[inline]
    pub fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            SortedSetRef::Pack(pack) => packed::find(pack, member).map(|(_, score)| score),
            SortedSetRef::Ranking(ranking) => ranking.score(member),
        }
    }

    /// How many members come before this one, and its score.
    #[inline]
    pub fn rank(self, member: &[u8]) -> Option<(usize, f64)> {
        match self {
            SortedSetRef::Pack(pack) => {
                packed::find(pack, member).map(|(position, score)| (packed::rank_at(pack, position), score))
            }
            SortedSetRef::Ranking(ranking) => ranking.rank(member),
        }
    }

    /// The ranks between two cuts; none if they are the wrong way round.
    pub fn ranks(self, from: Cut<'_>, to: Cut<'_>) -> Range<usize> {
        let rank_of = |cut| match self {
            SortedSetRef::Pack(pack) => packed::rank_of(pack, cut),
            SortedSetRef::Ranking(ranking) => ranking.rank_of(cut),
        };
        let start = rank_of(from);
        start..rank_of(to).max(start)
    }

    /// Visits the elements of a range of ranks, which must be within the length.
    #[inline]
    pub fn visit(self, ranks: Range<usize>, direction: Direction, mut visit: impl FnMut(Item<'a>, f64)) {
        self.visit_while(ranks, direction, |member, score| {
            visit(member, score);
            true
        });
    }

    /// As [`SortedSetRef::visit`], until the visitor has enough.
    #[inline]
    pub fn visit_while(
        self,
        ranks: Range<usize>,
        direction: Direction,
        mut visit: impl FnMut(Item<'a>, f64) -> bool,
    ) {
        let ranking = match self {
            SortedSetRef::Pack(pack) => return packed::visit(pack, ranks, direction, visit),
            SortedSetRef::Ranking(ranking) => ranking,
        };
        let (len, mut visit) = (ranks.len(), |(member, score)| visit(Item::Bytes(member), score));
        match direction {
            Direction::Ascending => ranking.walk(ranks.start).take(len).all(&mut visit),
            Direction::Descending => ranking.walk_back(ranks.end).take(len).all(&mut visit),
        };
    }

    /// A member by chance, each as likely; the sorted set is not empty.
    pub fn random(self, random: &mut Random) -> (Item<'a>, f64) {
        let pick = match self {
            SortedSetRef::Pack(pack) => packed::pairs(pack).nth(random.below(self.len() as u64) as usize),
            SortedSetRef::Ranking(ranking) => ranking.random(random),
        };
        pick.expect("a sorted set that is not empty")
    }

    /// `count` different members by chance, each choice as likely; there are as many.
    pub fn random_distinct(self, count: usize, random: &mut Random, visit: &mut dyn FnMut(Item<'a>, f64)) {
        let pack = match self {
            SortedSetRef::Ranking(ranking) => {
                return ranking.random_distinct(count, random, |(member, score)| visit(member, score));
            }
            SortedSetRef::Pack(pack) => pack,
        };
        let (mut left, mut wanted) = (self.len() as u64, count as u64);
        for (member, score) in packed::pairs(pack) {
            if random.below(left) < wanted {
                visit(member, score);
                wanted -= 1;
            }
            left -= 1;
        }
    }

    /// Visits the members of one step of a scan that began at cursor 0; 0 comes back at the end. A small one comes at once.
    pub fn scan(self, cursor: u64, visit: &mut dyn FnMut(Item<'a>, f64)) -> u64 {
        match self {
            SortedSetRef::Ranking(ranking) => ranking.scan(cursor, |(member, score)| visit(member, score)),
            SortedSetRef::Pack(pack) => {
                packed::pairs(pack).for_each(|(member, score)| visit(member, score));
                0
            }
        }
    }
}

impl SortedSetMut<'_> {
    /// The sorted set, for reading.
    pub fn as_ref(&self) -> SortedSetRef<'_> {
        SortedSet::read(self.value.entry())
    }

    /// Readies the sorted set for `len` more members, of which this is the first: what will be large is so at once.
    pub fn expect(&mut self, first: &[u8], len: usize) {
        let is_long = first.len() > self.limits.zset_value && self.as_ref().is_empty();
        if (is_long || len > self.limits.zset_entries) && self.value.entry().bytes().is_some() {
            self.convert();
        }
    }

    /// Shows a member's score, if it is a member, and sets the one that `decide` gives, if it gives one. An equal score changes
    /// nothing.
    pub fn update(&mut self, member: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) {
        if let Some(ranking) = self.value.structure_mut::<Ranking>() {
            return ranking.update(member, decide);
        }
        let pack = PackRef::new(self.value.bytes());
        let found = packed::find(pack, member);
        let old = found.map(|(_, score)| score);
        let Some(score) = decide(old).filter(|&score| old != Some(score)) else { return };
        match found {
            Some((position, _)) => _ = PackMut::new(&mut self.value).remove(position, 2),
            None if self.fits(member) => (),
            None => {
                self.convert();
                let ranking = self.value.structure_mut::<Ranking>().expect("a ranking was just made");
                return ranking.update(member, |_| Some(score));
            }
        }
        packed::insert(&mut PackMut::new(&mut self.value), member, score, self.limits.score_text);
    }

    /// Takes a member out; true if it was one.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        if let Some(ranking) = self.value.structure_mut::<Ranking>() {
            return ranking.remove(member);
        }
        let Some(position) = PackRef::new(self.value.bytes()).find(member, 2) else { return false };
        PackMut::new(&mut self.value).remove(position, 2);
        true
    }

    /// Takes a range of ranks out, which must be within the length. What is worth freeing on another thread comes back.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) -> Garbage {
        if let Some(ranking) = self.value.structure_mut::<Ranking>() {
            return ranking.remove_range(ranks).map(Garbage::of_structure).unwrap_or_default();
        }
        if !ranks.is_empty() {
            PackMut::new(&mut self.value).remove_range(2 * ranks.start as i64, 2 * ranks.len());
        }
        Garbage::default()
    }

    /// Makes the members those of a listpack that was checked, in a sorted set without any. They differ and are in order; their
    /// length is no matter, as in Redis.
    pub fn adopt_listpack(&mut self, bytes: &[u8]) {
        self.value.set(Content::Bytes(bytes), false);
        if self.as_ref().len() > self.limits.zset_entries {
            self.convert();
        }
    }

    /// As [`SortedSetMut::fill`], with members in order that may occur twice: false if some do, and the value is of no use then.
    pub fn fill_if_distinct<'i>(
        &mut self,
        elements: impl ExactSizeIterator<Item = (Item<'i>, f64)> + Clone,
    ) -> bool {
        let len = elements.len();
        self.fill(elements);
        match self.as_ref() {
            SortedSetRef::Ranking(ranking) => ranking.len() == len,
            SortedSetRef::Pack(pack) => {
                let mut members: Vec<_> = packed::pairs(pack).map(|(member, _)| member).collect();
                members.sort_unstable();
                members.windows(2).all(|pair| pair[0] != pair[1])
            }
        }
    }

    /// Fills a sorted set without members with these, which are in order and distinct.
    pub fn fill<'i>(&mut self, elements: impl ExactSizeIterator<Item = (Item<'i>, f64)> + Clone) {
        let bytes = elements.clone().map(|(member, _)| member.len());
        let fits = elements.len() <= self.limits.zset_entries
            && bytes.clone().all(|len| len <= self.limits.zset_value)
            && PackRef::EMPTY.fits(bytes.sum());
        if !fits {
            let ranking = ranking_of(self.value.hasher().clone(), elements);
            return self.value.set_structure(Box::new(ranking));
        }
        let mut pack = PackMut::empty_in(Vec::new());
        for (member, score) in elements {
            packed::push_back(&mut pack, member, score, self.limits.score_text);
        }
        self.value.set(Content::Bytes(pack.as_ref().bytes()), false);
    }

    fn fits(&self, member: &[u8]) -> bool {
        let pack = PackRef::new(self.value.bytes());
        pack.len() / 2 < self.limits.zset_entries
            && member.len() <= self.limits.zset_value
            && pack.fits(member.len())
    }

    /// Makes a listpack a ranking.
    fn convert(&mut self) {
        let elements: Vec<_> = packed::pairs(PackRef::new(self.value.bytes())).collect();
        let ranking = ranking_of(self.value.hasher().clone(), elements.iter().copied());
        self.value.set_structure(Box::new(ranking));
    }
}

/// A ranking of elements in order.
fn ranking_of<'i>(hasher: Hasher, elements: impl Iterator<Item = (Item<'i>, f64)> + Clone) -> Ranking {
    // A ranking takes members as text: integers are written out before.
    let (mut digits, mut ends) = (Vec::new(), Vec::new());
    for (member, _) in elements.clone() {
        if let Item::Int(value) = member {
            digits.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
            ends.push(digits.len());
        }
    }
    let mut integers = ends.iter().scan(0, |start, &end| Some(&digits[std::mem::replace(start, end)..end]));
    let members = elements.map(move |(member, score)| match member {
        Item::Bytes(bytes) => (bytes, score),
        Item::Int(_) => (integers.next().expect("as many as there are"), score),
    });
    Ranking::build(hasher, members)
}
