//! MONITOR: shows every command to the clients that asked.

use crate::client::Address;
use crate::command::{Command, Flags};
use crate::config::text::quoted;
use crate::context::{Ctx, REDACTED};
use crate::pubsub::after_push;
use rufous_protocol::request::Args;

/// Shows a command that just ran: time, database, address and quoted arguments in one status line.
#[cold]
pub fn feed(cx: &mut Ctx<'_>, row: &'static Command, args: Args<'_>) {
    if row.flags.intersects(Flags::SKIP_MONITOR | Flags::ADMIN) {
        return;
    }
    let now_us = cx.server.clock.now_us();
    let mut line =
        format!("+{}.{:06} [{} ", now_us / 1_000_000, now_us % 1_000_000, cx.db.index).into_bytes();
    match &cx.client.address {
        Address::Tcp(address) => line.extend_from_slice(address.to_string().as_bytes()),
        Address::Unix(path) => line.extend_from_slice(format!("unix:{path}").as_bytes()),
    }
    line.push(b']');
    for (i, argument) in args.iter().enumerate() {
        line.push(b' ');
        line.extend_from_slice(&quoted(if cx.redacted.contains(&i) { REDACTED } else { argument }));
    }
    line.extend_from_slice(b"\r\n");
    for token in cx.server.monitors.clone() {
        if let Some(peer) = cx.server.clients.get_mut(token) {
            peer.out.tail.extend_from_slice(&line);
            after_push(cx.server, token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn quoting_escapes_what_is_not_printable() {
        let line = quoted(b"a\"b\\c\n\r\t\x07\x08\x00\xff z");
        assert_eq!(line, br#""a\"b\\c\n\r\t\a\b\x00\xff z""#);
    }
}
