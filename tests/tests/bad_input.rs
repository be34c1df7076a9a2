//! Bad numbers in every place of a list, set, sorted set, hash, geo or SORT command that takes one: what Redis replies, and
//! an error leaves all data as it was.

use rufous_tests::conn::Conn;
use rufous_tests::differential::exceptions::{self, Difference};
use rufous_tests::differential::script::{Command, Step};
use rufous_tests::resp::Reply;
use rufous_tests::server::{Server, Which, program_or_notice};

/// What stands in for `#`.
const NUMBERS: &[&str] = &[
    "",
    " 1",
    "1 ",
    "+1",
    "01",
    "-0",
    "-1",
    "0",
    "1",
    "1.5",
    "abc",
    "nan",
    "inf",
    "-inf",
    "(",
    "(1",
    "[",
    "[a",
    "-",
    "+",
    "1e3",
    "1e400",
    "0x10",
    "2147483648",
    "-2147483649",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775807",
    "-9223372036854775808",
    "-9223372036854775809",
    "1\0",
];

/// The data before every command. Where chance picks, there is one element.
const DATA: &[&str] = &[
    "FLUSHALL",
    "RPUSH l a b c a 1",
    "SADD s a",
    "SADD t 1 2 3",
    "ZADD z 1 a 2 b 3 c",
    "ZADD y 5 a",
    "HSET h f 10",
    "SET str x",
    "GEOADD g 13.361389 38.115556 p 15.087269 37.502669 c",
];

/// Forms of commands; each `#` is a number, the others being 0 meanwhile.
const FORMS: &[&str] = &[
    "LPOP l #",
    "RPOP l #",
    "LPOP none #",
    "LPOP str #",
    "LRANGE l # #",
    "LRANGE none # #",
    "LINDEX l #",
    "LINDEX none #",
    "LSET l # x",
    "LSET none # x",
    "LTRIM l # #",
    "LREM l # a",
    "LREM none # a",
    "LINSERT l # a x",
    "LPOS l a RANK #",
    "LPOS l a COUNT #",
    "LPOS l a MAXLEN #",
    "LPOS none a RANK #",
    "LMPOP # l LEFT",
    "LMPOP 1 l # COUNT 1",
    "LMPOP 1 l LEFT COUNT #",
    "LMPOP 2 l LEFT COUNT #",
    "BLPOP l #",
    "BLMOVE l m LEFT RIGHT #",
    "BLMPOP # 1 l LEFT",
    "SPOP s #",
    "SPOP none #",
    "SPOP str #",
    "SRANDMEMBER none #",
    "SRANDMEMBER str #",
    "SINTERCARD # s",
    "SINTERCARD 1 s LIMIT #",
    "SINTERCARD 2 s t LIMIT # LIMIT #",
    "SSCAN t # COUNT 10",
    "SSCAN t 0 COUNT #",
    "ZADD z # m",
    "ZADD z 1 m # n",
    "ZADD z XX # a",
    "ZADD z NX GT # a",
    "ZADD z NX XX # a",
    "ZADD z GT LT # a",
    "ZADD z INCR # a",
    "ZADD z INCR # a 1 b",
    "ZADD z CH # a b",
    "ZADD str # a",
    "ZINCRBY z # a",
    "ZRANGE z # #",
    "ZRANGE z # # REV",
    "ZRANGE z # # BYSCORE",
    "ZRANGE z # # BYSCORE REV",
    "ZRANGE z # # BYLEX",
    "ZRANGE z 0 -1 LIMIT # #",
    "ZRANGE z 0 9 BYSCORE LIMIT # #",
    "ZRANGE z - + BYLEX LIMIT # #",
    "ZRANGE z - + BYLEX WITHSCORES LIMIT # #",
    "ZRANGE none # # BYSCORE",
    "ZRANGESTORE d z # # BYSCORE LIMIT # #",
    "ZREVRANGE z # #",
    "ZRANGEBYSCORE z # # LIMIT # #",
    "ZREVRANGEBYSCORE z # #",
    "ZRANGEBYLEX z # # LIMIT # #",
    "ZCOUNT z # #",
    "ZLEXCOUNT z # #",
    "ZREMRANGEBYRANK z # #",
    "ZREMRANGEBYSCORE z # #",
    "ZREMRANGEBYLEX z # #",
    "ZPOPMIN z #",
    "ZPOPMAX none #",
    "ZPOPMAX str #",
    "ZMPOP # z MIN",
    "ZMPOP 1 z #",
    "ZMPOP 1 z MAX COUNT #",
    "ZMPOP 1 z MAX COUNT # COUNT #",
    "BZPOPMIN z #",
    "BZMPOP # 1 z MIN",
    "ZRANDMEMBER none #",
    "ZRANDMEMBER str #",
    "ZRANDMEMBER none # WITHSCORES",
    "ZUNION # z y",
    "ZUNION 2 z y WEIGHTS # #",
    "ZUNION 2 z y WEIGHTS #",
    "ZINTER 2 z y WEIGHTS # # AGGREGATE SUM WITHSCORES",
    "ZUNIONSTORE d # z y",
    "ZINTERSTORE d 2 z y WEIGHTS # #",
    "ZDIFFSTORE d # z y",
    "ZDIFF # z y",
    "ZINTERCARD # z y",
    "ZINTERCARD 2 z y LIMIT #",
    "ZSCAN z # COUNT 10",
    "ZSCAN z 0 COUNT #",
    "HINCRBY h f #",
    "HINCRBYFLOAT h f #",
    "HRANDFIELD none #",
    "HRANDFIELD str # WITHVALUES",
    "HSCAN h # COUNT 10",
    "HSCAN h 0 COUNT #",
    "GEOADD g # # m",
    "GEOADD g 1 1 m # # n",
    "GEODIST g p c #",
    "GEOSEARCH g FROMLONLAT # # BYRADIUS 200 km",
    "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS # km ASC",
    "GEOSEARCH g FROMLONLAT 15 37 BYBOX # # km ASC",
    "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT #",
    "GEORADIUS g # # # km",
    "GEORADIUS g 15 37 200 km COUNT # STORE d",
    "SORT l LIMIT # # ALPHA",
    "SORT l BY nosort LIMIT # #",
    "SORT z BY nosort LIMIT # # DESC STORE d",
];

