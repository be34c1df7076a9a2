//! MONITOR: shows every command to the clients that asked.

use crate::client::Address;
use crate::command::{Command, Flags};
use crate::context::{Ctx, REDACTED};
use crate::pubsub::after_push;
use rufous_protocol::request::Args;
use std::io::Write;

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
        quote(&mut line, if cx.redacted.contains(&i) { REDACTED } else { argument });
    }
    line.extend_from_slice(b"\r\n");
    for token in cx.server.monitors.clone() {
        if let Some(peer) = cx.server.clients.get_mut(token) {
            peer.out.tail.extend_from_slice(&line);
            after_push(cx.server, token);
        }
    }
}

/// Appends bytes in double quotes; what is not printable is escaped.
pub fn quote(line: &mut Vec<u8>, bytes: &[u8]) {
    line.push(b'"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => line.extend_from_slice(&[b'\\', byte]),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            0x07 => line.extend_from_slice(b"\\a"),
            0x08 => line.extend_from_slice(b"\\b"),
            b' '..=b'~' => line.push(byte),
            // Writing to a vector cannot fail.
            _ => write!(line, "\\x{byte:02x}").unwrap_or_default(),
        }
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn quoting_escapes_what_is_not_printable() {
        let mut line = Vec::new();
        quote(&mut line, b"a\"b\\c\n\r\t\x07\x08\x00\xff z");
        assert_eq!(line, br#""a\"b\\c\n\r\t\a\b\x00\xff z""#);
    }
}
