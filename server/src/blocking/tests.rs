//! Waits for keys, with three commands that only these tests have, on strings: no type of values blocks by itself here.

use super::{Deadline, Until, run_again};
use crate::client::{Closing, Special};
use crate::command::keys::{KeySpec, RW};
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Ctx;
use crate::effects::{Event, Listening};
use crate::notify::Class;
use crate::testing::Bench;
use proptest::prelude::*;
use rufous_protocol::error;
use rufous_protocol::request::Args;
use rufous_storage::{Kind, NewStr, Ttl};
use std::collections::{BTreeMap, VecDeque};

const EVENT: Event = Event::new(Class::STRING, "test");

/// Commands of the tests.
pub const ROWS: &[Command] = &[
    Command::new("take", take, -3, Flags::WRITE.union(Flags::BLOCKING), Group::String)
        .keys(&[KeySpec::range(1, -2, 1, RW)])
        .docs("1.0.0", "O(1)", "Removes the first of the strings and replies it.", "key ... timeout:double"),
    Command::new("carry", carry, 4, Flags::WRITE.union(Flags::BLOCKING), Group::String)
        .keys(&[KeySpec::range(1, 2, 1, RW)])
        .docs(
            "1.0.0",
            "O(1)",
            "Removes a string, replies it and sets another key to it.",
            "source:key destination:key timeout:double",
        ),
    Command::new("follow", follow, 3, Flags::READONLY.union(Flags::BLOCKING), Group::String)
        .keys(&[KeySpec::range(1, 1, 1, RW)])
        .docs(
            "1.0.0",
            "O(1)",
            "Waits until a string is \"go\"; without it there is an error.",
            "key timeout:double",
        ),
];

/// TAKE key [key ...] timeout
fn take(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let timeout = args.len() - 1;
    let deadline = Deadline::in_seconds(&cx.server.clock, args.get(timeout))?;
    for key in args.to(timeout).from(1) {
        if let Some(value) = taken(cx, key) {
            cx.reply.array(2);
            cx.reply.bulk(key);
            cx.reply.bulk(&value);
            return Ok(());
        }
    }
    wait_or_null(cx, args, args.to(timeout).from(1), deadline)
}

/// CARRY source destination timeout
fn carry(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let deadline = Deadline::in_seconds(&cx.server.clock, args.get(3))?;
    let Some(value) = taken(cx, args.get(1)) else {
        return wait_or_null(cx, args, args.to(2).from(1), deadline);
    };
    cx.db.write(args.get(2)).set(NewStr::Bytes(&value), Ttl::Clear);
    cx.changed(args.get(2), EVENT, 1);
    cx.reply.bulk(&value);
    Ok(())
}

/// FOLLOW key timeout
fn follow(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let deadline = Deadline::in_seconds(&cx.server.clock, args.get(2))?;
    match cx.db.string(args.get(1))?.map(|value| value.to_vec()) {
        None => return Err(error::NO_SUCH_KEY),
        Some(value) if value == b"go" => cx.reply.bulk(&value),
        Some(_) => cx.block_on_keys(args, [args.get(1)], Until::Changes, deadline),
    }
    Ok(())
}

fn taken(cx: &mut Ctx<'_>, key: &[u8]) -> Option<Vec<u8>> {
    let value = cx.db.string(key).ok()??.to_vec();
    cx.db.remove(key, false);
    cx.changed(key, EVENT, 1);
    Some(value)
}

fn wait_or_null(cx: &mut Ctx<'_>, args: Args<'_>, keys: Args<'_>, deadline: Deadline) -> Outcome {
    if cx.may_block() {
        cx.block_on_keys(args, keys, Until::Holds(Kind::String), deadline);
    } else {
        cx.reply.null_array();
    }
    Ok(())
}

/// Nobody waits, and nothing is left over from those who did.
#[track_caller]
fn assert_idle(bench: &Bench) {
    let blocking = &bench.engine.state.blocking;
    assert_eq!((blocking.clients(), blocking.deadlines(), blocking.key_counts()), (0, 0, (0, 0)));
    assert!(!blocking.has_ready() && blocking.next_deadline_us().is_none());
    assert!(!bench.engine.store.effects.listening.contains(Listening::BLOCKED));
}

