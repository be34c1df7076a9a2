//! The options that SET, GETEX and MSETEX share: a condition, GET, and what becomes of the time to live.
//!
//! | command | takes |
//! |---|---|
//! | SET | `NX`, `XX`, `IFEQ value`, `GET`, `KEEPTTL`, deadlines |
//! | GETEX | `PERSIST`, deadlines |
//! | MSETEX | `NX`, `XX`, `KEEPTTL`, deadlines |
//!
//! Deadlines are `EX s`, `PX ms` (from now) and `EXAT s`, `PXAT ms` (unix time). The same option may be repeated, the last
//! one counts, but IFEQ; two that exclude each other are a syntax error. Words are judged before numbers.

use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use rufous_storage::Ttl;

/// Whose options they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Command {
    Set,
    GetEx,
    MSetEx,
}

/// When to write.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Condition<'a> {
    #[default]
    Always,
    /// NX
    Absent,
    /// XX
    Present,
    /// IFEQ: the key holds exactly this string.
    Equals(&'a [u8]),
}

/// What becomes of the time to live.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Expiry<'a> {
    /// Nothing was said.
    #[default]
    Unsaid,
    /// KEEPTTL
    Keep,
    /// PERSIST
    Persist,
    /// EX, PX, EXAT, PXAT
    At(Deadline<'a>),
}

/// A deadline as it was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Deadline<'a> {
    pub(super) unit: Unit,
    pub(super) text: &'a [u8],
}

/// How a deadline was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    /// EX
    Seconds,
    /// PX
    Millis,
    /// EXAT
    UnixSeconds,
    /// PXAT
    UnixMillis,
}

/// See the file head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Options<'a> {
    pub(super) condition: Condition<'a>,
    pub(super) get: bool,
    pub(super) expiry: Expiry<'a>,
}

impl<'a> Options<'a> {
    /// Parses all of `args`.
    pub(super) fn parse(args: Args<'a>, command: Command) -> Result<Options<'a>, ReplyError> {
        let mut options = Options::default();
        let mut rest = args.iter();
        while let Some(word) = rest.next() {
            let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
            let conditional = command != Command::GetEx;
            let set = command == Command::Set;
            match options.condition {
                Condition::Always | Condition::Absent if conditional && is(b"nx") => {
                    options.condition = Condition::Absent;
                }
                Condition::Always | Condition::Present if conditional && is(b"xx") => {
                    options.condition = Condition::Present;
                }
                Condition::Always if set && is(b"ifeq") => {
                    options.condition = Condition::Equals(rest.next().ok_or(error::SYNTAX)?);
                }
                _ if set && is(b"get") => options.get = true,
                _ => options.expiry = options.expiry.and(word, &mut rest, command)?,
            }
        }
        Ok(options)
    }

    /// Was PXAT given?
    pub(super) fn is_in_unix_millis(&self) -> bool {
        matches!(self.expiry, Expiry::At(Deadline { unit: Unit::UnixMillis, .. }))
    }

    /// What the expiry means for a key that is set now (unix ms). `command` names the culprit in an error.
    pub(super) fn ttl(&self, now: i64, command: &str) -> Result<Ttl, ReplyError> {
        Ok(match self.expiry {
            Expiry::Unsaid | Expiry::Persist => Ttl::Clear,
            Expiry::Keep => Ttl::Keep,
            Expiry::At(deadline) => Ttl::At(deadline.resolve(now, command)?),
        })
    }
}

impl<'a> Expiry<'a> {
    /// The expiry after one more word, which may take the one after it.
    fn and(
        self,
        word: &[u8],
        rest: &mut impl Iterator<Item = &'a [u8]>,
        command: Command,
    ) -> Result<Expiry<'a>, ReplyError> {
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        if command == Command::GetEx && is(b"persist") && matches!(self, Expiry::Unsaid | Expiry::Persist) {
            return Ok(Expiry::Persist);
        }
        if command != Command::GetEx && is(b"keepttl") && matches!(self, Expiry::Unsaid | Expiry::Keep) {
            return Ok(Expiry::Keep);
        }
        let unit = match word {
            _ if is(b"ex") => Unit::Seconds,
            _ if is(b"px") => Unit::Millis,
            _ if is(b"exat") => Unit::UnixSeconds,
            _ if is(b"pxat") => Unit::UnixMillis,
            _ => return Err(error::SYNTAX),
        };
        match self {
            Expiry::Unsaid => {}
            Expiry::At(deadline) if deadline.unit == unit => {}
            _ => return Err(error::SYNTAX),
        }
        let text = rest.next().ok_or(error::SYNTAX)?;
        Ok(Expiry::At(Deadline { unit, text }))
    }
}

