//! LATENCY: spikes by event, and how long commands took. The series are in [`crate::latency`].

use crate::command::shared::HELP;
use crate::command::table::CommandId;
use crate::command::table::container;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Ctx;
use crate::latency::Series;
use rufous_protocol::error;
use rufous_protocol::request::Args;
use std::fmt::Write;

const ADMIN: Flags = HELP.union(Flags::ADMIN).union(Flags::NOSCRIPT);

const REPORT: &[&str] = &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"];

/// LATENCY and its subcommands.
pub const ROWS: &[Command] = &[Command::new("latency", container, -2, Flags::empty(), Group::Server)
    .docs("2.8.13", "Depends on the subcommand.", "Groups the commands about latency.", "")
    .subcommands(LATENCY)];

const LATENCY: &[Command] = &[
    Command::new("doctor", latency_doctor, 2, ADMIN, Group::Server)
        .docs("2.8.13", "O(1)", "Explains the recorded latency spikes and advises.", "")
        .tips(REPORT),
    Command::new("graph", latency_graph, 3, ADMIN, Group::Server)
        .docs("2.8.13", "O(1)", "Draws the latency spikes of an event as text.", "event")
        .tips(REPORT),
    Command::new("help", latency_help, 2, HELP, Group::Server).docs(
        "2.8.13",
        "O(1)",
        "Explains the subcommands of LATENCY.",
        "",
    ),
    Command::new("histogram", latency_histogram, -2, ADMIN, Group::Server)
        .docs(
            "7.0.0",
            "O(N) where N is the number of commands that have a histogram",
            "Gives the cumulative distribution of the times that commands took.",
            "[$COMMAND ...]",
        )
        .tips(REPORT),
    Command::new("history", latency_history, 3, ADMIN, Group::Server)
        .docs("2.8.13", "O(1)", "Lists the latency spikes of an event with their times.", "event")
        .tips(REPORT),
    Command::new("latest", latency_latest, 2, ADMIN, Group::Server)
        .docs("2.8.13", "O(1)", "Gives the latest latency spike of every event.", "")
        .tips(REPORT),
    Command::new("reset", latency_reset, -2, ADMIN, Group::Server)
        .docs("2.8.13", "O(1)", "Forgets the latency spikes of some events or of all.", "[event ...]")
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum"]),
];

/// Columns of LATENCY GRAPH.
const GRAPH_COLUMNS: usize = 80;
/// Rows of LATENCY GRAPH; each shows three heights.
const GRAPH_ROWS: usize = 4;
/// The three heights of a row, from low to high; what is above is filled.
const HEIGHTS: [char; 3] = ['_', 'o', '#'];

/// LATENCY HISTORY event
fn latency_history(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let series = std::str::from_utf8(args.get(2)).ok().and_then(|event| cx.server.latency.events.get(event));
    let Some(series) = series else {
        cx.reply.array(0);
        return Ok(());
    };
    cx.reply.array(series.samples.len());
    for sample in &series.samples {
        cx.reply.array(2);
        cx.reply.integer(sample.time_s);
        cx.reply.integer(sample.ms as i64);
    }
    Ok(())
}

/// LATENCY LATEST
fn latency_latest(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let latest =
        cx.server.latency.events.iter().filter_map(|(event, s)| Some((event, s.samples.back()?, s.max_ms)));
    let latest: Vec<_> = latest.collect();
    cx.reply.array(latest.len());
    for (event, sample, max_ms) in latest {
        cx.reply.array(4);
        cx.reply.bulk(event.as_bytes());
        cx.reply.integer(sample.time_s);
        cx.reply.integer(sample.ms as i64);
        cx.reply.integer(max_ms as i64);
    }
    Ok(())
}

/// LATENCY RESET [event ...]
fn latency_reset(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let events = &mut cx.server.latency.events;
    let before = events.len();
    if args.len() == 2 {
        events.clear();
    } else {
        events.retain(|event, _| !args.from(2).iter().any(|name| name == event.as_bytes()));
    }
    cx.reply.integer((before - events.len()) as i64);
    Ok(())
}

