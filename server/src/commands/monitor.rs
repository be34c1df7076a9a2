//! MONITOR. What monitors are shown is made in [`crate::monitor`].

use crate::client::Special;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Ctx;
use rufous_protocol::request::Args;

const ADMIN: Flags = Flags::LOADING.union(Flags::STALE).union(Flags::ADMIN).union(Flags::NOSCRIPT);

/// The MONITOR command.
pub const ROWS: &[Command] = &[Command::new("monitor", monitor, 1, ADMIN, Group::Server).docs(
    "1.0.0",
    "",
    "Streams every command that the server executes.",
    "",
)];

/// MONITOR
fn monitor(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    if !cx.is(Special::MONITOR) {
        cx.client.special.insert(Special::MONITOR);
        cx.server.monitors.push(cx.client.token);
    }
    cx.reply.ok();
    Ok(())
}
