//! Speed mode: throughput, latency and server CPU per command, in interleaved rounds.
//!
//! For each case and pipeline depth the servers are measured in turn, round by round (A B C, B C A, C A B, ...);
//! the order rotates so that none always comes after the same neighbour. Each round gives one sample a server; samples
//! of the same round are the pairs that ratios are made of.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::cases::Case;
use crate::generator::{self, Load, Outcome};
use crate::procfs;
use crate::redis_benchmark;
use crate::server::{Cores, Running, ServerSpec};

/// Which program makes the load.
#[derive(Clone, Debug, PartialEq)]
pub enum Generator {
    /// The one in this program.
    BuiltIn,
    /// redis-benchmark at this path.
    RedisBenchmark(PathBuf),
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The commands.
    pub cases: Vec<Case>,
    /// Requests in flight per connection, one pass each.
    pub pipelines: Vec<usize>,
    /// Bytes per value, one pass each.
    pub value_sizes: Vec<usize>,
    /// Connections.
    pub clients: usize,
    /// Samples per server, case and depth.
    pub rounds: usize,
    /// Length of a sample.
    pub duration: Duration,
    /// Keys filled and drawn from.
    pub keyspace: u64,
    /// Where the load comes from.
    pub generator: Generator,
    /// Where everything runs.
    pub cores: Cores,
}

/// One measurement.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What the generator saw.
    pub outcome: Outcome,
    /// Server CPU time per command, in nanoseconds.
    pub cpu_ns: f64,
    /// Share of the time that the server was on its core.
    pub busy: f64,
    /// Share of the time that the server was ready and another task held its core: noise from outside.
    pub delayed: f64,
}

/// All samples of one case at one depth and size, by server, in the order of the plan's servers.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The case's name.
    pub case: String,
    /// Requests in flight per connection.
    pub pipeline: usize,
    /// Bytes per value; `None` where values do not matter.
    pub value_bytes: Option<usize>,
    /// `samples[server][round]`.
    pub samples: Vec<Vec<Sample>>,
}

impl Measured {
    /// One figure of every round of a server.
    pub fn series(&self, server: usize, figure: impl Fn(&Sample) -> f64) -> Vec<f64> {
        self.samples[server].iter().map(figure).collect()
    }

    /// How the report calls it.
    #[must_use]
    pub fn label(&self) -> String {
        match self.value_bytes {
            Some(bytes) => format!("{}, {bytes} B, pipeline {}", self.case, self.pipeline),
            None => format!("{}, pipeline {}", self.case, self.pipeline),
        }
    }
}

/// Runs the plan. `progress` hears of every case that starts.
pub fn run(plan: &Plan, specs: &[ServerSpec], progress: &mut dyn FnMut(&str)) -> io::Result<Vec<Measured>> {
    let mut results = Vec::new();
    for (pass, &value_bytes) in plan.value_sizes.iter().enumerate() {
        let cases: Vec<&Case> = plan.cases.iter().filter(|case| case.sized || pass == 0).collect();
        if cases.is_empty() {
            continue;
        }
        let servers = start_frozen(specs, plan.cores)?;
        let mut filled: Option<&str> = None;
        for case in cases {
            if case.fill.is_some() && case.fill.as_deref() != filled {
                progress(&format!("fill for {} with {value_bytes} B values", case.name));
                refill(&servers, case, value_bytes, case.keys(plan.keyspace), filled.is_some())?;
                filled = case.fill.as_deref();
            }
            for &pipeline in &plan.pipelines {
                let shown = case.sized.then_some(value_bytes);
                let samples = Vec::new();
                let mut measured =
                    Measured { case: case.name.clone(), pipeline, value_bytes: shown, samples };
                progress(&measured.label());
                measured.samples = measure(plan, &servers, case, value_bytes, pipeline)?;
                results.push(measured);
            }
        }
    }
    Ok(results)
}

fn start_frozen(specs: &[ServerSpec], cores: Cores) -> io::Result<Vec<Running>> {
    let mut servers = Vec::new();
    for spec in specs {
        let server = Running::start(spec, cores)?;
        server.freeze()?;
        servers.push(server);
    }
    Ok(servers)
}

fn refill(servers: &[Running], case: &Case, value_bytes: usize, keys: u64, flush: bool) -> io::Result<()> {
    let Some(template) = case.fill_template(value_bytes) else { return Ok(()) };
    for server in servers {
        server.thaw()?;
        if flush {
            server.connect()?.call(&["FLUSHALL"])?;
        }
        server.fill(&template, keys)?;
        server.settle()?;
        server.freeze()?;
    }
    Ok(())
}

fn measure(
    plan: &Plan,
    servers: &[Running],
    case: &Case,
    value_bytes: usize,
    pipeline: usize,
) -> io::Result<Vec<Vec<Sample>>> {
    let words = &case.words(value_bytes);
    let mut samples = vec![Vec::new(); servers.len()];
    let load = |seed| Load {
        words: words.clone(),
        clients: plan.clients,
        pipeline,
        keyspace: case.keys(plan.keyspace),
        duration: plan.duration,
        seed,
    };
    // A short run warms caches and tells how many requests fill the time: redis-benchmark counts, it has no clock.
    let mut requests = Vec::new();
    for server in servers {
        server.thaw()?;
        let short = Load { duration: plan.duration / 5, ..load(0) };
        let rate = generator::run(server.address, &short).map_err(|error| blame(server, words, error))?;
        requests.push((rate.requests_per_second * plan.duration.as_secs_f64()) as u64);
        server.freeze()?;
    }
    for round in 0..plan.rounds {
        for turn in 0..servers.len() {
            let index = (turn + round) % servers.len();
            let server = &servers[index];
            server.thaw()?;
            let sample = sample(plan, server, &load(round as u64 + 1), requests[index].max(1000))
                .map_err(|error| blame(server, words, error))?;
            server.freeze()?;
            samples[index].push(sample);
        }
    }
    Ok(samples)
}

fn sample(plan: &Plan, server: &Running, load: &Load, requests: u64) -> io::Result<Sample> {
    let before = procfs::schedule(server.pid())?;
    let started = Instant::now();
    let outcome = match &plan.generator {
        Generator::BuiltIn => generator::run(server.address, load)?,
        Generator::RedisBenchmark(path) => redis_benchmark::run(path, server.address, load, requests)?,
    };
    let elapsed_ns = started.elapsed().as_nanos() as f64;
    let used = procfs::schedule(server.pid())?.since(before);
    let cpu_ns = used.cpu_ns as f64 / outcome.requests as f64;
    // redis-benchmark's own start and end are not the server's time: the share is of the time under load.
    let loaded_ns = (outcome.requests as f64 / outcome.requests_per_second * 1e9).min(elapsed_ns);
    let share = |part: u64| (part as f64 / loaded_ns).min(1.0);
    Ok(Sample { cpu_ns, busy: share(used.cpu_ns), delayed: share(used.delay_ns), outcome })
}

fn blame(server: &Running, words: &[String], error: io::Error) -> io::Error {
    io::Error::other(format!("{}, {}: {error}", server.spec.name, words.first().map_or("", String::as_str)))
}
