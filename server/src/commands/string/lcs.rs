//! LCS: the longest common subsequence of two strings.
//!
//! The table of lengths is never kept. Going back from its end needs one bit per cell, "the longer one is above", and the
//! bytes themselves; the lengths need one row. Redis keeps 32 bits a cell; the limit on that memory is part of its
//! behaviour and stays, although an eighth of a byte a cell is used here.

use super::integer;
use crate::command::Outcome;
use crate::context::Ctx;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::request::Args;
use rufous_storage::Str;

/// What Redis keeps for a cell of the table.
const CELL_BYTES: u64 = 4;
/// Strings of this length do not fit Redis' 32-bit indexes.
const LEN_END: usize = u32::MAX as usize - 1;

/// LCS key1 key2 \[LEN\] \[IDX\] \[MINMATCHLEN len\] \[WITHMATCHLEN\]
pub(super) fn lcs(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let keys = [args.get(1), args.get(2)];
    let are_strings = keys.map(|key| cx.db.read(key).is_none_or(|entry| entry.string().is_some()));
    if are_strings != [true, true] {
        return Err(error::LCS_NOT_STRINGS);
    }
    let options = Options::parse(args.from(3))?;
    // Both are alive: what has expired was removed by the reads above.
    let db = cx.db.store.keyspace.db(cx.db.index);
    let strings = keys.map(|key| db.find(key).and_then(|entry| entry.string()).unwrap_or(Str::Bytes(b"")));
    let mut buffers = [itoa::Buffer::new(), itoa::Buffer::new()];
    let [buffer_a, buffer_b] = &mut buffers;
    let (a, b) = (strings[0].as_bytes(buffer_a), strings[1].as_bytes(buffer_b));
    if a.len() >= LEN_END || b.len() >= LEN_END {
        return Err(error::LCS_TOO_LONG);
    }
    let cells = (a.len() as u64 + 1).saturating_mul(b.len() as u64 + 1);
    if cells.saturating_mul(CELL_BYTES) > cx.server.config.proto_max_bulk_len {
        return Err(error::LCS_MEMORY);
    }

    if options.len {
        cx.reply.integer(length(a, b) as i64);
        return Ok(());
    }
    let table = Table::new(a, b);
    if !options.indexes {
        cx.reply.bulk(&table.subsequence());
        return Ok(());
    }
    cx.reply.map(2);
    cx.reply.bulk(b"matches");
    let mark = cx.reply.defer();
    let mut count = 0;
    for run in table.runs().filter(|run| run.len >= options.run_len_min) {
        count += 1;
        cx.reply.array(if options.with_len { 3 } else { 2 });
        for start in [run.a, run.b] {
            cx.reply.array(2);
            cx.reply.integer(start as i64);
            cx.reply.integer((start + run.len - 1) as i64);
        }
        if options.with_len {
            cx.reply.integer(run.len as i64);
        }
    }
    cx.reply.set_array(mark, count);
    cx.reply.bulk(b"len");
    cx.reply.integer(table.len as i64);
    Ok(())
}

#[derive(Default)]
struct Options {
    len: bool,
    indexes: bool,
    run_len_min: usize,
    with_len: bool,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Options, ReplyError> {
        let mut options = Options::default();
        let mut rest = args.iter();
        while let Some(word) = rest.next() {
            if word.eq_ignore_ascii_case(b"idx") {
                options.indexes = true;
            } else if word.eq_ignore_ascii_case(b"len") {
                options.len = true;
            } else if word.eq_ignore_ascii_case(b"withmatchlen") {
                options.with_len = true;
            } else if word.eq_ignore_ascii_case(b"minmatchlen") {
                let len = integer(rest.next().ok_or(error::SYNTAX)?)?;
                options.run_len_min = len.max(0) as usize;
            } else {
                return Err(error::SYNTAX);
            }
        }
        if options.len && options.indexes { Err(error::LCS_LEN_AND_IDX) } else { Ok(options) }
    }
}

/// Length of the longest common subsequence.
fn length(a: &[u8], b: &[u8]) -> usize {
    let mut row = vec![0u32; b.len() + 1];
    a.iter().for_each(|&byte| next_row(&mut row, byte, b, |_| {}));
    row[b.len()] as usize
}

