//! OBJECT: what a value looks like inside. Looking leaves no mark on the key and fires no event.

use crate::command::keys::RO;
use crate::command::shared::{HELP, READ};
use crate::command::{Category, Command, Group, KeySpec, Outcome};
use crate::config::MaxmemoryPolicy;
use crate::context::Ctx;
use rufous_protocol::error;
use rufous_protocol::request::Args;
use rufous_storage::{EntryRef, Str, evict};

const KEY_LOOK_SECOND: &[KeySpec] = &[KeySpec::one(2, RO)];
const NONDETERMINISTIC: &[&str] = &["nondeterministic_output"];
/// What the reference count of a value that is shared by all who use it reads.
const REFCOUNT_SHARED: i64 = i32::MAX as i64;
/// Redis keeps one value for each integer below this.
const SHARED_INTEGERS: i64 = 10_000;

/// OBJECT's subcommands.
pub const ROWS: &[Command] = &[
    Command::new("encoding", encoding, 3, READ, Group::Generic)
        .keys(KEY_LOOK_SECOND)
        .acl(Category::KEYSPACE)
        .docs("2.2.3", "O(1)", "Names the encoding of the value at a key.", "key")
        .tips(NONDETERMINISTIC),
    Command::new("freq", freq, 3, READ, Group::Generic)
        .keys(KEY_LOOK_SECOND)
        .acl(Category::KEYSPACE)
        .docs("4.0.0", "O(1)", "Tells the logarithmic counter of how often a key is used.", "key")
        .tips(NONDETERMINISTIC),
    Command::new("help", help, 2, HELP, Group::Generic).acl(Category::KEYSPACE).docs(
        "6.2.0",
        "O(1)",
        "Explains the subcommands of OBJECT.",
        "",
    ),
    Command::new("idletime", idletime, 3, READ, Group::Generic)
        .keys(KEY_LOOK_SECOND)
        .acl(Category::KEYSPACE)
        .docs("2.2.3", "O(1)", "Tells how many seconds ago a key was last used.", "key")
        .tips(NONDETERMINISTIC),
    Command::new("refcount", refcount, 3, READ, Group::Generic)
        .keys(KEY_LOOK_SECOND)
        .acl(Category::KEYSPACE)
        .docs("2.2.3", "O(1)", "Tells how many references the value at a key has.", "key")
        .tips(NONDETERMINISTIC),
];

/// OBJECT ENCODING key
fn encoding(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    match cx.db.inspect(args.get(2)) {
        Some(entry) => cx.reply.bulk(entry.encoding().name().as_bytes()),
        None => cx.reply.null(),
    }
    Ok(())
}

/// OBJECT FREQ key
fn freq(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (lfu, now) = (cx.db.store.marks.lfu, cx.now());
    match cx.db.inspect(args.get(2)) {
        Some(entry) => {
            let lfu = lfu.ok_or(error::OBJECT_FREQ)?;
            cx.reply.integer(i64::from(evict::lfu_counter(entry.access(), now, lfu)));
        }
        None => cx.reply.null(),
    }
    Ok(())
}

/// OBJECT IDLETIME key
fn idletime(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (lfu, now) = (cx.db.store.marks.lfu, cx.now());
    match cx.db.inspect(args.get(2)) {
        Some(_) if lfu.is_some() => return Err(error::OBJECT_IDLETIME),
        Some(entry) => cx.reply.integer(evict::idle_ms(entry.access(), now) / 1000),
        None => cx.reply.null(),
    }
    Ok(())
}

/// OBJECT REFCOUNT key
///
/// Rufous shares nothing between keys. The number is the one that Redis has, because clients look at it to tell small
/// integers from other values.
fn refcount(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let config = &cx.server.config;
    // An access mark of their own is what keeps small integers from being shared.
    let shares = config.maxmemory == 0 || !uses_marks(config.maxmemory_policy);
    match cx.db.inspect(args.get(2)) {
        Some(entry) if shares && is_small_integer(entry) => cx.reply.integer(REFCOUNT_SHARED),
        Some(_) => cx.reply.integer(1),
        None => cx.reply.null(),
    }
    Ok(())
}

/// OBJECT HELP
fn help(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.help(
        "OBJECT",
        &[
            ("ENCODING <key>", "Name the encoding of the value at <key>."),
            ("FREQ <key>", "Tell how often <key> is used, on a logarithmic scale (LFU policies only)."),
            ("IDLETIME <key>", "Tell how many seconds ago <key> was last used (not under LFU policies)."),
            ("REFCOUNT <key>", "Tell how many references the value at <key> has."),
        ],
    );
    Ok(())
}

fn is_small_integer(entry: EntryRef<'_>) -> bool {
    matches!(entry.string(), Some(Str::Int(0..SHARED_INTEGERS)))
}

/// Does the policy read when, or how often, a value was used?
fn uses_marks(policy: MaxmemoryPolicy) -> bool {
    use MaxmemoryPolicy::{AllkeysLfu, AllkeysLru, VolatileLfu, VolatileLru};
    matches!(policy, AllkeysLfu | AllkeysLru | VolatileLfu | VolatileLru)
}
