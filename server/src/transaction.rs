//! MULTI's queue and WATCH's bookkeeping. The commands themselves are in [`crate::commands::transactions`].
//!
//! Invariants: a client stands in `Watchers` under (db, key) exactly when its `watched` list names that pair;
//! `Listening::WATCH` is set exactly while `Watchers` is not empty.

use crate::client::{Client, Special};
use crate::command::Flags;
use crate::command::table::CommandId;
use crate::context::Ctx;
use crate::effects::{Effects, Listening};
use rufous_protocol::request::{Args, OwnedArgs};
use rufous_storage::Keyspace;
use std::collections::HashMap;

/// An open transaction.
#[derive(Default)]
pub struct Multi {
    /// The queue, in order.
    pub queued: Vec<(CommandId, OwnedArgs)>,
    /// A command was refused while queueing: EXEC aborts.
    pub doomed: bool,
    /// Union of the queued commands' flags, for the gates before EXEC.
    pub flags: Flags,
}

/// One WATCHed key.
pub struct Watched {
    /// Database.
    pub db: usize,
    /// Key.
    pub key: Vec<u8>,
    /// It had already expired (but still existed) when it was watched: its removal is no change.
    pub was_expired: bool,
}

/// Who watches what: (db, key) to tokens.
#[derive(Default)]
pub struct Watchers {
    by_key: HashMap<(usize, Vec<u8>), Vec<usize>>,
}

impl Watchers {
    /// Number of watched keys.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Nobody watches.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Starts watching, once per client and key.
    pub fn watch(
        &mut self,
        client: &mut Client,
        db: usize,
        key: &[u8],
        was_expired: bool,
        effects: &mut Effects,
    ) {
        if client.watched.iter().any(|watched| watched.db == db && watched.key == key) {
            return;
        }
        self.by_key.entry((db, key.to_vec())).or_default().push(client.token);
        client.watched.push(Watched { db, key: key.to_vec(), was_expired });
        effects.listening.insert(Listening::WATCH);
    }

    /// Ends all of a client's watches.
    pub fn unwatch(&mut self, client: &mut Client, effects: &mut Effects) {
        for watched in client.watched.drain(..) {
            let key = (watched.db, watched.key);
            if let Some(tokens) = self.by_key.get_mut(&key) {
                tokens.retain(|&token| token != client.token);
                if tokens.is_empty() {
                    self.by_key.remove(&key);
                }
            }
        }
        client.dirty_watch = false;
        effects.listening.set(Listening::WATCH, !self.by_key.is_empty());
    }

    /// Tokens that watch a key.
    pub fn of(&self, db: usize, key: &[u8]) -> Vec<usize> {
        self.by_key.get(&(db, key.to_vec())).cloned().unwrap_or_default()
    }

    /// Every (db, key, tokens).
    pub fn iter(&self) -> impl Iterator<Item = (usize, &[u8], &[usize])> {
        self.by_key.iter().map(|((db, key), tokens)| (*db, key.as_slice(), tokens.as_slice()))
    }
}

/// Queues a request that passed the gates inside MULTI.
pub fn queue(cx: &mut Ctx<'_>, id: CommandId, args: Args<'_>) {
    let flags = cx.server.commands.row(id).flags;
    if let Some(multi) = &mut cx.client.multi {
        // Nothing is kept for a transaction that is already lost: it will not run.
        if !multi.doomed && !cx.client.dirty_watch {
            multi.queued.push((id, args.to_owned()));
        }
        multi.flags |= flags;
    }
    cx.reply.simple("QUEUED");
}

/// Ends a transaction and its watches, whatever became of it.
pub fn discard(client: &mut Client, watchers: &mut Watchers, effects: &mut Effects) {
    client.multi = None;
    client.special.remove(Special::MULTI);
    watchers.unwatch(client, effects);
}

/// Marks the watchers of a changed key; `current` is the client taken out of the registry.
pub fn touch(state: &mut crate::engine::State, current: &mut Client, db: usize, key: &[u8], expired: bool) {
    if state.watchers.is_empty() {
        return;
    }
    for token in state.watchers.of(db, key) {
        let client = if token == current.token {
            &mut *current
        } else if let Some(peer) = state.clients.get_mut(token) {
            &mut peer.client
        } else {
            continue;
        };
        let spared = expired
            && client
                .watched
                .iter()
                .any(|watched| watched.db == db && watched.key == key && watched.was_expired);
        if !spared {
            client.dirty_watch = true;
        }
    }
}

/// A database is about to be emptied, or another to take its place: marks the watchers of keys that exist in either.
///
/// Neither the removal of a key that had expired when it was watched nor its replacement by an expired one is a change.
pub fn touch_db(
    state: &mut crate::engine::State,
    current: &mut Client,
    keyspace: &Keyspace,
    now: i64,
    db: usize,
    replaced_by: Option<usize>,
) {
    let watchers = std::mem::take(&mut state.watchers);
    for (_, key, tokens) in watchers.iter().filter(|(watched_db, ..)| *watched_db == db) {
        let existed = keyspace.db(db).contains(key);
        let successor = replaced_by.and_then(|other| keyspace.db(other).find(key));
        let successor_expired = successor.map(|entry| entry.is_expired(now));
        if !existed && successor.is_none() {
            continue;
        }
        for &token in tokens {
            let client = if token == current.token {
                &mut *current
            } else if let Some(peer) = state.clients.get_mut(token) {
                &mut peer.client
            } else {
                continue;
            };
            let mut watched =
                client.watched.iter_mut().filter(|watched| watched.db == db && watched.key == key);
            let Some(watched) = watched.next() else { continue };
            match (watched.was_expired, successor_expired) {
                (true, None) => watched.was_expired = false,
                (true, Some(true)) => {}
                (false, Some(true)) if !existed => watched.was_expired = true,
                _ => client.dirty_watch = true,
            }
        }
    }
    state.watchers = watchers;
}
