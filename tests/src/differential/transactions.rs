//! MULTI, EXEC, DISCARD, WATCH, and another client that writes in between.

use super::Family;
use super::draw::Draw;
use super::script::{Command, Step};
use super::{bitmaps, generic, strings};
use crate::command;

/// The family.
pub const TRANSACTIONS: Family = Family { name: "transactions", steps, fresh_servers: false };

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    let step = match draw.below(20) {
        0..=3 => Step::exact(command!["MULTI"]),
        4..=6 => Step::exact(command!["EXEC"]),
        7 => Step::exact(command!["DISCARD"]),
        8 | 9 => Step::exact([command!["WATCH"], draw.keys(3)].concat()),
        10 => Step::exact(command!["UNWATCH"]),
        11 => Step::exact(broken(draw)),
        12..=14 => Step::exact(queued(draw)).on(1),
        _ => Step::exact(queued(draw)),
    };
    steps.push(step);
}

/// A command whose reply does not depend on the moment.
fn queued(draw: &mut Draw) -> Command {
    match draw.below(12) {
        0 => command!["GET", draw.key()],
        1 => command!["DBSIZE"],
        2 => command!["SELECT", draw.pick(&["0", "0", "0", "1", "99"])],
        3 => command!["TYPE", draw.key()],
        4 => generic::any(draw),
        5 => command!["PING"],
        6 => {
            let mut made = Vec::new();
            (bitmaps::BITMAPS.steps)(draw, &mut made);
            made.remove(0).command
        }
        7 => command!["PUBLISH", "channel", draw.value()],
        _ => strings::any_write(draw),
    }
}

/// A command that fails while it is queued, or that MULTI does not take.
fn broken(draw: &mut Draw) -> Command {
    match draw.below(9) {
        0 => command!["NOSUCH", draw.key()],
        1 => command!["GET"],
        2 => command!["SET", draw.key()],
        3 => command!["EXEC", "now"],
        4 => command!["MULTI", "x"],
        5 => command!["WATCH"],
        6 => command!["RESET"],
        7 => command!["CLIENT", "nosuch"],
        _ => command!["OBJECT", "ENCODING"],
    }
}
