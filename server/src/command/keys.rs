//! Where the keys of a command stand among its arguments, and what the command does to them.
//!
//! A [`KeySpec`] says where to begin and how to go on from there, in the form that COMMAND INFO prints. Positions
//! count from the command's name at 0; for a subcommand the container's name is at 0. Specs that cannot tell every key, or
//! not what happens to it, are helped out by the row's `find_keys` function.
//!
//! Invariants: a spec of a kind other than unknown gives a position only if every key it announces is among the
//! arguments; [`first_position`] of a row agrees with the first key that [`find`] gives.

use super::Command;
use bitflags::bitflags;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;

bitflags! {
    /// What a command does to a key. One of the first four is the access as a whole, the next four are about the user's data,
    /// the others about the spec.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct KeyFlags: u16 {
        /// Reads the value or facts about it.
        const RO = 1 << 0;
        /// Reads and changes it.
        const RW = 1 << 1;
        /// Replaces it, whatever it was.
        const OW = 1 << 2;
        /// Removes it.
        const RM = 1 << 3;
        /// Returns, copies or depends on the data in it.
        const ACCESS = 1 << 4;
        /// Changes data in it.
        const UPDATE = 1 << 5;
        /// Adds data to it and changes none.
        const INSERT = 1 << 6;
        /// Takes data out of it.
        const DELETE = 1 << 7;
        /// Hashed to a slot like a key, but none (a shard channel).
        const NOT_KEY = 1 << 8;
        /// There are more keys than the spec tells.
        const INCOMPLETE = 1 << 9;
        /// Other arguments decide which of the flags hold.
        const VARIABLE_FLAGS = 1 << 10;
    }
}

/// See [`KeyFlags::RO`].
pub const RO: KeyFlags = KeyFlags::RO;
/// See [`KeyFlags::RW`].
pub const RW: KeyFlags = KeyFlags::RW;
/// See [`KeyFlags::OW`].
pub const OW: KeyFlags = KeyFlags::OW;
/// See [`KeyFlags::RM`].
pub const RM: KeyFlags = KeyFlags::RM;
/// See [`KeyFlags::ACCESS`].
pub const ACCESS: KeyFlags = KeyFlags::ACCESS;
/// See [`KeyFlags::UPDATE`].
pub const UPDATE: KeyFlags = KeyFlags::UPDATE;
/// See [`KeyFlags::INSERT`].
pub const INSERT: KeyFlags = KeyFlags::INSERT;
/// See [`KeyFlags::DELETE`].
pub const DELETE: KeyFlags = KeyFlags::DELETE;
/// See [`KeyFlags::NOT_KEY`].
pub const NOT_KEY: KeyFlags = KeyFlags::NOT_KEY;
/// See [`KeyFlags::INCOMPLETE`].
pub const INCOMPLETE: KeyFlags = KeyFlags::INCOMPLETE;
/// See [`KeyFlags::VARIABLE_FLAGS`].
pub const VARIABLE_FLAGS: KeyFlags = KeyFlags::VARIABLE_FLAGS;

/// Where a spec's arguments begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begin {
    /// At this position.
    Index(usize),
    /// Behind a word, looked for from `start_from` on: forwards, or backwards from the end if negative.
    Keyword {
        /// The word, in any case.
        word: &'static str,
        /// The first position looked at; -1 is the last argument.
        start_from: i32,
    },
    /// Nobody can tell.
    Unknown,
}

/// How a spec's keys follow from where it begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Find {
    /// Every `step`th argument up to `last`.
    Range {
        /// Relative to the beginning; from the end of the arguments if negative.
        last: i32,
        /// Distance between keys.
        step: u16,
        /// With `last` -1, the keys take up one part in this many of the remaining arguments; 0 and 1 mean all of them.
        limit: u16,
    },
    /// As many as an argument says.
    KeyNum {
        /// Where the number stands, relative to the beginning.
        count_at: usize,
        /// Where the first key stands, relative to the beginning.
        first: usize,
        /// Distance between keys.
        step: u16,
    },
    /// Nobody can tell.
    Unknown,
}

/// One group of keys of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeySpec {
    /// Where it begins.
    pub begin: Begin,
    /// How it goes on.
    pub find: Find,
    /// What happens to the keys.
    pub flags: KeyFlags,
    /// A sentence for readers of COMMAND INFO.
    pub note: Option<&'static str>,
}

