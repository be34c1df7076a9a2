//! Counters that INFO shows and CONFIG RESETSTAT clears.

use std::collections::BTreeMap;

/// How many different error codes are counted before the table is given up (a client that makes codes up, through
/// scripts, must not fill the memory).
const ERROR_CODES_MAX: usize = 128;
/// Samples behind `instantaneous_*`.
const SAMPLES: usize = 16;
/// Seconds for which large buffers are remembered.
const PEAK_SECONDS: usize = 8;
/// Milliseconds between samples of rates.
const SAMPLE_PERIOD_MS: u64 = 100;
/// The cron's period is counted by another clock: a sample may be taken a little early.
const SAMPLE_TOLERANCE_MS: u64 = 5;

/// Mean of the last [`SAMPLES`] rates at which a counter grew by another, most often by time.
#[derive(Default, Clone)]
pub struct Rate {
    last_value: u64,
    last_base: Option<u64>,
    samples: [u64; SAMPLES],
    next: usize,
}

impl Rate {
    /// Takes a sample of both counters. The rate is `factor` times the growth of `value` by the growth of `base`.
    pub fn sample(&mut self, value: u64, base: u64, factor: u64) {
        if let Some(last_base) = self.last_base {
            let grown = value.saturating_sub(self.last_value) * factor;
            self.samples[self.next] = grown.checked_div(base.saturating_sub(last_base)).unwrap_or(0);
            self.next = (self.next + 1) % SAMPLES;
        }
        self.last_value = value;
        self.last_base = Some(base);
    }

    /// The mean.
    pub fn mean(&self) -> u64 {
        self.samples.iter().sum::<u64>() / SAMPLES as u64
    }
}

/// The largest input and output buffers of clients in the last seconds, by second.
#[derive(Default, Clone)]
pub struct BufferPeaks {
    input: [usize; PEAK_SECONDS],
    output: [usize; PEAK_SECONDS],
    second: i64,
}

impl BufferPeaks {
    /// Notes the buffers of a client, in bytes.
    pub fn note(&mut self, second: i64, input: usize, output: usize) {
        if second != self.second {
            let passed = (second - self.second).clamp(1, PEAK_SECONDS as i64);
            for back in 0..passed {
                let slot = (second - back).rem_euclid(PEAK_SECONDS as i64) as usize;
                (self.input[slot], self.output[slot]) = (0, 0);
            }
            self.second = second;
        }
        let slot = second.rem_euclid(PEAK_SECONDS as i64) as usize;
        self.input[slot] = self.input[slot].max(input);
        self.output[slot] = self.output[slot].max(output);
    }

    /// The largest input buffer.
    pub fn input(&self) -> usize {
        self.input.into_iter().max().unwrap_or(0)
    }

    /// The largest output buffer.
    pub fn output(&self) -> usize {
        self.output.into_iter().max().unwrap_or(0)
    }
}

/// Turns of the event loop.
#[derive(Default, Clone)]
pub struct Turns {
    /// How many.
    pub count: u64,
    /// Nanoseconds in them, waiting excluded.
    pub sum_ns: u64,
    /// The longest, in nanoseconds.
    pub max_ns: u64,
    /// The most commands in one.
    pub commands_max: u64,
}

impl Turns {
    /// Counts a turn.
    pub fn note(&mut self, duration_ns: u64, commands: u64) {
        self.count += 1;
        self.sum_ns += duration_ns;
        self.max_ns = self.max_ns.max(duration_ns);
        self.commands_max = self.commands_max.max(commands);
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
    /// Connections closed because of `maxmemory-clients`.
    pub evicted_clients: u64,
    /// Connections closed because of the query-buffer limit.
    pub query_buffer_limit_closes: u64,
    /// Connections closed because of an output-buffer limit.
    pub output_buffer_limit_closes: u64,
    /// Reply buffers that were fitted to what their clients need.
    pub reply_buffer_shrinks: u64,
    /// See `reply_buffer_shrinks`.
    pub reply_buffer_expands: u64,
    /// Reads and writes on sockets.
    pub reads: u64,
    /// See `reads`.
    pub writes: u64,
    /// Turns of the event loop.
    pub turns: Turns,
    /// Nanoseconds in commands.
    pub commands_ns: u64,
    /// Nanoseconds in periodic work.
    pub cron_ns: u64,
    /// Nanoseconds in removing keys that ran out.
    pub expire_ns: u64,
    /// Turns in which more keys had run out than one turn removes.
    pub expire_budget_spent: u64,
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
    /// See `commands_rate`.
    pub turns_rate: Rate,
    /// Microseconds a turn.
    pub turn_us_rate: Rate,
    sampled_ms: u64,
}

impl Stats {
    /// Samples all rates, if it is time (monotonic milliseconds).
    pub fn sample_rates(&mut self, now_ms: u64) {
        if now_ms < self.sampled_ms + SAMPLE_PERIOD_MS - SAMPLE_TOLERANCE_MS {
            return;
        }
        self.sampled_ms = now_ms;
        self.commands_rate.sample(self.commands, now_ms, 1000);
        self.net_in_rate.sample(self.net_in_bytes, now_ms, 1000);
        self.net_out_rate.sample(self.net_out_bytes, now_ms, 1000);
        self.turns_rate.sample(self.turns.count, now_ms, 1000);
        self.turn_us_rate.sample(self.turns.sum_ns / 1000, self.turns.count, 1);
    }

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
            rate.sample(i * 50, i * 100, 1000);
        }
        assert_eq!(rate.mean(), 500);
    }

    #[test]
    fn buffer_peaks_are_forgotten_after_eight_seconds() {
        let mut peaks = BufferPeaks::default();
        peaks.note(1000, 5, 70);
        peaks.note(1003, 9, 60);
        assert_eq!((peaks.input(), peaks.output()), (9, 70));
        peaks.note(1008, 1, 1);
        assert_eq!((peaks.input(), peaks.output()), (9, 60));
        peaks.note(2000, 2, 3);
        assert_eq!((peaks.input(), peaks.output()), (2, 3));
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
