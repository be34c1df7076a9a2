//! The rows of the sorted set commands.

use super::combine::{zdiff, zdiffstore, zinter, zintercard, zinterstore, zunion, zunionstore};
use super::members::{zadd, zcard, zincrby, zmscore, zrank, zrem, zrevrank, zscan, zscore};
use super::pop::{bzmpop, bzpopmax, bzpopmin, zmpop, zpopmax, zpopmin};
use super::random::zrandmember;
use super::range::{
    zcount, zlexcount, zrange, zrangebylex, zrangebyscore, zrangestore, zremrangebylex, zremrangebyrank,
    zremrangebyscore, zrevrange, zrevrangebylex, zrevrangebyscore,
};
use crate::command::keys::{ACCESS, DELETE, OW, RO, RW, UPDATE};
use crate::command::shared::{
    KEY_DELETE, KEY_LOOK, KEY_READ, KEY_TAKE, KEYS_WAIT, READ, READ_FAST, SHRINK, SHRINK_FAST, WRITE,
    WRITE_FAST,
};
use crate::command::{Command, Flags, Group, KeySpec, Seeks};

const WAIT: Flags = Flags::WRITE.union(Flags::BLOCKING);
const WAIT_FAST: Flags = WAIT.union(Flags::FAST);

const KEYS_READ: &[KeySpec] = &[KeySpec::numkeys(1, 0, 1, 1, RO.union(ACCESS))];
const KEYS_STORE: &[KeySpec] =
    &[KeySpec::one(1, OW.union(UPDATE)), KeySpec::numkeys(2, 0, 1, 1, RO.union(ACCESS))];

const LOG: &str = "O(log N) where N is the number of members";
const LOG_AND_PART: &str = "O(log N + M) where N is the number of members and M of those in the range";
const LOG_AND_COUNT: &str = "O(log N + M) where N is the number of members and M of those taken";
const KEYS_AND_COUNT: &str =
    "O(K + log N + M) where K is the number of keys, N of members and M of those taken";
const ALL_AND_SORT: &str =
    "O(N + M log M) where N is the number of members of all sources and M of those in the result";
const SMALLEST_AND_SORT: &str = "O(N*K + M log M) where N is the number of members of the smallest source, K of sources and M of members in the result";
const FIRST_AND_SORT: &str = "O(N*K + M log M) where N is the number of members of the first source, K of sources and M of members in the result";

const WITHSCORE_ADDED: &[(&str, &str)] = &[("7.2.0", "Added `WITHSCORE`.")];
const SEVERAL_ADDED: &[(&str, &str)] = &[("2.4.0", "Takes several members.")];
const TIMEOUT_DOUBLE: &[(&str, &str)] = &[("6.0.0", "The timeout may have a fraction.")];

