//! A disk that fails under a server that appends to its file: full, without syncs, with names that cannot be had. What was
//! confirmed is there afterwards, what is in memory stays, and all goes on when the disk is back.
//!
//! A full disk is played by the limit of a file's size, which the tests raise again while the server runs; a disk that does
//! not sync by a library loaded before all others.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use rufous_tests::conn::Conn;
use rufous_tests::resp::Reply;
use rufous_tests::server::{Server, Signal, Which};
use rufous_tests::wait::eventually;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tempfile::TempDir;

/// How long something may take that happens soon.
const PATIENCE: Duration = Duration::from_secs(20);
/// Blocks of 512 bytes that a file may have on the full disk.
const BLOCKS_MAX: u64 = 128;

/// `fdatasync` fails as long as a file is there, and crashes as long as another is there; as long as a third is there, it,
/// `unlink` and writes to increments are slow.
const UNSURE: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
static int there(const char *variable) {
    const char *path = getenv(variable);
    return path && access(path, F_OK) == 0;
}
static void drag(void) {
    if (there("SLOW_WHILE")) usleep(20000);
}
int fdatasync(int fd) {
    if (there("CRASHES_WHILE")) raise(SIGSEGV);
    if (there("FAILS_WHILE")) { errno = EIO; return -1; }
    drag();
    return syscall(SYS_fdatasync, fd);
}
int unlink(const char *path) {
    drag();
    return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    if (strstr(path, ".incr.aof")) drag();
    return syscall(SYS_pwrite64, fd, bytes, count, at);
}
"#;

/// A folder in which servers run one after the other.
struct Home(TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::Builder::new().prefix("rufous-disk-").tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn appended(&self, name: &str) -> PathBuf {
        self.path("appendonlydir").join(name)
    }

    /// Starts a server behind lines of shell.
    fn start(&self, lines: &str, more: &[&str]) -> Server {
        let mut arguments = vec!["--dir", self.0.path().to_str().unwrap(), "--appendonly", "yes"];
        arguments.extend(more);
        Server::spawn_behind(lines, &Which::Rufous.binary().unwrap(), &arguments)
    }

    /// Starts one on a disk that will soon be full.
    fn start_with_little_room(&self, fsync: &str) -> Server {
        self.start(&format!("trap '' XFSZ\nulimit -S -f {BLOCKS_MAX}"), &["--appendfsync", fsync])
    }

    /// Starts one on a disk that does not sync while there is a file `broken`, is slow while there is a file `slow`, and crashes the
    /// thread that syncs while there is a file `fatal`.
    fn start_on_unsure_disk(&self, fsync: &str) -> Server {
        let (source, library) = (self.path("shim.c"), self.path("shim.so"));
        fs::write(&source, UNSURE).unwrap();
        let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
        assert!(built.expect("a C compiler").success());
        let lines = [
            ("FAILS_WHILE", self.path("broken")),
            ("CRASHES_WHILE", self.path("fatal")),
            ("SLOW_WHILE", self.path("slow")),
            ("LD_PRELOAD", library),
        ];
        let lines = lines.map(|(name, path)| format!("export {name}='{}'", path.display()));
        self.start(&lines.join("\n"), &["--appendfsync", fsync])
    }
}

fn make_room(server: &Server) {
    let limit = Rlimit { current: getrlimit(Resource::Fsize).maximum, ..getrlimit(Resource::Fsize) };
    let pid = Pid::from_raw(server.pid() as i32);
    prlimit(pid, Resource::Fsize, limit).unwrap();
}

fn persistence_says(server: &Server, line: &str) -> bool {
    server.connect().must("INFO persistence").text().lines().any(|other| other == line)
}

fn value(i: usize) -> String {
    format!("{i:0>900}")
}

fn set(conn: &mut Conn, i: usize) -> Reply {
    conn.call(&["SET", &format!("key:{i}"), &value(i)]).unwrap()
}