/// The form with one number in each of its places in turn, then in all of them.
fn commands(form: &str) -> Vec<Command> {
    let places = form.matches('#').count();
    let mut commands = Vec::new();
    for number in NUMBERS {
        for chosen in 0..=places {
            if chosen == places && places < 2 {
                continue;
            }
            let mut place = 0;
            let words = form.split(' ').map(|word| match word {
                "#" => {
                    place += 1;
                    let is_chosen = chosen == places || place == chosen + 1;
                    if is_chosen { number.as_bytes().to_vec() } else { b"0".to_vec() }
                }
                word => word.into(),
            });
            commands.push(words.collect());
        }
    }
    commands
}

/// All data as it shows.
fn digest(conn: &mut Conn) -> Reply {
    conn.must("DEBUG DIGEST")
}

fn fill(conn: &mut Conn) {
    let commands: Vec<Vec<&str>> = DATA.iter().map(|line| line.split(' ').collect()).collect();
    conn.pipeline(&commands).expect("data");
}

#[test]
fn bad_numbers_are_answered_as_by_redis_and_change_nothing() {
    if program_or_notice("redis-server", "bad_input").is_none() {
        return;
    }
    let [rufous, redis] = [Which::Rufous, Which::Redis].map(|which| Server::spawn::<&str>(which, &[]));
    let (mut ours, mut theirs) = (rufous.connect(), redis.connect());
    let information = theirs.must("INFO server").text();
    let reference = information.lines().find_map(|line| line.strip_prefix("redis_version:"));
    let reference = reference.expect("a version").trim();
    fill(&mut ours);
    let untouched = digest(&mut ours);
    let mut differences = Vec::new();
    for command in FORMS.iter().flat_map(|form| commands(form)) {
        fill(&mut ours);
        fill(&mut theirs);
        let [our_reply, their_reply] =
            [&mut ours, &mut theirs].map(|conn| [conn.call(&command).expect("a reply")]);
        if our_reply[0].is_error() {
            assert_eq!(digest(&mut ours), untouched, "{command:?}");
        }
        let step = Step::exact(command);
        let difference = Difference { step: &step, ours: &our_reply, theirs: &their_reply, reference };
        if our_reply != their_reply && exceptions::find(&difference).is_none() {
            let words: Vec<String> =
                step.command.iter().map(|word| word.escape_ascii().to_string()).collect();
            differences
                .push(format!("{}\n  rufous {our_reply:?}\n  redis  {their_reply:?}", words.join(" ")));
        }
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}
