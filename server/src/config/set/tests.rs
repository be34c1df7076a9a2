//! CONFIG SET: texts, all or none, and what the server is told.

use super::*;

const ALL: Permissions = Permissions { loading: false, protected: true };

/// A server that writes down what it applies and may refuse one change.
struct Recorder {
    config: Config,
    refuses: Option<Changed>,
    applied: Vec<(Changed, u16)>,
}

impl Recorder {
    fn new(refuses: Option<Changed>) -> Recorder {
        Recorder { config: Config::default(), refuses, applied: Vec::new() }
    }
}

impl Host for Recorder {
    fn config(&mut self) -> &mut Config {
        &mut self.config
    }

    fn apply(&mut self, change: Changed) -> Result<(), String> {
        self.applied.push((change, self.config.port));
        if self.refuses == Some(change) { Err("Unable to listen.".into()) } else { Ok(()) }
    }
}

fn bytes<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<(&'a [u8], &'a [u8])> {
    pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
}

#[track_caller]
fn check_error(pairs: &[(&str, &str)], permissions: Permissions, expected: &str) {
    let mut config = Config::default();
    let error = set(&mut config, &bytes(pairs), permissions).unwrap_err();
    assert_eq!(error.to_string(), expected);
    assert_eq!(config, Config::default(), "a refused CONFIG SET changes nothing");
}

#[test]
fn refusals_have_redis_texts() {
    let failed = |name: &str, reason: &str| {
        format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
    };
    let check =
        |pairs: &[(&str, &str)], name: &str, reason: &str| check_error(pairs, ALL, &failed(name, reason));
    let unknown = "ERR Unknown option or number of arguments for CONFIG SET - 'Foo'";
    check_error(&[("Foo", "1")], ALL, unknown);
    check_error(&[("port", "1"), ("Foo", "1"), ("bar", "1")], ALL, unknown);
    check(&[("Databases", "1")], "Databases", "can't set immutable config");
    check(&[("databases", "1"), ("Foo", "1")], "databases", "can't set immutable config");
    check(&[("hz", "1"), ("HZ", "1")], "HZ", "duplicate parameter");
    check(
        &[("hz", "1"), ("MaxClients", "0")],
        "maxclients",
        "argument must be between 1 and 4294967295 inclusive",
    );
    check(&[("maxclients", "-1")], "maxclients", "argument must be between 1 and 4294967295 inclusive");
    check(&[("port", "x")], "port", "argument couldn't be parsed into an integer");
    check(&[("maxmemory", "10x")], "maxmemory", "argument must be a memory value");
    check(&[("appendonly", "x")], "appendonly", "argument must be 'yes' or 'no'");
    check(
        &[("maxmemory-policy", "x")],
        "maxmemory-policy",
        "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, volatile-ttl, \
         allkeys-lru, allkeys-lfu, allkeys-random, noeviction",
    );
    check(&[("save", "1 2  3 4")], "save", "Invalid save parameters");
    check(
        &[("slave-priority", "-1")],
        "slave-priority",
        "argument must be between 0 and 2147483647 inclusive",
    );
    let refused = Permissions { loading: false, protected: false };
    check_error(&[("dir", "/")], refused, &failed("dir", "can't set protected config"));
    check_error(&[("dbfilename", "x")], refused, &failed("dbfilename", "can't set protected config"));
    let loading = Permissions { loading: true, protected: true };
    check_error(&[("appendonly", "yes")], loading, "LOADING Redis is loading the dataset in memory");
}

#[test]
fn each_kind_of_change_is_applied_once_in_order() {
    let mut host = Recorder::new(None);
    let pairs =
        bytes(&[("timeout", "1"), ("maxmemory", "1"), ("port", "7"), ("maxmemory-policy", "allkeys-lru")]);
    assert_eq!(set(&mut host, &pairs, ALL), Ok(vec![Changed::MaxMemory, Changed::Port]));
    assert_eq!(host.applied, [(Changed::MaxMemory, 7), (Changed::Port, 7)], "with all new values in place");
    host.applied.clear();
    assert_eq!(set(&mut host, &pairs, ALL), Ok(Vec::new()), "the same values again are no change");
    assert_eq!(host.applied, []);
    let volatile = bytes(&[("tls-cert-file", "")]);
    assert_eq!(
        set(&mut host, &volatile, ALL),
        Ok(vec![Changed::Tls]),
        "unless a file behind may have changed"
    );
}

#[test]
fn what_the_server_refuses_is_rolled_back() {
    let mut host = Recorder::new(Some(Changed::Port));
    let pairs = bytes(&[("maxmemory", "1"), ("port", "7"), ("hz", "50")]);
    let error = set(&mut host, &pairs, ALL).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen."
    );
    assert_eq!(
        error.log_line().unwrap(),
        "Failed applying new configuration. Possibly related to new port setting. Restoring previous settings."
    );
    assert_eq!(host.config, Config::default());
    let tried = [(Changed::MaxMemory, 7), (Changed::Port, 7)];
    let restored = [(Changed::MaxMemory, 6379), (Changed::Port, 6379), (Changed::Hz, 6379)];
    assert_eq!(host.applied, [tried.as_slice(), restored.as_slice()].concat());
}

#[test]
fn values_are_brought_into_range_and_parsed_by_blanks() {
    let mut config = Config::default();
    set(&mut config, &bytes(&[("hz", "100000"), ("save", ""), ("bind", "a b")]), ALL).unwrap();
    assert_eq!((config.hz, config.save.len(), config.bind.len()), (500, 0, 2));
    set(&mut config, &bytes(&[("save", "1 2 3 4"), ("bind", ""), ("shutdown-on-sigint", "now force")]), ALL)
        .unwrap();
    assert_eq!((config.save.len(), config.bind.len()), (2, 0));
    set(&mut config, &bytes(&[("save", "5 6")]), ALL).unwrap();
    assert_eq!(config.save.len(), 1, "at run time the value is the whole");
    set(&mut config, &bytes(&[("client-output-buffer-limit", "pubsub 1mb 2 3")]), ALL).unwrap();
    let all = config.get(&[b"client-output-buffer-limit"]);
    assert_eq!(all[0].1, b"normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 2 3");
}

#[test]
fn get_answers_names_patterns_and_aliases_once() {
    let config = Config::default();
    let names =
        |patterns: &[&[u8]]| config.get(patterns).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&[b"PORT", b"port", b"none"]), ["PORT"], "as it was asked for, once");
    assert_eq!(names(&[b"slave-priority"]), ["slave-priority"]);
    assert_eq!(names(&[b"*-PRIORITY", b"replica-priority"]), ["replica-priority", "slave-priority"]);
    assert_eq!(names(&[b"*watchdog-period"]), Vec::<String>::new(), "hidden from patterns");
    assert_eq!(names(&[b"watchdog-period"]), ["watchdog-period"]);
    let all = names(&[b"*"]);
    assert!(all.len() > 200 && all.contains(&"maxmemory".to_owned()));
    assert!(Config::is_sensitive(b"RequirePass") && Config::is_sensitive(b"primaryauth"));
    assert!(!Config::is_sensitive(b"port") && !Config::is_sensitive(b"x"));
}
