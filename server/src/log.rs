//! The log: `pid:role dd Mon yyyy hh:mm:ss.mmm mark message`, to standard output or a file, and to syslog.
//!
//! A [`Log`] is a cheap handle; clones share level, role and destination, and any thread may write. A line is one
//! write, so lines of several threads do not mix. The file is opened for each line: a log that was renamed away
//! (logrotate) is begun anew without a signal. The time comes from the function that the log was made with.

use crate::config::{Config, LogFormat, LogLevel, LogTimestampFormat, SyslogFacility};
use crate::sys::{self, LocalTime};
use std::fmt::{Display, Write as _};
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// What the process is, as the character after its id says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// `C`: before the server is initialized.
    Starting,
    /// `M`
    Primary,
    /// `S`
    Replica,
}

/// Handle to the log of one server.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    level: AtomicU8,
    role: AtomicU8,
    format: AtomicU8,
    timestamps: AtomicU8,
    destination: Destination,
    syslog: Option<Syslog>,
    /// Microseconds since 1970.
    time: fn() -> u64,
}

enum Destination {
    Stdout,
    File(PathBuf),
    Nowhere,
}

struct Syslog {
    facility: u8,
    ident: String,
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Log {
    /// A log as the configuration describes it, with a source of wall-clock microseconds
    /// ([`crate::clock::wall_us`]).
    pub fn new(config: &Config, time: fn() -> u64) -> Log {
        let destination = match config.logfile.as_str() {
            "" => Destination::Stdout,
            path => Destination::File(config.resolve(path)),
        };
        let syslog = config.syslog_enabled.then(|| Syslog {
            facility: facility_code(config.syslog_facility),
            ident: config.syslog_ident.clone(),
        });
        let log = Log::to(destination, syslog, time);
        log.configure(config);
        log
    }

    /// A log that keeps nothing, for embedding and tests.
    pub fn nowhere() -> Log {
        let log = Log::to(Destination::Nowhere, None, || 0);
        log.shared.level.store(LogLevel::Nothing as u8, Relaxed);
        log
    }

    fn to(destination: Destination, syslog: Option<Syslog>, time: fn() -> u64) -> Log {
        let shared = Shared {
            level: AtomicU8::new(LogLevel::Notice as u8),
            role: AtomicU8::new(Role::Starting as u8),
            format: AtomicU8::new(LogFormat::Legacy as u8),
            timestamps: AtomicU8::new(LogTimestampFormat::Legacy as u8),
            destination,
            syslog,
            time,
        };
        Log { shared: Arc::new(shared) }
    }

    /// Takes level and formats from the configuration, for `Changed::LogLevel` and `Changed::LogFormat`.
    pub fn configure(&self, config: &Config) {
        self.shared.level.store(config.loglevel as u8, Relaxed);
        self.shared.format.store(config.log_format as u8, Relaxed);
        self.shared.timestamps.store(config.log_timestamp_format as u8, Relaxed);
    }

    /// Changes the character after the process id.
    pub fn set_role(&self, role: Role) {
        self.shared.role.store(role as u8, Relaxed);
    }

    /// Whether a line of this level is written: worth asking before building a costly message.
    #[inline]
    pub fn is_on(&self, level: LogLevel) -> bool {
        level as u8 >= self.shared.level.load(Relaxed)
    }

    /// Writes a line. `format_args!` builds the message only if it is wanted.
    pub fn write(&self, level: LogLevel, message: impl Display) {
        if level == LogLevel::Nothing || !self.is_on(level) {
            return;
        }
        let now_us = (self.shared.time)();
        let message = message.to_string();
        self.put(self.shared.line(level, now_us, &message).as_bytes());
        if let Some(syslog) = &self.shared.syslog {
            // Who asked for syslog also has the log itself; a syslog that is away is no reason to stop.
            let _ = syslog.send(level, now_us, &message);
        }
    }

    /// Writes text as it is.
    pub fn raw(&self, level: LogLevel, text: &str) {
        if self.is_on(level) {
            self.put(text.as_bytes());
        }
    }

    /// Writes a line at level debug.
    pub fn debug(&self, message: impl Display) {
        self.write(LogLevel::Debug, message);
    }

    /// Writes a line at level verbose.
    pub fn verbose(&self, message: impl Display) {
        self.write(LogLevel::Verbose, message);
    }

    /// Writes a line at level notice.
    pub fn notice(&self, message: impl Display) {
        self.write(LogLevel::Notice, message);
    }

    /// Writes a line at level warning.
    pub fn warning(&self, message: impl Display) {
        self.write(LogLevel::Warning, message);
    }

    fn put(&self, bytes: &[u8]) {
        // A line that cannot be written has nowhere else to go.
        let _ = match &self.shared.destination {
            Destination::Stdout => put_out(bytes),
            Destination::File(path) => OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .and_then(|mut file| file.write_all(bytes)),
            Destination::Nowhere => Ok(()),
        };
    }
}

/// Writes to standard output without its lock, which a thread that crashed may hold.
fn put_out(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

impl Shared {
    fn line(&self, level: LogLevel, now_us: u64, message: &str) -> String {
        let (role_char, role_name) = match self.role.load(Relaxed) {
            role if role == Role::Starting as u8 => ('C', "RDB/AOF"),
            role if role == Role::Replica as u8 => ('S', "replica"),
            _ => ('M', "primary"),
        };
        let pid = std::process::id();
        let time = timestamp(self.timestamps.load(Relaxed), now_us);
        if self.format.load(Relaxed) != LogFormat::Logfmt as u8 {
            return format!("{pid}:{role_char} {time} {} {message}\n", mark(level));
        }
        let level = if level == LogLevel::Verbose { "info" } else { level.name() };
        // A quote, a line's end or a control byte would end the field.
        let message: String = message
            .chars()
            .map(|c| match c {
                '"' => '\'',
                '\n' | '\r' => ' ',
                c if c.is_control() => '.',
                c => c,
            })
            .collect();
        format!("pid={pid} role={role_name} timestamp=\"{time}\" level={level} message=\"{message}\"\n")
    }
}

fn mark(level: LogLevel) -> char {
    match level {
        LogLevel::Debug => '.',
        LogLevel::Verbose => '-',
        LogLevel::Notice => '*',
        LogLevel::Warning | LogLevel::Nothing => '#',
    }
}

fn timestamp(format: u8, now_us: u64) -> String {
    let (seconds, millis) = ((now_us / 1_000_000) as i64, now_us / 1000 % 1000);
    if format == LogTimestampFormat::Milliseconds as u8 {
        return (now_us / 1000).to_string();
    }
    let LocalTime { year, month, day, hour, minute, second, offset_s } = sys::local_time(seconds);
    if format == LogTimestampFormat::Iso8601 as u8 {
        let sign = if offset_s < 0 { '-' } else { '+' };
        let (hours, minutes) = (offset_s.abs() / 3600, offset_s.abs() / 60 % 60);
        return format!(
            "{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}{sign}{hours:02}:{minutes:02}",
            month + 1
        );
    }
    format!("{day:02} {} {year} {hour:02}:{minute:02}:{second:02}.{millis:03}", MONTHS[month])
}

/// Facilities by their number in the syslog protocol.
fn facility_code(facility: SyslogFacility) -> u8 {
    match facility {
        SyslogFacility::User => 1,
        local => 16 + (local as u8 - SyslogFacility::Local0 as u8),
    }
}

impl Syslog {
    /// Sends one datagram; the syslog daemon may come and go between lines.
    fn send(&self, level: LogLevel, now_us: u64, message: &str) -> io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.send_to(self.datagram(level, now_us, message).as_bytes(), "/dev/log")?;
        Ok(())
    }

    fn datagram(&self, level: LogLevel, now_us: u64, message: &str) -> String {
        let severity = match level {
            LogLevel::Debug => 7,
            LogLevel::Verbose => 6,
            LogLevel::Notice => 5,
            LogLevel::Warning | LogLevel::Nothing => 4,
        };
        let LocalTime { month, day, hour, minute, second, .. } = sys::local_time((now_us / 1_000_000) as i64);
        let mut text = format!("<{}>{} {day:2} ", self.facility * 8 + severity, MONTHS[month]);
        let _ = write!(
            text,
            "{hour:02}:{minute:02}:{second:02} {}[{}]: {message}",
            self.ident,
            std::process::id()
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_US: u64 = 1_700_000_000_123_456;

    fn log_to(path: &std::path::Path, level: LogLevel) -> Log {
        let config = Config { logfile: path.to_str().unwrap().into(), loglevel: level, ..Config::default() };
        Log::new(&config, || NOW_US)
    }

    fn legacy_time() -> String {
        let local = sys::local_time(1_700_000_000);
        format!("{:02} Nov 2023 {:02}:{:02}:{:02}.123", local.day, local.hour, local.minute, local.second)
    }

    #[test]
    fn lines_have_redis_form() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = log_to(&path, LogLevel::Debug);
        log.debug("one");
        log.verbose("two");
        log.set_role(Role::Primary);
        log.notice(format_args!("three {}", 3));
        log.set_role(Role::Replica);
        log.clone().warning("four");
        log.raw(LogLevel::Notice, "raw");
        let (pid, time) = (std::process::id(), legacy_time());
        let expected = format!(
            "{pid}:C {time} . one\n{pid}:C {time} - two\n{pid}:M {time} * three 3\n{pid}:S {time} # four\nraw"
        );
        assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
    }

    #[test]
    fn levels_filter_and_change_for_all_handles() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = log_to(&path, LogLevel::Warning);
        let handle = log.clone();
        handle.notice("hidden");
        assert!(!path.exists());
        log.configure(&Config { loglevel: LogLevel::Notice, ..Config::default() });
        handle.notice("shown");
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("* shown\n"));
        log.configure(&Config { loglevel: LogLevel::Nothing, ..Config::default() });
        handle.warning("hidden");
        assert!(!std::fs::read_to_string(&path).unwrap().contains("hidden"));
    }

