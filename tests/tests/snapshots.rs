//! Snapshots from outside: files cross over between Redis and Rufous; what is saved is there after a restart; files that are
//! harmed, folders that cannot be written and other servers are met with clear words.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rufous_tests::conn::Conn;
use rufous_tests::resp::Reply;
use rufous_tests::server::{Server, Signal, Which, program_or_notice, run_to_end};
use rufous_tests::wait::eventually;

/// How long a save may take.
const SAVE_TIMEOUT: Duration = Duration::from_secs(20);

fn ask_all(conn: &mut Conn, lines: &str) {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        conn.must(line);
    }
}

/// Every type, small and large, with and without expiry, in two databases.
fn fill(conn: &mut Conn) {
    ask_all(
        conn,
        "SET int 12345
         SET negative -7
         SET text hello
         SET expiring soon PXAT 33177117420000
         SETRANGE compressible 5000 x
         RPUSH list:small a 1 b 2 -300 70000 9999999999
         SADD set:ints 1 2 3 100000 6000000000
         SADD set:small a b c 1
         HSET hash:small a 1 b 2 c hello
         ZADD zset:small 1 a 2.5 b inf c -inf d
         XADD stream 1-1 a 1 b 2
         XADD stream 1-2 a 3 b 4
         XADD stream 5-0 other field
         XDEL stream 1-2
         XGROUP CREATE stream group 0
         XREADGROUP GROUP group alice COUNT 1 STREAMS stream >
         XGROUP CREATECONSUMER stream group bob
         PFADD log a b c d
         SELECT 9
         SET other database
         PEXPIREAT other 33177117420000
         SELECT 0",
    );
    for at in 0..700 {
        let text = "long enough to leave the listpack behind".repeat(2);
        ask_all(
            conn,
            &format!(
                "RPUSH list:large {at}-{text}
                 SADD set:large member:{at}
                 HSET hash:large field:{at} {text}
                 ZADD zset:large {at}.25 member:{at}
                 SADD set:intset {}
                 XADD stream:large {}-1 field {at}",
                at * 7,
                at + 1,
            ),
        );
    }
}

fn digest(conn: &mut Conn) -> String {
    conn.ask("DEBUG DIGEST").text()
}

/// Saves on one server, loads on another of the same or another kind, and compares.
fn cross(from: Which, to: Which, options: &[&str]) {
    let writer = Server::spawn(from, options);
    let mut conn = writer.connect();
    fill(&mut conn);
    assert_eq!(conn.ask("SAVE").text(), "OK");
    let expected = digest(&mut conn);
    let reader = Server::spawn(to, &["--dir", writer.folder().to_str().unwrap()]);
    assert_eq!(digest(&mut reader.connect()), expected, "{from:?} to {to:?} {options:?}\n{}", reader.log());
}

#[test]
fn files_cross_over() {
    cross(Which::Rufous, Which::Rufous, &[]);
    if program_or_notice("redis-server", "files_cross_over").is_none() {
        return;
    }
    cross(Which::Redis, Which::Rufous, &[]);
    cross(Which::Redis, Which::Rufous, &["--rdbcompression", "no", "--rdbchecksum", "no"]);
    for version in ["9", "10"] {
        cross(Which::Rufous, Which::Redis, &["--rdb-version", version]);
    }
    cross(Which::Rufous, Which::Redis, &["--rdb-version", "10", "--rdbcompression", "no"]);
}

#[test]
fn every_version_is_read_again() {
    for version in ["9", "10", "11", "12", "13"] {
        cross(Which::Rufous, Which::Rufous, &["--rdb-version", version]);
    }
}

