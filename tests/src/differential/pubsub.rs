//! Channels, patterns, shard channels and keyspace events, as a subscriber receives them.

use super::Family;
use super::draw::Draw;
use super::script::{Command, Compare, Step};
use super::{dumps, generic, strings};
use crate::command;

/// Channels, patterns and shard channels.
pub const PUBSUB: Family = Family { name: "pubsub", steps: channel_steps, fresh_servers: false };
/// Keyspace events of the commands of the other families.
pub const NOTIFICATIONS: Family = Family { name: "notifications", steps: event_steps, fresh_servers: true };

const SUBSCRIBER: usize = 2;

fn channel_steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    let connection = if draw.one_in(4) { 1 } else { SUBSCRIBER };
    let step = match draw.below(16) {
        0..=2 => burst(subscribe(draw)).on(connection),
        3 | 4 => burst(unsubscribe(draw)).on(connection),
        5..=9 => Step::exact(publish(draw)),
        10 | 11 => ask(draw),
        12 => burst(command!["PING"]).on(connection),
        13 => burst(command!["PING", draw.value()]).on(connection),
        14 => burst(ordinary(draw)).on(connection),
        _ => burst(command![draw.word(&["SUBSCRIBE", "UNSUBSCRIBE", "PUBLISH", "SPUBLISH", "SSUBSCRIBE"])]),
    };
    steps.push(step);
    steps.push(burst(command!["PING", "sync"]).on(1));
    steps.push(burst(command!["PING", "sync"]).on(SUBSCRIBER));
}

fn event_steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    if steps.is_empty() {
        steps.push(burst(command!["PSUBSCRIBE", "__key*__:*"]).on(SUBSCRIBER));
        steps.push(Step::exact(command!["CONFIG", "SET", "notify-keyspace-events", "KEA"]));
    }
    let command = match draw.below(17) {
        // Redis forgets an n beside an A when it tells its setting or goes back to it: the two are not drawn together.
        0 => command!["CONFIG", "SET", "notify-keyspace-events", {
            draw.pick(&[
                "KEA", "KA", "EA", "Kg$", "E$x", "AKEm", "KEgnx$", "KEn", "KEm", "", "KEz", "KEdt", "A", "q",
            ])
        }],
        1 => command!["CONFIG", "GET", "notify-keyspace-events"],
        2..=7 => generic::any(draw),
        8 => command!["GET", draw.key()],
        11 => dumps::restore(draw),
        9 => command!["SETBIT", draw.key(), draw.bit_offset(), "1"],
        10 => command!["SELECT", draw.pick(&["0", "1", "2"])],
        _ => strings::any_write(draw),
    };
    steps.push(Step::exact(command));
    steps.push(burst(command!["PING", "sync"]).on(SUBSCRIBER));
}

fn burst(command: Command) -> Step {
    Step::new(command, Compare::Burst)
}

fn channel(draw: &mut Draw) -> Vec<u8> {
    draw.pick(&["a", "b", "news.art", "news.tech", "", "bin\0\u{ff}", "{t}1", "{t}2"]).into()
}

fn channel_pattern(draw: &mut Draw) -> Vec<u8> {
    draw.pick(&["*", "news.*", "[ab]", "a", "news.?rt", "\\a", "", "{*"]).into()
}

fn subscribe(draw: &mut Draw) -> Command {
    let count = 1 + draw.below(3);
    let mut command = command![draw.word(&["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"])];
    let patterns = command[0].eq_ignore_ascii_case(b"PSUBSCRIBE");
    command.extend((0..count).map(|_| if patterns { channel_pattern(draw) } else { channel(draw) }));
    command
}

fn unsubscribe(draw: &mut Draw) -> Command {
    let mut command = command![draw.word(&["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"])];
    let patterns = command[0].eq_ignore_ascii_case(b"PUNSUBSCRIBE");
    for _ in 0..draw.below(3) {
        command.push(if patterns { channel_pattern(draw) } else { channel(draw) });
    }
    command
}

fn publish(draw: &mut Draw) -> Command {
    command![draw.word(&["PUBLISH", "PUBLISH", "SPUBLISH"]), channel(draw), draw.value()]
}

fn ask(draw: &mut Draw) -> Step {
    match draw.below(6) {
        0 => Step::new(command!["PUBSUB", draw.word(&["CHANNELS", "SHARDCHANNELS"])], Compare::Unordered),
        1 => Step::new(command!["PUBSUB", "CHANNELS", channel_pattern(draw)], Compare::Unordered),
        2 => Step::new(command!["PUBSUB", "SHARDCHANNELS", channel_pattern(draw)], Compare::Unordered),
        3 => Step::exact(command!["PUBSUB", "NUMPAT"]),
        4 => Step::exact(command![
            "PUBSUB",
            draw.word(&["NUMSUB", "SHARDNUMSUB"]),
            channel(draw),
            channel(draw)
        ]),
        _ => Step::exact(command!["PUBSUB", draw.word(&["NUMSUB", "NUMPAT", "BOGUS"]), channel(draw)]),
    }
}

/// A command that a RESP2 subscriber may not send.
fn ordinary(draw: &mut Draw) -> Command {
    match draw.below(6) {
        0 => command!["GET", draw.key()],
        1 => command!["SET", draw.key(), draw.value()],
        2 => command!["NOSUCH"],
        3 => command!["GET"],
        4 => command!["RESET"],
        _ => command!["CONFIG", "GET", "port\0"],
    }
}
