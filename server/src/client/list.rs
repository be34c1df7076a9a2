//! The line that CLIENT LIST, CLIENT INFO and log messages show of a client.

use super::output::Figures;
use super::{Address, Client, Closing, Peer, Special};
use crate::command::table::CommandTable;
use crate::net::conn::IoConn;
use crate::transaction::Watched;
use rufous_protocol::reply::Resp;
use std::fmt::Write;

/// The whole line, without its line end.
pub fn line(commands: &CommandTable, now_ms: i64, client: &Client, output: Figures) -> String {
    let mut line = String::with_capacity(400);
    // Writing to a string cannot fail.
    let _ = write!(
        line,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} ",
        client.id,
        client.address,
        client.local_address,
        client.fd,
        String::from_utf8_lossy(&client.name),
        seconds_since(client.created_ms, now_ms),
        seconds_since(client.active_ms, now_ms),
        flags(client),
        client.db,
    );
    let (channels, patterns, shards) = match &client.subscriptions {
        None => (0, 0, 0),
        Some(mine) => (mine.channels.len(), mine.patterns.len(), mine.shards.len()),
    };
    let queued = client.multi.as_ref().map_or(-1, |multi| multi.queued.len() as i64);
    let _ = write!(line, "sub={channels} psub={patterns} ssub={shards} multi={queued} ");
    let _ = write!(
        line,
        "qbuf={} qbuf-free={} argv-mem={} multi-mem={} ",
        client.query_buffer_len,
        client.query_buffer_capacity.saturating_sub(client.query_buffer_len),
        client.argument_bytes + client.blocked.as_ref().map_or(0, |blocked| blocked.argument_bytes()),
        queued_bytes(client),
    );
    let Figures { capacity, peak, tail_len, chunks, memory } = output;
    let _ = write!(line, "rbs={capacity} rbp={peak} obl={tail_len} oll={chunks} omem={memory} ");
    let _ = write!(
        line,
        "tot-mem={} events={} cmd={} user={} redir={} resp={} lib-name={} lib-ver={}",
        memory_total(client, output),
        if client.awaits_write { "rw" } else { "r" },
        client.last_command.map_or("NULL", |id| commands.full_name(id)),
        client.user,
        client.tracking.as_ref().map_or(-1, |tracking| tracking.redirect as i64),
        if client.resp == Resp::V3 { 3 } else { 2 },
        String::from_utf8_lossy(&client.lib_name),
        String::from_utf8_lossy(&client.lib_version),
    );
    line
}

/// Heap bytes that a client costs: its two halves, buffers, queue, subscriptions, watched keys. Arguments being read are
/// part of the query buffer. Output in front of the tail included.
pub fn memory_total(client: &Client, output: Figures) -> usize {
    let queue = client.multi.as_ref().map_or(0, |multi| queued_bytes(client) + multi.queued.len() * 64);
    let subscriptions = client.subscriptions.as_ref().map_or(0, |mine| mine.memory());
    let tracking = client.tracking.as_ref().map_or(0, |tracking| tracking.memory());
    let blocked = client.blocked.as_ref().map_or(0, |blocked| blocked.memory());
    size_of::<Peer>()
        + size_of::<IoConn>()
        + client.name.capacity()
        + client.query_buffer_capacity
        + output.capacity
        + output.memory
        + queue
        + blocked
        + client.watched.iter().map(|watched| size_of::<Watched>() + watched.key.len()).sum::<usize>()
        + subscriptions
        + tracking
}

fn queued_bytes(client: &Client) -> usize {
    let queued = client.multi.iter().flat_map(|multi| &multi.queued);
    queued.map(|(_, args)| args.args().bytes_total()).sum()
}

/// Whole seconds between two moments, as a clock that shows seconds tells them.
fn seconds_since(then_ms: i64, now_ms: i64) -> i64 {
    now_ms / 1000 - then_ms / 1000
}

/// The letters of a client's states; `N` for none.
fn flags(client: &Client) -> String {
    let special = client.special;
    let tracking = client.tracking.as_deref();
    let states = [
        (special.contains(Special::MONITOR), 'O'),
        (client.is_subscriber(), 'P'),
        (client.multi.is_some(), 'x'),
        (client.postponed || client.blocked.is_some(), 'b'),
        (tracking.is_some(), 't'),
        (tracking.is_some_and(|tracking| tracking.broken_redirect), 'R'),
        (tracking.is_some_and(|tracking| tracking.is_broadcast()), 'B'),
        (client.dirty_watch, 'd'),
        (client.closing == Some(Closing::AfterReply), 'c'),
        (client.closing == Some(Closing::Now), 'A'),
        (matches!(client.address, Address::Unix(_)), 'U'),
        (client.no_evict, 'e'),
        (special.contains(Special::NO_TOUCH), 'T'),
    ];
    let letters: String = states.iter().filter(|(holds, _)| *holds).map(|(_, letter)| letter).collect();
    if letters.is_empty() { "N".into() } else { letters }
}
