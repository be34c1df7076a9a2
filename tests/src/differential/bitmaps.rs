//! Bitmaps: bits, ranges of bits and bytes, integers of every width.

use super::Family;
use super::draw::Draw;
use super::script::{Command, Step};
use crate::command;

/// The family.
pub const BITMAPS: Family = Family { name: "bitmaps", steps, fresh_servers: false };

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    let command = match draw.below(14) {
        0 | 1 => command![
            "SETBIT",
            draw.key(),
            draw.bit_offset(),
            draw.pick(&["0", "1", "0", "1", "2", "-1", "", "a"])
        ],
        2 => command!["GETBIT", draw.key(), draw.number()],
        3 | 4 => bitcount(draw),
        5 | 6 => bitpos(draw),
        7 | 8 => bitop(draw),
        9 | 10 => bitfield(draw),
        11 => command!["GET", draw.key()],
        12 => command!["SET", draw.key(), {
            let length = draw.below(80);
            draw.bytes(length)
        }],
        _ => command![draw.word(&["DEL", "STRLEN"]), draw.key()],
    };
    steps.push(Step::exact(command));
}

fn range_end(draw: &mut Draw) -> Vec<u8> {
    if draw.one_in(4) { draw.number() } else { draw.range(-90, 90).to_string().into_bytes() }
}

fn bitcount(draw: &mut Draw) -> Command {
    let mut command = command!["BITCOUNT", draw.key()];
    for _ in 0..draw.pick(&["0", "2", "2", "2", "1"]).parse().unwrap_or(0) {
        command.push(range_end(draw));
    }
    if command.len() == 4 && draw.one_in(2) {
        command.push(draw.word(&["BIT", "BYTE", "BIT", "BYTE", "bits"]));
    }
    command
}

fn bitpos(draw: &mut Draw) -> Command {
    let mut command = command!["BITPOS", draw.key(), draw.pick(&["0", "1", "0", "1", "2", "-1", "x"])];
    for _ in 0..draw.below(3) {
        command.push(range_end(draw));
    }
    if command.len() == 5 && draw.one_in(2) {
        command.push(draw.word(&["BIT", "BYTE", "BIT", "BYTE", "bits"]));
    }
    command
}

fn bitop(draw: &mut Draw) -> Command {
    let operation = draw.word(&["AND", "OR", "XOR", "NOT", "NAND"]);
    [command!["BITOP", operation, draw.key()], draw.keys(4)].concat()
}

fn bitfield(draw: &mut Draw) -> Command {
    let mut command = command![draw.word(&["BITFIELD", "BITFIELD", "BITFIELD", "BITFIELD_RO"]), draw.key()];
    for _ in 0..draw.below(5) {
        match draw.below(8) {
            0..=2 => command.extend(command![draw.word(&["GET"]), width(draw), position(draw)]),
            3 | 4 => command.extend(command![draw.word(&["SET"]), width(draw), position(draw), amount(draw)]),
            5 | 6 => {
                command.extend(command![draw.word(&["INCRBY"]), width(draw), position(draw), amount(draw)])
            }
            _ => command.extend(command![
                draw.word(&["OVERFLOW"]),
                draw.word(&["WRAP", "SAT", "FAIL", "SAT", "FAIL", "NONE"])
            ]),
        }
    }
    command
}

fn width(draw: &mut Draw) -> Vec<u8> {
    const EDGES: [&str; 14] =
        ["u1", "i1", "u63", "i64", "u64", "i65", "u0", "i0", "u", "i", "x8", "u8", "i8", "u-1"];
    match draw.below(3) {
        0 => draw.pick(&EDGES).as_bytes().to_vec(),
        _ => format!("{}{}", draw.pick(&["i", "u"]), 1 + draw.below(63)).into_bytes(),
    }
}

fn position(draw: &mut Draw) -> Vec<u8> {
    match draw.below(8) {
        0 => draw.pick(&["#-1", "#", "#abc", "##1", "#4294967296", "#9999999999", "# 1", "#1.5"]).into(),
        1 => draw.bit_offset(),
        2 | 3 => format!("#{}", draw.below(20)).into_bytes(),
        _ => draw.below(300).to_string().into_bytes(),
    }
}

fn amount(draw: &mut Draw) -> Vec<u8> {
    // Redis' own arithmetic overflows when it saturates the least number.
    let edge = draw.number();
    let usable = draw.one_in(3) && edge != b"-9223372036854775808";
    if usable { edge } else { draw.range(-300, 300).to_string().into_bytes() }
}
