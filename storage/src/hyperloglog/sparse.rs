//! Sparse registers: runs of equal registers from the first to the last, one opcode each.
//!
//! | bytes | opcode | registers |
//! |---|---|---|
//! | `00nnnnnn` | ZERO | n + 1 of zero |
//! | `01nnnnnn nnnnnnnn` | XZERO | n + 1 of zero, the first byte's bits being the upper ones |
//! | `1vvvvvnn` | VAL | n + 1 of value v + 1 |
//!
//! Raising a register splits the opcode that covers it into up to three and then joins neighbours of one value, the same
//! few as Redis looks at, so that both write the same bytes.
//!
//! A string is valid if no opcode is cut and all together cover 16384 registers. Nothing here relies on it: whatever the
//! bytes are, the outcome is a value or [`Corrupt`].

use super::dense::Histogram;
use super::{Corrupt, HEADER_BYTES, REGISTERS};
use std::ops::Range;

/// The highest value that an opcode can give a register.
pub(super) const VALUE_MAX: u8 = 32;
const VALUE_LEN_MAX: usize = 4;
const ZERO_LEN_MAX: usize = 64;
/// Opcodes looked at for neighbours to join after a change.
const JOIN_STEPS: usize = 5;

/// One run of registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// So many registers of zero, from 1 to 64.
    Zero(usize),
    /// So many registers of zero, from 1 to 16384.
    ExtendedZero(usize),
    /// Registers of another value.
    Value {
        /// From 1 to 32.
        value: u8,
        /// How many, from 1 to 4.
        len: usize,
    },
}

impl Opcode {
    /// How many registers it covers.
    pub fn registers(self) -> usize {
        match self {
            Opcode::Zero(len) | Opcode::ExtendedZero(len) | Opcode::Value { len, .. } => len,
        }
    }

    fn value(self) -> u8 {
        match self {
            Opcode::Zero(_) | Opcode::ExtendedZero(_) => 0,
            Opcode::Value { value, .. } => value,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Opcode::ExtendedZero(_) => 2,
            Opcode::Zero(_) | Opcode::Value { .. } => 1,
        }
    }

    /// The opcode at the beginning of `bytes`. `None` if there is none, or only a part of one.
    #[inline]
    fn read(bytes: &[u8]) -> Option<Opcode> {
        let (&byte, rest) = bytes.split_first()?;
        Some(match byte {
            0..0x40 => Opcode::Zero(usize::from(byte) + 1),
            0x40..0x80 => {
                Opcode::ExtendedZero((usize::from(byte & 0x3f) << 8 | usize::from(*rest.first()?)) + 1)
            }
            0x80.. => Opcode::Value { value: (byte >> 2 & 0x1f) + 1, len: usize::from(byte & 3) + 1 },
        })
    }
}

/// The opcodes in order; the last one is an error if it is cut.
pub(super) fn opcodes(mut bytes: &[u8]) -> impl Iterator<Item = Result<Opcode, Corrupt>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let opcode = Opcode::read(bytes);
        bytes = bytes.get(opcode.map_or(bytes.len(), Opcode::bytes)..).unwrap_or(&[]);
        Some(opcode.ok_or(Corrupt))
    })
}

/// Calls `each` with the registers and the value of every run that is not zero, in order. An error, perhaps after some
/// calls, if the opcodes are not valid.
pub(super) fn visit(bytes: &[u8], mut each: impl FnMut(Range<usize>, u8)) -> Result<(), Corrupt> {
    let mut first = 0;
    for opcode in opcodes(bytes) {
        let opcode = opcode?;
        let end = first + opcode.registers();
        if end > REGISTERS {
            return Err(Corrupt);
        }
        if let Opcode::Value { value, .. } = opcode {
            each(first..end, value);
        }
        first = end;
    }
    if first == REGISTERS { Ok(()) } else { Err(Corrupt) }
}

/// How often each value occurs.
pub(super) fn histogram(bytes: &[u8]) -> Result<Histogram, Corrupt> {
    let mut histogram = [0; _];
    let mut zeros = REGISTERS;
    visit(bytes, |registers, value| {
        histogram[usize::from(value)] += registers.len() as u32;
        zeros -= registers.len();
    })?;
    histogram[0] = zeros as u32;
    Ok(histogram)
}

/// The opcodes of registers that are all zero.
pub(super) fn empty() -> [u8; 2] {
    let [high, low] = (REGISTERS as u16 - 1).to_be_bytes();
    [0x40 | high, low]
}

/// An opcode's place, from which a search can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Position in the string.
    at: usize,
    /// The first register that it covers.
    first: usize,
    /// Position of the opcode in front; the same if there is none.
    previous: usize,
}

