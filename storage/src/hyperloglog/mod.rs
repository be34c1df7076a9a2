//! HyperLogLog: about how many different elements there were, within 0.81 %, from 16384 registers of six bits.
//!
//! A sketch is a string like any other, byte for byte Redis':
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | `HYLL` |
//! | 4 | 0 if the registers are [`dense`], 1 if they are [`sparse`] |
//! | 5..8 | kept as they are |
//! | 8..16 | the count, little endian; the top bit says that registers have changed since |
//! | 16.. | the registers |
//!
//! | file | what |
//! |---|---|
//! | this one | sketches as commands see them |
//! | [`element`] | an element's register and rank |
//! | [`sparse`], [`dense`] | registers as bytes |
//! | [`estimate`] | the count that registers stand for |
//!
//! Invariants: a sketch begins sparse and becomes dense once, when a value does not fit an opcode or the string would grow
//! over a bound, and never goes back. Bytes that a client made up give an error or a count, nothing worse.

mod dense;
mod element;
mod estimate;
mod sparse;
#[cfg(test)]
mod tests;

pub use element::Element;
pub use sparse::Opcode;

use dense::Packed;
use sparse::Cursor;
use std::borrow::Cow;

/// How many registers a sketch has.
pub const REGISTERS: usize = 1 << 14;
/// Bytes of a dense sketch.
pub const DENSE_BYTES: usize = HEADER_BYTES + dense::BYTES;

const HEADER_BYTES: usize = 16;
const MAGIC: &[u8; 4] = b"HYLL";
const ENCODING_AT: usize = 4;
const COUNT_AT: usize = 8;
/// The bit, and its byte, that says that the count does not hold any more.
const STALE: u8 = 0x80;
const STALE_AT: usize = HEADER_BYTES - 1;

/// The opcodes of a sketch are cut, or cover more or fewer registers than there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// How the registers of a sketch lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Encoding {
    /// Six bits each.
    Dense = 0,
    /// Runs of equal ones.
    Sparse = 1,
}

impl Encoding {
    /// The name that PFDEBUG replies.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Dense => "dense",
            Encoding::Sparse => "sparse",
        }
    }
}

/// A string with the header of a sketch, and of the right length if it is dense. The opcodes of a sparse one are not looked at
/// before they are used.
#[derive(Clone, Copy, Debug)]
pub struct Sketch<'a> {
    bytes: &'a [u8],
    encoding: Encoding,
}

impl<'a> Sketch<'a> {
    /// The sketch that a string is, if it is one.
    pub fn parse(bytes: &'a [u8]) -> Option<Sketch<'a>> {
        let encoding = match *bytes.get(ENCODING_AT)? {
            0 if bytes.len() == DENSE_BYTES => Encoding::Dense,
            1 if bytes.len() >= HEADER_BYTES => Encoding::Sparse,
            _ => return None,
        };
        bytes.starts_with(MAGIC).then_some(Sketch { bytes, encoding })
    }

    /// How the registers lie.
    pub fn encoding(self) -> Encoding {
        self.encoding
    }

    /// The count as it was stored, if no register has changed since.
    pub fn stored_count(self) -> Option<u64> {
        let count = u64::from_le_bytes(*self.bytes[COUNT_AT..].first_chunk()?);
        (self.bytes[STALE_AT] & STALE == 0).then_some(count)
    }

    /// The count that the registers stand for.
    pub fn count(self) -> Result<u64, Corrupt> {
        let histogram = match self.packed() {
            Some(packed) => dense::histogram(packed),
            None => sparse::histogram(self.registers())?,
        };
        Ok(estimate::estimate(&histogram))
    }

    /// The opcodes, valid or not; none if the sketch is dense.
    pub fn opcodes(self) -> impl Iterator<Item = Result<Opcode, Corrupt>> {
        let sparse = if self.encoding == Encoding::Sparse { self.registers() } else { &[] };
        sparse::opcodes(sparse)
    }

    /// The values of the registers in order, if the sketch is dense.
    pub fn values(self) -> Option<impl Iterator<Item = u8>> {
        self.packed().map(dense::values)
    }

    /// Which of these elements is the first to change the sketch, if it is dense and one does.
    pub fn first_change(self, mut elements: impl Iterator<Item = Element>) -> Option<usize> {
        let packed = self.packed()?;
        elements.position(|element| dense::get(packed, element.register) < element.rank)
    }

    /// The bytes of the same sketch with dense registers.
    pub fn to_dense(self) -> Result<Vec<u8>, Corrupt> {
        let mut bytes = self.bytes.to_vec();
        if self.encoding == Encoding::Sparse {
            bytes.truncate(HEADER_BYTES);
            bytes.resize(DENSE_BYTES, 0);
            bytes[ENCODING_AT] = Encoding::Dense as u8;
            let packed = packed_mut(&mut bytes);
            sparse::visit(self.registers(), |registers, value| dense::raise_range(packed, registers, value))?;
        }
        Ok(bytes)
    }

    fn registers(self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// The registers of a dense sketch.
    fn packed(self) -> Option<&'a Packed> {
        self.registers().first_chunk().filter(|_| self.encoding == Encoding::Dense)
    }
}

/// Stores the count in the bytes of a sketch.
pub fn store_count(sketch: &mut [u8], count: u64) {
    sketch[COUNT_AT..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
}

/// Adds elements to the bytes of a dense sketch; gives how many of them changed it.
pub fn add_to_dense(sketch: &mut [u8], elements: impl Iterator<Item = Element>) -> usize {
    let packed = packed_mut(sketch);
    let changes = elements.filter(|element| dense::raise(packed, element.register, element.rank)).count();
    if changes > 0 {
        sketch[STALE_AT] |= STALE;
    }
    changes
}

/// The registers in the bytes of a dense sketch.
fn packed_mut(sketch: &mut [u8]) -> &mut Packed {
    sketch[HEADER_BYTES..].first_chunk_mut().expect("a dense sketch")
}

/// A sparse sketch that is about to change, or a new one. It becomes dense when it must; its bytes are copied at the first
/// change.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    bytes: Cow<'a, [u8]>,
    sparse_bytes_max: usize,
}

impl<'a> Draft<'a> {
    /// A new sketch without elements. It becomes dense when it would grow beyond `sparse_bytes_max`.
    pub fn new(sparse_bytes_max: usize) -> Draft<'static> {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[..MAGIC.len()].copy_from_slice(MAGIC);
        bytes[ENCODING_AT] = Encoding::Sparse as u8;
        bytes[STALE_AT] = STALE;
        bytes.extend(sparse::empty());
        Draft { bytes: Cow::Owned(bytes), sparse_bytes_max }
    }

