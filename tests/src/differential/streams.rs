//! Streams of small nodes, read by range, by waiting, and by groups. IDs are given, so that both servers have the same.
//!
//! Consumers are made with their groups: 7.2 makes them where 7.0 does not yet. Times that decide something are far away.

use super::Family;
use super::draw::Draw;
use super::generic;
use super::script::{Command, Compare, Step};
use crate::command;

/// The family.
pub const STREAMS: Family = Family { name: "streams", steps, fresh_servers: false };

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    if steps.is_empty() {
        // Small nodes, so that streams have many of them.
        for (directive, values) in [
            ("stream-node-max-entries", ["1", "2", "3", "5", "100", "0"]),
            ("stream-node-max-bytes", ["4096", "4096", "64", "100", "200", "0"]),
        ] {
            steps.push(Step::exact(command!["CONFIG", "SET", directive, draw.pick(&values)]));
        }
    }
    let choice = draw.below(40);
    if (32..=35).contains(&choice) || choice == 37 {
        // How these are compared, or their exceptions, is for single replies.
        steps.push(Step::exact(command!["DISCARD"]));
    }
    let step = match choice {
        0..=8 => Step::exact(xadd(draw)),
        9 | 10 => Step::exact(xrange(draw)),
        11 => Step::exact(command!["XLEN", key(draw)]),
        12 | 13 => Step::exact(with_ids(draw, "XDEL")),
        14 | 15 => Step::exact(xtrim(draw)),
        16..=18 => Step::exact(xread(draw)),
        19..=22 => return xgroup(draw, steps),
        23..=26 => Step::exact(xreadgroup(draw)),
        27 | 28 => {
            let mut command = command!["XACK", key(draw), group(draw)];
            (0..=draw.below(3)).for_each(|_| command.push(id(draw)));
            Step::exact(command)
        }
        29 | 30 => Step::exact(xclaim(draw)),
        31 => Step::exact(xautoclaim(draw)),
        32 | 33 => Step::new(xpending(draw), Compare::Pending),
        34 | 35 => Step::new(xinfo(draw), Compare::Close(10_000)),
        36 => Step::exact(xsetid(draw)),
        37 => Step::exact(command!["OBJECT", "ENCODING", key(draw)]),
        38 => Step::exact(command![draw.word(&["XADD", "XRANGE", "XREAD", "XPENDING", "XTRIM"]), key(draw)]),
        _ => Step::exact(generic::around(draw, key, "nostream")),
    };
    steps.push(step);
}

/// One of few keys: streams grow long.
fn key(draw: &mut Draw) -> Vec<u8> {
    match draw.below(40) {
        0 => draw.key(),
        1 => b"nostream".to_vec(),
        n => format!("k{}", n % 3).into_bytes(),
    }
}

fn group(draw: &mut Draw) -> Vec<u8> {
    draw.pick(&["g", "g", "g", "h", "h", "none", ""]).into()
}

fn consumer(draw: &mut Draw) -> &'static str {
    draw.pick(&["a", "b"])
}

/// An ID near others, or an edge case of one.
fn id(draw: &mut Draw) -> Vec<u8> {
    match draw.below(24) {
        0 => draw
            .pick(&[
                "x", "", "-", "+", "*", "1-", "-1", "1-x", "$", ">", "(5", "5-*", "1-1-1", " 1", "007-01",
            ])
            .into(),
        1 => draw
            .pick(&["0", "0-0", "18446744073709551615-18446744073709551615", "18446744073709551616"])
            .into(),
        2 => draw.pick(&["18446744073709551615", "5-18446744073709551615", "99999999999999999999"]).into(),
        3..=8 => draw.range(0, 60).to_string().into_bytes(),
        _ => format!("{}-{}", draw.range(0, 60), draw.range(0, 3)).into_bytes(),
    }
}

fn count(draw: &mut Draw) -> Vec<u8> {
    match draw.below(10) {
        0 => draw.pick(&["x", "", "-1", "0", "9223372036854775807", "9223372036854775808", "1.5"]).into(),
        _ => draw.range(0, 12).to_string().into_bytes(),
    }
}

fn xadd(draw: &mut Draw) -> Command {
    let mut command = command![draw.word(&["XADD"]), key(draw)];
    if draw.one_in(12) {
        command.push(draw.word(&["NOMKSTREAM"]));
    }
    if draw.one_in(5) {
        command.extend(trimming(draw));
    }
    command.push(match draw.below(12) {
        // The clock is each server's own.
        0 => Some(id(draw)).filter(|id| id != b"*").unwrap_or_default(),
        1 => format!("{}-*", draw.range(0, 80)).into_bytes(),
        n => {
            // Most are above what is there.
            let ms = draw.range(0, 6) + [20, 40, 60, 80, 86, 100][n % 6];
            format!("{ms}-{}", draw.range(0, 9)).into_bytes()
        }
    });
    let fields = if draw.one_in(15) { draw.below(12) } else { 1 + draw.below(3) };
    let names = draw.pick(&["ab", "ab", "ab", "xyz", "1"]);
    for at in 0..fields {
        let name = &names[at % names.len()..][..1];
        command.extend(command![name, value(draw)]);
    }
    if draw.one_in(30) {
        command.push(value(draw));
    }
    command
}

