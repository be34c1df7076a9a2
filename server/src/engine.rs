//! The engine: everything that one server is, as one value owned by the command loop.
//!
//! It is split once, so that a command can hold both halves: [`Store`] is the keys and what touching them sets off,
//! [`State`] is everything else. There are no statics: several engines live in one process.

use crate::blocking::{self, Blocking};
use crate::boot::Process;
use crate::client::eviction::ClientMemory;
use crate::client::registry::Registry;
use crate::client::{Client, Peer};
use crate::clock::Clock;
use crate::command::table::{CommandTable, RenameFailure};
use crate::commands::debug::Switches;
use crate::config::Config;
use crate::crash::Running;
use crate::cron::Progress;
use crate::eviction::Eviction;
use crate::latency::Latency;
use crate::lazyfree::LazyFree;
use crate::log::Log;
use crate::net::listeners::Listeners;
use crate::notify::Class;
use crate::pause::Pause;
use crate::persistence::{self, Persistence};
use crate::pubsub::PubSub;
use crate::shutdown::Shutdown;
use crate::slowlog::CommandLogs;
use crate::stats::{BufferPeaks, Stats};
use crate::store::{AccessMarks, Store};
use crate::tracking::Tracking;
use crate::transaction::Watchers;
use bitflags::bitflags;
use rufous_persistence::lzf::Compressor;
use rufous_protocol::number::write_f64;
use rufous_storage::evict::Lfu;
use rufous_storage::types::{Limits, ScoreText};
use rufous_storage::{Keyspace, Random};

bitflags! {
    /// Why no command of the engine may take the fast path.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct EngineSpecial: u32 {
        /// `maxmemory` is set.
        const MAXMEMORY = 1 << 0;
        /// CLIENT PAUSE is in force.
        const PAUSED = 1 << 1;
        /// The data set is being loaded.
        const LOADING = 1 << 2;
        /// More keys are tracked than `tracking-table-max-keys`.
        const TRACKING_OVERFULL = 1 << 3;
        /// What is written may not get to the disk, and is refused.
        const DISK_ERROR = 1 << 4;
    }
}

/// See the file head.
pub struct Engine {
    /// The keys.
    pub store: Store,
    /// Everything else.
    pub state: State,
}

/// Everything of an engine that is not keys.
pub struct State {
    /// Directives.
    pub config: Config,
    /// Where log lines go.
    pub log: Log,
    /// The one source of time.
    pub clock: Clock,
    /// Commands and their statistics.
    pub commands: CommandTable,
    /// Connected clients.
    pub clients: Registry,
    /// The request that runs, for the report of a crash.
    pub running: Running,
    /// `maxmemory-clients`.
    pub client_memory: ClientMemory,
    /// Reasons to leave the fast path.
    pub special: EngineSpecial,
    /// Counters of INFO.
    pub stats: Stats,
    /// Channels and patterns.
    pub pubsub: PubSub,
    /// Who watches which key.
    pub watchers: Watchers,
    /// Who may have cached which key.
    pub tracking: Tracking,
    /// Slow log and its siblings.
    pub command_logs: CommandLogs,
    /// Latency monitor.
    pub latency: Latency,
    /// Tokens of MONITOR clients.
    pub monitors: Vec<usize>,
    /// What DEBUG switched.
    pub switches: Switches,
    /// What DUMP compresses with.
    pub compressor: Compressor,
    /// CLIENT PAUSE.
    pub pause: Pause,
    /// Who waits inside a command.
    pub blocking: Blocking,
    /// Set by SHUTDOWN or a signal; the loop acts on it.
    pub shutdown: Shutdown,
    /// Snapshots and loading.
    pub persistence: Persistence,
    /// `maxmemory`.
    pub eviction: Eviction,
    /// How far the periodic work came.
    pub cron: Progress,
    /// The largest buffers of clients, of late.
    pub peaks: BufferPeaks,
    /// Turns of the periodic work per second: `hz`, or more with many clients.
    pub hz: u32,
    /// `used_memory` of the empty server.
    pub startup_bytes: u64,
    /// 40 hexadecimal digits, new at every start.
    pub run_id: String,
    /// The same for the history of writes.
    pub replication_id: String,
    /// Unix time in milliseconds of the start.
    pub started_ms: i64,
    /// The sockets that are listened on.
    pub listeners: Listeners,
    /// What of the process the server may change; `None` for a server inside another program.
    pub process: Option<Process>,
    /// The TCP port really bound (the configured one may be 0).
    pub port: u16,
}

