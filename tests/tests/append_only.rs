//! The append-only file from outside: what it holds, compared with what Redis writes; what a killed server comes back with; what
//! becomes of damaged files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rufous_persistence::aof::manifest::Manifest;
use rufous_persistence::aof::padding::trimmed;
use rufous_persistence::aof::scan::{Item, Scanner};
use rufous_tests::conn::Conn;
use rufous_tests::resp::Reply;
use rufous_tests::server::{Server, Signal, Which, program_or_notice, run_to_end};
use rufous_tests::wait::eventually;
use tempfile::TempDir;

/// How long something may take that happens soon.
const PATIENCE: Duration = Duration::from_secs(10);

/// A folder in which servers run one after the other.
struct Home {
    folder: TempDir,
    arguments: Vec<String>,
}

impl Home {
    fn new(arguments: &[&str]) -> Home {
        let folder = tempfile::Builder::new().prefix("rufous-aof-").tempdir().unwrap();
        Home { folder, arguments: arguments.iter().map(|argument| argument.to_string()).collect() }
    }

    fn start(&self, which: Which, more: &[&str]) -> Server {
        let mut arguments = vec!["--dir", self.folder.path().to_str().unwrap(), "--appendonly", "yes"];
        arguments.extend(self.arguments.iter().map(String::as_str).chain(more.iter().copied()));
        Server::spawn(which, &arguments)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("appendonlydir").join(name)
    }

    fn manifest(&self) -> Manifest {
        Manifest::parse(&fs::read(self.path("appendonly.aof.manifest")).unwrap()).unwrap()
    }

    fn last_increment(&self) -> PathBuf {
        self.path(self.manifest().increments.last().unwrap().name.to_str().unwrap())
    }

    /// The commands of the last increment.
    fn written(&self) -> Vec<Vec<String>> {
        commands(&fs::read(self.last_increment()).unwrap())
    }
}

fn commands(bytes: &[u8]) -> Vec<Vec<String>> {
    let mut scanner = Scanner::new(bytes, 0, false);
    let mut found = Vec::new();
    while let Some(Ok(item)) = scanner.next() {
        if item == Item::Command {
            found.push(scanner.words().map(|word| word.escape_ascii().to_string()).collect());
        }
    }
    found
}

#[track_caller]
fn number(reply: &Reply) -> i64 {
    match reply {
        Reply::Integer(number) => *number,
        other => panic!("no number: {other:?}"),
    }
}

#[track_caller]
fn first(reply: &Reply) -> i64 {
    number(&reply.items().unwrap()[0])
}

fn info(conn: &mut Conn, field: &str) -> String {
    let text = conn.must("INFO persistence").text();
    let value = text.lines().find_map(|line| line.strip_prefix(&format!("{field}:")));
    value.unwrap_or_else(|| panic!("no {field}")).to_owned()
}

fn rewrite(conn: &mut Conn) {
    conn.must("BGREWRITEAOF");
    eventually(PATIENCE, "the rewrite ends", || info(conn, "aof_rewrite_in_progress") == "0");
    assert_eq!(info(conn, "aof_last_bgrewrite_status"), "ok");
}

fn fill(conn: &mut Conn) {
    for command in [
        "SET string text",
        "SET number 12345",
        "SET expires soon EX 10000",
        "RPUSH list a b 3",
        "SADD ints 1 2 3",
        "SADD set a b c",
        "HSET hash f v g 2",
        "ZADD zset 1 a 2.5 b",
        "XADD stream 1-1 f v",
        "XGROUP CREATE stream group 0",
        "XREADGROUP GROUP group alice STREAMS stream >",
        "PFADD hll a b c",
        "SETRANGE compressible 5000 x",
        "ZADD scores inf a -inf b 0.5 c",
        "SADD wide 1 70000 6000000000",
        "HSET large f v",
        "SELECT 3",
        "SET elsewhere 1",
        "SELECT 0",
    ] {
        conn.must(command);
    }
    for i in 0..2000 {
        conn.must(&format!("RPUSH long element:{i}"));
        conn.must(&format!("ZADD ranking {i} member:{i}"));
        conn.must(&format!("SADD members member:{i}"));
        conn.must(&format!("HSET large field:{i} {i}"));
        conn.must(&format!("SADD integers {i}"));
        conn.must(&format!("XADD entries {}-1 field {i}", i + 1));
    }
}

