//! What a server knows of its clients and holds for them: CLIENT LIST, silent modes under a pause, limits.

use std::collections::HashMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rufous_tests::command;
use rufous_tests::conn::{Conn, closed};
use rufous_tests::resp::{Reply, encode_command};
use rufous_tests::server::{Server, Which};
use rufous_tests::wait::eventually;

/// How long something may take that is about to happen.
const PATIENCE: Duration = Duration::from_secs(10);

const MEGABYTE: u64 = 1024 * 1024;

fn server(arguments: &[&str]) -> Server {
    Server::spawn(Which::Rufous, arguments)
}

/// The client's CLIENT ID.
fn id_of(conn: &mut Conn) -> String {
    match conn.must("CLIENT ID") {
        Reply::Integer(id) => id.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The fields of one client in CLIENT LIST.
fn fields(control: &mut Conn, id: &str) -> HashMap<String, String> {
    let list = control.must(&format!("CLIENT LIST ID {id}")).text();
    list.trim()
        .split(' ')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Waits until the fields of one client are as expected.
#[track_caller]
fn expect(control: &mut Conn, id: &str, expected: &[(&str, &str)]) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let fields = fields(control, id);
        let wrong: Vec<_> = expected
            .iter()
            .filter(|(name, value)| fields.get(*name).is_none_or(|shown| shown != value))
            .collect();
        if wrong.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{wrong:?} do not hold in {fields:?}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn client_list_shows_what_a_client_holds() {
    let server = server(&[]);
    let (mut control, mut conn) = (server.connect(), server.connect());
    let id = id_of(&mut conn);
    conn.must("CLIENT SETNAME worker");
    conn.must("CLIENT SETINFO lib-name tests");
    conn.must("SELECT 3");
    let fresh = [("name", "worker"), ("lib-name", "tests"), ("db", "3"), ("flags", "N"), ("multi", "-1")];
    expect(&mut control, &id, &fresh);
    expect(&mut control, &id, &[("qbuf", "0"), ("argv-mem", "0"), ("cmd", "select"), ("redir", "-1")]);

    // Two whole arguments and a part of the third.
    conn.send_raw(b"*3\r\n$3\r\nSET\r\n$4\r\nkeys\r\n$10\r\nab").expect("send");
    expect(&mut control, &id, &[("qbuf", "30"), ("argv-mem", "7"), ("cmd", "select")]);
    conn.send_raw(b"cdefghij\r\n").expect("send");
    assert!(conn.read().expect("SET").is_ok());
    expect(&mut control, &id, &[("qbuf", "0"), ("argv-mem", "0"), ("cmd", "set")]);

    conn.must("WATCH keys");
    conn.must("MULTI");
    conn.must("SET keys 12345");
    expect(&mut control, &id, &[("flags", "x"), ("multi", "1"), ("multi-mem", "12")]);
    control.must("SELECT 3");
    control.must("SET keys other");
    expect(&mut control, &id, &[("flags", "xd")]);
    conn.must("DISCARD");

    conn.must("CLIENT TRACKING ON BCAST PREFIX a");
    conn.must("CLIENT NO-EVICT ON");
    conn.must("CLIENT NO-TOUCH ON");
    conn.must("SUBSCRIBE one two");
    expect(&mut control, &id, &[("flags", "PtBeT"), ("sub", "2"), ("redir", "0"), ("events", "r")]);
}

#[test]
fn only_a_partial_request_has_a_buffer_of_its_own() {
    let server = server(&["--enable-debug-command", "yes", "--hz", "100"]);
    let (mut control, mut conn) = (server.connect(), server.connect());
    let id = id_of(&mut conn);
    let held = |control: &mut Conn| -> usize {
        let fields = fields(control, &id);
        ["qbuf", "qbuf-free"].iter().map(|name| fields[*name].parse::<usize>().expect("a number")).sum()
    };
    assert_eq!(held(&mut control), 0);
    conn.send_raw(b"*3\r\n$3\r\nSET\r\n$2\r\na").expect("send");
    eventually(PATIENCE, "the part is kept", || (1..100).contains(&held(&mut control)));
    control.must("DEBUG PAUSE-CRON 1");
    conn.send_raw(b"b\r\n$1\r\n1\r\n").expect("send");
    assert!(conn.read().expect("SET").is_ok());
    let after = held(&mut control);
    assert!((16 * 1024..32 * 1024).contains(&after), "{after} bytes for a short request");
    control.must("DEBUG PAUSE-CRON 0");
    control.must("DEBUG CLOCK ADVANCE 3000");
    eventually(PATIENCE, "the buffer is given back", || held(&mut control) == 0);

    // A value of its size is not held twice: what was read is the value.
    control.must("DEBUG PAUSE-CRON 1");
    assert!(conn.call(&command!["SET", "k", "v".repeat(400_000)]).expect("SET").is_ok());
    assert!(held(&mut control) < 1024, "{}", held(&mut control));
    // Or a signal would have to wait for it.
    control.must("DEBUG PAUSE-CRON 0");
}

#[test]
fn client_list_shows_output_that_nobody_reads() {
    let server = server(&[]);
    let (mut control, mut slow) = (server.connect(), server.connect());
    let id = id_of(&mut slow);
    let value = vec![b'v'; 10_000];
    assert!(control.call(&command!["SET", "k", value]).expect("SET").is_ok());
    let request: Vec<u8> = (0..2000).flat_map(|_| encode_command(&["GET", "k"])).collect();
    slow.send_raw(&request).expect("send");
    eventually(PATIENCE, "its output waits", || {
        let fields = fields(&mut control, &id);
        let number = |name: &str| fields[name].parse::<u64>().expect("a number");
        let (chunks, memory) = (number("oll"), number("omem"));
        fields["events"] == "rw"
            && chunks > 100
            && (chunks * 10_000..chunks * 40_000).contains(&memory)
            && number("tot-mem") > memory
    });
    for _ in 0..2000 {
        assert_eq!(slow.read().expect("GET").text().len(), 10_000);
    }
    expect(&mut control, &id, &[("oll", "0"), ("omem", "0"), ("obl", "0"), ("events", "r")]);
}

#[test]
fn what_was_to_be_silent_before_a_pause_is_silent_after_it() {
    let server = server(&[]);
    let (mut control, mut conn) = (server.connect(), server.connect());
    let id = id_of(&mut conn);
    control.must("CLIENT PAUSE 100000 WRITE");
    conn.send(&["CLIENT", "REPLY", "SKIP"]).expect("send");
    conn.send(&["INCR", "k"]).expect("send");
    conn.send(&["INCR", "k"]).expect("send");
    expect(&mut control, &id, &[("flags", "b")]);
    assert!(control.must("INFO clients").text().contains("blocked_clients:1\r\n"));
    control.must("CLIENT UNPAUSE");
    assert_eq!(conn.read().expect("the second INCR"), Reply::Integer(2));
    expect(&mut control, &id, &[("flags", "N")]);
}

#[test]
fn a_reply_over_the_output_limit_is_not_made_to_its_end() {
    let mut server = server(&["--client-output-buffer-limit", "normal 1mb 0 0"]);
    let (mut control, mut greedy) = (server.connect(), server.connect());
    let value = vec![b'v'; 10_000];
    assert!(control.call(&command!["SET", "k", value]).expect("SET").is_ok());
    let before = server.resident_bytes();
    let mut request = vec!["MGET"];
    request.resize(50_001, "k");
    let outcome = greedy.call(&request);
    assert!(outcome.as_ref().is_err_and(closed), "{outcome:?}");
    let grown = server.resident_peak_bytes().saturating_sub(before);
    assert!(grown < 30 * MEGABYTE, "grew by {} MB for a reply of 500 MB", grown / MEGABYTE);
    assert!(server.log().contains("overcoming of output buffer limits"), "{}", server.log());
    server.assert_alive();
}

#[test]
fn a_request_over_the_query_buffer_limit_closes() {
    let mut server = server(&["--client-query-buffer-limit", "1mb"]);
    let mut conn = server.connect();
    let fits = vec![b'v'; 900_000];
    assert!(conn.call(&command!["SET", "k", fits]).expect("SET").is_ok());
    let outcome = conn.call(&command!["SET", "k", vec![b'v'; 3_000_000]]);
    assert!(outcome.as_ref().is_err_and(closed), "{outcome:?}");
    assert!(server.log().contains("Closing client that reached max query buffer length"), "{}", server.log());
    let mut many = server.connect();
    let mut request = vec![b"*200000\r\n$3\r\nDEL\r\n".to_vec()];
    request.resize(150_000, b"$10\r\n0123456789\r\n".to_vec());
    // The server may close while we send.
    let _ = many.send_raw(&request.concat());
    eventually(PATIENCE, "the client of many arguments is closed", || {
        server.connect().must("INFO stats").text().contains("client_query_buffer_limit_disconnections:2\r\n")
    });
    server.assert_alive();
}