impl KeySpec {
    /// One key at a position.
    pub const fn one(position: usize, flags: KeyFlags) -> KeySpec {
        KeySpec::range(position, 0, 1, flags)
    }

    /// Keys from `position` to `last` (relative to it, or from the end if negative), every `step`th argument.
    pub const fn range(position: usize, last: i32, step: u16, flags: KeyFlags) -> KeySpec {
        KeySpec::new(Begin::Index(position), Find::Range { last, step, limit: 0 }, flags)
    }

    /// A number of keys, which stands `count_at` behind `position`; the first key stands `first` behind it.
    pub const fn numkeys(
        position: usize,
        count_at: usize,
        first: usize,
        step: u16,
        flags: KeyFlags,
    ) -> KeySpec {
        KeySpec::new(Begin::Index(position), Find::KeyNum { count_at, first, step }, flags)
    }

    /// Keys behind a word, the first `1 / limit` of the arguments that follow it (`STREAMS key [key ...] id [id ...]` has 2).
    pub const fn after(
        word: &'static str,
        start_from: i32,
        last: i32,
        step: u16,
        limit: u16,
        flags: KeyFlags,
    ) -> KeySpec {
        KeySpec::new(Begin::Keyword { word, start_from }, Find::Range { last, step, limit }, flags)
    }

    /// Keys that no spec can tell.
    pub const fn unknown(flags: KeyFlags) -> KeySpec {
        KeySpec::new(Begin::Unknown, Find::Unknown, flags)
    }

    /// Any combination.
    pub const fn new(begin: Begin, find: Find, flags: KeyFlags) -> KeySpec {
        KeySpec { begin, find, flags, note: None }
    }

    /// Adds a sentence for readers of COMMAND INFO.
    pub const fn note(mut self, note: &'static str) -> KeySpec {
        self.note = Some(note);
        self
    }

    /// Calls `each` for every key; gives how many there were. `None`: unknown, or the arguments do not add up.
    fn visit(&self, args: Args<'_>, each: &mut impl FnMut(KeyAt)) -> Option<usize> {
        let Some(begin) = self.begin_in(args) else {
            return if self.begin == Begin::Unknown { None } else { Some(0) };
        };
        let (first, end, step) = self.bounds(begin, args)?;
        let mut count = 0;
        for position in (first..end).step_by(step) {
            each(KeyAt { position, flags: self.flags });
            count += 1;
        }
        if self.flags.contains(INCOMPLETE) { None } else { Some(count) }
    }

    fn begin_in(&self, args: Args<'_>) -> Option<usize> {
        match self.begin {
            Begin::Index(position) => Some(position),
            Begin::Keyword { word, start_from } => {
                let is_word = |&at: &usize| args.get(at).eq_ignore_ascii_case(word.as_bytes());
                let found = if start_from >= 0 {
                    // Nothing can follow the last argument, so it is no keyword.
                    (start_from.max(1) as usize..args.len().saturating_sub(1)).find(is_word)
                } else {
                    // Position 1 cannot hold a keyword that is looked for from the end: something stands before it.
                    let from = args.len().saturating_sub(start_from.unsigned_abs() as usize);
                    (2..=from).rev().find(is_word)
                };
                found.map(|at| at + 1)
            }
            Begin::Unknown => None,
        }
    }

    /// First position, end (exclusive) and step, if they lie within the arguments.
    fn bounds(&self, begin: usize, args: Args<'_>) -> Option<(usize, usize, usize)> {
        let len = args.len();
        let (first, last, step) = match self.find {
            Find::Range { last, step, limit } => {
                let last = match last {
                    0.. => begin + last as usize,
                    _ if limit > 1 => {
                        let share = len.checked_sub(begin)? / usize::from(limit);
                        (begin + share).checked_sub(last.unsigned_abs() as usize)?
                    }
                    _ => len.checked_sub(last.unsigned_abs() as usize)?,
                };
                (begin, last, step)
            }
            Find::KeyNum { count_at, first, step } => {
                let count = usize::try_from(parse_i64(args.find(begin + count_at)?)?).ok()?;
                let span = count.checked_sub(1)?.checked_mul(usize::from(step))?;
                (begin + first, (begin + first).checked_add(span)?, step)
            }
            Find::Unknown => return None,
        };
        (first <= last && last < len).then_some((first, last + 1, usize::from(step)))
    }
}

/// A key of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyAt {
    /// Which argument it is.
    pub position: usize,
    /// What the command does to it.
    pub flags: KeyFlags,
}

