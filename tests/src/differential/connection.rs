//! The connection itself: HELLO, AUTH, CLIENT, RESET, SELECT, silent modes.

use super::Family;
use super::draw::Draw;
use super::script::{Command, Compare, Step};
use crate::command;

/// The family.
pub const CONNECTION: Family = Family { name: "connection", steps, fresh_servers: true };

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    let step = match draw.below(20) {
        0 => Step::exact(command!["PING"]),
        1 => Step::exact(command![draw.word(&["PING", "ECHO"]), draw.value()]),
        2 => Step::exact(command!["SELECT", draw.number()]),
        3 | 4 => Step::new(hello(draw), Compare::Hello),
        5 | 6 => Step::exact(auth(draw)),
        7 => Step::exact(command!["RESET"]),
        8 => Step::exact(command![
            "CONFIG",
            "SET",
            "requirepass",
            draw.pick(&["", "", "", "secret", "pass word"])
        ]),
        9 => Step::exact(command!["ACL", "WHOAMI"]),
        10 => silent(draw),
        11 => Step::new(command!["CLIENT", "ID"], Compare::Kind),
        12 => Step::exact(command!["CLIENT", draw.word(&["GETNAME", "GETREDIR", "TRACKINGINFO"])]),
        13 => Step::exact(command!["CLIENT", "SETNAME", name(draw)]),
        14 => Step::exact(command!["CLIENT", "NO-EVICT", draw.word(&["ON", "OFF", "ON", "maybe"])]),
        15 => Step::exact(kill(draw)),
        16 => Step::exact(command![
            "CLIENT",
            "UNBLOCK",
            draw.pick(&["$ID0", "$ID1", "0", "-1", "x", "99999999"]),
            { draw.word(&["TIMEOUT", "ERROR", "bogus"]) }
        ]),
        17 => Step::exact(command![
            "CLIENT",
            "PAUSE",
            draw.pick(&["0", "-1", "x", "1.5"]),
            draw.word(&["WRITE", "ALL", "NO"])
        ]),
        18 => Step::exact(command!["CLIENT", "UNPAUSE"]),
        _ => Step::exact(any(draw)),
    };
    let connection = draw.below(2);
    steps.push(step.on(connection));
}

fn hello(draw: &mut Draw) -> Command {
    let mut command = command!["HELLO"];
    if draw.one_in(8) {
        return command;
    }
    command.push(draw.pick(&["2", "3", "3", "2", "4", "1", "x", ""]).into());
    // One mistake at most, since versions differ in which of several they find first.
    let good_name = draw.pick(&["me", "", "worker-1"]);
    match draw.below(8) {
        0 | 1 => command.extend(command![draw.word(&["SETNAME"]), name(draw)]),
        2 => command.push(draw.word(&["AUTH", "SETNAME", "bogus", ""])),
        3 => command.extend(command!["AUTH", draw.pick(&["default", "nobody", ""]), password(draw)]),
        4 | 5 => {
            command.extend(command![draw.word(&["AUTH"]), "default", password(draw), "SETNAME", good_name])
        }
        _ => (),
    }
    command
}

fn password(draw: &mut Draw) -> Vec<u8> {
    draw.pick(&["secret", "pass word", "wrong", "", "secret"]).into()
}

fn auth(draw: &mut Draw) -> Command {
    let mut command = command!["AUTH"];
    if draw.one_in(2) {
        command.push(draw.pick(&["default", "default", "nobody", ""]).into());
    }
    command.push(password(draw));
    command
}

fn name(draw: &mut Draw) -> Vec<u8> {
    draw.pick(&["", "me", "worker-1", "with space", "new\nline", "caf\u{e9}", "~!", "\x7f"]).into()
}

fn kill(draw: &mut Draw) -> Command {
    let mut command = command!["CLIENT", "KILL"];
    for _ in 0..=draw.below(2) {
        match draw.below(8) {
            0 => command.extend(command!["ID", draw.pick(&["$ID2", "99999999", "0", "-1", "x"])]),
            1 => command.extend(command!["ADDR", draw.pick(&["1.2.3.4:5", "", "nowhere"])]),
            2 => command.extend(command!["LADDR", draw.pick(&["1.2.3.4:5", ""])]),
            3 => command.extend(command!["TYPE", draw.word(&["pubsub", "replica", "slave", "bogus"])]),
            4 => command.extend(command!["USER", draw.pick(&["nobody", "default\0"])]),
            5 => command.extend(command!["ID", "$ID2", "SKIPME", draw.word(&["YES", "NO", "MAYBE"])]),
            6 => command.push(draw.pick(&["1.2.3.4:5", "$ID0", "ID", ""]).into()),
            _ => command.extend(command!["ID", "99999998"]),
        }
    }
    command
}

/// Some commands while replies are off, and all that arrives until they are on again.
fn silent(draw: &mut Draw) -> Step {
    let first = command!["CLIENT", "REPLY", draw.word(&["OFF", "SKIP", "ON"])];
    let mut rest = Vec::new();
    for _ in 0..draw.below(4) {
        rest.push(match draw.below(4) {
            0 => command!["SET", draw.key(), draw.value()],
            1 => command!["NOSUCH"],
            2 => command!["CLIENT", "REPLY", draw.word(&["OFF", "SKIP", "SKIP"])],
            _ => command!["PING", "x"],
        });
    }
    rest.push(command!["CLIENT", "REPLY", "ON"]);
    Step::new(first, Compare::Pipeline(rest))
}

fn any(draw: &mut Draw) -> Command {
    match draw.below(3) {
        0 => command!["GET", draw.key()],
        1 => command!["SET", draw.key(), draw.value()],
        _ => command![
            "CLIENT",
            draw.word(&["CACHING", "REPLY", "GETNAME", "bogus"]),
            draw.word(&["YES", "NO", "x"])
        ],
    }
}
