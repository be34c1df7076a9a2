//! WAIT and WAITAOF of servers without replicas and without an append-only file, alone, in transactions and with requests
//! behind them.

use super::Family;
use super::draw::Draw;
use super::script::{Command, Compare, Step};
use crate::command;

/// The family.
pub const WAITS: Family = Family { name: "waits", steps, fresh_servers: false };

fn steps(draw: &mut Draw, steps: &mut Vec<Step>) {
    if draw.one_in(4) {
        // Outside a transaction, which a server without the command would give up.
        steps.extend([Step::exact(command!["DISCARD"]), Step::exact(wait_for_disk(draw))]);
        return;
    }
    let step = match draw.below(8) {
        0 => Step::exact(command!["CLIENT", "UNBLOCK", draw.pick(&["$ID0", "$ID1", "99999999", "-1", "x"])]),
        1 => {
            let reason = draw.word(&["TIMEOUT", "ERROR", "BOGUS"]);
            let more = if draw.one_in(4) { vec![reason.clone()] } else { Vec::new() };
            let call = command!["CLIENT", "UNBLOCK", draw.pick(&["$ID1", "x"]), reason];
            Step::exact([call, more].concat())
        }
        2 => Step::exact(command![draw.word(&["MULTI", "EXEC", "DISCARD"])]),
        3 | 4 => {
            // A transaction would keep the modes of replies for later.
            steps.push(Step::exact(command!["DISCARD"]));
            let mut rest: Vec<Command> = (0..=draw.below(4)).map(|_| behind(draw)).collect();
            rest.push(command!["CLIENT", "REPLY", "ON"]);
            Step::new(behind(draw), Compare::Pipeline(rest))
        }
        _ => Step::exact(wait(draw)),
    };
    steps.push(step);
}

fn wait(draw: &mut Draw) -> Command {
    let mut call = command!["WAIT", count(draw), timeout(draw)];
    if draw.one_in(10) {
        call.push(b"1".into());
    }
    call
}

fn wait_for_disk(draw: &mut Draw) -> Command {
    command!["WAITAOF", draw.pick(&["0", "0", "1", "2", "-1", "x"]), count(draw), timeout(draw)]
}

fn count(draw: &mut Draw) -> &'static str {
    draw.pick(&["0", "1", "2", "-1", "x", "9223372036854775808", ""])
}

fn timeout(draw: &mut Draw) -> &'static str {
    draw.pick(&["1", "2", "1", "-1", "x", "1.5", "99999999999999999999", ""])
}

/// A command that a client sends without waiting for the reply to the one before.
fn behind(draw: &mut Draw) -> Command {
    match draw.below(5) {
        0 => command!["SET", draw.key(), draw.value()],
        1 => command!["CLIENT", "REPLY", draw.word(&["OFF", "SKIP", "SKIP"])],
        2 => command!["PING", "x"],
        _ => wait(draw),
    }
}
