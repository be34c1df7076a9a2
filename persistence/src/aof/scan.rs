//! Reading an append-only file: its items one by one, and a survey of what of it can be trusted.
//!
//! | item | looks like |
//! |---|---|
//! | command | `*2\r\n$4\r\nINCR\r\n$1\r\na\r\n` |
//! | timestamp | `#TS:1700000000\r\n`: what follows was written from then on |
//! | seal | see [`super::seal`] |
//! | padding | see [`super::padding`] |
//! | other annotation | `#`, anything, `\r\n` |
//!
//! The survey comes before anything is executed: a file that is damaged in its middle must not be half loaded, and what a crash
//! has torn off the end is cut at a place where a write was whole.
//!
//! Invariants: any bytes are safe to read; an announced length is believed only as far as there are bytes for it.

use super::padding;
use super::seal::{PREFIX, Seal};
use crc32fast::Hasher;
use memchr::memmem;
use rufous_protocol::number::parse_u64;
use std::fmt;
use std::ops::Range;

/// An annotation has at most so many bytes, its end included: Redis reads no longer lines.
pub const ANNOTATION_LEN_MAX: usize = 1024;
/// A length or a count has at most so many digits.
const FIGURE_LEN_MAX: usize = 20;
/// What is written is sealed at least every so many bytes, a single command that is longer aside.
pub const SEALED_LEN_MAX: usize = 1024 * 1024;
/// What a disk writes wholly or not at all is no less than so many bytes.
const SECTOR_LEN: usize = 512;
/// Words for which room is made because they are announced.
const WORDS_EXPECTED_MAX: usize = 1024;

/// An item of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A command; its words are in [`Scanner::words`].
    Command,
    /// Unix seconds.
    Timestamp(u64),
    /// The checksum, which is right, and what the seal says was on disk.
    Seal(Option<u64>),
    /// What stands where nothing was written yet.
    Padding,
    /// An annotation of somebody else.
    Annotation,
}

/// Why an item cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file ends in its middle.
    Ends,
    /// There should be something else.
    Format(String),
    /// The bytes in this range are not those that were written.
    Checksum(Range<usize>),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Ends => f.write_str("unexpected end of file"),
            Fault::Format(what) => f.write_str(what),
            Fault::Checksum(range) => {
                write!(f, "the checksum of the bytes from {} to {} is wrong", range.start, range.end)
            }
        }
    }
}

/// A fault and the place of the item, or of the part of it, that it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Where.
    pub at: usize,
    /// What.
    pub fault: Fault,
}

/// Reads items one after the other.
pub struct Scanner<'a> {
    bytes: &'a [u8],
    /// The end of the last item.
    pos: usize,
    /// Where the words of the last command stand.
    words: Vec<Range<usize>>,
    /// Whether seals are looked at.
    check: bool,
    hasher: Hasher,
    /// The end of the last seal, or where reading began.
    sealed: usize,
    /// The last seal says that all in front of it is on disk: whoever wrote the file was done with it.
    is_closed: bool,
    /// Whether there were seals, looked at or not.
    has_seals: bool,
    lines: u64,
}

impl<'a> Scanner<'a> {
    /// Reads `bytes`, a whole file, from `start` on. Without `check` seals are annotations like others.
    pub fn new(bytes: &'a [u8], start: usize, check: bool) -> Scanner<'a> {
        Scanner {
            bytes,
            pos: start,
            words: Vec::new(),
            check,
            hasher: Hasher::new(),
            sealed: start,
            is_closed: false,
            has_seals: false,
            lines: 0,
        }
    }

    /// The end of the last item.
    pub fn offset(&self) -> usize {
        self.pos
    }

    /// Line ends passed so far.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The words of the last command.
    pub fn words(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + '_ {
        self.words.iter().map(|range| &self.bytes[range.clone()])
    }

    /// The first word of the last command.
    pub fn name(&self) -> &'a [u8] {
        &self.bytes[self.words[0].clone()]
    }

