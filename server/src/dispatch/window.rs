//! A window: the requests that one client pipelined, run together.
//!
//! All names are looked up first and the memory that the keys need is prefetched, so
//! that the cache misses of up to [`WINDOW`] commands overlap; then they run one by one. Where requests that follow each other
//! look members up in the same collection, the same is done for the members.

use super::{Flow, execute};
use crate::blocking;
use crate::client::{Peer, Special};
use crate::command::Seeks;
use crate::command::table::CommandId;
use crate::engine::{Engine, State};
use crate::limits;
use arrayvec::ArrayVec;
use rufous_protocol::request::Batch;
use rufous_storage::Db;

/// Requests parsed ahead and prefetched together.
pub const WINDOW: usize = 16;

/// Runs the requests of `batch` from number `first` on. Returns the number of the request at which it stopped:
/// `batch.len()`, or an earlier one that was postponed or stands behind one that blocked the client.
///
/// The peer is taken out of the registry, and handed back.
pub fn run(
    engine: &mut Engine,
    peer: Box<Peer>,
    batch: &mut Batch,
    buf: &[u8],
    first: usize,
) -> (Box<Peer>, usize) {
    engine.state.running.begin(&peer, batch, buf);
    let stopped = run_noted(engine, peer, batch, buf, first);
    engine.state.running.end();
    stopped
}

/// The same, while the engine's `running` knows the peer, the batch and the buffer: where they are they stay.
#[inline]
fn run_noted(
    engine: &mut Engine,
    mut peer: Box<Peer>,
    batch: &Batch,
    buf: &[u8],
    first: usize,
) -> (Box<Peer>, usize) {
    let count = batch.len();
    let mut ids = [None::<CommandId>; WINDOW];
    look_up(engine, &peer, batch, buf, first, &mut ids);
    // What came before, reading and parsing, is not the first command's.
    engine.state.clock.tick();
    peer.client.active_ms = engine.state.clock.now_ms();
    for i in first..count {
        let (id, args) = (ids[i - first], batch.request(i, buf));
        // Parsed while it was allowed more: a command of this very window ended the client's authentication.
        if peer.client.special.contains(Special::UNAUTHENTICATED)
            && let Err(failure) = limits::request_limits(&engine.state.config, &peer.client).check(args)
        {
            limits::protocol_error(engine, &mut peer, failure, &[]);
            return (peer, count);
        }
        engine.state.running.at(i);
        if execute(engine, &mut peer, id, args) == Flow::Postponed {
            peer.client.postponed = true;
            return (peer, i);
        }
        peer.client.commands += 1;
        after_request(&mut engine.state, &mut peer);
        if engine.state.blocking.has_ready() {
            peer = blocking::serve_between(engine, peer);
        }
        if peer.client.special.intersects(Special::CLOSING.union(Special::BLOCKED)) {
            let stopped = if peer.client.closing.is_some() { count } else { i + 1 };
            return (peer, stopped);
        }
    }
    (peer, count)
}

/// Keeps a client's output in its bounds after a request was answered.
#[inline]
pub fn after_request(state: &mut State, peer: &mut Peer) {
    peer.out.seal_if_long();
    if !peer.out.waiting.is_empty() {
        let now = state.clock.now_ms();
        let State { config, commands, stats, log, .. } = state;
        limits::check_output(config, commands, stats, log, peer, now);
    }
}

fn look_up(
    engine: &mut Engine,
    peer: &Peer,
    batch: &Batch,
    buf: &[u8],
    first: usize,
    ids: &mut [Option<CommandId>; WINDOW],
) {
    let count = batch.len() - first;
    let mut last = peer.client.last_command;
    let mut hashes = [0u64; WINDOW];
    let mut hashed = 0;
    let prefetch = count > 1;
    let mut repeats = false;
    let db = engine.store.keyspace.db(peer.client.db);
    for (i, slot) in ids.iter_mut().enumerate().take(count) {
        let args = batch.request(first + i, buf);
        let id = engine.state.commands.lookup_request(args, last);
        *slot = id;
        last = id.or(last);
        let Some(id) = id else { continue };
        let key_at = engine.state.commands.first_key(id);
        if prefetch && key_at != 0 && key_at < args.len() {
            let hash = db.hash(args.get(key_at));
            repeats |= hashed != 0 && hashes[hashed - 1] == hash;
            hashes[hashed] = hash;
            hashed += 1;
        }
    }
    if hashed != 0 {
        db.prefetch(&hashes[..hashed]);
    }
    if repeats {
        prefetch_members(engine, db, batch, buf, first, ids);
    }
}

/// Requests that look a member each up in one collection: what their searches read is loaded together.
#[inline(never)]
fn prefetch_members(
    engine: &Engine,
    db: &Db,
    batch: &Batch,
    buf: &[u8],
    first: usize,
    ids: &[Option<CommandId>; WINDOW],
) {
    let asked = |(i, id): (usize, &Option<CommandId>)| {
        let (id, args) = ((*id)?, batch.request(first + i, buf));
        let (at, ranks) = match engine.state.commands.row(id).seeks {
            Seeks::Nothing => return None,
            Seeks::Member(at) => (at, false),
            Seeks::Rank(at) => (at, true),
        };
        (at < args.len()).then(|| (args.get(engine.state.commands.first_key(id)), ranks, args.get(at)))
    };
    let asked: ArrayVec<_, WINDOW> =
        ids.iter().take(batch.len() - first).enumerate().filter_map(asked).collect();
    for run in asked.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
        let &[(key, ranks, _), _, ..] = run else { continue };
        if let Some(entry) = db.find(key) {
            let members: ArrayVec<_, WINDOW> = run.iter().map(|(.., member)| *member).collect();
            entry.prefetch_members(&members, ranks);
        }
    }
}
