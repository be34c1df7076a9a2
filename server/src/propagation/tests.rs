//! What of each request goes into the stream of writes.

use super::Readers;
use crate::config::Config;
use crate::testing::Bench;

/// A bench whose stream of writes is read.
fn bench() -> Bench {
    let mut bench = Bench::with(Config { lazyfree_lazy_user_del: false, ..Config::default() });
    bench.engine.store.effects.join_writes(Readers::APPEND_ONLY_FILE);
    bench
}

/// The commands that came into the stream, a `;` between them. The deadline `now` + 100 s shows as `AT`.
fn written(bench: &mut Bench) -> String {
    let at = (bench.engine.state.clock.now_ms() + 100_000).to_string();
    let mut block = Vec::new();
    bench.engine.store.effects.writes.drain(&mut block);
    let mut words = std::str::from_utf8(&block).unwrap().split("\r\n");
    let mut commands = Vec::new();
    while let Some(count) = words.next().and_then(|header| header.strip_prefix('*')) {
        let count = count.parse::<usize>().unwrap();
        let command = (0..count).map(|_| {
            assert!(words.next().unwrap().starts_with('$'));
            words.next().unwrap()
        });
        commands.push(command.collect::<Vec<_>>().join(" "));
    }
    commands.join("; ").replace(&at, "AT")
}

/// Rows: requests of before, requests, what is written of the latter.
#[track_caller]
fn check(rows: &[(&str, &str, &str)]) {
    for (before, requests, expected) in rows {
        let mut bench = bench();
        let client = bench.connect();
        for line in before.split("; ").filter(|line| !line.is_empty()) {
            bench.run(client, line);
        }
        written(&mut bench);
        for line in requests.split("; ") {
            bench.run(client, line);
        }
        assert_eq!(written(&mut bench), *expected, "{before} / {requests}");
    }
}

#[test]
fn what_changes_something_is_written_as_it_came() {
    check(&[
        ("", "SeT a 1", "SELECT 0; SeT a 1"),
        ("set a 1", "get a", ""),
        ("set a 1", "set a 2; set b 3", "set a 2; set b 3"),
        ("set a 1", "set a 2 nx", ""),
        ("set a 1", "set a 2 xx keepttl", "set a 2 xx keepttl"),
        ("set a 1", "lpush a 1", ""),
        ("set a 1", "del b; del a", "del a"),
        ("set a 1", "unlink a", "unlink a"),
        ("sadd s 1", "sadd s 1; sadd s 2 1", "sadd s 2 1"),
        ("set a 1", "rename a b; copy b c", "rename a b; copy b c"),
        ("set a 1", "pfadd h a; pfcount h; pfcount h", "pfadd h a; pfcount h"),
        ("set a 1", "setrange a 5 x; append a y; incr b", "setrange a 5 x; append a y; incr b"),
        ("rpush l a", "lmove l m left right", "lmove l m left right"),
        ("set a 1", "persist a", ""),
    ]);
}

#[test]
fn databases_are_named_where_they_change() {
    check(&[
        ("", "select 3; set a 1; select 0; set b 2", "SELECT 3; set a 1; SELECT 0; set b 2"),
        ("set a 1", "move a 1", "move a 1"),
        ("set a 1", "swapdb 0 1", "swapdb 0 1"),
        ("set a 1", "select 1; select 0; set b 1", "set b 1"),
    ]);
}

#[test]
fn expiries_are_points_in_time() {
    check(&[
        ("set a 1", "set a 1 ex 100", "SET a 1 PXAT AT"),
        ("set a 1", "set a 1 px 100000 xx get", "SET a 1 PXAT AT"),
        ("set a 1", "set a 1 pxat 99999999999999 xx", "set a 1 pxat 99999999999999 xx"),
        ("set a 1", "setex a 100 2; psetex a 100000 3", "SET a 2 PXAT AT; SET a 3 PXAT AT"),
        ("set a 1", "expire a 100; pexpire a 100000", "PEXPIREAT a AT; PEXPIREAT a AT"),
        ("set a 1", "expire a 100 nx", "PEXPIREAT a AT nx"),
        ("set a 1", "expireat a 99999999999", "PEXPIREAT a 99999999999000"),
        ("set a 1", "expire a -1", "DEL a"),
        ("set a 1; config set lazyfree-lazy-expire yes", "expire a -1", "UNLINK a"),
        ("set a 1", "getex a ex 100", "PEXPIREAT a AT"),
        ("set a 1 ex 100", "getex a persist; persist a", "PERSIST a"),
        ("set a 1", "getex a pxat 1", "DEL a"),
        ("set a 1", "getex a", ""),
    ]);
}

