//! What a server that crashes leaves in its log, and how it ends.

use std::os::unix::process::ExitStatusExt;

use std::time::Duration;

use rufous_tests::conn::Conn;
use rufous_tests::server::{Server, Signal, Which};
use rufous_tests::wait::eventually;

/// What every report says, in this order.
const PARTS: [&str; 9] = [
    "=== REDIS BUG REPORT START",
    "------ STACK TRACE ------\nThread: ",
    "------ INFO OUTPUT ------\n# Server\r\nredis_version:",
    "# Commandstats\r\n",
    "db0:keys=1,",
    "------ CLIENT LIST OUTPUT ------\n",
    " name=bystander ",
    "------ CONFIG DEBUG OUTPUT ------\n",
    "=== REDIS BUG REPORT END",
];

/// How a process ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Signal(i32),
    Status(i32),
}

/// Lets a server crash; gives its log.
#[track_caller]
fn crash(options: &[&str], how: impl FnOnce(&Server), end: End) -> String {
    let mut server = Server::spawn(Which::Rufous, options);
    let mut bystander = server.connect();
    bystander.must("CLIENT SETNAME bystander");
    bystander.must("SET key value");
    how(&server);
    let status = server.wait();
    let ended = status.signal().map(End::Signal).or(status.code().map(End::Status));
    assert_eq!(ended, Some(end), "{}", server.log());
    server.log()
}

/// The same, by a command that is not answered.
#[track_caller]
fn crash_by(options: &[&str], words: &str, end: End) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    crash(options, |server| assert!(server.connect().call(&words).is_err(), "{words:?} is answered"), end)
}

