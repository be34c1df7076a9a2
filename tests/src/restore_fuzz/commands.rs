//! Values to dump, and what is done to what was restored.

use crate::command;
use crate::differential::script::Command;
use crate::seed::Seed;
use rufous_persistence::rdb::Type;

/// Commands that make a value of any type and encoding under `v`.
pub(super) fn value(seed: &mut Seed) -> Vec<Command> {
    let many = *seed.pick(&[1, 2, 5, 20, 100, 200, 600]);
    let name = *seed.pick(&["SET", "RPUSH", "SADD", "HSET", "ZADD", "XADD", "XGROUP", "PFADD"]);
    let mut all = Vec::new();
    match name {
        "SET" => all.push(command!["SET", "v", word(seed).repeat(1 + seed.below(50))]),
        "XADD" | "XGROUP" => {
            for _ in 0..many.min(100) {
                let field = *seed.pick(&["f", "g", "other"]);
                all.push(command!["XADD", "v", "*", field, word(seed), "h", word(seed)]);
            }
            if name == "XGROUP" {
                all.push(command!["XGROUP", "CREATE", "v", "g", "0"]);
                let count = seed.below(20).to_string();
                all.push(command!["XREADGROUP", "GROUP", "g", "alice", "COUNT", count, "STREAMS", "v", ">"]);
                all.push(command!["XREADGROUP", "GROUP", "g", "bob", "COUNT", "2", "STREAMS", "v", ">"]);
                all.push(command!["XGROUP", "CREATE", "v", "h", "$"]);
            }
        }
        _ => {
            let mut command = command![name, "v"];
            for _ in 0..many {
                match name {
                    "HSET" => command.push(word(seed)),
                    "ZADD" => command.push(score(seed)),
                    _ => (),
                }
                command.push(word(seed));
            }
            all.push(command);
        }
    }
    if seed.one_in(6) {
        all.push(command!["HEXPIRE", "v", "10000", "FIELDS", "2", "1", "a"]);
    }
    all
}

/// A command on `v`, mostly of the type that its payload is said to have.
pub(super) fn command(seed: &mut Seed, kind: Option<Type>) -> Command {
    let any = [
        "DUMP v",
        "DEBUG DIGEST-VALUE v",
        "DEBUG OBJECT v",
        "OBJECT ENCODING v",
        "MEMORY USAGE v",
        "COPY v w REPLACE",
        "SORT v ALPHA",
        "SORT v BY nosort LIMIT 1 3",
        "RENAME v v",
        "OBJECT FREQ v",
        "PEXPIRE v 100000",
    ];
    let own = kind.map_or(STRINGS, own);
    let form = if seed.one_in(4) { *seed.pick(&any) } else { *seed.pick(own) };
    form.split(' ')
        .map(|part| match part {
            "#" => seed.range(-5, 300).to_string().into_bytes(),
            "@" => word(seed),
            "%" => score(seed),
            part => part.into(),
        })
        .collect()
}

fn own(kind: Type) -> &'static [&'static str] {
    match kind {
        Type::String => STRINGS,
        Type::List | Type::ListZiplist | Type::ListZiplists | Type::ListListpacks => LISTS,
        Type::Set | Type::SetIntset | Type::SetListpack => SETS,
        Type::SortedSetTextual | Type::SortedSet | Type::SortedSetZiplist | Type::SortedSetListpack => {
            SORTED_SETS
        }
        Type::Hash | Type::HashZipmap | Type::HashZiplist | Type::HashListpack => HASHES,
        Type::HashExpiries | Type::HashListpackExpiriesFirst => HASHES,
        Type::HashMetadata | Type::HashListpackExpiries => HASHES,
        Type::StreamFirst | Type::StreamSecond | Type::Stream | Type::StreamProducers => STREAMS,
    }
}

