//! The wheel against a plain list of (time, hash) and a table of the keys' present times.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const START: i64 = 1_700_000_000_000;

/// What an owner does with a wheel: keys are numbers, hashes are they.
#[derive(Default)]
struct Owner {
    wheel: Wheel,
    expiries: BTreeMap<u64, i64>,
}

impl Owner {
    fn set(&mut self, key: u64, at: i64) {
        if self.expiries.insert(key, at).is_none_or(|old| at < old) {
            self.wheel.add(at, key);
        }
    }

    /// Pops at most `budget` records; gives the keys that are due, and whether there may be more.
    fn due(&mut self, now: i64, budget: usize) -> (Vec<u64>, bool) {
        let mut due = Vec::new();
        for _ in 0..budget {
            match self.wheel.pop(now) {
                Popped::Nothing => return (due, false),
                Popped::Working => (),
                Popped::Record(key) => match self.expiries.get(&key) {
                    Some(&at) if at <= now => {
                        self.expiries.remove(&key);
                        due.push(key);
                    }
                    Some(&at) => self.wheel.add(at, key),
                    None => (),
                },
            }
        }
        (due, true)
    }

    fn all_due(&mut self, now: i64) -> Vec<u64> {
        let (mut due, more) = self.due(now, 10_000_000);
        assert!(!more, "the wheel does not come to rest");
        due.sort_unstable();
        due
    }
}

#[test]
fn keys_are_due_at_their_time_and_not_before() {
    let mut owner = Owner::default();
    owner.all_due(START);
    let delays = [1, 2, 255, 256, 257, 65_535, 65_536, 70_000, 3_600_000, 86_400_000 * 400];
    for (key, delay) in delays.into_iter().enumerate() {
        owner.set(key as u64, START + delay);
    }
    for (key, delay) in delays.into_iter().enumerate() {
        assert_eq!(owner.all_due(START + delay - 1), [0; 0], "before {delay}");
        assert!(owner.wheel.next_at().unwrap() <= START + delay);
        assert_eq!(owner.all_due(START + delay), [key as u64], "at {delay}");
    }
    assert!(owner.wheel.is_empty() && owner.wheel.next_at().is_none());
}

#[test]
fn times_in_the_past_and_at_the_end_of_time_are_kept() {
    let mut owner = Owner::default();
    owner.all_due(START);
    owner.set(1, START - 5);
    owner.set(2, i64::MIN);
    owner.set(3, i64::MAX);
    assert_eq!(owner.all_due(START + 1), [1, 2]);
    assert_eq!(owner.all_due(i64::MAX - 1), [0; 0]);
    assert_eq!(owner.all_due(i64::MAX), [3]);
}

#[test]
fn a_jump_of_years_there_and_back_again() {
    const YEAR_MS: i64 = 365 * 86_400_000;
    let mut owner = Owner::default();
    owner.all_due(START);
    owner.set(1, START + 2 * YEAR_MS);
    owner.set(2, START + 1000);
    owner.set(3, START + 9 * YEAR_MS);
    assert_eq!(owner.all_due(START + YEAR_MS), [2]);
    owner.set(4, START + 500); // passed already
    assert_eq!(owner.all_due(START + 3 * YEAR_MS), [1, 4]);
    owner.set(5, START + 700);
    assert_eq!(owner.all_due(START), [0; 0]);
    assert_eq!(owner.all_due(START + 699), [0; 0]);
    assert_eq!(owner.all_due(START + 700), [5]);
    assert_eq!(owner.all_due(START + 10 * YEAR_MS), [3]);
}

#[test]
fn a_clock_that_steps_back_makes_no_key_late() {
    for back in [1, 300, 900, 70_000, 20_000_000] {
        let mut owner = Owner::default();
        owner.all_due(START);
        owner.set(1, START + 50);
        owner.set(2, START + 5000);
        assert_eq!(owner.all_due(START - back), [0; 0]);
        owner.set(3, START - back + 10);
        assert_eq!(owner.all_due(START - back + 9), [0; 0], "{back}");
        assert_eq!(owner.all_due(START - back + 10), [3], "{back}");
        assert_eq!(owner.all_due(START + 49), [0; 0], "{back}");
        assert_eq!(owner.all_due(START + 50), [1], "{back}");
        assert_eq!(owner.all_due(START + 5000), [2], "{back}");
    }
}

