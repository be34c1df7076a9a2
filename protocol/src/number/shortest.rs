//! The decimal digits of a double, as few as read back as the same: Grisu2.
//!
//! Florian Loitsch, "Printing floating-point numbers quickly and accurately with integers" (PLDI 2010), with 64-bit
//! mantissas. A double stands for an interval of real numbers, half way to its neighbours; any decimal inside it reads back
//! as the double. The interval's ends are multiplied with a power of ten that makes them fit the table of digits to come:
//!
//! ```text
//!   low          value          high        scaled by 10^k, 2^-60 <= unit <= 2^-32
//!   |--------------|--------------|
//!                       |<- rest->|         digits of `high` are taken until the rest is inside;
//!                                           then the last one is lowered towards `value`
//! ```
//! In one of about a thousand doubles the result has a digit more than the shortest. Redis prints these, clients see
//! them: which is why this algorithm is here, and not one that is always right.

/// Most digits that a double takes.
pub(super) const DIGITS_MAX: usize = 18;
/// The table's first power of ten, and the distance of its powers.
const POWER_FIRST: i32 = -348;
const POWER_STEP: i32 = 8;
/// Bounds of the binary exponent of a scaled interval.
const SCALED_EXPONENT_MIN: i32 = -60;
const SCALED_EXPONENT_MAX: i32 = -32;

const TENS: [u32; 10] =
    [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
const HIDDEN_BIT: u64 = 1 << 52;

/// Decimal digits: value = digits x 10^exponent.
pub(super) struct Digits {
    bytes: [u8; DIGITS_MAX],
    len: usize,
    pub(super) exponent: i32,
}

impl Digits {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, digit: u64) {
        if digit > 0 || self.len > 0 {
            self.bytes[self.len] = b'0' + digit as u8;
            self.len += 1;
        }
    }

    /// Lowers the last digit, whose place is worth `unit`, while that brings the number closer to the value and
    /// leaves it inside the interval. `rest` and `distance` say how far below the high end the number and the value are.
    fn settle(&mut self, interval: u64, mut rest: u64, unit: u64, distance: u64) {
        let closer = |rest: u64| {
            let lowered = rest.wrapping_add(unit);
            lowered < distance || distance - rest > lowered.wrapping_sub(distance)
        };
        while rest < distance && interval - rest >= unit && closer(rest) {
            self.bytes[self.len - 1] -= 1;
            rest += unit;
        }
    }
}

/// mantissa x 2^exponent
#[derive(Clone, Copy)]
struct Float {
    mantissa: u64,
    exponent: i32,
}

impl Float {
    fn normalized(self) -> Float {
        let shift = self.mantissa.leading_zeros();
        Float { mantissa: self.mantissa << shift, exponent: self.exponent - shift as i32 }
    }

    /// The product's upper half, rounded.
    fn times(self, other: Float) -> Float {
        let product = u128::from(self.mantissa) * u128::from(other.mantissa) + (1 << 63);
        Float { mantissa: (product >> 64) as u64, exponent: self.exponent + other.exponent + 64 }
    }
}

/// The digits of a finite positive double.
pub(super) fn digits(value: f64) -> Digits {
    let bits = value.to_bits();
    let (fraction, biased) = (bits & (HIDDEN_BIT - 1), (bits >> 52) as i32);
    let exact = match biased {
        0 => Float { mantissa: fraction, exponent: 1 - 1075 },
        _ => Float { mantissa: fraction | HIDDEN_BIT, exponent: biased - 1075 },
    };
    let high = Float { mantissa: exact.mantissa * 2 + 1, exponent: exact.exponent - 1 }.normalized();
    // Below a power of two the neighbour is half as far away.
    let shift = if exact.mantissa == HIDDEN_BIT { 2 } else { 1 };
    let low = (exact.mantissa << shift) - 1;
    let low = Float { mantissa: low << (exact.exponent - shift - high.exponent), exponent: high.exponent };

    let (power, power_exponent) = scaling_power(high.exponent);
    let exact = exact.normalized().times(power);
    // One unit inwards on either side makes up for the errors of rounding.
    let high = Float { mantissa: high.times(power).mantissa - 1, ..high.times(power) };
    let low = low.times(power).mantissa + 1;
    generate(high, high.mantissa - exact.mantissa, high.mantissa - low, -power_exponent)
}

/// Takes digits of the high end until what is left of it lies inside the interval. `exponent` is the power of ten that the scaling is to be undone with.
fn generate(high: Float, mut distance: u64, mut interval: u64, exponent: i32) -> Digits {
    let mut digits = Digits { bytes: [0; DIGITS_MAX], len: 0, exponent };
    let shift = high.exponent.unsigned_abs();
    let below_one = (1 << shift) - 1;
    // The whole part has at least one digit, and at most ten.
    let (mut whole, mut part) = ((high.mantissa >> shift) as u32, high.mantissa & below_one);
    for place in (0..=whole.ilog10()).rev() {
        let unit = TENS[place as usize];
        digits.push(u64::from(whole / unit));
        whole %= unit;
        let rest = (u64::from(whole) << shift) + part;
        if rest <= interval {
            digits.exponent += place as i32;
            digits.settle(interval, rest, u64::from(unit) << shift, distance);
            return digits;
        }
    }
    loop {
        part *= 10;
        interval *= 10;
        distance = distance.wrapping_mul(10);
        digits.exponent -= 1;
        digits.push(part >> shift);
        part &= below_one;
        if part < interval {
            digits.settle(interval, part, 1 << shift, distance);
            return digits;
        }
    }
}

