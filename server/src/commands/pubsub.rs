//! Publish and subscribe. Who listens to what, and delivery, are in [`crate::pubsub`].

use crate::client::Special;
use crate::command::keys::NOT_KEY;
use crate::command::shared::HELP;
use crate::command::table::container;
use crate::command::{Command, Flags, Group, KeySpec, Outcome};
use crate::context::Ctx;
use crate::pubsub::{self, Kind, PubSub};
use rufous_protocol::glob;
use rufous_protocol::reply::Reply;
use rufous_protocol::request::Args;
use std::collections::HashMap;

const QUERY: Flags = Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE);
const SUBSCRIBE: Flags = QUERY.union(Flags::NOSCRIPT).union(Flags::SUBSCRIBED);
const PUBLISH: Flags = QUERY.union(Flags::FAST).union(Flags::MAY_REPLICATE);

const SHARD_CHANNELS: &[KeySpec] = &[KeySpec::range(1, -1, 1, NOT_KEY)];

/// Publish and subscribe, by channel, pattern and shard channel.
pub const ROWS: &[Command] = &[
    Command::new("psubscribe", psubscribe, -2, SUBSCRIBE, Group::PubSub).docs(
        "2.0.0",
        "O(N) where N is the number of patterns given",
        "Subscribes to every channel whose name matches a pattern.",
        "pattern ...",
    ),
    Command::new("publish", publish, 3, PUBLISH, Group::PubSub).docs(
        "2.0.0",
        "O(N+M) where N is the number of subscribers of the channel and M the number of patterns subscribed to",
        "Sends a message to the subscribers of a channel.",
        "channel message",
    ),
    Command::new("pubsub", container, -2, Flags::empty(), Group::PubSub)
        .docs("2.8.0", "Depends on the subcommand.", "Groups the commands that look at subscriptions.", "")
        .subcommands(PUBSUB),
    Command::new("punsubscribe", punsubscribe, -1, SUBSCRIBE, Group::PubSub).docs(
        "2.0.0",
        "O(N) where N is the number of patterns given",
        "Ends subscriptions by pattern.",
        "[pattern ...]",
    ),
    Command::new("spublish", spublish, 3, PUBLISH, Group::PubSub).keys(&[KeySpec::one(1, NOT_KEY)]).docs(
        "7.0.0",
        "O(N) where N is the number of subscribers of the shard channel",
        "Sends a message to the subscribers of a shard channel.",
        "shardchannel message",
    ),
    Command::new("ssubscribe", ssubscribe, -2, SUBSCRIBE, Group::PubSub).keys(SHARD_CHANNELS).docs(
        "7.0.0",
        "O(N) where N is the number of shard channels given",
        "Subscribes to shard channels.",
        "shardchannel ...",
    ),
    Command::new("subscribe", subscribe, -2, SUBSCRIBE, Group::PubSub).docs(
        "2.0.0",
        "O(N) where N is the number of channels given",
        "Subscribes to channels.",
        "channel ...",
    ),
    Command::new("sunsubscribe", sunsubscribe, -1, SUBSCRIBE, Group::PubSub).keys(SHARD_CHANNELS).docs(
        "7.0.0",
        "O(N) where N is the number of shard channels given",
        "Ends subscriptions to shard channels.",
        "[shardchannel ...]",
    ),
    Command::new("unsubscribe", unsubscribe, -1, SUBSCRIBE, Group::PubSub).docs(
        "2.0.0",
        "O(N) where N is the number of channels given",
        "Ends subscriptions to channels.",
        "[channel ...]",
    ),
];

