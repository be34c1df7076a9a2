//! Many bytes at once: which tags match, and how many bytes the first elements take.
#![allow(unsafe_code)]

/// Bytes looked at in one step.
pub(super) const LANES: usize = 64;

/// The `LANES` bytes at `start`, which must all exist.
#[inline]
pub(super) fn lanes_at(bytes: &[u8], start: usize) -> &[u8; LANES] {
    bytes[start..].first_chunk().expect("a block has so many bytes behind each tag and length")
}

/// A mask of the bytes that are equal to `byte`.
#[inline]
pub(super) fn matching(lanes: &[u8; LANES], byte: u8) -> u64 {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
    {
        use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
        lanes.as_chunks::<16>().0.iter().rev().fold(0, |mask, lanes| {
            // SAFETY: compiled only where every machine has SSE2; the load is as long as the array.
            let matches = unsafe {
                let lanes = _mm_loadu_si128(lanes.as_ptr().cast());
                _mm_movemask_epi8(_mm_cmpeq_epi8(lanes, _mm_set1_epi8(byte as i8)))
            };
            mask << 16 | u64::from(matches as u32)
        })
    }
    #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
    matching_portable(lanes, byte)
}

/// The sum of the first `count` bytes, of all if there are no more.
#[inline]
pub(super) fn sum(lanes: &[u8; LANES], count: usize) -> usize {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
    {
        use std::arch::x86_64::{
            _mm_add_epi64, _mm_and_si128, _mm_cmpgt_epi8, _mm_cvtsi128_si32, _mm_loadu_si128, _mm_sad_epu8,
            _mm_set1_epi8, _mm_setzero_si128, _mm_unpackhi_epi64,
        };
        const NUMBERS: [u8; LANES] = {
            let mut numbers = [0; LANES];
            let mut lane = 0;
            while lane < LANES {
                numbers[lane] = lane as u8;
                lane += 1;
            }
            numbers
        };
        // SAFETY: compiled only where every machine has SSE2; the loads are as long as the arrays.
        unsafe {
            let (zero, count) = (_mm_setzero_si128(), _mm_set1_epi8(count.min(LANES) as i8));
            let chunks = lanes.as_chunks::<16>().0.iter().zip(NUMBERS.as_chunks::<16>().0);
            let sums = chunks.fold(zero, |sums, (lanes, numbers)| {
                let (lanes, numbers) =
                    (_mm_loadu_si128(lanes.as_ptr().cast()), _mm_loadu_si128(numbers.as_ptr().cast()));
                let counted = _mm_and_si128(lanes, _mm_cmpgt_epi8(count, numbers));
                _mm_add_epi64(sums, _mm_sad_epu8(counted, zero))
            });
            _mm_cvtsi128_si32(_mm_add_epi64(sums, _mm_unpackhi_epi64(sums, sums))) as usize
        }
    }
    #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
    sum_portable(lanes, count)
}

/// As `matching`, on any machine.
#[cfg(any(test, miri, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
fn matching_portable(lanes: &[u8; LANES], byte: u8) -> u64 {
    (0..LANES).filter(|&lane| lanes[lane] == byte).fold(0, |mask, lane| mask | 1 << lane)
}

/// As `sum`, on any machine.
#[cfg(any(test, miri, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
fn sum_portable(lanes: &[u8; LANES], count: usize) -> usize {
    lanes.iter().take(count).map(|&byte| usize::from(byte)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn both_ways_agree() {
        let mut random = Random::new(1);
        for _ in 0..if cfg!(miri) { 20 } else { 20_000 } {
            let mut lanes = [0; LANES];
            random.fill(&mut lanes);
            // Few values, so that some are equal, the extremes among them.
            let lanes = lanes.map(|byte| if byte & 1 == 0 { byte | 0xf8 } else { byte & 0x81 });
            for byte in [0, 1, 0x80, 0x81, 0xff] {
                assert_eq!(matching(&lanes, byte), matching_portable(&lanes, byte));
            }
            for count in 0..=LANES + 1 {
                assert_eq!(sum(&lanes, count), sum_portable(&lanes, count), "{count} of {lanes:?}");
            }
        }
    }
}
