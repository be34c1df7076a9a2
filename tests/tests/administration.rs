//! What an operator does: change the configuration, read INFO, limit memory, end the server.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use rufous_tests::conn::{Conn, closed};
use rufous_tests::server::{Server, Signal, Which, program_or_notice, run_to_end};
use rufous_tests::wait::eventually;

/// How long something may take that is about to happen.
const PATIENCE: Duration = Duration::from_secs(5);

fn rufous(arguments: &[&str]) -> Server {
    Server::spawn(Which::Rufous, arguments)
}

/// The fields of INFO in their order, section titles as `# Title`.
fn info_lines(conn: &mut Conn, sections: &str) -> Vec<(String, String)> {
    let text = conn.must(&format!("INFO {sections}")).text();
    let lines = text.split("\r\n").filter(|line| !line.is_empty());
    lines.map(|line| line.split_once(':').unwrap_or((line, ""))).map(|(a, b)| (a.into(), b.into())).collect()
}

fn info_field(conn: &mut Conn, name: &str) -> String {
    let lines = info_lines(conn, "everything");
    lines.into_iter().find(|(field, _)| field == name).unwrap_or_else(|| panic!("no field {name}")).1
}

fn info_number(conn: &mut Conn, name: &str) -> u64 {
    info_field(conn, name).parse().unwrap_or_else(|_| panic!("{name} is no number"))
}

fn directive(conn: &mut Conn, name: &str) -> String {
    conn.must(&format!("CONFIG GET {name}")).items().expect("a pair")[1].text()
}

#[test]
fn a_new_port_is_listened_on_at_once_and_the_old_one_no_more() {
    let server = rufous(&[]);
    let mut conn = server.connect();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    conn.must(&format!("CONFIG SET port {}", free.port()));
    assert_eq!(Conn::open(free).unwrap().ask("PING").text(), "PONG");
    assert!(Conn::open(server.address()).is_err(), "the old port is closed");
    assert_eq!(conn.ask("PING").text(), "PONG", "who is connected stays");
    assert_eq!(info_number(&mut conn, "tcp_port"), u64::from(free.port()));
}

#[test]
fn a_refused_port_undoes_the_whole_config_set() {
    let server = rufous(&[]);
    let mut conn = server.connect();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let reply = conn.ask(&format!("CONFIG SET timeout 77 port {port} maxmemory 1gb")).text();
    assert_eq!(
        reply,
        "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs."
    );
    assert_eq!(directive(&mut conn, "timeout"), "0");
    assert_eq!(directive(&mut conn, "maxmemory"), "0");
    assert_eq!(server.connect().ask("PING").text(), "PONG", "the old port is listened on again");
    let reply = conn.ask("CONFIG SET bind 192.0.2.1").text();
    assert!(reply.ends_with("Failed to bind to specified addresses."), "{reply}");
    assert_eq!(server.connect().ask("PING").text(), "PONG");
}

#[test]
fn a_process_is_announced_once_its_port_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    let mut arguments = vec!["--always-show-logo", "yes", "--pidfile", pid_file.to_str().unwrap()];
    let first = rufous(&arguments);
    let pid = format!("{}\n", first.pid());
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), pid);
    assert!(first.log().contains(&format!(" PID: {pid}")), "{}", first.log());
    // Harnesses connect as soon as they read a process id, and try another port only if there was none.
    let port = first.address().port().to_string();
    arguments.extend(["--port", &port, "--bind", "127.0.0.1"]);
    let second = run_to_end(folder.path(), &arguments);
    let log = String::from_utf8_lossy(&second.stdout);
    assert_eq!(second.status.code(), Some(1), "{log}");
    assert!(log.contains("Failed listening on port ") && !log.contains(" PID: "), "{log}");
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), pid, "the pid file still names who has the port");
}

#[test]
fn who_cannot_listen_says_why_as_redis_does() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = |bind: &str, reason: &str| {
        let first = format!(
            "# Warning: Could not create server TCP listening socket {bind}:{port}: bind: {reason}\n"
        );
        [first, format!("# Failed listening on port {port} (tcp), aborting.\n")]
    };
    let unix = "# Failed opening Unix socket: bind: No such file or directory\n".to_owned();
    let nowhere = "# Configured to not listen anywhere, exiting.\n".to_owned();
    let cases: [(&[&str], &[String]); 5] = [
        (&["--bind", "127.0.0.1", "--port", &port], &refused("127.0.0.1", "Address already in use")),
        // An address for documentation is no machine's own.
        (&["--bind", "192.0.2.1", "--port", &port], &refused("192.0.2.1", "Cannot assign requested address")),
        (&["--port", "0", "--unixsocket", "missing/socket"], &[unix]),
        (&["--port", "0"], std::slice::from_ref(&nowhere)),
        (&["--port", &port, "--bind", ""], std::slice::from_ref(&nowhere)),
    ];
    for (arguments, lines) in cases {
        let folder = tempfile::tempdir().unwrap();
        let ended = run_to_end(folder.path(), arguments);
        let log = String::from_utf8_lossy(&ended.stdout);
        assert_eq!(ended.status.code(), Some(1), "{log}");
        assert!(lines.iter().all(|line| log.contains(line)), "{arguments:?}: {log}");
    }
}

