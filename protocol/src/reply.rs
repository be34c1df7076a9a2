//! The reply writer: RESP2 and RESP3 into a growing buffer.
//!
//! | call | RESP2 | RESP3 |
//! |---|---|---|
//! | `null`, `null_array` | `$-1`, `*-1` | `_` |
//! | `map(n)`, `set(n)`, `push(n)` | `*2n`, `*n`, `*n` | `%n`, `~n`, `>n` |
//! | `double` | bulk | `,1.5` |
//! | `boolean` | `:1` `:0` | `#t` `#f` |
//! | `big_number`, `verbatim` | bulk | `(123`, `=7\r\ntxt:abc` |
//!
//! An aggregate whose size is known only afterwards takes a [`Mark`] first and gets its header set in front of what was
//! written since. Marks nest: the inner one is set first.

use crate::error::ReplyError;
use crate::number::{LongDouble, write_f64};

/// The protocol version a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resp {
    /// RESP2, which every connection starts with.
    #[default]
    V2,
    /// RESP3, after `HELLO 3`.
    V3,
}

/// A place in a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the header of a deferred aggregate has to be set"]
pub struct Mark(usize);

/// Integers and lengths from 0 up to here have their lines ready.
const READY: usize = 128;

/// A header line, at most eight bytes long.
#[derive(Clone, Copy)]
struct Line {
    bytes: [u8; 8],
    len: u8,
}

static INTEGERS: [Line; READY] = lines(b':');
static BULKS: [Line; READY] = lines(b'$');
static ARRAYS: [Line; READY] = lines(b'*');

const fn lines(kind: u8) -> [Line; READY] {
    let mut lines = [Line { bytes: [0; 8], len: 0 }; READY];
    let mut n = 0;
    while n < READY {
        let mut bytes = [kind, 0, 0, 0, 0, 0, 0, 0];
        let mut at = 1;
        let mut unit = if n >= 100 {
            100
        } else if n >= 10 {
            10
        } else {
            1
        };
        while unit > 0 {
            bytes[at] = b'0' + (n / unit % 10) as u8;
            at += 1;
            unit /= 10;
        }
        bytes[at] = b'\r';
        bytes[at + 1] = b'\n';
        lines[n] = Line { bytes, len: at as u8 + 2 };
        n += 1;
    }
    lines
}

/// Writes replies of one protocol version to the end of a buffer.
#[derive(Debug)]
pub struct Reply<'a> {
    /// Where the replies go.
    pub out: &'a mut Vec<u8>,
    /// What the client understands.
    pub resp: Resp,
}

