//! What a command gets to work with.
//!
//! The fields are disjoint on purpose: a handler reads a borrowed value from `db` and writes it to `reply` in one
//! expression, without a copy.

use crate::blocking::Again;
use crate::client::output::{Mark, Shared, Waiting};
use crate::client::{Client, Special};
use crate::command::table::CommandId;
use crate::effects::{DEL, Event};
use crate::engine::State;
use crate::store::Keys;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::reply::{Reply, Resp};
use rufous_protocol::request::Args;
use rufous_storage::Str;
use rufous_storage::pack::Item;
use rufous_storage::types::Type;
use rufous_storage::types::fresh::Fresh;

/// What logs show in place of a secret.
pub const REDACTED: &[u8] = b"(redacted)";

/// See the file head.
pub struct Ctx<'a> {
    /// The keys of the selected database, and through `db.store` everything about keys.
    pub db: Keys<'a>,
    /// Everything of the engine that is not keys: configuration, clients, statistics...
    pub server: &'a mut State,
    /// Who asks. Taken out of `server.clients` meanwhile.
    pub client: &'a mut Client,
    /// Where the reply goes.
    pub reply: Reply<'a>,
    /// Large blocks spliced into the reply by reference: (position in the reply buffer, block).
    pub refs: &'a mut Vec<(usize, Shared)>,
    /// Output of earlier commands that waits in front of the reply.
    pub waiting: &'a Waiting,
    /// Messages to the asking client itself that must follow the reply (pub/sub, invalidation).
    pub pushes: Vec<u8>,
    /// The running command.
    pub command: CommandId,
    /// EXEC is running queued commands.
    pub in_exec: bool,
    /// The request blocked its client before, and runs again.
    pub again: Option<Again>,
    /// Arguments of the running command that logs must not show.
    pub redacted: Vec<usize>,
    /// Errors replied by the running command, for its `failed_calls`.
    pub errors: u32,
}

impl Ctx<'_> {
    /// Unix time in milliseconds, the same for the whole command.
    #[inline]
    pub fn now(&self) -> i64 {
        self.db.now
    }

    /// Records that a key changed, `n` times, and that `event` happened: dirty count, WATCH, tracking, notification.
    #[inline]
    pub fn changed(&mut self, key: &[u8], event: Event, n: u64) {
        self.db.store.dirty += n;
        self.db.store.effects.changed(self.db.index, key);
        self.db.store.effects.event(self.db.index, key, event);
    }

    /// Stores a result of `len` elements under a key and replies how many there are; without any, the key is removed.
    pub fn store_result<T: Type>(&mut self, key: &[u8], result: Fresh<T>, len: usize, event: Event) {
        self.store_changes(key, result, len, event, 1);
    }

    /// As [`Ctx::store_result`], where the result counts as so many changes.
    pub fn store_changes<T>(&mut self, key: &[u8], result: Fresh<T>, len: usize, event: Event, changes: u64) {
        if len > 0 {
            self.db.store_fresh(key, result);
            self.changed(key, event, changes);
        } else if self.db.remove(key, true) {
            self.changed(key, DEL, 1);
        }
        self.reply.integer(len as i64);
    }

    /// Ends a command that took `removed` elements out of a collection: records the change, removes the key of one that is
    /// empty now, and replies how many.
    pub fn reply_removed(&mut self, key: &[u8], event: Event, removed: u64, is_empty: bool) {
        if removed > 0 {
            self.changed(key, event, removed);
        }
        if is_empty && self.db.remove(key, false) {
            self.notify(key, DEL);
        }
        self.reply.integer(removed as i64);
    }

    /// A keyspace event without a change of its own.
    #[inline]
    pub fn notify(&mut self, key: &[u8], event: Event) {
        self.db.store.effects.event(self.db.index, key, event);
    }

    /// Selects a database for this and the following commands of the client.
    pub fn select(&mut self, index: usize) {
        self.client.db = index;
        self.db.index = index;
    }

    /// Switches the client's protocol for this reply and all that follow.
    pub fn set_resp(&mut self, resp: Resp) {
        self.reply.resp = resp;
        self.client.resp = resp;
        self.client.refresh_subscribed();
    }

    /// The present end of the reply, for [`Ctx::fail`].
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark::at(self.reply.out.len(), self.refs.len())
    }

    /// Replaces all that was replied since `mark` by an error, and counts it.
    #[cold]
    pub fn fail(&mut self, mark: Mark, error: &ReplyError) {
        let (tail, refs) = mark.parts();
        self.reply.out.truncate(tail);
        self.refs.truncate(refs);
        self.error(error);
    }

    /// Replies an error and counts it.
    #[cold]
    pub fn error(&mut self, error: &ReplyError) {
        self.errors += 1;
        self.server.stats.count_error(error.code());
        self.reply.error(error);
    }

    /// The reply of a container's HELP: every subcommand's form with what it does.
    pub fn help(&mut self, container: &str, lines: &[(&str, &str)]) {
        self.reply.array(1 + 2 * lines.len() + 2);
        self.reply.simple(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
        for (form, effect) in lines.iter().chain(&[("HELP", "Print this help.")]) {
            self.reply.simple(form);
            self.reply.simple(&format!("    {effect}"));
        }
    }

    /// "Unknown subcommand or wrong number of arguments" for the running container command.
    pub fn subcommand_syntax(&self, args: Args<'_>) -> ReplyError {
        let name = self.server.commands.full_name(self.command);
        let container = name.split('|').next().unwrap_or(name).to_ascii_uppercase();
        error::subcommand_syntax(container.as_bytes(), args.get(1))
    }

    /// Keeps an argument of the running command out of the logs.
    pub fn redact(&mut self, argument: usize) {
        self.redacted.push(argument);
    }

    /// Is the output, this reply included, past the client's hard limit? A command with a long reply asks now and then, and
    /// stops: the client is closed after the command and sees nothing of it.
    #[inline]
    pub fn is_over_output_limit(&self) -> bool {
        self.output_limit().is_passed(self.reply.out)
    }

    /// Does any special mode of the client hold?
    #[inline]
    pub fn is(&self, special: Special) -> bool {
        self.client.special.intersects(special)
    }
}