    /// What a sketch is to become.
    pub fn of(sketch: Sketch<'a>, sparse_bytes_max: usize) -> Draft<'a> {
        Draft { bytes: Cow::Borrowed(sketch.bytes), sparse_bytes_max }
    }

    /// Adds an element; whether that changed a register.
    pub fn add(&mut self, element: Element) -> Result<bool, Corrupt> {
        let mut cursor = sparse::START;
        self.raise(element.register, element.rank, &mut cursor)
    }

    /// Raises the registers to those of a union, of which the sketch was a part. Its count is stale then.
    pub fn add_union(&mut self, union: &Union) -> Result<(), Corrupt> {
        let mut cursor = sparse::START;
        for (register, value) in dense::values(&union.packed).enumerate().filter(|&(_, value)| value > 0) {
            self.raise(register, value, &mut cursor)?;
        }
        self.bytes.to_mut()[STALE_AT] |= STALE;
        Ok(())
    }

    /// The sketch as it stands.
    pub fn sketch(&self) -> Sketch<'_> {
        Sketch::parse(&self.bytes).expect("a sketch stays one")
    }

    /// The bytes, if the sketch is new or has changed.
    pub fn into_changed(self) -> Option<Vec<u8>> {
        match self.bytes {
            Cow::Owned(bytes) => Some(bytes),
            Cow::Borrowed(_) => None,
        }
    }

    /// The bytes, changed or not.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_owned()
    }

    /// Raises a register, looking for it from the cursor on, and moves that on for registers behind; whether it was lower.
    fn raise(&mut self, register: usize, value: u8, cursor: &mut Cursor) -> Result<bool, Corrupt> {
        if self.sketch().encoding == Encoding::Dense {
            return Ok(self.raise_dense(register, value));
        }
        if value <= sparse::VALUE_MAX {
            let Some(split) = sparse::raise(&self.bytes, register, value, cursor)? else { return Ok(false) };
            if split.growth() <= 0 || self.bytes.len() + split.growth() as usize <= self.sparse_bytes_max {
                let bytes = self.bytes.to_mut();
                bytes[STALE_AT] |= STALE;
                *cursor = split.apply(bytes);
                return Ok(true);
            }
        }
        self.bytes = Cow::Owned(self.sketch().to_dense()?);
        Ok(self.raise_dense(register, value))
    }

    fn raise_dense(&mut self, register: usize, value: u8) -> bool {
        let bytes = self.bytes.to_mut();
        let is_raised = dense::raise(packed_mut(bytes), register, value);
        if is_raised {
            bytes[STALE_AT] |= STALE;
        }
        is_raised
    }
}

/// The registers of several sketches together, aligned as vectors are.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Union {
    packed: Packed,
    is_empty: bool,
    has_dense: bool,
}

/// The union of no sketches.
impl Default for Union {
    fn default() -> Union {
        Union { packed: [0; dense::BYTES], is_empty: true, has_dense: false }
    }
}

impl Union {
    /// Adds a sketch. After an error the union is of no use.
    pub fn add(&mut self, sketch: Sketch<'_>) -> Result<(), Corrupt> {
        let packed = &mut self.packed;
        match sketch.packed() {
            Some(other) if self.is_empty => *packed = *other,
            Some(other) => dense::raise_all(packed, other),
            None => sparse::visit(sketch.registers(), |registers, value| {
                dense::raise_range(packed, registers, value);
            })?,
        }
        self.is_empty = false;
        self.has_dense |= sketch.encoding == Encoding::Dense;
        Ok(())
    }

    /// Whether a sketch in it is dense.
    pub fn has_dense(&self) -> bool {
        self.has_dense
    }

    /// The count that the registers stand for.
    pub fn count(&self) -> u64 {
        estimate::estimate(&dense::histogram(&self.packed))
    }

    /// Makes a dense sketch with these registers of `sketch`, [`DENSE_BYTES`] long: another sketch's header with anything
    /// behind it, or zeros.
    pub fn write_dense(&self, sketch: &mut [u8]) {
        sketch[..MAGIC.len()].copy_from_slice(MAGIC);
        sketch[ENCODING_AT] = Encoding::Dense as u8;
        sketch[STALE_AT] |= STALE;
        *packed_mut(sketch) = self.packed;
    }
}
