//! Numbers as Redis reads and prints them.
//!
//! | kind | reads | prints |
//! |---|---|---|
//! | integer | [`parse_i64`]: canonical decimal only; [`parse_u64`]: whatever C's `strtoull` takes | |
//! | double | [`parse_f64`]: decimal, hexadecimal, infinity; no NaN, no overflow; [`parse_f64_as_c`] | [`write_f64`], [`write_f64_in_17_digits`], [`fixed`] |
//! | extended double | [`LongDouble::parse`] | [`LongDouble::write_human`] |
//! | memory size | [`parse_memory`]: `1k`, `1kb`, `1mb`, ... | |
//!
//! Invariant: nothing here depends on a locale, a rounding mode or the machine's own long double.

mod long_double;
mod shortest;

pub use long_double::LongDouble;

/// Longest text that can be an `i64`, in bytes.
const I64_LEN_MAX: usize = 20;
/// So many decimal digits are below 2^53, whatever they are.
const SHORT_DIGITS_MAX: usize = 15;

/// An integer in canonical form: what printing it gives back. No sign but `-`, no leading zeros, no space.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let (&first, rest) = digits.split_first()?;
    if first == b'0' {
        return (text.len() == 1).then_some(0);
    }
    if text.len() > I64_LEN_MAX {
        return None;
    }
    let mut value = u64::from(first.wrapping_sub(b'0'));
    if value > 9 {
        return None;
    }
    for &byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Twenty digits may not fit; all shorter numbers do, and the branch is never taken.
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// An unsigned integer: a canonical one that is not negative, else whatever C's `strtoull` takes whole: leading
/// space, a sign (a minus wraps round), leading zeros, and the upper half of the range.
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    if let Some(value) = parse_i64(text) {
        return u64::try_from(value).ok();
    }
    let start = text.iter().position(|&byte| !is_space(byte))?;
    let (negative, digits) = match &text[start..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let value = parse_digits(digits, 0)?;
    Some(if negative { value.wrapping_neg() } else { value })
}

/// Decimal digits that follow those of `value`, as long as the number fits.
fn parse_digits(digits: &[u8], value: u64) -> Option<u64> {
    digits.iter().try_fold(value, |value, &byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A size in bytes with its unit: `b`, `k` (1000), `kb` (1024), `m`, `mb`, `g`, `gb` in any case, or none.
/// No digits at all are a zero, and what does not fit saturates or wraps round as in C: bounds are the caller's business.
pub fn parse_memory(text: &[u8]) -> Option<u64> {
    let digits_len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, unit) = text.split_at(digits_len);
    let unit: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    if digits_len >= 128 {
        return None;
    }
    let value = parse_digits(digits, 0).unwrap_or(u64::MAX);
    Some(value.wrapping_mul(unit))
}

/// A double as C's `strtod` reads it, the whole text: decimal, hexadecimal (`0x1.8p3`), `inf` or `infinity` in any
/// case. Not a NaN, no leading space, and nothing that overflows to infinity or underflows to zero.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    if let Some(value) = parse_short_integer(text) {
        return Some(value);
    }
    let number = Number::scan(text)?;
    match number.kind {
        Kind::Infinity => Some(if number.negative { f64::NEG_INFINITY } else { f64::INFINITY }),
        Kind::Hexadecimal => long_double::hexadecimal_f64(&number),
        Kind::Decimal => {
            let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            (value.is_finite() && (value != 0.0 || number.is_zero())).then_some(value)
        }
    }
}

/// Decimal digits alone, with or without a minus, so few that a double holds their value: what most scores are.
fn parse_short_integer(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if !(1..=SHORT_DIGITS_MAX).contains(&digits.len()) {
        return None;
    }
    let value = digits
        .iter()
        .try_fold(0u64, |value, digit| digit.is_ascii_digit().then(|| value * 10 + u64::from(digit - b'0')))?
        as f64;
    Some(if negative { -value } else { value })
}

/// A double as Redis reads the bound of a range, by C's `strtod` without further care: up to the first NUL byte, after any
/// space; nothing at all is 0, and what overflows is infinite. Not a NaN.
pub fn parse_f64_as_c(text: &[u8]) -> Option<f64> {
    as_c(text, |text| match Number::scan(text)?.kind {
        Kind::Decimal => std::str::from_utf8(text).ok()?.parse().ok(),
        Kind::Hexadecimal | Kind::Infinity => parse_f64(text),
    })
}

