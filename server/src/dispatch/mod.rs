//! The one door: every request, whoever sends it, enters at [`execute`].
//!
//! A request is looked up, passes the gates (refusals and detours, in Redis' order: [`gates`]), runs, and what it set
//! off is fanned out ([`crate::effects`], [`crate::fanout`]). When nothing is special about the client, the engine or
//! the command, the gates are skipped after one test.
//!
//! Invariants: a handler that returns an error has its reply taken back to where it started and replaced by the error,
//! here and nowhere else; the effects queue is empty when `execute` returns; one monotonic timestamp is taken per
//! command (within a window the end of one is the start of the next).

pub mod gates;
pub mod window;

use crate::blocking::Again;
use crate::client::output::{Mark, Output};
use crate::client::{Client, Closing, Peer, ReplyMode, Special};
use crate::command::table::CommandId;
use crate::command::{Command, Flags};
use crate::context::Ctx;
use crate::effects::Listening;
use crate::engine::{Engine, EngineSpecial, State};
use crate::store::{Keys, Store};
use crate::tracking::{self, Running};
use crate::{fanout, monitor, propagation};
use gates::Refusal;
use rufous_protocol::error;
use rufous_protocol::reply::Reply;
use rufous_protocol::request::Args;

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// Answered (or deliberately not).
    Done,
    /// CLIENT PAUSE holds it back: to be offered again, unchanged.
    Postponed,
    /// The client waits; what it sent behind this request waits with it.
    Blocked,
}

/// Runs one request of `peer`, which is taken out of the registry. `id` is the result of the name lookup.
#[inline]
pub fn execute(engine: &mut Engine, peer: &mut Peer, id: Option<CommandId>, args: Args<'_>) -> Flow {
    enter(engine, peer, id, args, None)
}

/// Runs a request again that blocked its client.
pub fn execute_again(
    engine: &mut Engine,
    peer: &mut Peer,
    id: CommandId,
    args: Args<'_>,
    again: Again,
) -> Flow {
    enter(engine, peer, Some(id), args, Some(again))
}

/// Answers a request that blocked its client and is not run again; `reply` writes the answer.
pub fn reply_late(
    store: &mut Store,
    state: &mut State,
    peer: &mut Peer,
    id: CommandId,
    args: Args<'_>,
    again: Again,
    reply: impl FnOnce(&mut Ctx<'_>),
) {
    let mark = peer.out.mark();
    let mut cx = context(store, state, peer, id);
    reply(&mut cx);
    let row = cx.server.commands.row(id);
    record(&mut cx, id, row, args, mark, again.spent_ns);
    if peer.client.special.contains(Special::REPLY_MUTED) {
        mute(&mut peer.client, &mut peer.out, mark);
    }
}

/// Runs a command out of the append-only file: no gates, no statistics, no reply, and nothing expires on its own. What it set
/// off is dropped: nobody is there who could want to know.
pub fn replay(store: &mut Store, state: &mut State, peer: &mut Peer, id: CommandId, args: Args<'_>) {
    let row = state.commands.row(id);
    let mut cx = context(store, state, peer, id);
    cx.db.horizon = i64::MIN;
    if cx.client.multi.is_some() && !row.flags.contains(Flags::NOT_QUEUED) {
        crate::transaction::queue(&mut cx, id, args);
    } else {
        let outcome = match row.accepts(args.len()) {
            true => (row.handler)(&mut cx, args),
            false => Err(error::wrong_arity(cx.server.commands.full_name(id))),
        };
        if let Err(error) = outcome {
            let (name, error) = (cx.server.commands.full_name(id).to_owned(), error.to_string());
            cx.server
                .log
                .warning(format_args!("== CRITICAL == '{name}' out of the append-only file failed: {error}"));
        }
    }
    peer.out.tail.clear();
    peer.out.refs.clear();
    let (queue, keys) = store.effects.drain();
    store.effects.recycle(queue, keys);
}

/// Inlined: it is large, and returned at every command.
#[inline(always)]
fn context<'a>(store: &'a mut Store, state: &'a mut State, peer: &'a mut Peer, id: CommandId) -> Ctx<'a> {
    let Peer { client, out } = peer;
    let touch = !client.special.contains(Special::NO_TOUCH);
    let now = state.clock.now_ms();
    Ctx {
        db: Keys { store, index: client.db, now, horizon: now, touch },
        server: state,
        reply: Reply::new(&mut out.tail, client.resp),
        client,
        refs: &mut out.refs,
        waiting: &out.waiting,
        pushes: Vec::new(),
        command: id,
        in_exec: false,
        again: None,
        redacted: Vec::new(),
        errors: 0,
    }
}