#[test]
fn what_replies_too_is_written_as_a_plain_write() {
    check(&[
        ("set a 1", "set a 2 get", "set a 2"),
        ("set a 1", "set a 2 get xx get keepttl", "set a 2 xx keepttl"),
        ("set a 1", "set a 2 nx get", ""),
        ("set a 1", "getset a 2", "SET a 2"),
        ("set a 1", "getdel a; getdel a", "DEL a"),
        ("set a 1", "incrbyfloat a 0.5", "SET a 1.5 KEEPTTL"),
        ("hset h f 1", "hincrbyfloat h f 0.5", "HSET h f 1.5"),
    ]);
}

#[test]
fn what_other_servers_may_not_know_is_written_as_what_they_do() {
    check(&[
        ("set a 1", "set a 2 ifeq 1; set a 3 ifeq 1", "SET a 2"),
        ("set a 1", "set a 2 ifeq 1 get keepttl", "SET a 2 KEEPTTL"),
        ("set a 1", "set a 2 ifeq 1 pxat 99999999999999", "SET a 2 PXAT 99999999999999"),
        ("set a 1", "delifeq a 2; delifeq a 1", "DEL a"),
        ("set x 1", "msetex 1 a 1 ex 100", "SET a 1 PXAT AT"),
        ("set x 1", "msetex 2 a 1 b 2 keepttl", "MULTI; SET a 1 KEEPTTL; SET b 2 KEEPTTL; EXEC"),
    ]);
}

#[test]
fn fields_that_expire_are_written_with_points_in_time() {
    let two = "hset h a 1 b 2";
    check(&[
        (two, "hexpire h 100 fields 2 a x; hpexpire h 1 gt fields 1 a", "HPEXPIREAT h AT FIELDS 1 a"),
        (two, "hexpire h 100 xx fields 1 a; hpersist h fields 1 a", ""),
        (two, "hexpireat h 1 fields 2 a x; hexpire h 0 fields 1 b", "HDEL h a; HDEL h b"),
        (
            two,
            "hexpire h 100 fields 1 a; hpersist h fields 1 a",
            "HPEXPIREAT h AT FIELDS 1 a; hpersist h fields 1 a",
        ),
        (two, "hgetex h ex 100 fields 2 a x", "HPEXPIREAT h AT FIELDS 1 a"),
        (two, "hgetex h fields 2 a b; hgetex h persist fields 1 a", ""),
        (
            two,
            "hgetex h exat 1 fields 1 a; hgetdel h fields 2 b x; hgetdel h fields 1 b",
            "HDEL h a; HDEL h b",
        ),
        ("hsetex h ex 100 fields 1 a 1", "hgetex h persist fields 2 a x", "HPERSIST h FIELDS 1 a"),
        (two, "hsetex h fnx fields 1 a 1; hsetex h fxx fields 1 a 1", "HSET h a 1"),
        (
            two,
            "hsetex h ex 100 fields 2 a 1 c 2",
            "MULTI; HSET h a 1 c 2; HPEXPIREAT h AT FIELDS 2 a c; EXEC",
        ),
        (two, "hsetex h exat 1 fields 1 a 1", "HDEL h a"),
    ]);
    let expiring = "hsetex h ex 100 fields 1 a 1";
    check(&[(
        expiring,
        "hsetex h keepttl fields 2 a 1 b 1; hincrby h a 1; hincrbyfloat h a 0.5",
        "MULTI; HSET h a 1 b 1; HPEXPIREAT h AT FIELDS 1 a; EXEC; hincrby h a 1; \
         MULTI; HSET h a 2.5; HPEXPIREAT h AT FIELDS 1 a; EXEC",
    )]);
}

