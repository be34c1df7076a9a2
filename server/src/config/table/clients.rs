//! Clients: buffers, passwords, events, and what is observed about their commands.

use super::feature::{ACL, SCRIPTING};
use crate::config::Changed;
use crate::config::directive::{Directive, Traits, choice, flag, number, secret, special, string};

const LONG_MAX: i128 = i64::MAX as i128;

pub(super) const ROWS: &[Directive] = &[
    secret!("requirepass", requirepass).then(Changed::RequirePass),
    special!("client-output-buffer-limit", output_buffer_limit).is(Traits::MULTI),
    number!("client-query-buffer-limit", client_query_buffer_limit, Bytes, 1 << 20, LONG_MAX, 1 << 30)
        .is(Traits::DEBUG),
    number!("maxmemory-clients", maxmemory_clients, BytesOrPercent, -100, LONG_MAX, 0)
        .then(Changed::MaxMemoryClients),
    number!("proto-max-bulk-len", proto_max_bulk_len, Bytes, 1 << 20, LONG_MAX, 512 << 20).is(Traits::DEBUG),
    number!("tracking-table-max-keys", tracking_table_max_keys, 0, LONG_MAX, 1_000_000),
    special!("notify-keyspace-events", notify).then(Changed::NotifyFlags),
    number!("busy-reply-threshold", busy_reply_threshold_ms, 0, LONG_MAX, 5000)
        .alias("lua-time-limit")
        .later(SCRIPTING),
    number!("slowlog-log-slower-than", slowlog_log_slower_than_us, -1, LONG_MAX, 10000)
        .alias("commandlog-execution-slower-than")
        .then(Changed::SlowLog),
    number!("slowlog-max-len", slowlog_max_len, 0, LONG_MAX, 128)
        .alias("commandlog-slow-execution-max-len")
        .then(Changed::SlowLog),
    number!("commandlog-request-larger-than", commandlog_request_larger_than, -1, LONG_MAX, 1 << 20)
        .then(Changed::SlowLog),
    number!("commandlog-large-request-max-len", commandlog_large_request_max_len, 0, LONG_MAX, 128)
        .then(Changed::SlowLog),
    number!("commandlog-reply-larger-than", commandlog_reply_larger_than, -1, LONG_MAX, 1 << 20)
        .then(Changed::SlowLog),
    number!("commandlog-large-reply-max-len", commandlog_large_reply_max_len, 0, LONG_MAX, 128)
        .then(Changed::SlowLog),
    number!("latency-monitor-threshold", latency_monitor_threshold_ms, 0, LONG_MAX, 0),
    flag!("latency-tracking", latency_tracking, true),
    special!("latency-tracking-info-percentiles", percentiles).is(Traits::MULTI),
    string!("aclfile", aclfile, "").immutable().later(ACL),
    number!("acllog-max-len", acllog_max_len, 0, LONG_MAX, 128).later(ACL),
    choice!("acl-pubsub-default", acl_pubsub_default, AclPubsubDefault, Resetchannels).later(ACL),
];