fn value(draw: &mut Draw) -> Vec<u8> {
    match draw.below(8) {
        0 => draw.value(),
        1 => vec![b'x'; [62, 63, 64, 127, 128, 4095, 4096][draw.below(7)]],
        _ => draw
            .pick(&["", "a", "1", "-5", "127", "128", "4096", "01", "9223372036854775807", "some text"])
            .into(),
    }
}

fn trimming(draw: &mut Draw) -> Command {
    let mut command = if draw.one_in(2) {
        let mut command = command![draw.word(&["MAXLEN"])];
        command.extend(operator(draw));
        command.push(count(draw));
        command
    } else {
        let mut command = command![draw.word(&["MINID"])];
        command.extend(operator(draw));
        command.push(id(draw));
        command
    };
    if draw.one_in(4) {
        command.extend(command![draw.word(&["LIMIT"]), count(draw)]);
    }
    if draw.one_in(20) {
        command.push(draw.word(&["LIMIT", "MAXLEN", "MINID", "BOGUS"]));
    }
    command
}

fn operator(draw: &mut Draw) -> Option<Vec<u8>> {
    [None, Some(b"~".to_vec()), Some(b"=".to_vec())][draw.below(3)].clone()
}

fn xtrim(draw: &mut Draw) -> Command {
    [command!["XTRIM", key(draw)], trimming(draw)].concat()
}

fn with_ids(draw: &mut Draw, name: &str) -> Command {
    let mut command = command![name, key(draw)];
    (0..=draw.below(3)).for_each(|_| command.push(id(draw)));
    command
}

/// An end of a range.
fn end(draw: &mut Draw) -> Vec<u8> {
    match draw.below(6) {
        0 => b"-".to_vec(),
        1 => b"+".to_vec(),
        2 => [b"(".to_vec(), id(draw)].concat(),
        _ => id(draw),
    }
}

fn xrange(draw: &mut Draw) -> Command {
    let (one, other) = if draw.one_in(3) { (b"-".to_vec(), b"+".to_vec()) } else { (end(draw), end(draw)) };
    let mut command = if draw.one_in(2) {
        command![draw.word(&["XRANGE"]), key(draw), one, other]
    } else {
        command![draw.word(&["XREVRANGE"]), key(draw), other, one]
    };
    if draw.one_in(2) {
        command.extend(command![draw.word(&["COUNT", "COUNT", "COUNT", "BOGUS"]), count(draw)]);
    }
    if draw.one_in(20) {
        command.push(draw.word(&["COUNT"]));
    }
    command
}

/// Options that XREAD and XREADGROUP share. Who waits, waits for a few milliseconds.
fn options(draw: &mut Draw) -> Command {
    let mut command = Command::new();
    if draw.one_in(2) {
        command.extend(command![draw.word(&["COUNT"]), count(draw)]);
    }
    if draw.one_in(6) {
        command.extend(command![draw.word(&["BLOCK"]), draw.pick(&["1", "2", "1", "-1", "x", ""])]);
    }
    if draw.one_in(30) {
        command.push(draw.word(&["NOACK", "BOGUS", "COUNT"]));
    }
    command
}

fn streams(draw: &mut Draw, ids: impl Fn(&mut Draw) -> Vec<u8>) -> Command {
    let keys: Command = (0..=draw.below(2)).map(|_| key(draw)).collect();
    // The references do not know XREAD's `+` yet.
    let mut ids: Command =
        keys.iter().map(|_| Some(ids(draw)).filter(|id| id != b"+").unwrap_or_default()).collect();
    if draw.one_in(25) {
        ids.pop();
    }
    [command![draw.word(&["STREAMS", "STREAMS", "STREAMS", "STREAM"])], keys, ids].concat()
}

fn xread(draw: &mut Draw) -> Command {
    let options = options(draw);
    let streams = streams(draw, |draw| if draw.one_in(6) { b"$".to_vec() } else { id(draw) });
    [command!["XREAD"], options, streams].concat()
}

fn xreadgroup(draw: &mut Draw) -> Command {
    let mut command = command!["XREADGROUP", draw.word(&["GROUP"]), group(draw), consumer(draw)];
    command.extend(options(draw));
    if draw.one_in(5) {
        command.push(draw.word(&["NOACK"]));
    }
    let streams = streams(draw, |draw| if draw.one_in(4) { id(draw) } else { b">".to_vec() });
    [command, streams].concat()
}

