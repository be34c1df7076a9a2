//! What the process says about itself: version, help, the first lines of the log.

use crate::config::{Config, LogLevel};
use crate::log::Log;
use crate::version::{REDIS_VERSION, RUFOUS_VERSION};
use std::ffi::OsString;
use std::io::IsTerminal;

/// The answer to `--version`, in the form that harnesses take apart.
pub fn version_line() -> String {
    format!(
        "Redis server v={REDIS_VERSION} sha=00000000:0 malloc=jemalloc-5.3.0 bits={} build={:x} rufous={RUFOUS_VERSION}",
        usize::BITS,
        build_id()
    )
}

/// A number that differs between versions (FNV-1a of both).
fn build_id() -> u64 {
    let versions = REDIS_VERSION.bytes().chain(RUFOUS_VERSION.bytes());
    versions.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The answer to `--help`.
pub fn help() -> &'static str {
    "Usage: rufous-server [FILE] [--DIRECTIVE VALUE...]... [-]

Serves the Redis protocol. FILE holds directives as redis.conf does; directives on the command line come after
it and win; a lone '-' as first or last argument reads more of them from standard input.

  -v, --version               print the version and exit
  -h, --help                  print this and exit
  --test-memory MEGABYTES     test this much memory and exit
  --check-system              look for known problems of this system and exit

Examples:
  rufous-server                                          all defaults, port 6379
  rufous-server /etc/redis/redis.conf --loglevel verbose
  rufous-server --port 7777 --save '' --maxmemory 1gb
  echo 'maxmemory 128mb' | rufous-server -
"
}

/// The lines before the configuration takes effect.
pub(super) fn starting(log: &Log, arguments: &[OsString]) {
    log.notice("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo");
    log.notice(format_args!(
        "Redis version={REDIS_VERSION}, bits={}, commit=00000000, modified=0, pid={}, just started",
        usize::BITS,
        std::process::id()
    ));
    match arguments {
        [program] => log.warning(format_args!(
            "Warning: no config file specified, using the default config. In order to specify a config file use {} \
             /path/to/redis.conf",
            program.to_string_lossy()
        )),
        _ => log.notice("Configuration loaded"),
    }
}

/// The logo on a terminal, one line elsewhere.
pub(super) fn running(config: &Config, log: &Log) {
    let mode = if config.cluster_enabled { "cluster" } else { "standalone" };
    let port = if config.port != 0 { config.port } else { config.tls_port };
    let on_terminal = !config.syslog_enabled && config.logfile.is_empty() && std::io::stdout().is_terminal();
    if on_terminal || config.always_show_logo {
        log.raw(LogLevel::Notice, &logo(mode, port));
    } else {
        log.notice(format_args!("Running mode={mode}, port={port}."));
    }
}

/// Log readers look for the words before the values.
fn logo(mode: &str, port: u16) -> String {
    let pid = std::process::id();
    format!(
        r"
                     ___
    ________________/ o \__
   '---------------.      /       Rufous {RUFOUS_VERSION} serving Redis {REDIS_VERSION}, {bits} bit
                    \    |
              ____---'   |        Running in {mode} mode
          _--'  _/ /     /        Port: {port}
        <______/  /    _/         PID: {pid}
              ___/ __-'
           _-'_--''
          /_-'

",
        bits = usize::BITS
    )
}

/// The server's structures exist; harnesses wait for this line.
pub fn initialized(log: &Log) {
    log.notice("Server initialized");
}

/// The server accepts connections of this kind (`tcp`, `unix`, `tls`); harnesses wait for this line.
pub fn ready(log: &Log, kind: &str) {
    log.notice(format_args!("Ready to accept connections {kind}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_where_harnesses_look_for_it() {
        let line = version_line();
        assert!(line.starts_with(&format!("Redis server v={REDIS_VERSION} sha=")), "{line}");
        assert!(
            line.contains(" bits=64 build=") && line.ends_with(&format!(" rufous={RUFOUS_VERSION}")),
            "{line}"
        );
    }

    #[test]
    fn the_logo_names_what_harnesses_look_for() {
        let logo = logo("standalone", 1234);
        let pid = format!(" PID: {}\n", std::process::id());
        assert!(
            logo.contains(&pid) && logo.contains(" Port: 1234\n") && logo.contains("in standalone mode\n")
        );
    }
}
