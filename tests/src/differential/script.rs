//! What a history consists of, and when two replies to a step count as the same.

use std::borrow::Cow;

use rufous_persistence::dump;
use rufous_persistence::rdb::Reader;

use crate::resp::Reply;

/// Words of one command.
pub type Command = Vec<Vec<u8>>;

/// Connections of a history: 0 and 1 are ordinary, 2 is the subscriber by habit.
pub const CONNECTIONS: usize = 3;

/// One step: a command on one of the connections.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which connection.
    pub connection: usize,
    /// The command. The words `$ID0`, `$ID1`, `$ID2` stand for the client IDs of the connections.
    pub command: Command,
    /// How replies are compared.
    pub compare: Compare,
}

/// How the replies to a step are compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Compare {
    /// Byte by byte.
    Exact,
    /// The items of an array or set, or the pairs of a map, in any order.
    Unordered,
    /// A flat array of pairs (RESP2) or a map (RESP3), pairs in any order.
    Pairs,
    /// Integers: equal, or both positive and at most this far apart.
    Near(i64),
    /// Any reply, in which points in time (unix ms) may be this far apart, and what a version tells of streams and their consumers
    /// beyond the other's, or of its own nodes, is left out.
    Close(u64),
    /// XPENDING's: how long entries have been pending is left out.
    Pending,
    /// The same kind of reply.
    Kind,
    /// Both null, or two payloads of DUMP that hold the same value, whatever their versions.
    Payload,
    /// Both null, or both a key that exists on its server.
    SomeKey,
    /// A SCAN, SSCAN, HSCAN or ZSCAN with these words after the cursor, repeated until the cursor is 0; what it finds as a set.
    WholeScan,
    /// Everything that arrives up to the reply to a PING sent behind the command, in order but for the order of
    /// several patterns or channels of one command.
    Burst,
    /// As [`Burst`](Self::Burst), these further commands sent in the same write.
    Pipeline(Vec<Command>),
    /// HELLO's fields, without the version and the client's ID.
    Hello,
}

impl Step {
    /// A step on connection 0 compared byte by byte.
    pub fn exact(command: Command) -> Self {
        Self { connection: 0, command, compare: Compare::Exact }
    }

    /// A step on connection 0.
    pub fn new(command: Command, compare: Compare) -> Self {
        Self { connection: 0, command, compare }
    }

    /// The same step on another connection.
    pub fn on(mut self, connection: usize) -> Self {
        self.connection = connection;
        self
    }

    /// The command's name in lower case; empty for an empty command.
    pub fn name(&self) -> String {
        self.command
            .first()
            .map_or_else(String::new, |name| String::from_utf8_lossy(name).to_ascii_lowercase())
    }
}

/// Makes a command of words: strings, byte strings and vectors of bytes alike.
#[macro_export]
macro_rules! command {
    ($($word:expr),+ $(,)?) => { Vec::from([$(<_ as AsRef<[u8]>>::as_ref(&$word).to_vec()),+]) };
}

impl Compare {
    /// Whether the replies of the two servers count as the same. One step may have several replies.
    pub fn same(&self, ours: &[Reply], theirs: &[Reply]) -> bool {
        match (self, ours, theirs) {
            (Compare::Burst | Compare::Pipeline(_), _, _) => canonical_burst(ours) == canonical_burst(theirs),
            (_, [ours], [theirs]) => self.same_one(ours, theirs),
            _ => ours == theirs,
        }
    }

