//! Clients that wait inside a command: for keys (BLPOP and its kin), for replicas (WAIT), for the disk (WAITAOF).
//!
//! ```text
//! handler   cx.block_on_keys(..)      the request is kept with the client, the loop reads no more of it
//! a write   cx.changed(key, ..)       fan-out tells `signal`: the key is ready if someone waits for it
//! between two commands `serve`        in order of arrival, while the key holds what they wait for, waiting
//!                                     clients run their request again, through dispatch, and may wait again
//! the loop  `Blocking::next_released` goes on with what a client sent behind the request
//! ```
//! A wait also ends by its deadline, by CLIENT UNBLOCK and with the connection; all ends pass [`release`].
//!
//! Invariants: a client has `blocked` set, and [`Special::BLOCKED`], exactly while it waits; it stands under each of its
//! keys once, in its place of arrival, which it keeps when it waits again; it stands in `deadlines` exactly when its wait
//! has a deadline that counts; `Listening::BLOCKED` is set exactly while someone waits for a key. Who is to be closed is
//! served no more.

mod deadline;
mod serve;
#[cfg(test)]
pub mod tests;

pub use deadline::{Deadline, moment_ms};
pub use serve::{Ending, end, expire, run_again, serve, serve_between};

use crate::client::{Client, Special};
use crate::command::table::CommandId;
use crate::context::Ctx;
use crate::effects::{Effects, Listening};
use crate::engine::State;
use rufous_protocol::request::{Args, OwnedArgs};
use rufous_storage::Kind;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// What a client waits for.
#[derive(Debug, PartialEq, Eq)]
pub enum Wait {
    /// One of these keys of the client's database.
    Keys(Vec<Box<[u8]>>, Until),
    /// Replicas that confirm what it wrote (WAIT).
    Replicas,
    /// The append-only file, here or at replicas (WAITAOF).
    Disk,
    /// The end of a CLIENT PAUSE: its keys were ready during it.
    Pause,
    /// The end of the process (SHUTDOWN): what it sent behind that is not for this world.
    Shutdown,
}

/// When a client that waits for keys runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// When a key holds a value of this kind.
    Holds(Kind),
    /// Whenever a key changes or is gone (XREADGROUP, whose group goes with the key).
    Changes,
}

/// The wait of one client.
#[derive(Debug)]
pub struct Blocked {
    /// For what.
    pub wait: Wait,
    /// Until when at most.
    pub deadline: Deadline,
    db: usize,
    arrival: u64,
    command: CommandId,
    request: OwnedArgs,
    spent_ns: u64,
}

impl Blocked {
    /// Heap bytes, the request's among them.
    pub fn memory(&self) -> usize {
        let keys = match &self.wait {
            Wait::Keys(keys, _) => keys.iter().map(|key| size_of::<Box<[u8]>>() + key.len()).sum(),
            Wait::Replicas | Wait::Disk | Wait::Pause | Wait::Shutdown => 0,
        };
        size_of::<Blocked>() + self.request.args().bytes_total() + keys
    }

    /// Bytes of the arguments.
    pub fn argument_bytes(&self) -> usize {
        self.request.args().bytes_total()
    }

    /// Adds the time of a run.
    pub fn spent(&mut self, ns: u64) {
        self.spent_ns += ns;
    }

    /// What the request keeps when it runs again.
    pub fn again(&self) -> Again {
        Again { deadline: self.deadline, arrival: self.arrival, spent_ns: self.spent_ns }
    }
}

/// What a request that runs again keeps.
#[derive(Clone, Copy, Debug)]
pub struct Again {
    deadline: Deadline,
    arrival: u64,
    /// Time spent in it so far.
    pub spent_ns: u64,
}

/// All waits of an engine.
#[derive(Default)]
pub struct Blocking {
    /// Clients that wait.
    clients: usize,
    /// Waits begun so far: numbers arrivals.
    arrivals: u64,
    /// (microseconds, arrival) to token.
    deadlines: BTreeMap<(u64, u64), usize>,
    /// By database: who waits for a key.
    keys: Vec<HashMap<Box<[u8]>, Waiters>>,
    ready: VecDeque<(usize, Box<[u8]>)>,
    released: VecDeque<usize>,
}

/// Who waits for one key.
#[derive(Default)]
struct Waiters {
    /// Arrival to token.
    tokens: BTreeMap<u64, usize>,
    /// How many of them wait for any change.
    until_change: usize,
    is_ready: bool,
}

impl Blocking {
    /// Clients that wait.
    pub fn clients(&self) -> usize {
        self.clients
    }

    /// Waits with a deadline.
    pub fn deadlines(&self) -> usize {
        self.deadlines.len()
    }

    /// Keys that clients wait for, and those among them whose disappearance ends a wait.
    pub fn key_counts(&self) -> (usize, usize) {
        let waiters = self.keys.iter().flat_map(HashMap::values);
        let until_change = waiters.clone().filter(|waiters| waiters.until_change > 0).count();
        (waiters.count(), until_change)
    }