/// The sorted set commands.
pub const ROWS: &[Command] = &[
    Command::new("bzmpop", bzmpop, -5, WAIT, Group::SortedSet)
        .keys(&[KeySpec::numkeys(2, 0, 1, 1, RW.union(ACCESS).union(DELETE))])
        .docs(
            "7.0.0",
            KEYS_AND_COUNT,
            "Removes members from an end of the first sorted set that has some and gives them, waiting for one if none has.",
            "timeout:double numkeys:integer key ... <MIN | MAX>:where [COUNT count:integer]",
        ),
    Command::new("bzpopmax", bzpopmax, -3, WAIT_FAST, Group::SortedSet)
        .keys(KEYS_WAIT)
        .docs(
            "5.0.0",
            LOG,
            "Removes the member with the greatest score and gives it, waiting for one if there is none.",
            "key ... timeout:double",
        )
        .history(TIMEOUT_DOUBLE),
    Command::new("bzpopmin", bzpopmin, -3, WAIT_FAST, Group::SortedSet)
        .keys(KEYS_WAIT)
        .docs(
            "5.0.0",
            LOG,
            "Removes the member with the least score and gives it, waiting for one if there is none.",
            "key ... timeout:double",
        )
        .history(TIMEOUT_DOUBLE),
    Command::new("zadd", zadd, -4, WRITE_FAST, Group::SortedSet)
        .keys(&[KeySpec::one(1, RW.union(UPDATE))]).seeks(Seeks::Rank(3))
        .docs(
            "1.2.0",
            "O(log N) for each member added, where N is the number of members",
            "Adds members to a sorted set or changes their scores, creating the key if needed.",
            "key [NX | XX]:condition@3.0.2 [GT | LT]:comparison@6.2.0 [CH:change@3.0.2] [INCR:increment@3.0.2] (score:double member):data ...",
        )
        .history(&[
            ("2.4.0", "Takes several members."),
            ("3.0.2", "Added `XX`, `NX`, `CH` and `INCR`."),
            ("6.2.0", "Added `GT` and `LT`."),
        ]),
    Command::new("zcard", zcard, 2, READ_FAST, Group::SortedSet).keys(KEY_LOOK).docs(
        "1.2.0",
        "O(1)",
        "Counts the members of a sorted set.",
        "key",
    ),
    Command::new("zcount", zcount, 4, READ_FAST, Group::SortedSet).keys(KEY_READ).docs(
        "2.0.0",
        LOG,
        "Counts the members with scores in a range.",
        "key min:double max:double",
    ),
    Command::new("zdiff", zdiff, -3, READ, Group::SortedSet).keys(KEYS_READ).docs(
        "6.2.0",
        FIRST_AND_SORT,
        "Gives the members of a sorted set that no other has.",
        "numkeys:integer key ... [WITHSCORES]",
    ),
    Command::new("zdiffstore", zdiffstore, -4, WRITE, Group::SortedSet).keys(KEYS_STORE).docs(
        "6.2.0",
        FIRST_AND_SORT,
        "Stores the members of a sorted set that no other has.",
        "destination:key numkeys:integer key#1 ...",
    ),
    Command::new("zincrby", zincrby, 4, WRITE_FAST, Group::SortedSet)
        .keys(&[KeySpec::one(1, RW.union(ACCESS).union(UPDATE))]).seeks(Seeks::Rank(3))
        .docs("1.2.0", LOG, "Adds to the score of a member.", "key increment:integer member"),
    Command::new("zinter", zinter, -3, READ, Group::SortedSet).keys(KEYS_READ).docs(
        "6.2.0",
        SMALLEST_AND_SORT,
        "Gives the members that all sorted sets have.",
        "numkeys:integer key ... [WEIGHTS weight:integer ...] [AGGREGATE <SUM | MIN | MAX>:aggregate] [WITHSCORES]",
    ),
    Command::new("zintercard", zintercard, -3, READ, Group::SortedSet).keys(KEYS_READ).docs(
        "7.0.0",
        "O(N*K) where N is the number of members of the smallest source and K of sources",
        "Counts the members that all sorted sets have.",
        "numkeys:integer key ... [LIMIT limit:integer]",
    ),
    Command::new("zinterstore", zinterstore, -4, WRITE, Group::SortedSet).keys(KEYS_STORE).docs(
        "2.0.0",
        SMALLEST_AND_SORT,
        "Stores the members that all sorted sets have.",
        "destination:key numkeys:integer key#1 ... [WEIGHTS weight:integer ...] [AGGREGATE <SUM | MIN | MAX>:aggregate]",
    ),
    Command::new("zlexcount", zlexcount, 4, READ_FAST, Group::SortedSet).keys(KEY_READ).docs(
        "2.8.9",
        LOG,
        "Counts the members in a range of members, all scores being equal.",
        "key min max",
    ),
    Command::new("zmpop", zmpop, -4, SHRINK, Group::SortedSet)
        .keys(&[KeySpec::numkeys(1, 0, 1, 1, RW.union(ACCESS).union(DELETE))])
        .docs(
            "7.0.0",
            KEYS_AND_COUNT,
            "Removes members from an end of the first sorted set that has some and gives them.",
            "numkeys:integer key ... <MIN | MAX>:where [COUNT count:integer]",
        ),
    Command::new("zmscore", zmscore, -3, READ_FAST, Group::SortedSet).keys(KEY_READ).docs(
        "6.2.0",
        "O(N) where N is the number of members asked about",
        "Gives the scores of several members.",
        "key member ...",
    ),
    Command::new("zpopmax", zpopmax, -2, SHRINK_FAST, Group::SortedSet).keys(KEY_TAKE).docs(
        "5.0.0",
        LOG_AND_COUNT,
        "Removes the members with the greatest scores and gives them.",
        "key [count:integer]",
    ),
    Command::new("zpopmin", zpopmin, -2, SHRINK_FAST, Group::SortedSet).keys(KEY_TAKE).docs(
        "5.0.0",
        LOG_AND_COUNT,
        "Removes the members with the least scores and gives them.",
        "key [count:integer]",
    ),
    Command::new("zrandmember", zrandmember, -2, READ, Group::SortedSet)
        .keys(KEY_READ)
        .docs(
            "6.2.0",
            "O(N) where N is the count, or 1 without one",
            "Gives members by chance.",
            "key [count:integer [WITHSCORES]]:options",
        )
        .tips(&["nondeterministic_output"]),
    Command::new("zrange", zrange, -4, READ, Group::SortedSet)
        .keys(KEY_READ)
        .docs(
            "1.2.0",
            LOG_AND_PART,
            "Gives the members in a range of ranks, scores or members.",
            "key start stop [BYSCORE | BYLEX]:sortby@6.2.0 [REV@6.2.0] [LIMIT (offset:integer count:integer)@6.2.0] [WITHSCORES]",
        )
        .history(&[("6.2.0", "Added `REV`, `BYSCORE`, `BYLEX` and `LIMIT`.")]),
    Command::new("zrangebylex", zrangebylex, -4, READ, Group::SortedSet)
        .keys(KEY_READ)
        .docs(
            "2.8.9",
            LOG_AND_PART,
            "Gives the members in a range of members, all scores being equal.",
            "key min max [LIMIT (offset:integer count:integer)]",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument"),
    Command::new("zrangebyscore", zrangebyscore, -4, READ, Group::SortedSet)
        .keys(KEY_READ)
        .docs(
            "1.0.5",
            LOG_AND_PART,
            "Gives the members with scores in a range.",
            "key min:double max:double [WITHSCORES@2.0.0] [LIMIT (offset:integer count:integer)]",
        )
        .history(&[("2.0.0", "Added `WITHSCORES`.")])
        .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument"),
    Command::new("zrangestore", zrangestore, -5, WRITE, Group::SortedSet)
        .keys(&[KeySpec::one(1, OW.union(UPDATE)), KeySpec::one(2, RO.union(ACCESS))])
        .docs(
            "6.2.0",
            LOG_AND_PART,
            "Stores the members in a range of ranks, scores or members.",
            "dst:key src:key#1 min max [BYSCORE | BYLEX]:sortby [REV] [LIMIT (offset:integer count:integer)]",
        ),
    Command::new("zrank", zrank, -3, READ_FAST, Group::SortedSet)
        .keys(KEY_READ).seeks(Seeks::Rank(2))
        .docs("2.0.0", LOG, "Gives the rank of a member, from the least score on.", "key member [WITHSCORE]")
        .history(WITHSCORE_ADDED),
    Command::new("zrem", zrem, -3, SHRINK_FAST, Group::SortedSet)
        .keys(KEY_DELETE).seeks(Seeks::Rank(2))
        .docs(
            "1.2.0",
            "O(M log N) where N is the number of members and M of those to remove",
            "Removes members from a sorted set, and the key with the last one.",
            "key member ...",
        )
        .history(SEVERAL_ADDED),
    Command::new("zremrangebylex", zremrangebylex, 4, SHRINK, Group::SortedSet).keys(KEY_DELETE).docs(
        "2.8.9",
        LOG_AND_PART,
        "Removes the members in a range of members, all scores being equal.",
        "key min max",
    ),
    Command::new("zremrangebyrank", zremrangebyrank, 4, SHRINK, Group::SortedSet).keys(KEY_DELETE).docs(
        "2.0.0",
        LOG_AND_PART,
        "Removes the members in a range of ranks.",
        "key start:integer stop:integer",
    ),
    Command::new("zremrangebyscore", zremrangebyscore, 4, SHRINK, Group::SortedSet).keys(KEY_DELETE).docs(
        "1.2.0",
        LOG_AND_PART,
        "Removes the members with scores in a range.",
        "key min:double max:double",
    ),
    Command::new("zrevrange", zrevrange, -4, READ, Group::SortedSet)
        .keys(KEY_READ)
        .docs(
            "1.2.0",
            LOG_AND_PART,
            "Gives the members in a range of ranks, from the greatest score on.",
            "key start:integer stop:integer [WITHSCORES]",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `REV` argument"),
    Command::new("zrevrangebylex", zrevrangebylex, -4, READ, Group::SortedSet)
        .keys(KEY_READ)
        .docs(
            "2.8.9",
            LOG_AND_PART,
            "Gives the members in a range of members, the greatest first, all scores being equal.",
            "key max min [LIMIT (offset:integer count:integer)]",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments"),
    Command::new("zrevrangebyscore", zrevrangebyscore, -4, READ, Group::SortedSet)
        .keys(KEY_READ)
        .docs(
            "2.2.0",
            LOG_AND_PART,
            "Gives the members with scores in a range, from the greatest score on.",
            "key max:double min:double [WITHSCORES] [LIMIT (offset:integer count:integer)]",
        )
        .history(&[("2.1.6", "The ends of the range may be open.")])
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments"),
    Command::new("zrevrank", zrevrank, -3, READ_FAST, Group::SortedSet)
        .keys(KEY_READ).seeks(Seeks::Rank(2))
        .docs("2.0.0", LOG, "Gives the rank of a member, from the greatest score on.", "key member [WITHSCORE]")
        .history(WITHSCORE_ADDED),
    Command::new("zscan", zscan, -3, READ, Group::SortedSet)
        .keys(KEY_READ)
        .docs(
            "2.8.0",
            "O(1) for each call, O(N) for a whole iteration over N members",
            "Goes through the members of a sorted set and their scores in steps.",
            "key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]",
        )
        .tips(&["nondeterministic_output"]),
    Command::new("zscore", zscore, 3, READ_FAST, Group::SortedSet).keys(KEY_READ).seeks(Seeks::Member(2)).docs(
        "1.2.0",
        "O(1)",
        "Gives the score of a member.",
        "key member",
    ),
    Command::new("zunion", zunion, -3, READ, Group::SortedSet).keys(KEYS_READ).docs(
        "6.2.0",
        ALL_AND_SORT,
        "Gives the members that any of the sorted sets has.",
        "numkeys:integer key ... [WEIGHTS weight:integer ...] [AGGREGATE <SUM | MIN | MAX>:aggregate] [WITHSCORES]",
    ),
    Command::new("zunionstore", zunionstore, -4, WRITE, Group::SortedSet).keys(KEYS_STORE).docs(
        "2.0.0",
        ALL_AND_SORT,
        "Stores the members that any of the sorted sets has.",
        "destination:key numkeys:integer key#1 ... [WEIGHTS weight:integer ...] [AGGREGATE <SUM | MIN | MAX>:aggregate]",
    ),
];
