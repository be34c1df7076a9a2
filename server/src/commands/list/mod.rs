//! The list commands. What a list is in memory is storage's business.
//!
//! | file | commands |
//! |---|---|
//! | [`read`] | LLEN, LINDEX, LRANGE, LPOS |
//! | [`push`] | LPUSH, RPUSH, LPUSHX, RPUSHX, LINSERT, LSET |
//! | [`pop`] | LPOP, RPOP, LMPOP, BLPOP, BRPOP, BLMPOP |
//! | [`remove`] | LREM, LTRIM |
//! | [`relocate`] | LMOVE, RPOPLPUSH, BLMOVE, BRPOPLPUSH |
//!
//! A blocking command does what its kin does when there is something to do, and else waits: it runs again, from its start, when one
//! of its keys holds a list.

mod pop;
mod push;
mod read;
mod relocate;
mod remove;

use crate::command::keys::{ACCESS, DELETE, INSERT, RO, RW, UPDATE};
use crate::command::shared::{
    KEY_DELETE, KEY_INSERT, KEY_READ, KEY_TAKE, KEYS_WAIT, READ, SHRINK, SHRINK_FAST, WRITE, WRITE_FAST,
};
use crate::command::{Command, Flags, Group, KeySpec};
use crate::context::Ctx;
use crate::effects::{DEL, Event};
use crate::found::Found;
use crate::notify::Class;
use pop::{blmpop, blpop, brpop, lmpop, lpop, rpop};
use push::{linsert, lpush, lpushx, lset, rpush, rpushx};
use read::{lindex, llen, lpos, lrange};
use relocate::{blmove, brpoplpush, lmove, rpoplpush};
use remove::{lrem, ltrim};
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_storage::Removed;
use rufous_storage::types::list::{End, List, ListRef};

const KEYS_MOVE: &[KeySpec] =
    &[KeySpec::one(1, RW.union(ACCESS).union(DELETE)), KeySpec::one(2, RW.union(INSERT))];

const PER_ELEMENT: &str = "O(1) for each element added";
const PER_KEY: &str = "O(N) where N is the number of keys";
const PER_KEY_AND_ELEMENT: &str = "O(N+M) where N is the number of keys and M the number of elements popped";

