//! Telling the processor what will be read soon.
#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::ptr::NonNull;

/// Elements that are on their way while one is read.
const AHEAD: usize = 16;
/// Lines of an element that are loaded: few that matter are longer, and most do not begin with a line.
const ELEMENT_LINES: usize = 2;
const LINE_BYTES: usize = 64;

/// What an iterator gives, in its order, each a while after its memory was asked for.
pub(crate) fn ahead(mut elements: impl Iterator<Item = NonNull<u8>>) -> impl Iterator<Item = NonNull<u8>> {
    let mut coming = VecDeque::with_capacity(AHEAD);
    std::iter::from_fn(move || {
        while coming.len() < AHEAD
            && let Some(element) = elements.next()
        {
            prefetch_element(element);
            coming.push_back(element);
        }
        coming.pop_front()
    })
}

/// Starts to load the beginning of an element.
#[inline]
pub(crate) fn prefetch_element(element: NonNull<u8>) {
    prefetch_lines(element.as_ptr(), ELEMENT_LINES);
}

/// Starts to load so many cache lines from an address on, whatever lies there.
#[inline]
pub(crate) fn prefetch_lines(address: *const u8, count: usize) {
    (0..count).for_each(|line| prefetch(address.wrapping_add(line * LINE_BYTES)));
}

/// Starts to load the cache line at an address, whatever lies there.
#[inline]
pub(crate) fn prefetch(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse", not(miri)))]
    // SAFETY: a prefetch reads nothing, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", target_feature = "sse", not(miri))))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_elements_come_in_order() {
        let bytes = [0u8; 3 * AHEAD];
        for len in [0, 1, AHEAD - 1, AHEAD, AHEAD + 1, bytes.len()] {
            let elements: Vec<_> = bytes[..len].iter().map(NonNull::from).collect();
            assert_eq!(ahead(elements.iter().copied()).collect::<Vec<_>>(), elements, "{len}");
        }
    }
}
