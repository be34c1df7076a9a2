//! Starting and stopping: as a library ([`Server::start`]) and as the binary ([`run`]).

use crate::boot::{self, Prepared, Supervisor};
use crate::clock::Clock;
use crate::command::table::RenameFailure;
use crate::config::{Config, ConfigError};
use crate::engine::Engine;
use crate::log::Log;
use crate::net::accept::ListenError;
use crate::net::event_loop::{EventLoop, Signals};
use crate::net::listeners::Listeners;
use crate::reconfigure;
use crate::seed;
use rufous_persistence::disk::system_text;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Why a server did not start.
#[derive(Debug)]
pub enum StartError {
    /// An address could not be listened on.
    Listen(ListenError),
    /// `rename-command` cannot be carried out.
    Rename(RenameFailure),
    /// The system refused something else.
    Io(std::io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Listen(error) => error.fmt(f),
            StartError::Rename(failure) => ConfigError::at(&failure.place, failure.error.message()).fmt(f),
            StartError::Io(error) => f.write_str(&system_text(error)),
        }
    }
}

impl StartError {
    /// Writes the lines that Redis writes; harnesses that chose the port look for that of a taken one.
    fn warn(&self, log: &Log) {
        let StartError::Listen(error) = self else { return log.warning(self) };
        error.warn(log);
        if let ListenError::Tcp { port, .. } = error {
            log.warning(format_args!("Failed listening on port {port} (tcp), aborting."));
        }
    }
}

impl std::error::Error for StartError {}

impl From<std::io::Error> for StartError {
    fn from(error: std::io::Error) -> StartError {
        StartError::Io(error)
    }
}

/// A server that is bound and not yet running.
pub struct Server {
    event_loop: EventLoop,
    waker: Arc<mio::Waker>,
    signals: Arc<Signals>,
    address: Option<SocketAddr>,
}

/// A running server. Dropping it stops the server.
pub struct Handle {
    thread: Option<JoinHandle<std::io::Result<i32>>>,
    waker: Arc<mio::Waker>,
    signals: Arc<Signals>,
    address: Option<SocketAddr>,
}

impl Server {
    /// Binds the configured sockets and builds an empty engine.
    pub fn bind(config: Config, log: Log) -> Result<Server, StartError> {
        let listeners = Listeners::bind(&config).map_err(StartError::Listen)?;
        let address = listeners.tcp_address();
        let mut engine = Engine::new(config, log, Clock::new(), seed::draw()).map_err(StartError::Rename)?;
        engine.state.port = address.map_or(0, |address| address.port());
        engine.state.listeners = listeners;
        let signals = Arc::new(Signals::default());
        let (event_loop, waker) = EventLoop::new(engine, signals.clone())?;
        Ok(Server { event_loop, waker, signals, address })
    }

    /// SIGTERM and SIGINT ask for a shutdown. For the binary only: signals belong to the process.
    fn obey_signals(&mut self) {
        let (terminate, interrupt) = (self.signals.terminate.clone(), self.signals.interrupt.clone());
        for (signal, flag) in [(SIGTERM, terminate), (SIGINT, interrupt)] {
            if let Err(error) = self.obey(signal, flag) {
                let log = &self.event_loop.engine.state.log;
                log.warning(format_args!("Can't catch signal {signal}: {}", system_text(&error)));
            }
        }
    }

    /// Sets the flag, then wakes the loop. A second signal that comes before the loop has seen the first (it is stuck in a
    /// command) ends the process at once if it is SIGINT.
    fn obey(&mut self, signal: i32, flag: Arc<AtomicBool>) -> std::io::Result<()> {
        if signal == SIGINT {
            signal_hook::flag::register_conditional_shutdown(signal, 1, flag.clone())?;
        }
        signal_hook::flag::register(signal, flag)?;
        signal_hook::low_level::pipe::register(signal, self.event_loop.waking_socket()?)?;
        Ok(())
    }

    /// Binds and runs on a thread of its own.
    pub fn start(config: Config) -> Result<Handle, StartError> {
        let log = Log::new(&config, crate::clock::wall_us);
        let Server { mut event_loop, waker, signals, address } = Server::bind(config, log)?;
        let run = move || match event_loop.load() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => event_loop.run(),
            Err(error) => Err(std::io::Error::other(error.to_string())),
        };
        let thread = std::thread::Builder::new().name("rufous".into()).spawn(run)?;
        Ok(Handle { thread: Some(thread), waker, signals, address })
    }
}

impl Handle {
    /// The bound TCP address, if there is one.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Stops the server as SIGTERM would and waits for its end; returns the exit status.
    pub fn stop(mut self) -> std::io::Result<i32> {
        self.stop_and_join()
    }

    fn stop_and_join(&mut self) -> std::io::Result<i32> {
        let Some(thread) = self.thread.take() else { return Ok(0) };
        self.signals.stop.store(true, Ordering::Relaxed);
        self.waker.wake()?;
        thread.join().unwrap_or_else(|_| Err(std::io::Error::other("the command loop panicked")))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Nobody is left to be told of an error.
        let _ = self.stop_and_join();
    }
}

/// The whole binary: reads the command line, serves on this thread and returns the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> i32 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(status) = boot::check_append_only_file(&arguments) {
        return status;
    }
    match boot::prepare(&arguments) {
        Ok(prepared) => serve(prepared),
        Err(status) => status,
    }
}

fn serve(mut prepared: Prepared) -> i32 {
    let mut process = match boot::settle_in(&mut prepared) {
        Ok(process) => process,
        Err(status) => return status,
    };
    let Prepared { config, log, supervisor, is_daemon, .. } = prepared;
    let mut server = match Server::bind(config, log.clone()) {
        Ok(server) => server,
        Err(error) => {
            error.warn(&log);
            return 1;
        }
    };
    // An embedded server may be listened to later; this process would only wait.
    if server.event_loop.engine.state.listeners.indices().next().is_none() {
        log.warning("Configured to not listen anywhere, exiting.");
        return 1;
    }
    process.pid_file = boot::announce(&server.event_loop.engine.state.config, &log, is_daemon);
    let crash = process.crash.clone();
    server.event_loop.engine.state.process = Some(process);
    reconfigure::set_watchdog(&mut server.event_loop.engine.state);
    server.obey_signals();
    boot::initialized(&log);
    let status = crash.run(
        &mut server.event_loop,
        |event_loop| &event_loop.engine,
        |event_loop| load_and_run(event_loop, &log, &supervisor),
    );
    // The memory goes with the process, without a walk over all keys.
    std::mem::forget(server);
    status
}

/// Gives the exit status.
fn load_and_run(event_loop: &mut EventLoop, log: &Log, supervisor: &Supervisor) -> i32 {
    let ended = match event_loop.load() {
        Ok(ended) => ended,
        // The log says why.
        Err(_) => Some(1),
    };
    if let Some(status) = ended {
        return status;
    }
    let state = &event_loop.engine.state;
    for kind in state.listeners.kinds(&state.config) {
        boot::ready(log, kind);
    }
    supervisor.ready();
    let status = event_loop.run();
    supervisor.stopping();
    status.unwrap_or_else(|error| {
        log.warning(format_args!("The event loop failed: {}", system_text(&error)));
        1
    })
}
