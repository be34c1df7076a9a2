//! Replies as a client sees them: RESP2 and RESP3, decoded from bytes.
//!
//! Two nulls are kept apart (`$-1`, `*-1` and `_`), and so are simple strings and bulks: a comparison that
//! called them equal would miss what a typed client notices.

use std::fmt;

/// One reply, of either protocol version.
#[derive(Clone, PartialEq)]
pub enum Reply {
    /// `+text`
    Simple(Vec<u8>),
    /// `-text`, the code word included.
    Error(Vec<u8>),
    /// `:number`
    Integer(i64),
    /// `$length` and that many bytes.
    Bulk(Vec<u8>),
    /// `$-1`
    NullBulk,
    /// `*-1`
    NullArray,
    /// `_`
    Null,
    /// `*count`
    Array(Vec<Reply>),
    /// `~count`
    Set(Vec<Reply>),
    /// `%count`: pairs in the order they came.
    Map(Vec<(Reply, Reply)>),
    /// `>count`
    Push(Vec<Reply>),
    /// `|count` and the reply that follows it.
    Attributed(Vec<(Reply, Reply)>, Box<Reply>),
    /// `,text`: the text is kept, since how a number is printed is part of the contract.
    Double(Vec<u8>),
    /// `#t` or `#f`
    Boolean(bool),
    /// `(digits`
    BigNumber(Vec<u8>),
    /// `=length`, with the three-letter format and its colon.
    Verbatim(Vec<u8>),
}

/// The bytes are not RESP. Holds what was wrong.
#[derive(Debug, PartialEq)]
pub struct Malformed(pub String);

/// Decodes one reply from the front of `input`: the reply and how many bytes it took, or `None` when more must come.
pub fn decode(input: &[u8]) -> Result<Option<(Reply, usize)>, Malformed> {
    let mut cursor = Cursor { input, at: 0 };
    Ok(cursor.reply(0)?.map(|reply| (reply, cursor.at)))
}

/// The bytes of a command as clients send it: an array of bulks.
pub fn encode_command<A: AsRef<[u8]>>(arguments: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        let argument = argument.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Deeper than any server nests; a longer chain is taken for garbage.
const DEPTH_MAX: usize = 64;

struct Cursor<'a> {
    input: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn reply(&mut self, depth: usize) -> Result<Option<Reply>, Malformed> {
        if depth > DEPTH_MAX {
            return Err(Malformed("nested too deep".into()));
        }
        let Some(line) = self.line()? else { return Ok(None) };
        let Some((&kind, text)) = line.split_first() else { return Err(Malformed("empty line".into())) };
        let text = text.to_vec();
        let reply = match kind {
            b'+' => Reply::Simple(text),
            b'-' => Reply::Error(text),
            b':' => Reply::Integer(integer(&text)?),
            b',' => Reply::Double(text),
            b'(' => Reply::BigNumber(text),
            b'_' => Reply::Null,
            b'#' => Reply::Boolean(text == b"t"),
            b'$' if text == b"-1" => Reply::NullBulk,
            b'*' if text == b"-1" => Reply::NullArray,
            b'$' | b'=' => {
                let Some(bytes) = self.bulk(length(&text)?)? else { return Ok(None) };
                if kind == b'$' { Reply::Bulk(bytes) } else { Reply::Verbatim(bytes) }
            }
            b'*' | b'~' | b'>' => {
                let Some(items) = self.items(length(&text)?, depth)? else { return Ok(None) };
                match kind {
                    b'*' => Reply::Array(items),
                    b'~' => Reply::Set(items),
                    _ => Reply::Push(items),
                }
            }
            b'%' => match self.pairs(length(&text)?, depth)? {
                Some(pairs) => Reply::Map(pairs),
                None => return Ok(None),
            },
            b'|' => {
                let Some(pairs) = self.pairs(length(&text)?, depth)? else { return Ok(None) };
                let Some(reply) = self.reply(depth + 1)? else { return Ok(None) };
                Reply::Attributed(pairs, Box::new(reply))
            }
            other => return Err(Malformed(format!("unknown type byte {:?}", char::from(other)))),
        };
        Ok(Some(reply))
    }

    fn line(&mut self) -> Result<Option<&[u8]>, Malformed> {
        let rest = &self.input[self.at..];
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else { return Ok(None) };
        if end == 0 || rest[end - 1] != b'\r' {
            return Err(Malformed(format!("line without CR: {:?}", String::from_utf8_lossy(&rest[..end]))));
        }
        self.at += end + 1;
        Ok(Some(&rest[..end - 1]))
    }

    fn bulk(&mut self, length: usize) -> Result<Option<Vec<u8>>, Malformed> {
        let rest = &self.input[self.at..];
        if rest.len() < length + 2 {
            return Ok(None);
        }
        if &rest[length..length + 2] != b"\r\n" {
            return Err(Malformed(format!("bulk of {length} bytes does not end in CRLF")));
        }
        self.at += length + 2;
        Ok(Some(rest[..length].to_vec()))
    }

    fn items(&mut self, count: usize, depth: usize) -> Result<Option<Vec<Reply>>, Malformed> {
        let mut items = Vec::new();
        for _ in 0..count {
            match self.reply(depth + 1)? {
                Some(item) => items.push(item),
                None => return Ok(None),
            }
        }
        Ok(Some(items))
    }

    fn pairs(&mut self, count: usize, depth: usize) -> Result<Option<Vec<(Reply, Reply)>>, Malformed> {
        let Some(items) = self.items(count * 2, depth)? else { return Ok(None) };
        let mut items = items.into_iter();
        let mut pairs = Vec::with_capacity(count);
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            pairs.push((key, value));
        }
        Ok(Some(pairs))
    }
}