impl<'a> Reply<'a> {
    /// A writer to the end of `out`.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, resp: Resp) -> Reply<'a> {
        Reply { out, resp }
    }

    /// `+OK`
    #[inline]
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A status line, which must hold no line break.
    pub fn simple(&mut self, status: &str) {
        debug_assert!(!status.contains(['\r', '\n']));
        self.line(b'+', status.as_bytes());
    }

    /// An error.
    pub fn error(&mut self, error: &ReplyError) {
        self.line(b'-', error.text());
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        match INTEGERS.get(value as usize) {
            Some(line) => self.ready(line),
            None => self.number_line(b':', value),
        }
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.out.reserve(bytes.len() + 24);
        self.header(b'$', &BULKS, bytes.len());
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A bulk string, or null.
    #[inline]
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// An integer as a bulk string.
    pub fn bulk_from_int(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// The header of a bulk string of `len` bytes: the caller appends the bytes and the line end.
    pub fn bulk_header(&mut self, len: usize) {
        self.header(b'$', &BULKS, len);
    }

    /// The null bulk string.
    #[inline]
    pub fn null(&mut self) {
        self.out.extend_from_slice(match self.resp {
            Resp::V2 => b"$-1\r\n" as &[u8],
            Resp::V3 => b"_\r\n",
        });
    }

    /// The null array.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(match self.resp {
            Resp::V2 => b"*-1\r\n" as &[u8],
            Resp::V3 => b"_\r\n",
        });
    }

    /// The header of an array of `len` elements.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.header(b'*', &ARRAYS, len);
    }

    /// The header of a map of `len` pairs.
    pub fn map(&mut self, len: usize) {
        self.aggregate(b'%', len);
    }

    /// The header of a set of `len` elements.
    pub fn set(&mut self, len: usize) {
        self.aggregate(b'~', len);
    }

    /// The header of a push message of `len` elements; an array in RESP2.
    pub fn push(&mut self, len: usize) {
        self.aggregate(b'>', len);
    }

    /// The header of an attribute of `len` pairs, in front of the reply it belongs to. RESP3 only: RESP2 has none.
    pub fn attribute(&mut self, len: usize) {
        debug_assert!(self.resp == Resp::V3);
        self.aggregate(b'|', len);
    }

    /// An array of bulk strings.
    pub fn bulks<B: AsRef<[u8]>>(&mut self, items: impl IntoIterator<Item = B, IntoIter: ExactSizeIterator>) {
        let items = items.into_iter();
        self.array(items.len());
        items.for_each(|item| self.bulk(item.as_ref()));
    }

    /// A set of bulk strings.
    pub fn bulk_set<B: AsRef<[u8]>>(
        &mut self,
        items: impl IntoIterator<Item = B, IntoIter: ExactSizeIterator>,
    ) {
        let items = items.into_iter();
        self.set(items.len());
        items.for_each(|item| self.bulk(item.as_ref()));
    }

    /// A double, in the shortest digits that read back as the same.
    pub fn double(&mut self, value: f64) {
        let mut text = [0; 32];
        let text = write_f64(&mut text, value);
        self.double_text(text);
    }

    /// An extended double, in plain decimal digits.
    pub fn human_double(&mut self, value: &LongDouble) {
        let mut text = Vec::new();
        value.write_human(&mut text);
        self.double_text(&text);
    }

    /// An integer of any size, given by its digits.
    pub fn big_number(&mut self, digits: &[u8]) {
        match self.resp {
            Resp::V2 => self.bulk(digits),
            Resp::V3 => self.line(b'(', digits),
        }
    }

    /// A boolean.
    pub fn boolean(&mut self, value: bool) {
        match self.resp {
            Resp::V2 => self.integer(value.into()),
            Resp::V3 => self.out.extend_from_slice(if value { b"#t\r\n" } else { b"#f\r\n" }),
        }
    }

    /// A text whose format, a word of three letters, RESP3 clients see.
    pub fn verbatim(&mut self, format: &[u8; 3], bytes: &[u8]) {
        if self.resp == Resp::V2 {
            return self.bulk(bytes);
        }
        self.number_line(b'=', bytes.len() as i64 + 4);
        self.out.extend_from_slice(format);
        self.out.push(b':');
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Bytes that are a reply, or several, already.
    #[inline]
    pub fn encoded(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Where the buffer ends now: for a deferred aggregate, or to take back what is written from here on.
    #[inline]
    pub fn defer(&self) -> Mark {
        Mark(self.out.len())
    }

    /// Takes back everything since the mark.
    pub fn rewind(&mut self, mark: Mark) {
        self.out.truncate(mark.0);
    }

    /// Whether anything was written since the mark.
    pub fn is_longer_than(&self, mark: Mark) -> bool {
        self.out.len() > mark.0
    }

    /// What was written since the mark becomes an array of `len` elements.
    pub fn set_array(&mut self, mark: Mark, len: usize) {
        self.set_header(mark, |reply| reply.array(len));
    }

    /// What was written since the mark becomes a map of `len` pairs.
    pub fn set_map(&mut self, mark: Mark, len: usize) {
        self.set_header(mark, |reply| reply.map(len));
    }

    /// What was written since the mark becomes a set of `len` elements.
    pub fn set_set(&mut self, mark: Mark, len: usize) {
        self.set_header(mark, |reply| reply.set(len));
    }

    /// What was written since the mark becomes a push message of `len` elements.
    pub fn set_push(&mut self, mark: Mark, len: usize) {
        self.set_header(mark, |reply| reply.push(len));
    }

    /// What was written since the mark becomes a bulk string.
    pub fn set_bulk(&mut self, mark: Mark) {
        let len = self.out.len() - mark.0;
        self.set_header(mark, |reply| reply.bulk_header(len));
        self.out.extend_from_slice(b"\r\n");
    }

    /// Writes a header behind the bytes since the mark, then turns it round to their front.
    fn set_header(&mut self, mark: Mark, write: impl FnOnce(&mut Reply<'_>)) {
        let end = self.out.len();
        assert!(
            mark.0 <= end,
            "deferred aggregates are set from the inside out, before anything is taken back"
        );
        write(self);
        let header_len = self.out.len() - end;
        self.out[mark.0..].rotate_right(header_len);
    }

    /// A header whose kind only RESP3 has.
    fn aggregate(&mut self, kind: u8, len: usize) {
        match self.resp {
            Resp::V3 => self.number_line(kind, len as i64),
            Resp::V2 if matches!(kind, b'%' | b'|') => self.array(len * 2),
            Resp::V2 => self.array(len),
        }
    }

    fn double_text(&mut self, text: &[u8]) {
        match self.resp {
            Resp::V2 => self.bulk(text),
            Resp::V3 => self.line(b',', text),
        }
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        self.out.push(kind);
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }

    #[inline(always)]
    fn header(&mut self, kind: u8, lines: &'static [Line; READY], len: usize) {
        match lines.get(len) {
            Some(line) => self.ready(line),
            None => self.number_line(kind, len as i64),
        }
    }

    /// A copy of constant length is one store; the surplus is cut off again.
    #[inline(always)]
    fn ready(&mut self, line: &Line) {
        let end = self.out.len() + line.len as usize;
        self.out.extend_from_slice(&line.bytes);
        self.out.truncate(end);
    }

    fn number_line(&mut self, kind: u8, value: i64) {
        self.line(kind, itoa::Buffer::new().format(value).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error;

    #[track_caller]
    fn check(write: impl Fn(&mut Reply<'_>), v2: &[u8], v3: &[u8]) {
        for (resp, expected) in [(Resp::V2, v2), (Resp::V3, v3)] {
            let mut out = b"before".to_vec();
            write(&mut Reply::new(&mut out, resp));
            let out = out.strip_prefix(b"before").expect("earlier replies are left alone");
            assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{resp:?}");
        }
    }

    #[track_caller]
    fn check_both(write: impl Fn(&mut Reply<'_>), expected: &[u8]) {
        check(write, expected, expected);
    }

    #[test]
    fn scalars() {
        check_both(|r| r.ok(), b"+OK\r\n");
        check_both(|r| r.simple("PONG"), b"+PONG\r\n");
        check_both(|r| r.error(&error::SYNTAX), b"-ERR syntax error\r\n");
        check_both(|r| r.bulk(b""), b"$0\r\n\r\n");
        check_both(|r| r.bulk(b"a\r\nb"), b"$4\r\na\r\nb\r\n");
        check_both(|r| r.bulk_from_int(-12), b"$3\r\n-12\r\n");
        check(|r| r.null(), b"$-1\r\n", b"_\r\n");
        check(|r| r.null_array(), b"*-1\r\n", b"_\r\n");
        check(|r| r.bulk_or_null(None), b"$-1\r\n", b"_\r\n");
        check(|r| r.boolean(true), b":1\r\n", b"#t\r\n");
        check(|r| r.boolean(false), b":0\r\n", b"#f\r\n");
        check(|r| r.big_number(b"-123"), b"$4\r\n-123\r\n", b"(-123\r\n");
        check(|r| r.verbatim(b"txt", b"hello"), b"$5\r\nhello\r\n", b"=9\r\ntxt:hello\r\n");
    }

    #[test]
    fn doubles() {
        check(|r| r.double(1.5), b"$3\r\n1.5\r\n", b",1.5\r\n");
        check(|r| r.double(f64::INFINITY), b"$3\r\ninf\r\n", b",inf\r\n");
        check(|r| r.double(f64::NEG_INFINITY), b"$4\r\n-inf\r\n", b",-inf\r\n");
        check(|r| r.double(f64::NAN), b"$3\r\nnan\r\n", b",nan\r\n");
        check(|r| r.double(-0.0), b"$2\r\n-0\r\n", b",-0\r\n");
        check(|r| r.human_double(&LongDouble::from(3)), b"$1\r\n3\r\n", b",3\r\n");
    }

    #[test]
    fn headers_and_integers_of_every_length() {
        for n in (0..2000).chain([9_999, 10_000, 99_999, 100_000, 1_234_567]) {
            check_both(|r| r.integer(n), format!(":{n}\r\n").as_bytes());
            check_both(|r| r.integer(-n - 1), format!(":{}\r\n", -n - 1).as_bytes());
            check_both(|r| r.bulk_header(n as usize), format!("${n}\r\n").as_bytes());
            check_both(|r| r.array(n as usize), format!("*{n}\r\n").as_bytes());
        }
        check_both(|r| r.integer(i64::MIN), b":-9223372036854775808\r\n");
        check_both(|r| r.integer(i64::MAX), b":9223372036854775807\r\n");
        let body = [b'x'; 300];
        check_both(|r| r.bulk(&body), &[b"$300\r\n", &body[..], b"\r\n"].concat());
    }

    #[test]
    fn aggregates() {
        check(|r| r.map(2), b"*4\r\n", b"%2\r\n");
        check(|r| r.set(2), b"*2\r\n", b"~2\r\n");
        check(|r| r.push(3), b"*3\r\n", b">3\r\n");
        check_both(|r| r.bulks(["a", "bc"]), b"*2\r\n$1\r\na\r\n$2\r\nbc\r\n");
    }

    #[test]
    fn deferred_aggregates_nest() {
        let write = |r: &mut Reply<'_>| {
            let outer = r.defer();
            r.integer(1);
            let inner = r.defer();
            r.bulk(b"x");
            r.set_map(inner, 100);
            r.set_array(outer, 2);
            r.ok();
        };
        check(write, b"*2\r\n:1\r\n*200\r\n$1\r\nx\r\n+OK\r\n", b"*2\r\n:1\r\n%100\r\n$1\r\nx\r\n+OK\r\n");
        let empty = |r: &mut Reply<'_>| {
            let mark = r.defer();
            r.set_set(mark, 0);
        };
        check(empty, b"*0\r\n", b"~0\r\n");
        let text = |r: &mut Reply<'_>| {
            let mark = r.defer();
            r.encoded(b"twelve bytes");
            r.set_bulk(mark);
        };
        check_both(text, b"$12\r\ntwelve bytes\r\n");
    }

    #[test]
    fn rewind_takes_back() {
        let write = |r: &mut Reply<'_>| {
            let mark = r.defer();
            r.array(3);
            r.bulk(b"half");
            assert!(r.is_longer_than(mark));
            r.rewind(mark);
            r.error(&error::WRONG_TYPE);
        };
        check_both(write, b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    }
}