/// All keys of two databases with their values and whether they expire.
fn contents(conn: &mut Conn) -> Vec<String> {
    let mut found = Vec::new();
    for database in [0, 3] {
        conn.must(&format!("SELECT {database}"));
        let keys = conn.must("KEYS *");
        for key in keys.items().unwrap().iter().map(Reply::text) {
            let kind = conn.must(&format!("TYPE {key}")).text();
            let value = match kind.as_str() {
                "string" => vec![conn.must(&format!("GET {key}"))],
                "list" => vec![conn.must(&format!("LRANGE {key} 0 -1"))],
                "set" => conn.must(&format!("SMEMBERS {key}")).items().unwrap().to_vec(),
                "hash" => conn.must(&format!("HGETALL {key}")).items().unwrap().to_vec(),
                "zset" => vec![conn.must(&format!("ZRANGE {key} 0 -1 WITHSCORES"))],
                "stream" => {
                    vec![conn.must(&format!("XRANGE {key} - +")), conn.ask(&format!("XPENDING {key} group"))]
                }
                other => panic!("{other}"),
            };
            let mut value: Vec<String> = value.iter().map(|reply| format!("{reply:?}")).collect();
            if matches!(kind.as_str(), "set" | "hash") {
                value.sort();
            }
            let expires = number(&conn.must(&format!("PEXPIRETIME {key}")));
            found.push(format!("{database} {key} {expires} {value:?}"));
        }
    }
    conn.must("SELECT 0");
    found.sort();
    // All of it, in one figure that is the same everywhere.
    found.push(conn.must("DEBUG DIGEST").text());
    found
}

#[test]
fn what_was_written_is_there_again_in_every_form() {
    for preamble in ["yes", "no"] {
        let home = Home::new(&["--aof-use-rdb-preamble", preamble, "--aof-timestamp-enabled", "yes"]);
        let mut server = home.start(Which::Rufous, &[]);
        let mut conn = server.connect();
        fill(&mut conn);
        rewrite(&mut conn);
        conn.must("APPEND string more");
        conn.must("LPOP list");
        let before = contents(&mut conn);
        assert!(server.stop().success());
        let mut server = home.start(Which::Rufous, &[]);
        assert_eq!(contents(&mut server.connect()), before, "preamble {preamble}");
        let mut conn = server.connect();
        conn.must("DEBUG LOADAOF");
        assert_eq!(contents(&mut conn), before, "preamble {preamble}, loaded again");
        conn.must("SET after 1");
        conn.must("DEL after");
        assert_eq!(first(&conn.must("WAITAOF 1 0 5000")), 1);
        server.signal(Signal::KILL);
        server.wait();
        let server = home.start(Which::Rufous, &[]);
        assert_eq!(contents(&mut server.connect()), before, "preamble {preamble}, killed");
    }
}

#[test]
fn files_cross_over_to_redis_and_back() {
    if program_or_notice("redis-server", "crossing over").is_none() {
        return;
    }
    for preamble in ["yes", "no"] {
        let home = Home::new(&["--aof-use-rdb-preamble", preamble]);
        let mut ours = home.start(Which::Rufous, &["--rdb-version", "10"]);
        let mut conn = ours.connect();
        fill(&mut conn);
        rewrite(&mut conn);
        conn.must("SET ours 1");
        let before = contents(&mut conn);
        assert!(ours.stop().success());
        let mut theirs = home.start(Which::Redis, &[]);
        let mut conn = theirs.connect();
        assert_eq!(contents(&mut conn), before, "{}", theirs.log());
        conn.must("SET theirs 1");
        let before = contents(&mut conn);
        assert!(theirs.stop().success());
        let mut ours = home.start(Which::Rufous, &[]);
        assert_eq!(contents(&mut ours.connect()), before);
        assert!(ours.stop().success());
        // And again, behind what Redis appended.
        let theirs = home.start(Which::Redis, &[]);
        assert_eq!(contents(&mut theirs.connect()), before);
    }
}

