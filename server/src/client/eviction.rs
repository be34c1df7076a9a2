//! `maxmemory-clients`: closes the clients that take the most memory until all together fit.
//!
//! Invariants: once there was a limit, `total` is the sum of `counted_bytes` of all clients; a client is counted anew
//! whenever its requests ran or its output was sent, so that the sum costs nothing per turn.

use super::output::Output;
use super::{Client, Closing, Peer, list};
use crate::config::Config;
use crate::engine::State;

/// A limit below this would keep everyone from working, the operator too.
const LIMIT_BYTES_MIN: u64 = 128 << 10;

/// See the file head.
#[derive(Default)]
pub struct ClientMemory {
    limit_bytes: Option<u64>,
    is_counting: bool,
    total: u64,
}

impl ClientMemory {
    /// Follows the configuration; a new limit counts everyone but the client whose command runs, which is counted after it.
    pub fn configure<'a>(&mut self, config: &Config, peers: impl Iterator<Item = &'a mut Peer>) {
        self.limit_bytes = limit_bytes(config);
        if self.limit_bytes.is_some() && !self.is_counting {
            self.is_counting = true;
            peers.for_each(|peer| self.count(&mut peer.client, &peer.out));
        }
    }

    /// Counts a client anew.
    #[inline]
    pub fn count(&mut self, client: &mut Client, out: &Output) {
        if self.is_counting {
            let bytes = list::memory_total(client, out.figures()) as u64;
            self.total = self.total - client.counted_bytes + bytes;
            client.counted_bytes = bytes;
        }
    }

    /// A client is gone.
    pub fn forget(&mut self, client: &Client) {
        self.total -= client.counted_bytes;
    }

    fn excess(&self) -> u64 {
        self.limit_bytes.map_or(0, |limit| self.total.saturating_sub(limit))
    }
}

/// The limit in bytes; a negative setting is a percentage of `maxmemory`.
fn limit_bytes(config: &Config) -> Option<u64> {
    let limit = match config.maxmemory_clients {
        0 => return None,
        bytes @ 1.. => bytes as u64,
        percent => (u128::from(config.maxmemory) * u128::from(percent.unsigned_abs()) / 100) as u64,
    };
    (limit > 0).then(|| limit.max(LIMIT_BYTES_MIN))
}

/// Closes clients, the largest first, until the rest fits. CLIENT NO-EVICT exempts a client. True if there is one to close.
#[inline]
pub fn evict(state: &mut State) -> bool {
    state.client_memory.excess() > 0 && evict_largest(state)
}

#[cold]
fn evict_largest(state: &mut State) -> bool {
    let open = state.clients.iter().filter(|peer| !peer.client.no_evict && peer.client.closing.is_none());
    let mut candidates: Vec<(u64, usize)> =
        open.map(|peer| (peer.client.counted_bytes, peer.client.token)).collect();
    candidates.sort_unstable_by(|a, b| b.cmp(a));
    let mut excess = state.client_memory.excess();
    for &(bytes, token) in &candidates {
        if excess == 0 {
            break;
        }
        excess = excess.saturating_sub(bytes);
        state.stats.evicted_clients += 1;
        if let Some(Peer { client, out }) = state.clients.get(token) {
            let line = list::line(&state.commands, state.clock.now_ms(), client, out.figures());
            state.log.notice(format_args!("Evicting client: {line}"));
        }
        state.clients.close(token, Closing::Now);
    }
    !candidates.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_bytes_or_a_share_of_maxmemory_and_never_tiny() {
        let check = |maxmemory_clients, maxmemory, expected| {
            let config = Config { maxmemory_clients, maxmemory, ..Config::default() };
            assert_eq!(limit_bytes(&config), expected, "{maxmemory_clients} of {maxmemory}");
        };
        check(0, 1 << 30, None);
        check(3 << 20, 0, Some(3 << 20));
        check(1, 0, Some(LIMIT_BYTES_MIN));
        check(-5, 100 << 20, Some(5 << 20));
        check(-5, 0, None);
        check(-100, u64::MAX, Some(u64::MAX));
    }
}
