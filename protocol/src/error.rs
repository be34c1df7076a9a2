//! Every error text a client can see, once.
//!
//! A text holds its code: `ERR syntax error`, `WRONGTYPE Operation against ..`. Clients and their tests match on
//! these to the letter, so that they are data here and nowhere else: constants for fixed texts, functions for those that name
//! something. Texts by family:
//!
//! | part | families |
//! |---|---|
//! | this file | the type, numbers and syntax, protocol, command lookup |
//! | [`self::state`] | the server's state: loading, out of memory, read only, authentication, permission |
//! | [`self::families`] | one family of commands each |
//!
//! Invariants: a text holds no line break (one that a client sneaks in becomes a space), it is never empty, and it
//! begins with its code.

mod families;
mod state;

pub use families::*;
pub use state::*;

use std::borrow::Cow;
use std::fmt;

/// Bytes of a client's word that an error text repeats at most.
const WORD_LEN_MAX: usize = 128;

/// Constants for fixed texts, each documented by its text.
macro_rules! texts {
    ($($name:ident = $text:literal;)*) => {
        $(
            #[doc = concat!("`", $text, "`")]
            pub const $name: ReplyError = ReplyError::fixed($text);
        )*
    };
}
use texts;

/// An error reply: the text with its code in front, without the leading `-` and the line end.
#[derive(Clone, PartialEq, Eq)]
pub struct ReplyError(Cow<'static, [u8]>);

impl ReplyError {
    /// An error of fixed text, code included.
    pub const fn fixed(text: &'static str) -> ReplyError {
        ReplyError(Cow::Borrowed(text.as_bytes()))
    }

    /// An error of formatted text, code included. Line breaks at either end are taken off, those inside become spaces.
    pub fn formatted(text: impl Into<Vec<u8>>) -> ReplyError {
        let mut text = text.into();
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        text.truncate(text.iter().rposition(|byte| !is_break(byte)).map_or(0, |last| last + 1));
        text.drain(..text.iter().position(|byte| !is_break(byte)).unwrap_or(0));
        text.iter_mut().filter(|byte| is_break(byte)).for_each(|byte| *byte = b' ');
        ReplyError(Cow::Owned(text))
    }

    /// The text, code included.
    #[inline]
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// The code: what stands before the first space of the text, as error statistics count it.
    /// `ERR` when there is no space within the first 31 bytes.
    pub fn code(&self) -> &[u8] {
        let head = &self.0[..self.0.len().min(31)];
        match head.iter().position(|&byte| byte == b' ') {
            Some(space) => &head[..space],
            None => b"ERR",
        }
    }
}

impl fmt::Debug for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplyError({})", self.0.escape_ascii())
    }
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl std::error::Error for ReplyError {}

/// Texts put together from parts, some of which are a client's bytes.
fn text(parts: &[&[u8]]) -> ReplyError {
    ReplyError::formatted(parts.concat())
}

/// A client's word as a text repeats it: up to its first NUL byte.
fn word(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    &bytes[..end]
}

/// The same, cut to a length that does no harm.
fn clipped(bytes: &[u8], len_max: usize) -> &[u8] {
    word(&bytes[..bytes.len().min(len_max)])
}

texts! {
    SYNTAX = "ERR syntax error";
    WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
    NO_SUCH_KEY = "ERR no such key";
    SAME_OBJECT = "ERR source and destination objects are the same";
    INDEX_OUT_OF_RANGE = "ERR index out of range";
    NOT_AN_INTEGER = "ERR value is not an integer or out of range";
    NOT_A_FLOAT = "ERR value is not a valid float";
    OUT_OF_RANGE = "ERR value is out of range";
    NOT_POSITIVE = "ERR value is out of range, must be positive";
    NUMKEYS_NOT_POSITIVE = "ERR numkeys should be greater than 0";
    COUNT_NOT_POSITIVE = "ERR count should be greater than 0";
    INVALID_CURSOR = "ERR invalid cursor";
    TIMEOUT_NOT_A_FLOAT = "ERR timeout is not a float or out of range";
    TIMEOUT_NOT_AN_INTEGER = "ERR timeout is not an integer or out of range";
    TIMEOUT_NEGATIVE = "ERR timeout is negative";
    TIMEOUT_OUT_OF_RANGE = "ERR timeout is out of range";
    BUSY_KEY = "BUSYKEY Target key name already exists.";

    PROTOCOL_INLINE_TOO_LONG = "ERR Protocol error: too big inline request";
    PROTOCOL_UNBALANCED_QUOTES = "ERR Protocol error: unbalanced quotes in request";
    PROTOCOL_MULTIBULK_HEADER_TOO_LONG = "ERR Protocol error: too big mbulk count string";
    PROTOCOL_MULTIBULK_LEN = "ERR Protocol error: invalid multibulk length";
    PROTOCOL_UNAUTHENTICATED_MULTIBULK_LEN = "ERR Protocol error: unauthenticated multibulk length";
    PROTOCOL_BULK_HEADER_TOO_LONG = "ERR Protocol error: too big bulk count string";
    PROTOCOL_BULK_LEN = "ERR Protocol error: invalid bulk length";
    PROTOCOL_UNAUTHENTICATED_BULK_LEN = "ERR Protocol error: unauthenticated bulk length";
}

