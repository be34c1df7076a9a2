//! Listening, sockets, connections, I/O threads.

use super::feature::{IO_THREADS, TLS};
use crate::config::Changed;
use crate::config::directive::{Directive, Traits, flag, number, special, string};

const INT_MAX: i128 = i32::MAX as i128;
const UINT_MAX: i128 = u32::MAX as i128;

pub(super) const ROWS: &[Directive] = &[
    special!("bind", bind).is(Traits::MULTI).then(Changed::Bind),
    string!("bind-source-addr", bind_source_addr),
    number!("port", port, 0, 65535, 6379).then(Changed::Port),
    number!("tcp-backlog", tcp_backlog, 0, INT_MAX, 511).immutable(),
    number!("tcp-keepalive", tcp_keepalive_s, 0, INT_MAX, 300),
    number!("timeout", timeout_s, 0, INT_MAX, 0),
    string!("unixsocket", unixsocket).immutable(),
    string!("unixsocketgroup", unixsocketgroup).immutable().is(Traits::HIDDEN),
    number!("unixsocketperm", unixsocketperm, Octal, 0, 0o777, 0).immutable(),
    flag!("protected-mode", protected_mode, true),
    number!("socket-mark-id", socket_mark_id, 0, UINT_MAX, 0).immutable(),
    number!("maxclients", maxclients, 1, UINT_MAX, 10000).then(Changed::MaxClients),
    number!("max-new-connections-per-cycle", max_new_connections_per_cycle, 1, 1000, 10),
    number!("max-new-tls-connections-per-cycle", max_new_tls_connections_per_cycle, 1, 1000, 1).later(TLS),
    number!("io-threads", io_threads, 1, 128, 1).immutable().is(Traits::DEBUG).later(IO_THREADS),
    flag!("io-threads-do-reads", io_threads_do_reads, false)
        .immutable()
        .is(Traits::DEBUG.union(Traits::INERT)),
    number!("events-per-io-thread", events_per_io_thread, 0, INT_MAX, 2).later(IO_THREADS),
    number!("prefetch-batch-max-size", prefetch_batch_max_size, 0, 128, 16),
    flag!("mptcp", mptcp, false).immutable().is(Traits::HIDDEN).later("multipath TCP"),
];
