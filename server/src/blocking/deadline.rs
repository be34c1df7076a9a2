//! Until when a client waits: the timeouts of blocking commands, in seconds or milliseconds.
//!
//! A deadline is kept in microseconds of the engine's clock, so that a wait is never shorter than it was asked to be, and so
//! that DEBUG CLOCK moves it.

use crate::clock::Clock;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::{LongDouble, parse_i64};

/// A moment in Unix microseconds, or never. The default is never.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Deadline(Option<u64>);

impl Deadline {
    /// As BLPOP and its kin read a timeout: decimal seconds, rounded up to a millisecond; 0 waits forever.
    pub fn in_seconds(clock: &Clock, text: &[u8]) -> Result<Deadline, ReplyError> {
        let seconds = LongDouble::parse(text).ok_or(error::TIMEOUT_NOT_A_FLOAT)?;
        let ms = seconds.times_rounded_up(1000);
        if ms > i128::from(i64::MAX) {
            return Err(error::TIMEOUT_OUT_OF_RANGE);
        }
        // What is less than any i64 is negative all the same.
        Deadline::after(clock, i64::try_from(ms).unwrap_or(i64::MIN))
    }

    /// As WAIT and XREAD read a timeout: whole milliseconds; 0 waits forever.
    pub fn in_milliseconds(clock: &Clock, text: &[u8]) -> Result<Deadline, ReplyError> {
        Deadline::after(clock, parse_i64(text).ok_or(error::TIMEOUT_NOT_AN_INTEGER)?)
    }

    /// The moment in Unix microseconds; `None` is never.
    pub fn at_us(self) -> Option<u64> {
        self.0
    }

    fn after(clock: &Clock, ms: i64) -> Result<Deadline, ReplyError> {
        moment_ms(clock.now_ms(), ms)?;
        Ok(Deadline((ms > 0).then(|| clock.now_us().saturating_add((ms as u64).saturating_mul(1000)))))
    }
}

/// The moment in Unix milliseconds that comes `timeout_ms` after another. It must not be before, and must be a number.
pub fn moment_ms(now_ms: i64, timeout_ms: i64) -> Result<i64, ReplyError> {
    if timeout_ms < 0 {
        return Err(error::TIMEOUT_NEGATIVE);
    }
    now_ms.checked_add(timeout_ms).ok_or(error::TIMEOUT_OUT_OF_RANGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_decimal_and_milliseconds_whole() {
        let mut clock = Clock::new();
        clock.freeze();
        let now = clock.now_us();
        let check = |result: Result<Deadline, ReplyError>, expected: Result<Option<u64>, &str>| {
            let shown = result.map(|deadline| deadline.at_us().map(|at| at - now));
            assert_eq!(
                shown.map_err(|error| error.to_string()),
                expected.map_err(|text| format!("ERR {text}"))
            );
        };
        let seconds = |text: &str, expected| check(Deadline::in_seconds(&clock, text.as_bytes()), expected);
        let milliseconds =
            |text: &str, expected| check(Deadline::in_milliseconds(&clock, text.as_bytes()), expected);

        seconds("0", Ok(None));
        seconds("-0.0001", Ok(None));
        seconds("1", Ok(Some(1_000_000)));
        seconds("0.0001", Ok(Some(1000)));
        seconds("1.0015", Ok(Some(1_002_000)));
        seconds("-0.001", Ok(None));
        seconds("-0.002", Err("timeout is negative"));
        seconds("-1e400", Err("timeout is negative"));
        seconds("-inf", Err("timeout is negative"));
        seconds("inf", Err("timeout is out of range"));
        seconds("9223372036854776", Err("timeout is out of range"));
        seconds("9223372036854775", Err("timeout is out of range"));
        seconds("9000000000000000", Ok(Some(u64::MAX - now)));
        seconds("1e5000", Err("timeout is not a float or out of range"));
        seconds("x", Err("timeout is not a float or out of range"));
        seconds("", Err("timeout is not a float or out of range"));

        milliseconds("0", Ok(None));
        milliseconds("1", Ok(Some(1000)));
        milliseconds("-1", Err("timeout is negative"));
        milliseconds("9223372036854775807", Err("timeout is out of range"));
        milliseconds("1.5", Err("timeout is not an integer or out of range"));
    }
}
