//! The append-only file's cost: throughput of SET with it and without it, by the built-in generator.
//!
//! A server a setting, of which all but the measured one are stopped. In a round all settings of all servers are measured once.

use std::io;

use super::Plan;
use crate::generator::{self, Load};
use crate::procfs::ThreadSchedule;
use crate::server::{Running, ServerSpec};
use crate::template::{Template, words};

/// Keys that are overwritten.
const KEYSPACE: u64 = 100_000;
const COMMAND: &str = "SET key:__rand_int__ __value__";
const VALUE_BYTES: usize = 64;

/// How the append-only file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Not at all.
    Off,
    /// Synced once a second.
    Everysec,
    /// Synced before every reply.
    Always,
}

/// One way to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Of the append-only file.
    pub policy: Policy,
    /// Requests in flight per connection.
    pub pipeline: usize,
}

/// What is measured, in the order of the results.
pub const SETTINGS: &[Setting] = &[
    Setting { policy: Policy::Off, pipeline: 1 },
    Setting { policy: Policy::Everysec, pipeline: 1 },
    Setting { policy: Policy::Off, pipeline: 16 },
    Setting { policy: Policy::Everysec, pipeline: 16 },
    Setting { policy: Policy::Always, pipeline: 1 },
    Setting { policy: Policy::Always, pipeline: 16 },
];

/// One measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Commands answered in a second.
    pub requests_per_second: f64,
    /// CPU time per command of the thread that executes them, in nanoseconds.
    pub loop_cpu_ns: f64,
}

impl Policy {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Policy::Off => &[],
            Policy::Everysec => &["--appendonly", "yes", "--appendfsync", "everysec"],
            Policy::Always => &["--appendonly", "yes", "--appendfsync", "always"],
        }
    }
}

/// Results by server, setting and round.
pub fn run(
    specs: &[ServerSpec],
    plan: Plan,
    progress: &mut dyn FnMut(&str),
) -> io::Result<Vec<Vec<Vec<Sample>>>> {
    let policies = [Policy::Off, Policy::Everysec, Policy::Always];
    let mut servers = Vec::new();
    for spec in specs {
        let mut running = Vec::new();
        for policy in policies {
            let mut spec = spec.clone();
            spec.arguments.extend(policy.arguments().iter().map(|&argument| argument.to_owned()));
            let server = Running::start(&spec, plan.cores)?;
            server.fill(&Template::new(&words(COMMAND, VALUE_BYTES)), KEYSPACE)?;
            server.freeze()?;
            running.push(server);
        }
        servers.push(running);
    }
    let mut results = vec![vec![Vec::new(); SETTINGS.len()]; specs.len()];
    for round in 0..plan.rounds {
        progress(&format!("durability: round {} of the append-only file", round + 1));
        for (at, setting) in SETTINGS.iter().enumerate() {
            for turn in 0..specs.len() {
                let index = (turn + round) % specs.len();
                let policy = policies.iter().position(|policy| *policy == setting.policy).unwrap_or_default();
                let server = &servers[index][policy];
                server.thaw()?;
                results[index][at].push(sample(server, *setting, plan, round as u64)?);
                server.freeze()?;
            }
        }
    }
    Ok(results)
}

fn sample(server: &Running, setting: Setting, plan: Plan, seed: u64) -> io::Result<Sample> {
    let load = Load {
        words: words(COMMAND, VALUE_BYTES),
        clients: plan.clients,
        pipeline: setting.pipeline,
        keyspace: KEYSPACE,
        duration: plan.sample,
        seed,
    };
    let thread = ThreadSchedule::of_busiest_thread(server.pid())?;
    let before = thread.read()?;
    let outcome = generator::run(server.address, &load)?;
    let used_ns = thread.read()?.since(before).cpu_ns as f64;
    Ok(Sample {
        requests_per_second: outcome.requests_per_second,
        loop_cpu_ns: used_ns / outcome.requests as f64,
    })
}
