//! How a server ends: by SHUTDOWN, by a signal, by its handle.

use crate::config::ShutdownOnSignal;
use crate::engine::{Engine, ShutdownRequest, State};

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

/// Notes that a signal asks for the end, as `shutdown-on-sigterm` and `shutdown-on-sigint` say.
pub fn on_signal(state: &mut State, signal: Signal) {
    let wish = match signal {
        Signal::Terminate => {
            state.log.warning("Received SIGTERM scheduling shutdown...");
            state.config.shutdown_on_sigterm
        }
        Signal::Interrupt => {
            state.log.warning("Received SIGINT scheduling shutdown...");
            state.config.shutdown_on_sigint
        }
        Signal::Handle => ShutdownOnSignal::DEFAULT,
    };
    let save = if wish.contains(ShutdownOnSignal::SAVE) {
        Some(true)
    } else {
        wish.contains(ShutdownOnSignal::NOSAVE).then_some(false)
    };
    let request = ShutdownRequest {
        save,
        now: wish.contains(ShutdownOnSignal::NOW),
        force: wish.contains(ShutdownOnSignal::FORCE),
        status: 0,
    };
    if can_end(state, request) {
        state.shutdown = Some(request);
    } else {
        state.log.warning(
            "SIGTERM received but errors trying to shut down the server, check the logs for more information",
        );
    }
}

/// May the server end? Not when the data set must be saved and cannot be.
pub fn can_end(state: &State, request: ShutdownRequest) -> bool {
    if request.save != Some(true) {
        return true;
    }
    state.log.warning("Saving the data set is not supported by this version.");
    if !request.force {
        state.log.warning("Error trying to save the DB, can't exit.");
    }
    request.force
}

/// The last things before the loop ends.
pub fn before_exit(engine: &mut Engine, request: ShutdownRequest) {
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
