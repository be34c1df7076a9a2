//! Clients that wait inside a command: how the wait ends, what others see of it, what happens to requests behind it.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use rufous_tests::conn::{Conn, closed};
use rufous_tests::resp::Reply;
use rufous_tests::server::{Server, Which};
use rufous_tests::wait::eventually;

fn server() -> Server {
    Server::spawn(Which::Rufous, &["--enable-debug-command", "yes"])
}

fn integer(reply: Reply) -> i64 {
    match reply {
        Reply::Integer(value) => value,
        other => panic!("{other:?}"),
    }
}

fn info(control: &mut Conn) -> HashMap<String, String> {
    let text = control.must("INFO everything").text();
    text.lines().filter_map(|line| line.split_once(':')).map(|(k, v)| (k.into(), v.trim().into())).collect()
}

/// Waits until so many clients are blocked.
#[track_caller]
fn expect_blocked(control: &mut Conn, count: &str) {
    let what = format!("{count} blocked clients");
    eventually(Duration::from_secs(10), &what, || info(control)["blocked_clients"] == count);
}

/// Nothing has come: what a PING behind the wait would have brought is not there either.
fn assert_silent(conn: &mut Conn) {
    conn.set_timeout(Duration::from_millis(50));
    let error = conn.read().expect_err("a reply came");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    conn.set_timeout(Duration::from_secs(10));
}

#[test]
fn a_wait_ends_when_the_clock_says_so() {
    let server = server();
    let (mut control, mut waiter) = (server.connect(), server.connect());
    control.must("DEBUG CLOCK FREEZE");
    waiter.send(&["WAIT", "1", "1000"]).expect("send");
    waiter.send(&["PING"]).expect("send");
    expect_blocked(&mut control, "1");
    assert_eq!(info(&mut control)["clients_in_timeout_table"], "1");
    control.must("DEBUG CLOCK ADVANCE 999");
    assert_silent(&mut waiter);
    control.must("DEBUG CLOCK ADVANCE 1");
    assert_eq!(integer(waiter.read().expect("WAIT")), 0);
    assert_eq!(waiter.read().expect("PING").text(), "PONG");
    let info = info(&mut control);
    assert_eq!((info["blocked_clients"].as_str(), info["clients_in_timeout_table"].as_str()), ("0", "0"));
    assert!(info["cmdstat_wait"].starts_with("calls=1,"), "{}", info["cmdstat_wait"]);
}

#[test]
fn real_time_ends_a_wait_soon_and_never_early() {
    let server = server();
    let mut conn = server.connect();
    for ms in [1, 30, 120] {
        let start = Instant::now();
        assert_eq!(integer(conn.must(&format!("WAIT 1 {ms}"))), 0);
        let passed = start.elapsed();
        assert!(passed >= Duration::from_millis(ms), "{passed:?} of {ms} ms");
    }
}

#[test]
fn client_unblock_ends_a_wait_either_way() {
    let server = server();
    let (mut control, mut waiter) = (server.connect(), server.connect());
    let id = integer(waiter.must("CLIENT ID"));
    assert_eq!(integer(control.must(&format!("CLIENT UNBLOCK {id}"))), 0);
    waiter.send(&["WAITAOF", "0", "1", "0"]).expect("send");
    expect_blocked(&mut control, "1");
    assert!(control.must(&format!("CLIENT LIST ID {id}")).text().contains(" flags=b "));
    assert_eq!(integer(control.must(&format!("CLIENT UNBLOCK {id} TIMEOUT"))), 1);
    let zeros = Reply::Array(vec![Reply::Integer(0), Reply::Integer(0)]);
    assert_eq!(waiter.read().expect("WAITAOF"), zeros);
    waiter.send(&["WAIT", "1", "0"]).expect("send");
    expect_blocked(&mut control, "1");
    assert_eq!(integer(control.must(&format!("CLIENT UNBLOCK {id} ERROR"))), 1);
    let error = waiter.read().expect("WAIT");
    assert_eq!(error, Reply::Error(b"UNBLOCKED client unblocked via CLIENT UNBLOCK".to_vec()));
    let info = info(&mut control);
    assert_eq!(info["errorstat_UNBLOCKED"], "count=1");
    assert!(info["cmdstat_wait"].starts_with("calls=1,") && info["cmdstat_wait"].ends_with("failed_calls=1"));
    assert!(control.must(&format!("CLIENT LIST ID {id}")).text().contains(" flags=N "));
}

#[test]
fn blocked_clients_can_be_killed_and_can_leave() {
    let server = server();
    let mut control = server.connect();
    let mut waiters: Vec<Conn> = (0..4).map(|_| server.connect()).collect();
    let ids: Vec<i64> = waiters.iter_mut().map(|waiter| integer(waiter.must("CLIENT ID"))).collect();
    for waiter in &mut waiters {
        waiter.send(&["PING"]).expect("send");
        waiter.send(&["WAIT", "1", "0"]).expect("send");
        waiter.send(&["PING"]).expect("send");
        waiter.read().expect("PING");
    }
    expect_blocked(&mut control, "4");
    assert_eq!(integer(control.must(&format!("CLIENT KILL ID {}", ids[0]))), 1);
    assert!(closed(&waiters[0].read().expect_err("a reply came")));
    waiters.pop();
    waiters[1].close_sending().expect("close");
    expect_blocked(&mut control, "1");
    assert_eq!(waiters[1].read_to_close().expect("the end"), b"");
    assert_eq!(integer(control.must(&format!("CLIENT UNBLOCK {}", ids[1]))), 0);
    assert_eq!(integer(control.must(&format!("CLIENT UNBLOCK {}", ids[2]))), 1);
}