#[test]
fn switched_on_and_off_while_it_runs() {
    let home = Home::new(&[]);
    let mut server = home.start(Which::Rufous, &["--appendonly", "no"]);
    let mut conn = server.connect();
    fill(&mut conn);
    conn.must("CONFIG SET appendonly yes");
    conn.must("SET during 1");
    eventually(PATIENCE, "the first base", || info(&mut conn, "aof_rewrite_in_progress") == "0");
    conn.must("SET behind 1");
    conn.must("CONFIG SET appendonly no");
    let before = contents(&mut conn);
    conn.must("SET lost 1");
    assert_eq!(info(&mut conn, "aof_enabled"), "0");
    server.stop();
    let server = home.start(Which::Rufous, &[]);
    assert_eq!(contents(&mut server.connect()), before);
}

#[test]
fn always_means_that_what_is_confirmed_is_in_the_file() {
    let home = Home::new(&["--appendfsync", "always"]);
    let server = home.start(Which::Rufous, &[]);
    let mut conns: Vec<Conn> = (0..20).map(|_| server.connect()).collect();
    for round in 0..20 {
        for (i, conn) in conns.iter_mut().enumerate() {
            conn.send(&["SET", &format!("k{i}"), &round.to_string()]).unwrap();
        }
        for (i, conn) in conns.iter_mut().enumerate() {
            assert!(conn.read().unwrap().is_ok());
            let expected = ["SET", &format!("k{i}"), &round.to_string()].map(str::to_owned).to_vec();
            assert!(home.written().contains(&expected), "round {round}, client {i}");
        }
    }
    // One that waits does not keep others from going on, and gets all its replies in order.
    let mut conn = server.connect();
    for i in 0..500 {
        conn.send(&["SET", "p", &i.to_string()]).unwrap();
        conn.send(&["GET", "p"]).unwrap();
    }
    for i in 0..500 {
        assert!(conn.read().unwrap().is_ok());
        assert_eq!(conn.read().unwrap().text(), i.to_string());
    }
}

