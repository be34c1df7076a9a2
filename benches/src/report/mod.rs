//! What a run found, and the three forms it is shown in.
//!
//! The first server of the command line is the subject; the others are its peers. Every comparison is "how many times
//! better than the peer": throughput as subject / peer, CPU, memory and pauses as peer / subject. Only the durability mode, whose
//! aims are said as shares of the better peer's figure, shows subject / peer throughout.

mod durability;
mod html;
mod json;
mod plot;
mod text;

pub use html::html;
pub use json::json;
pub use text::text;

use crate::speed::{Measured, Sample};
use crate::statistics::{Spread, geometric_mean};
use crate::{durability as durable, memory, pause};

/// A server as the report's head names it.
#[derive(Clone, Debug)]
pub struct ServerInfo {
    /// Its short name.
    pub name: String,
    /// What INFO said.
    pub version: String,
    /// Executable and extra arguments.
    pub command: String,
}

/// Everything a run found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Processor and kernel.
    pub machine: String,
    /// When the run began, in seconds since 1970.
    pub began_unix_s: u64,
    /// The subject first.
    pub servers: Vec<ServerInfo>,
    /// How it was measured, as name and value.
    pub settings: Vec<(String, String)>,
    /// Speed mode.
    pub speed: Vec<Measured>,
    /// Memory mode.
    pub memory: Vec<memory::Measured>,
    /// Pause mode, one a server; empty where it did not run.
    pub pauses: Vec<pause::Measured>,
    /// Durability mode, one a server; empty where it did not run.
    pub durability: Vec<durable::Measured>,
}

/// How many times the subject's throughput is the peer's, round by round.
#[must_use]
pub fn throughput_ratio(measured: &Measured, peer: usize) -> Option<Spread> {
    let rate = |sample: &Sample| sample.outcome.requests_per_second;
    Spread::of_ratios(&measured.series(0, rate), &measured.series(peer, rate))
}

/// How many times the peer's CPU per command is the subject's, round by round.
#[must_use]
pub fn cpu_ratio(measured: &Measured, peer: usize) -> Option<Spread> {
    let cost = |sample: &Sample| sample.cpu_ns;
    Spread::of_ratios(&measured.series(peer, cost), &measured.series(0, cost))
}

/// How many times the peer's resident bytes per key are the subject's.
#[must_use]
pub fn memory_ratio(measured: &memory::Measured, peer: usize) -> Option<f64> {
    let ratio = measured.footprints[peer].resident / measured.footprints[0].resident;
    ratio.is_finite().then_some(ratio)
}

impl Report {
    /// Indices of the peers.
    pub fn peers(&self) -> std::ops::Range<usize> {
        1..self.servers.len()
    }

    /// The geometric mean over all cases of the median ratios against one peer.
    fn mean_ratio(&self, peer: usize, ratio: fn(&Measured, usize) -> Option<Spread>) -> Option<f64> {
        let medians: Vec<f64> =
            self.speed.iter().filter_map(|one| ratio(one, peer)).map(|one| one.median).collect();
        geometric_mean(&medians)
    }

    /// The geometric mean over all datasets of the memory ratios against one peer.
    fn mean_memory_ratio(&self, peer: usize) -> Option<f64> {
        let ratios: Vec<f64> = self.memory.iter().filter_map(|one| memory_ratio(one, peer)).collect();
        geometric_mean(&ratios)
    }
}

/// The median of one figure over a server's rounds; 0 where there is none.
fn median(measured: &Measured, server: usize, figure: impl Fn(&Sample) -> f64) -> f64 {
    Spread::of(&measured.series(server, figure)).map_or(0.0, |spread| spread.median)
}

