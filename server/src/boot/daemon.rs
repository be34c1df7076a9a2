//! The process and its surroundings: becoming a daemon, the pid file, telling a supervisor.

use crate::config::{Config, Supervised};
use crate::log::Log;
use crate::sys;
use rufous_persistence::disk::system_text;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;

const DEFAULT_PID_FILE: &str = "/var/run/redis.pid";

/// Detaches from terminal and session: a child of a child, led by nobody, reading and writing nothing.
pub(super) fn detach() -> io::Result<()> {
    sys::continue_in_child()?;
    rustix::process::setsid()?;
    sys::continue_in_child()?;
    let nothing = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    Ok(())
}

/// The file that holds the process id.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes the file that the configuration names, or the usual one. A failure is only logged.
    pub fn write(config: &Config, log: &Log) -> PidFile {
        let name = if config.pidfile.is_empty() { DEFAULT_PID_FILE } else { &config.pidfile };
        let path = config.resolve(name);
        if let Err(error) = fs::write(&path, format!("{}\n", std::process::id())) {
            log.warning(format_args!("Failed to write PID file: {}", system_text(&error)));
        }
        PidFile { path }
    }

    /// Removes the file, at the end of the server.
    pub fn remove(self, log: &Log) {
        log.notice("Removing the pid file.");
        // It may never have been written, or be gone already.
        let _ = fs::remove_file(self.path);
    }
}

/// Who started the process and wants to know how it goes.
#[derive(Debug)]
pub struct Supervisor {
    kind: Supervised,
    socket: Option<SocketAddr>,
}

impl Supervisor {
    /// Finds the supervisor that the directive asks for in the environment. Upstart is told at once, by stopping.
    pub fn find(wanted: Supervised, log: &Log) -> Supervisor {
        let has = |variable: &str| std::env::var_os(variable).is_some();
        let wanted = match wanted {
            Supervised::Auto if has("UPSTART_JOB") => {
                log.verbose("Upstart supervision detected.");
                Supervised::Upstart
            }
            Supervised::Auto if has("NOTIFY_SOCKET") => {
                log.verbose("Systemd supervision detected.");
                Supervised::Systemd
            }
            other => other,
        };
        match wanted {
            Supervised::Upstart => Supervisor::upstart(has("UPSTART_JOB"), log),
            Supervised::Systemd => Supervisor::systemd(log),
            _ => Supervisor::nobody(),
        }
    }

    /// No supervisor.
    pub fn nobody() -> Supervisor {
        Supervisor { kind: Supervised::No, socket: None }
    }

    /// Which supervisor was found: `Upstart`, `Systemd` or `No`.
    pub fn kind(&self) -> Supervised {
        self.kind
    }

    fn upstart(is_job: bool, log: &Log) -> Supervisor {
        if !is_job {
            log.warning("upstart supervision requested, but UPSTART_JOB not found!");
            return Supervisor::nobody();
        }
        log.notice("supervised by upstart, will stop to signal readiness.");
        // A process may always stop itself.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
        Supervisor { kind: Supervised::Upstart, socket: None }
    }

    fn systemd(log: &Log) -> Supervisor {
        let socket =
            std::env::var_os("NOTIFY_SOCKET").and_then(|name| notify_address(name.as_encoded_bytes()));
        if socket.is_none() {
            log.warning("systemd supervision error: NOTIFY_SOCKET not found!");
            return Supervisor::nobody();
        }
        let supervisor = Supervisor { kind: Supervised::Systemd, socket };
        if let Err(error) = supervisor.send("STATUS=Redis is loading...\n") {
            log.warning(format_args!("systemd supervision error: sd_notify: {}", system_text(&error)));
            return Supervisor::nobody();
        }
        log.notice(
            "Supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and \
             TimeoutStopSec in your service unit.",
        );
        supervisor
    }

    /// Tells a line of status, such as "Saving the final RDB snapshot".
    pub fn status(&self, text: &str) {
        self.tell(&format!("STATUS={text}\n"));
    }

    /// Tells that connections are accepted.
    pub fn ready(&self) {
        self.status("Ready to accept connections");
        self.tell("READY=1\n");
    }

    /// Tells that the server is about to end.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\n");
    }

    fn tell(&self, message: &str) {
        // A supervisor that went away is no reason to stop serving.
        let _ = self.send(message);
    }

    fn send(&self, message: &str) -> io::Result<()> {
        if let Some(address) = &self.socket {
            UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), address)?;
        }
        Ok(())
    }
}

/// The address in NOTIFY_SOCKET: a path, or an abstract name behind `@`.
fn notify_address(name: &[u8]) -> Option<SocketAddr> {
    use std::os::unix::ffi::OsStrExt;
    match name {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_file_comes_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { dir: folder.path().into(), pidfile: "server.pid".into(), ..Config::default() };
        let file = PidFile::write(&config, &Log::nowhere());
        let path = folder.path().join("server.pid");
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        file.remove(&Log::nowhere());
        assert!(!path.exists());
    }

    #[test]
    fn systemd_hears_each_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let heard = UnixDatagram::bind(&path).unwrap();
        let address = notify_address(path.as_os_str().as_encoded_bytes());
        let supervisor = Supervisor { kind: Supervised::Systemd, socket: address };
        supervisor.ready();
        supervisor.stopping();
        let mut buffer = [0; 100];
        for expected in ["STATUS=Ready to accept connections\n", "READY=1\n", "STOPPING=1\n"] {
            let length = heard.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], expected.as_bytes());
        }
        assert!(notify_address(b"relative").is_none() && notify_address(b"@abstract").is_some());
        Supervisor::nobody().ready();
    }
}
