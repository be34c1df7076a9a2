//! The same random commands to Rufous and to a real `redis-server`, and then: did both write the same into their append-only
//! files? Times may differ by some seconds; what draws by chance is left out, and so is what only one of them knows.
//!
//! `RUFOUS_DIFF_COMMANDS` and `RUFOUS_DIFF_SEED` set how many commands a family gets and where they start.

use std::env;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rufous_persistence::aof::manifest::Manifest;
use rufous_persistence::aof::scan::{Item, Scanner};
use rufous_tests::command;
use rufous_tests::conn::Conn;
use rufous_tests::differential::runner::history;
use rufous_tests::differential::script::{Command, Compare, Step};
use rufous_tests::differential::{
    Family, bitmaps, dumps, generic, hashes, hyperloglog, lists, sets, sorted_sets, strings, transactions,
};
use rufous_tests::server::{Server, Which, program_or_notice};
use tempfile::TempDir;

const COMMANDS: usize = 1500;
/// How far apart two times may be, in milliseconds, that mean the same.
const TIME_DISTANCE_MS: i64 = 5000;
/// Numbers from here on are times in milliseconds.
const TIME_MIN: i64 = 1_000_000_000_000;
/// What draws by chance, waits, ends connections, or changes the server.
const LEFT_OUT: &[&str] = &[
    "spop",
    "blpop",
    "brpop",
    "blmove",
    "brpoplpush",
    "blmpop",
    "bzpopmin",
    "bzpopmax",
    "bzmpop",
    "client",
    "config",
    "debug",
    "reset",
    "quit",
    "hello",
    "subscribe",
    "psubscribe",
    "wait",
    "waitaof",
    "monitor",
    "randomkey",
    "object",
    "memory",
];
const MARKER: &str = "end-of-history";

struct Side {
    which: Which,
    folder: TempDir,
    conn: Conn,
    /// Commands of the file that were looked at.
    seen: usize,
    _server: Server,
}

impl Side {
    fn start(which: Which) -> Side {
        let folder = tempfile::Builder::new().prefix("rufous-propagation-").tempdir().unwrap();
        let arguments = ["--dir", folder.path().to_str().unwrap(), "--appendonly", "yes"];
        let server = Server::spawn(which, &arguments);
        Side { which, conn: server.connect(), folder, seen: 0, _server: server }
    }

    fn file(&self) -> Vec<Command> {
        let folder = self.folder.path().join("appendonlydir");
        let manifest = Manifest::parse(&fs::read(folder.join("appendonly.aof.manifest")).unwrap()).unwrap();
        let bytes = fs::read(folder.join(&manifest.increments.last().unwrap().name)).unwrap();
        let mut scanner = Scanner::new(&bytes, 0, false);
        let mut commands = Vec::new();
        while let Some(Ok(item)) = scanner.next() {
            if item == Item::Command {
                commands.push(scanner.words().map(<[u8]>::to_vec).collect());
            }
        }
        commands
    }

    /// What was written since this was last asked, the marker of its end left out.
    fn written(&mut self) -> Vec<Command> {
        self.conn.must(&format!("SET {MARKER} 1"));
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let file = self.file();
            let marked = file[self.seen..]
                .iter()
                .position(|command| command.iter().any(|word| word == MARKER.as_bytes()));
            if let Some(len) = marked {
                let written = file[self.seen..self.seen + len].to_vec();
                self.seen += len + 1;
                return written.into_iter().map(canonical).collect();
            }
            assert!(Instant::now() < deadline, "{:?} does not write its file", self.which);
            sleep(Duration::from_millis(1));
        }
    }
}

/// A SET with PXAT: 7.2 writes it as it came, 7.0 without other options.
fn canonical(command: Command) -> Command {
    let is = |at: usize, name: &str| {
        command.get(at).is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
    };
    let deadline = (3..command.len()).rev().find(|&at| is(0, "set") && is(at, "pxat"));
    match deadline.and_then(|at| command.get(at + 1)) {
        Some(time) => command!["SET", &command[1], &command[2], "PXAT", time],
        None => command,
    }
}

