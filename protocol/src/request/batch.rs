//! The flat batch that requests are parsed ahead into: spans of all arguments, bounds of all requests, and a side
//! store for the arguments that do not lie in the read buffer.
//!
//! ```text
//!  spans:  [ SET k v | GET k | ... ]     bounds: [ 0, 3, 5, ... ]
//!  a span: start < 2^31   bytes start..start+len of the read buffer
//!          start >= 2^31  elsewhere: len = u32::MAX  side.large[start - 2^31]
//!                                    otherwise       side.text[start - 2^31 ..][..len]
//! ```
//! Cleared and reused: after the first few requests it allocates nothing.

use super::args::Args;
use crate::inline::{Unbalanced, Word, Words};
use std::ops::Range;
use std::sync::Arc;

/// Set in `Span::start` when the argument is not in the read buffer.
pub(super) const ELSEWHERE: u32 = 1 << 31;
/// Arguments that end beyond this offset of the read buffer get their own allocation.
pub(super) const IN_BUFFER_END_MAX: usize = ELSEWHERE as usize - 1;
/// `Span::len` of an argument with its own allocation.
const LARGE: u32 = u32::MAX;

/// Capacities, in elements, that survive `Batch::clear`.
const SPANS_KEPT_MAX: usize = 4 * 1024;
const TEXT_KEPT_MAX: usize = 16 * 1024;

/// Where the bytes of one argument are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    #[inline(always)]
    pub(super) fn in_buffer(start: usize, len: usize) -> Span {
        debug_assert!(start + len <= IN_BUFFER_END_MAX);
        Span { start: start as u32, len: len as u32 }
    }

    fn in_text(start: usize, len: usize) -> Span {
        let start = u32::try_from(start).ok().filter(|start| start & ELSEWHERE == 0);
        Span {
            start: start.expect("a batch holds less than 2 GiB of inline text") | ELSEWHERE,
            len: len as u32,
        }
    }

    pub(super) fn large(index: usize) -> Span {
        let index = u32::try_from(index).ok().filter(|index| index & ELSEWHERE == 0);
        Span { start: index.expect("a batch holds less than 2^31 large arguments") | ELSEWHERE, len: LARGE }
    }

    /// The same bytes, counted from `base`.
    pub(super) fn moved_down(self, base: usize) -> Span {
        debug_assert!(self.start & ELSEWHERE == 0 && self.start as usize >= base);
        Span { start: self.start - base as u32, len: self.len }
    }

    /// The same argument once its request joins a batch: `base` is where the request begins in the buffer,
    /// `large` how many large arguments the batch holds already.
    fn joined(self, base: usize, large: usize) -> Span {
        if self.start & ELSEWHERE == 0 {
            let start = self.start as usize + base;
            assert!(start + self.len as usize <= IN_BUFFER_END_MAX, "a request moved up in its buffer");
            Span { start: start as u32, len: self.len }
        } else {
            Span::large((self.start & !ELSEWHERE) as usize + large)
        }
    }

    fn large_index(self) -> Option<usize> {
        (self.start & ELSEWHERE != 0 && self.len == LARGE).then_some((self.start & !ELSEWHERE) as usize)
    }

    #[inline(always)]
    pub(super) fn bytes<'a>(self, buf: &'a [u8], side: &'a Side) -> &'a [u8] {
        if self.start & ELSEWHERE == 0 {
            let start = self.start as usize;
            &buf[start..start + self.len as usize]
        } else {
            side.bytes(self)
        }
    }

    /// Where an argument that is in the read buffer begins and ends.
    #[inline(always)]
    pub(super) fn range(self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.len as usize
    }

    /// The argument's bytes, given the large arguments of its request, which is not in a batch yet.
    pub(super) fn len(self, large: &[Vec<u8>]) -> usize {
        self.large_index().map_or(self.len as usize, |index| large[index].len())
    }

    /// The shared allocation of an argument that has its own.
    pub(super) fn shared(self, side: &Side) -> Option<&Arc<Vec<u8>>> {
        self.large_index().map(|index| &side.large[index])
    }
}

/// Arguments that do not lie in the read buffer.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// Words of inline requests that had to be unquoted.
    pub(super) text: Vec<u8>,
    /// All requests are in the buffer as they would be encoded.
    pub(super) is_encoded: bool,
    /// Arguments with an allocation of their own, shared so that a command or a queue keeps one without copying it.
    pub(super) large: Vec<Arc<Vec<u8>>>,
}

