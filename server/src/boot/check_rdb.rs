//! `rufous-check-rdb FILE`, or `rufous-server --check-rdb FILE`: reads a snapshot without a server and says whether it would
//! load; what Redis' tool prints, and what is in the file by type and by prefix of keys.
//!
//! Nothing is changed: an RDB file has no part that could be left out. Exit status 0 for a good file, 1 for any other.

use crate::persistence::load::INTEGRITY;
use crate::version::RUFOUS_VERSION;
use rufous_persistence::disk::{Disk, Real};
use rufous_persistence::rdb::{Doing, Error, Key, Loader, Piece, Value};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// Prefixes that are shown: those with the most bytes.
const PREFIXES_SHOWN_MAX: usize = 20;
/// Prefixes that are counted apart; the keys of further ones are counted together.
const PREFIXES_MAX: usize = 10_000;
/// What ends a prefix.
const SEPARATORS: &[u8] = b":/|.";

const TYPES: [(u8, &str); 25] = [
    (0, "string"),
    (1, "list-linked"),
    (2, "set-hashtable"),
    (3, "zset-v1"),
    (4, "hash-hashtable"),
    (5, "zset-v2"),
    (6, "module-pre-release"),
    (7, "module-value"),
    (9, "hash-zipmap"),
    (10, "list-ziplist"),
    (11, "set-intset"),
    (12, "zset-ziplist"),
    (13, "hash-ziplist"),
    (14, "quicklist"),
    (15, "stream"),
    (16, "hash-listpack"),
    (17, "zset-listpack"),
    (18, "quicklist-v2"),
    (19, "stream-v2"),
    (20, "set-listpack"),
    (21, "stream-v3"),
    (22, "hash-with-expiries"),
    (24, "hash-with-metadata"),
    (25, "hash-listpack-with-expiries"),
    (26, "stream-v4"),
];

/// Keys with something in common.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    keys: u64,
    bytes: u64,
}

/// What was seen.
#[derive(Default)]
struct Seen {
    keys: u64,
    expires: u64,
    expired: u64,
    types: BTreeMap<&'static str, Count>,
    prefixes: BTreeMap<Vec<u8>, Count>,
}

/// Checks the file that the arguments name; gives the exit status. `now_ms` tells which keys have expired.
pub(super) fn run(arguments: &[&[u8]], now_ms: i64, out: &mut dyn Write) -> i32 {
    match arguments {
        [b"-v" | b"--version"] => {
            // Nobody is left to be told if the output is closed; so below.
            let _ = writeln!(out, "rufous-check-rdb {RUFOUS_VERSION}");
            0
        }
        [path] => {
            use std::os::unix::ffi::OsStrExt;
            let path = Path::new(std::ffi::OsStr::from_bytes(path));
            check(&Real, path, now_ms, out).unwrap_or(1)
        }
        _ => {
            eprintln!("Usage: rufous-check-rdb <rdb-file-name>");
            1
        }
    }
}

