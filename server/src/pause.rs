//! CLIENT PAUSE: commands wait, all of them or those that write, until a deadline or UNPAUSE.
//!
//! Invariants: while a pause lasts, a new one never weakens or shortens it, as in Redis.

/// See the file head.
#[derive(Default, Clone, Copy)]
pub struct Pause {
    all_until_ms: i64,
    writes_until_ms: i64,
}

impl Pause {
    /// Starts or extends a pause.
    pub fn start(&mut self, until_ms: i64, all: bool) {
        let deadline = if all { &mut self.all_until_ms } else { &mut self.writes_until_ms };
        *deadline = (*deadline).max(until_ms);
    }

    /// Ends it.
    pub fn end(&mut self) {
        *self = Pause::default();
    }

    /// Is any pause in force?
    pub fn is_active(&self) -> bool {
        self.all_until_ms > 0 || self.writes_until_ms > 0
    }

    /// Must a command wait?
    pub fn holds(&self, may_write: bool) -> bool {
        self.all_until_ms > 0 || (may_write && self.writes_until_ms > 0)
    }

    /// Ends the pauses whose deadline has passed. True if that ended the last.
    pub fn expire(&mut self, now_ms: i64) -> bool {
        let was_active = self.is_active();
        for deadline in [&mut self.all_until_ms, &mut self.writes_until_ms] {
            if *deadline <= now_ms {
                *deadline = 0;
            }
        }
        was_active && !self.is_active()
    }

    /// `(purpose, type, remaining milliseconds)` for INFO's `paused_*`.
    pub fn describe(&self, now_ms: i64) -> Option<(&'static str, i64)> {
        let (actions, until) = if self.all_until_ms > 0 {
            ("all", self.all_until_ms)
        } else if self.writes_until_ms > 0 {
            ("write", self.writes_until_ms)
        } else {
            return None;
        };
        Some((actions, (until - now_ms).max(0)))
    }
}
