//! The report as aligned lines for a terminal.

use std::fmt::Write;

use super::durability::figures;
use super::plot::short;
use super::{Report, cpu_ratio, doubts, median, memory_ratio, throughput_ratio};
use crate::statistics::Spread;

/// The whole report.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    head(&mut out, report);
    if !report.speed.is_empty() {
        speed(&mut out, report);
    }
    if !report.memory.is_empty() {
        memory(&mut out, report);
    }
    if !report.pauses.is_empty() {
        pauses(&mut out, report);
    }
    if !report.durability.is_empty() {
        durability(&mut out, report);
    }
    out
}

/// A table whose first column is left-aligned and whose others are right-aligned.
struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(header: &[&str]) -> Table {
        Table { rows: vec![header.iter().map(|cell| (*cell).to_owned()).collect()] }
    }

    fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn print(&self, out: &mut String) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell_width =
            |row: &Vec<String>, column: usize| row.get(column).map_or(0, |cell| cell.chars().count());
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.rows.iter().map(|row| cell_width(row, column)).max().unwrap_or(0))
            .collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                let written = match column {
                    0 => write!(line, "{cell:<width$}"),
                    _ => write!(line, "  {cell:>width$}"),
                };
                written.expect("a String takes everything");
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.push('\n');
    }
}

fn head(out: &mut String, report: &Report) {
    let mut table = Table::new(&["machine", &report.machine]);
    for server in &report.servers {
        table.row(vec![server.name.clone(), format!("{} ({})", server.version, server.command)]);
    }
    for (name, value) in &report.settings {
        table.row(vec![name.clone(), value.clone()]);
    }
    // Two left-aligned columns: pad the second to one width.
    let width = table.rows.iter().map(|row| row[1].chars().count()).max().unwrap_or(0);
    for row in &mut table.rows {
        row[1] = format!("{:<width$}", row[1]);
    }
    table.print(out);
}

fn speed(out: &mut String, report: &Report) {
    let subject = &report.servers[0].name;
    let faster = format!("{subject} is x faster");
    let mut table = Table::new(&[
        "case",
        "server",
        "k req/s",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "CPU ns/cmd",
        "busy %",
        "wait %",
        &faster,
        "x leaner on CPU",
        "",
    ]);
    for measured in &report.speed {
        for (index, server) in report.servers.iter().enumerate() {
            let ratio = |spread: Option<Spread>| if index == 0 { String::new() } else { spread_text(spread) };
            table.row(vec![
                if index == 0 { measured.label() } else { String::new() },
                server.name.clone(),
                format!("{:.1}", median(measured, index, |one| one.outcome.requests_per_second) / 1000.0),
                format!("{:.0}", median(measured, index, |one| one.outcome.p50_us)),
                format!("{:.0}", median(measured, index, |one| one.outcome.p99_us)),
                format!("{:.0}", median(measured, index, |one| one.outcome.p999_us)),
                format!("{:.0}", median(measured, index, |one| one.cpu_ns)),
                format!("{:.0}", median(measured, index, |one| one.busy) * 100.0),
                format!("{:.0}", median(measured, index, |one| one.delayed) * 100.0),
                ratio(throughput_ratio(measured, index)),
                ratio(cpu_ratio(measured, index)),
                doubts(measured, index).to_owned(),
            ]);
        }
    }
    table.print(out);
    for peer in report.peers() {
        let mean = |ratio| report.mean_ratio(peer, ratio).unwrap_or(f64::NAN);
        let name = &report.servers[peer].name;
        let (faster, leaner) = (mean(throughput_ratio), mean(cpu_ratio));
        writeln!(
            out,
            "{subject} beside {name}, geometric mean: {faster:.2} x throughput, {leaner:.2} x leaner on CPU"
        )
        .expect("a String takes everything");
    }
    out.push('\n');
}

