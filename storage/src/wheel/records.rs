//! A pile of records in chunks, so that no pile, however large, is ever moved to grow.

/// Records in a full chunk: 4 KiB.
const CHUNK_RECORDS: usize = 512;

/// Key hashes in no order. No chunk is empty.
#[derive(Default)]
pub(super) struct Records {
    chunks: Vec<Vec<u64>>,
    len: usize,
}

impl Records {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, hash: u64) {
        self.len += 1;
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_RECORDS => chunk.push(hash),
            Some(_) => {
                let mut chunk = Vec::with_capacity(CHUNK_RECORDS);
                chunk.push(hash);
                self.chunks.push(chunk);
            }
            None => self.chunks.push(vec![hash]),
        }
    }

    pub(super) fn pop(&mut self) -> Option<u64> {
        let chunk = self.chunks.last_mut()?;
        let hash = chunk.pop();
        self.len -= 1;
        if chunk.is_empty() {
            self.pop_chunk();
        }
        hash
    }

    /// Takes a chunk out.
    pub(super) fn pop_chunk(&mut self) -> Option<Vec<u64>> {
        let chunk = self.chunks.pop()?;
        self.len -= chunk.len();
        if self.chunks.is_empty() {
            self.chunks = Vec::new();
        }
        Some(chunk)
    }

    /// Adds all records of `other`, chunk by chunk.
    pub(super) fn merge(&mut self, other: Records) {
        self.len += other.len;
        self.chunks.extend(other.chunks);
    }

    /// The records but for the first `skip`.
    pub(super) fn iter_from(&self, mut skip: usize) -> impl Iterator<Item = u64> {
        let whole = self.chunks.iter().take_while(|chunk| {
            let skipped = skip >= chunk.len();
            skip -= if skipped { chunk.len() } else { 0 };
            skipped
        });
        let whole = whole.count();
        self.chunks[whole..].iter().flatten().skip(skip).copied()
    }

    /// Heap bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let records: usize = self.chunks.iter().map(Vec::capacity).sum();
        self.chunks.capacity() * size_of::<Vec<u64>>() + records * size_of::<u64>()
    }
}

impl From<Vec<u64>> for Records {
    fn from(hashes: Vec<u64>) -> Records {
        let len = hashes.len();
        Records { chunks: if len == 0 { Vec::new() } else { vec![hashes] }, len }
    }
}
