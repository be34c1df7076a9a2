//! The server about itself: COMMAND, CONFIG, and the small ones.

use super::Family;
use super::draw::Draw;
use super::script::{Command, Compare, Step};
use crate::command;

/// COMMAND and its subcommands.
pub const COMMANDS: Family = Family { name: "commands", steps: command_steps, fresh_servers: false };
/// CONFIG GET and SET.
pub const CONFIGURATION: Family = Family { name: "configuration", steps: config_steps, fresh_servers: true };

/// Directives that random values may be set to without cutting the test off from the server or the disk.
const DIRECTIVES: &str = "
    active-defrag-cycle-max active-defrag-cycle-min active-defrag-ignore-bytes active-expire-effort activerehashing
    acl-pubsub-default aof-load-truncated aof-rewrite-incremental-fsync aof-timestamp-enabled
    aof-use-rdb-preamble appendfsync auto-aof-rewrite-min-size auto-aof-rewrite-percentage busy-reply-threshold
    cluster-allow-reads-when-down cluster-migration-barrier cluster-node-timeout cluster-replica-validity-factor
    crash-log-enabled crash-memcheck-enabled dynamic-hz hash-max-listpack-entries hash-max-listpack-value
    hash-max-ziplist-entries hll-sparse-max-bytes hz jemalloc-bg-thread latency-monitor-threshold latency-tracking
    lazyfree-lazy-eviction lazyfree-lazy-expire lazyfree-lazy-server-del lazyfree-lazy-user-del
    lazyfree-lazy-user-flush lfu-decay-time lfu-log-factor list-compress-depth list-max-listpack-size loglevel
    lua-time-limit maxmemory-clients maxmemory-eviction-tenacity maxmemory-samples min-replicas-max-lag
    no-appendfsync-on-rewrite notify-keyspace-events oom-score-adj-values proc-title-template
    propagation-error-behavior rdb-del-sync-files rdb-save-incremental-fsync rdbcompression repl-backlog-size
    repl-backlog-ttl repl-disable-tcp-nodelay repl-diskless-load repl-diskless-sync repl-diskless-sync-delay
    repl-ping-replica-period repl-timeout replica-announced replica-ignore-maxmemory replica-lazy-flush
    replica-priority replica-serve-stale-data sanitize-dump-payload set-max-intset-entries shutdown-timeout
    slave-priority slowlog-log-slower-than slowlog-max-len slow-nothing stop-writes-on-bgsave-error
    stream-node-max-bytes stream-node-max-entries tcp-keepalive timeout-none tracking-table-max-keys
    zset-max-listpack-entries zset-max-ziplist-value maxmemory-policy client-output-buffer-limit
    latency-tracking-info-percentiles cluster-announce-ip daemonize databases io-threads rdbchecksum appendfilename
";

const VALUES: [&str; 60] = [
    "0",
    "1",
    "-1",
    "2",
    "5",
    "10",
    "100",
    "128",
    "1000",
    "16384",
    "4294967296",
    "9223372036854775807",
    "-2",
    "-5",
    "-6",
    "1k",
    "1kb",
    "10mb",
    "1g",
    "1gb",
    "1tb",
    "10%",
    "101%",
    "0%",
    "yes",
    "no",
    "YES",
    "maybe",
    "",
    "abc",
    "1.5",
    "always",
    "everysec",
    "debug",
    "notice",
    "quiet",
    "clear",
    "disabled",
    "on-empty-db",
    "swapdb",
    "noeviction",
    "allkeys-lru",
    "volatile-ttl",
    "KEA",
    "Kx",
    "0 200 800",
    "-1000 0 1000",
    "1 2",
    "2000 1 1",
    "allchannels",
    "resetchannels",
    "normal 0 0 0",
    "pubsub 1mb 2mb 3",
    "replica 1 2",
    "50 99 99.9",
    "101",
    "{title}",
    "{bogus}",
    "0x10",
    "ignore",
];

fn command_steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    let step = match draw.below(10) {
        0 | 1 => Step::new(command!["COMMAND", "INFO", some_command(draw)], Compare::Exact),
        2..=5 => Step::exact(
            [command!["COMMAND", draw.word(&["GETKEYS", "GETKEYSANDFLAGS"])], call(draw)].concat(),
        ),
        6 => {
            let pattern =
                draw.pick(&["get*", "*bit*", "pexpire*", "client*", "no such", "[gs]et", "config|*"]);
            Step::new(command!["COMMAND", "LIST", "FILTERBY", "PATTERN", pattern], Compare::Unordered)
        }
        7 => {
            let filter = draw.word(&["ACLCAT", "MODULE", "PATTERN", "BOGUS"]);
            Step::new(
                command!["COMMAND", "LIST", "FILTERBY", filter, draw.pick(&["nosuch", "", "nosuch2"])],
                Compare::Unordered,
            )
        }
        8 => Step::exact(command!["COMMAND", draw.word(&["COUNTS", "LIST", "GETKEYS", "BOGUS"]), "x"]),
        _ => Step::exact(small(draw)),
    };
    steps.push(step);
}