    #[test]
    fn a_renamed_log_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
        let log = log_to(&path, LogLevel::Notice);
        log.notice("before");
        std::fs::rename(&path, &moved).unwrap();
        log.notice("after");
        assert!(std::fs::read_to_string(moved).unwrap().ends_with("before\n"));
        assert!(std::fs::read_to_string(path).unwrap().ends_with("after\n"));
    }

    #[test]
    fn logfmt_and_other_timestamps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = log_to(&path, LogLevel::Notice);
        let config = Config {
            log_format: LogFormat::Logfmt,
            log_timestamp_format: LogTimestampFormat::Milliseconds,
            ..Config::default()
        };
        log.configure(&config);
        log.set_role(Role::Primary);
        log.warning("a \"b\"\nc");
        let pid = std::process::id();
        let expected =
            format!("pid={pid} role=primary timestamp=\"1700000000123\" level=warning message=\"a 'b' c\"\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        let iso = timestamp(LogTimestampFormat::Iso8601 as u8, NOW_US);
        assert!(iso.starts_with("2023-11-1") && iso.contains(".123") && iso.len() == 29, "{iso}");
    }

    #[test]
    fn syslog_datagrams_name_facility_and_severity() {
        let syslog = Syslog { facility: facility_code(SyslogFacility::Local3), ident: "redis".into() };
        let text = syslog.datagram(LogLevel::Warning, NOW_US, "hello");
        assert!(text.starts_with(&format!("<{}>Nov ", 19 * 8 + 4)), "{text}");
        assert!(text.ends_with(&format!(" redis[{}]: hello", std::process::id())), "{text}");
        assert_eq!(facility_code(SyslogFacility::User), 1);
        assert_eq!(facility_code(SyslogFacility::Local7), 23);
    }
}
