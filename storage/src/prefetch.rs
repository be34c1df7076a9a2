//! Telling the processor what will be read soon.
#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::ptr::NonNull;

/// Elements that are on their way while one is read.
const AHEAD: usize = 16;
/// What of an element is loaded: its first lines.
const AHEAD_BYTES: usize = 128;
const LINE_BYTES: usize = 64;

/// What an iterator gives, in its order, each a while after its memory was asked for.
pub(crate) fn ahead(mut elements: impl Iterator<Item = NonNull<u8>>) -> impl Iterator<Item = NonNull<u8>> {
    let mut coming = VecDeque::with_capacity(AHEAD);
    std::iter::from_fn(move || {
        while coming.len() < AHEAD
            && let Some(element) = elements.next()
        {
            for line in (0..AHEAD_BYTES).step_by(LINE_BYTES) {
                prefetch(element.as_ptr().wrapping_add(line));
            }
            coming.push_back(element);
        }
        coming.pop_front()
    })
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