#[inline(always)]
fn enter(
    engine: &mut Engine,
    peer: &mut Peer,
    id: Option<CommandId>,
    args: Args<'_>,
    again: Option<Again>,
) -> Flow {
    let Peer { client, out } = peer;
    if engine.state.special.contains(EngineSpecial::TRACKING_OVERFULL) {
        let Engine { state, store } = engine;
        tracking::make_room(state, &mut store.random, &mut Running { client, own: &mut out.tail });
    }
    let reply_mode = client.reply_mode;
    if reply_mode == ReplyMode::SkipNext {
        client.reply_mode = ReplyMode::SkipThis;
    }
    engine.store.expire_paused = engine.state.special.contains(EngineSpecial::PAUSED);
    let mark = out.mark();
    let mut cx = context(&mut engine.store, &mut engine.state, peer, id.unwrap_or_default());
    cx.again = again;
    let flow = admit_and_call(&mut cx, id, args);
    let pushes = std::mem::take(&mut cx.pushes);
    let Peer { client, out } = peer;
    if flow == Flow::Postponed {
        client.reply_mode = reply_mode;
        return flow;
    }
    let blocked = client.special.contains(Special::BLOCKED);
    if client.special.contains(Special::REPLY_MUTED) && !blocked {
        mute(client, out, mark);
    }
    if !pushes.is_empty() {
        out.tail.extend_from_slice(&pushes);
    }
    let Engine { state, store } = engine;
    if store.effects.listening.contains(Listening::WRITES) {
        end_unit(state, store, client, id);
    }
    if !store.effects.is_empty() {
        fanout::publish(state, &mut store.effects, client, &mut out.tail);
    }
    if blocked {
        return Flow::Blocked;
    }
    if client.special.contains(Special::TRACKING) {
        tracking::end_caching(state, client, id);
    }
    flow
}

/// What the request wrote is complete. Keys that a command came across by chance, and found expired, are no transaction.
#[inline(never)]
fn end_unit(state: &State, store: &mut Store, client: &mut Client, id: Option<CommandId>) {
    let is_transaction =
        || id.is_none_or(|id| !state.commands.row(id).flags.contains(Flags::TOUCHES_ARBITRARY_KEYS));
    if store.effects.writes.end_unit(is_transaction) {
        client.written_to = store.effects.writes.offset();
    }
}

fn admit_and_call(cx: &mut Ctx<'_>, id: Option<CommandId>, args: Args<'_>) -> Flow {
    let Some(id) = id else {
        return unknown(cx, args);
    };
    let row = cx.server.commands.row(id);
    cx.client.last_command = Some(id);
    if !row.accepts(args.len()) {
        reject(cx, Some(id), error::wrong_arity(cx.server.commands.full_name(id)));
        return Flow::Done;
    }
    if !cx.client.special.is_empty() || !cx.server.special.is_empty() || row.flags.contains(Flags::PROTECTED)
    {
        match gates::check(cx, id, row, args) {
            Ok(()) => {}
            Err(Refusal::Error(error)) => {
                reject(cx, Some(id), error);
                return Flow::Done;
            }
            Err(Refusal::Queue) => {
                crate::transaction::queue(cx, id, args);
                return Flow::Done;
            }
            Err(Refusal::Postpone) => return Flow::Postponed,
        }
    }
    call(cx, id, row, args);
    Flow::Done
}

#[cold]
fn unknown(cx: &mut Ctx<'_>, args: Args<'_>) -> Flow {
    let name = args.get(0);
    // A browser was talked into speaking to us (cross-protocol scripting): hang up.
    if name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:") {
        cx.server.warn_of_cross_protocol_attack(cx.client);
        cx.client.close(Closing::Now);
        return Flow::Done;
    }
    cx.client.last_command = None;
    let error = match cx.server.commands.lookup(name) {
        // Only a container's subcommand can be missing when the name is known.
        Some(container) => {
            error::unknown_subcommand(cx.server.commands.full_name(container).as_bytes(), args.get(1))
        }
        None => error::unknown_command(name, args.from(1).iter()),
    };
    reject(cx, None, error);
    Flow::Done
}