#[test]
fn fields_that_ran_out_are_written_as_deletions() {
    let mut bench = bench();
    let client = bench.connect();
    bench.engine.store.active_expire = false;
    for line in ["hset h a 1 b 2 c 3", "hset g a 1", "hpexpire h 10 fields 2 a b", "hpexpire g 10 fields 1 a"]
    {
        bench.run(client, line);
    }
    written(&mut bench);
    bench.advance(11);
    bench.run(client, "hlen h");
    bench.run(client, "hset g b 1");
    let commands = written(&mut bench);
    assert!(
        ["HDEL h a b", "HDEL h b a"]
            .iter()
            .any(|hdel| { commands == format!("{hdel}; MULTI; DEL g; hset g b 1; EXEC") }),
        "{commands}"
    );
}

#[test]
fn chance_is_written_as_what_came_out() {
    check(&[
        ("sadd s a", "spop s", "SREM s a"),
        ("sadd s a b", "spop s 2", "DEL s"),
        ("sadd s a b; config set lazyfree-lazy-server-del yes", "spop s 5", "UNLINK s"),
        ("sadd s a b", "spop s 0; spop t; srandmember s", ""),
    ]);
    let mut bench = bench();
    let client = bench.connect();
    (0..3000).for_each(|i| _ = bench.run(client, &format!("sadd s {i}")));
    written(&mut bench);
    bench.run(client, "spop s 2500");
    let commands = written(&mut bench);
    let lengths: Vec<usize> = commands.split("; ").map(|command| command.split(' ').count()).collect();
    assert_eq!(lengths, [1, 1026, 1026, 454, 1], "{commands}");
}

#[test]
fn waiting_commands_are_written_as_those_that_do_not_wait() {
    check(&[
        ("rpush l a b", "blpop k l 0", "LPOP l"),
        ("rpush l a b", "brpop l 0", "RPOP l"),
        ("rpush l a b", "lmpop 2 k l right count 5", "RPOP l 2"),
        ("rpush l a b", "blmpop 0 2 k l left", "LPOP l 1"),
        ("rpush l a b", "blmove l m left right 0", "LMOVE l m left right"),
        ("rpush l a b", "brpoplpush l m 0", "RPOPLPUSH l m"),
        ("rpush l a b", "rpoplpush l m; lpop l; lpop l", "rpoplpush l m; lpop l"),
        ("zadd z 1 a 2 b", "bzpopmin z 0; bzpopmax z 0", "ZPOPMIN z; ZPOPMAX z"),
        ("zadd z 1 a 2 b", "zmpop 2 k z min count 9", "ZPOPMIN z 2"),
        ("zadd z 1 a 2 b", "bzmpop 0 1 z max", "ZPOPMAX z 1"),
    ]);

    let mut bench = bench();
    let (waiter, writer) = (bench.connect(), bench.connect());
    bench.run(waiter, "blpop l 0");
    bench.run(writer, "rpush l a");
    assert_eq!(written(&mut bench), "SELECT 0; rpush l a; LPOP l");
}

#[test]
fn stream_entries_have_the_ids_that_they_got() {
    let stream = "config set stream-node-max-entries 2; xadd s 1-1 f v; xadd s 2-1 f v; xadd s 3-1 f v; xadd s 4-1 f v";
    check(&[
        ("", "xadd s 5-1 f v; xadd s 5-* f v", "SELECT 0; xadd s 5-1 f v; XADD s 5-2 f v"),
        (stream, "xadd s maxlen 2 5-1 f v", "xadd s maxlen 2 5-1 f v"),
        (stream, "xadd s maxlen ~ 2 5-1 f v", "XADD s MAXLEN = 3 5-1 f v"),
        (stream, "xadd s maxlen ~ 2 limit 1 5-* f v", "XADD s MAXLEN = 5 5-0 f v"),
        (stream, "xadd s minid ~ 4 nomkstream 5-1 f v", "XADD s MAXLEN = 3 5-1 f v"),
        (stream, "xadd s delref 5-1 f v", "xadd s delref 5-1 f v"),
        (stream, "xtrim s maxlen 3; xtrim s maxlen 3", "xtrim s maxlen 3"),
        (stream, "xtrim s maxlen ~ 1; xtrim s maxlen ~ 1", "XTRIM s MAXLEN = 2"),
        (stream, "xdel s 1-1; xdel s 1-1; xsetid s 9-9", "xdel s 1-1; xsetid s 9-9"),
        (stream, "xread count 1 streams s 0; xrange s - +", ""),
    ]);
}