#[test]
fn waiters_are_served_in_order_of_arrival_until_the_key_is_empty() {
    let mut bench = Bench::default();
    let [a, b, writer] = [(); 3].map(|()| bench.connect());
    assert_eq!(bench.ask(a, "take k 0"), "");
    assert_eq!(bench.ask(b, "take other k k 0"), "");
    assert_eq!(bench.engine.state.blocking.key_counts(), (2, 0));
    assert_eq!(bench.ask(writer, "set k 1\r\nget k\r\nset k 2\r\nget k"), "+OK|$-1|+OK|$-1");
    assert_eq!(bench.sent(a), "*2|$1|k|$1|1");
    assert_eq!(bench.sent(b), "*2|$1|k|$1|2");
    assert_eq!(bench.advance(0), [a, b]);
    assert_idle(&bench);
}

#[test]
fn a_transaction_feeds_after_its_end() {
    let mut bench = Bench::default();
    let [a, writer] = [(); 2].map(|()| bench.connect());
    bench.run(a, "take x y 0");
    let queued = bench.ask(writer, "multi\r\nset y 1\r\nset x 2\r\nget x\r\ntake nothing 0\r\nexec");
    assert!(queued.ends_with("*4|+OK|+OK|$1|2|*-1"), "{queued}");
    assert_eq!(bench.sent(a), "*2|$1|x|$1|2", "its first key that is there");
    bench.run(a, "take z 0");
    bench.run(writer, "multi\r\nset z 1\r\ndel z\r\nexec");
    assert!(bench.waits(a));
}

#[test]
fn one_served_client_may_feed_the_next() {
    let mut bench = Bench::default();
    let [a, b, writer] = [(); 3].map(|()| bench.connect());
    bench.run(a, "take b 0");
    bench.run(b, "carry a b 0");
    bench.run(writer, "client tracking on bcast\r\nset a 1");
    assert_eq!((bench.sent(a).as_str(), bench.sent(b).as_str()), ("*2|$1|b|$1|1", "$1|1"));
    assert_idle(&bench);
}

#[test]
fn what_a_served_client_changes_reaches_the_one_who_fed_it() {
    let mut bench = Bench::default();
    let [a, writer] = [(); 2].map(|()| bench.connect());
    bench.run(a, "take k 0");
    bench.run(writer, "hello 3\r\nclient tracking on\r\nget k");
    bench.sent(writer);
    // Its own write, then the taking of the other.
    let told = bench.ask(writer, "set k 1\r\nget k");
    assert_eq!(told, "+OK|>2|$10|invalidate|*1|$1|k|_");
    bench.run(a, "take k 0");
    bench.run(writer, "watch k\r\nset k 1\r\nmulti\r\nping");
    bench.sent(writer);
    assert_eq!(bench.ask(writer, "exec"), "_");
}

#[test]
fn deadlines_pass_in_order_and_are_never_early() {
    let mut bench = Bench::default();
    let [a, b, c] = [(); 3].map(|()| bench.connect());
    bench.run(a, "take k 0.020");
    bench.run(b, "take k 0.0101");
    bench.run(c, "hello 3\r\ntake k 0.020");
    bench.sent(c);
    assert_eq!(bench.advance(10), []);
    assert_eq!(bench.advance(1), [b]);
    assert_eq!(bench.sent(b), "*-1");
    assert_eq!(bench.advance(9), [a, c]);
    assert_eq!((bench.sent(a).as_str(), bench.sent(c).as_str()), ("*-1", "_"));
    assert_idle(&bench);
}

