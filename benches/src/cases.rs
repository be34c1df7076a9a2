//! The commands that are measured: a row each.
//!
//! `fill` runs once for each number below the keyspace before the case, so that every round sees the same
//! steady state: a GET hits, a SET overwrites, an HSET changes a field that exists.
//!
//! Collections come in two sizes: `-10` draws from many with ten elements each, a tenth of the keyspace, `-1m` has one with
//! as many elements as the keyspace says. A pop comes with the push that keeps the length, and the figure is the mean of both.

use crate::template::{Template, elements, words};

/// One command to measure.
#[derive(Clone, Debug)]
pub struct Case {
    /// What `--cases` and the report call it.
    pub name: String,
    /// The dataset, written before; `None` needs none.
    pub fill: Option<String>,
    /// The command.
    pub command: String,
    /// Whether the size of the values matters to it.
    pub sized: bool,
}

const STRINGS: &str = "SET key:__rand_int__ __value__";
const COUNTERS: &str = "SET cnt:__rand_int__ 1000";
const HASHES: &str = "HSET hsh:__rand_int__ name __value__ age 42 city Paris";
const HASHES_OF_10: &str = "HSET h10:__rand_int__ [f:# __value__]";
const SETS_OF_10: &str = "SADD s10:__rand_int__ [member:#]";
const RANKINGS_OF_10: &str = "ZADD z10:__rand_int__ [# member:#]";
const LISTS_OF_10: &str = "RPUSH l10:__rand_int__ [__value__]";
const STREAMS_OF_10: &str = "[XADD x10:__rand_int__ 1-# sensor 1 value 20 ;]";
const HASH: &str = "HSET hash field:__rand_int__ __value__";
const LIST: &str = "RPUSH list __value__";
const STREAM: &str = "XADD stream 1-1__rand_int__ sensor 1 value 20";
const MEMBERS: &str = "SADD set member:__rand_int__";
const SCORES: &str = "ZADD zset __rand_int__ member:__rand_int__";

/// name, fill, command, whether values matter
const ROWS: &[(&str, Option<&str>, &str, bool)] = &[
    ("ping", None, "PING", false),
    ("get", Some(STRINGS), "GET key:__rand_int__", true),
    ("set", Some(STRINGS), STRINGS, true),
    ("getmiss", Some(STRINGS), "GET mis:__rand_int__", false),
    ("setex", Some(STRINGS), "SET key:__rand_int__ __value__ EX 3600", true),
    ("exists", Some(STRINGS), "EXISTS key:__rand_int__", false),
    ("incr", Some(COUNTERS), "INCR cnt:__rand_int__", false),
    ("mget", Some(STRINGS), "MGET", true),
    ("mset", Some(STRINGS), "MSET", true),
    ("hset", Some(HASHES), "HSET hsh:__rand_int__ name __value__", true),
    ("hget", Some(HASHES), "HGET hsh:__rand_int__ name", true),
    ("sismember", Some(MEMBERS), "SISMEMBER set member:__rand_int__", false),
    ("zadd", Some(SCORES), SCORES, false),
    ("zscore", Some(SCORES), "ZSCORE zset member:__rand_int__", false),
    ("hset-10", Some(HASHES_OF_10), "HSET h10:__rand_int__ f:5 __value__", true),
    ("hget-10", Some(HASHES_OF_10), "HGET h10:__rand_int__ f:5", true),
    ("hgetall-10", Some(HASHES_OF_10), "HGETALL h10:__rand_int__", true),
    ("sadd-10", Some(SETS_OF_10), "SADD s10:__rand_int__ member:5", false),
    ("sismember-10", Some(SETS_OF_10), "SISMEMBER s10:__rand_int__ member:5", false),
    ("zadd-10", Some(RANKINGS_OF_10), "ZADD z10:__rand_int__ __rand_int__ member:5", false),
    ("zscore-10", Some(RANKINGS_OF_10), "ZSCORE z10:__rand_int__ member:5", false),
    ("zrank-10", Some(RANKINGS_OF_10), "ZRANK z10:__rand_int__ member:5", false),
    ("zrange-10", Some(RANKINGS_OF_10), "ZRANGE z10:__rand_int__ 0 99", false),
    ("zrangebyscore-10", Some(RANKINGS_OF_10), "ZRANGE z10:__rand_int__ 5 inf BYSCORE LIMIT 0 10", false),
    ("lrange-10", Some(LISTS_OF_10), "LRANGE l10:__rand_int__ 0 99", true),
    ("rpop-10", Some(LISTS_OF_10), "LPUSH l10:__rand_int__ __value__ ; RPOP l10:__same_int__", true),
    ("xrange-10", Some(STREAMS_OF_10), "XRANGE x10:__rand_int__ - + COUNT 10", false),
    ("xadd-10", Some(STREAMS_OF_10), "XADD x10:__rand_int__ MAXLEN ~ 10 * sensor 1 value 20", false),
    ("hset-1m", Some(HASH), HASH, true),
    ("hget-1m", Some(HASH), "HGET hash field:__rand_int__", true),
    ("sadd-1m", Some(MEMBERS), MEMBERS, false),
    ("sismember-1m", Some(MEMBERS), "SISMEMBER set member:__rand_int__", false),
    ("zscore-1m", Some(SCORES), "ZSCORE zset member:__rand_int__", false),
    ("zrank-1m", Some(SCORES), "ZRANK zset member:__rand_int__", false),
    ("zrange-1m", Some(SCORES), "ZRANGE zset 0 99", false),
    ("zrangebyscore-1m", Some(SCORES), "ZRANGE zset __rand_int__ inf BYSCORE LIMIT 0 10", false),
    ("zadd-1m", Some(SCORES), SCORES, false),
    ("lrange-1m", Some(LIST), "LRANGE list 0 99", true),
    ("rpop-1m", Some(LIST), "LPUSH list __value__ ; RPOP list", true),
    ("lpush-1m", Some(LIST), "LPUSH list __value__", true),
    ("xrange-1m", Some(STREAM), "XRANGE stream 1-1__rand_int__ + COUNT 10", false),
    ("xadd-1m", Some(STREAM), "XADD stream MAXLEN ~ 1000000 * sensor 1 value 20", false),
];