fn xgroup(draw: &mut Draw, steps: &mut Vec<Step>) {
    let (key, group) = (key(draw), group(draw));
    let make = |name: &str| Step::exact(command!["XGROUP", "CREATECONSUMER", key, group, name]);
    let start = if draw.one_in(3) { b"$".to_vec() } else { id(draw) };
    match draw.below(10) {
        0..=3 => {
            let mut command = command!["XGROUP", draw.word(&["CREATE"]), key, group, start];
            if draw.one_in(2) {
                command.push(draw.word(&["MKSTREAM"]));
            }
            command.extend(entries_read(draw));
            steps.push(Step::exact(command));
            steps.extend([make("a"), make("b")]);
        }
        4 | 5 => {
            let mut command = command!["XGROUP", draw.word(&["SETID"]), key, group, start];
            command.extend(entries_read(draw));
            steps.push(Step::exact(command));
        }
        6 | 7 => {
            let name = consumer(draw);
            steps.push(Step::exact(command!["XGROUP", draw.word(&["DELCONSUMER"]), key, group, name]));
            steps.push(make(name));
        }
        8 => steps.push(Step::exact(command!["XGROUP", draw.word(&["DESTROY"]), key, group])),
        _ => steps.push(Step::exact(command![
            "XGROUP",
            draw.word(&["CREATE", "BOGUS", "SETID", "DESTROY"]),
            key
        ])),
    }
}

fn entries_read(draw: &mut Draw) -> Command {
    if !draw.one_in(4) {
        return Command::new();
    }
    let mut command = command![draw.word(&["ENTRIESREAD", "ENTRIESREAD", "ENTRIESREAD", "BOGUS"])];
    if !draw.one_in(20) {
        command.push(count(draw));
    }
    command
}

/// How long an entry must have been pending: not at all, or far longer than the test runs.
fn min_idle(draw: &mut Draw) -> &'static str {
    draw.pick(&["0", "0", "1000000", "1000000", "-1", "x", "9223372036854775807"])
}

fn xclaim(draw: &mut Draw) -> Command {
    let mut command = command!["XCLAIM", key(draw), group(draw), consumer(draw), min_idle(draw)];
    (0..=draw.below(3)).for_each(|_| command.push(id(draw)));
    for _ in 0..draw.below(3) {
        match draw.below(7) {
            0 => command.extend(command![draw.word(&["IDLE"]), draw.pick(&["5000000", "x", "-5"])]),
            1 => command.extend(command![draw.word(&["TIME"]), draw.pick(&["1000", "99999999999999", "x"])]),
            2 => command.extend(command![draw.word(&["RETRYCOUNT"]), count(draw)]),
            3 | 4 => command.push(draw.word(&["FORCE", "JUSTID"])),
            5 => command.extend(command![draw.word(&["LASTID"]), id(draw)]),
            _ => command.push(draw.word(&["JUSTID", "BOGUS", "IDLE"])),
        }
    }
    command
}

fn xautoclaim(draw: &mut Draw) -> Command {
    let mut command =
        command!["XAUTOCLAIM", key(draw), group(draw), consumer(draw), min_idle(draw), end(draw)];
    if draw.one_in(2) {
        command.extend(command![draw.word(&["COUNT"]), count(draw)]);
    }
    if draw.one_in(2) {
        command.push(draw.word(&["JUSTID", "JUSTID", "BOGUS"]));
    }
    command
}

fn xpending(draw: &mut Draw) -> Command {
    let mut command = command!["XPENDING", key(draw), group(draw)];
    if draw.one_in(3) {
        return command;
    }
    if draw.one_in(3) {
        command.extend(command![draw.word(&["IDLE"]), draw.pick(&["0", "1000000", "x", "-1"])]);
    }
    command.extend(command![end(draw), end(draw), count(draw)]);
    if draw.one_in(2) {
        command.extend(command![draw.pick(&["a", "b", "nobody"])]);
    }
    if draw.one_in(20) {
        command.push(b"x".to_vec());
    }
    command
}

fn xinfo(draw: &mut Draw) -> Command {
    match draw.below(6) {
        0 | 1 => command!["XINFO", draw.word(&["GROUPS"]), key(draw)],
        2 => command!["XINFO", draw.word(&["STREAM"]), key(draw)],
        3 => command!["XINFO", draw.word(&["CONSUMERS"]), key(draw), group(draw)],
        4 => command!["XINFO", draw.word(&["STREAM"]), key(draw), draw.word(&["FULL", "FULL", "BOGUS"])],
        _ => command![
            "XINFO",
            "STREAM",
            key(draw),
            "FULL",
            draw.word(&["COUNT", "COUNT", "BOGUS"]),
            count(draw)
        ],
    }
}

fn xsetid(draw: &mut Draw) -> Command {
    // Above what was deleted: 7.0 does not look at that.
    let id = if draw.one_in(4) { b"x".to_vec() } else { draw.range(84, 110).to_string().into_bytes() };
    let mut command = command!["XSETID", key(draw), id];
    if draw.one_in(2) {
        command.extend(command![draw.word(&["ENTRIESADDED"]), count(draw)]);
    }
    if draw.one_in(2) {
        command.extend(command![draw.word(&["MAXDELETEDID"]), self::id(draw)]);
    }
    if draw.one_in(20) {
        command.push(draw.word(&["ENTRIESADDED", "BOGUS"]));
    }
    command
}