/// Says of a server's rounds what makes them doubtful; empty when nothing does.
fn doubts(measured: &Measured, server: usize) -> &'static str {
    let busy = median(measured, server, |sample| sample.busy);
    let delayed = median(measured, server, |sample| sample.delayed);
    match (delayed > 0.05, busy + delayed < 0.9) {
        (true, true) => "noisy, generator-bound",
        (true, false) => "noisy",
        (false, true) => "generator-bound",
        (false, false) => "",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::durability::paced::{Outcome as Paced, Quantiles};
    use crate::generator::Outcome;

    fn sample(rate: f64, cpu_ns: f64, delayed: f64) -> Sample {
        let outcome = Outcome {
            requests: 1000,
            requests_per_second: rate,
            p50_us: 100.0,
            p99_us: 200.0,
            p999_us: 300.0,
            max_us: 400.0,
        };
        Sample { outcome, cpu_ns, busy: 0.99 - delayed, delayed }
    }

    /// Two servers, one case, the second round on a machine half as fast.
    pub(crate) fn example() -> Report {
        let info = |name: &str| ServerInfo {
            name: name.into(),
            version: "1.0".into(),
            command: format!("/bin/{name}"),
        };
        let paced = |p999_us: f64| Paced {
            net: Quantiles { p999_us, max_us: 900.0, ..Quantiles::default() },
            ..Paced::default()
        };
        let durability = |save_seconds: f64| durable::Measured {
            saves: vec![durable::save::Save {
                quiet: paced(200.0),
                saving: paced(220.0),
                seconds: save_seconds,
                growth_bytes: 50_000_000,
                ..durable::save::Save::default()
            }],
            loads: vec![durable::Load { seconds: 2.0, told_keys: Some(100) }],
            logs: durable::log::SETTINGS
                .iter()
                .map(|_| vec![durable::log::Sample { requests_per_second: 9e4, loop_cpu_ns: 400.0 }])
                .collect(),
        };
        let pauses = |longest: f64| pause::Measured {
            pauses: vec![pause::Pause { keys: 5, latency_us: longest + 1.0, delay_us: 1.0 }],
            bursts: vec![pause::Burst { keys: 7, cpu_us: longest / 2.0 }],
            p50_us: 20.0,
            p999_us: 40.0,
            p99999_us: 90.0,
            cpu_ns: 700.0,
            elapsed: Duration::from_secs(2),
            stolen_ms: 0,
            growth: vec![(100, 90.0), (200, 80.0)],
        };
        Report {
            machine: "Test & Co".into(),
            began_unix_s: 1_700_000_000,
            servers: vec![info("rufous"), info("redis")],
            settings: vec![("rounds".into(), "2".into())],
            speed: vec![Measured {
                case: "get".into(),
                pipeline: 16,
                value_bytes: Some(64),
                samples: vec![
                    vec![sample(3e6, 300.0, 0.0), sample(1.5e6, 600.0, 0.0)],
                    vec![sample(2e6, 450.0, 0.2), sample(1e6, 900.0, 0.2)],
                ],
            }],
            memory: vec![memory::Measured {
                dataset: "16 B".into(),
                footprints: vec![
                    memory::Footprint { resident: 50.0, used: Some(49.0) },
                    memory::Footprint { resident: 100.0, used: None },
                ],
            }],
            pauses: vec![pauses(150.0), pauses(30_000.0)],
            durability: vec![durability(3.0), durability(5.0)],
        }
    }

    #[test]
    fn ratios_say_how_many_times_better_the_subject_is() {
        let report = example();
        assert_eq!(throughput_ratio(&report.speed[0], 1).unwrap().median, 1.5);
        assert_eq!(cpu_ratio(&report.speed[0], 1).unwrap().median, 1.5);
        assert_eq!(memory_ratio(&report.memory[0], 1), Some(2.0));
        assert!((report.mean_ratio(1, cpu_ratio).unwrap() - 1.5).abs() < 1e-12);
        assert!((report.mean_memory_ratio(1).unwrap() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_server_that_waited_for_its_core_is_doubtful() {
        let report = example();
        assert_eq!(doubts(&report.speed[0], 0), "");
        assert_eq!(doubts(&report.speed[0], 1), "noisy");
    }
}
