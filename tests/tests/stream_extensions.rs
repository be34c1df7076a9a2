//! What Redis 7.4 and 8.2 added to streams: the reference server of the differential tests has none of it, so the replies and
//! keyspace events are written down here.

use rufous_tests::conn::Conn;
use rufous_tests::server::{Server, Which};

/// Nine entries in nodes of three, which a group has read up to some entry, and of which it has acknowledged some.
fn nine(conn: &mut Conn, read: usize, acknowledged: &[&str]) {
    conn.must("DEL s");
    conn.must("CONFIG SET stream-node-max-entries 3");
    (1..10).for_each(|ms| _ = conn.must(&format!("XADD s {ms}-0 f v")));
    conn.must("XGROUP CREATE s g 0");
    if read > 0 {
        conn.must(&format!("XREADGROUP GROUP g a COUNT {read} STREAMS s >"));
    }
    acknowledged.iter().for_each(|id| _ = conn.must(&format!("XACK s g {id}")));
}

/// Runs a command; the reply is shown as the test room prints replies.
#[track_caller]
fn check(conn: &mut Conn, words: &str, expected: &str) {
    let shown = format!("{:?}", conn.ask(words)).replace("\\'", "'");
    assert_eq!(shown, expected, "{words}");
}

/// The entries that are there, by their milliseconds, and how many the group has pending.
#[track_caller]
fn check_left(conn: &mut Conn, entries: &[u64], pending: usize) {
    let reply = conn.must("XRANGE s - +");
    let ids = reply.items().expect("entries").iter().map(|entry| entry.items().expect("an entry")[0].text());
    let shown: Vec<u64> = ids.map(|id| id.trim_end_matches("-0").parse().expect("a number")).collect();
    assert_eq!(shown, entries);
    let summary = conn.must("XPENDING s g");
    assert_eq!(format!("{:?}", summary.items().expect("a summary")[0]), format!(":{pending}"));
}

fn server() -> (Server, Conn) {
    let server = Server::spawn(Which::Rufous, &["--notify-keyspace-events", "Et"]);
    let conn = server.connect();
    (server, conn)
}

