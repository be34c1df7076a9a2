//! INFO persistence: what was saved, and when.

use super::{Page, View};
use crate::persistence::load::Loading;

pub(super) fn write(page: &mut Page, view: &View<'_>) {
    let persistence = &view.state.persistence;
    let now_ms = view.state.clock.now_ms();
    page.field("loading", u8::from(persistence.loading.is_some()));
    page.fields(&["async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age"], 0);
    let snapshots = &persistence.snapshots;
    let (keys_saved, keys) = snapshots.progress().unwrap_or((0, 0));
    page.field("current_fork_perc", format_args!("{:.2}", percent(keys_saved, keys)));
    page.field("current_save_keys_processed", keys_saved);
    page.field("current_save_keys_total", keys);
    page.field("rdb_changes_since_last_save", view.store.dirty);
    page.field("rdb_bgsave_in_progress", u8::from(snapshots.is_running()));
    page.field("rdb_last_save_time", snapshots.last_save_s);
    page.field("rdb_last_bgsave_status", if snapshots.last_is_ok { "ok" } else { "err" });
    page.field("rdb_last_bgsave_time_sec", snapshots.last_duration_s.unwrap_or(-1));
    page.field("rdb_current_bgsave_time_sec", snapshots.running_s(now_ms / 1000).unwrap_or(-1));
    page.field("rdb_saves", snapshots.saves);
    page.field("rdb_last_cow_size", 0);
    page.field("rdb_last_load_keys_expired", persistence.loaded.keys_expired);
    page.field("rdb_last_load_keys_loaded", persistence.loaded.keys_loaded);
    page.fields(&["aof_enabled", "aof_rewrite_in_progress", "aof_rewrite_scheduled"], 0);
    page.fields(&["aof_last_rewrite_time_sec", "aof_current_rewrite_time_sec"], -1);
    page.field("aof_last_bgrewrite_status", "ok");
    page.fields(&["aof_rewrites", "aof_rewrites_consecutive_failures"], 0);
    page.field("aof_last_write_status", "ok");
    page.fields(&["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"], 0);
    if let Some(loading) = &persistence.loading {
        write_loading(page, loading, now_ms);
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}

fn write_loading(page: &mut Page, loading: &Loading, now_ms: i64) {
    let Loading { started_ms, total_bytes, loaded_bytes, used_bytes } = *loading;
    let elapsed_s = ((now_ms - started_ms) / 1000).max(0) as u64;
    let remaining_bytes = total_bytes.saturating_sub(loaded_bytes);
    // Without a second of experience there is nothing to tell.
    let left_s = if elapsed_s == 0 { 1 } else { elapsed_s * remaining_bytes / (loaded_bytes + 1) };
    page.field("loading_start_time", started_ms / 1000);
    page.field("loading_total_bytes", total_bytes);
    page.field("loading_rdb_used_mem", used_bytes);
    page.field("loading_loaded_bytes", loaded_bytes);
    page.field("loading_loaded_perc", format_args!("{:.2}", percent(loaded_bytes, total_bytes)));
    page.field("loading_eta_seconds", left_s);
}
