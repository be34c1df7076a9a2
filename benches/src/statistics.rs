//! Medians, spreads and paired ratios.
//!
//! A paired ratio divides two measurements of the same round, taken within seconds of each other: what slows
//! the whole machine down slows both and cancels. The median over rounds is quoted, with the smallest and the
//! largest round beside it as the honest error bar.

/// Median with the extremes around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Middle value; the mean of the two middle ones for an even count.
    pub median: f64,
    /// Smallest value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
}

impl Spread {
    /// Of a list of values. `None` where it is empty or holds something that is not a number.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Spread> {
        if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
        Some(Spread { median, low: sorted[0], high: sorted[sorted.len() - 1] })
    }

    /// Of `subject[round] / peer[round]`, round by round.
    #[must_use]
    pub fn of_ratios(subject: &[f64], peer: &[f64]) -> Option<Spread> {
        let ratios: Vec<f64> = subject.iter().zip(peer).map(|(one, other)| one / other).collect();
        Spread::of(&ratios)
    }
}

/// The geometric mean: the right average of ratios. `None` for an empty list.
#[must_use]
pub fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    if ratios.is_empty() {
        return None;
    }
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    Some((logarithms / ratios.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_and_even_counts() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, low: 1.0, high: 3.0 }));
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn ratios_pair_rounds_and_cancel_a_slow_one() {
        // The second round ran on a machine half as fast; each pair still says 2.
        let spread = Spread::of_ratios(&[200.0, 100.0, 202.0], &[100.0, 50.0, 101.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.0, low: 2.0, high: 2.0 });
        assert_eq!(Spread::of_ratios(&[1.0], &[0.0]), None);
    }

    #[test]
    fn doubling_and_halving_average_to_one() {
        assert!((geometric_mean(&[2.0, 0.5]).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(geometric_mean(&[]), None);
    }
}