/// First position, last position (negative: from the end) and step, as COMMAND INFO gives them since Redis 2.8; all 0 without keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LegacyRange {
    /// Position of the first key.
    pub first: i64,
    /// Position of the last one.
    pub last: i64,
    /// Distance between keys.
    pub step: i64,
}

/// Does the command have arguments that are keys?
pub fn has_keys(command: &Command) -> bool {
    command.find_keys.is_some() || command.keys.iter().any(|spec| !spec.flags.contains(NOT_KEY))
}

/// The keys of a request, in the order of the specs. An error if the arguments do not add up.
pub fn find(command: &Command, args: Args<'_>) -> Result<Vec<KeyAt>, ReplyError> {
    let mut keys = Vec::new();
    visit(command, args, |key| keys.push(key))?;
    Ok(keys)
}

/// Calls `each` for every key of a request and allocates nothing, unless the row has a function for its keys.
pub fn visit(command: &Command, args: Args<'_>, mut each: impl FnMut(KeyAt)) -> Result<(), ReplyError> {
    let told_by_specs =
        !command.keys.iter().any(|spec| spec.flags.contains(VARIABLE_FLAGS)) && adds_up(command, args);
    if told_by_specs {
        for spec in real_specs(command) {
            spec.visit(args, &mut each);
        }
        return Ok(());
    }
    match command.find_keys {
        Some(find_keys) => find_keys(args)?.into_iter().for_each(each),
        None if real_specs(command).next().is_none() => {}
        None => return Err(invalid_arguments()),
    }
    Ok(())
}

/// The position of a request's first key, for prefetching; 0 if it has none or the arguments decide.
pub fn first_position(command: &Command) -> usize {
    match real_specs(command).next() {
        Some(KeySpec { begin: Begin::Index(position), find, .. }) => match find {
            Find::Range { .. } => *position,
            Find::KeyNum { first, .. } => position + first,
            Find::Unknown => 0,
        },
        _ => 0,
    }
}

/// The triple of COMMAND INFO, and whether it leaves keys out (`movablekeys`).
///
/// One range is given as it is. Of several, those with step 1 that follow one another are joined.
pub fn legacy_range(command: &Command) -> (LegacyRange, bool) {
    if let [KeySpec { begin: Begin::Index(position), find: Find::Range { last, step, .. }, flags, .. }] =
        *command.keys
    {
        let range =
            LegacyRange { first: position as i64, last: absolute(position, last), step: i64::from(step) };
        return (range, flags.contains(INCOMPLETE));
    }
    let mut joined: Option<LegacyRange> = None;
    let mut movable = false;
    for spec in command.keys {
        movable |= spec.flags.contains(INCOMPLETE);
        let (Begin::Index(position), Find::Range { last, step: 1, .. }) = (spec.begin, spec.find) else {
            movable = true;
            continue;
        };
        let first = position as i64;
        let last = absolute(position, last);
        match &mut joined {
            None => joined = Some(LegacyRange { first, last, step: 1 }),
            Some(range) if range.last == first - 1 => range.last = last,
            Some(_) => movable = true,
        }
    }
    (joined.unwrap_or_default(), movable)
}

/// Keys of SET: it reads the old value only if told to.
pub fn of_set(args: Args<'_>) -> Result<Vec<KeyAt>, ReplyError> {
    let reads =
        args.from(3).iter().any(|arg| arg.eq_ignore_ascii_case(b"get") || arg.eq_ignore_ascii_case(b"ifeq"));
    let flags = if reads { RW.union(ACCESS).union(UPDATE) } else { OW.union(UPDATE) };
    Ok(vec![KeyAt { position: 1, flags }])
}

/// Keys of BITFIELD: with nothing but GET it is a read.
pub fn of_bitfield(args: Args<'_>) -> Result<Vec<KeyAt>, ReplyError> {
    let mut rest = args.from(2);
    let read_only = loop {
        let Some(word) = rest.find(0) else { break true };
        let operands = match () {
            () if word.eq_ignore_ascii_case(b"get") => 2,
            () if word.eq_ignore_ascii_case(b"overflow") => 1,
            () => break false,
        };
        if rest.len() <= operands {
            break false;
        }
        rest = rest.from(1 + operands);
    };
    let flags = if read_only { RO.union(ACCESS) } else { RW.union(ACCESS).union(UPDATE) };
    Ok(vec![KeyAt { position: 1, flags }])
}