    fn same_one(&self, ours: &Reply, theirs: &Reply) -> bool {
        match (self, ours, theirs) {
            (Compare::Near(distance), Reply::Integer(a), Reply::Integer(b)) if *a > 0 && *b > 0 => {
                a.abs_diff(*b) <= distance.unsigned_abs()
            }
            (Compare::Close(distance), a, b) => close(&told_by_all(a), &told_by_all(b), *distance),
            (Compare::Pending, a, b) => without_idle(a) == without_idle(b),
            (Compare::Kind, a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
            (Compare::Payload, Reply::Bulk(a), Reply::Bulk(b)) => same_payload(a, b),
            (Compare::Unordered | Compare::WholeScan, a, b) => sorted(a) == sorted(b),
            (Compare::Pairs, Reply::Array(a), Reply::Array(b)) => sorted_pairs(a) == sorted_pairs(b),
            (Compare::Pairs, a, b) => sorted(a) == sorted(b),
            (Compare::Hello, a, b) => hello(a) == hello(b),
            (_, a, b) => a == b,
        }
    }
}

/// What only one version or server tells about streams, groups and consumers.
const OWN_FIELDS: [&str; 4] = ["radix-tree-nodes", "active-time", "inactive", "idle"];

/// The reply without the fields that only one version tells, or each in its own way.
fn told_by_all(reply: &Reply) -> Reply {
    let is_own = |reply: &Reply| OWN_FIELDS.contains(&reply.text().as_str());
    match reply {
        Reply::Map(pairs) => {
            let told = pairs.iter().filter(|(name, _)| !is_own(name));
            Reply::Map(told.map(|(name, value)| (name.clone(), told_by_all(value))).collect())
        }
        Reply::Array(items) => {
            let own: Vec<bool> = items.iter().map(is_own).collect();
            let told = (0..items.len()).filter(|at| !own[*at] && (*at == 0 || !own[at - 1]));
            Reply::Array(told.map(|at| told_by_all(&items[at])).collect())
        }
        other => other.clone(),
    }
}

/// Whether two replies are the same but for points in time.
fn close(ours: &Reply, theirs: &Reply, distance: u64) -> bool {
    const YEAR_2001_MS: i64 = 1_000_000_000_000;
    let all = |one: &[Reply], other: &[Reply]| {
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| close(one, other, distance))
    };
    match (ours, theirs) {
        (Reply::Integer(a), Reply::Integer(b)) if *a.min(b) > YEAR_2001_MS => a.abs_diff(*b) <= distance,
        (Reply::Array(a), Reply::Array(b)) => all(a, b),
        (Reply::Map(a), Reply::Map(b)) => {
            let flat = |pairs: &[(Reply, Reply)]| -> Vec<Reply> {
                pairs.iter().flat_map(|(name, value)| [name.clone(), value.clone()]).collect()
            };
            all(&flat(a), &flat(b))
        }
        (a, b) => a == b,
    }
}

/// Pending entries without how long they have been so.
fn without_idle(reply: &Reply) -> Reply {
    match reply {
        Reply::Array(items) => match items.as_slice() {
            [Reply::Bulk(id), Reply::Bulk(consumer), Reply::Integer(idle), deliveries] if *idle >= 0 => {
                Reply::Array(vec![Reply::Bulk(id.clone()), Reply::Bulk(consumer.clone()), deliveries.clone()])
            }
            items => Reply::Array(items.iter().map(without_idle).collect()),
        },
        other => other.clone(),
    }
}

/// Whether two payloads have the same bytes but for their versions, or hold the same compressed string: a compressor may
/// choose differently.
fn same_payload(ours: &[u8], theirs: &[u8]) -> bool {
    const COMPRESSED_STRING: &[u8] = b"\x00\xc3";
    let string = |body: &[u8]| Reader::new(&body[1..]).bytes().map(Cow::into_owned).ok();
    let (Some(ours), Some(theirs)) = (dump::open(ours, true), dump::open(theirs, true)) else { return false };
    let compressed = ours.body.starts_with(COMPRESSED_STRING) && theirs.body.starts_with(COMPRESSED_STRING);
    ours.body == theirs.body || (compressed && string(ours.body) == string(theirs.body))
}

/// The reply printed, its items sorted. Printing tells all kinds apart, so equal text means equal replies.
fn sorted(reply: &Reply) -> (u8, Vec<String>) {
    let (kind, mut lines): (u8, Vec<String>) = match reply {
        Reply::Array(items) => (1, items.iter().map(|item| format!("{item:?}")).collect()),
        Reply::Set(items) => (2, items.iter().map(|item| format!("{item:?}")).collect()),
        Reply::Map(pairs) => (3, pairs.iter().map(|pair| format!("{pair:?}")).collect()),
        other => (0, vec![format!("{other:?}")]),
    };
    lines.sort();
    (kind, lines)
}

fn sorted_pairs(items: &[Reply]) -> Vec<String> {
    let mut pairs: Vec<String> = items.chunks(2).map(|pair| format!("{pair:?}")).collect();
    pairs.sort();
    pairs
}

