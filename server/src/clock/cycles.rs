//! The processor's cycle counter: a monotonic time that costs half as much to read as the system's.
//!
//! It counts in a unit of its own, so its rate is learned from the system's clock while the server runs, and it is used
//! only to interpolate: each turn of the loop anchors it to the system's time again ([`Cycles::anchor`]). Where the kernel
//! itself does not trust the counter, or on other processors, there is none and the system's clock is read.
//!
//! Invariant: between two anchors the time is exact but for the rate's error, some millionths.
#![allow(unsafe_code)]

/// Readings of both clocks that took longer than this between them were interrupted, and teach nothing about the rate.
const PAIR_CYCLES_MAX: u64 = 20_000;
/// The rate is first known after this long, and learned anew after [`RELEARN_NS`].
const LEARN_NS: u64 = 20_000_000;
const RELEARN_NS: u64 = 1_000_000_000;
/// Fraction bits of the rate.
const RATE_BITS: u32 = 32;

/// An interpolator between readings of the system's monotonic clock.
#[derive(Clone, Debug)]
pub(super) struct Cycles {
    /// The last reading of both clocks.
    anchor: Pair,
    /// The reading since which the rate is learned.
    base: Pair,
    /// Nanoseconds per cycle in units of 2^-32; 0 until it is known.
    rate: u64,
}

#[derive(Clone, Copy, Debug)]
struct Pair {
    cycles: u64,
    ns: u64,
}

impl Cycles {
    /// The counter, if the kernel itself keeps time by it. `now_ns` reads the system's monotonic clock.
    pub(super) fn new(now_ns: impl Fn() -> u64) -> Option<Cycles> {
        if !cfg!(target_arch = "x86_64") || !kernel_trusts_it() {
            return None;
        }
        let pair = Pair { cycles: read(), ns: now_ns() };
        Some(Cycles { anchor: pair, base: pair, rate: 0 })
    }

    /// Reads both clocks; gives the system's time.
    pub(super) fn anchor(&mut self, now_ns: impl Fn() -> u64) -> u64 {
        let before = read();
        let ns = now_ns();
        let cycles = read();
        self.anchor = Pair { cycles, ns };
        let learned_ns = ns.saturating_sub(self.base.ns);
        let due = if self.rate == 0 { LEARN_NS } else { RELEARN_NS };
        if learned_ns >= due && cycles.wrapping_sub(before) <= PAIR_CYCLES_MAX {
            self.learn(learned_ns);
        }
        ns
    }

    /// The time now in the system's nanoseconds, once the rate is known.
    #[inline]
    pub(super) fn now_ns(&self) -> Option<u64> {
        if self.rate == 0 {
            return None;
        }
        let passed = read().saturating_sub(self.anchor.cycles);
        Some(self.anchor.ns + ((u128::from(passed) * u128::from(self.rate)) >> RATE_BITS) as u64)
    }

    fn learn(&mut self, learned_ns: u64) {
        // A counter that stood still or ran backwards is not used until it runs again.
        let cycles = self.anchor.cycles.saturating_sub(self.base.cycles);
        self.rate = (u128::from(learned_ns) << RATE_BITS)
            .checked_div(u128::from(cycles))
            .and_then(|rate| u64::try_from(rate).ok())
            .unwrap_or(0);
        self.base = self.anchor;
    }
}

/// Whether the kernel found the counter constant and equal on all cores.
fn kernel_trusts_it() -> bool {
    std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        .is_ok_and(|source| source.trim() == "tsc")
}

#[inline]
fn read() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction, and it only reads.
    return unsafe { std::arch::x86_64::_rdtsc() };
    #[cfg(not(target_arch = "x86_64"))]
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(rate: u64) -> Cycles {
        let pair = Pair { cycles: read(), ns: 1_000 };
        Cycles { anchor: pair, base: pair, rate }
    }

    #[test]
    fn an_unknown_rate_gives_no_time() {
        assert_eq!(counter(0).now_ns(), None);
    }

    #[test]
    fn time_goes_on_from_the_anchor_at_the_rate() {
        let clock = counter(1 << RATE_BITS); // one nanosecond a cycle
        let before = read();
        let now_ns = clock.now_ns().unwrap();
        let after = read();
        let passed = now_ns - 1_000;
        assert!((before - clock.anchor.cycles..=after - clock.anchor.cycles).contains(&passed));
    }

    #[test]
    fn the_rate_is_what_passed_on_both_clocks() {
        let mut clock = counter(0);
        clock.base = Pair { cycles: 5_000, ns: 0 };
        clock.anchor = Pair { cycles: 45_005_000, ns: LEARN_NS };
        clock.learn(LEARN_NS);
        let a_million_cycles_ns = (1_000_000 * u128::from(clock.rate)) >> RATE_BITS;
        assert_eq!(a_million_cycles_ns, 20_000_000 * 1_000_000 / 45_000_000);
        assert_eq!(clock.base.cycles, 45_005_000);
        clock.anchor = clock.base;
        clock.learn(RELEARN_NS);
        assert_eq!(clock.rate, 0, "a counter that stands still is not used");
    }
}
