//! The extended double that `INCRBYFLOAT` and its kin compute with: 80 bits, 64 of them mantissa, as x86 has them.
//!
//! The arithmetic is done in software, so that every machine gives the digits that Redis gives on x86. Printing is exact:
//! seventeen digits behind the point, rounded half to even as C's `%.17Lf`, trailing zeros taken off.

use super::{Kind, Number, parse_digits};
use rustc_apfloat::ieee::{Double, X87DoubleExtended};
use rustc_apfloat::{Float, FloatConvert, Round, Status, StatusAnd};
use std::cmp::Ordering;

/// Texts from this length on, in bytes, are no numbers.
const TEXT_LEN_END: usize = 5 * 1024;
/// Digits behind the point.
const FRACTION_DIGITS: usize = 17;
/// 10^17
const FRACTION_SCALE: u128 = 100_000_000_000_000_000;
/// The exponent of the lowest mantissa bit when the biased exponent is 0.
const EXPONENT_BIAS: i32 = 16383 + 63;
/// Highest power of ten without rounding error.
const EXACT_POWER_MAX: i64 = 27;
/// Decimal digits in a limb of a large integer, and ten to their power.
const LIMB_DIGITS: usize = 19;
const LIMB: u128 = 10_000_000_000_000_000_000;

/// An 80-bit floating-point number: finite, or an infinity. Never a NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongDouble(X87DoubleExtended);

impl LongDouble {
    /// A number as C's `strtold` reads it, the whole text, which is shorter than 5 KiB. Bounds as for [`super::parse_f64`].
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() >= TEXT_LEN_END {
            return None;
        }
        let number = Number::scan(text)?;
        let value = match number.kind {
            Kind::Infinity => X87DoubleExtended::INFINITY,
            Kind::Decimal if let Some(value) = read_short(&number) => value,
            _ => read(&number)?,
        };
        Some(LongDouble(if number.negative { -value } else { value }))
    }

    /// The sum, if it is a number and finite.
    pub fn checked_add(self, other: LongDouble) -> Option<LongDouble> {
        let sum = (self.0 + other.0).value;
        sum.is_finite().then_some(LongDouble(sum))
    }

    /// The product with an integer, rounded up to the next integer; an infinity becomes the outermost one.
    pub fn times_rounded_up(self, factor: i64) -> i128 {
        let product = (self.0 * LongDouble::from(factor).0).value;
        product.to_i128_r(128, Round::TowardPositive, &mut false).value
    }

    /// Whether it is no infinity.
    pub fn is_finite(self) -> bool {
        self.0.is_finite()
    }

    /// Appends the number in plain decimal digits: no exponent, at most seventeen digits behind the point, no
    /// trailing zeros, no negative zero.
    pub fn write_human(self, out: &mut Vec<u8>) {
        let start = out.len();
        if self.0.is_negative() {
            out.push(b'-');
        }
        if self.0.is_infinite() {
            return out.extend_from_slice(b"inf");
        }
        let bits = self.0.to_bits();
        let mantissa = bits as u64;
        let biased = ((bits >> 64) & 0x7fff) as i32;
        let exponent = biased.max(1) - EXPONENT_BIAS;
        if exponent >= 0 {
            write_large(out, mantissa, exponent.unsigned_abs());
        } else {
            write_scaled(out, scaled(mantissa, exponent.unsigned_abs()));
        }
        if &out[start..] == b"-0" {
            out.remove(start);
        }
    }
}

impl From<i64> for LongDouble {
    fn from(value: i64) -> LongDouble {
        LongDouble(X87DoubleExtended::from_i128(value.into()).value)
    }
}

/// The same number. A NaN becomes zero.
impl From<f64> for LongDouble {
    fn from(value: f64) -> LongDouble {
        let value = if value.is_nan() { 0.0 } else { value };
        LongDouble(Double::from_bits(value.to_bits().into()).convert(&mut false).value)
    }
}

/// A hexadecimal number as a double.
pub(super) fn hexadecimal_f64(number: &Number<'_>) -> Option<f64> {
    let value = f64::from_bits(read::<Double>(number)?.to_bits() as u64);
    Some(if number.negative { -value } else { value })
}

/// The number without its sign; nothing when it overflows, or underflows to zero.
fn read<F: Float>(number: &Number<'_>) -> Option<F> {
    if number.is_zero() {
        return Some(F::ZERO);
    }
    let (prefix, mark) = match number.kind {
        Kind::Hexadecimal => ("0x", 'p'),
        _ => ("", 'e'),
    };
    let whole = std::str::from_utf8(number.whole).ok()?;
    let fraction = std::str::from_utf8(number.fraction).ok()?;
    let text = format!("{prefix}0{whole}.{fraction}0{mark}{}", number.exponent_bounded());
    let StatusAnd { status, value } = F::from_str_r(&text, Round::NearestTiesToEven).ok()?;
    (!status.contains(Status::OVERFLOW) && !value.is_zero()).then_some(value)
}

