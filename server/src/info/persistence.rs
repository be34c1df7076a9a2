//! INFO persistence: what was saved, and when.

use super::{Page, View};
use crate::persistence::aof::Stage;
use crate::persistence::job::Job;
use crate::persistence::load::Loading;

pub(super) fn write(page: &mut Page, view: &View<'_>) {
    let persistence = &view.state.persistence;
    let now_ms = view.state.clock.now_ms();
    page.field("loading", u8::from(persistence.loading.is_some()));
    let snapshots = &persistence.snapshots;
    let job = snapshots.job().or(persistence.aof.rewrites.job());
    // Counted as it happens: never older than this reply.
    let kept_bytes = job.map_or(0, |job| job.kept_bytes(view.store));
    page.field("async_loading", 0);
    page.fields(&["current_cow_peak", "current_cow_size"], kept_bytes);
    page.field("current_cow_size_age", 0);
    let (keys_saved, keys) = job.map_or((0, 0), Job::keys);
    page.field("current_fork_perc", format_args!("{:.2}", percent(keys_saved, keys)));
    page.field("current_save_keys_processed", keys_saved);
    page.field("current_save_keys_total", keys);
    page.field("rdb_changes_since_last_save", view.store.dirty);
    page.field("rdb_bgsave_in_progress", u8::from(snapshots.is_running()));
    page.field("rdb_last_save_time", snapshots.last_save_s);
    page.field("rdb_last_bgsave_status", if snapshots.last_is_ok { "ok" } else { "err" });
    page.field("rdb_last_bgsave_time_sec", snapshots.last.duration_s.unwrap_or(-1));
    let seconds = snapshots.job().map_or(-1, |job| job.seconds(now_ms / 1000));
    page.field("rdb_current_bgsave_time_sec", seconds);
    page.field("rdb_saves", snapshots.saves);
    page.field("rdb_last_cow_size", snapshots.last.kept_bytes);
    page.field("rdb_last_load_keys_expired", persistence.loaded.keys_expired);
    page.field("rdb_last_load_keys_loaded", persistence.loaded.keys_loaded);
    write_append_only(page, view);
    page.field("aof_last_cow_size", persistence.aof.rewrites.last.kept_bytes);
    page.fields(&["module_fork_in_progress", "module_fork_last_cow_size"], 0);
    if persistence.aof.stage() != Stage::Off {
        write_append_only_sizes(page, view);
    }
    if let Some(loading) = &persistence.loading {
        write_loading(page, loading, now_ms);
    }
}

fn write_append_only(page: &mut Page, view: &View<'_>) {
    let aof = &view.state.persistence.aof;
    let (rewrites, now_s) = (&aof.rewrites, view.state.clock.now_ms() / 1000);
    let status = |is_ok: bool| if is_ok { "ok" } else { "err" };
    page.field("aof_enabled", u8::from(aof.stage() != Stage::Off));
    page.field("aof_rewrite_in_progress", u8::from(rewrites.is_running()));
    page.field("aof_rewrite_scheduled", u8::from(rewrites.is_scheduled()));
    page.field("aof_last_rewrite_time_sec", rewrites.last.duration_s.unwrap_or(-1));
    page.field("aof_current_rewrite_time_sec", rewrites.job().map_or(-1, |job| job.seconds(now_s)));
    page.field("aof_last_bgrewrite_status", status(rewrites.last_is_ok));
    page.field("aof_rewrites", rewrites.started);
    page.field("aof_rewrites_consecutive_failures", rewrites.failures);
    page.field("aof_last_write_status", status(aof.failure().is_none()));
}

/// What there is to tell only of a file that is there.
fn write_append_only_sizes(page: &mut Page, view: &View<'_>) {
    let aof = &view.state.persistence.aof;
    page.field("aof_current_size", aof.size());
    page.field("aof_base_size", aof.base_size);
    page.field("aof_pending_rewrite", u8::from(aof.rewrites.is_scheduled()));
    page.field("aof_buffer_length", aof.buffered(view.store.effects.writes.offset()));
    page.field("aof_pending_bio_fsync", u8::from(aof.is_syncing()));
    page.field("aof_delayed_fsync", aof.delayed_syncs());
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
