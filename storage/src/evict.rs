//! Which key to evict, and what accesses leave in an entry for deciding that.
//!
//! The 24 access bits of an entry are, under an LRU policy, the LRU clock at the last access; under an LFU policy, 16 bits
//! of the minute of the last decay and 8 bits of a logarithmic counter. As in Redis, a policy change reinterprets them.
//!
//! Keys are chosen by sampling: samples of each database go to a pool of the best 16 seen, and the best of the pool that
//! still deserves it is evicted. Under a volatile policy the timing wheel is sampled, so that keys without expiry, however
//! many, do not dilute the samples.

use crate::db::Db;
use crate::entry::{ACCESS_MASK, EntryRef};
use crate::keyspace::Keyspace;
use crate::random::Random;

/// One tick of the LRU clock.
pub const LRU_TICK_MS: i64 = 1000;
/// The counter of a new key, so that it is not the first to go.
pub const LFU_COUNTER_START: u8 = 5;
/// Candidates that the pool remembers.
const POOL_LEN_MAX: usize = 16;
/// Rounds of sampling in which nothing is found before giving up.
const EMPTY_ROUNDS_MAX: usize = 16;

/// What is evicted when memory is full: `maxmemory-policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Nothing.
    NoEviction,
    /// The least recently used key.
    AllkeysLru,
    /// The least frequently used key.
    AllkeysLfu,
    /// Any key.
    AllkeysRandom,
    /// The least recently used key with an expiry.
    VolatileLru,
    /// The least frequently used key with an expiry.
    VolatileLfu,
    /// Any key with an expiry.
    VolatileRandom,
    /// The key that expires first.
    VolatileTtl,
}

impl Policy {
    /// All policies by their names in the configuration.
    pub const NAMES: [(&'static str, Policy); 8] = [
        ("volatile-lru", Policy::VolatileLru),
        ("volatile-lfu", Policy::VolatileLfu),
        ("volatile-random", Policy::VolatileRandom),
        ("volatile-ttl", Policy::VolatileTtl),
        ("allkeys-lru", Policy::AllkeysLru),
        ("allkeys-lfu", Policy::AllkeysLfu),
        ("allkeys-random", Policy::AllkeysRandom),
        ("noeviction", Policy::NoEviction),
    ];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        Policy::NAMES.iter().find(|(_, policy)| *policy == self).map_or("", |(name, _)| name)
    }

    /// Whether access bits are LFU counters.
    pub fn is_lfu(self) -> bool {
        matches!(self, Policy::AllkeysLfu | Policy::VolatileLfu)
    }

    /// Whether only keys with an expiry are evicted.
    pub fn is_volatile(self) -> bool {
        matches!(
            self,
            Policy::VolatileLru | Policy::VolatileLfu | Policy::VolatileRandom | Policy::VolatileTtl
        )
    }

    fn is_random(self) -> bool {
        matches!(self, Policy::AllkeysRandom | Policy::VolatileRandom)
    }
}

/// How the LFU counter moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lfu {
    /// Minutes after which the counter loses one; 0: it never does. `lfu-decay-time`.
    pub decay_minutes: u32,
    /// The larger, the more accesses the counter takes to grow. `lfu-log-factor`.
    pub log_factor: u32,
}

/// The access bits of a key made or accessed now (unix ms), under LRU.
pub fn lru_bits(now: i64) -> u32 {
    (now / LRU_TICK_MS) as u32 & ACCESS_MASK
}

/// The access bits of a key made now (unix ms), under LFU.
pub fn lfu_fresh_bits(now: i64) -> u32 {
    lfu_bits(now, LFU_COUNTER_START)
}

/// The access bits for a counter valid now (unix ms).
pub fn lfu_bits(now: i64, counter: u8) -> u32 {
    minutes(now) << 8 | u32::from(counter)
}

/// For how many ms the key was idle, from its LRU bits; the clock wraps after 194 days.
pub fn idle_ms(bits: u32, now: i64) -> i64 {
    i64::from(lru_bits(now).wrapping_sub(bits) & ACCESS_MASK) * LRU_TICK_MS
}

/// The LRU bits of a key that was idle for so long, as `RESTORE IDLETIME` sets them.
pub fn lru_bits_idle(now: i64, idle_ms: i64) -> u32 {
    lru_bits(now).wrapping_sub((idle_ms / LRU_TICK_MS) as u32) & ACCESS_MASK
}

