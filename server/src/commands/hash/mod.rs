//! The hash commands. What a hash is in memory is storage's business.
//!
//! | file | commands |
//! |---|---|
//! | [`fields`] | HSET, HSETNX, HMSET, HGET, HMGET, HDEL, HEXISTS, HLEN, HSTRLEN, HINCRBY, HINCRBYFLOAT |
//! | [`expiry`] | HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT, HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME, HPERSIST |
//! | [`combined`] | HGETEX, HSETEX, HGETDEL |
//! | [`whole`] | HGETALL, HKEYS, HVALS, HRANDFIELD, HSCAN |

mod combined;
mod expiry;
mod fields;
mod whole;

use crate::command::shared::{
    KEY_CHANGE, KEY_DELETE, KEY_GETEX, KEY_INSERT, KEY_LOOK, KEY_READ, KEY_TAKE, KEY_UPDATE, READ, READ_FAST,
    SHRINK_FAST, WRITE_FAST,
};
use crate::command::{Command, Group, Seeks};
use crate::effects::Event;
use crate::notify::Class;
use combined::{hgetdel, hgetex, hsetex};
use expiry::{hexpire, hexpireat, hexpiretime, hpersist, hpexpire, hpexpireat, hpexpiretime, hpttl, httl};
use fields::{hdel, hexists, hget, hincrby, hincrbyfloat, hlen, hmget, hmset, hset, hsetnx, hstrlen};
use whole::{hgetall, hkeys, hrandfield, hscan, hvals};

const PER_FIELD: &str = "O(N) where N is the number of fields that are named";

