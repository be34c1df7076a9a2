//! CLIENT: who is connected, and what each connection wants.
//!
//! Killing is in [`kill`], the subcommands about client-side caching in [`tracking`].

mod kill;
mod tracking;

use crate::blocking::{self, Ending};
use crate::client::{ReplyMode, Special, list};
use crate::command::shared::HELP;
use crate::command::table::container;
use crate::command::{Command, Flags, Group, Outcome};
use crate::config::ClientClass;
use crate::context::Ctx;
use crate::engine::EngineSpecial;
use crate::pause::Held;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;

const OPEN: Flags = Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE);
const ADMIN: Flags = OPEN.union(Flags::ADMIN);

const ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

/// CLIENT and its subcommands.
pub const ROWS: &[Command] = &[Command::new("client", container, -2, Flags::empty(), Group::Connection)
    .docs("2.4.0", "Depends on the subcommand.", "Groups the commands about client connections.", "")
    .subcommands(CLIENT)];

const CLIENT: &[Command] = &[
    Command::new("caching", tracking::caching, 3, OPEN, Group::Connection).docs(
        "6.0.0",
        "O(1)",
        "Says whether the keys of the next command are to be tracked.",
        "<YES | NO>:mode",
    ),
    Command::new("getname", getname, 2, OPEN, Group::Connection).docs(
        "2.6.9",
        "O(1)",
        "Tells the name of this connection.",
        "",
    ),
    Command::new("getredir", tracking::getredir, 2, OPEN, Group::Connection).docs(
        "6.0.0",
        "O(1)",
        "Tells which client gets the tracking messages of this connection.",
        "",
    ),
    Command::new("help", help, 2, HELP, Group::Connection).docs(
        "5.0.0",
        "O(1)",
        "Explains the subcommands of CLIENT.",
        "",
    ),
    Command::new("id", id, 2, OPEN, Group::Connection).docs(
        "5.0.0",
        "O(1)",
        "Tells the number of this connection.",
        "",
    ),
    Command::new("info", info, 2, OPEN, Group::Connection)
        .docs("6.2.0", "O(1)", "Describes this connection in one line.", "")
        .tips(&["nondeterministic_output"]),
    Command::new("kill", kill::kill, -3, ADMIN, Group::Connection).docs(
        "2.4.0",
        "O(N) where N is the number of clients",
        "Closes the connections that pass the filters.",
        "<old-format=ip:port!2.8.12 | <[ID client-id:integer@2.8.12] | [TYPE <'normal' | 'master'@3.2.0 \
         | 'slave' | 'replica'@5.0.0 | 'pubsub'>:client-type@2.8.12] | [USER username] | [ADDR addr=ip:port] \
         | [LADDR laddr=ip:port@6.2.0] | [SKIPME <YES | NO>:skipme] | [MAXAGE maxage:integer@7.4.0]>:new-format ...>:filter",
    ).history(&[("2.8.12", "Takes filters."), ("2.8.12", "Takes ID."), ("3.2.0", "TYPE knows `master`."), ("5.0.0", "TYPE knows `replica`, besides `slave`."), ("6.2.0", "Takes LADDR.")]),
    Command::new("list", list, -2, ADMIN, Group::Connection)
        .docs(
            "2.4.0",
            "O(N) where N is the number of clients",
            "Describes the open connections, one line each.",
            "[TYPE <'normal' | 'master' | 'replica' | 'pubsub'>:client-type@5.0.0] \
             [ID client-id:integer@6.2.0 ...]",
        ).history(&[("2.8.12", "Shows `id`."), ("5.0.0", "Takes TYPE."), ("6.0.0", "Shows `user`."), ("6.2.0", "Takes ID; shows `argv-mem`, `tot-mem`, `laddr` and `redir`."), ("7.0.0", "Shows `resp`, `multi-mem`, `rbs` and `rbp`."), ("7.0.3", "Shows `ssub`.")])
        .tips(&["nondeterministic_output"]),
    Command::new("no-evict", no_evict, 3, ADMIN, Group::Connection).docs(
        "7.0.0",
        "O(1)",
        "Excludes this connection from client eviction, or includes it again.",
        "<ON | OFF>:enabled",
    ),
    Command::new("no-touch", no_touch, 3, OPEN, Group::Connection).docs(
        "7.2.0",
        "O(1)",
        "Chooses whether commands of this connection count as uses of their keys.",
        "<ON | OFF>:enabled",
    ),
    Command::new("pause", pause, -3, ADMIN, Group::Connection).docs(
        "3.0.0",
        "O(1)",
        "Holds commands of all clients back for some time.",
        "timeout:integer [WRITE | ALL]:mode@6.2.0",
    ).history(&[("6.2.0", "Takes WRITE and ALL.")]),
    Command::new("reply", reply, 3, OPEN, Group::Connection).docs(
        "3.2.0",
        "O(1)",
        "Chooses whether this connection gets replies.",
        "<ON | OFF | SKIP>:action",
    ),
    Command::new("setinfo", setinfo, 4, OPEN, Group::Connection)
        .docs(
            "7.2.0",
            "O(1)",
            "Records the name or version of the client's library.",
            "<'lib-name' libname | 'lib-ver' libver>:attr",
        )
        .tips(ALL_NODES),
    Command::new("setname", setname, 3, OPEN, Group::Connection)
        .docs("2.6.9", "O(1)", "Names this connection.", "connection-name")
        .tips(ALL_NODES),
    Command::new("tracking", tracking::tracking, -3, OPEN, Group::Connection).docs(
        "6.0.0",
        "O(1), more with some of the options",
        "Switches invalidation messages for client-side caches on or off.",
        "<ON | OFF>:status [REDIRECT client-id:integer] [PREFIX... prefix ...] [BCAST:BCAST] [OPTIN:OPTIN] \
         [OPTOUT:OPTOUT] [NOLOOP:NOLOOP]",
    ),
    Command::new("trackinginfo", tracking::trackinginfo, 2, OPEN, Group::Connection).docs(
        "6.2.0",
        "O(1)",
        "Describes how this connection is tracked.",
        "",
    ),
    Command::new("unblock", unblock, -3, ADMIN, Group::Connection).docs(
        "5.0.0",
        "O(log N) where N is the number of clients",
        "Ends the wait of a client inside a blocking command.",
        "client-id:integer [TIMEOUT | ERROR]:unblock-type",
    ),
    Command::new("unpause", unpause, 2, ADMIN, Group::Connection).docs(
        "6.2.0",
        "O(N) where N is the number of paused clients",
        "Lets paused clients go on.",
        "",
    ),
];

