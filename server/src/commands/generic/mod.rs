//! Commands that work on keys of every type. Deleting, counting and listing keys is here; the rest by what it is about.
//!
//! | module | commands |
//! |---|---|
//! | this file | DEL, EXISTS, KEYS, RANDOMKEY, TOUCH, TYPE, UNLINK, WAIT |
//! | [`dump`] | DUMP, RESTORE, RESTORE-ASKING |
//! | [`expire`] | EXPIRE and its kin, TTL and its kin, PERSIST |
//! | [`object`] | OBJECT |
//! | [`relocate`] | COPY, MOVE, RENAME, RENAMENX |
//! | [`scan`] | SCAN, and the options that HSCAN, SSCAN and ZSCAN share with it |
//! | [`sort`] | SORT, SORT_RO |

pub mod dump;
pub mod expire;
pub mod object;
pub mod relocate;
pub mod scan;
pub mod sort;
pub mod wait;

use crate::command::keys::{self, ACCESS, DELETE, INSERT, OW, RM, RO, RW, UPDATE};
use crate::command::shared::{KEY_LOOK, KEY_READ, KEY_UPDATE, READ, READ_FAST, SHRINK, SHRINK_FAST, WRITE};
use crate::command::table::container;
use crate::command::{Category, Command, Flags, Group, KeySpec, Outcome};
use crate::context::Ctx;
use crate::dispatch::window::WINDOW;
use crate::effects::DEL;
use crate::found::FIELDS_PER_LOOKUP;
use dump::{dump, restore};
use expire::{expire, expireat, expiretime, persist, pexpire, pexpireat, pexpiretime, pttl, ttl};
use relocate::{copy, move_key, rename, renamenx};
use rufous_protocol::glob;
use rufous_protocol::request::Args;
use scan::scan;
use sort::{sort, sort_ro};
use wait::{wait, waitaof};

/// Reads that may touch any key of the data set.
const READ_ANY: Flags = Flags::READONLY.union(Flags::TOUCHES_ARBITRARY_KEYS);

const KEYS_LOOK: &[KeySpec] = &[KeySpec::range(1, -1, 1, RO)];
const KEY_OVERWRITE: &[KeySpec] = &[KeySpec::one(1, OW.union(UPDATE))];
const KEYS_DELETE: &[KeySpec] = &[KeySpec::range(1, -1, 1, RM.union(DELETE))];

const RESTORE_ASKING: Flags = Flags::WRITE.union(Flags::DENYOOM).union(Flags::ASKING);
const RESTORE_COMPLEXITY: &str = "O(N) where N is the size of the value; O(N*log(N)) for sorted sets";
const RESTORE_HISTORY: &[(&str, &str)] =
    &[("3.0.0", "Takes REPLACE."), ("5.0.0", "Takes ABSTTL."), ("5.0.0", "Takes IDLETIME and FREQ.")];
const RESTORE_SYNTAX: &str = "key ttl:integer serialized-value [REPLACE@3.0.0] [ABSTTL@5.0.0] \
     [IDLETIME seconds:integer@5.0.0] [FREQ frequency:integer@5.0.0]";

const SORTS: Category =
    Category::SET.union(Category::SORTEDSET).union(Category::LIST).union(Category::DANGEROUS);
const SORT_COMPLEXITY: &str =
    "O(N + M log M) where N is the number of elements and M of those given; O(N) without sorting";
const SORT_PATTERNS_NOTE: &str = "BY and GET make names of keys from the elements.";

const MULTI_SHARD_SUM: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];
const NONDETERMINISTIC: &[&str] = &["nondeterministic_output"];