/// More than one read brings: the rest stays in the socket meanwhile.
#[test]
fn requests_behind_a_wait_are_kept_and_run_in_order() {
    let server = server();
    let (mut control, mut waiter) = (server.connect(), server.connect());
    let id = integer(waiter.must("CLIENT ID"));
    let mut pipeline = b"SET n 0\r\nINCR n\r\nWAIT 1 0\r\n".to_vec();
    const BEHIND: i64 = 12_000;
    (0..BEHIND).for_each(|_| pipeline.extend_from_slice(b"INCR n\r\n"));
    pipeline.extend_from_slice(b"WAIT 1 1\r\nGET n\r\n");
    waiter.send_raw(&pipeline).expect("send");
    assert!(waiter.read().expect("SET").is_ok());
    assert_eq!(integer(waiter.read().expect("INCR")), 1);
    expect_blocked(&mut control, "1");
    assert_silent(&mut waiter);
    assert_eq!(control.must("GET n").text(), "1");
    control.must(&format!("CLIENT UNBLOCK {id}"));
    assert_eq!(integer(waiter.read().expect("WAIT")), 0);
    for n in 2..2 + BEHIND {
        assert_eq!(integer(waiter.read().expect("INCR")), n);
    }
    assert_eq!(integer(waiter.read().expect("WAIT")), 0);
    assert_eq!(waiter.read().expect("GET").text(), (BEHIND + 1).to_string());
}

#[test]
fn what_breaks_the_protocol_behind_a_wait_is_found_after_it() {
    let server = server();
    for bad in ["*x\r\n", "*1\r\n$-5\r\n", "PING\r\n*2\r\nx\r\n", "SET k \"\r\n"] {
        let mut conn = server.connect();
        conn.send_raw(format!("PING\r\nWAIT 1 20\r\n{bad}").as_bytes()).expect("send");
        let all = String::from_utf8(conn.read_to_close().expect("the end")).expect("text");
        let rest = all.strip_prefix("+PONG\r\n:0\r\n").expect("two replies");
        assert!(rest.trim_start_matches("+PONG\r\n").starts_with("-ERR Protocol error"), "{all}");
    }
}

/// A value whose bytes come in part before the wait and in part during it.
#[test]
fn a_large_argument_behind_a_wait_arrives_whole() {
    let server = server();
    let (mut control, mut waiter) = (server.connect(), server.connect());
    let id = integer(waiter.must("CLIENT ID"));
    let value = vec![b'x'; 300_000];
    let mut request = b"WAIT 1 0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$300000\r\n".to_vec();
    request.extend_from_slice(&value[..1000]);
    waiter.send_raw(&request).expect("send");
    expect_blocked(&mut control, "1");
    waiter.send_raw(&value[1000..200_000]).expect("send");
    control.must(&format!("CLIENT UNBLOCK {id}"));
    waiter.send_raw(&[&value[200_000..], b"\r\n"].concat()).expect("send");
    assert_eq!(integer(waiter.read().expect("WAIT")), 0);
    assert!(waiter.read().expect("SET").is_ok());
    assert_eq!(integer(control.must("STRLEN k")), 300_000);
}

#[test]
fn a_pause_holds_what_stands_behind_a_wait() {
    let server = server();
    let (mut control, mut waiter) = (server.connect(), server.connect());
    let id = integer(waiter.must("CLIENT ID"));
    waiter.send_raw(b"WAIT 1 0\r\nSET k v\r\n").expect("send");
    expect_blocked(&mut control, "1");
    control.must("CLIENT PAUSE 100000 WRITE");
    control.must(&format!("CLIENT UNBLOCK {id}"));
    assert_eq!(integer(waiter.read().expect("WAIT")), 0);
    expect_blocked(&mut control, "1");
    assert_eq!(integer(control.must(&format!("CLIENT UNBLOCK {id}"))), 0);
    assert_eq!(control.must("GET k"), Reply::NullBulk);
    // The end of a pause does not end a wait.
    let mut other = server.connect();
    other.send_raw(b"WAIT 1 0\r\n").expect("send");
    expect_blocked(&mut control, "2");
    control.must("CLIENT UNPAUSE");
    assert!(waiter.read().expect("SET").is_ok());
    expect_blocked(&mut control, "1");
}

#[test]
fn idle_clients_that_wait_are_not_closed() {
    let server = server();
    let [mut control, mut waiter, mut idle] = [(); 3].map(|()| server.connect());
    let id = integer(waiter.must("CLIENT ID"));
    idle.must("PING");
    waiter.send(&["WAIT", "1", "0"]).expect("send");
    expect_blocked(&mut control, "1");
    control.must("DEBUG CLOCK FREEZE");
    control.must("CONFIG SET timeout 5");
    control.must("DEBUG CLOCK ADVANCE 60000");
    control.must("PING");
    assert_eq!(idle.read_to_close().expect("the end"), b"");
    assert_eq!(integer(control.must(&format!("CLIENT UNBLOCK {id}"))), 1);
    assert_eq!(integer(waiter.read().expect("WAIT")), 0);
}