/// The log has one report, which says all that reports say, and `parts`.
#[track_caller]
fn check(log: &str, parts: &[&str]) {
    let mut at = 0;
    for part in PARTS {
        at += log[at..].find(part).unwrap_or_else(|| panic!("{part:?} is not in its place: {log}"));
    }
    for part in parts {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert_eq!(log.matches("BUG REPORT START").count(), 1, "{log}");
}

#[test]
fn signals_are_reported_and_end_the_process() {
    let signals =
        [(Signal::ILL, 4), (Signal::ABORT, 6), (Signal::BUS, 7), (Signal::FPE, 8), (Signal::SEGV, 11)];
    for (signal, number) in signals {
        let log = crash(&[], |server| server.signal(signal), End::Signal(number));
        let sender = format!("Killed by PID: {}, UID: ", std::process::id());
        check(&log, &[&format!("crashed by signal: {number}, si_code: 0"), &sender]);
    }
}

/// The section of the client whose command ran; empty if there is none.
fn current_client(log: &str) -> &str {
    let after = log.split_once("------ CURRENT CLIENT INFO ------\n").map_or("", |(_, after)| after);
    after.split_once("\n\n------").map_or(after, |(section, _)| section)
}

#[test]
fn the_client_whose_command_ran_is_listed_with_its_request() {
    let check = |options: &[&str], requests: &[&str], arguments: &str| {
        let ask = |server: &Server| {
            let mut conn = server.connect();
            conn.must("CLIENT SETNAME culprit");
            // In one write, so that they run in one window.
            conn.send_raw((requests.join("\r\n") + "\r\n").as_bytes()).unwrap();
            while conn.read().is_ok() {}
        };
        let log = crash(options, ask, End::Signal(11));
        let (line, shown) = current_client(&log).split_once('\n').expect("a line and arguments");
        assert!(line.starts_with("id=") && line.contains(" name=culprit "), "{line}");
        assert_eq!(shown, arguments, "{requests:?}");
        let list = log.split_once("CLIENT LIST OUTPUT").expect("the list").1;
        let list = list.split_once("\n\n").expect("its end").0;
        assert!(list.contains(" name=bystander ") && list.contains(" name=culprit "), "{list}");
    };
    let shown = ["--hide-user-data-from-log", "no"];
    let segfault = "argc: '2'\nargv[0]: '\"debug\"'\nargv[1]: '\"segfault\"'";
    check(&shown, &["debug segfault"], segfault);
    check(&shown, &["set a b", "debug segfault", "get a"], segfault);
    check(&shown, &["multi", "set a b", "debug segfault", "exec"], segfault);
    check(&[], &["debug segfault"], "argc: '2'\nargv[0]: '\"debug\"'\nargv[1]: *redacted*");
    let idle = crash(&[], |server| server.signal(Signal::SEGV), End::Signal(11));
    assert!(!idle.contains("CURRENT CLIENT"), "{idle}");
}

#[test]
fn an_access_to_no_memory_names_address_and_function() {
    let log = crash_by(&[], "DEBUG SEGFAULT", End::Signal(11));
    check(
        &log,
        &["crashed by signal: 11, si_code: ", "Accessing address: 0x", "server/src/commands/debug.rs:"],
    );
    assert!(!log.contains("Killed by PID"), "{log}");
}

#[test]
fn a_thread_whose_stack_has_run_out_reports_it() {
    let log = crash_by(&[], "DEBUG STACK-OVERFLOW", End::Signal(11));
    check(&log, &["crashed by signal: 11, si_code: ", "Thread: main\n", "overflow_stack\n"]);
    let log = crash_by(&[], "DEBUG STACK-OVERFLOW THREAD", End::Signal(11));
    let parts = [PARTS[0], PARTS[1], "overflow_stack\n", PARTS[8]];
    let places = parts.map(|part| log.find(part));
    assert!(places.iter().all(|place| place.is_some()) && places.is_sorted(), "{log}");
    assert!(!log.contains("Thread: main") && !log.contains(PARTS[2]), "{log}");
}

#[test]
fn panics_are_reported_as_signals_are() {
    for words in ["DEBUG PANIC", "DEBUG ASSERT"] {
        let log = crash_by(&[], words, End::Signal(6));
        check(&log, &["crashed by a panic: ", &format!("{words} was called"), "debug.rs:"]);
    }
    let log = crash_by(&["--use-exit-on-panic", "yes"], "DEBUG PANIC", End::Status(1));
    check(&log, &["crashed by a panic: "]);
}

#[test]
fn who_wants_no_report_gets_the_end_alone() {
    let off = ["--crash-log-enabled", "no"];
    let logs = [
        crash(&off, |server| server.signal(Signal::SEGV), End::Signal(11)),
        crash_by(&off, "DEBUG SEGFAULT", End::Signal(11)),
        crash_by(&off, "DEBUG PANIC", End::Signal(6)),
    ];
    assert!(logs.iter().all(|log| !log.contains("BUG REPORT")), "{logs:?}");
    assert!(logs[2].contains("DEBUG PANIC was called"), "{}", logs[2]);
    let switch = |value: &'static str| {
        move |server: &Server| {
            server.connect().must(&format!("CONFIG SET crash-log-enabled {value}"));
            server.signal(Signal::ABORT);
        }
    };
    assert!(!crash(&[], switch("no"), End::Signal(6)).contains("BUG REPORT"));
    check(&crash(&off, switch("yes"), End::Signal(6)), &["crashed by signal: 6"]);
}

#[test]
fn a_command_loop_that_stands_still_is_reported_once_a_stall() {
    const PARTS: [&str; 4] = [
        " # \n--- WATCHDOG TIMER EXPIRED ---\n",
        "\n------ STACK TRACE ------\n",
        "server/src/commands/debug.rs:",
        " # --------\n",
    ];
    let server = Server::spawn(Which::Rufous, &["--watchdog-period", "1"]);
    let mut conn = server.connect();
    let period = |conn: &mut Conn| conn.must("CONFIG GET watchdog-period").items().unwrap()[1].text();
    assert_eq!(period(&mut conn), "200", "two calls of the periodic work at least");
    conn.must("CONFIG SET hz 4");
    assert_eq!(period(&mut conn), "500", "also when those become rarer");
    conn.must("CONFIG SET watchdog-period 1000");
    let reports = || server.log().matches(PARTS[3]).count();
    for stalls in 1..=2 {
        conn.must("DEBUG SLEEP 1.5");
        eventually(Duration::from_secs(20), "the report of a stall", || reports() == stalls);
    }
    conn.must("CONFIG SET watchdog-period 0");
    conn.must("DEBUG SLEEP 1.5");
    let log = server.log();
    let reports: Vec<&str> = log.split(PARTS[0]).skip(1).collect();
    assert_eq!(reports.len(), 2, "{log}");
    for report in reports {
        let places = PARTS[1..].iter().map(|part| report.find(part));
        assert!(places.clone().all(|place| place.is_some()) && places.is_sorted(), "{report}");
    }
}
