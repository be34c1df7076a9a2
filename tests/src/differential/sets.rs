//! Sets: members of all encodings, choices by chance, several sets at once.
//!
//! What chance decides is compared by its kind, or asked for as a whole, so that both servers keep equal sets.

use super::Family;
use super::draw::Draw;
use super::script::{Command, Compare, Step};
use crate::command;

/// The family.
pub const SETS: Family = Family { name: "sets", steps, fresh_servers: false };

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    let step = match draw.below(24) {
        0..=5 => Step::exact([command!["SADD", draw.key()], members(draw)].concat()),
        6 | 7 => Step::exact([command!["SREM", draw.key()], members(draw)].concat()),
        8 => Step::exact(command!["SISMEMBER", draw.key(), member(draw)]),
        9 => Step::exact([command!["SMISMEMBER", draw.key()], members(draw)].concat()),
        10 => Step::exact(command!["SCARD", draw.key()]),
        11 => Step::exact(command!["SMOVE", draw.key(), draw.key(), member(draw)]),
        12 | 13 => {
            let name = draw.word(&["SINTER", "SUNION", "SDIFF", "SMEMBERS"]);
            let keys = draw.keys(if name.eq_ignore_ascii_case(b"smembers") { 1 } else { 4 });
            Step::new([vec![name], keys].concat(), Compare::Unordered)
        }
        14..=16 => {
            let name = draw.word(&["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"]);
            Step::exact([vec![name, draw.key()], draw.keys(4)].concat())
        }
        17 => Step::exact(intercard(draw)),
        18 => pop(draw),
        19 => random(draw),
        20 => Step::new(scan(draw), Compare::WholeScan),
        21 => Step::exact(command![draw.word(&["DEL", "TYPE", "EXISTS", "UNLINK"]), draw.key()]),
        22 => Step::exact(command!["COPY", draw.key(), draw.key(), "REPLACE"]),
        _ if draw.one_in(3) => Step::exact(command!["SET", draw.key(), draw.value()]),
        _ => Step::exact(command!["RENAME", draw.key(), draw.key()]),
    };
    steps.push(step);
}

fn member(draw: &mut Draw) -> Vec<u8> {
    match draw.below(8) {
        0 => draw.value(),
        1 => draw.number(),
        2..=5 => draw.range(-30, 30).to_string().into_bytes(),
        _ => format!("m{}", draw.below(40)).into_bytes(),
    }
}

/// One member, some, or so many that the encoding changes.
fn members(draw: &mut Draw) -> Vec<Vec<u8>> {
    match draw.below(12) {
        0 => (0..draw.below(700)).map(|n| (n * 7).to_string().into_bytes()).collect(),
        1 => (0..draw.below(200)).map(|n| format!("n{n}").into_bytes()).collect(),
        _ => (0..=draw.below(4)).map(|_| member(draw)).collect(),
    }
}

fn intercard(draw: &mut Draw) -> Command {
    let keys = draw.keys(3);
    let count = if draw.one_in(5) { draw.number() } else { keys.len().to_string().into_bytes() };
    let mut command = [command!["SINTERCARD", count], keys].concat();
    if draw.one_in(2) {
        command.extend(command![draw.word(&["LIMIT", "LIMIT", "LIMITS"]), draw.number()]);
    }
    command
}

/// All members, none, or a refusal.
fn pop(draw: &mut Draw) -> Step {
    let count = draw.pick(&["100000", "0", "-1", "9223372036854775807", "x", "1.5"]);
    Step::new(command!["SPOP", draw.key(), count], Compare::Unordered)
}

fn random(draw: &mut Draw) -> Step {
    match draw.below(3) {
        0 => Step::new(command!["SRANDMEMBER", draw.key()], Compare::Kind),
        1 => {
            let count = draw.pick(&["100000", "0", "-9223372036854775808", "x", "9223372036854775807"]);
            Step::new(command!["SRANDMEMBER", draw.key(), count], Compare::Unordered)
        }
        _ => Step::new(command!["SRANDMEMBER", draw.key(), draw.range(-9, 9).to_string()], Compare::Kind),
    }
}

fn scan(draw: &mut Draw) -> Command {
    let mut command = command!["SSCAN", draw.key(), "0"];
    if draw.one_in(2) {
        command.extend(command!["MATCH", draw.pattern()]);
    }
    if draw.one_in(2) {
        command.extend(command!["COUNT", draw.number()]);
    }
    if draw.one_in(10) {
        command.extend(command!["TYPE", "set"]);
    }
    command
}