const PUBSUB: &[Command] = &[
    Command::new("channels", pubsub_channels, -2, QUERY, Group::PubSub).docs(
        "2.8.0",
        "O(N) where N is the number of channels with subscribers, given short names and a short pattern",
        "Lists the channels that have subscribers.",
        "[pattern]",
    ),
    Command::new("help", pubsub_help, 2, HELP, Group::PubSub).docs(
        "6.2.0",
        "O(1)",
        "Explains the subcommands of PUBSUB.",
        "",
    ),
    Command::new("numpat", pubsub_numpat, 2, QUERY, Group::PubSub).docs(
        "2.8.0",
        "O(1)",
        "Counts the different patterns that clients are subscribed to.",
        "",
    ),
    Command::new("numsub", pubsub_numsub, -2, QUERY, Group::PubSub).docs(
        "2.8.0",
        "O(N) where N is the number of channels given",
        "Counts the subscribers of each channel.",
        "[channel ...]",
    ),
    Command::new("shardchannels", pubsub_shardchannels, -2, QUERY, Group::PubSub).docs(
        "7.0.0",
        "O(N) where N is the number of shard channels with subscribers, given short names and a short pattern",
        "Lists the shard channels that have subscribers.",
        "[pattern]",
    ),
    Command::new("shardnumsub", pubsub_shardnumsub, -2, QUERY, Group::PubSub).docs(
        "7.0.0",
        "O(N) where N is the number of shard channels given",
        "Counts the subscribers of each shard channel.",
        "[shardchannel ...]",
    ),
];

impl Kind {
    /// The words of the confirmations: subscribed, unsubscribed.
    fn words(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Kind::Channel => (b"subscribe", b"unsubscribe"),
            Kind::Pattern => (b"psubscribe", b"punsubscribe"),
            Kind::Shard => (b"ssubscribe", b"sunsubscribe"),
        }
    }
}

/// What confirmations count: shard channels apart from the other two.
fn count(cx: &Ctx<'_>, kind: Kind) -> i64 {
    let Some(subscriptions) = &cx.client.subscriptions else { return 0 };
    match kind {
        Kind::Shard => subscriptions.shards.len() as i64,
        Kind::Channel | Kind::Pattern => subscriptions.count() as i64,
    }
}

/// Confirms one subscription or its end. As a push it reaches even a client that muted its replies.
fn confirm(cx: &mut Ctx<'_>, kind: Kind, word: &[u8], name: Option<&[u8]>) {
    let count = count(cx, kind);
    let resp = cx.client.resp;
    let out = if cx.is(Special::REPLY_MUTED) { &mut cx.pushes } else { &mut *cx.reply.out };
    let mut reply = Reply::new(out, resp);
    reply.push(3);
    reply.bulk(word);
    reply.bulk_or_null(name);
    reply.integer(count);
}

fn subscribe_all(cx: &mut Ctx<'_>, args: Args<'_>, kind: Kind) -> Outcome {
    for name in args.from(1) {
        cx.server.pubsub.subscribe(kind, cx.client, name);
        confirm(cx, kind, kind.words().0, Some(name));
    }
    Ok(())
}

fn unsubscribe_all(cx: &mut Ctx<'_>, args: Args<'_>, kind: Kind) -> Outcome {
    if args.len() > 1 {
        for name in args.from(1) {
            unsubscribe_one(cx, name, kind);
        }
        return Ok(());
    }
    let names: Vec<Vec<u8>> = match (&cx.client.subscriptions, kind) {
        (None, _) => Vec::new(),
        (Some(subscriptions), Kind::Channel) => subscriptions.channels.iter().cloned().collect(),
        (Some(subscriptions), Kind::Pattern) => subscriptions.patterns.iter().cloned().collect(),
        (Some(subscriptions), Kind::Shard) => subscriptions.shards.iter().cloned().collect(),
    };
    for name in &names {
        unsubscribe_one(cx, name, kind);
    }
    if names.is_empty() {
        // Subscribed to nothing: one confirmation all the same.
        confirm(cx, kind, kind.words().1, None);
    }
    Ok(())
}

fn unsubscribe_one(cx: &mut Ctx<'_>, name: &[u8], kind: Kind) {
    cx.server.pubsub.unsubscribe(kind, cx.client, name);
    confirm(cx, kind, kind.words().1, Some(name));
}