    /// Unix microseconds of the next deadline.
    pub fn next_deadline_us(&self) -> Option<u64> {
        self.deadlines.first_key_value().map(|((at_us, _), _)| *at_us)
    }

    /// Is there a ready key that clients may wait for?
    #[inline]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// A client whose wait has ended and whose further requests have to be looked at.
    pub fn next_released(&mut self) -> Option<usize> {
        self.released.pop_front()
    }

    /// A key changed, came or went: it is ready for those who wait for it.
    pub fn signal(&mut self, db: usize, key: &[u8]) {
        let Some(waiters) = self.keys.get_mut(db).and_then(|keys| keys.get_mut(key)) else { return };
        if !std::mem::replace(&mut waiters.is_ready, true) {
            self.ready.push_back((db, key.into()));
        }
    }

    /// All keys of a database may have come or gone (FLUSHDB, SWAPDB).
    pub fn signal_all(&mut self, db: usize) {
        let Some(keys) = self.keys.get_mut(db) else { return };
        for (key, waiters) in keys.iter_mut().filter(|(_, waiters)| !waiters.is_ready) {
            waiters.is_ready = true;
            self.ready.push_back((db, key.clone()));
        }
    }

    fn enter(&mut self, client: &Client, blocked: &Blocked) {
        self.clients += 1;
        if let (Some(at_us), true) = (blocked.deadline.at_us(), blocked.wait != Wait::Pause) {
            self.deadlines.insert((at_us, blocked.arrival), client.token);
        }
        let Wait::Keys(keys, until) = &blocked.wait else { return };
        if self.keys.len() <= blocked.db {
            self.keys.resize_with(blocked.db + 1, HashMap::new);
        }
        for key in keys {
            let waiters = self.keys[blocked.db].entry(key.clone()).or_default();
            // The same key may be named twice.
            if waiters.tokens.insert(blocked.arrival, client.token).is_none() {
                waiters.until_change += usize::from(*until == Until::Changes);
            }
        }
    }

    fn leave(&mut self, blocked: &Blocked) {
        self.clients -= 1;
        if let Some(at_us) = blocked.deadline.at_us() {
            self.deadlines.remove(&(at_us, blocked.arrival));
        }
        let Wait::Keys(keys, until) = &blocked.wait else { return };
        for key in keys {
            let Some(waiters) = self.keys[blocked.db].get_mut(key) else { continue };
            if waiters.tokens.remove(&blocked.arrival).is_some() {
                waiters.until_change -= usize::from(*until == Until::Changes);
            }
            if waiters.tokens.is_empty() {
                self.keys[blocked.db].remove(key);
            }
        }
    }

    fn waits_for_keys(&self) -> bool {
        self.keys.iter().any(|keys| !keys.is_empty())
    }
}

impl Ctx<'_> {
    /// May the running command wait? Inside EXEC it answers at once, as if its time had passed.
    pub fn may_block(&self) -> bool {
        !self.in_exec
    }

    /// Keeps the client waiting until one of `keys` of the selected database is ready, or the deadline passes: null then.
    ///
    /// The handler has replied nothing, asked [`Ctx::may_block`], and returns. It runs again, from its start, with the same
    /// arguments, when a key is ready; if it blocks again, it keeps its first deadline and its place among those who wait.
    pub fn block_on_keys<'k>(
        &mut self,
        args: Args<'_>,
        keys: impl IntoIterator<Item = &'k [u8]>,
        until: Until,
        deadline: Deadline,
    ) {
        let keys = keys.into_iter().map(Box::from).collect();
        self.block(args, Wait::Keys(keys, until), deadline);
    }

    /// Keeps the client waiting for something else than keys. The handler has replied nothing, and returns.
    #[cold]
    pub fn block(&mut self, args: Args<'_>, wait: Wait, deadline: Deadline) {
        let blocking = &mut self.server.blocking;
        let again = self.again.unwrap_or_else(|| {
            blocking.arrivals += 1;
            Again { deadline, arrival: blocking.arrivals, spent_ns: 0 }
        });
        let blocked = Blocked {
            wait,
            deadline: again.deadline,
            db: self.db.index,
            arrival: again.arrival,
            command: self.command,
            request: args.to_owned(),
            spent_ns: again.spent_ns,
        };
        begin(blocking, &mut self.db.store.effects, self.client, Box::new(blocked));
    }
}

fn begin(blocking: &mut Blocking, effects: &mut Effects, client: &mut Client, blocked: Box<Blocked>) {
    blocking.enter(client, &blocked);
    if matches!(blocked.wait, Wait::Keys(..)) {
        effects.listening.insert(Listening::BLOCKED);
    }
    client.blocked = Some(blocked);
    client.special.insert(Special::BLOCKED);
}

/// Ends a client's wait, if it waits, without a reply; returns what it was.
pub fn release(state: &mut State, effects: &mut Effects, client: &mut Client) -> Option<Box<Blocked>> {
    let blocked = client.blocked.take()?;
    client.special.remove(Special::BLOCKED);
    state.blocking.leave(&blocked);
    effects.listening.set(Listening::BLOCKED, state.blocking.waits_for_keys());
    Some(blocked)
}