    /// The next item; `None` at the end.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Result<Item, Trouble>> {
        let start = self.pos;
        let item = match self.bytes.get(start)? {
            b'*' => self.command(),
            b'#' => self.annotation(),
            other => Err(format(start, format!("Expected '*' or '#', got: '{}'", other.escape_ascii()))),
        };
        if let Ok(Item::Seal(synced)) = item {
            self.hasher = Hasher::new();
            self.is_closed = synced == Some(start as u64);
            self.sealed = self.pos;
        } else if item.is_ok() && self.check {
            self.hasher.update(&self.bytes[start..self.pos]);
        } else if item.is_err() {
            self.pos = start;
        }
        Some(item)
    }

    fn command(&mut self) -> Result<Item, Trouble> {
        let count = self.figure(b'*')?;
        if count < 1 {
            return Err(format(self.pos, "Expected at least one word".to_owned()));
        }
        self.words.clear();
        self.words.reserve(usize::try_from(count).unwrap_or(usize::MAX).min(WORDS_EXPECTED_MAX));
        for _ in 0..count {
            let start = self.pos;
            let len = self.figure(b'$')?;
            let range = usize::try_from(len).ok().and_then(|len| Some(self.pos..self.pos.checked_add(len)?));
            let range = range.filter(|range| range.end.saturating_add(2) <= self.bytes.len());
            let range = range.ok_or(Trouble { at: start, fault: Fault::Ends })?;
            self.pos = range.end;
            if &self.bytes[range.end..range.end + 2] != b"\r\n" {
                let got = self.bytes[range.end..range.end + 2].escape_ascii();
                return Err(format(range.end, format!("Expected \\r\\n, got: {got}")));
            }
            self.words.push(range);
            self.pos += 2;
            self.lines += 1;
        }
        Ok(Item::Command)
    }

    /// A line of a prefix and a number.
    fn figure(&mut self, prefix: u8) -> Result<u64, Trouble> {
        let at = self.pos;
        let rest = &self.bytes[at..];
        match rest.first() {
            None => return Err(Trouble { at, fault: Fault::Ends }),
            Some(first) if *first != prefix => {
                let (expected, got) = (prefix as char, first.escape_ascii());
                return Err(format(at, format!("Expected prefix '{expected}', got: '{got}'")));
            }
            Some(_) => {}
        }
        let digits = rest[1..].iter().take(FIGURE_LEN_MAX).take_while(|byte| byte.is_ascii_digit()).count();
        let end = 1 + digits;
        match &rest[end..rest.len().min(end + 2)] {
            b"\r\n" => {}
            [] | b"\r" => return Err(Trouble { at, fault: Fault::Ends }),
            got => return Err(format(at + end, format!("Expected \\r\\n, got: {}", got.escape_ascii()))),
        }
        let figure = parse_u64(&rest[1..end]).ok_or_else(|| format(at, "Expected a number".to_owned()))?;
        self.pos = at + end + 2;
        self.lines += 1;
        Ok(figure)
    }

    fn annotation(&mut self) -> Result<Item, Trouble> {
        let at = self.pos;
        let rest = &self.bytes[at..self.bytes.len().min(at + ANNOTATION_LEN_MAX)];
        let Some(end) = memchr::memchr(b'\n', rest) else {
            let ends = rest.len() < ANNOTATION_LEN_MAX;
            let long = || Fault::Format("The annotation is too long".to_owned());
            return Err(Trouble { at, fault: if ends { Fault::Ends } else { long() } });
        };
        let line = rest[..end].strip_suffix(b"\r");
        let line =
            line.ok_or_else(|| format(at, "Expected \\r\\n at the end of an annotation".to_owned()))?;
        self.pos = at + end + 1;
        self.lines += 1;
        self.has_seals |= line.starts_with(PREFIX);
        if self.check && line.starts_with(PREFIX) {
            let crc = self.hasher.clone().finalize();
            return match Seal::parse(line) {
                Some(seal) if seal.at == at as u64 && seal.crc == crc => Ok(Item::Seal(seal.synced)),
                _ => Err(Trouble { at, fault: Fault::Checksum(self.sealed..at) }),
            };
        }
        match line.strip_prefix(b"#TS:").and_then(parse_u64) {
            Some(seconds) => Ok(Item::Timestamp(seconds)),
            None if padding::is_padding(line) => Ok(Item::Padding),
            None => Ok(Item::Annotation),
        }
    }
}

fn format(at: usize, what: String) -> Trouble {
    Trouble { at, fault: Fault::Format(what) }
}

/// What of a file can be trusted.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Up to here stand whole commands and whole transactions. What is behind it is padding, or damaged.
    pub valid_len: usize,
    /// Why the rest cannot be used.
    pub damage: Option<Damage>,
    /// Of the bytes behind the last seal in front of `valid_len`.
    pub unsealed: Hasher,
    /// Commands in front of `valid_len`.
    pub commands: u64,
    /// Whether there are seals in the file, compared or not.
    pub has_seals: bool,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Its end was not written wholly before a crash: the rest is to be cut off.
    Torn(Trouble),
    /// Its last transaction has no end.
    OpenTransaction,
    /// It was whole once.
    Corrupt(Trouble),
}

/// Where the survey may stop the file.
#[derive(Clone)]
struct Mark {
    len: usize,
    hasher: Hasher,
    commands: u64,
}