/// A power of ten that brings a binary exponent into the bounds, and which one it is. Where two would do, the choice
/// follows from the first guess.
fn scaling_power(exponent: i32) -> (Float, i32) {
    let guess = (f64::from(-(exponent + POWERS.len() as i32)) * std::f64::consts::LOG10_2) as i32;
    let mut power = POWER_FIRST + (guess - POWER_FIRST) / POWER_STEP * POWER_STEP;
    loop {
        let scaled = exponent + binary_exponent(power) + 64;
        if scaled < SCALED_EXPONENT_MIN {
            power += POWER_STEP;
        } else if scaled > SCALED_EXPONENT_MAX {
            power -= POWER_STEP;
        } else {
            let mantissa = POWERS[((power - POWER_FIRST) / POWER_STEP) as usize];
            return (Float { mantissa, exponent: binary_exponent(power) }, power);
        }
    }
}

/// The exponent that belongs to the 64-bit mantissa of a power of ten.
fn binary_exponent(power: i32) -> i32 {
    // 217706 / 2^16 is log2(10), near enough for all doubles.
    ((power * 217_706) >> 16) - 63
}

/// Mantissas of 10^-348, 10^-340, ... 10^340, rounded to 64 bits.
#[rustfmt::skip]
static POWERS: [u64; 87] = [
    0xfa8fd5a0081c0288, 0xbaaee17fa23ebf76, 0x8b16fb203055ac76, 0xcf42894a5dce35ea,
    0x9a6bb0aa55653b2d, 0xe61acf033d1a45df, 0xab70fe17c79ac6ca, 0xff77b1fcbebcdc4f,
    0xbe5691ef416bd60c, 0x8dd01fad907ffc3c, 0xd3515c2831559a83, 0x9d71ac8fada6c9b5,
    0xea9c227723ee8bcb, 0xaecc49914078536d, 0x823c12795db6ce57, 0xc21094364dfb5637,
    0x9096ea6f3848984f, 0xd77485cb25823ac7, 0xa086cfcd97bf97f4, 0xef340a98172aace5,
    0xb23867fb2a35b28e, 0x84c8d4dfd2c63f3b, 0xc5dd44271ad3cdba, 0x936b9fcebb25c996,
    0xdbac6c247d62a584, 0xa3ab66580d5fdaf6, 0xf3e2f893dec3f126, 0xb5b5ada8aaff80b8,
    0x87625f056c7c4a8b, 0xc9bcff6034c13053, 0x964e858c91ba2655, 0xdff9772470297ebd,
    0xa6dfbd9fb8e5b88f, 0xf8a95fcf88747d94, 0xb94470938fa89bcf, 0x8a08f0f8bf0f156b,
    0xcdb02555653131b6, 0x993fe2c6d07b7fac, 0xe45c10c42a2b3b06, 0xaa242499697392d3,
    0xfd87b5f28300ca0e, 0xbce5086492111aeb, 0x8cbccc096f5088cc, 0xd1b71758e219652c,
    0x9c40000000000000, 0xe8d4a51000000000, 0xad78ebc5ac620000, 0x813f3978f8940984,
    0xc097ce7bc90715b3, 0x8f7e32ce7bea5c70, 0xd5d238a4abe98068, 0x9f4f2726179a2245,
    0xed63a231d4c4fb27, 0xb0de65388cc8ada8, 0x83c7088e1aab65db, 0xc45d1df942711d9a,
    0x924d692ca61be758, 0xda01ee641a708dea, 0xa26da3999aef774a, 0xf209787bb47d6b85,
    0xb454e4a179dd1877, 0x865b86925b9bc5c2, 0xc83553c5c8965d3d, 0x952ab45cfa97a0b3,
    0xde469fbd99a05fe3, 0xa59bc234db398c25, 0xf6c69a72a3989f5c, 0xb7dcbf5354e9bece,
    0x88fcf317f22241e2, 0xcc20ce9bd35c78a5, 0x98165af37b2153df, 0xe2a0b5dc971f303a,
    0xa8d9d1535ce3b396, 0xfb9b7cd9a4a7443c, 0xbb764c4ca7a44410, 0x8bab8eefb6409c1a,
    0xd01fef10a657842c, 0x9b10a4e5e9913129, 0xe7109bfba19c0c9d, 0xac2820d9623bf429,
    0x80444b5e7aa7cf85, 0xbf21e44003acdd2d, 0x8e679c2f5e44ff8f, 0xd433179d9c8cb841,
    0x9e19db92b4e31ba9, 0xeb96bf6ebadf77d9, 0xaf87023b9bf0ee6b,
];

#[cfg(test)]
mod tests {
    use super::*;
    use rustc_apfloat::Float as _;
    use rustc_apfloat::ieee::X87DoubleExtended;

    #[test]
    fn powers_are_those_of_ten() {
        for (i, &mantissa) in POWERS.iter().enumerate() {
            let power = POWER_FIRST + POWER_STEP * i as i32;
            let exact: X87DoubleExtended = format!("1e{power}").parse().expect("a number");
            let bits = exact.to_bits();
            assert_eq!(mantissa, bits as u64, "10^{power}");
            assert_eq!(binary_exponent(power), (bits >> 64) as i32 - 16383 - 63, "10^{power}");
        }
    }
}
