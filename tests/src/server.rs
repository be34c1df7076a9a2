//! A server process with a life of its own: started in a temporary folder, waited for, stopped by its handle.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, kill_process, setrlimit};
use tempfile::TempDir;

use crate::conn::Conn;

/// How long a server may take from start to first PONG.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a server may take to stop when asked; after that it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Another process may take the free port first; then the start is tried again.
const PORT_ATTEMPTS: usize = 5;

/// Which server to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one under test: `$RUFOUS_SERVER`, or the binary that cargo built beside the tests.
    Rufous,
    /// The reference: `$RUFOUS_REDIS_SERVER`, or `redis-server` of the system.
    Redis,
}

/// A running server. Dropping it stops the process.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Which {
    /// The binary to start, or `None` when there is none on this machine.
    pub fn binary(self) -> Option<PathBuf> {
        match self {
            Which::Rufous => named_by("RUFOUS_SERVER").or_else(|| beside_the_tests("rufous-under-test")),
            Which::Redis => named_by("RUFOUS_REDIS_SERVER").or_else(|| on_path("redis-server")),
        }
    }
}

/// Whether the tests run where everything they need must be there.
pub fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|value| value == "true")
}

/// The path of a program of the system that a test compares with. Missing, it fails a run under `CI=true`; elsewhere it
/// prints a notice and the caller returns early.
pub fn program_or_notice(program: &str, test: &str) -> Option<PathBuf> {
    let found = if program == "redis-server" { Which::Redis.binary() } else { on_path(program) };
    if found.is_none() {
        assert!(!is_ci(), "{test} needs {program}, which is not installed");
        eprintln!("{test}: {program} is not installed; nothing is compared");
    }
    found
}

impl Server {
    /// Starts a server on a free port of 127.0.0.1, in a folder of its own, and waits for its first PONG. `arguments`
    /// are command-line options that override the defaults given here. Panics, with the server's log, when it fails.
    pub fn spawn<A: AsRef<OsStr>>(which: Which, arguments: &[A]) -> Self {
        let binary = which.binary().unwrap_or_else(|| panic!("no binary for {which:?}"));
        Self::spawn_binary(&binary, arguments)
    }

    /// As [`Server::spawn`], of any binary that takes the same options.
    pub fn spawn_binary<A: AsRef<OsStr>>(binary: &Path, arguments: &[A]) -> Self {
        Self::spawn_by(binary, || Command::new(binary), arguments)
    }

    /// As [`Server::spawn_binary`], by a shell that runs `lines` first and becomes the server then. They are no script in
    /// a file: one that was just written cannot be run while another thread's child still has it open.
    pub fn spawn_behind<A: AsRef<OsStr>>(lines: &str, binary: &Path, arguments: &[A]) -> Self {
        let shell = || {
            let mut shell = Command::new("/bin/sh");
            shell.arg("-c").arg(format!("{lines}\nexec \"$0\" \"$@\"")).arg(binary);
            shell
        };
        Self::spawn_by(binary, shell, arguments)
    }

    fn spawn_by<A: AsRef<OsStr>>(binary: &Path, command: impl Fn() -> Command, arguments: &[A]) -> Self {
        for _ in 1..PORT_ATTEMPTS {
            match Self::start(command(), arguments) {
                Ok(server) => return server,
                Err(failure) if failure.contains("Failed listening on port") => continue,
                Err(failure) => panic!("{} did not start:\n{failure}", binary.display()),
            }
        }
        panic!("{}: found no free port in {PORT_ATTEMPTS} attempts", binary.display());
    }

    /// A new connection to it.
    pub fn connect(&self) -> Conn {
        Conn::open(self.address()).unwrap_or_else(|error| panic!("connect to port {}: {error}", self.port))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The folder it works in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All it has logged.
    pub fn log(&self) -> String {
        read_log(self.folder.path())
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its resident memory, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.status_bytes("VmRSS:")
    }

    /// The most resident memory it ever had, in bytes.
    pub fn resident_peak_bytes(&self) -> u64 {
        self.status_bytes("VmHWM:")
    }

    /// Its exit status, or `None` while it runs.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("wait for the server")
    }

    /// Panics unless it runs and answers PING on a new connection.
    pub fn assert_alive(&mut self) {
        if let Some(status) = self.exited() {
            panic!("the server is gone ({status}); its log:\n{}", self.log());
        }
        assert_eq!(self.connect().ask("PING").text(), "PONG");
    }

    /// Sends SIGTERM and waits for the end. Returns how it exited.
    pub fn stop(&mut self) -> ExitStatus {
        if self.exited().is_none() {
            self.signal(Signal::TERM);
        }
        self.wait()
    }

    /// Waits until it has exited, and kills it after five seconds. Returns how it exited.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.exited() {
                return status;
            }
            sleep(Duration::from_millis(1));
        }
        self.child.kill().expect("kill the server");
        self.child.wait().expect("wait for the killed server")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap_or_else(|error| panic!("{signal:?} to {pid:?}: {error}"));
    }

    fn start<A: AsRef<OsStr>>(mut command: Command, arguments: &[A]) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("rufous-test-").tempdir().expect("temporary folder");
        let port = free_port();
        let log = File::create(folder.path().join("log")).expect("log file");
        let child = command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--enable-debug-command", "yes", "--loglevel", "notice"])
            .arg("--dir")
            .arg(folder.path())
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("log file"))
            .stderr(log)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut server = Self { child, port, folder };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.exited() {
                return Err(format!("exited with {status}\n{}", self.log()));
            }
            let reply = Conn::open(self.address()).and_then(|mut conn| conn.call(&["PING"]));
            if reply.is_ok_and(|reply| {
                matches!(reply.text().as_str(), "PONG" | "NOAUTH Authentication required.")
            }) {
                return Ok(());
            }
            sleep(Duration::from_millis(2));
        }
        Err(format!("no PONG within {START_TIMEOUT:?}\n{}", self.log()))
    }

    fn status_bytes(&self, field: &str) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("status of the server");
        let line = status.lines().find(|line| line.starts_with(field)).expect("memory field");
        let kilobytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
        kilobytes.expect("memory in kB") * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs the binary under test in `folder` until it ends by itself: a tool, or a server that must not come up.
pub fn run_to_end<A: AsRef<OsStr>>(folder: &Path, arguments: &[A]) -> Output {
    let binary = Which::Rufous.binary().expect("the binary under test");
    Command::new(binary).args(arguments).current_dir(folder).output().expect("it starts")
}

/// Raises the limit of open files of this process, and of the servers it starts, to `wanted` or as far as allowed.
/// Returns the limit now in force.
pub fn raise_open_files(wanted: u64) -> u64 {
    let now = getrlimit(Resource::Nofile);
    let hard = now.maximum.unwrap_or(u64::MAX);
    for (current, maximum) in [(wanted, hard.max(wanted)), (hard.min(wanted), hard)] {
        let limit = Rlimit { current: Some(current), maximum: Some(maximum) };
        if now.current.is_none_or(|current| current >= wanted) || setrlimit(Resource::Nofile, limit).is_ok() {
            break;
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

fn named_by(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os(variable)?);
    assert!(path.is_file(), "{variable} names {}, which is not a file", path.display());
    Some(path)
}

fn beside_the_tests(name: &str) -> Option<PathBuf> {
    let executable = env::current_exe().ok()?;
    let folders = executable.ancestors().skip(1).take(2);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn read_log(folder: &Path) -> String {
    fs::read(folder.join("log")).map_or_else(
        |error: io::Error| error.to_string(),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}
