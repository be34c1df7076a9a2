//! Values cross over: what DUMP gives here, RESTORE takes there, and the other way round. Harmed payloads are taken by neither,
//! or by the reference alone.

use rufous_persistence::dump;
use rufous_tests::conn::Conn;
use rufous_tests::resp::Reply;
use rufous_tests::seed::Seed;
use rufous_tests::server::{Server, Which, program_or_notice};

/// Harmed payloads of each value.
const HARMED: usize = 300;

/// A key `k` with a value.
struct Recipe {
    /// Commands that make it.
    make: &'static [&'static str],
    /// The same command again, with `#` replaced by the numbers below this one.
    many: (&'static str, usize),
    /// What shows all of it.
    show: &'static str,
}

const NONE: (&str, usize) = ("", 0);

const fn recipe(make: &'static [&'static str], show: &'static str) -> Recipe {
    Recipe { make, many: NONE, show }
}

const RECIPES: &[Recipe] = &[
    recipe(&["SET k 12345"], "GET k"),
    recipe(&["SET k -9223372036854775808"], "GET k"),
    recipe(&["SET k hello"], "GET k"),
    recipe(&["SETRANGE k 100 hello"], "GET k"),
    recipe(&["SETRANGE k 70000 hello"], "GET k"),
    recipe(&["SADD k 3 -1 2"], "SMEMBERS k"),
    recipe(&["SADD k 3 100000 9223372036854775807"], "SMEMBERS k"),
    recipe(&["SADD k a 1 hello -500"], "SMEMBERS k"),
    Recipe { make: &[], many: ("SADD k #", 600), show: "SMEMBERS k" },
    recipe(&["RPUSH k a 1 hello"], "LRANGE k 0 -1"),
    Recipe { make: &["RPUSH k a"], many: ("RPUSH k element:#", 1000), show: "LRANGE k 0 -1" },
    recipe(&["HSET k field value 7 8 long aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"], "HGETALL k"),
    Recipe { make: &["HSET k a 1"], many: ("HSET k field:# #", 700), show: "HGETALL k" },
    recipe(
        &["ZADD k 1 a 2.5 b -inf c inf 100 -7 5", "ZADD k 1 aa 12345678901 d"],
        "ZRANGE k 0 -1 WITHSCORES",
    ),
    recipe(
        &["ZADD k 1e20 a 0.25 long:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 0 7"],
        "ZRANGE k 0 -1 WITHSCORES",
    ),
    Recipe {
        make: &["ZADD k -0.5 a inf b -3 77"],
        many: ("ZADD k # member:#", 500),
        show: "ZRANGE k 0 -1 WITHSCORES",
    },
    Recipe { make: &["SADD k 77 a"], many: ("SADD k member:#", 300), show: "SMEMBERS k" },
    recipe(&["XADD k 1-1 a b 1 2", "XADD k 1-2 a c 1 3", "XADD k 5-0 x y", "XDEL k 1-2"], "XRANGE k - +"),
    recipe(&["XADD k 1-1 a b", "XADD k 2-1 a b", "XDEL k 1-1 2-1"], "XINFO GROUPS k"),
    Recipe { make: &["XADD k 1-1 f v"], many: ("XADD k 2-* f # g text:#", 500), show: "XRANGE k - +" },
    Recipe {
        make: &["XADD k 1-1 f v", "XGROUP CREATE k g 0", "XGROUP CREATE k h 1-1 ENTRIESREAD 1"],
        many: ("XADD k 2-* f # g text:#", 250),
        show: "XINFO GROUPS k",
    },
    Recipe {
        make: &[
            "XADD k 1-1 f v",
            "XADD k 2-1 f v",
            "XGROUP CREATE k g 0",
            "XREADGROUP GROUP g alice COUNT 1 STREAMS k >",
            "XGROUP CREATECONSUMER k g bob",
            "XCLAIM k g bob 0 2-1 TIME 1000 RETRYCOUNT 7 FORCE JUSTID",
        ],
        many: ("XADD k 3-* f #", 10),
        show: "XPENDING k g",
    },
];

/// Both servers, and what the reference's version can read.
struct Pair {
    rufous: Server,
    redis: Server,
    /// 7.0 divides a list's elements among its nodes by another rule than 7.2.
    divides_lists_alike: bool,
}

