//! Client tracking: who may have cached which key, and telling them when it changes. The commands are in
//! [`crate::commands::client`].
//!
//! In default mode the keys that a client reads are kept in one table with the ids of their readers; a key leaves the
//! table when its readers are told. In broadcast mode nothing is kept: changed keys are gathered under the prefixes that
//! clients asked for, and sent once a turn of the loop.
//!
//! Messages to the client whose command runs follow its reply; those to others go to their outputs at once.
//!
//! Invariants: `Listening::TRACKING` holds exactly while some client tracks, and only then the table is not empty; a
//! prefix stands in the table exactly while a client asks for it. Ids of clients that are gone stay in the table
//! until their key changes or is evicted: a death costs nothing.

use crate::client::{Client, Peer, Special};
use crate::command::table::CommandId;
use crate::command::{Command, Flags, keys};
use crate::context::Ctx;
use crate::effects::{Effects, Listening};
use crate::engine::{Engine, EngineSpecial, State};
use crate::pubsub::after_push;
use indexmap::IndexMap;
use rufous_protocol::reply::{Reply, Resp};
use rufous_protocol::request::Args;
use rufous_storage::Random;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// Keys that one visit evicts from an overfull table, times the visits in a row that found it overfull.
const EVICTED_PER_VISIT: usize = 100;
/// The channel on which RESP2 clients get invalidations.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// Which reads a client's tracking is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// All.
    #[default]
    All,
    /// Those behind CLIENT CACHING YES.
    OptIn,
    /// All but those behind CLIENT CACHING NO.
    OptOut,
    /// None: every change under the prefixes is told.
    Broadcast,
}

/// A client's tracking.
#[derive(Default)]
pub struct ClientTracking {
    /// Who gets the messages instead, by id; 0 is the client itself.
    pub redirect: u64,
    /// That client turned out to be gone.
    pub broken_redirect: bool,
    /// Which reads count.
    pub mode: Mode,
    /// CLIENT CACHING was called for the next command.
    pub caching: bool,
    /// Changes by the client itself are not told.
    pub no_loop: bool,
    /// Prefixes of broadcast mode.
    pub prefixes: BTreeSet<Vec<u8>>,
}

impl ClientTracking {
    /// In broadcast mode?
    pub fn is_broadcast(&self) -> bool {
        self.mode == Mode::Broadcast
    }

    /// Heap bytes.
    pub fn memory(&self) -> usize {
        size_of::<ClientTracking>() + self.prefixes.iter().map(|prefix| prefix.capacity() + 32).sum::<usize>()
    }

    fn wants_reads(&self) -> bool {
        match self.mode {
            Mode::All => true,
            Mode::OptIn => self.caching,
            Mode::OptOut => !self.caching,
            Mode::Broadcast => false,
        }
    }
}

/// What broadcast clients are to be told of one prefix.
#[derive(Default)]
struct Prefix {
    clients: BTreeSet<u64>,
    /// Changed keys, with the id of the client that changed each last (0 for none).
    keys: BTreeMap<Vec<u8>, u64>,
}

/// See the file head.
#[derive(Default)]
pub struct Tracking {
    readers: IndexMap<Box<[u8]>, SmallVec<[u64; 1]>>,
    items: usize,
    prefixes: BTreeMap<Vec<u8>, Prefix>,
    clients: usize,
    /// Keys are gathered under some prefix.
    pending: bool,
    /// Visits in a row that left the table overfull.
    overfull_visits: usize,
}

impl Tracking {
    /// Clients that track: `tracking_clients`.
    pub fn clients_count(&self) -> usize {
        self.clients
    }

    /// Keys in the table: `tracking_total_keys`.
    pub fn keys_count(&self) -> usize {
        self.readers.len()
    }

    /// Readers of all keys together: `tracking_total_items`.
    pub fn items_count(&self) -> usize {
        self.items
    }

    /// Prefixes of broadcast mode: `tracking_total_prefixes`.
    pub fn prefixes_count(&self) -> usize {
        self.prefixes.len()
    }

    fn remember(&mut self, key: &[u8], id: u64) {
        let readers = match self.readers.get_mut(key) {
            Some(readers) => readers,
            None => self.readers.entry(key.into()).or_default(),
        };
        if let Err(at) = readers.binary_search(&id) {
            readers.insert(at, id);
            self.items += 1;
        }
    }

    fn take_readers(&mut self, key: &[u8]) -> Option<SmallVec<[u64; 1]>> {
        let readers = self.readers.swap_remove(key)?;
        self.items -= readers.len();
        Some(readers)
    }

    fn gather(&mut self, key: &[u8], changed_by: u64) {
        for (prefix, state) in &mut self.prefixes {
            if key.starts_with(prefix) {
                state.keys.insert(key.to_vec(), changed_by);
                self.pending = true;
            }
        }
    }

    fn clear_readers(&mut self) {
        self.readers = IndexMap::new();
        self.items = 0;
        self.overfull_visits = 0;
    }
}

