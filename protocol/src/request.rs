//! The incremental request parser: multibulk and inline requests, zero copy, no allocation per argument.
//!
//! ```text
//!  buf:   [ executed | request | request | part of a request ]
//!                    ^ *consumed before    ^ *consumed after: passes whole requests only
//! ```
//! The caller owns `buf`, appends what it reads and drops what lies before `consumed`, once the batch that
//! refers to it is done. [`Parser::parse`] appends whole requests to a [`Batch`] of spans into `buf` and remembers
//! how far it got in the request that is not complete yet, relative to `*consumed`: no byte is scanned twice, and dropping bytes
//! from the front of `buf` (with `*consumed` lowered by as many) needs no call.
//!
//! A bulk argument of at least [`Limits::large_len_min`] bytes that is not complete in `buf` moves into an allocation
//! of its own, which grows as bytes come: [`Parser::large_target`] lets the socket read straight into it, and
//! [`Parser::take_moved`] lets go of its beginning in `buf`. A caller that ignores them and keeps appending to `buf` is served as
//! well, with a copy.
//!
//! Invariants:
//! - `*consumed` only moves past whole requests (and blank ones, which are skipped).
//! - The same bytes, cut anywhere into several calls, give the same requests and the same error.
//! - After a protocol error every further call answers with the same error: the connection is to be closed.
//! - No allocation follows an announced length alone; the memory held stays proportional to the bytes received.
//!
//! Where Redis would wait, we answer: a NUL byte inside a header or an inline request makes Redis look no further
//! than that NUL until 64 KiB have come; here it is a byte like any other.

mod args;
mod batch;

pub use args::{Args, Iter, OwnedArgs, Pairs};
pub use batch::Batch;

use crate::error::{self, ReplyError};
use crate::inline;
use crate::number::parse_i64;
use batch::{ELSEWHERE, IN_BUFFER_END_MAX, Span};
use memchr::memchr;

const LINE_END: [u8; 2] = *b"\r\n";
/// Most arguments that a client that has not authenticated may send.
const UNAUTHENTICATED_ARGS_MAX: i64 = 10;
/// Longest bulk argument, in bytes, that a client that has not authenticated may send.
const UNAUTHENTICATED_BULK_LEN_MAX: u64 = 16 * 1024;
/// First allocation of a large argument, in bytes, at most.
const LARGE_CAPACITY_FIRST: usize = 256 * 1024;
/// A large argument's allocation is at most this many times the bytes that have come.
const LARGE_GROWTH: usize = 4;

/// What a client may send. The bounds are configuration and change while the connection lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most arguments in one request.
    pub multibulk_len_max: i64,
    /// Longest bulk argument in bytes (`proto-max-bulk-len`).
    pub bulk_len_max: u64,
    /// Longest inline request, or header line of a multibulk one, in bytes.
    pub inline_len_max: usize,
    /// Bulk arguments from this length on, in bytes, that are not complete in the buffer get an allocation of their own.
    /// `usize::MAX` keeps all in the buffer.
    pub large_len_min: usize,
    /// Whether the client has authenticated, or need not. Otherwise at most 10 arguments of at most 16 KiB.
    pub authenticated: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            multibulk_len_max: i32::MAX as i64,
            bulk_len_max: 512 * 1024 * 1024,
            inline_len_max: 64 * 1024,
            large_len_min: 32 * 1024,
            authenticated: true,
        }
    }
}

impl Limits {
    /// Whether a request that was parsed under other limits keeps to what these allow before authentication.
    pub fn check(&self, args: Args<'_>) -> Result<(), ProtocolError> {
        if self.authenticated {
            return Ok(());
        }
        if args.len() as i64 > UNAUTHENTICATED_ARGS_MAX {
            return Err(ProtocolError::UnauthenticatedMultibulkLen);
        }
        if args.iter().any(|arg| arg.len() as u64 > UNAUTHENTICATED_BULK_LEN_MAX) {
            return Err(ProtocolError::UnauthenticatedBulkLen);
        }
        Ok(())
    }
}

