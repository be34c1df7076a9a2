//! The reply decoder: RESP2 and RESP3 bytes into values, for tests, load generators and links to other servers.
//!
//! Strict where the writer is: every header is canonical, every line ends in `\r\n`. Texts of doubles are kept as they came, so
//! that two servers' replies can be compared to the letter. Invariants: nesting is bounded, memory is bounded
//! by the bytes that have come, and incomplete bytes are never an error.

use crate::number::{parse_f64, parse_i64};
use memchr::memchr;
use std::fmt;

/// Levels of aggregates within each other at most.
pub const DEPTH_MAX: usize = 128;
/// Longest bulk string in bytes.
const BULK_LEN_MAX: usize = 1 << 40;
/// Longest header or status line in bytes.
const LINE_LEN_MAX: usize = 1 << 20;

/// Elements of an aggregate that room is made for before they have come.
const CAPACITY_FIRST_MAX: usize = 64;

/// A reply.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// `+status`
    Simple(Vec<u8>),
    /// `-ERR text`, or the bulk form `!`
    Error(Vec<u8>),
    /// `:1`
    Integer(i64),
    /// `$3`
    Bulk(Vec<u8>),
    /// `$-1`
    NullBulk,
    /// `*-1`
    NullArray,
    /// `_`
    Null,
    /// `*2`
    Array(Vec<Value>),
    /// `%1`
    Map(Vec<(Value, Value)>),
    /// `~2`
    Set(Vec<Value>),
    /// `>2`
    Push(Vec<Value>),
    /// `|1` and the reply that follows it
    Attribute(Vec<(Value, Value)>, Box<Value>),
    /// `,1.5`, as it was printed
    Double(Vec<u8>),
    /// `#t`
    Boolean(bool),
    /// `(123`, as it was printed
    BigNumber(Vec<u8>),
    /// `=7` with its format
    Verbatim([u8; 3], Vec<u8>),
}

/// Bytes that are no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// No reply begins with this byte.
    Kind(u8),
    /// A number, length or line that is not as it should be.
    Malformed,
    /// Too many aggregates within each other.
    Depth,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Kind(byte) => write!(f, "no reply begins with '{}'", byte.escape_ascii()),
            DecodeError::Malformed => f.write_str("malformed reply"),
            DecodeError::Depth => write!(f, "reply nested deeper than {DEPTH_MAX} levels"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// The first reply in `buf` and how many bytes it takes; nothing while it is incomplete.
pub fn decode(buf: &[u8]) -> Result<Option<(Value, usize)>, DecodeError> {
    let mut decoder = Decoder { buf, pos: 0 };
    match decoder.value(0) {
        Ok(value) => Ok(Some((value, decoder.pos))),
        Err(Stop::Incomplete) => Ok(None),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// All replies in `buf`, which must end with the last of them.
pub fn decode_all(mut buf: &[u8]) -> Result<Vec<Value>, DecodeError> {
    let mut values = Vec::new();
    while !buf.is_empty() {
        let (value, used) = decode(buf)?.ok_or(DecodeError::Malformed)?;
        values.push(value);
        buf = &buf[used..];
    }
    Ok(values)
}

impl Value {
    /// A bulk string.
    pub fn bulk(bytes: impl AsRef<[u8]>) -> Value {
        Value::Bulk(bytes.as_ref().to_vec())
    }

    /// A status.
    pub fn simple(status: &str) -> Value {
        Value::Simple(status.into())
    }

    /// An error.
    pub fn error(text: &str) -> Value {
        Value::Error(text.into())
    }

    /// An array of bulk strings.
    pub fn bulks<B: AsRef<[u8]>>(items: impl IntoIterator<Item = B>) -> Value {
        Value::Array(items.into_iter().map(Value::bulk).collect())
    }

    /// Whether this is any of the three nulls.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null | Value::NullBulk | Value::NullArray)
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_))
    }

    /// The bytes of anything that is a text.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Simple(bytes) | Value::Error(bytes) | Value::Bulk(bytes) => Some(bytes),
            Value::Double(bytes) | Value::BigNumber(bytes) | Value::Verbatim(_, bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text of anything that is one, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// An integer, also from a text that is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Integer(value) => Some(*value),
            Value::Boolean(value) => Some((*value).into()),
            text => parse_i64(text.as_bytes()?),
        }
    }

    /// A double, also from a text that is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Integer(value) => Some(*value as f64),
            text => parse_f64(text.as_bytes()?),
        }
    }

    /// The elements of an array, set or push message.
    pub fn as_slice(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => Some(items),
            _ => None,
        }
    }

    /// The value under a key of a map, or of an array that is one in RESP2.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(pairs) => pairs.iter().find(|(k, _)| k.as_str() == Some(key)).map(|(_, v)| v),
            Value::Array(items) => {
                items.chunks_exact(2).find(|pair| pair[0].as_str() == Some(key)).map(|pair| &pair[1])
            }
            _ => None,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Simple(bytes) => write!(f, "+{}", bytes.escape_ascii()),
            Value::Error(bytes) => write!(f, "-{}", bytes.escape_ascii()),
            Value::Integer(value) => write!(f, ":{value}"),
            Value::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Value::NullBulk => f.write_str("$-1"),
            Value::NullArray => f.write_str("*-1"),
            Value::Null => f.write_str("_"),
            Value::Array(items) => f.debug_list().entries(items).finish(),
            Value::Map(pairs) => debug_map(f, pairs),
            Value::Set(items) => f.debug_set().entries(items).finish(),
            Value::Push(items) => {
                f.write_str(">")?;
                f.debug_list().entries(items).finish()
            }
            Value::Attribute(pairs, value) => {
                f.write_str("|")?;
                debug_map(f, pairs)?;
                write!(f, " {value:?}")
            }
            Value::Double(text) => write!(f, ",{}", text.escape_ascii()),
            Value::Boolean(value) => write!(f, "#{value}"),
            Value::BigNumber(digits) => write!(f, "({}", digits.escape_ascii()),
            Value::Verbatim(format, bytes) => {
                write!(f, "={}:\"{}\"", format.escape_ascii(), bytes.escape_ascii())
            }
        }
    }
}