/// The commands that work on keys of every type.
pub const ROWS: &[Command] = &[
    Command::new("copy", copy, -3, WRITE, Group::Generic)
        .keys(&[KeySpec::one(1, RO.union(ACCESS)), KeySpec::one(2, OW.union(UPDATE))])
        .acl(Category::KEYSPACE)
        .docs(
            "6.2.0",
            "O(N) where N is the number of elements of the value; O(1) for strings",
            "Duplicates the value of a key under another key.",
            "source:key destination:key#1 [DB destination-db:integer] [REPLACE]",
        ),
    Command::new("del", del, -2, SHRINK, Group::Generic)
        .keys(KEYS_DELETE)
        .acl(Category::KEYSPACE)
        .docs(
            "1.0.0",
            "O(N) where N is the number of keys, plus O(M) for each collection of M elements",
            "Removes keys.",
            "key ...",
        )
        .tips(MULTI_SHARD_SUM),
    Command::new("dump", dump, 2, READ, Group::Generic)
        .keys(KEY_READ)
        .acl(Category::KEYSPACE)
        .docs(
            "2.6.0",
            "O(N) where N is the size of the value",
            "Gives the value at a key as bytes that RESTORE understands, here or on another server.",
            "key",
        )
        .tips(NONDETERMINISTIC),
    Command::new("exists", exists, -2, READ_FAST, Group::Generic)
        .keys(KEYS_LOOK)
        .acl(Category::KEYSPACE)
        .docs("1.0.0", "O(N) where N is the number of keys", "Counts how many of the keys exist.", "key ...")
        .history(&[("3.0.3", "Takes several keys.")])
        .tips(MULTI_SHARD_SUM),
    Command::new("expire", expire, -3, SHRINK_FAST, Group::Generic)
        .keys(KEY_UPDATE)
        .acl(Category::KEYSPACE)
        .docs(
            "1.0.0",
            "O(1)",
            "Gives a key a time to live in seconds.",
            "key seconds:integer [NX | XX | GT | LT]:condition@7.0.0",
        )
        .history(&[("7.0.0", "Takes NX, XX, GT and LT.")]),
    Command::new("expireat", expireat, -3, SHRINK_FAST, Group::Generic)
        .keys(KEY_UPDATE)
        .acl(Category::KEYSPACE)
        .docs(
            "1.2.0",
            "O(1)",
            "Lets a key expire at a Unix time in seconds.",
            "key unix-time-seconds:unix-time [NX | XX | GT | LT]:condition@7.0.0",
        )
        .history(&[("7.0.0", "Takes NX, XX, GT and LT.")]),
    Command::new("expiretime", expiretime, 2, READ_FAST, Group::Generic)
        .keys(KEY_READ)
        .acl(Category::KEYSPACE)
        .docs("7.0.0", "O(1)", "Tells the Unix time in seconds at which a key expires.", "key"),
    Command::new("keys", keys, 2, READ, Group::Generic)
        .acl(Category::KEYSPACE.union(Category::DANGEROUS))
        .docs(
            "1.0.0",
            "O(N) where N is the number of keys in the database, given short keys and a short pattern",
            "Lists every key whose name matches a pattern.",
            "pattern",
        )
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"]),
    Command::new("move", move_key, 3, SHRINK_FAST, Group::Generic)
        .keys(&[KeySpec::one(1, RW.union(ACCESS).union(UPDATE))])
        .acl(Category::KEYSPACE)
        .docs("1.0.0", "O(1)", "Takes a key to another database.", "key db:integer"),
    Command::new("object", container, -2, Flags::empty(), Group::Generic)
        .docs("2.2.3", "Depends on the subcommand.", "Groups the commands that look inside values.", "")
        .subcommands(object::ROWS),
    Command::new("persist", persist, 2, SHRINK_FAST, Group::Generic)
        .keys(KEY_UPDATE)
        .acl(Category::KEYSPACE)
        .docs("2.2.0", "O(1)", "Takes the time to live off a key.", "key"),
    Command::new("pexpire", pexpire, -3, SHRINK_FAST, Group::Generic)
        .keys(KEY_UPDATE)
        .acl(Category::KEYSPACE)
        .docs(
            "2.6.0",
            "O(1)",
            "Gives a key a time to live in milliseconds.",
            "key milliseconds:integer [NX | XX | GT | LT]:condition@7.0.0",
        )
        .history(&[("7.0.0", "Takes NX, XX, GT and LT.")]),
    Command::new("pexpireat", pexpireat, -3, SHRINK_FAST, Group::Generic)
        .keys(KEY_UPDATE)
        .acl(Category::KEYSPACE)
        .docs(
            "2.6.0",
            "O(1)",
            "Lets a key expire at a Unix time in milliseconds.",
            "key unix-time-milliseconds:unix-time [NX | XX | GT | LT]:condition@7.0.0",
        )
        .history(&[("7.0.0", "Takes NX, XX, GT and LT.")]),
    Command::new("pexpiretime", pexpiretime, 2, READ_FAST, Group::Generic)
        .keys(KEY_READ)
        .acl(Category::KEYSPACE)
        .docs("7.0.0", "O(1)", "Tells the Unix time in milliseconds at which a key expires.", "key"),
    Command::new("pttl", pttl, 2, READ_FAST, Group::Generic)
        .keys(KEY_READ)
        .acl(Category::KEYSPACE)
        .docs("2.6.0", "O(1)", "Tells how many milliseconds a key has left to live.", "key")
        .history(&[("2.8.0", "Tells a missing key by -2.")])
        .tips(NONDETERMINISTIC),
    Command::new("randomkey", randomkey, 1, READ_ANY, Group::Generic)
        .acl(Category::KEYSPACE)
        .docs("1.0.0", "O(1)", "Picks a key of the database at random.", "")
        .tips(&["request_policy:all_shards", "response_policy:special", "nondeterministic_output"]),
    Command::new("rename", rename, 3, SHRINK, Group::Generic)
        .keys(&[KeySpec::one(1, RW.union(ACCESS).union(DELETE)), KeySpec::one(2, OW.union(UPDATE))])
        .acl(Category::KEYSPACE)
        .docs("1.0.0", "O(1)", "Gives a key another name, replacing what has that name.", "key newkey:key#1"),
    Command::new("renamenx", renamenx, 3, SHRINK_FAST, Group::Generic)
        .keys(&[KeySpec::one(1, RW.union(ACCESS).union(DELETE)), KeySpec::one(2, OW.union(INSERT))])
        .acl(Category::KEYSPACE)
        .docs(
            "1.0.0",
            "O(1)",
            "Gives a key another name, provided that the name is free.",
            "key newkey:key#1",
        )
        .history(&[("3.2.0", "Equal names are no error.")]),
    Command::new("restore", restore, -4, WRITE, Group::Generic)
        .keys(KEY_OVERWRITE)
        .acl(Category::KEYSPACE.union(Category::DANGEROUS))
        .docs("2.6.0", RESTORE_COMPLEXITY, "Creates a key from the bytes that DUMP gave.", RESTORE_SYNTAX)
        .history(RESTORE_HISTORY),
    Command::new("restore-asking", restore, -4, RESTORE_ASKING, Group::Server)
        .keys(KEY_OVERWRITE)
        .acl(Category::KEYSPACE.union(Category::DANGEROUS))
        .docs("3.0.0", RESTORE_COMPLEXITY, "Creates a key while its slot is on its way here.", RESTORE_SYNTAX)
        .history(RESTORE_HISTORY)
        .internal(),
    Command::new("scan", scan, -2, READ_ANY, Group::Generic)
        .acl(Category::KEYSPACE)
        .docs(
            "2.8.0",
            "O(1) a call; O(N) for a whole iteration over N keys",
            "Walks through the keys of the database, a few a call.",
            "cursor:integer [MATCH pattern] [COUNT count:integer] [TYPE type@6.0.0]",
        )
        .history(&[("6.0.0", "Takes TYPE.")])
        .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"]),
    Command::new("sort", sort, -2, WRITE, Group::Generic)
        .keys(&[
            KeySpec::one(1, RO.union(ACCESS)),
            KeySpec::unknown(RO.union(ACCESS)).note(SORT_PATTERNS_NOTE),
            KeySpec::unknown(OW.union(UPDATE)).note("STORE may stand anywhere among the options."),
        ])
        .find_keys(keys::of_sort)
        .acl(SORTS)
        .docs(
            "1.0.0",
            SORT_COMPLEXITY,
            "Gives the elements of a list, set or sorted set in order, or stores them.",
            "key [BY by-pattern:pattern=pattern#1] [LIMIT (offset:integer count:integer)] \
             [GET... get-pattern:pattern=pattern#1 ...] [ASC | DESC]:order [ALPHA:sorting] [STORE destination:key#2]",
        ),
    Command::new("sort_ro", sort_ro, -2, READ, Group::Generic)
        .keys(&[KeySpec::one(1, RO.union(ACCESS)), KeySpec::unknown(RO.union(ACCESS)).note(SORT_PATTERNS_NOTE)])
        .find_keys(keys::of_sort_ro)
        .acl(SORTS)
        .docs(
            "7.0.0",
            SORT_COMPLEXITY,
            "Gives the elements of a list, set or sorted set in order.",
            "key [BY by-pattern:pattern=pattern#1] [LIMIT (offset:integer count:integer)] \
             [GET... get-pattern:pattern=pattern#1 ...] [ASC | DESC]:order [ALPHA:sorting]",
        ),
    Command::new("touch", touch, -2, READ_FAST, Group::Generic)
        .keys(KEYS_LOOK)
        .acl(Category::KEYSPACE)
        .docs(
            "3.2.1",
            "O(N) where N is the number of keys",
            "Marks keys as used just now and counts those that exist.",
            "key ...",
        )
        .tips(MULTI_SHARD_SUM),
    Command::new("ttl", ttl, 2, READ_FAST, Group::Generic)
        .keys(KEY_READ)
        .acl(Category::KEYSPACE)
        .docs("1.0.0", "O(1)", "Tells how many seconds a key has left to live.", "key")
        .history(&[("2.8.0", "Tells a missing key by -2.")])
        .tips(NONDETERMINISTIC),
    Command::new("type", type_name, 2, READ_FAST, Group::Generic)
        .keys(KEY_LOOK)
        .acl(Category::KEYSPACE)
        .docs("1.0.0", "O(1)", "Names the type of the value at a key.", "key"),
    Command::new("unlink", unlink, -2, SHRINK_FAST, Group::Generic)
        .keys(KEYS_DELETE)
        .acl(Category::KEYSPACE)
        .docs(
            "4.0.0",
            "O(1) a key; the memory is freed by another thread in O(N) for N allocations",
            "Removes keys and frees their memory in the background.",
            "key ...",
        )
        .tips(MULTI_SHARD_SUM),
    Command::new("wait", wait, 3, Flags::empty(), Group::Generic)
        .acl(Category::CONNECTION)
        .docs(
            "3.0.0",
            "O(1)",
            "Waits until replicas have confirmed the client's writes so far.",
            "numreplicas:integer timeout:integer",
        )
        .tips(&["request_policy:all_shards", "response_policy:agg_min"]),
    Command::new("waitaof", waitaof, 4, Flags::NOSCRIPT, Group::Generic)
        .acl(Category::CONNECTION)
        .docs(
            "7.2.0",
            "O(1)",
            "Waits until the client's writes so far are on disk, here or at replicas.",
            "numlocal:integer numreplicas:integer timeout:integer",
        )
        .tips(&["request_policy:all_shards", "response_policy:agg_min"]),
];

