//! Runs units: a work folder that looks like Redis' source tree, and one Tcl process a unit.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::report::{self, Row};
use super::skips::{self, Skip, What};

/// How often a running unit is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How often a unit is started whose port was taken before it ran a test.
const STARTS_MAX: usize = 3;
/// Programs of the system that units call as `src/NAME`.
const COMPANIONS: [&str; 2] = ["redis-cli", "redis-benchmark"];

/// Ports for the servers of one run. The suite needs some before them for itself, and looks for free ones in a way that
/// misses those bound to one address only.
const PORTS_COUNT: u16 = 600;
const PORTS_BEFORE: u16 = 33;
const PORTS_BEGIN: u16 = 20_000;
const PORTS_END: u16 = 30_000;

/// A range of ports that no other run uses at the same time: a listener just before it is held as the lock.
#[derive(Debug)]
pub struct Ports {
    /// The first port of the range.
    pub first: u16,
    _lock: TcpListener,
}

/// A place to run units in, made from a suite and a server.
#[derive(Debug)]
pub struct Workplace {
    /// The folder that looks like Redis' source tree.
    pub folder: PathBuf,
    /// Where each unit's output is kept.
    pub logs: PathBuf,
    /// The suite's version.
    pub version: String,
    /// Whether the suite can keep what earlier units left; old ones cannot.
    pub keeps_logs: bool,
    /// The ports that the suite may use.
    pub ports: Ports,
    /// How long one unit may take.
    pub timeout: Duration,
}

impl Workplace {
    /// Copies the suite's tests into `folder` and puts `server` in the place of `redis-server`.
    pub fn prepare(suite: &Path, server: &Path, folder: &Path) -> io::Result<Self> {
        let version = version_of(suite)?;
        copy_folder(&suite.join("tests"), &folder.join("tests"))?;
        let (sources, logs) = (folder.join("src"), folder.join("logs"));
        for new in [&sources, &logs, &folder.join("tests/tmp")] {
            fs::create_dir_all(new)?;
        }
        for own in ["redis-server", "redis-check-aof"] {
            symlink(fs::canonicalize(server)?, sources.join(own))?;
        }
        if is_rufous(server)? {
            // Units read the append-only file line by line, and know no other annotations than those of Redis.
            let mut config = File::options().append(true).open(folder.join("tests/assets/default.conf"))?;
            config.write_all(b"\naof-checksum no\n")?;
        }
        for companion in COMPANIONS {
            symlink(Path::new("/usr/bin").join(companion), sources.join(companion))?;
        }
        let keeps_logs =
            fs::read_to_string(folder.join("tests/test_helper.tcl"))?.contains("{--dont-pre-clean}");
        let (ports, timeout) = (Ports::reserve()?, Duration::from_secs(600));
        Ok(Self { folder: folder.to_owned(), logs, version, keeps_logs, ports, timeout })
    }

    /// Runs one unit, leaving out what the skip list says, and reads what it printed.
    pub fn run(&self, unit: &str, list: &[Skip], extra: &[String]) -> io::Result<Row> {
        let applying: Vec<&Skip> = list.iter().filter(|skip| skip.applies(unit, &self.version)).collect();
        let name = unit.replace('/', "-");
        let (log, skipfile) = (self.logs.join(format!("{name}.log")), self.logs.join(format!("{name}.skip")));
        fs::write(&skipfile, skips::skipfile(applying.iter().copied()))?;
        let started = Instant::now();
        let mut outcome = report::Outcome { completed: true, ..Default::default() };
        if let Some(whole) = applying.iter().find(|skip| skip.what == What::Unit) {
            outcome.skipped.push(format!("whole unit: {}", whole.reason));
        } else {
            for _ in 0..STARTS_MAX {
                let mut command = self.command(unit, &skipfile, &applying, extra);
                let output = File::create(&log)?;
                let child = command.stdout(output.try_clone()?).stderr(output).spawn()?;
                let ended = self.wait(child)?;
                let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
                outcome = report::parse(&text);
                outcome.completed &= ended;
                // Somebody took the port that the suite had found free, before it ran a test.
                if outcome.completed || !text.contains("couldn't open socket: address already in use") {
                    break;
                }
            }
        }
        let selected = extra.iter().any(|argument| argument == "--only");
        let stale = if selected || !outcome.completed {
            Vec::new()
        } else {
            report::stale(list, unit, &self.version, &outcome)
        };
        Ok(Row { unit: unit.to_owned(), outcome, elapsed: started.elapsed(), log, stale })
    }

    fn command(&self, unit: &str, skipfile: &Path, applying: &[&Skip], extra: &[String]) -> Command {
        let mut command = Command::new("tclsh");
        command.current_dir(&self.folder).env("TERM", "dumb").stdin(Stdio::null()).process_group(0);
        command.args(["tests/test_helper.tcl", "--single", unit, "--clients", "1", "--durable"]);
        command.args(["--dont-clean", "--timeout", &self.timeout.as_secs().to_string()]);
        command.args(self.keeps_logs.then_some("--dont-pre-clean"));
        command.args(["--baseport", &self.ports.first.to_string(), "--portcount", &PORTS_COUNT.to_string()]);
        command.arg("--skipfile").arg(skipfile);
        let tags = applying.iter().filter_map(|skip| match &skip.what {
            What::Tag(tag) => Some(format!("-{tag}")),
            _ => None,
        });
        let tags: Vec<String> = tags.collect();
        if !tags.is_empty() {
            command.arg("--tags").arg(tags.join(" "));
        }
        command.args(extra);
        command
    }

    /// Waits for the suite's end, then ends what it left behind. False when it had to be stopped.
    fn wait(&self, mut child: Child) -> io::Result<bool> {
        let (group, deadline) = (Pid::from_child(&child), Instant::now() + self.timeout);
        let ended = loop {
            if child.try_wait()?.is_some() {
                break true;
            }
            if Instant::now() > deadline {
                break false;
            }
            sleep(POLL_INTERVAL);
        };
        // The group holds the suite's own processes and the servers it started, nothing else.
        let _ = kill_process_group(group, Signal::KILL);
        child.wait()?;
        Ok(ended)
    }
}

impl Ports {
    /// Takes the first range that is free.
    pub fn reserve() -> io::Result<Self> {
        let step = PORTS_BEFORE + PORTS_COUNT;
        for begin in (PORTS_BEGIN..PORTS_END - step).step_by(usize::from(step)) {
            if let Ok(lock) = TcpListener::bind((Ipv4Addr::LOCALHOST, begin)) {
                return Ok(Self { first: begin + PORTS_BEFORE, _lock: lock });
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "all ranges of ports are taken by other runs"))
    }
}

/// Whether a binary is Rufous, by its version.
fn is_rufous(server: &Path) -> io::Result<bool> {
    let output = Command::new(server).arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).contains("rufous="))
}

/// The version of Redis that a source folder holds.
pub fn version_of(suite: &Path) -> io::Result<String> {
    let header = fs::read_to_string(suite.join("src/version.h"))?;
    let version = header.lines().find_map(|line| line.strip_prefix("#define REDIS_VERSION "));
    version.map(|version| version.trim().trim_matches('"').to_owned()).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{}: no version in src/version.h", suite.display()),
        )
    })
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