#[test]
fn a_password_keeps_out_the_new_and_leaves_in_the_old() {
    let server = rufous(&[]);
    let mut old = server.connect();
    old.must("CONFIG SET requirepass secret");
    let mut new = server.connect();
    assert_eq!(new.ask("PING").text(), "NOAUTH Authentication required.");
    assert!(new.ask("AUTH wrong").text().starts_with("WRONGPASS"));
    assert_eq!(info_number(&mut old, "acl_access_denied_auth"), 1);
    assert!(old.call(&["CONFIG", "SET", "requirepass", ""]).unwrap().is_ok());
    assert_eq!(new.ask("PING").text(), "PONG", "without a password nobody is kept out");
}

#[test]
fn config_rewrite_needs_a_file() {
    let server = rufous(&[]);
    let reply = server.connect().ask("CONFIG REWRITE").text();
    assert_eq!(reply, "ERR The server is running without a config file");
}

#[test]
fn info_has_the_fields_of_redis_in_its_order() {
    let Some(_) = program_or_notice("redis-server", "administration") else { return };
    let redis = Server::spawn(Which::Redis, &[] as &[&str]);
    let server = rufous(&[]);
    let lines = |server: &Server| {
        let mut conn = server.connect();
        conn.must("SET key value EX 100");
        info_lines(&mut conn, "").into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let (theirs, ours) = (lines(&redis), lines(&server));
    let mut rest = ours.iter();
    for field in &theirs {
        assert!(ours.contains(field), "{field} is missing");
        assert!(rest.any(|name| name == field), "{field} is out of order");
    }
}

#[test]
fn info_shows_the_sections_that_are_asked_for() {
    let server = rufous(&[]);
    let mut conn = server.connect();
    let mut titles = |sections: &str| {
        let lines = info_lines(&mut conn, sections);
        let titles = lines.iter().filter_map(|(name, _)| name.strip_prefix("# "));
        titles.collect::<Vec<_>>().join(" ")
    };
    let default =
        "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace";
    assert_eq!(titles(""), default);
    assert_eq!(titles("nosuch default"), default);
    assert_eq!(titles("nosuch"), "");
    assert_eq!(titles("Keyspace cpu CPU"), "CPU Keyspace");
    assert_eq!(titles("latencystats default"), default.replace("Cluster", "Latencystats Cluster"));
    let all = default.replace("Errorstats", "Commandstats Errorstats Latencystats");
    assert_eq!(titles("all"), all);
    assert_eq!(titles("everything debug"), format!("{all} Debug"));
}

#[test]
fn statistics_count_and_reset() {
    let server = rufous(&[]);
    let mut conn = server.connect();
    conn.must("SET a 1");
    conn.ask("GET a");
    conn.ask("GET b");
    conn.ask("LPUSHX");
    conn.ask("INCR a b");
    assert_eq!(info_number(&mut conn, "keyspace_hits"), 1);
    assert_eq!(info_number(&mut conn, "keyspace_misses"), 1);
    assert_eq!(info_number(&mut conn, "total_error_replies"), 2);
    assert_eq!(info_field(&mut conn, "errorstat_ERR"), "count=2");
    let get = info_field(&mut conn, "cmdstat_get");
    assert!(get.starts_with("calls=2,usec=") && get.ends_with(",rejected_calls=0,failed_calls=0"), "{get}");
    assert!(info_field(&mut conn, "cmdstat_incr").ends_with("rejected_calls=1,failed_calls=0"));
    assert!(info_field(&mut conn, "latency_percentiles_usec_get").starts_with("p50="));
    conn.must("CONFIG RESETSTAT");
    let lines = info_lines(&mut conn, "everything");
    assert!(!lines.iter().any(|(name, _)| name.starts_with("errorstat_") || name == "cmdstat_get"));
    assert_eq!(info_number(&mut conn, "keyspace_hits"), 0);
}

#[test]
fn memory_is_kept_under_the_limit() {
    let server = rufous(&[]);
    let mut conn = server.connect();
    let value = "x".repeat(1000);
    let used = info_number(&mut conn, "used_memory");
    conn.must(&format!("CONFIG SET maxmemory {} maxmemory-policy allkeys-lru", used + 1_000_000));
    for i in 0..3000 {
        conn.must(&format!("SET key{i} {value}"));
    }
    let evicted = info_number(&mut conn, "evicted_keys");
    assert!((1500..2600).contains(&evicted), "{evicted} evicted");
    assert!(info_number(&mut conn, "used_memory") < used + 1_100_000);
    conn.must("CONFIG SET maxmemory-policy noeviction maxmemory 1");
    assert_eq!(conn.ask("SET a 1").text(), "OOM command not allowed when used memory > 'maxmemory'.");
    assert_eq!(conn.ask("DEL key2999").text(), "", "what frees memory is allowed");
    conn.must("MULTI");
    assert!(conn.ask("SET a 1").text().starts_with("OOM"));
    assert_eq!(conn.ask("EXEC").text(), "EXECABORT Transaction discarded because of previous errors.");
}

#[test]
fn the_allocator_has_threads_of_its_own_if_that_is_wanted() {
    for (wanted, other) in [("yes", "no"), ("no", "yes")] {
        let server = rufous(&["--jemalloc-bg-thread", wanted]);
        let has_threads = || {
            let threads = std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
            let names =
                threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
            names.into_iter().any(|name| name.starts_with("jemalloc_bg"))
        };
        eventually(PATIENCE, "at start", || has_threads() == (wanted == "yes"));
        server.connect().must(&format!("CONFIG SET jemalloc-bg-thread {other}"));
        eventually(PATIENCE, "at run time", || has_threads() == (other == "yes"));
    }
}

#[test]
fn debug_shows_what_is_inside() {
    let server = rufous(&[]);
    let mut conn = server.connect();
    conn.must("RPUSH list 1 two");
    conn.must("HSET hash field value");
    conn.must("HEXPIRE hash 1000 FIELDS 1 field");
    conn.must("CONFIG SET list-max-listpack-size 2");
    conn.must("RPUSH long a b 12345");
    for (words, parts) in [
        (
            "DEBUG LISTPACK list",
            &["{index: 0, offset: 6, bytes: 2} [int] 1\n", "offset: 8, bytes: 5} [str] two\n"][..],
        ),
        ("DEBUG LISTPACK hash", &["{num entries 3}\n", "[str] field\n", "[str] value\n"]),
        ("DEBUG QUICKLIST long", &["{nodes: 2}\n", "{quicklist node(1)} PACKED {size: 11, count: 1}\n"]),
        ("DEBUG QUICKLIST long 1", &["bytes: 4} [int] 12345\n"]),
    ] {
        conn.must(words);
        parts
            .iter()
            .for_each(|part| assert!(server.log().contains(part), "{words} {part}: {}", server.log()));
    }
    assert!(conn.ask("DEBUG LISTPACK long").is_error());
    assert_eq!(format!("{:?}", conn.must("DEBUG MALLCTL background_thread 0")), ":1");
    assert_eq!(format!("{:?}", conn.must("DEBUG MALLCTL background_thread")), ":0");
    assert!(conn.must("DEBUG MALLCTL-STR version").text().starts_with("5."));
    assert_eq!(conn.must("DEBUG MALLCTL-STR thread.tcache.flush VOID").text(), "OK");
    assert_eq!(conn.ask("DEBUG MALLCTL no.such.name").text(), "ERR No such file or directory");
}

#[test]
fn the_largest_clients_go_first() {
    let server = rufous(&[]);
    let mut admin = server.connect();
    admin.must("CLIENT NO-EVICT ON");
    let mut clients: Vec<Conn> = (1..=3)
        .map(|size| {
            let mut conn = server.connect();
            // The beginning of a request that never ends.
            conn.send_raw(format!("*2\r\n$4\r\nECHO\r\n${}\r\n", size * 400_000).as_bytes()).unwrap();
            conn.send_raw(&vec![b'x'; size * 400_000 - 1]).unwrap();
            conn
        })
        .collect();
    eventually(PATIENCE, "the requests arrive", || info_number(&mut admin, "mem_clients_normal") > 2_400_000);
    admin.must("CONFIG SET maxmemory-clients 1500000");
    eventually(PATIENCE, "one client is closed", || info_number(&mut admin, "evicted_clients") == 1);
    assert!(closed(&clients[2].read().unwrap_err()));
    for conn in &mut clients[..2] {
        conn.send_raw(b"x\r\n").unwrap();
        assert!(conn.read().is_ok(), "smaller ones stay");
    }
}

/// From here on the server cannot save: a folder has the name of the snapshot.
fn keep_from_saving(server: &Server) {
    std::fs::create_dir(server.folder().join("dump.rdb")).unwrap();
}

#[test]
fn shutdown_ends_the_process_in_good_order() {
    for ask in ["SHUTDOWN", "SHUTDOWN NOSAVE NOW", "SHUTDOWN SAVE FORCE"] {
        let mut server = rufous(&[]);
        assert!(closed(&server.connect().call(&ask.split(' ').collect::<Vec<_>>()).unwrap_err()), "{ask}");
        assert_eq!(server.wait().code(), Some(0), "{ask}");
        let log = server.log();
        assert!(
            log.contains("User requested shutdown...") && log.contains("ready to exit, bye bye..."),
            "{log}"
        );
    }
    let mut server = rufous(&[]);
    let mut conn = server.connect();
    for none in ["SHUTDOWN ABORT", "SHUTDOWN ABORT ABORT"] {
        assert_eq!(conn.ask(none).text(), "ERR No shutdown in progress.");
    }
    for wrong in
        ["SAVE NOSAVE", "NOSAVE SAVE", "ABORT NOW", "SAVE ABORT", "BOGUS", "NOW BOGUS", "ABORT BOGUS"]
    {
        assert_eq!(conn.ask(&format!("SHUTDOWN {wrong}")).text(), "ERR syntax error", "{wrong}");
    }
    conn.must("MULTI");
    assert_eq!(conn.ask("SHUTDOWN NOW").text(), "ERR Command not allowed inside a transaction");
    assert!(conn.ask("EXEC").is_error());
    keep_from_saving(&server);
    assert_eq!(conn.ask("SHUTDOWN SAVE").text(), "ERR Errors trying to SHUTDOWN. Check logs.");
    server.assert_alive();
}

#[test]
fn signals_end_the_process_at_once() {
    for (signal, line) in [
        (Signal::TERM, "Received SIGTERM scheduling shutdown..."),
        (Signal::INT, "Received SIGINT scheduling shutdown..."),
    ] {
        let mut server = rufous(&["--pidfile", "pid"]);
        let pid_file = server.folder().join("pid");
        assert_eq!(std::fs::read_to_string(&pid_file).unwrap().trim(), server.pid().to_string());
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0));
        assert!(server.log().contains(line), "{}", server.log());
        assert!(!pid_file.exists());
    }
}

