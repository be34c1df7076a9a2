//! INFO commandstats, errorstats and latencystats: counts and durations by command, errors by code.

use super::{Page, View};
use std::fmt::Write;

pub(super) fn write_counts(page: &mut Page, view: &View<'_>) {
    let commands = &view.state.commands;
    for id in commands.ids() {
        let stats = commands.stats(id);
        if !stats.is_used() {
            continue;
        }
        let each = if stats.calls == 0 { 0.0 } else { stats.usec() as f64 / stats.calls as f64 };
        page.field(
            &format!("cmdstat_{}", commands.full_name(id)),
            format_args!(
                "calls={},usec={},usec_per_call={each:.2},rejected_calls={},failed_calls={}",
                stats.calls,
                stats.usec(),
                stats.rejected_calls,
                stats.failed_calls
            ),
        );
    }
}

pub(super) fn write_errors(page: &mut Page, view: &View<'_>) {
    for (code, count) in &view.state.stats.errors {
        page.field(&format!("errorstat_{}", safe(code)), format_args!("count={count}"));
    }
}

pub(super) fn write_latencies(page: &mut Page, view: &View<'_>) {
    let (commands, config) = (&view.state.commands, &view.state.config);
    if !config.latency_tracking {
        return;
    }
    for id in commands.ids() {
        let Some(histogram) = &commands.stats(id).histogram else { continue };
        let mut values = String::new();
        for percentile in &config.latency_tracking_info_percentiles {
            let comma = if values.is_empty() { "" } else { "," };
            let us = histogram.value_at_percentile(*percentile) as f64 / 1000.0;
            // Writing to a string cannot fail.
            let _ = write!(values, "{comma}p{percentile}={us:.3}");
        }
        page.field(&format!("latency_percentiles_usec_{}", commands.full_name(id)), values);
    }
}

/// A word of clients must not look like a line of ours.
fn safe(word: &str) -> String {
    word.replace(['#', ':', '\n', '\r'], "_")
}
