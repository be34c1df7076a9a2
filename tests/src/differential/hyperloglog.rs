//! HyperLogLogs: commands, the bytes that they store, and forged bytes.
//!
//! Three kinds of keys: sketches `h0` to `h5`, forgeries `f0` to `f2`, and all others, which hold strings that are no
//! sketches. A forgery is never cut within an opcode, because Redis reads on behind its end there; it gets one element at a time,
//! because Redis keeps those in front of one that fails and Rufous none.

use super::Family;
use super::draw::Draw;
use super::script::{Command, Step};
use crate::command;

/// The family.
pub const HYPERLOGLOG: Family = Family { name: "hyperloglog", steps, fresh_servers: false };

const REGISTERS: usize = 16_384;
const REGISTER_BYTES: usize = 12_288;

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    if steps.is_empty() || draw.one_in(60) {
        let bytes = draw.pick(&["0", "18", "25", "100", "300", "1000", "3000", "3000", "3000", "20000"]);
        steps.push(Step::exact(command!["CONFIG", "SET", "hll-sparse-max-bytes", bytes]));
    }
    let command = match draw.below(24) {
        0..=6 => add(draw),
        7..=9 => [command![draw.word(&["PFCOUNT"])], keys(draw, 1)].concat(),
        10..=12 => [command![draw.word(&["PFMERGE"]), key(draw)], keys(draw, 0)].concat(),
        13 | 14 => command![
            draw.word(&["PFDEBUG"]),
            draw.word(&["GETREG", "DECODE", "DECODE", "ENCODING", "TODENSE", "BOGUS", ""]),
            key(draw)
        ],
        15..=17 => forge(draw),
        18 => command!["SET", draw.key(), draw.value()],
        19 => command!["COPY", sketch(draw), key(draw), "REPLACE"],
        20 => command!["EXPIRE", key(draw), "100000"],
        21 => command!["PERSIST", key(draw)],
        22 => command![draw.word(&["PFADD", "PFCOUNT", "PFMERGE", "PFDEBUG"])],
        _ => command!["DEL", key(draw)],
    };
    let key = command.get(1).cloned();
    steps.push(Step::exact(command));
    let Some(key) = key else { return };
    match draw.below(6) {
        0..=2 => steps.push(Step::exact(command!["GET", key])),
        3 => steps.push(Step::exact(command!["OBJECT", "ENCODING", key])),
        _ => (),
    }
}

/// One change of a sketch, for families that need some.
pub fn any_write(draw: &mut Draw) -> Command {
    match draw.below(4) {
        0 => command!["PFCOUNT", draw.key()],
        1 => command!["PFMERGE", draw.key(), draw.key()],
        2 => command!["PFDEBUG", "TODENSE", draw.key()],
        _ => command!["PFADD", draw.key(), element(draw)],
    }
}

fn key(draw: &mut Draw) -> Vec<u8> {
    match draw.below(10) {
        0 => draw.key(),
        1 | 2 => forgery(draw),
        _ => sketch(draw),
    }
}

fn keys(draw: &mut Draw, fewest: usize) -> Vec<Vec<u8>> {
    (0..fewest + draw.below(4)).map(|_| key(draw)).collect()
}

fn sketch(draw: &mut Draw) -> Vec<u8> {
    format!("h{}", draw.below(6)).into_bytes()
}

fn forgery(draw: &mut Draw) -> Vec<u8> {
    format!("f{}", draw.below(3)).into_bytes()
}

fn element(draw: &mut Draw) -> Vec<u8> {
    match draw.below(4) {
        0 => draw.value(),
        1 => draw.below(100_000).to_string().into_bytes(),
        _ => draw.below(50).to_string().into_bytes(),
    }
}

fn add(draw: &mut Draw) -> Command {
    if draw.one_in(4) {
        let key = if draw.one_in(4) { draw.key() } else { forgery(draw) };
        return command!["PFADD", key, element(draw)];
    }
    let mut command = command![draw.word(&["PFADD"]), sketch(draw)];
    let most = if draw.one_in(20) { 1000 } else { 12 };
    for _ in 0..draw.below(most) {
        command.push(element(draw));
    }
    command
}

/// Makes a forgery or damages one.
fn forge(draw: &mut Draw) -> Command {
    let key = forgery(draw);
    match draw.below(6) {
        0 => command!["SETRANGE", key, draw.below(16).to_string(), {
            let byte = if draw.one_in(2) { draw.below(3) } else { draw.below(256) };
            [byte as u8]
        }],
        1 => command!["APPEND", key, opcode(draw).0],
        2 => command!["SET", key, dense(draw)],
        _ => command!["SET", key, sparse(draw)],
    }
}

fn header(draw: &mut Draw, encoding: u8) -> Vec<u8> {
    let mut header = b"HYLL\0\0\0\0".to_vec();
    header[4] = encoding;
    let count = if draw.one_in(2) { draw.bytes(8) } else { vec![0, 0, 0, 0, 0, 0, 0, 0x80] };
    header.extend(count);
    header
}

fn dense(draw: &mut Draw) -> Vec<u8> {
    let mut bytes = header(draw, 0);
    let pattern_bytes = 3 * (1 + draw.below(100));
    let pattern = draw.bytes(pattern_bytes);
    let length = if draw.one_in(8) { REGISTER_BYTES - 1 + 2 * draw.below(2) } else { REGISTER_BYTES };
    bytes.extend(pattern.into_iter().cycle().take(length));
    bytes
}

fn sparse(draw: &mut Draw) -> Vec<u8> {
    let mut bytes = header(draw, 1);
    let mut left = REGISTERS;
    for _ in 0..draw.below(40) {
        let (opcode, registers) = opcode(draw);
        if registers < left {
            bytes.extend(opcode);
            left -= registers;
        }
    }
    let last = if draw.one_in(4) { draw.below(REGISTERS) } else { left - 1 };
    bytes.extend([0x40 | (last >> 8) as u8, last as u8]);
    if draw.one_in(8) {
        bytes.truncate(16);
    }
    bytes
}

/// A whole opcode and how many registers it covers.
fn opcode(draw: &mut Draw) -> (Vec<u8>, usize) {
    match draw.below(6) {
        0 => {
            let (high, low) = (draw.below(3), draw.below(256));
            (vec![0x40 | high as u8, low as u8], high * 256 + low + 1)
        }
        1 | 2 => {
            let most = if draw.one_in(2) { 64 } else { 3 };
            let zeros = draw.below(most);
            (vec![zeros as u8], zeros + 1)
        }
        _ => {
            let most = if draw.one_in(4) { 32 } else { 3 };
            let (value, len) = (draw.below(most), draw.below(4));
            (vec![(0x80 | value << 2 | len) as u8], len + 1)
        }
    }
}