/// LATENCY GRAPH event
fn latency_graph(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let name = args.get(2);
    let now_s = cx.now() / 1000;
    let found = cx.server.latency.events.iter().find(|(event, _)| event.as_bytes() == name);
    let (event, series) = found.ok_or_else(|| error::latency_no_samples(name))?;
    let graph = draw(event, series, now_s);
    cx.reply.verbatim(b"txt", graph.as_bytes());
    Ok(())
}

/// A bar per sample, with its age written downwards below.
fn draw(event: &str, series: &Series, now_s: i64) -> String {
    let high = series.samples.iter().map(|sample| sample.ms).max().unwrap_or(0);
    let low = series.samples.iter().map(|sample| sample.ms).min().unwrap_or(0);
    let mut graph = format!("{event} - high {high} ms, low {low} ms (all time high {} ms)\n", series.max_ms);
    graph.push_str(&"-".repeat(GRAPH_COLUMNS));
    graph.push('\n');
    let samples: Vec<_> = series.samples.iter().collect();
    for (part, samples) in samples.chunks(GRAPH_COLUMNS).enumerate() {
        if part > 0 {
            graph.push('\n');
        }
        let steps = (GRAPH_ROWS * HEIGHTS.len()) as u64;
        let height = |ms: u64| ((ms - low) * steps / (high - low).max(1)).min(steps - 1) as usize;
        for row in (0..GRAPH_ROWS).rev() {
            let base = row * HEIGHTS.len();
            graph.extend(samples.iter().map(|sample| match height(sample.ms) {
                below if below < base => ' ',
                height => *HEIGHTS.get(height - base).unwrap_or(&'|'),
            }));
            graph.push('\n');
        }
        graph.push_str(&" ".repeat(samples.len()));
        graph.push('\n');
        let labels: Vec<Vec<char>> =
            samples.iter().map(|sample| age(now_s - sample.time_s).chars().collect()).collect();
        for line in 0..labels.iter().map(Vec::len).max().unwrap_or(0) {
            graph.extend(labels.iter().map(|label| label.get(line).unwrap_or(&' ')));
            graph.push('\n');
        }
    }
    graph
}

fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// LATENCY DOCTOR
fn latency_doctor(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let report = diagnose(cx);
    cx.reply.verbatim(b"txt", report.as_bytes());
    Ok(())
}

fn diagnose(cx: &Ctx<'_>) -> String {
    let config = &cx.server.config;
    let events = &cx.server.latency.events;
    if events.is_empty() && config.latency_monitor_threshold_ms == 0 {
        return "Latency monitoring is disabled. Switch it on with CONFIG SET latency-monitor-threshold \
                <milliseconds>, and ask again when the server has run for a while.\n"
            .into();
    }
    if events.is_empty() {
        return "No latency spike was seen since the server started (or since the last LATENCY RESET).\n"
            .into();
    }
    let mut report = String::from("Latency spikes by event:\n\n");
    for (number, (event, series)) in events.iter().enumerate() {
        let found = series.analyse(cx.now() / 1000);
        let count = series.samples.len();
        // Writing to a string cannot fail.
        let _ = writeln!(
            report,
            "{}. {event}: {count} latency spikes (average {}ms, mean deviation {}ms, period {:.2} sec). Worst all time event {}ms.",
            number + 1,
            found.mean_ms,
            found.deviation_ms,
            found.period_s as f64 / count.max(1) as f64,
            series.max_ms,
        );
    }
    report.push_str("\nWhat may help:\n\n");
    for (event, advice) in ADVICE {
        if events.contains_key(event) {
            let _ = writeln!(report, "- {event}: {advice}");
        }
    }
    if events.contains_key("command") && config.slowlog_log_slower_than_us < 0 {
        report.push_str("- command: the slow log is off; CONFIG SET slowlog-log-slower-than <microseconds> shows which.\n");
    }
    report
}

