//! INFO persistence: what was saved, and when.

use super::{Page, View};
use crate::engine::EngineSpecial;

pub(super) fn write(page: &mut Page, view: &View<'_>) {
    page.field("loading", u8::from(view.state.special.contains(EngineSpecial::LOADING)));
    page.fields(&["async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age"], 0);
    page.field("current_fork_perc", "0.00");
    page.fields(&["current_save_keys_processed", "current_save_keys_total"], 0);
    page.field("rdb_changes_since_last_save", view.store.dirty);
    page.field("rdb_bgsave_in_progress", 0);
    // Nothing was saved since the start, when what is on disk was what is in memory.
    page.field("rdb_last_save_time", view.state.started_ms / 1000);
    page.field("rdb_last_bgsave_status", "ok");
    page.fields(&["rdb_last_bgsave_time_sec", "rdb_current_bgsave_time_sec"], -1);
    page.fields(
        &["rdb_saves", "rdb_last_cow_size", "rdb_last_load_keys_expired", "rdb_last_load_keys_loaded"],
        0,
    );
    page.fields(&["aof_enabled", "aof_rewrite_in_progress", "aof_rewrite_scheduled"], 0);
    page.fields(&["aof_last_rewrite_time_sec", "aof_current_rewrite_time_sec"], -1);
    page.field("aof_last_bgrewrite_status", "ok");
    page.fields(&["aof_rewrites", "aof_rewrites_consecutive_failures"], 0);
    page.field("aof_last_write_status", "ok");
    page.fields(&["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"], 0);
}
