//! Lists at every size of their nodes. Blocking commands find something, or wait for a few milliseconds.

use super::Family;
use super::draw::Draw;
use super::generic;
use super::script::{Command, Step};
use crate::command;

/// The family.
pub const LISTS: Family = Family { name: "lists", steps, fresh_servers: false };

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    if steps.is_empty() {
        // Small nodes, so that lists have many of them.
        let size = draw.pick(&["-2", "1", "2", "3", "5", "16", "-1", "0"]);
        steps.push(Step::exact(command!["CONFIG", "SET", "list-max-listpack-size", size]));
    }
    let command = match draw.below(32) {
        0..=6 => push(draw),
        7 | 8 => pop(draw),
        9 => command!["LLEN", key(draw)],
        10 | 11 => command!["LINDEX", key(draw), index(draw)],
        12 | 13 => {
            command![
                "LINSERT",
                key(draw),
                draw.word(&["BEFORE", "AFTER", "AFTER", "BESIDE"]),
                element(draw),
                element(draw)
            ]
        }
        14..=17 => command!["LRANGE", key(draw), index(draw), index(draw)],
        18 | 19 => command!["LREM", key(draw), index(draw), element(draw)],
        20 | 21 => command!["LSET", key(draw), index(draw), element(draw)],
        22 => command!["LTRIM", key(draw), index(draw), index(draw)],
        23 | 24 => lpos(draw),
        25 => command!["LMOVE", key(draw), key(draw), end(draw), end(draw)],
        26 => command!["RPOPLPUSH", key(draw), key(draw)],
        27 => lmpop(draw, &command!["LMPOP"]),
        28 | 29 => blocking(draw),
        30 => {
            // The exception for it is for single replies.
            steps.push(Step::exact(command!["DISCARD"]));
            command!["OBJECT", "ENCODING", key(draw)]
        }
        _ => generic::around(draw, key, "nolist"),
    };
    steps.push(Step::exact(command));
}

/// One of few keys: lists grow long.
fn key(draw: &mut Draw) -> Vec<u8> {
    match draw.below(30) {
        0 => draw.key(),
        1 => b"nolist".to_vec(),
        n => format!("k{}", n % 3).into_bytes(),
    }
}

/// One of few elements, so that searches find some; now and then any value.
fn element(draw: &mut Draw) -> Vec<u8> {
    match draw.below(8) {
        0 => draw.value(),
        1 => draw.pick(&["a", "b", "0", "-1", "127", "128", "4095", "4096", "9223372036854775807"]).into(),
        2 => vec![b'x'; [63, 64, 127, 128, 4090, 8190][draw.below(6)]],
        _ => draw.pick(&["a", "b", "c", "1", "2", "", "01", "longer than the others"]).into(),
    }
}

fn elements(draw: &mut Draw) -> Vec<Vec<u8>> {
    let most = if draw.one_in(12) { 60 } else { 4 };
    (0..=draw.below(most)).map(|_| element(draw)).collect()
}

/// An index, a count or a rank.
fn index(draw: &mut Draw) -> Vec<u8> {
    match draw.below(12) {
        // Redis cuts indexes of LSET to 32 bits.
        0 => draw.pick(&["x", "", "1.5", "9223372036854775808", " 1", "2147483647", "-2147483648"]).into(),
        1 | 2 => draw.range(-60, 60).to_string().into_bytes(),
        3 => draw.pick(&["0", "-1"]).into(),
        _ => draw.range(-6, 6).to_string().into_bytes(),
    }
}

fn end(draw: &mut Draw) -> Vec<u8> {
    if draw.one_in(15) { draw.word(&["MIDDLE", "", "LEFTMOST"]) } else { draw.word(&["LEFT", "RIGHT"]) }
}

fn push(draw: &mut Draw) -> Command {
    [
        command![draw.word(&["LPUSH", "RPUSH", "LPUSH", "RPUSH", "LPUSHX", "RPUSHX"]), key(draw)],
        elements(draw),
    ]
    .concat()
}

fn pop(draw: &mut Draw) -> Command {
    let mut command = command![draw.word(&["LPOP", "RPOP"]), key(draw)];
    for _ in 0..draw.pick(&["0", "0", "1", "1", "2"]).parse().unwrap_or(0) {
        command.push(index(draw));
    }
    command
}

fn lpos(draw: &mut Draw) -> Command {
    let mut command = command!["LPOS", key(draw), element(draw)];
    for _ in 0..draw.below(4) {
        let option = draw.word(&["RANK", "COUNT", "MAXLEN", "RANK", "COUNT", "MAXLEN", "BOGUS"]);
        let number =
            if draw.one_in(12) { draw.pick(&["-9223372036854775807", "x", "0"]).into() } else { index(draw) };
        command.extend([option, number]);
    }
    if draw.one_in(20) {
        command.push(draw.word(&["RANK", "COUNT", "MAXLEN"]));
    }
    command
}

fn lmpop(draw: &mut Draw, begin: &Command) -> Command {
    let keys: Vec<Vec<u8>> = (0..=draw.below(3)).map(|_| key(draw)).collect();
    let count = if draw.one_in(10) { index(draw) } else { keys.len().to_string().into_bytes() };
    let mut command = [begin.clone(), vec![count], keys, vec![end(draw)]].concat();
    if draw.one_in(2) {
        command.extend([draw.word(&["COUNT", "COUNT", "COUNT", "BOGUS"]), index(draw)]);
    }
    if draw.one_in(12) {
        command.push(draw.word(&["COUNT"]));
    }
    command
}

fn blocking(draw: &mut Draw) -> Command {
    match draw.below(5) {
        0 | 1 => {
            let keys: Vec<Vec<u8>> = (0..=draw.below(2)).map(|_| key(draw)).collect();
            [command![draw.word(&["BLPOP", "BRPOP"])], keys, vec![timeout(draw)]].concat()
        }
        2 => command!["BLMOVE", key(draw), key(draw), end(draw), end(draw), timeout(draw)],
        3 => command!["BRPOPLPUSH", key(draw), key(draw), timeout(draw)],
        _ => {
            let timeout = timeout(draw);
            lmpop(draw, &command!["BLMPOP", timeout])
        }
    }
}

fn timeout(draw: &mut Draw) -> Vec<u8> {
    draw.pick(&["0.001", "0.002", "1e-3", "0.01", "-1", "x", "1e5000", ""]).into()
}
