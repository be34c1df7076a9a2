//! Who listens to which channel, and delivery. The commands are in [`crate::commands::pubsub`].
//!
//! A message is encoded once per protocol version and copied to each receiver, or shared by reference when it is large.
//!
//! Invariants: the maps and the clients' `Subscriptions` name the same pairs; empty channels are removed.

use crate::client::Client;
use crate::client::output::Shared;
use crate::engine::State;
use rufous_protocol::glob;
use rufous_protocol::reply::{Reply, Resp};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Messages of at least this many bytes are shared between their receivers instead of copied.
const SHARED_LEN_MIN: usize = 16 * 1024;

/// The three kinds of subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// SUBSCRIBE.
    Channel,
    /// PSUBSCRIBE.
    Pattern,
    /// SSUBSCRIBE.
    Shard,
}

/// See the file head.
#[derive(Default)]
pub struct PubSub {
    /// Channels to tokens, in order of subscription.
    pub channels: HashMap<Vec<u8>, Vec<usize>>,
    /// Patterns, in order of name: deliveries are deterministic.
    pub patterns: BTreeMap<Vec<u8>, Vec<usize>>,
    /// Shard channels.
    pub shards: HashMap<Vec<u8>, Vec<usize>>,
}

impl PubSub {
    /// Adds a subscription; false if it was there.
    pub fn subscribe(&mut self, kind: Kind, client: &mut Client, name: &[u8]) -> bool {
        let subscriptions = client.subscriptions_mut();
        let (mine, tokens) = match kind {
            Kind::Channel => (&mut subscriptions.channels, self.channels.entry(name.to_vec()).or_default()),
            Kind::Pattern => (&mut subscriptions.patterns, self.patterns.entry(name.to_vec()).or_default()),
            Kind::Shard => (&mut subscriptions.shards, self.shards.entry(name.to_vec()).or_default()),
        };
        let added = mine.insert(name.to_vec());
        if added {
            tokens.push(client.token);
        }
        client.refresh_subscribed();
        added
    }

    /// Removes a subscription; false if it was not there.
    pub fn unsubscribe(&mut self, kind: Kind, client: &mut Client, name: &[u8]) -> bool {
        let Some(subscriptions) = &mut client.subscriptions else { return false };
        let mine = match kind {
            Kind::Channel => &mut subscriptions.channels,
            Kind::Pattern => &mut subscriptions.patterns,
            Kind::Shard => &mut subscriptions.shards,
        };
        if !mine.remove(name) {
            return false;
        }
        let token = client.token;
        match kind {
            Kind::Channel => leave_hashed(&mut self.channels, name, token),
            Kind::Shard => leave_hashed(&mut self.shards, name, token),
            Kind::Pattern => leave_ordered(&mut self.patterns, name, token),
        }
        client.refresh_subscribed();
        true
    }

    /// Ends all of a client's subscriptions without a word to it.
    pub fn forget(&mut self, client: &mut Client) {
        let Some(subscriptions) = client.subscriptions.take() else { return };
        for name in &subscriptions.channels {
            leave_hashed(&mut self.channels, name, client.token);
        }
        for name in &subscriptions.patterns {
            leave_ordered(&mut self.patterns, name, client.token);
        }
        for name in &subscriptions.shards {
            leave_hashed(&mut self.shards, name, client.token);
        }
        client.refresh_subscribed();
    }
}

fn leave_hashed(map: &mut HashMap<Vec<u8>, Vec<usize>>, name: &[u8], token: usize) {
    if let Some(tokens) = map.get_mut(name) {
        tokens.retain(|&other| other != token);
        if tokens.is_empty() {
            map.remove(name);
        }
    }
}

fn leave_ordered(map: &mut BTreeMap<Vec<u8>, Vec<usize>>, name: &[u8], token: usize) {
    if let Some(tokens) = map.get_mut(name) {
        tokens.retain(|&other| other != token);
        if tokens.is_empty() {
            map.remove(name);
        }
    }
}

/// A message encoded at most once per protocol version.
struct Encoded<'a> {
    parts: &'a [&'a [u8]],
    forms: [Option<Arc<[u8]>>; 2],
}

impl<'a> Encoded<'a> {
    fn new(parts: &'a [&'a [u8]]) -> Encoded<'a> {
        Encoded { parts, forms: [None, None] }
    }

    fn form(&mut self, resp: Resp) -> &Arc<[u8]> {
        let slot = &mut self.forms[usize::from(resp == Resp::V3)];
        slot.get_or_insert_with(|| {
            let mut bytes = Vec::new();
            let mut reply = Reply::new(&mut bytes, resp);
            reply.push(self.parts.len());
            self.parts.iter().for_each(|part| reply.bulk(part));
            bytes.into()
        })
    }
}

/// Publishes to channel and pattern subscribers, or to shard subscribers. `current` is the publishing client, which is
/// taken out of the registry; what it receives itself goes to `own`, to be sent after its reply. Returns the number of
/// receivers.
pub fn publish(
    state: &mut State,
    current: &Client,
    own: &mut Vec<u8>,
    channel: &[u8],
    message: &[u8],
    shard: bool,
) -> u64 {
    let mut receivers = 0;
    let map = if shard { &state.pubsub.shards } else { &state.pubsub.channels };
    if let Some(tokens) = map.get(channel) {
        let tokens = tokens.clone();
        let kind: &[u8] = if shard { b"smessage" } else { b"message" };
        let parts = [kind, channel, message];
        let mut encoded = Encoded::new(&parts);
        receivers += tokens.len() as u64;
        tokens.iter().for_each(|&token| deliver(state, current, own, token, &mut encoded));
    }
    if shard {
        return receivers;
    }
    let matching: Vec<(Vec<u8>, Vec<usize>)> = state
        .pubsub
        .patterns
        .iter()
        .filter(|(pattern, _)| glob::matches(pattern, channel))
        .map(|(pattern, tokens)| (pattern.clone(), tokens.clone()))
        .collect();
    for (pattern, tokens) in matching {
        let parts = [&b"pmessage"[..], &pattern, channel, message];
        let mut encoded = Encoded::new(&parts);
        receivers += tokens.len() as u64;
        tokens.iter().for_each(|&token| deliver(state, current, own, token, &mut encoded));
    }
    receivers
}

fn deliver(state: &mut State, current: &Client, own: &mut Vec<u8>, token: usize, message: &mut Encoded<'_>) {
    if token == current.token {
        own.extend_from_slice(message.form(current.resp));
        return;
    }
    let Some(peer) = state.clients.get_mut(token) else { return };
    let form = message.form(peer.client.resp);
    if form.len() >= SHARED_LEN_MIN {
        peer.out.splice(Shared::Message(form.clone()));
    } else {
        peer.out.tail.extend_from_slice(form);
    }
    after_push(state, token);
}

/// After bytes were pushed to a client that did not ask: seals, checks its limit and marks it dirty.
pub fn after_push(state: &mut State, token: usize) {
    let Some(peer) = state.clients.get_mut(token) else { return };
    peer.out.seal_if_long();
    if !peer.out.waiting.is_empty() {
        let now = state.clock.now_ms();
        let State { config, commands, stats, log, .. } = state;
        crate::limits::check_output(config, commands, stats, log, peer, now);
    }
    state.clients.mark_dirty(token);
}
