//! Connection commands but CLIENT: AUTH, ECHO, HELLO, PING, QUIT, RESET, SELECT.

use crate::acl;
use crate::client::{Closing, Special};
use crate::command::{Command, Flags, Group, Outcome};
use crate::commands::keyspace::{existing_db, parse_i32};
use crate::context::Ctx;
use crate::{transaction, version};
use rufous_protocol::error;
use rufous_protocol::number::parse_i64;
use rufous_protocol::reply::Resp;
use rufous_protocol::request::Args;

const OPEN: Flags = Flags::LOADING.union(Flags::STALE).union(Flags::FAST);
/// Runs before authentication and while a script is too slow.
const HANDSHAKE: Flags = OPEN.union(Flags::NOSCRIPT).union(Flags::NO_AUTH).union(Flags::ALLOW_BUSY);

/// The connection commands but CLIENT.
pub const ROWS: &[Command] = &[
    Command::new("auth", auth, -2, HANDSHAKE, Group::Connection)
        .docs(
            "1.0.0",
            "O(N) where N is the number of passwords of the user",
            "Proves who the client is.",
            "[username@6.0.0] password",
        )
        .history(&[("6.0.0", "Takes a username.")]),
    Command::new("echo", echo, 2, OPEN, Group::Connection).docs(
        "1.0.0",
        "O(1)",
        "Sends the given string back.",
        "message",
    ),
    Command::new("hello", hello, -1, HANDSHAKE, Group::Connection)
        .docs(
            "6.0.0",
            "O(1)",
            "Chooses the protocol version, optionally with authentication and a client name.",
            "[protover:integer [AUTH (username password)] [SETNAME clientname]]:arguments",
        )
        .history(&[("6.2.0", "The protocol version may be left out.")]),
    Command::new("ping", ping, -1, Flags::FAST.union(Flags::SUBSCRIBED), Group::Connection)
        .docs("1.0.0", "O(1)", "Answers PONG or the given string.", "[message]")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    Command::new(
        "quit",
        quit,
        -1,
        HANDSHAKE.union(Flags::SUBSCRIBED).union(Flags::NOT_QUEUED),
        Group::Connection,
    )
    .docs("1.0.0", "O(1)", "Ends the connection.", "")
    .deprecated("7.2.0", "closing the socket"),
    Command::new(
        "reset",
        reset,
        1,
        HANDSHAKE.union(Flags::SUBSCRIBED).union(Flags::NOT_QUEUED),
        Group::Connection,
    )
    .docs("6.2.0", "O(1)", "Brings the connection back to the state of a new one.", ""),
    Command::new("select", select, 2, OPEN, Group::Connection).docs(
        "1.0.0",
        "O(1)",
        "Switches the connection to another database.",
        "index:integer",
    ),
];

/// PING [message]
fn ping(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    if args.len() > 2 {
        return Err(error::wrong_arity("ping"));
    }
    let message = args.find(1);
    if cx.is(Special::SUBSCRIBED) {
        // In subscribed mode a RESP2 client expects every reply to look like a message.
        cx.reply.array(2);
        cx.reply.bulk(b"pong");
        cx.reply.bulk(message.unwrap_or_default());
    } else {
        match message {
            Some(message) => cx.reply.bulk(message),
            None => cx.reply.simple("PONG"),
        }
    }
    Ok(())
}

/// ECHO message
fn echo(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    cx.reply.bulk(args.get(1));
    Ok(())
}

/// SELECT index
fn select(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let number = parse_i32(args.get(1))?;
    if cx.server.config.cluster_enabled && number != 0 {
        return Err(error::SELECT_IN_CLUSTER);
    }
    let index = existing_db(cx, number)?;
    cx.select(index);
    cx.reply.ok();
    Ok(())
}

/// QUIT
fn quit(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.reply.ok();
    cx.client.close(Closing::AfterReply);
    Ok(())
}

/// AUTH [username] password
fn auth(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    (1..args.len()).for_each(|argument| cx.redact(argument));
    let (user, password) = match args.len() {
        2 => {
            if cx.server.config.requirepass.is_empty() {
                return Err(error::AUTH_WITHOUT_PASSWORD);
            }
            (&b"default"[..], args.get(1))
        }
        3 => (args.get(1), args.get(2)),
        _ => return Err(error::SYNTAX),
    };
    acl::authenticate(cx, user, password)?;
    cx.reply.ok();
    Ok(())
}

/// HELLO [protover [AUTH username password] [SETNAME clientname]]
fn hello(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let mut resp = None;
    let mut credentials = None;
    let mut name = None;
    if let Some(version) = args.find(1) {
        resp = match parse_i64(version) {
            Some(2) => Some(Resp::V2),
            Some(3) => Some(Resp::V3),
            Some(_) => return Err(error::NO_PROTO),
            None => return Err(error::PROTO_NOT_AN_INTEGER),
        };
        let mut rest = args.from(2);
        while let Some(option) = rest.find(0) {
            if option.eq_ignore_ascii_case(b"auth") && rest.len() > 2 {
                credentials = Some((rest.get(1), rest.get(2)));
                let at = args.len() - rest.len();
                cx.redact(at + 1);
                cx.redact(at + 2);
                rest = rest.from(3);
            } else if option.eq_ignore_ascii_case(b"setname") && rest.len() > 1 {
                super::client::check_name(rest.get(1))?;
                name = Some(rest.get(1));
                rest = rest.from(2);
            } else {
                return Err(error::hello_option(option));
            }
        }
    }
    if let Some((user, password)) = credentials {
        acl::authenticate(cx, user, password)?;
    }
    // Asked of every client, even while there is no password.
    if !cx.client.authenticated {
        return Err(error::NO_AUTH_HELLO);
    }
    if let Some(name) = name {
        cx.client.name = name.to_vec();
    }
    if let Some(resp) = resp {
        cx.set_resp(resp);
    }
    describe_server(cx);
    Ok(())
}

fn describe_server(cx: &mut Ctx<'_>) {
    let cluster = cx.server.config.cluster_enabled;
    let id = cx.client.id as i64;
    let reply = &mut cx.reply;
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(version::REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.integer(if reply.resp == Resp::V3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(id);
    reply.bulk(b"mode");
    reply.bulk(if cluster { b"cluster" } else { b"standalone" });
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
}

/// RESET
fn reset(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    if cx.is(Special::MONITOR) {
        let token = cx.client.token;
        cx.server.monitors.retain(|&monitor| monitor != token);
        cx.client.special.remove(Special::MONITOR);
    }
    transaction::discard(cx.client, &mut cx.server.watchers, &mut cx.db.store.effects);
    cx.server.pubsub.forget(cx.client);
    cx.client.refresh_subscribed();
    crate::tracking::disable(cx.server, &mut cx.db.store.effects, cx.client);
    cx.select(0);
    cx.set_resp(Resp::V2);
    cx.client.name.clear();
    cx.client.reply_mode = Default::default();
    cx.client.special.remove(Special::REPLY_MUTED | Special::NO_TOUCH);
    cx.client.no_evict = false;
    acl::greet(&cx.server.config, cx.client);
    cx.client.user = "default".into();
    cx.reply.simple("RESET");
    Ok(())
}