#[test]
fn a_reload_changes_nothing() {
    let server = Server::spawn(Which::Rufous, &[] as &[&str]);
    let mut conn = server.connect();
    fill(&mut conn);
    let expected = digest(&mut conn);
    assert_eq!(conn.ask("DEBUG RELOAD").text(), "OK");
    assert_eq!(digest(&mut conn), expected);
    assert_eq!(conn.ask("DEBUG RELOAD MERGE NOFLUSH NOSAVE").text(), "OK");
    assert_eq!(digest(&mut conn), expected);
    assert!(
        conn.ask("DEBUG RELOAD NOFLUSH NOSAVE").text().starts_with("ERR Error trying to load the RDB dump")
    );
    assert!(server.log().contains("RDB has duplicated key"));
}

fn wait_for_save(conn: &mut Conn) {
    wait_until(conn, "rdb_bgsave_in_progress:0");
}

fn wait_until(conn: &mut Conn, line: &str) {
    eventually(SAVE_TIMEOUT, line, || conn.ask("INFO persistence").text().contains(line));
}

#[test]
fn a_background_save_sees_one_moment_and_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let mut server = Server::spawn(Which::Rufous, &["--dir", dir, "--rdb-key-save-delay", "100"]);
    let mut conn = server.connect();
    fill(&mut conn);
    let expected = digest(&mut conn);
    assert_eq!(conn.ask("BGSAVE").text(), "Background saving started");
    assert!(conn.ask("BGSAVE").text().starts_with("ERR Background save already in progress"));
    // What follows is not in it.
    ask_all(
        &mut conn,
        "SET after 1\nSADD set:large after\nDEL list:large\nHSET hash:small after 1\nXADD stream * a b",
    );
    wait_for_save(&mut conn);
    server.signal(Signal::KILL);
    server.wait();
    let again = Server::spawn(Which::Rufous, &["--dir", dir]);
    assert_eq!(digest(&mut again.connect()), expected);
}

#[test]
fn what_a_save_makes_the_server_keep_is_told() {
    let server = Server::spawn(Which::Rufous, &["--rdb-key-save-delay", "1000000"]);
    let mut conn = server.connect();
    ask_all(&mut conn, "DEBUG POPULATE 1000 key 500");
    let figure = |name: &str| {
        let info = server.connect().ask("INFO persistence").text();
        let value = info.lines().find_map(|line| line.strip_prefix(&format!("{name}:")).map(str::to_owned));
        value.and_then(|value| value.parse::<u64>().ok()).unwrap_or_else(|| panic!("{name} in {info}"))
    };
    let check = |conn: &mut Conn, save: &str, last: &str| {
        assert_eq!((figure("current_cow_size"), figure(last)), (0, 0));
        ask_all(conn, save);
        assert_eq!(figure("current_cow_size"), 0);
        (0..16).for_each(|key| ask_all(conn, &format!("SETRANGE key:{key} 0 x")));
        let kept = figure("current_cow_size");
        assert!(kept > 16 * 500, "{save}: {kept}");
        (0..16).for_each(|key| ask_all(conn, &format!("SETRANGE key:{key} 0 y")));
        assert_eq!(figure("current_cow_size"), kept, "{save}: only the first change costs");
        assert_eq!(figure("current_cow_peak"), kept);
        kept
    };
    let kept = check(&mut conn, "BGSAVE", "rdb_last_cow_size");
    // Calls the save off.
    ask_all(&mut conn, "FLUSHALL");
    assert!(figure("rdb_last_cow_size") >= kept);
    ask_all(&mut conn, "CONFIG SET rdb-key-save-delay 100000\nDEBUG POPULATE 20 key 500");
    let kept = check(&mut conn, "BGREWRITEAOF", "aof_last_cow_size");
    wait_until(&mut conn, "aof_rewrite_in_progress:0");
    assert!(figure("aof_last_cow_size") >= kept);
    assert_eq!(figure("current_cow_size"), 0);
    // Parts of large values: a block, a node or a leaf of each, no more and no less.
    ask_all(&mut conn, "FLUSHALL\nCONFIG SET rdb-key-save-delay 0\nDEBUG POPULATE 1 string 20000");
    for i in 0..2000 {
        ask_all(&mut conn, &format!("SADD set {i}x\nHSET hash {i} x\nZADD zset {i} {i}\nRPUSH list {i}x"));
    }
    ask_all(&mut conn, "CONFIG SET rdb-key-save-delay 100000000\nBGSAVE");
    for (change, least, most) in [
        ("APPEND string:0 y", 20_000, 30_000),
        ("SADD set new", 300, 20_000),
        ("HSET hash new y", 300, 20_000),
        ("ZADD zset 17.5 new", 600, 30_000),
        ("LSET list 1000 y", 8000, 40_000),
    ] {
        let before = figure("current_cow_size");
        ask_all(&mut conn, change);
        let kept = figure("current_cow_size") - before;
        assert!((least..most).contains(&kept), "{change}: {kept}");
        ask_all(&mut conn, change);
        assert_eq!(figure("current_cow_size"), before + kept, "{change}: only the first change costs");
    }
}

