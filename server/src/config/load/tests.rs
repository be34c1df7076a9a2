//! Reading: precedence, includes, the directives that only files have, and the reports of what is wrong.

use super::*;
use crate::config::{ReplicaOf, SavePoint};
use std::fs;

fn from_options(options: &str) -> Result<Config, ConfigError> {
    load_from(&Invocation { options: options.into(), ..Invocation::default() }, &mut io::empty())
}

fn from_file(folder: &Path, content: &str, options: &str) -> Result<Config, ConfigError> {
    let file = folder.join("test.conf");
    fs::write(&file, content).unwrap();
    let invocation = Invocation { config_file: Some(file), options: options.into(), ..Invocation::default() };
    load_from(&invocation, &mut io::empty())
}

#[track_caller]
fn check_error(options: &str, line: &str, problem: &str) {
    let error = from_options(options).unwrap_err();
    let report = format!(
        "\n*** FATAL CONFIG FILE ERROR (Redis {REDIS_VERSION}) ***\nReading the configuration file, at line 2\n>>> '{line}'\n{problem}\n"
    );
    assert_eq!(error.to_string(), report);
}

#[test]
fn reports_name_line_and_problem() {
    let same = |line: &str, problem: &str| check_error(line, line, problem);
    same("foo bar", "Bad directive or wrong number of arguments");
    same("port \"1", "Unbalanced quotes in configuration line");
    same("port", "wrong number of arguments");
    same("port 1 2", "wrong number of arguments");
    same("port 65536", "argument must be between 0 and 65535 inclusive");
    same("port x", "argument couldn't be parsed into an integer");
    same("maxmemory 1x", "argument must be a memory value");
    same("unixsocketperm 9", "argument couldn't be parsed as an octal number");
    same("unixsocketperm 1000", "argument must be between 0 and 777 inclusive");
    same("appendonly maybe", "argument must be 'yes' or 'no'");
    same("supervised x", "argument(s) must be one of the following: upstart, systemd, auto, no");
    same(
        "shutdown-on-sigint x",
        "argument(s) must be one of the following: default, save, nosave, now, force",
    );
    same("shutdown-on-sigint save nosave", "shutdown options SAVE and NOSAVE can't be used simultaneously");
    same("save 1", "Invalid save parameters");
    same("save 0 1", "Invalid save parameters");
    same("dbfilename a/b", "dbfilename can't be a path, just a filename");
    same("appendfilename \"\"", "appendfilename can't be empty");
    same("dir /no/such/folder", "No such file or directory");
    same("dir /dev/null", "Not a directory");
    same("notify-keyspace-events Q", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
    same("client-output-buffer-limit normal 1", "Wrong number of arguments in buffer limit configuration.");
    same(
        "client-output-buffer-limit master 0 0 0",
        "Invalid client class specified in buffer limit configuration.",
    );
    same(
        "client-output-buffer-limit normal x 0 0",
        "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
    );
    same("oom-score-adj-values 1 2", "wrong number of arguments");
    same(
        "oom-score-adj-values 1 2 2001",
        "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
    );
    same("replicaof a", "wrong number of arguments");
    same("replicaof a 65536", "Invalid master port");
    same("latency-tracking-info-percentiles 1 x", "Invalid latency-tracking-info-percentiles parameters");
    same(
        "latency-tracking-info-percentiles 101",
        "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
    );
    same("proc-title-template {x}", "template format is invalid or contains unknown variables");
    same("proc-title-template {title}", "template format is invalid or contains unknown variables");
    same("sentinel monitor a", "sentinel directive while not in sentinel mode");
    same("module.directive", "Module config specified without value");
    same("rename-command a", "Bad directive or wrong number of arguments");
    check_error("  \tfoo\t bar \r", "foo\t bar", "Bad directive or wrong number of arguments");
}

#[test]
fn errors_about_the_whole_have_no_line() {
    let whole = |options: &str| from_options(options).unwrap_err().to_string();
    let head = format!("\n*** FATAL CONFIG FILE ERROR (Redis {REDIS_VERSION}) ***\n");
    assert_eq!(
        whole("cluster-enabled yes\nreplicaof a 1"),
        format!("{head}replicaof directive not allowed in cluster mode\n")
    );
    assert_eq!(
        whole("logfile /no/such/folder/log"),
        format!("{head}Can't open the log file: No such file or directory\n")
    );
    assert!(whole("some.directive 1").contains("Module Configuration detected without loadmodule"));
}

#[test]
fn later_lines_win_and_the_command_line_comes_last() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.conf");
    fs::write(&file, "# comment\n\nPORT 1\nport 2\nhz 20\ntimeout 7").unwrap();
    let invocation = Invocation { config_file: Some(file.clone()), stdin: true, options: b"port 4".to_vec() };
    let config = load_from(&invocation, &mut "\nhz 30\nport 3\n".as_bytes()).unwrap();
    assert_eq!((config.port, config.hz, config.timeout_s), (4, 30, 7));
    assert_eq!(config.config_file, Some(file));
}

#[test]
fn save_lines_replace_the_default_and_then_add_up() {
    let points = |options: &str| {
        let config = from_options(options).unwrap();
        config.save.iter().map(|SavePoint { seconds, changes }| (*seconds, *changes)).collect::<Vec<_>>()
    };
    assert_eq!(points("port 1"), [(3600, 1), (300, 100), (60, 10000)]);
    assert_eq!(points("save 5 6"), [(5, 6)]);
    assert_eq!(points("save 5 6\nsave 7 8 9 10"), [(5, 6), (7, 8), (9, 10)]);
    assert_eq!(points("save \"5 6 7 8\""), [(5, 6), (7, 8)]);
    assert_eq!(points("save 5 6\nsave \"\""), []);
    assert_eq!(points("save \"\"\nsave 5 6"), [(5, 6)]);
}

