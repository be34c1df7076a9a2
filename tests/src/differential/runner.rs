//! Runs histories on two servers, compares, shrinks and reports.

use std::fmt::Write as _;
use std::io;

use super::Family;
use super::draw::Draw;
use super::exceptions::{self, Difference};
use super::script::{CONNECTIONS, Command, Compare, Step};
use crate::command;
use crate::conn::{Conn, closed};
use crate::resp::{Reply, encode_command};
use crate::server::{Server, Which};

/// Steps of one history. Short, so that what fails is short before it is shrunk.
const HISTORY_STEPS: usize = 150;
/// At most this many steps in one write: more than a window of commands that a server takes at once.
const PIPELINE_STEPS: usize = 40;
/// A shrink stops after this many replays.
const REPLAYS_MAX: usize = 400;
/// A SCAN that has not ended after this many calls does not end.
const SCAN_CALLS_MAX: usize = 20_000;
/// Nothing that is slow by chance may show in a reply.
const ARGUMENTS: [&str; 4] = ["--latency-monitor-threshold", "0", "--slowlog-log-slower-than", "-1"];

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Steps to run, at least.
    pub commands: usize,
    /// The seed of the first history; the others follow from it.
    pub seed: u64,
}

/// How a history is sent.
#[derive(Clone, Copy, Debug)]
struct Mode {
    resp3: bool,
    /// Neighbouring steps in one write, so that servers see windows of commands.
    pipelined: bool,
}

/// Runs a family; panics with a report on the first difference that is no exception.
pub fn run(family: &Family, plan: Plan) {
    let mut pair = Pair::start();
    let (mut done, mut index) = (0, 0);
    while done < plan.commands {
        let mode = Mode { resp3: index % 2 == 1, pipelined: index % 4 >= 2 };
        let seed = plan.seed.wrapping_add(index);
        let steps = history(family, seed, mode.resp3);
        if let Some(failure) = pair.replay(family, &steps, mode) {
            let shrunk = shrink(&mut pair, family, steps[..=failure.at].to_vec(), mode);
            panic!("{}", report(family, seed, mode, &failure, &mut pair, &shrunk));
        }
        done += steps.len();
        index += 1;
    }
}

/// The steps of one history.
pub fn history(family: &Family, seed: u64, resp3: bool) -> Vec<Step> {
    let mut draw = Draw::new(seed, resp3);
    let mut steps = Vec::new();
    while steps.len() < HISTORY_STEPS {
        (family.steps)(&mut draw, &mut steps);
    }
    steps
}

/// A step whose replies differ.
#[derive(Clone, Debug)]
struct Failure {
    at: usize,
    ours: Outcome,
    theirs: Outcome,
}

/// What came back for a step.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Replies(Vec<Reply>),
    Closed,
    Broken(String),
}

struct Pair {
    rufous: Side,
    redis: Side,
    reference: String,
    markers: usize,
}

struct Side {
    which: Which,
    server: Server,
    connections: [Option<Conn>; CONNECTIONS],
    ids: [Vec<u8>; CONNECTIONS],
}

impl Pair {
    fn start() -> Self {
        let (rufous, redis) = (Side::start(Which::Rufous), Side::start(Which::Redis));
        let information = redis.server.connect().must("INFO server").text();
        let version = information.lines().find_map(|line| line.strip_prefix("redis_version:"));
        Self { reference: version.expect("redis_version").trim().to_owned(), rufous, redis, markers: 0 }
    }

    /// Runs the steps from a clean state. Returns the first difference.
    fn replay(&mut self, family: &Family, steps: &[Step], mode: Mode) -> Option<Failure> {
        self.rufous.reset(family.fresh_servers, mode.resp3);
        self.redis.reset(family.fresh_servers, mode.resp3);
        let mut at = 0;
        while at < steps.len() {
            let group = &steps[at..at + group_length(&steps[at..], mode)];
            self.markers += 1;
            let marker = format!("marker-{}", self.markers);
            let ours = self.rufous.perform(group, &marker, mode.resp3);
            let theirs = self.redis.perform(group, &marker, mode.resp3);
            for ((step, ours), theirs) in group.iter().zip(ours).zip(theirs) {
                if !self.same(step, &ours, &theirs) {
                    return Some(Failure { at, ours, theirs });
                }
                at += 1;
            }
        }
        None
    }

    fn same(&self, step: &Step, ours: &Outcome, theirs: &Outcome) -> bool {
        match (ours, theirs) {
            (Outcome::Replies(ours), Outcome::Replies(theirs)) => {
                let difference = Difference { step, ours, theirs, reference: &self.reference };
                step.compare.same(ours, theirs) || exceptions::find(&difference).is_some()
            }
            (Outcome::Closed, Outcome::Closed) => true,
            _ => false,
        }
    }
}

impl Side {
    fn start(which: Which) -> Self {
        let server = Server::spawn(which, &ARGUMENTS);
        Self { which, server, connections: Default::default(), ids: Default::default() }
    }