const KEYS_PER_MULTI_COMMAND: usize = 10;

impl Case {
    /// The rows by name.
    pub fn by_names(names: &[String]) -> Result<Vec<Case>, String> {
        names.iter().map(|name| Case::by_name(name)).collect()
    }

    /// A command given on the command line, with placeholders and optionally `fill => command`.
    #[must_use]
    pub fn custom(line: &str) -> Case {
        let (fill, command) = match line.split_once("=>") {
            Some((fill, command)) => (Some(fill.trim().to_owned()), command.trim().to_owned()),
            None => (None, line.trim().to_owned()),
        };
        let sized = command.contains(crate::template::VALUE);
        Case { name: command.clone(), fill, command, sized }
    }

    /// Every name.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ROWS.iter().map(|row| row.0)
    }

    /// How many keys the case has of a keyspace: each collection of ten counts as ten.
    #[must_use]
    pub fn keys(&self, keyspace: u64) -> u64 {
        (keyspace / self.fill.as_deref().map_or(1, elements)).max(1)
    }

    /// The command's words for values of `value_bytes`.
    #[must_use]
    pub fn words(&self, value_bytes: usize) -> Vec<String> {
        words(&self.command, value_bytes)
    }

    /// The filling command for values of `value_bytes`.
    #[must_use]
    pub fn fill_template(&self, value_bytes: usize) -> Option<Template> {
        self.fill.as_ref().map(|fill| Template::new(&words(fill, value_bytes)))
    }

    fn by_name(name: &str) -> Result<Case, String> {
        let row = ROWS.iter().find(|row| row.0 == name);
        let (name, fill, command, sized) = row.ok_or_else(|| {
            let known: Vec<&str> = Case::names().collect();
            format!("no case {name:?}; there are {}", known.join(", "))
        })?;
        let command = match *name {
            "mget" => format!("MGET{}", " key:__rand_int__".repeat(KEYS_PER_MULTI_COMMAND)),
            "mset" => format!("MSET{}", " key:__rand_int__ __value__".repeat(KEYS_PER_MULTI_COMMAND)),
            _ => (*command).to_owned(),
        };
        Ok(Case { name: (*name).to_owned(), fill: fill.map(str::to_owned), command, sized: *sized })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        let names: Vec<String> = Case::names().map(str::to_owned).collect();
        let unique: std::collections::HashSet<&String> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
        assert_eq!(Case::by_names(&names).unwrap().len(), names.len());
        assert!(Case::by_names(&["nope".to_owned()]).unwrap_err().contains("there are ping, get"));
    }

    #[test]
    fn a_case_that_shows_its_value_is_sized() {
        for name in Case::names() {
            let case = Case::by_name(name).unwrap();
            let reads_values =
                ["get", "mget", "hget", "hget-10", "hget-1m", "hgetall-10", "lrange-10", "lrange-1m"];
            let reads_values = reads_values.contains(&name);
            assert_eq!(case.sized, case.command.contains("__value__") || reads_values, "{name}");
        }
    }

    #[test]
    fn a_collection_of_ten_counts_as_ten_keys() {
        for (name, keys) in
            [("ping", 1000), ("hget-10", 100), ("hget-1m", 1000), ("xrange-10", 100), ("rpop-10", 100)]
        {
            assert_eq!(Case::by_name(name).unwrap().keys(1000), keys, "{name}");
        }
    }

    #[test]
    fn multi_key_commands_have_ten_keys() {
        assert_eq!(Case::by_name("mget").unwrap().words(8).len(), 11);
        assert_eq!(Case::by_name("mset").unwrap().words(8).len(), 21);
    }

    #[test]
    fn a_custom_command_may_bring_its_fill() {
        let case = Case::custom("RPUSH list x => LRANGE list 0 9");
        assert_eq!((case.fill.as_deref(), case.command.as_str()), (Some("RPUSH list x"), "LRANGE list 0 9"));
        assert_eq!(Case::custom("PING").fill, None);
    }
}