/// The counter in LFU bits, less what it lost since.
pub fn lfu_counter(bits: u32, now: i64, lfu: Lfu) -> u8 {
    let elapsed = minutes(now).wrapping_sub(bits >> 8) & 0xffff;
    let lost = elapsed.checked_div(lfu.decay_minutes).unwrap_or(0);
    (bits & 0xff).saturating_sub(lost) as u8
}

/// The LFU bits after an access: the counter decays, then grows with a probability that falls with its value.
pub fn lfu_touched(bits: u32, now: i64, lfu: Lfu, random: &mut Random) -> u32 {
    let counter = lfu_counter(bits, now, lfu);
    let base = counter.saturating_sub(LFU_COUNTER_START);
    let grows =
        counter < u8::MAX && random.unit() * (f64::from(base) * f64::from(lfu.log_factor) + 1.0) < 1.0;
    lfu_bits(now, counter + u8::from(grows))
}

/// Notes an access under LRU. Writes only when the clock has ticked, so that hot entries stay clean in the caches.
#[inline]
pub fn touch_lru(entry: EntryRef<'_>, bits: u32) {
    if entry.access() != bits {
        entry.set_access(bits);
    }
}

/// Notes an access under LFU.
#[inline]
pub fn touch_lfu(entry: EntryRef<'_>, now: i64, lfu: Lfu, random: &mut Random) {
    entry.set_access(lfu_touched(entry.access(), now, lfu, random));
}

/// How to choose.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// What is evicted.
    pub policy: Policy,
    /// Keys sampled from each database in a round: `maxmemory-samples`.
    pub samples: usize,
    /// How LFU counters decay.
    pub lfu: Lfu,
    /// The time, unix ms.
    pub now: i64,
}

impl Choice {
    /// How much a key deserves to go, larger first.
    fn score(&self, entry: EntryRef<'_>) -> u64 {
        match self.policy {
            Policy::AllkeysLfu | Policy::VolatileLfu => {
                u64::from(u8::MAX - lfu_counter(entry.access(), self.now, self.lfu))
            }
            Policy::VolatileTtl => u64::MAX - entry.expire_at().unwrap_or(i64::MAX).max(0) as u64,
            _ => idle_ms(entry.access(), self.now) as u64,
        }
    }
}

#[derive(Debug)]
struct Candidate {
    score: u64,
    db: usize,
    key: Vec<u8>,
}

/// Chooses keys to evict; remembers good candidates between choices.
#[derive(Debug, Default)]
pub struct Evictor {
    /// By ascending score.
    pool: Vec<Candidate>,
    policy: Option<Policy>,
    next_db: usize,
}

impl Evictor {
    /// An evictor that has seen nothing.
    pub fn new() -> Evictor {
        Evictor::default()
    }

    /// The database and key to evict next; `None` if the policy finds none. The caller removes it.
    pub fn choose(
        &mut self,
        keyspace: &Keyspace,
        choice: &Choice,
        random: &mut Random,
    ) -> Option<(usize, Vec<u8>)> {
        if choice.policy == Policy::NoEviction {
            return None;
        }
        if choice.policy.is_random() {
            return self.choose_random(keyspace, choice, random);
        }
        if self.policy.replace(choice.policy) != Some(choice.policy) {
            self.pool.clear(); // scores of another policy mean nothing
        }
        for _ in 0..EMPTY_ROUNDS_MAX {
            for db in 0..keyspace.count() {
                self.sample(db, keyspace.db(db), choice, random);
            }
            if let Some(best) = self.take_best(keyspace, choice) {
                return Some((best.db, best.key));
            }
            if candidates(keyspace, choice) == 0 {
                return None;
            }
        }
        None
    }

    /// Databases take turns.
    fn choose_random(
        &mut self,
        keyspace: &Keyspace,
        choice: &Choice,
        random: &mut Random,
    ) -> Option<(usize, Vec<u8>)> {
        for _ in 0..EMPTY_ROUNDS_MAX * keyspace.count() {
            let index = self.next_db % keyspace.count();
            self.next_db = index + 1;
            let db = keyspace.db(index);
            if !choice.policy.is_volatile() {
                if let Some(entry) = db.random(random) {
                    return Some((index, entry.key().to_vec()));
                }
                continue;
            }
            let mut found = Vec::new();
            db.sample(random.next_u64(), choice.samples, true, &mut found);
            if let Some(entry) = found.get(random.below(found.len() as u64) as usize) {
                return Some((index, entry.key().to_vec()));
            }
        }
        None
    }

