//! The style limits, on every file of the workspace.

use std::fs;
use std::path::Path;

use rufous_tests::tidy::{Allowed, files, manifest_faults, source_faults, unfinished};
use rufous_tests::upstream::skips;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const ROOMS: [&str; 7] = ["protocol", "storage", "persistence", "cluster", "server", "benches", "tests"];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn sources_keep_the_limits() {
    let allowed = Allowed::read(&read("ARCHITECTURE.md"));
    let sources = files(Path::new(ROOT), &[".rs"]);
    assert!(sources.len() > ROOMS.len(), "found only {} sources", sources.len());
    let faults = |(path, text): &(String, String)| {
        let faults = source_faults(path, text, &allowed);
        faults.into_iter().map(|fault| format!("{path}: {fault}")).collect::<Vec<_>>()
    };
    assert_none(sources.iter().flat_map(faults).collect());
}

#[test]
fn listed_files_exist() {
    let allowed = Allowed::read(&read("ARCHITECTURE.md"));
    let listed = [allowed.unsafe_code, allowed.clock, allowed.randomness, allowed.state].concat();
    let missing = listed.into_iter().filter(|path| !Path::new(ROOT).join(path).is_file());
    assert_none(missing.map(|path| format!("ARCHITECTURE.md lists {path}, which does not exist")).collect());
}

#[test]
fn nothing_is_left_unfinished() {
    let texts = files(Path::new(ROOT), &[".rs", ".md", ".toml", ".txt", ".conf", "run"]);
    let faults = |(path, text): &(String, String)| {
        unfinished(text).into_iter().map(|fault| format!("{path}: {fault}")).collect::<Vec<_>>()
    };
    assert_none(texts.iter().flat_map(faults).collect());
}

#[test]
fn rooms_depend_only_on_rooms_below() {
    let faults = ROOMS.iter().flat_map(|room| {
        let faults = manifest_faults(room, &read(&format!("{room}/Cargo.toml")));
        faults.into_iter().map(move |fault| format!("{room}: {fault}"))
    });
    assert_none(faults.collect());
}

#[test]
fn the_skip_list_can_be_read() {
    let list =
        skips::parse(&read("tests/upstream/skip.txt")).unwrap_or_else(|error| panic!("skip.txt: {error}"));
    assert!(!list.is_empty());
}
