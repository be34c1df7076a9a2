//! `maxmemory`: evicts keys until what is used fits, before commands and, where that takes long, between them.
//!
//! Which key goes is chosen by [`rufous_storage::evict`]. A command waits for eviction only as long as
//! `maxmemory-eviction-tenacity` allows; the rest is done by the event loop, turn by turn.
//!
//! Invariants: nothing is evicted while CLIENT PAUSE holds writes back or the data set is loading; an evicted key is
//! changed for watchers and caches before its `evicted` event.

use crate::config::{Config, MaxmemoryPolicy};
use crate::effects::{Event, Listening};
use crate::engine::{Engine, EngineSpecial, State};
use crate::notify::Class;
use crate::store::Store;
use crate::{clock, fanout};
use rufous_storage::evict::{Choice, Evictor, Lfu, Policy};
use rufous_storage::memory;
use std::time::Duration;

const EVICTED: Event = Event::new(Class::EVICTED, "evicted");
/// Keys evicted between two looks at the time.
const KEYS_PER_LOOK: usize = 16;
/// Tenacity up to here is linear, beyond it exponential; at the top there is no limit.
const TENACITY_LINEAR_MAX: u32 = 10;
const TENACITY_MAX: u32 = 100;
/// The limit at the end of the linear part.
const LINEAR_LIMIT_US: u32 = 500;

/// What is remembered from one eviction to the next.
#[derive(Default)]
pub struct Eviction {
    evictor: Evictor,
    /// The loop is to go on.
    pending: bool,
    /// When memory went over the limit, in microseconds of the monotonic clock.
    exceeded_since_us: Option<u64>,
    exceeded_total_us: u64,
}

/// How an eviction ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It fits.
    Fits,
    /// Time is up; there is more to evict.
    Unfinished,
    /// There is nothing (more) to evict.
    Full,
}

impl Eviction {
    /// The loop is to evict.
    pub fn start(&mut self) {
        self.pending = true;
    }

    /// Is the loop to evict?
    pub fn is_pending(&self) -> bool {
        self.pending
    }

    /// For how many microseconds memory was over the limit: altogether and this time.
    pub fn exceeded_us(&self, now_us: u64) -> (u64, u64) {
        let current = self.exceeded_since_us.map_or(0, |since| now_us.saturating_sub(since));
        (self.exceeded_total_us + current, current)
    }

    /// CONFIG RESETSTAT.
    pub fn reset_stats(&mut self) {
        self.exceeded_total_us = 0;
        self.exceeded_since_us = None;
    }

    fn note(&mut self, is_over: bool, now_us: u64) {
        if is_over {
            self.exceeded_since_us.get_or_insert(now_us);
        } else if let Some(since) = self.exceeded_since_us.take() {
            self.exceeded_total_us += now_us.saturating_sub(since);
        }
    }
}

/// Evicts until it fits, as long as a command may wait for it.
pub fn make_room(store: &mut Store, state: &mut State) -> Outcome {
    let held = EngineSpecial::LOADING | EngineSpecial::PAUSED;
    if state.special.intersects(held) || excess(&state.config) == 0 {
        state.eviction.note(false, state.clock.monotonic_us());
        return Outcome::Fits;
    }
    let started_ns = state.clock.tick();
    let outcome = evict(store, state);
    let duration_ns = state.clock.tick() - started_ns;
    state.latency.add_if_slow("eviction-cycle", state.clock.now_ms() / 1000, duration_ns);
    state.eviction.pending |= outcome == Outcome::Unfinished;
    let is_over = outcome != Outcome::Fits;
    state.eviction.note(is_over, state.clock.monotonic_us());
    outcome
}

/// Goes on with what commands left; for the event loop, once a turn.
pub fn go_on(engine: &mut Engine) {
    if !engine.state.eviction.pending {
        return;
    }
    engine.state.eviction.pending = false;
    make_room(&mut engine.store, &mut engine.state);
    if !engine.store.effects.is_empty() {
        fanout::publish_without_client(engine);
    }
}

/// Bytes over `maxmemory`.
fn excess(config: &Config) -> u64 {
    match config.maxmemory {
        0 => 0,
        limit => (memory::used_bytes() as u64).saturating_sub(limit),
    }
}

