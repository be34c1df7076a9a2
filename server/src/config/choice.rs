//! The directives whose value is a name out of a list: one enum each, with the names and their codes.
//!
//! A code is only the bridge between the table and the typed field; nothing stores or sends it.

/// Declares an enum whose variants have names in the configuration; the first name is the one printed.
macro_rules! choices {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $($name:literal)|+),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub enum $type {
            #[default]
            $($(#[$variant_doc])* $variant),+
        }

        impl $type {
            /// Names as the configuration writes them, with their codes.
            pub const NAMES: &'static [(&'static str, i64)] = &[$($(($name, $type::$variant as i64)),+),+];

            /// The code of this variant.
            pub const fn code(self) -> i64 {
                self as i64
            }

            /// The variant of a code; codes come from `NAMES` alone.
            pub fn from_code(code: i64) -> $type {
                $(if code == $type::$variant as i64 {
                    return $type::$variant;
                })+
                unreachable!("codes come from NAMES")
            }

            /// The name that CONFIG GET and INFO print.
            pub fn name(self) -> &'static str {
                let found = $type::NAMES.iter().find(|(_, code)| *code == self.code());
                found.expect("each variant has a name").0
            }
        }
    };
}

choices! {
    /// `maxmemory-policy`: what is evicted when `maxmemory` is reached.
    MaxmemoryPolicy {
        /// Least recently used among keys with a TTL.
        VolatileLru = "volatile-lru",
        /// Least frequently used among keys with a TTL.
        VolatileLfu = "volatile-lfu",
        /// Any key with a TTL.
        VolatileRandom = "volatile-random",
        /// The key that expires soonest.
        VolatileTtl = "volatile-ttl",
        /// Least recently used among all keys.
        AllkeysLru = "allkeys-lru",
        /// Least frequently used among all keys.
        AllkeysLfu = "allkeys-lfu",
        /// Any key.
        AllkeysRandom = "allkeys-random",
        /// Nothing: writes that need memory fail.
        Noeviction = "noeviction",
    }
}

impl MaxmemoryPolicy {
    /// Only keys with a TTL are candidates.
    pub fn is_volatile(self) -> bool {
        use MaxmemoryPolicy::*;
        matches!(self, VolatileLru | VolatileLfu | VolatileRandom | VolatileTtl)
    }

    /// Picks by the access counter.
    pub fn is_lfu(self) -> bool {
        matches!(self, MaxmemoryPolicy::VolatileLfu | MaxmemoryPolicy::AllkeysLfu)
    }

    /// Picks by the time of the last access.
    pub fn is_lru(self) -> bool {
        matches!(self, MaxmemoryPolicy::VolatileLru | MaxmemoryPolicy::AllkeysLru)
    }
}

choices! {
    /// `syslog-facility`.
    SyslogFacility {
        /// Generic user messages.
        User = "user",
        /// Local use 0.
        Local0 = "local0",
        /// Local use 1.
        Local1 = "local1",
        /// Local use 2.
        Local2 = "local2",
        /// Local use 3.
        Local3 = "local3",
        /// Local use 4.
        Local4 = "local4",
        /// Local use 5.
        Local5 = "local5",
        /// Local use 6.
        Local6 = "local6",
        /// Local use 7.
        Local7 = "local7",
    }
}

choices! {
    /// `loglevel`, from the most to the least talkative.
    LogLevel {
        /// Everything, for development.
        Debug = "debug",
        /// Rarely useful detail.
        Verbose = "verbose",
        /// What an operator wants in production.
        Notice = "notice",
        /// Only what is wrong.
        Warning = "warning",
        /// Nothing at all.
        Nothing = "nothing",
    }
}

choices! {
    /// `supervised`: who is told that the server is ready.
    Supervised {
        /// Upstart, by stopping with SIGSTOP.
        Upstart = "upstart",
        /// systemd, by its notification socket.
        Systemd = "systemd",
        /// Whichever the environment names.
        Auto = "auto",
        /// Nobody.
        No = "no",
    }
}

choices! {
    /// `appendfsync`: when the append-only file is forced to disk.
    AppendFsync {
        /// Once a second.
        Everysec = "everysec",
        /// Before each reply.
        Always = "always",
        /// When the operating system pleases.
        No = "no",
    }
}

