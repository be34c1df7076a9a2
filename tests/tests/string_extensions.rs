//! What Redis 8 and Valkey 8 and 9 added to strings and bitmaps: the reference server of the differential tests has
//! none of it, so the replies and keyspace events are written down here.

use rufous_tests::server::{Server, Which};

/// Runs commands one by one; each reply is shown as the test room prints replies.
#[track_caller]
fn check(dialogue: &[(&str, &str)]) {
    let server = Server::spawn(Which::Rufous, &["--notify-keyspace-events", "E$gn"]);
    let mut conn = server.connect();
    for (words, expected) in dialogue {
        let shown = format!("{:?}", conn.ask(words)).replace("\\'", "'");
        assert_eq!(shown, *expected, "{words}");
    }
}

/// The names of the events that a command queues, after others have prepared the keys.
#[track_caller]
fn check_events(before: &[&str], words: &str, expected: &[&str]) {
    let server = Server::spawn(Which::Rufous, &["--notify-keyspace-events", "E$gn"]);
    let mut conn = server.connect();
    for words in before {
        conn.must(words);
    }
    let mut listener = server.connect();
    listener.must("PSUBSCRIBE __key*");
    conn.must(words);
    conn.must("PUBLISH __keyend x");
    let mut events = Vec::new();
    loop {
        let message = listener.read().expect("a message");
        let items = message.items().expect("a message");
        let channel = items[2].text();
        if channel == "__keyend" {
            break;
        }
        events.push(format!("{} {}", channel.rsplit(':').next().unwrap_or(""), items[3].text()));
    }
    assert_eq!(events, expected, "{words}");
}

#[test]
fn set_ifeq_compares_before_it_sets() {
    check(&[
        ("SET k 1 IFEQ 1", "$-1"),
        ("GET k", "$-1"),
        ("SET k 1", "+OK"),
        ("SET k 2 IFEQ 1", "+OK"),
        ("SET k 3 IFEQ 1", "$-1"),
        ("SET k 3 IFEQ 1 GET", "\"2\""),
        ("SET k abc ifeq 2 GET EX 100", "\"2\""),
        ("SET k abcd IFEQ abc KEEPTTL", "+OK"),
        ("SET k x IFEQ abcd NX", "-ERR syntax error"),
        ("SET k x IFEQ", "-ERR syntax error"),
        ("GET k", "\"abcd\""),
    ]);
    check_events(&["SET k a"], "SET k b IFEQ a EX 100", &["set k", "expire k"]);
    check_events(&["SET k a"], "SET k b IFEQ x EX 100", &[]);
}

#[test]
fn delifeq_removes_what_it_knows() {
    check(&[
        ("DELIFEQ k a", ":0"),
        ("SET k 10", "+OK"),
        ("DELIFEQ k 010", ":0"),
        ("DELIFEQ k 10", ":1"),
        ("GET k", "$-1"),
        ("DELIFEQ k", "-ERR wrong number of arguments for 'delifeq' command"),
    ]);
    check_events(&["SET k a"], "DELIFEQ k a", &["del k"]);
    check_events(&["SET k a"], "DELIFEQ k b", &[]);
}

#[test]
fn msetex_sets_all_or_nothing() {
    check(&[
        ("MSETEX 2 a 1 b 2", ":1"),
        ("MGET a b", "[\"1\", \"2\"]"),
        ("MSETEX 2 a 3 c 3 NX", ":0"),
        ("MSETEX 2 a 3 c 3 XX", ":0"),
        ("MGET a b c", "[\"1\", \"2\", $-1]"),
        ("MSETEX 2 a 3 b 3 XX PX 100000", ":1"),
        ("MSETEX 1 c 3 NX KEEPTTL", ":1"),
        ("MGET a b c", "[\"3\", \"3\", \"3\"]"),
        ("MSETEX 0 a 1", "-ERR invalid numkeys value"),
        ("MSETEX x a 1", "-ERR invalid numkeys value"),
        ("MSETEX 2 a 1 b", "-ERR wrong number of key-value pairs"),
        ("MSETEX 1 a 1 GET", "-ERR syntax error"),
        ("MSETEX 1 a 1 EX 1 PX 1", "-ERR syntax error"),
        ("MSETEX 1 a 1 EX 0", "-ERR invalid expire time in 'msetex' command"),
        ("MSETEX 1 a 1 EX x", "-ERR value is not an integer or out of range"),
        ("MGET a b c", "[\"3\", \"3\", \"3\"]"),
        ("COMMAND GETKEYS MSETEX 2 a 1 b 2 NX", "[\"a\", \"b\"]"),
    ]);
    check_events(
        &["SET a 1"],
        "MSETEX 2 a 1 b 2 EX 100",
        &["set a", "expire a", "new b", "set b", "expire b"],
    );
}

#[test]
fn bitop_has_four_more_operations() {
    check(&[
        // 1100 0000, 0110 0000, 0011 0000 and a byte more
        ("BITFIELD x SET u8 0 192", "[:0]"),
        ("BITFIELD y SET u8 0 96", "[:0]"),
        ("BITFIELD z SET u16 0 12289", "[:0]"),
        ("BITOP DIFF d x y z", ":2"),
        ("BITFIELD_RO d GET u16 0", "[:32768]"),
        ("BITOP diff1 d x y z", ":2"),
        ("BITFIELD_RO d GET u16 0", "[:12289]"),
        ("BITOP ANDOR d x y z", ":2"),
        ("BITFIELD_RO d GET u16 0", "[:16384]"),
        ("BITOP ONE d x y z", ":2"),
        ("BITFIELD_RO d GET u16 0", "[:36865]"),
        ("BITOP ONE d x", ":1"),
        ("BITOP DIFF d none nor", ":0"),
        ("GET d", "$-1"),
        ("BITOP DIFF d x", "-ERR BITOP DIFF must be called with at least two source keys."),
        ("BITOP diff1 d x", "-ERR BITOP DIFF1 must be called with at least two source keys."),
        ("BITOP ANDOR d x", "-ERR BITOP ANDOR must be called with at least two source keys."),
    ]);
}
