//! A pile of records in chunks, so that no pile, however large, is ever moved to grow.

/// Records in a full chunk: 4 KiB.
const CHUNK_RECORDS: usize = 512;

/// Key hashes in no order. No chunk is empty.
#[derive(Default)]
pub(super) struct Records(Vec<Vec<u64>>);

impl Records {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    pub(super) fn push(&mut self, hash: u64) {
        match self.0.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_RECORDS => chunk.push(hash),
            Some(_) => {
                let mut chunk = Vec::with_capacity(CHUNK_RECORDS);
                chunk.push(hash);
                self.0.push(chunk);
            }
            None => self.0.push(vec![hash]),
        }
    }

    pub(super) fn pop(&mut self) -> Option<u64> {
        let chunk = self.0.last_mut()?;
        let hash = chunk.pop();
        if chunk.is_empty() {
            self.pop_chunk();
        }
        hash
    }

    /// Takes a chunk out.
    pub(super) fn pop_chunk(&mut self) -> Option<Vec<u64>> {
        let chunk = self.0.pop();
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
        chunk
    }

    /// Adds all records of `other`, chunk by chunk.
    pub(super) fn merge(&mut self, other: Records) {
        self.0.extend(other.0);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.iter().flatten().copied()
    }

    /// Heap bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let records: usize = self.0.iter().map(Vec::capacity).sum();
        self.0.capacity() * size_of::<Vec<u64>>() + records * size_of::<u64>()
    }
}

impl From<Vec<u64>> for Records {
    fn from(hashes: Vec<u64>) -> Records {
        Records(if hashes.is_empty() { Vec::new() } else { vec![hashes] })
    }
}