impl<'a> Ctx<'a> {
    /// The client's hard limit, for replies of values that are borrowed from `db`.
    #[inline]
    pub fn output_limit(&self) -> OutputLimit<'a> {
        let hard_bytes = self.server.config.output_buffer_limit(self.client.class()).hard_bytes;
        OutputLimit { hard_bytes, waiting: self.waiting }
    }
}

/// An endless reply asks so often whether the client is past its output limit.
const ELEMENTS_BETWEEN_CHECKS: usize = 1024;

/// How much output a client may have; see [`Ctx::is_over_output_limit`].
#[derive(Clone, Copy)]
pub struct OutputLimit<'a> {
    hard_bytes: u64,
    waiting: &'a Waiting,
}

impl OutputLimit<'_> {
    /// Is the output past the limit, with a reply that ends so?
    #[inline]
    pub fn is_passed(&self, out: &[u8]) -> bool {
        self.hard_bytes > 0 && self.waiting.memory_with(out) as u64 >= self.hard_bytes
    }

    /// The same, asked once in a while by a command that has replied `count` elements of a reply that may be endless.
    #[inline]
    pub fn is_passed_after(&self, count: usize, out: &[u8]) -> bool {
        count.is_multiple_of(ELEMENTS_BETWEEN_CHECKS) && self.is_passed(out)
    }
}

/// Values from this length on, in bytes, are replied by reference.
const SHARED_BYTES_MIN: usize = 16 * 1024;

/// Replies an element of a collection.
#[inline]
pub fn bulk_item(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Int(int) => reply.bulk_from_int(int),
        Item::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// Replies a string: copied, or by reference where it is large. The parts of [`Ctx`] come one by one, because the value is
/// borrowed from its `db`.
#[inline]
pub fn bulk_value(reply: &mut Reply<'_>, refs: &mut Vec<(usize, Shared)>, value: Str<'_>) {
    match value {
        Str::Bytes(bytes) => reply.bulk(bytes),
        Str::Int(value) => reply.bulk_from_int(value),
        Str::Blob(blob) if blob.len() < SHARED_BYTES_MIN => reply.bulk(blob),
        Str::Blob(blob) => {
            reply.bulk_header(blob.len());
            refs.push((reply.out.len(), Shared::Value(blob.clone())));
            reply.encoded(b"\r\n");
        }
    }
}
