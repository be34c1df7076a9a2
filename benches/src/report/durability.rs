//! The figures of the durability mode: which they are, whose is better, and whether the subject is where it should be.
//!
//! One list serves all three forms of the report. A figure is judged beside the *better peer*, the one whose median is best:
//! subject / peer, round by round; or by itself, where it is a ratio or a limit of its own.

use super::Report;
use crate::durability::Measured;
use crate::durability::log::{Policy, SETTINGS, Sample, Setting};
use crate::durability::save::Save;
use crate::statistics::Spread;

/// Which of two values is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Better {
    Lower,
    Higher,
}

/// What the subject's figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Aim {
    /// It is there to be read.
    None,
    /// Its own median, no worse than this.
    Own(f64),
    /// So many times the better peer's, no worse than this.
    TimesPeer(f64),
}

/// One figure of all servers.
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) better: Better,
    pub(super) aim: Aim,
    /// By server and round.
    pub(super) values: Vec<Vec<f64>>,
}

impl Figure {
    /// Of one server over its rounds.
    pub(super) fn spread(&self, server: usize) -> Option<Spread> {
        Spread::of(&self.values[server])
    }

    /// The better peer, and how many times its value the subject's is.
    pub(super) fn beside_better_peer(&self) -> Option<(usize, Spread)> {
        let medians = (1..self.values.len()).filter_map(|peer| Some((peer, self.spread(peer)?.median)));
        let better = medians.min_by(|(_, one), (_, other)| match self.better {
            Better::Lower => one.total_cmp(other),
            Better::Higher => other.total_cmp(one),
        });
        let (peer, _) = better?;
        Some((peer, Spread::of_ratios(&self.values[0], &self.values[peer])?))
    }

    /// Whether the aim is reached; `None` where there is none, or nothing to judge it by.
    pub(super) fn is_reached(&self) -> Option<bool> {
        let (value, limit) = match self.aim {
            Aim::None => return None,
            Aim::Own(limit) => (self.spread(0)?.median, limit),
            Aim::TimesPeer(limit) => (self.beside_better_peer()?.1.median, limit),
        };
        Some(match self.better {
            Better::Lower => value <= limit,
            Better::Higher => value >= limit,
        })
    }

    /// The aim in words.
    pub(super) fn aim_text(&self) -> String {
        let sign = match self.better {
            Better::Lower => "<=",
            Better::Higher => ">=",
        };
        match self.aim {
            Aim::None => String::new(),
            Aim::Own(limit) => format!("{sign} {limit}"),
            Aim::TimesPeer(limit) => format!("{sign} {limit} x peer"),
        }
    }

    /// What became of the aim, in words.
    pub(super) fn verdict(&self) -> &'static str {
        match self.is_reached() {
            None => "",
            Some(true) => "reached",
            Some(false) => "missed",
        }
    }
}

/// All figures of a report, in reading order.
pub(super) fn figures(report: &Report) -> Vec<Figure> {
    let mut figures = Vec::new();
    let results = &report.durability;
    if results.iter().any(|one| !one.saves.is_empty()) {
        latencies(&mut figures, results);
        snapshots(&mut figures, results);
    }
    if results.iter().any(|one| !one.logs.is_empty()) {
        logs(&mut figures, results);
    }
    figures
}

fn latencies(figures: &mut Vec<Figure>, results: &[Measured]) {
    let mut add = |name: &str, aim, value: fn(&Save) -> f64| {
        let values = results.iter().map(|one| one.saves.iter().map(value).collect()).collect();
        figures.push(Figure { name: name.to_owned(), better: Better::Lower, aim, values });
    };
    add("p50 us, quiet", Aim::None, |save| save.quiet.net.p50_us);
    add("p50 us, saving", Aim::None, |save| save.saving.net.p50_us);
    add("p99 us, quiet", Aim::None, |save| save.quiet.net.p99_us);
    add("p99 us, saving", Aim::None, |save| save.saving.net.p99_us);
    add("p99.9 us, quiet", Aim::None, |save| save.quiet.net.p999_us);
    add("p99.9 us, saving", Aim::None, |save| save.saving.net.p999_us);
    add("p99.9, saving / quiet", Aim::Own(1.2), |save| save.saving.net.p999_us / save.quiet.net.p999_us);
    add("longest us, quiet", Aim::None, |save| save.quiet.net.max_us);
    add("longest us, saving", Aim::Own(3000.0), |save| save.saving.net.max_us);
    add("p99.9 us with waits for a core, quiet", Aim::None, |save| save.quiet.gross.p999_us);
    add("p99.9 us with waits for a core, saving", Aim::None, |save| save.saving.gross.p999_us);
    add("p99.9 us of CPU in a latency, quiet", Aim::None, |save| save.quiet.cpu.p999_us);
    add("p99.9 us of CPU in a latency, saving", Aim::None, |save| save.saving.cpu.p999_us);
    add("longest us of CPU in a latency, quiet", Aim::None, |save| save.quiet.cpu.max_us);
    add("longest us of CPU in a latency, saving", Aim::None, |save| save.saving.cpu.max_us);
    add("CPU seconds of a save", Aim::None, |save| save.cpu_seconds);
}