/// Tries of RANDOMKEY to find a key that is alive while expired keys must stay.
const RANDOM_TRIES_MAX: usize = 100;

/// DEL key [key ...]
fn del(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let lazy = cx.server.config.lazyfree_lazy_user_del;
    delete(cx, args, lazy);
    Ok(())
}

/// UNLINK key [key ...]
fn unlink(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    delete(cx, args, true);
    Ok(())
}

fn delete(cx: &mut Ctx<'_>, args: Args<'_>, lazy: bool) {
    let mut deleted = 0;
    let mut rest = args.from(1);
    while !rest.is_empty() {
        let window = rest.to(WINDOW);
        let hashes = cx.db.prefetch(window.iter());
        for (key, hash) in window.iter().zip(hashes) {
            if cx.db.write_hashed(hash, key).remove(lazy) {
                cx.changed(key, DEL, 1);
                deleted += 1;
            }
        }
        rest = rest.from(WINDOW);
    }
    cx.reply.integer(deleted);
}

/// EXISTS key [key ...]
fn exists(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let count = args.from(1).iter().filter(|key| cx.db.look(key).is_some()).count();
    cx.reply.integer(count as i64);
    Ok(())
}

/// TOUCH key [key ...]
fn touch(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    // Touching is what the command is for: CLIENT NO-TOUCH does not apply.
    let touch = std::mem::replace(&mut cx.db.touch, true);
    let count = args.from(1).iter().filter(|key| cx.db.read(key).is_some()).count();
    cx.db.touch = touch;
    cx.reply.integer(count as i64);
    Ok(())
}

