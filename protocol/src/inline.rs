//! Words of a line: the quoting rules of inline requests, configuration lines and command-line interfaces.
//!
//! Words are separated by white space. A quote may begin anywhere in a word and its closing quote ends it:
//! what follows must be white space or the end of the line.
//!
//! | inside | means |
//! |---|---|
//! | `"..."` | `\xHH` a byte in hexadecimal; `\n \r \t \b \a` control bytes; `\` and any other byte: that byte |
//! | `'...'` | `\'` a single quote; everything else is literal |

/// An open quote, or bytes right after a closing one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unbalanced;

/// Splits a line into its words.
pub fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, Unbalanced> {
    let mut words = Words::new(line);
    let mut out = Vec::new();
    loop {
        let mut text = Vec::new();
        match words.next_word(&mut text)? {
            None => return Ok(out),
            Some(Word::Inside { start, end }) => out.push(line[start..end].to_vec()),
            Some(Word::Unquoted) => out.push(text),
        }
    }
}

/// Where a word's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// In the line itself, as they stand.
    Inside { start: usize, end: usize },
    /// At the end of the text that the caller gave: quotes had to be taken out.
    Unquoted,
}

/// The words of a line, one after the other.
pub(crate) struct Words<'a> {
    line: &'a [u8],
    pos: usize,
}

impl<'a> Words<'a> {
    pub(crate) fn new(line: &'a [u8]) -> Words<'a> {
        Words { line, pos: 0 }
    }

    /// The next word; one that had to be unquoted is appended to `text`.
    pub(crate) fn next_word(&mut self, text: &mut Vec<u8>) -> Result<Option<Word>, Unbalanced> {
        while self.peek(0).is_some_and(is_space) {
            self.pos += 1;
        }
        let start = self.pos;
        loop {
            match self.peek(0) {
                None if self.pos == start => return Ok(None),
                None | Some(b' ' | b'\n' | b'\r' | b'\t') => {
                    return Ok(Some(Word::Inside { start, end: self.pos }));
                }
                Some(quote @ (b'"' | b'\'')) => {
                    text.extend_from_slice(&self.line[start..self.pos]);
                    self.pos += 1;
                    if quote == b'"' {
                        self.double_quoted(text)?
                    } else {
                        self.single_quoted(text)?
                    }
                    let apart = self.peek(0).is_none_or(is_space);
                    return if apart { Ok(Some(Word::Unquoted)) } else { Err(Unbalanced) };
                }
                Some(_) => self.pos += 1,
            }
        }
    }

    fn double_quoted(&mut self, text: &mut Vec<u8>) -> Result<(), Unbalanced> {
        loop {
            let byte = self.peek(0).ok_or(Unbalanced)?;
            self.pos += 1;
            match (byte, self.peek(0)) {
                (b'"', _) => return Ok(()),
                (b'\\', Some(escaped)) => {
                    let unescaped = self.escape(escaped);
                    text.push(unescaped);
                }
                _ => text.push(byte),
            }
        }
    }

    /// The byte that an escape stands for; `escaped` is the one after the backslash.
    fn escape(&mut self, escaped: u8) -> u8 {
        if let (b'x', Some(high), Some(low)) = (escaped, self.hex_digit(1), self.hex_digit(2)) {
            self.pos += 3;
            return high * 16 + low;
        }
        self.pos += 1;
        match escaped {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 0x08,
            b'a' => 0x07,
            other => other,
        }
    }

    fn single_quoted(&mut self, text: &mut Vec<u8>) -> Result<(), Unbalanced> {
        loop {
            let byte = self.peek(0).ok_or(Unbalanced)?;
            self.pos += 1;
            match (byte, self.peek(0)) {
                (b'\'', _) => return Ok(()),
                (b'\\', Some(b'\'')) => {
                    text.push(b'\'');
                    self.pos += 1;
                }
                _ => text.push(byte),
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.line.get(self.pos + ahead).copied()
    }

    fn hex_digit(&self, ahead: usize) -> Option<u8> {
        let digit = (self.peek(ahead)? as char).to_digit(16)?;
        Some(digit as u8)
    }
}

/// White space as C's `isspace` has it: also vertical tab and form feed.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &[u8], words: Result<&[&[u8]], Unbalanced>) {
        let expected = words.map(|words| words.iter().map(|word| word.to_vec()).collect());
        assert_eq!(split(line), expected, "{}", line.escape_ascii());
    }

    #[test]
    fn words_are_split_at_white_space() {
        check(b"", Ok(&[]));
        check(b" \t\x0b\x0c\r ", Ok(&[]));
        check(b"PING", Ok(&[b"PING"]));
        check(b"  set\tkey  value ", Ok(&[b"set", b"key", b"value"]));
        check(b"a\rb\nc", Ok(&[b"a", b"b", b"c"]));
        check(b"a\x0bb", Ok(&[b"a\x0bb"]));
        check(b"\0 \xff", Ok(&[b"\0", b"\xff"]));
    }

    #[test]
    fn double_quotes_know_escapes() {
        check(br#"set "a b" """#, Ok(&[b"set", b"a b", b""]));
        check(br#""\x41\x7a\xFf\x00""#, Ok(&[b"Az\xff\0"]));
        check(br#""\n\r\t\b\a\\\"\q\'""#, Ok(&[b"\n\r\t\x08\x07\\\"q'"]));
        check(br#""\x4g\x""#, Ok(&[b"x4gx"]));
        check(br#"foo"bar" x"#, Ok(&[b"foobar", b"x"]));
        check(br#"it\"s""#, Ok(&[br"it\s"]));
    }

    #[test]
    fn single_quotes_are_literal_but_for_themselves() {
        check(br"'a \n b' ''", Ok(&[br"a \n b", b""]));
        check(br"'it\'s'", Ok(&[b"it's"]));
        check(br#"'say "x"'"#, Ok(&[br#"say "x""#]));
        check(br"pre'fix'", Ok(&[b"prefix"]));
    }

    #[test]
    fn open_quotes_and_bytes_after_closing_ones_are_refused() {
        for line in
            [&br#"""#[..], b"'", br#"set "a"#, b"set 'a", br#""a"b"#, b"'a'b", br#""a\"#, br#""a""b""#]
        {
            check(line, Err(Unbalanced));
        }
        check(b"\"a\"\x0bb", Ok(&[b"a", b"b"]));
    }
}