/// Names are shown in CLIENT LIST, so they are printable and without spaces.
pub fn check_name(name: &[u8]) -> Result<(), ReplyError> {
    if is_showable(name) { Ok(()) } else { Err(error::CLIENT_NAME) }
}

fn is_showable(text: &[u8]) -> bool {
    text.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

/// `yes`/`no`, `on`/`off`: which of the two words, in any case.
fn choice(word: &[u8], yes: &str, no: &str) -> Result<bool, ReplyError> {
    if word.eq_ignore_ascii_case(yes.as_bytes()) {
        Ok(true)
    } else if word.eq_ignore_ascii_case(no.as_bytes()) {
        Ok(false)
    } else {
        Err(error::SYNTAX)
    }
}

/// A kind of client as CLIENT LIST and KILL name it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Class(ClientClass),
    /// The link to the primary.
    Primary,
}

impl Kind {
    fn parse(name: &[u8]) -> Result<Kind, ReplyError> {
        const NAMES: [(&str, Kind); 5] = [
            ("normal", Kind::Class(ClientClass::Normal)),
            ("slave", Kind::Class(ClientClass::Replica)),
            ("replica", Kind::Class(ClientClass::Replica)),
            ("pubsub", Kind::Class(ClientClass::Pubsub)),
            ("master", Kind::Primary),
        ];
        let known = NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
        known.map(|(_, kind)| *kind).ok_or_else(|| error::unknown_client_type(name))
    }

    fn is(self, class: ClientClass) -> bool {
        self == Kind::Class(class)
    }
}

/// CLIENT ID
fn id(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.reply.integer(cx.client.id as i64);
    Ok(())
}

