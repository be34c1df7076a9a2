//! Seeded random numbers (SplitMix64): the same seed gives the same run, on every machine and in every version.

/// A generator whose whole state is one word.
#[derive(Clone, Debug)]
pub struct Seed(u64);

impl Seed {
    /// A generator that always gives the numbers of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; `bound` is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// A number of the inclusive range `low..=high`.
    pub fn range(&mut self, low: i64, high: i64) -> i64 {
        let span = high.wrapping_sub(low) as u64;
        let offset = if span == u64::MAX { self.bits() } else { self.bits() % (span + 1) };
        low.wrapping_add(offset as i64)
    }

    /// True once in `n` on average.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of `choices`, each as likely.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::Seed;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut a, mut b) = (Seed::new(7), Seed::new(7));
        let run = |seed: &mut Seed| (0..100).map(|_| seed.range(i64::MIN, i64::MAX)).collect::<Vec<_>>();
        assert_eq!(run(&mut a), run(&mut b));
    }

    #[test]
    fn ranges_include_both_ends() {
        let mut seed = Seed::new(1);
        let drawn: std::collections::BTreeSet<i64> = (0..200).map(|_| seed.range(-1, 2)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [-1, 0, 1, 2]);
    }
}
