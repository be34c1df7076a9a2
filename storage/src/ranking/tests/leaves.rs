//! Leaves alone, and what growing and shrinking leaves of them.

use std::iter;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Twin, audit, ranking, scaled};
use crate::random::Random;
use crate::ranking::leaf::Leaf;
use crate::ranking::{LEAF_LEN_MAX, Ranking};

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        9 => vec(any::<u8>(), 0..40),
        2 => any::<i32>().prop_map(|value| value.to_string().into_bytes()),
        1 => (0..70_000usize).prop_map(|len| vec![b'x'; len]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(scaled(60) as u32))]

    #[test]
    fn leaves_do_as_vectors(steps in vec((0..4u8, any::<u16>(), member(), any::<i8>()), 0..60)) {
        let (mut leaf, mut twin) = (Leaf::pack(iter::empty()), Twin::new());
        let mut shared = Vec::new();
        for (step, at, member, score) in steps {
            let (at, score) = (usize::from(at) % (twin.len() + 1), f64::from(score));
            match step {
                0 if at < twin.len() => {
                    leaf.remove(at);
                    twin.remove(at);
                }
                1 if at < twin.len() => {
                    leaf.set_score(at, score);
                    twin[at].1 = score;
                }
                2 => shared.push((leaf.clone(), twin.clone())),
                _ => {
                    leaf.insert(at, &member, score);
                    twin.insert(at, (member, score));
                }
            }
            leaf.audit();
        }
        shared.push((leaf, twin));
        for (leaf, twin) in shared {
            prop_assert!(leaf.iter().eq(twin.iter().map(|(member, score)| (member.as_slice(), *score))));
            let copy = Leaf::pack(leaf.iter());
            copy.audit();
            prop_assert!(copy.iter().eq(leaf.iter()));
        }
    }
}

fn grown(scores: impl Iterator<Item = f64>) -> (Ranking, Twin) {
    let (mut ranking, mut twin) = (ranking(), Twin::new());
    for (number, score) in scores.enumerate() {
        let member = format!("member:{number:09}").into_bytes();
        ranking.update(&member, |_| Some(score));
        twin.push((member, score));
    }
    super::sort(&mut twin);
    (ranking, twin)
}

#[test]
fn ascending_and_descending_scores_leave_full_leaves() {
    let len = scaled(10_000);
    let scores: [Box<dyn Iterator<Item = f64>>; 2] =
        [Box::new((0..len).map(|score| score as f64)), Box::new((0..len).map(|score| -(score as f64)))];
    for scores in scores {
        let (ranking, twin) = grown(scores);
        audit(&ranking, &twin);
        assert_eq!(ranking.order.shape().leaves, len.div_ceil(LEAF_LEN_MAX));
    }
}

#[test]
fn an_element_of_sixteen_bytes_takes_sixty_four() {
    let (len, mut random) = (scaled(40_000), Random::new(1));
    let (ranking, _) = grown((0..len).map(|_| random.unit()));
    let bytes = ranking.memory_bytes() as f64 / len as f64;
    assert!(bytes < 64.0, "{bytes} bytes an element");
}

#[test]
fn what_shrinks_by_single_elements_keeps_few_leaves() {
    let len = scaled(5_000);
    let (mut ranking, mut twin) = grown((0..len).map(|score| score as f64));
    let mut kept = Twin::new();
    for (number, element) in twin.drain(..).enumerate() {
        if number % 10 == 0 {
            kept.push(element);
        } else {
            assert!(ranking.remove(&element.0));
        }
    }
    audit(&ranking, &kept);
    assert!(ranking.order.shape().leaves <= kept.len().div_ceil(LEAF_LEN_MAX / 8));
}

#[test]
fn a_huge_member_stays_where_it_is() {
    let (mut ranking, mut twin) = grown((0..100).map(f64::from));
    let huge = vec![b'h'; 1 << 20];
    ranking.update(&huge, |_| Some(50.5));
    twin.push((huge, 50.5));
    for number in 0..scaled(400) {
        let (member, score) = (number.to_string().into_bytes(), 50.0 + number as f64 / 400.0);
        ranking.update(&member, |_| Some(score));
        twin.push((member, score));
    }
    super::sort(&mut twin);
    audit(&ranking, &twin);
}
