//! The manifest: which files the append-only file consists of, in which order they are read.
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b      one base at most: the whole data set at some moment
//! file appendonly.aof.1.base.rdb seq 1 type h      history: no longer read, to be removed
//! file appendonly.aof.3.incr.aof seq 3 type i      increments: what was written since, oldest first
//! ```
//! A name with blanks or unprintable bytes stands in quotes. A line that begins with `#` is a comment.
//!
//! Invariants: the numbers of increments ascend; a new file's number is above all that the manifest knows of its kind.

use rufous_protocol::inline;
use rufous_protocol::number::parse_i64;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The longest line, in bytes.
const LINE_LEN_MAX: usize = 1024;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The data set at some moment.
    Base,
    /// Was read once.
    History,
    /// What was written after the base.
    Increment,
}

/// A file of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The name in the folder.
    pub name: OsString,
    /// Its number among its kind.
    pub number: i64,
    /// What it is for.
    pub role: Role,
}

/// In what form a base is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseFormat {
    /// As a snapshot.
    Rdb,
    /// As commands.
    Commands,
}

/// See the file head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The base, if there is one.
    pub base: Option<Part>,
    /// Files to be removed.
    pub history: Vec<Part>,
    /// Increments, oldest first.
    pub increments: Vec<Part>,
    base_number: i64,
    increment_number: i64,
}

/// Why a manifest cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// The line, counted from 1, and its text, if one line is to blame.
    pub line: Option<(usize, Vec<u8>)>,
    /// What is wrong.
    pub problem: &'static str,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.line {
            Some((number, text)) => write!(f, "{} (line {number}: '{}')", self.problem, text.escape_ascii()),
            None => f.write_str(self.problem),
        }
    }
}

impl std::error::Error for ManifestError {}

impl Part {
    fn parse(line: &[u8]) -> Result<Part, &'static str> {
        const INVALID: &str = "Invalid AOF manifest file format";
        let words = inline::split(line).map_err(|_| INVALID)?;
        if words.len() < 6 || words.len() % 2 != 0 {
            return Err(INVALID);
        }
        let (mut name, mut number, mut role) = (None, 0, None);
        for pair in words.chunks(2) {
            let is = |key: &str| pair[0].eq_ignore_ascii_case(key.as_bytes());
            if is("file") {
                if pair[1].iter().any(|byte| matches!(byte, b'/' | b'\\')) {
                    return Err("File can't be a path, just a filename");
                }
                name = Some(OsString::from_vec(pair[1].clone()));
            } else if is("seq") {
                number = parse_i64(&pair[1]).unwrap_or(0);
            } else if is("type") {
                role = pair[1].first().copied();
            }
        }
        let (Some(name), Some(role)) = (name.filter(|_| number != 0), role) else { return Err(INVALID) };
        let role = match role {
            b'b' => Role::Base,
            b'h' => Role::History,
            b'i' => Role::Increment,
            _ => return Err("Unknown AOF file type"),
        };
        Ok(Part { name, number, role })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"file ");
        write_name(out, &self.name);
        let letter = match self.role {
            Role::Base => 'b',
            Role::History => 'h',
            Role::Increment => 'i',
        };
        out.extend_from_slice(format!(" seq {} type {letter}\n", self.number).as_bytes());
    }
}

impl Manifest {
    /// Reads a manifest.
    pub fn parse(text: &[u8]) -> Result<Manifest, ManifestError> {
        let mut manifest = Manifest::default();
        if text.is_empty() {
            return Err(ManifestError { line: None, problem: "Found an empty AOF manifest" });
        }
        for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if line.starts_with(b"#") {
                continue;
            }
            let fail =
                |problem, shown: &[u8]| ManifestError { line: Some((index + 1, shown.to_vec())), problem };
            if line.len() > LINE_LEN_MAX || !line.ends_with(b"\n") {
                let problem = "The AOF manifest file contains too long line";
                return Err(ManifestError { line: None, problem });
            }
            let line = line.trim_ascii();
            let part = Part::parse(line).map_err(|problem| fail(problem, line))?;
            manifest.add(part).map_err(|problem| fail(problem, line))?;
        }
        Ok(manifest)
    }

    fn add(&mut self, part: Part) -> Result<(), &'static str> {
        match part.role {
            Role::Base if self.base.is_some() => return Err("Found duplicate base file information"),
            Role::Base => {
                self.base_number = part.number;
                self.base = Some(part);
            }
            Role::History => self.history.push(part),
            Role::Increment if part.number <= self.increment_number => {
                return Err("Found a non-monotonic sequence number");
            }
            Role::Increment => {
                self.increment_number = part.number;
                self.increments.push(part);
            }
        }
        Ok(())
    }

    /// The manifest as text.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.base.iter().chain(&self.history).chain(&self.increments).for_each(|part| part.write(&mut out));
        out
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.increments.is_empty()
    }

    /// The files to read, in order.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &Part> {
        self.base.iter().chain(&self.increments)
    }

    /// Puts a new base in the place of the old, which becomes history. Its name begins with that of the append-only file.
    pub fn new_base(&mut self, file: &OsStr, format: BaseFormat) -> &Part {
        if let Some(mut old) = self.base.take() {
            old.role = Role::History;
            self.history.insert(0, old);
        }
        self.base_number += 1;
        let suffix = match format {
            BaseFormat::Rdb => "rdb",
            BaseFormat::Commands => "aof",
        };
        let name = numbered(file, self.base_number, &format!("base.{suffix}"));
        self.base.insert(Part { name, number: self.base_number, role: Role::Base })
    }

    /// Makes a single file of before Redis 7 the base.
    pub fn adopt(&mut self, file: &OsStr) {
        self.base_number = 1;
        self.base = Some(Part { name: file.to_owned(), number: 1, role: Role::Base });
    }

    /// Adds a new increment.
    pub fn new_increment(&mut self, file: &OsStr) -> &Part {
        self.increment_number += 1;
        let name = numbered(file, self.increment_number, "incr.aof");
        let part = Part { name, number: self.increment_number, role: Role::Increment };
        self.increments.push(part);
        &self.increments[self.increments.len() - 1]
    }

    /// The increments that a new base makes superfluous, which are all but the last `kept`, become history.
    pub fn retire_increments(&mut self, kept: usize) {
        let retired = self.increments.len().saturating_sub(kept);
        for mut part in self.increments.drain(..retired).rev().collect::<Vec<_>>().into_iter() {
            part.role = Role::History;
            self.history.insert(0, part);
        }
    }
}