/// The first opcode.
pub(super) const START: Cursor = Cursor { at: HEADER_BYTES, first: 0, previous: HEADER_BYTES };

/// An opcode that is to be replaced, and by what.
#[derive(Debug)]
pub(super) struct Split {
    place: Cursor,
    opcode: Opcode,
    parts: [u8; 5],
    parts_len: usize,
    /// Where the search for registers behind this one can begin afterwards.
    next: Cursor,
}

/// Looks what raising `register` to `value`, at most 32, takes; nothing if it is as high already. `string` is the whole,
/// header included. The search begins at the cursor, which is not behind the register, and moves it on for registers that are.
pub(super) fn raise(
    string: &[u8],
    register: usize,
    value: u8,
    cursor: &mut Cursor,
) -> Result<Option<Split>, Corrupt> {
    let (place, before) = find(string, register, *cursor)?;
    let opcode = Opcode::read(&string[place.at..]).ok_or(Corrupt)?;
    if opcode.value() >= value {
        *cursor = before;
        return Ok(None);
    }
    // The opcode in front keeps its place, whatever is joined to it. Where it is not known, all begins anew.
    let next = if before == place { START } else { before };
    let mut split = Split { place, opcode, parts: [0; 5], parts_len: 0, next };
    let left = register - place.first;
    split.push_run(opcode.value(), left);
    split.push_run(value, 1);
    split.push_run(opcode.value(), opcode.registers() - left - 1);
    Ok(Some(split))
}

/// The place of the opcode that covers a register, and of the one in front; the same if the search ends where it began.
fn find(string: &[u8], register: usize, from: Cursor) -> Result<(Cursor, Cursor), Corrupt> {
    let (mut place, mut before) = (from, from);
    while let Some(&byte) = string.get(place.at) {
        let (registers, bytes) = match usize::from(REGISTERS_OF[usize::from(byte)]) {
            0 => {
                let opcode = Opcode::read(&string[place.at..]).ok_or(Corrupt)?;
                (opcode.registers(), opcode.bytes())
            }
            registers => (registers, 1),
        };
        let first = place.first + registers;
        if register < first {
            return Ok((place, before));
        }
        before = place;
        place = Cursor { at: place.at + bytes, first, previous: place.at };
    }
    Err(Corrupt)
}

/// How many registers an opcode covers, by its first byte; 0 if that does not tell. A search is all lookups: which opcode
/// follows which cannot be predicted.
const REGISTERS_OF: [u8; 256] = {
    let mut registers = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        registers[byte] = match byte {
            0..0x40 => byte as u8 + 1,
            0x40..0x80 => 0,
            _ => byte as u8 % 4 + 1,
        };
        byte += 1;
    }
    registers
};

impl Split {
    /// By how many bytes the string grows; negative if it shrinks.
    pub(super) fn growth(&self) -> isize {
        self.parts_len as isize - self.opcode.bytes() as isize
    }

    /// Replaces the opcode and joins neighbours. Gives the cursor for registers behind this one.
    pub(super) fn apply(self, string: &mut Vec<u8>) -> Cursor {
        let replaced = self.place.at..self.place.at + self.opcode.bytes();
        string.splice(replaced, self.parts[..self.parts_len].iter().copied());
        join(string, self.place.previous);
        self.next
    }

    /// Adds a run of one value; none if it is of no registers.
    fn push_run(&mut self, value: u8, len: usize) {
        let mut push = |byte: usize| {
            self.parts[self.parts_len] = byte as u8;
            self.parts_len += 1;
        };
        match (value, len) {
            (_, 0) => {}
            (0, ..=ZERO_LEN_MAX) => push(len - 1),
            (0, _) => {
                push(0x40 | (len - 1) >> 8);
                push((len - 1) & 0xff);
            }
            _ => push(usize::from(value_opcode(value, len))),
        }
    }
}

fn value_opcode(value: u8, len: usize) -> u8 {
    0x80 | (value - 1) << 2 | (len - 1) as u8
}

/// Joins neighbouring opcodes of one value, looking at a few from `at` on.
fn join(string: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOIN_STEPS {
        let Some(opcode) = Opcode::read(string.get(at..).unwrap_or(&[])) else { return };
        let next = string.get(at + 1..).and_then(Opcode::read);
        match (opcode, next) {
            (Opcode::Value { value, len }, Some(Opcode::Value { value: next_value, len: next_len }))
                if value == next_value && len + next_len <= VALUE_LEN_MAX =>
            {
                string[at] = value_opcode(value, len + next_len);
                string.remove(at + 1);
            }
            _ => at += opcode.bytes(),
        }
    }
}