/// The same with care for the range, as SORT reads weights: nothing that overflows to infinity or underflows to zero.
pub fn parse_f64_in_range_as_c(text: &[u8]) -> Option<f64> {
    as_c(text, parse_f64)
}

fn as_c(text: &[u8], parse: impl FnOnce(&[u8]) -> Option<f64>) -> Option<f64> {
    let text = text.split(|&byte| byte == 0).next()?;
    if text.is_empty() {
        return Some(0.0);
    }
    parse(&text[text.iter().position(|&byte| !is_space(byte))?..])
}

/// The syntax of a floating-point number.
pub(crate) struct Number<'a> {
    negative: bool,
    kind: Kind,
    /// Digits in front of the point.
    whole: &'a [u8],
    /// Digits behind the point.
    fraction: &'a [u8],
    /// The exponent's digits with their sign; empty when there is none.
    exponent: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Decimal,
    Hexadecimal,
    Infinity,
}

impl<'a> Number<'a> {
    /// Takes a text apart; nothing unless all of it is one number.
    fn scan(text: &'a [u8]) -> Option<Number<'a>> {
        let (negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if rest.eq_ignore_ascii_case(b"inf") || rest.eq_ignore_ascii_case(b"infinity") {
            return Some(Number { negative, kind: Kind::Infinity, whole: &[], fraction: &[], exponent: &[] });
        }
        let (kind, rest) = match rest {
            [b'0', b'x' | b'X', rest @ ..] => (Kind::Hexadecimal, rest),
            rest => (Kind::Decimal, rest),
        };
        let is_digit = |byte: &u8| match kind {
            Kind::Hexadecimal => byte.is_ascii_hexdigit(),
            _ => byte.is_ascii_digit(),
        };
        let digits = |text: &'a [u8]| text.split_at(text.iter().take_while(|byte| is_digit(byte)).count());
        let (whole, rest) = digits(rest);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => digits(rest),
            rest => (&rest[..0], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match (kind, rest) {
            (_, []) => rest,
            (Kind::Hexadecimal, [b'p' | b'P', exponent @ ..]) => exponent,
            (Kind::Decimal, [b'e' | b'E', exponent @ ..]) => exponent,
            _ => return None,
        };
        let unsigned = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
        let whole_exponent = !unsigned.is_empty() && unsigned.iter().all(u8::is_ascii_digit);
        (rest.is_empty() || whole_exponent).then_some(Number { negative, kind, whole, fraction, exponent })
    }

    /// Whether all digits are zeros.
    fn is_zero(&self) -> bool {
        self.whole.iter().chain(self.fraction).all(|&digit| digit == b'0')
    }

    /// The exponent, held within bounds that no format reaches.
    fn exponent_bounded(&self) -> i64 {
        let digits = self.exponent.strip_prefix(b"-").or(self.exponent.strip_prefix(b"+"));
        let value = parse_digits(digits.unwrap_or(self.exponent), 0)
            .map_or(i64::MAX, |value| i64::try_from(value).unwrap_or(i64::MAX));
        let value = if self.exponent.is_empty() { 0 } else { value.clamp(0, 1_000_000) };
        if self.exponent.first() == Some(&b'-') { -value } else { value }
    }
}

/// Prints a double in few digits that read back as the same, into a buffer of at least 32 bytes.
/// Integers print without a point; very large and very small numbers with an exponent (`1e-7`, `1.5e+30`).
pub fn write_f64(out: &mut [u8; 32], value: f64) -> &[u8] {
    let special: &[u8] = match value {
        _ if value.is_nan() => b"nan",
        f64::INFINITY => b"inf",
        f64::NEG_INFINITY => b"-inf",
        _ if value == 0.0 && value.is_sign_negative() => b"-0",
        _ if value.abs() <= (1u64 << 62) as f64 && value.trunc() == value => {
            return copy(out, itoa::Buffer::new().format(value as i64).as_bytes());
        }
        _ => return write_digits(out, value),
    };
    copy(out, special)
}

/// The same with whole numbers as all others: `1e+17`.
pub fn write_f64_in_digits(out: &mut [u8; 32], value: f64) -> &[u8] {
    if value == 0.0 || !value.is_finite() { write_f64(out, value) } else { write_digits(out, value) }
}

/// A double with so many digits behind the point, up to 17: the product with their power of ten rounded half to even. Beyond
/// what an `i64` holds of those, the outermost it does.
pub fn fixed(value: f64, digits: u32) -> String {
    let power = 10u64.pow(digits);
    let scaled = (value * power as f64).round_ties_even() as i64;
    let sign = if scaled < 0 { "-" } else { "" };
    let (whole, fraction) = (scaled.unsigned_abs() / power, scaled.unsigned_abs() % power);
    format!("{sign}{whole}.{fraction:0width$}", width = digits as usize)
}

/// Prints a double in seventeen digits, trailing zeros taken off, as C's `%.17g`.
pub fn write_f64_in_17_digits(out: &mut [u8; 32], value: f64) -> &[u8] {
    if value == 0.0 || !value.is_finite() {
        return write_f64(out, value);
    }
    let scientific = format!("{:.16e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').expect("an exponent was asked for");
    let digits = mantissa.replace('.', "");
    let digits = digits.trim_end_matches('0').as_bytes();
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    let (magnitude, len) = (exponent.unsigned_abs() as usize, digits.len());
    let mut text = Text { out, len: 0 };
    if value < 0.0 {
        text.push(b"-");
    }
    match exponent {
        0..17 if len > magnitude + 1 => {
            text.push(&digits[..=magnitude]);
            text.push(b".");
            text.push(&digits[magnitude + 1..]);
        }
        0..17 => {
            text.push(digits);
            text.zeros(magnitude + 1 - len);
        }
        -4..0 => {
            text.push(b"0.");
            text.zeros(magnitude - 1);
            text.push(digits);
        }
        _ => {
            text.push(&digits[..1]);
            if len > 1 {
                text.push(b".");
                text.push(&digits[1..]);
            }
            text.push(if exponent < 0 { b"e-" } else { b"e+" });
            text.zeros(usize::from(magnitude < 10));
            text.push(itoa::Buffer::new().format(magnitude).as_bytes());
        }
    }
    let Text { out, len } = text;
    &out[..len]
}

fn copy<'o>(out: &'o mut [u8; 32], text: &[u8]) -> &'o [u8] {
    out[..text.len()].copy_from_slice(text);
    &out[..text.len()]
}

/// A finite double that is not zero: value = digits x 10^exponent.
fn write_digits(out: &mut [u8; 32], value: f64) -> &[u8] {
    let shortest = shortest::digits(value.abs());
    let (digits, exponent) = (shortest.as_slice(), shortest.exponent);
    let len = digits.len();
    let mut text = Text { out, len: 0 };
    if value < 0.0 {
        text.push(b"-");
    }
    let magnitude = exponent + len as i32 - 1;
    if exponent >= 0 && magnitude.unsigned_abs() < len as u32 + 7 {
        text.push(digits);
        text.zeros(exponent as usize);
    } else if exponent < 0 && (exponent > -7 || magnitude.unsigned_abs() < 4) {
        let behind = exponent.unsigned_abs() as usize;
        if behind >= len {
            text.push(b"0.");
            text.zeros(behind - len);
            text.push(digits);
        } else {
            text.push(&digits[..len - behind]);
            text.push(b".");
            text.push(&digits[len - behind..]);
        }
    } else {
        text.push(&digits[..1]);
        if len > 1 {
            text.push(b".");
            text.push(&digits[1..]);
        }
        text.push(if magnitude < 0 { b"e-" } else { b"e+" });
        text.push(itoa::Buffer::new().format(magnitude.unsigned_abs()).as_bytes());
    }
    let Text { out, len } = text;
    &out[..len]
}

struct Text<'a> {
    out: &'a mut [u8; 32],
    len: usize,
}

impl Text<'_> {
    fn push(&mut self, bytes: &[u8]) {
        self.out[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn zeros(&mut self, n: usize) {
        self.out[self.len..self.len + n].fill(b'0');
        self.len += n;
    }
}

/// White space as C's `isspace` has it.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests;
