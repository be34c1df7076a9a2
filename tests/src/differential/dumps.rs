//! DUMP and RESTORE: payloads of our own making, whole, broken and hostile; every option, often wrong.

use rufous_persistence::dump;
use rufous_persistence::lzf::Compressor;
use rufous_persistence::rdb::Writer;

use super::draw::Draw;
use super::script::{Command, Compare, Step};
use super::{Family, strings};
use crate::command;

/// The family.
pub const DUMPS: Family = Family { name: "dumps", steps, fresh_servers: false };

/// The newest RDB version that every reference takes: 7.0's.
const VERSION: u16 = 10;

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    if draw.one_in(12) {
        return idle(draw, steps);
    }
    let step = match draw.below(12) {
        0 | 1 => Step::exact(strings::any_write(draw)),
        2 => Step::exact(command!["SET", draw.key(), repetitive(draw)]),
        3..=6 => Step::new(command!["DUMP", draw.key()], Compare::Payload),
        7 => Step::exact(command!["DEL", draw.key()]),
        _ => Step::exact(restore(draw)),
    };
    let key = step.command.get(1).cloned();
    steps.push(step);
    let Some(key) = key else { return };
    match draw.below(6) {
        0 => steps.push(Step::exact(command!["OBJECT", "ENCODING", key])),
        1 => steps.push(Step::new(command!["PTTL", key], Compare::Near(5000))),
        2 => steps.push(Step::exact(command!["GET", key])),
        _ => (),
    }
}

/// A key that comes with an idle time.
fn idle(draw: &mut Draw, steps: &mut Vec<Step>) {
    let (key, seconds) = (draw.key(), draw.range(1000, 10_000_000).to_string());
    let payload = sealed(draw, VERSION);
    let restore = command!["RESTORE", key, "0", payload, "REPLACE", "IDLETIME", seconds];
    steps.push(Step::exact(restore));
    steps.push(Step::new(command!["OBJECT", "IDLETIME", key], Compare::Near(5)));
}

/// RESTORE, right or wrong in any part.
pub fn restore(draw: &mut Draw) -> Command {
    let payload = match draw.below(8) {
        0 => broken(draw),
        1 => hostile(draw),
        _ => sealed(draw, VERSION),
    };
    let mut command = command![draw.word(&["RESTORE", "RESTORE-ASKING"]), draw.key(), "0", payload];
    let absolute = draw.one_in(3);
    if absolute {
        command.push(draw.word(&["ABSTTL"]));
    }
    if draw.one_in(2) {
        command[2] = if absolute { draw.moment_milliseconds() } else { draw.ttl_milliseconds() };
    }
    for _ in 0..draw.below(4) {
        match draw.below(8) {
            0..=3 => command.push(draw.word(&["REPLACE"])),
            4 => command.extend(command![draw.word(&["IDLETIME"]), seconds(draw)]),
            5 => command.extend(command![draw.word(&["FREQ"]), draw.number()]),
            6 => command.push(draw.word(&["ABSTTL"])),
            _ => command.push(draw.word(&["IDLETIME", "FREQ", "bogus", ""])),
        }
    }
    command
}

/// An idle time below the 194 days after which the clock of Redis begins anew, or no such.
fn seconds(draw: &mut Draw) -> Vec<u8> {
    match draw.below(3) {
        0 => draw.pick(&["-1", "abc", "", "9223372036854775808", "1.5"]).into(),
        _ => draw.range(0, 10_000_000).to_string().into_bytes(),
    }
}

fn sealed(draw: &mut Draw, version: u16) -> Vec<u8> {
    let value = if draw.one_in(4) { repetitive(draw) } else { draw.value() };
    let mut compressor = Compressor::default();
    let mut writer = Writer::new(version, if draw.one_in(4) { None } else { Some(&mut compressor) });
    writer.byte(0);
    writer.text(&value);
    dump::seal(&mut writer.out, version);
    writer.out
}

/// A payload whose checksum or version is wrong, or that is too short for any.
fn broken(draw: &mut Draw) -> Vec<u8> {
    let mut payload = sealed(draw, VERSION);
    match draw.below(4) {
        0 => {
            let version = 14 + draw.below(60) as u16;
            return sealed(draw, version);
        }
        1 => payload.truncate(draw.below(payload.len())),
        2 => payload.insert(draw.below(payload.len()), 7),
        _ => {
            let at = draw.below(payload.len());
            payload[at] ^= 1 << draw.below(8);
        }
    }
    payload
}

/// A payload that is intact and makes no sense; or one that makes sense and has something behind it.
fn hostile(draw: &mut Draw) -> Vec<u8> {
    const BODIES: [&[u8]; 16] = [
        b"\x08\x05hello",
        b"\xff",
        b"\xfc\0\0\0\0\0\0\0\0\0\x05hello",
        b"\x06\x05hello",
        b"\0\x82aaaaaaaaaa",
        b"\0\xc4aaaaaaaaaa",
        b"\0\xff",
        b"\0\x7f\xff",
        b"\0\x80\xff\xff\xff\xff",
        b"\0\x81\x00\xff\xff\xff\xff\xff\xff\xff",
        b"\0\xc3\x02\x20\x20aaaaaaaaaa",
        b"\0\xc3\x04\x04\0a\x20\0",
        b"\0\xc3\x04\x04\0a\x20\x01",
        b"\0\xc3\x04\x05\0a\x20\0",
        b"\0\xc3\x81\x00\xff\xff\xff\xff\xff\xff\xff\x05",
        b"\0\x05hello, and more",
    ];
    let mut payload = BODIES[draw.below(BODIES.len())].to_vec();
    dump::seal(&mut payload, VERSION);
    payload
}

/// Text that compresses, more or less.
fn repetitive(draw: &mut Draw) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..=draw.below(6) {
        let (length, times) = (draw.below(40), 1 + draw.below(30));
        text.extend(draw.text(length).repeat(times));
    }
    text
}
