//! What a command is: one static row and one function.
//!
//! The row carries everything that COMMAND, COMMAND DOCS, GETKEYS, ACL, dispatch and the help read; nothing about a
//! command is written anywhere else. Families in `crate::commands` list their rows in a `ROWS` constant, and
//! [`table::CommandTable`] gathers them once per engine, because `rename-command` can change the names.
//!
//! Invariants: `name` is lower case and has no container prefix (`get` of `config|get`); `arity` counts the name and,
//! for a subcommand, the container's name too; a negative arity is a minimum.

pub mod keys;
pub mod shared;
pub mod syntax;
pub mod table;

use crate::context::Ctx;
use bitflags::bitflags;
pub use keys::KeySpec;
use rufous_protocol::{error::ReplyError, request::Args};

/// What a handler returns: the reply is already written, or the error that replaces it.
pub type Outcome = Result<(), ReplyError>;

/// The function behind a command: parse everything, look up, change, reply.
pub type Handler = for<'a, 'b> fn(&'a mut Ctx<'b>, Args<'a>) -> Outcome;

bitflags! {
    /// Redis' command flags, in the order in which COMMAND INFO prints them, and four of our own behind them.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Flags: u32 {
        /// May change the data set.
        const WRITE = 1 << 0;
        /// Never changes the data set.
        const READONLY = 1 << 1;
        /// May use more memory: refused over `maxmemory`.
        const DENYOOM = 1 << 2;
        /// Provided by a module.
        const MODULE = 1 << 3;
        /// Administrative.
        const ADMIN = 1 << 4;
        /// Publish and subscribe.
        const PUBSUB = 1 << 5;
        /// Not callable from scripts.
        const NOSCRIPT = 1 << 6;
        /// May block the client.
        const BLOCKING = 1 << 7;
        /// Allowed while loading.
        const LOADING = 1 << 8;
        /// Allowed on a stale replica.
        const STALE = 1 << 9;
        /// Hidden from MONITOR.
        const SKIP_MONITOR = 1 << 10;
        /// Hidden from the slow log.
        const SKIP_SLOWLOG = 1 << 11;
        /// Answered with a redirect only for migrating slots.
        const ASKING = 1 << 12;
        /// Constant or logarithmic time.
        const FAST = 1 << 13;
        /// Allowed before authentication.
        const NO_AUTH = 1 << 14;
        /// May be propagated although not a write.
        const MAY_REPLICATE = 1 << 15;
        /// Not allowed inside MULTI.
        const NO_MULTI = 1 << 16;
        /// The key specs do not tell every key: `movablekeys`.
        const MOVABLE_KEYS = 1 << 17;
        /// Allowed while a script is too slow.
        const ALLOW_BUSY = 1 << 18;
        /// Refused while loading even if asynchronously.
        const NO_ASYNC_LOADING = 1 << 19;
        /// Needs the `enable-debug-command` or `enable-module-command` directive.
        const PROTECTED = 1 << 20;
        /// Has no mandatory keys (affects ACL and cluster checks).
        const NO_MANDATORY_KEYS = 1 << 21;
        /// Touches keys of every slot.
        const TOUCHES_ARBITRARY_KEYS = 1 << 22;
        /// A RESP2 client in subscribed mode may call it.
        const SUBSCRIBED = 1 << 23;
        /// Runs at once inside MULTI instead of being queued (EXEC, DISCARD, MULTI, WATCH, QUIT, RESET).
        const NOT_QUEUED = 1 << 24;
        /// Only internal callers see it in listings when named.
        const SENTINEL_ONLY = 1 << 25;
    }
}

bitflags! {
    /// ACL categories beyond those that flags imply (`@write`, `@read`, `@admin`+`@dangerous`, `@pubsub`, `@fast`/`@slow`, `@blocking`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Category: u32 {
        /// `@keyspace`
        const KEYSPACE = 1 << 0;
        /// `@read`
        const READ = 1 << 1;
        /// `@write`
        const WRITE = 1 << 2;
        /// `@set`
        const SET = 1 << 3;
        /// `@sortedset`
        const SORTEDSET = 1 << 4;
        /// `@list`
        const LIST = 1 << 5;
        /// `@hash`
        const HASH = 1 << 6;
        /// `@string`
        const STRING = 1 << 7;
        /// `@bitmap`
        const BITMAP = 1 << 8;
        /// `@hyperloglog`
        const HYPERLOGLOG = 1 << 9;
        /// `@geo`
        const GEO = 1 << 10;
        /// `@stream`
        const STREAM = 1 << 11;
        /// `@pubsub`
        const PUBSUB = 1 << 12;
        /// `@admin`
        const ADMIN = 1 << 13;
        /// `@fast`
        const FAST = 1 << 14;
        /// `@slow`
        const SLOW = 1 << 15;
        /// `@blocking`
        const BLOCKING = 1 << 16;
        /// `@dangerous`
        const DANGEROUS = 1 << 17;
        /// `@connection`
        const CONNECTION = 1 << 18;
        /// `@transaction`
        const TRANSACTION = 1 << 19;
        /// `@scripting`
        const SCRIPTING = 1 << 20;
    }
}

