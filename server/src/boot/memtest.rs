//! `--test-memory`: fills memory with patterns and reads them back.
//!
//! Each pass writes addresses, random words, all zeros and ones, and checkerboards, and compares. The two halves
//! get the same words, so that a word that changes by itself shows against its twin.

use std::hint::black_box;
use std::io::Write;

const PASSES: u32 = 50;
const BYTES_PER_MEGABYTE: usize = 1 << 20;

/// A word that is not what was written: its index, what was read and what was expected.
type Fault = (usize, u64, u64);

/// Tests this many megabytes and prints how it goes.
pub(super) fn run(megabytes: usize, out: &mut impl Write) -> i32 {
    let words = megabytes.saturating_mul(BYTES_PER_MEGABYTE / 8);
    let mut memory: Vec<u64> = Vec::new();
    if words == 0 || memory.try_reserve_exact(words).is_err() {
        eprintln!("Unable to allocate {megabytes} megabytes");
        return 1;
    }
    memory.resize(words, 0);
    let mut say = |text: String| {
        // The test is worth its time even if nobody reads along; the exit status says how it ended.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    };
    for pass in 1..=PASSES {
        say(format!("Testing {megabytes} MB of memory, pass {pass} of {PASSES}\n"));
        if let Err((index, found, expected)) = test_once(&mut memory, u64::from(pass)) {
            say(format!(
                "\n*** MEMORY ERROR DETECTED: word {index} is {found:#018x} and should be {expected:#018x}\n"
            ));
            return 1;
        }
    }
    say("\nYour memory passed this test.\n".to_owned());
    0
}

fn test_once(memory: &mut [u64], seed: u64) -> Result<(), Fault> {
    check(memory, |index| index as u64)?;
    check(memory, |index| scrambled(seed, index as u64))?;
    check_halves(memory)?;
    for pattern in [0, u64::MAX, 0x5555_5555_5555_5555, 0xaaaa_aaaa_aaaa_aaaa] {
        check(memory, |_| pattern)?;
        check_halves(memory)?;
    }
    Ok(())
}

/// Writes `word(index)` everywhere and reads it back.
fn check(memory: &mut [u64], word: impl Fn(usize) -> u64) -> Result<(), Fault> {
    for (index, slot) in memory.iter_mut().enumerate() {
        *slot = word(index);
    }
    for (index, slot) in black_box(&*memory).iter().enumerate() {
        if *slot != word(index) {
            return Err((index, *slot, word(index)));
        }
    }
    Ok(())
}

/// Writes the first half's words into the second and compares.
fn check_halves(memory: &mut [u64]) -> Result<(), Fault> {
    let (first, second) = memory.split_at_mut(memory.len() / 2);
    second[..first.len()].copy_from_slice(first);
    for (index, (left, right)) in black_box(&*first).iter().zip(black_box(&*second)).enumerate() {
        if left != right {
            return Err((first.len() + index, *right, *left));
        }
    }
    Ok(())
}

/// A well-mixed word for each index (the finalizer of SplitMix64).
fn scrambled(seed: u64, index: u64) -> u64 {
    let mut word = (seed << 48 ^ index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_memory_passes() {
        assert_eq!(test_once(&mut [0; 1001], 1), Ok(()));
    }

    #[test]
    fn a_word_that_is_not_as_written_is_named() {
        let reads = std::cell::Cell::new(0);
        let word = |_| {
            reads.set(reads.get() + 1);
            // Writes come first: the sixth call is the second read.
            u64::from(reads.get() == 6)
        };
        assert_eq!(check(&mut [0; 4], word).map_err(|(index, found, _)| (index, found)), Err((1, 0)));
    }

    #[test]
    fn nothing_to_test_is_an_error() {
        let mut out = Vec::new();
        assert_eq!(run(0, &mut out), 1);
        assert!(out.is_empty());
    }
}