impl Deadline<'_> {
    /// The deadline as unix ms. `command` names the culprit in an error.
    pub(super) fn resolve(self, now: i64, command: &str) -> Result<i64, ReplyError> {
        let number = parse_i64(self.text).ok_or(error::NOT_AN_INTEGER)?;
        let millis = match self.unit {
            Unit::Seconds | Unit::UnixSeconds => number.checked_mul(1000),
            Unit::Millis | Unit::UnixMillis => Some(number),
        };
        let at = match self.unit {
            Unit::Seconds | Unit::Millis => {
                millis.filter(|&millis| millis > 0).and_then(|millis| millis.checked_add(now))
            }
            Unit::UnixSeconds | Unit::UnixMillis => millis,
        };
        at.filter(|&at| at > 0).ok_or_else(|| error::invalid_expire_time(command))
    }

    /// Was it given as unix time?
    pub(super) fn is_absolute(self) -> bool {
        matches!(self.unit, Unit::UnixSeconds | Unit::UnixMillis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rufous_protocol::request::OwnedArgs;

    fn parse(
        command: Command,
        words: &str,
    ) -> Result<(Condition<'static>, bool, Option<Unit>, String), String> {
        let owned: OwnedArgs = words.split_whitespace().map(str::as_bytes).collect();
        let options = Options::parse(owned.args(), command).map_err(|error| error.to_string())?;
        let (unit, text) = match options.expiry {
            Expiry::At(deadline) => (Some(deadline.unit), String::from_utf8(deadline.text.to_vec()).unwrap()),
            Expiry::Keep => (None, "keep".to_owned()),
            Expiry::Persist => (None, "persist".to_owned()),
            Expiry::Unsaid => (None, String::new()),
        };
        let condition = match options.condition {
            Condition::Equals(value) => Condition::Equals(value.to_vec().leak()),
            Condition::Always => Condition::Always,
            Condition::Absent => Condition::Absent,
            Condition::Present => Condition::Present,
        };
        Ok((condition, options.get, unit, text))
    }

    #[test]
    fn what_each_command_takes() {
        use Command::*;
        use Condition::*;
        let good = [
            (Set, "", (Always, false, None, "")),
            (Set, "nx", (Absent, false, None, "")),
            (Set, "Xx GET eX 10", (Present, true, Some(Unit::Seconds), "10")),
            (Set, "px 5 nx px 6 nx get get", (Absent, true, Some(Unit::Millis), "6")),
            (Set, "ifeq nx keepttl keepttl", (Equals(b"nx"), false, None, "keep")),
            (Set, "exat 9 xx", (Present, false, Some(Unit::UnixSeconds), "9")),
            (Set, "pxat word", (Always, false, Some(Unit::UnixMillis), "word")),
            (GetEx, "persist PERSIST", (Always, false, None, "persist")),
            (GetEx, "ex nx", (Always, false, Some(Unit::Seconds), "nx")),
            (MSetEx, "keepttl nx", (Absent, false, None, "keep")),
            (MSetEx, "ex 1 xx", (Present, false, Some(Unit::Seconds), "1")),
        ];
        for (command, words, (condition, get, unit, text)) in good {
            assert_eq!(
                parse(command, words),
                Ok((condition, get, unit, text.to_owned())),
                "{command:?} {words}"
            );
        }
        let bad = [
            (Set, "nx xx"),
            (Set, "xx nx"),
            (Set, "nx ifeq a"),
            (Set, "ifeq a xx"),
            (Set, "ifeq a ifeq a"),
            (Set, "ifeq"),
            (Set, "ex"),
            (Set, "ex 1 px 1"),
            (Set, "ex 1 exat 1"),
            (Set, "keepttl ex 1"),
            (Set, "ex 1 keepttl"),
            (Set, "persist"),
            (Set, "foo"),
            (GetEx, "nx"),
            (GetEx, "get"),
            (GetEx, "keepttl"),
            (GetEx, "persist ex 1"),
            (GetEx, "ex 1 persist"),
            (GetEx, "pxat 1 px 1"),
            (MSetEx, "get"),
            (MSetEx, "ifeq a"),
            (MSetEx, "persist"),
        ];
        for (command, words) in bad {
            assert_eq!(parse(command, words), Err("ERR syntax error".to_owned()), "{command:?} {words}");
        }
    }

    #[test]
    fn deadlines_are_positive_and_do_not_overflow() {
        const NOW: i64 = 1_000_000;
        let resolve = |unit, text: &str| Deadline { unit, text: text.as_bytes() }.resolve(NOW, "set");
        assert_eq!(resolve(Unit::Seconds, "10").unwrap(), NOW + 10_000);
        assert_eq!(resolve(Unit::Millis, "10").unwrap(), NOW + 10);
        assert_eq!(resolve(Unit::UnixSeconds, "10").unwrap(), 10_000);
        assert_eq!(resolve(Unit::UnixMillis, "10").unwrap(), 10);
        assert_eq!(resolve(Unit::UnixMillis, "9223372036854775807").unwrap(), i64::MAX);
        assert_eq!(resolve(Unit::Seconds, "1x").unwrap_err(), error::NOT_AN_INTEGER);
        let invalid = [
            (Unit::Seconds, "0"),
            (Unit::Millis, "-5"),
            (Unit::UnixSeconds, "0"),
            (Unit::UnixMillis, "-1"),
            (Unit::Seconds, "9223372036854775"),
            (Unit::Seconds, "9223372036854776"),
            (Unit::UnixSeconds, "9223372036854776"),
            (Unit::Millis, "9223372036854775807"),
        ];
        for (unit, text) in invalid {
            let error = resolve(unit, text).unwrap_err().to_string();
            assert_eq!(error, "ERR invalid expire time in 'set' command", "{unit:?} {text}");
        }
    }
}
