//! Fields of hashes that expire: what clients see as the clock advances, and what Redis 7.4 and 8 say to bad requests. The
//! reference server of the differential tests has none of it by default, so that the replies are written down here.

use rufous_tests::command;
use rufous_tests::conn::Conn;
use rufous_tests::server::{Server, Signal, Which};

/// Both forms of a hash: small, and large from the first field on.
const FORMS: [&str; 2] = ["128", "0"];

/// Runs commands one by one against both forms; each reply is shown as the test room prints replies. The clock stands still.
#[track_caller]
fn check(dialogue: &[(&str, &str)]) {
    for entries in FORMS {
        let (_server, mut conn) = start(entries);
        for (words, expected) in dialogue {
            let shown = format!("{:?}", conn.ask(words)).replace("\\'", "'");
            assert_eq!(shown, *expected, "{words} ({entries})");
        }
    }
}

fn start(entries: &str) -> (Server, Conn) {
    let options = ["--hash-max-listpack-entries", entries, "--notify-keyspace-events", "EhgnxKm"];
    let server = Server::spawn(Which::Rufous, &options);
    let mut conn = server.connect();
    conn.must("DEBUG CLOCK FREEZE");
    (server, conn)
}

/// The events, by name and key, that `words` sets off after others have prepared the keys.
#[track_caller]
fn check_events(before: &[&str], words: &str, expected: &[&str]) {
    for entries in FORMS {
        let (server, mut conn) = start(entries);
        for words in before {
            conn.must(words);
        }
        let mut listener = server.connect();
        listener.must("PSUBSCRIBE __keyevent*");
        conn.must(words);
        conn.must("PUBLISH __keyevent_end x");
        let mut events = Vec::new();
        loop {
            let message = listener.read().expect("a message");
            let items = message.items().expect("a message");
            let channel = items[2].text();
            if channel == "__keyevent_end" {
                break;
            }
            events.push(format!("{} {}", channel.rsplit(':').next().unwrap_or(""), items[3].text()));
        }
        assert_eq!(events, expected, "{words} ({entries})");
    }
}

#[test]
fn fields_expire_one_by_one() {
    check(&[
        ("HSET h a 1 b 2 c 3", ":3"),
        ("HPEXPIRE h 100 FIELDS 2 a nofield", "[:1, :-2]"),
        ("HEXPIRE h 1 FIELDS 1 b", "[:1]"),
        ("HPTTL h FIELDS 4 a b c nofield", "[:100, :1000, :-1, :-2]"),
        ("HTTL h FIELDS 2 a b", "[:1, :1]"),
        ("DEBUG CLOCK ADVANCE 100", "+OK"),
        ("HGET h a", "\"1\""),
        ("HPTTL h FIELDS 1 a", "[:0]"),
        ("DEBUG CLOCK ADVANCE 1", "+OK"),
        ("HGET h a", "$-1"),
        ("HMGET h a b", "[$-1, \"2\"]"),
        ("HLEN h", ":2"),
        ("HEXISTS h a", ":0"),
        ("HSTRLEN h a", ":0"),
        ("HDEL h a", ":0"),
        ("HSETNX h a 9", ":1"),
        ("HPTTL h FIELDS 2 a b", "[:-1, :899]"),
        ("HDEL h a c", ":2"),
        ("DEBUG CLOCK ADVANCE 900", "+OK"),
        ("EXISTS h", ":0"),
        ("HLEN h", ":0"),
        ("DBSIZE", ":0"),
    ]);
}

