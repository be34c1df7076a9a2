//! INFO server: version, process, uptime, listeners.

use super::{Page, View};
use crate::config::{Config, Supervised};
use crate::version::{REDIS_VERSION, RUFOUS_VERSION};
use rufous_storage::evict;

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

pub(super) fn write(page: &mut Page, view: &View<'_>) {
    let state = view.state;
    let config = &state.config;
    let uptime_s = (state.clock.now_ms() - state.started_ms) / 1000;
    page.field("redis_version", REDIS_VERSION);
    page.field("rufous_version", RUFOUS_VERSION);
    page.field("redis_git_sha1", "00000000");
    page.field("redis_git_dirty", 0);
    page.field("redis_build_id", "0");
    page.field("redis_mode", if config.cluster_enabled { "cluster" } else { "standalone" });
    write_system(page);
    page.field("arch_bits", usize::BITS);
    page.field("monotonic_clock", "POSIX clock_gettime");
    page.field("multiplexing_api", "epoll");
    page.field("atomicvar_api", "rust");
    page.field("gcc_version", "0.0.0");
    page.field("process_id", std::process::id());
    let supervised = match state.process.as_ref().map(|process| process.supervised) {
        Some(Supervised::Upstart) => "upstart",
        Some(Supervised::Systemd) => "systemd",
        _ => "no",
    };
    page.field("process_supervised", supervised);
    page.field("run_id", &state.run_id);
    page.field("tcp_port", config.port);
    page.field("server_time_usec", state.clock.now_us());
    page.field("uptime_in_seconds", uptime_s);
    page.field("uptime_in_days", uptime_s / SECONDS_PER_DAY);
    page.field("hz", state.hz);
    page.field("configured_hz", config.hz);
    page.field("lru_clock", evict::lru_bits(state.clock.now_ms()));
    let executable = std::env::current_exe().unwrap_or_default();
    page.field("executable", executable.display());
    page.field("config_file", config.config_file.clone().unwrap_or_default().display());
    page.field("io_threads_active", 0);
    write_listeners(page, config);
}

fn write_system(page: &mut Page) {
    let system = rustix::system::uname();
    let parts = [system.sysname(), system.release(), system.machine()];
    let parts: Vec<_> = parts.iter().map(|part| part.to_string_lossy()).collect();
    page.field("os", parts.join(" "));
}

fn write_listeners(page: &mut Page, config: &Config) {
    if config.port != 0 {
        let addresses: String = config.bind.iter().map(|address| format!(",bind={address}")).collect();
        page.field("listener0", format_args!("name=tcp{addresses},port={}", config.port));
    }
    if !config.unixsocket.is_empty() {
        page.field("listener1", format_args!("name=unix,bind={}", config.unixsocket));
    }
}
