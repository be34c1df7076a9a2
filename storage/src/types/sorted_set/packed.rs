//! A small sorted set: a listpack of members, each followed by its score, in order.
//!
//! A whole score is an integer, any other its text; Redis writes them so. Minus zero is lost, as it is there.

use crate::pack::{Buffer, Item, PackMut, PackRef, Position};
use crate::ranking::Cut;
use std::cmp::Ordering;
use std::ops::Range;

use super::Direction;
use crate::types::ScoreText;

/// Scores up to here, if whole, are integers.
const WHOLE_MAX: f64 = (1u64 << 62) as f64;

/// Where a member is, and its score.
pub(super) fn find(pack: PackRef<'_>, member: &[u8]) -> Option<(Position, f64)> {
    let position = pack.find(member, 2)?;
    let score = pack.get(pack.next(position).expect("a score behind each member"));
    Some((position, score_of(score)))
}

/// How many members come before the one at a position.
pub(super) fn rank_at(pack: PackRef<'_>, position: Position) -> usize {
    pack.entries().step_by(2).take_while(|&(other, _)| other < position).count()
}

/// How many elements are before a cut.
pub(super) fn rank_of(pack: PackRef<'_>, cut: Cut<'_>) -> usize {
    let mut buffer = itoa::Buffer::new();
    pairs(pack).take_while(|&(member, score)| cut.is_after(member.as_bytes(&mut buffer), score)).count()
}

/// All elements, in order.
pub(super) fn pairs(pack: PackRef<'_>) -> impl Iterator<Item = (Item<'_>, f64)> + Clone {
    pack.pairs().map(|(member, score)| (member, score_of(score)))
}

/// Visits the elements of a range of ranks, until the visitor has enough.
pub(super) fn visit<'a>(
    pack: PackRef<'a>,
    ranks: Range<usize>,
    direction: Direction,
    mut visit: impl FnMut(Item<'a>, f64) -> bool,
) {
    let at = |index: usize| pack.at(index as i64).expect("a rank below the length");
    if ranks.is_empty() {
        return;
    }
    match direction {
        Direction::Ascending => {
            let mut items = pack.iter_from(at(2 * ranks.start));
            for _ in ranks {
                let (Some(member), Some(score)) = (items.next(), items.next()) else { return };
                if !visit(member, score_of(score)) {
                    return;
                }
            }
        }
        Direction::Descending => {
            let mut items = pack.iter_back_from(at(2 * ranks.end - 1));
            for _ in ranks {
                let (Some(score), Some(member)) = (items.next(), items.next()) else { return };
                if !visit(member, score_of(score)) {
                    return;
                }
            }
        }
    }
}

/// Puts a member in, which must be absent.
pub(super) fn insert<B: Buffer>(pack: &mut PackMut<B>, member: &[u8], score: f64, text: ScoreText) {
    let mut items = pack.as_ref().entries();
    let place = std::iter::from_fn(|| Some((items.next()?, items.next()?)));
    let behind = |&((_, other), (_, other_score)): &((Position, Item<'_>), (Position, Item<'_>))| {
        let order = score_of(other_score).partial_cmp(&score).unwrap_or(Ordering::Equal);
        order.then_with(|| other.as_bytes(&mut itoa::Buffer::new()).cmp(member)).is_gt()
    };
    let before = place.into_iter().find(behind).map(|((position, _), _)| position);
    pack.insert_all(before, [Item::of(member), score_item(score, text, &mut [0; 32])]);
}

/// Adds a pair behind the last.
pub(super) fn push_back<B: Buffer>(pack: &mut PackMut<B>, member: Item<'_>, score: f64, text: ScoreText) {
    pack.extend([member, score_item(score, text, &mut [0; 32])]);
}

fn score_of(item: Item<'_>) -> f64 {
    match item {
        Item::Int(score) => score as f64,
        // What comes from outside may be no number: as in C, that is 0.
        Item::Bytes(text) => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0.0),
    }
}

fn score_item(score: f64, text: ScoreText, buffer: &mut [u8; 32]) -> Item<'_> {
    match score.abs() <= WHOLE_MAX && score.trunc() == score {
        true => Item::Int(score as i64),
        false => Item::Bytes(text.0(buffer, score)),
    }
}
