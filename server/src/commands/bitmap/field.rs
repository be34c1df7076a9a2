//! BITFIELD: a string as an array of integers of any width, at any bit.
//!
//! Bits count from the most significant one of the first byte; an integer's most significant bit comes first. An integer
//! of up to 64 bits at any bit offset touches nine bytes at most, which are read and written through one 128-bit word.

use super::{SETBIT, bit_offset, integer};
use crate::command::Outcome;
use crate::context::Ctx;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use smallvec::SmallVec;

const WINDOW_BYTES: usize = 16;
const WINDOW_BITS: u32 = 128;

/// An integer type such as `u8` or `i16`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Encoding {
    is_signed: bool,
    /// 1 to 64, or to 63 if unsigned.
    width: u32,
}

/// What happens to a value that does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    Get,
    Set { value: i64, overflow: Overflow },
    Increment { by: i64, overflow: Overflow },
}

/// One step of the command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Step {
    encoding: Encoding,
    offset: u64,
    action: Action,
}

type Steps = SmallVec<[Step; 4]>;

/// BITFIELD key \[GET type offset | \[OVERFLOW WRAP | SAT | FAIL\] SET type offset value | INCRBY type offset by\] ...
pub(super) fn bitfield(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let steps = parse(args.from(2), cx.server.config.proto_max_bulk_len)?;
    match steps.iter().filter(|step| step.action != Action::Get).map(Step::end).max() {
        None => read_all(cx, args.get(1), &steps),
        Some(end) => write_all(cx, args.get(1), &steps, end.div_ceil(8) as usize),
    }
}

/// BITFIELD_RO key \[GET type offset\] ...
pub(super) fn bitfield_ro(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let steps = parse(args.from(2), cx.server.config.proto_max_bulk_len)?;
    if steps.iter().any(|step| step.action != Action::Get) {
        return Err(error::BITFIELD_RO);
    }
    read_all(cx, args.get(1), &steps)
}

fn read_all(cx: &mut Ctx<'_>, key: &[u8], steps: &[Step]) -> Outcome {
    let value = cx.db.string(key)?;
    let mut buffer = itoa::Buffer::new();
    let bytes = value.map_or(&[][..], |value| value.as_bytes(&mut buffer));
    cx.reply.array(steps.len());
    for step in steps {
        cx.reply.integer(step.read(bytes));
    }
    Ok(())
}

/// Runs the steps on a string that is made at least `len` bytes long.
fn write_all(cx: &mut Ctx<'_>, key: &[u8], steps: &[Step], len: usize) -> Outcome {
    let mut string = cx.db.write(key).string_mut_or_new()?;
    let old_len = string.len();
    let bytes = string.resize(old_len.max(len));
    let has_grown = bytes.len() > old_len;
    let mut changes = 0;
    cx.reply.array(steps.len());
    for step in steps {
        let old = step.read(bytes);
        let Some((new, shown)) = step.run(old) else {
            cx.reply.null();
            continue;
        };
        if step.action != Action::Get {
            write_bits(bytes, step.offset, step.encoding.width, new as u64);
            changes += u64::from(has_grown || old != new);
        }
        cx.reply.integer(shown);
    }
    if changes > 0 {
        cx.changed(key, SETBIT, changes);
    }
    Ok(())
}

fn parse(args: Args<'_>, bytes_max: u64) -> Result<Steps, ReplyError> {
    let mut steps = Steps::new();
    let mut overflow = Overflow::Wrap;
    let mut rest = args;
    while let Some(word) = rest.find(0) {
        let is = |name: &[u8], operands: usize| word.eq_ignore_ascii_case(name) && rest.len() > operands;
        if is(b"overflow", 1) {
            overflow = Overflow::parse(rest.get(1))?;
            rest = rest.from(2);
            continue;
        }
        let is_get = is(b"get", 2);
        if !(is_get || is(b"set", 3) || is(b"incrby", 3)) {
            return Err(error::SYNTAX);
        }
        let encoding = Encoding::parse(rest.get(1))?;
        let offset = bit_offset(rest.get(2), Some(encoding.width), bytes_max)?;
        let action = if is_get {
            Action::Get
        } else if is(b"set", 3) {
            Action::Set { value: integer(rest.get(3))?, overflow }
        } else {
            Action::Increment { by: integer(rest.get(3))?, overflow }
        };
        steps.push(Step { encoding, offset, action });
        rest = rest.from(if is_get { 3 } else { 4 });
    }
    Ok(steps)
}

impl Overflow {
    fn parse(name: &[u8]) -> Result<Overflow, ReplyError> {
        match name {
            _ if name.eq_ignore_ascii_case(b"wrap") => Ok(Overflow::Wrap),
            _ if name.eq_ignore_ascii_case(b"sat") => Ok(Overflow::Saturate),
            _ if name.eq_ignore_ascii_case(b"fail") => Ok(Overflow::Fail),
            _ => Err(error::BITFIELD_OVERFLOW),
        }
    }
}

