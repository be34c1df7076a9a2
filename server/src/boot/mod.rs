//! From the command line to a process that is ready to become a server.
//!
//! `main` calls [`prepare`] before anything else, while there is one thread; it answers `--version` and its
//! kind, loads the configuration, detaches the daemon and writes the first lines of the log. A server then calls
//! [`settle_in`] when it knows that it will serve, [`announce`] once its sockets are bound, and [`PidFile::remove`] when
//! it ends. A server embedded in another program calls none of this: all of it concerns the process.

mod banner;
mod check;
mod check_rdb;
mod daemon;
mod invocation;
mod limits;
mod memtest;
mod title;

pub use banner::{help, initialized, ready, version_line};
pub use check_rdb::check_snapshot;
pub use daemon::{PidFile, Supervisor};
pub use invocation::{Request, parse};
pub use limits::{OomScore, adjust_open_files, pin_to_cores};
pub use title::ProcessTitle;

use crate::clock;
use crate::config::{self, Config, ConfigError, Supervised};
use crate::crash::{Watch, Watchdog};
use crate::log::{Log, Role};
use rufous_persistence::aof::check as check_aof;
use rufous_persistence::disk::{Real, system_text};
use rufous_storage::memory;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A process that is ready to become a server.
pub struct Prepared {
    /// The configuration in use.
    pub config: Config,
    /// The log that the configuration describes.
    pub log: Log,
    /// Who is to be told when the server is ready and when it stops.
    pub supervisor: Supervisor,
    /// Whether the process has become a daemon.
    pub is_daemon: bool,
    /// The title of the process, if it may be changed.
    pub title: Option<ProcessTitle>,
}

/// What a server that owns its process holds while it serves.
#[derive(Debug)]
pub struct Process {
    /// The title, if it may be changed.
    pub title: Option<ProcessTitle>,
    /// The kernel's out-of-memory score, for `Changed::OomScoreAdj` and changes of role.
    pub oom_score: OomScore,
    /// Who supervises the process.
    pub supervised: Supervised,
    /// The file with the process id, once it is announced, to be removed at the end.
    pub pid_file: Option<PidFile>,
    /// Who reports a crash.
    pub crash: Watch,
    /// Who reports that the command loop stands still.
    pub watchdog: Watchdog,
}

/// Reads the command line (program name first) and prepares the process, or ends with an exit status.
/// Call it before any thread exists.
pub fn prepare(arguments: &[OsString]) -> Result<Prepared, i32> {
    let invocation = match parse(arguments) {
        Request::Serve(invocation) => invocation,
        request => return Err(answer(&request)),
    };
    let config = config::load(&invocation).map_err(|error| report(&error))?;
    let log = Log::new(&config, clock::wall_us);
    if invocation.stdin {
        log.notice("Reading config from stdin");
    }
    for line in config.load_notes.iter().chain(&config.warnings()) {
        log.warning(line);
    }
    let title = config.set_proc_title.then(|| ProcessTitle::claim(arguments)).flatten();
    check::warn(&config, &log);
    let supervisor = Supervisor::find(config.supervised, &log);
    let is_daemon = config.daemonize && supervisor.kind() == Supervised::No;
    if is_daemon {
        daemon::detach().map_err(|error| {
            log.warning(format_args!("Can't become a daemon: {}", system_text(&error)));
            1
        })?;
    }
    banner::starting(&log, arguments);
    Ok(Prepared { config, log, supervisor, is_daemon, title })
}

/// Checks an append-only file, if the command line asks for that: `--check-aof` in front of the tool's own arguments, or the
/// program's name. Gives the exit status.
pub fn check_append_only_file(arguments: &[OsString]) -> Option<i32> {
    let program = arguments.first().map(Path::new).and_then(Path::file_name).unwrap_or_default();
    let own = match (program.as_bytes().ends_with(b"check-aof"), arguments.get(1)) {
        (true, _) => 1,
        (false, Some(first)) if first == "--check-aof" => 2,
        _ => return None,
    };
    let (mut out, mut input) = (std::io::stdout(), std::io::stdin().lock());
    Some(check_aof::run(program, &arguments[own..], &Real, &mut out, &mut input))
}

/// Takes the process over for one server: open files, title, jemalloc's threads, score. May lower `maxclients`.
pub fn settle_in(prepared: &mut Prepared) -> Result<Process, i32> {
    let Prepared { config, log, title, supervisor, .. } = prepared;
    log.set_role(if config.replicaof.is_some() { Role::Replica } else { Role::Primary });
    adjust_open_files(config, log).map_err(|_| 1)?;
    if let Some(title) = title {
        // A title that cannot be shown is no reason not to serve.
        let _ = title.show(config);
    }
    limits::warn_about_backlog(config, log);
    if config.maxmemory > 0 && config.maxmemory < 1 << 20 {
        log.warning(format_args!(
            "WARNING: You specified a maxmemory value that is less than 1MB (current value is {} bytes). Are you \
             sure this is what you really want?",
            config.maxmemory
        ));
    }
    // Before this thread is bound to cores, as its children would be too. A jemalloc without such threads has none to switch.
    let _ = memory::set_background_threads(config.jemalloc_bg_thread);
    pin_to_cores(&config.server_cpulist, log);
    let mut oom_score = OomScore::default();
    // Why it failed is in the log.
    let _ = oom_score.adjust(config, config.replicaof.is_some(), log);
    let crash = Watch::begin(log, config);
    let (title, supervised, watchdog) = (title.take(), supervisor.kind(), Watchdog::default());
    Ok(Process { title, oom_score, supervised, pid_file: None, crash, watchdog })
}

/// Says in the pid file and in the log which process serves. Not before its sockets are bound: who reads the process id
/// connects at once, and a server that finds its port taken leaves the pid file to the one that has the port.
pub fn announce(config: &Config, log: &Log, is_daemon: bool) -> Option<PidFile> {
    let pid_file = (is_daemon || !config.pidfile.is_empty()).then(|| PidFile::write(config, log));
    banner::running(config, log);
    pid_file
}

/// Does what was asked for instead of serving.
fn answer(request: &Request) -> i32 {
    match request {
        Request::Serve(_) => 0,
        Request::Version => {
            println!("{}", version_line());
            0
        }
        Request::Help => {
            eprint!("{}", help());
            1
        }
        Request::TestMemory(Some(megabytes)) => memtest::run(*megabytes, &mut std::io::stdout()),
        Request::TestMemory(None) => {
            eprintln!("Please specify the amount of memory to test in megabytes.");
            eprintln!("Example: ./rufous-server --test-memory 4096\n");
            1
        }
        Request::CheckRdb(arguments) => {
            let arguments: Vec<&[u8]> = arguments.iter().map(|argument| argument.as_bytes()).collect();
            check_rdb::run(&arguments, (clock::wall_us() / 1000) as i64, &mut std::io::stdout())
        }
        Request::CheckSystem => check::run(&mut std::io::stdout()),
        Request::Sentinel => {
            eprintln!("Sentinel mode is not supported by this server.");
            1
        }
    }
}

/// Shows why the configuration cannot be used.
fn report(error: &ConfigError) -> i32 {
    match error {
        ConfigError::Unreadable(line) => Log::new(&Config::default(), clock::wall_us).warning(line),
        ConfigError::Invalid { .. } => {
            // If standard error is closed there is nobody to tell; the exit status still says it.
            let _ = std::io::stderr().write_all(error.to_string().as_bytes());
        }
    }
    1
}
