//! Harmed payloads: values of all types dumped, the payloads harmed and sealed anew, restored, and what was taken read and
//! changed by commands of its type. A server may refuse what it likes. It must live and answer.
//!
//! A round is a function of its seed: one value, and so many harmed payloads of it and of those before it in the round.

mod commands;
mod harm;

use std::io;
use std::time::Duration;

use rufous_persistence::dump;
use rufous_persistence::rdb::Type;

use crate::command;
use crate::conn::Conn;
use crate::differential::script::Command;
use crate::resp::Reply;
use crate::seed::Seed;
use crate::server::Server;

/// Values of a round.
const VALUES: usize = 8;
/// Harmed payloads of each value.
const HARMED: usize = 100;
/// Commands after each payload that was taken.
const COMMANDS: usize = 12;
/// Payloads that are sent together.
const TOGETHER: usize = 10;
/// A reply that takes longer does not come.
const REPLY_SECONDS: u64 = 60;

/// What rounds came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Payloads that were sent.
    pub sent: u64,
    /// Payloads that the server took.
    pub taken: u64,
    /// Commands on what it took.
    pub commands: u64,
}

/// What a server did not outlive.
#[derive(Debug)]
pub struct Failure {
    /// The seed of the round.
    pub seed: u64,
    /// The last commands, some of which are to blame.
    pub commands: Vec<Command>,
    /// How it showed.
    pub problem: String,
}

/// Runs the round of a seed.
pub fn round(server: &mut Server, seed: u64, tally: &mut Tally) -> Result<(), Box<Failure>> {
    let mut last = Vec::new();
    attempt(server, seed, tally, &mut last).map_err(|error| {
        let status = server.exited();
        let problem = format!("{error}; exit status {status:?}; log:\n{}", tail(&server.log()));
        Box::new(Failure { seed, commands: last, problem })
    })
}

fn attempt(server: &Server, seed: u64, tally: &mut Tally, last: &mut Vec<Command>) -> io::Result<()> {
    let mut random = Seed::new(seed);
    let mut conn = Conn::open(server.address())?;
    conn.set_timeout(Duration::from_secs(REPLY_SECONDS));
    let sanitize = if random.one_in(2) { "yes" } else { "no" };
    let start = [command!["FLUSHALL"], command!["CONFIG", "SET", "sanitize-dump-payload", sanitize]];
    run(&mut conn, start.to_vec(), last)?;
    let mut bodies: Vec<Vec<u8>> = Vec::new();
    for _ in 0..VALUES {
        let make = commands::value(&mut random);
        run(&mut conn, [vec![command!["DEL", "v"]], make].concat(), last)?;
        let payload = run(&mut conn, vec![command!["DUMP", "v"]], last)?.pop();
        let Some(Reply::Bulk(payload)) = payload else { continue };
        let opened = dump::open(&payload, true).expect("a payload that the server made");
        bodies.push(opened.body.to_vec());
        for _ in 0..HARMED / TOGETHER {
            let batch = (0..TOGETHER).flat_map(|_| restored(&mut random, &bodies, opened.version)).collect();
            for replies in run(&mut conn, batch, last)?.chunks(1 + COMMANDS) {
                tally.sent += 1;
                if !replies[0].is_error() {
                    tally.taken += 1;
                    tally.commands += COMMANDS as u64;
                }
            }
        }
    }
    Ok(())
}

/// RESTORE of a harmed payload, and commands on what it is, or on what was there before if it is refused.
fn restored(random: &mut Seed, bodies: &[Vec<u8>], version: u16) -> Vec<Command> {
    let mut harmed = harm::harm(random, bodies);
    let kind = Type::of(harmed[0]);
    dump::seal(&mut harmed, version);
    let mut batch = vec![command!["RESTORE", "v", "0", harmed, "REPLACE"]];
    batch.extend((0..COMMANDS).map(|_| commands::command(random, kind)));
    batch
}

/// Runs commands, which are the last ones from then on.
fn run(conn: &mut Conn, commands: Vec<Command>, last: &mut Vec<Command>) -> io::Result<Vec<Reply>> {
    *last = commands;
    conn.pipeline(last)
}

/// The last lines of a log.
fn tail(log: &str) -> String {
    const LINES: usize = 30;
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