impl Encoding {
    fn parse(text: &[u8]) -> Result<Encoding, ReplyError> {
        let (is_signed, width) = match text {
            [b'i', width @ ..] => (true, width),
            [b'u', width @ ..] => (false, width),
            _ => return Err(error::BITFIELD_TYPE),
        };
        let width_max = if is_signed { 64 } else { 63 };
        let width = parse_i64(width).filter(|width| (1..=width_max).contains(width));
        Ok(Encoding { is_signed, width: width.ok_or(error::BITFIELD_TYPE)? as u32 })
    }

    /// Smallest and largest value.
    fn bounds(self) -> (i64, i64) {
        if self.is_signed {
            let max = (u64::MAX >> (64 - self.width) >> 1) as i64;
            (-max - 1, max)
        } else {
            (0, ((1u64 << self.width) - 1) as i64)
        }
    }

    /// The value that these bits mean; higher bits do not count.
    fn decode(self, bits: u64) -> i64 {
        let unused = 64 - self.width;
        if self.is_signed { (bits << unused) as i64 >> unused } else { (bits << unused >> unused) as i64 }
    }

    /// A given value; a negative one is a very large unsigned one.
    fn operand(self, value: i64) -> i128 {
        if self.is_signed { i128::from(value) } else { i128::from(value as u64) }
    }

    /// A value made to fit. `None` if it does not and must not be made to.
    fn fit(self, value: i128, overflow: Overflow) -> Option<i64> {
        let (min, max) = self.bounds();
        match overflow {
            _ if (i128::from(min)..=i128::from(max)).contains(&value) => Some(value as i64),
            Overflow::Wrap => Some(self.decode(value as u64)),
            Overflow::Saturate => Some(if value < i128::from(min) { min } else { max }),
            Overflow::Fail => None,
        }
    }
}

impl Step {
    /// The bit behind the last one.
    fn end(&self) -> u64 {
        self.offset + u64::from(self.encoding.width)
    }

    fn read(&self, bytes: &[u8]) -> i64 {
        self.encoding.decode(read_bits(bytes, self.offset, self.encoding.width))
    }

    /// The new value and the one to reply. `None` if the step fails.
    fn run(&self, old: i64) -> Option<(i64, i64)> {
        match self.action {
            Action::Get => Some((old, old)),
            Action::Set { value, overflow } => {
                let new = self.encoding.fit(self.encoding.operand(value), overflow)?;
                Some((new, old))
            }
            Action::Increment { by, overflow } => {
                let new = self.encoding.fit(i128::from(old) + i128::from(by), overflow)?;
                Some((new, new))
            }
        }
    }
}

/// The bits from `offset` on, the last of them lowest; what lies above the lowest `width` does not count. Bits behind the end are
/// zeros.
fn read_bits(bytes: &[u8], offset: u64, width: u32) -> u64 {
    let skipped = (offset % 8) as u32;
    (window(bytes, (offset / 8) as usize) >> (WINDOW_BITS - skipped - width)) as u64
}

/// Writes the lowest `width` bits of `value`, all of which must lie within `bytes`.
fn write_bits(bytes: &mut [u8], offset: u64, width: u32, value: u64) {
    let (start, skipped) = ((offset / 8) as usize, (offset % 8) as u32);
    let shift = WINDOW_BITS - skipped - width;
    let mask = u128::from(u64::MAX >> (64 - width)) << shift;
    let window = (window(bytes, start) & !mask) | (u128::from(value) << shift & mask);
    let touched = (skipped + width).div_ceil(8) as usize;
    bytes[start..start + touched].copy_from_slice(&window.to_be_bytes()[..touched]);
}