/// Keys of GEORADIUS and GEORADIUSBYMEMBER: the last STORE or STOREDIST counts.
pub fn of_georadius(args: Args<'_>) -> Result<Vec<KeyAt>, ReplyError> {
    let mut keys = vec![KeyAt { position: 1, flags: RO.union(ACCESS) }];
    let mut at = 5;
    while at + 1 < args.len() {
        let word = args.get(at);
        at += 1;
        if word.eq_ignore_ascii_case(b"store") || word.eq_ignore_ascii_case(b"storedist") {
            keys.truncate(1);
            keys.push(KeyAt { position: at, flags: OW.union(UPDATE) });
            at += 1;
        }
    }
    Ok(keys)
}

/// Keys of SORT: the last STORE counts. What BY and GET name nobody can tell.
pub fn of_sort(args: Args<'_>) -> Result<Vec<KeyAt>, ReplyError> {
    let mut keys = of_sort_ro(args)?;
    let mut at = 2;
    while at < args.len() {
        at += match args.get(at) {
            word if word.eq_ignore_ascii_case(b"limit") => 2,
            word if word.eq_ignore_ascii_case(b"by") || word.eq_ignore_ascii_case(b"get") => 1,
            word if word.eq_ignore_ascii_case(b"store") && at + 1 < args.len() => {
                keys.truncate(1);
                keys.push(KeyAt { position: at + 1, flags: OW.union(UPDATE) });
                0
            }
            _ => 0,
        } + 1;
    }
    Ok(keys)
}

/// The key of SORT_RO that its arguments name.
pub fn of_sort_ro(_args: Args<'_>) -> Result<Vec<KeyAt>, ReplyError> {
    Ok(vec![KeyAt { position: 1, flags: RO.union(ACCESS) }])
}

/// The answer when the keys cannot be told.
pub fn invalid_arguments() -> ReplyError {
    error::message("Invalid arguments specified for command")
}

fn real_specs(command: &Command) -> impl Iterator<Item = &'static KeySpec> {
    command.keys.iter().filter(|spec| !spec.flags.contains(NOT_KEY))
}

/// Do the specs tell all keys of this request?
fn adds_up(command: &Command, args: Args<'_>) -> bool {
    let mut specs = real_specs(command).peekable();
    specs.peek().is_some() && specs.all(|spec| spec.visit(args, &mut |_| ()).is_some())
}

