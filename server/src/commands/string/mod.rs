//! The string commands. What a string is in memory is storage's business.
//!
//! | file | commands |
//! |---|---|
//! | [`set`] | SET, SETNX, SETEX, PSETEX, GET, GETSET, GETDEL, GETEX, DELIFEQ |
//! | [`multiple`] | MGET, MSET, MSETNX, MSETEX |
//! | [`range`] | GETRANGE, SUBSTR, SETRANGE, APPEND, STRLEN |
//! | [`number`] | INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT |
//! | [`lcs`] | LCS |

mod lcs;
mod multiple;
mod number;
mod options;
mod range;
mod set;

use crate::command::keys::{self, ACCESS, DELETE, INSERT, OW, RM, RO, RW, UPDATE, VARIABLE_FLAGS};
use crate::command::shared::{
    KEY_CHANGE, KEY_GETEX, KEY_INSERT, KEY_LOOK, KEY_READ, KEY_TAKE, KEY_UPDATE, READ, READ_FAST, SHRINK,
    SHRINK_FAST, WRITE, WRITE_FAST,
};
use crate::command::{Command, Group, KeySpec};
use crate::effects::{DEL, Event};
use crate::notify::Class;
use lcs::lcs;
use multiple::{mget, mset, msetex, msetnx};
use number::{decr, decrby, incr, incrby, incrbyfloat};
use range::{append, getrange, setrange, strlen, substr};
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use rufous_storage::{NewStr, Str};
use set::{delifeq, get, getdel, getex, getset, psetex, set, setex, setnx};

const KEY_TAKE_IF: &[KeySpec] = &[KeySpec::one(1, RM.union(ACCESS).union(DELETE))];
const KEY_PUT: &[KeySpec] = &[KeySpec::one(1, OW.union(UPDATE))];
const KEY_PUT_NEW: &[KeySpec] = &[KeySpec::one(1, OW.union(INSERT))];
const KEY_SET: &[KeySpec] = &[KeySpec::one(1, RW.union(ACCESS).union(UPDATE).union(VARIABLE_FLAGS))
    .note("With `GET` the old value is read too")];

