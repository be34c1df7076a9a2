//! How a server ends: by SHUTDOWN, by a signal, by its handle.
//!
//! ```text
//! signal   -> Signalled -> the cron -> save -> Decided -> the loop ends after the turn
//!                 |                      └ the data set cannot be saved -> Running
//!                 └ SHUTDOWN ABORT -> Running
//! SHUTDOWN ---------------------------> save -> Decided
//! ```

use crate::config::ShutdownOnSignal;
use crate::engine::{Engine, EngineSpecial, State};
use crate::persistence::aof;
use crate::persistence::snapshot::{self, Refusal};
use crate::store::Store;
use rufous_persistence::rdb::SaveError;
use std::sync::atomic::Ordering;

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
            state.shutdown = Shutdown::Decided(insist(state));
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
pub fn heed_signal(store: &mut Store, state: &mut State) {
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
    if !decide(store, state, request) {
        state.shutdown = Shutdown::Running;
        state.log.warning(
            "SIGTERM received but errors trying to shut down the server, check the logs for more information",
        );
    }
}

/// Saves the data set if it is to be saved, and ends the server after this turn of the loop. False if it may not end: the
/// data set cannot be saved.
pub fn decide(store: &mut Store, state: &mut State, request: Request) -> bool {
    state.log.notice("User requested shutdown...");
    if !aof::switch::before_exit(store, state, request.force) {
        return false;
    }
    if state.persistence.snapshots.is_running() {
        state.log.warning("There is a child saving an .rdb. Killing it!");
        snapshot::stop(store, state);
    }
    // What is half loaded must not replace what is being loaded.
    let is_loading = state.special.contains(EngineSpecial::LOADING);
    let saves = !is_loading && request.save.unwrap_or(!state.config.save.is_empty());
    let request = if saves { save(store, state, request) } else { Some(request) };
    state.shutdown = request.map_or(state.shutdown, Shutdown::Decided);
    request.is_some()
}

/// The last snapshot. Gives how the server ends, unless it must not.
fn save(store: &mut Store, state: &mut State, request: Request) -> Option<Request> {
    state.log.notice("Saving the final RDB snapshot before exiting.");
    match snapshot::save_last(store, state) {
        Ok(()) => return Some(request),
        Err(Refusal::Failed(SaveError::Cancelled)) => return Some(insist(state)),
        Err(Refusal::Locked(locked)) if request.save.is_none() => {
            state.log.warning(format_args!("No snapshot is saved: {locked}"));
            return Some(request);
        }
        Err(Refusal::Locked(locked)) => state.log.warning(format_args!("Can't save the DB: {locked}")),
        Err(_) => {}
    }
    if request.force {
        state.log.warning("Error trying to save the DB. Exit anyway.");
        return Some(request);
    }
    state.log.warning("Error trying to save the DB, can't exit.");
    state.log.warning("Errors trying to shut down the server. Check the logs for more information.");
    None
}

/// The user has asked twice.
fn insist(state: &mut State) -> Request {
    state.persistence.interrupt.store(false, Ordering::Relaxed);
    state.log.warning("You insist... exiting now.");
    Request { save: Some(false), status: 1, ..Request::default() }
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

/// The last things before the loop ends. False if replies that wait for the disk must not go out any more.
pub fn before_exit(engine: &mut Engine) -> bool {
    let Engine { store, state } = engine;
    let may_reply = aof::switch::end(store, state);
    if let Some(pid_file) = state.process.as_mut().and_then(|process| process.pid_file.take()) {
        pid_file.remove(&state.log);
    }
    state.log.warning("Redis is now ready to exit, bye bye...");
    may_reply
}
