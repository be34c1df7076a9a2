//! The slow log, and its siblings for large requests and large replies (COMMANDLOG).
//!
//! A command that is neither slow nor large costs three compares. Entries keep a bounded copy of the arguments.
//!
//! Invariants: entries are newest first and at most `max_len`; ids grow over the life of the server, RESET included.

use crate::client::output::Mark;
use crate::config::Config;
use crate::context::Ctx;
use rufous_protocol::request::Args;
use std::collections::VecDeque;

/// Arguments kept of a command; the last one then says how many more there were.
const ARGUMENTS_MAX: usize = 32;
/// Bytes kept of an argument.
const ARGUMENT_LEN_MAX: usize = 128;

/// The three logs, in the order of [`CommandLogs::logs`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogKind {
    /// Commands that took long: microseconds.
    Slow = 0,
    /// Requests of many bytes.
    LargeRequest = 1,
    /// Replies of many bytes.
    LargeReply = 2,
}

impl LogKind {
    /// By its name in COMMANDLOG.
    pub fn by_name(name: &[u8]) -> Option<LogKind> {
        let names = [
            (&b"slow"[..], LogKind::Slow),
            (b"large-request", LogKind::LargeRequest),
            (b"large-reply", LogKind::LargeReply),
        ];
        names.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, kind)| *kind)
    }
}

/// One logged command.
pub struct Entry {
    /// Unique in its log.
    pub id: u64,
    /// Unix seconds.
    pub time_s: i64,
    /// Microseconds, or bytes.
    pub value: u64,
    /// Clipped copies.
    pub arguments: Vec<Vec<u8>>,
    /// The client's address.
    pub address: String,
    /// The client's name.
    pub name: Vec<u8>,
}

/// One log.
#[derive(Default)]
pub struct CommandLog {
    /// Newest first.
    pub entries: VecDeque<Entry>,
    next_id: u64,
    max_len: usize,
}

impl CommandLog {
    fn push(&mut self, cx: &CommandOf<'_>, value: u64) {
        let id = self.next_id;
        self.next_id += 1;
        self.entries.push_front(Entry {
            id,
            time_s: cx.now_ms / 1000,
            value,
            arguments: clip(cx.args, cx.redacted),
            address: cx.address.to_string(),
            name: cx.name.to_vec(),
        });
        self.entries.truncate(self.max_len);
    }
}

/// What an entry is made of.
struct CommandOf<'a> {
    args: Args<'a>,
    redacted: &'a [usize],
    address: &'a crate::client::Address,
    name: &'a [u8],
    now_ms: i64,
}

/// See the file head.
#[derive(Default)]
pub struct CommandLogs {
    /// By [`LogKind`].
    pub logs: [CommandLog; 3],
    slower_than_ns: u64,
    request_larger_than: u64,
    reply_larger_than: u64,
}

impl CommandLogs {
    /// Follows the configuration; a log that became shorter loses its oldest entries.
    pub fn configure(&mut self, config: &Config) {
        let bound = |value: i64| u64::try_from(value).unwrap_or(u64::MAX);
        self.slower_than_ns = bound(config.slowlog_log_slower_than_us).saturating_mul(1000);
        self.request_larger_than = bound(config.commandlog_request_larger_than);
        self.reply_larger_than = bound(config.commandlog_reply_larger_than);
        let lens = [
            config.slowlog_max_len,
            config.commandlog_large_request_max_len,
            config.commandlog_large_reply_max_len,
        ];
        for (log, max_len) in self.logs.iter_mut().zip(lens) {
            log.max_len = max_len as usize;
            log.entries.truncate(log.max_len);
        }
    }

    /// One log.
    pub fn log(&mut self, kind: LogKind) -> &mut CommandLog {
        &mut self.logs[kind as usize]
    }
}

/// Notes a command that ran, if it was slow or large. `mark` is where its reply starts.
#[inline]
pub fn note(cx: &mut Ctx<'_>, args: Args<'_>, duration_ns: u64, mark: Mark) {
    let logs = &cx.server.command_logs;
    let request_len = args.bytes_total() as u64;
    let reply_len = (cx.reply.out.len() - mark.parts().0) as u64;
    let slow = duration_ns >= logs.slower_than_ns;
    let large_request = request_len >= logs.request_larger_than;
    let large_reply = reply_len >= logs.reply_larger_than || cx.refs.len() > mark.parts().1;
    if slow || large_request || large_reply {
        let reply_len =
            reply_len + cx.refs[mark.parts().1..].iter().map(|(_, s)| s.len() as u64).sum::<u64>();
        let large_reply = reply_len >= logs.reply_larger_than;
        let command = CommandOf {
            args,
            redacted: &cx.redacted,
            address: &cx.client.address,
            name: &cx.client.name,
            now_ms: cx.db.now,
        };
        let logs = &mut cx.server.command_logs;
        if slow {
            logs.log(LogKind::Slow).push(&command, duration_ns / 1000);
        }
        if large_request {
            logs.log(LogKind::LargeRequest).push(&command, request_len);
        }
        if large_reply {
            logs.log(LogKind::LargeReply).push(&command, reply_len);
        }
    }
}

/// A bounded copy of the arguments, secrets hidden.
fn clip(args: Args<'_>, redacted: &[usize]) -> Vec<Vec<u8>> {
    let count = args.len();
    let whole = if count > ARGUMENTS_MAX { ARGUMENTS_MAX - 1 } else { count };
    let mut clipped: Vec<Vec<u8>> = args.to(whole).iter().map(clip_one).collect();
    for &i in redacted.iter().filter(|&&i| i < whole) {
        clipped[i] = crate::context::REDACTED.to_vec();
    }
    if count > whole {
        clipped.push(format!("... ({} more arguments)", count - whole).into_bytes());
    }
    clipped
}

fn clip_one(argument: &[u8]) -> Vec<u8> {
    if argument.len() <= ARGUMENT_LEN_MAX {
        return argument.to_vec();
    }
    let mut clipped = argument[..ARGUMENT_LEN_MAX].to_vec();
    clipped.extend_from_slice(format!("... ({} more bytes)", argument.len() - ARGUMENT_LEN_MAX).as_bytes());
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;
    use rufous_protocol::request::OwnedArgs;

    #[test]
    fn long_commands_are_clipped() {
        let mut args = OwnedArgs::new();
        (0..33).for_each(|_| args.push(&[b'x'; 129]));
        let clipped = clip(args.args(), &[1, 40]);
        assert_eq!(clipped.len(), 32);
        assert_eq!(clipped[0], [&[b'x'; 128][..], b"... (1 more bytes)"].concat());
        assert_eq!(clipped[1], b"(redacted)");
        assert_eq!(clipped[31], b"... (2 more arguments)");
    }

    #[test]
    fn short_commands_are_kept_whole() {
        let mut args = OwnedArgs::new();
        (0..32).for_each(|_| args.push(&[b'x'; 128]));
        assert!(clip(args.args(), &[]).iter().all(|argument| *argument == [b'x'; 128]));
    }
}