/// How a call to [`Parser::parse`] ended. The batch may hold requests in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Everything in the buffer is parsed; the rest, if any, is part of a request.
    NeedMore,
    /// The batch holds as many requests as asked for; the buffer may hold more.
    Full,
    /// The bytes after the batch's requests are no request: answer them, then the error, then close.
    Failed(ProtocolError),
}

/// Why the bytes of a client are no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// An inline request without a line end within the limit.
    InlineTooLong,
    /// An inline request with an open quote, or bytes right after a closing one.
    UnbalancedQuotes,
    /// A `*` header without a line end within the limit.
    MultibulkHeaderTooLong,
    /// A `*` header that is no number, or too large a one.
    MultibulkLen,
    /// More arguments than a client may send before it authenticates.
    UnauthenticatedMultibulkLen,
    /// A `$` header without a line end within the limit.
    BulkHeaderTooLong,
    /// A line that should begin with `$` and begins with this byte.
    ExpectedBulk(u8),
    /// A `$` header that is no number, a negative one, or more than `proto-max-bulk-len`.
    BulkLen,
    /// A longer argument than a client may send before it authenticates.
    UnauthenticatedBulkLen,
}

impl ProtocolError {
    /// The error reply for the client.
    pub fn reply(self) -> ReplyError {
        match self {
            ProtocolError::InlineTooLong => error::PROTOCOL_INLINE_TOO_LONG,
            ProtocolError::UnbalancedQuotes => error::PROTOCOL_UNBALANCED_QUOTES,
            ProtocolError::MultibulkHeaderTooLong => error::PROTOCOL_MULTIBULK_HEADER_TOO_LONG,
            ProtocolError::MultibulkLen => error::PROTOCOL_MULTIBULK_LEN,
            ProtocolError::UnauthenticatedMultibulkLen => error::PROTOCOL_UNAUTHENTICATED_MULTIBULK_LEN,
            ProtocolError::BulkHeaderTooLong => error::PROTOCOL_BULK_HEADER_TOO_LONG,
            ProtocolError::ExpectedBulk(got) => error::protocol_expected_bulk(got),
            ProtocolError::BulkLen => error::PROTOCOL_BULK_LEN,
            ProtocolError::UnauthenticatedBulkLen => error::PROTOCOL_UNAUTHENTICATED_BULK_LEN,
        }
    }

    /// The reason as the log line `Protocol error (<reason>) from client` words it.
    pub fn log_reason(self) -> &'static str {
        match self {
            ProtocolError::InlineTooLong => "too big inline request",
            ProtocolError::UnbalancedQuotes => "unbalanced quotes in inline request",
            ProtocolError::MultibulkHeaderTooLong => "too big mbulk count string",
            ProtocolError::MultibulkLen => "invalid mbulk count",
            ProtocolError::UnauthenticatedMultibulkLen => "unauth mbulk count",
            ProtocolError::BulkHeaderTooLong => "too big bulk count string",
            ProtocolError::ExpectedBulk(_) => "expected $ but got something else",
            ProtocolError::BulkLen => "invalid bulk length",
            ProtocolError::UnauthenticatedBulkLen => "unauth bulk length",
        }
    }
}

/// The allocation of a large argument that is still coming, see [`Parser::large_target`].
#[derive(Debug)]
pub struct LargeTarget<'a> {
    /// What has come so far, with spare capacity for at least a part of the rest. To be appended to.
    pub bytes: &'a mut Vec<u8>,
    /// How many bytes may be appended at most (the argument's rest and its line end).
    pub missing: usize,
}

/// Where the parser stands in a request that is not complete. `missing` counts the arguments still to come, this one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between requests.
    Idle,
    /// In an inline request.
    Inline,
    /// In a `*` header.
    Count,
    /// In a `$` header.
    Header { missing: usize },
    /// In a bulk argument of `len` bytes that stays in the buffer.
    Bulk { missing: usize, len: usize },
    /// In a bulk argument of `len` bytes that has its own allocation, the last of `Parser::large`.
    Large { missing: usize, len: usize },
    /// The connection is beyond repair.
    Failed(ProtocolError),
}