#[test]
fn values_of_several_arguments() {
    let config = from_options("bind 1.2.3.4 -::1\nreplicaof host 7\nshutdown-on-sigterm NOW save").unwrap();
    assert_eq!(config.bind, ["1.2.3.4", "-::1"]);
    assert_eq!(config.replicaof, Some(ReplicaOf { host: "host".into(), port: 7 }));
    let get = |name: &str| {
        let all = config.get(&[name.as_bytes()]);
        String::from_utf8(all.into_iter().next().unwrap().1).unwrap()
    };
    assert_eq!(get("shutdown-on-sigterm"), "save now");
    assert_eq!(get("slaveof"), "host 7");
    assert_eq!(from_options("bind \"\"").unwrap().bind, Vec::<String>::new());
    assert_eq!(from_options("slaveof no one").unwrap().replicaof, None);
}

#[test]
fn directives_that_only_files_have() {
    let config = from_options(
        "rename-command CONFIG \"\"\nuser alice on >x ~*\nloadmodule a.so 1 2\nm.x 1 2\nM.X 3\nlua-replicate-commands yes",
    )
    .unwrap();
    let place = |line, text: &str| Place { line, text: text.into() };
    assert_eq!(
        config.renamed_commands,
        [("CONFIG".into(), String::new(), place(2, "rename-command CONFIG \"\""))]
    );
    assert_eq!(config.users[0].0.len(), 4);
    assert_eq!(config.users[0].1, place(3, "user alice on >x ~*"));
    assert_eq!(config.loaded_modules, [[b"a.so".to_vec(), b"1".to_vec(), b"2".to_vec()]]);
    assert_eq!(config.module_directives, [("m.x".to_owned(), b"3".to_vec())]);
    let error = ConfigError::at(&config.renamed_commands[0].2, "No such command in rename-command");
    assert!(
        error
            .to_string()
            .ends_with("at line 2\n>>> 'rename-command CONFIG \"\"'\nNo such command in rename-command\n")
    );
}

#[test]
fn includes_are_files_or_patterns() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    write("b.inc", "port 2\ntimeout 5");
    write("a.inc", "\nport 1\n");
    write(".hidden.inc", "port 9");
    let path = folder.path().display().to_string();
    let config = from_file(folder.path(), &format!("include {path}/*.inc\nhz 11"), "").unwrap();
    assert_eq!((config.port, config.timeout_s, config.hz), (2, 5, 11), "in order of name, hidden ones not");
    let config =
        from_file(folder.path(), &format!("include {path}/a.inc\ninclude {path}/none-*"), "").unwrap();
    assert_eq!(config.port, 1, "a pattern may match nothing");
    let config = from_file(folder.path(), &format!("dir {path}\ninclude a.inc"), "").unwrap();
    assert_eq!(config.port, 1, "relative to dir");

    let error = from_file(folder.path(), &format!("include {path}/none"), "").unwrap_err();
    let expected = format!("Fatal error, can't open config file '{path}/none': No such file or directory");
    assert_eq!(error, ConfigError::Unreadable(expected));
    write("bad.inc", "# one\nport x");
    let error = from_file(folder.path(), &format!("\n\n\ninclude {path}/bad.inc"), "").unwrap_err();
    assert!(error.to_string().contains("at line 2\n>>> 'port x'"), "the included file's own line: {error}");
    write("self.inc", &format!("include {path}/self.inc"));
    let error = from_file(folder.path(), &format!("include {path}/self.inc"), "").unwrap_err();
    assert!(error.to_string().ends_with("Too many nested include directives\n"));
}

#[test]
fn hints_are_brought_into_range_and_cluster_mode_has_one_database() {
    assert_eq!(from_options("hz 0").unwrap().hz, 1);
    assert_eq!(from_options("hz 1000000").unwrap().hz, 500);
    let config = from_options("cluster-enabled yes").unwrap();
    assert_eq!(config.databases, 1);
    assert_eq!(
        config.load_notes,
        ["WARNING: Changing databases number from 16 to 1 since we are in cluster mode"]
    );
}

#[test]
fn passwords_are_bytes() {
    assert_eq!(from_options(r#"requirepass "a\xff\"""#).unwrap().requirepass, b"a\xff\"");
    check_error("pidfile \"\\xff\"", "pidfile \"\\xff\"", "argument must be valid UTF-8");
}

/// The files that are shipped load unchanged, where they are installed.
#[test]
fn shipped_files_load() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["/opt/ref/redis-7.2.6/redis.conf", "/opt/ref/valkey/valkey.conf", "/etc/redis/redis.conf"] {
        let Ok(content) = fs::read_to_string(file) else { continue };
        // A folder and a log that exist only where the package is installed.
        let options = format!("logfile \"\"\ndir {}", folder.path().display());
        let lines: Vec<&str> = content
            .lines()
            .filter(|line| !line.starts_with("dir ") && !line.starts_with("logfile "))
            .collect();
        let config = from_file(folder.path(), &lines.join("\n"), &options);
        assert_eq!(config.map(|config| config.port), Ok(6379), "{file}");
    }
}
