//! `maxmemory-clients`: closes the clients that take the most memory until all together fit.
//!
//! Invariants: once there was a limit, `total` is the sum of `counted_bytes` of all clients; a client is counted anew
//! whenever its requests ran or its output was sent, so that the sum costs nothing per turn. Who is to be closed counts
//! no more.

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
        if self.is_counting && client.closing != Some(Closing::Now) {
            let bytes = list::memory_total(client, out.figures()) as u64;
            self.total = self.total - client.counted_bytes + bytes;
            client.counted_bytes = bytes;
        }
    }

    /// A client is gone, or as good as.
    pub fn forget(&mut self, client: &mut Client) {
        self.total -= std::mem::take(&mut client.counted_bytes);
    }

    /// Is there a limit?
    #[inline]
    pub fn is_limited(&self) -> bool {
        self.limit_bytes.is_some()
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
    let open = state.clients.iter().filter(|peer| may_evict(&peer.client));
    let mut candidates: Vec<(u64, usize)> =
        open.map(|peer| (peer.client.counted_bytes, peer.client.token)).collect();
    candidates.sort_unstable_by(|a, b| b.cmp(a));
    for &(_, token) in &candidates {
        if state.client_memory.excess() == 0 {
            break;
        }
        if let Some(mut peer) = state.clients.take(token) {
            close(state, &mut peer);
            state.clients.mark_dirty_taken(&mut peer.client);
            state.clients.put_back(peer);
        }
    }
    !candidates.is_empty()
}

/// Before the requests of a client run, which hold `bytes` of memory and of which it is to know only now: closes who must
/// go. False if that is this one.
pub fn admit(state: &mut State, peer: &mut Peer, bytes: usize) -> bool {
    peer.client.query_buffer_capacity = bytes;
    state.client_memory.count(&mut peer.client, &peer.out);
    if state.client_memory.excess() == 0 {
        return true;
    }
    let others = state.clients.iter().map(|peer| &peer.client).filter(|client| may_evict(client));
    let largest = others.map(|client| client.counted_bytes).max().unwrap_or(0);
    if may_evict(&peer.client) && peer.client.counted_bytes >= largest {
        close(state, peer);
        return false;
    }
    evict(state);
    true
}

fn may_evict(client: &Client) -> bool {
    !client.no_evict && client.closing.is_none()
}

fn close(state: &mut State, peer: &mut Peer) {
    let line = list::line(&state.commands, state.clock.now_ms(), &peer.client, peer.out.figures());
    state.log.notice(format_args!("Evicting client: {line}"));
    state.stats.evicted_clients += 1;
    state.client_memory.forget(&mut peer.client);
    peer.client.close(Closing::Now);
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