#[test]
fn who_waits_again_keeps_deadline_and_place() {
    let mut bench = Bench::default();
    let [a, b, writer] = [(); 3].map(|()| bench.connect());
    bench.run(writer, "set k stay");
    bench.run(a, "follow k 0.020");
    bench.run(b, "follow k 0");
    bench.advance(15);
    let before = (arrival(&bench, a), arrival(&bench, b));
    bench.run(writer, "set k still");
    assert!(bench.waits(a) && bench.waits(b));
    assert_eq!((arrival(&bench, a), arrival(&bench, b)), before);
    assert_eq!(bench.advance(5), [a]);
    bench.run(writer, "set k go");
    assert_eq!(bench.sent(b), "$2|go");
    assert_idle(&bench);
}

fn arrival(bench: &Bench, token: usize) -> u64 {
    bench.engine.state.clients.get(token).unwrap().client.blocked.as_ref().unwrap().arrival
}

#[test]
fn who_follows_a_key_learns_that_it_is_gone() {
    let gone = ["del k", "rename k l", "flushdb", "flushall async", "swapdb 0 1", "move k 1", "expireat k 1"];
    for how in gone {
        let mut bench = Bench::default();
        let [a, b, writer] = [(); 3].map(|()| bench.connect());
        bench.run(writer, "set k stay");
        bench.run(a, "follow k 0");
        bench.run(b, "take k2 0");
        assert_eq!(bench.engine.state.blocking.key_counts(), (2, 1));
        bench.run(writer, how);
        assert_eq!(bench.sent(a), "-ERR no such key", "{how}");
        assert!(bench.waits(b), "{how}");
    }
}

#[test]
fn values_arrive_by_any_way() {
    let ways = ["set k 1", "rename l k", "copy l k", "swapdb 0 1", "append k 1", "incr k", "setbit k 1 1"];
    for how in ways {
        let mut bench = Bench::default();
        let [a, writer] = [(); 2].map(|()| bench.connect());
        bench.run(writer, "set l 1\r\nselect 1\r\nset k 1\r\nselect 0");
        bench.run(a, "take k 0");
        bench.run(writer, how);
        assert!(!bench.waits(a), "{how}");
        assert_idle(&bench);
    }
    let mut bench = Bench::default();
    let [a, writer] = [(); 2].map(|()| bench.connect());
    bench.run(a, "select 1\r\ntake k 0");
    bench.run(writer, "set k 1");
    assert!(bench.waits(a), "another database");
    bench.run(writer, "move k 1");
    assert!(!bench.waits(a));
}

#[test]
fn an_expired_value_serves_nobody() {
    let mut bench = Bench::default();
    let [a, writer] = [(); 2].map(|()| bench.connect());
    bench.run(writer, "set l 1 px 5");
    bench.run(a, "take k 0");
    bench.advance(6);
    bench.run(writer, "copy l k\r\nset k 1 pxat 1");
    assert!(bench.waits(a));
}

