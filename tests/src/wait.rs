//! Waiting for what another process does, with an end.

use std::thread::sleep;
use std::time::{Duration, Instant};

const POLL_PERIOD: Duration = Duration::from_millis(5);

/// Lets time pass until `holds`; panics with `what` after `limit`.
#[track_caller]
pub fn eventually(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        sleep(POLL_PERIOD);
    }
}
