//! Starting, pinning, freezing and stopping the servers that are compared.
//!
//! Every server gets the same arguments, its own temporary folder and the same core, or all of them where its other
//! threads and processes are to be measured too. While one is measured the others are stopped (SIGSTOP), so that their
//! timers neither take its core nor its cache. Dropping a `Running` kills its process: none outlives the run.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tempfile::TempDir;

use crate::procfs;
use crate::resp::Connection;
use crate::template::Template;

const START_TIMEOUT: Duration = Duration::from_secs(20);
const LOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// A server to compare: `name=PATH [argument ...]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSpec {
    /// What the report calls it.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
    /// Arguments beyond those that every server gets.
    pub arguments: Vec<String>,
}

impl FromStr for ServerSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<ServerSpec, String> {
        let (name, rest) = text.split_once('=').ok_or("expected name=PATH")?;
        let mut words = rest.split_ascii_whitespace().map(str::to_owned);
        let path = words.next().filter(|_| !name.is_empty()).ok_or("expected name=PATH")?;
        Ok(ServerSpec { name: name.to_owned(), path: PathBuf::from(path), arguments: words.collect() })
    }
}

/// Which core the servers use and which one the load comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cores {
    /// The servers' core; `None` lets them use every core.
    pub server: Option<usize>,
    /// This program's core, and that of the generators it starts.
    pub generator: usize,
}

impl Cores {
    /// The first and the last core this process may use.
    pub fn available() -> io::Result<Cores> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let generator = cores.next().ok_or_else(|| io::Error::other("no core to run on"))?;
        Ok(Cores { server: Some(cores.next_back().unwrap_or(generator)), generator })
    }

    /// Moves the calling thread, and what it starts from now on, to the generator's core.
    pub fn pin_generator(self) -> io::Result<()> {
        pin(Some(self.generator))
    }
}

/// A server process that answers.
pub struct Running {
    /// What it was started from.
    pub spec: ServerSpec,
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    folder: TempDir,
    cores: Cores,
}

impl Running {
    /// Starts the server on its core and waits for its first PONG.
    pub fn start(spec: &ServerSpec, cores: Cores) -> io::Result<Running> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let child = spawn(spec, address, folder.path(), cores)?;
        let mut running = Running { spec: spec.clone(), address, child, folder, cores };
        running.wait_until_ready(START_TIMEOUT)?;
        Ok(running)
    }

    /// Kills the server and starts it again on what its folder holds; says how long it took until the first PONG.
    pub fn restart(&mut self) -> io::Result<Duration> {
        self.child.kill()?;
        self.child.wait()?;
        let started = Instant::now();
        self.child = spawn(&self.spec, self.address, self.folder.path(), self.cores)?;
        self.wait_until_ready(LOAD_TIMEOUT)?;
        Ok(started.elapsed())
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A new connection to it.
    pub fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.address)
    }

    /// Its version, as INFO tells it: the project's own where it has one, else Valkey's, else Redis'.
    #[must_use]
    pub fn version(&self) -> String {
        let found = self.connect().ok().and_then(|mut connection| {
            let mut field = |name| connection.info_text("server", name);
            field("rufous_version").or_else(|| field("valkey_version")).or_else(|| field("redis_version"))
        });
        found.unwrap_or_else(|| "unknown".to_owned())
    }

    /// Takes the server off its core until `thaw`.
    pub fn freeze(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets a frozen server run again, and waits until it answers.
    pub fn thaw(&self) -> io::Result<()> {
        self.signal(Signal::CONT)?;
        self.connect()?.call(&["PING"]).map(drop)
    }

    /// Fills it: the template once for each number below `count`, over one connection.
    pub fn fill(&self, template: &Template, count: u64) -> io::Result<()> {
        self.connect()?.fill(template, 0..count, 256)
    }

    /// Waits until resident memory stops moving: incremental rehashing goes on after the last write.
    pub fn settle(&self) -> io::Result<()> {
        let mut last = procfs::resident_bytes(self.pid())?;
        let mut calm = 0;
        for _ in 0..100 {
            std::thread::sleep(Duration::from_millis(100));
            let now = procfs::resident_bytes(self.pid())?;
            calm = if now.abs_diff(last) < 64 * 1024 { calm + 1 } else { 0 };
            last = now;
            if calm == 8 {
                break;
            }
        }
        Ok(())
    }

    /// A file in the server's folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What went wrong, with the end of the server's log.
    fn failure(&self, what: &str) -> io::Error {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(12).collect();
        let tail: Vec<&str> = lines.into_iter().rev().collect();
        io::Error::other(format!("{} {what}; its log ends:\n{}", self.spec.name, tail.join("\n")))
    }

    fn wait_until_ready(&mut self, limit: Duration) -> io::Result<()> {
        let started = Instant::now();
        while started.elapsed() < limit {
            if let Some(status) = self.child.try_wait()? {
                return Err(self.failure(&format!("ended with {status}")));
            }
            if self.connect().and_then(|mut connection| connection.call(&["PING"])).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(self.failure("did not answer PING"))
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = Pid::from_raw(self.pid() as i32).ok_or_else(|| io::Error::other("no process id"))?;
        Ok(kill_process(pid, signal)?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing in it is worth a clean shutdown, and a frozen process would not hear of one. A failure here
        // means that it is gone already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn spawn(spec: &ServerSpec, address: SocketAddr, folder: &Path, cores: Cores) -> io::Result<Child> {
    let log = File::create(folder.join("log"))?;
    // The child inherits the affinity: no thread of it ever sees another core.
    pin(cores.server)?;
    let child = Command::new(&spec.path)
        .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1", "--protected-mode", "no"])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(folder)
        .args(&spec.arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn();
    cores.pin_generator()?;
    child.map_err(|error| io::Error::other(format!("{}: {error}", spec.path.display())))
}

/// Moves the calling thread to a core, or to all: the system leaves out those that it does not have or allow.
fn pin(core: Option<usize>) -> io::Result<()> {
    let mut set = CpuSet::new();
    for core in core.map_or(0..CpuSet::MAX_CPU, |core| core..core + 1) {
        set.set(core);
    }
    Ok(sched_setaffinity(None, &set)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_name_a_path_and_arguments() {
        let spec: ServerSpec = "rufous=/bin/rufous-server --io-threads 4".parse().unwrap();
        assert_eq!(spec.name, "rufous");
        assert_eq!(spec.path, PathBuf::from("/bin/rufous-server"));
        assert_eq!(spec.arguments, ["--io-threads", "4"]);
        assert!("rufous".parse::<ServerSpec>().is_err());
        assert!("=x".parse::<ServerSpec>().is_err());
        assert!("rufous=".parse::<ServerSpec>().is_err());
    }

    #[test]
    fn a_program_that_is_no_server_fails_with_its_output() {
        let spec: ServerSpec = "liar=/bin/echo surely not".parse().unwrap();
        let cores = Cores::available().unwrap();
        let error = Running::start(&spec, cores).err().unwrap().to_string();
        assert!(error.contains("liar ended with") && error.contains("surely not"), "{error}");
    }
}
