//! Periodic work: expiry, statistics, client time-outs, shutdown.

use crate::client::{Closing, Special};
use crate::engine::Engine;
use crate::store::Keys;
use crate::{fanout, limits};

/// Expired keys removed per turn of the loop at most: bounds the pause that a wave of expiries causes.
const EXPIRE_BUDGET: usize = 512;
/// Clients looked after per second, as a divisor of their number.
const RETIRED_PER_TURN: usize = 256;

/// Removes keys whose time has come, a bounded number.
pub fn expire_keys(engine: &mut Engine) {
    let now = engine.state.clock.now_ms();
    let paused = engine.state.switches.cron_paused || engine.state.pause.is_active();
    if !engine.store.active_expire || paused {
        return;
    }
    let mut due = Vec::new();
    for index in 0..engine.store.keyspace.count() {
        let db = engine.store.keyspace.db_mut(index);
        if db.next_due().is_none_or(|at| at > now) {
            continue;
        }
        db.due(now, EXPIRE_BUDGET, &mut |key| due.push((index, key.to_vec())));
    }
    for (index, key) in due {
        Keys { store: &mut engine.store, index, now, touch: false }.expire(&key);
    }
    if !engine.store.effects.is_empty() {
        fanout::publish_without_client(engine);
    }
}

/// What is done `hz` times a second.
pub fn run(engine: &mut Engine) {
    if engine.state.switches.cron_paused {
        return;
    }
    let now = engine.state.clock.now_ms();
    engine.store.keyspace.collect(RETIRED_PER_TURN);
    let state = &mut engine.state;
    let used = rufous_storage::memory::used_bytes() as u64;
    if used > state.stats.memory_peak_bytes {
        state.stats.memory_peak_bytes = used;
        state.stats.memory_peak_ms = now;
    }
    state.stats.sample_rates(state.clock.monotonic_ms());
    look_after_clients(engine, now);
}

/// Idle time-outs, soft output limits, idle buffers.
fn look_after_clients(engine: &mut Engine, now: i64) {
    let state = &mut engine.state;
    let timeout_ms = i64::from(state.config.timeout_s) * 1000;
    for token in state.clients.tokens() {
        let Some(peer) = state.clients.get_mut(token) else { continue };
        let idle_ms = now - peer.client.active_ms;
        let exempt = peer.client.is_subscriber() || peer.client.special.contains(Special::MONITOR);
        peer.client.output_capacity = peer.out.trim(idle_ms > 2000);
        if timeout_ms > 0 && idle_ms > timeout_ms && !exempt {
            state.log.verbose("Closing idle client");
            peer.client.close(Closing::Now);
        } else {
            limits::check_output(
                &state.config,
                &mut state.stats,
                &state.log,
                &mut peer.client,
                &peer.out,
                now,
            );
        }
        if peer.client.closing.is_some() {
            state.clients.mark_dirty(token);
        }
    }
}