fn snapshots(figures: &mut Vec<Figure>, results: &[Measured]) {
    const MEGABYTE: f64 = 1e6;
    let mut add = |name: &str, aim, series: &dyn Fn(&Measured) -> Vec<f64>| {
        let values = results.iter().map(series).collect();
        figures.push(Figure { name: name.to_owned(), better: Better::Lower, aim, values });
    };
    let of_saves =
        |value: fn(&Save) -> f64| move |one: &Measured| one.saves.iter().map(value).collect::<Vec<_>>();
    add("resident MB before", Aim::None, &of_saves(|save| save.resident_bytes as f64 / MEGABYTE));
    add("growth MB, saving", Aim::TimesPeer(0.5), &of_saves(|save| save.growth_bytes as f64 / MEGABYTE));
    add("seconds to save", Aim::TimesPeer(0.7), &of_saves(|save| save.seconds));
    add("file MB", Aim::None, &of_saves(|save| save.file_bytes as f64 / MEGABYTE));
    add("seconds to load", Aim::TimesPeer(0.7), &|one| one.loads.iter().map(|load| load.seconds).collect());
}

fn logs(figures: &mut Vec<Figure>, results: &[Measured]) {
    let series = |setting: Setting, value: &dyn Fn(&Sample) -> f64| -> Vec<Vec<f64>> {
        let at = SETTINGS.iter().position(|one| *one == setting).expect("a setting that is measured");
        results.iter().map(|one| one.logs[at].iter().map(value).collect()).collect()
    };
    let pipelines = [1, 16];
    for pipeline in pipelines {
        let [off, everysec] = [Policy::Off, Policy::Everysec].map(|policy| Setting { policy, pipeline });
        let rate = |setting| series(setting, &|sample| sample.requests_per_second / 1000.0);
        let cpu = |setting| series(setting, &|sample| sample.loop_cpu_ns);
        let mut add = |what: &str, better, aim, values| {
            figures.push(Figure { name: format!("SET, pipeline {pipeline}: {what}"), better, aim, values });
        };
        add("k req/s, no append-only file", Better::Higher, Aim::None, rate(off));
        add("k req/s, everysec", Better::Higher, Aim::None, rate(everysec));
        let ratios = by_round(&rate(everysec), &rate(off));
        add("throughput, everysec / none", Better::Higher, Aim::Own(0.95), ratios);
        add("CPU ns of the loop, no append-only file", Better::Lower, Aim::None, cpu(off));
        add("CPU ns of the loop, everysec", Better::Lower, Aim::None, cpu(everysec));
    }
    for pipeline in pipelines {
        let always = Setting { policy: Policy::Always, pipeline };
        figures.push(Figure {
            name: format!("SET, pipeline {pipeline}: k req/s, always"),
            better: Better::Higher,
            aim: Aim::TimesPeer(2.0),
            values: series(always, &|sample| sample.requests_per_second / 1000.0),
        });
    }
}

fn by_round(ones: &[Vec<f64>], others: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let pairs = ones.iter().zip(others);
    pairs.map(|(one, other)| one.iter().zip(other).map(|(one, other)| one / other).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(better: Better, aim: Aim, values: &[&[f64]]) -> Figure {
        Figure { name: "x".into(), better, aim, values: values.iter().map(|one| one.to_vec()).collect() }
    }

    #[test]
    fn the_better_peer_is_the_one_with_the_best_median() {
        let values: &[&[f64]] = &[&[2.0, 4.0], &[10.0, 10.0], &[4.0, 8.0]];
        let lower = figure(Better::Lower, Aim::TimesPeer(0.5), values);
        let half = Spread { median: 0.5, low: 0.5, high: 0.5 };
        assert_eq!(lower.beside_better_peer(), Some((2, half)));
        let higher = figure(Better::Higher, Aim::TimesPeer(0.5), values);
        let third = Spread { median: 0.30000000000000004, low: 0.2, high: 0.4 };
        assert_eq!(higher.beside_better_peer(), Some((1, third)));
        assert_eq!((lower.verdict(), higher.verdict()), ("reached", "missed"));
        assert_eq!(figure(Better::Lower, Aim::TimesPeer(1.0), &[&[1.0]]).beside_better_peer(), None);
    }

    #[test]
    fn an_aim_of_its_own_needs_no_peer() {
        for (better, limit, reached) in [
            (Better::Lower, 1.2, true),
            (Better::Lower, 1.0, false),
            (Better::Higher, 1.2, false),
            (Better::Higher, 1.1, true),
        ] {
            let figure = figure(better, Aim::Own(limit), &[&[1.1]]);
            assert_eq!(figure.is_reached(), Some(reached), "{better:?} {limit}");
        }
        assert_eq!(figure(Better::Lower, Aim::None, &[&[1.0]]).is_reached(), None);
        assert_eq!(figure(Better::Higher, Aim::Own(0.95), &[&[1.0]]).aim_text(), ">= 0.95");
    }
}