fn numbered(file: &OsStr, number: i64, suffix: &str) -> OsString {
    let mut name = file.to_owned();
    name.push(format!(".{number}.{suffix}"));
    name
}

fn write_name(out: &mut Vec<u8>, name: &OsStr) {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"');
    let name = name.as_bytes();
    if name.iter().all(plain) {
        out.extend_from_slice(name);
        return;
    }
    out.push(b'"');
    for byte in name {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            7 => out.extend_from_slice(b"\\a"),
            8 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(*byte),
            _ => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(manifest: &Manifest) -> String {
        String::from_utf8(manifest.to_bytes()).unwrap()
    }

    #[test]
    fn a_life_of_rewrites() {
        let file = OsStr::new("appendonly.aof");
        let mut manifest = Manifest::default();
        manifest.new_base(file, BaseFormat::Rdb);
        manifest.new_increment(file);
        let start =
            "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n";
        assert_eq!(text(&manifest), start);
        manifest.new_increment(file);
        manifest.new_base(file, BaseFormat::Commands);
        manifest.retire_increments(1);
        let rewritten = "file appendonly.aof.2.base.aof seq 2 type b\nfile appendonly.aof.1.incr.aof seq 1 type h\n\
                         file appendonly.aof.1.base.rdb seq 1 type h\nfile appendonly.aof.2.incr.aof seq 2 type i\n";
        assert_eq!(text(&manifest), rewritten);
        assert_eq!(Manifest::parse(rewritten.as_bytes()), Ok(manifest.clone()));
        manifest.history.clear();
        assert_eq!(manifest.new_increment(file).name, "appendonly.aof.3.incr.aof");
        assert_eq!(manifest.parts().count(), 3);
    }

    #[test]
    fn names_may_need_quotes() {
        let mut manifest = Manifest::default();
        manifest.new_increment(OsStr::from_bytes(b"a b\"\x01'\xff\n"));
        assert_eq!(text(&manifest), "file \"a b\\\"\\x01'\\xff\\n.1.incr.aof\" seq 1 type i\n");
        assert_eq!(Manifest::parse(&manifest.to_bytes()), Ok(manifest));
    }

    #[test]
    fn what_is_read_may_be_loose() {
        let loose = "# a comment\n  FILE  a   seq 1  type  base \nseq 7 type i file b later yes\n";
        let manifest = Manifest::parse(loose.as_bytes()).unwrap();
        assert_eq!(text(&manifest), "file a seq 1 type b\nfile b seq 7 type i\n");
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let check = |text: &str, problem: &str, line: Option<usize>| {
            let error = Manifest::parse(text.as_bytes()).unwrap_err();
            assert_eq!((error.problem, error.line.map(|(line, _)| line)), (problem, line), "{text:?}");
        };
        let invalid = "Invalid AOF manifest file format";
        check("", "Found an empty AOF manifest", None);
        check("\n", invalid, Some(1));
        check("file a seq 1 type b\n\n", invalid, Some(2));
        check("file a seq 1\n", invalid, Some(1));
        check("file a seq 0 type b\n", invalid, Some(1));
        check("file a seq x type b\n", invalid, Some(1));
        check("file \"a seq 1 type b\n", invalid, Some(1));
        check("file a seq 1 type x\n", "Unknown AOF file type", Some(1));
        check("file a/b seq 1 type b\n", "File can't be a path, just a filename", Some(1));
        check("file a seq 1 type b\nfile b seq 2 type b\n", "Found duplicate base file information", Some(2));
        let twice = "file a seq 2 type i\nfile b seq 2 type i\n";
        check(twice, "Found a non-monotonic sequence number", Some(2));
        check("file a seq 1 type b", "The AOF manifest file contains too long line", None);
        let long = format!("file {} seq 1 type b\n", "a".repeat(1024));
        check(&long, "The AOF manifest file contains too long line", None);
    }
}