/// Four entries, two groups, and consumers that have two and three of them.
const GROUPS: &str = "xadd s 1-1 f v; xadd s 2-1 f v; xadd s 3-1 f v; xadd s 4-1 f v; xgroup create s g 0; xgroup create s h 0; \
    xreadgroup group g a count 2 streams s >; xreadgroup group h a count 3 streams s >";

#[test]
fn what_groups_read_is_written_as_claims() {
    let mut bench = bench();
    let client = bench.connect();
    GROUPS.split("; ").for_each(|line| _ = bench.run(client, line));
    let now = bench.engine.state.clock.now_ms();
    let text = written(&mut bench).replace(&now.to_string(), "NOW");
    let claims =
        "XCLAIM s g a 0 1-1 2-1 TIME NOW RETRYCOUNT 1 FORCE JUSTID; XGROUP SETID s g 2-1 ENTRIESREAD 2";
    assert!(text.contains(claims), "{text}");

    check(&[
        (GROUPS, "xack s g 1-1 9-9; xack s g 1-1", "xack s g 1-1 9-9"),
        (GROUPS, "xgroup create s i $; xgroup setid s i 0", "xgroup create s i $; xgroup setid s i 0"),
        (GROUPS, "xreadgroup group g a streams s 0; xpending s g", ""),
        (
            GROUPS,
            "xreadgroup group g b noack count 1 streams s >",
            "MULTI; XGROUP CREATECONSUMER s g b; XGROUP SETID s g 3-1 ENTRIESREAD 3; EXEC",
        ),
        (
            GROUPS,
            "xgroup setid s g 9; xreadgroup group g b streams s >",
            "xgroup setid s g 9; XGROUP CREATECONSUMER s g b",
        ),
        (
            GROUPS,
            "xclaim s g b 0 1-1 9-9 time 1000 retrycount 5 justid",
            "XCLAIM s g b 0 1-1 TIME 1000 RETRYCOUNT 5 FORCE JUSTID",
        ),
        (GROUPS, "xclaim s g b 100000 1-1", "XGROUP CREATECONSUMER s g b"),
        (GROUPS, "xclaim s g a 100000 1-1 lastid 4-1", "XGROUP SETID s g 4-1 ENTRIESREAD 2"),
    ]);
    let gone = "; xdel s 1-1 2-1";
    check(&[
        (&*format!("{GROUPS}{gone}"), "xautoclaim s g a 0 0", "XACK s g 1-1 2-1"),
        (&*format!("{GROUPS}{gone}"), "xclaim s g a 0 1-1", "XACK s g 1-1"),
    ]);
}

#[test]
fn references_are_written_as_acknowledged() {
    check(&[
        (GROUPS, "xdelex s ids 2 1-1 9-9", "XDEL s 1-1"),
        (GROUPS, "xdelex s delref ids 1 1-1", "MULTI; XDEL s 1-1; XACK s g 1-1; XACK s h 1-1; EXEC"),
        (GROUPS, "xdelex s acked ids 1 1-1", ""),
        (GROUPS, "xackdel s g ids 1 1-1", "MULTI; XACK s g 1-1; XDEL s 1-1; EXEC"),
        (GROUPS, "xackdel s g acked ids 1 1-1", "XACK s g 1-1"),
        (GROUPS, "xackdel s g delref ids 1 1-1", "MULTI; XACK s g 1-1; XDEL s 1-1; XACK s h 1-1; EXEC"),
        (
            GROUPS,
            "xtrim s maxlen 1 delref",
            "MULTI; XTRIM s MAXLEN = 1; XACK s g 1-1 2-1; XACK s h 1-1 2-1 3-1; EXEC",
        ),
        (
            GROUPS,
            "xack s g 1-1; xack s h 1-1; xadd s acked maxlen 1 5-1 f v",
            "xack s g 1-1; xack s h 1-1; MULTI; XADD s 5-1 f v; XDEL s 1-1; EXEC",
        ),
    ]);
}