/// `ERR Protocol error: expected '$', got '<byte>'`
pub fn protocol_expected_bulk(got: u8) -> ReplyError {
    text(&[b"ERR Protocol error: expected '$', got '", &[got], b"'"])
}

/// `ERR value is out of range, value must between <min> and <max>`
pub fn out_of_range(min: i64, max: i64) -> ReplyError {
    ReplyError::formatted(format!("ERR value is out of range, value must between {min} and {max}"))
}

/// `ERR unknown command '<name>', with args beginning with: '<arg>' '<arg>' `: the name cut to 128 bytes, the
/// arguments to 128 bytes together.
pub fn unknown_command<'a>(name: &[u8], args: impl IntoIterator<Item = &'a [u8]>) -> ReplyError {
    let mut shown: Vec<u8> = Vec::with_capacity(WORD_LEN_MAX + 3);
    for arg in args {
        if shown.len() >= WORD_LEN_MAX {
            break;
        }
        let room = WORD_LEN_MAX - shown.len();
        shown.push(b'\'');
        shown.extend_from_slice(clipped(arg, room));
        shown.extend_from_slice(b"' ");
    }
    let name = clipped(name, WORD_LEN_MAX);
    text(&[b"ERR unknown command '", name, b"', with args beginning with: ", &shown])
}

/// `ERR unknown subcommand '<subcommand>'. Try <COMMAND> HELP.`
pub fn unknown_subcommand(command: &[u8], subcommand: &[u8]) -> ReplyError {
    let command = word(command).to_ascii_uppercase();
    let subcommand = clipped(subcommand, WORD_LEN_MAX);
    text(&[b"ERR unknown subcommand '", subcommand, b"'. Try ", &command, b" HELP."])
}

/// `ERR unknown subcommand or wrong number of arguments for '<subcommand>'. Try <COMMAND> HELP.`
pub fn subcommand_syntax(command: &[u8], subcommand: &[u8]) -> ReplyError {
    let command = word(command).to_ascii_uppercase();
    let subcommand = clipped(subcommand, WORD_LEN_MAX);
    let head = b"ERR unknown subcommand or wrong number of arguments for '";
    text(&[head, subcommand, b"'. Try ", &command, b" HELP."])
}

/// `ERR wrong number of arguments for '<name>' command`; a subcommand's name is `command|subcommand`.
pub fn wrong_arity(name: &str) -> ReplyError {
    text(&[b"ERR wrong number of arguments for '", name.as_bytes(), b"' command"])
}

/// `ERR invalid expire time in '<name>' command`
pub fn invalid_expire_time(name: &str) -> ReplyError {
    text(&[b"ERR invalid expire time in '", name.as_bytes(), b"' command"])
}

/// `ERR <name> must be ...`-like texts of one place: `ERR <message>`.
pub fn message(message: &str) -> ReplyError {
    text(&[b"ERR ", message.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: ReplyError, text: &str) {
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn line_breaks_never_reach_the_wire() {
        check(ReplyError::formatted("\r\nERR a\r\nb\n\r\n"), "ERR a  b");
        check(ReplyError::formatted("\n"), "");
        check(protocol_expected_bulk(b'\r'), "ERR Protocol error: expected '$', got ' '");
        check(
            unknown_command(b"a\nb", [&b"c\r"[..]]),
            "ERR unknown command 'a b', with args beginning with: 'c ' ",
        );
    }

    #[test]
    fn code_is_the_first_word() {
        assert_eq!(WRONG_TYPE.code(), b"WRONGTYPE");
        assert_eq!(SYNTAX.code(), b"ERR");
        assert_eq!(ReplyError::fixed("").code(), b"ERR");
        assert_eq!(ReplyError::fixed("nospace").code(), b"ERR");
        assert_eq!(
            ReplyError::fixed("A23456789012345678901234567890 x").code(),
            b"A23456789012345678901234567890"
        );
        assert_eq!(ReplyError::fixed("A234567890123456789012345678901 x").code(), b"ERR");
    }

    #[test]
    fn unknown_command_shows_a_bounded_part() {
        check(unknown_command(b"FOO", []), "ERR unknown command 'FOO', with args beginning with: ");
        let one_two = [&b"one"[..], b"two"];
        check(
            unknown_command(b"foo", one_two),
            "ERR unknown command 'foo', with args beginning with: 'one' 'two' ",
        );
        check(
            unknown_command(b"a\0b", [&b"x\0y"[..]]),
            "ERR unknown command 'a', with args beginning with: 'x' ",
        );

        let long = [b'x'; 300];
        let x = |n| "x".repeat(n);
        let head = format!("ERR unknown command '{}', with args beginning with: ", x(128));
        check(unknown_command(&long, [&long[..], &long]), &format!("{head}'{}' ", x(128)));
        let args = [&long[..100], &long, &long];
        check(unknown_command(&long, args), &format!("{head}'{}' '{}' ", x(100), x(25)));
        let args = [&long[..125], b"y"];
        check(unknown_command(&long, args), &format!("{head}'{}' ", x(125)));
    }

    #[test]
    fn subcommands_name_their_command_in_capitals() {
        check(unknown_subcommand(b"client", b"foo"), "ERR unknown subcommand 'foo'. Try CLIENT HELP.");
        check(
            subcommand_syntax(b"Client", b"KILL"),
            "ERR unknown subcommand or wrong number of arguments for 'KILL'. Try CLIENT HELP.",
        );
    }
}
