//! Reading a whole file, piece by piece.
//!
//! Invariants: a piece comes only when every byte of it made sense. The checksum is compared at the end, when all other
//! pieces were given: who must not believe a file with a flipped bit keeps them apart until then. What stands behind the
//! checksum is not looked at; [`Loader::offset`] says where it begins.

use std::borrow::Cow;
use std::fmt;

use super::opcode::Opcode;
use super::{Error, Fault, ModuleName, Reader, Type, Value};
use crate::crc64;
use crate::dump::{VERSION_MAX, VERSION_VALKEY};

/// The first version that ends with a checksum.
const CHECKSUM_VERSION: u16 = 5;
/// Bytes that the checksum may lag behind: they are still in the processor's cache.
const CHECKSUM_LAG: usize = 128 * 1024;
/// In a module's values, the mark that ends them.
const MODULE_END: u64 = 0;
/// What EXPIRETIME_MS says of a key that does not expire.
const NEVER: i64 = -1;
const MILLISECONDS: i64 = 1000;

/// A piece of a file.
#[derive(Debug)]
pub enum Piece<'a> {
    /// Something to know about the file.
    Aux {
        /// What it is.
        name: Cow<'a, [u8]>,
        /// Its value.
        value: Cow<'a, [u8]>,
    },
    /// The database of the keys that follow.
    Database(u64),
    /// How many keys follow for this database.
    Sizes {
        /// Keys.
        keys: u64,
        /// Those of them that expire.
        expiring: u64,
    },
    /// The source of a library of functions.
    Library(Cow<'a, [u8]>),
    /// What a module keeps beside its keys.
    ModuleAux(ModuleName),
    /// Something about slots, which a server without cluster has no use for.
    Slots,
    /// A key with its value.
    Key(Key<'a>),
    /// A key whose collection has no elements, as old servers wrote by mistake: to be passed over.
    Empty(Cow<'a, [u8]>),
    /// The end. Whether there was a checksum to compare.
    End {
        /// The file has a checksum, and it is right.
        checked: bool,
    },
}

/// A key as a file has it.
#[derive(Debug)]
pub struct Key<'a> {
    /// The key.
    pub name: Cow<'a, [u8]>,
    /// How the value was encoded.
    pub kind: Type,
    /// The value.
    pub value: Value<'a>,
    /// When it expires (unix ms), if it does.
    pub expiry: Option<i64>,
    /// For how many seconds it was not used, if that was written.
    pub idle_seconds: Option<u64>,
    /// Its LFU counter, if that was written.
    pub frequency: Option<u8>,
    /// Where the value begins.
    pub offset: usize,
}

/// What is being read, for those who explain an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doing {
    /// The first bytes.
    #[default]
    Start,
    /// The byte that begins a piece.
    Type,
    /// A time at which a key expires.
    Expiry,
    /// The name of a key.
    Key,
    /// A value.
    Value,
    /// The checksum.
    Checksum,
    /// The source of functions.
    Functions,
    /// A length.
    Length,
    /// Something to know about the file.
    Aux,
    /// What a module keeps.
    ModuleAux,
}

/// Reads a file.
#[derive(Clone)]
pub struct Loader<'a> {
    all: &'a [u8],
    reader: Reader<'a>,
    version: u16,
    digest: Option<crc64::Digest>,
    digested: usize,
    doing: Doing,
    key: Option<Cow<'a, [u8]>>,
    kind: Option<u8>,
}

impl fmt::Debug for Loader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loader at {} of {}", self.offset(), self.all.len())
    }
}

/// What opcodes said of the next key.
#[derive(Default)]
struct Ahead {
    expiry: Option<i64>,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

impl<'a> Loader<'a> {
    /// Reads the first bytes. Without `verify`, checksums are not looked at.
    pub fn new(all: &'a [u8], verify: bool) -> Result<Loader<'a>, Error> {
        let mut reader = Reader::new(all);
        let version = version(&mut reader)?;
        let reader = reader.of_version(version);
        let digest = (verify && version >= CHECKSUM_VERSION).then(crc64::Digest::new);
        Ok(Loader { all, reader, version, digest, digested: 0, doing: Doing::Start, key: None, kind: None })
    }

    /// The version of the format.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// Where the next piece begins.
    pub fn offset(&self) -> usize {
        self.reader.offset()
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.reader.remaining()
    }

    /// What was being read when an error came.
    pub fn doing(&self) -> Doing {
        self.doing
    }

    /// The key that was being read, as far as it is known.
    pub fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    /// The byte that announced the value that was being read.
    pub fn kind(&self) -> Option<u8> {
        self.kind
    }

    /// The next piece; behind [`Piece::End`] there is none to ask for.
    pub fn next_piece(&mut self) -> Result<Piece<'a>, Error> {
        self.digest_up_to(self.offset(), CHECKSUM_LAG);
        let mut ahead = Ahead::default();
        (self.key, self.kind) = (None, None);
        loop {
            self.doing = Doing::Type;
            let here = self.reader.clone();
            let byte = self.reader.byte()?;
            let Some(opcode) = Opcode::of(byte) else {
                return self.value(byte, &here, &ahead);
            };
            self.doing = Doing::Length;
            match opcode {
                Opcode::ExpireTimeMs | Opcode::ExpireTime => {
                    self.doing = Doing::Expiry;
                    ahead.expiry = self.expiry(opcode)?;
                }
                Opcode::Freq => ahead.frequency = Some(self.reader.byte()?),
                Opcode::Idle => ahead.idle_seconds = Some(self.reader.len()?),
                other => return self.piece(other),
            }
        }
    }

