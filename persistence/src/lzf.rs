//! LZF: the fast, simple compression of strings in RDB.
//!
//! Compressed bytes are a row of two kinds of pieces:
//!
//! | first byte | then | stands for |
//! |---|---|---|
//! | `000nnnnn` | n + 1 bytes | these bytes |
//! | `nnnooooo`, n from 1 to 6 | low byte of o | n + 2 bytes, copied from o + 1 bytes back |
//! | `111ooooo` | n - 7, low byte of o | n + 2 bytes, copied from o + 1 bytes back |
//!
//! A copy may overlap its own output: "1 back, 100 bytes" repeats a byte. Neither the length of the whole nor a checksum
//! is part of the format.
//!
//! Invariants: [`decompress`] reads nothing but its input and never gives more than the announced length, which it
//! allocates only where so many input bytes can become that many. What [`Compressor`] writes is shorter than its input by
//! [`SAVED_BYTES_MIN`] at least. It makes the choices of Redis' compressor, so that both write the same bytes but for rare
//! cases (Redis does not clear its table, and may find a repetition more).

use std::ops::Range;

/// What compression must save to be worth it.
pub const SAVED_BYTES_MIN: usize = 4;

const LITERALS_MAX: usize = 32;
const OFFSET_MAX: usize = 1 << 13;
const COPY_BYTES_MIN: usize = 3;
const COPY_BYTES_MAX: usize = 264;
/// A copy of 264 bytes takes three.
const EXPANSION_MAX: usize = COPY_BYTES_MAX / 3;
/// Lengths from this on have a byte of their own.
const LONG_COPY: u8 = 7;

const TABLE_LEN: usize = 1 << 16;

/// Undoes compression. `len` is the length that must come out. `None` if the input is no such thing.
pub fn decompress(input: &[u8], len: usize) -> Option<Vec<u8>> {
    if len > input.len().saturating_mul(EXPANSION_MAX) {
        return None;
    }
    let mut output = Vec::with_capacity(len);
    let mut rest = input;
    while let Some((&head, tail)) = rest.split_first() {
        rest = tail;
        let (short_len, high) = (head >> 5, usize::from(head & 0x1f));
        if short_len == 0 {
            let (literals, tail) = rest.split_at_checked(high + 1)?;
            rest = tail;
            has_room(&output, literals.len(), len)?;
            output.extend_from_slice(literals);
        } else {
            let mut copied = usize::from(short_len) + 2;
            if short_len == LONG_COPY {
                copied += usize::from(take_byte(&mut rest)?);
            }
            let back = (high << 8 | usize::from(take_byte(&mut rest)?)) + 1;
            let from = output.len().checked_sub(back)?;
            has_room(&output, copied, len)?;
            repeat(&mut output, from, copied);
        }
    }
    (output.len() == len).then_some(output)
}

fn has_room(output: &[u8], more: usize, len: usize) -> Option<()> {
    (more <= len - output.len()).then_some(())
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (&byte, tail) = rest.split_first()?;
    *rest = tail;
    Some(byte)
}

/// Appends `len` bytes of the output from `from` on, those that it appends meanwhile included.
fn repeat(output: &mut Vec<u8>, from: usize, len: usize) {
    let end = output.len() + len;
    while output.len() < end {
        let available = output.len() - from;
        let step = available.min(end - output.len());
        output.extend_from_within(from..from + step);
    }
}

/// A compressor with its memory of positions: a quarter of a megabyte, taken at the first use.
///
/// The table tells where three bytes were seen last, as a position counted over all inputs so far. So a position of an
/// earlier input is known by its number, and nothing has to be cleared between two inputs.
#[derive(Default)]
pub struct Compressor {
    table: Vec<u32>,
    /// The number of this input's first byte.
    base: u32,
}

impl Compressor {
    /// Appends the compressed input to `out` and says how many bytes that took. `None` leaves `out` as it was: the input
    /// does not become shorter by [`SAVED_BYTES_MIN`].
    pub fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        let room = input.len().checked_sub(SAVED_BYTES_MIN).filter(|&room| room > 0)?;
        let len = u32::try_from(input.len()).ok()?;
        if self.table.is_empty() {
            self.table = vec![0; TABLE_LEN];
        }
        if self.base.checked_add(len).is_none() {
            self.table.fill(0);
            self.base = 0;
        }
        let start = out.len();
        let table = self.table.as_mut_slice().try_into().expect("it has this length");
        let fits = Search { table, base: self.base, input }.pieces(&mut Pieces { out, start, room });
        self.base += len;
        if fits.is_none() {
            out.truncate(start);
        }
        fits.map(|()| out.len() - start)
    }
}

