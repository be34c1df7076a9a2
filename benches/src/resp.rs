//! The little of the protocol that a load generator needs: where a reply ends, and a blocking connection.
//!
//! Deliberately not the project's own decoder: a bug there must not be able to hide behind the same bug here.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::template::{Template, encode};

const CHUNK_BYTES: usize = 64 * 1024;
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// Collects reply bytes and counts the replies that are complete.
#[derive(Debug, Default)]
pub struct ReplyCounter {
    bytes: Vec<u8>,
    /// How far `bytes` has been counted.
    counted: usize,
    /// Error replies seen so far.
    pub errors: u64,
    /// The first error's text, for the report.
    pub first_error: Option<String>,
}

impl ReplyCounter {
    /// Takes what a read delivered; returns how many replies it completed.
    pub fn feed(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        let mut complete = 0;
        while let Some(end) = reply_end(&self.bytes, self.counted)? {
            if self.bytes[self.counted] == b'-' {
                self.errors += 1;
                let text = &self.bytes[self.counted..end];
                self.first_error.get_or_insert_with(|| String::from_utf8_lossy(text).trim().to_owned());
            }
            self.counted = end;
            complete += 1;
        }
        if self.counted == self.bytes.len() {
            self.bytes.clear();
            self.counted = 0;
        }
        Ok(complete)
    }

    /// An `Err` that quotes the first error reply, if there was one.
    pub fn refuse_errors(&self) -> io::Result<()> {
        match &self.first_error {
            Some(text) => Err(io::Error::other(format!("{} error replies, the first: {text}", self.errors))),
            None => Ok(()),
        }
    }
}

/// Where the reply that starts at `at` ends; `None` while it is incomplete.
pub fn reply_end(bytes: &[u8], at: usize) -> io::Result<Option<usize>> {
    let Some(&kind) = bytes.get(at) else { return Ok(None) };
    let Some(line_end) = memchr::memchr(b'\n', &bytes[at..]).map(|offset| at + offset + 1) else {
        return Ok(None);
    };
    let header = &bytes[at + 1..line_end.saturating_sub(2).max(at + 1)];
    match kind {
        b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => Ok(Some(line_end)),
        b'$' | b'=' | b'!' => match number(header)? {
            length if length < 0 => Ok(Some(line_end)),
            length => Ok(Some(line_end + length as usize + 2).filter(|end| *end <= bytes.len())),
        },
        b'*' | b'~' | b'>' => elements_end(bytes, line_end, number(header)?),
        b'%' => elements_end(bytes, line_end, number(header)? * 2),
        other => Err(io::Error::other(format!("a reply starts with byte {other:#04x}"))),
    }
}

/// A blocking connection for filling, probing and asking.
pub struct Connection {
    stream: TcpStream,
    chunk: Vec<u8>,
}

impl Connection {
    /// Connects, without Nagle's delay.
    pub fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        stream.set_write_timeout(Some(REPLY_TIMEOUT))?;
        Ok(Connection { stream, chunk: vec![0; CHUNK_BYTES] })
    }

    /// Sends request bytes and reads `count` replies; an error reply is an `Err`.
    pub fn exchange(&mut self, requests: &[u8], count: usize) -> io::Result<()> {
        self.stream.write_all(requests)?;
        let mut replies = ReplyCounter::default();
        let mut seen = 0;
        while seen < count {
            let received = self.stream.read(&mut self.chunk)?;
            if received == 0 {
                return Err(io::Error::other("the server closed the connection"));
            }
            seen += replies.feed(&self.chunk[..received])?;
        }
        replies.refuse_errors()
    }

    /// Sends one command and returns the raw reply; an error reply is an `Err`.
    pub fn call(&mut self, words: &[&str]) -> io::Result<Vec<u8>> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        self.stream.write_all(&encode(&words))?;
        let mut reply = Vec::new();
        loop {
            let received = self.stream.read(&mut self.chunk)?;
            if received == 0 {
                return Err(io::Error::other("the server closed the connection"));
            }
            reply.extend_from_slice(&self.chunk[..received]);
            if let Some(end) = reply_end(&reply, 0)? {
                reply.truncate(end);
                return match reply.first() {
                    Some(b'-') => Err(io::Error::other(String::from_utf8_lossy(&reply).trim().to_owned())),
                    _ => Ok(reply),
                };
            }
        }
    }

    /// Whether the server has a command.
    pub fn knows(&mut self, command: &str) -> io::Result<bool> {
        let reply = self.call(&["COMMAND", "INFO", command])?;
        Ok(![&b"*1\r\n*-1\r\n"[..], b"*1\r\n$-1\r\n"].contains(&reply.as_slice()))
    }

    /// A field of INFO as a number; `None` where the server has no such field.
    pub fn info_number(&mut self, section: &str, field: &str) -> Option<u64> {
        let reply = self.call(&["INFO", section]).ok()?;
        info_field(&String::from_utf8_lossy(&reply), field)?.parse().ok()
    }

    /// A field of INFO as text.
    pub fn info_text(&mut self, section: &str, field: &str) -> Option<String> {
        let reply = self.call(&["INFO", section]).ok()?;
        info_field(&String::from_utf8_lossy(&reply), field).map(str::to_owned)
    }

    /// Sends the template once for each number of `range`, `depth` of it at a time.
    pub fn fill(&mut self, template: &Template, range: std::ops::Range<u64>, depth: u64) -> io::Result<()> {
        let mut one = template.clone();
        let mut batch = Vec::new();
        let mut from = range.start;
        while from < range.end {
            let upto = (from + depth).min(range.end);
            batch.clear();
            for index in from..upto {
                one.number(index);
                batch.extend_from_slice(one.bytes());
            }
            self.exchange(&batch, (upto - from) as usize * template.commands())?;
            from = upto;
        }
        Ok(())
    }
}

fn elements_end(bytes: &[u8], mut at: usize, count: i64) -> io::Result<Option<usize>> {
    for _ in 0..count.max(0) {
        match reply_end(bytes, at)? {
            Some(end) => at = end,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

fn number(header: &[u8]) -> io::Result<i64> {
    let text = std::str::from_utf8(header).map_err(io::Error::other)?;
    text.parse().map_err(|_| io::Error::other(format!("a reply has the length {text:?}")))
}

fn info_field<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLIES: &[u8] =
        b"+OK\r\n:12\r\n$3\r\nabc\r\n$-1\r\n*2\r\n$1\r\na\r\n*1\r\n:1\r\n%1\r\n+k\r\n_\r\n*0\r\n-ERR no\r\n";

    #[test]
    fn counts_the_same_replies_however_they_are_cut() {
        for step in 1..REPLIES.len() {
            let mut counter = ReplyCounter::default();
            let seen: usize = REPLIES.chunks(step).map(|chunk| counter.feed(chunk).unwrap()).sum();
            assert_eq!(seen, 8, "in chunks of {step}");
            assert_eq!(counter.errors, 1);
            assert!(counter.refuse_errors().unwrap_err().to_string().contains("-ERR no"));
        }
    }

    #[test]
    fn a_reply_of_unknown_kind_is_refused() {
        assert!(ReplyCounter::default().feed(b"?5\r\n").is_err());
        assert!(ReplyCounter::default().feed(b"$x\r\n").is_err());
    }

    #[test]
    fn info_fields_match_whole_names() {
        let text = "# Memory\r\nused_memory_peak:9\r\nused_memory:7\r\n";
        assert_eq!(info_field(text, "used_memory"), Some("7"));
        assert_eq!(info_field(text, "used"), None);
    }
}