/// Switches a client's tracking on, or gives it other options.
pub fn enable(state: &mut State, effects: &mut Effects, client: &mut Client, wanted: ClientTracking) {
    let tracking = client.tracking.get_or_insert_with(|| {
        state.tracking.clients += 1;
        Box::default()
    });
    for prefix in wanted.prefixes {
        state.tracking.prefixes.entry(prefix.clone()).or_default().clients.insert(client.id);
        tracking.prefixes.insert(prefix);
    }
    tracking.redirect = wanted.redirect;
    tracking.broken_redirect = false;
    tracking.mode = wanted.mode;
    tracking.no_loop = wanted.no_loop;
    client.special.insert(Special::TRACKING);
    effects.listening.insert(Listening::TRACKING);
}

/// Switches a client's tracking off: by its wish, or because it goes away.
pub fn disable(state: &mut State, effects: &mut Effects, client: &mut Client) {
    let Some(tracking) = client.tracking.take() else { return };
    client.special.remove(Special::TRACKING);
    for prefix in &tracking.prefixes {
        if let Some(entry) = state.tracking.prefixes.get_mut(prefix) {
            entry.clients.remove(&client.id);
            if entry.clients.is_empty() {
                state.tracking.prefixes.remove(prefix);
            }
        }
    }
    state.tracking.clients -= 1;
    if state.tracking.clients == 0 {
        state.tracking.clear_readers();
        effects.listening.remove(Listening::TRACKING);
        refresh_overfull(state);
    }
}

/// Remembers the keys that a tracking client has just read.
#[cold]
pub fn remember_keys(cx: &mut Ctx<'_>, row: &'static Command, args: Args<'_>) {
    let wanted = cx.client.tracking.as_ref().is_some_and(|tracking| tracking.wants_reads());
    if !wanted || row.flags.contains(Flags::PUBSUB) {
        return;
    }
    let (tracking, id) = (&mut cx.server.tracking, cx.client.id);
    // A command whose keys cannot be told has replied an error.
    let _ = keys::visit(row, args, |key| tracking.remember(args.get(key.position), id));
    refresh_overfull(cx.server);
}

/// CLIENT CACHING holds for one command or one transaction: forgets it after any command but CLIENT.
#[cold]
pub fn end_caching(state: &State, client: &mut Client, ran: Option<CommandId>) {
    let was_client = ran.is_some_and(|id| state.commands.full_name(id).starts_with("client|"));
    if let Some(tracking) = &mut client.tracking
        && client.multi.is_none()
        && !was_client
    {
        tracking.caching = false;
    }
}

/// Sets or clears [`EngineSpecial::TRACKING_OVERFULL`] after the table grew or its bound changed.
pub fn refresh_overfull(state: &mut State) {
    let max = state.config.tracking_table_max_keys as usize;
    let overfull = max > 0 && state.tracking.keys_count() > max;
    state.special.set(EngineSpecial::TRACKING_OVERFULL, overfull);
}

/// The client whose command runs and where its own messages go; it is taken out of the registry.
pub struct Running<'a> {
    /// The client.
    pub client: &'a mut Client,
    /// Its output behind or in front of the reply.
    pub own: &'a mut Vec<u8>,
}