/// The string commands.
pub const ROWS: &[Command] = &[
    Command::new("append", append, 3, WRITE_FAST, Group::String).keys(KEY_INSERT).docs(
        "2.0.0",
        "O(1) amortized, because the space of a growing value is grown ahead of need",
        "Adds bytes to the end of a string, creating the key if needed.",
        "key value",
    ),
    Command::new("decr", decr, 2, WRITE_FAST, Group::String).keys(KEY_CHANGE).docs(
        "1.0.0",
        "O(1)",
        "Subtracts one from the integer at a key; a missing key counts as 0.",
        "key",
    ),
    Command::new("decrby", decrby, 3, WRITE_FAST, Group::String).keys(KEY_CHANGE).docs(
        "1.0.0",
        "O(1)",
        "Subtracts an amount from the integer at a key; a missing key counts as 0.",
        "key decrement:integer",
    ),
    Command::new("delifeq", delifeq, 3, SHRINK, Group::String).keys(KEY_TAKE_IF).docs(
        "9.0.0",
        "O(1)",
        "Removes a key provided that it holds exactly the given string.",
        "key value",
    ),
    Command::new("get", get, 2, READ_FAST, Group::String).keys(KEY_READ).docs(
        "1.0.0",
        "O(1)",
        "Gives the string at a key.",
        "key",
    ),
    Command::new("getdel", getdel, 2, SHRINK_FAST, Group::String).keys(KEY_TAKE).docs(
        "6.2.0",
        "O(1)",
        "Gives the string at a key and removes the key.",
        "key",
    ),
    Command::new("getex", getex, -2, SHRINK_FAST, Group::String).keys(KEY_GETEX).docs(
        "6.2.0",
        "O(1)",
        "Gives the string at a key and sets or removes its time to live.",
        "key [EX seconds:integer | PX milliseconds:integer | EXAT unix-time-seconds:unix-time \
         | PXAT unix-time-milliseconds:unix-time | PERSIST]:expiration",
    ),
    Command::new("getrange", getrange, 4, READ, Group::String).keys(KEY_READ).docs(
        "2.4.0",
        "O(N) where N is the length of the reply; short ranges are in effect O(1)",
        "Gives the part of a string between two offsets.",
        "key start:integer end:integer",
    ),
    Command::new("getset", getset, 3, WRITE_FAST, Group::String)
        .keys(KEY_CHANGE)
        .docs("1.0.0", "O(1)", "Replaces the string at a key and gives the old one.", "key value")
        .deprecated("6.2.0", "`SET` with `GET`"),
    Command::new("incr", incr, 2, WRITE_FAST, Group::String).keys(KEY_CHANGE).docs(
        "1.0.0",
        "O(1)",
        "Adds one to the integer at a key; a missing key counts as 0.",
        "key",
    ),
    Command::new("incrby", incrby, 3, WRITE_FAST, Group::String).keys(KEY_CHANGE).docs(
        "1.0.0",
        "O(1)",
        "Adds an amount to the integer at a key; a missing key counts as 0.",
        "key increment:integer",
    ),
    Command::new("incrbyfloat", incrbyfloat, 3, WRITE_FAST, Group::String).keys(KEY_CHANGE).docs(
        "2.6.0",
        "O(1)",
        "Adds an amount to the floating point number at a key; a missing key counts as 0.",
        "key increment:double",
    ),
    Command::new("lcs", lcs, -3, READ, Group::String)
        .keys(&[KeySpec::range(1, 1, 1, RO.union(ACCESS))])
        .docs(
            "7.0.0",
            "O(N*M) where N and M are the lengths of the two strings",
            "Finds the longest common subsequence of two strings.",
            "key1:key key2:key [LEN] [IDX] [MINMATCHLEN min-match-len:integer] [WITHMATCHLEN]",
        ),
    Command::new("mget", mget, -2, READ_FAST, Group::String)
        .keys(&[KeySpec::range(1, -1, 1, RO.union(ACCESS))])
        .docs("1.0.0", "O(N) where N is the number of keys", "Gives the strings at several keys.", "key ...")
        .tips(&["request_policy:multi_shard"]),
    Command::new("mset", mset, -3, WRITE, Group::String)
        .keys(&[KeySpec::range(1, -1, 2, OW.union(UPDATE))])
        .docs(
            "1.0.1",
            "O(N) where N is the number of keys",
            "Sets the strings at several keys in one step.",
            "(key value):data ...",
        )
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"]),
    Command::new("msetex", msetex, -4, WRITE, Group::String)
        .keys(&[KeySpec::numkeys(1, 0, 1, 2, OW.union(UPDATE))])
        .docs(
            "8.4.0",
            "O(N) where N is the number of keys",
            "Sets the strings at several keys with one time to live, all of them or none.",
            "numkeys:integer (key value):data ... [NX | XX]:condition [EX seconds:integer \
             | PX milliseconds:integer | EXAT unix-time-seconds:unix-time \
             | PXAT unix-time-milliseconds:unix-time | KEEPTTL]:expiration",
        )
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"]),
    Command::new("msetnx", msetnx, -3, WRITE, Group::String)
        .keys(&[KeySpec::range(1, -1, 2, OW.union(INSERT))])
        .docs(
            "1.0.1",
            "O(N) where N is the number of keys",
            "Sets the strings at several keys in one step, unless one of them exists.",
            "(key value):data ...",
        ),
    Command::new("psetex", psetex, 4, WRITE, Group::String)
        .keys(KEY_PUT)
        .docs(
            "2.6.0",
            "O(1)",
            "Sets the string at a key with a time to live in milliseconds.",
            "key milliseconds:integer value",
        )
        .deprecated("2.6.12", "`SET` with `PX`"),
    Command::new("set", set, -3, WRITE, Group::String)
        .keys(KEY_SET)
        .find_keys(keys::of_set)
        .docs(
            "1.0.0",
            "O(1)",
            "Sets the string at a key, whatever the key held before.",
            "key value [NX | XX | IFEQ comparison-value@8.1.0]:condition@2.6.12 [GET@6.2.0] \
         [EX seconds:integer@2.6.12 | PX milliseconds:integer@2.6.12 \
         | EXAT unix-time-seconds:unix-time@6.2.0 | PXAT unix-time-milliseconds:unix-time@6.2.0 \
         | KEEPTTL@6.0.0]:expiration",
        )
        .history(&[
            ("2.6.12", "Takes EX, PX, NX and XX."),
            ("6.0.0", "Takes KEEPTTL."),
            ("6.2.0", "Takes GET, EXAT and PXAT."),
            ("7.0.0", "NX and GET go together."),
        ]),
    Command::new("setex", setex, 4, WRITE, Group::String)
        .keys(KEY_PUT)
        .docs(
            "2.0.0",
            "O(1)",
            "Sets the string at a key with a time to live in seconds.",
            "key seconds:integer value",
        )
        .deprecated("2.6.12", "`SET` with `EX`"),
    Command::new("setnx", setnx, 3, WRITE_FAST, Group::String)
        .keys(KEY_PUT_NEW)
        .docs("1.0.0", "O(1)", "Sets the string at a key that does not exist yet.", "key value")
        .deprecated("2.6.12", "`SET` with `NX`"),
    Command::new("setrange", setrange, 4, WRITE, Group::String).keys(KEY_UPDATE).docs(
        "2.2.0",
        "O(M) where M is the length of the given bytes, in effect O(1) for short ones",
        "Writes bytes into a string from an offset on, creating the key if needed.",
        "key offset:integer value",
    ),
    Command::new("strlen", strlen, 2, READ_FAST, Group::String).keys(KEY_LOOK).docs(
        "2.2.0",
        "O(1)",
        "Gives the length of the string at a key.",
        "key",
    ),
    Command::new("substr", substr, 4, READ, Group::String)
        .keys(KEY_READ)
        .docs(
            "1.0.0",
            "O(N) where N is the length of the reply; short ranges are in effect O(1)",
            "Gives the part of a string between two offsets.",
            "key start:integer end:integer",
        )
        .deprecated("2.0.0", "`GETRANGE`"),
];

const SET: Event = Event::new(Class::STRING, "set");
const SETRANGE: Event = Event::new(Class::STRING, "setrange");
const APPEND: Event = Event::new(Class::STRING, "append");
const INCRBY: Event = Event::new(Class::STRING, "incrby");
const INCRBYFLOAT: Event = Event::new(Class::STRING, "incrbyfloat");
const EXPIRE: Event = Event::new(Class::GENERIC, "expire");
const PERSIST: Event = Event::new(Class::GENERIC, "persist");

/// An argument that is an integer.
#[inline]
fn integer(text: &[u8]) -> Result<i64, ReplyError> {
    parse_i64(text).ok_or(error::NOT_AN_INTEGER)
}

/// Argument `i` as a value to store: a large one keeps the allocation that it was received into.
#[inline]
fn new_value(args: Args<'_>, i: usize) -> NewStr<'_> {
    match args.shared(i) {
        Some(bytes) => NewStr::Blob(bytes.clone().into()),
        None => NewStr::Bytes(args.get(i)),
    }
}

/// Does the value consist of these bytes?
fn equals(value: Str<'_>, bytes: &[u8]) -> bool {
    value.as_bytes(&mut itoa::Buffer::new()) == bytes
}
