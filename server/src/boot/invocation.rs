//! The command line, read by the rules of Redis 7.
//!
//! `[file] [--name value ...] [-]`: options become lines of a configuration file, appended to the file's own. An
//! option takes every argument up to the next one that begins with `--`, and at least one, whatever it looks
//! like; so a value may itself begin with `--`.

use crate::config::{Invocation, text};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// To serve with this configuration.
    Serve(Invocation),
    /// `-v`, `--version`
    Version,
    /// `-h`, `--help`
    Help,
    /// `--test-memory`, with the megabytes if there were any.
    TestMemory(Option<usize>),
    /// `--check-system`
    CheckSystem,
    /// `--check-rdb`, or the program's name says so; with what follows.
    CheckRdb(Vec<OsString>),
    /// `--sentinel`, or the program's name says so.
    Sentinel,
}

/// Reads a command line, the program's name first.
pub fn parse(arguments: &[OsString]) -> Request {
    let bytes: Vec<&[u8]> = arguments.iter().map(|argument| argument.as_bytes()).collect();
    let program = arguments.first().map(Path::new).and_then(Path::file_name).unwrap_or_default();
    let words = bytes.get(1..).unwrap_or_default();
    if program.as_bytes().ends_with(b"sentinel") || words.contains(&&b"--sentinel"[..]) {
        return Request::Sentinel;
    }
    if program.as_bytes().ends_with(b"check-rdb") {
        return Request::CheckRdb(arguments.get(1..).unwrap_or_default().to_vec());
    }
    match words {
        [b"--check-rdb", ..] => Request::CheckRdb(arguments[2..].to_vec()),
        [b"-v" | b"--version", ..] => Request::Version,
        [b"-h" | b"--help", ..] => Request::Help,
        [b"--test-memory", megabytes] => {
            Request::TestMemory(std::str::from_utf8(megabytes).ok().and_then(|text| text.parse().ok()))
        }
        [b"--test-memory", ..] => Request::TestMemory(None),
        [b"--check-system", ..] => Request::CheckSystem,
        _ => Request::Serve(serve(words)),
    }
}

fn serve(words: &[&[u8]]) -> Invocation {
    let mut invocation = Invocation::default();
    let mut rest = words;
    if let Some((first, after)) = words.split_first()
        && !first.starts_with(b"-")
    {
        invocation.config_file = Some(Path::new(std::ffi::OsStr::from_bytes(first)).to_owned());
        rest = after;
    }
    let has_file = invocation.config_file.is_some();
    // The last option has a value, so that the next `--` begins another one.
    let mut is_complete = true;
    for (index, word) in rest.iter().enumerate() {
        let is_first = index == 0 && !has_file;
        let next = rest.get(index + 1).copied();
        if *word == b"-" && (is_first || next.is_none()) {
            invocation.stdin = true;
        } else if is_complete && word.starts_with(b"--") {
            is_complete = begin_option(&mut invocation.options, word, next);
        } else {
            invocation.options.extend(text::quoted(word));
            invocation.options.push(b' ');
            is_complete = true;
        }
    }
    invocation
}

/// Begins a line for an option; returns whether it has its value already.
fn begin_option(options: &mut Vec<u8>, word: &[u8], next: Option<&[u8]>) -> bool {
    if !options.is_empty() {
        options.push(b'\n');
    }
    options.extend(&word[2..]);
    options.push(b' ');
    let holds_value = text::split_arguments(word).is_none_or(|parts| parts.len() != 1);
    // Scripts that build a command line from an empty list leave `--save` without a value.
    let next_is_option = next.is_none_or(|next| next.starts_with(b"--"));
    if word.eq_ignore_ascii_case(b"--save") && next_is_option {
        options.extend(b"\"\"");
        return next.is_some();
    }
    holds_value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(words: &[&str]) -> Request {
        let all: Vec<OsString> = ["/bin/rufous-server"].iter().chain(words).map(OsString::from).collect();
        parse(&all)
    }

    fn options(words: &[&str]) -> String {
        match request(words) {
            Request::Serve(invocation) => String::from_utf8(invocation.options).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_become_lines() {
        let check = |words: &[&str], lines: &str| assert_eq!(options(words), lines, "{words:?}");
        check(&[], "");
        check(&["--port", "0"], "port \"0\" ");
        check(&["--port", "7", "--save", ""], "port \"7\" \nsave \"\" ");
        check(&["--save", "3600", "1", "300", "100"], "save \"3600\" \"1\" \"300\" \"100\" ");
        check(&["--save", "60 1", "--port", "1"], "save \"60 1\" \nport \"1\" ");
        check(&["--save", "--port", "1"], "save \"\"\nport \"1\" ");
        check(&["--save"], "save \"\"");
        check(&["--port 7", "--hz", "5"], "port 7 \nhz \"5\" ");
        check(&["--dbfilename", "--x"], "dbfilename \"--x\" ");
        check(
            &["--proc-title-template", "--my--title--", "--port", "1"],
            "proc-title-template \"--my--title--\" \nport \"1\" ",
        );
        check(&["a.conf", "--port", "7"], "port \"7\" ");
    }

    #[test]
    fn file_and_standard_input() {
        let check = |words: &[&str], file: Option<&str>, stdin: bool| {
            let Request::Serve(invocation) = request(words) else { panic!("{words:?}") };
            assert_eq!((invocation.config_file.as_deref(), invocation.stdin), (file.map(Path::new), stdin));
        };
        check(&[], None, false);
        check(&["-"], None, true);
        check(&["a.conf"], Some("a.conf"), false);
        check(&["a.conf", "-"], Some("a.conf"), true);
        check(&["a.conf", "--hz", "1", "-"], Some("a.conf"), true);
        check(&["-", "--hz", "1"], None, true);
        check(&["--unixsocket", "-", "--hz", "1"], None, false);
    }

    #[test]
    fn requests_other_than_to_serve() {
        assert_eq!(request(&["-v"]), Request::Version);
        assert_eq!(request(&["--version", "x"]), Request::Version);
        assert_eq!(request(&["-h"]), Request::Help);
        assert_eq!(request(&["--help"]), Request::Help);
        assert_eq!(request(&["--test-memory", "12"]), Request::TestMemory(Some(12)));
        assert_eq!(request(&["--test-memory"]), Request::TestMemory(None));
        assert_eq!(request(&["--test-memory", "12", "x"]), Request::TestMemory(None));
        assert_eq!(request(&["--check-system"]), Request::CheckSystem);
        assert_eq!(request(&["a.conf", "--sentinel"]), Request::Sentinel);
        assert_eq!(parse(&["/bin/redis-sentinel".into()]), Request::Sentinel);
        assert_eq!(request(&["--check-rdb", "a.rdb"]), Request::CheckRdb(vec!["a.rdb".into()]));
        let by_name = parse(&["/bin/rufous-check-rdb".into(), "a.rdb".into()]);
        assert_eq!(by_name, Request::CheckRdb(vec!["a.rdb".into()]));
        assert!(matches!(request(&["--port", "1", "-v"]), Request::Serve(_)));
    }
}