    /// Empty databases, new connections, counters at zero; a new process when asked, or when the old one is gone. Keys
    /// expire on access only, so that it does not matter when a server looks for them.
    fn reset(&mut self, fresh: bool, resp3: bool) {
        self.connections = Default::default();
        if fresh || self.server.exited().is_some() {
            self.server = Server::spawn(self.which, &ARGUMENTS);
        } else {
            let mut conn = self.server.connect();
            conn.must("FLUSHALL");
            conn.must("CONFIG RESETSTAT");
        }
        self.server.connect().must("DEBUG SET-ACTIVE-EXPIRE 0");
        for connection in 0..CONNECTIONS {
            let _ = self.open(connection, resp3);
        }
    }

    /// The outcomes of steps that are sent together.
    fn perform(&mut self, group: &[Step], marker: &str, resp3: bool) -> Vec<Outcome> {
        let connection = group[0].connection;
        let mut outcomes = Vec::with_capacity(group.len());
        let mut ended = None;
        if self.connections[connection].is_none() {
            ended = self.open(connection, resp3).err();
        }
        if let ([_, _, ..], None) = (group, &ended) {
            let bytes: Vec<u8> =
                group.iter().flat_map(|step| encode_command(&self.with_ids(&step.command))).collect();
            ended = self.connections[connection].as_mut().expect("an open connection").send_raw(&bytes).err();
        }
        for step in group {
            let result = match ended.take() {
                Some(error) => Err(error),
                None if group.len() > 1 => self.next_reply(connection),
                None => self.alone(step, marker),
            };
            outcomes.push(match &result {
                Ok(replies) => Outcome::Replies(replies.clone()),
                Err(error) if closed(error) => Outcome::Closed,
                Err(error) => Outcome::Broken(error.to_string()),
            });
            ended = result.err();
        }
        if ended.is_some() {
            self.connections[connection] = None;
        }
        outcomes
    }

    fn next_reply(&mut self, connection: usize) -> io::Result<Vec<Reply>> {
        let reply = self.connections[connection].as_mut().expect("an open connection").read()?;
        Ok(vec![self.without_ids(reply)])
    }

    fn alone(&mut self, step: &Step, marker: &str) -> io::Result<Vec<Reply>> {
        let command = self.with_ids(&step.command);
        let conn = self.connections[step.connection].as_mut().expect("an open connection");
        let replies = match &step.compare {
            Compare::Burst => burst(conn, &[command], marker)?,
            Compare::Pipeline(rest) => burst(conn, &[vec![command], rest.clone()].concat(), marker)?,
            Compare::WholeScan => vec![whole_scan(conn, command)?],
            Compare::SomeKey => vec![some_key(conn, &command)?],
            _ => vec![conn.call(&command)?],
        };
        Ok(replies.into_iter().map(|reply| self.without_ids(reply)).collect())
    }

    fn open(&mut self, connection: usize, resp3: bool) -> io::Result<()> {
        let mut conn = Conn::open(self.server.address())?;
        if resp3 {
            conn.call(&["HELLO", "3"])?;
        }
        let id = match conn.call(&["CLIENT", "ID"])? {
            Reply::Integer(id) => id.to_string(),
            _ => "0".to_owned(),
        };
        self.ids[connection] = id.into_bytes();
        self.connections[connection] = Some(conn);
        Ok(())
    }

    fn with_ids(&self, command: &[Vec<u8>]) -> Command {
        let id = |word: &Vec<u8>| match word.strip_prefix(b"$ID") {
            Some(&[digit @ b'0'..=b'2']) => self.ids[usize::from(digit - b'0')].clone(),
            _ => word.clone(),
        };
        command.iter().map(id).collect()
    }

    /// The reply with the client ID after "redirect" given as the connection's index, which is the same on both servers.
    fn without_ids(&self, reply: Reply) -> Reply {
        let renumbered = |value: Reply| match &value {
            Reply::Integer(id) => {
                let index = self.ids.iter().position(|own| own == id.to_string().as_bytes());
                index.map_or(value, |index| Reply::Simple(format!("$ID{index}").into_bytes()))
            }
            _ => self.without_ids(value),
        };
        match reply {
            Reply::Map(pairs) => {
                let pair = |(key, value): (Reply, Reply)| {
                    let value =
                        if key.text() == "redirect" { renumbered(value) } else { self.without_ids(value) };
                    (key, value)
                };
                Reply::Map(pairs.into_iter().map(pair).collect())
            }
            Reply::Array(items) => {
                let named: Vec<bool> = items.iter().map(|item| item.text() == "redirect").collect();
                let item = |(at, item): (usize, Reply)| {
                    if at > 0 && named[at - 1] { renumbered(item) } else { self.without_ids(item) }
                };
                Reply::Array(items.into_iter().enumerate().map(item).collect())
            }
            other => other,
        }
    }
}

