//! What the suite printed, as counts; and the table of all units.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::skips::{Skip, What};

/// What one unit printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Names of the tests that passed, in order.
    pub passed: Vec<String>,
    /// Failures: the test's name and what was wrong, as printed.
    pub failed: Vec<String>,
    /// Names of the tests left out by name.
    pub skipped: Vec<String>,
    /// What the suite said of each test, or group of tests, left out by tag.
    pub ignored: Vec<String>,
    /// Whether the unit ran to its end.
    pub completed: bool,
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// The unit.
    pub unit: String,
    /// What it printed.
    pub outcome: Outcome,
    /// How long it took.
    pub elapsed: Duration,
    /// Where all that it printed is kept.
    pub log: PathBuf,
    /// Entries of the skip list for this very unit that skipped nothing.
    pub stale: Vec<Skip>,
}

/// Reads what the suite printed.
pub fn parse(output: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let mut in_failure = false;
    for line in output.lines() {
        let Some((status, rest)) = status_line(line) else {
            if in_failure && !line.trim().is_empty() {
                let failure = outcome.failed.last_mut().expect("a failure is open");
                failure.push('\n');
                failure.push_str(line);
            }
            continue;
        };
        in_failure = matches!(status, "err" | "exception" | "TIMEOUT");
        match status {
            "ok" => outcome.passed.push(without_milliseconds(rest).to_owned()),
            "skip" => outcome.skipped.push(rest.to_owned()),
            "ignore" => outcome.ignored.push(rest.to_owned()),
            "err" => outcome.failed.push(rest.to_owned()),
            "exception" | "TIMEOUT" => outcome.failed.push(format!("{status}: {rest}")),
            _ => outcome.completed |= status.ends_with("done"),
        }
    }
    outcome
}

impl Row {
    /// Whether everything that ran passed, the unit ended, and no skip entry is stale.
    pub fn is_good(&self) -> bool {
        self.outcome.failed.is_empty() && self.outcome.completed && self.stale.is_empty()
    }
}

/// The entries for `unit` by name (not `*`) that left nothing out.
pub fn stale(skips: &[Skip], unit: &str, version: &str, outcome: &Outcome) -> Vec<Skip> {
    let unused = |skip: &&Skip| match &skip.what {
        What::Unit => false,
        What::Tag(tag) => !outcome.ignored.iter().any(|line| line.contains(&format!("Tag: {tag} denied"))),
        What::Test(_) => !outcome.skipped.iter().any(|test| skip.matches(test)),
    };
    skips
        .iter()
        .filter(|skip| skip.unit == unit && skip.applies(unit, version))
        .filter(unused)
        .cloned()
        .collect()
}

/// The whole report: table, failures, stale entries.
#[derive(Debug)]
pub struct Report<'a>(pub &'a [Row]);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<28} {:>7} {:>7} {:>8} {:>8}", "unit", "passed", "failed", "skipped", "seconds")?;
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for row in self.0 {
            writeln!(f, "{row}")?;
            passed += row.outcome.passed.len();
            failed += row.outcome.failed.len();
            skipped += row.outcome.left_out();
        }
        let seconds: f64 = self.0.iter().map(|row| row.elapsed.as_secs_f64()).sum();
        writeln!(f, "{:<28} {passed:>7} {failed:>7} {skipped:>8} {seconds:>8.1}", "total")?;
        for row in self.0.iter().filter(|row| !row.is_good()) {
            write_failures(f, row)?;
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (outcome, seconds) = (&self.outcome, self.elapsed.as_secs_f64());
        let (passed, failed, skipped) = (outcome.passed.len(), outcome.failed.len(), outcome.left_out());
        write!(f, "{:<28} {passed:>7} {failed:>7} {skipped:>8} {seconds:>8.1}", self.unit)?;
        f.write_str(if outcome.completed { "" } else { "  ABORTED" })
    }
}

impl Outcome {
    /// How many tests, or groups of tests, were left out.
    pub fn left_out(&self) -> usize {
        self.skipped.len() + self.ignored.iter().collect::<BTreeSet<_>>().len()
    }
}

/// At most this many lines of one failure are shown; the log has the rest.
const FAILURE_LINES_MAX: usize = 6;

fn write_failures(f: &mut fmt::Formatter<'_>, row: &Row) -> fmt::Result {
    writeln!(f, "\n{}: see {}", row.unit, row.log.display())?;
    for failure in &row.outcome.failed {
        for (index, line) in failure.lines().take(FAILURE_LINES_MAX).enumerate() {
            writeln!(f, "  {}{line}", if index == 0 { "- " } else { "    " })?;
        }
    }
    if !row.outcome.completed {
        let last = row.outcome.passed.last().map_or("no test", String::as_str);
        writeln!(f, "  - did not end; the last test that passed: {last}")?;
    }
    for skip in &row.stale {
        writeln!(f, "  - skip list line {}: matches nothing: {:?}", skip.line, skip.what)?;
    }
    Ok(())
}

fn status_line(line: &str) -> Option<(&str, &str)> {
    let (status, rest) = line.strip_prefix('[')?.split_once("]: ")?;
    let known = ["ok", "err", "skip", "ignore", "exception", "TIMEOUT", "ready", "testing"];
    (known.contains(&status) || status.ends_with(" done")).then_some((status, rest))
}

fn without_milliseconds(text: &str) -> &str {
    let stripped = text.strip_suffix(" ms)").and_then(|text| text.rsplit_once(" ("));
    stripped.map_or(text, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::{parse, stale};
    use crate::upstream::skips;

    const OUTPUT: &str = "[ready]: 12\nTesting unit/x\n[ok]: one (two) (3 ms)\n[err]: three in tests/unit/x.tcl\nExpected a\n\
        [skip]: four\n[ignore]: five: Tag: needs:repl denied\n[1/1 done]: unit/x (2 seconds)\n\n  The End\n*** [err]: three\n";

    #[test]
    fn lines_are_sorted_by_status() {
        let outcome = parse(OUTPUT);
        assert_eq!(outcome.passed, ["one (two)"]);
        assert_eq!(outcome.failed, ["three in tests/unit/x.tcl\nExpected a"]);
        assert_eq!(outcome.skipped, ["four"]);
        assert_eq!((outcome.ignored.len(), outcome.left_out(), outcome.completed), (1, 2, true));
    }

    #[test]
    fn an_exception_is_a_failure_and_no_end() {
        let outcome =
            parse("[ok]: one\n[exception]: Executing test client: I/O error\n    while executing\n");
        assert_eq!(outcome.failed, ["exception: Executing test client: I/O error\n    while executing"]);
        assert!(!outcome.completed);
    }

    #[test]
    fn an_entry_that_skips_nothing_is_stale() {
        let list = "unit/x :: four :: later: a\nunit/x :: gone :: later: b\nunit/x :: tag:needs:repl :: later: c\n\
            unit/x :: tag:slow :: later: d\nunit/y :: other :: later: e\nunit/x @7.0 :: old :: later: f\n";
        let found = stale(&skips::parse(list).unwrap(), "unit/x", "7.2.6", &parse(OUTPUT));
        assert_eq!(found.iter().map(|skip| skip.line).collect::<Vec<_>>(), [2, 4]);
    }
}