#[test]
fn expired_fields_are_hidden_while_nothing_removes_them() {
    for entries in FORMS {
        let (_server, mut conn) = start(entries);
        conn.must("DEBUG SET-ACTIVE-EXPIRE 0");
        // More than a lookup takes out.
        for field in 0..1000 {
            conn.must(&format!("HSETEX h PX {} FIELDS 1 f{field} 1", 10 + field % 2));
        }
        conn.must("HSET h stays 1 other 2");
        conn.must("DEBUG CLOCK ADVANCE 12");
        assert_eq!(format!("{:?}", conn.must("HLEN h")), ":2");
        let mut keys: Vec<String> = conn.must("HKEYS h").items().unwrap().iter().map(|k| k.text()).collect();
        keys.sort();
        assert_eq!(keys, ["other", "stays"]);
        for _ in 0..20 {
            assert!(["stays", "other"].contains(&conn.must("HRANDFIELD h").text().as_str()));
        }
        assert_eq!(format!("{:?}", conn.must("HSETNX h f999 1")), ":1");
        assert_eq!(format!("{:?}", conn.must("HINCRBY h f998 5")), ":5");
        assert_eq!(format!("{:?}", conn.must("HPTTL h FIELDS 2 f998 f999")), "[:-1, :-1]");
        assert_eq!(format!("{:?}", conn.must("HDEL h stays other f998 f999 f997")), ":4");
        assert_eq!(format!("{:?}", conn.must("EXISTS h")), ":0");
    }
}

#[test]
fn a_pause_hides_expired_fields_and_keeps_them() {
    for entries in FORMS {
        let (server, mut conn) = start(entries);
        conn.must("HSET h a 1 b 2");
        conn.must("HPEXPIRE h 10 FIELDS 1 a");
        conn.must("HSET g a 1");
        conn.must("HPEXPIRE g 10 FIELDS 1 a");
        server.connect().must("CLIENT PAUSE 100000000 WRITE");
        conn.must("DEBUG CLOCK ADVANCE 11");
        let shown: Vec<String> =
            ["HLEN h", "HGET h a", "HGETALL h", "HSCAN h 0", "EXISTS g", "HLEN g", "DBSIZE"]
                .map(|words| format!("{:?}", conn.must(words)))
                .to_vec();
        let expected = [":1", "$-1", "[\"b\", \"2\"]", "[\"0\", [\"b\", \"2\"]]", ":0", ":0", ":2"];
        assert_eq!(shown, expected);
        assert!(conn.must("INFO stats").text().contains("expired_subkeys:0\r\n"));
        conn.must("CLIENT UNPAUSE");
        assert_eq!(format!("{:?}", conn.must("HLEN h")), ":1");
        assert_eq!(format!("{:?}", conn.must("EXISTS g")), ":0");
        assert!(conn.must("INFO stats").text().contains("expired_subkeys:2\r\n"));
    }
}

