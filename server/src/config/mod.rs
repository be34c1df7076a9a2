//! Configuration: every directive of Redis 7.2 and Valkey as a row in a table, its value in a plain struct.
//!
//! - [`Config`] is a value; nothing here is global. The engine reads its fields.
//! - [`load`] reads file, standard input and command line; [`Config::get`] and [`set`] are CONFIG GET and SET;
//!   [`Config::rewrite`] is CONFIG REWRITE.
//! - To add a directive: a field in `fields.rs`, a row in `table/`, and where a change needs work, a variant of
//!   [`Changed`]. To build a feature that directives wait for: remove `.later(..)` from their rows.
//!
//! Invariant: a value that came through the table is within its bounds.

pub mod choice;
mod directive;
mod fields;
mod load;
mod rewrite;
mod set;
pub mod special;
pub mod table;
pub mod text;

pub use choice::*;
pub use directive::{Directive, Kind, Phase, Problem, Traits, Verdict};
pub use fields::Config;
pub use load::{ConfigError, Invocation, load};
pub use set::{Host, Permissions, SetError, set};
pub use special::{ClientClass, OutputBufferLimit, OutputBufferLimits, Place, ReplicaOf, SavePoint};

use rufous_protocol::glob;
use std::path::{Path, PathBuf};

/// What a server has to do after directives have changed; several directives may ask for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Changed {
    /// Seal increments, or not, from the next one on.
    AofChecksum,
    /// Delete replaced files now.
    AofAutoGc,
    /// Wait for pending writes to disk when the policy became `always`.
    AppendFsync,
    /// Turn the append-only file on or off. Refuse with "Unable to turn on AOF. Check server logs."
    AppendOnly,
    /// Listen on the new addresses. Refuse with "Failed to bind to specified addresses."
    Bind,
    /// Tell other nodes the new address, port or name.
    ClusterAnnounce,
    /// Tell other nodes the new flags of this one.
    ClusterFlags,
    /// Report crashes or do not, and end as the configuration says.
    CrashLog,
    /// Count again the replicas that are close enough.
    GoodReplicas,
    /// Use the new frequency of periodic work.
    Hz,
    /// Start or stop jemalloc's thread.
    JemallocBgThread,
    /// Use the new locale. Refuse with "Invalid locale name".
    LocaleCollate,
    /// Use the new form of log lines.
    LogFormat,
    /// Use the new level of the log.
    LogLevel,
    /// Raise the limit of open files. Refuse with "The operating system is not able to handle the specified
    /// number of clients, try with N".
    MaxClients,
    /// Evict, or stop.
    MaxMemory,
    /// Evict clients, or stop.
    MaxMemoryClients,
    /// Use the new classes of keyspace events.
    NotifyFlags,
    /// Write the score. Refuse with "Failed to set current oom_score_adj. Check server logs."
    OomScoreAdj,
    /// Listen on the new port. Refuse with "Unable to listen on this port. Check server logs."
    Port,
    /// Set the title. Refuse with "failed to set process title".
    ProcTitle,
    /// Resize the replication backlog.
    ReplBacklogSize,
    /// Set the default user's password.
    RequirePass,
    /// Use the new save points.
    SavePoints,
    /// Trim the slow log and its siblings.
    SlowLog,
    /// Load certificates and keys again. Refuse with "Unable to update TLS configuration. Check server logs."
    Tls,
    /// Listen on the new TLS port. Refuse with "Unable to listen on this port. Check server logs."
    TlsPort,
    /// Report, or not, that the command loop stands still.
    Watchdog,
}

/// Smallest replication backlog: less is taken as this.
const BACKLOG_BYTES_MIN: u64 = 16 << 10;

/// Least and greatest frequency of periodic work; anything beyond is taken as the nearer one.
const HZ_BOUNDS: (u32, u32) = (1, 500);

impl Default for Config {
    /// Every directive at its default; `dir` is the working directory of the process.
    fn default() -> Config {
        let mut config = Config::blank();
        for row in table::rows() {
            row.reset(&mut config);
        }
        config
    }
}