/// What the slow path came to.
enum Step {
    /// The request is complete, or was blank.
    Done,
    /// The buffer ends inside the request.
    NeedMore,
}

/// The state of one connection's request stream.
#[derive(Debug)]
pub struct Parser {
    state: State,
    /// Next byte to look at, from the start of the request.
    pos: usize,
    /// Bytes from `pos` on that are known to hold no line end.
    scanned: usize,
    /// Arguments so far, from the start of the request.
    spans: Vec<Span>,
    /// Large arguments so far; in state `Large` the last one is still coming.
    large: Vec<Vec<u8>>,
    /// Bytes before `pos` that were copied from the buffer into the large argument that is still coming.
    moved: usize,
    /// How many of `spans` were counted by [`Parser::argument_bytes`], and their bytes.
    counted: (usize, usize),
}

impl Default for Parser {
    fn default() -> Self {
        Parser::new()
    }
}

impl Parser {
    /// A parser at the start of a stream. Allocates nothing.
    pub const fn new() -> Parser {
        Parser {
            state: State::Idle,
            pos: 0,
            scanned: 0,
            spans: Vec::new(),
            large: Vec::new(),
            moved: 0,
            counted: (0, 0),
        }
    }

    /// Whether the parser stands between two requests, in good order.
    pub fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    /// Heap bytes held for the request that is not complete.
    pub fn memory(&self) -> usize {
        self.spans.capacity() * size_of::<Span>()
            + self.large.capacity() * size_of::<Vec<u8>>()
            + self.large.iter().map(Vec::capacity).sum::<usize>()
    }

    /// Bytes of large arguments that have come, of the request that is not complete.
    pub fn large_len(&self) -> usize {
        self.large.iter().map(Vec::len).sum()
    }

    /// Bytes of whole arguments, of the request that is not complete. Looks at no argument twice.
    pub fn argument_bytes(&mut self) -> usize {
        let (spans, bytes) = self.counted;
        if self.spans.len() > spans {
            let new = self.spans[spans..].iter().map(|span| span.len(&self.large)).sum::<usize>();
            self.counted = (self.spans.len(), bytes + new);
        }
        self.counted.1
    }

    /// Parses the bytes of `buf` from `*consumed` on, until `batch` holds `max` requests.
    ///
    /// `batch` must hold nothing that refers to another buffer. `*consumed` moves past every request that
    /// was appended to `batch`; while a request is incomplete, the next call must find it at `*consumed` again.
    #[inline]
    pub fn parse(
        &mut self,
        buf: &[u8],
        consumed: &mut usize,
        limits: &Limits,
        batch: &mut Batch,
        max: usize,
    ) -> Progress {
        loop {
            if batch.len() >= max {
                return Progress::Full;
            }
            if self.state == State::Idle && !self.parse_whole(buf, consumed, limits, batch, max) {
                return if batch.len() < max { Progress::NeedMore } else { Progress::Full };
            }
            match self.parse_part(buf, consumed, limits, batch) {
                Ok(Step::Done) => (),
                Ok(Step::NeedMore) => return Progress::NeedMore,
                Err(failure) => {
                    self.state = State::Failed(failure);
                    return Progress::Failed(failure);
                }
            }
        }
    }