#[test]
fn client_unblock_ends_a_wait() {
    let mut bench = Bench::default();
    let [a, control] = [(); 2].map(|()| bench.connect());
    let unblock = |bench: &mut Bench, how: &str| {
        let id = bench.engine.state.clients.get(a).unwrap().client.id;
        bench.ask(control, &format!("client unblock {id} {how}"))
    };
    assert_eq!(unblock(&mut bench, ""), ":0");
    bench.run(a, "take k 0");
    assert_eq!(unblock(&mut bench, "error"), ":1");
    assert_eq!(bench.sent(a), "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
    assert_eq!(bench.advance(0), [a]);
    bench.run(a, "take k 10");
    assert_eq!(unblock(&mut bench, "timeout"), ":1");
    assert_eq!(bench.sent(a), "*-1");
    assert_idle(&bench);
    let stats = bench.engine.state.commands.lookup(b"take").unwrap();
    let stats = bench.engine.state.commands.stats(stats);
    assert_eq!((stats.calls, stats.failed_calls), (2, 1));
}

#[test]
fn who_is_gone_or_going_gets_nothing() {
    let mut bench = Bench::default();
    let [a, b, c, writer] = [(); 4].map(|()| bench.connect());
    bench.run(a, "take k 0");
    bench.run(b, "take k 7");
    bench.run(c, "take k 0");
    bench.close(a);
    bench.engine.state.clients.close(b, Closing::Now);
    bench.run(writer, "set k 1");
    assert_eq!((bench.sent(b).as_str(), bench.sent(c).as_str()), ("", "*2|$1|k|$1|1"));
    bench.close(b);
    assert_idle(&bench);
}

#[test]
fn silent_modes_cover_late_replies() {
    let mut bench = Bench::default();
    let [a, writer] = [(); 2].map(|()| bench.connect());
    bench.run(a, "client reply skip\r\ntake k 0");
    bench.run(writer, "set k 1");
    assert_eq!(bench.ask(a, "ping"), "+PONG");
    bench.run(a, "client reply skip\r\ntake k 0.001");
    bench.advance(2);
    assert_eq!(bench.ask(a, "ping"), "+PONG");
    bench.run(a, "client reply off\r\ntake k 0");
    bench.run(writer, "set k 1");
    assert_eq!(bench.ask(a, "client reply on"), "+OK");
}

#[test]
fn what_stands_behind_a_wait_does_not_run() {
    let mut bench = Bench::default();
    let a = bench.connect();
    assert_eq!(bench.run(a, "ping\r\ntake k 0\r\nping\r\nping"), 2);
    assert_eq!(bench.sent(a), "+PONG");
}

#[test]
fn a_pause_holds_back_who_would_run_again() {
    let mut bench = Bench::default();
    let [a, writer] = [(); 2].map(|()| bench.connect());
    bench.run(a, "take k 0.5");
    bench.run(writer, "multi\r\nset k 1\r\nclient pause 100 write\r\nexec");
    assert!(bench.waits(a) && bench.sent(a).is_empty());
    assert_eq!(bench.engine.state.blocking.key_counts(), (0, 0));
    assert_eq!(bench.advance(600), [], "a deadline does not count during the pause");
    bench.engine.state.pause.end();
    bench.engine.state.special.remove(crate::engine::EngineSpecial::PAUSED);
    run_again(&mut bench.engine, a);
    assert_eq!(bench.sent(a), "*2|$1|k|$1|1");
    assert_idle(&bench);
}

#[test]
fn refused_requests_do_not_wait_again() {
    let mut bench = Bench::default();
    let [a, writer] = [(); 2].map(|()| bench.connect());
    bench.run(a, "carry k l 0");
    bench.engine.state.clients.get_mut(a).unwrap().client.special.insert(Special::UNAUTHENTICATED);
    bench.run(writer, "set k 1");
    assert_eq!(bench.sent(a), "-NOAUTH Authentication required.");
    assert_idle(&bench);
}

#[test]
fn statistics_and_monitors_see_a_request_once() {
    let mut bench = Bench::default();
    let [a, writer, monitor] = [(); 3].map(|()| bench.connect());
    bench.run(writer, "config set slowlog-log-slower-than 0");
    bench.run(monitor, "monitor");
    bench.sent(monitor);
    bench.run(writer, "slowlog reset\r\nset k stay");
    bench.run(a, "follow k 0");
    bench.run(writer, "set k still");
    assert!(!bench.ask(writer, "slowlog get").contains("follow"));
    bench.run(writer, "set k go");
    assert_eq!(bench.ask(writer, "slowlog get").matches("follow").count(), 1);
    assert_eq!(bench.sent(monitor).matches("\"follow\"").count(), 1);
    let id = bench.engine.state.commands.lookup(b"follow").unwrap();
    assert_eq!(bench.engine.state.commands.stats(id).calls, 1);
}

/// What one client does in the model test.
#[derive(Clone, Debug)]
enum Op {
    Set(usize, u8, u8),
    Feed(usize, Vec<u8>),
    Take(usize, Vec<u8>, u64),
    Carry(usize, u8, u8, u64),
    Del(usize, u8),
    Swap,
    Flush(usize),
    Advance(u64),
    Unblock(usize),
}

/// Clients; the odd ones are in database 1.
const CLIENTS: usize = 6;

fn op() -> impl Strategy<Value = Op> {
    let (client, key) = (0..CLIENTS, 0..4u8);
    let timeout = prop_oneof![Just(0), 1..50u64];
    prop_oneof![
        4 => (client.clone(), key.clone(), any::<u8>()).prop_map(|(c, k, v)| Op::Set(c, k, v)),
        2 => (client.clone(), prop::collection::vec(key.clone(), 1..4)).prop_map(|(c, k)| Op::Feed(c, k)),
        6 => (client.clone(), prop::collection::vec(key.clone(), 1..4), timeout.clone())
            .prop_map(|(c, k, t)| Op::Take(c, k, t)),
        3 => (client.clone(), key.clone(), key.clone(), timeout).prop_map(|(c, s, d, t)| Op::Carry(c, s, d, t)),
        1 => (client.clone(), key).prop_map(|(c, k)| Op::Del(c, k)),
        1 => Just(Op::Swap),
        1 => client.clone().prop_map(Op::Flush),
        2 => (0..30u64).prop_map(Op::Advance),
        1 => client.prop_map(Op::Unblock),
    ]
}

/// The naive twin: a list of who waits, searched from its start.
#[derive(Default)]
struct Model {
    values: [BTreeMap<u8, u8>; 2],
    waiting: Vec<Waiter>,
    ready: VecDeque<(usize, u8)>,
    replies: [String; CLIENTS],
    now: u64,
}

#[derive(Clone)]
struct Waiter {
    client: usize,
    keys: Vec<u8>,
    to: Option<u8>,
    deadline: Option<u64>,
}

impl Model {
    fn waits(&self, client: usize) -> bool {
        self.waiting.iter().any(|waiter| waiter.client == client)
    }

    /// True if the client got something.
    fn try_take(&mut self, waiter: &Waiter) -> bool {
        let db = waiter.client % 2;
        let Some(&key) = waiter.keys.iter().find(|key| self.values[db].contains_key(key)) else {
            return false;
        };
        let value = self.values[db].remove(&key).unwrap();
        self.replies[waiter.client] += &match waiter.to {
            None => format!("{key}={value} "),
            Some(to) => {
                self.values[db].insert(to, value);
                self.ready.push_back((db, to));
                format!("{value} ")
            }
        };
        true
    }

    fn serve(&mut self) {
        while let Some((db, key)) = self.ready.pop_front() {
            for waiter in self.waiting.clone() {
                let wants =
                    waiter.client % 2 == db && waiter.keys.contains(&key) && self.waits(waiter.client);
                if wants && self.values[db].contains_key(&key) && self.try_take(&waiter) {
                    self.waiting.retain(|other| other.client != waiter.client);
                }
            }
        }
    }

    fn call(&mut self, waiter: Waiter) {
        if !self.try_take(&waiter) {
            self.waiting.push(waiter);
        }
    }

    fn apply(&mut self, op: &Op) {
        let deadline = |timeout: u64| (timeout > 0).then_some(self.now + timeout);
        match op.clone() {
            Op::Set(client, key, value) => {
                self.values[client % 2].insert(key, value);
                self.ready.push_back((client % 2, key));
            }
            Op::Feed(client, keys) => {
                for key in keys {
                    self.values[client % 2].insert(key, key);
                    self.ready.push_back((client % 2, key));
                }
            }
            Op::Take(client, keys, timeout) => {
                self.call(Waiter { client, keys, to: None, deadline: deadline(timeout) });
            }
            Op::Carry(client, from, to, timeout) => {
                let deadline = deadline(timeout);
                self.call(Waiter { client, keys: vec![from], to: Some(to), deadline });
            }
            Op::Del(client, key) => drop(self.values[client % 2].remove(&key)),
            Op::Swap => {
                self.values.swap(0, 1);
                // Which key comes first is not promised; the test swaps while at most one key can serve.
                self.ready.extend((0..2).flat_map(|db| (0..4).map(move |key| (db, key))));
            }
            Op::Flush(client) => self.values[client % 2].clear(),
            Op::Advance(ms) => {
                self.now += ms;
                let late = |waiter: &Waiter| waiter.deadline.is_some_and(|at| at <= self.now);
                for waiter in self.waiting.iter().filter(|waiter| late(waiter)) {
                    self.replies[waiter.client] += "none ";
                }
                self.waiting.retain(|waiter| waiter.deadline.is_none_or(|at| at > self.now));
            }
            Op::Unblock(client) => {
                if self.waits(client) {
                    self.replies[client] += "none ";
                    self.waiting.retain(|waiter| waiter.client != client);
                }
            }
        }
        self.serve();
    }
}

fn key_text(keys: &[u8]) -> String {
    keys.iter().map(|key| format!("k{key} ")).collect()
}

/// The requests of an operation, and who makes them; nothing for one that concerns the clock.
fn request(op: &Op, ids: &[u64]) -> Option<(usize, String)> {
    let seconds = |ms: &u64| format!("{}.{:03}", ms / 1000, ms % 1000);
    Some(match op {
        Op::Set(client, key, value) => (*client, format!("set k{key} {value}")),
        Op::Feed(client, keys) => {
            let sets: String = keys.iter().map(|key| format!("set k{key} {key}\r\n")).collect();
            (*client, format!("multi\r\n{sets}exec"))
        }
        Op::Take(client, keys, timeout) => (*client, format!("take {}{}", key_text(keys), seconds(timeout))),
        Op::Carry(client, from, to, timeout) => {
            (*client, format!("carry k{from} k{to} {}", seconds(timeout)))
        }
        Op::Del(client, key) => (*client, format!("del k{key}")),
        Op::Swap => (CLIENTS, "swapdb 0 1".into()),
        Op::Flush(client) => (*client, "flushdb".into()),
        Op::Unblock(client) => (CLIENTS, format!("client unblock {}", ids[*client])),
        Op::Advance(_) => return None,
    })
}

/// What a client was sent, as the model words it; what other commands replied is left out.
fn worded(sent: &str) -> String {
    let words: Vec<&str> =
        sent.split('|').filter(|word| !word.is_empty() && !word.starts_with(['+', ':', '$'])).collect();
    let mut text = String::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word {
            "*-1" => text += "none ",
            "*2" => {
                let (key, value) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
                text += &format!("{}={value} ", &key[1..]);
            }
            value => text += &format!("{value} "),
        }
    }
    text
}