fn debug_map(f: &mut fmt::Formatter<'_>, pairs: &[(Value, Value)]) -> fmt::Result {
    f.debug_map().entries(pairs.iter().map(|(key, value)| (key, value))).finish()
}

/// Why decoding did not go on.
enum Stop {
    Incomplete,
    Failed(DecodeError),
}

impl From<DecodeError> for Stop {
    fn from(error: DecodeError) -> Stop {
        Stop::Failed(error)
    }
}

struct Decoder<'a> {
    buf: &'a [u8],
    pos: usize,
}

impl<'a> Decoder<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, Stop> {
        if depth > DEPTH_MAX {
            return Err(DecodeError::Depth.into());
        }
        let kind = *self.buf.get(self.pos).ok_or(Stop::Incomplete)?;
        if !b"+-:$*_%~>|,#(=!".contains(&kind) {
            return Err(DecodeError::Kind(kind).into());
        }
        self.pos += 1;
        let line = self.line()?;
        let value = match kind {
            b'+' => Value::Simple(line.to_vec()),
            b'-' => Value::Error(line.to_vec()),
            b':' => Value::Integer(parse_i64(line).ok_or(DecodeError::Malformed)?),
            b'$' if line == b"-1" => Value::NullBulk,
            b'*' if line == b"-1" => Value::NullArray,
            b'$' => Value::Bulk(self.bulk(line)?.to_vec()),
            b'!' => Value::Error(self.bulk(line)?.to_vec()),
            b'=' => self.verbatim(line)?,
            b'*' => Value::Array(self.values(line, depth)?),
            b'~' => Value::Set(self.values(line, depth)?),
            b'>' => Value::Push(self.values(line, depth)?),
            b'%' => Value::Map(self.pairs(line, depth)?),
            b'|' => Value::Attribute(self.pairs(line, depth)?, Box::new(self.value(depth + 1)?)),
            b'_' if line.is_empty() => Value::Null,
            b'#' if line == b"t" => Value::Boolean(true),
            b'#' if line == b"f" => Value::Boolean(false),
            b',' if is_double(line) => Value::Double(line.to_vec()),
            b'(' if is_big_number(line) => Value::BigNumber(line.to_vec()),
            _ => return Err(DecodeError::Malformed.into()),
        };
        Ok(value)
    }

    /// The rest of the line.
    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let rest = &self.buf[self.pos..];
        let window = &rest[..rest.len().min(LINE_LEN_MAX)];
        match memchr(b'\r', window) {
            None if window.len() == LINE_LEN_MAX => Err(DecodeError::Malformed.into()),
            None => Err(Stop::Incomplete),
            Some(end) => match rest.get(end + 1) {
                None => Err(Stop::Incomplete),
                Some(b'\n') => {
                    self.pos += end + 2;
                    Ok(&rest[..end])
                }
                Some(_) => Err(DecodeError::Malformed.into()),
            },
        }
    }

    fn bulk(&mut self, line: &[u8]) -> Result<&'a [u8], Stop> {
        let len = len(line)?;
        if len > BULK_LEN_MAX {
            return Err(DecodeError::Malformed.into());
        }
        let rest = &self.buf[self.pos..];
        if rest.len() < len + 2 {
            return Err(Stop::Incomplete);
        }
        if &rest[len..len + 2] != b"\r\n" {
            return Err(DecodeError::Malformed.into());
        }
        self.pos += len + 2;
        Ok(&rest[..len])
    }

    fn verbatim(&mut self, line: &[u8]) -> Result<Value, Stop> {
        let bulk = self.bulk(line)?;
        match bulk {
            &[a, b, c, b':', ref text @ ..] => Ok(Value::Verbatim([a, b, c], text.to_vec())),
            _ => Err(DecodeError::Malformed.into()),
        }
    }

    fn values(&mut self, line: &[u8], depth: usize) -> Result<Vec<Value>, Stop> {
        let count = len(line)?;
        let mut values = Vec::with_capacity(count.min(CAPACITY_FIRST_MAX));
        for _ in 0..count {
            values.push(self.value(depth + 1)?);
        }
        Ok(values)
    }

    fn pairs(&mut self, line: &[u8], depth: usize) -> Result<Vec<(Value, Value)>, Stop> {
        let count = len(line)?;
        let mut pairs = Vec::with_capacity(count.min(CAPACITY_FIRST_MAX));
        for _ in 0..count {
            pairs.push((self.value(depth + 1)?, self.value(depth + 1)?));
        }
        Ok(pairs)
    }
}