impl Engine {
    /// An empty engine.
    pub fn new(config: Config, log: Log, mut clock: Clock, seed: u64) -> Result<Engine, RenameFailure> {
        let mut random = Random::new(seed);
        let mut id = || String::from_utf8_lossy(&random.hex::<40>()).into_owned();
        let (run_id, replication_id) = (id(), id());
        let key_seed = random.next_u64();
        clock.refresh();
        let started_ms = clock.now_ms();
        let mut engine = Engine {
            store: Store {
                keyspace: Keyspace::new(config.databases as usize, key_seed),
                effects: Default::default(),
                stats: Default::default(),
                dirty: 0,
                marks: AccessMarks::default(),
                limits: Limits::default(),
                random,
                lazyfree: LazyFree::new(),
                active_expire: true,
                expire_paused: false,
                fresh_mark: 0,
            },
            state: State {
                commands: CommandTable::new(&config)?,
                clients: Registry::default(),
                running: Running::default(),
                client_memory: ClientMemory::default(),
                special: EngineSpecial::empty(),
                stats: Stats::default(),
                pubsub: PubSub::default(),
                watchers: Watchers::default(),
                tracking: Tracking::default(),
                command_logs: CommandLogs::default(),
                latency: Latency::default(),
                monitors: Vec::new(),
                switches: Switches::default(),
                compressor: Compressor::default(),
                pause: Pause::default(),
                blocking: Blocking::default(),
                shutdown: Shutdown::Running,
                persistence: Persistence::new(started_ms / 1000),
                eviction: Eviction::default(),
                cron: Progress::default(),
                peaks: BufferPeaks::default(),
                hz: config.hz,
                startup_bytes: 0,
                run_id,
                replication_id,
                started_ms,
                listeners: Listeners::default(),
                process: None,
                port: 0,
                config,
                log,
                clock,
            },
        };
        engine.apply_config();
        Ok(engine)
    }

    /// Copies what the hot paths read from the configuration to where they read it. Called at start and after every
    /// CONFIG SET.
    pub fn apply_config(&mut self) {
        apply_config(&mut self.store, &mut self.state);
    }
}

/// See [`Engine::apply_config`]; takes the halves apart for callers inside a command.
pub fn apply_config(store: &mut Store, state: &mut State) {
    let config = &state.config;
    state.special.set(EngineSpecial::MAXMEMORY, config.maxmemory > 0);
    state.client_memory.configure(config, state.clients.iter_mut());
    state.latency.threshold_ns = config.latency_threshold_us().saturating_mul(1000);
    state.persistence.aof.set_latency_threshold(config);
    store.marks = AccessMarks {
        lfu: config
            .maxmemory_policy
            .is_lfu()
            .then_some(Lfu { decay_minutes: config.lfu_decay_time_m, log_factor: config.lfu_log_factor }),
    };
    store.limits = limits(config, state.switches.list_plain_bytes);
    store.follow_clock(state.clock.now_ms());
    store.effects.writes.unlinks_expired = config.lazyfree_lazy_expire;
    store.effects.set_classes(Class::from_bits_truncate(config.notify_keyspace_events));
    state.command_logs.configure(config);
    crate::tracking::refresh_overfull(state);
    persistence::refresh_special(state);
}

fn limits(config: &Config, list_plain_bytes: usize) -> Limits {
    let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    Limits {
        hash_entries: size(config.hash_max_listpack_entries),
        hash_value: size(config.hash_max_listpack_value),
        set_intset_entries: size(config.set_max_intset_entries),
        set_listpack_entries: size(config.set_max_listpack_entries),
        set_listpack_value: size(config.set_max_listpack_value),
        zset_entries: size(config.zset_max_listpack_entries),
        zset_value: size(config.zset_max_listpack_value),
        score_text: ScoreText(write_f64),
        list_size: config.list_max_listpack_size,
        list_plain_bytes,
        stream_bytes: size(config.stream_node_max_bytes),
        stream_entries: size(config.stream_node_max_entries),
    }
}

impl State {
    /// May `client` call a protected command (DEBUG, MODULE)?
    pub fn allows_protected(&self, command: &str, client: &Client) -> bool {
        let setting = if command == "debug" {
            self.config.enable_debug_command
        } else {
            self.config.enable_module_command
        };
        setting.allows(client.is_local())
    }

    /// Puts a client back into the registry after its requests ran, or something was added to its output.
    pub fn put_back(&mut self, mut peer: Box<Peer>) {
        if !peer.out.is_empty() || peer.client.closing.is_some() {
            self.clients.mark_dirty_taken(&mut peer.client);
        }
        self.client_memory.count(&mut peer.client, &peer.out);
        self.clients.put_back(peer);
    }

    /// Logs that a browser was talked into connecting; at most once a minute.
    #[cold]
    pub fn warn_of_cross_protocol_attack(&mut self, client: &Client) {
        let now = self.clock.now_ms();
        if now - self.stats.cross_protocol_warned_ms < 60_000 {
            return;
        }
        self.stats.cross_protocol_warned_ms = now;
        self.log.warning(format_args!(
            "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. \
             This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis \
             instance. Connection from {} aborted.",
            client.address
        ));
    }
}

impl Engine {
    /// Unties a client that is gone from everything that knows it.
    pub fn forget(&mut self, mut peer: Peer) {
        let client = &mut peer.client;
        blocking::release(&mut self.state, &mut self.store.effects, client);
        self.state.client_memory.forget(client);
        self.state.watchers.unwatch(client, &mut self.store.effects);
        self.state.pubsub.forget(client);
        crate::tracking::disable(&mut self.state, &mut self.store.effects, client);
        self.state.monitors.retain(|&token| token != client.token);
    }
}
