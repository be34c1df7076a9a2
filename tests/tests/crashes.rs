//! `kill -9` in the middle of random load, again and again in one folder: what comes back is what was promised.
//!
//! | `appendfsync` | promise |
//! |---|---|
//! | `always` | no confirmed write is lost |
//! | `everysec` | none is lost that was confirmed more than two seconds before |
//!
//! and under both: a transaction is there wholly or not at all, and the server starts. `RUFOUS_CRASH_ROUNDS` sets how many rounds.

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rufous_tests::conn::Conn;
use rufous_tests::resp::Reply;
use rufous_tests::server::{Server, Signal, Which};
use rufous_tests::wait::eventually;

/// Rounds when nothing else is said.
const ROUNDS: u64 = 4;
const CLIENTS: usize = 8;
/// Under `everysec`.
const LOSS_MAX: Duration = Duration::from_secs(2);
/// Until the first write is confirmed, on a busy machine.
const FIRST_WRITE_MAX: Duration = Duration::from_secs(20);

/// What a client knows: when it was told that its n-th write is done.
type Confirmed = Arc<Mutex<Vec<Instant>>>;

#[test]
fn always_loses_nothing_that_was_confirmed() {
    let worst = crash("always", Duration::ZERO);
    println!("appendfsync always: {} rounds, worst loss {worst:?}", rounds());
}

#[test]
fn everysec_loses_two_seconds_at_most() {
    let worst = crash("everysec", LOSS_MAX);
    println!("appendfsync everysec: {} rounds, worst loss {worst:?}", rounds());
}

fn rounds() -> u64 {
    let text = env::var("RUFOUS_CRASH_ROUNDS").ok();
    text.map_or(ROUNDS, |text| text.parse().unwrap_or_else(|_| panic!("RUFOUS_CRASH_ROUNDS: {text}")))
}

/// Runs the rounds; gives the age of the oldest confirmed write that was lost.
fn crash(policy: &str, loss_max: Duration) -> Duration {
    let folder = tempfile::Builder::new().prefix("rufous-crash-").tempdir().unwrap();
    let arguments = [
        "--dir",
        folder.path().to_str().unwrap(),
        "--appendonly",
        "yes",
        "--appendfsync",
        policy,
        // Rewrites come in the middle, too.
        "--auto-aof-rewrite-min-size",
        "200kb",
        "--auto-aof-rewrite-percentage",
        "50",
    ];
    let mut done = [0u64; CLIENTS];
    let mut worst = Duration::ZERO;
    for round in 0..rounds() {
        let mut server = Server::spawn(Which::Rufous, &arguments);
        let confirmed: Vec<Confirmed> = (0..CLIENTS).map(|_| Confirmed::default()).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let conn = server.connect();
                let (first, confirmed, stop) = (done[client] + 1, confirmed[client].clone(), stop.clone());
                thread::spawn(move || write(conn, client, first, &confirmed, &stop))
            })
            .collect();
        eventually(FIRST_WRITE_MAX, "the first write", || {
            confirmed.iter().any(|confirmed| !confirmed.lock().unwrap().is_empty())
        });
        sleep(Duration::from_millis(30 + (round * 7919) % 270));
        server.signal(Signal::KILL);
        let killed = Instant::now();
        server.wait();
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap());

        let server = Server::spawn(Which::Rufous, &arguments);
        let mut conn = server.connect();
        for (client, confirmed) in confirmed.iter().enumerate() {
            let kept = kept(&mut conn, client, round);
            let confirmed = confirmed.lock().unwrap();
            // The first confirmed write that is not there.
            let lost = usize::try_from(kept - done[client]).ok().and_then(|kept| confirmed.get(kept));
            let loss = lost.map_or(Duration::ZERO, |&at| killed.saturating_duration_since(at));
            assert!(
                lost.is_none() || (policy != "always" && loss <= loss_max),
                "round {round}, client {client}: {} were confirmed, {} are there, a loss of {loss:?}",
                confirmed.len(),
                kept - done[client]
            );
            worst = worst.max(loss);
            done[client] = kept;
        }
        drop(server);
    }
    worst
}

/// Writes numbers in ascending order until the connection breaks: transactions of several keys, and single commands.
fn write(mut conn: Conn, client: usize, first: u64, confirmed: &Confirmed, stop: &AtomicBool) {
    let value = "x".repeat(10 + client * 150);
    for number in first.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let commands = [
            "MULTI".to_owned(),
            format!("SET a:{client} {number}"),
            format!("HSET h:{client} n {number} v {value}"),
            format!("LPUSH l:{client} {number}"),
            format!("LTRIM l:{client} 0 99"),
            format!("SET b:{client} {number}"),
            "EXEC".to_owned(),
        ];
        for command in &commands {
            let words: Vec<&str> = command.split(' ').collect();
            if conn.send(&words).is_err() {
                return;
            }
        }
        for _ in &commands {
            if conn.read().is_err() {
                return;
            }
        }
        confirmed.lock().unwrap().push(Instant::now());
    }
}

/// The last number of a client that is there, in all keys alike.
fn kept(conn: &mut Conn, client: usize, round: u64) -> u64 {
    let number = |reply: Reply| reply.text().parse::<u64>().unwrap_or(0);
    let a = number(conn.must(&format!("GET a:{client}")));
    let others = [
        number(conn.must(&format!("HGET h:{client} n"))),
        number(conn.must(&format!("LINDEX l:{client} 0"))),
        number(conn.must(&format!("GET b:{client}"))),
    ];
    assert_eq!(others, [a; 3], "round {round}, client {client}: half a transaction");
    a
}
