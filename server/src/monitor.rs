//! MONITOR: shows every command to the clients that asked.

use crate::command::Command;
use crate::context::Ctx;
use rufous_protocol::request::Args;

/// Shows a command that just ran.
#[cold]
pub fn feed(_cx: &mut Ctx<'_>, _row: &'static Command, _args: Args<'_>) {}