/// The line of the client that asks, as it stands while its command runs.
fn own_line(cx: &mut Ctx<'_>, args: Args<'_>) -> String {
    cx.client.argument_bytes = args.bytes_total();
    let figures = cx.waiting.figures(cx.reply.out, 0);
    let line = list::line(&cx.server.commands, cx.now(), cx.client, figures);
    cx.client.argument_bytes = 0;
    line
}

/// CLIENT INFO
fn info(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let line = own_line(cx, args) + "\n";
    cx.reply.verbatim(b"txt", line.as_bytes());
    Ok(())
}

/// CLIENT LIST \[TYPE type\] \[ID id ...\]
fn list(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let option = args.find(2).map(<[u8]>::to_ascii_lowercase);
    let ids = match (option.as_deref(), args.len()) {
        (None, _) => all_ids(cx, |_| true),
        (Some(b"type"), 4) => {
            let kind = Kind::parse(args.get(3))?;
            all_ids(cx, |class| kind.is(class))
        }
        (Some(b"id"), 4..) => {
            let ids = args.from(3).iter().map(|id| parse_i64(id).ok_or(error::CLIENT_ID_INVALID));
            ids.map(|id| id.map(|id| id as u64)).collect::<Result<Vec<u64>, _>>()?
        }
        _ => return Err(error::SYNTAX),
    };
    let now = cx.now();
    let mut text = String::new();
    for id in ids {
        if id == cx.client.id {
            text += &own_line(cx, args);
        } else if let Some(peer) = cx.server.clients.by_id(id) {
            text += &list::line(&cx.server.commands, now, &peer.client, peer.out.figures());
        } else {
            continue;
        }
        text.push('\n');
    }
    cx.reply.verbatim(b"txt", text.as_bytes());
    Ok(())
}

/// The ids of all clients of the wanted classes, the asking one included, in ascending order.
fn all_ids(cx: &Ctx<'_>, wanted: impl Fn(ClientClass) -> bool) -> Vec<u64> {
    let others = cx.server.clients.iter().map(|peer| &peer.client);
    let clients = others.chain([&*cx.client]).filter(|client| wanted(client.class()));
    let mut ids: Vec<u64> = clients.map(|client| client.id).collect();
    ids.sort_unstable();
    ids
}

/// CLIENT SETNAME name
fn setname(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    check_name(args.get(2))?;
    cx.client.name = args.get(2).to_vec();
    cx.reply.ok();
    Ok(())
}

/// CLIENT GETNAME
fn getname(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let name = &cx.client.name;
    cx.reply.bulk_or_null((!name.is_empty()).then_some(name));
    Ok(())
}

/// CLIENT SETINFO LIB-NAME | LIB-VER value
fn setinfo(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (attribute, value) = (args.get(2), args.get(3));
    let place = if attribute.eq_ignore_ascii_case(b"lib-name") {
        &mut cx.client.lib_name
    } else if attribute.eq_ignore_ascii_case(b"lib-ver") {
        &mut cx.client.lib_version
    } else {
        return Err(error::unrecognized_option(attribute));
    };
    if !is_showable(value) {
        return Err(error::client_attribute(&String::from_utf8_lossy(attribute)));
    }
    *place = value.to_vec();
    cx.reply.ok();
    Ok(())
}

/// CLIENT REPLY ON | OFF | SKIP
fn reply(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let mode = args.get(2);
    if mode.eq_ignore_ascii_case(b"on") {
        cx.client.reply_mode = ReplyMode::On;
        cx.client.special.remove(Special::REPLY_MUTED);
        cx.reply.ok();
    } else if mode.eq_ignore_ascii_case(b"off") {
        cx.client.reply_mode = ReplyMode::Off;
        cx.client.special.insert(Special::REPLY_MUTED);
    } else if mode.eq_ignore_ascii_case(b"skip") {
        if cx.client.reply_mode != ReplyMode::Off {
            cx.client.reply_mode = ReplyMode::SkipNext;
            cx.client.special.insert(Special::REPLY_MUTED);
        }
    } else {
        return Err(error::SYNTAX);
    }
    Ok(())
}

/// CLIENT NO-EVICT ON | OFF
fn no_evict(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    cx.client.no_evict = choice(args.get(2), "on", "off")?;
    cx.reply.ok();
    Ok(())
}

