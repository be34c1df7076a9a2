//! Pause mode: the longest times that a client waits while many keys are inserted, and memory over that growth.
//!
//! One connection sends batches of a few SETs of new keys, each after the replies to the one before: a batch that takes
//! long met a pause of the server. From each latency the time is taken off that the server's busiest
//! thread, or this one, waited for its core (run delay): other tasks of the machine, not the server. What
//! the hypervisor took is known for the whole run only, in steps of 10 ms, and is shown beside the pauses.
//!
//! Beside the latencies stand the bursts: the CPU time that the server's busiest thread used from one batch to the next.
//! No other task can lengthen a burst, so that they compare servers on a machine that is not quiet.

use std::io;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::generator::LATENCY_MAX_NS;
use crate::procfs::{self, ThreadSchedule};
use crate::resp::Connection;
use crate::server::{Cores, Running, ServerSpec};
use crate::template::{Template, words};

const KEPT: usize = 5;
const GROWTH_POINTS: u64 = 200;
const COMMAND: &str = "SET key:__rand_int__ 0123456789abcdef";

/// What to insert.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Keys inserted, each new.
    pub keys: u64,
    /// SETs in a batch.
    pub batch: u64,
    /// Where everything runs.
    pub cores: Cores,
}

/// One batch that took long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pause {
    /// Keys present before it.
    pub keys: u64,
    /// From the first byte sent to the last reply, in microseconds.
    pub latency_us: f64,
    /// Of that, waiting for a core, in microseconds.
    pub delay_us: f64,
}

impl Pause {
    /// What remains for the server.
    #[must_use]
    pub fn net_us(&self) -> f64 {
        (self.latency_us - self.delay_us).max(0.0)
    }
}

/// CPU time that the server used for one batch, and for what it did after the one before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burst {
    /// Keys present before it.
    pub keys: u64,
    /// Time on a core, in microseconds.
    pub cpu_us: f64,
}

/// What one server did.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The longest waits, longest first.
    pub pauses: Vec<Pause>,
    /// The longest bursts, longest first.
    pub bursts: Vec<Burst>,
    /// Net latency of a batch in microseconds: half took no longer.
    pub p50_us: f64,
    /// 999 of 1000 took no longer.
    pub p999_us: f64,
    /// 99,999 of 100,000 took no longer.
    pub p99999_us: f64,
    /// Server CPU per insert, in nanoseconds.
    pub cpu_ns: f64,
    /// Time for all inserts.
    pub elapsed: Duration,
    /// What the hypervisor took from the whole machine meanwhile, in milliseconds.
    pub stolen_ms: u64,
    /// Keys present and resident bytes per key, along the growth.
    pub growth: Vec<(u64, f64)>,
}

/// Measures every server.
pub fn run(specs: &[ServerSpec], plan: Plan, progress: &mut dyn FnMut(&str)) -> io::Result<Vec<Measured>> {
    let mut results = Vec::new();
    for spec in specs {
        progress(&format!("pause: {} keys into {}", plan.keys, spec.name));
        results.push(insert(spec, plan)?);
    }
    Ok(results)
}

fn insert(spec: &ServerSpec, plan: Plan) -> io::Result<Measured> {
    let server = Running::start(spec, plan.cores)?;
    server.settle()?;
    let pid = server.pid();
    let mut connection = server.connect()?;
    warm_up(&mut connection)?;
    let empty_bytes = procfs::resident_bytes_roughly(pid)?;
    let mut watch = Watch::new(pid)?;
    let template = Template::new(&words(COMMAND, 0));
    let stride = (plan.keys / GROWTH_POINTS).max(plan.batch);
    let mut growth = Vec::new();
    let mut next_point = stride;
    let before = procfs::schedule(pid)?;
    let stolen_before_ms = procfs::stolen_ms();
    let started = Instant::now();
    let mut keys = 0;
    while keys < plan.keys {
        let upto = (keys + plan.batch).min(plan.keys);
        let batch = numbered(&template, keys..upto);
        watch.time(keys, || connection.exchange(&batch, (upto - keys) as usize))?;
        keys = upto;
        if keys >= next_point {
            let bytes = procfs::resident_bytes_roughly(pid)?.saturating_sub(empty_bytes);
            growth.push((keys, bytes as f64 / keys as f64));
            next_point += stride;
        }
    }
    let elapsed = started.elapsed();
    let cpu_ns = procfs::schedule(pid)?.since(before).cpu_ns as f64 / plan.keys as f64;
    let at = |quantile| watch.latencies.value_at_quantile(quantile) as f64 / 1000.0;
    Ok(Measured {
        p50_us: at(0.5),
        p999_us: at(0.999),
        p99999_us: at(0.999_99),
        cpu_ns,
        elapsed,
        stolen_ms: procfs::stolen_ms() - stolen_before_ms,
        growth,
        pauses: watch.pauses,
        bursts: watch.bursts,
    })
}