impl Pair {
    fn start() -> Option<Pair> {
        program_or_notice("redis-server", "dumps")?;
        let redis = Server::spawn(Which::Redis, &["--sanitize-dump-payload", "yes"]);
        let information = redis.connect().must("INFO server").text();
        let divides_lists_alike = !information.contains("redis_version:7.0.");
        let version = if divides_lists_alike { "11" } else { "10" };
        let rufous = Server::spawn(Which::Rufous, &["--rdb-version", version]);
        Some(Pair { rufous, redis, divides_lists_alike })
    }
}

fn make(conn: &mut Conn, recipe: &Recipe) {
    conn.must("FLUSHALL");
    for command in recipe.make {
        conn.must(command);
    }
    let (command, count) = recipe.many;
    for number in 0..count {
        conn.must(&command.replace('#', &number.to_string()));
    }
}

/// All of a value; what comes in no order is sorted.
fn show(conn: &mut Conn, recipe: &Recipe) -> Vec<String> {
    let reply = conn.must(recipe.show);
    let mut lines: Vec<String> = match &reply {
        Reply::Array(items) => items.iter().map(|item| format!("{item:?}")).collect(),
        other => vec![format!("{other:?}")],
    };
    if recipe.show.starts_with("SMEMBERS") || recipe.show.starts_with("HGETALL") {
        lines.sort();
    }
    lines
}

fn payload(conn: &mut Conn) -> Vec<u8> {
    conn.must("DUMP k").bytes().expect("a payload").to_vec()
}

fn restore(conn: &mut Conn, payload: &[u8]) -> Reply {
    conn.call(&[b"RESTORE", &b"k"[..], b"0", payload, b"REPLACE"]).expect("a reply")
}

#[test]
fn every_value_crosses_over_both_ways() {
    let Some(pair) = Pair::start() else { return };
    let (mut ours, mut theirs) = (pair.rufous.connect(), pair.redis.connect());
    for recipe in RECIPES {
        make(&mut ours, recipe);
        make(&mut theirs, recipe);
        for question in ["DEBUG DIGEST", "DEBUG DIGEST-VALUE k none", "EXPIREAT k 4102444800", "DEBUG DIGEST"]
        {
            assert_eq!(ours.must(question), theirs.must(question), "{question} {:?}", recipe.make);
        }
        let (our_payload, their_payload) = (payload(&mut ours), payload(&mut theirs));
        let (our_encoding, their_encoding) =
            (ours.must("OBJECT ENCODING k"), theirs.must("OBJECT ENCODING k"));
        let expected = show(&mut theirs, recipe);
        assert_eq!(show(&mut ours, recipe), expected, "{:?}", recipe.make);

        let divided_alike = pair.divides_lists_alike || our_encoding.text() != "quicklist";
        // Consumers remember by the clock when they were there.
        let is_timed = recipe.make.iter().any(|command| command.starts_with("XREADGROUP"));
        let comparable = our_encoding.text() != "hashtable" && divided_alike && !is_timed;
        if our_encoding == their_encoding && comparable {
            let [ours, theirs] = [&our_payload, &their_payload]
                .map(|payload| dump::open(payload, true).expect("a payload").body);
            assert_eq!(
                ours.escape_ascii().to_string(),
                theirs.escape_ascii().to_string(),
                "{:?}",
                recipe.make
            );
        }
        for (conn, payload) in [(&mut ours, &their_payload), (&mut theirs, &our_payload)] {
            assert_eq!(
                restore(conn, payload),
                Reply::Simple(b"OK".to_vec()),
                "{:?} {:?}",
                recipe.make,
                recipe.many
            );
            assert_eq!(show(conn, recipe), expected, "{:?} {:?}", recipe.make, recipe.many);
        }
        assert_eq!(ours.must("DEBUG DIGEST"), theirs.must("DEBUG DIGEST"), "{:?}", recipe.make);
        assert_eq!(theirs.must("OBJECT ENCODING k"), their_encoding, "{:?}", recipe.make);
    }
}

