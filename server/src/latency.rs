//! The latency monitor: spikes by event.

/// See the file head.
#[derive(Default)]
pub struct Latency {
    /// Events of at least this duration are kept; `u64::MAX` switches it off.
    pub threshold_ns: u64,
}

impl Latency {
    /// Keeps a spike.
    #[cold]
    pub fn add(&mut self, _event: &'static str, _now_s: i64, _ms: u64) {}
}