fn config_steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    let directives: Vec<&str> = DIRECTIVES.split_whitespace().collect();
    let step = match draw.below(8) {
        0..=3 => {
            let mut command = command!["CONFIG", draw.word(&["SET"])];
            for _ in 0..=draw.below(2) {
                command.extend(command![draw.word(&directives), draw.pick(&VALUES)]);
            }
            if draw.one_in(20) {
                command.push(draw.pick(&directives).into());
            }
            Step::exact(command)
        }
        4..=6 => {
            let mut command = command!["CONFIG", draw.word(&["GET"])];
            for _ in 0..=draw.below(2) {
                let glob =
                    draw.pick(&["list-*", "hash*", "*lazy*", "repl*", "slow*", "aof?load*", "no such"]);
                command.push(if draw.one_in(3) { glob.into() } else { draw.word(&directives) });
            }
            Step::new(command, Compare::Pairs)
        }
        _ => Step::exact(command!["CONFIG", draw.word(&["RESETSTAT", "GET", "SET", "REWRITE", "BOGUS"])]),
    };
    steps.push(step);
}

fn some_command(draw: &mut Draw) -> Vec<u8> {
    const NAMES: [&str; 28] = [
        "get",
        "set",
        "mget",
        "del",
        "bitop",
        "copy",
        "expire",
        "append",
        "lcs",
        "getex",
        "setrange",
        "bitfield",
        "ping",
        "multi",
        "publish",
        "spublish",
        "subscribe",
        "rename",
        "object|encoding",
        "select",
        "nosuch",
        "client|nosuch",
        "get|x",
        "bitcount",
        "pfadd",
        "pfcount",
        "pfdebug",
        "pfmerge",
    ];
    draw.word(&NAMES)
}

/// A call whose keys COMMAND GETKEYS finds, or fails to.
fn call(draw: &mut Draw) -> Command {
    match draw.below(13) {
        0 => command!["GET", draw.key()],
        1 => command!["MSET", draw.key(), "v", draw.key(), "w"],
        2 => [command!["DEL"], draw.keys(4)].concat(),
        3 => [command!["BITOP", "AND"], draw.keys(4)].concat(),
        4 => command!["LCS", draw.key(), draw.key(), draw.word(&["LEN", "IDX"])],
        5 => command!["MEMORY", draw.word(&["USAGE", "DOCTOR", "BOGUS"]), draw.key()],
        6 => command!["GETEX", draw.key(), draw.word(&["PERSIST", "EX"])],
        7 => command!["OBJECT", "ENCODING", draw.key()],
        8 => command![draw.word(&["PING", "NOSUCH", "GET", "SET", "TIME"])],
        9 => command!["SET", draw.key(), "v", draw.word(&["GET", "NX", "XX"])],
        10 => command!["BITFIELD", draw.key(), draw.word(&["GET", "SET", "INCRBY"]), "u8", "0", "1"],
        11 => [command![draw.word(&["PFADD", "PFCOUNT", "PFMERGE"])], draw.keys(3)].concat(),
        _ => command!["COPY", draw.key(), draw.key()],
    }
}

fn small(draw: &mut Draw) -> Command {
    match draw.below(8) {
        0 => command!["SLOWLOG", draw.word(&["LEN", "RESET"])],
        1 => command!["SLOWLOG", "GET", draw.pick(&["0", "-1", "-2", "x", "10"])],
        2 => command!["LATENCY", draw.word(&["LATEST", "RESET", "HISTORY", "BOGUS"])],
        3 => command!["LATENCY", "HISTORY", draw.pick(&["command", "nosuch"])],
        4 => command!["MEMORY", draw.word(&["USAGE", "BOGUS"]), draw.pick(&["absent-key", ""])],
        5 => command!["MEMORY", "USAGE", "absent-key", "SAMPLES", draw.pick(&["0", "-1", "x", "5"])],
        6 => command!["LOLWUT", "VERSION", draw.pick(&["x", "5 x"])],
        _ => command!["DEBUG", draw.word(&["BOGUS", "SET-ACTIVE-EXPIRE"]), "x", "y"],
    }
}
