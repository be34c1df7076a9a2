//! The style limits, as functions from a file's text to what is wrong with it.
//!
//! `tests/tidy.rs` applies them to the whole workspace. Which files may hold `unsafe` or state, which one reads the clock
//! and which one makes the seed stands in ARCHITECTURE.md, and is read from there ([`Allowed`]): a page that can be wrong
//! without a test failing is soon wrong.

use std::fs;
use std::path::{Path, PathBuf};

/// No source file is longer, in lines.
pub const LINES_MAX: usize = 1000;
/// How far above an `unsafe` block its reason may begin, in lines.
const SAFETY_DISTANCE_MAX: usize = 8;
/// The rooms in which time and randomness are arguments.
const DETERMINISTIC_ROOMS: [&str; 5] = ["server", "storage", "protocol", "persistence", "cluster"];
/// The rooms that touch no sockets and no files.
const LEAF_ROOMS: [&str; 2] = ["storage", "protocol"];
const CLOCK: [&str; 7] = [
    "Instant::now",
    "SystemTime::now",
    "UNIX_EPOCH.elapsed",
    "clock_gettime",
    "gettimeofday",
    "coarsetime",
    "_rdtsc",
];
const RANDOMNESS: [&str; 5] = ["rand::", "getrandom", "thread_rng", "RandomState", "/dev/urandom"];
const OUTSIDE: [&str; 6] =
    ["std::net", "std::fs", "std::os::fd", "std::os::unix", "std::thread::spawn", "std::process::Command"];
const STATE: [&str; 10] = [
    "Mutex<",
    "RwLock<",
    "Atomic",
    "OnceLock<",
    "LazyLock<",
    "OnceCell<",
    "RefCell<",
    "Cell<",
    "UnsafeCell<",
    "mut ",
];
/// Spelt in halves, so that this file does not mention them.
const UNFINISHED: [&str; 7] = [
    concat!("to", "do!"),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("unimple", "mented!"),
    concat!("#[ig", "nore"),
    concat!("/wo", "rk/"),
];

/// What ARCHITECTURE.md allows, each a list of paths from the workspace's root.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// Files that may hold `unsafe`.
    pub unsafe_code: Vec<String>,
    /// Files that may read the clock.
    pub clock: Vec<String>,
    /// Files that may make a random seed.
    pub randomness: Vec<String>,
    /// Files that may hold state in statics.
    pub state: Vec<String>,
}

impl Allowed {
    /// Reads the lists from the page's sections: the first backquoted word of each of their bullets.
    pub fn read(page: &str) -> Self {
        Self {
            unsafe_code: bullets(page, "Where unsafe code lives"),
            clock: bullets(page, "Where time comes from"),
            randomness: bullets(page, "Where randomness comes from"),
            state: bullets(page, "Where state is global"),
        }
    }
}

/// All that is wrong with one source file. `path` is relative to the workspace's root.
pub fn source_faults(path: &str, text: &str, allowed: &Allowed) -> Vec<String> {
    let code = code_only(text);
    let mut faults = Vec::new();
    if !text.starts_with("//!") {
        faults.push("does not start with //!".to_owned());
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        faults.push(format!("has {lines} lines, more than {LINES_MAX}"));
    }
    faults.extend(unsafe_faults(path, text, &code, allowed));
    if is_of(path, &DETERMINISTIC_ROOMS) && path.contains("/src/") {
        let shipped = without_tests(&code);
        if !allowed.clock.iter().any(|file| file == path) {
            faults.extend(found(shipped, &CLOCK, "reads the clock"));
        }
        if !allowed.randomness.iter().any(|file| file == path) {
            faults.extend(found(shipped, &RANDOMNESS, "draws randomness"));
        }
        if is_of(path, &LEAF_ROOMS) {
            faults.extend(found(shipped, &OUTSIDE, "reaches outside a leaf room"));
        }
        if !allowed.state.iter().any(|file| file == path) {
            faults.extend(state_faults(shipped));
        }
    }
    faults
}

/// Words that mark unfinished work, or a path of one machine, in any text file.
pub fn unfinished(text: &str) -> Vec<String> {
    found(text, &UNFINISHED, "mentions")
}

/// Faults of a room's manifest: it depends on a room that it must not know.
pub fn manifest_faults(room: &str, manifest: &str) -> Vec<String> {
    let rooms: &[&str] = match room {
        "protocol" | "storage" => &[],
        "persistence" | "cluster" => &["protocol", "storage"],
        "server" => &["protocol", "storage", "persistence", "cluster"],
        _ => return Vec::new(),
    };
    let names = dependencies(manifest);
    let known = names.iter().filter_map(|name| name.strip_prefix("rufous-"));
    known.filter(|name| !rooms.contains(name)).map(|name| format!("depends on {name}")).collect()
}