    /// The allocation that the next bytes of the stream belong into, while a large argument is coming.
    ///
    /// The caller may append up to `missing` bytes, in any number of calls, and then calls `parse` with the
    /// same buffer. Spare capacity is there, for as much as the bytes that came so far justify.
    pub fn large_target(&mut self) -> Option<LargeTarget<'_>> {
        let State::Large { len, .. } = self.state else { return None };
        let bytes = self.large.last_mut()?;
        let missing = len + 2 - bytes.len();
        if missing == 0 {
            return None;
        }
        if bytes.capacity() == bytes.len() {
            reserve_large(bytes, missing);
        }
        Some(LargeTarget { bytes, missing })
    }

    /// Bytes at the buffer's end that are in a large argument's allocation by now. Who asks drops them from the buffer before
    /// the next call of `parse`.
    pub fn take_moved(&mut self) -> usize {
        let moved = std::mem::take(&mut self.moved);
        self.pos -= moved;
        moved
    }

    /// The hot path: whole multibulk requests with short headers. Stops in front of everything else.
    /// Returns whether there is something for the slow path, which is then in `self.state`.
    fn parse_whole(
        &mut self,
        buf: &[u8],
        consumed: &mut usize,
        limits: &Limits,
        batch: &mut Batch,
        max: usize,
    ) -> bool {
        let near = &buf[..buf.len().min(IN_BUFFER_END_MAX)];
        let (count_max, bulk_len_max) = short_bounds(limits);
        let mut pos = *consumed;
        while batch.len() < max {
            *consumed = pos;
            let Some(&first) = buf.get(pos) else { return false };
            if first != b'*' {
                self.begin(State::Inline);
                return true;
            }
            let (count, body) = match short_count(near, pos) {
                Some((count, body)) if count <= count_max => (count, body),
                _ => {
                    self.begin(State::Count);
                    return true;
                }
            };
            let first_span = batch.spans.len();
            let (next, parsed) = short_args(near, body, count, bulk_len_max, 0, &mut batch.spans);
            if parsed < count {
                self.begin(State::Header { missing: count - parsed });
                self.pos = next - pos;
                let so_far = batch.spans.drain(first_span..);
                self.spans.extend(so_far.map(|span| span.moved_down(pos)));
                return true;
            }
            if count > 0 {
                batch.end_request();
            }
            pos = next;
        }
        *consumed = pos;
        false
    }

    fn begin(&mut self, state: State) {
        debug_assert!(self.spans.is_empty() && self.large.is_empty());
        self.state = state;
        self.pos = 0;
        self.scanned = 0;
    }

    /// The slow path: goes on with the request that begins at `*consumed`, from wherever it stands, to its end.
    #[cold]
    fn parse_part(
        &mut self,
        buf: &[u8],
        consumed: &mut usize,
        limits: &Limits,
        batch: &mut Batch,
    ) -> Result<Step, ProtocolError> {
        let base = *consumed;
        loop {
            let going_on = match self.state {
                State::Failed(failure) => return Err(failure),
                State::Idle => {
                    *consumed = base + self.pos;
                    return Ok(Step::Done);
                }
                State::Inline => self.inline(buf, base, limits, batch)?,
                State::Count => self.count(buf, base, limits)?,
                State::Header { missing } => self.header(buf, base, limits, missing)?,
                State::Bulk { missing, len } => self.bulk(buf, base, missing, len),
                State::Large { missing, len } => self.large(buf, base, missing, len),
            };
            if !going_on {
                return Ok(Step::NeedMore);
            }
            if let State::Header { missing: 0 } = self.state {
                batch.append_request(&self.spans, base, &mut self.large);
                self.spans.clear();
                self.spans.shrink_to(64);
                self.counted = (0, 0);
                self.state = State::Idle;
            }
        }
    }

    /// An inline request: a line of words.
    fn inline(
        &mut self,
        buf: &[u8],
        base: usize,
        limits: &Limits,
        batch: &mut Batch,
    ) -> Result<bool, ProtocolError> {
        let rest = &buf[base..];
        let window = &rest[..rest.len().min(limits.inline_len_max.saturating_add(1))];
        let Some(found) = memchr(b'\n', &window[self.scanned..]) else {
            self.scanned = window.len();
            return if window.len() > limits.inline_len_max {
                Err(ProtocolError::InlineTooLong)
            } else {
                Ok(false)
            };
        };
        let line_feed = self.scanned + found;
        let line = &rest[..line_feed];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        batch.append_inline(line, base).map_err(|inline::Unbalanced| ProtocolError::UnbalancedQuotes)?;
        self.pos = line_feed + 1;
        self.state = State::Idle;
        Ok(true)
    }

    /// The `*` header.
    fn count(&mut self, buf: &[u8], base: usize, limits: &Limits) -> Result<bool, ProtocolError> {
        let too_long = ProtocolError::MultibulkHeaderTooLong;
        let Some((line, next)) = self.line(buf, base, limits, too_long)? else { return Ok(false) };
        let count = parse_i64(&line[1..]).filter(|&count| count <= limits.multibulk_len_max);
        let count = count.ok_or(ProtocolError::MultibulkLen)?;
        if count > UNAUTHENTICATED_ARGS_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedMultibulkLen);
        }
        self.pos = next;
        self.state = match usize::try_from(count) {
            Ok(missing @ 1..) => State::Header { missing },
            _ => State::Idle,
        };
        Ok(true)
    }

    /// A `$` header, and as many whole arguments as follow without anything unusual.
    fn header(
        &mut self,
        buf: &[u8],
        base: usize,
        limits: &Limits,
        missing: usize,
    ) -> Result<bool, ProtocolError> {
        if self.scanned == 0 {
            let near = &buf[..buf.len().min(IN_BUFFER_END_MAX)];
            let (_, bulk_len_max) = short_bounds(limits);
            let at = (base + self.pos).min(near.len());
            let (next, parsed) = short_args(near, at, missing, bulk_len_max, base, &mut self.spans);
            if parsed > 0 {
                self.pos = next - base;
                self.state = State::Header { missing: missing - parsed };
                return Ok(true);
            }
        }
        let too_long = ProtocolError::BulkHeaderTooLong;
        let Some((line, next)) = self.line(buf, base, limits, too_long)? else { return Ok(false) };
        let (mark, digits) = line.split_first().unwrap_or((&b'\r', &[]));
        if *mark != b'$' {
            return Err(ProtocolError::ExpectedBulk(*mark));
        }
        let len = parse_i64(digits).and_then(|len| u64::try_from(len).ok());
        let len = len.filter(|&len| len <= limits.bulk_len_max).ok_or(ProtocolError::BulkLen)?;
        if len > UNAUTHENTICATED_BULK_LEN_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedBulkLen);
        }
        let len = usize::try_from(len).map_err(|_| ProtocolError::BulkLen)?;
        let end = (base + next).saturating_add(len).saturating_add(2);
        self.pos = next;
        self.state = if end > IN_BUFFER_END_MAX || (end > buf.len() && len >= limits.large_len_min) {
            self.large.push(Vec::new());
            State::Large { missing, len }
        } else {
            State::Bulk { missing, len }
        };
        Ok(true)
    }

    /// An argument that stays in the buffer.
    fn bulk(&mut self, buf: &[u8], base: usize, missing: usize, len: usize) -> bool {
        let end = base + self.pos + len + 2;
        if end > buf.len() {
            return false;
        }
        self.spans.push(Span::in_buffer(self.pos, len));
        self.pos += len + 2;
        self.state = State::Header { missing: missing - 1 };
        true
    }

    /// An argument with its own allocation: takes what has come through the buffer.
    fn large(&mut self, buf: &[u8], base: usize, missing: usize, len: usize) -> bool {
        let index = self.large.len() - 1;
        let bytes = &mut self.large[index];
        assert!(bytes.len() <= len + 2, "more bytes appended to a large argument than were missing");
        let wanted = len + 2 - bytes.len();
        let here = &buf[base + self.pos..];
        let here = &here[..here.len().min(wanted)];
        if here.len() > bytes.capacity() - bytes.len() {
            reserve_large(bytes, wanted.max(here.len()));
            bytes.reserve(here.len());
        }
        bytes.extend_from_slice(here);
        self.pos += here.len();
        if here.len() < wanted {
            self.moved += here.len();
            return false;
        }
        self.moved = 0;
        bytes.truncate(len);
        self.spans.push(Span::large(index));
        self.state = State::Header { missing: missing - 1 };
        true
    }

    /// The header line at `self.pos`, without its line end, and where the next line begins from the start of the
    /// request; nothing while the line is incomplete. Any byte after the carriage return passes for the line feed.
    fn line<'b>(
        &mut self,
        buf: &'b [u8],
        base: usize,
        limits: &Limits,
        too_long: ProtocolError,
    ) -> Result<Option<(&'b [u8], usize)>, ProtocolError> {
        let rest = &buf[base + self.pos..];
        let window = &rest[..rest.len().min(limits.inline_len_max.saturating_add(1))];
        let Some(found) = memchr(b'\r', &window[self.scanned..]) else {
            self.scanned = window.len();
            return if window.len() > limits.inline_len_max { Err(too_long) } else { Ok(None) };
        };
        let end = self.scanned + found;
        if end + 1 >= rest.len() {
            self.scanned = end;
            return Ok(None);
        }
        self.scanned = 0;
        Ok(Some((&rest[..end], self.pos + end + 2)))
    }
}