    fn sample(&mut self, index: usize, db: &Db, choice: &Choice, random: &mut Random) {
        let mut found = Vec::with_capacity(choice.samples);
        let volatile = choice.policy.is_volatile();
        if choice.policy == Policy::VolatileTtl {
            db.sample_first_expiring(choice.samples, &mut found);
        }
        db.sample(random.next_u64(), choice.samples, volatile, &mut found);
        for entry in found {
            self.offer(choice.score(entry), index, entry.key());
        }
    }

    /// Takes a candidate into the pool, if it is not there and better than the worst or there is room.
    fn offer(&mut self, score: u64, db: usize, key: &[u8]) {
        if self.pool.len() == POOL_LEN_MAX && score <= self.pool[0].score {
            return;
        }
        if self.pool.iter().any(|candidate| candidate.db == db && candidate.key == key) {
            return;
        }
        if self.pool.len() == POOL_LEN_MAX {
            self.pool.remove(0);
        }
        let index = self.pool.partition_point(|candidate| candidate.score < score);
        self.pool.insert(index, Candidate { score, db, key: key.to_vec() });
    }

    /// The best candidate that is still there and still as good; one that got worse is offered anew.
    fn take_best(&mut self, keyspace: &Keyspace, choice: &Choice) -> Option<Candidate> {
        while let Some(best) = self.pool.pop() {
            let Some(entry) =
                (best.db < keyspace.count()).then(|| keyspace.db(best.db).find(&best.key)).flatten()
            else {
                continue;
            };
            if choice.policy.is_volatile() && entry.expire_at().is_none() {
                continue;
            }
            let score = choice.score(entry);
            if score >= best.score || self.pool.last().is_none_or(|next| score >= next.score) {
                return Some(best);
            }
            self.offer(score, best.db, &best.key);
        }
        None
    }
}

/// How many keys the policy may choose from.
fn candidates(keyspace: &Keyspace, choice: &Choice) -> usize {
    if choice.policy.is_volatile() { keyspace.expires_len() } else { keyspace.len() }
}

fn minutes(now: i64) -> u32 {
    (now / 60_000) as u32 & 0xffff
}

#[cfg(all(test, not(miri)))] // statistics over many keys, on top of what Miri checks elsewhere
mod tests {
    use super::*;
    use crate::db::{NewStr, Ttl};

    const LFU: Lfu = Lfu { decay_minutes: 1, log_factor: 10 };
    const NOW: i64 = 1_700_000_000_000;

    fn choice(policy: Policy) -> Choice {
        Choice { policy, samples: 5, lfu: LFU, now: NOW }
    }

    /// Key n of 400 was idle for n seconds, has n / 2 as its counter, and if n is a multiple of 10 expires in n seconds.
    fn keyspace(policy: Policy) -> Keyspace {
        let mut keyspace = Keyspace::new(2, 9);
        for n in 0..400 {
            let ttl = if n % 10 == 0 { Ttl::At(NOW + n * 1000) } else { Ttl::Clear };
            let db = keyspace.db_mut(n as usize % 2 * usize::from(!policy.is_volatile()));
            db.set_string(n.to_string().as_bytes(), NewStr::Int(n), ttl);
            let bits =
                if policy.is_lfu() { lfu_bits(NOW, (n / 2) as u8) } else { lru_bits_idle(NOW, n * 1000) };
            db.find(n.to_string().as_bytes()).unwrap().set_access(bits);
        }
        keyspace
    }

    /// The mean n of the first 20 keys that are evicted, out of 40 or 400.
    fn mean_evicted(policy: Policy) -> i64 {
        let (mut keyspace, mut evictor, mut random) = (keyspace(policy), Evictor::new(), Random::new(4));
        let mut sum = 0;
        for _ in 0..20 {
            let (db, key) = evictor.choose(&keyspace, &choice(policy), &mut random).unwrap();
            assert!(keyspace.db_mut(db).remove(&key).is_some(), "{policy:?} chose an absent key");
            sum += std::str::from_utf8(&key).unwrap().parse::<i64>().unwrap();
        }
        sum / 20
    }