/// TYPE key
fn type_name(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let name = cx.db.look(args.get(1)).map_or("none", |entry| entry.kind().name());
    cx.reply.simple(name);
    Ok(())
}

/// KEYS pattern
fn keys(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let pattern = args.get(1);
    let now = cx.now();
    let db = cx.db.store.keyspace.db(cx.db.index);
    let mark = cx.reply.defer();
    let mut count = 0;
    if glob::is_literal(pattern) {
        if db.find(pattern).is_some_and(|entry| !entry.is_expired(now)) {
            cx.reply.bulk(pattern);
            count = 1;
        }
    } else {
        let all = pattern == b"*";
        for entry in db.iter() {
            if cx.is_over_output_limit() {
                break;
            }
            if (all || glob::matches(pattern, entry.key())) && !entry.is_expired(now) {
                cx.reply.bulk(entry.key());
                count += 1;
            }
        }
    }
    cx.reply.set_array(mark, count);
    Ok(())
}

/// RANDOMKEY
fn randomkey(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let mut tries = 0;
    loop {
        let store = &mut *cx.db.store;
        let Some(entry) = store.keyspace.db(cx.db.index).random(&mut store.random) else {
            cx.reply.null();
            return Ok(());
        };
        tries += 1;
        if !entry.is_expired(cx.db.now) || (store.expire_paused && tries >= RANDOM_TRIES_MAX) {
            cx.reply.bulk(entry.key());
            return Ok(());
        }
        if !store.expire_paused {
            let key = entry.key().to_vec();
            cx.db.expire(&key, FIELDS_PER_LOOKUP);
        }
    }
}