/// CLIENT NO-TOUCH ON | OFF
fn no_touch(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let on = choice(args.get(2), "on", "off")?;
    cx.client.special.set(Special::NO_TOUCH, on);
    cx.reply.ok();
    Ok(())
}

/// CLIENT PAUSE timeout \[WRITE | ALL\]
fn pause(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let held = match (args.find(3), args.len()) {
        (None, _) => Held::Everything,
        (Some(mode), 4) if mode.eq_ignore_ascii_case(b"write") => Held::Writes,
        (Some(mode), 4) if mode.eq_ignore_ascii_case(b"all") => Held::Everything,
        (Some(_), 4) => return Err(error::PAUSE_MODE),
        _ => return Err(cx.subcommand_syntax(args)),
    };
    let timeout_ms = parse_i64(args.get(2)).ok_or(error::TIMEOUT_NOT_AN_INTEGER)?;
    let until_ms = blocking::moment_ms(cx.now(), timeout_ms)?;
    cx.server.pause.start(until_ms, held);
    cx.server.special.insert(EngineSpecial::PAUSED);
    cx.reply.ok();
    Ok(())
}

/// CLIENT UNPAUSE: the loop sees it and lets the postponed requests go on.
fn unpause(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.server.pause.end();
    cx.reply.ok();
    Ok(())
}

/// CLIENT UNBLOCK id \[TIMEOUT | ERROR\]
fn unblock(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let ending = match (args.find(3), args.len()) {
        (None, _) => Ending::Timeout,
        (Some(reason), 4) if reason.eq_ignore_ascii_case(b"timeout") => Ending::Timeout,
        (Some(reason), 4) if reason.eq_ignore_ascii_case(b"error") => Ending::Error,
        (Some(_), 4) => return Err(error::UNBLOCK_REASON),
        _ => return Err(cx.subcommand_syntax(args)),
    };
    let id = parse_i64(args.get(2)).ok_or(error::NOT_AN_INTEGER)?;
    let token = cx.server.clients.token_of(id as u64);
    let ended = token.is_some_and(|token| blocking::end(cx.db.store, cx.server, token, ending));
    cx.reply.integer(i64::from(ended));
    Ok(())
}

/// CLIENT HELP
fn help(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.help(
        "CLIENT",
        &[
            ("CACHING (YES|NO)", "Track, or do not track, the keys of the next command (OPTIN and OPTOUT modes)."),
            ("GETNAME", "Tell the name of this connection."),
            ("GETREDIR", "Tell the id of the client that gets this connection's invalidation messages."),
            ("ID", "Tell the id of this connection."),
            ("INFO", "Describe this connection."),
            ("KILL <ip:port>", "Close the connection made from <ip:port>."),
            (
                "KILL <option> <value> [<option> <value> [...]]",
                "Close the connections that pass every filter: ADDR (<ip:port>|<unixsocket>:0), LADDR (the same, our \
                 end), ID <client-id>, TYPE (NORMAL|MASTER|REPLICA|PUBSUB), USER <username>, MAXAGE <seconds>, SKIPME \
                 (YES|NO) for this one.",
            ),
            ("LIST [ID <client-id> [...]] [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)]", "Describe the connections."),
            ("NO-EVICT (ON|OFF)", "Exclude this connection from client eviction."),
            ("NO-TOUCH (ON|OFF)", "Do not count this connection's commands as uses of their keys."),
            ("PAUSE <timeout> [WRITE|ALL]", "Hold back all commands, or those that write, for <timeout> milliseconds."),
            ("REPLY (ON|OFF|SKIP)", "Choose whether this connection gets replies."),
            ("SETINFO <option> <value>", "Record the client library: LIB-NAME or LIB-VER."),
            ("SETNAME <name>", "Name this connection."),
            (
                "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT] [NOLOOP]",
                "Switch invalidation messages for client-side caches.",
            ),
            ("TRACKINGINFO", "Describe how this connection is tracked."),
            ("UNBLOCK <clientid> [TIMEOUT|ERROR]", "End the wait of a blocked client."),
            ("UNPAUSE", "End the pause."),
        ],
    );
    Ok(())
}