/// Sends a history to both; what Redis refuses is not sent to Rufous.
fn send(theirs: &mut Side, ours: &mut Side, steps: &[Step]) {
    for step in steps {
        let is_plain = !matches!(
            step.compare,
            Compare::WholeScan | Compare::Burst | Compare::Pipeline(_) | Compare::Hello
        );
        let has_id = step.command.iter().any(|word| word.starts_with(b"$ID"));
        if step.connection != 0 || !is_plain || has_id || LEFT_OUT.contains(&step.name().as_str()) {
            continue;
        }
        let reply = theirs.conn.call(&step.command).unwrap();
        let is_exec = step.name() == "exec";
        if reply.is_error() && !is_exec {
            continue;
        }
        let command = if reply.is_error() { vec![b"DISCARD".to_vec()] } else { step.command.clone() };
        ours.conn.call(&command).unwrap();
    }
    for side in [theirs, ours] {
        side.conn.call(&["DISCARD"]).unwrap();
        side.conn.must("SELECT 0");
    }
}

fn same(ours: &Command, theirs: &Command) -> bool {
    let number =
        |word: &[u8]| std::str::from_utf8(word).ok()?.parse::<i64>().ok().filter(|&number| number > TIME_MIN);
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(ours, theirs)| {
            let distance = number(ours).zip(number(theirs)).map(|(ours, theirs)| ours.abs_diff(theirs));
            ours == theirs || distance.is_some_and(|distance| distance <= TIME_DISTANCE_MS as u64)
        })
}

fn shown(commands: &[Command]) -> String {
    let line = |command: &Command| {
        command.iter().map(|word| word.escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
    };
    commands.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn check(family: Family) {
    if program_or_notice("redis-server", family.name).is_none() {
        return;
    }
    let setting = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let commands = setting("RUFOUS_DIFF_COMMANDS").map_or(COMMANDS, |commands| commands as usize);
    let seed = setting("RUFOUS_DIFF_SEED").unwrap_or(1);
    let (mut theirs, mut ours) = (Side::start(Which::Redis), Side::start(Which::Rufous));
    let mut done = 0;
    for index in 0.. {
        if done >= commands {
            break;
        }
        let steps = history(&family, seed + index, false);
        done += steps.len();
        for side in [&mut theirs, &mut ours] {
            side.conn.must("FLUSHALL");
            // When a key expires by itself is chance.
            side.conn.must("DEBUG SET-ACTIVE-EXPIRE 0");
        }
        send(&mut theirs, &mut ours, &steps);
        let (theirs, ours) = (theirs.written(), ours.written());
        let differs = ours.iter().zip(&theirs).position(|(ours, theirs)| !same(ours, theirs));
        let differs = differs.or((ours.len() != theirs.len()).then_some(ours.len().min(theirs.len())));
        if let Some(at) = differs {
            let part =
                |commands: &[Command]| shown(&commands[at.saturating_sub(3)..commands.len().min(at + 3)]);
            panic!(
                "{}, seed {}, command {at}:\n--- Rufous wrote\n{}\n--- Redis wrote\n{}",
                family.name,
                seed + index,
                part(&ours),
                part(&theirs)
            );
        }
    }
}

macro_rules! families {
    ($($name:ident: $family:expr;)*) => { $(#[test] fn $name() { check($family); })* };
}

families! {
    strings_are_written_as_by_redis: strings::STRINGS;
    hashes_are_written_as_by_redis: hashes::HASHES;
    sets_are_written_as_by_redis: sets::SETS;
    sorted_sets_are_written_as_by_redis: sorted_sets::SORTED_SETS;
    lists_are_written_as_by_redis: lists::LISTS;
    generic_commands_are_written_as_by_redis: generic::GENERIC;
    transactions_are_written_as_by_redis: transactions::TRANSACTIONS;
    bitmaps_are_written_as_by_redis: bitmaps::BITMAPS;
    hyperloglogs_are_written_as_by_redis: hyperloglog::HYPERLOGLOG;
    dumps_are_written_as_by_redis: dumps::DUMPS;
}
