//! Durability mode: what snapshots and the append-only file cost.
//!
//! | part | measures |
//! |---|---|
//! | `save` | a paced load without and during BGSAVE: latencies, memory beyond what was resident before, how long the save took |
//! | `load` | the server killed and started again on the dump, until its first PONG |
//! | `log` | throughput of SET without append-only file, with `everysec`, with `always` |
//!
//! Each part goes in rounds in which the servers take turns, so that ratios are made of neighbours in time. Other than in the
//! other modes a server may use every core: its snapshot is a thread or a process of its own. The data set is string keys
//! of 64 bytes and one sorted set of as many members; of the paced writes nine in ten are SETs of random keys,
//! one moves a random member.

pub mod log;
pub mod paced;
pub mod save;

use std::fs::File;
use std::io;
use std::time::Duration;

use crate::server::{Cores, Running, ServerSpec};
use crate::template::{Template, words};

/// A record of 64 bytes, in which there is little to compress.
const FILL: &str = r#"SET key:__rand_int__ {"id":"__rand_int__","name":"Ada-Byron","city":"Paris","age":36}"#;
const SET: &str =
    r#"SET key:__rand_int__ {"id":"__rand_int__","name":"Ada-Byron","city":"Paris","age":37} ; "#;
const MOVE: &str = "ZADD ranking __rand_int__ member:__rand_int__";
/// Commands in a batch of the paced load.
const BATCH: usize = 10;
/// Commands sent at a time while filling.
const FILL_DEPTH: u64 = 1000;

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// String keys, and members of the sorted set. If none, snapshots are not measured.
    pub keys: u64,
    /// Commands a second of the paced load.
    pub writes_per_second: u64,
    /// How long the load goes on without BGSAVE.
    pub quiet: Duration,
    /// Connections of the throughput part.
    pub clients: usize,
    /// Length of a sample of the throughput part.
    pub sample: Duration,
    /// Samples per server.
    pub rounds: usize,
    /// Where everything runs.
    pub cores: Cores,
}

/// A start on a dump.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// From the start of the process to the first PONG.
    pub seconds: f64,
    /// Keys that INFO says were loaded; `None` where it does not say.
    pub told_keys: Option<u64>,
}

/// What one server did, round by round.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Snapshots under load.
    pub saves: Vec<save::Save>,
    /// Starts.
    pub loads: Vec<Load>,
    /// Throughput by append-only file, in the order of [`log::SETTINGS`].
    pub logs: Vec<Vec<log::Sample>>,
}

/// Measures every server.
pub fn run(specs: &[ServerSpec], plan: Plan, progress: &mut dyn FnMut(&str)) -> io::Result<Vec<Measured>> {
    let mut results = vec![Measured::default(); specs.len()];
    if plan.keys > 0 {
        snapshots(specs, plan, &mut results, progress)?;
    }
    for (result, logs) in results.iter_mut().zip(log::run(specs, plan, progress)?) {
        result.logs = logs;
    }
    Ok(results)
}

fn snapshots(
    specs: &[ServerSpec],
    plan: Plan,
    results: &mut [Measured],
    progress: &mut dyn FnMut(&str),
) -> io::Result<()> {
    let mut servers = Vec::new();
    for spec in specs {
        progress(&format!("durability: {} keys into {}", plan.keys, spec.name));
        let server = Running::start(spec, plan.cores)?;
        fill(&server, plan.keys)?;
        server.settle()?;
        server.freeze()?;
        servers.push(server);
    }
    for round in 0..plan.rounds {
        for turn in 0..servers.len() {
            let index = (turn + round) % servers.len();
            progress(&format!("durability: round {}, {} saves", round + 1, specs[index].name));
            servers[index].thaw()?;
            results[index].saves.push(save::measure(&servers[index], plan, round as u64)?);
            servers[index].freeze()?;
        }
    }
    for round in 0..plan.rounds {
        for turn in 0..servers.len() {
            let index = (turn + round) % servers.len();
            progress(&format!("durability: round {}, {} loads", round + 1, specs[index].name));
            results[index].loads.push(load(&mut servers[index], plan.keys)?);
            servers[index].freeze()?;
        }
    }
    Ok(())
}

fn fill(server: &Running, keys: u64) -> io::Result<()> {
    let mut connection = server.connect()?;
    connection.fill(&Template::new(&words(FILL, 0)), 0..keys, FILL_DEPTH)?;
    connection.fill(&Template::new(&words(MOVE, 0)), 0..keys, FILL_DEPTH)
}

/// One batch of the paced load.
fn batch() -> Vec<String> {
    words(&(SET.repeat(BATCH - 1) + MOVE), 0)
}

fn load(server: &mut Running, keys: u64) -> io::Result<Load> {
    // From the page cache: how fast a disk reads is no matter of the server.
    io::copy(&mut File::open(server.file("dump.rdb"))?, &mut io::sink())?;
    let seconds = server.restart()?.as_secs_f64();
    let mut connection = server.connect()?;
    let reply = connection.call(&["DBSIZE"])?;
    if reply != format!(":{}\r\n", keys + 1).as_bytes() {
        let reply = String::from_utf8_lossy(&reply).trim().to_owned();
        return Err(io::Error::other(format!(
            "{} has loaded {reply} keys of {}",
            server.spec.name,
            keys + 1
        )));
    }
    Ok(Load { seconds, told_keys: connection.info_number("persistence", "rdb_last_load_keys_loaded") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_64_bytes_and_a_batch_ten_commands() {
        for line in [FILL, SET] {
            let value = words(line, 0).swap_remove(2);
            assert_eq!(value.len(), 64, "{value}");
        }
        assert_eq!(Template::new(&batch()).commands(), BATCH);
    }
}
