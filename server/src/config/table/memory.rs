//! Memory: limits, eviction, expiry, lazy freeing, and what the kernel is asked for.

use crate::config::Changed;
use crate::config::directive::{Directive, Phase, Traits, Verdict, choice, flag, number, special};

const INT_MAX: i128 = i32::MAX as i128;
const LONG_MAX: i128 = i64::MAX as i128;

pub(super) const ROWS: &[Directive] = &[
    number!("maxmemory", maxmemory, Bytes, 0, u64::MAX, 0).then(Changed::MaxMemory),
    choice!("maxmemory-policy", maxmemory_policy, MaxmemoryPolicy, Noeviction).then(Changed::MaxMemory),
    number!("maxmemory-samples", maxmemory_samples, 1, INT_MAX, 5),
    number!("maxmemory-eviction-tenacity", maxmemory_eviction_tenacity, 0, 100, 10),
    number!("lfu-log-factor", lfu_log_factor, 0, INT_MAX, 10),
    number!("lfu-decay-time", lfu_decay_time_m, 0, INT_MAX, 1),
    number!("active-expire-effort", active_expire_effort, 1, 10, 1),
    flag!("lazyfree-lazy-eviction", lazyfree_lazy_eviction, false).is(Traits::DEBUG),
    flag!("lazyfree-lazy-expire", lazyfree_lazy_expire, false).is(Traits::DEBUG),
    flag!("lazyfree-lazy-server-del", lazyfree_lazy_server_del, false).is(Traits::DEBUG),
    flag!("lazyfree-lazy-user-del", lazyfree_lazy_user_del, false).is(Traits::DEBUG),
    flag!("lazyfree-lazy-user-flush", lazyfree_lazy_user_flush, false).is(Traits::DEBUG),
    flag!("activerehashing", activerehashing, true).is(Traits::INERT),
    flag!("activedefrag", activedefrag, false)
        .is(Traits::DEBUG)
        .check(no_defragmentation)
        .later("defragmentation"),
    number!("active-defrag-ignore-bytes", active_defrag_ignore_bytes, Bytes, 1, LONG_MAX, 100 << 20)
        .is(Traits::INERT),
    number!("active-defrag-threshold-lower", active_defrag_threshold_lower, 0, 1000, 10).is(Traits::INERT),
    number!("active-defrag-threshold-upper", active_defrag_threshold_upper, 0, 1000, 100).is(Traits::INERT),
    number!("active-defrag-cycle-min", active_defrag_cycle_min, 1, 99, 1).is(Traits::INERT),
    number!("active-defrag-cycle-max", active_defrag_cycle_max, 1, 99, 25).is(Traits::INERT),
    number!("active-defrag-max-scan-fields", active_defrag_max_scan_fields, 1, LONG_MAX, 1000)
        .is(Traits::INERT),
    flag!("jemalloc-bg-thread", jemalloc_bg_thread, true).then(Changed::JemallocBgThread),
    flag!("disable-thp", disable_thp, true).immutable(),
    choice!("oom-score-adj", oom_score_adj, OomScoreAdj, No).then(Changed::OomScoreAdj),
    special!("oom-score-adj-values", oom_score_adj_values).is(Traits::MULTI).then(Changed::OomScoreAdj),
];

/// A file that asks for defragmentation loads with a warning; a running server refuses in Redis' words.
fn no_defragmentation(value: &[u8], phase: Phase) -> Verdict {
    if phase == Phase::Set && value.eq_ignore_ascii_case(b"yes") {
        return Err(
            "Active defragmentation cannot be enabled: it requires a Redis server compiled with a modified \
                    Jemalloc like the one shipped by default with the Redis source distribution"
                .into(),
        );
    }
    Ok(())
}
