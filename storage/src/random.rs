//! The generator of all randomness: xoshiro256++, seeded once, so that a run replays exactly.
//!
//! It is handed to whoever needs it; nothing in this crate draws a seed by itself. Not for secrets.

/// A seeded generator.
#[derive(Clone, Debug)]
pub struct Random([u64; 4]);

impl Random {
    /// A generator whose numbers follow from `seed`.
    pub fn new(seed: u64) -> Random {
        let mut state = seed;
        Random(std::array::from_fn(|_| {
            // SplitMix64 spreads any seed, zero too, over a state that is not all zero.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }))
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number below `bound`, without bias; zero if `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let rejected = bound.wrapping_neg() % bound; // 2^64 mod bound: low products below it would be too frequent
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= rejected {
                return (product >> 64) as u64;
            }
        }
    }

    /// A generator of its own, whose numbers follow from this one's.
    pub fn fork(&mut self) -> Random {
        Random::new(self.next_u64())
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }

    /// `N` random lower-case hexadecimal digits, as run IDs are.
    pub fn hex<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| b"0123456789abcdef"[(self.next_u64() >> 60) as usize])
    }
}

#[cfg(all(test, not(miri)))] // statistics, and no unsafe code
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut a, mut b, mut c) = (Random::new(1), Random::new(1), Random::new(2));
        let first: Vec<u64> = (0..8).map(|_| a.next_u64()).collect();
        assert_eq!(first, (0..8).map(|_| b.next_u64()).collect::<Vec<_>>());
        assert_ne!(first, (0..8).map(|_| c.next_u64()).collect::<Vec<_>>());
    }

    #[test]
    fn the_generator_is_xoshiro256_plus_plus() {
        // State 1, 2, 3, 4: the first outputs follow from the definition by hand.
        let mut random = Random([1, 2, 3, 4]);
        assert_eq!(random.next_u64(), (5 << 23) + 1);
        assert_eq!(random.next_u64(), 58_720_359);
    }

    #[test]
    fn below_is_in_bounds_and_even() {
        let mut random = Random::new(7);
        let mut counts = [0; 6];
        for _ in 0..60_000 {
            counts[random.below(6) as usize] += 1;
        }
        assert!(counts.iter().all(|&count| (9_500..10_500).contains(&count)), "{counts:?}");
        assert_eq!(random.below(0), 0);
        assert_eq!(random.below(1), 0);
    }

    #[test]
    fn fill_and_hex_cover_all_bytes() {
        let mut random = Random::new(3);
        let mut bytes = [0; 10_001];
        random.fill(&mut bytes);
        assert!((0..=255).all(|byte| bytes.contains(&byte)));
        let digits: [u8; 40] = random.hex();
        assert!(digits.iter().all(|digit| b"0123456789abcdef".contains(digit)));
        assert!((0.0..1.0).contains(&random.unit()));
    }
}
