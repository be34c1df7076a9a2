//! Text as configuration files write it: splitting and quoting of lines, numbers, sizes.
//!
//! Pure functions on bytes. Their leniency (leading blanks, an empty number) is that of the C library functions
//! behind Redis, so that a file reads the same here.

/// Splits a line into arguments: blanks separate, `"..."` takes escapes, `'...'` only `\'`.
/// `None` when a quote is not closed or is followed by something other than a blank.
pub fn split_arguments(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut arguments = Vec::new();
    let mut rest = line;
    loop {
        rest = trim_start(rest);
        if rest.is_empty() {
            return Some(arguments);
        }
        let (argument, after) = one_argument(rest)?;
        arguments.push(argument);
        rest = after;
    }
}

fn one_argument(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut argument = Vec::new();
    loop {
        match rest {
            [] => return Some((argument, rest)),
            [b' ' | b'\n' | b'\r' | b'\t' | 0, after @ ..] => return Some((argument, after)),
            [b'"', after @ ..] => return ends_cleanly(double_quoted(after, &mut argument)?, argument),
            [b'\'', after @ ..] => return ends_cleanly(single_quoted(after, &mut argument)?, argument),
            [byte, after @ ..] => {
                argument.push(*byte);
                rest = after;
            }
        }
    }
}

/// A closing quote ends the argument and must be followed by a blank or nothing.
fn ends_cleanly(rest: &[u8], argument: Vec<u8>) -> Option<(Vec<u8>, &[u8])> {
    let clean = rest.first().is_none_or(|&byte| is_space(byte) || byte == 0);
    clean.then_some((argument, rest))
}

fn double_quoted<'a>(mut rest: &'a [u8], argument: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [] => return None,
            [b'"', after @ ..] => return Some(after),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                argument.push(hex_digit(*high) * 16 + hex_digit(*low));
                after
            }
            [b'\\', escaped, after @ ..] => {
                argument.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                after
            }
            [byte, after @ ..] => {
                argument.push(*byte);
                after
            }
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], argument: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [] => return None,
            [b'\'', after @ ..] => return Some(after),
            [b'\\', b'\'', after @ ..] => {
                argument.push(b'\'');
                after
            }
            [byte, after @ ..] => {
                argument.push(*byte);
                after
            }
        }
    }
}

/// The value in double quotes, with escapes that [`split_arguments`] undoes.
pub fn quoted(value: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for &byte in value {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x07 => out.extend(b"\\a"),
            0x08 => out.extend(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => out.extend(format!("\\x{byte:02x}").bytes()),
        }
    }
    out.push(b'"');
    out
}

