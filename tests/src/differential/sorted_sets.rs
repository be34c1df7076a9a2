//! Sorted sets: scores of all kinds, ranges by rank, score and member, several sorted sets at once.
//!
//! Ranges of members are asked of sorted sets whose members all have one score. What chance decides is compared by its kind.

use super::Family;
use super::draw::Draw;
use super::script::{Command, Compare, Step};
use crate::command;

/// The family.
pub const SORTED_SETS: Family = Family { name: "sorted sets", steps, fresh_servers: false };

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    let step = match draw.below(30) {
        0..=6 => Step::exact(add(draw)),
        7 => Step::exact(command!["ZINCRBY", draw.key(), score(draw), member(draw)]),
        8 => Step::exact([command!["ZREM", draw.key()], several(draw)].concat()),
        9 => Step::exact(command![draw.word(&["ZSCORE", "ZCARD"]), draw.key(), member(draw)]),
        10 => Step::exact([command!["ZMSCORE", draw.key()], several(draw)].concat()),
        11 => Step::exact(command![draw.word(&["ZRANK", "ZREVRANK"]), draw.key(), member(draw)]),
        12 => Step::exact(command!["ZCOUNT", draw.key(), bound(draw), bound(draw)]),
        13..=15 => Step::exact(range(draw)),
        16 => Step::exact(old_range(draw)),
        17 => Step::exact([command!["ZRANGESTORE", draw.key()], range(draw)[1..].to_vec()].concat()),
        18 => Step::exact(command!["ZREMRANGEBYRANK", draw.key(), rank(draw), rank(draw)]),
        19 => Step::exact(command!["ZREMRANGEBYSCORE", draw.key(), bound(draw), bound(draw)]),
        20 => {
            let call = command![draw.word(&["ZPOPMIN", "ZPOPMAX"]), draw.key()];
            let count = if draw.one_in(2) { vec![draw.number()] } else { Vec::new() };
            Step::exact([call, count].concat())
        }
        21 => Step::exact(multiple_pop(draw)),
        22..=24 => Step::exact(combine(draw)),
        25 => random(draw),
        26 => lexicographic(draw, steps),
        27 => {
            Step::new(command!["ZSCAN", draw.key(), draw.pick(&["0", "x"]), "COUNT", "1000"], Compare::Kind)
        }
        28 => Step::exact(command![draw.word(&["DEL", "TYPE", "COPY"]), draw.key()]),
        _ if draw.one_in(3) => Step::exact(command!["SADD", draw.key(), member(draw), member(draw)]),
        _ => Step::exact(command!["OBJECT", "ENCODING", draw.key()]),
    };
    steps.push(step);
}

fn add(draw: &mut Draw) -> Command {
    let mut command = command!["ZADD", draw.key()];
    for _ in 0..draw.below(3) {
        command.push(draw.word(&["NX", "XX", "GT", "LT", "CH", "INCR"]));
    }
    let pairs = if draw.one_in(10) { draw.below(200) } else { 1 + draw.below(3) };
    for _ in 0..pairs {
        command.extend([score(draw), member(draw)]);
    }
    command
}

fn score(draw: &mut Draw) -> Vec<u8> {
    match draw.below(6) {
        0 => draw.float(),
        1 => format!("{}.5", draw.range(-10, 10)).into_bytes(),
        2 => draw.pick(&["inf", "-inf", "0", "1e20", "-1e-7"]).into(),
        _ => draw.range(-20, 20).to_string().into_bytes(),
    }
}

fn member(draw: &mut Draw) -> Vec<u8> {
    match draw.below(8) {
        0 => draw.value(),
        1..=4 => draw.range(-30, 30).to_string().into_bytes(),
        _ => format!("m{}", draw.below(150)).into_bytes(),
    }
}

fn several(draw: &mut Draw) -> Vec<Vec<u8>> {
    (0..=draw.below(4)).map(|_| member(draw)).collect()
}

fn bound(draw: &mut Draw) -> Vec<u8> {
    let open = if draw.one_in(3) { b"(".to_vec() } else { Vec::new() };
    [open, score(draw)].concat()
}

fn rank(draw: &mut Draw) -> Vec<u8> {
    if draw.one_in(6) { draw.number() } else { draw.range(-30, 30).to_string().into_bytes() }
}

