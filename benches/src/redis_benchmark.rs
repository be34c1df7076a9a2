//! redis-benchmark as the load generator, and reading what it prints.
//!
//! The plain output is read, not `--csv`: only its percentile distribution reaches p99.9.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::generator::{Load, Outcome};
use crate::template::{NEXT, SAME};

/// Runs `requests` requests through the program at `path`.
pub fn run(path: &Path, address: SocketAddr, load: &Load, requests: u64) -> io::Result<Outcome> {
    if load.words.iter().any(|word| word == NEXT || word.contains(SAME)) {
        return Err(io::Error::other("several commands in turn take the built-in generator"));
    }
    let output = Command::new(path)
        .args(["-h", &address.ip().to_string(), "-p", &address.port().to_string()])
        .args(["-n", &requests.to_string(), "-c", &load.clients.to_string()])
        .args(["-P", &load.pipeline.to_string(), "-r", &load.keyspace.to_string()])
        .args(&load.words)
        .output()
        .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("redis-benchmark: {} {}", output.status, errors.trim())));
    }
    parse(&text, requests).ok_or_else(|| io::Error::other(format!("redis-benchmark printed {text:?}")))
}

fn parse(text: &str, requests: u64) -> Option<Outcome> {
    let mut lines = text.lines();
    let throughput = text.lines().find_map(|line| line.trim().strip_prefix("throughput summary: "))?;
    let requests_per_second = throughput.split(' ').next()?.parse().ok()?;
    lines.find(|line| line.starts_with("Latency by percentile distribution"))?;
    let steps: Vec<(f64, f64)> = lines.by_ref().map_while(percentile_line).collect();
    let at = |percent: f64| steps.iter().find(|step| step.0 >= percent).map(|step| step.1);
    // The summary's last line holds avg, min, p50, p95, p99 and max; the distribution's steps are too coarse for p99.
    let summary: Vec<f64> = text.lines().last()?.split_ascii_whitespace().flat_map(str::parse).collect();
    let [_, _, p50, _, p99, max] = summary[..] else { return None };
    Some(Outcome {
        requests,
        requests_per_second,
        p50_us: p50 * 1000.0,
        p99_us: p99 * 1000.0,
        p999_us: at(99.9)? * 1000.0,
        max_us: max * 1000.0,
    })
}

/// `99.902% <= 3.839 milliseconds (cumulative count 49952)` as percent and milliseconds.
fn percentile_line(line: &str) -> Option<(f64, f64)> {
    let (percent, rest) = line.split_once("% <= ")?;
    Some((percent.parse().ok()?, rest.split(' ').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shaped as the real output is, with invented numbers.
    fn output() -> String {
        let mut text = String::from("====== GET ======\n  100 requests completed in 0.10 seconds\n\n");
        text += "Latency by percentile distribution:\n";
        for (percent, ms) in
            [("0.000", "0.100"), ("50.000", "1.000"), ("99.609", "3.000"), ("99.902", "4.000")]
        {
            text += &format!("{percent}% <= {ms} milliseconds (cumulative count 1)\n");
        }
        text += "100.000% <= 9.000 milliseconds (cumulative count 100)\n\n";
        text += "Cumulative distribution of latencies:\n100.000% <= 5.103 milliseconds (cumulative count 100)\n\n";
        text += "Summary:\n  throughput summary: 490196.09 requests per second\n  latency summary (msec):\n";
        text + "          avg       min       p50       p95       p99       max\n"
            + "        1.400     0.100     1.000     2.000     2.800     9.000\n"
    }

    #[test]
    fn reads_throughput_and_percentiles() {
        let outcome = parse(&output(), 100).unwrap();
        assert_eq!(outcome.requests_per_second, 490_196.09);
        let latencies = [outcome.p50_us, outcome.p99_us, outcome.p999_us, outcome.max_us];
        assert_eq!(latencies, [1000.0, 2800.0, 4000.0, 9000.0]);
    }

    #[test]
    fn a_cut_output_is_not_an_outcome() {
        let whole = output();
        assert_eq!(parse(&whole[..whole.len() / 2], 100), None);
        assert_eq!(parse("", 100), None);
    }
}
