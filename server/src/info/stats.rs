//! INFO stats: what was done since the start or CONFIG RESETSTAT.

use super::{Page, View};
use crate::stats::Rate;

pub(super) fn write(page: &mut Page, view: &View<'_>) {
    let state = view.state;
    let stats = &state.stats;
    page.field("total_connections_received", stats.connections);
    page.field("total_commands_processed", stats.commands);
    page.field("instantaneous_ops_per_sec", stats.commands_rate.mean());
    page.field("total_net_input_bytes", stats.net_in_bytes);
    page.field("total_net_output_bytes", stats.net_out_bytes);
    page.fields(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"], 0);
    page.field("instantaneous_input_kbps", kilobytes(&stats.net_in_rate));
    page.field("instantaneous_output_kbps", kilobytes(&stats.net_out_rate));
    page.fields(&["instantaneous_input_repl_kbps", "instantaneous_output_repl_kbps"], "0.00");
    page.field("rejected_connections", stats.rejected_connections);
    page.fields(&["sync_full", "sync_partial_ok", "sync_partial_err"], 0);
    write_keys(page, view);
    page.field("pubsub_channels", state.pubsub.channels.len());
    page.field("pubsub_patterns", state.pubsub.patterns.len());
    page.field("pubsubshard_channels", state.pubsub.shards.len());
    page.fields(&["latest_fork_usec", "total_forks", "migrate_cached_sockets"], 0);
    page.field("slave_expires_tracked_keys", 0);
    page.fields(
        &[
            "active_defrag_hits",
            "active_defrag_misses",
            "active_defrag_key_hits",
            "active_defrag_key_misses",
            "total_active_defrag_time",
            "current_active_defrag_time",
        ],
        0,
    );
    page.field("tracking_total_keys", state.tracking.keys_count());
    page.field("tracking_total_items", state.tracking.items_count());
    page.field("tracking_total_prefixes", state.tracking.prefixes_count());
    page.field("unexpected_error_replies", 0);
    page.field("total_error_replies", stats.error_replies);
    page.field("dump_payload_sanitizations", 0);
    page.field("total_reads_processed", stats.reads);
    page.field("total_writes_processed", stats.writes);
    page.fields(&["io_threaded_reads_processed", "io_threaded_writes_processed"], 0);
    page.field("client_query_buffer_limit_disconnections", stats.query_buffer_limit_closes);
    page.field("client_output_buffer_limit_disconnections", stats.output_buffer_limit_closes);
    page.field("reply_buffer_shrinks", stats.reply_buffer_shrinks);
    page.field("reply_buffer_expands", stats.reply_buffer_expands);
    page.field("eventloop_cycles", stats.turns.count);
    page.field("eventloop_duration_sum", stats.turns.sum_ns / 1000);
    page.field("eventloop_duration_cmd_sum", stats.commands_ns / 1000);
    page.field("instantaneous_eventloop_cycles_per_sec", stats.turns_rate.mean());
    page.field("instantaneous_eventloop_duration_usec", stats.turn_us_rate.mean());
    page.field("acl_access_denied_auth", stats.acl_denied_auth);
    page.fields(&["acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel"], 0);
}

fn write_keys(page: &mut Page, view: &View<'_>) {
    let keys = &view.store.stats;
    let (total_us, current_us) = view.state.eviction.exceeded_us(view.state.clock.monotonic_us());
    page.field("expired_keys", keys.expired);
    page.field("expired_subkeys", keys.expired_fields);
    page.field("expired_stale_perc", "0.00");
    page.field("expired_time_cap_reached_count", view.state.stats.expire_budget_spent);
    page.field("expire_cycle_cpu_milliseconds", view.state.stats.expire_ns / 1_000_000);
    page.field("evicted_keys", keys.evicted);
    page.field("evicted_clients", view.state.stats.evicted_clients);
    page.field("total_eviction_exceeded_time", total_us / 1000);
    page.field("current_eviction_exceeded_time", current_us / 1000);
    page.field("keyspace_hits", keys.hits);
    page.field("keyspace_misses", keys.misses);
}

fn kilobytes(rate: &Rate) -> String {
    format!("{:.2}", rate.mean() as f64 / 1024.0)
}