    fn expiry(&mut self, opcode: Opcode) -> Result<Option<i64>, Error> {
        let at = match opcode {
            Opcode::ExpireTime => i64::from(i32::from_le_bytes(self.reader.array()?)) * MILLISECONDS,
            _ => self.reader.milliseconds()?,
        };
        Ok(Some(at).filter(|at| *at != NEVER))
    }

    /// A piece that is no key; the reader stands behind its opcode.
    fn piece(&mut self, opcode: Opcode) -> Result<Piece<'a>, Error> {
        match opcode {
            Opcode::SelectDb => Ok(Piece::Database(self.reader.len()?)),
            Opcode::ResizeDb => Ok(Piece::Sizes { keys: self.reader.len()?, expiring: self.reader.len()? }),
            Opcode::Aux => {
                self.doing = Doing::Aux;
                Ok(Piece::Aux { name: self.reader.bytes()?, value: self.reader.bytes()? })
            }
            Opcode::Function => {
                self.doing = Doing::Functions;
                Ok(Piece::Library(self.reader.bytes()?))
            }
            Opcode::FunctionPreGa => {
                Err(self.reader.corrupt("functions of a release candidate, which are not supported"))
            }
            Opcode::ModuleAux => {
                self.doing = Doing::ModuleAux;
                self.module_aux()
            }
            Opcode::SlotInfo => {
                (0..3).try_for_each(|_| self.reader.len().map(drop))?;
                Ok(Piece::Slots)
            }
            Opcode::SlotImport => {
                self.reader.bytes()?;
                for _ in 0..self.reader.count()? {
                    self.reader.len()?;
                    self.reader.len()?;
                }
                Ok(Piece::Slots)
            }
            Opcode::Eof => self.end(),
            Opcode::ExpireTimeMs | Opcode::ExpireTime | Opcode::Freq | Opcode::Idle => {
                unreachable!("what is said of the next key is no piece")
            }
        }
    }

    fn value(&mut self, byte: u8, here: &Reader<'a>, ahead: &Ahead) -> Result<Piece<'a>, Error> {
        self.kind = Some(byte);
        let kind = Type::of(byte);
        if kind.is_none() && !Type::is_module(byte) {
            return Err(here.error(Fault::Type(byte)));
        }
        self.doing = Doing::Key;
        let name = self.reader.bytes()?;
        self.key = Some(name.clone());
        self.doing = Doing::Value;
        let Some(kind) = kind else {
            let at = self.reader.clone();
            return Err(at.error(Fault::Module(ModuleName::of(self.reader.len()?))));
        };
        let offset = self.offset();
        match Value::read(&mut self.reader, kind) {
            Err(Error { fault: Fault::Empty, .. }) => Ok(Piece::Empty(name)),
            Err(error) => Err(error),
            Ok(value) => Ok(Piece::Key(Key {
                name,
                kind,
                value,
                expiry: ahead.expiry,
                idle_seconds: ahead.idle_seconds,
                frequency: ahead.frequency,
                offset,
            })),
        }
    }

    /// Finds the end of what a module wrote.
    fn module_aux(&mut self) -> Result<Piece<'a>, Error> {
        let name = ModuleName::of(self.reader.len()?);
        // When it is to be loaded.
        self.reader.len()?;
        self.reader.len()?;
        loop {
            let here = self.reader.clone();
            match self.reader.len()? {
                MODULE_END => return Ok(Piece::ModuleAux(name)),
                1 | 2 => self.reader.len().map(drop)?,
                3 => self.reader.array::<4>().map(drop)?,
                4 => self.reader.array::<8>().map(drop)?,
                5 => self.reader.bytes().map(drop)?,
                _ => return Err(here.corrupt("a module's value of unknown kind")),
            }
        }
    }

    fn end(&mut self) -> Result<Piece<'a>, Error> {
        self.doing = Doing::Checksum;
        if self.version < CHECKSUM_VERSION {
            return Ok(Piece::End { checked: false });
        }
        let here = self.reader.clone();
        self.digest_up_to(here.offset(), 0);
        let told = u64::from_le_bytes(self.reader.array()?);
        match self.digest.as_ref().map(crc64::Digest::value) {
            Some(found) if told != 0 && told != found => Err(here.error(Fault::Checksum { told, found })),
            digest => Ok(Piece::End { checked: digest.is_some() && told != 0 }),
        }
    }

    /// Takes into the checksum what was read, once it is more than `lag` bytes.
    fn digest_up_to(&mut self, offset: usize, lag: usize) {
        if let Some(digest) = &mut self.digest
            && offset - self.digested > lag
        {
            digest.update(&self.all[self.digested..offset]);
            self.digested = offset;
        }
    }
}

/// Whether bytes begin as a file does, of whatever version.
pub fn is_file(bytes: &[u8]) -> bool {
    bytes.starts_with(b"REDIS") || bytes.starts_with(b"VALKEY")
}

fn version(reader: &mut Reader<'_>) -> Result<u16, Error> {
    let start = reader.clone();
    let head: [u8; 9] = reader.array()?;
    let (digits, is_known): (&[u8], fn(u16) -> bool) = match &head {
        [b'R', b'E', b'D', b'I', b'S', digits @ ..] => {
            (digits, |version| (1..=VERSION_MAX).contains(&version))
        }
        [b'V', b'A', b'L', b'K', b'E', b'Y', digits @ ..] => (digits, |version| version == VERSION_VALKEY),
        _ => return Err(start.error(Fault::Signature)),
    };
    let number = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit));
    let version = number.and_then(|number| number.parse().ok()).ok_or(start.error(Fault::Signature))?;
    if is_known(version) { Ok(version) } else { Err(start.error(Fault::Version(version))) }
}
