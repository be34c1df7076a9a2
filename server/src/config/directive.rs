//! What a directive is: one row of the table, its kind, and how its value is read and printed.
//!
//! A row never holds a value. It knows the field of [`Config`] that does, the default, the bounds, when the
//! field may change, and which [`Changed`] a change raises. The texts of errors are Redis' to the letter.

use super::{Changed, Config, text};
use rufous_protocol::number::parse_memory;
use std::borrow::Cow;

/// Why a value was refused, as the client or the error report shows it.
pub type Problem = Cow<'static, str>;

/// What an operation on a value yields.
pub type Verdict = Result<(), Problem>;

/// Whether a value comes from a configuration file or command line, or from CONFIG SET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// File, standard input, or command line.
    Load,
    /// CONFIG SET on a running server.
    Set,
}

bitflags::bitflags! {
    /// Properties of a directive beside its value.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Traits: u16 {
        /// Only settable at start.
        const IMMUTABLE = 1;
        /// Part of the report DEBUG CONFIG and of crash reports.
        const DEBUG = 2;
        /// Settable at run time only as `enable-protected-configs` allows.
        const PROTECTED = 4;
        /// The value is kept out of logs, MONITOR and SLOWLOG.
        const SENSITIVE = 8;
        /// CONFIG GET shows it only by its exact name.
        const HIDDEN = 16;
        /// Takes any number of arguments.
        const MULTI = 32;
        /// Setting the same value again still counts as a change (the file behind it may have changed).
        const VOLATILE = 64;
        /// Cannot be set while the dataset is loading.
        const DENY_LOADING = 128;
        /// Accepted so that files load; the mechanism that it tunes does not exist here.
        const INERT = 256;
    }
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// Decimal integer.
    Decimal,
    /// Octal, for permissions.
    Octal,
    /// Bytes with an optional unit (`k` is 1000, `kb` is 1024, ...).
    Bytes,
    /// As `Bytes`, or a percentage of `maxmemory`, which is kept as a negative number.
    BytesOrPercent,
}

/// What the empty string means to a text directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// A value like any other.
    Kept,
    /// Not set: CONFIG REWRITE drops the line.
    Unset,
}

/// A directive that no general kind fits.
pub struct Special {
    /// Reads the arguments into the configuration.
    pub set: fn(&mut Config, &[Vec<u8>], Phase) -> Verdict,
    /// The value in the form of CONFIG GET.
    pub get: fn(&Config) -> Vec<u8>,
    /// The lines that CONFIG REWRITE writes; those that are not forced only replace existing ones.
    pub lines: fn(&Config, &str) -> Vec<Line>,
    /// Puts the default back.
    pub reset: fn(&mut Config),
}

/// One line that CONFIG REWRITE wants in the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// The whole line, without its end.
    pub text: Vec<u8>,
    /// Appended even where the file does not mention the directive yet.
    pub forced: bool,
}

/// The type of a value, with access to the field that holds it.
pub enum Kind {
    /// `yes` or `no`.
    Bool {
        /// Reads the field.
        get: fn(&Config) -> bool,
        /// Writes the field.
        put: fn(&mut Config, bool),
        /// Value at start.
        default: bool,
    },
    /// An integer within bounds, both inclusive.
    Number {
        /// Reads the field.
        get: fn(&Config) -> i128,
        /// Writes the field; the value is within the bounds.
        put: fn(&mut Config, i128),
        /// Least value.
        min: i128,
        /// Greatest value.
        max: i128,
        /// Value at start.
        default: i128,
        /// How it is written.
        notation: Notation,
    },
    /// Text, or bytes where the field is bytes.
    Text {
        /// Reads the field.
        get: fn(&Config) -> &[u8],
        /// Writes the field; refuses what the field cannot hold.
        put: fn(&mut Config, &[u8]) -> Verdict,
        /// Value at start.
        default: &'static str,
        /// What the empty string means.
        empty: Empty,
    },
    /// One of a list of names, or with `Traits::MULTI` a set of them, each with its code.
    Choice {
        /// Reads the field as a code.
        get: fn(&Config) -> i64,
        /// Writes the field from a code out of `names` (or several, joined by "or").
        put: fn(&mut Config, i64),
        /// Names and codes; the first name of a code is the one printed.
        names: &'static [(&'static str, i64)],
        /// Code at start.
        default: i64,
    },
    /// Anything else.
    Special(Special),
}

