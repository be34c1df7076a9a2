//! A client as the command loop knows it: identity, mode, transaction, subscriptions. The socket half is
//! [`crate::net::conn::IoConn`]; they share only the token.
//!
//! Invariants: `special` mirrors the fields that dispatch must look at before the fast path (see [`Special`]);
//! whoever changes such a field sets or clears its bit in the same function.

pub mod eviction;
pub mod list;
pub mod output;
pub mod registry;

use crate::blocking::Blocked;
use crate::command::table::CommandId;
use crate::config::ClientClass;
use crate::tracking::ClientTracking;
use crate::transaction::{Multi, Watched};
use bitflags::bitflags;
use output::Output;
use rufous_protocol::reply::Resp;
use std::collections::HashSet;
use std::net::SocketAddr;

bitflags! {
    /// Why a client's command cannot take the fast path.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Special: u32 {
        /// MULTI is open.
        const MULTI = 1 << 0;
        /// Subscribed in RESP2: only the subscribe family and PING pass.
        const SUBSCRIBED = 1 << 1;
        /// Not authenticated although a password is required.
        const UNAUTHENTICATED = 1 << 2;
        /// MONITOR.
        const MONITOR = 1 << 3;
        /// CLIENT REPLY OFF or SKIP is in force.
        const REPLY_MUTED = 1 << 4;
        /// CLIENT TRACKING is on.
        const TRACKING = 1 << 5;
        /// The connection is to be closed.
        const CLOSING = 1 << 6;
        /// CLIENT NO-TOUCH.
        const NO_TOUCH = 1 << 7;
        /// The user has ACL rules narrower than "everything".
        const RESTRICTED = 1 << 8;
        /// It waits inside a command; none of its requests runs meanwhile.
        const BLOCKED = 1 << 9;
    }
}

/// CLIENT REPLY's modes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReplyMode {
    /// Replies are sent.
    #[default]
    On,
    /// Nothing is sent.
    Off,
    /// The next command's reply is dropped (set by SKIP, becomes `SkipThis` when that command starts).
    SkipNext,
    /// The running command's reply is dropped.
    SkipThis,
}

/// How a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closing {
    /// Once the pending output is sent.
    AfterReply,
    /// At once.
    Now,
}

/// Where a connection comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket, by its path.
    Unix(String),
}

impl Address {
    /// A Unix socket or the loopback interface.
    pub fn is_local(&self) -> bool {
        match self {
            Address::Unix(_) => true,
            Address::Tcp(address) => address.ip().to_canonical().is_loopback(),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "{address}"),
            Address::Unix(path) => write!(f, "{path}:0"),
        }
    }
}

/// The channels a client listens to. Boxed: most clients have none.
#[derive(Default)]
pub struct Subscriptions {
    /// SUBSCRIBE.
    pub channels: HashSet<Vec<u8>>,
    /// PSUBSCRIBE.
    pub patterns: HashSet<Vec<u8>>,
    /// SSUBSCRIBE.
    pub shards: HashSet<Vec<u8>>,
}

impl Subscriptions {
    /// SUBSCRIBE and PSUBSCRIBE together, as their confirmations count.
    pub fn count(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }

    /// Heap bytes, roughly: each name with its place in a table.
    pub fn memory(&self) -> usize {
        let names = self.channels.iter().chain(&self.patterns).chain(&self.shards);
        size_of::<Subscriptions>() + names.map(|name| name.capacity() + 32).sum::<usize>()
    }

    /// All three kinds.
    pub fn total(&self) -> usize {
        self.count() + self.shards.len()
    }
}