impl Config {
    /// The directives that match any of the patterns, by table order, each once, as name and value. A pattern
    /// without glob characters is a name, and the answer repeats it as it was written. Aliases are answered
    /// under their own name.
    pub fn get(&self, patterns: &[&[u8]]) -> Vec<(String, Vec<u8>)> {
        let mut found: Vec<(String, Vec<u8>)> = Vec::new();
        let mut add = |name: &str, row: &Directive| {
            if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                found.push((name.to_owned(), row.get(self)));
            }
        };
        for pattern in patterns {
            if !pattern.iter().any(|byte| matches!(byte, b'[' | b'*' | b'?')) {
                if let Some(row) = table::find(pattern) {
                    add(&String::from_utf8_lossy(pattern), row);
                }
                continue;
            }
            for row in table::rows().filter(|row| !row.traits.contains(Traits::HIDDEN)) {
                // An alias that is only another spelling is not worth a second entry.
                let alias = row.alias.filter(|alias| alias.replace('-', "_") != row.name);
                for name in [Some(row.name), alias].into_iter().flatten() {
                    if glob::matches_nocase(pattern, name.as_bytes()) {
                        add(name, row);
                    }
                }
            }
        }
        found
    }

    /// Microseconds from which on the latency monitor notes what it sees; for ever if it is off.
    pub fn latency_threshold_us(&self) -> u64 {
        match self.latency_monitor_threshold_ms {
            0 => u64::MAX,
            ms => ms.saturating_mul(1000),
        }
    }

    /// What crash reports say of the configuration: name and value.
    pub fn debug_lines(&self) -> impl Iterator<Item = String> {
        let rows = table::rows().filter(|row| row.traits.contains(Traits::DEBUG));
        rows.map(|row| format!("{} {}", row.name, String::from_utf8_lossy(&row.get(self))))
    }

    /// Whether the value of this directive is to be kept out of logs, MONITOR and SLOWLOG.
    pub fn is_sensitive(name: &[u8]) -> bool {
        table::find(name).is_some_and(|row| row.traits.contains(Traits::SENSITIVE))
    }

    /// A path of a directive as seen from `dir`.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.dir.join(Path::new(path))
    }

    /// One line for the log for each directive that differs from its default but has no effect yet.
    pub fn warnings(&self) -> Vec<String> {
        let mut lines = self.warnings_about(table::rows());
        if !self.users.is_empty() {
            lines.push(no_effect("user", "access control lists"));
        }
        if !self.loaded_modules.is_empty() {
            lines.push(no_effect("loadmodule", "modules"));
        }
        lines
    }

    /// The same for some directives by name, after a CONFIG SET of them.
    pub fn warnings_after_set(&self, names: &[&[u8]]) -> Vec<String> {
        self.warnings_about(names.iter().filter_map(|name| table::find(name)))
    }

    fn warnings_about(&self, rows: impl Iterator<Item = &'static Directive>) -> Vec<String> {
        let default = Config::default();
        let waiting = rows.filter(|row| row.is_away_from(self, &default));
        waiting.filter_map(|row| row.later.map(|feature| no_effect(row.name, feature))).collect()
    }

    /// Brings values that depend on others, or are only hints, into line.
    fn settle(&mut self) {
        self.hz = self.hz.clamp(HZ_BOUNDS.0, HZ_BOUNDS.1);
        self.repl_backlog_size = self.repl_backlog_size.max(BACKLOG_BYTES_MIN);
    }
}

fn no_effect(name: &str, feature: &str) -> String {
    format!("WARNING: '{name}' is accepted but has no effect: {feature} is not supported by this version.")
}

impl Directive {
    /// The value differs from the default in a way that asks for something: turning a feature off asks for
    /// nothing where the feature does not exist.
    fn is_away_from(&self, config: &Config, default: &Config) -> bool {
        let value = self.get(config);
        !value.is_empty() && value != self.get(default)
    }
}
