//! What a client still has to be sent: one growing byte stream with large shared blocks spliced in by reference.
//!
//! Replies are written to `tail`. A large value is not copied: its place in `tail` and a counted reference go to
//! `refs`. When `tail` gets long it is sealed into chunks, so that a slow reader never makes a big buffer be moved
//! and memory goes back as it is sent.
//!
//! The tail keeps its allocation from reply to reply. Its capacity follows what the client needs: it grows with a reply,
//! is at most [`TAIL_CAPACITY_MAX`] once that is sent, and the cron fits it to the recent peak.
//!
//! Invariants: `refs` are in ascending position and at most `tail.len()`; `sent` counts bytes of the first waiting
//! chunk, or of `tail` when no chunk waits (then `refs` is empty: splices are sealed before the first write).

use rufous_storage::Blob;
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

/// The tail's capacity, in bytes, of a fresh client and of an idle one.
pub const TAIL_CAPACITY_MIN: usize = 1024;
/// The most capacity, in bytes, that a tail keeps after its reply is sent.
pub const TAIL_CAPACITY_MAX: usize = 16 * 1024;
/// A tail of this length, in bytes, is sealed between two commands: a little short of its capacity, which it would
/// double otherwise.
const SEAL_LEN: usize = TAIL_CAPACITY_MAX - 1024;
/// The most slices handed to one vectored write.
const SLICES_MAX: usize = 64;

/// Bytes shared between several clients or with the keyspace.
#[derive(Clone)]
pub enum Shared {
    /// A large string value.
    Value(Blob),
    /// A message encoded once for many receivers.
    Message(Arc<[u8]>),
}

impl Shared {
    /// Bytes in the block.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Shared::Value(blob) => blob.as_slice(),
            Shared::Message(message) => message,
        }
    }
}

enum Chunk {
    Owned(Vec<u8>),
    Shared(Shared),
}

impl Chunk {
    /// Heap bytes that the chunk keeps from being freed, its place in the queue included.
    fn memory(&self) -> usize {
        size_of::<Chunk>()
            + match self {
                Chunk::Owned(bytes) => bytes.capacity(),
                Chunk::Shared(shared) => shared.len(),
            }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Owned(bytes) => bytes,
            Chunk::Shared(shared) => shared.bytes(),
        }
    }
}

impl Mark {
    /// A mark from the lengths of the reply buffer and of its splices.
    #[inline]
    pub fn at(tail: usize, refs: usize) -> Mark {
        Mark { tail, refs }
    }

    /// The lengths that the mark stands for.
    pub fn parts(self) -> (usize, usize) {
        (self.tail, self.refs)
    }
}

/// See the file head.
#[derive(Default)]
pub struct Output {
    /// The open end of the stream.
    pub tail: Vec<u8>,
    /// Blocks spliced into `tail`: (position, block).
    pub refs: Vec<(usize, Shared)>,
    /// What comes before the tail.
    pub waiting: Waiting,
    sent: usize,
    peak_since_ms: i64,
}

/// The sealed chunks in front of the tail.
#[derive(Default)]
pub struct Waiting {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    memory: usize,
    /// The most bytes that were in the tail at once, splices included, since the peak was last reset.
    peak: usize,
}

impl Waiting {
    /// No chunk?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Heap bytes of the chunks: what output limits are about.
    #[inline]
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// The same once the tail is sealed, if it is long enough to be.
    pub fn memory_with(&self, tail: &[u8]) -> usize {
        if tail.len() >= SEAL_LEN { self.memory + tail.len() } else { self.memory }
    }

    /// The figures of CLIENT LIST, with those of the tail that belongs to it.
    pub fn figures(&self, tail: &Vec<u8>, sent: usize) -> Figures {
        Figures {
            capacity: tail.capacity(),
            peak: self.peak.min(TAIL_CAPACITY_MAX),
            tail_len: if self.is_empty() { tail.len() - sent } else { tail.len() },
            chunks: self.chunks.len(),
            memory: self.memory,
        }
    }