/// Makes room in a large argument of which `missing` bytes are still to come, in step with what has come.
fn reserve_large(bytes: &mut Vec<u8>, missing: usize) {
    let justified = (bytes.len() * (LARGE_GROWTH - 1)).max(LARGE_CAPACITY_FIRST);
    bytes.reserve_exact(missing.min(justified));
}

/// The bounds that the hot path may take without asking further: arguments and bytes.
fn short_bounds(limits: &Limits) -> (usize, usize) {
    let (mut count, mut len) = (limits.multibulk_len_max, limits.bulk_len_max);
    if !limits.authenticated {
        count = count.min(UNAUTHENTICATED_ARGS_MAX);
        len = len.min(UNAUTHENTICATED_BULK_LEN_MAX);
    }
    (usize::try_from(count).unwrap_or(0), usize::try_from(len).unwrap_or(usize::MAX))
}

/// Whole arguments from `pos` on, at most `count`, as long as nothing is unusual: they stand there as a reply would be written.
/// Spans are counted from `base`. Returns where it stopped and how many it read.
#[inline(always)]
fn short_args(
    buf: &[u8],
    mut pos: usize,
    count: usize,
    len_max: usize,
    base: usize,
    spans: &mut Vec<Span>,
) -> (usize, usize) {
    for parsed in 0..count {
        if buf.get(pos) != Some(&b'$') {
            return (pos, parsed);
        }
        let Some((len, body)) = short_count(buf, pos) else { return (pos, parsed) };
        // The header is inside the buffer and has at most nine digits: no overflow.
        let next = body + len + LINE_END.len();
        if len > len_max || buf.get(body + len..next) != Some(&LINE_END) {
            return (pos, parsed);
        }
        spans.push(Span::in_buffer(body - base, len));
        pos = next;
    }
    (pos, count)
}

