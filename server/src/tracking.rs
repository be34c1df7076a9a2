//! Client tracking: who may have cached which key.

use crate::client::{Client, Peer};
use crate::command::Command;
use crate::command::table::CommandId;
use crate::context::Ctx;
use crate::engine::State;
use rufous_protocol::request::Args;

/// A client's tracking mode.
#[derive(Default)]
pub struct ClientTracking {}

/// The table of keys that clients may have cached.
#[derive(Default)]
pub struct Tracking {}

/// Remembers the keys that a tracking client has just read.
pub fn remember_keys(_cx: &mut Ctx<'_>, _id: CommandId, _row: &'static Command, _args: Args<'_>) {}

/// A key changed: tells those who may have cached it.
pub fn invalidate(_state: &mut State, _current: &mut Peer, _key: &[u8]) {}

/// Every key changed.
pub fn invalidate_all(_state: &mut State, _current: &mut Peer) {}

/// A client goes away.
pub fn forget(_state: &mut State, _client: &mut Client) {}
