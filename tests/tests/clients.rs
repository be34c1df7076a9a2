//! What a user has at hand: redis-cli and redis-benchmark against a running server.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use rufous_tests::command;
use rufous_tests::resp::Reply;
use rufous_tests::server::{Server, Signal, Which, program_or_notice};

fn run(program: &PathBuf, server: &Server, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(program)
        .args(["-h", "127.0.0.1", "-p", &server.address().port().to_string()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start the client");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("write to the client");
    child.wait_with_output().expect("the client's output")
}

fn cli(arguments: &[&str], input: &str) -> Option<String> {
    let program = program_or_notice("redis-cli", "clients")?;
    let server = Server::spawn(Which::Rufous, &[] as &[&str]);
    let output = run(&program, &server, arguments, input);
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn redis_cli_speaks_both_protocols() {
    let Some(output) = cli(&[], "SET greeting hello\nGET greeting\nGET nothing\nINCR greeting\n") else {
        return;
    };
    assert_eq!(output, "OK\nhello\n\nERR value is not an integer or out of range\n\n");
    let Some(output) = cli(&["-3"], "HELLO\nMULTI\nINCR n\nEXEC\n") else { return };
    assert!(output.contains("proto 3") && output.ends_with("OK\nQUEUED\n1\n"), "{output}");
}

#[test]
fn redis_cli_transfers_in_bulk() {
    let pipe: String = (0..5000).map(|n| format!("*3\r\n$3\r\nSET\r\n$4\r\n{n:04}\r\n$1\r\nx\r\n")).collect();
    let Some(output) = cli(&["--pipe"], &pipe) else { return };
    assert!(output.contains("errors: 0, replies: 5000"), "{output}");
}

#[test]
fn redis_cli_finds_big_keys() {
    let Some(output) = cli(&["--bigkeys"], "") else { return };
    assert!(output.contains("Sampled 0 keys"), "{output}");
}

/// redis-cli takes its hints from COMMAND DOCS, and the list of commands that it knows too.
#[test]
fn command_docs_say_what_hints_need() {
    let server = Server::spawn(Which::Rufous, &[] as &[&str]);
    for protocol in ["2", "3"] {
        let mut conn = server.connect();
        conn.call(&["HELLO", protocol]).expect("HELLO");
        let docs = pairs(&conn.must("COMMAND DOCS"));
        assert!(docs.len() > 90, "{} commands", docs.len());
        for (name, entry) in &docs {
            let fields: Vec<String> = pairs(entry).iter().map(|(field, _)| field.text()).collect();
            for needed in ["summary", "since", "group"] {
                assert!(fields.iter().any(|field| field == needed), "{name:?} has no {needed}: {fields:?}");
            }
        }
        let (_, set) = docs.iter().find(|(name, _)| name.text() == "set").expect("docs of SET");
        let (_, arguments) =
            pairs(set).into_iter().find(|(field, _)| field.text() == "arguments").expect("arguments");
        let names: Vec<String> = arguments.items().expect("a list").iter().map(argument_name).collect();
        assert_eq!(names[..2], ["key", "value"]);
    }
}

fn argument_name(argument: &Reply) -> String {
    let fields = pairs(argument);
    fields.iter().find(|(field, _)| field.text() == "name").expect("a name").1.text()
}

fn pairs(reply: &Reply) -> Vec<(Reply, Reply)> {
    reply.pairs().unwrap_or_else(|| panic!("neither map nor array of pairs: {reply:?}"))
}

#[test]
fn redis_benchmark_runs() {
    let Some(program) = program_or_notice("redis-benchmark", "clients") else { return };
    let mut server = Server::spawn(Which::Rufous, &[] as &[&str]);
    let tests = "ping_inline,ping_mbulk,set,get,incr,mset";
    let output = run(
        &program,
        &server,
        &["-t", tests, "-n", "2000", "-c", "20", "-P", "4", "-r", "1000", "--csv"],
        "",
    );
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text.lines().count(), 7, "{text}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("rror"), "{output:?}");
    server.assert_alive();
}

#[test]
fn a_server_stops_when_asked() {
    let mut server = Server::spawn(Which::Rufous, &[] as &[&str]);
    server.connect().must("SET key value");
    assert!(server.stop().success(), "{}", server.log());
    let mut server = Server::spawn(Which::Rufous, &[] as &[&str]);
    server.signal(Signal::INT);
    assert!(server.wait().success(), "{}", server.log());
    let mut server = Server::spawn(Which::Rufous, &[] as &[&str]);
    let reply = server.connect().call(&command!["SHUTDOWN", "NOSAVE"]);
    assert!(reply.is_err(), "{reply:?}");
    assert!(server.wait().success(), "{}", server.log());
}