#[test]
fn the_clock_takes_fields_out_by_itself() {
    for entries in FORMS {
        let (_server, mut conn) = start(entries);
        for key in 0..50 {
            conn.must(&format!("HSET h{key} stays 1 a 1 b 1"));
            conn.must(&format!("HPEXPIRE h{key} {} FIELDS 2 a b", 10 + key));
        }
        conn.must("HSET g a 1");
        conn.must("HPEXPIRE g 20 FIELDS 1 a");
        conn.must("COPY g copied");
        conn.must("RENAME copied renamed");
        conn.must("MOVE renamed 1");
        conn.must("SELECT 1");
        conn.must("SWAPDB 1 2");
        conn.must("SELECT 0");
        assert!(conn.must("INFO keyspace").text().contains("subexpiry=51"));
        conn.must("DEBUG CLOCK ADVANCE 100");
        // Nobody looks at the keys.
        for _ in 0..1000 {
            if conn.must("INFO stats").text().contains("expired_subkeys:102\r\n") {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let stats = conn.must("INFO stats").text();
        assert!(stats.contains("expired_subkeys:102\r\n") && stats.contains("expired_keys:0\r\n"), "{stats}");
        let keyspace = conn.must("INFO keyspace").text();
        assert!(keyspace.contains("db0:keys=50,expires=0,avg_ttl=0,subexpiry=0\r\n"), "{keyspace}");
        assert!(!keyspace.contains("db2:"), "{keyspace}");
    }
}

#[test]
fn writes_keep_or_clear_expiries() {
    check(&[
        ("HSETEX h EX 100 FIELDS 3 a 1 b 2 c 3", ":1"),
        ("HINCRBY h a 1", ":2"),
        ("HINCRBYFLOAT h b 0.5", "\"2.5\""),
        ("HSET h c 3", ":0"),
        ("HTTL h FIELDS 3 a b c", "[:100, :100, :-1]"),
        ("HSETEX h KEEPTTL FIELDS 2 a 5 d 5", ":1"),
        ("HTTL h FIELDS 2 a d", "[:100, :-1]"),
        ("HSETEX h FIELDS 1 a 5", ":1"),
        ("HTTL h FIELDS 2 a b", "[:-1, :100]"),
        ("HGETEX h PERSIST FIELDS 2 b nofield", "[\"2.5\", $-1]"),
        ("HTTL h FIELDS 1 b", "[:-1]"),
        ("HGETEX h EX 5 FIELDS 1 b", "[\"2.5\"]"),
        ("HGETEX h FIELDS 1 b", "[\"2.5\"]"),
        ("HPERSIST h FIELDS 3 b c nofield", "[:1, :-1, :-2]"),
        ("HGETDEL h FIELDS 3 a a nofield", "[\"5\", $-1, $-1]"),
        ("HSETEX h FNX EX 9 FIELDS 2 new 1 b 1", ":0"),
        ("HEXISTS h new", ":0"),
        ("HSETEX h FXX EX 9 FIELDS 2 c 1 b 1", ":1"),
        ("HEXPIRE h 9 NX FIELDS 2 c d", "[:0, :1]"),
        ("HEXPIRE h 10 GT FIELDS 1 c", "[:1]"),
        ("HEXPIRE h 10 GT FIELDS 1 c", "[:0]"),
        ("HEXPIRE h 10 LT FIELDS 1 c", "[:0]"),
        ("HEXPIREAT h 1 XX FIELDS 4 c b d nofield", "[:2, :2, :2, :-2]"),
        ("EXISTS h", ":0"),
        ("HSETEX h EXAT 1 FIELDS 1 a 1", ":1"),
        ("EXISTS h", ":0"),
    ]);
}

#[test]
fn encodings_say_what_may_expire() {
    let (_server, mut conn) = start("3");
    let mut check = |words: &str, expected: &str| {
        conn.must(words);
        assert_eq!(conn.must("OBJECT ENCODING h").text(), expected, "{words}");
    };
    check("HSET h a 1 b 2", "listpack");
    check("HPERSIST h FIELDS 1 a", "listpack");
    check("HEXPIRE h 10 FIELDS 1 nofield", "listpack");
    check("HEXPIRE h 10 FIELDS 1 a", "listpackex");
    check("HPERSIST h FIELDS 1 a", "listpackex");
    check("HSET h c 1", "listpackex");
    check("HSET h d 1", "hashtable");
    check("HEXPIRE h 10 FIELDS 1 a", "hashtable");
}

#[test]
fn events_are_those_of_redis() {
    let three = ["HSET h a 1 b 2 c 3"];
    check_events(&three, "HEXPIRE h 10 FIELDS 2 a nofield", &["hexpire h"]);
    check_events(&three, "HEXPIRE h 10 XX FIELDS 1 a", &[]);
    check_events(&three, "HEXPIRE h 0 FIELDS 1 a", &["hdel h"]);
    check_events(&three, "HEXPIREAT h 1 FIELDS 3 a b c", &["hdel h", "del h"]);
    check_events(&three, "HPERSIST h FIELDS 1 a", &[]);
    check_events(&three, "HGETEX h EX 10 FIELDS 1 a", &["hexpire h"]);
    check_events(&three, "HGETEX h PXAT 1 FIELDS 3 a b c", &["hdel h", "del h"]);
    check_events(&three, "HGETEX h FIELDS 1 a", &[]);
    check_events(&three, "HGETDEL h FIELDS 2 a nofield", &["hdel h"]);
    check_events(&three, "HGETDEL h FIELDS 1 nofield", &[]);
    check_events(&three, "HSETEX h EX 10 FIELDS 1 a 1", &["hset h", "hexpire h"]);
    check_events(&three, "HSETEX h KEEPTTL FIELDS 1 a 1", &["hset h"]);
    check_events(&[], "HSETEX h EXAT 1 FIELDS 1 a 1", &["new h", "hset h", "hdel h", "del h"]);
    let expiring = ["DEBUG SET-ACTIVE-EXPIRE 0", "HSET h a 1 b 2 c 3", "HPEXPIRE h 10 FIELDS 2 a b"];
    check_events(
        &[&expiring[..], &["DEBUG CLOCK ADVANCE 5"]].concat(),
        "HPERSIST h FIELDS 1 a",
        &["hpersist h"],
    );
    let expired = [&expiring[..], &["DEBUG CLOCK ADVANCE 11"]].concat();
    check_events(&expired, "HGET h a", &["hexpired h"]);
    check_events(&expired, "HSET h a 1", &["hexpired h", "hset h"]);
    let all = [&expiring[..], &["HPEXPIRE h 10 FIELDS 1 c", "DEBUG CLOCK ADVANCE 11"]].concat();
    check_events(&all, "EXISTS h", &["hexpired h", "del h", "keymiss h"]);
    check_events(&all, "SCAN 0", &["hexpired h", "del h"]);
}

#[test]
fn whoever_watches_or_caches_a_hash_learns_of_its_fields() {
    for entries in FORMS {
        let (server, mut conn) = start(entries);
        conn.must("HSET h a 1 b 2");
        conn.must("HPEXPIRE h 10 FIELDS 1 a");
        let mut other = server.connect();
        other.must("WATCH h");
        let mut reader = server.connect();
        reader.must("HELLO 3");
        reader.must("CLIENT TRACKING ON");
        reader.must("HGETALL h");
        conn.must("DEBUG CLOCK ADVANCE 11");
        assert_eq!(format!("{:?}", conn.must("HLEN h")), ":1");
        other.must("MULTI");
        other.must("PING");
        assert_eq!(format!("{:?}", other.must("EXEC")), "*-1");
        let push = reader.read_any().expect("an invalidation");
        assert!(format!("{push:?}").contains("invalidate"), "{push:?}");
    }
}

#[test]
fn bad_requests_are_refused_and_change_nothing() {
    let mismatch = "-ERR The `numfields` parameter must match the number of arguments";
    let missing = "-ERR Mandatory argument FIELDS is missing or not at the right position";
    let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    check(&[
        ("HSET h a 1 b 2", ":2"),
        ("SET s x", "+OK"),
        ("HEXPIRE h -1 FIELDS 1 a", "-ERR invalid expire time, must be >= 0"),
        ("HEXPIRE h x FIELDS 1 a", "-ERR value is not an integer or out of range"),
        ("HEXPIRE h 70368744177665 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command"),
        ("HPEXPIRE h 70368744177663 FIELDS 1 a", "-ERR invalid expire time in 'hpexpire' command"),
        ("HPEXPIRE h 9223372036854775807 FIELDS 1 a", "-ERR invalid expire time in 'hpexpire' command"),
        ("HEXPIREAT h 70368744178 FIELDS 1 a", "-ERR invalid expire time in 'hexpireat' command"),
        ("HPEXPIREAT h 70368744177664 FIELDS 1 a", "-ERR invalid expire time in 'hpexpireat' command"),
        ("HEXPIRE h 10 FIELDS 0 a", "-ERR Parameter `numFields` should be greater than 0"),
        ("HEXPIRE h 10 FIELDS 9223372036854775808 a", "-ERR Parameter `numFields` should be greater than 0"),
        ("HEXPIRE h 10 FIELDS 2 a", mismatch),
        ("HEXPIRE h 10 FIELDS 1 a b", mismatch),
        ("HEXPIRE h 10 NX FIELDS 1", mismatch),
        ("HEXPIRE h 10 FIELD 1 a", missing),
        ("HEXPIRE h 10 NX XX FIELDS 1 a", missing),
        ("HEXPIRE h 10 FIELDS 1", "-ERR wrong number of arguments for 'hexpire' command"),
        ("HEXPIRE s x foo", "-ERR wrong number of arguments for 'hexpire' command"),
        ("HEXPIRE s x foo 1 a 1", wrong_type),
        ("HTTL h FIELDS 0 a", "-ERR Number of fields must be a positive integer"),
        ("HTTL h FIELDS 2 a", mismatch),
        ("HTTL h 1 a b", missing),
        ("HTTL s FIELDS 1 a", wrong_type),
        ("HPERSIST h FIELDS -1 a", "-ERR Number of fields must be a positive integer"),
        ("HPERSIST h a FIELDS 1", missing),
        ("HGETDEL h FIELDS 9223372036854775807 a", mismatch),
        ("HGETDEL s FIELDS 1 a", wrong_type),
        (
            "HGETEX h EX 10 PX 1 FIELDS 1 a",
            "-ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified",
        ),
        ("HGETEX h KEEPTTL FIELDS 1 a", "-ERR unknown argument"),
        ("HGETEX h NX FIELDS 1 a", "-ERR unknown argument: NX"),
        ("HGETEX h FIELDS 1 a b", "-ERR unknown argument: b"),
        ("HGETEX h FIELDS 2 a", "-ERR wrong number of arguments"),
        ("HGETEX h FIELDS 2147483648 a", "-ERR invalid number of fields"),
        ("HGETEX h FIELDS 1 a FIELDS 1 b", "-ERR FIELDS keyword specified multiple times"),
        ("HGETEX h FIELDS 1 a EX", "-ERR missing expire time"),
        ("HGETEX h EX 10 FIELDS", "-ERR wrong number of arguments for 'hgetex' command"),
        ("HGETEX h EX -1 FIELDS 1 a", "-ERR invalid expire time, must be >= 0"),
        ("HGETEX s foo 1 a", wrong_type),
        ("HSETEX s foo 1 a 1", "-ERR unknown argument: foo"),
        ("HSETEX h FNX FXX FIELDS 1 a 1", "-ERR Only one of FXX or FNX arguments can be specified"),
        (
            "HSETEX h KEEPTTL EX 1 FIELDS 1 a 1",
            "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
        ),
        ("HSETEX h PERSIST FIELDS 1 a 1", "-ERR unknown argument"),
        ("HSETEX h FIELDS 2 a 1 b", "-ERR wrong number of arguments"),
        ("HSETEX h PXAT 70368744177664 FIELDS 1 a 1", "-ERR invalid expire time in 'hsetex' command"),
        ("HGETALL h", "[\"a\", \"1\", \"b\", \"2\"]"),
        ("HPTTL h FIELDS 2 a b", "[:-1, :-1]"),
        ("INFO keyspace", "\"# Keyspace\\r\\ndb0:keys=2,expires=0,avg_ttl=0,subexpiry=0\\r\\n\""),
    ]);
}

#[test]
fn values_keep_their_expiries_through_dump_and_restore() {
    for entries in FORMS {
        let (_server, mut conn) = start(entries);
        let shown = |conn: &mut Conn, key: &str| {
            let mut fields = conn.must(&format!("HGETALL {key}")).items().unwrap().len().to_string();
            fields += &format!("{:?}", conn.must(&format!("HPEXPIRETIME {key} FIELDS 4 a b c 7")));
            fields
        };
        conn.must("HSET h a 1 b 2 7 8 c xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        conn.must("HPEXPIREAT h 33000000000000 FIELDS 1 b");
        conn.must("HPEXPIREAT h 32000000000000 FIELDS 1 a");
        let payload = conn.must("DUMP h").bytes().expect("a payload").to_vec();
        assert_eq!(payload[0], if entries == "0" { 24 } else { 25 });
        assert_eq!(payload[payload.len() - 10..][..2], [12, 0], "the version");
        assert!(!conn.call(&command!["RESTORE", "g", "0", payload.clone()]).expect("a reply").is_error());
        assert_eq!(shown(&mut conn, "g"), shown(&mut conn, "h"));
        assert_eq!(conn.must("OBJECT ENCODING g"), conn.must("OBJECT ENCODING h"));
        assert!(conn.must("INFO keyspace").text().contains("subexpiry=2"));
        // An older version has no room for expiries.
        conn.must("CONFIG SET rdb-version 10");
        let refused = format!("{:?}", conn.ask("DUMP h"));
        assert_eq!(refused, "-ERR RDB version 10 cannot hold hash fields that expire; see rdb-version");
        conn.must("HPERSIST h FIELDS 2 a b");
        let payload = conn.must("DUMP h").bytes().expect("a payload").to_vec();
        assert_eq!(payload[payload.len() - 10..][..2], [10, 0], "the version");
    }
}

/// A hash whose fields expire, one whose fields did and do no more, and one of which a field is gone, in every form.
fn fill_with_expiries(conn: &mut Conn) {
    conn.must("HSET mixed a 1 b 2 7 8 c 10.5");
    conn.must("HPEXPIREAT mixed 33000000000000 FIELDS 1 b");
    conn.must("HPEXPIREAT mixed 32000000000000 FIELDS 2 a 7");
    conn.must("HSETEX all PXAT 32000000000001 FIELDS 2 x xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx y 2");
    conn.must("HSETEX none PXAT 32000000000001 FIELDS 1 x 1");
    conn.must("HPERSIST none FIELDS 1 x");
    conn.must("HSET short stays 1 goes 2");
    conn.must("HPEXPIRE short 1 FIELDS 1 goes");
    conn.must("DEBUG CLOCK ADVANCE 2");
    conn.must("SELECT 3");
    for field in 0..300 {
        conn.must(&format!("HSET large field:{field} {field}"));
        conn.must(&format!("HPEXPIREAT large {} FIELDS 1 field:{field}", 33_000_000_000_000_i64 - field % 7));
    }
    conn.must("EXPIREAT large 34000000000");
    conn.must("SELECT 0");
}

/// The hashes with their fields and times, and how many of them expire, as a server shows them.
fn shown_expiries(conn: &mut Conn) -> Vec<String> {
    let mut shown = Vec::new();
    for (database, key) in [(0, "mixed"), (0, "all"), (0, "none"), (0, "short"), (3, "large")] {
        conn.must(&format!("SELECT {database}"));
        let fields = conn.must(&format!("HGETALL {key}"));
        for pair in fields.items().expect("fields").chunks(2) {
            let field = pair[0].text();
            let expiry = conn.must(&format!("HPEXPIRETIME {key} FIELDS 1 {field}"));
            shown.push(format!("{key} {field} {:?} {expiry:?}", pair[1]));
        }
        // A file does not tell that fields could expire where none does.
        let encoding = conn.must(&format!("OBJECT ENCODING {key}")).text();
        shown.push(format!("{key} {}", encoding.trim_end_matches("ex")));
    }
    conn.must("SELECT 0");
    shown.sort();
    let keyspace = conn.must("INFO keyspace").text();
    shown.extend(keyspace.lines().map(|line| line.split(",avg_ttl").next().unwrap_or("").to_owned()));
    shown
}

/// The magic and version at the beginning of a file, which may be one among those whose names end so.
fn beginning(folder: &std::path::Path, end: &str) -> String {
    let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let path = files.into_iter().find(|path| path.to_string_lossy().ends_with(end)).expect("the file");
    String::from_utf8_lossy(&std::fs::read(path).expect("the file")[..9]).into_owned()
}

#[track_caller]
fn check_expiries(conn: &mut Conn, expected: &[String], case: &str) {
    let shown = shown_expiries(conn);
    let differ = shown.iter().zip(expected).find(|(shown, expected)| shown != expected);
    assert_eq!((shown.len(), differ), (expected.len(), None), "{case}");
}

fn wait_until_idle(conn: &mut Conn) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let info = conn.must("INFO persistence").text();
        if info.contains("rdb_bgsave_in_progress:0") && info.contains("aof_rewrite_in_progress:0") {
            assert!(
                info.contains("rdb_last_bgsave_status:ok") && info.contains("aof_last_bgrewrite_status:ok")
            );
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{info}");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[test]
fn fields_keep_their_times_through_snapshots() {
    for entries in FORMS {
        let folder = tempfile::tempdir().expect("a folder");
        let options =
            ["--dir", folder.path().to_str().expect("a path"), "--hash-max-listpack-entries", entries];
        let mut server = Server::spawn(Which::Rufous, &options);
        let mut conn = server.connect();
        conn.must("BGSAVE");
        wait_until_idle(&mut conn);
        assert_eq!(beginning(folder.path(), "dump.rdb"), "REDIS0011");
        fill_with_expiries(&mut conn);
        let expected = shown_expiries(&mut conn);
        conn.must("BGSAVE");
        wait_until_idle(&mut conn);
        assert_eq!(
            beginning(folder.path(), "dump.rdb"),
            "REDIS0012",
            "only what needs it raises the version"
        );
        server.signal(Signal::KILL);
        server.wait();
        let server = Server::spawn(Which::Rufous, &options);
        let mut conn = server.connect();
        check_expiries(&mut conn, &expected, &format!("a restart ({entries})"));
        conn.must("DEBUG RELOAD");
        check_expiries(&mut conn, &expected, &format!("DEBUG RELOAD ({entries})"));
        // Not in a version that was asked for and cannot hold them.
        conn.must("CONFIG SET rdb-version 10");
        assert!(conn.ask("SAVE").is_error());
        assert!(server.log().contains("RDB version 10 cannot hold hash fields that expire (key '"));
        assert_eq!(beginning(folder.path(), "dump.rdb"), "REDIS0012", "the file is the one before");
    }
}

#[test]
fn fields_keep_their_times_through_the_append_only_file() {
    for (entries, preamble) in [(FORMS[0], "yes"), (FORMS[1], "yes"), (FORMS[0], "no"), (FORMS[1], "no")] {
        let folder = tempfile::tempdir().expect("a folder");
        let options = [
            "--dir",
            folder.path().to_str().expect("a path"),
            "--appendonly",
            "yes",
            "--hash-max-listpack-entries",
            entries,
            "--aof-use-rdb-preamble",
            preamble,
        ];
        let mut server = Server::spawn(Which::Rufous, &options);
        let mut conn = server.connect();
        fill_with_expiries(&mut conn);
        let expected = shown_expiries(&mut conn);
        let case = format!("{entries} {preamble}");
        conn.must("DEBUG LOADAOF");
        check_expiries(&mut conn, &expected, &format!("as it was appended ({case})"));
        conn.must("BGREWRITEAOF");
        wait_until_idle(&mut conn);
        if preamble == "yes" {
            let base = folder.path().join("appendonlydir");
            assert_eq!(beginning(&base, ".base.rdb"), "REDIS0012");
        }
        conn.must("DEBUG LOADAOF");
        check_expiries(&mut conn, &expected, &format!("as it was rewritten ({case})"));
        assert!(server.stop().success());
        let server = Server::spawn(Which::Rufous, &options);
        check_expiries(&mut server.connect(), &expected, &format!("a restart ({case})"));
    }
}