/// One input being compressed.
struct Search<'s> {
    table: &'s mut [u32; TABLE_LEN],
    base: u32,
    input: &'s [u8],
}

/// Bytes that were seen before.
struct Seen {
    from: usize,
    at: usize,
}

impl Search<'_> {
    fn pieces(&mut self, pieces: &mut Pieces<'_>) -> Option<()> {
        let input = self.input;
        // Behind the last position that three bytes begin at.
        let end = (input.len() + 1).saturating_sub(COPY_BYTES_MIN);
        let (mut at, mut literals_from) = (0, 0);
        while at < end {
            // One literal more than there is room for, and it is no shorter.
            let stop = literals_from + pieces.literals_max() + 1;
            let Some(seen) = self.seen(at..end.min(stop)) else {
                if stop <= end {
                    return None;
                }
                at = end;
                break;
            };
            at = seen.at;
            pieces.has_room_for_copy(at - literals_from)?;
            pieces.literals(input, literals_from..at);
            let len = common_len(input, seen.from, at);
            pieces.copy(at - seen.from - 1, len);
            at += len;
            literals_from = at;
            // Of the positions inside the copy the last two are remembered: nearly as good as all, and faster.
            if at < end {
                for inside in [at - 2, at - 1] {
                    let [a, b, c] = [input[inside], input[inside + 1], input[inside + 2]].map(u32::from);
                    self.table[slot(a << 16 | b << 8 | c)] = self.base + inside as u32;
                }
            }
        }
        pieces.has_room_for_tail(at - literals_from)?;
        pieces.literals(input, literals_from..input.len());
        Some(())
    }

    /// The first position whose three bytes stand further in front too, and in reach. All positions up to it are remembered.
    fn seen(&mut self, range: Range<usize>) -> Option<Seen> {
        let input = self.input;
        let bytes = input.get(range.start..range.end + COPY_BYTES_MIN - 1)?;
        let (first, rest) = bytes.split_first_chunk::<2>()?;
        let mut word = u32::from(u16::from_be_bytes(*first));
        for (at, &byte) in (range.start..).zip(rest) {
            word = (word << 8 | u32::from(byte)) & 0xff_ffff;
            let before = std::mem::replace(&mut self.table[slot(word)], self.base + at as u32);
            // That of an earlier input becomes a number far behind this one.
            let from = before.wrapping_sub(self.base) as usize;
            let reaches = from < at && from > 0 && at - from <= OFFSET_MAX;
            if reaches && input[from..from + COPY_BYTES_MIN] == input[at..at + COPY_BYTES_MIN] {
                return Some(Seen { from, at });
            }
        }
        None
    }
}

/// The place of three bytes in the table.
fn slot(word: u32) -> usize {
    (word >> 8).wrapping_sub(word.wrapping_mul(5)) as usize % TABLE_LEN
}

/// How many bytes a copy takes; the last two bytes of the input only where the copy would be too short without.
fn common_len(input: &[u8], from: usize, at: usize) -> usize {
    let len_max = (input.len() - at - 2).clamp(COPY_BYTES_MIN, COPY_BYTES_MAX);
    let same = input[from..].iter().zip(&input[at..at + len_max]).take_while(|(a, b)| a == b);
    same.count()
}

/// The pieces written so far, and the room that they may take.
struct Pieces<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    room: usize,
}