proptest! {
    /// Everyone gets what the naive twin says, and waits exactly when it says so.
    #[test]
    fn waits_agree_with_a_list_searched_from_its_start(ops in prop::collection::vec(op(), 1..60)) {
        let mut bench = Bench::default();
        let mut model = Model::default();
        let tokens: Vec<usize> = (0..=CLIENTS).map(|_| bench.connect()).collect();
        let ids: Vec<u64> = tokens.iter().map(|&t| bench.engine.state.clients.get(t).unwrap().client.id).collect();
        for (i, &token) in tokens.iter().enumerate() {
            bench.run(token, &format!("select {}", i % 2));
            bench.sent(token);
        }
        for op in &ops {
            let someone = request(op, &ids);
            let busy = someone.as_ref().is_some_and(|(client, _)| model.waits(*client));
            let unordered = matches!(op, Op::Swap) && model.values.iter().flatten().count() > 1;
            if busy || unordered {
                continue;
            }
            model.apply(op);
            match (someone, op) {
                (Some((client, lines)), Op::Feed(..)) => {
                    // EXEC's reply is no reply of the model's.
                    bench.run(tokens[client], &lines);
                    bench.sent(tokens[client]);
                }
                (Some((client, lines)), _) => drop(bench.run(tokens[client], &lines)),
                (None, Op::Advance(ms)) => drop(bench.advance(*ms)),
                (None, _) => {}
            }
            for (i, &token) in tokens.iter().enumerate().take(CLIENTS) {
                let expected = std::mem::take(&mut model.replies[i]);
                prop_assert_eq!(worded(&bench.sent(token)), expected, "client {} after {:?}", i, op);
                prop_assert_eq!(bench.waits(token), model.waits(i), "client {} after {:?}", i, op);
            }
        }
        tokens.iter().for_each(|&token| bench.close(token));
        assert_idle(&bench);
    }
}