/// The list commands.
pub const ROWS: &[Command] = &[
    Command::new("blmove", blmove, 6, WRITE.union(Flags::BLOCKING), Group::List).keys(KEYS_MOVE).docs(
        "6.2.0",
        "O(1)",
        "Moves an element from one end of a list to an end of another, and waits for one where there is none.",
        "source:key destination:key#1 <LEFT | RIGHT>:wherefrom <LEFT | RIGHT>:whereto timeout:double",
    ),
    Command::new("blmpop", blmpop, -5, SHRINK.union(Flags::BLOCKING), Group::List)
        .keys(&[KeySpec::numkeys(2, 0, 1, 1, RW.union(ACCESS).union(DELETE))])
        .docs(
            "7.0.0",
            PER_KEY_AND_ELEMENT,
            "Pops elements from the first of several lists that has any, and waits for some where none has.",
            "timeout:double numkeys:integer key ... <LEFT | RIGHT>:where [COUNT count:integer]",
        ),
    Command::new("blpop", blpop, -3, SHRINK.union(Flags::BLOCKING), Group::List).keys(KEYS_WAIT).docs(
        "2.0.0",
        PER_KEY,
        "Pops the first element of the first list that has one, and waits for one where none has.",
        "key ... timeout:double",
    ).history(&[("6.0.0", "Takes a timeout with decimals.")]),
    Command::new("brpop", brpop, -3, SHRINK.union(Flags::BLOCKING), Group::List).keys(KEYS_WAIT).docs(
        "2.0.0",
        PER_KEY,
        "Pops the last element of the first list that has one, and waits for one where none has.",
        "key ... timeout:double",
    ).history(&[("6.0.0", "Takes a timeout with decimals.")]),
    Command::new("brpoplpush", brpoplpush, 4, WRITE.union(Flags::BLOCKING), Group::List)
        .keys(KEYS_MOVE)
        .docs(
            "2.2.0",
            "O(1)",
            "Moves the last element of a list to the head of another, and waits for one where there is none.",
            "source:key destination:key#1 timeout:double",
        ).history(&[("6.0.0", "Takes a timeout with decimals.")])
        .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments"),
    Command::new("lindex", lindex, 3, READ, Group::List).keys(KEY_READ).docs(
        "1.0.0",
        "O(log N) where N is the number of elements",
        "Gives the element at an index.",
        "key index:integer",
    ),
    Command::new("linsert", linsert, 5, WRITE, Group::List).keys(KEY_INSERT).docs(
        "2.2.0",
        "O(N) where N is the number of elements up to the pivot",
        "Puts an element beside the first one that is equal to a pivot.",
        "key <BEFORE | AFTER>:where pivot element",
    ),
    Command::new("llen", llen, 2, READ.union(Flags::FAST), Group::List)
        .keys(&[KeySpec::one(1, RO)])
        .docs("1.0.0", "O(1)", "Counts the elements of a list.", "key"),
    Command::new("lmove", lmove, 5, WRITE, Group::List).keys(KEYS_MOVE).docs(
        "6.2.0",
        "O(1)",
        "Moves an element from one end of a list to an end of another.",
        "source:key destination:key#1 <LEFT | RIGHT>:wherefrom <LEFT | RIGHT>:whereto",
    ),
    Command::new("lmpop", lmpop, -4, SHRINK, Group::List)
        .keys(&[KeySpec::numkeys(1, 0, 1, 1, RW.union(ACCESS).union(DELETE))])
        .docs(
            "7.0.0",
            PER_KEY_AND_ELEMENT,
            "Pops elements from the first of several lists that has any.",
            "numkeys:integer key ... <LEFT | RIGHT>:where [COUNT count:integer]",
        ),
    Command::new("lpop", lpop, -2, SHRINK_FAST, Group::List).keys(KEY_TAKE).docs(
        "1.0.0",
        "O(N) where N is the number of elements popped",
        "Pops the first elements of a list.",
        "key [count:integer@6.2.0]",
    ).history(&[("6.2.0", "Takes a count.")]),
    Command::new("lpos", lpos, -3, READ, Group::List).keys(KEY_READ).docs(
        "6.0.6",
        "O(N) where N is the number of elements looked at",
        "Tells at which indexes elements are equal to one.",
        "key element [RANK rank:integer] [COUNT num-matches:integer] [MAXLEN len:integer]",
    ),
    Command::new("lpush", lpush, -3, WRITE_FAST, Group::List).keys(KEY_INSERT).docs(
        "1.0.0",
        PER_ELEMENT,
        "Adds elements at the head of a list, creating the key if needed.",
        "key element ...",
    ).history(&[("2.4.0", "Takes several elements.")]),
    Command::new("lpushx", lpushx, -3, WRITE_FAST, Group::List).keys(KEY_INSERT).docs(
        "2.2.0",
        PER_ELEMENT,
        "Adds elements at the head of a list that exists.",
        "key element ...",
    ).history(&[("4.0.0", "Takes several elements.")]),
    Command::new("lrange", lrange, 4, READ, Group::List).keys(KEY_READ).docs(
        "1.0.0",
        "O(log N + M) where N is the number of elements and M that of the elements given",
        "Gives the elements of a range of indexes.",
        "key start:integer stop:integer",
    ),
    Command::new("lrem", lrem, 4, SHRINK, Group::List).keys(KEY_DELETE).docs(
        "1.0.0",
        "O(N) where N is the number of elements looked at",
        "Removes elements that are equal to one, and the key with the last one.",
        "key count:integer element",
    ),
    Command::new("lset", lset, 4, WRITE, Group::List).keys(&[KeySpec::one(1, RW.union(UPDATE))]).docs(
        "1.0.0",
        "O(log N) where N is the number of elements",
        "Puts another element in the place of one.",
        "key index:integer element",
    ),
    Command::new("ltrim", ltrim, 4, SHRINK, Group::List).keys(KEY_DELETE).docs(
        "1.0.0",
        "O(log N) where N is the number of elements; what is removed is freed by another thread",
        "Removes the elements outside a range of indexes.",
        "key start:integer stop:integer",
    ),
    Command::new("rpop", rpop, -2, SHRINK_FAST, Group::List).keys(KEY_TAKE).docs(
        "1.0.0",
        "O(N) where N is the number of elements popped",
        "Pops the last elements of a list.",
        "key [count:integer@6.2.0]",
    ).history(&[("6.2.0", "Takes a count.")]),
    Command::new("rpoplpush", rpoplpush, 3, WRITE, Group::List)
        .keys(KEYS_MOVE)
        .docs(
            "1.2.0",
            "O(1)",
            "Moves the last element of a list to the head of another.",
            "source:key destination:key#1",
        )
        .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments"),
    Command::new("rpush", rpush, -3, WRITE_FAST, Group::List).keys(KEY_INSERT).docs(
        "1.0.0",
        PER_ELEMENT,
        "Adds elements at the tail of a list, creating the key if needed.",
        "key element ...",
    ).history(&[("2.4.0", "Takes several elements.")]),
    Command::new("rpushx", rpushx, -3, WRITE_FAST, Group::List).keys(KEY_INSERT).docs(
        "2.2.0",
        PER_ELEMENT,
        "Adds elements at the tail of a list that exists.",
        "key element ...",
    ).history(&[("4.0.0", "Takes several elements.")]),
];