/// How many of the first steps are sent together.
fn group_length(steps: &[Step], mode: Mode) -> usize {
    let single = |step: &&Step| {
        let alone = matches!(
            step.compare,
            Compare::Burst | Compare::Pipeline(_) | Compare::WholeScan | Compare::SomeKey | Compare::Hello
        );
        // Redis 7.2 leaves out the error of a failed AUTH when an earlier reply has not been sent.
        !alone && step.name() != "auth" && step.connection == steps[0].connection
    };
    if mode.pipelined { steps.iter().take(PIPELINE_STEPS).take_while(single).count().max(1) } else { 1 }
}

/// Sends commands and a marked PING behind them, and collects everything up to the PING's reply. Where PING is queued or
/// refused, it is the last of as many replies as there were commands.
fn burst(conn: &mut Conn, commands: &[Command], marker: &str) -> io::Result<Vec<Reply>> {
    let mut bytes: Vec<u8> = commands.iter().flat_map(|command| encode_command(command)).collect();
    bytes.extend(encode_command(&["PING", marker]));
    conn.send_raw(&bytes)?;
    let (mut replies, mut answers) = (conn.take_pushes(), 0);
    loop {
        let reply = conn.read_any()?;
        answers += usize::from(!matches!(reply, Reply::Push(_)));
        let stuck = reply.is_error() || reply == Reply::Simple(b"QUEUED".to_vec());
        if is_marker(&reply, marker) || (stuck && answers > commands.len()) {
            return Ok(replies);
        }
        replies.push(reply);
    }
}

fn is_marker(reply: &Reply, marker: &str) -> bool {
    match reply {
        Reply::Bulk(bytes) => bytes == marker.as_bytes(),
        Reply::Array(items) => items.len() == 2 && items[0].text() == "pong" && items[1].text() == marker,
        _ => false,
    }
}

/// All keys of a whole iteration, each once; or the error that ended it.
fn whole_scan(conn: &mut Conn, mut command: Command) -> io::Result<Reply> {
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let cursor_at = if command[0].eq_ignore_ascii_case(b"scan") { 1 } else { 2 };
    for _ in 0..SCAN_CALLS_MAX {
        let reply = conn.call(&command)?;
        let Some([cursor, Reply::Array(found)]) = reply.items() else { return Ok(reply) };
        keys.extend(found.iter().filter_map(|key| key.bytes().map(<[u8]>::to_vec)));
        if cursor.bytes() == Some(b"0") {
            keys.sort();
            keys.dedup();
            return Ok(Reply::Array(keys.into_iter().map(Reply::Bulk).collect()));
        }
        command[cursor_at] = cursor.bytes().unwrap_or_default().to_vec();
    }
    Ok(Reply::Error(b"the iteration does not end".to_vec()))
}

/// `true` for a key that exists, `false` for one that does not; the reply itself when it is no key.
fn some_key(conn: &mut Conn, command: &[Vec<u8>]) -> io::Result<Reply> {
    let reply = conn.call(command)?;
    let Reply::Bulk(key) = &reply else { return Ok(reply) };
    Ok(Reply::Boolean(conn.call(&command!["EXISTS", key])? == Reply::Integer(1)))
}

/// Leaves out ever smaller parts of the steps as long as some reply still differs.
fn shrink(pair: &mut Pair, family: &Family, mut steps: Vec<Step>, mode: Mode) -> Vec<Step> {
    let (mut part, mut replays) = (steps.len() / 2, 0);
    while part > 0 {
        let mut start = 0;
        while start < steps.len() && replays < REPLAYS_MAX {
            let mut fewer = steps.clone();
            fewer.drain(start..(start + part).min(steps.len()));
            replays += 1;
            match pair.replay(family, &fewer, mode) {
                Some(failure) => steps = fewer[..=failure.at].to_vec(),
                None => start += part,
            }
        }
        part /= 2;
    }
    steps
}

fn report(
    family: &Family,
    seed: u64,
    mode: Mode,
    found: &Failure,
    pair: &mut Pair,
    steps: &[Step],
) -> String {
    let reference = &pair.reference;
    let mut text = format!("{}: replies differ; seed {seed}, {mode:?}, reference {reference}\n", family.name);
    let again = pair.replay(family, steps, mode);
    if again.is_none() {
        text.push_str("(not every time: the shrunk history below passed when replayed)\n");
    }
    for step in steps {
        let words: Vec<String> =
            step.command.iter().map(|word| format!("\"{}\"", word.escape_ascii())).collect();
        write!(text, "  {}> {}", step.connection, words.join(" ")).expect("write to a string");
        if let Compare::Pipeline(rest) = &step.compare {
            write!(text, " and {rest:?}").expect("write to a string");
        }
        text.push('\n');
    }
    let Failure { ours, theirs, .. } = again.as_ref().unwrap_or(found);
    write!(text, "  rufous: {ours:?}\n  redis:  {theirs:?}").expect("write to a string");
    for side in [&mut pair.rufous, &mut pair.redis] {
        if let Some(status) = side.server.exited() {
            let (which, log) = (side.which, side.server.log());
            write!(text, "\n  {which:?} is gone ({status}); its log:\n{log}").expect("write to a string");
        }
    }
    text
}
