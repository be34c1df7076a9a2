//! The table as data: what must hold for every row, whatever it says.

use super::*;
use crate::config::directive::{Kind, Notation, Phase, Traits};
use crate::config::load::{Invocation, load_from};
use crate::config::{Config, Permissions, set, text};
use std::collections::HashSet;

/// A legal value other than the default, in the form in which a file has it and CONFIG GET answers it.
fn other_value(row: &Directive) -> String {
    let special = match row.name {
        "bind" => Some("127.0.0.1 -::1"),
        "client-output-buffer-limit" => Some("normal 1 2 3 slave 4 5 6 pubsub 7 8 9"),
        "notify-keyspace-events" => Some("gxKE"),
        "latency-tracking-info-percentiles" => Some("0 12.5 100"),
        "oom-score-adj-values" => Some("1 2 3"),
        "dir" => Some("/"),
        "save" => Some("7 8 9 10"),
        "replicaof" => Some("example.com 7000"),
        "cluster-announce-client-ipv4" => Some("10.1.2.3"),
        "cluster-announce-client-ipv6" => Some("::2"),
        "cluster-announce-hostname" => Some("host-1.example"),
        "proc-title-template" => Some("x {title} y"),
        "hz" => Some("77"),
        _ => None,
    };
    if let Some(value) = special {
        return value.to_owned();
    }
    match &row.kind {
        Kind::Bool { default, .. } => if *default { "no" } else { "yes" }.to_owned(),
        Kind::Number { min, max, default, notation, .. } => {
            let value = if default == max { *min } else { *max };
            if *notation == Notation::Octal { format!("{value:o}") } else { value.to_string() }
        }
        Kind::Text { .. } => format!("other-{}", row.name),
        Kind::Choice { names, default, .. } => {
            names.iter().find(|(_, code)| code != default).expect("a choice has two names").0.to_owned()
        }
        Kind::Special(_) => panic!("{} needs a value above", row.name),
    }
}

/// A file that sets every directive to another value.
fn whole_file() -> String {
    let line = |row: &'static Directive| {
        let value = other_value(row);
        match row.traits.contains(Traits::MULTI) || value.is_empty() {
            true => format!("{} {value}\n", row.name),
            false => format!("{} {}\n", row.name, String::from_utf8(text::quoted(value.as_bytes())).unwrap()),
        }
    };
    // A log file would be created, and a cluster cannot be a replica of a host and port.
    rows().filter(|row| !matches!(row.name, "logfile" | "replicaof")).map(line).collect()
}

fn load_text(text: &str) -> Config {
    let invocation = Invocation { options: text.as_bytes().to_vec(), ..Invocation::default() };
    load_from(&invocation, &mut std::io::empty()).unwrap_or_else(|error| panic!("{error}"))
}

fn get(config: &Config, row: &Directive) -> String {
    String::from_utf8(row.get(config)).unwrap()
}

#[test]
fn names_are_unique_and_plain() {
    let mut names = HashSet::new();
    for row in rows() {
        for name in [Some(row.name), row.alias].into_iter().flatten() {
            assert!(names.insert(name), "{name} appears twice");
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
            assert!(name.bytes().all(plain), "{name}");
            assert!(std::ptr::eq(find(name.to_uppercase().as_bytes()).unwrap(), row));
        }
    }
    assert!(names.len() > 220);
    assert!(find(b"no-such-directive").is_none() && find(b"").is_none());
}

#[test]
fn every_default_is_a_legal_value() {
    for row in rows() {
        let mut config = Config::default();
        let value = row.get(&config);
        let arguments: Vec<Vec<u8>> = match row.traits.contains(Traits::MULTI) && !value.is_empty() {
            true => value.split(|&byte| byte == b' ').map(<[u8]>::to_vec).collect(),
            false => vec![value],
        };
        if row.name == "replicaof" {
            continue;
        }
        assert_eq!(row.set(&mut config, &arguments, Phase::Set), Ok(()), "{}", row.name);
        assert_eq!(config, Config::default(), "{}", row.name);
        if let Kind::Number { min, max, default, .. } = row.kind {
            assert!(min <= default && default <= max, "{}", row.name);
        }
    }
}

#[test]
fn every_directive_loads_reads_back_and_survives_a_rewrite() {
    let config = load_text(&whole_file());
    let default = Config::default();
    for row in rows().filter(|row| !matches!(row.name, "logfile" | "replicaof" | "databases")) {
        assert_eq!(get(&config, row), other_value(row), "{}", row.name);
        assert_ne!(get(&config, row), get(&default, row), "{}", row.name);
    }
    assert_eq!(config.databases, 1, "cluster mode has one database");
    let rewritten = config.rewritten(b"", None, false);
    let mut again = load_text(std::str::from_utf8(&rewritten).unwrap());
    again.load_notes = config.load_notes.clone();
    assert_eq!(again, config);
}