/// The files under `root` with one of these endings, by path from `root`; build outputs and hidden folders left out,
/// `.ci` but for.
pub fn files(root: &Path, endings: &[&str]) -> Vec<(String, String)> {
    let (mut folders, mut found) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path: PathBuf = entry.expect("folder entry").path();
            let name = path.file_name().expect("file name").to_string_lossy().into_owned();
            if path.is_dir() && !path.is_symlink() {
                let hidden = name.starts_with('.') && name != ".ci";
                if name != "target" && !hidden {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let relative =
                    path.strip_prefix(root).expect("under the root").to_string_lossy().into_owned();
                let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{relative}: {error}"));
                found.push((relative, text));
            }
        }
    }
    found.sort();
    found
}

/// The text with comments and the contents of literals blanked; lines stay where they are.
pub fn code_only(text: &str) -> String {
    let (bytes, mut code, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at + 1),
            b'r' if !continues_word(bytes, at) => raw_string_end(bytes, at).unwrap_or(at),
            b'\'' => character_end(bytes, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            code.push(bytes[at]);
            at += 1;
        } else {
            code.extend(bytes[at..end].iter().map(|&byte| if byte == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8_lossy(&code).into_owned()
}

fn unsafe_faults(path: &str, text: &str, code: &str, allowed: &Allowed) -> Vec<String> {
    let listed = allowed.unsafe_code.iter().any(|file| file == path);
    let lines: Vec<&str> = text.lines().collect();
    let mut faults = Vec::new();
    let mut any = false;
    for (index, line) in code.lines().enumerate().filter(|(_, line)| has_word(line, "unsafe")) {
        any = true;
        let above = &lines[index.saturating_sub(SAFETY_DISTANCE_MAX)..=index];
        let needs_reason = !has_word(line, "fn") && !has_word(line, "trait") && !has_word(line, "extern");
        if needs_reason && !above.iter().any(|line| line.contains("SAFETY:")) {
            faults.push(format!("line {}: unsafe without SAFETY:", index + 1));
        }
    }
    match (any, listed) {
        (true, false) => faults.push("has unsafe code, and ARCHITECTURE.md does not list it".to_owned()),
        (false, true) => faults.push("has no unsafe code, and ARCHITECTURE.md lists it".to_owned()),
        _ => (),
    }
    faults
}

fn state_faults(code: &str) -> Vec<String> {
    let lines = code.lines().enumerate().map(|(index, line)| (index + 1, line.trim_start()));
    let is_state = |line: &str| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let holds =
            line.strip_prefix("static ").is_some_and(|rest| STATE.iter().any(|word| rest.contains(word)));
        holds || line.starts_with("thread_local!")
    };
    lines
        .filter(|(_, line)| is_state(line))
        .map(|(number, _)| format!("line {number}: a static with state"))
        .collect()
}

fn found(code: &str, words: &[&str], what: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, line) in code.lines().enumerate() {
        for word in words.iter().filter(|word| mentions(line, word)) {
            faults.push(format!("line {}: {what}: {word}", index + 1));
        }
    }
    faults
}

fn mentions(line: &str, word: &str) -> bool {
    let continued =
        |at: usize| line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
    line.match_indices(word).any(|(at, _)| !(word.starts_with(char::is_alphanumeric) && continued(at)))
}

fn has_word(line: &str, word: &str) -> bool {
    let part_of_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(part_of_word) && !line[at + word.len()..].starts_with(part_of_word)
    })
}

fn without_tests(code: &str) -> &str {
    code.find("#[cfg(test)]\nmod ").map_or(code, |at| &code[..at])
}

fn is_of(path: &str, rooms: &[&str]) -> bool {
    rooms.iter().any(|room| path.strip_prefix(room).is_some_and(|rest| rest.starts_with('/')))
}

fn bullets(page: &str, heading: &str) -> Vec<String> {
    let mut lines = page.lines().skip_while(|line| !(line.starts_with('#') && line.contains(heading)));
    assert!(lines.next().is_some(), "ARCHITECTURE.md has no section {heading:?}");
    let section = lines.take_while(|line| !line.starts_with('#'));
    let bullets = section.filter_map(|line| line.trim_start().strip_prefix("- `"));
    bullets.filter_map(|line| line.split_once('`')).map(|(path, _)| path.to_owned()).collect()
}

fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut section = "";
    for line in manifest.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            names.extend(section.strip_prefix("dependencies.").map(str::to_owned));
        } else if section == "dependencies" || section.ends_with(".dependencies") {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            names.extend((!name.is_empty() && !name.starts_with('#')).then(|| name.to_owned()));
        }
    }
    names
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn block_comment_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if bytes[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

fn raw_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|&&byte| byte == b'#').count();
    let open = at + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let length = bytes[open + 1..].windows(close.len()).position(|window| window == close)?;
    Some(open + 1 + length + close.len())
}