const STRINGS: &[&str] = &[
    "GET v",
    "STRLEN v",
    "APPEND v @",
    "SETRANGE v # @",
    "GETRANGE v # #",
    "INCR v",
    "INCRBYFLOAT v 1.5",
    "BITCOUNT v",
    "SETBIT v 77 1",
    "BITPOS v 1",
    "GETEX v",
    "PFCOUNT v",
    "PFADD v @",
    "PFMERGE v v",
    "PFDEBUG GETREG v",
    "LCS v v",
];
const LISTS: &[&str] = &[
    "LRANGE v 0 -1",
    "LRANGE v # #",
    "LINDEX v #",
    "LLEN v",
    "LPUSH v @ @ @",
    "RPUSH v @",
    "LPOP v",
    "RPOP v 3",
    "LSET v # @",
    "LINSERT v BEFORE @ @",
    "LREM v 0 @",
    "LTRIM v # #",
    "LPOS v @ COUNT 0",
    "LMOVE v v LEFT RIGHT",
    "LMPOP 1 v RIGHT COUNT #",
    "DEBUG QUICKLIST v",
];
const SETS: &[&str] = &[
    "SMEMBERS v",
    "SCARD v",
    "SADD v @ @ @",
    "SREM v @",
    "SISMEMBER v @",
    "SMISMEMBER v @ @",
    "SPOP v",
    "SPOP v 3",
    "SRANDMEMBER v",
    "SRANDMEMBER v -5",
    "SRANDMEMBER v 5",
    "SSCAN v 0 COUNT 100",
    "SUNIONSTORE w v v",
    "SDIFF v w",
    "SINTERCARD 2 v w",
    "SMOVE v w @",
];
const SORTED_SETS: &[&str] = &[
    "ZRANGE v 0 -1 WITHSCORES",
    "ZRANGE v # # REV",
    "ZRANGEBYSCORE v % %",
    "ZRANGEBYLEX v - + LIMIT # #",
    "ZCARD v",
    "ZADD v % @ % @",
    "ZINCRBY v % @",
    "ZREM v @",
    "ZSCORE v @",
    "ZRANK v @",
    "ZREVRANK v @",
    "ZPOPMIN v",
    "ZPOPMAX v 3",
    "ZRANDMEMBER v 5 WITHSCORES",
    "ZRANDMEMBER v -5",
    "ZREMRANGEBYRANK v # #",
    "ZREMRANGEBYSCORE v % %",
    "ZSCAN v 0 COUNT 100",
    "ZCOUNT v % %",
    "ZUNIONSTORE w 2 v v",
    "GEOPOS v @",
    "GEOSEARCH v FROMLONLAT 0 0 BYRADIUS 10000 km",
];
const HASHES: &[&str] = &[
    "HGETALL v",
    "HLEN v",
    "HSET v @ @ @ @",
    "HDEL v @",
    "HGET v @",
    "HMGET v @ @",
    "HEXISTS v @",
    "HSTRLEN v @",
    "HINCRBY v @ 5",
    "HINCRBYFLOAT v @ 1.5",
    "HSETNX v @ @",
    "HKEYS v",
    "HVALS v",
    "HRANDFIELD v 5 WITHVALUES",
    "HRANDFIELD v -5",
    "HEXPIRE v 1000 FIELDS 2 @ @",
    "HPEXPIRE v 1 FIELDS 1 @",
    "HPTTL v FIELDS 2 @ @",
    "HPERSIST v FIELDS 1 @",
    "HGETEX v EX 10 FIELDS 1 @",
    "HSETEX v EX 10 FIELDS 1 @ @",
    "HGETDEL v FIELDS 1 @",
    "HRANDFIELD v -5",
    "HSCAN v 0 COUNT 100",
    "HEXPIRE v 1000 FIELDS 1 @",
    "HPERSIST v FIELDS 1 @",
    "HTTL v FIELDS 2 @ @",
];
const STREAMS: &[&str] = &[
    "XLEN v",
    "XRANGE v - +",
    "XREVRANGE v + - COUNT 5",
    "XADD v * f @",
    "XADD v MAXLEN 5 * f @ g @",
    "XTRIM v MAXLEN #",
    "XTRIM v MINID #",
    "XDEL v 1-1 2-2",
    "XREAD COUNT 3 STREAMS v 0",
    "XINFO STREAM v FULL",
    "XINFO STREAM v",
    "XINFO GROUPS v",
    "XINFO CONSUMERS v g",
    "XGROUP CREATE v n 0",
    "XGROUP DESTROY v g",
    "XGROUP SETID v g 0",
    "XGROUP DELCONSUMER v g alice",
    "XREADGROUP GROUP g alice COUNT 3 STREAMS v >",
    "XREADGROUP GROUP g alice STREAMS v 0",
    "XPENDING v g",
    "XPENDING v g - + 10",
    "XAUTOCLAIM v g bob 0 0 COUNT 5",
    "XACK v g 1-1",
    "XSETID v 9999999999999-0",
];

/// An element: few, so that commands find some; integers and texts of all lengths.
fn word(seed: &mut Seed) -> Vec<u8> {
    match seed.below(12) {
        0 => seed.range(-70_000, 70_000).to_string().into_bytes(),
        1 => (seed.bits() as i64).to_string().into_bytes(),
        2 => vec![b'x'; seed.below(80)],
        3 if seed.one_in(8) => vec![b'y'; seed.below(5000)],
        4..=7 => seed.range(0, 30).to_string().into_bytes(),
        _ => vec![b'a' + seed.below(26) as u8],
    }
}

fn score(seed: &mut Seed) -> Vec<u8> {
    match seed.below(6) {
        0 => seed.pick(&["inf", "-inf", "1e300", "-0", "0.1", "9223372036854775807"]).as_bytes().to_vec(),
        1 => format!("{}.{}", seed.range(-50, 50), seed.below(1000)).into_bytes(),
        _ => seed.range(-20, 300).to_string().into_bytes(),
    }
}
