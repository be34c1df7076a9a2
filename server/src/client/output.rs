//! What a client still has to be sent: one growing byte stream with large shared blocks spliced in by reference.
//!
//! Replies are written to `tail`. A large value is not copied: its place in `tail` and a counted reference go to
//! `refs`. When `tail` gets long it is sealed into chunks, so that a slow reader never makes a big buffer be moved
//! and memory goes back as it is sent.
//!
//! Invariants: `refs` are in ascending position and at most `tail.len()`; `sent` counts bytes of the first sealed
//! chunk, or of `tail` when nothing is sealed (then `refs` is empty: splices are sealed before the first write).

use rufous_storage::Blob;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

/// A tail longer than this is sealed between two commands.
const SEAL_LEN: usize = 64 * 1024;
/// The capacity that an idle client's tail keeps.
const TAIL_CAPACITY_KEPT: usize = 16 * 1024;
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
    sealed: VecDeque<Chunk>,
    sealed_bytes: usize,
    sent: usize,
    /// The largest `tail` since the last [`Output::trim`].
    tail_peak: usize,
}

/// A position to which [`Output::truncate`] returns.
#[derive(Clone, Copy)]
pub struct Mark {
    tail: usize,
    refs: usize,
}

impl Output {
    /// Nothing left to send?
    pub fn is_empty(&self) -> bool {
        self.tail.is_empty() && self.sealed.is_empty() && self.refs.is_empty()
    }

    /// Bytes that wait, shared blocks included.
    pub fn len(&self) -> usize {
        let refs: usize = self.refs.iter().map(|(_, shared)| shared.bytes().len()).sum();
        self.tail.len() + self.sealed_bytes + refs - self.sent
    }

    /// Sealed chunks that wait: what CLIENT LIST calls `oll`.
    pub fn chunks(&self) -> usize {
        self.sealed.len()
    }

    /// Bytes in sealed chunks: what CLIENT LIST calls `omem`.
    pub fn chunk_bytes(&self) -> usize {
        self.sealed_bytes
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
    pub fn seal_if_long(&mut self) {
        if self.tail.len() >= SEAL_LEN || !self.refs.is_empty() {
            self.seal();
        }
    }

    fn seal(&mut self) {
        self.tail_peak = self.tail_peak.max(self.tail.len());
        // A sealed chunk in front takes over what was already sent of the tail: `sent` stays as it is.
        let tail = std::mem::take(&mut self.tail);
        let refs = std::mem::take(&mut self.refs);
        if refs.is_empty() {
            return self.push(Chunk::Owned(tail));
        }
        let mut from = 0;
        for (at, shared) in refs {
            if at > from {
                self.push(Chunk::Owned(tail[from..at].to_vec()));
            }
            self.push(Chunk::Shared(shared));
            from = at;
        }
        if from < tail.len() {
            self.push(Chunk::Owned(tail[from..].to_vec()));
        }
    }

    fn push(&mut self, chunk: Chunk) {
        self.sealed_bytes += chunk.bytes().len();
        self.sealed.push_back(chunk);
    }

    /// Hands the waiting bytes to `write` (which returns how many it took) until all is gone or a write is short.
    /// Returns the bytes written in all.
    pub fn flush(
        &mut self,
        mut write: impl FnMut(&[IoSlice<'_>]) -> std::io::Result<usize>,
    ) -> std::io::Result<usize> {
        let mut total = 0;
        if self.sealed.is_empty() && self.refs.is_empty() {
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
            self.tail_peak = self.tail_peak.max(self.tail.len());
            self.tail.clear();
            self.sent = 0;
            return Ok(total);
        }
        self.seal();
        while !self.sealed.is_empty() {
            let mut slices = Vec::with_capacity(self.sealed.len().min(SLICES_MAX));
            for (i, chunk) in self.sealed.iter().take(SLICES_MAX).enumerate() {
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
        while let Some(first) = self.sealed.front() {
            let len = first.bytes().len();
            if self.sent < len {
                break;
            }
            self.sent -= len;
            self.sealed_bytes -= len;
            self.sealed.pop_front();
        }
    }

    /// Drops everything unsent.
    pub fn clear(&mut self) {
        *self = Output::default();
    }

    /// Fits the idle tail's capacity to what was needed since the last call: called by the cron. Returns the new
    /// capacity.
    pub fn trim(&mut self, idle: bool) -> usize {
        let peak = std::mem::take(&mut self.tail_peak);
        let oversized = self.tail.capacity() > TAIL_CAPACITY_KEPT && peak <= TAIL_CAPACITY_KEPT;
        if self.tail.is_empty() && (idle || oversized) {
            self.tail = Vec::new();
        }
        self.tail.capacity()
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
