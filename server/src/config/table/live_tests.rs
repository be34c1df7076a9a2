//! The table against a real `redis-server`, where one is installed: names, defaults, and what CONFIG SET answers
//! to legal and illegal values of every directive.

use super::*;
use crate::config::directive::Traits;
use crate::config::{Changed, Config, Permissions, set};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A real server on a socket in a folder of its own.
struct Live {
    process: Child,
    stream: BufReader<UnixStream>,
    _folder: tempfile::TempDir,
}

impl Live {
    /// `None` where no server is installed.
    fn start() -> Option<Live> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let mut process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--enable-protected-configs", "yes", "--unixsocket"])
            .arg(&socket)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let stream = (0..1000).find_map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            UnixStream::connect(&socket).ok()
        });
        let Some(stream) = stream else {
            process.kill().unwrap();
            panic!("redis-server does not listen");
        };
        Some(Live { process, stream: BufReader::new(stream), _folder: folder })
    }

    fn send(&mut self, arguments: &[&str]) {
        let mut request = format!("*{}\r\n", arguments.len());
        for argument in arguments {
            request += &format!("${}\r\n{argument}\r\n", argument.len());
        }
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// CONFIG GET with a pattern.
    fn get(&mut self, pattern: &str) -> Vec<(String, String)> {
        self.send(&["config", "get", pattern]);
        let count: usize = self.line()[1..].parse().unwrap();
        let words: Vec<String> = (0..count).map(|_| self.bulk()).collect();
        words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
    }

    fn bulk(&mut self) -> String {
        let length: usize = self.line()[1..].parse().unwrap();
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes.truncate(length);
        String::from_utf8(bytes).unwrap()
    }

    /// CONFIG SET; the error without its first byte, or nothing.
    fn set(&mut self, name: &str, value: &str) -> Option<String> {
        self.send(&["config", "set", name, value]);
        self.line().strip_prefix('-').map(String::from)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn names_and_defaults() {
    let Some(mut live) = Live::start() else { return println!("no redis-server here to compare with") };
    let pairs = live.get("*");
    assert!(pairs.len() > 150, "{pairs:?}");
    let config = Config::default();
    let given_above = ["port", "save", "unixsocket", "dir", "enable-protected-configs"];
    for (name, value) in pairs {
        let row = find(name.as_bytes()).unwrap_or_else(|| panic!("{name} is missing"));
        if !given_above.contains(&name.as_str()) {
            assert_eq!(String::from_utf8(row.get(&config)).unwrap(), value, "{name}");
        }
    }
}

#[test]
fn answers_of_config_set() {
    const VALUES: [&str; 22] = [
        "",
        "x",
        "yes",
        "NO",
        "0",
        "1",
        "-1",
        "100",
        "101%",
        "7%",
        "1mb",
        "5gb",
        "1.5",
        "01",
        " 1",
        "99999999999",
        "9223372036854775807",
        "9223372036854775808",
        "a/b",
        "1 2",
        "1 2 3",
        "KEA",
    ];
    let Some(mut live) = Live::start() else { return println!("no redis-server here to compare with") };
    let known: Vec<String> = live.get("*").into_iter().map(|(name, _)| name).collect();
    let mut ours = Config::default();
    for name in known {
        let row = find(name.as_bytes()).expect("the other test covers names");
        if !is_comparable(row) {
            continue;
        }
        for value in VALUES {
            let theirs = live.set(&name, value).map(by_any_version);
            let all = Permissions { loading: false, protected: true };
            let answer = set(&mut ours, &[(name.as_bytes(), value.as_bytes())], all);
            let answer = answer.err().map(|error| by_any_version(error.to_string()));
            assert_eq!(answer, theirs, "CONFIG SET {name} '{value}'");
            if theirs.is_none() {
                let shown = String::from_utf8(row.get(&ours)).unwrap();
                assert_eq!(live.get(&name), [(name.clone(), shown)], "after CONFIG SET {name} '{value}'");
            }
        }
    }
}

/// Redis 7.2 words the error of choices differently from 7.0 and knows one more level of the log.
fn by_any_version(text: String) -> String {
    text.replace("argument must be one of", "argument(s) must be one of")
        .replace("warning, nothing", "warning")
}

/// Not: what a server applies to itself (listening, files, descriptors, scores), or forks or stalls over.
fn is_comparable(row: &Directive) -> bool {
    let applied = [
        Changed::AppendOnly,
        Changed::Bind,
        Changed::MaxClients,
        Changed::OomScoreAdj,
        Changed::Port,
        Changed::Tls,
        Changed::TlsPort,
    ];
    let skipped = ["dir", "save", "maxmemory-clients", "client-query-buffer-limit", "watchdog-period"];
    !row.changed.is_some_and(|change| applied.contains(&change))
        && !skipped.contains(&row.name)
        && !row.traits.contains(Traits::IMMUTABLE)
}
