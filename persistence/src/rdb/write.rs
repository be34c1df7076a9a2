//! The primitives, written to a buffer.

use std::fmt;

use super::Type;
use crate::lzf::Compressor;
use rufous_storage::pack::PackRef;
use rufous_storage::parse_int;

/// Bytes from which on the buffer is handed on.
const SPILLED_BYTES_MIN: usize = 64 * 1024;
/// No longer text is an integer of 32 bits.
const INT_BYTES_MAX: usize = 11;
/// No shorter text becomes shorter by compression.
const COMPRESSED_BYTES_MIN: usize = 21;

const INT_8: u8 = 0xc0;
const INT_16: u8 = 0xc1;
const INT_32: u8 = 0xc2;
const LZF: u8 = 0xc3;

/// Writes to the end of a buffer.
///
/// Invariant: strings take the encoding that Redis chooses: an integer where their bytes are its decimal form and 32 bits
/// hold it, else compressed where that is allowed and shorter, else as they are.
pub struct Writer<'c> {
    /// What was written and not handed on.
    pub out: Vec<u8>,
    version: u16,
    compressor: Option<&'c mut Compressor>,
    compressed: Vec<u8>,
    spill: Option<&'c mut Spill<'c>>,
    stopped: bool,
    refused: Option<&'static str>,
    key: Vec<u8>,
    has_key: bool,
    block: Vec<u8>,
}

/// Takes what was written; false if nothing more is wanted.
pub type Spill<'c> = dyn FnMut(&[u8]) -> bool + 'c;

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writer({} bytes)", self.out.len())
    }
}

impl<'c> Writer<'c> {
    /// A writer of an RDB version to a new buffer; without compressor, nothing is compressed.
    pub fn new(version: u16, compressor: Option<&'c mut Compressor>) -> Writer<'c> {
        Writer {
            out: Vec::new(),
            version,
            compressor,
            compressed: Vec::new(),
            spill: None,
            stopped: false,
            refused: None,
            key: Vec::new(),
            has_key: false,
            block: Vec::new(),
        }
    }

    /// The same, which hands on what was written whenever it is a good block, so that the buffer does not grow.
    pub fn spilling(
        version: u16,
        compressor: Option<&'c mut Compressor>,
        spill: &'c mut Spill<'c>,
    ) -> Writer<'c> {
        Writer { spill: Some(spill), ..Writer::new(version, compressor) }
    }

    /// Hands on all that was written.
    pub fn flush(&mut self) {
        if let Some(spill) = &mut self.spill {
            self.stopped |= self.stopped || !spill(&self.out);
            self.out.clear();
        }
    }

    /// Whether what is written goes nowhere any more.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Notes that the version cannot hold something; what is written is of no use then.
    pub fn refuse(&mut self, what: &'static str) {
        self.refused = Some(what);
    }

    /// What the version cannot hold, if there was such a thing.
    pub fn refused(&self) -> Option<&'static str> {
        self.refused
    }

    /// The RDB version that is written.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// Puts a key behind the next byte that announces a value, as in files.
    pub fn key(&mut self, key: &[u8]) {
        self.key.clear();
        self.key.extend_from_slice(key);
        self.has_key = true;
    }

    /// The byte that announces a value.
    pub fn kind(&mut self, kind: Type) {
        self.byte(kind as u8);
        if std::mem::take(&mut self.has_key) {
            let key = std::mem::take(&mut self.key);
            self.text(&key);
            self.key = key;
        }
    }

    /// One byte.
    pub fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A length.
    pub fn len(&mut self, len: usize) {
        self.number(len as u64);
    }

    /// A number, written as lengths are.
    pub fn number(&mut self, number: u64) {
        match number {
            0..0x40 => self.byte(number as u8),
            0x40..0x4000 => self.raw(&(0x4000 | number as u16).to_be_bytes()),
            0x4000..=0xffff_ffff => {
                self.byte(0x80);
                self.raw(&(number as u32).to_be_bytes());
            }
            _ => {
                self.byte(0x81);
                self.raw(&number.to_be_bytes());
            }
        }
    }

    /// A string.
    pub fn text(&mut self, text: &[u8]) {
        if self.out.len() >= SPILLED_BYTES_MIN {
            self.flush();
        }
        if text.len() <= INT_BYTES_MAX
            && let Some(value) = parse_int(text)
        {
            return self.int(value);
        }
        if text.len() < COMPRESSED_BYTES_MIN || !self.try_compressed(text) {
            self.len(text.len());
            self.large(text);
        }
    }

    /// A block as a string that is a listpack.
    pub fn listpack(&mut self, pack: PackRef<'_>) {
        let mut block = std::mem::take(&mut self.block);
        block.clear();
        pack.put_listpack(&mut block);
        self.text(&block);
        self.block = block;
    }

    /// A string that is the decimal form of an integer.
    pub fn int(&mut self, value: i64) {
        if self.out.len() >= SPILLED_BYTES_MIN {
            self.flush();
        }
        if let Ok(value) = i8::try_from(value) {
            self.raw(&[INT_8, value as u8]);
        } else if let Ok(value) = i16::try_from(value) {
            self.byte(INT_16);
            self.raw(&value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.byte(INT_32);
            self.raw(&value.to_le_bytes());
        } else {
            let mut buffer = itoa::Buffer::new();
            let text = buffer.format(value).as_bytes();
            self.len(text.len());
            self.raw(text);
        }
    }

    /// A double of eight bytes.
    pub fn double(&mut self, value: f64) {
        self.raw(&value.to_le_bytes());
    }

    /// A time, unix ms.
    pub fn milliseconds(&mut self, at: i64) {
        self.raw(&at.to_le_bytes());
    }

    /// Bytes of any number: many are handed on as they lie, without a copy.
    fn large(&mut self, bytes: &[u8]) {
        if bytes.len() < SPILLED_BYTES_MIN || self.spill.is_none() {
            return self.raw(bytes);
        }
        self.flush();
        if let Some(spill) = &mut self.spill {
            self.stopped |= self.stopped || !spill(bytes);
        }
    }

    /// Writes a string compressed, if that makes it shorter.
    fn try_compressed(&mut self, text: &[u8]) -> bool {
        self.compressed.clear();
        let Some(compressor) = &mut self.compressor else { return false };
        let Some(compressed_len) = compressor.compress(text, &mut self.compressed) else { return false };
        self.byte(LZF);
        self.len(compressed_len);
        self.len(text.len());
        let compressed = std::mem::take(&mut self.compressed);
        self.large(&compressed);
        self.compressed = compressed;
        true
    }
}