    #[test]
    fn each_policy_evicts_the_right_end() {
        assert!(mean_evicted(Policy::AllkeysLru) > 330);
        assert!(mean_evicted(Policy::VolatileLru) > 270);
        assert!(mean_evicted(Policy::AllkeysLfu) < 70);
        assert!(mean_evicted(Policy::VolatileLfu) < 130);
        assert!(mean_evicted(Policy::VolatileTtl) < 110);
        assert!((100..300).contains(&mean_evicted(Policy::AllkeysRandom)));
        assert!((100..300).contains(&mean_evicted(Policy::VolatileRandom)));
    }

    #[test]
    fn volatile_policies_evict_all_keys_with_expiry_and_no_other() {
        for (_, policy) in Policy::NAMES.into_iter().filter(|(_, policy)| policy.is_volatile()) {
            let (mut keyspace, mut evictor, mut random) = (keyspace(policy), Evictor::new(), Random::new(4));
            while let Some((db, key)) = evictor.choose(&keyspace, &choice(policy), &mut random) {
                assert!(keyspace.db_mut(db).remove(&key).is_some());
            }
            assert_eq!((keyspace.len(), keyspace.expires_len()), (360, 0), "{policy:?}");
        }
    }

    #[test]
    fn nothing_is_evicted_where_nothing_may_be() {
        let mut random = Random::new(1);
        let mut evictor = Evictor::new();
        assert!(
            evictor.choose(&keyspace(Policy::AllkeysLru), &choice(Policy::NoEviction), &mut random).is_none()
        );
        let empty = Keyspace::new(1, 1);
        for (_, policy) in Policy::NAMES {
            assert!(evictor.choose(&empty, &choice(policy), &mut random).is_none());
        }
    }

    #[test]
    fn a_candidate_that_was_accessed_meanwhile_is_spared() {
        let (mut keyspace, mut evictor, mut random) = (Keyspace::new(1, 9), Evictor::new(), Random::new(4));
        for n in 0..4 {
            let key = [b'a' + n];
            keyspace.db_mut(0).set_string(&key, NewStr::Int(1), Ttl::Clear);
            keyspace.db(0).find(&key).unwrap().set_access(lru_bits_idle(NOW, i64::from(n) * 60_000));
        }
        let choice = choice(Policy::AllkeysLru);
        assert_eq!(evictor.choose(&keyspace, &choice, &mut random).unwrap().1, b"d");
        keyspace.db_mut(0).remove(b"d");
        touch_lru(keyspace.db(0).find(b"c").unwrap(), lru_bits(NOW));
        assert_eq!(evictor.choose(&keyspace, &choice, &mut random).unwrap().1, b"b");
    }

    #[test]
    fn idle_time_wraps_with_the_clock() {
        assert_eq!(idle_ms(lru_bits(NOW), NOW + 5999), 5000 + i64::from(NOW % 1000 > 0) * 1000);
        assert_eq!(idle_ms(lru_bits_idle(NOW, 90_000), NOW), 90_000);
        let before_wrap = ((1 << 24) - 1) * LRU_TICK_MS;
        assert_eq!(idle_ms(lru_bits(before_wrap), before_wrap + 3000), 3000);
    }

    #[test]
    fn the_lfu_counter_grows_slowly_and_decays() {
        let mut random = Random::new(8);
        let mut bits = lfu_fresh_bits(NOW);
        assert_eq!(lfu_counter(bits, NOW, LFU), LFU_COUNTER_START);
        let mut after = Vec::new();
        for hits in 1..=100_000 {
            bits = lfu_touched(bits, NOW, LFU, &mut random);
            if [100, 1000, 100_000].contains(&hits) {
                after.push(lfu_counter(bits, NOW, LFU));
            }
        }
        assert!((7..=14).contains(&after[0]) && (14..=24).contains(&after[1]), "{after:?}");
        assert!((130..=160).contains(&after[2]), "{after:?}");
        assert_eq!(lfu_counter(bits, NOW + 60_000 * 10, LFU), after[2] - 10);
        assert_eq!(lfu_counter(bits, NOW + 60_000 * 1000, LFU), 0);
        assert_eq!(lfu_counter(bits, NOW + 60_000 * 1000, Lfu { decay_minutes: 0, ..LFU }), after[2]);
    }
}