/// The hash commands.
pub const ROWS: &[Command] = &[
    Command::new("hdel", hdel, -3, SHRINK_FAST, Group::Hash)
        .keys(KEY_DELETE).seeks(Seeks::Member(2))
        .docs(
            "2.0.0",
            "O(N) where N is the number of fields to remove",
            "Removes fields from a hash, and the key with the last one.",
            "key field ...",
        )
        .history(&[("2.4.0", "Takes several fields.")]),
    Command::new("hexists", hexists, 3, READ_FAST, Group::Hash).keys(KEY_LOOK).seeks(Seeks::Member(2)).docs(
        "2.0.0",
        "O(1)",
        "Tells whether a hash has a field.",
        "key field",
    ),
    Command::new("hexpire", hexpire, -6, WRITE_FAST, Group::Hash).keys(KEY_UPDATE).docs(
        "7.4.0",
        PER_FIELD,
        "Gives fields a time to live in seconds.",
        "key seconds:integer [NX | XX | GT | LT]:condition FIELDS (numfields:integer field ...):fields",
    ),
    Command::new("hexpireat", hexpireat, -6, WRITE_FAST, Group::Hash).keys(KEY_UPDATE).docs(
        "7.4.0",
        PER_FIELD,
        "Lets fields expire at a Unix time in seconds.",
        "key unix-time-seconds:unix-time [NX | XX | GT | LT]:condition FIELDS (numfields:integer field ...):fields",
    ),
    Command::new("hexpiretime", hexpiretime, -5, READ_FAST, Group::Hash).keys(KEY_READ).docs(
        "7.4.0",
        PER_FIELD,
        "Tells the Unix times in seconds at which fields expire.",
        "key FIELDS (numfields:integer field ...):fields",
    ),
    Command::new("hget", hget, 3, READ_FAST, Group::Hash).keys(KEY_READ).seeks(Seeks::Member(2)).docs(
        "2.0.0",
        "O(1)",
        "Gives the value of a field.",
        "key field",
    ),
    Command::new("hgetall", hgetall, 2, READ, Group::Hash)
        .keys(KEY_READ)
        .docs("2.0.0", "O(N) where N is the number of fields", "Gives all fields with their values.", "key")
        .tips(&["nondeterministic_output_order"]),
    Command::new("hgetdel", hgetdel, -5, SHRINK_FAST, Group::Hash).keys(KEY_TAKE).docs(
        "8.0.0",
        PER_FIELD,
        "Gives the values of fields and removes them.",
        "key FIELDS (numfields:integer field ...):fields",
    ),
    Command::new("hgetex", hgetex, -5, SHRINK_FAST, Group::Hash).keys(KEY_GETEX).docs(
        "8.0.0",
        PER_FIELD,
        "Gives the values of fields and changes their expiries.",
        "key [EX seconds:integer | PX milliseconds:integer | EXAT unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time | PERSIST]:expiration \
         FIELDS (numfields:integer field ...):fields",
    ),
    Command::new("hincrby", hincrby, 4, WRITE_FAST, Group::Hash).keys(KEY_CHANGE).seeks(Seeks::Member(2)).docs(
        "2.0.0",
        "O(1)",
        "Adds an amount to the integer in a field; a missing field counts as 0.",
        "key field increment:integer",
    ),
    Command::new("hincrbyfloat", hincrbyfloat, 4, WRITE_FAST, Group::Hash).keys(KEY_CHANGE).seeks(Seeks::Member(2)).docs(
        "2.6.0",
        "O(1)",
        "Adds an amount to the floating point number in a field; a missing field counts as 0.",
        "key field increment:double",
    ),
    Command::new("hkeys", hkeys, 2, READ, Group::Hash)
        .keys(KEY_READ)
        .docs("2.0.0", "O(N) where N is the number of fields", "Gives the names of all fields.", "key")
        .tips(&["nondeterministic_output_order"]),
    Command::new("hlen", hlen, 2, READ_FAST, Group::Hash).keys(KEY_LOOK).docs(
        "2.0.0",
        "O(1)",
        "Counts the fields of a hash.",
        "key",
    ),
    Command::new("hmget", hmget, -3, READ_FAST, Group::Hash).keys(KEY_READ).seeks(Seeks::Member(2)).docs(
        "2.0.0",
        "O(N) where N is the number of fields asked for",
        "Gives the values of several fields.",
        "key field ...",
    ),
    Command::new("hmset", hmset, -4, WRITE_FAST, Group::Hash)
        .keys(KEY_UPDATE)
        .docs(
            "2.0.0",
            "O(N) where N is the number of fields",
            "Sets fields of a hash.",
            "key (field value):data ...",
        )
        .deprecated("4.0.0", "`HSET` with several fields"),
    Command::new("hpersist", hpersist, -5, SHRINK_FAST, Group::Hash).keys(KEY_UPDATE).docs(
        "7.4.0",
        PER_FIELD,
        "Takes the expiries of fields away.",
        "key FIELDS (numfields:integer field ...):fields",
    ),
    Command::new("hpexpire", hpexpire, -6, WRITE_FAST, Group::Hash).keys(KEY_UPDATE).docs(
        "7.4.0",
        PER_FIELD,
        "Gives fields a time to live in milliseconds.",
        "key milliseconds:integer [NX | XX | GT | LT]:condition FIELDS (numfields:integer field ...):fields",
    ),
    Command::new("hpexpireat", hpexpireat, -6, WRITE_FAST, Group::Hash).keys(KEY_UPDATE).docs(
        "7.4.0",
        PER_FIELD,
        "Lets fields expire at a Unix time in milliseconds.",
        "key unix-time-milliseconds:unix-time [NX | XX | GT | LT]:condition FIELDS (numfields:integer field ...):fields",
    ),
    Command::new("hpexpiretime", hpexpiretime, -5, READ_FAST, Group::Hash).keys(KEY_READ).docs(
        "7.4.0",
        PER_FIELD,
        "Tells the Unix times in milliseconds at which fields expire.",
        "key FIELDS (numfields:integer field ...):fields",
    ),
    Command::new("hpttl", hpttl, -5, READ_FAST, Group::Hash).keys(KEY_READ).docs(
        "7.4.0",
        PER_FIELD,
        "Tells the times to live of fields in milliseconds.",
        "key FIELDS (numfields:integer field ...):fields",
    ).tips(&["nondeterministic_output"]),
    Command::new("hrandfield", hrandfield, -2, READ, Group::Hash)
        .keys(KEY_READ)
        .docs(
            "6.2.0",
            "O(N) where N is the count, or 1 without one",
            "Gives fields by chance.",
            "key [count:integer [WITHVALUES]]:options",
        )
        .tips(&["nondeterministic_output"]),
    Command::new("hscan", hscan, -3, READ, Group::Hash)
        .keys(KEY_READ)
        .docs(
            "2.8.0",
            "O(1) for each call, O(N) for a whole iteration over N fields",
            "Goes through the fields of a hash in steps.",
            "key cursor:integer [MATCH pattern:pattern] [COUNT count:integer] [NOVALUES]",
        )
        .tips(&["nondeterministic_output"]),
    Command::new("hset", hset, -4, WRITE_FAST, Group::Hash)
        .keys(KEY_UPDATE).seeks(Seeks::Member(2))
        .docs(
            "2.0.0",
            "O(N) where N is the number of fields",
            "Sets fields of a hash, creating the key if needed.",
            "key (field value):data ...",
        )
        .history(&[("4.0.0", "Takes several fields.")]),
    Command::new("hsetex", hsetex, -6, WRITE_FAST, Group::Hash).keys(KEY_UPDATE).docs(
        "8.0.0",
        PER_FIELD,
        "Sets fields and their expiry, if all or none of them exist where that is asked for.",
        "key [FNX | FXX]:condition [EX seconds:integer | PX milliseconds:integer | EXAT unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time | KEEPTTL]:expiration \
         FIELDS (numfields:integer (field value):data ...):fields",
    ),
    Command::new("hsetnx", hsetnx, 4, WRITE_FAST, Group::Hash).keys(KEY_INSERT).seeks(Seeks::Member(2)).docs(
        "2.0.0",
        "O(1)",
        "Sets a field that does not exist yet.",
        "key field value",
    ),
    Command::new("hstrlen", hstrlen, 3, READ_FAST, Group::Hash).keys(KEY_LOOK).seeks(Seeks::Member(2)).docs(
        "3.2.0",
        "O(1)",
        "Gives the length of a field's value.",
        "key field",
    ),
    Command::new("httl", httl, -5, READ_FAST, Group::Hash).keys(KEY_READ).docs(
        "7.4.0",
        PER_FIELD,
        "Tells the times to live of fields in seconds.",
        "key FIELDS (numfields:integer field ...):fields",
    ).tips(&["nondeterministic_output"]),
    Command::new("hvals", hvals, 2, READ, Group::Hash)
        .keys(KEY_READ)
        .docs("2.0.0", "O(N) where N is the number of fields", "Gives the values of all fields.", "key")
        .tips(&["nondeterministic_output_order"]),
];

const HSET: Event = Event::new(Class::HASH, "hset");
const HDEL: Event = Event::new(Class::HASH, "hdel");
const HEXPIRE: Event = Event::new(Class::HASH, "hexpire");
const HPERSIST: Event = Event::new(Class::HASH, "hpersist");
const HINCRBY: Event = Event::new(Class::HASH, "hincrby");
const HINCRBYFLOAT: Event = Event::new(Class::HASH, "hincrbyfloat");
