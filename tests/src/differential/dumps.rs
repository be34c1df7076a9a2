//! DUMP and RESTORE: payloads of our own making, whole, broken and hostile; every option, often wrong.

use rufous_persistence::dump;
use rufous_persistence::lzf::Compressor;
use rufous_persistence::rdb::{Type, Writer};
use rufous_storage::pack::{Item, PackMut};

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
        2 if draw.one_in(2) => Step::exact(zadd(draw)),
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
        3 => steps.push(Step::exact(command!["ZRANGE", key, "0", "-1", "WITHSCORES"])),
        1 => steps.push(Step::new(command!["PTTL", key], Compare::Near(5000))),
        2 => steps.push(Step::exact(command!["GET", key])),
        _ => (),
    }
}

/// A key that comes with an idle time.
fn idle(draw: &mut Draw, steps: &mut Vec<Step>) {
    let (key, seconds) = (draw.key(), draw.range(1000, 10_000_000).to_string());
    let payload = sealed_string(draw, VERSION);
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

/// Members of one sorted set at a time; their scores are exact in few digits, which versions print alike. No minus zero: 7.0
/// loses it where many members come at once.
fn zadd(draw: &mut Draw) -> Command {
    let score = |draw: &mut Draw| (score(draw) + 0.0).to_string().into_bytes();
    let mut command = command!["ZADD", draw.key()];
    for _ in 0..=draw.below(5) {
        let mut member = if draw.one_in(8) { draw.value() } else { draw.number() };
        member.truncate(20); // longer text may be compressed, and compressors differ
        command.extend([score(draw), member]);
    }
    let many = if draw.one_in(6) { 130 } else { 0 };
    (0..many).for_each(|n| command.extend([score(draw), format!("m{n}").into_bytes()]));
    command
}

fn score(draw: &mut Draw) -> f64 {
    match draw.below(8) {
        0 => f64::INFINITY,
        1 => f64::NEG_INFINITY,
        2 => -0.0,
        _ => draw.range(-1000, 1000) as f64 / 4.0,
    }
}

fn sealed(draw: &mut Draw, version: u16) -> Vec<u8> {
    if draw.one_in(4) { sealed_sorted_set(draw, version) } else { sealed_string(draw, version) }
}

fn sealed_string(draw: &mut Draw, version: u16) -> Vec<u8> {
    let value = if draw.one_in(4) { repetitive(draw) } else { draw.value() };
    let mut compressor = Compressor::default();
    let mut writer = Writer::new(version, if draw.one_in(4) { None } else { Some(&mut compressor) });
    writer.byte(0);
    writer.text(&value);
    dump::seal(&mut writer.out, version);
    writer.out
}

/// A sorted set in one of its forms. Where members come one by one, they are in any order, some occur twice, and a score may
/// be none.
fn sealed_sorted_set(draw: &mut Draw, version: u16) -> Vec<u8> {
    let mut members: Vec<(Vec<u8>, f64)> =
        (0..draw.below(8)).map(|_| (draw.range(-9, 40).to_string().into_bytes(), score(draw))).collect();
    let mut writer = Writer::new(version, None);
    match draw.below(3) {
        0 => {
            writer.kind(Type::SortedSetListpack);
            members.sort_by(|one, other| one.0.cmp(&other.0));
            members.dedup_by(|one, other| one.0 == other.0);
            members.iter_mut().for_each(|member| member.1 += 0.0); // a listpack has no minus zero
            members.sort_by(|one, other| one.1.total_cmp(&other.1));
            let mut bytes = Vec::new();
            let mut pack = PackMut::empty_in(&mut bytes);
            for (member, score) in &members {
                pack.extend([Item::of(member), Item::of(score.to_string().as_bytes())]);
            }
            writer.text(&bytes);
        }
        1 => {
            writer.kind(Type::SortedSet);
            writer.len(members.len());
            for (member, score) in &members {
                writer.text(member);
                writer.double(if draw.one_in(60) { f64::NAN } else { *score });
            }
        }
        _ => {
            writer.kind(Type::SortedSetTextual);
            writer.len(members.len());
            for (member, score) in &members {
                writer.text(member);
                match *score {
                    f64::INFINITY => writer.byte(254),
                    f64::NEG_INFINITY => writer.byte(255),
                    score => {
                        let text = score.to_string();
                        writer.byte(text.len() as u8);
                        writer.raw(text.as_bytes());
                    }
                }
            }
        }
    }
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
    const BODIES: [&[u8]; 22] = [
        b"\x03\x01\x01a\xfd",
        b"\x03\x01\x01a\x01",
        b"\x05\0",
        b"\x05\x02\x01a\0\0\0\0\0\0\0\0",
        b"\x05\x01\x01a\0\0\0\0\0\0\xf8\x7f",
        b"\x11\x07\x07\0\0\0\0\0\xff",
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