fn memory(out: &mut String, report: &Report) {
    let mut header = vec!["resident bytes per key (used_memory)".to_owned()];
    header.extend(report.servers.iter().map(|server| server.name.clone()));
    header.extend(
        report.peers().map(|peer| format!("{} / {}", report.servers[peer].name, report.servers[0].name)),
    );
    let mut table = Table { rows: vec![header] };
    for measured in &report.memory {
        let mut row = vec![measured.dataset.clone()];
        row.extend(measured.footprints.iter().map(|one| match one.used {
            Some(used) => format!("{:.1} ({used:.1})", one.resident),
            None => format!("{:.1}", one.resident),
        }));
        row.extend(report.peers().map(|peer| match memory_ratio(measured, peer) {
            Some(ratio) => format!("{ratio:.2}"),
            None => "-".to_owned(),
        }));
        table.row(row);
    }
    table.print(out);
}

fn pauses(out: &mut String, report: &Report) {
    let mut table = Table::new(&[
        "inserts",
        "longest bursts, CPU us (at million keys)",
        "longest pauses, us (+ us waited for a core)",
        "p50 us",
        "p99.9 us",
        "p99.999 us",
        "CPU ns/insert",
        "stolen ms",
        "seconds",
    ]);
    for (server, measured) in report.servers.iter().zip(&report.pauses) {
        let bursts =
            measured.bursts.iter().map(|one| format!("{:.0} ({:.2})", one.cpu_us, one.keys as f64 / 1e6));
        let pauses = measured.pauses.iter().map(|one| format!("{:.0} (+{:.0})", one.net_us(), one.delay_us));
        table.row(vec![
            server.name.clone(),
            bursts.collect::<Vec<_>>().join("  "),
            pauses.collect::<Vec<_>>().join("  "),
            format!("{:.0}", measured.p50_us),
            format!("{:.0}", measured.p999_us),
            format!("{:.0}", measured.p99999_us),
            format!("{:.0}", measured.cpu_ns),
            measured.stolen_ms.to_string(),
            format!("{:.1}", measured.elapsed.as_secs_f64()),
        ]);
    }
    table.print(out);
}

fn durability(out: &mut String, report: &Report) {
    let mut header = vec!["snapshots and the append-only file".to_owned()];
    header.extend(report.servers.iter().map(|server| server.name.clone()));
    header.extend(["x better peer", "", "aim", ""].map(str::to_owned));
    let mut table = Table { rows: vec![header] };
    for figure in figures(report) {
        let mut row = vec![figure.name.clone()];
        row.extend(
            (0..report.servers.len())
                .map(|server| figure.spread(server).map_or_else(|| "-".to_owned(), |one| short(one.median))),
        );
        let peer = figure.beside_better_peer();
        row.push(spread_text(peer.map(|(_, spread)| spread)));
        row.push(peer.map_or_else(String::new, |(peer, _)| report.servers[peer].name.clone()));
        row.extend([figure.aim_text(), figure.verdict().to_owned()]);
        table.row(row);
    }
    table.print(out);
}

fn spread_text(spread: Option<Spread>) -> String {
    match spread {
        Some(spread) => format!("{:.2} ({:.2}-{:.2})", spread.median, spread.low, spread.high),
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_every_part_with_its_ratio() {
        let shown = text(&crate::report::tests::example());
        for part in [
            "get, 64 B, pipeline 16",
            "1.50 (1.50-1.50)",
            "noisy",
            "50.0 (49.0)",
            "2.00",
            "30000 (+1)",
            "15000 (0.00)",
            "0.60 (0.60-0.60)",
            "<= 0.7 x peer",
        ] {
            assert!(shown.contains(part), "{part} is missing:\n{shown}");
        }
    }

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["a", "bb"]);
        table.row(vec!["long".into(), "1".into()]);
        let mut out = String::new();
        table.print(&mut out);
        assert_eq!(out, "a     bb\nlong   1\n\n");
    }
}
