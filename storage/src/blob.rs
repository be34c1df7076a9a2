//! A large value: a growable byte buffer that is shared by reference count.
//!
//! The keyspace, a frozen view and the output queues of other threads may hold the same bytes. Whoever wants to
//! change them does so in place only while it is the sole holder, else on a copy: a holder never sees its bytes
//! change. Growth is amortised: capacity doubles up to [`GROWTH_STEP_BYTES_MAX`], then adds that much a time.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The most spare bytes that one growth adds.
pub const GROWTH_STEP_BYTES_MAX: usize = 1 << 20;

/// Bytes shared by reference count. Cloning costs one atomic increment.
#[derive(Clone)]
#[repr(transparent)]
pub struct Blob(Arc<Vec<u8>>);

impl Blob {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the only holder, so that a change needs no copy.
    pub fn is_unique(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Bytes that can be held without growing.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Heap bytes behind the handle, before rounding to the allocator's classes: the buffer, and its owner.
    pub fn heap_bytes(&self) -> [usize; 2] {
        [self.0.capacity(), size_of::<Vec<u8>>() + 2 * size_of::<usize>()]
    }

    /// The bytes for writing; copied first where another holder sees them.
    pub fn make_mut(&mut self) -> &mut [u8] {
        self.unshare(0)
    }

    /// Appends `bytes`.
    pub fn append(&mut self, bytes: &[u8]) {
        self.unshare(bytes.len()).extend_from_slice(bytes);
    }

    /// Sets the length; new bytes are zero. Shrinking keeps the capacity unless more than half would be idle.
    pub fn resize(&mut self, len: usize) {
        let more = len.saturating_sub(self.0.len());
        let buffer = self.unshare(more);
        buffer.resize(len, 0);
        if buffer.capacity() > 2 * len {
            buffer.shrink_to_fit();
        }
    }

    /// The buffer, unshared, with room for `more` bytes.
    fn unshare(&mut self, more: usize) -> &mut Vec<u8> {
        if Arc::get_mut(&mut self.0).is_none() {
            let mut copy = Vec::with_capacity(grown_capacity(self.0.len(), more));
            copy.extend_from_slice(&self.0);
            self.0 = Arc::new(copy);
        }
        // The handle is unique now: either it was, or it has just been made.
        let buffer = Arc::get_mut(&mut self.0).expect("a unique blob");
        let (len, capacity) = (buffer.len(), buffer.capacity());
        if capacity - len < more {
            buffer.reserve_exact(grown_capacity(len, more) - len);
        }
        buffer
    }
}

/// Takes the buffer without copying; gives spare capacity back when it is more than an eighth of the bytes.
impl From<Vec<u8>> for Blob {
    fn from(mut bytes: Vec<u8>) -> Self {
        if bytes.capacity() - bytes.len() > bytes.len() / 8 {
            bytes.shrink_to_fit();
        }
        Blob(Arc::new(bytes))
    }
}

/// Shares a buffer that somebody else may still read; it is written in place once they are done with it.
impl From<Arc<Vec<u8>>> for Blob {
    fn from(bytes: Arc<Vec<u8>>) -> Self {
        Blob(bytes)
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

/// The capacity for `len + more` bytes: with slack if it grows, exact if not.
fn grown_capacity(len: usize, more: usize) -> usize {
    let need = len + more;
    if more == 0 { need } else { need + need.min(GROWTH_STEP_BYTES_MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_becomes_a_blob_without_copying() {
        let bytes = vec![7; 5000];
        let address = bytes.as_ptr();
        assert_eq!(Blob::from(bytes).as_ptr(), address);
    }

    #[test]
    fn a_change_leaves_other_holders_alone() {
        let mut blob = Blob::from(vec![1, 2, 3]);
        let other = blob.clone();
        blob.append(&[4]);
        blob.make_mut()[0] = 9;
        blob.resize(6);
        assert_eq!(&*other, &[1, 2, 3]);
        assert_eq!(&*blob, &[9, 2, 3, 4, 0, 0]);
    }

    #[test]
    fn a_sole_holder_writes_in_place() {
        let mut blob = Blob::from(vec![0; 100]);
        drop(blob.clone());
        let address = blob.as_ptr();
        blob.make_mut()[99] = 1;
        blob.resize(60);
        assert_eq!(blob.as_ptr(), address);
        assert_eq!(blob.len(), 60);
    }

    #[test]
    fn growth_is_amortised_and_its_slack_bounded() {
        let mut blob = Blob::from(Vec::new());
        let mut moves = 0;
        let (mut capacity, chunk) = (blob.capacity(), [1; 1024]);
        let megabytes = if cfg!(miri) { 2 } else { 8 };
        for _ in 0..megabytes * 1024 {
            blob.append(&chunk);
            if blob.capacity() != capacity {
                (moves, capacity) = (moves + 1, blob.capacity());
            }
        }
        assert_eq!(blob.len(), megabytes << 20);
        assert!(moves <= 20, "{moves} moves");
        assert!(blob.capacity() - blob.len() <= GROWTH_STEP_BYTES_MAX + 1024);
    }

    #[test]
    fn shrinking_far_gives_memory_back() {
        let mut blob = Blob::from(vec![1; 10_000]);
        blob.resize(100);
        assert!(blob.capacity() <= 200);
        assert_eq!(&*blob, &[1; 100]);
    }
}