fn integer(text: &[u8]) -> Result<i64, Malformed> {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| Malformed(format!("not an integer: {:?}", String::from_utf8_lossy(text))))
}

fn length(text: &[u8]) -> Result<usize, Malformed> {
    usize::try_from(integer(text)?).map_err(|_| Malformed("negative length".into()))
}

impl Reply {
    /// The bytes of a simple string, error, bulk or verbatim reply.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Reply::Simple(bytes) | Reply::Error(bytes) | Reply::Bulk(bytes) | Reply::Verbatim(bytes) => {
                Some(bytes)
            }
            _ => None,
        }
    }

    /// The text of a simple string, error, bulk or verbatim reply, lossy; empty for every other kind.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes().unwrap_or_default()).into_owned()
    }

    /// The items of an array, set or push.
    pub fn items(&self) -> Option<&[Reply]> {
        match self {
            Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs of a map, or of the flat array that stands for one in RESP2.
    pub fn pairs(&self) -> Option<Vec<(Reply, Reply)>> {
        match self {
            Reply::Map(pairs) => Some(pairs.clone()),
            Reply::Array(items) if items.len() % 2 == 0 => {
                Some(items.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
            }
            _ => None,
        }
    }

    /// Whether this is `+OK`.
    pub fn is_ok(&self) -> bool {
        matches!(self, Reply::Simple(text) if text == b"OK")
    }

    /// Whether this is an error reply.
    pub fn is_error(&self) -> bool {
        matches!(self, Reply::Error(_))
    }
}

impl fmt::Debug for Reply {
    /// On one line, much as redis-cli prints it, each kind recognisable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Simple(text) => write!(f, "+{}", text.escape_ascii()),
            Reply::Error(text) => write!(f, "-{}", text.escape_ascii()),
            Reply::Integer(number) => write!(f, ":{number}"),
            Reply::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Reply::NullBulk => f.write_str("$-1"),
            Reply::NullArray => f.write_str("*-1"),
            Reply::Null => f.write_str("_"),
            Reply::Double(text) => write!(f, ",{}", text.escape_ascii()),
            Reply::Boolean(value) => write!(f, "#{value}"),
            Reply::BigNumber(text) => write!(f, "({}", text.escape_ascii()),
            Reply::Verbatim(bytes) => write!(f, "={}", bytes.escape_ascii()),
            Reply::Array(items) => f.debug_list().entries(items).finish(),
            Reply::Set(items) => {
                f.write_str("~")?;
                f.debug_set().entries(items).finish()
            }
            Reply::Push(items) => {
                f.write_str(">")?;
                f.debug_list().entries(items).finish()
            }
            Reply::Map(pairs) => {
                f.debug_map().entries(pairs.iter().map(|(key, value)| (key, value))).finish()
            }
            Reply::Attributed(pairs, reply) => {
                f.write_str("|")?;
                f.debug_map().entries(pairs.iter().map(|(key, value)| (key, value))).finish()?;
                write!(f, " {reply:?}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Malformed, Reply, decode, encode_command};

    fn check(bytes: &[u8], shown: &str) {
        let (reply, length) = decode(bytes).unwrap().expect("a whole reply");
        assert_eq!(format!("{reply:?}"), shown);
        assert_eq!(length, bytes.len());
        for cut in 0..bytes.len() {
            assert_eq!(decode(&bytes[..cut]), Ok(None), "cut at {cut} of {shown}");
        }
    }

    #[test]
    fn every_kind_decodes_and_waits_for_its_end() {
        check(b"+OK\r\n", "+OK");
        check(b"-ERR no\r\n", "-ERR no");
        check(b":-9223372036854775808\r\n", ":-9223372036854775808");
        check(b"$4\r\na\r\nb\r\n", r#""a\r\nb""#);
        check(b"$-1\r\n", "$-1");
        check(b"*-1\r\n", "*-1");
        check(b"_\r\n", "_");
        check(b"*2\r\n:1\r\n*0\r\n", "[:1, []]");
        check(b"~1\r\n#t\r\n", "~{#true}");
        check(b"%1\r\n+a\r\n,1.5\r\n", "{+a: ,1.5}");
        check(b">2\r\n+message\r\n$0\r\n\r\n", r#">[+message, ""]"#);
        check(b"|1\r\n+ttl\r\n:3\r\n(12\r\n", "|{+ttl: :3} (12");
        check(b"=5\r\ntxt:a\r\n", "=txt:a");
    }

    #[test]
    fn garbage_is_refused() {
        assert!(matches!(decode(b"?\r\n"), Err(Malformed(_))));
        assert!(matches!(decode(b"+a\n"), Err(Malformed(_))));
        assert!(matches!(decode(b"$1\r\nab\r\n"), Err(Malformed(_))));
    }

    #[test]
    fn a_command_is_an_array_of_bulks() {
        assert_eq!(encode_command(&["GET", ""]), b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n");
        let (reply, _) = decode(&encode_command(&["GET"])).unwrap().unwrap();
        assert_eq!(reply, Reply::Array(vec![Reply::Bulk(b"GET".to_vec())]));
    }
}
