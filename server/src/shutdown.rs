//! How a server ends: by SHUTDOWN, by a signal, by its handle.
//!
//! ```text
//! signal   -> Signalled -> the cron -> Decided -> the loop ends after the turn
//!                 └ SHUTDOWN ABORT, or the data set cannot be saved -> Running
//! SHUTDOWN ----------------------------> Decided
//! ```

use crate::config::ShutdownOnSignal;
use crate::engine::{Engine, State};

/// How far the end has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Shutdown {
    /// Nobody asked for it.
    #[default]
    Running,
    /// A signal asks for it; the cron acts on it.
    Signalled(Signal),
    /// The loop ends.
    Decided(Request),
}

/// What was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Request {
    /// SAVE or NOSAVE, or as configured.
    pub save: Option<bool>,
    /// Do not wait for replicas.
    pub now: bool,
    /// Go even if saving fails.
    pub force: bool,
    /// Exit status.
    pub status: i32,
}

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
    /// The handle of a server inside another program.
    Handle,
}

/// Notes that a signal asks for the end. Who sends a second SIGINT gets it without further ado.
pub fn on_signal(state: &mut State, signal: Signal) {
    match (state.shutdown, signal) {
        (Shutdown::Signalled(_), Signal::Interrupt) => {
            state.log.warning("You insist... exiting now.");
            state.shutdown =
                Shutdown::Decided(Request { save: Some(false), status: 1, ..Request::default() });
            return;
        }
        (_, Signal::Terminate) => state.log.warning("Received SIGTERM scheduling shutdown..."),
        (_, Signal::Interrupt) => state.log.warning("Received SIGINT scheduling shutdown..."),
        (_, Signal::Handle) => {}
    }
    if state.shutdown == Shutdown::Running {
        state.shutdown = Shutdown::Signalled(signal);
    }
}

/// Acts on a signal, as `shutdown-on-sigterm` and `shutdown-on-sigint` say.
pub fn heed_signal(state: &mut State) {
    let Shutdown::Signalled(signal) = state.shutdown else { return };
    let wish = match signal {
        Signal::Terminate => state.config.shutdown_on_sigterm,
        Signal::Interrupt => state.config.shutdown_on_sigint,
        Signal::Handle => ShutdownOnSignal::DEFAULT,
    };
    let save = if wish.contains(ShutdownOnSignal::SAVE) {
        Some(true)
    } else {
        wish.contains(ShutdownOnSignal::NOSAVE).then_some(false)
    };
    let request = Request {
        save,
        now: wish.contains(ShutdownOnSignal::NOW),
        force: wish.contains(ShutdownOnSignal::FORCE),
        status: 0,
    };
    if !decide(state, request) {
        state.shutdown = Shutdown::Running;
        state.log.warning(
            "SIGTERM received but errors trying to shut down the server, check the logs for more information",
        );
    }
}

/// Ends the server after this turn of the loop. False if it may not end: the data set must be saved and cannot be.
pub fn decide(state: &mut State, request: Request) -> bool {
    let may_end = request.save != Some(true) || request.force;
    if request.save == Some(true) {
        state.log.warning("Saving the data set is not supported by this version.");
    }
    if may_end {
        state.shutdown = Shutdown::Decided(request);
    } else {
        state.log.warning("Error trying to save the DB, can't exit.");
    }
    may_end
}

/// Calls off what a signal asked for. False if there is nothing to call off.
pub fn abort(state: &mut State) -> bool {
    let signalled = matches!(state.shutdown, Shutdown::Signalled(_));
    if signalled {
        state.shutdown = Shutdown::Running;
        state.log.notice("Shutdown manually aborted.");
    }
    signalled
}

/// The last things before the loop ends.
pub fn before_exit(engine: &mut Engine, request: Request) {
    let state = &mut engine.state;
    state.log.notice("User requested shutdown...");
    if request.save.is_none() && !state.config.save.is_empty() && engine.store.dirty > 0 {
        state.log.warning("The data set is not saved: snapshots are not supported by this version.");
    }
    if let Some(pid_file) = state.process.as_mut().and_then(|process| process.pid_file.take()) {
        pid_file.remove(&state.log);
    }
    state.log.warning("Redis is now ready to exit, bye bye...");
}
