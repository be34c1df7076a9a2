//! INFO debug: figures of the event loop that only a request by name shows.

use super::{Page, View};

pub(super) fn write(page: &mut Page, view: &View<'_>) {
    let stats = &view.state.stats;
    page.field("eventloop_duration_aof_sum", 0);
    page.field("eventloop_duration_cron_sum", stats.cron_ns / 1000);
    page.field("eventloop_duration_max", stats.turns.max_ns / 1000);
    page.field("eventloop_cmd_per_cycle_max", stats.turns.commands_max);
}