fn absolute(position: usize, last: i32) -> i64 {
    if last < 0 { i64::from(last) } else { position as i64 + i64::from(last) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Flags, Group, table::container};
    use rufous_protocol::request::OwnedArgs;

    const fn row(arity: i16, keys: &'static [KeySpec]) -> Command {
        Command::new("x", container, arity, Flags::empty(), Group::Generic).keys(keys)
    }

    fn request(line: &str) -> OwnedArgs {
        line.split(' ').map(str::as_bytes).collect()
    }

    /// `expected`: the keys in order, or nothing where the arguments do not add up.
    fn check(command: &Command, line: &str, expected: Option<&str>) {
        let owned = request(line);
        let args = owned.args();
        let found = find(command, args).ok().map(|keys| {
            keys.iter()
                .map(|key| std::str::from_utf8(args.get(key.position)).unwrap())
                .collect::<Vec<_>>()
                .join(" ")
        });
        assert_eq!(found.as_deref(), expected, "{line}");
        if let Some(first) = found.as_deref().and_then(|keys| keys.split(' ').next())
            && first_position(command) != 0
        {
            assert_eq!(args.get(first_position(command)), first.as_bytes(), "{line}");
        }
    }

    #[test]
    fn ranges() {
        let pairs = row(-3, const { &[KeySpec::range(1, -1, 2, OW)] });
        check(&pairs, "mset a 1 b 2", Some("a b"));
        check(&pairs, "mset a 1 b", Some("a b"));
        check(&pairs, "mset", None);
        let blocking = row(-3, const { &[KeySpec::range(1, -2, 1, RW)] });
        check(&blocking, "blpop a b 0", Some("a b"));
        check(&blocking, "blpop 0", None);
        let two = row(3, const { &[KeySpec::one(1, RW), KeySpec::one(2, OW)] });
        check(&two, "rename a b", Some("a b"));
        check(&two, "rename a", None);
    }

    #[test]
    fn counted_keys() {
        let union = row(-4, const { &[KeySpec::one(1, OW), KeySpec::numkeys(2, 0, 1, 1, RO)] });
        check(&union, "zunionstore d 2 a b weights 1 2", Some("d a b"));
        for line in ["zunionstore d 0 a", "zunionstore d 3 a b", "zunionstore d -1 a", "zunionstore d x a"] {
            check(&union, line, None);
        }
        check(&union, &format!("zunionstore d {} a", i64::MAX), None);
        let pairs = row(-4, const { &[KeySpec::numkeys(1, 0, 1, 2, OW)] });
        check(&pairs, "msetex 2 a 1 b 2 ex 5", Some("a b"));
        check(&pairs, "msetex 3 a 1 b 2", None);
    }

    #[test]
    fn keys_behind_a_word() {
        let streams = row(-4, const { &[KeySpec::after("STREAMS", 1, -1, 1, 2, RO)] });
        check(&streams, "xread count 2 streams a b 0 0", Some("a b"));
        check(&streams, "xread streams a 0", Some("a"));
        check(&streams, "xread streams", Some(""));
        check(&streams, "xread nothing here", Some(""));
        let from_end = row(-6, const { &[KeySpec::one(3, RW), KeySpec::after("KEYS", -2, -1, 1, 0, RW)] });
        check(&from_end, "migrate h p a 0 9 keys b c", Some("a b c"));
        check(&from_end, "migrate h p a 0 9 copy", Some("a"));
        check(&from_end, "keys keys keys", None);
    }

    #[test]
    fn what_specs_cannot_tell() {
        let unknown = row(-2, const { &[KeySpec::one(1, RO), KeySpec::unknown(OW)] });
        check(&unknown, "sort a store b", None);
        check(&row(-2, const { &[KeySpec::one(1, NOT_KEY)] }), "spublish c m", Some(""));
        assert!(!has_keys(&row(-2, const { &[KeySpec::one(1, NOT_KEY)] })));
        check(&row(1, &[]), "ping", Some(""));
    }

    #[test]
    fn flags_that_depend_on_the_arguments() {
        const SET: Command = row(-3, &[KeySpec::one(1, RW.union(VARIABLE_FLAGS))]).find_keys(of_set);
        const BITFIELD: Command =
            row(-2, &[KeySpec::one(1, RW.union(VARIABLE_FLAGS))]).find_keys(of_bitfield);
        let write = RW.union(ACCESS).union(UPDATE);
        let check = |command: &Command, line: &str, flags: KeyFlags| {
            let keys = find(command, request(line).args()).unwrap();
            assert_eq!(keys, [KeyAt { position: 1, flags }], "{line}");
        };
        check(&SET, "set k v", OW.union(UPDATE));
        check(&SET, "set k get", OW.union(UPDATE));
        check(&SET, "set k v EX 1 Get", write);
        check(&SET, "set k v ifeq w", write);
        check(&BITFIELD, "bitfield k", RO.union(ACCESS));
        check(&BITFIELD, "bitfield k get u8 0 overflow sat GET u8 0", RO.union(ACCESS));
        check(&BITFIELD, "bitfield k get u8 0 set u8 0 1", write);
        check(&BITFIELD, "bitfield k get u8", write);
    }

    #[test]
    fn the_old_triple() {
        let check = |keys: &'static [KeySpec], expected: (i64, i64, i64), movable| {
            let (range, found_movable) = legacy_range(&row(-2, keys));
            assert_eq!((range.first, range.last, range.step), expected, "{keys:?}");
            assert_eq!(found_movable, movable, "{keys:?}");
        };
        check(&[], (0, 0, 0), false);
        check(const { &[KeySpec::one(1, RO)] }, (1, 1, 1), false);
        check(const { &[KeySpec::range(1, -1, 2, OW)] }, (1, -1, 2), false);
        check(const { &[KeySpec::range(1, 1, 1, RO)] }, (1, 2, 1), false);
        check(const { &[KeySpec::one(1, RO), KeySpec::one(2, OW)] }, (1, 2, 1), false);
        check(const { &[KeySpec::one(2, OW), KeySpec::range(3, -1, 1, RO)] }, (2, -1, 1), false);
        check(const { &[KeySpec::one(1, RO), KeySpec::one(3, OW)] }, (1, 1, 1), true);
        check(const { &[KeySpec::one(1, OW), KeySpec::numkeys(2, 0, 1, 1, RO)] }, (1, 1, 1), true);
        check(const { &[KeySpec::numkeys(1, 0, 1, 1, RO)] }, (0, 0, 0), true);
        check(const { &[KeySpec::one(1, RO.union(INCOMPLETE))] }, (1, 1, 1), true);
    }
}