/// What a message tells.
#[derive(Clone, Copy)]
enum News<'a> {
    /// One key changed.
    Key(&'a [u8]),
    /// These did: an encoded array.
    Keys(&'a [u8]),
    /// All keys did.
    Everything,
}

/// A key changed (or ran out): tells those who may have cached it.
pub fn invalidate(state: &mut State, running: &mut Running<'_>, key: &[u8], expired: bool) {
    if state.tracking.clients == 0 {
        return;
    }
    state.tracking.gather(key, if expired { 0 } else { running.client.id });
    let changed_by = running.client.id;
    tell_readers(state, running, key, changed_by);
}

fn tell_readers(state: &mut State, running: &mut Running<'_>, key: &[u8], changed_by: u64) {
    let Some(readers) = state.tracking.take_readers(key) else { return };
    for id in readers {
        let own_change = id == changed_by;
        let Some(reader) = find(state, running, id) else { continue };
        let Some(tracking) = &reader.tracking else { continue };
        let spared = tracking.is_broadcast() || (tracking.no_loop && own_change);
        if !spared {
            send(state, running, id, News::Key(key));
        }
    }
}

/// Every key changed.
pub fn invalidate_all(state: &mut State, running: &mut Running<'_>) {
    let mut ids: Vec<u64> = state
        .clients
        .iter()
        .filter(|peer| peer.client.tracking.is_some())
        .map(|peer| peer.client.id)
        .collect();
    if running.client.tracking.is_some() {
        ids.push(running.client.id);
    }
    for id in ids {
        send(state, running, id, News::Everything);
    }
    state.tracking.clear_readers();
    refresh_overfull(state);
}

/// Evicts from an overfull table, with more effort each time in a row: whoever read an evicted key is told as if it had
/// changed.
#[cold]
pub fn make_room(state: &mut State, random: &mut Random, running: &mut Running<'_>) {
    let max = state.config.tracking_table_max_keys as usize;
    state.tracking.overfull_visits += 1;
    for _ in 0..EVICTED_PER_VISIT * state.tracking.overfull_visits {
        if state.tracking.keys_count() <= max {
            break;
        }
        let victim = random.below(state.tracking.keys_count() as u64) as usize;
        let Some((key, _)) = state.tracking.readers.get_index(victim) else { break };
        let key = key.clone();
        tell_readers(state, running, &key, 0);
    }
    refresh_overfull(state);
    if !state.special.contains(EngineSpecial::TRACKING_OVERFULL) {
        state.tracking.overfull_visits = 0;
    }
}

/// The same from the cron, so that an idle server's table shrinks too.
pub fn make_room_without_client(engine: &mut Engine) {
    if engine.state.special.contains(EngineSpecial::TRACKING_OVERFULL) {
        let running = &mut Running { client: &mut Client::nobody(), own: &mut Vec::new() };
        make_room(&mut engine.state, &mut engine.store.random, running);
    }
}

/// Tells broadcast clients what was gathered for them. Called once a turn of the loop, outside commands.
pub fn broadcast(state: &mut State) {
    if !std::mem::take(&mut state.tracking.pending) {
        return;
    }
    let mut gathered = Vec::new();
    for entry in state.tracking.prefixes.values_mut().filter(|entry| !entry.keys.is_empty()) {
        gathered.push((std::mem::take(&mut entry.keys), entry.clients.clone()));
    }
    let (mut nobody, mut nowhere) = (Client::nobody(), Vec::new());
    let running = &mut Running { client: &mut nobody, own: &mut nowhere };
    for (keys, clients) in gathered {
        let all = encode(keys.keys());
        for id in clients {
            let no_loop = find(state, running, id)
                .and_then(|client| client.tracking.as_ref())
                .is_some_and(|tracking| tracking.no_loop);
            if !no_loop {
                send(state, running, id, News::Keys(&all));
                continue;
            }
            let others: Vec<&Vec<u8>> =
                keys.iter().filter(|(_, changed_by)| **changed_by != id).map(|(key, _)| key).collect();
            if !others.is_empty() {
                send(state, running, id, News::Keys(&encode(others.into_iter())));
            }
        }
    }
}

fn encode<'a>(keys: impl ExactSizeIterator<Item = &'a Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    Reply::new(&mut bytes, Resp::V2).bulks(keys);
    bytes
}

fn find<'a>(state: &'a mut State, running: &'a mut Running<'_>, id: u64) -> Option<&'a mut Client> {
    if id == running.client.id {
        return Some(running.client);
    }
    state.clients.by_id_mut(id).map(|peer| &mut peer.client)
}

/// Sends a tracking client, or the one that it redirects to, a message.
fn send(state: &mut State, running: &mut Running<'_>, id: u64, news: News<'_>) {
    let Some(tracked) = find(state, running, id) else { return };
    let redirect = tracked.tracking.as_ref().map_or(0, |tracking| tracking.redirect);
    if redirect == 0 {
        return write(state, running, id, |client, reply| tell(client, reply, news, false));
    }
    if state.clients.token_of(redirect).is_some() {
        return write(state, running, redirect, |client, reply| tell(client, reply, news, true));
    }
    if let Some(tracking) = find(state, running, id).and_then(|tracked| tracked.tracking.as_mut()) {
        tracking.broken_redirect = true;
    }
    write(state, running, id, |client, reply| {
        if client.resp == Resp::V3 {
            reply.push(2);
            reply.bulk(b"tracking-redir-broken");
            reply.integer(redirect as i64);
        }
    });
}

/// Writes a message as the receiver understands it: a push in RESP3; in RESP2 a pub/sub message, which only someone else's
/// listener can tell from a reply.
fn tell(receiver: &Client, reply: &mut Reply<'_>, news: News<'_>, redirected: bool) {
    if receiver.resp == Resp::V3 {
        reply.push(2);
        reply.bulk(b"invalidate");
    } else if redirected && receiver.is_subscriber() {
        reply.push(3);
        reply.bulk(b"message");
        reply.bulk(CHANNEL);
    } else {
        return;
    }
    match news {
        News::Key(key) => reply.bulks([key]),
        News::Keys(encoded) => reply.encoded(encoded),
        News::Everything => reply.null(),
    }
}

fn write(
    state: &mut State,
    running: &mut Running<'_>,
    id: u64,
    message: impl FnOnce(&Client, &mut Reply<'_>),
) {
    if id == running.client.id {
        return message(running.client, &mut Reply::new(running.own, running.client.resp));
    }
    let Some(Peer { client, out }) = state.clients.by_id_mut(id) else { return };
    message(client, &mut Reply::new(&mut out.tail, client.resp));
    let token = client.token;
    after_push(state, token);
}