/// Refuses a request before it ran: counts it and, inside MULTI, dooms the transaction. A refused EXEC ends it.
#[cold]
fn reject(cx: &mut Ctx<'_>, id: Option<CommandId>, error: error::ReplyError) {
    if let Some(multi) = &mut cx.client.multi {
        multi.doomed = true;
    }
    if let Some(id) = id {
        cx.server.commands.stats_mut(id).rejected_calls += 1;
        if cx.server.commands.row(id).name == "exec" {
            crate::transaction::discard(cx.client, &mut cx.server.watchers, &mut cx.db.store.effects);
            return cx.error(&error::exec_abort(&error));
        }
    }
    cx.error(&error);
}

/// Runs a command that passed the gates: handler, statistics, slow log, monitors. EXEC comes here for every queued one.
pub fn call(cx: &mut Ctx<'_>, id: CommandId, row: &'static Command, args: Args<'_>) {
    let outer_errors = std::mem::replace(&mut cx.errors, 0);
    let outer_command = std::mem::replace(&mut cx.command, id);
    let mark = cx.mark();
    let started = cx.server.clock.last_tick();
    let dirty = cx.db.store.dirty;
    if let Err(error) = (row.handler)(cx, args) {
        cx.fail(mark, &error);
    }
    if cx.db.store.effects.listening.contains(Listening::WRITES) {
        // Saving takes the count back.
        propagation::after_call(cx, args, cx.db.store.dirty > dirty);
    }
    let duration_ns = cx.server.clock.tick() - started;
    let spent_before_ns = cx.again.map_or(0, |again| again.spent_ns);
    match &mut cx.client.blocked {
        None => record(cx, id, row, args, mark, spent_before_ns + duration_ns),
        // It is counted when its wait ends.
        Some(blocked) => blocked.spent(duration_ns),
    }
    if duration_ns >= cx.server.latency.threshold_ns {
        let event = if row.flags.contains(Flags::FAST) { "fast-command" } else { "command" };
        let now_s = cx.now() / 1000;
        cx.server.latency.add(event, now_s, duration_ns / 1_000_000);
    }
    if !cx.server.monitors.is_empty() && cx.again.is_none() {
        monitor::feed(cx, row, args);
    }
    if cx.is(Special::TRACKING) && row.flags.contains(Flags::READONLY) {
        // What changed before the read concerns only who read before: inside EXEC the queue may hold such news.
        if !cx.db.store.effects.is_empty() {
            fanout::publish(cx.server, &mut cx.db.store.effects, cx.client, &mut cx.pushes);
        }
        tracking::remember_keys(cx, row, args);
    }
    cx.redacted.clear();
    // What a queued command replied is not EXEC's own failure.
    cx.errors = outer_errors;
    cx.command = outer_command;
}

/// Counts a command that is done, and notes it in the slow log.
#[inline]
fn record(
    cx: &mut Ctx<'_>,
    id: CommandId,
    row: &'static Command,
    args: Args<'_>,
    mark: Mark,
    duration_ns: u64,
) {
    let failed = cx.errors > 0;
    let keep_histogram = cx.server.config.latency_tracking;
    let stats = cx.server.commands.stats_mut(id);
    stats.record(duration_ns, keep_histogram);
    stats.failed_calls += u64::from(failed);
    cx.server.stats.commands += 1;
    cx.server.stats.commands_ns += duration_ns;
    if !row.flags.contains(Flags::SKIP_SLOWLOG) {
        crate::slowlog::note(cx, args, duration_ns, mark);
    }
}

/// CLIENT REPLY OFF and SKIP: drops what the command replied.
fn mute(client: &mut Client, out: &mut Output, mark: Mark) {
    match client.reply_mode {
        ReplyMode::Off => out.truncate(mark),
        ReplyMode::SkipThis => {
            out.truncate(mark);
            client.reply_mode = ReplyMode::On;
            client.special.remove(Special::REPLY_MUTED);
        }
        ReplyMode::On | ReplyMode::SkipNext => {}
    }
}
