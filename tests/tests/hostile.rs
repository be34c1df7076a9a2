//! Bad input: garbage, lies about lengths, half-closed sockets, many idle clients, clients that do not read.
//!
//! After each, the server must have said what is wrong or closed the connection, must not have grown, and must serve
//! the next client.

use std::io::{ErrorKind, Write};
use std::thread::sleep;
use std::time::Duration;

use rufous_tests::command;
use rufous_tests::conn::Conn;
use rufous_tests::resp::{Reply, encode_command};
use rufous_tests::seed::Seed;
use rufous_tests::server::{Server, Which, is_ci, raise_open_files};
use rufous_tests::wait::eventually;

/// How long something may take that is about to happen.
const PATIENCE: Duration = Duration::from_secs(10);

const MEGABYTE: u64 = 1024 * 1024;

fn server(arguments: &[&str]) -> Server {
    Server::spawn(Which::Rufous, arguments)
}

/// Sends bytes on a new connection, closes the sending half and returns all that comes back.
fn answer_to(server: &Server, bytes: &[u8]) -> String {
    let mut conn = server.connect();
    // The server may close at the first bad byte; what was not sent then does not matter.
    let _ = conn.send_raw(bytes);
    let _ = conn.close_sending();
    let answer = conn
        .read_to_close()
        .unwrap_or_else(|error| panic!("{:?}: {error}", bytes.escape_ascii().to_string()));
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn malformed_requests_are_named_and_closed() {
    let mut server = server(&[]);
    let cases: &[(&str, &str)] = &[
        ("*3\r\nabc\r\n", "-ERR Protocol error: expected '$', got 'a'\r\n"),
        ("*a\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        ("*\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        ("*1048577\r\n", ""),
        ("*2147483648\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        ("*9223372036854775808\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        ("*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        ("*1\r\n$x\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        ("*1\r\n$\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        ("*1\r\n$536870913\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        ("*1\r\n$9223372036854775807\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        ("*2\r\n$3\r\nGET\r\n*1\r\n", "-ERR Protocol error: expected '$', got '*'\r\n"),
        ("SET \"unbalanced\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
        ("SET 'a'b c\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
        ("*0\r\nPING\r\n", "+PONG\r\n"),
        ("*-1\r\nPING\r\n", "+PONG\r\n"),
        ("\r\n\r\nPING\r\n", "+PONG\r\n"),
        ("PING\n", "+PONG\r\n"),
    ];
    for (bytes, answer) in cases {
        assert_eq!(answer_to(&server, bytes.as_bytes()), *answer, "{bytes:?}");
    }
    server.assert_alive();
}

#[test]
fn lines_without_an_end_are_refused() {
    let mut server = server(&[]);
    let inline = answer_to(&server, &vec![b'a'; 70_000]);
    assert_eq!(inline, "-ERR Protocol error: too big inline request\r\n");
    let count = answer_to(&server, &[b"*".to_vec(), vec![b'1'; 70_000]].concat());
    assert_eq!(count, "-ERR Protocol error: too big mbulk count string\r\n");
    let bulk = answer_to(&server, &[b"*1\r\n$".to_vec(), vec![b'1'; 70_000]].concat());
    assert_eq!(bulk, "-ERR Protocol error: too big bulk count string\r\n");
    server.assert_alive();
}

#[test]
fn random_bytes_do_no_harm() {
    const LETTERS: &[u8] = b"*$1230-+:\r\n\r\nGETSetPING \"'\\x\xff\0";
    let mut server = server(&[]);
    let mut seed = Seed::new(5);
    for _ in 0..300 {
        let length = seed.below(400);
        let mut bytes: Vec<u8> = (0..length).map(|_| *seed.pick(LETTERS)).collect();
        if seed.one_in(2) {
            bytes.splice(0..0, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n".iter().copied());
        }
        answer_to(&server, &bytes);
    }
    server.assert_alive();
}

#[test]
fn announced_lengths_cost_nothing_until_bytes_come() {
    let mut server = server(&["--proto-max-bulk-len", "2gb"]);
    let before = server.resident_bytes();
    let mut liars: Vec<Conn> = (0..50).map(|_| server.connect()).collect();
    for (index, liar) in liars.iter_mut().enumerate() {
        let lie: &[u8] = match index % 3 {
            0 => b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1073741824\r\nabc",
            1 => b"*1048576\r\n$3\r\nDEL\r\n$1073741824\r\n",
            _ => b"*2147483647\r\n",
        };
        liar.send_raw(lie).expect("send");
    }
    server.assert_alive();
    sleep(Duration::from_millis(300));
    let grown = server.resident_peak_bytes().saturating_sub(before);
    assert!(grown < 64 * MEGABYTE, "grew by {} MB for 50 announcements", grown / MEGABYTE);
    drop(liars);
    server.assert_alive();
}

#[test]
fn unauthenticated_clients_get_little() {
    let mut server = server(&["--requirepass", "secret"]);
    assert_eq!(answer_to(&server, b"*11\r\n"), "-ERR Protocol error: unauthenticated multibulk length\r\n");
    let bulk = answer_to(&server, b"*1\r\n$16385\r\n");
    assert_eq!(bulk, "-ERR Protocol error: unauthenticated bulk length\r\n");
    assert!(answer_to(&server, b"GET key\r\n").starts_with("-NOAUTH "));
    let mut conn = server.connect();
    assert!(conn.ask("AUTH secret").is_ok());
    assert!(conn.must("PING").text() == "PONG" && server.exited().is_none());
}

#[test]
fn a_query_beyond_its_limit_closes_the_client() {
    let mut server = server(&["--client-query-buffer-limit", "1mb"]);
    let mut conn = server.connect();
    let announced = b"*2\r\n$4\r\nPING\r\n$8388608\r\n";
    let block = vec![b'x'; 64 * 1024];
    let mut sent = conn.send_raw(announced);
    for _ in 0..128 {
        sent = sent.and_then(|()| conn.send_raw(&block));
    }
    let sent = sent.and_then(|()| conn.send_raw(b"\r\n"));
    // Closed while we send, or before an answer.
    assert!(sent.is_err() || conn.read().is_err());
    server.assert_alive();
}

#[test]
fn half_closed_clients_get_their_replies() {
    let mut server = server(&[]);
    let pipeline: Vec<u8> =
        (0..2000).flat_map(|n| encode_command(&command!["ECHO", n.to_string()])).collect();
    let answer = answer_to(&server, &pipeline);
    assert_eq!(answer.matches('$').count(), 2000);
    assert_eq!(answer_to(&server, b""), "");
    assert_eq!(answer_to(&server, b"*1\r\n$4\r\nPI"), "");
    server.assert_alive();
}

#[test]
fn a_pipeline_may_arrive_in_any_pieces() {
    let server = server(&[]);
    let value: Vec<u8> = (0..40_000).map(|n| (n % 251) as u8).collect();
    let commands = [
        command!["SET", "key", value],
        command!["GET", "key"],
        command!["STRLEN", "key"],
        command!["ECHO", ""],
        command!["APPEND", "key", "x"],
        command!["GETRANGE", "key", "39990", "-1"],
    ];
    let bytes: Vec<u8> = commands.iter().flat_map(|command| encode_command(command)).collect();
    let mut whole = server.connect();
    let expected = whole.pipeline(&commands).expect("replies");
    let mut seed = Seed::new(11);
    for round in 0..40 {
        let mut conn = server.connect();
        let mut at = 0;
        while at < bytes.len() {
            let most = *seed.pick(&[1, 7, 100, 5000, 60_000]);
            let end = (at + 1 + seed.below(most)).min(bytes.len());
            // Long runs of single bytes would only take time.
            let end = if most == 1 { (end + 8).min(bytes.len()) } else { end };
            conn.send_raw(&bytes[at..end]).expect("send");
            at = end;
        }
        let replies: Vec<Reply> = commands.iter().map(|_| conn.read().expect("reply")).collect();
        assert_eq!(replies, expected, "round {round}");
    }
}

#[test]
fn every_cut_of_a_request_waits_for_the_rest() {
    let server = server(&[]);
    let mut conn = server.connect();
    let bytes = encode_command(&["SET", "k", "value"]);
    for cut in 1..bytes.len() {
        conn.send_raw(&bytes[..cut]).expect("send");
        conn.set_timeout(Duration::from_millis(2));
        assert_eq!(conn.read().expect_err("no reply yet").kind(), ErrorKind::TimedOut, "cut at {cut}");
        conn.set_timeout(Duration::from_secs(10));
        conn.send_raw(&bytes[cut..]).expect("send");
        assert!(conn.read().expect("reply").is_ok(), "cut at {cut}");
    }
}

#[test]
fn thousands_of_idle_clients_cost_little() {
    const WANTED: u64 = 10_000;
    let clients = if raise_open_files(WANTED + 500) >= WANTED + 500 {
        WANTED
    } else {
        eprintln!("the limit of open files allows 2,000 idle clients only");
        assert!(raise_open_files(2500) >= 2500, "not even 2,500 open files are allowed");
        2000
    };
    let mut server = server(&["--maxclients", &(clients + 100).to_string(), "--tcp-backlog", "1024"]);
    let before = server.resident_bytes();
    let mut idle: Vec<Conn> = (0..clients).map(|_| server.connect()).collect();
    for conn in idle.iter_mut().step_by(100) {
        assert_eq!(conn.ask("PING").text(), "PONG");
    }
    let connected = format!("connected_clients:{}", clients + 1);
    let mut control = server.connect();
    eventually(PATIENCE, "all clients are accepted", || {
        control.must("INFO clients").text().contains(&connected)
    });
    let each = server.resident_bytes().saturating_sub(before) / clients;
    assert!(each < 8 * 1024, "an idle client costs {each} bytes");
    drop(idle);
    eventually(PATIENCE, "the clients are gone", || {
        control.must("INFO clients").text().contains("connected_clients:1\r\n")
    });
    server.assert_alive();
}

#[test]
fn one_client_too_many_is_told_so() {
    let mut server = server(&["--maxclients", "5"]);
    // The connection that waited for the start must be gone.
    sleep(Duration::from_millis(100));
    let mut conns: Vec<Conn> = (0..5).map(|_| server.connect()).collect();
    eventually(PATIENCE, "five clients are served", || {
        conns.iter_mut().all(|conn| conn.call(&["PING"]).is_ok_and(|reply| !reply.is_error()))
    });
    let told = server.connect().read_to_close().expect("told and closed");
    assert_eq!(String::from_utf8_lossy(&told), "-ERR max number of clients reached\r\n");
    conns.pop();
    eventually(PATIENCE, "there is room again", || {
        server.connect().call(&["PING"]).is_ok_and(|reply| !reply.is_error())
    });
    drop(conns);
    sleep(Duration::from_millis(50));
    server.assert_alive();
}

/// A client that asks and does not read fills its output buffer; past the limit it is closed and its memory returned.
#[test]
fn slow_readers_are_closed_at_their_limit() {
    let mut server = server(&["--client-output-buffer-limit", "normal 20mb 0 0"]);
    let mut control = server.connect();
    let value = vec![b'v'; 1024 * 1024];
    assert!(control.call(&command!["SET", "big", value]).expect("SET").is_ok());
    let before = server.resident_bytes();
    let mut slow = server.connect();
    let request: Vec<u8> = (0..200).flat_map(|_| encode_command(&["GET", "big"])).collect();
    // The server may close while we send.
    let _ = slow.send_raw(&request);
    eventually(PATIENCE, "the slow client is closed", || {
        control.must("INFO clients").text().contains("connected_clients:1\r\n")
    });
    let grown = server.resident_peak_bytes().saturating_sub(before);
    assert!(grown < 120 * MEGABYTE, "grew by {} MB", grown / MEGABYTE);
    server.assert_alive();
}

#[test]
fn slow_subscribers_are_closed_at_their_limit() {
    let mut server = server(&["--client-output-buffer-limit", "pubsub 8mb 0 0"]);
    let mut control = server.connect();
    let mut slow = server.connect();
    slow.must("SUBSCRIBE news");
    let message = vec![b'm'; 256 * 1024];
    let mut received = 1;
    for _ in 0..400 {
        let reply = control.call(&command!["PUBLISH", "news", message]).expect("PUBLISH");
        if reply == Reply::Integer(0) {
            received = 0;
            break;
        }
    }
    assert_eq!(received, 0, "100 MB were published to a subscriber that does not read");
    server.assert_alive();
}

#[test]
fn the_longest_string_fits_and_one_more_does_not() {
    let mut server = server(&["--proto-max-bulk-len", "1mb"]);
    let mut conn = server.connect();
    let most = 1024 * 1024;
    assert!(conn.call(&command!["SET", "k", vec![b'x'; most]]).expect("SET").is_ok());
    let too_long = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    assert_eq!(conn.must("STRLEN k"), Reply::Integer(most as i64));
    assert_eq!(conn.ask("APPEND k x").text(), too_long);
    assert_eq!(conn.ask(&format!("SETRANGE k {most} x")).text(), too_long);
    assert_eq!(conn.ask("SETBIT k 8388608 1").text(), "ERR bit offset is not an integer or out of range");
    server.assert_alive();
}

#[test]
fn a_client_that_vanishes_is_forgotten() {
    let mut server = server(&[]);
    let mut control = server.connect();
    for _ in 0..200 {
        let conn = server.connect();
        conn.stream().write_all(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nhalf").expect("send");
        drop(conn);
        let mut watching = server.connect();
        watching.must("WATCH k");
        watching.must("MULTI");
        watching.must("SET k v");
    }
    eventually(PATIENCE, "they are gone", || {
        control.must("INFO clients").text().contains("connected_clients:1\r\n")
    });
    assert_eq!(control.must("GET k"), Reply::NullBulk);
    server.assert_alive();
}

#[test]
fn ci_may_open_enough_files() {
    if is_ci() {
        assert!(raise_open_files(2500) >= 2500);
    }
}
