//! How waits end: a ready key, a deadline, CLIENT UNBLOCK.

use super::{Blocked, Until, Wait, begin, release};
use crate::client::Peer;
use crate::commands::generic::wait::reply_confirmations;
use crate::dispatch::{self, Flow, window};
use crate::engine::{Engine, State};
use crate::store::Store;
use rufous_protocol::error;

/// How a wait ends that its client did not get what it waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// With the command's reply to a timeout.
    Timeout,
    /// With an error.
    Error,
}

/// Lets waiting clients run again whose keys are ready, and those whose keys become ready by that, until no key is.
///
/// Nobody may be taken out of the registry: whoever runs again may have something to tell anyone.
#[cold]
pub fn serve(engine: &mut Engine) {
    while let Some((db, key)) = engine.state.blocking.ready.pop_front() {
        let keys = &mut engine.state.blocking.keys;
        let Some(waiters) = keys.get_mut(db).and_then(|keys| keys.get_mut(&key)) else { continue };
        waiters.is_ready = false;
        // Those who come back to wait again are not asked twice.
        let waiting: Vec<(u64, usize)> = waiters.tokens.iter().map(|(&at, &token)| (at, token)).collect();
        for (arrival, token) in waiting {
            if may_run(engine, db, &key, arrival, token) {
                run_again(engine, token);
            }
        }
    }
}

/// The same between two commands of a client, which is taken out of the registry.
#[cold]
pub fn serve_between(engine: &mut Engine, peer: Box<Peer>) -> Box<Peer> {
    let token = peer.client.token;
    engine.state.clients.put_back(peer);
    serve(engine);
    engine.state.clients.take(token).expect("clients are removed at the end of a turn only")
}

/// Is the wait still the same, and is the key what the client waits for?
fn may_run(engine: &Engine, db: usize, key: &[u8], arrival: u64, token: usize) -> bool {
    let Some(peer) = engine.state.clients.get(token) else { return false };
    let Some(blocked) = peer.client.blocked.as_ref().filter(|blocked| blocked.arrival == arrival) else {
        return false;
    };
    if peer.client.closing.is_some() {
        return false;
    }
    match &blocked.wait {
        Wait::Keys(_, Until::Changes) => true,
        Wait::Keys(_, Until::Holds(kind)) => {
            let now = engine.state.clock.now_ms();
            let entry = engine.store.keyspace.db(db).find(key).filter(|entry| !entry.is_expired(now));
            entry.is_some_and(|entry| entry.kind() == *kind)
        }
        Wait::Replicas | Wait::Disk | Wait::Pause | Wait::Shutdown => false,
    }
}

/// Runs the request of a waiting client again, from its start. During a CLIENT PAUSE it may be held back.
pub fn run_again(engine: &mut Engine, token: usize) {
    let Some(mut peer) = engine.state.clients.take(token) else { return };
    if let Some(mut blocked) = release(&mut engine.state, &mut engine.store.effects, &mut peer.client) {
        let Blocked { command, request, .. } = &*blocked;
        let outer = engine.state.running.enter(Some(&peer), request);
        let flow = dispatch::execute_again(engine, &mut peer, *command, request.args(), blocked.again());
        engine.state.running.leave(outer);
        match flow {
            Flow::Done => engine.state.blocking.released.push_back(token),
            Flow::Blocked => {}
            Flow::Postponed => {
                blocked.wait = Wait::Pause;
                let Engine { state, store } = engine;
                begin(&mut state.blocking, &mut store.effects, &mut peer.client, blocked);
            }
        }
        window::after_request(&mut engine.state, &mut peer);
    }
    engine.state.put_back(peer);
}

/// Ends the waits whose deadlines have passed.
pub fn expire(engine: &mut Engine) {
    let now_us = engine.state.clock.now_us();
    let Engine { store, state } = engine;
    while let Some((&(at_us, _), &token)) = state.blocking.deadlines.first_key_value()
        && at_us <= now_us
    {
        end(store, state, token, Ending::Timeout);
    }
}

/// Ends the wait of a client that gets nothing. False if it does not wait, or for what nobody calls off.
pub fn end(store: &mut Store, state: &mut State, token: usize, ending: Ending) -> bool {
    let waits = |peer: &Peer| {
        let wait = peer.client.blocked.as_ref().map(|blocked| &blocked.wait);
        matches!(wait, Some(Wait::Keys(..) | Wait::Replicas | Wait::Disk)) && peer.client.closing.is_none()
    };
    if !state.clients.get(token).is_some_and(waits) {
        return false;
    }
    let Some(mut peer) = state.clients.take(token) else { return false };
    if let Some(blocked) = release(state, &mut store.effects, &mut peer.client) {
        let Blocked { command, request, wait, .. } = &*blocked;
        dispatch::reply_late(
            store,
            state,
            &mut peer,
            *command,
            request.args(),
            blocked.again(),
            |cx| match (ending, wait) {
                (Ending::Error, _) => cx.error(&error::UNBLOCKED),
                (_, Wait::Keys(..) | Wait::Pause | Wait::Shutdown) => cx.reply.null_array(),
                (_, Wait::Replicas) => cx.reply.integer(0),
                (_, Wait::Disk) => reply_confirmations(cx),
            },
        );
        state.blocking.released.push_back(token);
    }
    state.put_back(peer);
    true
}