#[test]
fn work_is_bounded_by_the_budget_and_goes_on() {
    let mut owner = Owner::default();
    let keys = if cfg!(miri) { 600 } else { 5000 };
    for key in 0..keys {
        owner.set(key, START + key as i64 % 3);
    }
    let mut count = 0;
    loop {
        let (due, more) = owner.due(START + 1_000_000, 100);
        assert!(due.len() <= 100);
        count += due.len();
        if !more {
            break;
        }
    }
    assert_eq!(count as u64, keys);
}

#[test]
fn a_restart_drops_doubles_and_stale_records_in_short_steps() {
    let mut owner = Owner::default();
    owner.all_due(START);
    let (keys, hot) = (if cfg!(miri) { 300 } else { 256 }, 7u64.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for key in 0..keys {
        owner.set(u64::wrapping_mul(key, 0x9e37_79b9_7f4a_7c15), START + 1_000_000 + key as i64);
    }
    for n in 0..keys {
        owner.wheel.add(START + 5000, n); // stale
        owner.wheel.add(START + 900_000, hot); // doubles
    }
    assert_eq!(owner.wheel.len() as u64, 3 * keys);
    owner.wheel.restart();
    assert!(owner.wheel.is_restarting() && owner.wheel.next_at() == Some(0));
    assert_eq!(owner.all_due(START), [0; 0]);
    assert!(!owner.wheel.is_restarting());
    assert_eq!(owner.wheel.len() as u64, keys);
    assert!(owner.wheel.memory_bytes() <= 8 * keys as usize + 200_000);
    assert_eq!(owner.all_due(START + 1_000_000 + keys as i64).len() as u64, keys);
}

#[test]
fn what_is_due_takes_turns_with_a_restart() {
    let mut owner = Owner::default();
    owner.all_due(START);
    (0..600).for_each(|key| owner.set(key, START + 1_000_000));
    owner.wheel.restart();
    owner.set(5000, START + 1);
    let (due, more) = owner.due(START + 1, 4);
    assert!(due == [5000] && more);
}

#[test]
fn samples_come_from_all_records() {
    let mut owner = Owner::default();
    (0..100).for_each(|key| owner.set(key, START + (key as i64) * 100_000));
    for restarted in [false, true] {
        let mut seen = std::collections::BTreeSet::new();
        for step in 0..if cfg!(miri) { 150u64 } else { 1000 } {
            let mut count = 0;
            owner.wheel.sample(step.wrapping_mul(0x9e37_79b9_7f4a_7c15), 5, &mut |key| {
                seen.insert(key);
                count += 1;
            });
            assert_eq!(count, 5);
        }
        assert!(seen.len() == 100 || cfg!(miri) && seen.len() > 80, "restarted: {restarted}");
        owner.wheel.restart();
    }
    owner.all_due(START - 1);
    let mut first = Vec::new();
    owner.wheel.sample_first(1, &mut |key| first.push(key));
    assert_eq!(first, [0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 256 }, failure_persistence: None, ..Default::default() })]

    /// Whatever happens, exactly the keys whose time has come are due, once each.
    #[test]
    fn the_wheel_is_its_model(
        steps in proptest::collection::vec((0u8..6, 0u64..40, 0u32..40, any::<u16>()), 1..200),
    ) {
        let (mut owner, mut now) = (Owner::default(), START);
        owner.all_due(now);
        for (kind, key, magnitude, amount) in steps {
            let amount = i64::from(amount) << magnitude.min(24) >> 8;
            match kind {
                0 | 1 => owner.set(key, now + amount),
                2 => _ = owner.expiries.remove(&key),
                3 => owner.wheel.restart(),
                4 => _ = owner.due(now, 3),
                _ => {
                    now += if key % 4 == 0 { -amount } else { amount };
                    let mut expected: Vec<u64> =
                        owner.expiries.iter().filter(|(_, at)| **at < now).map(|(key, _)| *key).collect();
                    let late: Vec<u64> =
                        owner.expiries.iter().filter(|(_, at)| **at == now).map(|(key, _)| *key).collect();
                    let mut due = owner.all_due(now);
                    // A key set for the very ms that the wheel is at comes one ms later.
                    due.retain(|key| !late.contains(key));
                    expected.retain(|key| !late.contains(key));
                    prop_assert_eq!(due, expected);
                }
            }
        }
        let count = owner.expiries.len();
        prop_assert_eq!(owner.all_due(i64::MAX).len(), count);
        prop_assert!(owner.wheel.is_empty());
    }
}