/// One row of the table.
pub struct Directive {
    /// The name, as Redis 7.2 has it where it has the directive.
    pub name: &'static str,
    /// Another name for the same directive: older Redis, or Valkey.
    pub alias: Option<&'static str>,
    /// Type, default, bounds and field.
    pub kind: Kind,
    /// Mutability, visibility and arity.
    pub traits: Traits,
    /// What the server has to do after a change.
    pub changed: Option<Changed>,
    /// A check beyond the kind's own, on the argument as it was given.
    pub check: Option<fn(&[u8], Phase) -> Verdict>,
    /// The feature that is still to be built before the directive has an effect.
    pub later: Option<&'static str>,
}

impl Directive {
    /// A row with neither alias nor traits, to be refined by the methods below.
    pub const fn new(name: &'static str, kind: Kind) -> Directive {
        Directive {
            name,
            alias: None,
            kind,
            traits: Traits::empty(),
            changed: None,
            check: None,
            later: None,
        }
    }

    /// Adds a second name.
    pub const fn alias(mut self, alias: &'static str) -> Directive {
        self.alias = Some(alias);
        self
    }

    /// Adds traits.
    pub const fn is(mut self, traits: Traits) -> Directive {
        self.traits = self.traits.union(traits);
        self
    }

    /// Only settable at start.
    pub const fn immutable(self) -> Directive {
        self.is(Traits::IMMUTABLE)
    }

    /// Names what the server has to do after a change.
    pub const fn then(mut self, changed: Changed) -> Directive {
        self.changed = Some(changed);
        self
    }

    /// Adds a check of the argument.
    pub const fn check(mut self, check: fn(&[u8], Phase) -> Verdict) -> Directive {
        self.check = Some(check);
        self
    }

    /// Names the feature that is not built yet.
    pub const fn later(mut self, feature: &'static str) -> Directive {
        self.later = Some(feature);
        self
    }

    /// Sets the field to the default.
    pub fn reset(&self, config: &mut Config) {
        match &self.kind {
            Kind::Bool { put, default, .. } => put(config, *default),
            Kind::Number { put, default, .. } => put(config, *default),
            Kind::Text { put, default, .. } => put(config, default.as_bytes()).expect("a default is legal"),
            Kind::Choice { put, default, .. } => put(config, *default),
            Kind::Special(special) => (special.reset)(config),
        }
    }

    /// Reads `arguments` into the field, or says why not and leaves the field as it was.
    pub fn set(&self, config: &mut Config, arguments: &[Vec<u8>], phase: Phase) -> Verdict {
        if let Kind::Special(special) = &self.kind {
            return (special.set)(config, arguments, phase);
        }
        let first = arguments.first().map(Vec::as_slice).unwrap_or_default();
        let check = |value| self.check.map_or(Ok(()), |check| check(value, phase));
        match &self.kind {
            Kind::Bool { put, .. } => {
                let value = parse_bool(first)?;
                check(first)?;
                put(config, value);
            }
            Kind::Number { put, min, max, notation, .. } => {
                let value = parse_number(first, *notation, *min, *max)?;
                check(first)?;
                put(config, value);
            }
            Kind::Text { put, .. } => {
                check(first)?;
                put(config, first)?;
            }
            Kind::Choice { put, names, .. } => {
                let code = parse_choice(arguments, names, self.traits.contains(Traits::MULTI))?;
                for argument in arguments {
                    check(argument)?;
                }
                if self.traits.contains(Traits::MULTI) {
                    check_flags(names, code)?;
                }
                put(config, code);
            }
            Kind::Special(_) => unreachable!("returned above"),
        }
        Ok(())
    }