/// Keys 0 to `count` are there with their values.
#[track_caller]
fn check_kept(server: &Server, count: usize) {
    let mut conn = server.connect();
    for i in 0..count {
        assert_eq!(conn.must(&format!("GET key:{i}")).text(), value(i), "{i} of {count}");
    }
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_room() {
    let home = Home::new();
    let mut server = home.start_with_little_room("everysec");
    let mut conn = server.connect();
    let mut confirmed = 0;
    let refusal = loop {
        match set(&mut conn, confirmed) {
            reply if reply.is_error() => break reply.text(),
            _ => confirmed += 1,
        }
        assert!(confirmed < 100_000, "the disk is never full");
        // The thread that writes is another.
        sleep(Duration::from_micros(200));
    };
    assert_eq!(refusal, "MISCONF Errors writing to the AOF file: File too large");
    assert!(confirmed >= 50, "{confirmed}");
    assert!(conn.ask("PING").text().starts_with("MISCONF Errors writing to the AOF file"));
    assert!(persistence_says(&server, "aof_last_write_status:err"));
    check_kept(&server, confirmed);
    assert!(server.log().contains("Error writing to the AOF file: File too large"), "{}", server.log());
    make_room(&server);
    eventually(PATIENCE, "writes are taken again", || !set(&mut conn, confirmed).is_error());
    confirmed += 1;
    assert!(persistence_says(&server, "aof_last_write_status:ok"));
    assert!(server.log().contains("AOF write error looks solved"), "{}", server.log());
    assert!(server.stop().success());
    check_kept(&home.start("", &[]), confirmed);
}

#[test]
fn who_did_not_write_is_served_while_the_disk_is_full() {
    let home = Home::new();
    let server = home.start_with_little_room("always");
    let (mut writer, mut reader) = (server.connect(), server.connect());
    // Both in one turn of the loop again and again, also in that in which the disk turns out to be full.
    for i in 0..200 {
        writer.send(&["SET", &format!("key:{i}"), &value(i)]).unwrap();
        reader.send(&["PING"]).unwrap();
    }
    for i in 0..200 {
        let reply = reader.read().unwrap_or_else(|error| panic!("{i}: {error}")).text();
        assert!(reply == "PONG" || reply.starts_with("MISCONF"), "{i}: {reply}");
    }
}

/// Sends more than there is room for, waits until the disk is full, and gives the connection that waits for replies.
fn fill_the_disk(server: &Server) -> Conn {
    let mut conn = server.connect();
    for i in 0..200 {
        conn.send(&["SET", &format!("key:{i}"), &value(i)]).unwrap();
    }
    eventually(PATIENCE, "the disk is full", || persistence_says(server, "aof_last_write_status:err"));
    conn
}

/// Reads replies up to the first that is missing within the timeout or is an error; how many were good.
fn count_confirmed(conn: &mut Conn, replies: usize) -> usize {
    let good = (0..replies).take_while(|_| conn.read().is_ok_and(|reply| !reply.is_error()));
    good.count()
}

#[test]
fn always_confirms_nothing_that_is_not_on_the_full_disk() {
    let home = Home::new();
    let mut server = home.start_with_little_room("always");
    let mut conn = fill_the_disk(&server);
    server.signal(Signal::KILL);
    server.wait();
    let confirmed = count_confirmed(&mut conn, 200);
    assert!(confirmed < 100, "{confirmed} confirmed, which is more than there was room for");
    check_kept(&home.start("", &[]), confirmed);
}

#[test]
fn always_confirms_what_waited_when_there_is_room() {
    let home = Home::new();
    let mut server = home.start_with_little_room("always");
    let mut conn = fill_the_disk(&server);
    assert_eq!(
        server.connect().ask("SET other 1").text(),
        "MISCONF Errors writing to the AOF file: File too large"
    );
    make_room(&server);
    let confirmed = count_confirmed(&mut conn, 200);
    assert!(confirmed >= 1);
    eventually(PATIENCE, "writes are taken again", || !server.connect().ask("SET other 1").is_error());
    server.signal(Signal::KILL);
    server.wait();
    let server = home.start("", &[]);
    check_kept(&server, confirmed);
    assert_eq!(server.connect().must("GET other").text(), "1");
}

#[test]
fn a_failing_sync_refuses_writes_until_one_works() {
    let home = Home::new();
    let mut server = home.start_on_unsure_disk("everysec");
    let mut conn = server.connect();
    conn.must("SET before 1");
    fs::write(home.path("broken"), "").unwrap();
    eventually(PATIENCE, "writes are refused", || {
        conn.ask("SET during 1").text() == "MISCONF Errors writing to the AOF file: Input/output error"
    });
    assert!(persistence_says(&server, "aof_last_write_status:err"));
    assert!(conn.ask("PING").text().starts_with("MISCONF Errors writing to the AOF file"));
    assert_eq!(conn.must("GET before").text(), "1");
    assert!(server.log().contains("Fail to fsync the AOF file: Input/output error"), "{}", server.log());
    fs::remove_file(home.path("broken")).unwrap();
    eventually(PATIENCE, "writes are taken again", || !conn.ask("SET after 1").is_error());
    assert!(persistence_says(&server, "aof_last_write_status:ok"));
    assert!(server.log().contains("AOF write error looks solved"), "{}", server.log());
    // What the system dropped after a failed sync is nowhere but in memory.
    eventually(PATIENCE, "all is written anew", || {
        server.log().contains("Background AOF rewrite finished successfully")
    });
    assert!(home.appended("appendonly.aof.2.base.rdb").exists());
    assert!(server.stop().success());
    let server = home.start("", &[]);
    assert_eq!(server.connect().must("EXISTS before after"), Reply::Integer(2));
}

#[test]
fn always_ends_the_server_when_nothing_can_be_promised_any_more() {
    let home = Home::new();
    let mut server = home.start_on_unsure_disk("always");
    let mut conn = server.connect();
    conn.must("SET before 1");
    fs::write(home.path("broken"), "").unwrap();
    conn.send(&["SET", "during", "1"]).unwrap();
    let sent = conn.read_to_close().unwrap();
    assert_eq!(String::from_utf8_lossy(&sent), "", "it is not confirmed");
    assert_eq!(server.wait().code(), Some(1), "{}", server.log());
    let reason = "AOF fsync policy is 'always': Input/output error. Exiting...";
    assert!(server.log().contains(reason), "{}", server.log());
    fs::remove_file(home.path("broken")).unwrap();
    assert_eq!(home.start("", &[]).connect().must("GET before").text(), "1");
}

#[test]
fn a_slow_disk_shows_in_the_latency_monitor() {
    let home = Home::new();
    let server = home.start_on_unsure_disk("always");
    let mut conn = server.connect();
    conn.must("CONFIG SET latency-monitor-threshold 10 rdb-key-save-delay 100000000");
    let mut check = |words: &[&str], expected: &[&str]| {
        conn.must("LATENCY RESET");
        fs::write(home.path("slow"), "").unwrap();
        words.iter().for_each(|words| _ = conn.must(words));
        fs::remove_file(home.path("slow")).unwrap();
        let latest = conn.must("LATENCY LATEST");
        let events = latest.items().unwrap().iter().map(|event| event.items().unwrap());
        // What a command takes itself is an event of its own.
        let slow = events.filter(|event| !event[0].text().ends_with("command")).map(|event| {
            assert!(matches!(event[3], Reply::Integer(20..)), "{event:?}");
            event[0].text()
        });
        let mut slow: Vec<String> = slow.collect();
        slow.sort();
        assert_eq!(slow, expected, "{words:?}");
    };
    check(&["GET a"], &[]);
    check(&["SET a 1"], &["aof-fsync-always", "aof-write", "aof-write-alone"]);
    check(&["BGSAVE", "SET a 2"], &["aof-fsync-always", "aof-write", "aof-write-active-child"]);
    check(&["CONFIG SET appendonly no", "FLUSHALL"], &["rdb-unlink-temp-file"]);
}

#[test]
fn a_crash_of_the_thread_that_writes_is_reported_and_ends_the_server() {
    let home = Home::new();
    let mut server = home.start_on_unsure_disk("always");
    let mut conn = server.connect();
    conn.must("SET before 1");
    fs::write(home.path("fatal"), "").unwrap();
    conn.send(&["SET", "during", "1"]).unwrap();
    assert!(conn.read_to_close().unwrap().is_empty(), "it is not confirmed");
    assert_eq!(server.wait().signal(), Some(11), "{}", server.log());
    let log = server.log();
    for part in
        ["=== REDIS BUG REPORT START", "crashed by signal: 11", "\nThread: aof\n", "=== REDIS BUG REPORT END"]
    {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(!log.contains("INFO OUTPUT"), "the loop goes on meanwhile: {log}");
    fs::remove_file(home.path("fatal")).unwrap();
    assert_eq!(home.start("", &[]).connect().must("GET before").text(), "1");
}

/// The end of a rewrite: whether it worked.
fn rewrite(server: &Server) -> bool {
    server.connect().must("BGREWRITEAOF");
    eventually(PATIENCE, "the rewrite ends", || persistence_says(server, "aof_rewrite_in_progress:0"));
    persistence_says(server, "aof_last_bgrewrite_status:ok")
}

#[test]
fn a_rewrite_that_cannot_have_a_name_changes_nothing() {
    type Obstacle = fn(&Home, &Server) -> PathBuf;
    let obstacles: [(Obstacle, &str); 3] = [
        (
            |home, _| home.appended("appendonly.aof.2.incr.aof"),
            "Can't open the append-only file appendonly.aof.2.incr.aof",
        ),
        (
            |home, server| home.path(&format!("temp-rewriteaof-bg-{}-1.aof", server.pid())),
            "temp-rewriteaof-bg-",
        ),
        (
            |home, _| home.appended("appendonly.aof.2.base.rdb"),
            "Error trying to rename the temporary AOF base file",
        ),
    ];
    for (obstacle, words) in obstacles {
        let home = Home::new();
        let mut server = home.start("", &[]);
        let mut conn = server.connect();
        (0..20).for_each(|i| assert!(!set(&mut conn, i).is_error()));
        let in_the_way = obstacle(&home, &server);
        fs::create_dir(&in_the_way).unwrap();
        assert!(!rewrite(&server), "{words}");
        assert!(server.log().contains(words), "{words}: {}", server.log());
        assert!(!set(&mut conn, 20).is_error(), "{words}");
        check_kept(&server, 21);
        // Its thread may have just begun when it is called off.
        eventually(PATIENCE, "nothing remains", || remains(home.0.path()).is_empty());
        server.signal(Signal::KILL);
        server.wait();
        if in_the_way.is_dir() {
            fs::remove_dir(&in_the_way).unwrap();
        }
        let mut server = home.start("", &[]);
        check_kept(&server, 20);
        let mut conn = server.connect();
        assert!(!set(&mut conn, 20).is_error());
        assert!(rewrite(&server), "{words}: {}", server.log());
        assert!(server.stop().success());
        check_kept(&home.start("", &[]), 21);
    }
}

/// Temporary files that a rewrite left.
fn remains(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file() && path.to_string_lossy().contains("temp-rewriteaof")).collect()
}