/// What the tool prints of a file that a server cannot load.
pub fn check_snapshot(disk: &dyn Disk, path: &Path, now_ms: i64) -> String {
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = check(disk, path, now_ms, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn check(disk: &dyn Disk, path: &Path, now_ms: i64, out: &mut dyn Write) -> io::Result<i32> {
    let content = match disk.read(path) {
        Ok(content) => content,
        Err(error) => {
            eprintln!("Cannot open file {}: {}", path.display(), error.reason());
            return Ok(1);
        }
    };
    writeln!(out, "[offset 0] Checking RDB file {}", path.display())?;
    let mut seen = Seen::default();
    let (mut loader, error) = match Loader::new(&content, true) {
        Ok(loader) => (Some(loader), None),
        Err(error) => (None, Some(error)),
    };
    let checked = match (&mut loader, error) {
        (Some(loader), _) => seen.walk(loader, now_ms, out)?,
        (None, Some(error)) => Err(error),
        (None, None) => Ok(()),
    };
    match checked {
        Ok(()) => {
            let offset = loader.map_or(0, |loader| loader.offset());
            writeln!(out, "[offset {offset}] \\o/ RDB looks OK! \\o/")?;
            seen.summary(out)?;
            seen.statistics(out)?;
            Ok(0)
        }
        Err(error) => {
            explain(loader.as_ref(), &error, out)?;
            seen.summary(out)?;
            Ok(1)
        }
    }
}

fn explain(loader: Option<&Loader<'_>>, error: &Error, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "--- RDB ERROR DETECTED ---")?;
    let doing = loader.map_or(Doing::Start, Loader::doing);
    let what = if matches!(doing, Doing::Value) { INTEGRITY } else { "" };
    writeln!(out, "[offset {}] {what}{}", error.offset, error.fault)?;
    let doing = match doing {
        Doing::Start => "start",
        Doing::Type => "read-type",
        Doing::Expiry => "read-expire",
        Doing::Key => "read-key",
        Doing::Value => "read-object-value",
        Doing::Checksum => "check-sum",
        Doing::Functions => "read-functions",
        Doing::Length => "read-len",
        Doing::Aux => "read-aux",
        Doing::ModuleAux => "read-module-aux",
    };
    writeln!(out, "[additional info] While doing: {doing}")?;
    if let Some(key) = loader.and_then(Loader::key) {
        writeln!(out, "[additional info] Reading key '{}'", key.escape_ascii())?;
    }
    if let Some(kind) = loader.and_then(Loader::kind) {
        writeln!(out, "[additional info] Reading type {kind} ({})", type_name(kind))?;
    }
    Ok(())
}

fn type_name(kind: u8) -> &'static str {
    TYPES.iter().find(|(byte, _)| *byte == kind).map_or("unknown", |(_, name)| name)
}

impl Seen {
    fn walk(
        &mut self,
        loader: &mut Loader<'_>,
        now_ms: i64,
        out: &mut dyn Write,
    ) -> io::Result<Result<(), Error>> {
        loop {
            let start = loader.offset();
            let piece = match loader.next_piece() {
                Ok(piece) => piece,
                Err(error) => return Ok(Err(error)),
            };
            let offset = loader.offset();
            match piece {
                Piece::Key(key) => self.count(&key, (offset - start) as u64, now_ms),
                Piece::Aux { name, value } => {
                    let (name, value) = (name.escape_ascii(), value.escape_ascii());
                    writeln!(out, "[offset {offset}] AUX FIELD {name} = '{value}'")?;
                }
                Piece::Database(index) => writeln!(out, "[offset {offset}] Selecting DB ID {index}")?,
                Piece::ModuleAux(name) => {
                    writeln!(out, "[offset {offset}] MODULE AUX for: {name}")?;
                }
                Piece::End { checked: true } => {
                    writeln!(out, "[offset {offset}] Checksum OK")?;
                    return Ok(Ok(()));
                }
                Piece::End { checked: false } => {
                    writeln!(
                        out,
                        "[offset {offset}] RDB file was saved with checksum disabled: no check performed."
                    )?;
                    return Ok(Ok(()));
                }
                Piece::Sizes { .. } | Piece::Library(_) | Piece::Slots | Piece::Empty(_) => {}
            }
        }
    }

    fn count(&mut self, key: &Key<'_>, bytes: u64, now_ms: i64) {
        self.keys += 1;
        self.expires += u64::from(key.expiry.is_some());
        self.expired += u64::from(key.expiry.is_some_and(|at| at < now_ms));
        let kind = match key.value {
            Value::String(_) => "string",
            Value::List(_) => "list",
            Value::Set(_) => "set",
            Value::SortedSet(_) => "zset",
            Value::Hash(_) => "hash",
            Value::Stream(_) => "stream",
        };
        self.types.entry(kind).or_default().add(bytes);
        let end = key.name.iter().position(|byte| SEPARATORS.contains(byte));
        let prefix = end.map_or(&[][..], |end| &key.name[..=end]);
        let has_room = self.prefixes.len() < PREFIXES_MAX || self.prefixes.contains_key(prefix);
        let prefix = if has_room { prefix } else { &[] };
        self.prefixes.entry(prefix.to_vec()).or_default().add(bytes);
    }

    fn summary(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "[info] {} keys read", self.keys)?;
        writeln!(out, "[info] {} expires", self.expires)?;
        writeln!(out, "[info] {} already expired", self.expired)
    }

    /// What is in the file, which Redis' tool does not tell.
    fn statistics(&self, out: &mut dyn Write) -> io::Result<()> {
        for (kind, Count { keys, bytes }) in &self.types {
            writeln!(out, "[type] {kind}: {keys} keys, {bytes} bytes")?;
        }
        let mut prefixes: Vec<_> = self.prefixes.iter().collect();
        prefixes.sort_by_key(|(_, count)| std::cmp::Reverse(count.bytes));
        for (prefix, Count { keys, bytes }) in prefixes.iter().take(PREFIXES_SHOWN_MAX) {
            let name =
                if prefix.is_empty() { "(none)".to_owned() } else { prefix.escape_ascii().to_string() };
            writeln!(out, "[prefix] {name}: {keys} keys, {bytes} bytes")?;
        }
        if prefixes.len() > PREFIXES_SHOWN_MAX {
            writeln!(out, "[prefix] and {} more", prefixes.len() - PREFIXES_SHOWN_MAX)?;
        }
        Ok(())
    }
}

