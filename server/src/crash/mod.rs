//! The report of a crash: what the process was doing when a signal or a panic ended it, in the log, between two lines that
//! tools look for.
//!
//! ```text
//! === REDIS BUG REPORT START ===
//! what happened; STACK TRACE; of the thread of the command loop also INFO, CLIENT LIST, CURRENT CLIENT INFO (whose request
//! ran, and which) and CONFIG DEBUG OUTPUT
//! === REDIS BUG REPORT END ===
//! ```
//! then the signal's own action: the exit status is that of a process without a report, and so is the core.
//!
//! It belongs to the process: the binary watches itself, a server embedded in another program does not.
//!
//! A crash may come at any place, with a lock held or memory in disorder, so that nothing here is safe in the sense of
//! signal handlers: traces are resolved from the binary's file, text is allocated. What is certain comes first; a second
//! crash of the same thread ends the process with what is written by then, and so does time (see `signal.rs`), if the report
//! waits for a lock that nobody will give back. After a signal it is written on a stack of its own, since the thread's may be
//! what has run out.

mod request;
mod running;
mod sample;
mod signal;
mod trace;
mod watchdog;

pub use running::Running;
pub use signal::segfault;
pub use watchdog::Watchdog;

use crate::client::output::Figures;
use crate::client::{Client, Peer, list};
use crate::config::{Config, LogLevel};
use crate::engine::Engine;
use crate::info;
use crate::log::Log;
use crate::version::{REDIS_VERSION, RUFOUS_VERSION};
use std::fmt;
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// What ends the process.
#[derive(Debug)]
enum Cause<'a> {
    Signal(signal::Origin),
    Panic(&'a PanicHookInfo<'a>),
}

/// Watches over the process.
#[derive(Clone)]
pub struct Watch(Arc<Reporter>);

/// Who writes the report.
struct Reporter {
    log: Log,
    engine: signal::Watched<Engine>,
    /// Panics are reported.
    reports: AtomicBool,
    /// A panic ends the process with status 1.
    exits_on_panic: AtomicBool,
    /// The thread that writes the report, 0 for none.
    reporting: AtomicI32,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

impl Watch {
    /// From here on panics and signals end the process as the configuration says. For the binary, once.
    pub fn begin(log: &Log, config: &Config) -> Watch {
        let watch = Watch(Arc::new(Reporter {
            log: log.clone(),
            engine: signal::Watched::default(),
            reports: AtomicBool::new(false),
            exits_on_panic: AtomicBool::new(false),
            reporting: AtomicI32::new(0),
        }));
        let (reporter, usual) = (watch.0.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| {
            if reporter.reports.load(Relaxed) {
                reporter.report(&Cause::Panic(panic));
            } else {
                usual(panic);
            }
            if reporter.exits_on_panic.load(Relaxed) {
                std::process::exit(1);
            }
            signal::end_by(signal::ABORT)
        }));
        let reporter = watch.0.clone();
        signal::tell(Box::new(move |origin| reporter.report(&Cause::Signal(origin))));
        watch.configure(config);
        watch
    }

    /// Takes `crash-log-enabled` and `use-exit-on-panic`.
    pub fn configure(&self, config: &Config) {
        self.0.reports.store(config.crash_log_enabled, Relaxed);
        self.0.exits_on_panic.store(config.use_exit_on_panic, Relaxed);
        if config.crash_log_enabled { signal::catch_all() } else { signal::catch_none() }
    }

    /// A report is being written.
    fn is_reporting(&self) -> bool {
        self.0.reporting.load(Relaxed) != 0
    }

    fn log(&self) -> &Log {
        &self.0.log
    }

    /// Runs the engine inside `owner` on this thread: if this thread crashes meanwhile, the report tells of the engine too.
    pub fn run<O, R>(&self, owner: &mut O, engine: fn(&O) -> &Engine, run: impl FnOnce(&mut O) -> R) -> R {
        self.0.engine.during(owner, engine, run)
    }
}

/// DEBUG STACK-OVERFLOW: calls itself until there is no room left.
#[inline(never)]
#[allow(unconditional_recursion)]
pub fn overflow_stack(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 16]);
    overflow_stack(depth + 1) + room[0]
}

impl Reporter {
    /// Writes the report; whoever calls ends the process then.
    fn report(&self, cause: &Cause<'_>) {
        let me = signal::thread_id();
        match self.reporting.compare_exchange(0, me, Relaxed, Relaxed) {
            Ok(_) => {}
            Err(other) if other == me => return,
            // The other's end is that of all.
            Err(_) => loop {
                thread::sleep(Duration::from_secs(1));
            },
        }
        signal::end_in_time(match cause {
            Cause::Signal(origin) => origin.signal,
            Cause::Panic(_) => signal::ABORT,
        });
        self.raw("\n\n=== REDIS BUG REPORT START ===\n");
        self.facts(cause);
        let thread = thread::current();
        let name = thread.name().unwrap_or("without a name");
        self.raw(&format!("\n------ STACK TRACE ------\nThread: {name}\n{}", trace::here()));
        if let Some(engine) = self.engine.get() {
            self.engine_sections(engine);
        }
        self.raw("\n=== REDIS BUG REPORT END ===\n\n");
    }

    fn facts(&self, cause: &Cause<'_>) {
        let log = &self.log;
        match cause {
            Cause::Signal(origin) => {
                let signal::Origin { signal, code, address, sender } = origin;
                log.warning(format_args!(
                    "Redis {REDIS_VERSION} crashed by signal: {signal}, si_code: {code}"
                ));
                if let Some(address) = address {
                    log.warning(format_args!("Accessing address: 0x{address:x}"));
                }
                if let Some((pid, uid)) = sender {
                    log.warning(format_args!("Killed by PID: {pid}, UID: {uid}"));
                }
            }
            Cause::Panic(panic) => {
                log.warning(format_args!("Redis {REDIS_VERSION} crashed by a panic: {panic}"))
            }
        }
        log.warning(format_args!("Rufous {RUFOUS_VERSION}"));
    }

    fn engine_sections(&self, engine: &Engine) {
        let Engine { store, state } = engine;
        let (client, output) = (&Client::nobody(), Figures::default());
        let info = info::text(&info::View { store, state, client, output }, &[b"everything"]);
        self.raw(&format!("\n------ INFO OUTPUT ------\n{info}"));
        self.raw("\n------ CLIENT LIST OUTPUT ------\n");
        let now = state.clock.now_ms();
        let line = |peer: &Peer| list::line(&state.commands, now, &peer.client, peer.out.figures()) + "\n";
        state.clients.iter().for_each(|peer| self.raw(&line(peer)));
        if let Some((peer, args)) = state.running.get() {
            // It is out of the registry.
            self.raw(&line(peer));
            self.raw("\n------ CURRENT CLIENT INFO ------\n");
            self.raw(&line(peer));
            self.raw(&request::text(&state.commands, args, state.config.hide_user_data_from_log));
        }
        self.raw("\n------ CONFIG DEBUG OUTPUT ------\n");
        state.config.debug_lines().for_each(|line| self.raw(&(line + "\n")));
    }

    fn raw(&self, text: &str) {
        self.log.raw(LogLevel::Warning, text);
    }
}