/// The number of a header line of up to nine digits whose mark is at `pos`, and where the next line begins.
/// Nothing when the line is unusual or incomplete: the slow path finds out which.
#[inline(always)]
fn short_count(buf: &[u8], pos: usize) -> Option<(usize, usize)> {
    let line = buf.get(pos + 1..)?.first_chunk::<4>()?;
    let first = line[0].wrapping_sub(b'0');
    if line[1..3] == LINE_END && first <= 9 {
        return Some((first as usize, pos + 4));
    }
    let second = line[1].wrapping_sub(b'0');
    if line[2..4] == LINE_END && first.wrapping_sub(1) < 9 && second <= 9 {
        return Some((first as usize * 10 + second as usize, pos + 5));
    }
    middling_count(buf, pos)
}

/// `short_count` for three to nine digits.
fn middling_count(buf: &[u8], pos: usize) -> Option<(usize, usize)> {
    let line = &buf[pos + 1..];
    if !matches!(line[0], b'1'..=b'9') {
        return None;
    }
    let mut count = 0;
    for (i, &byte) in line.iter().take(10).enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return line[i..].starts_with(&LINE_END).then_some((count, pos + i + 3));
        }
        count = count * 10 + digit as usize;
    }
    None
}

const _: () = assert!(ELSEWHERE as usize >= IN_BUFFER_END_MAX);

#[cfg(test)]
mod tests;