/// Turns the lengths for a prefix of one string into those for the prefix that is one byte longer. Tells the columns
/// in which the cell above is greater than the one to the left.
#[inline(always)]
fn next_row(row: &mut [u32], byte: u8, b: &[u8], mut above: impl FnMut(usize)) {
    let mut diagonal = 0;
    let mut left = 0;
    for (j, &other) in b.iter().enumerate() {
        let up = row[j + 1];
        let cell = if byte == other { diagonal + 1 } else { up.max(left) };
        if up > left {
            above(j);
        }
        row[j + 1] = cell;
        (diagonal, left) = (up, cell);
    }
}

/// Equal bytes in sequence: `a[run.a..][..run.len] == b[run.b..][..run.len]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    a: usize,
    b: usize,
    len: usize,
}

/// The way back through the table.
struct Table<'a> {
    a: &'a [u8],
    b: &'a [u8],
    /// Cell (i, j) is bit `i * b.len() + j`.
    above: Vec<u64>,
    len: usize,
}

impl<'a> Table<'a> {
    fn new(a: &'a [u8], b: &'a [u8]) -> Table<'a> {
        let mut above = vec![0u64; (a.len() * b.len()).div_ceil(64)];
        let mut row = vec![0u32; b.len() + 1];
        for (i, &byte) in a.iter().enumerate() {
            let start = i * b.len();
            next_row(&mut row, byte, b, |j| above[(start + j) / 64] |= 1 << ((start + j) % 64));
        }
        Table { a, b, above, len: row[b.len()] as usize }
    }

    /// The matching positions of both strings, from the last to the first.
    fn matches(&self) -> impl Iterator<Item = (usize, usize)> {
        let (mut i, mut j) = (self.a.len(), self.b.len());
        std::iter::from_fn(move || {
            while i > 0 && j > 0 {
                if self.a[i - 1] == self.b[j - 1] {
                    (i, j) = (i - 1, j - 1);
                    return Some((i, j));
                }
                let cell = (i - 1) * self.b.len() + j - 1;
                if self.above[cell / 64] >> (cell % 64) & 1 != 0 { i -= 1 } else { j -= 1 }
            }
            None
        })
    }

    fn subsequence(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.matches().map(|(i, _)| self.a[i]).collect();
        bytes.reverse();
        bytes
    }

    /// The matches, adjoining ones put together, from the last to the first.
    fn runs(&self) -> impl Iterator<Item = Run> {
        let mut matches = self.matches().peekable();
        std::iter::from_fn(move || {
            let (a, b) = matches.next()?;
            let mut run = Run { a, b, len: 1 };
            while let Some((a, b)) = matches.next_if(|&(a, b)| a + 1 == run.a && b + 1 == run.b) {
                run = Run { a, b, len: run.len + 1 };
            }
            Some(run)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive_length(a: &[u8], b: &[u8]) -> usize {
        match (a, b) {
            ([], _) | (_, []) => 0,
            ([x, a @ ..], [y, b @ ..]) if x == y => naive_length(a, b) + 1,
            ([_, short_a @ ..], [_, short_b @ ..]) => naive_length(short_a, b).max(naive_length(a, short_b)),
        }
    }

    #[test]
    fn runs_are_found_from_the_end() {
        let (a, b) = (b"ohmytext", b"mynewtext");
        let table = Table::new(a, b);
        assert_eq!(table.subsequence(), b"mytext");
        let runs: Vec<Run> = table.runs().collect();
        assert_eq!(runs, [Run { a: 4, b: 5, len: 4 }, Run { a: 2, b: 0, len: 2 }]);
    }

    #[test]
    fn a_string_is_its_own_subsequence() {
        let text = [7; 200];
        let table = Table::new(&text, &text);
        assert_eq!(table.subsequence(), text);
        assert_eq!(table.runs().collect::<Vec<_>>(), [Run { a: 0, b: 0, len: 200 }]);
        assert_eq!(Table::new(&text, b"").subsequence(), b"");
    }

    proptest! {
        #[test]
        fn the_subsequence_is_common_and_longest(
            a in prop::collection::vec(0u8..3, 0..10),
            b in prop::collection::vec(0u8..3, 0..10),
        ) {
            let table = Table::new(&a, &b);
            prop_assert_eq!(table.len, naive_length(&a, &b));
            prop_assert_eq!(length(&a, &b), table.len);
            let matches: Vec<_> = table.matches().collect();
            prop_assert_eq!(matches.len(), table.len);
            prop_assert!(matches.iter().all(|&(i, j)| a[i] == b[j]));
            prop_assert!(matches.windows(2).all(|pair| pair[1].0 < pair[0].0 && pair[1].1 < pair[0].1));
            let from_runs: usize = table.runs().map(|run| run.len).sum();
            prop_assert_eq!(from_runs, table.len);
        }
    }
}
