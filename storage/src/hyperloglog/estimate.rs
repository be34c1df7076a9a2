//! From registers to a count: Ertl's improved estimator ("New cardinality estimation algorithms for HyperLogLog
//! sketches", 2017), which is right over the whole range without tables of corrections.
//!
//! The sums are taken in the order in which Redis takes them, so that both round to the same integer.

use super::dense::Histogram;
use super::element::RANK_MAX;

/// 1 / (2 ln 2)
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// How many different elements made registers of which so many have each value.
///
/// Values above 51, which no element makes, count for nothing. Where only a forgery can lead, beyond `i64`, the count is
/// 2^63.
pub(super) fn estimate(histogram: &Histogram) -> u64 {
    let registers = super::REGISTERS as f64;
    let mut sum = registers * tau((registers - f64::from(histogram[RANK_MAX])) / registers);
    for &count in histogram[1..RANK_MAX].iter().rev() {
        sum = (sum + f64::from(count)) * 0.5;
    }
    sum += registers * sigma(f64::from(histogram[0]) / registers);
    let count = (ALPHA * registers * registers / sum).round();
    const BEYOND: u64 = 1 << 63;
    if count < BEYOND as f64 { count as u64 } else { BEYOND }
}

/// What the share `x` of registers at zero adds.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut weight, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// What the share `1 - x` of registers at the highest rank adds.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut weight, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}