impl Count {
    fn add(&mut self, bytes: u64) {
        self.keys += 1;
        self.bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is printed of a file, without its first line.
    fn printed(bytes: &[u8]) -> (i32, String) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut out = Vec::new();
        let path = file.path().as_os_str().as_encoded_bytes();
        let status = run(&[path], 1_000_000, &mut out);
        let text = String::from_utf8(out).unwrap();
        (status, text.lines().skip(1).map(|line| format!("{line}\n")).collect())
    }

    const GOOD: &[u8] =
        b"REDIS0004\xfa\x01a\x01b\xfe\x00\xfd\x01\0\0\0\x00\x06user:1\x011\x00\x06user:2\x05hello\
        \x02\x01s\x01\x01m\xff";

    #[test]
    fn a_good_file_is_described() {
        let (status, text) = printed(GOOD);
        assert_eq!(status, 0);
        let expected = "[offset 14] AUX FIELD a = 'b'\n[offset 16] Selecting DB ID 0\n[offset 53] RDB file was saved \
            with checksum disabled: no check performed.\n[offset 53] \\o/ RDB looks OK! \\o/\n[info] 3 keys \
            read\n[info] 1 expires\n[info] 1 already expired\n[type] set: 1 keys, 6 bytes\n[type] string: 2 keys, 30 \
            bytes\n[prefix] user:: 2 keys, 29 bytes\n[prefix] (none): 1 keys, 6 bytes\n";
        let lines = |text: &str| {
            text.lines().filter(|line| !line.contains("bytes")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(lines(&text).len(), lines(expected).len(), "{text}");
        assert!(text.contains("[type] string: 2 keys") && text.contains("[prefix] user:: 2 keys"), "{text}");
        assert!(
            text.contains("\\o/ RDB looks OK! \\o/\n[info] 3 keys read\n[info] 1 expires\n[info] 1 already")
        );
    }

    #[test]
    fn a_bad_file_is_explained() {
        let (status, text) = printed(&GOOD[..GOOD.len() - 8]);
        assert_eq!(status, 1);
        for part in ["--- RDB ERROR DETECTED ---\n[offset ", "While doing: read-", "[info] "] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(printed(b"hello world").0, 1);
        assert!(
            printed(b"hello world").1.contains("[offset 0] wrong signature"),
            "{}",
            printed(b"hello world").1
        );
        assert_eq!(printed(b"").0, 1);
    }

    #[test]
    fn arguments_are_one_file_or_a_question() {
        let run = |arguments: &[&[u8]]| run(arguments, 0, &mut Vec::new());
        assert_eq!(run(&[]), 1);
        assert_eq!(run(&[b"a", b"b"]), 1);
        assert_eq!(run(&[b"--version"]), 0);
        assert_eq!(run(&[b"/nonexistent/file"]), 1);
    }
}
