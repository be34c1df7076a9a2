//! Keys of any type: deadlines, renames, databases, iteration.

use super::Family;
use super::draw::Draw;
use super::script::{Command, Compare, Step};
use super::strings;
use crate::command;

/// The family.
pub const GENERIC: Family = Family { name: "generic", steps, fresh_servers: false };

/// How far deadlines may be apart on two servers that got the same command, in milliseconds.
const DEADLINE_DISTANCE_MS: i64 = 5000;

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    let step = match draw.below(28) {
        0..=6 => Step::exact(strings::any_write(draw)),
        7 => Step::exact([command![draw.word(&["DEL", "UNLINK", "EXISTS", "TOUCH"])], draw.keys(4)].concat()),
        8 => Step::exact(command!["TYPE", draw.key()]),
        9 => Step::exact(command![draw.word(&["RENAME", "RENAMENX"]), draw.key(), draw.key()]),
        10 => Step::exact(copy(draw)),
        11 => Step::exact(command!["MOVE", draw.key(), database(draw)]),
        12 => Step::exact(command!["SELECT", database(draw)]),
        13 => Step::exact(command!["SWAPDB", database(draw), database(draw)]),
        14 => Step::exact(flush(draw)),
        15 => Step::exact(command!["DBSIZE"]),
        16 => Step::new(command!["KEYS", draw.pattern()], Compare::Unordered),
        17 => Step::new(scan(draw), Compare::WholeScan),
        18 => {
            // Of two expired keys either may be met and removed first; so none is left to meet.
            steps.push(Step::new(command!["SCAN", "0", "COUNT", "1000"], Compare::WholeScan));
            Step::new(command!["RANDOMKEY"], Compare::SomeKey)
        }
        19..=22 => Step::exact(expire(draw)),
        23 => near(command![draw.word(&["TTL", "EXPIRETIME"]), draw.key()], DEADLINE_DISTANCE_MS / 1000),
        24 => near(command![draw.word(&["PTTL", "PEXPIRETIME"]), draw.key()], DEADLINE_DISTANCE_MS),
        25 => Step::exact(command!["PERSIST", draw.key()]),
        _ => object(draw),
    };
    steps.push(step);
}

/// One command on keys of any type, compared byte by byte, for families that need some.
pub fn any(draw: &mut Draw) -> Command {
    match draw.below(8) {
        0 => expire(draw),
        1 => copy(draw),
        2 => command![draw.word(&["RENAME", "RENAMENX"]), draw.key(), draw.key()],
        3 => command!["MOVE", draw.key(), database(draw)],
        4 => command!["PERSIST", draw.key()],
        5 => [command![draw.word(&["DEL", "UNLINK"])], draw.keys(3)].concat(),
        6 => flush(draw),
        _ => command!["SWAPDB", database(draw), database(draw)],
    }
}

fn near(command: Command, distance: i64) -> Step {
    Step::new(command, Compare::Near(distance))
}

fn database(draw: &mut Draw) -> Vec<u8> {
    match draw.below(6) {
        0 => draw.number(),
        1 => draw.pick(&["15", "16", "-1"]).as_bytes().to_vec(),
        _ => draw.below(3).to_string().into_bytes(),
    }
}

fn copy(draw: &mut Draw) -> Command {
    let mut command = command!["COPY", draw.key(), draw.key()];
    for _ in 0..draw.below(3) {
        match draw.below(5) {
            0 | 1 => command.push(draw.word(&["REPLACE"])),
            2 | 3 => command.extend(command![draw.word(&["DB"]), database(draw)]),
            _ => command.push(draw.word(&["DB", "bogus", ""])),
        }
    }
    command
}

fn flush(draw: &mut Draw) -> Command {
    let mut command = command![draw.word(&["FLUSHDB", "FLUSHDB", "FLUSHALL"])];
    if draw.one_in(2) {
        command.push(draw.word(&["SYNC", "ASYNC", "ASYNC", "LATER"]));
    }
    command
}

fn scan(draw: &mut Draw) -> Command {
    let mut command = command!["SCAN", "0"];
    for _ in 0..draw.below(4) {
        match draw.below(4) {
            0 => command
                .extend(command![draw.word(&["COUNT"]), draw.pick(&["1", "10", "1000", "0", "-1", "x"])]),
            1 => command.extend(command![draw.word(&["MATCH"]), draw.pattern()]),
            2 => command.extend(command![draw.word(&["TYPE"]), draw.word(&["string", "list", "hash"])]),
            _ if draw.one_in(5) => command.push(draw.word(&["COUNT", "bogus", ""])),
            _ => (),
        }
    }
    command
}

fn expire(draw: &mut Draw) -> Command {
    let mut command = match draw.below(4) {
        0 => command!["EXPIRE", draw.key(), draw.ttl_seconds()],
        1 => command!["PEXPIRE", draw.key(), draw.ttl_milliseconds()],
        2 => command!["EXPIREAT", draw.key(), draw.moment_seconds()],
        _ => command!["PEXPIREAT", draw.key(), draw.moment_milliseconds()],
    };
    for _ in 0..draw.pick(&["0", "0", "1", "1", "2", "3"]).parse().unwrap_or(0) {
        command.push(draw.word(&["NX", "XX", "GT", "LT", "GT", "LT", "AB"]));
    }
    command
}

fn object(draw: &mut Draw) -> Step {
    let subcommand = draw.word(&["ENCODING", "REFCOUNT", "IDLETIME", "FREQ", "ENCODING", "BOGUS"]);
    let idle = subcommand.eq_ignore_ascii_case(b"IDLETIME");
    let command = command!["OBJECT", subcommand, draw.key()];
    Step::new(command, if idle { Compare::Kind } else { Compare::Exact })
}

/// What else may happen to the keys of a type's own family; one of them, `other`, becomes a string.
pub fn around(draw: &mut Draw, key: fn(&mut Draw) -> Vec<u8>, other: &str) -> Command {
    match draw.below(8) {
        0 => command![draw.word(&["MULTI", "EXEC", "DISCARD"])],
        1 => command!["SET", other, "x"],
        2 => command!["COPY", key(draw), key(draw), "REPLACE"],
        3 => command!["RENAME", key(draw), key(draw)],
        4 => command!["DEL", key(draw)],
        5 => strings::any_write(draw),
        6 => any(draw),
        _ => command![draw.word(&["TYPE", "EXISTS"]), key(draw)],
    }
}
