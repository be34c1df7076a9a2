//! The hash commands. What a hash is in memory is storage's business.
//!
//! | file | commands |
//! |---|---|
//! | [`fields`] | HSET, HSETNX, HMSET, HGET, HMGET, HDEL, HEXISTS, HLEN, HSTRLEN, HINCRBY, HINCRBYFLOAT |
//! | [`whole`] | HGETALL, HKEYS, HVALS, HRANDFIELD, HSCAN |

mod fields;
mod whole;

use crate::command::shared::{
    KEY_CHANGE, KEY_DELETE, KEY_INSERT, KEY_LOOK, KEY_READ, KEY_UPDATE, READ, READ_FAST, SHRINK_FAST,
    WRITE_FAST,
};
use crate::command::{Command, Group};
use crate::effects::Event;
use crate::notify::Class;
use fields::{hdel, hexists, hget, hincrby, hincrbyfloat, hlen, hmget, hmset, hset, hsetnx, hstrlen};
use whole::{hgetall, hkeys, hrandfield, hscan, hvals};

/// The hash commands.
pub const ROWS: &[Command] = &[
    Command::new("hdel", hdel, -3, SHRINK_FAST, Group::Hash)
        .keys(KEY_DELETE)
        .docs(
            "2.0.0",
            "O(N) where N is the number of fields to remove",
            "Removes fields from a hash, and the key with the last one.",
            "key field ...",
        )
        .history(&[("2.4.0", "Takes several fields.")]),
    Command::new("hexists", hexists, 3, READ_FAST, Group::Hash).keys(KEY_LOOK).docs(
        "2.0.0",
        "O(1)",
        "Tells whether a hash has a field.",
        "key field",
    ),
    Command::new("hget", hget, 3, READ_FAST, Group::Hash).keys(KEY_READ).docs(
        "2.0.0",
        "O(1)",
        "Gives the value of a field.",
        "key field",
    ),
    Command::new("hgetall", hgetall, 2, READ, Group::Hash)
        .keys(KEY_READ)
        .docs("2.0.0", "O(N) where N is the number of fields", "Gives all fields with their values.", "key")
        .tips(&["nondeterministic_output_order"]),
    Command::new("hincrby", hincrby, 4, WRITE_FAST, Group::Hash).keys(KEY_CHANGE).docs(
        "2.0.0",
        "O(1)",
        "Adds an amount to the integer in a field; a missing field counts as 0.",
        "key field increment:integer",
    ),
    Command::new("hincrbyfloat", hincrbyfloat, 4, WRITE_FAST, Group::Hash).keys(KEY_CHANGE).docs(
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
    Command::new("hmget", hmget, -3, READ_FAST, Group::Hash).keys(KEY_READ).docs(
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
        .keys(KEY_UPDATE)
        .docs(
            "2.0.0",
            "O(N) where N is the number of fields",
            "Sets fields of a hash, creating the key if needed.",
            "key (field value):data ...",
        )
        .history(&[("4.0.0", "Takes several fields.")]),
    Command::new("hsetnx", hsetnx, 4, WRITE_FAST, Group::Hash).keys(KEY_INSERT).docs(
        "2.0.0",
        "O(1)",
        "Sets a field that does not exist yet.",
        "key field value",
    ),
    Command::new("hstrlen", hstrlen, 3, READ_FAST, Group::Hash).keys(KEY_LOOK).docs(
        "3.2.0",
        "O(1)",
        "Gives the length of a field's value.",
        "key field",
    ),
    Command::new("hvals", hvals, 2, READ, Group::Hash)
        .keys(KEY_READ)
        .docs("2.0.0", "O(N) where N is the number of fields", "Gives the values of all fields.", "key")
        .tips(&["nondeterministic_output_order"]),
];

const HSET: Event = Event::new(Class::HASH, "hset");
const HDEL: Event = Event::new(Class::HASH, "hdel");
const HINCRBY: Event = Event::new(Class::HASH, "hincrby");
const HINCRBYFLOAT: Event = Event::new(Class::HASH, "hincrbyfloat");