/// What to try for each event.
const ADVICE: &[(&str, &str)] = &[
    (
        "command",
        "look at SLOWLOG GET: commands over many elements (KEYS, large ranges, large deletes) take long.",
    ),
    (
        "fast-command",
        "constant-time commands were slow, so the process did not get the processor: look for other load, for steal time of a virtual machine, for swapping.",
    ),
    ("expire-cycle", "many keys expire at the same moment: spread their times to live."),
    (
        "eviction-cycle",
        "many keys are evicted at once: raise maxmemory, or lower maxmemory-eviction-tenacity.",
    ),
    ("eviction-del", "large values are evicted: switch lazyfree-lazy-eviction on."),
];

/// LATENCY HISTOGRAM [command ...]
fn latency_histogram(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let table = &cx.server.commands;
    let mut wanted: Vec<CommandId> = Vec::new();
    if args.len() == 2 {
        wanted.extend(table.ids());
    }
    for name in args.from(2) {
        // A name that is no command is passed over, as in COMMAND INFO of many.
        let Some(id) = table.lookup_full(name) else { continue };
        wanted.push(id);
        wanted.extend(table.subcommands(id));
    }
    wanted.retain(|&id| table.stats(id).histogram.is_some());
    cx.reply.map(wanted.len());
    for id in wanted {
        let table = &cx.server.commands;
        cx.reply.bulk(table.full_name(id).as_bytes());
        let Some(histogram) = &table.stats(id).histogram else { continue };
        cx.reply.map(2);
        cx.reply.bulk(b"calls");
        cx.reply.integer(histogram.len() as i64);
        cx.reply.bulk(b"histogram_usec");
        let buckets = cumulative(histogram);
        cx.reply.map(buckets.len());
        for (usec, count) in buckets {
            cx.reply.integer(usec as i64);
            cx.reply.integer(count as i64);
        }
    }
    Ok(())
}

/// Cumulative counts up to 1024 ns and its doublings, as (microseconds, count), only where the count grows.
fn cumulative(histogram: &hdrhistogram::Histogram<u32>) -> Vec<(u64, u64)> {
    let mut buckets = Vec::new();
    let (mut count, mut level) = (0, 1024u64);
    let mut recorded = histogram.iter_recorded().peekable();
    while count < histogram.len() {
        let mut grown = count;
        while let Some(value) =
            recorded.next_if(|value| histogram.lowest_equivalent(value.value_iterated_to()) < level)
        {
            grown += value.count_since_last_iteration();
        }
        if grown > count {
            count = grown;
            buckets.push((histogram.highest_equivalent(level - 1) / 1000, count));
        }
        level *= 2;
    }
    buckets
}

/// LATENCY HELP
fn latency_help(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.help(
        "LATENCY",
        &[
            ("DOCTOR", "Explain the spikes seen and say what may help."),
            ("GRAPH <event>", "Draw the spikes of an event."),
            ("HISTORY <event>", "List the spikes of an event: Unix time, milliseconds."),
            ("LATEST", "Give the latest and the worst spike of every event."),
            ("RESET [<event> ...]", "Forget the spikes of some events, or of all."),
            ("HISTOGRAM [COMMAND ...]", "Give the cumulative distribution of the times that commands took."),
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_double_and_accumulate() {
        let mut histogram = hdrhistogram::Histogram::<u32>::new_with_bounds(1, 1_000_000_000, 2).unwrap();
        for ns in [100, 1000, 1500, 40_000, 500_000_000] {
            histogram.record(ns).unwrap();
        }
        let buckets = cumulative(&histogram);
        assert_eq!(buckets.iter().map(|b| b.1).collect::<Vec<_>>(), [2, 3, 4, 5]);
        assert_eq!(buckets[..3].iter().map(|b| b.0).collect::<Vec<_>>(), [1, 2, 65]);
    }
}
