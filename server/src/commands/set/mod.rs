//! The set commands. What a set is in memory is storage's business.
//!
//! | file | commands |
//! |---|---|
//! | [`members`] | SADD, SREM, SMOVE, SISMEMBER, SMISMEMBER, SCARD, SSCAN |
//! | [`random`] | SMEMBERS, SPOP, SRANDMEMBER |
//! | [`combine`] | SINTER, SINTERCARD, SINTERSTORE, SUNION, SUNIONSTORE, SDIFF, SDIFFSTORE |

mod combine;
mod members;
mod random;

use crate::command::keys::{ACCESS, DELETE, INSERT, OW, RO, RW, UPDATE};
use crate::command::shared::{
    KEY_LOOK, KEY_READ, KEYS_READ, READ, READ_FAST, SHRINK_FAST, WRITE, WRITE_FAST,
};
use crate::command::{Command, Group, KeySpec, Seeks};
use crate::effects::{DEL, Event};
use crate::notify::Class;
use combine::{sdiff, sdiffstore, sinter, sintercard, sinterstore, sunion, sunionstore};
use members::{sadd, scard, sismember, smismember, smove, srem, sscan};
use random::{smembers, spop, srandmember};
use rufous_protocol::error::ReplyError;

const KEYS_STORE: &[KeySpec] =
    &[KeySpec::one(1, OW.union(UPDATE)), KeySpec::range(2, -1, 1, RO.union(ACCESS))];

/// The set commands.
pub const ROWS: &[Command] = &[
    Command::new("sadd", sadd, -3, WRITE_FAST, Group::Set)
        .keys(&[KeySpec::one(1, RW.union(INSERT))])
        .seeks(Seeks::Member(2))
        .docs(
            "1.0.0",
            "O(1) for each member added",
            "Adds members to a set, creating the key if needed.",
            "key member ...",
        )
        .history(&[("2.4.0", "Takes several members.")]),
    Command::new("scard", scard, 2, READ_FAST, Group::Set).keys(KEY_LOOK).docs(
        "1.0.0",
        "O(1)",
        "Counts the members of a set.",
        "key",
    ),
    Command::new("sdiff", sdiff, -2, READ, Group::Set)
        .keys(KEYS_READ)
        .docs(
            "1.0.0",
            "O(N) where N is the number of members of all sets",
            "Gives the members of a set that no other set has.",
            "key ...",
        )
        .tips(&["nondeterministic_output_order"]),
    Command::new("sdiffstore", sdiffstore, -3, WRITE, Group::Set).keys(KEYS_STORE).docs(
        "1.0.0",
        "O(N) where N is the number of members of all sets",
        "Stores the members of a set that no other set has.",
        "destination:key key#1 ...",
    ),
    Command::new("sinter", sinter, -2, READ, Group::Set)
        .keys(KEYS_READ)
        .docs(
            "1.0.0",
            "O(N*M) at worst, where N is the size of the smallest set and M the number of sets",
            "Gives the members that all sets have.",
            "key ...",
        )
        .tips(&["nondeterministic_output_order"]),
    Command::new("sintercard", sintercard, -3, READ, Group::Set)
        .keys(&[KeySpec::numkeys(1, 0, 1, 1, RO.union(ACCESS))])
        .docs(
            "7.0.0",
            "O(N*M) at worst, where N is the size of the smallest set and M the number of sets",
            "Counts the members that all sets have.",
            "numkeys:integer key ... [LIMIT limit:integer]",
        ),
    Command::new("sinterstore", sinterstore, -3, WRITE, Group::Set).keys(KEYS_STORE).docs(
        "1.0.0",
        "O(N*M) at worst, where N is the size of the smallest set and M the number of sets",
        "Stores the members that all sets have.",
        "destination:key key#1 ...",
    ),
    Command::new("sismember", sismember, 3, READ_FAST, Group::Set)
        .keys(KEY_LOOK)
        .seeks(Seeks::Member(2))
        .docs("1.0.0", "O(1)", "Tells whether a set has a member.", "key member"),
    Command::new("smembers", smembers, 2, READ, Group::Set)
        .keys(KEY_READ)
        .docs("1.0.0", "O(N) where N is the number of members", "Gives all members of a set.", "key")
        .tips(&["nondeterministic_output_order"]),
    Command::new("smismember", smismember, -3, READ_FAST, Group::Set).keys(KEY_LOOK).docs(
        "6.2.0",
        "O(N) where N is the number of members asked about",
        "Tells of each of several members whether a set has it.",
        "key member ...",
    ),
    Command::new("smove", smove, 4, SHRINK_FAST, Group::Set)
        .keys(&[KeySpec::one(1, RW.union(ACCESS).union(DELETE)), KeySpec::one(2, RW.union(INSERT))])
        .docs(
            "1.0.0",
            "O(1)",
            "Moves a member from one set to another.",
            "source:key destination:key#1 member",
        ),
    Command::new("spop", spop, -2, SHRINK_FAST, Group::Set)
        .keys(&[KeySpec::one(1, RW.union(ACCESS).union(DELETE))])
        .docs(
            "1.0.0",
            "O(N) where N is the count, or 1 without one",
            "Removes members by chance and gives them.",
            "key [count:integer@3.2.0]",
        )
        .history(&[("3.2.0", "Takes a count.")])
        .tips(&["nondeterministic_output"]),
    Command::new("srandmember", srandmember, -2, READ, Group::Set)
        .keys(KEY_READ)
        .docs(
            "1.0.0",
            "O(N) where N is the count, or 1 without one",
            "Gives members by chance.",
            "key [count:integer@2.6.0]",
        )
        .history(&[("2.6.0", "Takes a count.")])
        .tips(&["nondeterministic_output"]),
    Command::new("srem", srem, -3, SHRINK_FAST, Group::Set)
        .keys(&[KeySpec::one(1, RW.union(DELETE))])
        .seeks(Seeks::Member(2))
        .docs(
            "1.0.0",
            "O(N) where N is the number of members to remove",
            "Removes members from a set, and the key with the last one.",
            "key member ...",
        )
        .history(&[("2.4.0", "Takes several members.")]),
    Command::new("sscan", sscan, -3, READ, Group::Set)
        .keys(KEY_READ)
        .docs(
            "2.8.0",
            "O(1) for each call, O(N) for a whole iteration over N members",
            "Goes through the members of a set in steps.",
            "key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]",
        )
        .tips(&["nondeterministic_output"]),
    Command::new("sunion", sunion, -2, READ, Group::Set)
        .keys(KEYS_READ)
        .docs(
            "1.0.0",
            "O(N) where N is the number of members of all sets",
            "Gives the members that any of the sets has.",
            "key ...",
        )
        .tips(&["nondeterministic_output_order"]),
    Command::new("sunionstore", sunionstore, -3, WRITE, Group::Set).keys(KEYS_STORE).docs(
        "1.0.0",
        "O(N) where N is the number of members of all sets",
        "Stores the members that any of the sets has.",
        "destination:key key#1 ...",
    ),
];

const SADD: Event = Event::new(Class::SET, "sadd");
const SREM: Event = Event::new(Class::SET, "srem");

const TOO_MANY_KEYS: ReplyError =
    ReplyError::fixed("ERR Number of keys can't be greater than number of args");
