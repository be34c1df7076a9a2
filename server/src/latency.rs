//! The latency monitor: the worst duration of every second in which an event was slow, by event.
//!
//! Invariants: a series holds at most [`SAMPLES_MAX`] samples, oldest first, one per second at most.

use std::collections::BTreeMap;
use std::collections::VecDeque;

/// Samples kept per event.
pub const SAMPLES_MAX: usize = 160;

/// One spike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// Unix seconds.
    pub time_s: i64,
    /// Milliseconds.
    pub ms: u64,
}

/// The spikes of one event.
#[derive(Default)]
pub struct Series {
    /// Oldest first.
    pub samples: VecDeque<Sample>,
    /// The worst ever seen.
    pub max_ms: u64,
}

/// What LATENCY DOCTOR says of a series.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Analysis {
    /// Mean of the samples.
    pub mean_ms: u64,
    /// Mean distance from the mean.
    pub deviation_ms: u64,
    /// Seconds since the first sample.
    pub period_s: i64,
}

impl Series {
    fn add(&mut self, sample: Sample) {
        self.max_ms = self.max_ms.max(sample.ms);
        match self.samples.back_mut() {
            Some(last) if last.time_s == sample.time_s => last.ms = last.ms.max(sample.ms),
            _ => {
                if self.samples.len() == SAMPLES_MAX {
                    self.samples.pop_front();
                }
                self.samples.push_back(sample);
            }
        }
    }

    /// Mean, deviation and period; all zero without samples.
    pub fn analyse(&self, now_s: i64) -> Analysis {
        let count = self.samples.len().max(1) as u64;
        let mean_ms = self.samples.iter().map(|sample| sample.ms).sum::<u64>() / count;
        let deviation_ms = self.samples.iter().map(|sample| sample.ms.abs_diff(mean_ms)).sum::<u64>() / count;
        let period_s = self.samples.front().map_or(0, |first| (now_s - first.time_s).max(1));
        Analysis { mean_ms, deviation_ms, period_s }
    }
}

/// See the file head.
#[derive(Default)]
pub struct Latency {
    /// Events of at least this duration are kept; `u64::MAX` switches it off.
    pub threshold_ns: u64,
    /// By event.
    pub events: BTreeMap<&'static str, Series>,
}

impl Latency {
    /// Keeps a spike.
    #[cold]
    pub fn add(&mut self, event: &'static str, now_s: i64, ms: u64) {
        self.events.entry(event).or_default().add(Sample { time_s: now_s, ms });
    }

    /// Keeps the duration of a piece of periodic work if it was a spike.
    pub fn add_if_slow(&mut self, event: &'static str, now_s: i64, duration_ns: u64) {
        if duration_ns >= self.threshold_ns {
            self.add(event, now_s, duration_ns / 1_000_000);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_keeps_its_worst_and_old_samples_make_way() {
        let mut latency = Latency::default();
        for i in 0..200 {
            latency.add("command", i / 2, i as u64);
        }
        let series = &latency.events["command"];
        assert_eq!(series.samples.len(), 100);
        assert_eq!(series.samples[10], Sample { time_s: 10, ms: 21 });
        (200..600).for_each(|i| latency.add("command", i, 1));
        let series = &latency.events["command"];
        assert_eq!((series.samples.len(), series.max_ms), (SAMPLES_MAX, 199));
        assert_eq!(series.analyse(600), Analysis { mean_ms: 1, deviation_ms: 0, period_s: 160 });
    }
}
