//! What a client may cost: query and output buffer limits, protocol errors, protected mode.

use crate::client::{Address, Client, Closing, Peer, Special, list};
use crate::command::table::CommandTable;
use crate::config::Config;
use crate::engine::{Engine, State};
use crate::log::Log;
use crate::stats::Stats;
use rufous_protocol::reply::Reply;
use rufous_protocol::request::{Limits, ProtocolError};

/// Bytes of a client's input that a log line shows.
const SHOWN_INPUT_LEN: usize = 128;

/// The parser's bounds for a client at this moment.
#[inline]
pub fn request_limits(config: &Config, client: &Client) -> Limits {
    Limits {
        bulk_len_max: config.proto_max_bulk_len,
        authenticated: !client.special.contains(Special::UNAUTHENTICATED),
        ..Limits::default()
    }
}

/// Is a connection from outside, while nothing protects the server?
pub fn is_unprotected_stranger(config: &Config, remote: &Address) -> bool {
    config.protected_mode && config.requirepass.is_empty() && !remote.is_local()
}

/// Answers a protocol error and closes; logs it at verbose level with a look at the bytes.
#[cold]
pub fn protocol_error(engine: &mut Engine, peer: &mut Peer, failure: ProtocolError, rest: &[u8]) {
    let state = &mut engine.state;
    let shown = rest[..rest.len().min(SHOWN_INPUT_LEN)].escape_ascii();
    state.log.verbose(format_args!(
        "Protocol error ({}) from client: {}. Query buffer during protocol error: '{shown}'",
        failure.log_reason(),
        describe(state, peer),
    ));
    let error = failure.reply();
    state.stats.count_error(error.code());
    Reply::new(&mut peer.out.tail, peer.client.resp).error(&error);
    peer.client.close(Closing::AfterReply);
}

/// Closes a client whose query buffer is past `client-query-buffer-limit`.
#[inline]
pub fn check_query_buffer(engine: &mut Engine, peer: &mut Peer) {
    if peer.client.query_buffer_len > engine.state.config.client_query_buffer_limit as usize {
        over_query_buffer(&mut engine.state, peer);
    }
}

#[cold]
fn over_query_buffer(state: &mut State, peer: &mut Peer) {
    state.stats.query_buffer_limit_closes += 1;
    state.log.warning(format_args!(
        "Closing client that reached max query buffer length: {}",
        describe(state, peer),
    ));
    peer.client.close(Closing::Now);
}

/// Closes a client whose output is past its class's `client-output-buffer-limit`. The soft limit must be passed for
/// some seconds on end. The parts of [`State`] come one by one, because the client may stand in its registry.
#[inline]
pub fn check_output(
    config: &Config,
    commands: &CommandTable,
    stats: &mut Stats,
    log: &Log,
    peer: &mut Peer,
    now_ms: i64,
) {
    let Peer { client, out } = peer;
    let limit = config.output_buffer_limit(client.class());
    if limit.hard_bytes == 0 && limit.soft_bytes == 0 {
        return;
    }
    let used = out.waiting.memory() as u64;
    let hard = limit.hard_bytes > 0 && used >= limit.hard_bytes;
    let mut soft = limit.soft_bytes > 0 && used >= limit.soft_bytes;
    if !soft {
        client.over_soft_limit_since_ms = None;
    } else if let Some(since) = client.over_soft_limit_since_ms {
        soft = now_ms - since > limit.soft_seconds as i64 * 1000;
    } else {
        client.over_soft_limit_since_ms = Some(now_ms);
        soft = false;
    }
    if (hard || soft) && client.closing != Some(Closing::Now) {
        stats.output_buffer_limit_closes += 1;
        log.warning(format_args!(
            "Client {} scheduled to be closed ASAP for overcoming of output buffer limits.",
            list::line(commands, now_ms, client, out.figures()),
        ));
        client.close(Closing::Now);
    }
}

/// The verbose line of a connection that its client closed.
pub fn log_client_closed(state: &State, peer: &Peer) {
    state.log.verbose(format_args!("Client closed connection {}", describe(state, peer)));
}

fn describe(state: &State, peer: &Peer) -> String {
    list::line(&state.commands, state.clock.now_ms(), &peer.client, peer.out.figures())
}
