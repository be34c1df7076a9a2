//! What Redis has, by name: INFO's fields, the directives with their defaults, the columns of CLIENT LIST. A client that
//! looks something up by name must find it here.

use std::collections::{BTreeMap, BTreeSet};

use rufous_tests::command;
use rufous_tests::conn::Conn;
use rufous_tests::resp::Reply;
use rufous_tests::server::{Server, Which, program_or_notice};

/// Directives whose values differ because each server has its own.
const OWN: [&str; 2] = ["dir", "port"];

struct Both {
    rufous: Conn,
    redis: Conn,
    _servers: [Server; 2],
}

fn both(test: &str) -> Option<Both> {
    program_or_notice("redis-server", test)?;
    let servers = [Which::Rufous, Which::Redis].map(|which| Server::spawn(which, &[] as &[&str]));
    Some(Both { rufous: servers[0].connect(), redis: servers[1].connect(), _servers: servers })
}

fn assert_none(missing: Vec<String>) {
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

/// The fields of INFO with their section; those whose names hold a variable part are cut before it.
fn info_fields(conn: &mut Conn) -> BTreeSet<(String, String)> {
    let (mut section, mut fields) = (String::new(), BTreeSet::new());
    for line in conn.must("INFO everything").text().lines() {
        if let Some(name) = line.strip_prefix("# ") {
            section = name.trim().to_owned();
        } else if let Some((field, _)) = line.split_once(':') {
            let variable = ["cmdstat_", "errorstat_", "latency_percentiles_usec_", "db"];
            let cut = variable.iter().find(|start| field.starts_with(**start) && section != "Server");
            fields.insert((section.clone(), cut.map_or(field, |start| start).to_owned()));
        }
    }
    fields
}

#[test]
fn info_has_every_field() {
    let Some(mut both) = both("inventory") else { return };
    for conn in [&mut both.rufous, &mut both.redis] {
        conn.must("SET key value");
        assert!(conn.ask("INCR key").is_error());
    }
    let (ours, theirs) = (info_fields(&mut both.rufous), info_fields(&mut both.redis));
    assert!(theirs.len() > 100, "{} fields", theirs.len());
    let missing = theirs.difference(&ours);
    assert_none(missing.map(|(section, field)| format!("INFO {section} has no {field}")).collect());
}

fn directives(conn: &mut Conn) -> BTreeMap<String, String> {
    let pairs = conn.must("CONFIG GET *").pairs().expect("pairs");
    pairs.iter().map(|(name, value)| (name.text(), value.text())).collect()
}

fn directive(conn: &mut Conn, name: &str) -> Option<String> {
    let pairs = conn.call(&command!["CONFIG", "GET", name]).expect("CONFIG GET").pairs().expect("pairs");
    pairs.first().map(|(_, value)| value.text())
}

#[test]
fn every_directive_has_the_same_default() {
    let Some(mut both) = both("inventory") else { return };
    let (ours, theirs) = (directives(&mut both.rufous), directives(&mut both.redis));
    assert!(theirs.len() > 150, "{} directives", theirs.len());
    let mut faults = Vec::new();
    for (name, value) in theirs {
        // Later versions hide some from patterns.
        let own = ours.get(&name).cloned().or_else(|| directive(&mut both.rufous, &name));
        match own {
            None => faults.push(format!("no directive {name}")),
            Some(own) if own != value && !OWN.contains(&name.as_str()) => {
                faults.push(format!("{name} is {own:?}, not {value:?}"));
            }
            Some(_) => (),
        }
    }
    assert_none(faults);
}

#[test]
fn client_list_has_every_column_in_order() {
    let Some(mut both) = both("inventory") else { return };
    let columns = |conn: &mut Conn| -> Vec<String> {
        let line = conn.call(&command!["CLIENT", "LIST"]).expect("CLIENT LIST").text();
        line.split_whitespace()
            .filter_map(|word| word.split_once('='))
            .map(|(name, _)| name.to_owned())
            .collect()
    };
    let (ours, theirs) = (columns(&mut both.rufous), columns(&mut both.redis));
    let mut rest = ours.iter();
    let missing = theirs.iter().filter(|column| !rest.any(|own| own == *column));
    assert_none(missing.map(|column| format!("no column {column}, or out of order: {ours:?}")).collect());
}

/// What COMMAND DOCS tells of a command that no client shows in our words: flags, and the versions that changed it.
#[derive(Debug, Default)]
struct Dated {
    flags: Vec<String>,
    versions: Vec<Vec<u32>>,
}

fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|part| part.parse().expect("a number")).collect()
}

/// By full name; containers and their subcommands alike. Changes after `last` are left out.
fn dated(docs: &Reply, last: &[u32], found: &mut BTreeMap<String, Dated>) {
    for (name, entry) in docs.pairs().expect("pairs") {
        let mut dates = Dated::default();
        for (field, value) in entry.pairs().expect("pairs") {
            let items = || value.items().expect("items").iter();
            match field.text().as_str() {
                "doc_flags" => dates.flags = items().map(Reply::text).collect(),
                "history" => {
                    let versions = items().map(|change| version(&change.items().expect("a pair")[0].text()));
                    dates.versions = versions.filter(|version| version.as_slice() <= last).collect();
                }
                "subcommands" => dated(&value, last, found),
                _ => (),
            }
        }
        found.insert(name.text(), dates);
    }
}

#[test]
fn command_docs_have_the_flags_and_versions_of_redis() {
    let Some(mut both) = both("inventory") else { return };
    let info = both.redis.must("INFO server").text();
    let last =
        version(info.lines().find_map(|line| line.strip_prefix("redis_version:")).expect("a version").trim());
    let [mut ours, mut theirs] = [BTreeMap::new(), BTreeMap::new()];
    dated(&both.rufous.must("COMMAND DOCS"), &last, &mut ours);
    dated(&both.redis.must("COMMAND DOCS"), &last, &mut theirs);
    let faults = ours.iter().filter_map(|(name, own)| {
        let other = theirs.get(name)?;
        // Later versions deprecate more.
        let has_flags = other.flags.iter().all(|flag| own.flags.contains(flag));
        (!has_flags || own.versions != other.versions).then(|| format!("{name}: {own:?}, not {other:?}"))
    });
    assert_none(faults.collect());
}
