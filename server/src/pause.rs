//! CLIENT PAUSE: commands wait, all of them or those that write, until a deadline or UNPAUSE.
//!
//! Invariants: while a pause lasts, a new one neither weakens nor shortens it.

/// See the file head.
#[derive(Default, Clone, Copy)]
pub struct Pause {
    until_ms: i64,
    held: Held,
}

/// Which commands wait.
#[derive(Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Held {
    /// None.
    #[default]
    Nothing,
    /// Those that may write.
    Writes,
    /// All.
    Everything,
}

impl Pause {
    /// Starts or extends a pause.
    pub fn start(&mut self, until_ms: i64, held: Held) {
        self.until_ms = self.until_ms.max(until_ms);
        self.held = self.held.max(held);
    }

    /// Ends it.
    pub fn end(&mut self) {
        *self = Pause::default();
    }

    /// Is any pause in force?
    pub fn is_active(&self) -> bool {
        self.held != Held::Nothing
    }

    /// Must a command wait?
    pub fn holds(&self, may_write: bool) -> bool {
        match self.held {
            Held::Nothing => false,
            Held::Writes => may_write,
            Held::Everything => true,
        }
    }

    /// When it ends, in Unix milliseconds, if it is in force.
    pub fn deadline_ms(&self) -> Option<i64> {
        self.is_active().then_some(self.until_ms)
    }

    /// Ends a pause whose deadline has passed.
    pub fn expire(&mut self, now_ms: i64) {
        if self.until_ms <= now_ms {
            self.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stricter_and_the_longer_win() {
        let mut pause = Pause::default();
        pause.start(200, Held::Everything);
        pause.start(20, Held::Writes);
        assert!(pause.holds(false));
        pause.expire(199);
        assert_eq!(pause.deadline_ms(), Some(200));
        pause.expire(200);
        assert!(!pause.holds(true) && !pause.is_active());
    }

    #[test]
    fn reads_pass_a_pause_of_writes() {
        let mut pause = Pause::default();
        pause.start(100, Held::Writes);
        assert!(pause.holds(true) && !pause.holds(false));
        pause.end();
        assert!(!pause.holds(true));
    }
}