/// A decimal number of few digits whose power of ten is exact: one division or multiplication, one rounding.
fn read_short(number: &Number<'_>) -> Option<X87DoubleExtended> {
    let digits = parse_digits(number.whole, 0).and_then(|whole| parse_digits(number.fraction, whole))?;
    let power = number.exponent_bounded() - number.fraction.len() as i64;
    let five = 5u64.checked_pow(u32::try_from(power.unsigned_abs()).ok()?)?;
    if digits == 0 || power.abs() > EXACT_POWER_MAX {
        return None;
    }
    let power = power as i32;
    Some(if power >= 0 {
        let product = u128::from(digits) * u128::from(five);
        let shift = product.leading_zeros();
        let product = product << shift;
        let (mantissa, rest) = ((product >> 64) as u64, product as u64);
        rounded(mantissa, rest.cmp(&(1 << 63)), power + 64 - shift as i32)
    } else {
        let (digits_shift, five_shift) = (digits.leading_zeros(), five.leading_zeros());
        let (digits, divisor) = (digits << digits_shift, five << five_shift);
        // The quotient has its highest bit set either way.
        let shift = if digits >= divisor { 63 } else { 64 };
        let dividend = u128::from(digits) << shift;
        let (mantissa, rest) = ((dividend / u128::from(divisor)) as u64, dividend % u128::from(divisor));
        let exponent = power - shift + five_shift as i32 - digits_shift as i32;
        rounded(mantissa, (rest * 2).cmp(&u128::from(divisor)), exponent)
    })
}

/// mantissa x 2^exponent, where the mantissa's highest bit is set and what was cut off compares to half of its lowest
/// bit as given.
fn rounded(mantissa: u64, rest_to_half: Ordering, exponent: i32) -> X87DoubleExtended {
    let up = rest_to_half.is_gt() || (rest_to_half.is_eq() && mantissa & 1 == 1);
    let (mantissa, exponent) = match mantissa.checked_add(u64::from(up)) {
        Some(mantissa) => (mantissa, exponent),
        None => (1 << 63, exponent + 1),
    };
    let biased = (exponent + EXPONENT_BIAS) as u128;
    X87DoubleExtended::from_bits(biased << 64 | u128::from(mantissa))
}

/// mantissa x 2^-shift x 10^17, rounded half to even.
fn scaled(mantissa: u64, shift: u32) -> u128 {
    let product = u128::from(mantissa) * FRACTION_SCALE;
    if shift >= 127 {
        return 0;
    }
    let (floor, rest) = (product >> shift, product & ((1 << shift) - 1));
    let half = 1 << (shift - 1);
    floor + u128::from(rest > half || (rest == half && floor & 1 == 1))
}

/// A number given in units of 10^-17.
fn write_scaled(out: &mut Vec<u8>, units: u128) {
    out.extend_from_slice(itoa::Buffer::new().format(units / FRACTION_SCALE).as_bytes());
    let mut fraction = (units % FRACTION_SCALE) as u64;
    if fraction == 0 {
        return;
    }
    let mut len = FRACTION_DIGITS;
    while fraction.is_multiple_of(10) {
        fraction /= 10;
        len -= 1;
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(fraction).as_bytes();
    out.push(b'.');
    out.resize(out.len() + len - digits.len(), b'0');
    out.extend_from_slice(digits);
}

/// mantissa x 2^exponent, an integer of up to 4933 digits.
fn write_large(out: &mut Vec<u8>, mantissa: u64, exponent: u32) {
    // Lowest limb first.
    let mut limbs = vec![(u128::from(mantissa) % LIMB) as u64];
    if u128::from(mantissa) >= LIMB {
        limbs.push((u128::from(mantissa) / LIMB) as u64);
    }
    let mut left = exponent;
    while left > 0 {
        let step = left.min(63);
        left -= step;
        let mut carry = 0u128;
        for limb in &mut limbs {
            let product = (u128::from(*limb) << step) + carry;
            *limb = (product % LIMB) as u64;
            carry = product / LIMB;
        }
        if carry > 0 {
            limbs.push(carry as u64);
        }
    }
    let mut limbs = limbs.iter().rev();
    if let Some(&highest) = limbs.next() {
        out.extend_from_slice(itoa::Buffer::new().format(highest).as_bytes());
    }
    for limb in limbs {
        out.extend_from_slice(format!("{limb:0LIMB_DIGITS$}").as_bytes());
    }
}
