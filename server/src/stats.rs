//! Counters that INFO shows and CONFIG RESETSTAT clears.

use std::collections::BTreeMap;

/// How many different error codes are counted before the table is given up (a client that makes codes up, through
/// scripts, must not fill the memory).
const ERROR_CODES_MAX: usize = 128;
/// Samples behind `instantaneous_*`.
const SAMPLES: usize = 16;

/// Mean of the last [`SAMPLES`] rates of a counter.
#[derive(Default, Clone)]
pub struct Rate {
    last_value: u64,
    last_ms: i64,
    samples: [u64; SAMPLES],
    next: usize,
}

impl Rate {
    /// Takes a sample of the counter.
    pub fn sample(&mut self, value: u64, now_ms: i64) {
        let elapsed_ms = now_ms - self.last_ms;
        if elapsed_ms <= 0 {
            return;
        }
        if self.last_ms != 0 {
            self.samples[self.next] = value.saturating_sub(self.last_value) * 1000 / elapsed_ms as u64;
            self.next = (self.next + 1) % SAMPLES;
        }
        self.last_value = value;
        self.last_ms = now_ms;
    }

    /// Units per second.
    pub fn per_second(&self) -> u64 {
        self.samples.iter().sum::<u64>() / SAMPLES as u64
    }
}

/// See the file head.
#[derive(Default, Clone)]
pub struct Stats {
    /// Commands run.
    pub commands: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections refused over `maxclients`.
    pub rejected_connections: u64,
    /// Bytes read from clients.
    pub net_in_bytes: u64,
    /// Bytes written to clients.
    pub net_out_bytes: u64,
    /// Error replies.
    pub error_replies: u64,
    /// Error replies by code (`ERR`, `WRONGTYPE`...).
    pub errors: BTreeMap<String, u64>,
    /// New error codes are no longer counted.
    pub errors_disabled: bool,
    /// Connections closed because of the query-buffer limit.
    pub query_buffer_limit_closes: u64,
    /// Connections closed because of an output-buffer limit.
    pub output_buffer_limit_closes: u64,
    /// Reads and writes on sockets.
    pub reads: u64,
    /// See `reads`.
    pub writes: u64,
    /// Turns of the event loop and the time spent in them.
    pub loop_turns: u64,
    /// Microseconds.
    pub loop_us: u64,
    /// Microseconds in commands.
    pub loop_command_us: u64,
    /// ACL refusals by kind.
    pub acl_denied_auth: u64,
    /// Highest `used_memory` seen.
    pub memory_peak_bytes: u64,
    /// When it was seen, Unix milliseconds.
    pub memory_peak_ms: i64,
    /// Unix milliseconds of the last cross-protocol warning.
    pub cross_protocol_warned_ms: i64,
    /// Rates.
    pub commands_rate: Rate,
    /// See `commands_rate`.
    pub net_in_rate: Rate,
    /// See `commands_rate`.
    pub net_out_rate: Rate,
}

impl Stats {
    /// Counts an error reply by its code.
    pub fn count_error(&mut self, code: &[u8]) {
        self.error_replies += 1;
        if self.errors_disabled {
            return;
        }
        let code = String::from_utf8_lossy(code);
        if let Some(count) = self.errors.get_mut(code.as_ref()) {
            *count += 1;
        } else if self.errors.len() < ERROR_CODES_MAX {
            self.errors.insert(code.into_owned(), 1);
        } else {
            // The table itself says that it overflowed: operators grep for it.
            self.errors.clear();
            self.errors.insert("ERRORSTATS_DISABLED".into(), 1);
            self.errors_disabled = true;
        }
    }

    /// CONFIG RESETSTAT: zero, but for the memory peak and timers.
    pub fn reset(&mut self) {
        *self = Stats {
            memory_peak_bytes: self.memory_peak_bytes,
            memory_peak_ms: self.memory_peak_ms,
            cross_protocol_warned_ms: self.cross_protocol_warned_ms,
            ..Stats::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_the_mean_of_sixteen_samples() {
        let mut rate = Rate::default();
        for i in 0..=16 {
            rate.sample(i * 50, 1 + i as i64 * 100);
        }
        assert_eq!(rate.per_second(), 500);
    }

    #[test]
    fn made_up_error_codes_do_not_fill_the_memory() {
        let mut stats = Stats::default();
        for i in 0..1000 {
            stats.count_error(format!("E{i}").as_bytes());
        }
        assert_eq!(stats.error_replies, 1000);
        assert_eq!(stats.errors.keys().collect::<Vec<_>>(), ["ERRORSTATS_DISABLED"]);
    }
}