/// SUBSCRIBE channel [channel ...]
fn subscribe(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    subscribe_all(cx, args, Kind::Channel)
}

/// PSUBSCRIBE pattern [pattern ...]
fn psubscribe(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    subscribe_all(cx, args, Kind::Pattern)
}

/// SSUBSCRIBE shardchannel [shardchannel ...]
fn ssubscribe(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    subscribe_all(cx, args, Kind::Shard)
}

/// UNSUBSCRIBE [channel ...]
fn unsubscribe(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    unsubscribe_all(cx, args, Kind::Channel)
}

/// PUNSUBSCRIBE [pattern ...]
fn punsubscribe(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    unsubscribe_all(cx, args, Kind::Pattern)
}

/// SUNSUBSCRIBE [shardchannel ...]
fn sunsubscribe(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    unsubscribe_all(cx, args, Kind::Shard)
}

/// PUBLISH channel message
fn publish(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let receivers = pubsub::publish(cx.server, cx.client, &mut cx.pushes, args.get(1), args.get(2), false);
    cx.reply.integer(receivers as i64);
    Ok(())
}

/// SPUBLISH shardchannel message
fn spublish(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let receivers = pubsub::publish(cx.server, cx.client, &mut cx.pushes, args.get(1), args.get(2), true);
    cx.reply.integer(receivers as i64);
    Ok(())
}

/// Channels with the tokens of their subscribers.
type Channels = HashMap<Vec<u8>, Vec<usize>>;

fn list_channels(cx: &mut Ctx<'_>, args: Args<'_>, which: fn(&PubSub) -> &Channels) -> Outcome {
    if args.len() > 3 {
        return Err(cx.subcommand_syntax(args));
    }
    let is_asked = |name: &&Vec<u8>| args.find(2).is_none_or(|pattern| glob::matches(pattern, name));
    let names: Vec<&Vec<u8>> = which(&cx.server.pubsub).keys().filter(is_asked).collect();
    cx.reply.bulks(names);
    Ok(())
}

fn count_subscribers(cx: &mut Ctx<'_>, args: Args<'_>, which: fn(&PubSub) -> &Channels) -> Outcome {
    let channels = which(&cx.server.pubsub);
    cx.reply.array((args.len() - 2) * 2);
    for name in args.from(2) {
        cx.reply.bulk(name);
        cx.reply.integer(channels.get(name).map_or(0, Vec::len) as i64);
    }
    Ok(())
}

/// PUBSUB CHANNELS [pattern]
fn pubsub_channels(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    list_channels(cx, args, |pubsub| &pubsub.channels)
}

/// PUBSUB SHARDCHANNELS [pattern]
fn pubsub_shardchannels(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    list_channels(cx, args, |pubsub| &pubsub.shards)
}

/// PUBSUB NUMPAT
fn pubsub_numpat(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.reply.integer(cx.server.pubsub.patterns.len() as i64);
    Ok(())
}

/// PUBSUB NUMSUB [channel ...]
fn pubsub_numsub(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    count_subscribers(cx, args, |pubsub| &pubsub.channels)
}

/// PUBSUB SHARDNUMSUB [shardchannel ...]
fn pubsub_shardnumsub(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    count_subscribers(cx, args, |pubsub| &pubsub.shards)
}

/// PUBSUB HELP
fn pubsub_help(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.help(
        "PUBSUB",
        &[
            ("CHANNELS [<pattern>]", "List the channels with subscribers (matching <pattern>)."),
            ("NUMPAT", "Count the patterns subscribed to."),
            ("NUMSUB [<channel> ...]", "Count the subscribers of each channel, patterns left out."),
            ("SHARDCHANNELS [<pattern>]", "List the shard channels with subscribers (matching <pattern>)."),
            ("SHARDNUMSUB [<shardchannel> ...]", "Count the subscribers of each shard channel."),
        ],
    );
    Ok(())
}
