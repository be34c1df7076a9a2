//! SORT and SORT_RO: lists, sets and sorted sets of numbers and texts, by themselves and by what other keys hold.
//!
//! No number is out of range: Redis goes on refusing numbers once it has seen one such. What chance
//! decides is avoided: sets and sorted sets whose own order shows are those that have one.

use super::Family;
use super::draw::Draw;
use super::script::{Command, Compare, Step};
use crate::command;

/// The family.
pub const SORTS: Family = Family { name: "sorts", steps, fresh_servers: false };

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    let step = match draw.below(16) {
        0 | 1 => Step::exact(fill(draw)),
        2 => Step::exact(command!["SET", weight(draw), value(draw)]),
        3 => Step::exact(command!["HSET", weight(draw), "f", value(draw), "g->h", value(draw)]),
        4 => Step::exact(command!["DEL", draw.pick(&["list", "set", "zset", "out", "w_1", "w_2"])]),
        5 => Step::exact(command!["LRANGE", "out", "0", "-1"]),
        6 => {
            Step::exact(command!["COMMAND", "GETKEYS", "SORT", "a", "STORE", "get", "by", "b", "STORE", "c"])
        }
        _ => sort(draw),
    };
    steps.push(step);
}

/// Numbers in the set, so that it is an intset, whose order shows where nothing is sorted.
fn fill(draw: &mut Draw) -> Command {
    let name = draw.pick(&["list", "texts", "set", "zset"]);
    let adds = if name == "zset" {
        "ZADD"
    } else if name == "set" {
        "SADD"
    } else {
        "RPUSH"
    };
    let mut command = command![adds, name];
    let many = if draw.one_in(10) { 200 } else { 1 + draw.below(5) };
    for _ in 0..many {
        if name == "zset" {
            command.push(draw.range(-20, 20).to_string().into_bytes());
        }
        command.push(if name == "texts" { value(draw) } else { draw.range(0, 30).to_string().into_bytes() });
    }
    command
}

fn weight(draw: &mut Draw) -> Vec<u8> {
    format!("{}_{}", draw.pick(&["w", "v"]), draw.below(30)).into_bytes()
}

fn value(draw: &mut Draw) -> Vec<u8> {
    match draw.below(8) {
        0 => draw.pick(&["0.5", "-1.25", "1e3", "-0", "+inf", "1e17", "0.1"]).into(),
        1 => draw.text(5),
        2 => draw.pick(&["", " 7", "7 ", "inf", "nan", "0x10"]).into(),
        _ => draw.range(-50, 50).to_string().into_bytes(),
    }
}

fn pattern(draw: &mut Draw) -> Vec<u8> {
    const PATTERNS: [&str; 14] = [
        "w_*",
        "v_*",
        "w_*",
        "w_*->f",
        "v_*->f",
        "v_*->g->h",
        "*",
        "nosort",
        "#",
        "w_*->",
        "w_*->none",
        "",
        "w_",
        "*_1",
    ];
    draw.pick(&PATTERNS).into()
}

fn sort(draw: &mut Draw) -> Step {
    let key = draw.pick(&["list", "texts", "set", "zset", "list", "zset", "w_1", "none", "out"]);
    let mut parts: Vec<Command> = Vec::new();
    for _ in 0..draw.below(5) {
        parts.push(match draw.below(10) {
            0 => command![draw.word(&["BY"]), pattern(draw)],
            1 | 2 => command![draw.word(&["GET"]), pattern(draw)],
            3 => command![draw.word(&["LIMIT"]), small(draw), small(draw)],
            4 => command![draw.word(&["LIMIT"]), draw.number(), draw.number()],
            5 | 6 => command![draw.word(&["ASC", "DESC"])],
            7 => command![draw.word(&["STORE"]), draw.pick(&["out", "list"])],
            8 if draw.one_in(8) => command![draw.word(&["BY", "GET", "LIMIT", "STORE", "bogus"])],
            _ => command![draw.word(&["ALPHA"])],
        });
    }
    let is_alpha = parts.iter().any(|part| part[0].eq_ignore_ascii_case(b"alpha"));
    let is_by = parts.iter().any(|part| part[0].eq_ignore_ascii_case(b"by"));
    // Equal texts of other keys leave the order to chance where the collection has none, or only a part is sorted.
    let ties = is_alpha && is_by;
    let command = [command![draw.word(&["SORT", "SORT_RO"]), key], parts.concat()].concat();
    let stores = command.iter().any(|word| word.eq_ignore_ascii_case(b"store"));
    match () {
        () if ties && stores => Step::exact(command!["SORT", key, "ALPHA"]),
        () if ties => Step::new(command, Compare::Kind),
        () => Step::exact(command),
    }
}

fn small(draw: &mut Draw) -> Vec<u8> {
    draw.range(-3, 12).to_string().into_bytes()
}