/// The event of a push at an end.
fn pushed(end: End) -> Event {
    Event::new(Class::LIST, if end == End::Head { "lpush" } else { "rpush" })
}

/// LEFT or RIGHT
fn end_of(word: &[u8]) -> Result<End, ReplyError> {
    if word.eq_ignore_ascii_case(b"left") {
        Ok(End::Head)
    } else if word.eq_ignore_ascii_case(b"right") {
        Ok(End::Tail)
    } else {
        Err(error::SYNTAX)
    }
}

fn integer(text: &[u8]) -> Result<i64, ReplyError> {
    parse_i64(text).ok_or(error::NOT_AN_INTEGER)
}

/// The part of a list between two indexes, both inclusive, -1 being the last element: its first index and its length, which may
/// be 0.
fn range(len: usize, start: i64, stop: i64) -> (usize, usize) {
    let len = len as i64;
    let from_front = |index: i64| if index < 0 { index + len } else { index };
    let (start, end) = (from_front(start).max(0), from_front(stop).min(len - 1) + 1);
    if start < end { (start as usize, (end - start) as usize) } else { (0, 0) }
}

/// What taking elements out of a list came to.
enum Taken {
    /// The list is gone, and its key.
    All,
    /// Some, of which this is worth freeing elsewhere.
    Some(Option<Removed>),
}

/// Takes out elements, which are there; with the last one the key.
fn take_out(found: Found<'_>, start: usize, count: usize) -> Result<Taken, ReplyError> {
    if found.typed::<List>()?.is_some_and(|list| list.len() == count) {
        found.remove(true);
        return Ok(Taken::All);
    }
    let list = found.edit::<List>()?;
    Ok(Taken::Some(list.and_then(|mut list| list.remove_range(start, count))))
}

/// Tells of elements that were taken out.
fn taken_out(cx: &mut Ctx<'_>, key: &[u8], event: Event, count: usize, taken: Taken) {
    cx.changed(key, event, count as u64);
    match taken {
        Taken::All => cx.notify(key, DEL),
        Taken::Some(Some(cut)) => cx.db.store.lazyfree.free(cut),
        Taken::Some(None) => {}
    }
}

/// What `count` elements from an end are: the first index.
fn first_of(list: ListRef<'_>, end: End, count: usize) -> usize {
    if end == End::Head { 0 } else { list.len() - count }
}