#[test]
fn the_end_saves_where_there_are_save_points() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--dir", folder.path().to_str().unwrap(), "--save", "900 1"];
    let mut server = Server::spawn(Which::Rufous, &options);
    ask_all(&mut server.connect(), "SET a 1");
    assert!(server.stop().success());
    assert!(server.log().contains("Saving the final RDB snapshot before exiting."), "{}", server.log());
    let mut server = Server::spawn(Which::Rufous, &options);
    assert_eq!(server.connect().ask("GET a").text(), "1");
    ask_all(&mut server.connect(), "SET a 2");
    server.connect().send(&["SHUTDOWN", "NOSAVE"]).unwrap();
    server.wait();
    let server = Server::spawn(Which::Rufous, &options);
    assert_eq!(server.connect().ask("GET a").text(), "1");
    assert!(server.log().contains("DB loaded from disk"), "{}", server.log());
    // A flush is not undone by a kill.
    ask_all(&mut server.connect(), "FLUSHALL");
    server.signal(Signal::KILL);
    drop(server);
    assert_eq!(Server::spawn(Which::Rufous, &options).connect().ask("DBSIZE"), Reply::Integer(0));
}

#[test]
fn a_save_that_fails_refuses_writes_until_one_works() {
    let server = Server::spawn(Which::Rufous, &["--save", "900 100000"]);
    let mut conn = server.connect();
    ask_all(&mut conn, "SET a 1");
    let file = server.folder().join("dump.rdb");
    fs::create_dir(&file).unwrap();
    assert_eq!(conn.ask("SAVE").text(), "ERR");
    // As in Redis, it is the background save whose failure counts.
    assert_eq!(conn.ask("BGSAVE").text(), "Background saving started");
    wait_for_save(&mut conn);
    for refused in ["SET a 2", "PING"] {
        assert!(conn.ask(refused).text().starts_with("MISCONF Redis is configured to save RDB snapshots"));
    }
    assert_eq!(conn.ask("GET a").text(), "1");
    assert!(conn.ask("INFO persistence").text().contains("rdb_last_bgsave_status:err"));
    assert!(server.log().contains("Error moving temp DB file temp-"), "{}", server.log());
    assert!(!has_remains(server.folder()));
    fs::remove_dir(&file).unwrap();
    assert_eq!(conn.ask("BGSAVE").text(), "Background saving started");
    wait_for_save(&mut conn);
    ask_all(&mut conn, "SET a 2");
}

fn has_remains(folder: &Path) -> bool {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.into_iter().any(|name| name.to_string_lossy().starts_with("temp-"))
}

