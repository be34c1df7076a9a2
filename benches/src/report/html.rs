//! The report as one self-contained page: style and plots inline, nothing fetched, no script.

use std::fmt::Write;

use super::durability::{Figure, figures};
use super::plot::{self, Row, escape, short};
use super::{Report, cpu_ratio, doubts, median, memory_ratio, throughput_ratio};
use crate::pause;
use crate::speed::Measured;
use crate::statistics::Spread;

const STYLE: &str = include_str!("style.css");

/// The whole page.
#[must_use]
pub fn html(report: &Report) -> String {
    let subject = report.servers.first().map_or("", |server| server.name.as_str());
    let peers: Vec<&str> = report.peers().map(|peer| report.servers[peer].name.as_str()).collect();
    let title = match peers.is_empty() {
        true => subject.to_owned(),
        false => format!("{subject} beside {}", peers.join(", ")),
    };
    let mut page = String::new();
    put(&mut page, "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    put(&mut page, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    put(&mut page, &format!("<title>{}</title><style>{STYLE}</style></head><body><main>", escape(&title)));
    put(&mut page, &format!("<h1>{}</h1>", escape(&title)));
    head(&mut page, report);
    tiles(&mut page, report);
    speed(&mut page, report);
    memory(&mut page, report);
    pauses(&mut page, report);
    durability(&mut page, report);
    put(&mut page, "</main></body></html>\n");
    page
}

fn head(page: &mut String, report: &Report) {
    put(page, "<ul class=\"legend\">");
    for (class, server) in report.servers.iter().enumerate() {
        let (name, version) = (escape(&server.name), escape(&server.version));
        let command = escape(&server.command);
        put(page, &format!("<li title=\"{command}\"><i class=\"s{class}\"></i><b>{name}</b> {version}</li>"));
    }
    put(page, &format!("</ul><p class=\"quiet\">{}", escape(&report.machine)));
    for (name, value) in &report.settings {
        put(page, &format!(" · {} {}", escape(name), escape(value)));
    }
    put(page, "</p>");
}

/// The means, one tile a peer and figure.
fn tiles(page: &mut String, report: &Report) {
    for peer in report.peers() {
        put(page, "<div class=\"tiles\">");
        let worst = |index: usize| report.pauses.get(index)?.bursts.first().map(|burst| burst.cpu_us);
        let figures = [
            ("throughput", report.mean_ratio(peer, throughput_ratio)),
            ("commands per CPU second", report.mean_ratio(peer, cpu_ratio)),
            ("keys per byte of memory", report.mean_memory_ratio(peer)),
            ("shorter longest burst", worst(peer).zip(worst(0)).map(|(theirs, ours)| theirs / ours)),
        ];
        for (what, ratio) in figures {
            let Some(ratio) = ratio else { continue };
            let name = escape(&report.servers[peer].name);
            put(page, &format!("<div class=\"tile t{peer}\"><b>{} ×</b><span>{what}<br>", short(ratio)));
            put(page, &format!("beside {name}</span></div>"));
        }
        put(page, "</div>");
    }
}

fn speed(page: &mut String, report: &Report) {
    if report.speed.is_empty() {
        return;
    }
    let label = Measured::label;
    if report.servers.len() > 1 {
        let rows = |ratio: fn(&Measured, usize) -> Option<Spread>| -> Vec<Row<Option<Spread>>> {
            let row = |one: &Measured| Row {
                label: label(one),
                marks: report.peers().map(|peer| ratio(one, peer)).collect(),
            };
            report.speed.iter().map(row).collect()
        };
        let note = "Median of the paired rounds; the line reaches from the worst round to the best. Right of 1 is better.";
        section(page, "Commands per CPU second, times the peer's", note, &plot::ratios(&rows(cpu_ratio)));
        section(page, "Throughput, times the peer's", note, &plot::ratios(&rows(throughput_ratio)));
    }
    let servers = 0..report.servers.len();
    let bars = |figure: fn(&crate::speed::Sample) -> f64| -> String {
        let row = |one: &Measured| Row {
            label: label(one),
            marks: servers.clone().map(|server| median(one, server, figure)).collect(),
        };
        plot::bars(&report.speed.iter().map(row).collect::<Vec<_>>())
    };
    section(
        page,
        "Server CPU per command, ns",
        "User and kernel time; each row to its own scale. Shorter is better.",
        &bars(|one| one.cpu_ns),
    );
    let note = "Each row to its own scale; limited by the load generator where the table below says so. Longer is better.";
    section(page, "Requests per second", note, &bars(|one| one.outcome.requests_per_second));
    let percentiles = |one: &Measured| Row {
        label: label(one),
        marks: servers
            .clone()
            .map(|server| {
                let at = |figure: fn(&crate::speed::Sample) -> f64| median(one, server, figure);
                vec![
                    at(|one| one.outcome.p50_us),
                    at(|one| one.outcome.p99_us),
                    at(|one| one.outcome.p999_us),
                ]
            })
            .collect(),
    };
    let drawn = plot::points(&report.speed.iter().map(percentiles).collect::<Vec<_>>(), false);
    section(
        page,
        "Latency under full load, µs",
        "p50, p99 and p99.9, medians over the rounds. Left is better.",
        &drawn,
    );
    speed_table(page, report);
}

fn speed_table(page: &mut String, report: &Report) {
    put(
        page,
        "<details><summary>All speed figures</summary><div class=\"scroll\"><table><thead><tr><th>case<th>server",
    );
    for name in ["req/s", "p50 µs", "p99 µs", "p99.9 µs", "CPU ns", "busy %", "wait %", "throughput", "CPU"]
    {
        put(page, &format!("<th class=\"n\">{name}"));
    }
    put(page, "<th></tr></thead>");
    for measured in &report.speed {
        for (index, server) in report.servers.iter().enumerate() {
            let shown = if index == 0 { escape(&measured.label()) } else { String::new() };
            put(page, &format!("<tr><td>{shown}<td>{}", escape(&server.name)));
            let figures = [
                median(measured, index, |one| one.outcome.requests_per_second),
                median(measured, index, |one| one.outcome.p50_us),
                median(measured, index, |one| one.outcome.p99_us),
                median(measured, index, |one| one.outcome.p999_us),
                median(measured, index, |one| one.cpu_ns),
                median(measured, index, |one| one.busy * 100.0),
                median(measured, index, |one| one.delayed * 100.0),
            ];
            for figure in figures {
                put(page, &format!("<td class=\"n\">{figure:.0}"));
            }
            for ratio in [throughput_ratio(measured, index), cpu_ratio(measured, index)] {
                let ratio = ratio
                    .filter(|_| index > 0)
                    .map(|one| format!("{:.2} ({:.2}–{:.2})", one.median, one.low, one.high));
                put(page, &format!("<td class=\"n\">{}", ratio.unwrap_or_default()));
            }
            put(page, &format!("<td class=\"quiet\">{}</tr>", doubts(measured, index)));
        }
    }
    put(page, "</table></div></details>");
}

fn memory(page: &mut String, report: &Report) {
    if report.memory.is_empty() {
        return;
    }
    let rows: Vec<Row<f64>> = report
        .memory
        .iter()
        .map(|one| Row {
            label: one.dataset.clone(),
            marks: one.footprints.iter().map(|footprint| footprint.resident).collect(),
        })
        .collect();
    let note = "Resident memory when full less resident memory when empty, by the kernel. 16-byte keys; each row to its own scale. Shorter is better.";
    section(page, "Resident bytes per key", note, &plot::bars(&rows));
    put(
        page,
        "<details><summary>All memory figures</summary><div class=\"scroll\"><table><thead><tr><th>dataset",
    );
    for server in &report.servers {
        let name = escape(&server.name);
        put(page, &format!("<th class=\"n\">{name}, resident<th class=\"n\">used"));
    }
    for peer in report.peers() {
        put(page, &format!("<th class=\"n\">times {}", escape(&report.servers[peer].name)));
    }
    put(page, "</tr></thead>");
    for measured in &report.memory {
        put(page, &format!("<tr><td>{}", escape(&measured.dataset)));
        for one in &measured.footprints {
            let used = one.used.map_or_else(String::new, |used| format!("{used:.1}"));
            put(page, &format!("<td class=\"n\">{:.1}<td class=\"n\">{used}", one.resident));
        }
        for peer in report.peers() {
            let ratio = memory_ratio(measured, peer).map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            put(page, &format!("<td class=\"n\">{ratio}"));
        }
        put(page, "</tr>");
    }
    put(page, "</table></div></details>");
}

fn pauses(page: &mut String, report: &Report) {
    if report.pauses.is_empty() {
        return;
    }
    let rows = |longest: fn(&pause::Measured) -> Vec<f64>| -> Vec<Row<Vec<f64>>> {
        let both = report.servers.iter().zip(&report.pauses);
        both.map(|(server, one)| Row { label: server.name.clone(), marks: vec![longest(one)] }).collect()
    };
    let bursts = rows(|one| one.bursts.iter().map(|burst| burst.cpu_us).collect());
    let note = "CPU time of the server's busiest thread from one batch of new keys to the next, the five longest. Left is better.";
    section(page, "Longest bursts while growing, µs", note, &plot::points(&bursts, true));
    let pauses = rows(|one| one.pauses.iter().map(pause::Pause::net_us).collect());
    let note = "Waits for a batch, less the time that server or load waited for a core, the five longest. Left is better.";
    section(page, "Longest pauses while growing, µs", note, &plot::points(&pauses, true));
    let growth: Vec<Vec<(u64, f64)>> = report.pauses.iter().map(|one| one.growth.clone()).collect();
    let note = "16-byte keys with 16-byte values. Lower is better, and a saw shows tables that double.";
    section(page, "Resident bytes per key over the growth", note, &plot::lines(&growth, "keys"));
    put(
        page,
        "<details><summary>All pause figures</summary><div class=\"scroll\"><table><thead><tr><th>server",
    );
    for name in ["p50 µs", "p99.9 µs", "p99.999 µs", "CPU ns per insert", "seconds", "stolen ms"] {
        put(page, &format!("<th class=\"n\">{name}"));
    }
    put(page, "<th>longest bursts, µs (at million keys)<th>longest pauses</tr></thead>");
    for (server, one) in report.servers.iter().zip(&report.pauses) {
        put(page, &format!("<tr><td>{}", escape(&server.name)));
        for figure in [one.p50_us, one.p999_us, one.p99999_us, one.cpu_ns] {
            put(page, &format!("<td class=\"n\">{figure:.0}"));
        }
        put(
            page,
            &format!("<td class=\"n\">{:.1}<td class=\"n\">{}<td>", one.elapsed.as_secs_f64(), one.stolen_ms),
        );
        for burst in &one.bursts {
            put(page, &format!("{:.0} ({:.2}) ", burst.cpu_us, burst.keys as f64 / 1e6));
        }
        put(page, "<td>");
        for pause in &one.pauses {
            put(page, &format!("{:.0} ({:.2}) ", pause.net_us(), pause.keys as f64 / 1e6));
        }
        put(page, "</tr>");
    }
    put(page, "</table></div></details>");
}

fn durability(page: &mut String, report: &Report) {
    if report.durability.is_empty() {
        return;
    }
    let figures = figures(report);
    let mark = |figure: &Figure, server| figure.spread(server).map_or(0.0, |spread| spread.median);
    let rows: Vec<Row<f64>> = figures
        .iter()
        .map(|figure| Row {
            label: figure.name.clone(),
            marks: (0..report.servers.len()).map(|server| mark(figure, server)).collect(),
        })
        .collect();
    let note = "A paced load without and during BGSAVE, the dump loaded again, and SET with an append-only file. Medians; each row to its own scale.";
    section(page, "Snapshots and the append-only file", note, &plot::bars(&rows));
    put(
        page,
        "<details open><summary>Beside the better peer</summary><div class=\"scroll\"><table><thead><tr><th>figure",
    );
    for server in &report.servers {
        put(page, &format!("<th class=\"n\">{}", escape(&server.name)));
    }
    put(page, "<th class=\"n\">times the better peer's<th>peer<th>aim<th></tr></thead>");
    for figure in &figures {
        put(page, &format!("<tr><td>{}", escape(&figure.name)));
        for server in 0..report.servers.len() {
            put(page, &format!("<td class=\"n\">{}", short(mark(figure, server))));
        }
        let (ratio, peer) = match figure.beside_better_peer() {
            Some((peer, one)) => (
                format!("{:.2} ({:.2}–{:.2})", one.median, one.low, one.high),
                escape(&report.servers[peer].name),
            ),
            None => Default::default(),
        };
        put(page, &format!("<td class=\"n\">{ratio}<td>{peer}<td>{}", escape(&figure.aim_text())));
        put(page, &format!("<td>{}</tr>", figure.verdict()));
    }
    put(page, "</table></div></details>");
}

fn section(page: &mut String, title: &str, note: &str, plot: &str) {
    put(page, &format!("<section><h2>{title}</h2><p class=\"quiet\">{note}</p>{plot}</section>"));
}

fn put(page: &mut String, part: &str) {
    page.write_str(part).expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_self_contained_and_whole() {
        let page = html(&crate::report::tests::example());
        for outside in ["http:", "https:", "src=", "<script", "@import", "url("] {
            assert!(!page.contains(outside), "{outside} in the page");
        }
        for part in [
            "rufous beside redis",
            "Test &amp; Co",
            "1.50 (1.50–1.50)",
            "16 B",
            "30000 (0.00)",
            "noisy",
            "&lt;= 0.7 x peer",
        ] {
            assert!(page.contains(part), "{part} is missing");
        }
        for tag in ["svg", "section", "details", "table", "main"] {
            let count = |what: String| page.matches(&what).count();
            assert_eq!(count(format!("<{tag}")), count(format!("</{tag}>")), "{tag}");
        }
    }

    #[test]
    fn a_report_without_peers_has_no_ratios() {
        let mut report = crate::report::tests::example();
        report.servers.truncate(1);
        report.speed[0].samples.truncate(1);
        report.memory[0].footprints.truncate(1);
        report.pauses.truncate(1);
        report.durability.truncate(1);
        let page = html(&report);
        assert!(page.contains("<h1>rufous</h1>") && !page.contains("times the peer"));
    }
}
