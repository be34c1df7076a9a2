//! The process: daemon, logging, title, folders, periodic work, shutdown, protection.

use crate::config::Changed;
use crate::config::directive::{Directive, Phase, Traits, Verdict, choice, flag, number, special, string};
use crate::config::special::title_is_valid;

const INT_MAX: i128 = i32::MAX as i128;

pub(super) const ROWS: &[Directive] = &[
    flag!("daemonize", daemonize, false).immutable(),
    choice!("supervised", supervised, Supervised, No).immutable(),
    string!("pidfile", pidfile).immutable(),
    choice!("loglevel", loglevel, LogLevel, Notice).then(Changed::LogLevel),
    string!("logfile", logfile, "").immutable(),
    choice!("log-format", log_format, LogFormat, Legacy).then(Changed::LogFormat),
    choice!("log-timestamp-format", log_timestamp_format, LogTimestampFormat, Legacy)
        .then(Changed::LogFormat),
    flag!("syslog-enabled", syslog_enabled, false).immutable(),
    string!("syslog-ident", syslog_ident, "redis").immutable(),
    choice!("syslog-facility", syslog_facility, SyslogFacility, Local0).immutable(),
    flag!("hide-user-data-from-log", hide_user_data_from_log, true),
    flag!("crash-log-enabled", crash_log_enabled, true).then(Changed::CrashLog),
    flag!("crash-memcheck-enabled", crash_memcheck_enabled, true).is(Traits::INERT),
    flag!("use-exit-on-panic", use_exit_on_panic, false).is(Traits::HIDDEN).then(Changed::CrashLog),
    number!("watchdog-period", watchdog_period_ms, 0, INT_MAX, 0).is(Traits::HIDDEN).then(Changed::Watchdog),
    flag!("always-show-logo", always_show_logo, false).immutable(),
    flag!("set-proc-title", set_proc_title, true).immutable(),
    string!("proc-title-template", proc_title_template, "{title} {listen-addr} {server-mode}")
        .check(valid_title)
        .then(Changed::ProcTitle),
    string!("locale-collate", locale_collate, "").then(Changed::LocaleCollate),
    number!("databases", databases, 1, INT_MAX, 16).immutable(),
    special!("dir", dir).is(Traits::PROTECTED.union(Traits::DENY_LOADING)),
    number!("hz", hz, 0, INT_MAX, 10).then(Changed::Hz),
    flag!("dynamic-hz", dynamic_hz, true),
    string!("server_cpulist", server_cpulist).alias("server-cpulist").immutable(),
    string!("bio_cpulist", bio_cpulist).alias("bio-cpulist").immutable(),
    string!("aof_rewrite_cpulist", aof_rewrite_cpulist).alias("aof-rewrite-cpulist").immutable(),
    string!("bgsave_cpulist", bgsave_cpulist).alias("bgsave-cpulist").immutable(),
    string!("ignore-warnings", ignore_warnings, ""),
    number!("shutdown-timeout", shutdown_timeout_s, 0, INT_MAX, 10),
    choice!("shutdown-on-sigint", shutdown_on_sigint, ShutdownOnSignal, DEFAULT).is(Traits::MULTI),
    choice!("shutdown-on-sigterm", shutdown_on_sigterm, ShutdownOnSignal, DEFAULT).is(Traits::MULTI),
    choice!("enable-protected-configs", enable_protected_configs, ProtectedAction, No).immutable(),
    choice!("enable-debug-command", enable_debug_command, ProtectedAction, No).immutable(),
    choice!("enable-module-command", enable_module_command, ProtectedAction, No).immutable(),
    flag!("enable-debug-assert", enable_debug_assert, false)
        .immutable()
        .is(Traits::HIDDEN.union(Traits::INERT)),
    string!("debug-context", debug_context, "").is(Traits::HIDDEN.union(Traits::DEBUG)),
    flag!("extended-redis-compatibility", extended_redis_compatibility, false).is(Traits::INERT),
    string!("availability-zone", availability_zone, ""),
];

fn valid_title(value: &[u8], _: Phase) -> Verdict {
    if title_is_valid(value) {
        return Ok(());
    }
    Err("template format is invalid or contains unknown variables".into())
}
