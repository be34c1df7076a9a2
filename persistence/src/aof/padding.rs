//! Padding: what stands behind the writes of an increment that is synced after each of them.
//!
//! Writing over bytes that are on disk already costs the disk less than making a file longer, whose new length is a second
//! thing to bring there. So a file gets longer in large steps, and writes go over what was put there: lines of `#`, which
//! every loader skips.
//!
//! ```text
//! ...#CRC32:1a2b3c4d:81920\r\n##################\r\n##...##\r\n##...##\r\n
//!                             writes end here   lines of 64 bytes, counted from the file's start
//! ```
//! Invariant: the rest of the line that a write ended in is a line of padding itself, see [`is_line_end`].

use std::ops::Range;

/// Bytes of a line, its end included.
pub const LINE_LEN: u64 = 64;
/// An annotation to move the end of a write by.
pub const FILLER: &[u8] = b"#.\r\n";

/// What goes into these places of a file.
pub fn between(range: Range<u64>) -> Vec<u8> {
    let mut bytes = if is_line_end(range.start) { b"#\r\n".to_vec() } else { Vec::new() };
    let pattern = |place| match place % LINE_LEN {
        62 => b'\r',
        63 => b'\n',
        _ => b'#',
    };
    bytes.extend((range.start + bytes.len() as u64..range.end).map(pattern));
    bytes
}

/// Whether nothing but the end of a line, or part of it, stands there: no write may end in front of it.
pub fn is_line_end(place: u64) -> bool {
    place % LINE_LEN >= LINE_LEN - 2
}

/// Whether a line, without its end, is one of padding.
pub fn is_padding(line: &[u8]) -> bool {
    line.len() < LINE_LEN as usize && line.iter().all(|byte| *byte == b'#')
}

/// The length of a file without the padding at its end, of which the last line may be torn.
pub fn trimmed(file: &[u8]) -> usize {
    file.iter().rposition(is_other).map_or(0, |last| last + 1)
}

/// The length of the padding that bytes begin with.
pub fn leading(bytes: &[u8]) -> usize {
    bytes.iter().position(is_other).unwrap_or(bytes.len())
}

fn is_other(byte: &u8) -> bool {
    !matches!(byte, b'#' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wherever_a_write_ends_lines_follow() {
        for place in 0..3 * LINE_LEN {
            let end = place.next_multiple_of(LINE_LEN) + 2 * LINE_LEN;
            let file = [vec![b'x'; place as usize], between(place..end)].concat();
            assert_eq!((file.len() as u64, trimmed(&file)), (end, place as usize));
            // Another write over it, which ends anywhere; none is shorter than its seal.
            for next in place + 19..end - LINE_LEN {
                let next = if is_line_end(next) { next + FILLER.len() as u64 } else { next };
                let mut file = file.clone();
                file[place as usize..next as usize].fill(b'x');
                let rest = String::from_utf8(file[next as usize..].to_vec()).unwrap();
                let lines: Vec<&str> = rest.split_terminator("\r\n").collect();
                assert!(rest.ends_with("\r\n"), "{place} {next}");
                assert!(
                    lines.iter().all(|line| !line.is_empty() && is_padding(line.as_bytes())),
                    "{place} {next}: {rest}"
                );
            }
        }
        for other in ["#TS:1", "##x", &"#".repeat(64)] {
            assert!(!is_padding(other.as_bytes()), "{other}");
        }
    }
}