/// What a command searches for in the value of its first key: a window of requests for one value loads ahead what the searches
/// will read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seeks {
    /// Nothing by name.
    Nothing,
    /// A member or field, which stands there.
    Member(usize),
    /// The same, and its place in the order of a sorted set.
    Rank(usize),
}

/// The documentation group of COMMAND DOCS; also the ACL category that a data type implies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Group {
    Generic,
    String,
    List,
    Set,
    SortedSet,
    Hash,
    PubSub,
    Transactions,
    Connection,
    Server,
    Scripting,
    HyperLogLog,
    Cluster,
    Sentinel,
    Geo,
    Stream,
    Bitmap,
}

/// Finds the keys of commands whose key specs do not tell them all.
pub type KeyFinder = fn(Args<'_>) -> Result<Vec<keys::KeyAt>, ReplyError>;

/// One command or subcommand.
pub struct Command {
    /// Lower-case name without its container.
    pub name: &'static str,
    /// The function; a container's answers wrong subcommands.
    pub handler: Handler,
    /// Exact number of arguments with the name, or the negated minimum.
    pub arity: i16,
    /// Behaviour.
    pub flags: Flags,
    /// Where the keys stand.
    pub keys: &'static [KeySpec],
    /// What the command searches for in the value of its first key.
    pub seeks: Seeks,
    /// Overrides the key specs where they are incomplete.
    pub find_keys: Option<KeyFinder>,
    /// ACL categories that neither flags nor group imply.
    pub categories: Category,
    /// Documentation group.
    pub group: Group,
    /// First Redis version that has it.
    pub since: &'static str,
    /// Time complexity, as text.
    pub complexity: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Arguments in the notation of [`syntax`].
    pub syntax: &'static str,
    /// Hints for proxies and cluster clients (`request_policy:...`, `nondeterministic_output`).
    pub tips: &'static [&'static str],
    /// `(version, successor)` of a deprecated command.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// `(version, change)`, the oldest first.
    pub history: &'static [(&'static str, &'static str)],
    /// For the server's own use: `syscmd` in COMMAND DOCS.
    pub is_internal: bool,
    /// Subcommands of a container.
    pub subcommands: &'static [Command],
}

impl Command {
    /// A command without keys or documentation; the other columns are added by the builder methods below.
    pub const fn new(
        name: &'static str,
        handler: Handler,
        arity: i16,
        flags: Flags,
        group: Group,
    ) -> Command {
        Command {
            name,
            handler,
            arity,
            flags,
            keys: &[],
            seeks: Seeks::Nothing,
            find_keys: None,
            categories: Category::empty(),
            group,
            since: "1.0.0",
            complexity: "O(1)",
            summary: "",
            syntax: "",
            tips: &[],
            deprecated: None,
            history: &[],
            is_internal: false,
            subcommands: &[],
        }
    }

    /// Where the keys stand.
    pub const fn keys(mut self, keys: &'static [KeySpec]) -> Command {
        self.keys = keys;
        self
    }

    /// What is searched for in the value.
    pub const fn seeks(mut self, seeks: Seeks) -> Command {
        self.seeks = seeks;
        self
    }

    /// A function that finds the keys, where specs cannot.
    pub const fn find_keys(mut self, find: KeyFinder) -> Command {
        self.find_keys = Some(find);
        self
    }

    /// Extra ACL categories.
    pub const fn acl(mut self, categories: Category) -> Command {
        self.categories = categories;
        self
    }

    /// First version, complexity, summary and syntax.
    pub const fn docs(
        mut self,
        since: &'static str,
        complexity: &'static str,
        summary: &'static str,
        syntax: &'static str,
    ) -> Command {
        self.since = since;
        self.complexity = complexity;
        self.summary = summary;
        self.syntax = syntax;
        self
    }

    /// Hints for proxies and cluster clients.
    pub const fn tips(mut self, tips: &'static [&'static str]) -> Command {
        self.tips = tips;
        self
    }

    /// Marks as deprecated since `version` in favour of `successor`.
    pub const fn deprecated(mut self, version: &'static str, successor: &'static str) -> Command {
        self.deprecated = Some((version, successor));
        self
    }

    /// What changed since the first version.
    pub const fn history(mut self, changes: &'static [(&'static str, &'static str)]) -> Command {
        self.history = changes;
        self
    }

    /// For the server's own use.
    pub const fn internal(mut self) -> Command {
        self.is_internal = true;
        self
    }

    /// Subcommands of a container.
    pub const fn subcommands(mut self, rows: &'static [Command]) -> Command {
        self.subcommands = rows;
        self
    }

    /// Does `count` arguments (with the name) satisfy the arity?
    pub fn accepts(&self, count: usize) -> bool {
        if self.arity >= 0 {
            count == self.arity as usize
        } else {
            count >= self.arity.unsigned_abs() as usize
        }
    }
}
