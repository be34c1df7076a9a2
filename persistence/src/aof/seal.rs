//! Seals: lines in an append-only file that say what must stand before them.
//!
//! ```text
//! #CRC32:1a2b3c4d:81920\r\n          the CRC32 of all bytes since the seal before (or the file's start), in hex; where this line
//!                                    begins
//! #CRC32:1a2b3c4d:81920:65536\r\n    also: up to where the file was on disk, for certain, before this line was written
//! ```
//! A line that begins with `#` is an annotation, which Redis skips. Every write ends with a seal, so that a write which a crash
//! has torn shows itself; the third figure, which stands there when it has grown, tells a torn write from bit rot: what had
//! reached the disk can no longer be torn. Who is done with a file ends it with a seal whose figures are equal, and who goes on
//! writing it begins with another: what stands right behind a seal with equal figures was written by another server.
//!
//! Invariants: figures never end within a write; a line whose second figure is not its own place is no sound seal.

use super::padding::{self, FILLER};
use crc32fast::Hasher;
use rufous_protocol::number::parse_u64;

/// How a seal begins.
pub const PREFIX: &[u8] = b"#CRC32:";
/// No seal has more bytes.
pub const LEN_MAX: usize = PREFIX.len() + DIGITS + 2 * (1 + 20) + 2;
/// Hex digits of a checksum.
const DIGITS: usize = 8;

/// What a seal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The checksum.
    pub crc: u32,
    /// Where the line begins.
    pub at: u64,
    /// Up to where the file was on disk, if it says so.
    pub synced: Option<u64>,
}

impl Seal {
    /// Reads a line without its end. `None` if it is no sound seal.
    pub fn parse(line: &[u8]) -> Option<Seal> {
        let (crc, rest) = line.strip_prefix(PREFIX)?.split_at_checked(DIGITS)?;
        let is_hex = crc.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let crc = u32::from_str_radix(std::str::from_utf8(crc).ok().filter(|_| is_hex)?, 16).ok()?;
        let mut figures = rest.strip_prefix(b":")?.split(|byte| *byte == b':');
        let at = parse_u64(figures.next()?)?;
        let synced = match figures.next() {
            None => None,
            Some(figure) => Some(parse_u64(figure)?),
        };
        figures.next().is_none().then_some(Seal { crc, at, synced })
    }

    fn to_line(self) -> Vec<u8> {
        let Seal { crc, at, synced } = self;
        let synced = synced.map(|synced| format!(":{synced}")).unwrap_or_default();
        format!("#CRC32:{crc:08x}:{at}{synced}\r\n").into_bytes()
    }
}

/// Seals a file while it is written.
#[derive(Clone, Debug, Default)]
pub struct Sealer {
    /// Of what was written since the last seal.
    hasher: Hasher,
    /// The file's length.
    len: u64,
    synced: u64,
    /// The last figure that stands in the file.
    synced_told: u64,
}

impl Sealer {
    /// For a file that has `len` bytes, those behind the last seal being in `hasher`.
    pub fn resume(len: u64, hasher: Hasher) -> Sealer {
        Sealer { hasher, len, synced: 0, synced_told: 0 }
    }

    /// These bytes are written next.
    pub fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
    }

    /// All that was written is on disk.
    pub fn synced(&mut self) {
        self.synced = self.len;
    }

    /// Appends a seal for all that was added to what is written next. `pads`: padding can follow.
    pub fn seal(&mut self, out: &mut Vec<u8>, pads: bool) {
        let mut seal = self.line();
        if pads && padding::is_line_end(self.len + seal.len() as u64) {
            self.add(FILLER);
            out.extend_from_slice(FILLER);
            seal = self.line();
        }
        out.extend_from_slice(&seal);
        self.hasher = Hasher::default();
        self.synced_told = self.synced;
        self.len += seal.len() as u64;
    }

    fn line(&self) -> Vec<u8> {
        let synced = (self.synced > self.synced_told).then_some(self.synced);
        Seal { crc: self.hasher.clone().finalize(), at: self.len, synced }.to_line()
    }

    /// The file's length.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seals_are_read_as_they_are_written() {
        for synced in [None, Some(0), Some(7_000_000_000)] {
            let seal = Seal { crc: 0x1a2b_3c4d, at: 9_000_000_000, synced };
            let line = seal.to_line();
            assert_eq!(Seal::parse(line.strip_suffix(b"\r\n").unwrap()), Some(seal));
        }
        let bad = [
            "",
            "#CRC32:",
            "#CRC32:1a2b3c4d",
            "#CRC32:1a2b3c4d:",
            "#CRC32:1a2b3c4d:1:",
            "#CRC32:1a2b3c4d:1:2:3",
        ];
        for line in
            bad.into_iter().chain(["#CRC32:1A2b3c4d:1", "#CRC32:1a2b3c4:1", "#CRC32:+a2b3c4d:1", "#TS:1"])
        {
            assert_eq!(Seal::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn what_is_on_disk_is_said_once() {
        let mut sealer = Sealer::default();
        let mut file = Vec::new();
        for text in ["first", "second", "third"] {
            sealer.add(text.as_bytes());
            file.extend_from_slice(text.as_bytes());
            sealer.seal(&mut file, false);
            if text == "first" {
                sealer.synced();
            }
        }
        let crc = |text: &str| crc32fast::hash(text.as_bytes());
        let first = format!("first#CRC32:{:08x}:5\r\n", crc("first"));
        let at = first.len() + 6;
        let second = format!("{first}second#CRC32:{:08x}:{at}:{}\r\n", crc("second"), first.len());
        let at = second.len() + 5;
        let third = format!("{second}third#CRC32:{:08x}:{at}\r\n", crc("third"));
        assert_eq!(String::from_utf8(file).unwrap(), third);
        assert_eq!(sealer.len(), third.len() as u64);
    }
}