    fn push(&mut self, chunk: Chunk) {
        self.bytes += chunk.bytes().len();
        self.memory += chunk.memory();
        self.chunks.push_back(chunk);
    }

    fn pop(&mut self) {
        if let Some(chunk) = self.chunks.pop_front() {
            self.bytes -= chunk.bytes().len();
            self.memory -= chunk.memory();
        }
    }
}

/// What CLIENT LIST shows of an output, in bytes unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// `rbs`: capacity of the tail.
    pub capacity: usize,
    /// `rbp`: the recent peak of the tail.
    pub peak: usize,
    /// `obl`: unsent bytes in the tail.
    pub tail_len: usize,
    /// `oll`: chunks, their number.
    pub chunks: usize,
    /// `omem`: heap bytes of the chunks.
    pub memory: usize,
}

/// A position to which [`Output::truncate`] returns.
#[derive(Clone, Copy)]
pub struct Mark {
    tail: usize,
    refs: usize,
}

impl Output {
    /// The output of a fresh client.
    pub fn new(now_ms: i64) -> Output {
        Output { tail: Vec::with_capacity(TAIL_CAPACITY_MIN), peak_since_ms: now_ms, ..Output::default() }
    }

    /// Nothing left to send?
    pub fn is_empty(&self) -> bool {
        self.tail.is_empty() && self.waiting.is_empty() && self.refs.is_empty()
    }

    /// Bytes that wait, shared blocks included.
    pub fn len(&self) -> usize {
        self.tail_len() + self.waiting.bytes - self.sent
    }

    /// Bytes in the tail with its splices.
    fn tail_len(&self) -> usize {
        self.tail.len() + self.refs.iter().map(|(_, shared)| shared.len()).sum::<usize>()
    }

    /// What CLIENT LIST shows.
    pub fn figures(&self) -> Figures {
        self.waiting.figures(&self.tail, self.sent)
    }

    /// The present end of the stream.
    pub fn mark(&self) -> Mark {
        Mark { tail: self.tail.len(), refs: self.refs.len() }
    }

    /// Takes back all that was written since `mark`. No seal may lie between.
    pub fn truncate(&mut self, mark: Mark) {
        self.tail.truncate(mark.tail);
        self.refs.truncate(mark.refs);
    }

    /// Was anything written since `mark`?
    pub fn grew(&self, mark: Mark) -> bool {
        self.tail.len() > mark.tail
    }

    /// Appends a block by reference.
    pub fn splice(&mut self, shared: Shared) {
        self.refs.push((self.tail.len(), shared));
    }

    /// Seals the tail when it is long or has splices: called between commands and before writing.
    #[inline]
    pub fn seal_if_long(&mut self) {
        if self.tail.len() >= SEAL_LEN || !self.refs.is_empty() {
            self.seal();
        }
    }

    fn note_peak(&mut self) {
        self.waiting.peak = self.waiting.peak.max(self.tail_len());
    }

    fn seal(&mut self) {
        self.note_peak();
        // A chunk in front takes over what was already sent of the tail: `sent` stays as it is.
        if self.refs.is_empty() {
            if !self.tail.is_empty() {
                let next = Vec::with_capacity(self.tail.capacity().min(TAIL_CAPACITY_MAX));
                self.waiting.push(Chunk::Owned(std::mem::replace(&mut self.tail, next)));
            }
            return;
        }
        let mut from = 0;
        for (at, shared) in self.refs.drain(..) {
            if at > from {
                self.waiting.push(Chunk::Owned(self.tail[from..at].to_vec()));
            }
            self.waiting.push(Chunk::Shared(shared));
            from = at;
        }
        if from < self.tail.len() {
            self.waiting.push(Chunk::Owned(self.tail[from..].to_vec()));
        }
        self.tail.clear();
        self.tail.shrink_to(TAIL_CAPACITY_MAX);
    }