#[test]
fn xread_plus_gives_the_last_entry() {
    let (_server, mut conn) = server();
    check(&mut conn, "XREAD STREAMS s +", "*-1");
    nine(&mut conn, 0, &[]);
    check(&mut conn, "XREAD STREAMS s +", r#"[["s", [["9-0", ["f", "v"]]]]]"#);
    check(
        &mut conn,
        "XREAD COUNT 5 STREAMS s s + 8",
        r#"[["s", [["9-0", ["f", "v"]]]], ["s", [["9-0", ["f", "v"]]]]]"#,
    );
    conn.must("XDEL s 9-0");
    check(&mut conn, "XREAD STREAMS s +", r#"[["s", [["8-0", ["f", "v"]]]]]"#);
    conn.must("XTRIM s MAXLEN 0");
    check(&mut conn, "XREAD STREAMS s +", "*-1");
    check(&mut conn, "XREAD BLOCK 1 STREAMS s +", "*-1");
    check(
        &mut conn,
        "XREADGROUP GROUP g a STREAMS s +",
        "-ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set.",
    );
}

#[test]
fn xread_plus_waits_for_an_entry_that_comes() {
    let (server, mut conn) = server();
    let mut writer = server.connect();
    conn.send(&[b"XREAD", &b"BLOCK"[..], b"0", b"STREAMS", b"s", b"+"]).expect("sent");
    while !writer.must("INFO clients").text().contains("blocked_clients:1") {}
    writer.must("XADD s 1-0 f v");
    let reply = conn.read().expect("a reply");
    assert_eq!(format!("{reply:?}"), r#"[["s", [["1-0", ["f", "v"]]]]]"#);
}

#[test]
fn xdelex_tells_what_became_of_each_entry() {
    let (_server, mut conn) = server();
    nine(&mut conn, 3, &[]);
    conn.must("XGROUP CREATE s h 0");
    check(&mut conn, "XDELEX s IDS 1 1-0", "[:1]");
    check_left(&mut conn, &[2, 3, 4, 5, 6, 7, 8, 9], 3);
    check(&mut conn, "XDELEX s DELREF IDS 2 2-0 9-9", "[:1, :-1]");
    check_left(&mut conn, &[3, 4, 5, 6, 7, 8, 9], 2);
    check(&mut conn, "XDELEX s ACKED IDS 3 3-0 5-0 99-0", "[:2, :2, :2]");
    conn.must("XACK s g 3-0");
    check(&mut conn, "XDELEX s acked IDS 1 3-0", "[:2]"); // the other group has yet to read it
    conn.must("XREADGROUP GROUP h a COUNT 1 STREAMS s >");
    check(&mut conn, "XDELEX s IDS 1 3-0 ACKED", "[:2]");
    conn.must("XACK s h 3-0");
    check(&mut conn, "XDELEX s ACKED IDS 2 3-0 3-0", "[:1, :-1]");
    check(&mut conn, "XDELEX nokey IDS 2 1-0 2-0", "[:-1, :-1]");

    for (words, error) in [
        ("XDELEX s IDS 0", "-ERR wrong number of arguments for 'xdelex' command"),
        ("XDELEX s IDS 0 1-0", "-ERR Number of IDs must be a positive integer"),
        ("XDELEX s IDS x 1-0", "-ERR Number of IDs must be a positive integer"),
        ("XDELEX s IDS 2 1-0", "-ERR The `numids` parameter must match the number of arguments"),
        (
            "XDELEX s IDS 9223372036854775807 1-0",
            "-ERR The `numids` parameter must match the number of arguments",
        ),
        ("XDELEX s IDS 1 1-0 2-0", "-ERR syntax error"),
        ("XDELEX s KEEPREF DELREF IDS 1 1-0", "-ERR syntax error"),
        ("XDELEX s 1-0 2-0 3-0", "-ERR syntax error"),
        ("XDELEX s IDS 1 bad", "-ERR Invalid stream ID specified as stream command argument"),
    ] {
        check(&mut conn, words, error);
    }
    conn.must("SET s x");
    check(
        &mut conn,
        "XDELEX s IDS 1 1-0",
        "-WRONGTYPE Operation against a key holding the wrong kind of value",
    );
}

#[test]
fn xackdel_acknowledges_and_deletes() {
    let (_server, mut conn) = server();
    nine(&mut conn, 5, &[]);
    conn.must("XGROUP CREATE s h 1-0");
    check(&mut conn, "XACKDEL s g IDS 3 1-0 1-0 6-0", "[:1, :-1, :-1]");
    conn.must("XREADGROUP GROUP h a COUNT 4 STREAMS s >");
    check(&mut conn, "XACKDEL s g DELREF IDS 1 2-0", "[:1]");
    check(&mut conn, "XPENDING s h", r#"[:3, "3-0", "5-0", [["a", "3"]]]"#);
    check(&mut conn, "XACKDEL s g ACKED IDS 1 3-0", "[:2]");
    check(&mut conn, "XLEN s", ":7");
    check(&mut conn, "XACKDEL s h ACKED IDS 1 3-0", "[:1]");
    check(&mut conn, "XLEN s", ":6");
    conn.must("XDEL s 4-0");
    check(&mut conn, "XACKDEL s h IDS 1 4-0", "[:1]"); // gone, but pending
    check(&mut conn, "XACKDEL s none IDS 2 5-0 6-0", "[:-1, :-1]");
    check(&mut conn, "XACKDEL none g IDS 1 bad", "[:-1]");
    check(
        &mut conn,
        "XACKDEL s g IDS 2 5-0",
        "-ERR The `numids` parameter must match the number of arguments",
    );
    check(&mut conn, "XACKDEL s g IDS 1 bad", "-ERR Invalid stream ID specified as stream command argument");
}

#[test]
fn trimming_heeds_references() {
    let (_server, mut conn) = server();
    nine(&mut conn, 5, &["1-0", "2-0", "4-0"]);
    check(&mut conn, "XTRIM s MAXLEN 3 ACKED", ":3");
    check_left(&mut conn, &[3, 5, 6, 7, 8, 9], 2);
    check(&mut conn, "XTRIM s DELREF MAXLEN = 3", ":3");
    check_left(&mut conn, &[7, 8, 9], 0);

    nine(&mut conn, 9, &["9-0"]);
    check(&mut conn, "XTRIM s MAXLEN 3 ACKED", ":1");
    check_left(&mut conn, &[1, 2, 3, 4, 5, 6, 7, 8], 8);

    // The limit stops in front of a node, and ~ does not.
    nine(&mut conn, 9, &[]);
    check(&mut conn, "XTRIM s MAXLEN ~ 4 DELREF LIMIT 4", ":3");
    check(&mut conn, "XTRIM s MAXLEN ~ 4 DELREF", ":2");
    check_left(&mut conn, &[6, 7, 8, 9], 4);
    nine(&mut conn, 9, &["2-0", "4-0"]);
    check(&mut conn, "XTRIM s MINID ~ 5 ACKED LIMIT 3", ":1");
    check(&mut conn, "XTRIM s MINID ~ 5 ACKED LIMIT 4", ":1");
    check_left(&mut conn, &[1, 3, 5, 6, 7, 8, 9], 7);

    check(&mut conn, "XADD s DELREF MAXLEN 2 10-0 f v", r#""10-0""#);
    check_left(&mut conn, &[9, 10], 1);
    check(&mut conn, "XADD s ACKED 11-0 f v", r#""11-0""#);
    check(
        &mut conn,
        "XADD s ACKED DELREF 12-0 f v",
        "-ERR Invalid stream ID specified as stream command argument",
    );
    check(&mut conn, "XTRIM s ACKED MAXLEN 1 KEEPREF", "-ERR syntax error");
}

#[test]
fn what_is_deleted_is_told() {
    let (server, mut conn) = server();
    let mut listener = server.connect();
    nine(&mut conn, 9, &[]);
    listener.must("PSUBSCRIBE __keyevent*");
    for words in [
        "XDELEX s DELREF IDS 1 1-0",
        "XACKDEL s g IDS 1 2-0",
        "XACKDEL s g ACKED IDS 1 99-0",
        "XDELEX s ACKED IDS 1 3-0",
        "XTRIM s MAXLEN 3 ACKED",
        "XTRIM s MAXLEN 3 DELREF",
        "XADD s ACKED MAXLEN 1 10-0 f v",
    ] {
        conn.must(words);
    }
    let mut events = Vec::new();
    for _ in 0..4 {
        let message = listener.read().expect("a message");
        let channel = message.items().expect("a message")[2].text();
        events.push(channel.rsplit(':').next().unwrap_or("").to_owned());
    }
    assert_eq!(events, ["xdel", "xdel", "xtrim", "xadd"]);
}