impl Pieces<'_> {
    fn literals(&mut self, input: &[u8], range: Range<usize>) {
        for run in input[range].chunks(LITERALS_MAX) {
            self.out.push(run.len() as u8 - 1);
            self.out.extend_from_slice(run);
        }
    }

    fn copy(&mut self, offset: usize, len: usize) {
        let (high, low) = ((offset >> 8) as u8, offset as u8);
        match len - 2 {
            short if short < usize::from(LONG_COPY) => self.out.push((short as u8) << 5 | high),
            long => self.out.extend([LONG_COPY << 5 | high, (long - usize::from(LONG_COPY)) as u8]),
        }
        self.out.push(low);
    }

    /// Bytes taken, with so many literals not yet written and the head of the next run of literals.
    fn taken(&self, literals: usize) -> usize {
        self.out.len() - self.start + literals + literals / LITERALS_MAX + 1
    }

    /// How many literals there is room for before the last one makes the output too long: the least number for which
    /// [`Pieces::taken`] is not below `room`.
    fn literals_max(&self) -> usize {
        let left = (self.room + self.start).saturating_sub(self.out.len() + 1);
        (left * LITERALS_MAX).div_ceil(LITERALS_MAX + 1)
    }

    fn has_room_for_copy(&self, literals: usize) -> Option<()> {
        let unused_head = usize::from(literals.is_multiple_of(LITERALS_MAX));
        (self.taken(literals) - unused_head + 4 < self.room).then_some(())
    }

    fn has_room_for_tail(&self, literals: usize) -> Option<()> {
        (self.taken(literals) + 3 <= self.room).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `input` compresses to, in this and in a used compressor.
    fn compress(input: &[u8]) -> Option<Vec<u8>> {
        let mut out = b"before".to_vec();
        let len = Compressor::default().compress(input, &mut out);
        assert_eq!(out.len(), b"before".len() + len.unwrap_or(0));
        len.map(|_| out.split_off(b"before".len()))
    }

    #[test]
    fn a_repeated_byte_becomes_one_copy() {
        assert_eq!(compress(&[b'a'; 30]).unwrap(), b"\x01aa\xe0\x11\x00\x01aa"[..].to_vec());
        assert_eq!(decompress(b"\x01aa\xe0\x11\x00\x01aa", 30).unwrap(), [b'a'; 30]);
    }

    #[test]
    fn what_does_not_shrink_is_left_alone() {
        assert_eq!(compress(b""), None);
        assert_eq!(compress(b"abcd"), None);
        assert_eq!(compress(b"abcdefghijklmnopqrstuvwxyz"), None);
    }

    #[test]
    fn room_for_literals_ends_where_they_take_it() {
        for (written, room) in (0..3).flat_map(|written| (0..200).map(move |room| (written, room))) {
            let mut out = vec![0; 7 + written];
            let pieces = Pieces { out: &mut out, start: 7, room };
            let counted = (0..).find(|literals| pieces.taken(*literals) >= room);
            assert_eq!(Some(pieces.literals_max()), counted, "{written} of {room}");
        }
    }

    #[test]
    fn hostile_input_is_refused() {
        for (input, len) in [
            (&b""[..], 1),
            (b"\x00", 1),              // a literal is missing
            (b"\x05abc", 6),           // literals are missing
            (b"\x00a", 2),             // too short
            (b"\x01ab", 1),            // too long
            (b"\x20\x00", 3),          // a copy from before the start
            (b"\x00a\x20\x01", 4),     // the same, by one
            (b"\x00a\x20", 4),         // an offset is missing
            (b"\x00a\xe0", 10),        // a length is missing
            (b"\x00a\xe0\x00", 10),    // an offset is missing behind it
            (b"\x00a\x20\x00", 3),     // a copy that is too long
            (b"\x00a\x20\x00", 5),     // too short
            (b"\x00a", 1 << 40),       // more than could ever come out
            (b"\x00a\xff\xff\xff", 9), // out of reach
        ] {
            assert_eq!(decompress(input, len), None, "{}", input.escape_ascii());
        }
        assert_eq!(decompress(b"", 0).unwrap(), b"");
        assert_eq!(decompress(b"\x00a\x20\x00", 4).unwrap(), b"aaaa");
    }

    #[test]
    fn positions_start_anew_before_they_overflow() {
        let input = b"abcabcabcabcabcabcabcabc".repeat(50);
        let fresh = compress(&input).unwrap();
        let mut compressor = Compressor { table: Vec::new(), base: u32::MAX - 3 * input.len() as u32 };
        for _ in 0..7 {
            let mut out = Vec::new();
            compressor.compress(&input, &mut out).unwrap();
            assert_eq!(out, fresh);
        }
    }

    /// Bytes with repetitions near and far.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..50),
            proptest::collection::vec(0u8..3, 0..600),
            (any::<u8>(), 0usize..1000).prop_map(|(byte, len)| vec![byte; len]),
        ];
        proptest::collection::vec((piece, 1usize..4), 0..8)
            .prop_map(|pieces| pieces.into_iter().flat_map(|(piece, times)| piece.repeat(times)).collect())
    }

    proptest! {
        #[test]
        fn what_was_compressed_comes_back(texts in proptest::collection::vec(text(), 1..4)) {
            let mut used = Compressor::default();
            for text in texts {
                let mut out = Vec::new();
                let len = used.compress(&text, &mut out);
                prop_assert_eq!(len.is_some().then_some(out.clone()), compress(&text));
                let Some(len) = len else { continue };
                prop_assert!(len + SAVED_BYTES_MIN <= text.len());
                prop_assert_eq!(decompress(&out, text.len()).unwrap(), text.clone());
                prop_assert_eq!(decompress(&out, text.len() + 1), None);
                prop_assert_eq!(decompress(&out, text.len() - 1), None);
                prop_assert_eq!(decompress(&out[..len - 1], text.len()), None);
            }
        }

        #[test]
        fn any_input_is_safe(input in proptest::collection::vec(any::<u8>(), 0..60), len in 0usize..3000) {
            if let Some(output) = decompress(&input, len) {
                prop_assert_eq!(output.len(), len);
            }
        }
    }
}
