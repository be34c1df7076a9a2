//! Random operations on rankings that share blocks, against sorted vectors.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Twin, audit, scaled, sort};
use crate::hash::Hasher;
use crate::ranking::{Cut, Ranking};

#[derive(Clone, Debug)]
enum Step {
    /// Sets the score of a member.
    Set(Vec<u8>, f64),
    /// Adds to the score of the member at a rank.
    Add(u16, f64),
    Remove(u16),
    RemoveAbsent(Vec<u8>),
    RemoveRange(u16, u16),
    /// Keeps a clone, to be compared at the end.
    Freeze,
    /// Goes on with a ranking built anew of the same elements.
    Rebuild,
    Find(Vec<u8>, f64),
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (-20..20i8).prop_map(f64::from),
        4 => (-20..20i8).prop_map(|score| f64::from(score) / 8.0),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(-0.0),
        1 => any::<i64>().prop_map(|bits| bits as f64),
    ]
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0..2000u16).prop_map(|number| number.to_string().into_bytes()),
        6 => (0..2000u16).prop_map(|number| format!("the same prefix {number}").into_bytes()),
        4 => vec(0..3u8, 0..12),
        1 => (0..6000usize).prop_map(|len| vec![b'l'; len]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => (member(), score()).prop_map(|(member, score)| Step::Set(member, score)),
        10 => (any::<u16>(), score()).prop_map(|(rank, more)| Step::Add(rank, more)),
        15 => any::<u16>().prop_map(Step::Remove),
        2 => member().prop_map(Step::RemoveAbsent),
        2 => (any::<u16>(), any::<u16>()).prop_map(|(start, len)| Step::RemoveRange(start, len)),
        2 => Just(Step::Freeze),
        1 => Just(Step::Rebuild),
        5 => (member(), score()).prop_map(|(member, score)| Step::Find(member, score)),
    ]
}

/// Sets as ZADD does: an equal score is no change.
fn set(twin: &mut Twin, member: &[u8], score: f64) {
    if let Some(at) = twin.iter().position(|(other, _)| other == member) {
        if twin[at].1 == score {
            return;
        }
        twin.remove(at);
    }
    let is_before =
        |other: &(Vec<u8>, f64)| other.1 < score || other.1 == score && other.0.as_slice() < member;
    twin.insert(twin.partition_point(is_before), (member.to_vec(), score));
}

fn range(twin: &Twin, start: u16, len: u16) -> Range<usize> {
    let start = usize::from(start) % (twin.len() + 1);
    start..start + usize::from(len) % (twin.len() - start + 1)
}

fn run(steps: &[Step]) {
    let (mut ranking, mut twin) = (super::ranking(), Twin::new());
    let mut frozen = Vec::new();
    for step in steps {
        match step {
            Step::Set(member, score) => {
                let old = twin.iter().find(|(other, _)| other == member).map(|(_, score)| *score);
                ranking.update(member, |shown| {
                    assert_eq!(shown, old);
                    Some(*score)
                });
                set(&mut twin, member, *score);
            }
            Step::Add(rank, more) if !twin.is_empty() => {
                let (member, score) = twin[usize::from(*rank) % twin.len()].clone();
                let sum = Some(score + more).filter(|sum| !sum.is_nan());
                ranking.update(&member, |_| sum);
                sum.into_iter().for_each(|sum| set(&mut twin, &member, sum));
            }
            Step::Remove(rank) if !twin.is_empty() => {
                let (member, _) = twin.remove(usize::from(*rank) % twin.len());
                assert!(ranking.remove(&member));
            }
            Step::Add(..) | Step::Remove(_) => (),
            Step::RemoveAbsent(member) => {
                let is_member = twin.iter().any(|(other, _)| other == member);
                assert_eq!(ranking.remove(member), is_member);
                twin.retain(|(other, _)| other != member);
            }
            Step::RemoveRange(start, len) => {
                let range = range(&twin, *start, *len);
                ranking.remove_range(range.clone());
                twin.drain(range);
            }
            Step::Freeze => frozen.push((ranking.clone(), twin.clone())),
            Step::Rebuild => {
                let elements = twin.iter().map(|(member, score)| (member.as_slice(), *score));
                ranking = Ranking::build(Hasher::new(7), elements);
            }
            Step::Find(member, score) => find(&ranking, &twin, member, *score),
        }
    }
    frozen.push((ranking, twin));
    for (ranking, twin) in &frozen {
        audit(ranking, twin);
    }
}

fn find(ranking: &Ranking, twin: &Twin, member: &[u8], score: f64) {
    assert_eq!(
        ranking.score(member),
        twin.iter().find(|(other, _)| other == member).map(|(_, score)| *score)
    );
    for cut in [Cut::First, Cut::Last, Cut::BeforeScore(score), Cut::AfterScore(score)] {
        let before = twin.iter().filter(|(member, score)| cut.is_after(member, *score)).count();
        assert_eq!(ranking.rank_of(cut), before, "{cut:?}");
        assert!(
            ranking.walk(before).map(|(_, score)| score).eq(twin[before..].iter().map(|(_, score)| *score))
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(scaled(40) as u32))]

    #[test]
    fn rankings_do_as_sorted_vectors(steps in vec(step(), 0..scaled(1000))) {
        run(&steps);
    }

    #[test]
    fn members_of_one_score_are_found_by_name(
        members in vec(member(), 0..scaled(600)),
        others in vec(member(), 1..20),
    ) {
        let (mut ranking, mut twin) = (super::ranking(), Twin::new());
        for member in &members {
            ranking.update(member, |_| Some(1.5));
        }
        for member in members {
            set(&mut twin, &member, 1.5);
        }
        sort(&mut twin);
        for member in others.iter().chain(twin.iter().map(|(member, _)| member)) {
            for cut in [Cut::BeforeMember(member), Cut::AfterMember(member)] {
                let before = twin.iter().filter(|(member, score)| cut.is_after(member, *score)).count();
                prop_assert_eq!(ranking.rank_of(cut), before);
            }
        }
    }
}