impl Side {
    #[cold]
    fn bytes(&self, span: Span) -> &[u8] {
        match span.large_index() {
            Some(index) => &self.large[index],
            None => {
                let start = (span.start & !ELSEWHERE) as usize;
                &self.text[start..start + span.len as usize]
            }
        }
    }

    pub(super) fn push_large(&mut self, bytes: Arc<Vec<u8>>) -> Span {
        self.large.push(bytes);
        Span::large(self.large.len() - 1)
    }
}

/// Requests parsed ahead. Its arguments are read through [`Batch::request`], together with the buffer they were parsed from.
#[derive(Debug)]
pub struct Batch {
    pub(super) spans: Vec<Span>,
    /// Where each request's spans begin, and at last where the next request's will.
    bounds: Vec<usize>,
    side: Side,
    blank_lines: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Batch::new()
    }
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        let side = Side { is_encoded: true, ..Side::default() };
        Batch { spans: Vec::new(), bounds: vec![0], side, blank_lines: 0 }
    }

    /// Forgets all requests, and gives back memory beyond what the next ones will plausibly need.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.bounds.truncate(1);
        self.blank_lines = 0;
        self.side.is_encoded = true;
        if self.spans.capacity() > SPANS_KEPT_MAX {
            self.spans.shrink_to(SPANS_KEPT_MAX);
        }
        if self.side.text.capacity() > 0 || self.side.large.capacity() > 0 {
            self.side.text.clear();
            self.side.text.shrink_to(TEXT_KEPT_MAX);
            self.side.large = Vec::new();
        }
    }

    /// How many requests the batch holds.
    #[inline]
    pub fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    /// Whether the batch holds no request.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Request `i`, which has at least one argument. `buf` is the buffer that the batch was parsed from, from the same first byte on.
    #[inline]
    pub fn request<'a>(&'a self, i: usize, buf: &'a [u8]) -> Args<'a> {
        let spans = &self.spans[self.bounds[i]..self.bounds[i + 1]];
        Args { spans, buf, side: Some(&self.side) }
    }

    /// How many blank lines were skipped: a replica's sign of life.
    pub fn blank_lines(&self) -> usize {
        self.blank_lines
    }

    /// Heap bytes held, the read buffer not counted.
    pub fn memory(&self) -> usize {
        self.spans.capacity() * size_of::<Span>()
            + self.bounds.capacity() * size_of::<usize>()
            + self.side.text.capacity()
            + self.side.large.iter().map(|bytes| bytes.capacity()).sum::<usize>()
    }

    /// The spans pushed since the last request become a request.
    #[inline(always)]
    pub(super) fn end_request(&mut self) {
        self.bounds.push(self.spans.len());
    }

    /// Appends a request that was put together in several steps; takes its large arguments.
    pub(super) fn append_request(&mut self, spans: &[Span], base: usize, large: &mut Vec<Vec<u8>>) {
        let large_before = self.side.large.len();
        self.side.is_encoded = false;
        self.spans.extend(spans.iter().map(|span| span.joined(base, large_before)));
        self.side.large.extend(large.drain(..).map(Arc::new));
        self.end_request();
    }

    /// Appends the words of an inline request, a line that begins at `base` of the buffer. A blank line is counted and skipped.
    pub(super) fn append_inline(&mut self, line: &[u8], base: usize) -> Result<(), Unbalanced> {
        let first_span = self.spans.len();
        let mut words = Words::new(line);
        loop {
            let text_before = self.side.text.len();
            match words.next_word(&mut self.side.text) {
                Ok(Some(Word::Inside { start, end })) => self.push_inside(base + start, &line[start..end]),
                Ok(Some(Word::Unquoted)) => {
                    let len = self.side.text.len() - text_before;
                    self.spans.push(Span::in_text(text_before, len));
                }
                Ok(None) => break,
                Err(unbalanced) => {
                    self.spans.truncate(first_span);
                    return Err(unbalanced);
                }
            }
        }
        if self.spans.len() > first_span {
            self.side.is_encoded = false;
            self.end_request();
        } else {
            self.blank_lines += 1;
        }
        Ok(())
    }

    fn push_inside(&mut self, start: usize, bytes: &[u8]) {
        let span = if start + bytes.len() <= IN_BUFFER_END_MAX {
            Span::in_buffer(start, bytes.len())
        } else {
            self.side.push_large(Arc::new(bytes.to_vec()))
        };
        self.spans.push(span);
    }
}
