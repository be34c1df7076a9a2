//! The skip list: one line a test, `unit :: test :: reason`.
//!
//! - `unit` is a unit's name (`unit/type/string`), `*` for every unit; `@7.0` after it restricts the line to suites of
//!   that version.
//! - `test` is a test's name as the suite prints it, in which `*` stands for any text; `tag:NAME` for all tests with
//!   that tag, or `*` for the whole unit.
//! - `reason` starts with `later:` (and names what the test waits for) or `never:` (and says why).
//!
//! Blank lines and lines that start with `#` are comments. A line may match more than one test; a line that matches
//! none is stale, and the run fails.

use std::fmt::Write as _;

/// What a line of the list skips.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The whole unit.
    Unit,
    /// Every test that carries this tag.
    Tag(String),
    /// The tests whose name matches; `*` stands for any text.
    Test(String),
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Its line number in the file, from 1.
    pub line: usize,
    /// The unit, or `*`.
    pub unit: String,
    /// The suites it applies to: a version's beginning, or `None` for all.
    pub version: Option<String>,
    /// What is skipped.
    pub what: What,
    /// Why, beginning with `later:` or `never:`.
    pub reason: String,
}

/// Reads a list. The error names the first line that is wrong.
pub fn parse(text: &str) -> Result<Vec<Skip>, String> {
    let mut skips: Vec<Skip> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let skip = parse_line(index + 1, line).map_err(|why| format!("line {}: {why}: {line}", index + 1))?;
        let same = |other: &&Skip| {
            other.unit == skip.unit && other.version == skip.version && other.what == skip.what
        };
        if let Some(other) = skips.iter().find(same) {
            return Err(format!("line {} repeats line {}: {line}", index + 1, other.line));
        }
        skips.push(skip);
    }
    Ok(skips)
}

impl Skip {
    /// Whether the line is about `unit` in a suite of `version`.
    pub fn applies(&self, unit: &str, version: &str) -> bool {
        let versions = self.version.as_deref().is_none_or(|beginning| version.starts_with(beginning));
        versions && (self.unit == "*" || self.unit == unit)
    }

    /// Whether the line skips the test of this name.
    pub fn matches(&self, test: &str) -> bool {
        matches!(&self.what, What::Test(pattern) if wildcard(pattern, test))
    }
}

/// The lines of the suite's own `--skipfile` for these entries: plain names, and `/` before a regular expression.
pub fn skipfile<'a>(skips: impl Iterator<Item = &'a Skip>) -> String {
    let mut file = String::new();
    for skip in skips {
        match &skip.what {
            What::Test(pattern) if pattern.contains('*') => {
                writeln!(file, "/^{}$", regular_expression(pattern)).expect("write to a string");
            }
            What::Test(name) => writeln!(file, "{name}").expect("write to a string"),
            What::Unit | What::Tag(_) => (),
        }
    }
    file
}

fn parse_line(number: usize, line: &str) -> Result<Skip, &'static str> {
    let mut fields = line.splitn(2, " :: ");
    let (unit, rest) =
        (fields.next().unwrap_or_default(), fields.next().ok_or("not `unit :: test :: reason`")?);
    let (test, reason) = rest.rsplit_once(" :: ").ok_or("not `unit :: test :: reason`")?;
    let explained = ["later:", "never:"]
        .iter()
        .any(|start| reason.trim().strip_prefix(start).is_some_and(|why| !why.trim().is_empty()));
    if !explained {
        return Err("the reason is neither `later: what for` nor `never: why`");
    }
    let (unit, version) = match unit.split_once(" @") {
        Some((unit, version)) => (unit, Some(version.trim().to_owned())),
        None => (unit, None),
    };
    let what = match (test.trim(), test.trim().strip_prefix("tag:")) {
        ("*", _) => What::Unit,
        (_, Some(tag)) => What::Tag(tag.to_owned()),
        (name, None) => What::Test(name.to_owned()),
    };
    Ok(Skip { line: number, unit: unit.trim().to_owned(), version, what, reason: reason.trim().to_owned() })
}

fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

fn regular_expression(pattern: &str) -> String {
    let mut expression = String::new();
    for letter in pattern.chars() {
        match letter {
            '*' => expression.push_str(".*"),
            letter if letter.is_ascii_punctuation() => {
                expression.push('\\');
                expression.push(letter);
            }
            letter => expression.push(letter),
        }
    }
    expression
}

#[cfg(test)]
mod tests {
    use super::{What, parse, skipfile, wildcard};

    #[test]
    fn a_line_has_unit_version_test_and_reason() {
        let skips = parse("# why\n\nunit/multi @7.0 :: MULTI :: odd name :: later: lists\n* :: tag:needs:repl :: later: replication\nunit/x :: * :: never: no\n").unwrap();
        assert_eq!(skips.len(), 3);
        assert_eq!(
            (skips[0].line, skips[0].unit.as_str(), skips[0].version.as_deref()),
            (3, "unit/multi", Some("7.0"))
        );
        assert_eq!(skips[0].what, What::Test("MULTI :: odd name".into()));
        assert!(skips[0].applies("unit/multi", "7.0.15") && !skips[0].applies("unit/multi", "7.2.6"));
        assert_eq!(skips[1].what, What::Tag("needs:repl".into()));
        assert!(skips[1].applies("unit/anything", "7.2.6"));
        assert_eq!(skips[2].what, What::Unit);
    }

    #[test]
    fn a_line_without_a_reason_is_refused() {
        assert!(parse("unit/x :: test :: because").is_err());
        assert!(parse("unit/x :: test :: later:").is_err());
        assert!(parse("unit/x :: test").is_err());
        assert!(
            parse("unit/x :: a :: later: b\nunit/x :: a :: later: c").unwrap_err().contains("repeats line 1")
        );
    }

    #[test]
    fn stars_match_any_text() {
        assert!(wildcard("COPY * does (copy)", "COPY listpack does (copy)"));
        assert!(wildcard("a*b*c", "a-b-b-c"));
        assert!(!wildcard("a*b", "a-b-c"));
        assert!(!wildcard("ab*ba", "aba"));
        let skips = parse("u :: COPY $x (*) :: later: y\nu :: plain (name) :: later: y").unwrap();
        assert_eq!(skipfile(skips.iter()), "/^COPY \\$x \\(.*\\)$\nplain (name)\n");
    }
}