#[test]
fn a_unit_of_several_commands_is_a_transaction() {
    check(&[
        ("set a 1", "multi; set a 2; exec", "set a 2"),
        ("set a 1", "multi; get a; exec", ""),
        ("set a 1", "multi; set a 2; get a; spop x; incr a; exec", "MULTI; set a 2; incr a; EXEC"),
        (
            "",
            "multi; select 2; set a 2; select 0; incr b; exec",
            "MULTI; SELECT 2; set a 2; SELECT 0; incr b; EXEC",
        ),
        ("set a 1", "multi; set b 1; lpush a 1; set c 1; exec", "MULTI; set b 1; set c 1; EXEC"),
        ("set a 1", "multi; expire a 100; expire a 100; exec", "MULTI; PEXPIREAT a AT; PEXPIREAT a AT; EXEC"),
    ]);
}

#[test]
fn flushing_is_written_even_if_nothing_is_there() {
    check(&[("", "flushall; flushdb async", "SELECT 0; flushall; flushdb async")]);
}

#[test]
fn expired_and_evicted_keys_are_removals() {
    let mut bench = bench();
    let client = bench.connect();
    bench.engine.store.active_expire = false;
    for key in ["a", "b", "c", "d"] {
        bench.run(client, &format!("set {key} 1 px 10"));
    }
    written(&mut bench);
    bench.advance(11);
    bench.run(client, "get a");
    assert_eq!(written(&mut bench), "DEL a");
    bench.run(client, "set b 2");
    assert_eq!(written(&mut bench), "MULTI; DEL b; set b 2; EXEC");
    bench.run(client, "config set lazyfree-lazy-expire yes");
    // Keys that a command came across by chance are no transaction.
    bench.run(client, "scan 0 count 1000");
    let commands = written(&mut bench);
    assert!(matches!(&*commands, "UNLINK c; UNLINK d" | "UNLINK d; UNLINK c"), "{commands}");

    bench.run(client, "psetex e 10 1");
    written(&mut bench);
    bench.advance(11);
    bench.engine.store.active_expire = true;
    crate::cron::expire_keys(&mut bench.engine);
    assert_eq!(written(&mut bench), "UNLINK e");

    bench.run(client, "config set maxmemory-policy allkeys-random maxmemory 1");
    bench.run(client, "get x");
    assert_eq!(written(&mut bench), "DEL b");
}

#[test]
fn restored_values_carry_points_in_time() {
    let mut bench = bench();
    let client = bench.connect();
    bench.run(client, "set a 1");
    bench.sent(client);
    bench.run(client, "dump a");
    let dumped = std::mem::take(&mut bench.engine.state.clients.get_mut(client).unwrap().out.tail);
    let payload: String =
        dumped[b"$13\r\n".len()..][..13].iter().map(|byte| format!("\\x{byte:02x}")).collect();
    bench.run(client, &format!("restore b 100000 \"{payload}\" replace"));
    let at = bench.engine.state.clock.now_ms() + 100_000;
    let mut block = Vec::new();
    bench.engine.store.effects.writes.drain(&mut block);
    let shown = block.escape_ascii().to_string();
    assert!(
        shown.contains(&format!("{at}")) && shown.ends_with("replace\\r\\n$6\\r\\nABSTTL\\r\\n"),
        "{shown}"
    );
}

#[test]
fn who_joins_can_read_the_stream_from_there_on() {
    let mut bench = bench();
    let client = bench.connect();
    bench.run(client, "set a 1");
    assert_eq!(written(&mut bench), "SELECT 0; set a 1");
    let before = bench.engine.store.effects.writes.offset();
    bench.engine.store.effects.join_writes(Readers::APPEND_ONLY_FILE);
    bench.run(client, "set a 2");
    let writes = &bench.engine.store.effects.writes;
    assert_eq!(writes.offset(), before + writes.finished().len() as u64);
    assert_eq!(written(&mut bench), "SELECT 0; set a 2");
    bench.engine.store.effects.leave_writes(Readers::APPEND_ONLY_FILE);
    bench.run(client, "set a 3; flushall");
    assert_eq!(written(&mut bench), "");
}
