//! Tests of rankings: an audit of all invariants, and the naive twin that the tests compare with.
//!
//! - `model`: random operations on rankings that share blocks, against sorted vectors.
//! - `leaves`: leaves alone, and what growing and shrinking leaves of them.

mod leaves;
mod model;

use super::{LEAF_BYTES_MAX, LEAF_LEN_MAX, Ranking};
use crate::hash::Hasher;

/// Fewer operations where each is slow.
const fn scaled(count: usize) -> usize {
    if cfg!(miri) { count.div_ceil(40) } else { count }
}

fn ranking() -> Ranking {
    Ranking::new(Hasher::new(7))
}

/// Members with scores, in order.
type Twin = Vec<(Vec<u8>, f64)>;

fn sort(twin: &mut Twin) {
    twin.sort_by(|one, other| one.1.total_cmp(&other.1).then_with(|| one.0.cmp(&other.0)));
}

/// Panics if an invariant of the file head does not hold, or if the ranking does not hold what its twin does.
fn audit(ranking: &Ranking, twin: &Twin) {
    assert_eq!(ranking.len(), twin.len());
    assert_eq!(ranking.order.len() as usize, twin.len());
    type Ours<'a> = (&'a [u8], f64);
    type Theirs = (Vec<u8>, f64);
    let is_same = |(one, other): (Ours<'_>, &Theirs)| one == (other.0.as_slice(), other.1);
    assert!(ranking.walk(0).zip(twin).all(is_same), "{ranking:?} {twin:?}");
    assert!(ranking.walk_back(twin.len()).zip(twin.iter().rev()).all(is_same));
    assert_eq!((ranking.walk(0).count(), ranking.walk_back(twin.len()).count()), (twin.len(), twin.len()));
    for (rank, (member, score)) in twin.iter().enumerate() {
        assert_eq!(ranking.rank(member), Some((rank, *score)));
    }
    let mut bytes = 0;
    for leaf in ranking.order.leaves() {
        leaf.audit();
        bytes += leaf.allocated_bytes();
        assert!(leaf.len() <= LEAF_LEN_MAX);
        // A split halves the elements, not the bytes.
        assert!(leaf.len() == 1 || leaf.content_bytes() <= 2 * LEAF_BYTES_MAX || has_huge(leaf));
    }
    assert_eq!(bytes, ranking.leaf_bytes);
}

fn has_huge(leaf: &super::Leaf) -> bool {
    leaf.iter().any(|(member, _)| member.len() > LEAF_BYTES_MAX / 4)
}