    /// Hands the waiting bytes to `write` (which returns how many it took) until all is gone or a write is short.
    /// Returns the bytes written in all.
    pub fn flush(
        &mut self,
        mut write: impl FnMut(&[IoSlice<'_>]) -> std::io::Result<usize>,
    ) -> std::io::Result<usize> {
        let mut total = 0;
        if self.waiting.is_empty() && self.refs.is_empty() {
            self.note_peak();
            while self.sent < self.tail.len() {
                match write(&[IoSlice::new(&self.tail[self.sent..])]) {
                    Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
                    Ok(n) => {
                        self.sent += n;
                        total += n;
                    }
                    Err(error) => {
                        return if total > 0 && would_block(&error) { Ok(total) } else { Err(error) };
                    }
                }
            }
            self.tail.clear();
            self.sent = 0;
            return Ok(total);
        }
        self.seal();
        while !self.waiting.is_empty() {
            let chunks = &self.waiting.chunks;
            let mut slices = Vec::with_capacity(chunks.len().min(SLICES_MAX));
            for (i, chunk) in chunks.iter().take(SLICES_MAX).enumerate() {
                let bytes = chunk.bytes();
                slices.push(IoSlice::new(if i == 0 { &bytes[self.sent..] } else { bytes }));
            }
            match write(&slices) {
                Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    total += n;
                    self.advance(n);
                }
                Err(error) => return if total > 0 && would_block(&error) { Ok(total) } else { Err(error) },
            }
        }
        Ok(total)
    }

    fn advance(&mut self, n: usize) {
        self.sent += n;
        while let Some(first) = self.waiting.chunks.front() {
            let len = first.bytes().len();
            if self.sent < len {
                break;
            }
            self.sent -= len;
            self.waiting.pop();
        }
    }

    /// Drops everything unsent.
    pub fn clear(&mut self) {
        *self = Output::default();
    }

    /// Fits the tail's capacity to the recent peak, in steps of two: called by the cron. A peak is forgotten after
    /// `peak_reset_ms`, if that is given. Tells how the capacity compares with the old one.
    pub fn fit(&mut self, now_ms: i64, peak_reset_ms: Option<i64>) -> Ordering {
        let (capacity, peak) = (self.tail.capacity(), self.waiting.peak);
        if capacity / 2 >= TAIL_CAPACITY_MIN && peak < capacity / 2 {
            self.tail.shrink_to((peak + 1).max(TAIL_CAPACITY_MIN));
        } else if capacity < TAIL_CAPACITY_MAX && peak >= capacity {
            let wanted = (capacity * 2).clamp(TAIL_CAPACITY_MIN, TAIL_CAPACITY_MAX);
            self.tail.reserve_exact(wanted.saturating_sub(self.tail.len()));
        }
        if peak_reset_ms.is_some_and(|after_ms| now_ms - self.peak_since_ms >= after_ms) {
            self.waiting.peak = self.tail_len();
            self.peak_since_ms = now_ms;
        }
        self.tail.capacity().cmp(&capacity)
    }
}

/// Is the error the kernel's "not now"?
pub fn would_block(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::WouldBlock
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(output: &mut Output, step: usize) -> Vec<u8> {
        let mut got = Vec::new();
        while !output.is_empty() {
            let _ = output.flush(|slices| {
                let mut left = step;
                for slice in slices {
                    let n = slice.len().min(left);
                    got.extend_from_slice(&slice[..n]);
                    left -= n;
                }
                Ok(step - left)
            });
        }
        got
    }

    #[test]
    fn splices_come_out_in_order_whatever_the_write_size() {
        for step in [1, 2, 3, 7, 100_000] {
            let mut output = Output::default();
            let mut want = Vec::new();
            for round in 0..50u8 {
                output.tail.extend_from_slice(&[round; 5]);
                want.extend_from_slice(&[round; 5]);
                if round % 3 == 0 {
                    output.splice(Shared::Message(Arc::from(&[b'x', round][..])));
                    want.extend_from_slice(&[b'x', round]);
                }
                if round % 11 == 0 {
                    output.seal_if_long();
                }
            }
            assert_eq!(output.len(), want.len());
            assert_eq!(drain(&mut output, step), want);
            assert_eq!(output.len(), 0);
        }
    }

    #[test]
    fn a_partly_sent_tail_goes_on_where_it_stopped() {
        let mut output = Output::default();
        output.tail.extend_from_slice(b"hello ");
        let mut first = true;
        let n = output.flush(|slices| {
            if std::mem::take(&mut first) {
                Ok(slices[0].len().min(2))
            } else {
                Err(std::io::ErrorKind::WouldBlock.into())
            }
        });
        assert_eq!(n.unwrap(), 2);
        output.splice(Shared::Message(Arc::from(&b"big"[..])));
        output.tail.extend_from_slice(b" world");
        assert_eq!(drain(&mut output, 1000), b"llo big world");
    }

    #[test]
    fn the_capacity_follows_the_recent_peak() {
        let mut output = Output::new(0);
        let send = |output: &mut Output, len: usize| {
            output.tail.resize(len, b'x');
            output.flush(|slices| Ok(slices[0].len())).unwrap();
        };
        assert_eq!(output.fit(0, Some(100)), Ordering::Equal);
        send(&mut output, 9000);
        // All of it was needed: a little more may be.
        assert_eq!(output.fit(99, Some(100)), Ordering::Greater);
        assert_eq!(output.figures().capacity, TAIL_CAPACITY_MAX);
        // The peak holds for 100 ms.
        assert_eq!(output.fit(100, Some(100)), Ordering::Equal);
        assert_eq!(output.fit(101, Some(100)), Ordering::Less);
        assert_eq!(output.figures().capacity, TAIL_CAPACITY_MIN);
        // Large blocks go by reference, but say that there is much to reply.
        for round in 0..10 {
            output.splice(Shared::Message(vec![0; 100_000].into()));
            output.flush(|slices| Ok(slices.iter().map(|slice| slice.len()).sum())).unwrap();
            let expected = if round < 4 { Ordering::Greater } else { Ordering::Equal };
            assert_eq!(output.fit(200 + round, None), expected, "round {round}");
        }
        assert_eq!(output.figures().capacity, TAIL_CAPACITY_MAX);
    }

    #[test]
    fn figures_tell_what_waits_in_chunks() {
        let mut output = Output::new(0);
        for _ in 0..100 {
            output.tail.extend_from_slice(&[b'x'; 1000]);
            output.seal_if_long();
        }
        let figures = output.figures();
        assert_eq!((figures.chunks, figures.tail_len), (6, 4000));
        assert!(figures.memory >= 96_000 && figures.memory < 100_000, "{figures:?}");
        let mut room = 20_500;
        let sent = output.flush(|slices| {
            let n = slices.iter().map(|slice| slice.len()).sum::<usize>().min(room);
            room -= n;
            if n > 0 { Ok(n) } else { Err(std::io::ErrorKind::WouldBlock.into()) }
        });
        assert_eq!(sent.unwrap(), 20_500);
        assert_eq!(output.len(), 79_500);
        assert_eq!(output.figures().chunks, 6);
        assert_eq!(drain(&mut output, 7_777).len(), 79_500);
        assert_eq!((output.figures().memory, output.waiting.bytes), (0, 0));
    }

    #[test]
    fn truncating_takes_back_bytes_and_splices() {
        let mut output = Output::default();
        output.tail.extend_from_slice(b"keep");
        let mark = output.mark();
        output.tail.extend_from_slice(b"drop");
        output.splice(Shared::Message(Arc::from(&b"drop"[..])));
        assert!(output.grew(mark));
        output.truncate(mark);
        assert_eq!(drain(&mut output, 10), b"keep");
    }
}
