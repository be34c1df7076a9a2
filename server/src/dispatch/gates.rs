//! The checks between lookup and call, in Redis' order. Each is a small function that lets a request pass or refuses it.
//!
//! Invariants: a gate changes nothing but what its own refusal needs (eviction excepted: making room is its job); gates
//! run only when something is special, so everything they look at must be reflected in `Client::special`,
//! `State::special` or the command's `PROTECTED` flag.

use crate::client::Special;
use crate::command::table::CommandId;
use crate::command::{Command, Flags};
use crate::context::Ctx;
use crate::engine::EngineSpecial;
use crate::{eviction, fanout};
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::reply::Resp;
use rufous_protocol::request::Args;

/// Why a request does not run now.
pub enum Refusal {
    /// It is answered with an error.
    Error(ReplyError),
    /// It joins the open transaction.
    Queue,
    /// It waits for CLIENT UNPAUSE.
    Postpone,
}

impl From<ReplyError> for Refusal {
    fn from(error: ReplyError) -> Refusal {
        Refusal::Error(error)
    }
}

/// The request at the gates.
struct Request<'a> {
    id: CommandId,
    row: &'static Command,
    args: Args<'a>,
    /// The command's flags and, for EXEC, those of everything queued.
    flags: Flags,
}

type Gate = fn(&mut Ctx<'_>, &Request<'_>) -> Result<(), Refusal>;

/// In Redis' order.
const GATES: &[Gate] = &[
    protected,
    authenticated,
    multi_allowed,
    permitted,
    memory,
    disk_error,
    pubsub_mode,
    loading,
    monitor_mode,
    paused,
    queue,
];

/// Runs all gates.
pub fn check(cx: &mut Ctx<'_>, id: CommandId, row: &'static Command, args: Args<'_>) -> Result<(), Refusal> {
    let mut flags = row.flags;
    if row.name == "exec"
        && let Some(multi) = &cx.client.multi
    {
        flags |= multi.flags;
    }
    let request = Request { id, row, args, flags };
    GATES.iter().try_for_each(|gate| gate(cx, &request))
}

/// `enable-debug-command` and `enable-module-command`.
fn protected(cx: &mut Ctx<'_>, request: &Request<'_>) -> Result<(), Refusal> {
    if !request.row.flags.contains(Flags::PROTECTED)
        || cx.server.allows_protected(request.row.name, cx.client)
    {
        return Ok(());
    }
    let (name, option) = if request.row.name == "debug" {
        ("DEBUG", "enable-debug-command")
    } else {
        ("MODULE", "enable-module-command")
    };
    Err(error::protected_command(name, option).into())
}

fn authenticated(cx: &mut Ctx<'_>, request: &Request<'_>) -> Result<(), Refusal> {
    if cx.is(Special::UNAUTHENTICATED) && !request.flags.contains(Flags::NO_AUTH) {
        return Err(error::NO_AUTH.into());
    }
    Ok(())
}

fn multi_allowed(cx: &mut Ctx<'_>, request: &Request<'_>) -> Result<(), Refusal> {
    if cx.is(Special::MULTI) && request.flags.contains(Flags::NO_MULTI) {
        return Err(error::NOT_IN_TRANSACTION.into());
    }
    Ok(())
}

fn permitted(cx: &mut Ctx<'_>, request: &Request<'_>) -> Result<(), Refusal> {
    if cx.is(Special::RESTRICTED) {
        crate::acl::check(cx, request.id, request.args)?;
    }
    Ok(())
}

fn memory(cx: &mut Ctx<'_>, request: &Request<'_>) -> Result<(), Refusal> {
    if !cx.server.special.contains(EngineSpecial::MAXMEMORY) {
        return Ok(());
    }
    let queues = cx.is(Special::MULTI) && !request.flags.contains(Flags::NOT_QUEUED);
    let outcome = eviction::make_room(cx.db.store, cx.server);
    if !cx.db.store.effects.is_empty() {
        // Clients learn of evictions before the reply of the command that they made room for.
        let own = if cx.is(Special::REPLY_MUTED) { &mut cx.pushes } else { &mut *cx.reply.out };
        fanout::publish(cx.server, &mut cx.db.store.effects, cx.client, own);
    }
    if outcome == eviction::Outcome::Full && (queues || request.flags.contains(Flags::DENYOOM)) {
        return Err(error::OUT_OF_MEMORY.into());
    }
    Ok(())
}

/// What is written would not get to the disk.
fn disk_error(cx: &mut Ctx<'_>, request: &Request<'_>) -> Result<(), Refusal> {
    if !cx.server.special.contains(EngineSpecial::DISK_ERROR) {
        return Ok(());
    }
    // Monitoring by PING is to notice.
    if request.flags.contains(Flags::WRITE) || request.row.name == "ping" {
        return Err(match cx.server.persistence.aof.failure() {
            Some(reason) => error::misconf_aof(reason).into(),
            None => error::MISCONF_RDB.into(),
        });
    }
    Ok(())
}

fn pubsub_mode(cx: &mut Ctx<'_>, request: &Request<'_>) -> Result<(), Refusal> {
    if cx.is(Special::SUBSCRIBED) && cx.client.resp == Resp::V2 && !request.flags.contains(Flags::SUBSCRIBED)
    {
        return Err(error::subscriber_only(cx.server.commands.full_name(request.id)).into());
    }
    Ok(())
}

fn loading(cx: &mut Ctx<'_>, request: &Request<'_>) -> Result<(), Refusal> {
    if cx.server.special.contains(EngineSpecial::LOADING) && !request.flags.contains(Flags::LOADING) {
        return Err(error::LOADING.into());
    }
    Ok(())
}

/// A monitor is served like a replica: it must not touch keys.
fn monitor_mode(cx: &mut Ctx<'_>, request: &Request<'_>) -> Result<(), Refusal> {
    let keys = Flags::WRITE | Flags::READONLY | Flags::MAY_REPLICATE;
    if cx.is(Special::MONITOR) && request.flags.intersects(keys) {
        return Err(error::REPLICA_KEYSPACE.into());
    }
    Ok(())
}

fn paused(cx: &mut Ctx<'_>, request: &Request<'_>) -> Result<(), Refusal> {
    let may_write = request.flags.intersects(Flags::WRITE | Flags::MAY_REPLICATE);
    if !cx.is(Special::MONITOR) && cx.server.pause.holds(may_write) {
        return Err(Refusal::Postpone);
    }
    Ok(())
}

fn queue(cx: &mut Ctx<'_>, request: &Request<'_>) -> Result<(), Refusal> {
    if cx.is(Special::MULTI) && !request.row.flags.contains(Flags::NOT_QUEUED) {
        return Err(Refusal::Queue);
    }
    Ok(())
}