fn len(line: &[u8]) -> Result<usize, Stop> {
    let len = parse_i64(line).and_then(|len| usize::try_from(len).ok());
    len.ok_or(Stop::Failed(DecodeError::Malformed))
}

fn is_double(text: &[u8]) -> bool {
    matches!(text, b"nan" | b"-nan") || parse_f64(text).is_some()
}

fn is_big_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reply, Resp};
    use proptest::prelude::*;

    /// The whole is this value, and every part of it is incomplete.
    #[track_caller]
    fn check(bytes: &[u8], value: Value) {
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), Ok(None), "{}", bytes[..end].escape_ascii());
        }
        let followed = [bytes, b"+next\r\n"].concat();
        assert_eq!(decode(&followed), Ok(Some((value, bytes.len()))), "{}", bytes.escape_ascii());
    }

    #[test]
    fn scalars() {
        check(b"+OK\r\n", Value::simple("OK"));
        check(b"-ERR no\r\n", Value::error("ERR no"));
        check(b"!6\r\nERR no\r\n", Value::error("ERR no"));
        check(b":-12\r\n", Value::Integer(-12));
        check(b"$5\r\na\r\nbc\r\n", Value::bulk("a\r\nbc"));
        check(b"$0\r\n\r\n", Value::bulk(""));
        check(b"$-1\r\n", Value::NullBulk);
        check(b"*-1\r\n", Value::NullArray);
        check(b"_\r\n", Value::Null);
        check(b"#t\r\n", Value::Boolean(true));
        check(b"#f\r\n", Value::Boolean(false));
        check(b",-1.5e+30\r\n", Value::Double(b"-1.5e+30".to_vec()));
        check(b",inf\r\n", Value::Double(b"inf".to_vec()));
        check(b",nan\r\n", Value::Double(b"nan".to_vec()));
        check(b"(-123\r\n", Value::BigNumber(b"-123".to_vec()));
        check(b"=7\r\ntxt:abc\r\n", Value::Verbatim(*b"txt", b"abc".to_vec()));
    }

    #[test]
    fn aggregates() {
        let (one, two) = (Value::Integer(1), Value::bulk("2"));
        let both = vec![one.clone(), two.clone()];
        let pairs = vec![(one.clone(), two.clone())];
        check(b"*2\r\n:1\r\n$1\r\n2\r\n", Value::Array(both.clone()));
        check(b"~2\r\n:1\r\n$1\r\n2\r\n", Value::Set(both.clone()));
        check(b">2\r\n:1\r\n$1\r\n2\r\n", Value::Push(both));
        check(b"%1\r\n:1\r\n$1\r\n2\r\n", Value::Map(pairs.clone()));
        check(b"|1\r\n:1\r\n$1\r\n2\r\n+OK\r\n", Value::Attribute(pairs, Box::new(Value::simple("OK"))));
        check(b"*1\r\n*1\r\n*0\r\n", Value::Array(vec![Value::Array(vec![Value::Array(vec![])])]));
    }

    #[test]
    fn bytes_that_are_no_reply() {
        assert_eq!(decode(b"PING\r\n"), Err(DecodeError::Kind(b'P')));
        let malformed: [&[u8]; 16] = [
            b":\r\n",
            b":1.5\r\n",
            b":01\r\n",
            b"$-2\r\n",
            b"$x\r\n",
            b"$1\r\nabc",
            b"*-2\r\n",
            b"_x\r\n",
            b"#\r\n",
            b"#x\r\n",
            b",x\r\n",
            b"(1.5\r\n",
            b"=3\r\ntxt\r\n",
            b"+OK\rx",
            b"%-1\r\n",
            b"$99999999999999999\r\n",
        ];
        for bytes in malformed {
            assert_eq!(decode(bytes), Err(DecodeError::Malformed), "{}", bytes.escape_ascii());
        }
        let nested = |levels: usize| [&b"*1\r\n".repeat(levels)[..], b":1\r\n"].concat();
        assert!(matches!(decode(&nested(DEPTH_MAX)), Ok(Some(_))));
        assert_eq!(decode(&nested(DEPTH_MAX + 1)), Err(DecodeError::Depth));
        assert_eq!(decode_all(b"+OK\r\n:1"), Err(DecodeError::Malformed));
        assert_eq!(decode_all(b"+OK\r\n:1\r\n"), Ok(vec![Value::simple("OK"), Value::Integer(1)]));
    }

    #[test]
    fn values_are_handy() {
        let info = Value::bulks(["proto", "3", "score", "1.5"]);
        assert_eq!(info.get("proto").and_then(Value::as_i64), Some(3));
        assert_eq!(info.get("score").and_then(Value::as_f64), Some(1.5));
        assert_eq!(info.get("none"), None);
        let map = Value::Map(vec![(Value::bulk("k"), Value::Boolean(true))]);
        assert_eq!(map.get("k").and_then(Value::as_i64), Some(1));
        assert_eq!(
            format!("{:?}", Value::Array(vec![info, map])),
            r#"[["proto", "3", "score", "1.5"], {"k": #true}]"#
        );
        assert!(Value::NullBulk.is_null() && Value::error("ERR").is_error());
    }

    fn value() -> impl Strategy<Value = Value> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..20);
        let leaf = prop_oneof![
            any::<i64>().prop_map(Value::Integer),
            bytes().prop_map(Value::Bulk),
            "[a-zA-Z ]{0,9}".prop_map(|text| Value::simple(&text)),
            Just(Value::Null),
            any::<bool>().prop_map(Value::Boolean),
            bytes().prop_map(|bytes| Value::Verbatim(*b"mkd", bytes)),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            let items = || prop::collection::vec(inner.clone(), 0..5);
            let pairs = prop::collection::vec((inner.clone(), inner.clone()), 0..4);
            prop_oneof![
                items().prop_map(Value::Array),
                items().prop_map(Value::Set),
                items().prop_map(Value::Push),
                pairs.prop_map(Value::Map),
            ]
        })
    }

    /// What the reply writer makes of a value; every aggregate deferred.
    fn write(reply: &mut Reply<'_>, value: &Value) {
        let mark = reply.defer();
        match value {
            Value::Integer(value) => reply.integer(*value),
            Value::Bulk(bytes) => reply.bulk(bytes),
            Value::Simple(_) => reply.simple(value.as_str().unwrap_or_default()),
            Value::Boolean(value) => reply.boolean(*value),
            Value::Verbatim(format, bytes) => reply.verbatim(format, bytes),
            Value::Array(items) | Value::Set(items) | Value::Push(items) => {
                items.iter().for_each(|item| write(reply, item));
                match value {
                    Value::Array(_) => reply.set_array(mark, items.len()),
                    Value::Set(_) => reply.set_set(mark, items.len()),
                    _ => reply.set_push(mark, items.len()),
                }
            }
            Value::Map(pairs) => {
                for (key, value) in pairs {
                    write(reply, key);
                    write(reply, value);
                }
                reply.set_map(mark, pairs.len());
            }
            _ => reply.null(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn written_replies_come_back(value in value()) {
            let mut out = Vec::new();
            write(&mut Reply::new(&mut out, Resp::V3), &value);
            prop_assert_eq!(decode(&out), Ok(Some((value, out.len()))));
        }

        #[test]
        fn any_bytes_are_answered(bytes: Vec<u8>) {
            if let Ok(Some((_, used))) = decode(&bytes) {
                prop_assert!(used <= bytes.len());
            }
        }
    }
}
