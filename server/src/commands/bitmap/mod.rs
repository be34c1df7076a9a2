//! The bitmap commands: strings as arrays of bits, counted from the most significant bit of the first byte.
//!
//! | file | commands |
//! |---|---|
//! | this one | SETBIT, GETBIT |
//! | [`count`] | BITCOUNT, BITPOS |
//! | [`combine`] | BITOP |
//! | [`field`] | BITFIELD, BITFIELD_RO |

mod combine;
mod count;
mod field;

use crate::command::Outcome;
use crate::command::keys::{self, ACCESS, OW, RO, RW, UPDATE, VARIABLE_FLAGS};
use crate::command::shared::{KEY_READ, READ, READ_FAST, WRITE};
use crate::command::{Command, Group, KeySpec};
use crate::context::Ctx;
use crate::effects::{DEL, Event};
use crate::notify::Class;
use combine::bitop;
use count::{bitcount, bitpos};
use field::{bitfield, bitfield_ro};
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;

const KEY_BITFIELD: &[KeySpec] = &[KeySpec::one(1, RW.union(UPDATE).union(ACCESS).union(VARIABLE_FLAGS))
    .note("Some operations read the key, others change it")];

/// The bitmap commands.
pub const ROWS: &[Command] = &[
    Command::new("bitcount", bitcount, -2, READ, Group::Bitmap).keys(KEY_READ).docs(
        "2.6.0",
        "O(N)",
        "Counts the bits that are 1 in a string or a part of it.",
        "key [start:integer end:integer [BYTE | BIT]:unit@7.0.0]:range",
    ).history(&[("7.0.0", "Takes BYTE and BIT.")]),
    Command::new("bitfield", bitfield, -2, WRITE, Group::Bitmap).keys(KEY_BITFIELD).find_keys(keys::of_bitfield).docs(
        "3.2.0",
        "O(1) for each operation",
        "Reads and changes integers of any width inside a string.",
        "key [<GET (encoding offset:integer):get-block | ([OVERFLOW <WRAP | SAT | FAIL>:overflow-block] \
         <SET (encoding offset:integer value:integer):set-block \
         | INCRBY (encoding offset:integer increment:integer):incrby-block>:write-operation):write>:operation ...]",
    ),
    Command::new("bitfield_ro", bitfield_ro, -2, READ_FAST, Group::Bitmap).keys(KEY_READ).docs(
        "6.0.0",
        "O(1) for each operation",
        "Reads integers of any width inside a string.",
        "key [GET... (encoding offset:integer):get-block ...]",
    ),
    Command::new("bitop", bitop, -4, WRITE, Group::Bitmap)
        .keys(&[KeySpec::one(2, OW.union(UPDATE)), KeySpec::range(3, -1, 1, RO.union(ACCESS))])
        .docs(
            "2.6.0",
            "O(N)",
            "Combines strings bit by bit and stores the outcome.",
            "<AND | OR | XOR | NOT | DIFF@8.2.0 | DIFF1@8.2.0 | ANDOR@8.2.0 | ONE@8.2.0>:operation destkey:key key#1 ...",
        ),
    Command::new("bitpos", bitpos, -3, READ, Group::Bitmap).keys(KEY_READ).docs(
        "2.8.7",
        "O(N)",
        "Finds the first bit of a string, or of a part of it, that is 0 or 1.",
        "key bit:integer [start:integer [end:integer [BYTE | BIT]:unit@7.0.0]:end-unit-block]:range",
    ).history(&[("7.0.0", "Takes BYTE and BIT.")]),
    Command::new("getbit", getbit, 3, READ_FAST, Group::Bitmap).keys(KEY_READ).docs(
        "2.2.0",
        "O(1)",
        "Gives one bit of a string.",
        "key offset:integer",
    ),
    Command::new("setbit", setbit, 4, WRITE, Group::Bitmap)
        .keys(&[KeySpec::one(1, RW.union(ACCESS).union(UPDATE))])
        .docs(
            "2.2.0",
            "O(1)",
            "Sets one bit of a string and gives the old one, creating the key if needed.",
            "key offset:integer value:integer",
        ),
];

const SET: Event = Event::new(Class::STRING, "set");
const SETBIT: Event = Event::new(Class::STRING, "setbit");

/// SETBIT key offset value
fn setbit(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let key = args.get(1);
    let offset = bit_offset(args.get(2), None, cx.server.config.proto_max_bulk_len)?;
    let on = match parse_i64(args.get(3)) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(error::BIT_VALUE),
    };
    let (index, mask) = place(offset);
    let mut string = cx.db.write(key).string_mut_or_new()?;
    let old_len = string.len();
    let bytes = string.resize(old_len.max(index + 1));
    let has_grown = bytes.len() > old_len;
    let was_on = bytes[index] & mask != 0;
    if on {
        bytes[index] |= mask;
    } else {
        bytes[index] &= !mask;
    }
    if has_grown || was_on != on {
        cx.changed(key, SETBIT, 1);
    }
    cx.reply.integer(was_on.into());
    Ok(())
}

/// GETBIT key offset
fn getbit(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let offset = bit_offset(args.get(2), None, cx.server.config.proto_max_bulk_len)?;
    let (index, mask) = place(offset);
    let value = cx.db.string(args.get(1))?;
    let mut buffer = itoa::Buffer::new();
    let byte = value.and_then(|value| value.as_bytes(&mut buffer).get(index));
    let is_on = byte.is_some_and(|byte| byte & mask != 0);
    cx.reply.integer(is_on.into());
    Ok(())
}

/// A bit's byte, and its mask there.
fn place(offset: u64) -> (usize, u8) {
    ((offset / 8) as usize, 0x80 >> (offset % 8))
}

/// A bit's offset. `#n` means `n` times `width`, where there is one. Strings cannot be longer than `bytes_max`.
fn bit_offset(text: &[u8], width: Option<u32>, bytes_max: u64) -> Result<u64, ReplyError> {
    let offset = match (text, width) {
        // The product wraps round: absurd numbers are judged by what is left of them, as Redis does.
        ([b'#', number @ ..], Some(width)) => parse_i64(number).map(|n| n.wrapping_mul(i64::from(width))),
        _ => parse_i64(text),
    };
    let offset = offset.and_then(|offset| u64::try_from(offset).ok());
    offset.filter(|offset| offset / 8 < bytes_max).ok_or(error::BIT_OFFSET)
}

/// An argument that is an integer.
fn integer(text: &[u8]) -> Result<i64, ReplyError> {
    parse_i64(text).ok_or(error::NOT_AN_INTEGER)
}

/// Does a range count bits?
fn is_bit_unit(name: &[u8]) -> Result<bool, ReplyError> {
    match name {
        _ if name.eq_ignore_ascii_case(b"bit") => Ok(true),
        _ if name.eq_ignore_ascii_case(b"byte") => Ok(false),
        _ => Err(error::SYNTAX),
    }
}
