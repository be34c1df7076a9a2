//! Snapshots and the append-only file.

use super::feature::REPLICATION;
use crate::config::Changed;
use crate::config::directive::{Directive, Phase, Traits, Verdict, choice, flag, number, special, string};

const INT_MIN: i128 = i32::MIN as i128;
const INT_MAX: i128 = i32::MAX as i128;
const LONG_MAX: i128 = i64::MAX as i128;

pub(super) const ROWS: &[Directive] = &[
    special!("save", save).is(Traits::MULTI).then(Changed::SavePoints),
    string!("dbfilename", dbfilename, "dump.rdb").is(Traits::PROTECTED).check(snapshot_name),
    flag!("rdbcompression", rdbcompression, true),
    flag!("rdbchecksum", rdbchecksum, true).immutable(),
    number!("rdb-version", rdb_version, 9, 13, 11),
    flag!("rdb-del-sync-files", rdb_del_sync_files, false).later(REPLICATION),
    flag!("rdb-save-incremental-fsync", rdb_save_incremental_fsync, true),
    number!("rdb-key-save-delay", rdb_key_save_delay_us, INT_MIN, INT_MAX, 0).is(Traits::HIDDEN),
    number!("key-load-delay", key_load_delay_us, INT_MIN, INT_MAX, 0).is(Traits::HIDDEN),
    number!(
        "loading-process-events-interval-bytes",
        loading_process_events_interval_bytes,
        1024,
        INT_MAX,
        2 << 20
    )
    .is(Traits::HIDDEN),
    flag!("stop-writes-on-bgsave-error", stop_writes_on_bgsave_error, true),
    flag!("appendonly", appendonly, false).is(Traits::DENY_LOADING).then(Changed::AppendOnly),
    string!("appendfilename", appendfilename, "appendonly.aof").immutable().check(aof_name),
    string!("appenddirname", appenddirname, "appendonlydir").immutable().check(aof_folder),
    choice!("appendfsync", appendfsync, AppendFsync, Everysec).then(Changed::AppendFsync),
    flag!("no-appendfsync-on-rewrite", no_appendfsync_on_rewrite, false),
    number!("auto-aof-rewrite-percentage", auto_aof_rewrite_percentage, 0, INT_MAX, 100),
    number!("auto-aof-rewrite-min-size", auto_aof_rewrite_min_size, Bytes, 0, LONG_MAX, 64 << 20),
    flag!("aof-rewrite-incremental-fsync", aof_rewrite_incremental_fsync, true),
    flag!("aof-load-truncated", aof_load_truncated, true),
    flag!("aof-use-rdb-preamble", aof_use_rdb_preamble, true),
    flag!("aof-timestamp-enabled", aof_timestamp_enabled, false),
    flag!("aof-disable-auto-gc", aof_disable_auto_gc, false).is(Traits::HIDDEN).then(Changed::AofAutoGc),
    flag!("aof-checksum", aof_checksum, true).then(Changed::AofChecksum),
    number!("recover-to-timestamp", recover_to_timestamp_s, 0, LONG_MAX, 0),
];

fn has_separator(value: &[u8]) -> bool {
    value.iter().any(|byte| matches!(byte, b'/' | b'\\'))
}

fn snapshot_name(value: &[u8], _: Phase) -> Verdict {
    if has_separator(value) {
        return Err("dbfilename can't be a path, just a filename".into());
    }
    Ok(())
}

fn aof_name(value: &[u8], _: Phase) -> Verdict {
    if value.is_empty() {
        return Err("appendfilename can't be empty".into());
    }
    if has_separator(value) {
        return Err("appendfilename can't be a path, just a filename".into());
    }
    Ok(())
}

fn aof_folder(value: &[u8], _: Phase) -> Verdict {
    if value.is_empty() {
        return Err("appenddirname can't be empty".into());
    }
    if has_separator(value) {
        return Err("appenddirname can't be a path, just a dirname".into());
    }
    Ok(())
}
