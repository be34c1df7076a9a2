//! All clients of an engine, by token (the event loop's index) and by id.
//!
//! The client whose command runs is *taken out* for that time, so that a command can hold it and the registry at
//! once; whoever walks all clients from within a command adds `cx.client` himself.
//!
//! Invariants: `by_id` names exactly the clients that exist, taken out or not; a token in `dirty` has its
//! `is_dirty` set, so it stands there once.

use super::output::Output;
use super::{Client, Closing, Peer};
use slab::Slab;
use std::collections::BTreeMap;

/// See the file head.
#[derive(Default)]
pub struct Registry {
    peers: Slab<Option<Box<Peer>>>,
    by_id: BTreeMap<u64, usize>,
    next_id: u64,
    /// Tokens with output to flush or a close to carry out.
    dirty: Vec<usize>,
}

impl Registry {
    /// Number of clients.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// No client at all?
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Adds the client that `make` builds from its new id and token; returns the token.
    pub fn add(&mut self, make: impl FnOnce(u64, usize) -> Client) -> usize {
        self.next_id += 1;
        let entry = self.peers.vacant_entry();
        let token = entry.key();
        let client = make(self.next_id, token);
        let out = Output::new(client.created_ms);
        entry.insert(Some(Box::new(Peer { client, out })));
        self.by_id.insert(self.next_id, token);
        token
    }

    /// Removes a client for good.
    pub fn remove(&mut self, token: usize) -> Option<Box<Peer>> {
        let peer = self.peers.try_remove(token)??;
        self.by_id.remove(&peer.client.id);
        Some(peer)
    }

    /// Takes a client out while its command runs.
    pub fn take(&mut self, token: usize) -> Option<Box<Peer>> {
        self.peers.get_mut(token)?.take()
    }

    /// Puts it back.
    pub fn put_back(&mut self, peer: Box<Peer>) {
        let token = peer.client.token;
        self.peers[token] = Some(peer);
    }

    /// A client by token, unless taken out.
    pub fn get(&self, token: usize) -> Option<&Peer> {
        self.peers.get(token)?.as_deref()
    }

    /// A client by token, unless taken out.
    pub fn get_mut(&mut self, token: usize) -> Option<&mut Peer> {
        self.peers.get_mut(token)?.as_deref_mut()
    }

    /// The token of an id, taken out or not.
    pub fn token_of(&self, id: u64) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// A client by id, unless taken out.
    pub fn by_id(&self, id: u64) -> Option<&Peer> {
        self.get(self.token_of(id)?)
    }

    /// A client by id, unless taken out.
    pub fn by_id_mut(&mut self, id: u64) -> Option<&mut Peer> {
        let token = self.token_of(id)?;
        self.get_mut(token)
    }

    /// Clients in order of id; the one taken out is missing.
    pub fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.by_id.values().filter_map(|&token| self.get(token))
    }

    /// All clients, in no order; the one taken out is missing.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.peers.iter_mut().filter_map(|(_, peer)| peer.as_deref_mut())
    }

    /// Tokens in order of id.
    pub fn tokens(&self) -> Vec<usize> {
        self.by_id.values().copied().collect()
    }

    /// The next `count` clients by id after the one of `id`: (id, token).
    pub fn tokens_after(&self, id: u64, count: usize) -> Vec<(u64, usize)> {
        self.by_id.range(id + 1..).take(count).map(|(&id, &token)| (id, token)).collect()
    }

    /// Notes that a client has output to flush or is to be closed.
    pub fn mark_dirty(&mut self, token: usize) {
        if let Some(Some(peer)) = self.peers.get_mut(token)
            && !peer.client.is_dirty
        {
            peer.client.is_dirty = true;
            self.dirty.push(token);
        }
    }

    /// The same for a client that is taken out.
    pub fn mark_dirty_taken(&mut self, client: &mut Client) {
        if !client.is_dirty {
            client.is_dirty = true;
            self.dirty.push(client.token);
        }
    }

    /// Asks for a client to be closed.
    pub fn close(&mut self, token: usize, how: Closing) {
        if let Some(peer) = self.get_mut(token) {
            peer.client.close(how);
            self.mark_dirty(token);
        }
    }

    /// Hands over the list of dirty tokens, leaving `spare` (cleared) in its place.
    pub fn take_dirty(&mut self, spare: Vec<usize>) -> Vec<usize> {
        std::mem::replace(&mut self.dirty, spare)
    }

    /// How many clients have output to flush or a close to carry out.
    pub fn dirty_len(&self) -> usize {
        self.dirty.len()
    }

    /// Anything to flush?
    pub fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }
}
