//! Geo commands: places all over the map and close to each other, every option in any order, often wrong.
//!
//! No two members have the same place, so that distances differ and the order of replies is decided.

use super::Family;
use super::draw::Draw;
use super::script::{Command, Compare, Step};
use crate::command;

/// The family.
pub const GEO: Family = Family { name: "geo", steps, fresh_servers: false };

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    let step = match draw.below(20) {
        0..=5 => Step::exact(add(draw)),
        6 => Step::exact([command![draw.word(&["GEOPOS", "GEOHASH"]), key(draw)], members(draw)].concat()),
        7 => {
            let mut command = command!["GEODIST", key(draw), member(draw), member(draw)];
            if draw.one_in(2) {
                command.push(unit(draw));
            }
            Step::exact(command)
        }
        8..=11 => Step::exact(search(draw)),
        12 => Step::exact([command!["GEOSEARCHSTORE", key(draw)], search(draw)[1..].to_vec()].concat()),
        13..=16 => Step::exact(radius(draw)),
        17 => Step::exact(command!["ZRANGE", key(draw), "0", "-1", "WITHSCORES"]),
        18 if draw.one_in(3) => Step::exact(command!["SET", key(draw), "x"]),
        18 => Step::exact(command![draw.word(&["DEL", "TYPE"]), key(draw)]),
        _ => Step::new(command!["INFO", "persistence"], Compare::Kind),
    };
    steps.push(step);
}

fn key(draw: &mut Draw) -> Vec<u8> {
    draw.pick(&["a", "b", "c", "d"]).into()
}

fn member(draw: &mut Draw) -> Vec<u8> {
    format!("m{}", draw.below(30)).into_bytes()
}

fn members(draw: &mut Draw) -> Vec<Vec<u8>> {
    (0..draw.below(4)).map(|_| member(draw)).collect()
}

fn add(draw: &mut Draw) -> Command {
    let mut command = command!["GEOADD", key(draw)];
    for _ in 0..draw.below(3) {
        command.push(draw.word(&["NX", "XX", "CH"]));
    }
    let many = if draw.one_in(8) { 200 } else { 1 + draw.below(4) };
    for place in 0..many {
        command.extend(coordinates(draw));
        command.push(if many == 200 { format!("m{place}").into_bytes() } else { member(draw) });
    }
    if draw.one_in(20) {
        command.pop();
    }
    command
}

/// Longitude and latitude: mostly in one small region, so that searches find something.
fn coordinates(draw: &mut Draw) -> [Vec<u8>; 2] {
    let degrees = |draw: &mut Draw, whole: i64| {
        format!("{}.{:06}", draw.range(-whole, whole - 1), draw.below(1_000_000)).into_bytes()
    };
    match draw.below(12) {
        0 => [draw.float(), draw.float()],
        1 => [
            draw.pick(&["180", "-180", "180.1", "0"]).into(),
            draw.pick(&["85.05112878", "-85.06", "0"]).into(),
        ],
        2..=4 => [degrees(draw, 180), degrees(draw, 85)],
        _ => [
            format!("13.{:06}", draw.below(1_000_000)).into_bytes(),
            format!("37.{:06}", draw.below(1_000_000)).into_bytes(),
        ],
    }
}

fn unit(draw: &mut Draw) -> Vec<u8> {
    if draw.one_in(15) { draw.pick(&["", "mm", "miles"]).into() } else { draw.word(&["m", "km", "ft", "mi"]) }
}

fn length(draw: &mut Draw) -> Vec<u8> {
    match draw.below(12) {
        0 => draw.float(),
        1 => draw.pick(&["0", "-1", "20000", "inf", "1e7"]).into(),
        _ => format!("{}.{}", draw.below(400), draw.below(100)).into_bytes(),
    }
}

fn search(draw: &mut Draw) -> Command {
    let mut command = command!["GEOSEARCH", key(draw)];
    let mut parts = Vec::new();
    parts.push(if draw.one_in(2) {
        command![draw.word(&["FROMMEMBER"]), member(draw)]
    } else {
        [command![draw.word(&["FROMLONLAT"])], coordinates(draw).to_vec()].concat()
    });
    parts.push(if draw.one_in(2) {
        command![draw.word(&["BYRADIUS"]), length(draw), unit(draw)]
    } else {
        command![draw.word(&["BYBOX"]), length(draw), length(draw), unit(draw)]
    });
    if draw.one_in(12) {
        parts.remove(draw.below(2));
    }
    options(draw, &mut parts);
    if draw.one_in(8) {
        parts.push(command![draw.word(&["STOREDIST"])]);
    }
    while !parts.is_empty() {
        command.extend(parts.remove(draw.below(parts.len())));
    }
    command
}

fn radius(draw: &mut Draw) -> Command {
    let name = draw.word(&["GEORADIUS", "GEORADIUS_RO", "GEORADIUSBYMEMBER", "GEORADIUSBYMEMBER_RO"]);
    let by_member = name.len() > "GEORADIUS_RO".len();
    let mut command = command![name, key(draw)];
    if by_member {
        command.push(member(draw));
    } else {
        command.extend(coordinates(draw));
    }
    command.extend([length(draw), unit(draw)]);
    let mut parts = Vec::new();
    options(draw, &mut parts);
    if draw.one_in(4) {
        parts.push(command![draw.word(&["STORE", "STOREDIST"]), key(draw)]);
    }
    command.extend(parts.concat());
    command
}

fn options(draw: &mut Draw, parts: &mut Vec<Command>) {
    for _ in 0..draw.below(4) {
        parts.push(match draw.below(8) {
            0 | 1 => command![draw.word(&["ASC", "DESC"])],
            2 => command![draw.word(&["COUNT"]), draw.number()],
            3 => command![draw.word(&["COUNT"]), draw.pick(&["1", "2", "5", "20"])],
            4 => command![draw.word(&["COUNT"]), "3", draw.word(&["ANY"])],
            5 if draw.one_in(6) => command![draw.word(&["ANY", "bogus", "COUNT"])],
            _ => command![draw.word(&["WITHCOORD", "WITHDIST", "WITHHASH"])],
        });
    }
}