/// By rank or score: ranges of members come in [`lexicographic`].
fn range(draw: &mut Draw) -> Command {
    let by_score = draw.one_in(2);
    let ends = if by_score { [bound(draw), bound(draw)] } else { [rank(draw), rank(draw)] };
    let [min, max] = ends;
    let mut command = command!["ZRANGE", draw.key(), min, max];
    if by_score {
        command.push(draw.word(&["BYSCORE"]));
    }
    for _ in 0..draw.below(3) {
        match draw.below(3) {
            0 => command.push(draw.word(&["REV"])),
            1 => command.push(draw.word(&["WITHSCORES"])),
            _ => command.extend([draw.word(&["LIMIT"]), rank(draw), rank(draw)]),
        }
    }
    command
}

fn old_range(draw: &mut Draw) -> Command {
    if draw.one_in(2) {
        return command!["ZREVRANGE", draw.key(), rank(draw), rank(draw), draw.word(&["WITHSCORES"])];
    }
    let name = draw.word(&["ZRANGEBYSCORE", "ZREVRANGEBYSCORE"]);
    let mut command = command![name, draw.key(), bound(draw), bound(draw)];
    if draw.one_in(2) {
        command.extend([draw.word(&["LIMIT"]), rank(draw), rank(draw)]);
    }
    command
}

fn multiple_pop(draw: &mut Draw) -> Command {
    let keys = draw.keys(3);
    let count = if draw.one_in(6) { draw.number() } else { keys.len().to_string().into_bytes() };
    let mut command = [command!["ZMPOP", count], keys, command![draw.word(&["MIN", "MAX"])]].concat();
    if draw.one_in(2) {
        command.extend(command![draw.word(&["COUNT"]), draw.number()]);
    }
    command
}

fn combine(draw: &mut Draw) -> Command {
    let name =
        draw.word(&["ZUNION", "ZINTER", "ZDIFF", "ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE", "ZINTERCARD"]);
    let keys = draw.keys(3);
    let count = if draw.one_in(8) { draw.number() } else { keys.len().to_string().into_bytes() };
    let weights = keys.len();
    let mut command = vec![name.clone()];
    if name.to_ascii_lowercase().ends_with(b"store") {
        command.push(draw.key());
    }
    command.push(count);
    command.extend(keys);
    if draw.one_in(3) {
        command.push(draw.word(&["WEIGHTS"]));
        command.extend((0..weights).map(|_| score(draw)));
    }
    if draw.one_in(3) {
        command.extend([draw.word(&["AGGREGATE"]), draw.word(&["SUM", "MIN", "MAX", "MEAN"])]);
    }
    if draw.one_in(3) {
        command.push(draw.word(&["WITHSCORES"]));
    }
    if draw.one_in(6) {
        command.extend(command![draw.word(&["LIMIT"]), draw.number()]);
    }
    command
}

fn random(draw: &mut Draw) -> Step {
    match draw.below(3) {
        0 => Step::new(command!["ZRANDMEMBER", draw.key()], Compare::Kind),
        1 => {
            let count = draw.pick(&["100000", "0", "-9223372036854775808", "x", "9223372036854775807"]);
            Step::new(command!["ZRANDMEMBER", draw.key(), count], Compare::Unordered)
        }
        _ => {
            let count = draw.range(-9, 9).to_string();
            Step::new(
                command!["ZRANDMEMBER", draw.key(), count, draw.word(&["WITHSCORES", "WITH"])],
                Compare::Kind,
            )
        }
    }
}

/// A sorted set of one score, and a range of its members.
fn lexicographic(draw: &mut Draw, steps: &mut Vec<Step>) -> Step {
    let mut fill = command!["ZADD", "lex"];
    let pairs = if draw.one_in(6) { 200 } else { 1 + draw.below(8) };
    (0..pairs).for_each(|_| fill.extend([b"0".to_vec(), member(draw)]));
    steps.push(Step::exact(fill));
    let (min, max) = (lex_bound(draw), lex_bound(draw));
    let mut command = match draw.below(3) {
        0 => return Step::exact(command![draw.word(&["ZLEXCOUNT", "ZREMRANGEBYLEX"]), "lex", min, max]),
        1 => command![draw.word(&["ZRANGEBYLEX", "ZREVRANGEBYLEX"]), "lex", min, max],
        _ => command!["ZRANGE", "lex", min, max, draw.word(&["BYLEX"])],
    };
    if draw.one_in(2) {
        command.extend([draw.word(&["LIMIT"]), rank(draw), rank(draw)]);
    }
    Step::exact(command)
}

fn lex_bound(draw: &mut Draw) -> Vec<u8> {
    match draw.below(6) {
        0 => b"-".to_vec(),
        1 => b"+".to_vec(),
        2 => member(draw),
        3 => [b"(".to_vec(), member(draw)].concat(),
        _ => [b"[".to_vec(), member(draw)].concat(),
    }
}