#[test]
fn two_servers_do_not_replace_each_other_s_file() {
    let first = Server::spawn(Which::Rufous, &[] as &[&str]);
    ask_all(&mut first.connect(), "SET a 1\nSAVE");
    let mut second =
        Server::spawn(Which::Rufous, &["--dir", first.folder().to_str().unwrap(), "--save", "900 1"]);
    let mut conn = second.connect();
    ask_all(&mut conn, "SET a 2");
    for save in ["SAVE", "BGSAVE"] {
        let reply = conn.ask(save).text();
        assert!(reply.ends_with("dump.rdb is in use by another server"), "{reply}");
    }
    ask_all(&mut conn, "SET a 3");
    // Its end is no reason for an error.
    assert!(second.stop().success());
    assert!(second.log().contains("No snapshot is saved: "), "{}", second.log());
    assert_eq!(first.connect().ask("DEBUG RELOAD NOSAVE").text(), "OK");
    assert_eq!(first.connect().ask("GET a").text(), "1");
}

#[test]
fn a_harmed_file_stops_the_start_and_is_explained() {
    let server = Server::spawn(Which::Rufous, &[] as &[&str]);
    fill(&mut server.connect());
    ask_all(&mut server.connect(), "SAVE");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    let (dir, file) = (folder.path().to_str().unwrap(), path.to_str().unwrap());
    let whole = fs::read(server.folder().join("dump.rdb")).unwrap();
    let mut flipped = whole.clone();
    let end = flipped.len() - 3;
    flipped[end] ^= 4;
    for (bytes, word) in
        [(&whole[..whole.len() / 2], "offset "), (&flipped, "RDB CRC error"), (&whole[1..], "signature")]
    {
        fs::write(&path, bytes).unwrap();
        let started = run_to_end(folder.path(), &["--port", "0", "--unixsocket", "socket", "--dir", dir]);
        let log = String::from_utf8_lossy(&started.stdout).into_owned();
        assert_eq!(started.status.code(), Some(1), "{log}");
        let end = "Terminating server after rdb file reading failure.";
        for part in [
            word,
            file,
            "--check-rdb",
            "--- RDB ERROR DETECTED ---\n[offset ",
            end,
            "Fatal error loading the DB, check server logs. Exiting.",
        ] {
            assert!(log.contains(part), "{part} in {log}");
        }
        let checked = run_to_end(folder.path(), &["--check-rdb", file]);
        let text = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert_eq!(checked.status.code(), Some(1), "{text}");
        assert!(text.contains("--- RDB ERROR DETECTED ---\n[offset "), "{text}");
    }
    fs::write(&path, &whole).unwrap();
    let checked = run_to_end(folder.path(), &["--check-rdb", file]);
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && text.contains("\\o/ RDB looks OK! \\o/"), "{text}");
    assert!(text.contains("[type] stream: 2 keys"), "{text}");
}

#[test]
fn clients_are_told_that_the_server_loads() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let mut server = Server::spawn(Which::Rufous, &["--dir", dir]);
    ask_all(&mut server.connect(), "DEBUG POPULATE 1000 key 1000\nCONFIG SET rdbcompression no\nSAVE");
    server.stop();
    let binary = Which::Rufous.binary().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let options =
        ["--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024", "--dir", dir];
    let mut child = Command::new(binary)
        .args(["--port", &address.port().to_string(), "--save", ""])
        .args(options)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + SAVE_TIMEOUT;
    let mut conn = loop {
        match Conn::open(address) {
            Ok(conn) => break conn,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    assert_eq!(conn.ask("GET a").text(), "LOADING Redis is loading the dataset in memory");
    let info = conn.ask("INFO persistence").text();
    for part in ["loading:1\r\n", "loading_total_bytes:", "loading_loaded_perc:", "loading_eta_seconds:"] {
        assert!(info.contains(part), "{part} in {info}");
    }
    // Told to end, it does not save what is half loaded.
    let before = fs::read(folder.path().join("dump.rdb")).unwrap();
    conn.send(&["SHUTDOWN"]).unwrap();
    let status = child.wait().unwrap();
    assert!(status.success());
    assert_eq!(fs::read(folder.path().join("dump.rdb")).unwrap(), before);
}
