//! Strings: every command with every option, often wrong.

use super::Family;
use super::draw::Draw;
use super::hyperloglog;
use super::script::{Command, Compare, Step};
use crate::command;

/// The family.
pub const STRINGS: Family = Family { name: "strings", steps, fresh_servers: false };

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    let command = match draw.below(23) {
        0..=3 => set(draw),
        4 => command!["GET", draw.key()],
        5 => command!["GETSET", draw.key(), draw.value()],
        6 => command!["GETDEL", draw.key()],
        7 => getex(draw),
        8 => [command!["MGET"], draw.keys(5)].concat(),
        9 => many(draw),
        10 => command!["SETNX", draw.key(), draw.value()],
        11 => command!["SETEX", draw.key(), draw.ttl_seconds(), draw.value()],
        12 => command!["PSETEX", draw.key(), draw.ttl_milliseconds(), draw.value()],
        13 => command!["APPEND", draw.key(), draw.value()],
        14 => command!["STRLEN", draw.key()],
        15 => command!["SETRANGE", draw.key(), draw.offset(), draw.value()],
        16 => command![draw.word(&["GETRANGE", "SUBSTR"]), draw.key(), draw.number(), draw.number()],
        17 => command![draw.word(&["INCR", "DECR"]), draw.key()],
        18 => command![draw.word(&["INCRBY", "DECRBY"]), draw.key(), draw.number()],
        19 | 20 => command!["INCRBYFLOAT", draw.key(), draw.float()],
        21 => command!["DEL", draw.key()],
        _ => lcs(draw),
    };
    let key = command.get(1).cloned();
    steps.push(Step::exact(command));
    let Some(key) = key else { return };
    match draw.below(6) {
        0 => steps.push(Step::exact(command!["OBJECT", "ENCODING", key])),
        1 => steps.push(Step::new(command!["PTTL", key], Compare::Near(5000))),
        2 => steps.push(Step::exact(command!["GET", key])),
        _ => (),
    }
}

/// One string command, for families that need some.
pub fn any_write(draw: &mut Draw) -> Command {
    match draw.below(9) {
        0 => command!["APPEND", draw.key(), draw.value()],
        1 => command!["INCR", draw.key()],
        2 => command!["SETRANGE", draw.key(), draw.offset(), draw.value()],
        3 => command!["INCRBYFLOAT", draw.key(), draw.float()],
        4 => getex(draw),
        5 => many(draw),
        6 => hyperloglog::any_write(draw),
        _ => set(draw),
    }
}

fn set(draw: &mut Draw) -> Command {
    let mut command = command![draw.word(&["SET"]), draw.key(), draw.value()];
    if draw.one_in(3) {
        return command;
    }
    for _ in 0..=draw.below(3) {
        match draw.below(9) {
            0 => command.push(draw.word(&["NX"])),
            1 => command.push(draw.word(&["XX"])),
            2 | 3 => command.push(draw.word(&["GET"])),
            4 => command.push(draw.word(&["KEEPTTL"])),
            5..=7 => command.extend(deadline(draw)),
            _ => command.push(draw.word(&["PERSIST", "EX", "bogus", "", "GT"])),
        }
    }
    command
}

fn getex(draw: &mut Draw) -> Command {
    let mut command = command!["GETEX", draw.key()];
    for _ in 0..draw.below(3) {
        match draw.below(6) {
            0 | 1 => command.push(draw.word(&["PERSIST"])),
            2 => command.push(draw.word(&["KEEPTTL", "NX", "GET", "EX", ""])),
            _ => command.extend(deadline(draw)),
        }
    }
    command
}

fn deadline(draw: &mut Draw) -> Command {
    match draw.below(4) {
        0 => command![draw.word(&["EX"]), draw.ttl_seconds()],
        1 => command![draw.word(&["PX"]), draw.ttl_milliseconds()],
        2 => command![draw.word(&["EXAT"]), draw.moment_seconds()],
        _ => command![draw.word(&["PXAT"]), draw.moment_milliseconds()],
    }
}

fn many(draw: &mut Draw) -> Command {
    let mut command = command![draw.word(&["MSET", "MSETNX"])];
    for _ in 0..=draw.below(3) {
        command.extend([draw.key(), draw.value()]);
    }
    if draw.one_in(10) {
        command.push(draw.key());
    }
    command
}

fn lcs(draw: &mut Draw) -> Command {
    let mut command = command!["LCS", draw.key(), draw.key()];
    for _ in 0..draw.below(4) {
        match draw.below(5) {
            0 => command.push(draw.word(&["LEN"])),
            1 | 2 => command.push(draw.word(&["IDX"])),
            3 => command.extend(command![draw.word(&["MINMATCHLEN"]), draw.number()]),
            _ => command.push(draw.word(&["WITHMATCHLEN"])),
        }
    }
    command
}