#[test]
fn nothing_behind_shutdown_is_answered() {
    let mut server = rufous(&[]);
    let mut conn = server.connect();
    conn.send_raw(b"PING\r\nSHUTDOWN NOSAVE\r\nPING\r\n").unwrap();
    assert_eq!(conn.read_to_close().unwrap(), b"+PONG\r\n");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn the_cron_acts_on_signals_and_abort_comes_before_it() {
    let mut server = rufous(&["--enable-debug-command", "yes"]);
    let mut conn = server.connect();
    let scheduled =
        |server: &Server, times: usize| server.log().matches("scheduling shutdown").count() == times;
    conn.must("DEBUG PAUSE-CRON 1");
    server.signal(Signal::TERM);
    eventually(PATIENCE, "the signal comes", || scheduled(&server, 1));
    conn.must("SHUTDOWN ABORT");
    assert!(server.log().contains("Shutdown manually aborted."));
    assert_eq!(conn.ask("SHUTDOWN ABORT").text(), "ERR No shutdown in progress.");
    conn.must("DEBUG PAUSE-CRON 0");
    keep_from_saving(&server);
    // What must be saved and cannot be keeps the server alive; the next signal finds it as the first did.
    conn.must("CONFIG SET shutdown-on-sigterm save");
    let refused = |server: &Server, times: usize| server.log().matches("can't exit").count() == times;
    for times in 1..=2 {
        server.signal(Signal::TERM);
        eventually(PATIENCE, "the server stays", || refused(&server, times));
    }
    conn.must("CONFIG SET shutdown-on-sigterm nosave");
    conn.must("DEBUG PAUSE-CRON 1");
    server.signal(Signal::TERM);
    eventually(PATIENCE, "the signal comes", || scheduled(&server, 4));
    conn.must("PING");
    conn.must("DEBUG PAUSE-CRON 0");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn who_insists_on_the_end_gets_it() {
    let mut server = rufous(&["--enable-debug-command", "yes"]);
    server.connect().must("DEBUG PAUSE-CRON 1");
    server.signal(Signal::INT);
    eventually(PATIENCE, "the signal comes", || {
        server.log().contains("Received SIGINT scheduling shutdown...")
    });
    server.signal(Signal::INT);
    assert_eq!(server.wait().code(), Some(1));
    assert!(server.log().contains("You insist... exiting now."));
}

#[test]
fn idle_clients_are_closed_and_subscribers_are_not() {
    let server = rufous(&["--timeout", "1"]);
    let (mut idle, mut subscriber) = (server.connect(), server.connect());
    assert_eq!(idle.ask("PING").text(), "PONG");
    subscriber.ask("SUBSCRIBE news");
    assert!(closed(&idle.read().unwrap_err()));
    assert_eq!(server.connect().ask("PUBLISH news x").text(), "");
    assert!(subscriber.read_any().is_ok());
}
