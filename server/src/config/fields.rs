//! The values: one plain struct of typed fields, which the engine reads directly.
//!
//! A field is named after its directive, with the unit at the end where the directive does not say it. The
//! table (`table/`) gives each its default, bounds and texts; nothing here knows how a value is written.

use super::choice::*;
use super::special::{OutputBufferLimit, OutputBufferLimits, Place, ReplicaOf, SavePoint};
use std::path::PathBuf;

/// Declares the struct and its blank form, in which each field is empty or zero.
macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)+) => {
        /// Every directive's value. `Config::default()` holds the defaults; [`super::load`] reads files on top.
        ///
        /// Fields may be written directly by code that embeds the server; then no bounds are checked.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Config {
            $($(#[$doc])* pub $field: $type,)+
        }

        impl Config {
            /// All fields empty or zero, for the table to fill.
            pub(super) fn blank() -> Config {
                Config { $($field: Default::default(),)+ }
            }
        }
    };
}

fields! {
    // Network.
    /// Addresses to listen on; a leading `-` makes one optional, `*` and `::*` are all of IPv4 and IPv6.
    bind: Vec<String>,
    /// Local address of outgoing connections; empty for any.
    bind_source_addr: String,
    /// TCP port; 0 listens on none.
    port: u16,
    /// Length of the queue of connections not yet accepted.
    tcp_backlog: u32,
    /// Seconds between keep-alive probes; 0 sends none.
    tcp_keepalive_s: u32,
    /// Seconds after which an idle client is closed; 0 never.
    timeout_s: u32,
    /// Path of the Unix socket; empty for none.
    unixsocket: String,
    /// Group that owns the Unix socket; empty leaves it.
    unixsocketgroup: String,
    /// Permission bits of the Unix socket; 0 leaves them.
    unixsocketperm: u32,
    /// Refuse connections from other machines while no password is set.
    protected_mode: bool,
    /// Mark put on listening sockets (`SO_MARK`); 0 for none.
    socket_mark_id: u32,
    /// Most clients connected at a time.
    maxclients: u32,
    /// Most connections accepted per turn of the loop.
    max_new_connections_per_cycle: u32,
    /// Most TLS connections accepted per turn of the loop.
    max_new_tls_connections_per_cycle: u32,
    /// Threads that read and write sockets, the command loop's own included.
    io_threads: u32,
    /// Redis' switch for reading on I/O threads.
    io_threads_do_reads: bool,
    /// Events that justify one more I/O thread.
    events_per_io_thread: u32,
    /// Most commands whose keys are prefetched together.
    prefetch_batch_max_size: u32,
    /// Use multipath TCP for clients.
    mptcp: bool,

    // Clients.
    /// Password of the default user; empty for none.
    requirepass: Vec<u8>,
    /// Limits on what waits to be sent, by class of client.
    client_output_buffer_limit: OutputBufferLimits,
    /// Most bytes of a request not yet executed.
    client_query_buffer_limit: u64,
    /// Most memory of all clients together: bytes, or minus the percentage of `maxmemory`; 0 for no limit.
    maxmemory_clients: i64,
    /// Most bytes of one argument.
    proto_max_bulk_len: u64,
    /// Most keys remembered for tracking clients; 0 for no limit.
    tracking_table_max_keys: u64,
    /// Keyspace event classes, as the bits of `special::notify`.
    notify_keyspace_events: u32,
    /// Milliseconds after which a script or command counts as busy.
    busy_reply_threshold_ms: u64,

    // Memory, eviction and expiry.
    /// Most bytes of data; 0 for no limit.
    maxmemory: u64,
    /// What is evicted at the limit.
    maxmemory_policy: MaxmemoryPolicy,
    /// Keys compared per eviction.
    maxmemory_samples: u32,
    /// How long a command may spend on eviction, 0 to 100.
    maxmemory_eviction_tenacity: u32,
    /// How hard the LFU counter is to raise.
    lfu_log_factor: u32,
    /// Minutes per decrement of the LFU counter.
    lfu_decay_time_m: u32,
    /// How much effort expiry takes, 1 to 10.
    active_expire_effort: u32,
    /// Free evicted values in the background.
    lazyfree_lazy_eviction: bool,
    /// Free expired values in the background.
    lazyfree_lazy_expire: bool,
    /// Free values replaced by commands in the background.
    lazyfree_lazy_server_del: bool,
    /// DEL behaves as UNLINK.
    lazyfree_lazy_user_del: bool,
    /// FLUSHALL and FLUSHDB without a modifier are asynchronous.
    lazyfree_lazy_user_flush: bool,
    /// Redis' rehashing in the background; tables here grow in small steps by themselves.
    activerehashing: bool,
    /// Redis' defragmentation of live memory.
    activedefrag: bool,
    /// Fragmentation below which defragmentation rests.
    active_defrag_ignore_bytes: u64,
    /// Percentage of fragmentation at which it starts.
    active_defrag_threshold_lower: u32,
    /// Percentage of fragmentation at which it is at full effort.
    active_defrag_threshold_upper: u32,
    /// Least effort in percent of a core.
    active_defrag_cycle_min: u32,
    /// Most effort in percent of a core.
    active_defrag_cycle_max: u32,
    /// Elements of a collection above which it is treated in steps.
    active_defrag_max_scan_fields: u64,
    /// jemalloc's purging thread.
    jemalloc_bg_thread: bool,
    /// Ask the kernel not to back this process with huge pages.
    disable_thp: bool,
    /// Whether the kernel's out-of-memory score is adjusted.
    oom_score_adj: OomScoreAdj,
    /// Scores for primary, replica and background work.
    oom_score_adj_values: [i32; 3],

    // The process.
    /// Detach from the terminal.
    daemonize: bool,
    /// Who is told that the server is ready.
    supervised: Supervised,
    /// Path of the file with the process id; empty for none.
    pidfile: String,
    /// Least level that is logged.
    loglevel: LogLevel,
    /// Path of the log; empty for standard output.
    logfile: String,
    /// Form of a log line.
    log_format: LogFormat,
    /// Form of the time in a log line.
    log_timestamp_format: LogTimestampFormat,
    /// Log to syslog too.
    syslog_enabled: bool,
    /// Name in syslog.
    syslog_ident: String,
    /// Facility in syslog.
    syslog_facility: SyslogFacility,
    /// Keep keys and values out of the crash report.
    hide_user_data_from_log: bool,
    /// Report on a crash.
    crash_log_enabled: bool,
    /// Test memory on a crash.
    crash_memcheck_enabled: bool,
    /// Exit instead of abort on a panic.
    use_exit_on_panic: bool,
    /// The log says where the command loop is when it has not come round for so many milliseconds; 0 never does.
    watchdog_period_ms: u32,
    /// Print the logo even where standard output is no terminal.
    always_show_logo: bool,
    /// Change the title of the process.
    set_proc_title: bool,
    /// Form of the title.
    proc_title_template: String,
    /// Locale of SORT ALPHA and string comparison in scripts; empty for the environment's.
    locale_collate: String,
    /// Number of databases.
    databases: u32,
    /// Working directory, absolute: relative paths of other directives start here.
    dir: PathBuf,
    /// Turns of the periodic work per second.
    hz: u32,
    /// More turns with more clients.
    dynamic_hz: bool,
    /// Cores of the command loop and I/O threads.
    server_cpulist: String,
    /// Cores of background threads.
    bio_cpulist: String,
    /// Cores of the append-only file's rewrite.
    aof_rewrite_cpulist: String,
    /// Cores of the snapshot writer.
    bgsave_cpulist: String,
    /// Names of start checks that are skipped.
    ignore_warnings: String,
    /// Seconds to wait for replicas on shutdown.
    shutdown_timeout_s: u32,
    /// What SIGINT asks for.
    shutdown_on_sigint: ShutdownOnSignal,
    /// What SIGTERM asks for.
    shutdown_on_sigterm: ShutdownOnSignal,
    /// Who may set protected directives.
    enable_protected_configs: ProtectedAction,
    /// Who may use DEBUG.
    enable_debug_command: ProtectedAction,
    /// Who may use MODULE.
    enable_module_command: ProtectedAction,
    /// DEBUG ASSERT and the like are compiled in upstream only for tests.
    enable_debug_assert: bool,
    /// Free text for crash reports.
    debug_context: String,
    /// Report Redis' name where Valkey would report its own.
    extended_redis_compatibility: bool,
    /// Zone announced to clients.
    availability_zone: String,

    // Observation.
    /// Microseconds above which a command enters the slow log; negative for none.
    slowlog_log_slower_than_us: i64,
    /// Entries kept in the slow log.
    slowlog_max_len: u64,
    /// Bytes above which a request enters the log of large requests; negative for none.
    commandlog_request_larger_than: i64,
    /// Entries kept in the log of large requests.
    commandlog_large_request_max_len: u64,
    /// Bytes above which a reply enters the log of large replies; negative for none.
    commandlog_reply_larger_than: i64,
    /// Entries kept in the log of large replies.
    commandlog_large_reply_max_len: u64,
    /// Milliseconds above which an event is sampled by LATENCY; 0 samples none.
    latency_monitor_threshold_ms: u64,
    /// Keep a histogram of latency per command.
    latency_tracking: bool,
    /// Percentiles shown by INFO latencystats.
    latency_tracking_info_percentiles: Vec<f64>,

    // Types.
    /// Most fields of a hash in one listpack.
    hash_max_listpack_entries: u64,
    /// Longest field or value of a hash in a listpack.
    hash_max_listpack_value: u64,
    /// Most integers of a set in an intset.
    set_max_intset_entries: u64,
    /// Most members of a set in a listpack.
    set_max_listpack_entries: u64,
    /// Longest member of a set in a listpack.
    set_max_listpack_value: u64,
    /// Most members of a sorted set in a listpack.
    zset_max_listpack_entries: u64,
    /// Longest member of a sorted set in a listpack.
    zset_max_listpack_value: u64,
    /// Size of a list's nodes: elements, or -1 to -5 for 4 to 64 KiB.
    list_max_listpack_size: i32,
    /// Nodes at both ends of a list that are not compressed; 0 compresses none.
    list_compress_depth: u32,
    /// Most bytes of a sparse HyperLogLog.
    hll_sparse_max_bytes: u64,
    /// Most bytes of a stream's node; 0 for no limit.
    stream_node_max_bytes: u64,
    /// Most entries of a stream's node; 0 for no limit.
    stream_node_max_entries: u64,
    /// When the payload of RESTORE is checked deeply.
    sanitize_dump_payload: SanitizeDumpPayload,

    // Persistence.
    /// Points at which a snapshot is saved.
    save: Vec<SavePoint>,
    /// File name of the snapshot.
    dbfilename: String,
    /// Compress strings in snapshots.
    rdbcompression: bool,
    /// End snapshots with a checksum.
    rdbchecksum: bool,
    /// Version of the snapshots that are written.
    rdb_version: u32,
    /// Delete snapshots left over from replication.
    rdb_del_sync_files: bool,
    /// Force snapshots to disk in steps.
    rdb_save_incremental_fsync: bool,
    /// Microseconds to wait per key while saving, for tests.
    rdb_key_save_delay_us: i32,
    /// Microseconds to wait per key while loading, for tests.
    key_load_delay_us: i32,
    /// Bytes loaded between turns of the event loop.
    loading_process_events_interval_bytes: u64,
    /// Refuse writes after a failed snapshot.
    stop_writes_on_bgsave_error: bool,
    /// Keep an append-only file.
    appendonly: bool,
    /// First part of the names of the append-only file.
    appendfilename: String,
    /// Folder of the append-only file.
    appenddirname: String,
    /// When the append-only file is forced to disk.
    appendfsync: AppendFsync,
    /// Do not force it while a snapshot or rewrite runs.
    no_appendfsync_on_rewrite: bool,
    /// Growth in percent that starts a rewrite; 0 never.
    auto_aof_rewrite_percentage: u32,
    /// Size below which no rewrite starts.
    auto_aof_rewrite_min_size: u64,
    /// Force rewrites to disk in steps.
    aof_rewrite_incremental_fsync: bool,
    /// Cut a torn tail at start instead of refusing to start.
    aof_load_truncated: bool,
    /// Begin a rewritten file with a snapshot.
    aof_use_rdb_preamble: bool,
    /// Write the time into the file.
    aof_timestamp_enabled: bool,
    /// Keep files that a rewrite replaced, for tests.
    aof_disable_auto_gc: bool,
    /// Seal what is written, from the next file on, and compare when files are loaded.
    aof_checksum: bool,
    /// Unix time to which the data set is brought back at start; 0 for none.
    recover_to_timestamp_s: u64,

    // Replication.
    /// The primary of this replica.
    replicaof: Option<ReplicaOf>,
    /// User to authenticate as with the primary.
    masteruser: Vec<u8>,
    /// Password to authenticate with the primary.
    masterauth: Vec<u8>,
    /// Answer reads while the primary is unreachable.
    replica_serve_stale_data: bool,
    /// Refuse writes from clients of a replica.
    replica_read_only: bool,
    /// A replica does not evict by itself.
    replica_ignore_maxmemory: bool,
    /// A replica goes on when it cannot write to disk.
    replica_ignore_disk_write_errors: bool,
    /// Free the old dataset of a replica in the background.
    replica_lazy_flush: bool,
    /// Shown to sentinels.
    replica_announced: bool,
    /// Rank in a failover; 0 never.
    replica_priority: u32,
    /// Address announced to the primary.
    replica_announce_ip: String,
    /// Port announced to the primary.
    replica_announce_port: u16,
    /// Send a full synchronization over the socket.
    repl_diskless_sync: bool,
    /// Seconds to wait for more replicas before it.
    repl_diskless_sync_delay_s: u32,
    /// Replicas that end the wait early; 0 for none.
    repl_diskless_sync_max_replicas: u32,
    /// How a replica reads it.
    repl_diskless_load: ReplDisklessLoad,
    /// Leave Nagle's algorithm on for replicas.
    repl_disable_tcp_nodelay: bool,
    /// Seconds between pings of a replica.
    repl_ping_replica_period_s: u32,
    /// Seconds without a sign of life after which the link is cut.
    repl_timeout_s: u32,
    /// Bytes of the replication backlog.
    repl_backlog_size: u64,
    /// Seconds without replicas after which the backlog is freed; 0 never.
    repl_backlog_ttl_s: u64,
    /// Use multipath TCP to the primary.
    repl_mptcp: bool,
    /// Replicas without which writes are refused.
    min_replicas_to_write: u32,
    /// Seconds within which such a replica must have answered.
    min_replicas_max_lag_s: u32,
    /// What an error in the stream does.
    propagation_error_behavior: PropagationErrorBehavior,
    /// Valkey's full synchronization over a second connection.
    dual_channel_replication_enabled: bool,

    // Cluster.
    /// Run as a node of a cluster.
    cluster_enabled: bool,
    /// File that keeps the node's view.
    cluster_config_file: String,
    /// Port of the bus; 0 is `port` + 10000.
    cluster_port: u16,
    /// Milliseconds after which a silent node counts as failing.
    cluster_node_timeout_ms: u64,
    /// Milliseconds between pings, for tests; 0 for the usual.
    cluster_ping_interval_ms: u64,
    /// Replicas that a primary keeps when one migrates.
    cluster_migration_barrier: u32,
    /// How long after its primary's silence a replica may still stand.
    cluster_replica_validity_factor: u32,
    /// Refuse queries while a slot is uncovered.
    cluster_require_full_coverage: bool,
    /// A replica never stands for election.
    cluster_replica_no_failover: bool,
    /// Replicas move to primaries without one.
    cluster_allow_replica_migration: bool,
    /// Answer reads while the cluster is down.
    cluster_allow_reads_when_down: bool,
    /// Allow shard messages while the cluster is down.
    cluster_allow_pubsubshard_when_down: bool,
    /// Most bytes waiting on a bus link; 0 for no limit.
    cluster_link_sendbuf_limit: u64,
    /// Address announced to other nodes.
    cluster_announce_ip: String,
    /// IPv4 address announced to clients.
    cluster_announce_client_ipv4: String,
    /// IPv6 address announced to clients.
    cluster_announce_client_ipv6: String,
    /// Host name announced.
    cluster_announce_hostname: String,
    /// Name for humans announced.
    cluster_announce_human_nodename: String,
    /// Port announced; 0 for `port`.
    cluster_announce_port: u16,
    /// TLS port announced; 0 for `tls-port`.
    cluster_announce_tls_port: u16,
    /// Port of the bus announced; 0 for the real one.
    cluster_announce_bus_port: u16,
    /// How this node names itself to clients.
    cluster_preferred_endpoint_type: ClusterEndpointType,
    /// Keep statistics by slot.
    cluster_slot_stats_enabled: bool,
    /// Seconds for which a forgotten node is not taken in again.
    cluster_blacklist_ttl_s: u64,

    // TLS.
    /// TLS port; 0 listens on none.
    tls_port: u16,
    /// TLS on the bus.
    tls_cluster: bool,
    /// TLS to the primary.
    tls_replication: bool,
    /// Whether clients must show a certificate.
    tls_auth_clients: TlsAuthClients,
    /// The server chooses the cipher.
    tls_prefer_server_ciphers: bool,
    /// Sessions may be resumed.
    tls_session_caching: bool,
    /// Sessions kept.
    tls_session_cache_size: u32,
    /// Seconds for which a session is kept.
    tls_session_cache_timeout_s: u32,
    /// Certificate of the server.
    tls_cert_file: String,
    /// Its key.
    tls_key_file: String,
    /// Password of the key.
    tls_key_file_pass: Vec<u8>,
    /// Certificate for outgoing connections.
    tls_client_cert_file: String,
    /// Its key.
    tls_client_key_file: String,
    /// Password of the key.
    tls_client_key_file_pass: Vec<u8>,
    /// Parameters for old key exchanges.
    tls_dh_params_file: String,
    /// Authorities that clients' certificates are checked against.
    tls_ca_cert_file: String,
    /// Folder of such authorities.
    tls_ca_cert_dir: String,
    /// Versions of the protocol.
    tls_protocols: String,
    /// Ciphers up to TLS 1.2.
    tls_ciphers: String,
    /// Cipher suites of TLS 1.3.
    tls_ciphersuites: String,

    // Users.
    /// File of users; empty for none.
    aclfile: String,
    /// Entries kept by ACL LOG.
    acllog_max_len: u64,
    /// Channels of a new user.
    acl_pubsub_default: AclPubsubDefault,

    // Directives that only a file or the command line has.
    /// `rename-command`: old name, new name (empty removes the command), and where it stood.
    renamed_commands: Vec<(String, String, Place)>,
    /// `user`: its arguments, and where it stood.
    users: Vec<(Vec<Vec<u8>>, Place)>,
    /// `loadmodule`: its arguments.
    loaded_modules: Vec<Vec<Vec<u8>>>,
    /// Directives of modules, named `module.directive`: name and value.
    module_directives: Vec<(String, Vec<u8>)>,
    /// The file that was loaded, absolute: what CONFIG REWRITE rewrites.
    config_file: Option<PathBuf>,
    /// Lines that loading wants in the log at level warning.
    load_notes: Vec<String>,
    /// A file has set `save`, so that further lines add to it instead of replacing the default.
    save_is_set: bool,
}

impl Config {
    /// The limit of one class of client.
    pub fn output_buffer_limit(&self, class: super::special::ClientClass) -> OutputBufferLimit {
        self.client_output_buffer_limit[class as usize]
    }
}
