//! The ID of an entry: a time and a number within it.

use std::fmt;

/// Bytes of the longest ID as text: two numbers of 20 digits and a dash.
pub const ID_TEXT_BYTES_MAX: usize = 41;

/// The ID of an entry. IDs are ordered as they are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds.
    pub ms: u64,
    /// Sequence number within them.
    pub seq: u64,
}

impl StreamId {
    /// Before all entries; no entry has it.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The last possible.
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    /// An ID of these parts.
    pub const fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    /// The ID after this one.
    pub fn next(self) -> Option<StreamId> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// The ID before this one.
    pub fn previous(self) -> Option<StreamId> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// The ID as text, written to the front of a buffer.
    #[inline]
    pub fn write(self, buffer: &mut [u8; ID_TEXT_BYTES_MAX]) -> &[u8] {
        let (mut ms, mut seq) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (ms, seq) = (ms.format(self.ms).as_bytes(), seq.format(self.seq).as_bytes());
        let len = ms.len() + 1 + seq.len();
        buffer[..ms.len()].copy_from_slice(ms);
        buffer[ms.len()] = b'-';
        buffer[ms.len() + 1..len].copy_from_slice(seq);
        &buffer[..len]
    }

    /// The key by which trees find it.
    #[inline]
    pub(super) fn key(self) -> (u64, u64) {
        (self.ms, self.seq)
    }

    /// An ID by its distance from another one, as nodes keep it.
    #[inline]
    pub(super) fn at(self, ms: i64, seq: i64) -> StreamId {
        StreamId { ms: self.ms.wrapping_add(ms as u64), seq: self.seq.wrapping_add(seq as u64) }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}
