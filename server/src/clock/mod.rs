//! The process's one clock: wall time and monotonic time, read together, cached, and movable for tests.
//!
//! Nothing else in the server reads the time. The engine asks for [`Clock::refresh`] once a turn of the loop and
//! [`Clock::tick`] once a command; everything else reads the cached values, so that a turn sees one time.
//!
//! DEBUG CLOCK freezes, advances and resumes both times together. Neither ever goes backwards through it: what
//! was advanced stays ahead of the system after [`Clock::resume`]. (The system's own wall time may still step.)

mod cycles;

use cycles::Cycles;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall-clock microseconds since 1970 straight from the system, for what lives outside an engine: the log.
pub fn wall_us() -> u64 {
    wall_ns() / 1000
}

fn wall_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

fn passed_ns(since: Instant) -> u64 {
    since.elapsed().as_nanos() as u64
}

/// Cached time of one engine.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    /// For ticks, where the machine has a counter that can be trusted.
    cycles: Option<Cycles>,
    /// Added to the system's times, in nanoseconds.
    ahead_ns: i64,
    /// The times stand still.
    frozen: bool,
    wall_ns: u64,
    monotonic_ns: u64,
    /// When it froze, on the system's monotonic time.
    frozen_at_ns: u64,
}

impl Clock {
    /// A running clock that shows the system's time.
    #[expect(clippy::new_without_default, reason = "reading the time is worth a visible call")]
    pub fn new() -> Clock {
        let start = Instant::now();
        let mut clock = Clock {
            start,
            cycles: Cycles::new(|| passed_ns(start)),
            ahead_ns: 0,
            frozen: false,
            wall_ns: 0,
            monotonic_ns: 0,
            frozen_at_ns: 0,
        };
        clock.refresh();
        clock
    }

    /// Reads the system's time into the cache, unless frozen.
    pub fn refresh(&mut self) {
        if !self.frozen {
            let start = self.start;
            let system_ns = match &mut self.cycles {
                Some(cycles) => cycles.anchor(|| passed_ns(start)),
                None => passed_ns(start),
            };
            // The last tick may have been a trifle ahead.
            self.monotonic_ns = self.shifted(system_ns).max(self.monotonic_ns);
            self.wall_ns = wall_ns().saturating_add_signed(self.ahead_ns);
        }
    }

    /// Reads only the monotonic time, which is cheaper, and returns it in nanoseconds. The wall time moves along.
    #[inline]
    pub fn tick(&mut self) -> u64 {
        if !self.frozen {
            let system_ns = self.cycles.as_ref().and_then(Cycles::now_ns);
            let now_ns = self.shifted(system_ns.unwrap_or_else(|| passed_ns(self.start)));
            let passed_ns = now_ns.saturating_sub(self.monotonic_ns);
            self.wall_ns += passed_ns;
            self.monotonic_ns += passed_ns;
        }
        self.monotonic_ns
    }

    /// The monotonic time of the last reading, in nanoseconds since the clock was made.
    #[inline]
    pub fn last_tick(&self) -> u64 {
        self.monotonic_ns
    }

    /// Cached wall time in milliseconds since 1970.
    #[inline]
    pub fn now_ms(&self) -> i64 {
        (self.wall_ns / 1_000_000) as i64
    }

    /// Cached wall time in microseconds since 1970.
    #[inline]
    pub fn now_us(&self) -> u64 {
        self.wall_ns / 1000
    }

    /// Cached wall time in seconds since 1970.
    #[inline]
    pub fn now_s(&self) -> u64 {
        self.wall_ns / 1_000_000_000
    }

    /// Cached monotonic time in microseconds since the clock was made.
    #[inline]
    pub fn monotonic_us(&self) -> u64 {
        self.monotonic_ns / 1000
    }

    /// Cached monotonic time in milliseconds since the clock was made.
    #[inline]
    pub fn monotonic_ms(&self) -> u64 {
        self.monotonic_ns / 1_000_000
    }

    /// Whether time stands still, so that an event loop should not wait for it.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Stops time at this moment.
    pub fn freeze(&mut self) {
        self.refresh();
        if !self.frozen {
            self.frozen = true;
            self.frozen_at_ns = passed_ns(self.start);
        }
    }

    /// Moves time forward, frozen or not.
    pub fn advance(&mut self, by: Duration) {
        let by_ns = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
        self.ahead_ns = self.ahead_ns.saturating_add(by_ns);
        self.monotonic_ns = self.monotonic_ns.saturating_add_signed(by_ns);
        self.wall_ns = self.wall_ns.saturating_add_signed(by_ns);
    }

    /// Lets time run on from where it stands.
    pub fn resume(&mut self) {
        if self.frozen {
            self.frozen = false;
            let slept_ns = passed_ns(self.start) - self.frozen_at_ns;
            self.ahead_ns = self.ahead_ns.saturating_sub_unsigned(slept_ns);
            self.refresh();
        }
    }

    fn shifted(&self, system_ns: u64) -> u64 {
        system_ns.saturating_add_signed(self.ahead_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frozen_time_stands_and_advances_exactly() {
        let mut clock = Clock::new();
        clock.freeze();
        let (wall, monotonic) = (clock.now_us(), clock.last_tick());
        std::thread::sleep(Duration::from_millis(5));
        clock.refresh();
        assert_eq!((clock.now_us(), clock.tick()), (wall, monotonic));
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.now_us(), wall + 1_500_000);
        assert_eq!(clock.last_tick(), monotonic + 1_500_000_000);
        assert!(clock.is_frozen());
    }

    #[test]
    fn resumed_time_goes_on_from_where_it_stood() {
        let mut clock = Clock::new();
        clock.freeze();
        clock.advance(Duration::from_secs(100));
        let (wall, monotonic) = (clock.now_us(), clock.last_tick());
        std::thread::sleep(Duration::from_millis(20));
        clock.resume();
        assert!(clock.last_tick() >= monotonic && clock.last_tick() - monotonic < 15_000_000);
        assert!(clock.now_us() + 1 >= wall && clock.now_us() - wall < 15_000);
        clock.resume();
        let before = clock.last_tick();
        std::thread::sleep(Duration::from_millis(2));
        assert!(clock.tick() >= before + 2_000_000);
    }

    #[test]
    fn ticks_carry_the_wall_time_along() {
        let mut clock = Clock::new();
        let (wall, tick) = (clock.now_us(), clock.last_tick());
        std::thread::sleep(Duration::from_millis(3));
        let passed_us = (clock.tick() - tick) / 1000;
        assert!(clock.now_us() - wall >= 3000);
        assert!((clock.now_us() - wall).abs_diff(passed_us) <= 1);
        assert!(clock.now_us().abs_diff(wall_us()) < 1_000_000);
    }
}
