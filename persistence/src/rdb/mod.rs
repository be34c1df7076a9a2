//! RDB: a data set as a row of bytes, in a file, on its way to a replica, or (one value of it) in a DUMP payload.
//!
//! # A file
//! `REDIS` and four decimal digits of the version (`VALKEY` and three from version 80 on); then pieces, each begun by one
//! byte; then the byte `EOF` and, from version 5 on, the CRC-64 of everything before it, little-endian, 0 if it was
//! switched off. A byte that is no opcode is the type of a value: the key (a string) and the value follow. What the
//! opcodes in front of it said holds for this key alone.
//!
//! | byte | opcode | then |
//! |---|---|---|
//! | 243 | SLOT_IMPORT | Valkey: a slot on its way in: job name, ranges of slots |
//! | 244 | SLOT_INFO | three lengths: a slot, how many keys it has, how many of them expire |
//! | 245 | FUNCTION2 | the source of a library of functions (string) |
//! | 246 | FUNCTION_PRE_GA | the same as release candidates wrote it; refused |
//! | 247 | MODULE_AUX | what a module keeps beside its keys |
//! | 248 | IDLE | length: seconds since the next key was used |
//! | 249 | FREQ | one byte: the LFU counter of the next key |
//! | 250 | AUX | two strings: a name and a value (`redis-ver`, `ctime`, `used-mem`, ..) |
//! | 251 | RESIZEDB | two lengths: how many keys come, how many of them expire |
//! | 252 | EXPIRETIME_MS | 8 bytes: when the next key expires, unix ms, little-endian, signed |
//! | 253 | EXPIRETIME | 4 bytes: the same in seconds |
//! | 254 | SELECTDB | length: the database of the keys that follow |
//! | 255 | EOF | the checksum |
//!
//! # Primitives
//! **Lengths** grow with the number. The first two bits say how; all numbers are big-endian:
//!
//! | first byte | then | the length is |
//! |---|---|---|
//! | `00nnnnnn` | | n |
//! | `01nnnnnn` | 1 byte | 14 bits |
//! | `10000000` | 4 bytes | 32 bits |
//! | `10000001` | 8 bytes | 64 bits |
//! | `11eeeeee` | | none: where a string is due, it has the special encoding e |
//!
//! **Strings** are a length and so many bytes, or one of the special encodings:
//!
//! | e | then | the string is |
//! |---|---|---|
//! | 0, 1, 2 | 1, 2, 4 bytes | the decimal form of this signed integer, little-endian |
//! | 3 | two lengths, bytes | LZF-compressed (see [`crate::lzf`]): first the compressed length, then the true one |
//!
//! **Doubles** are 8 bytes, little-endian; in old sorted sets a byte and so many characters of decimal text, or one of
//! 253 (not a number), 254 (infinity), 255 (minus infinity). **Times** are 8 bytes, unix ms, signed, little-endian.
//!
//! # Values
//! A *pack* is a string that holds a whole small collection as one block: a ziplist, a listpack, an intset or a zipmap.
//!
//! | type | since version | value |
//! |---|---|---|
//! | 0 string | 1 | string |
//! | 1 list | 1 | length, elements |
//! | 2 set | 1 | length, members |
//! | 3 sorted set | 1 | length, then member and textual double each |
//! | 4 hash | 2 | length, then field and value each |
//! | 5 sorted set | 8 | length, then member and double each, highest score first |
//! | 6, 7 module | 8 | module ID, then typed parts up to an end mark; refused, as no module can be loaded |
//! | 9 hash | 2 | zipmap |
//! | 10 list | 2 | ziplist |
//! | 11 set | 2 | intset |
//! | 12 sorted set | 2 | ziplist: member, score, member, score, .. in order |
//! | 13 hash | 4 | ziplist: field, value, .. |
//! | 14 list | 7 | length, so many ziplists |
//! | 15 stream | 9 | |
//! | 16 hash | 10 | listpack: field, value, .. |
//! | 17 sorted set | 10 | listpack: member, score, .. in order |
//! | 18 list | 10 | length, then each a length and a string: 2 is a listpack, 1 is one large element |
//! | 19 stream | 10 | |
//! | 20 set | 11 | listpack |
//! | 21 stream | 11 | |
//! | 22 hash | 80 | length, then field, value and time each: when the field expires, -1 for never |
//! | 22 hash | 12 | length, then a length (unix ms or 0 for never), field and value each; from release candidates |
//! | 23 hash | 12 | listpack: field, value, unix ms or 0, .. ordered by time; from release candidates |
//! | 24 hash | 12 | time (the earliest), length, then each: length t, field, value. t is 0 for a field that stays, else the field expires at the earliest time + t - 1 |
//! | 25 hash | 12 | time (the earliest), listpack: field, value, unix ms or 0, .. ordered by time, those that stay last |
//! | 26 stream | 13 | as 21, then what producers have added; from Redis 8.6 on |
//!
//! What the server of each version writes: 9 is Redis 5 and 6, 10 is 7.0, 11 is 7.2 (and Valkey up to 8), 12 is 7.4 and 8.0,
//! 13 is 8.4 and later (with streams of type 26 from 8.6 on), 80 is Valkey 9. A reader takes all that came before.
//!
//! # Invariants of the readers
//! Any bytes are safe to read: what they announce is believed only as far as there are bytes for it, nothing is allocated
//! beyond a small multiple of the input before its contents are seen, no input makes them panic, and every error names the offset where reading stopped.

pub mod ahead;
mod entry;
mod error;
pub mod file;
mod load;
mod opcode;
mod read;
mod save;
#[cfg(test)]
mod tests;
mod types;
mod value;
mod write;

pub use entry::{Made, version_for, version_with, write_value};
pub use error::{Error, Fault, ModuleName};
pub use load::{Doing, Key, Loader, Piece, is_file};
pub use read::{Reader, Text};
pub use save::{Access, Contents, Out, Progress, SaveError, Settings, save};
pub use types::Type;
pub use value::{
    Consumer, Field, Group, Hash, NEVER, Node, Pending, Set, SortedSet, Stream, StreamId, UNKNOWN, Value,
};
pub use write::{Spill, Writer};