#[test]
fn every_mutable_directive_is_set_and_every_other_refused() {
    let all = Permissions { loading: false, protected: true };
    for row in rows() {
        let mut config = Config::default();
        let value = other_value(row);
        let outcome = set(&mut config, &[(row.name.as_bytes(), value.as_bytes())], all);
        if row.traits.contains(Traits::IMMUTABLE) {
            let text = outcome.unwrap_err().to_string();
            let name = row.name;
            assert_eq!(
                text,
                format!(
                    "ERR CONFIG SET failed (possibly related to argument '{name}') - can't set immutable config"
                )
            );
            continue;
        }
        if row.name == "activedefrag" {
            assert!(outcome.is_err());
            continue;
        }
        assert_eq!(outcome.unwrap(), Vec::from_iter(row.changed), "{}", row.name);
        assert_eq!(get(&config, row), value, "{}", row.name);
        let alias = row.alias.unwrap_or(row.name);
        let back = get(&Config::default(), row);
        set(&mut config, &[(alias.as_bytes(), back.as_bytes())], all).unwrap();
        assert_eq!(get(&config, row), back, "{alias}");
    }
}

#[test]
fn bounds_are_enforced() {
    for row in rows() {
        let Kind::Number { min, max, notation, .. } = row.kind else { continue };
        let mut config = Config::default();
        let mut attempt = |value: i128| {
            let shown = if notation == Notation::Octal { format!("{value:o}") } else { value.to_string() };
            row.set(&mut config, &[shown.into_bytes()], Phase::Load)
        };
        assert_eq!(attempt(max), Ok(()), "{}", row.name);
        let between = match notation {
            Notation::Octal => format!("argument must be between {min:o} and {max:o} inclusive"),
            _ => format!("argument must be between {min} and {max} inclusive"),
        };
        if max < i128::from(i64::MAX) {
            assert_eq!(attempt(max + 1), Err(between.clone().into()), "{}", row.name);
        } else {
            assert!(
                attempt(i128::from(u64::MAX) + 1).is_err() || max == i128::from(u64::MAX),
                "{}",
                row.name
            );
        }
        match notation {
            Notation::Decimal => {
                assert_eq!(attempt(min), Ok(()), "{}", row.name);
                assert_eq!(attempt(min - 1), Err(between.into()), "{}", row.name);
            }
            Notation::Octal => assert_eq!(attempt(min), Ok(())),
            Notation::Bytes if min > 0 => assert_eq!(attempt(min - 1), Err(between.into()), "{}", row.name),
            Notation::Bytes => assert_eq!(attempt(-1), Err("argument must be a memory value".into())),
            Notation::BytesOrPercent => {}
        }
    }
}

#[test]
fn percentages() {
    let row = find(b"maxmemory-clients").unwrap();
    let mut config = Config::default();
    let mut check = |value: &str, expected: Result<&str, &str>| {
        let outcome = row.set(&mut config, &[value.into()], Phase::Set);
        match expected {
            Ok(shown) => assert_eq!((outcome, get(&config, row)), (Ok(()), shown.to_owned())),
            Err(text) => assert_eq!(outcome, Err(text.to_owned().into())),
        }
    };
    check("50%", Ok("50%"));
    check("100%", Ok("100%"));
    check("0%", Ok("0"));
    check("3mb", Ok("3145728"));
    check("101%", Err("percentage argument must be less or equal to 100"));
    check("-1%", Err("argument must be a memory or percent value"));
    check("%", Err("argument must be a memory or percent value"));
    check("-1", Err("argument must be a memory or percent value"));
}

#[test]
fn a_directive_without_effect_warns_once_when_it_asks_for_something() {
    assert_eq!(Config::default().warnings(), Vec::<String>::new());
    for row in rows().filter(|row| row.later.is_some() && row.name != "cluster-enabled") {
        let config = load_text(&format!("{} {}", row.name, other_value(row)));
        let warnings = config.warnings();
        assert_eq!(warnings.len(), 1, "{}: {warnings:?}", row.name);
        assert!(warnings[0].starts_with(&format!("WARNING: '{}' is accepted", row.name)), "{warnings:?}");
    }
    let mut config = Config::default();
    set(&mut config, &[(b"appendonly", b"yes"), (b"timeout", b"1")], Permissions::default()).unwrap();
    assert_eq!(config.warnings_after_set(&[b"AppendOnly", b"timeout"]), config.warnings());
    assert_eq!(load_text("save \"\"").warnings(), Vec::<String>::new(), "nothing is what happens anyway");
    assert_eq!(load_text("user a on\nloadmodule x.so").warnings().len(), 2);
}