    /// The value in the form of CONFIG GET.
    pub fn get(&self, config: &Config) -> Vec<u8> {
        match &self.kind {
            Kind::Bool { get, .. } => yes_no(get(config)).into(),
            Kind::Number { get, notation, .. } => {
                let value = get(config);
                match notation {
                    Notation::Octal => format!("{value:o}").into(),
                    Notation::BytesOrPercent if value < 0 => format!("{}%", -value).into(),
                    _ => value.to_string().into(),
                }
            }
            Kind::Text { get, .. } => get(config).to_vec(),
            Kind::Choice { get, names, .. } => choice_name(names, get(config)).into(),
            Kind::Special(special) => (special.get)(config),
        }
    }

    /// The lines that CONFIG REWRITE writes for this directive.
    pub fn lines(&self, config: &Config) -> Vec<Line> {
        let (value, forced): (Vec<u8>, bool) = match &self.kind {
            Kind::Bool { get, default, .. } => (yes_no(get(config)).into(), get(config) != *default),
            Kind::Number { get, default, notation, .. } => {
                let value = get(config);
                let shown = match notation {
                    Notation::Bytes | Notation::BytesOrPercent if value >= 0 => {
                        text::format_bytes(value as u64)
                    }
                    _ => String::from_utf8(self.get(config)).expect("a number is ASCII"),
                };
                (shown.into(), value != *default)
            }
            Kind::Text { get, default, empty, .. } => {
                let value = get(config);
                if value.is_empty() && *empty == Empty::Unset {
                    return Vec::new();
                }
                (text::quoted(value), value != default.as_bytes())
            }
            Kind::Choice { get, names, default, .. } => {
                (choice_name(names, get(config)).into(), get(config) != *default)
            }
            Kind::Special(special) => return (special.lines)(config, self.name),
        };
        vec![Line { text: [self.name.as_bytes(), b" ", &value].concat(), forced }]
    }
}

fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn parse_bool(value: &[u8]) -> Result<bool, Problem> {
    if value.eq_ignore_ascii_case(b"yes") {
        Ok(true)
    } else if value.eq_ignore_ascii_case(b"no") {
        Ok(false)
    } else {
        Err("argument must be 'yes' or 'no'".into())
    }
}

fn parse_number(value: &[u8], notation: Notation, min: i128, max: i128) -> Result<i128, Problem> {
    let parsed = match notation {
        Notation::Decimal => text::strict_integer(value).map(i128::from),
        Notation::Octal => text::octal(value).map(i128::from),
        Notation::Bytes => parse_memory(value).map(i128::from),
        Notation::BytesOrPercent => parse_memory(value).map(i128::from).or_else(|| percent(value)),
    };
    let Some(number) = parsed else {
        return Err(match notation {
            Notation::Decimal => "argument couldn't be parsed into an integer",
            Notation::Octal => "argument couldn't be parsed as an octal number",
            Notation::Bytes => "argument must be a memory value",
            Notation::BytesOrPercent => "argument must be a memory or percent value",
        }
        .into());
    };
    if notation == Notation::BytesOrPercent && number < 0 {
        if number < min {
            return Err(format!("percentage argument must be less or equal to {}", -min).into());
        }
    } else if number < min || number > max {
        return Err(match notation {
            Notation::Octal => format!("argument must be between {min:o} and {max:o} inclusive"),
            _ => format!("argument must be between {min} and {max} inclusive"),
        }
        .into());
    }
    Ok(number)
}

fn percent(value: &[u8]) -> Option<i128> {
    let digits = value.strip_suffix(b"%")?;
    let number = text::strict_integer(digits)?;
    (number >= 0).then_some(-i128::from(number))
}

fn parse_choice(arguments: &[Vec<u8>], names: &[(&str, i64)], several: bool) -> Result<i64, Problem> {
    let code = |argument: &Vec<u8>| {
        names.iter().find(|(name, _)| argument.eq_ignore_ascii_case(name.as_bytes())).map(|(_, code)| *code)
    };
    let right_count = if several { !arguments.is_empty() } else { arguments.len() == 1 };
    let codes: Option<Vec<i64>> = arguments.iter().map(code).collect();
    match codes {
        Some(codes) if right_count => Ok(codes.into_iter().fold(0, |sum, code| sum | code)),
        _ => {
            let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            Err(format!("argument(s) must be one of the following: {}", names.join(", ")).into())
        }
    }
}