#[test]
fn padding_that_a_killed_server_leaves_is_read_over() {
    let home = Home::new(&["--appendfsync", "always"]);
    let mut ours = home.start(Which::Rufous, &["--rdb-version", "10"]);
    let mut conn = ours.connect();
    fill(&mut conn);
    conn.must("SET ours 1");
    let mut before = contents(&mut conn);
    ours.signal(Signal::KILL);
    ours.wait();
    let file = fs::read(home.last_increment()).unwrap();
    assert!(trimmed(&file) + 1000 < file.len(), "{} of {}", trimmed(&file), file.len());
    let manifest = home.path("appendonly.aof.manifest");
    assert!(check_aof(&[manifest.to_str().unwrap()], "").1);
    if let Some(program) = program_or_notice("redis-check-aof", "checking a padded file") {
        let output = Command::new(program).arg(&manifest).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    if program_or_notice("redis-server", "reading a padded file").is_some() {
        let mut theirs = home.start(Which::Redis, &[]);
        let mut conn = theirs.connect();
        assert_eq!(contents(&mut conn), before, "{}", theirs.log());
        conn.must("SET theirs 1");
        before = contents(&mut conn);
        assert!(theirs.stop().success());
    }
    let mut ours = home.start(Which::Rufous, &[]);
    assert_eq!(contents(&mut ours.connect()), before);
    assert!(ours.stop().success());
    let file = fs::read(home.last_increment()).unwrap();
    assert_eq!(trimmed(&file) + "\r\n".len(), file.len(), "what is closed has no padding");
}

#[test]
fn waitaof_tells_what_is_on_disk() {
    let home = Home::new(&["--appendfsync", "everysec"]);
    let server = home.start(Which::Rufous, &[]);
    let mut conn = server.connect();
    conn.must("SET a 1");
    assert_eq!(first(&conn.must("WAITAOF 1 0 5000")), 1);
    conn.must("CONFIG SET appendfsync no");
    conn.must("SET a 2");
    assert_eq!(first(&conn.must("WAITAOF 1 0 100")), 0);
    conn.must("CONFIG SET appendfsync always");
    conn.must("SET a 3");
    assert_eq!(first(&conn.must("WAITAOF 1 0 5000")), 1);
}

/// Runs the tool; gives its output and whether it succeeded.
fn check_aof(arguments: &[&str], answer: &str) -> (String, bool) {
    use std::io::Write;
    let mut child = Command::new(Which::Rufous.binary().unwrap())
        .arg("--check-aof")
        .args(arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
}

/// Starts a server that must not come up; gives its log.
fn refused(home: &Home, more: &[&str]) -> String {
    let mut arguments = vec!["--port", "0", "--unixsocket", "socket", "--save", "", "--appendonly", "yes"];
    arguments.extend(home.arguments.iter().map(String::as_str).chain(more.iter().copied()));
    let output = run_to_end(home.folder.path(), &arguments);
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder with a file of some writes, the server stopped.
fn written_home(arguments: &[&str]) -> Home {
    let home = Home::new(arguments);
    let mut server = home.start(Which::Rufous, &[]);
    let mut conn = server.connect();
    for i in 0..50 {
        conn.must(&format!("SET key:{i} value:{i}"));
        conn.must(&format!("LPUSH list {i}"));
    }
    assert!(server.stop().success());
    home
}

#[test]
fn a_flipped_bit_is_named_and_repaired() {
    let home = written_home(&[]);
    let path = home.last_increment();
    let sound = fs::read(&path).unwrap();
    let place = sound.windows(8).position(|bytes| bytes == b"value:25").unwrap();
    // All up to the last seal in front is known to be sound. How many commands go under one seal is a matter of time.
    let sealed = sound[..place].windows(7).rposition(|bytes| bytes == b"#CRC32:").unwrap_or(0);
    let sound_len = sound[..sealed].windows(5).filter(|bytes| bytes == b"LPUSH").count() as i64;
    let mut damaged = sound.clone();
    damaged[place] ^= 4;
    fs::write(&path, &damaged).unwrap();
    let log = refused(&home, &[]);
    for word in ["appendonly.aof.1.incr.aof", "checksum", "offset", "--check-aof --fix"] {
        assert!(log.contains(word), "{word}: {log}");
    }
    assert_eq!(fs::read(&path).unwrap(), damaged, "nothing is changed");
    let manifest = home.path("appendonly.aof.manifest");
    let (output, is_sound) = check_aof(&[manifest.to_str().unwrap()], "");
    assert!(!is_sound && output.contains("is not valid. Use the --fix option"), "{output}");
    let (output, is_fixed) = check_aof(&["--fix", manifest.to_str().unwrap()], "y\n");
    assert!(is_fixed && output.contains("Successfully truncated AOF"), "{output}");
    let mut server = home.start(Which::Rufous, &[]);
    assert_eq!(number(&server.connect().must("LLEN list")), sound_len);
    server.stop();
    // Or as it is.
    fs::write(&path, &damaged).unwrap();
    let server = home.start(Which::Rufous, &["--aof-checksum", "no"]);
    assert_eq!(number(&server.connect().must("LLEN list")), 50);
}

#[test]
fn checksums_come_and_go_with_the_next_file() {
    let home = Home::new(&[]);
    let seals = |path: &Path| fs::read(path).unwrap().windows(7).filter(|bytes| bytes == b"#CRC32:").count();
    let mut server = home.start(Which::Rufous, &[]);
    let mut conn = server.connect();
    conn.must("SET a 1");
    conn.must("CONFIG SET aof-checksum no");
    let first = home.last_increment();
    conn.must("WAITAOF 1 0 5000");
    let before = seals(&first);
    conn.must("SET b 1");
    conn.must("WAITAOF 1 0 5000");
    assert!(seals(&first) > before, "the file goes on as it began");
    // A rewrite that does not end: both files stay.
    conn.must("CONFIG SET rdb-key-save-delay 100000000");
    conn.must("BGREWRITEAOF");
    eventually(PATIENCE, "the next file", || home.last_increment() != first);
    let second = home.last_increment();
    conn.must("SET c 1");
    conn.must("WAITAOF 1 0 5000");
    assert_eq!(seals(&second), 0);
    server.signal(Signal::KILL);
    server.wait();
    // Whoever wants checksums goes on with the file that has none.
    let mut server = home.start(Which::Rufous, &[]);
    let mut conn = server.connect();
    assert_eq!(number(&conn.must("DBSIZE")), 3);
    assert!(seals(&second) > 0);
    conn.must("CONFIG SET aof-checksum no");
    rewrite(&mut conn);
    conn.must("SET d 1");
    conn.must("CONFIG SET aof-checksum yes");
    conn.must("DEBUG LOADAOF");
    conn.must("SET e 1");
    rewrite(&mut conn);
    conn.must("SET f 1");
    assert!(server.stop().success());
    assert!(seals(&home.last_increment()) > 0);
    let (output, is_sound) = check_aof(&[home.path("appendonly.aof.manifest").to_str().unwrap()], "");
    assert!(is_sound, "{output}");
    let server = home.start(Which::Rufous, &[]);
    assert_eq!(number(&server.connect().must("DBSIZE")), 6);
}

#[test]
fn what_was_written_without_checksums_behind_sealed_writes_survives_a_torn_end() {
    let home = Home::new(&[]);
    for (options, key) in [(&[][..], "a"), (&["--aof-checksum", "no"], "b"), (&["--aof-checksum", "no"], "c")]
    {
        let mut server = home.start(Which::Rufous, options);
        let mut conn = server.connect();
        conn.must(&format!("SET {key} 1"));
        assert_eq!(first(&conn.must("WAITAOF 1 0 5000")), 1);
        server.signal(Signal::KILL);
        server.wait();
    }
    let mut torn = fs::read(home.last_increment()).unwrap();
    torn.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$1\r\nd\r\n$5\r\n1");
    fs::write(home.last_increment(), &torn).unwrap();
    let server = home.start(Which::Rufous, &[]);
    assert_eq!(number(&server.connect().must("DBSIZE")), 3, "{}", server.log());
    assert_eq!(home.manifest().increments.len(), 2, "a file is sealed, or it is not");
}

#[test]
fn a_torn_end_is_cut_if_that_is_allowed() {
    let home = written_home(&["--aof-checksum", "no"]);
    let path = home.last_increment();
    let mut torn = fs::read(&path).unwrap();
    let sound = torn.len();
    torn.extend_from_slice(b"*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n");
    fs::write(&path, &torn).unwrap();
    assert!(refused(&home, &["--aof-load-truncated", "no"]).contains("Unexpected end of file"));
    let mut server = home.start(Which::Rufous, &[]);
    assert!(server.log().contains("Revert incomplete MULTI/EXEC transaction"), "{}", server.log());
    assert_eq!(fs::metadata(&path).unwrap().len(), sound as u64);
    server.stop();
    torn.truncate(sound + 7);
    fs::write(&path, &torn).unwrap();
    let server = home.start(Which::Rufous, &[]);
    assert!(server.log().contains("loaded anyway because aof-load-truncated is enabled"));
    assert_eq!(number(&server.connect().must("DBSIZE")), 51);
}

#[test]
fn the_data_set_goes_back_to_a_moment() {
    let home = Home::new(&["--aof-timestamp-enabled", "yes"]);
    let mut server = home.start(Which::Rufous, &[]);
    let mut conn = server.connect();
    conn.must("SET first 1");
    let moment = conn.must("TIME").items().unwrap()[0].text();
    eventually(PATIENCE, "the next second", || conn.must("TIME").items().unwrap()[0].text() != moment);
    conn.must("FLUSHALL");
    conn.must("SET second 1");
    server.stop();
    let files = || {
        let mut names: Vec<_> =
            fs::read_dir(home.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = files();
    let old =
        before.iter().map(|name| fs::read(home.path(name.to_str().unwrap())).unwrap()).collect::<Vec<_>>();
    for round in 0..2 {
        let mut server = home.start(Which::Rufous, &["--recover-to-timestamp", &moment]);
        let mut conn = server.connect();
        assert_eq!(conn.must("KEYS *").items().unwrap().len(), 1 + round);
        assert_eq!(conn.must("GET first").text(), "1");
        conn.must("SET third 1");
        server.stop();
        for (name, old) in
            before.iter().zip(&old).filter(|(name, _)| !name.to_str().unwrap().ends_with("manifest"))
        {
            assert_eq!(&fs::read(home.path(name.to_str().unwrap())).unwrap(), old, "{name:?} is kept");
        }
    }
    let kept = home.path(&format!("appendonly.aof.manifest.before-recovery-{moment}"));
    assert_eq!(Manifest::parse(&fs::read(kept).unwrap()).unwrap().parts().count(), 2);
    let log = refused(&home, &["--recover-to-timestamp", "1000000000"]);
    assert!(log.contains("is not possible"), "{log}");
}

#[test]
fn a_base_of_valkey_is_read() {
    let home = Home::new(&[]);
    fs::create_dir(home.path("")).unwrap();
    let manifest = "file a.base.rdb seq 1 type b\nfile a.incr.aof seq 1 type i\n";
    fs::write(home.path("appendonly.aof.manifest"), manifest).unwrap();
    // A string `key` with the value `v`; no checksum.
    fs::write(home.path("a.base.rdb"), b"VALKEY080\xfe\0\0\x03key\x01v\xff\0\0\0\0\0\0\0\0").unwrap();
    fs::write(home.path("a.incr.aof"), "*3\r\n$6\r\nAPPEND\r\n$3\r\nkey\r\n$1\r\nw\r\n").unwrap();
    let (output, is_sound) = check_aof(&[home.path("appendonly.aof.manifest").to_str().unwrap()], "");
    assert!(is_sound, "{output}");
    let server = home.start(Which::Rufous, &[]);
    assert_eq!(server.connect().must("GET key").text(), "vw");
}

#[test]
fn a_single_file_of_before_redis_7_is_taken_over() {
    let home = Home::new(&[]);
    fs::write(home.folder.path().join("appendonly.aof"), "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n")
        .unwrap();
    let mut server = home.start(Which::Rufous, &[]);
    assert!(server.log().contains("Successfully migrated an old-style AOF file"));
    server.connect().must("SET b 2");
    server.stop();
    assert!(!Path::new(&home.folder.path().join("appendonly.aof")).exists());
    let server = home.start(Which::Rufous, &[]);
    assert_eq!(number(&server.connect().must("DBSIZE")), 2);
}

#[test]
fn snapshots_and_rewrites_do_not_run_at_once() {
    let home = Home::new(&[]);
    let server = home.start(Which::Rufous, &["--rdb-key-save-delay", "100000"]);
    let mut conn = server.connect();
    (0..5).for_each(|i| _ = conn.must(&format!("SET k{i} v")));
    conn.must("BGREWRITEAOF");
    assert!(conn.ask("BGREWRITEAOF").text().contains("already in progress"));
    assert!(conn.ask("BGSAVE").text().contains("Another child process is active"));
    assert_eq!(conn.must("BGSAVE SCHEDULE").text(), "Background saving scheduled");
    eventually(PATIENCE, "the snapshot begins", || info(&mut conn, "rdb_bgsave_in_progress") == "1");
    assert_eq!(info(&mut conn, "aof_rewrite_in_progress"), "0");
    assert_eq!(conn.must("BGREWRITEAOF").text(), "Background append only file rewriting scheduled");
    assert_eq!(info(&mut conn, "aof_rewrite_scheduled"), "1");
    conn.must("CONFIG SET rdb-key-save-delay 0");
    eventually(PATIENCE, "the rewrite is done", || {
        info(&mut conn, "aof_rewrites") == "2" && info(&mut conn, "aof_rewrite_in_progress") == "0"
    });
}

#[test]
fn two_servers_do_not_write_one_file() {
    let home = Home::new(&[]);
    let server = home.start(Which::Rufous, &[]);
    server.connect().must("SET a 1");
    assert!(refused(&home, &[]).contains("is in use by another server"));
}
