//! The order of elements, and as much of it as fits into the nodes above the leaves.

/// The score in an order of integers, and the first bytes of the member. Where two are equal, the members decide.
pub(super) type Key = (u64, u64);

/// An integer for each score, in their order. Both zeros have the same.
#[inline]
pub(super) fn order_of(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The first eight bytes of a member as an integer in their order.
#[inline]
pub(super) fn prefix_of(member: &[u8]) -> u64 {
    match member.first_chunk() {
        Some(prefix) => u64::from_be_bytes(*prefix),
        None => {
            let mut prefix = [0; 8];
            prefix[..member.len()].copy_from_slice(member);
            u64::from_be_bytes(prefix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_scores_and_members() {
        let scores =
            [f64::NEG_INFINITY, -1e300, -1.5, -1.0, -5e-324, 0.0, 5e-324, 1.0, 1.5, 1e300, f64::INFINITY];
        assert!(scores.is_sorted_by(|one, other| order_of(*one) < order_of(*other)));
        assert_eq!(order_of(-0.0), order_of(0.0));
        let members: [&[u8]; 7] = [b"", b"a", b"a\x01", b"ab", b"abcdefgh", b"b", b"\xff"];
        assert!(members.is_sorted_by(|one, other| prefix_of(one) < prefix_of(other)));
        assert_eq!(prefix_of(b"a"), prefix_of(b"a\0"));
        assert_eq!(prefix_of(b"abcdefgh"), prefix_of(b"abcdefghi"));
    }
}
