//! Hashes: fields of all encodings, numbers in them, choices by chance.

use super::Family;
use super::draw::Draw;
use super::script::{Command, Compare, Step};
use crate::command;

/// The family.
pub const HASHES: Family = Family { name: "hashes", steps, fresh_servers: false };

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    let step = match draw.below(24) {
        0..=5 => {
            Step::exact([command![draw.word(&["HSET", "HSET", "HMSET"]), draw.key()], pairs(draw)].concat())
        }
        6 => Step::exact(command!["HSETNX", draw.key(), field(draw), value(draw)]),
        7 | 8 => Step::exact(command![draw.word(&["HGET", "HEXISTS", "HSTRLEN"]), draw.key(), field(draw)]),
        9 => Step::exact([command!["HMGET", draw.key()], fields(draw)].concat()),
        10 | 11 => Step::exact([command!["HDEL", draw.key()], fields(draw)].concat()),
        12 => Step::exact(command!["HLEN", draw.key()]),
        13 | 14 => Step::exact(command!["HINCRBY", draw.key(), field(draw), draw.number()]),
        15 => Step::exact(command!["HINCRBYFLOAT", draw.key(), field(draw), draw.float()]),
        16 => Step::new(command!["HGETALL", draw.key()], Compare::Pairs),
        17 => Step::new(command![draw.word(&["HKEYS", "HVALS"]), draw.key()], Compare::Unordered),
        18 | 19 => random(draw),
        20 => Step::new(scan(draw), Compare::WholeScan),
        21 => Step::exact(command![draw.word(&["DEL", "TYPE", "EXISTS", "UNLINK"]), draw.key()]),
        22 => Step::exact(command!["COPY", draw.key(), draw.key(), "REPLACE"]),
        _ if draw.one_in(3) => Step::exact(command!["SET", draw.key(), draw.value()]),
        _ => Step::exact(command!["RENAME", draw.key(), draw.key()]),
    };
    steps.push(step);
}

fn field(draw: &mut Draw) -> Vec<u8> {
    match draw.below(10) {
        0 => draw.value(),
        1..=4 => draw.range(-9, 9).to_string().into_bytes(),
        _ => format!("f{}", draw.below(20)).into_bytes(),
    }
}

fn value(draw: &mut Draw) -> Vec<u8> {
    match draw.below(4) {
        0 => draw.number(),
        1 => draw.float(),
        _ => draw.value(),
    }
}

fn fields(draw: &mut Draw) -> Vec<Vec<u8>> {
    (0..=draw.below(4)).map(|_| field(draw)).collect()
}

/// One pair, some, so many that the encoding changes, or a word too few.
fn pairs(draw: &mut Draw) -> Vec<Vec<u8>> {
    if draw.one_in(14) {
        return (0..draw.below(700)).flat_map(|n| command![format!("n{n}"), n.to_string()]).collect();
    }
    let mut words: Vec<_> = (0..=draw.below(4)).flat_map(|_| [field(draw), value(draw)]).collect();
    if draw.one_in(20) {
        words.pop();
    }
    words
}

/// All fields, none, a refusal, or something of the right kind.
fn random(draw: &mut Draw) -> Step {
    let count = draw.pick(&["100000", "0", "-9223372036854775808", "x", "9223372036854775807", "-1", "3"]);
    let mut command = command!["HRANDFIELD", draw.key()];
    if draw.one_in(4) {
        return Step::new(command, Compare::Kind);
    }
    command.push(count.as_bytes().to_vec());
    let with_values = draw.one_in(2);
    if with_values {
        command.push(draw.word(&["WITHVALUES", "WITHVALUES", "WITHVALUE"]));
    }
    let compare = match (count, with_values && !draw.resp3) {
        ("-1" | "3", _) => Compare::Kind,
        (_, true) => Compare::Pairs,
        _ => Compare::Unordered,
    };
    Step::new(command, compare)
}

fn scan(draw: &mut Draw) -> Command {
    let mut command = command!["HSCAN", draw.key(), "0"];
    if draw.one_in(2) {
        command.extend(command!["MATCH", draw.pattern()]);
    }
    if draw.one_in(2) {
        command.extend(command!["COUNT", draw.number()]);
    }
    if draw.one_in(10) {
        command.extend(command!["TYPE", "hash"]);
    }
    command
}
