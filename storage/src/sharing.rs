//! Parts of large collections that a view shares with their owner by counted handles: nodes and blocks.
//!
//! Who changes a part that others hold goes on with another and gives the shared one up. The bytes of what a thread gives up are
//! counted, so that the owner of a keyspace knows what its views make it keep beside what is retired (see [`crate::reclaim`]).

use std::cell::Cell;

use triomphe::Arc;

use crate::entry::class_bytes;

thread_local! {
    static GIVEN_UP: Cell<u64> = const { Cell::new(0) };
}

/// Notes that this thread gave up an allocation of so many bytes that others hold.
#[cold]
pub(crate) fn give_up(bytes: usize) {
    GIVEN_UP.with(|given_up| given_up.set(given_up.get() + bytes as u64));
}

/// Bytes of all that this thread ever gave up.
pub(crate) fn given_up_bytes() -> u64 {
    GIVEN_UP.get()
}

/// Bytes of a part's own allocation, with the count of its holders.
pub(crate) const fn part_bytes<T>() -> usize {
    class_bytes(size_of::<usize>() + size_of::<T>())
}

/// A part for writing: copied first if it is shared. `heap_bytes` are those that it holds besides.
#[inline]
pub(crate) fn own<T: Clone>(part: &mut Arc<T>, heap_bytes: impl FnOnce(&T) -> usize) -> &mut T {
    if !part.is_unique() {
        copy(part, heap_bytes);
    }
    Arc::get_mut(part).expect("nobody can share what one alone holds")
}

/// What is in a part that one holds no longer: copied if it is shared. `heap_bytes` as in [`own`].
pub(crate) fn take<T: Clone>(mut part: Arc<T>, heap_bytes: impl FnOnce(&T) -> usize) -> T {
    own(&mut part, heap_bytes);
    Arc::unwrap_or_clone(part)
}

/// Apart from `own`, which is a few instructions in the loops that it is in.
#[cold]
#[inline(never)]
fn copy<T: Clone>(part: &mut Arc<T>, heap_bytes: impl FnOnce(&T) -> usize) {
    give_up(part_bytes::<T>() + heap_bytes(part));
    *part = Arc::new(T::clone(part));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Block;

    /// What this thread gives up while `change` runs.
    fn given_up(change: impl FnOnce()) -> u64 {
        let before = given_up_bytes();
        change();
        given_up_bytes() - before
    }

    #[test]
    fn what_is_shared_is_copied_and_counted_once() {
        let mut part = Arc::new([1u64; 8]);
        assert_eq!(given_up(|| own(&mut part, |_| 0)[0] = 2), 0);
        let view = part.clone();
        assert_eq!(given_up(|| own(&mut part, |_| 100)[0] = 3), 72 + 8 + 100);
        assert_eq!(given_up(|| own(&mut part, |_| 100)[0] = 4), 0);
        assert_eq!((view[0], part[0]), (2, 4));
        let second_view = part.clone();
        assert_eq!(given_up(|| assert_eq!(take(part, |_| 100)[0], 4)), 72 + 8 + 100);
        assert_eq!(given_up(|| assert_eq!(take(second_view, |_| 100)[0], 4)), 0);
    }

    #[test]
    fn a_block_that_others_hold_counts_when_it_is_dropped() {
        let block = Block::zeroed(100, false, 0);
        let bytes = block.allocated_bytes() as u64;
        let view = block.clone();
        assert_eq!(given_up(|| drop(block)), bytes);
        assert_eq!(given_up(|| drop(view)), 0);
    }
}