/// See the file head.
pub struct Client {
    /// Unique and ascending: CLIENT ID.
    pub id: u64,
    /// Index of the connection in the event loop and of the peer in the registry.
    pub token: usize,
    /// The other end.
    pub address: Address,
    /// Our end.
    pub local_address: Address,
    /// The socket's descriptor, for CLIENT LIST; -1 for none.
    pub fd: i32,
    /// Selected database.
    pub db: usize,
    /// Negotiated protocol.
    pub resp: Resp,
    /// CLIENT SETNAME.
    pub name: Vec<u8>,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: Vec<u8>,
    /// CLIENT SETINFO LIB-VER.
    pub lib_version: Vec<u8>,
    /// The authenticated user's name.
    pub user: String,
    /// Whether it has proved who it is, or came while nobody had to.
    pub authenticated: bool,
    /// Reasons to leave the fast path.
    pub special: Special,
    /// Set when the connection is to be closed; see also [`Special::CLOSING`].
    pub closing: Option<Closing>,
    /// CLIENT REPLY.
    pub reply_mode: ReplyMode,
    /// CLIENT NO-EVICT.
    pub no_evict: bool,
    /// Open transaction.
    pub multi: Option<Box<Multi>>,
    /// WATCHed keys.
    pub watched: Vec<Watched>,
    /// A watched key changed: EXEC answers null.
    pub dirty_watch: bool,
    /// Subscriptions, if there ever was one.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// CLIENT TRACKING, if it was ever switched on.
    pub tracking: Option<Box<ClientTracking>>,
    /// What it waits for inside a command.
    pub blocked: Option<Box<Blocked>>,
    /// Unix time in milliseconds of the connection.
    pub created_ms: i64,
    /// Unix time in milliseconds of the last request.
    pub active_ms: i64,
    /// The last command, for CLIENT LIST and the dispatch shortcut.
    pub last_command: Option<CommandId>,
    /// CLIENT PAUSE holds its requests back.
    pub postponed: bool,
    /// When the soft output limit was first passed, in Unix milliseconds.
    pub over_soft_limit_since_ms: Option<i64>,
    /// Listed in the registry's dirty list: has output to flush.
    pub is_dirty: bool,
    /// Bytes received and sent, requests run.
    pub net_in_bytes: u64,
    /// See `net_in_bytes`.
    pub net_out_bytes: u64,
    /// See `net_in_bytes`.
    pub commands: u64,
    /// Read buffer: bytes used, those of large arguments included, as the event loop last saw it.
    pub query_buffer_len: usize,
    /// Read buffer: capacity.
    pub query_buffer_capacity: usize,
    /// The largest read-buffer use since the last cron visit.
    pub query_buffer_peak: usize,
    /// Bytes of arguments of the request being read (`argv-mem`).
    pub argument_bytes: usize,
    /// Bytes that `maxmemory-clients` counts for it.
    pub counted_bytes: u64,
    /// The kernel took less than there was: the loop waits until it takes more.
    pub awaits_write: bool,
    /// Where its last write ends in the stream of writes.
    pub written_to: u64,
}

impl Client {
    /// A fresh client on database 0, RESP2, as the default user.
    pub fn new(
        id: u64,
        token: usize,
        address: Address,
        local_address: Address,
        fd: i32,
        now_ms: i64,
    ) -> Client {
        Client {
            id,
            token,
            address,
            local_address,
            fd,
            db: 0,
            resp: Resp::V2,
            name: Vec::new(),
            lib_name: Vec::new(),
            lib_version: Vec::new(),
            user: "default".into(),
            authenticated: false,
            special: Special::empty(),
            closing: None,
            reply_mode: ReplyMode::On,
            no_evict: false,
            multi: None,
            watched: Vec::new(),
            dirty_watch: false,
            subscriptions: None,
            tracking: None,
            blocked: None,
            created_ms: now_ms,
            active_ms: now_ms,
            last_command: None,
            postponed: false,
            over_soft_limit_since_ms: None,
            is_dirty: false,
            net_in_bytes: 0,
            net_out_bytes: 0,
            commands: 0,
            query_buffer_len: 0,
            query_buffer_capacity: 0,
            query_buffer_peak: 0,
            argument_bytes: 0,
            counted_bytes: 0,
            awaits_write: false,
            written_to: 0,
        }
    }

    /// Stands in for the client where none is to blame.
    pub fn nobody() -> Client {
        let nowhere = Address::Unix(String::new());
        Client::new(0, usize::MAX, nowhere.clone(), nowhere, -1, 0)
    }

    /// Is it nobody?
    pub fn is_nobody(&self) -> bool {
        self.token == usize::MAX
    }

    /// Asks for the connection to be closed.
    pub fn close(&mut self, how: Closing) {
        if self.closing != Some(Closing::Now) {
            self.closing = Some(how);
        }
        self.special.insert(Special::CLOSING);
    }

    /// Connected from this machine.
    pub fn is_local(&self) -> bool {
        self.address.is_local()
    }

    /// The subscriptions, made on first use.
    pub fn subscriptions_mut(&mut self) -> &mut Subscriptions {
        self.subscriptions.get_or_insert_default()
    }

    /// Sets or clears [`Special::SUBSCRIBED`] after subscriptions or the protocol changed.
    pub fn refresh_subscribed(&mut self) {
        let subscribed = self.subscriptions.as_ref().is_some_and(|s| s.total() > 0);
        self.special.set(Special::SUBSCRIBED, subscribed && self.resp == Resp::V2);
    }

    /// Listens to anything?
    pub fn is_subscriber(&self) -> bool {
        self.subscriptions.as_ref().is_some_and(|s| s.total() > 0)
    }

    /// The class whose output limits apply.
    pub fn class(&self) -> ClientClass {
        if self.is_subscriber() { ClientClass::Pubsub } else { ClientClass::Normal }
    }
}

/// A client and what it still has to be sent: two fields, so that a command can hold both at once.
pub struct Peer {
    /// State.
    pub client: Client,
    /// Unsent bytes.
    pub out: Output,
}