/// A size with the largest unit that divides it, as CONFIG REWRITE writes it.
pub fn format_bytes(bytes: u64) -> String {
    for (shift, unit) in [(30, "gb"), (20, "mb"), (10, "kb")] {
        if bytes != 0 && bytes & ((1 << shift) - 1) == 0 {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

/// A decimal integer in its one canonical form: no blanks, no plus sign, no leading zero.
pub fn strict_integer(value: &[u8]) -> Option<i64> {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let canonical = match digits {
        [b'0'] => value.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !canonical {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// An integer as C's `strtoll` takes it when nothing may follow: leading blanks and a sign are fine, nothing at
/// all is zero, too large is the nearest end of the range.
pub fn lenient_integer(value: &[u8]) -> Option<i64> {
    let (negative, digits) = sign(value)?;
    let mut number = 0_i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        let digit = i64::from(digit - b'0');
        number = number.saturating_mul(10);
        number = if negative { number.saturating_sub(digit) } else { number.saturating_add(digit) };
    }
    Some(number)
}

/// An octal integer, as lenient as [`lenient_integer`] but refused when too large.
pub fn octal(value: &[u8]) -> Option<i64> {
    let (negative, digits) = sign(value)?;
    let mut number = 0_i64;
    for &digit in digits {
        if !(b'0'..=b'7').contains(&digit) {
            return None;
        }
        number = number.checked_mul(8)?.checked_add(i64::from(digit - b'0'))?;
    }
    Some(if negative { -number } else { number })
}

fn sign(value: &[u8]) -> Option<(bool, &[u8])> {
    if value.is_empty() {
        return Some((false, value));
    }
    let (negative, digits) = match trim_start(value) {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    // A sign or blanks alone are no number; C would stop in front of them.
    (!digits.is_empty()).then_some((negative, digits))
}

/// A floating-point number with six decimals, then without trailing zeros.
pub fn format_double(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Without the blanks that a configuration line may have on both ends.
pub fn trim(line: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let start = line.iter().position(|byte| !blank(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &line[start..end]
}

fn trim_start(value: &[u8]) -> &[u8] {
    let start = value.iter().position(|&byte| !is_space(byte)).unwrap_or(value.len());
    &value[start..]
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rufous_protocol::number::parse_memory;

    fn split(line: &str) -> Option<Vec<String>> {
        let arguments = split_arguments(line.as_bytes())?;
        Some(arguments.into_iter().map(|argument| String::from_utf8_lossy(&argument).into_owned()).collect())
    }

    #[test]
    fn lines_split_as_redis_splits_them() {
        let check = |line: &str, expected: Option<&[&str]>| {
            assert_eq!(
                split(line),
                expected.map(|list| list.iter().map(|s| s.to_string()).collect()),
                "{line}"
            );
        };
        check("", Some(&[]));
        check("  \t ", Some(&[]));
        check("port 6379", Some(&["port", "6379"]));
        check("save \"\"", Some(&["save", ""]));
        check("save ''", Some(&["save", ""]));
        check(r#"a "b c" 'd e'"#, Some(&["a", "b c", "d e"]));
        check(r#"a "\x41\n\q\"" 'x\'y\n'"#, Some(&["a", "A\nq\"", "x'y\\n"]));
        check(r#"a"b c""#, Some(&["ab c"]));
        check(r#""a"b"#, None);
        check("'a'b", None);
        check("\"open", None);
        check("'open", None);
        check("\"open\\", None);
    }

    #[test]
    fn quoting_is_undone_by_splitting() {
        for length in 0..64_u32 {
            let value: Vec<u8> = (0..length * 4).map(|i| (i * 37 + length) as u8).collect();
            assert_eq!(split_arguments(&quoted(&value)), Some(vec![value]));
        }
    }

    #[test]
    fn written_sizes_are_read_as_they_were() {
        for bytes in [0, 1, 1023, 1024, 1025, 1 << 20, (1 << 20) + 1024, 5 << 30, u64::MAX] {
            assert_eq!(parse_memory(format_bytes(bytes).as_bytes()), Some(bytes));
        }
        assert_eq!(format_bytes(64 << 20), "64mb");
        assert_eq!(format_bytes(1 << 30), "1gb");
        assert_eq!(format_bytes(1025), "1025");
    }

    #[test]
    fn integers_strict_and_lenient() {
        let strict = |text: &str, expected| assert_eq!(strict_integer(text.as_bytes()), expected, "{text}");
        strict("0", Some(0));
        strict("-1", Some(-1));
        strict("9223372036854775807", Some(i64::MAX));
        strict("-9223372036854775808", Some(i64::MIN));
        for bad in ["", "-", "-0", "01", "+1", " 1", "1 ", "1x", "9223372036854775808"] {
            strict(bad, None);
        }
        let lenient = |text: &str, expected| assert_eq!(lenient_integer(text.as_bytes()), expected, "{text}");
        lenient("", Some(0));
        lenient(" 007", Some(7));
        lenient("+5", Some(5));
        lenient("-5", Some(-5));
        lenient("99999999999999999999", Some(i64::MAX));
        lenient("5x", None);
        lenient("-", None);
        assert_eq!(octal(b"755"), Some(0o755));
        assert_eq!(octal(b"0700"), Some(0o700));
        assert_eq!(octal(b"8"), None);
        assert_eq!(octal(b"7777777777777777777777777"), None);
    }

    #[test]
    fn doubles_lose_trailing_zeros() {
        for (value, expected) in
            [(50.0, "50"), (99.9, "99.9"), (0.0, "0"), (99.999999, "99.999999"), (100.0, "100")]
        {
            assert_eq!(format_double(value), expected);
        }
    }
}