/// Surveys `bytes`, a whole file, from `start` on. Without `check` checksums are not compared, as with files of others.
pub fn survey(bytes: &[u8], start: usize, check: bool) -> Survey {
    let mut scanner = Scanner::new(bytes, start, check);
    let mut mark = Mark { len: start, hasher: Hasher::new(), commands: 0 };
    // The last whole unit in front of the last seal.
    let mut sealed = None;
    let (mut commands, mut in_multi, mut commands_sealed) = (0, false, 0);
    let trouble = loop {
        let at = scanner.pos;
        match scanner.next() {
            None => break None,
            Some(Err(trouble)) => break Some(trouble),
            Some(Ok(Item::Command)) => {
                commands += 1;
                in_multi = match scanner.name() {
                    name if name.eq_ignore_ascii_case(b"multi") => true,
                    name if name.eq_ignore_ascii_case(b"exec") || name.eq_ignore_ascii_case(b"discard") => {
                        false
                    }
                    _ => in_multi,
                };
            }
            // Every write ends with a seal, and only then comes padding.
            Some(Ok(Item::Padding)) if check && scanner.has_seals && commands > commands_sealed => {
                break Some(format(at, "Expected a seal in front of padding".to_owned()));
            }
            Some(Ok(Item::Padding)) => continue,
            Some(Ok(Item::Seal(_))) => commands_sealed = commands,
            Some(Ok(_)) => {}
        }
        if !in_multi {
            mark = Mark { len: scanner.pos, hasher: scanner.hasher.clone(), commands };
        }
        if scanner.sealed == scanner.pos {
            sealed = Some(mark.clone());
        }
    };
    let damage = match trouble {
        None if in_multi => Some(Damage::OpenTransaction),
        None => None,
        Some(trouble) => {
            let judge = Judge { bytes, scanner: &scanner, check, is_sealed: sealed.is_some() };
            let (damage, distrusts) = judge.judge(trouble);
            if distrusts {
                mark = sealed.unwrap_or(Mark { len: start, hasher: Hasher::new(), commands: 0 });
            }
            Some(damage)
        }
    };
    let has_seals = scanner.has_seals;
    Survey { valid_len: mark.len, damage, unsealed: mark.hasher, commands: mark.commands, has_seals }
}

/// What is known of a file when its survey met trouble.
struct Judge<'a> {
    bytes: &'a [u8],
    scanner: &'a Scanner<'a>,
    check: bool,
    is_sealed: bool,
}

impl Judge<'_> {
    /// What kind of damage it is, and whether all that stands behind the last good seal is to be distrusted.
    fn judge(&self, trouble: Trouble) -> (Damage, bool) {
        let last = self.scanner.sealed;
        let (mut any_seal, mut synced) = (false, 0);
        for seal in self.seals_beyond(last) {
            any_seal = true;
            synced = synced.max(seal.synced.unwrap_or(0));
        }
        if synced > last as u64 {
            // No crash of the system can have torn what was on disk.
            return (Damage::Corrupt(trouble), self.is_sealed);
        }
        // A write of ours, which ends with a seal, or had no time to: it may have holes, and nothing of it was confirmed. Without
        // holes it may as well be what another server appended to the file of a killed one, and was promised.
        let is_short = padding::trimmed(self.bytes).saturating_sub(last) <= SEALED_LEN_MAX;
        if self.is_sealed && (any_seal || !self.scanner.is_closed && is_short) {
            let distrusts = any_seal || trouble.fault != Fault::Ends || self.has_hole_behind(last);
            return (Damage::Torn(trouble), distrusts);
        }
        // Nothing to lose: no command begins there.
        if !self.bytes[last..].contains(&b'*') {
            return (Damage::Torn(trouble), self.is_sealed);
        }
        // As in Redis, of what others wrote only a file that ends too early is mended on the way.
        match trouble.fault {
            Fault::Ends => (Damage::Torn(trouble), false),
            Fault::Format(_) => (Damage::Corrupt(trouble), false),
            Fault::Checksum(_) => (Damage::Corrupt(trouble), true),
        }
    }

    /// Whether a sector looks as if it had not reached the disk: zeros, or the padding that was there before. A write of ours has
    /// padding behind it, too; whoever appends to the file does so behind all of it.
    fn has_hole_behind(&self, place: usize) -> bool {
        let rest = &self.bytes[place..];
        let start = if rest.ends_with(b"#\r\n") { place } else { place + padding::leading(rest) };
        let first = start.next_multiple_of(SECTOR_LEN).min(self.bytes.len());
        let sectors = self.bytes[first..].chunks(SECTOR_LEN);
        std::iter::once(&self.bytes[start..first]).chain(sectors).any(|sector| {
            !sector.is_empty() && (padding::trimmed(sector) == 0 || sector.iter().all(|byte| *byte == 0))
        })
    }

    /// What looks like a seal at its own place.
    fn seals_beyond(&self, place: usize) -> impl Iterator<Item = Seal> + '_ {
        let bytes = if self.check { self.bytes } else { &[] };
        memmem::find_iter(bytes.get(place..).unwrap_or_default(), PREFIX).filter_map(move |found| {
            let at = place + found;
            let rest = &bytes[at..bytes.len().min(at + ANNOTATION_LEN_MAX)];
            let line = memchr::memchr(b'\n', rest).and_then(|end| rest[..end].strip_suffix(b"\r"));
            line.and_then(Seal::parse).filter(|seal| seal.at == at as u64)
        })
    }
}
