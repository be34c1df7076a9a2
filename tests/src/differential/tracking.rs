//! Client-side caching: what a tracking client is told, and when.

use super::Family;
use super::draw::Draw;
use super::script::{Command, Compare, Step};
use super::strings;
use crate::command;

/// The family.
pub const TRACKING: Family = Family { name: "tracking", steps, fresh_servers: false };

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    if steps.is_empty() {
        // One client tracks throughout: Rufous forgets what was read when the last one stops.
        steps.push(Step::exact(command!["CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "never"]).on(1));
    }
    if steps.len() == 1 && !draw.resp3 {
        steps.push(Step::new(command!["SUBSCRIBE", "__redis__:invalidate"], Compare::Burst).on(2));
    }
    let step = match draw.below(18) {
        // Redis tells a client of its own changes in a transaction after the end, by what it then wants; Rufous at once.
        0..=2 if in_transaction(steps) => Step::exact(read(draw)),
        0 | 1 => Step::exact(switch(draw)),
        2 => Step::exact(command!["CLIENT", "TRACKING", "OFF"]),
        3 => Step::exact(command!["CLIENT", "CACHING", draw.word(&["YES", "NO", "YES", "x"])]),
        4 => Step::exact(command!["CLIENT", "TRACKINGINFO"]),
        5..=8 => Step::exact(read(draw)),
        9 => Step::exact(command!["MULTI"]),
        10 => Step::exact(command!["EXEC"]),
        11 | 12 => Step::exact(strings::any_write(draw)),
        13 if draw.one_in(4) => Step::exact(command!["FLUSHALL"]).on(1),
        _ => Step::exact(strings::any_write(draw)).on(1),
    };
    steps.push(step);
    steps.push(Step::new(command!["PING", "sync"], Compare::Burst).on(2));
    if draw.resp3 {
        // In a transaction the PING is queued like any other command; its reply then ends the burst all the same.
        steps.push(Step::new(command!["ECHO", "sync"], Compare::Burst));
    }
}

fn in_transaction(steps: &[Step]) -> bool {
    let mut names = steps.iter().rev().filter(|step| step.connection == 0).map(Step::name);
    names.find(|name| name == "multi" || name == "exec").is_some_and(|name| name == "multi")
}

fn read(draw: &mut Draw) -> Command {
    match draw.below(4) {
        0 => command!["STRLEN", draw.key()],
        1 => [command!["MGET"], draw.keys(3)].concat(),
        _ => command!["GET", draw.key()],
    }
}

fn switch(draw: &mut Draw) -> Command {
    let mut command = command!["CLIENT", "TRACKING", "ON"];
    if !draw.resp3 && !draw.one_in(6) {
        command.extend(command!["REDIRECT", draw.pick(&["$ID2", "$ID2", "$ID2", "99999999", "0", "x"])]);
    }
    for _ in 0..draw.below(4) {
        match draw.below(6) {
            0 | 1 => command.push(draw.word(&["BCAST"])),
            2 => command.extend(command!["PREFIX", draw.pick(&["k", "k1", "many:", "", "wi"])]),
            3 => command.push(draw.word(&["NOLOOP"])),
            4 => command.push(draw.word(&["OPTIN", "OPTOUT"])),
            _ => command.push(draw.word(&["PREFIX", "bogus", "NOLOOP"])),
        }
    }
    command
}
