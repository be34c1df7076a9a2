//! Periodic work: expiry, statistics, idle clients, the lines of the log that say how things stand.
//!
//! Clients are looked after in turns, some at each call, so that each is seen about once a second and thousands cause no
//! pause.

use crate::client::{Closing, Special};
use crate::config::LogLevel;
use crate::engine::{Engine, EngineSpecial, State};
use crate::found::FIELDS_PER_LOOKUP;
use crate::persistence::{aof, snapshot};
use crate::store::{Keys, Store};
use crate::{fanout, limits, tracking};
use rufous_storage::memory;
use std::cmp::Ordering;

/// Expired keys removed per turn of the loop at most: bounds the pause that a wave of expiries causes.
const EXPIRE_BUDGET: usize = 512;
/// Expired fields of hashes that have others, in the same way. The wheel names the hashes again at once.
const FIELDS_BUDGET: usize = 2048;
/// Clients looked after per call, at least.
const CLIENTS_PER_CALL_MIN: usize = 5;
/// Clients per call above which `dynamic-hz` makes calls more frequent.
const CLIENTS_PER_CALL_MAX: usize = 200;
/// The most calls per second.
const HZ_MAX: u32 = 500;
/// Milliseconds between two reports in the log.
const REPORT_PERIOD_MS: u64 = 5000;

/// How far the work came.
#[derive(Default)]
pub struct Progress {
    /// Id of the client that was looked after last.
    last_client: u64,
    reported_ms: u64,
    /// More keys had run out than one turn removes: the loop is not to wait.
    pub more_expired: bool,
}

/// Removes keys whose time has come, a bounded number.
pub fn expire_keys(engine: &mut Engine) {
    engine.state.cron.more_expired = false;
    let now = engine.state.clock.now_ms();
    let paused = engine.state.switches.cron_paused
        || engine.state.pause.is_active()
        || engine.state.special.contains(EngineSpecial::LOADING);
    if !engine.store.active_expire || paused {
        return;
    }
    let mut due = Vec::new();
    for index in 0..engine.store.keyspace.count() {
        let db = engine.store.keyspace.db_mut(index);
        if db.next_due().is_some_and(|at| at <= now) {
            db.due(now, EXPIRE_BUDGET, &mut |key| due.push((index, key.to_vec())));
        }
    }
    if !due.is_empty() {
        remove_expired(engine, due, now);
    }
}

fn remove_expired(engine: &mut Engine, due: Vec<(usize, Vec<u8>)>, now: i64) {
    let started_ns = engine.state.clock.tick();
    engine.state.cron.more_expired = due.len() >= EXPIRE_BUDGET;
    engine.state.stats.expire_budget_spent += u64::from(engine.state.cron.more_expired);
    let mut fields_left = FIELDS_BUDGET;
    for (index, key) in due {
        let mut keys = Keys { store: &mut engine.store, index, now, horizon: now, touch: false };
        fields_left -= keys.expire(&key, fields_left.min(FIELDS_PER_LOOKUP)).min(fields_left);
        engine.store.effects.writes.end_unit(|| false);
    }
    if !engine.store.effects.is_empty() {
        fanout::publish_without_client(engine);
    }
    let duration_ns = engine.state.clock.tick() - started_ns;
    engine.state.stats.expire_ns += duration_ns;
    engine.state.latency.add_if_slow("expire-cycle", now / 1000, duration_ns);
}

/// The clients to look after at this call, in turns.
pub fn next_clients(state: &mut State) -> Vec<usize> {
    let count = (state.clients.len() / state.hz.max(1) as usize).max(CLIENTS_PER_CALL_MIN);
    let mut chosen = state.clients.tokens_after(state.cron.last_client, count);
    if chosen.len() < count {
        // Those that are left of this round, then the next round; nobody twice.
        let more = state.clients.tokens_after(0, count - chosen.len());
        chosen.extend(more.into_iter().filter(|(id, _)| *id <= state.cron.last_client));
    }
    state.cron.last_client = chosen.last().map_or(0, |(id, _)| *id);
    chosen.into_iter().map(|(_, token)| token).collect()
}

/// What is done `hz` times a second. `clients` are those whose turn it is.
pub fn run(engine: &mut Engine, clients: &[usize]) {
    engine.store.free_retired();
    snapshot::poll(&mut engine.store, &mut engine.state);
    snapshot::heed_points(&mut engine.store, &mut engine.state);
    aof::rewrite::heed_growth(&mut engine.store, &mut engine.state);
    aof::hold::heed_other_writers(&engine.state);
    tracking::make_room_without_client(engine);
    let state = &mut engine.state;
    let now = state.clock.now_ms();
    let used = memory::used_bytes() as u64;
    if used > state.stats.memory_peak_bytes {
        state.stats.memory_peak_bytes = used;
        state.stats.memory_peak_ms = now;
    }
    let monotonic_ms = state.clock.monotonic_ms();
    state.stats.sample_rates(monotonic_ms);
    adapt_frequency(state);
    look_after_clients(state, clients, now);
    if monotonic_ms >= state.cron.reported_ms + REPORT_PERIOD_MS {
        state.cron.reported_ms = monotonic_ms;
        report(&engine.store, &engine.state);
    }
}

/// With many clients `dynamic-hz` asks for more frequent calls, so that each call stays short.
fn adapt_frequency(state: &mut State) {
    state.hz = state.config.hz;
    if state.config.dynamic_hz {
        while state.clients.len() / state.hz.max(1) as usize > CLIENTS_PER_CALL_MAX && state.hz < HZ_MAX {
            state.hz = (state.hz * 2).min(HZ_MAX);
        }
    }
}

/// Idle time-outs, soft output limits, idle buffers.
fn look_after_clients(state: &mut State, tokens: &[usize], now: i64) {
    let timeout_ms = i64::from(state.config.timeout_s) * 1000;
    for &token in tokens {
        let Some(peer) = state.clients.get_mut(token) else { continue };
        let idle_ms = now - peer.client.active_ms;
        let exempt = peer.client.is_subscriber()
            || peer.client.special.intersects(Special::MONITOR.union(Special::BLOCKED));
        state.peaks.note(now / 1000, peer.client.query_buffer_capacity, peer.out.len());
        if state.switches.reply_buffer_resizing {
            match peer.out.fit(now, state.switches.reply_buffer_peak_reset_ms) {
                Ordering::Less => state.stats.reply_buffer_shrinks += 1,
                Ordering::Greater => state.stats.reply_buffer_expands += 1,
                Ordering::Equal => {}
            }
        }
        if timeout_ms > 0 && idle_ms > timeout_ms && !exempt {
            state.log.verbose("Closing idle client");
            peer.client.close(Closing::Now);
        } else {
            limits::check_output(&state.config, &state.commands, &mut state.stats, &state.log, peer, now);
        }
        if peer.client.closing.is_some() {
            state.clients.mark_dirty(token);
        }
    }
}

/// How full databases are, and who is connected.
fn report(store: &Store, state: &State) {
    if !state.log.is_on(LogLevel::Verbose) {
        return;
    }
    for (index, db) in store.keyspace.iter().enumerate().filter(|(_, db)| !db.is_empty()) {
        state.log.verbose(format_args!(
            "DB {index}: {} keys ({} volatile) in {} bytes of tables.",
            db.len(),
            db.expires_len(),
            db.memory().table_bytes
        ));
    }
    let (clients, used) = (state.clients.len(), memory::used_bytes());
    state.log.debug(format_args!("{clients} clients connected (0 replicas), {used} bytes in use"));
}