fn evict(store: &mut Store, state: &mut State) -> Outcome {
    let State { config, eviction, clock, .. } = state;
    let policy = policy(config.maxmemory_policy);
    if policy == Policy::NoEviction {
        return Outcome::Full;
    }
    let started_us = clock::wall_us();
    let limit_us = limit_us(config.maxmemory_eviction_tenacity);
    let is_late = || clock::wall_us().saturating_sub(started_us) > limit_us;
    let choice = Choice {
        policy,
        samples: config.maxmemory_samples as usize,
        lfu: Lfu { decay_minutes: config.lfu_decay_time_m, log_factor: config.lfu_log_factor },
        now: clock.now_ms(),
    };
    // What the eviction sets off (messages to clients that cache the key) must not make it evict more.
    let to_free = excess(config);
    let (mut freed, mut evicted) = (0, 0);
    while freed < to_free {
        let Some((db, key)) = eviction.evictor.choose(&store.keyspace, &choice, &mut store.random) else {
            return wait_for_lazy_free(store, config, is_late);
        };
        freed += evict_key(store, db, &key, config.lazyfree_lazy_eviction);
        evicted += 1;
        if evicted % KEYS_PER_LOOK == 0 {
            if excess(config) == 0 {
                return Outcome::Fits;
            }
            if is_late() {
                return Outcome::Unfinished;
            }
        }
    }
    Outcome::Fits
}

/// Removes a key with all that follows; returns the bytes that this freed at once.
fn evict_key(store: &mut Store, db: usize, key: &[u8], lazy: bool) -> u64 {
    let before = memory::used_bytes();
    let Some(removed) = store.keyspace.db_mut(db).remove(key) else { return 0 };
    if lazy {
        store.lazyfree.free(removed);
    } else {
        drop(removed);
    }
    let freed = before.saturating_sub(memory::used_bytes()) as u64;
    store.stats.evicted += 1;
    store.dirty += 1;
    if store.effects.listening.contains(Listening::WRITES) {
        store.effects.writes.removed(db, key, lazy);
        store.effects.writes.end_unit(|| false);
    }
    store.effects.changed(db, key);
    store.effects.event(db, key, EVICTED);
    freed
}

/// No key is left, but the lazy-free thread may still give memory back.
fn wait_for_lazy_free(store: &Store, config: &Config, is_late: impl Fn() -> bool) -> Outcome {
    while store.lazyfree.pending() > 0 {
        if is_late() {
            return Outcome::Unfinished;
        }
        std::thread::sleep(Duration::from_micros(100));
        if excess(config) == 0 {
            return Outcome::Fits;
        }
    }
    if excess(config) == 0 { Outcome::Fits } else { Outcome::Full }
}

fn policy(directive: MaxmemoryPolicy) -> Policy {
    match directive {
        MaxmemoryPolicy::Noeviction => Policy::NoEviction,
        MaxmemoryPolicy::AllkeysLru => Policy::AllkeysLru,
        MaxmemoryPolicy::AllkeysLfu => Policy::AllkeysLfu,
        MaxmemoryPolicy::AllkeysRandom => Policy::AllkeysRandom,
        MaxmemoryPolicy::VolatileLru => Policy::VolatileLru,
        MaxmemoryPolicy::VolatileLfu => Policy::VolatileLfu,
        MaxmemoryPolicy::VolatileRandom => Policy::VolatileRandom,
        MaxmemoryPolicy::VolatileTtl => Policy::VolatileTtl,
    }
}

/// How long a command may spend on eviction.
fn limit_us(tenacity: u32) -> u64 {
    match tenacity {
        TENACITY_MAX.. => u64::MAX,
        0..=TENACITY_LINEAR_MAX => u64::from(tenacity * LINEAR_LIMIT_US / TENACITY_LINEAR_MAX),
        _ => (f64::from(LINEAR_LIMIT_US) * 1.15f64.powi((tenacity - TENACITY_LINEAR_MAX) as i32)) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_limit_grows_with_tenacity() {
        let cases = [(0, 0), (1, 50), (10, 500), (11, 575), (99, 126_000_000), (100, u64::MAX)];
        for (tenacity, expected) in cases {
            let limit = limit_us(tenacity);
            assert!(limit.abs_diff(expected) <= expected / 100, "{tenacity}: {limit}");
        }
    }

    #[test]
    fn time_over_the_limit_is_summed() {
        let mut eviction = Eviction::default();
        eviction.note(true, 100);
        eviction.note(true, 150);
        assert_eq!(eviction.exceeded_us(200), (100, 100));
        eviction.note(false, 250);
        eviction.note(true, 1000);
        assert_eq!(eviction.exceeded_us(1010), (160, 10));
        eviction.reset_stats();
        assert_eq!(eviction.exceeded_us(2000), (0, 0));
    }
}