/// Makes the thread that executes commands the busiest one of its process.
fn warm_up(connection: &mut Connection) -> io::Result<()> {
    for _ in 0..2000 {
        connection.call(&["PING"])?;
    }
    Ok(())
}

fn numbered(template: &Template, range: std::ops::Range<u64>) -> Vec<u8> {
    let mut one = template.clone();
    let mut batch = Vec::with_capacity(template.bytes().len() * (range.end - range.start) as usize);
    for number in range {
        one.number(number);
        batch.extend_from_slice(one.bytes());
    }
    batch
}

/// Times batches and keeps the longest.
struct Watch {
    server: ThreadSchedule,
    own: ThreadSchedule,
    latencies: Histogram<u64>,
    pauses: Vec<Pause>,
    bursts: Vec<Burst>,
    /// The server's CPU time when the batch before began, in nanoseconds.
    cpu_ns: u64,
}

impl Watch {
    fn new(pid: u32) -> io::Result<Watch> {
        let server = ThreadSchedule::of_busiest_thread(pid)?;
        let cpu_ns = server.read()?.cpu_ns;
        Ok(Watch {
            server,
            own: ThreadSchedule::of_current_thread()?,
            latencies: Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3).map_err(io::Error::other)?,
            pauses: Vec::new(),
            bursts: Vec::new(),
            cpu_ns,
        })
    }

    fn time(&mut self, keys: u64, batch: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        // The kernel's count of a running thread is late; from one batch's begin to the next it is whole.
        let server_before = self.server.read()?;
        let own_before = self.own.read()?;
        let cpu_ns = server_before.cpu_ns - std::mem::replace(&mut self.cpu_ns, server_before.cpu_ns);
        let started = Instant::now();
        batch()?;
        let latency_us = started.elapsed().as_nanos() as f64 / 1000.0;
        let delay_ns =
            self.server.read()?.since(server_before).delay_ns + self.own.read()?.since(own_before).delay_ns;
        let pause = Pause { keys, latency_us, delay_us: delay_ns as f64 / 1000.0 };
        self.latencies.saturating_record((pause.net_us() * 1000.0) as u64);
        keep_longest(&mut self.pauses, pause, Pause::net_us);
        let burst = Burst { keys, cpu_us: cpu_ns as f64 / 1000.0 };
        keep_longest(&mut self.bursts, burst, |burst| burst.cpu_us);
        Ok(())
    }
}

/// Inserts in descending order and drops what falls off the end.
fn keep_longest<T>(kept: &mut Vec<T>, one: T, length: impl Fn(&T) -> f64) {
    let at = kept.partition_point(|other| length(other) >= length(&one));
    if at < KEPT {
        kept.insert(at, one);
        kept.truncate(KEPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procfs::tests::Idle;

    fn pause(latency_us: f64, delay_us: f64) -> Pause {
        Pause { keys: 0, latency_us, delay_us }
    }

    #[test]
    fn the_longest_are_kept_net_of_waiting_for_a_core() {
        let mut kept = Vec::new();
        for latency in [10.0, 70.0, 30.0, 20.0, 60.0, 50.0, 40.0] {
            keep_longest(&mut kept, pause(latency, 0.0), Pause::net_us);
        }
        // A long wait for a core is no pause of the server.
        keep_longest(&mut kept, pause(5000.0, 4990.0), Pause::net_us);
        let kept: Vec<f64> = kept.iter().map(Pause::net_us).collect();
        assert_eq!(kept, [70.0, 60.0, 50.0, 40.0, 30.0]);
        assert_eq!(pause(5.0, 7.0).net_us(), 0.0);
    }

    #[test]
    fn percentiles_reach_past_a_second() {
        let idle = Idle::start();
        let mut watch = Watch::new(idle.id()).unwrap();
        watch.time(0, || Ok(())).unwrap();
        watch.latencies.saturating_record(3_000_000_000);
        let largest = watch.latencies.value_at_quantile(1.0) as f64;
        assert!((largest / 3e9 - 1.0).abs() < 0.01, "{largest}");
    }

    #[test]
    fn batches_hold_consecutive_new_keys() {
        let batch = numbered(&Template::new(&words(COMMAND, 0)), 9..11);
        let text = String::from_utf8_lossy(&batch).into_owned();
        let keys: Vec<&str> = text.lines().filter(|line| line.starts_with("key:")).collect();
        assert_eq!(keys, ["key:000000000009", "key:000000000010"]);
    }
}
