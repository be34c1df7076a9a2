//! MULTI, EXEC, DISCARD, WATCH, UNWATCH. Queue and watch bookkeeping are in [`crate::transaction`].

use crate::client::Special;
use crate::command::keys::RO;
use crate::command::{Command, Flags, Group, KeySpec, Outcome};
use crate::context::Ctx;
use crate::transaction;
use crate::{dispatch, fanout};
use rufous_protocol::error;
use rufous_protocol::request::Args;

const OPEN: Flags = Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE);
const FAST: Flags = OPEN.union(Flags::FAST).union(Flags::ALLOW_BUSY);

/// The transaction commands.
pub const ROWS: &[Command] = &[
    Command::new("discard", discard, 1, FAST.union(Flags::NOT_QUEUED), Group::Transactions).docs(
        "2.0.0",
        "O(N) where N is the number of queued commands",
        "Drops the queued commands and ends the transaction.",
        "",
    ),
    Command::new(
        "exec",
        exec,
        1,
        OPEN.union(Flags::SKIP_SLOWLOG).union(Flags::NOT_QUEUED),
        Group::Transactions,
    )
    .docs("1.2.0", "Depends on the queued commands.", "Runs the queued commands in one step.", ""),
    Command::new("multi", multi, 1, FAST.union(Flags::NOT_QUEUED), Group::Transactions).docs(
        "1.2.0",
        "O(1)",
        "Begins a transaction: commands are queued from here on.",
        "",
    ),
    Command::new("unwatch", unwatch, 1, FAST, Group::Transactions).docs(
        "2.2.0",
        "O(1)",
        "Stops watching all keys.",
        "",
    ),
    Command::new("watch", watch, -2, FAST.union(Flags::NOT_QUEUED), Group::Transactions)
        .keys(&[KeySpec::range(1, -1, 1, RO)])
        .docs(
            "2.2.0",
            "O(1) a key",
            "Makes the next EXEC fail if one of the keys changes before it.",
            "key ...",
        ),
];

/// MULTI
fn multi(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    if cx.client.multi.is_some() {
        return Err(error::MULTI_NESTED);
    }
    cx.client.multi = Some(Default::default());
    cx.client.special.insert(Special::MULTI);
    cx.reply.ok();
    Ok(())
}

/// DISCARD
fn discard(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    if cx.client.multi.is_none() {
        return Err(error::DISCARD_WITHOUT_MULTI);
    }
    transaction::discard(cx.client, &mut cx.server.watchers, &mut cx.db.store.effects);
    cx.reply.ok();
    Ok(())
}

/// EXEC
fn exec(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let Some(multi) = cx.client.multi.take() else { return Err(error::EXEC_WITHOUT_MULTI) };
    let touched = cx.client.dirty_watch || watched_key_expired(cx);
    transaction::discard(cx.client, &mut cx.server.watchers, &mut cx.db.store.effects);
    if multi.doomed {
        return Err(error::EXEC_ABORT);
    }
    if touched {
        cx.reply.null_array();
        return Ok(());
    }
    cx.in_exec = true;
    cx.reply.array(multi.queued.len());
    for (id, args) in &multi.queued {
        let row = cx.server.commands.row(*id);
        if cx.client.is_nobody() {
            // Out of the append-only file: neither counted nor timed. What fails there was told when it was written.
            let _ = (row.handler)(cx, args.args());
        } else {
            let outer = cx.server.running.enter(None, args);
            dispatch::call(cx, *id, row, args.args());
            cx.server.running.leave(outer);
        }
        // At once: later commands may change who is to be told.
        if !cx.db.store.effects.is_empty() {
            fanout::publish(cx.server, &mut cx.db.store.effects, cx.client, &mut cx.pushes);
        }
    }
    cx.in_exec = false;
    // Each of the commands saw to itself.
    cx.propagate_nothing();
    Ok(())
}

/// A watched key whose TTL has passed counts as touched, unless it had passed when it was watched.
fn watched_key_expired(cx: &Ctx<'_>) -> bool {
    let now = cx.now();
    cx.client.watched.iter().any(|watched| {
        let entry = cx.db.store.keyspace.db(watched.db).find(&watched.key);
        !watched.was_expired && entry.is_some_and(|entry| entry.is_expired(now))
    })
}

/// WATCH key [key ...]
fn watch(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    if cx.client.multi.is_some() {
        return Err(error::WATCH_IN_MULTI);
    }
    if !cx.client.dirty_watch {
        let (db, now) = (cx.db.index, cx.now());
        for key in args.from(1) {
            let expired = cx.db.db().find(key).is_some_and(|entry| entry.is_expired(now));
            cx.server.watchers.watch(cx.client, db, key, expired, &mut cx.db.store.effects);
        }
    }
    cx.reply.ok();
    Ok(())
}

/// UNWATCH
fn unwatch(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.server.watchers.unwatch(cx.client, &mut cx.db.store.effects);
    cx.reply.ok();
    Ok(())
}