#[test]
fn harmed_payloads_are_taken_only_where_redis_takes_them() {
    let Some(pair) = Pair::start() else { return };
    let (mut ours, mut theirs) = (pair.rufous.connect(), pair.redis.connect());
    let mut seed = Seed::new(1);
    let mut taken = 0;
    for recipe in RECIPES {
        make(&mut ours, recipe);
        let sealed = payload(&mut ours);
        let opened = dump::open(&sealed, true).expect("a payload");
        for _ in 0..HARMED {
            let mut harmed = harm(&mut seed, opened.body);
            dump::seal(&mut harmed, opened.version);
            if restore(&mut ours, &harmed).is_error() {
                continue;
            }
            taken += 1;
            let theirs = restore(&mut theirs, &harmed);
            assert!(!theirs.is_error(), "{}: {theirs:?}", harmed.escape_ascii());
            ours.ask(recipe.show); // whatever it is by now
        }
    }
    assert!(taken > 0, "nothing was taken");
}

/// Commands that go through all of a stream and change every part of it.
const STREAM_COMMANDS: &[&str] = &[
    "XINFO STREAM k FULL COUNT 0",
    "XINFO GROUPS k",
    "XINFO CONSUMERS k g",
    "XRANGE k - +",
    "XREVRANGE k + -",
    "XRANGE k 2-3 5 COUNT 3",
    "XPENDING k g - + 100",
    "XPENDING k g",
    "XREADGROUP GROUP g alice STREAMS k 0",
    "XREADGROUP GROUP g bob COUNT 2 STREAMS k >",
    "XAUTOCLAIM k g carol 0 0",
    "XCLAIM k g alice 0 1-1 2-1 FORCE",
    "XACK k g 2-1",
    "DUMP k",
    "COPY k copy REPLACE",
    "MEMORY USAGE k",
    "XADD k * f v",
    "XDEL k 1-1 2-1 2-5",
    "XDELEX k DELREF IDS 2 2-6 2-7",
    "XTRIM k MAXLEN 7",
    "XTRIM k MINID ~ 2-9 ACKED",
    "XGROUP DELCONSUMER k g alice",
    "XGROUP DESTROY k g",
    "XADD k 99999999999999-1 f v",
    "XRANGE k - +",
];

#[test]
fn harmed_streams_are_refused_or_served() {
    // Without compression, harm reaches the nodes themselves.
    let server = Server::spawn(Which::Rufous, &["--rdbcompression", "no", "--stream-node-max-entries", "4"]);
    let mut conn = server.connect();
    let mut seed = Seed::new(2);
    let mut taken = 0;
    let recipes =
        RECIPES.iter().filter(|recipe| recipe.make.iter().any(|command| command.starts_with("XADD")));
    for recipe in recipes {
        let few =
            Recipe { make: recipe.make, many: (recipe.many.0, recipe.many.1.min(12)), show: recipe.show };
        make(&mut conn, &few);
        let sealed = payload(&mut conn);
        let opened = dump::open(&sealed, true).expect("a payload");
        for _ in 0..8 * HARMED {
            let mut harmed = harm(&mut seed, opened.body);
            dump::seal(&mut harmed, opened.version);
            if restore(&mut conn, &harmed).is_error() {
                continue;
            }
            taken += 1;
            for command in STREAM_COMMANDS {
                conn.ask(command);
            }
        }
        conn.must("FLUSHALL");
    }
    conn.must("PING");
    assert!(taken > 500, "only {taken} were taken");
}

/// The bytes with a few of them changed, taken out or put in.
fn harm(seed: &mut Seed, body: &[u8]) -> Vec<u8> {
    const BYTES: [u8; 10] = [0, 1, 0x40, 0x7f, 0x80, 0x81, 0xc3, 0xf0, 0xfe, 0xff];
    let mut bytes = body.to_vec();
    for _ in 0..=seed.below(3) {
        // Much of a large value is alike; its start is what says how to read the rest.
        let reach = if seed.one_in(2) { bytes.len().min(20) } else { bytes.len() };
        let at = 1 + seed.below(reach - 1);
        match seed.below(6) {
            0 | 1 => bytes[at] ^= 1 << seed.below(8),
            2 | 3 => bytes[at] = *seed.pick(&BYTES),
            4 => bytes.insert(at, *seed.pick(&BYTES)),
            _ => drop(bytes.remove(at)),
        }
    }
    bytes
}
