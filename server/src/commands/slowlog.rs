//! SLOWLOG and COMMANDLOG. The logs themselves are in [`crate::slowlog`].

use crate::command::shared::HELP;
use crate::command::table::container;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Ctx;
use crate::slowlog::LogKind;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;

const ADMIN: Flags = HELP.union(Flags::ADMIN);

const GET: &[&str] = &["request_policy:all_nodes", "nondeterministic_output"];
const LEN: &[&str] = &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"];
const RESET: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

/// SLOWLOG and COMMANDLOG with their subcommands.
pub const ROWS: &[Command] = &[
    Command::new("commandlog", container, -2, Flags::empty(), Group::Server)
        .docs(
            "8.1.0",
            "Depends on the subcommand.",
            "Groups the commands about the logs of slow and large commands.",
            "",
        )
        .subcommands(COMMANDLOG),
    Command::new("slowlog", container, -2, Flags::empty(), Group::Server)
        .docs("2.2.12", "Depends on the subcommand.", "Groups the commands about the slow log.", "")
        .subcommands(SLOWLOG),
];

const COMMANDLOG: &[Command] = &[
    Command::new("get", commandlog_get, 4, ADMIN, Group::Server)
        .docs(
            "8.1.0",
            "O(N) where N is the number of entries given",
            "Lists the latest entries of one of the logs.",
            "count:integer <'slow' | 'large-request' | 'large-reply'>:type",
        )
        .tips(GET),
    Command::new("help", commandlog_help, 2, HELP, Group::Server).docs(
        "8.1.0",
        "O(1)",
        "Explains the subcommands of COMMANDLOG.",
        "",
    ),
    Command::new("len", commandlog_len, 3, ADMIN, Group::Server)
        .docs(
            "8.1.0",
            "O(1)",
            "Counts the entries of one of the logs.",
            "<'slow' | 'large-request' | 'large-reply'>:type",
        )
        .tips(LEN),
    Command::new("reset", commandlog_reset, 3, ADMIN, Group::Server)
        .docs(
            "8.1.0",
            "O(N) where N is the number of entries in the log",
            "Empties one of the logs.",
            "<'slow' | 'large-request' | 'large-reply'>:type",
        )
        .tips(RESET),
];

const SLOWLOG: &[Command] = &[
    Command::new("get", slowlog_get, -2, ADMIN, Group::Server)
        .docs(
            "2.2.12",
            "O(N) where N is the number of entries given",
            "Lists the latest entries of the slow log.",
            "[count:integer]",
        )
        .history(&[("4.0.0", "Shows address and name of the client.")])
        .tips(GET),
    Command::new("help", slowlog_help, 2, HELP, Group::Server).docs(
        "6.2.0",
        "O(1)",
        "Explains the subcommands of SLOWLOG.",
        "",
    ),
    Command::new("len", slowlog_len, 2, ADMIN, Group::Server)
        .docs("2.2.12", "O(1)", "Counts the entries of the slow log.", "")
        .tips(LEN),
    Command::new("reset", slowlog_reset, 2, ADMIN, Group::Server)
        .docs("2.2.12", "O(N) where N is the number of entries in the log", "Empties the slow log.", "")
        .tips(RESET),
];

/// Entries that SLOWLOG GET shows by default.
const SHOWN: usize = 10;

fn get(cx: &mut Ctx<'_>, kind: LogKind, count: Option<&[u8]>) -> Outcome {
    let count = match count {
        None => SHOWN,
        Some(count) => match parse_i64(count) {
            Some(-1) => usize::MAX,
            Some(count @ 0..) => count as usize,
            _ => return Err(error::SLOWLOG_COUNT),
        },
    };
    let log = &cx.server.command_logs.logs[kind as usize];
    cx.reply.array(log.entries.len().min(count));
    for entry in log.entries.iter().take(count) {
        cx.reply.array(6);
        cx.reply.integer(entry.id as i64);
        cx.reply.integer(entry.time_s);
        cx.reply.integer(entry.value as i64);
        cx.reply.bulks(&entry.arguments);
        cx.reply.bulk(entry.address.as_bytes());
        cx.reply.bulk(&entry.name);
    }
    Ok(())
}

fn len(cx: &mut Ctx<'_>, kind: LogKind) -> Outcome {
    let len = cx.server.command_logs.log(kind).entries.len();
    cx.reply.integer(len as i64);
    Ok(())
}

fn reset(cx: &mut Ctx<'_>, kind: LogKind) -> Outcome {
    cx.server.command_logs.log(kind).entries.clear();
    cx.reply.ok();
    Ok(())
}

fn kind(name: &[u8]) -> Result<LogKind, ReplyError> {
    LogKind::by_name(name).ok_or_else(|| {
        error::message("type should be one of the following: slow, large-request, large-reply")
    })
}

/// SLOWLOG GET [count]
fn slowlog_get(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    if args.len() > 3 {
        return Err(cx.subcommand_syntax(args));
    }
    get(cx, LogKind::Slow, args.find(2))
}

/// SLOWLOG LEN
fn slowlog_len(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    len(cx, LogKind::Slow)
}

/// SLOWLOG RESET
fn slowlog_reset(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    reset(cx, LogKind::Slow)
}

/// SLOWLOG HELP
fn slowlog_help(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.help(
        "SLOWLOG",
        &[
            (
                "GET [<count>]",
                "List the newest <count> entries (default: 10, -1: all): id, time, microseconds,",
            ),
            ("", "arguments, client address, client name."),
            ("LEN", "Count the entries."),
            ("RESET", "Remove all entries."),
        ],
    );
    Ok(())
}

/// COMMANDLOG GET count type
fn commandlog_get(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    get(cx, kind(args.get(3))?, Some(args.get(2)))
}

/// COMMANDLOG LEN type
fn commandlog_len(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    len(cx, kind(args.get(2))?)
}

/// COMMANDLOG RESET type
fn commandlog_reset(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    reset(cx, kind(args.get(2))?)
}

/// COMMANDLOG HELP
fn commandlog_help(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.help(
        "COMMANDLOG",
        &[
            (
                "GET <count> <type>",
                "List the newest <count> entries (-1: all) of a log: slow, large-request or",
            ),
            ("", "large-reply."),
            ("LEN <type>", "Count the entries of a log."),
            ("RESET <type>", "Remove all entries of a log."),
        ],
    );
    Ok(())
}
