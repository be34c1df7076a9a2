//! Primary and replica.

use super::feature::REPLICATION;
use crate::config::Changed;
use crate::config::directive::{Directive, Traits, choice, flag, number, secret, special, string};

const INT_MAX: i128 = i32::MAX as i128;
const LONG_MAX: i128 = i64::MAX as i128;

pub(super) const ROWS: &[Directive] = &[
    special!("replicaof", replicaof).alias("slaveof").immutable().is(Traits::MULTI).later(REPLICATION),
    secret!("masteruser", masteruser).alias("primaryuser").later(REPLICATION),
    secret!("masterauth", masterauth).alias("primaryauth").later(REPLICATION),
    flag!("replica-serve-stale-data", replica_serve_stale_data, true)
        .alias("slave-serve-stale-data")
        .later(REPLICATION),
    flag!("replica-read-only", replica_read_only, true)
        .alias("slave-read-only")
        .is(Traits::DEBUG)
        .later(REPLICATION),
    flag!("replica-ignore-maxmemory", replica_ignore_maxmemory, true)
        .alias("slave-ignore-maxmemory")
        .later(REPLICATION),
    flag!("replica-ignore-disk-write-errors", replica_ignore_disk_write_errors, false).later(REPLICATION),
    flag!("replica-lazy-flush", replica_lazy_flush, false).alias("slave-lazy-flush").later(REPLICATION),
    flag!("replica-announced", replica_announced, true).later(REPLICATION),
    number!("replica-priority", replica_priority, 0, INT_MAX, 100).alias("slave-priority").later(REPLICATION),
    string!("replica-announce-ip", replica_announce_ip).alias("slave-announce-ip").later(REPLICATION),
    number!("replica-announce-port", replica_announce_port, 0, 65535, 0)
        .alias("slave-announce-port")
        .later(REPLICATION),
    flag!("repl-diskless-sync", repl_diskless_sync, true).is(Traits::DEBUG).later(REPLICATION),
    number!("repl-diskless-sync-delay", repl_diskless_sync_delay_s, 0, INT_MAX, 5).later(REPLICATION),
    number!("repl-diskless-sync-max-replicas", repl_diskless_sync_max_replicas, 0, INT_MAX, 0)
        .later(REPLICATION),
    choice!("repl-diskless-load", repl_diskless_load, ReplDisklessLoad, Disabled)
        .is(Traits::DEBUG.union(Traits::DENY_LOADING))
        .later(REPLICATION),
    flag!("repl-disable-tcp-nodelay", repl_disable_tcp_nodelay, false).later(REPLICATION),
    number!("repl-ping-replica-period", repl_ping_replica_period_s, 1, INT_MAX, 10)
        .alias("repl-ping-slave-period")
        .later(REPLICATION),
    number!("repl-timeout", repl_timeout_s, 1, INT_MAX, 60).later(REPLICATION),
    number!("repl-backlog-size", repl_backlog_size, Bytes, 1, LONG_MAX, 1 << 20)
        .then(Changed::ReplBacklogSize)
        .later(REPLICATION),
    number!("repl-backlog-ttl", repl_backlog_ttl_s, 0, LONG_MAX, 3600).later(REPLICATION),
    flag!("repl-mptcp", repl_mptcp, false).later(REPLICATION),
    number!("min-replicas-to-write", min_replicas_to_write, 0, INT_MAX, 0)
        .alias("min-slaves-to-write")
        .then(Changed::GoodReplicas)
        .later(REPLICATION),
    number!("min-replicas-max-lag", min_replicas_max_lag_s, 0, INT_MAX, 10)
        .alias("min-slaves-max-lag")
        .then(Changed::GoodReplicas)
        .later(REPLICATION),
    choice!("propagation-error-behavior", propagation_error_behavior, PropagationErrorBehavior, Ignore)
        .later(REPLICATION),
    flag!("dual-channel-replication-enabled", dual_channel_replication_enabled, false)
        .is(Traits::DEBUG)
        .later(REPLICATION),
];