/// The only sets of names in the table are those of the shutdown signals.
fn check_flags(names: &[(&str, i64)], code: i64) -> Verdict {
    let has = |wanted: &str| names.iter().any(|(name, bit)| *name == wanted && code & bit != 0);
    if has("save") && has("nosave") {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
    }
    Ok(())
}

/// The name of a code; a code of several bits is the names of its parts in the table's order.
fn choice_name(names: &[(&'static str, i64)], code: i64) -> String {
    if let Some((name, _)) = names.iter().find(|(_, known)| *known == code) {
        return (*name).to_owned();
    }
    let parts: Vec<&str> =
        names.iter().filter(|(_, bit)| *bit != 0 && code & bit == *bit).map(|(name, _)| *name).collect();
    parts.join(" ")
}

/// A `yes`/`no` row: name, field, default.
macro_rules! flag {
    ($name:literal, $field:ident, $default:expr) => {
        $crate::config::directive::Directive::new(
            $name,
            $crate::config::directive::Kind::Bool {
                get: |config| config.$field,
                put: |config, value| config.$field = value,
                default: $default,
            },
        )
    };
}

/// A number row: name, field, notation, bounds, default.
macro_rules! number {
    ($name:literal, $field:ident, $notation:ident, $min:expr, $max:expr, $default:expr) => {
        $crate::config::directive::Directive::new(
            $name,
            $crate::config::directive::Kind::Number {
                get: |config| config.$field as i128,
                put: |config, value| config.$field = value as _,
                min: $min as i128,
                max: $max as i128,
                default: $default as i128,
                notation: $crate::config::directive::Notation::$notation,
            },
        )
    };
    ($name:literal, $field:ident, $min:expr, $max:expr, $default:expr) => {
        number!($name, $field, Decimal, $min, $max, $default)
    };
}

/// A text row: name, field, default; without a default the empty string means "not set".
macro_rules! string {
    (@row $name:literal, $field:ident, $default:expr, $empty:ident) => {
        $crate::config::directive::Directive::new(
            $name,
            $crate::config::directive::Kind::Text {
                get: |config| config.$field.as_bytes(),
                put: |config, value| {
                    config.$field = String::from_utf8(value.to_vec()).map_err(|_| "argument must be valid UTF-8")?;
                    Ok(())
                },
                default: $default,
                empty: $crate::config::directive::Empty::$empty,
            },
        )
    };
    ($name:literal, $field:ident, $default:expr) => {
        string!(@row $name, $field, $default, Kept)
    };
    ($name:literal, $field:ident) => {
        string!(@row $name, $field, "", Unset)
    };
}

/// A row of bytes that no log shows: name, field.
macro_rules! secret {
    ($name:literal, $field:ident) => {
        $crate::config::directive::Directive::new(
            $name,
            $crate::config::directive::Kind::Text {
                get: |config| &config.$field,
                put: |config, value| {
                    config.$field = value.to_vec();
                    Ok(())
                },
                default: "",
                empty: $crate::config::directive::Empty::Unset,
            },
        )
        .is($crate::config::directive::Traits::SENSITIVE)
    };
}

/// A row of named choices: name, field, type, default variant.
macro_rules! choice {
    ($name:literal, $field:ident, $type:ident, $default:ident) => {
        $crate::config::directive::Directive::new(
            $name,
            $crate::config::directive::Kind::Choice {
                get: |config| config.$field.code(),
                put: |config, code| config.$field = $crate::config::choice::$type::from_code(code),
                names: $crate::config::choice::$type::NAMES,
                default: $crate::config::choice::$type::$default.code(),
            },
        )
    };
}

/// A row that no general kind fits: name, the module of `special` that implements it.
macro_rules! special {
    ($name:literal, $module:ident) => {
        $crate::config::directive::Directive::new(
            $name,
            $crate::config::directive::Kind::Special($crate::config::directive::Special {
                set: $crate::config::special::$module::set,
                get: $crate::config::special::$module::get,
                lines: $crate::config::special::$module::lines,
                reset: $crate::config::special::$module::reset,
            }),
        )
    };
}

pub(super) use {choice, flag, number, secret, special, string};