choices! {
    /// `repl-diskless-load`: how a replica reads a full synchronization.
    ReplDisklessLoad {
        /// From a file.
        Disabled = "disabled",
        /// From the socket when its own dataset is empty.
        OnEmptyDb = "on-empty-db",
        /// From the socket beside the old dataset.
        Swapdb = "swapdb",
    }
}

choices! {
    /// `tls-auth-clients`: whether clients must show a certificate.
    TlsAuthClients {
        /// Not asked for.
        No = "no",
        /// Required.
        Yes = "yes",
        /// Checked when shown.
        Optional = "optional",
    }
}

choices! {
    /// `oom-score-adj`: whether the kernel's out-of-memory score is adjusted.
    OomScoreAdj {
        /// Left alone.
        No = "no",
        /// By values relative to the score at start.
        Relative = "yes" | "relative",
        /// By absolute values.
        Absolute = "absolute",
    }
}

choices! {
    /// `acl-pubsub-default`: the channels of a new user.
    AclPubsubDefault {
        /// Every channel.
        Allchannels = "allchannels",
        /// No channel.
        Resetchannels = "resetchannels",
    }
}

choices! {
    /// `sanitize-dump-payload`: when the payload of RESTORE is checked deeply.
    SanitizeDumpPayload {
        /// Never.
        No = "no",
        /// Always.
        Yes = "yes",
        /// When it comes from a client.
        Clients = "clients",
    }
}

choices! {
    /// Who may use a dangerous command or directive.
    ProtectedAction {
        /// Nobody.
        No = "no",
        /// Everybody.
        Yes = "yes",
        /// Local connections.
        Local = "local",
    }
}

impl ProtectedAction {
    /// Whether a connection may, given that it is local or not.
    pub fn allows(self, connection_is_local: bool) -> bool {
        self == ProtectedAction::Yes || (self == ProtectedAction::Local && connection_is_local)
    }
}

choices! {
    /// `cluster-preferred-endpoint-type`: how a node names itself to clients.
    ClusterEndpointType {
        /// By address.
        Ip = "ip",
        /// By host name.
        Hostname = "hostname",
        /// Not at all: clients keep the address that they used.
        UnknownEndpoint = "unknown-endpoint",
    }
}

choices! {
    /// `propagation-error-behavior`: what an error in the replication stream does.
    PropagationErrorBehavior {
        /// It is logged.
        Ignore = "ignore",
        /// The server stops.
        Panic = "panic",
        /// A replica stops.
        PanicOnReplicas = "panic-on-replicas",
    }
}

choices! {
    /// `log-format`.
    LogFormat {
        /// Redis' own line.
        Legacy = "legacy",
        /// `key=value` pairs.
        Logfmt = "logfmt",
    }
}

choices! {
    /// `log-timestamp-format`.
    LogTimestampFormat {
        /// Redis' own, in local time.
        Legacy = "legacy",
        /// ISO 8601 with the offset of the time zone.
        Iso8601 = "iso8601",
        /// Milliseconds since the epoch.
        Milliseconds = "milliseconds",
    }
}

bitflags::bitflags! {
    /// What a signal to stop asks for beside stopping.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct ShutdownOnSignal: u8 {
        /// Save even without save points.
        const SAVE = 1;
        /// Do not save.
        const NOSAVE = 2;
        /// Do not wait for replicas.
        const NOW = 4;
        /// Ignore errors.
        const FORCE = 8;
    }
}

impl ShutdownOnSignal {
    /// No wish: save when there are save points.
    pub const DEFAULT: ShutdownOnSignal = ShutdownOnSignal::empty();

    /// Names as the configuration writes them, with their codes.
    pub const NAMES: &'static [(&'static str, i64)] =
        &[("default", 0), ("save", 1), ("nosave", 2), ("now", 4), ("force", 8)];

    /// The bits as a code.
    pub const fn code(self) -> i64 {
        self.bits() as i64
    }

    /// The set of a code; codes come from `NAMES` alone.
    pub fn from_code(code: i64) -> ShutdownOnSignal {
        ShutdownOnSignal::from_bits_truncate(code as u8)
    }
}