/// Replies of a burst as sorted lines. Which of several unsubscribed channels is named first is not promised, so names
/// and remaining counts are taken apart.
fn canonical_burst(replies: &[Reply]) -> Vec<String> {
    let mut lines = Vec::new();
    for reply in replies {
        match reply.items() {
            Some([kind, name, count]) if kind.text().ends_with("unsubscribe") => {
                lines.push(format!("{} {name:?}", kind.text()));
                lines.push(format!("{} {count:?}", kind.text()));
            }
            _ => lines.push(format!("{reply:?}")),
        }
    }
    lines.sort();
    lines
}

fn hello(reply: &Reply) -> Vec<String> {
    let flat: Vec<&Reply> = match reply {
        Reply::Map(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
        Reply::Array(items) => items.iter().collect(),
        other => return vec![format!("{other:?}")],
    };
    let changing = |key: &Reply| matches!(key.text().as_str(), "version" | "id");
    flat.chunks(2).filter(|pair| !changing(pair[0])).map(|pair| format!("{pair:?}")).collect()
}

#[cfg(test)]
mod tests {
    use super::Compare;
    use crate::resp::{Reply, decode};

    fn check(compare: &Compare, ours: &[u8], theirs: &[u8], same: bool) {
        let one = |bytes: &[u8]| -> Vec<Reply> {
            let (mut replies, mut at) = (Vec::new(), 0);
            while let Some((reply, length)) = decode(&bytes[at..]).unwrap() {
                replies.push(reply);
                at += length;
            }
            replies
        };
        assert_eq!(compare.same(&one(ours), &one(theirs)), same, "{compare:?}");
    }

    #[test]
    fn comparisons_are_no_looser_than_they_say() {
        check(&Compare::Exact, b"$-1\r\n", b"*-1\r\n", false);
        check(&Compare::Exact, b"+OK\r\n", b"$2\r\nOK\r\n", false);
        check(&Compare::Near(5), b":100\r\n", b":104\r\n", true);
        check(&Compare::Near(5), b":-1\r\n", b":-2\r\n", false);
        check(&Compare::Near(5), b":1\r\n", b":-2\r\n", false);
        check(&Compare::Unordered, b"*2\r\n+a\r\n+b\r\n", b"*2\r\n+b\r\n+a\r\n", true);
        check(&Compare::Unordered, b"*2\r\n+a\r\n+b\r\n", b"~2\r\n+b\r\n+a\r\n", false);
        check(&Compare::Pairs, b"*4\r\n+a\r\n+1\r\n+b\r\n+2\r\n", b"*4\r\n+b\r\n+2\r\n+a\r\n+1\r\n", true);
        check(&Compare::Pairs, b"*4\r\n+a\r\n+1\r\n+b\r\n+2\r\n", b"*4\r\n+b\r\n+1\r\n+a\r\n+2\r\n", false);
        check(&Compare::Kind, b":1\r\n", b":2\r\n", true);
        check(&Compare::Kind, b":1\r\n", b"-ERR\r\n", false);
        check(&Compare::Burst, b"+a\r\n+b\r\n", b"+a\r\n", false);
        check(&Compare::Close(5), b"*1\r\n:1700000000000\r\n", b"*1\r\n:1700000000004\r\n", true);
        check(&Compare::Close(5), b"*1\r\n:1700000000000\r\n", b"*1\r\n:1700000000014\r\n", false);
        check(&Compare::Close(5), b"*1\r\n:1\r\n", b"*1\r\n:2\r\n", false);
        check(&Compare::Close(5), b"*3\r\n+a\r\n+idle\r\n:1\r\n", b"*3\r\n+a\r\n+idle\r\n:2\r\n", true);
        check(&Compare::Close(5), b"*3\r\n+a\r\n+lag\r\n:1\r\n", b"*3\r\n+a\r\n+lag\r\n:2\r\n", false);
        let pending = |idle: i64, deliveries: i64| {
            format!("*1\r\n*4\r\n$3\r\n1-1\r\n$1\r\na\r\n:{idle}\r\n:{deliveries}\r\n").into_bytes()
        };
        check(&Compare::Pending, &pending(1, 2), &pending(5, 2), true);
        check(&Compare::Pending, &pending(1, 2), &pending(1, 3), false);
    }
}