/// The bytes from `start` on, the first of them highest, filled up with zeros.
fn window(bytes: &[u8], start: usize) -> u128 {
    let bytes = bytes.get(start..).unwrap_or(&[]);
    let mut window = [0; WINDOW_BYTES];
    let len = bytes.len().min(WINDOW_BYTES);
    window[..len].copy_from_slice(&bytes[..len]);
    u128::from_be_bytes(window)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rufous_protocol::request::OwnedArgs;

    /// A string of bits; integers are put together bit by bit.
    #[derive(Clone, Debug, PartialEq)]
    struct Bits(Vec<bool>);

    impl Bits {
        fn of(bytes: &[u8]) -> Bits {
            Bits(bytes.iter().flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1 != 0)).collect())
        }

        fn get(&self, encoding: Encoding, offset: u64) -> i128 {
            let mut value = 0;
            for i in 0..encoding.width {
                let bit = self.0.get(offset as usize + i as usize).copied().unwrap_or(false);
                let weight = 1i128 << (encoding.width - 1 - i);
                let is_sign = i == 0 && encoding.is_signed;
                value += if !bit {
                    0
                } else if is_sign {
                    -weight
                } else {
                    weight
                };
            }
            value
        }

        fn set(&mut self, encoding: Encoding, offset: u64, value: i128) {
            for i in 0..encoding.width {
                self.0[offset as usize + i as usize] = value >> (encoding.width - 1 - i) & 1 != 0;
            }
        }
    }

    /// What a value becomes, by arithmetic without bounds.
    fn naive_fit(encoding: Encoding, value: i128, overflow: Overflow) -> Option<i128> {
        let count = 1i128 << encoding.width;
        let min = if encoding.is_signed { -(count / 2) } else { 0 };
        let max = min + count - 1;
        match overflow {
            _ if value >= min && value <= max => Some(value),
            Overflow::Fail => None,
            Overflow::Saturate => Some(value.clamp(min, max)),
            Overflow::Wrap => Some((value - min).rem_euclid(count) + min),
        }
    }

    fn encodings() -> impl Strategy<Value = Encoding> {
        prop_oneof![
            (1u32..=64).prop_map(|width| Encoding { is_signed: true, width }),
            (1u32..=63).prop_map(|width| Encoding { is_signed: false, width }),
        ]
    }

    fn overflows() -> impl Strategy<Value = Overflow> {
        prop_oneof![Just(Overflow::Wrap), Just(Overflow::Saturate), Just(Overflow::Fail)]
    }

    fn values() -> impl Strategy<Value = i64> {
        prop_oneof![any::<i64>(), -300i64..300, Just(i64::MIN), Just(i64::MAX)]
    }

    proptest! {
        #[test]
        fn steps_agree_with_bit_by_bit_arithmetic(
            bytes in prop::collection::vec(any::<u8>(), 32),
            steps in prop::collection::vec((encodings(), 0u64..192, values(), overflows(), 0u8..3), 1..20),
        ) {
            let (mut bytes, mut model) = (bytes.clone(), Bits::of(&bytes));
            for (encoding, offset, value, overflow, action) in steps {
                let action = match action {
                    0 => Action::Get,
                    1 => Action::Set { value, overflow },
                    _ => Action::Increment { by: value, overflow },
                };
                let step = Step { encoding, offset, action };
                let old = step.read(&bytes);
                let naive_old = model.get(encoding, offset);
                prop_assert_eq!(i128::from(old), naive_old);
                let naive = match action {
                    Action::Get => Some((naive_old, naive_old)),
                    Action::Set { value, overflow } => {
                        let value = if encoding.is_signed { i128::from(value) } else { i128::from(value as u64) };
                        naive_fit(encoding, value, overflow).map(|new| (new, naive_old))
                    }
                    Action::Increment { by, overflow } => {
                        naive_fit(encoding, naive_old + i128::from(by), overflow).map(|new| (new, new))
                    }
                };
                let done = step.run(old);
                prop_assert_eq!(done.map(|(new, shown)| (i128::from(new), i128::from(shown))), naive);
                if let Some((new, _)) = done {
                    write_bits(&mut bytes, offset, encoding.width, new as u64);
                    model.set(encoding, offset, i128::from(new));
                }
                prop_assert_eq!(&Bits::of(&bytes), &model);
            }
        }

        #[test]
        fn what_lies_behind_the_end_reads_as_zeros(
            bytes in prop::collection::vec(any::<u8>(), 0..20),
            encoding in encodings(),
            offset in 0u64..300,
        ) {
            let step = Step { encoding, offset, action: Action::Get };
            prop_assert_eq!(i128::from(step.read(&bytes)), Bits::of(&bytes).get(encoding, offset));
        }
    }

    fn parsed(words: &str) -> Result<Vec<Step>, String> {
        let owned: OwnedArgs = words.split_whitespace().map(str::as_bytes).collect();
        let steps = parse(owned.args(), 512 << 20).map_err(|error| error.to_string())?;
        Ok(steps.to_vec())
    }

    #[test]
    fn operands_are_parsed_in_order() {
        let u8 = Encoding { is_signed: false, width: 8 };
        let i64 = Encoding { is_signed: true, width: 64 };
        let expected = vec![
            Step { encoding: u8, offset: 16, action: Action::Get },
            Step { encoding: i64, offset: 3, action: Action::Set { value: -1, overflow: Overflow::Wrap } },
            Step { encoding: u8, offset: 0, action: Action::Increment { by: 5, overflow: Overflow::Fail } },
        ];
        let words = "GET u8 #2 set i64 3 -1 overflow SAT OVERFLOW fail incrby u8 0 5";
        assert_eq!(parsed(words), Ok(expected));
        assert_eq!(parsed(""), Ok(vec![]));
        for (words, error) in [
            ("get u8", error::SYNTAX),
            ("get u64 0", error::BITFIELD_TYPE),
            ("get i65 0", error::BITFIELD_TYPE),
            ("get u0 0", error::BITFIELD_TYPE),
            ("get U8 0", error::BITFIELD_TYPE),
            ("get u8 -1", error::BIT_OFFSET),
            ("get u8 #x", error::BIT_OFFSET),
            ("get u63 #9223372036854775807", error::BIT_OFFSET),
            ("get u8 4294967296", error::BIT_OFFSET),
            ("set u8 0", error::SYNTAX),
            ("set u8 0 x", error::NOT_AN_INTEGER),
            ("overflow", error::SYNTAX),
            ("overflow maybe", error::BITFIELD_OVERFLOW),
        ] {
            assert_eq!(parsed(words), Err(error.to_string()), "{words}");
        }
    }
}
