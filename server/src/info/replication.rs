//! INFO replication: a server without replicas and without a primary.

use super::{Page, View};

pub(super) fn write(page: &mut Page, view: &View<'_>) {
    let config = &view.state.config;
    page.field("role", "master");
    page.field("connected_slaves", 0);
    if config.min_replicas_to_write > 0 && config.min_replicas_max_lag_s > 0 {
        page.field("min_slaves_good_slaves", 0);
    }
    page.field("master_failover_state", "no-failover");
    page.field("master_replid", &view.state.replication_id);
    page.field("master_replid2", "0".repeat(40));
    page.field("master_repl_offset", 0);
    page.field("second_repl_offset", -1);
    page.field("repl_backlog_active", 0);
    page.field("repl_backlog_size", config.repl_backlog_size);
    page.fields(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"], 0);
}