/// The end of a character literal, or `None` for a lifetime.
fn character_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at + 1)? {
        b'\\' => bytes[at + 3..].iter().position(|&byte| byte == b'\'').map(|length| at + 3 + length + 1),
        _ => bytes[at + 2..]
            .iter()
            .take(4)
            .position(|&byte| byte == b'\'')
            .map(|length| at + 2 + length + 1)
            .filter(|&end| {
                std::str::from_utf8(&bytes[at + 1..end - 1]).is_ok_and(|text| text.chars().count() == 1)
            }),
    }
}

fn continues_word(bytes: &[u8], at: usize) -> bool {
    let word_before =
        |back: usize| at >= back && (bytes[at - back].is_ascii_alphanumeric() || bytes[at - back] == b'_');
    // `br"..."` is a raw string too.
    if at >= 1 && bytes[at - 1] == b'b' { word_before(2) } else { word_before(1) }
}

#[cfg(test)]
mod tests {
    use super::{Allowed, code_only, manifest_faults, source_faults, unfinished};

    const PAGE: &str = "# A\n## Where unsafe code lives\nOnly here:\n- `storage/src/entry.rs`: raw\n\n\
        ## Where time comes from\n- `server/src/clock.rs`\n## Where randomness comes from\n- `server/src/seed.rs`\n\
        ## Where state is global\n- `storage/src/memory.rs`\n";

    fn check(path: &str, text: &str, faults: &[&str]) {
        assert_eq!(source_faults(path, text, &Allowed::read(PAGE)), faults, "{path}: {text}");
    }

    #[test]
    fn heads_and_lengths() {
        check("server/src/a.rs", "fn a() {}\n", &["does not start with //!"]);
        check(
            "server/src/a.rs",
            &format!("//! a\n{}", "\n".repeat(1000)),
            &["has 1001 lines, more than 1000"],
        );
    }

    #[test]
    fn unsafe_only_where_listed_and_with_its_reason() {
        let reasoned = "//! a\n// SAFETY: it is so.\nlet a = unsafe { b() };\n";
        check("storage/src/entry.rs", reasoned, &[]);
        check("storage/src/a.rs", reasoned, &["has unsafe code, and ARCHITECTURE.md does not list it"]);
        check("storage/src/entry.rs", "//! a\nunsafe { b() };\n", &["line 2: unsafe without SAFETY:"]);
        check(
            "storage/src/entry.rs",
            "//! no unsafe\nlet a = \"unsafe\";\n",
            &["has no unsafe code, and ARCHITECTURE.md lists it"],
        );
        check("storage/src/a.rs", "//! a\n#![allow(unsafe_code)]\n", &[]);
    }

    #[test]
    fn time_and_randomness_have_one_source() {
        check(
            "server/src/a.rs",
            "//! a\nlet a = Instant::now();\n",
            &["line 2: reads the clock: Instant::now"],
        );
        check("server/src/clock.rs", "//! a\nlet a = Instant::now();\n", &[]);
        check("storage/src/a.rs", "//! a\nlet a = rand::random();\n", &["line 2: draws randomness: rand::"]);
        check("storage/src/a.rs", "//! a\nlet a = operand::new();\n", &[]);
        check("server/src/a.rs", "//! a\n#[cfg(test)]\nmod tests { Instant::now(); }\n", &[]);
        check("benches/src/a.rs", "//! a\nlet a = Instant::now();\n", &[]);
    }

    #[test]
    fn leaves_touch_nothing_and_nothing_is_global() {
        check("storage/src/a.rs", "//! a\nuse std::fs;\n", &["line 2: reaches outside a leaf room: std::fs"]);
        check("server/src/a.rs", "//! a\nuse std::fs;\n", &[]);
        check("server/src/a.rs", "//! a\npub static A: AtomicU64 = b();\n", &["line 2: a static with state"]);
        check("storage/src/memory.rs", "//! a\npub static A: AtomicU64 = b();\n", &[]);
        check("server/src/a.rs", "//! a\nstatic A: [u8; 2] = [1, 2];\n", &[]);
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        let text = "a /* b /* c */ d */ \"e\\\"f\" r#\"g\"h\"# 'i' '\\'' '\\u{1}' &'j k b\"l\" // m";
        assert_eq!(code_only(text).split_whitespace().collect::<Vec<_>>(), ["a", "&'j", "k", "b"]);
        assert_eq!(code_only("a\n/*\n*/\nb").lines().count(), 4);
    }

    #[test]
    fn rooms_know_only_the_rooms_below() {
        let manifest =
            "[dependencies]\nrufous-storage.workspace = true\n[dev-dependencies]\nrufous-server = \"1\"\n";
        assert_eq!(manifest_faults("protocol", manifest), ["depends on storage"]);
        assert_eq!(manifest_faults("cluster", manifest), [""; 0]);
    }

    #[test]
    fn unfinished_work_is_named() {
        assert_eq!(unfinished(concat!("a\n// FIX", "ME\n")).len(), 1);
        assert_eq!(unfinished("mastodons\n").len(), 0);
    }
}
