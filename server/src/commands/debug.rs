//! DEBUG: hooks for tests and fault finding, allowed by `enable-debug-command`.

use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Ctx;
use crate::crash;
use crate::engine::State;
use crate::persistence::load::{self, Host, Rules};
use crate::persistence::{aof, snapshot};
use crate::store::{Store, fresh_mark};
use rufous_persistence::rdb::{self, Writer};
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::{parse_f64, parse_i64, parse_memory};
use rufous_protocol::reply::Resp;
use rufous_protocol::request::Args;
use rufous_storage::types::list::List;
use rufous_storage::{Db, Encoding, EntryRef, NewStr, Ttl, evict};
use std::time::Duration;

mod digest;
mod inside;

use digest::{digest, digest_value};

const ADMIN: Flags = Flags::LOADING.union(Flags::STALE).union(Flags::ADMIN).union(Flags::NOSCRIPT);

/// The DEBUG command.
pub const ROWS: &[Command] =
    &[Command::new("debug", debug, -2, ADMIN.union(Flags::PROTECTED), Group::Server)
        .docs("1.0.0", "Depends on the subcommand.", "Groups the commands for tests and fault finding.", "")
        .internal()];

/// What DEBUG switches over the life of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    /// PAUSE-CRON: no periodic work.
    pub cron_paused: bool,
    /// SET-SKIP-CHECKSUM-VALIDATION: RESTORE believes a payload whose checksum is wrong.
    pub checksums_ignored: bool,
    /// REPLYBUFFER RESIZING: idle reply buffers are fitted.
    pub reply_buffer_resizing: bool,
    /// REPLYBUFFER PEAK-RESET-TIME, milliseconds; `None` never resets.
    pub reply_buffer_peak_reset_ms: Option<i64>,
    /// QUICKLIST-PACKED-THRESHOLD: bytes from which on an element of a list has a node of its own.
    pub list_plain_bytes: usize,
}

/// Larger than any block of a list by `list-max-listpack-size`: an element of so many bytes shares its node with no other.
const LIST_PLAIN_BYTES: usize = 64 * 1024;
/// QUICKLIST-PACKED-THRESHOLD takes no more.
const LIST_PLAIN_BYTES_MAX: u64 = (1 << 32) - (1 << 20);

/// REPLYBUFFER PEAK-RESET-TIME RESET, milliseconds.
const PEAK_RESET_MS: i64 = 5000;

impl Default for Switches {
    fn default() -> Switches {
        Switches {
            cron_paused: false,
            checksums_ignored: false,
            reply_buffer_resizing: true,
            reply_buffer_peak_reset_ms: Some(PEAK_RESET_MS),
            list_plain_bytes: LIST_PLAIN_BYTES,
        }
    }
}

/// A subcommand: name, fewest and most arguments behind it, function.
type Subcommand = (&'static str, usize, usize, fn(&mut Ctx<'_>, Args<'_>) -> Outcome);

const SUBCOMMANDS: &[Subcommand] = &[
    ("aof-flush-sleep", 1, 1, aof_flush_sleep),
    ("assert", 0, 0, |_, _| panic!("DEBUG ASSERT was called")),
    ("change-repl-id", 0, 0, change_repl_id),
    ("clock", 1, 2, clock),
    ("config-rewrite-force-all", 0, 0, config_rewrite_force_all),
    ("digest", 0, 0, digest),
    ("digest-value", 0, usize::MAX, digest_value),
    ("error", 1, 1, |_, args| Err(ReplyError::formatted(args.get(2)))),
    ("help", 0, 0, help),
    ("htstats", 1, 2, htstats),
    ("listpack", 1, 1, inside::listpack),
    ("log", 1, 1, log),
    ("mallctl", 1, 2, inside::mallctl),
    ("mallctl-str", 1, 2, inside::mallctl_str),
    ("object", 1, 2, object),
    ("panic", 0, 0, |_, _| panic!("DEBUG PANIC was called")),
    ("pause-cron", 1, 1, pause_cron),
    ("populate", 1, 3, populate),
    ("protocol", 1, 1, protocol),
    ("quicklist", 1, 2, inside::quicklist),
    ("quicklist-packed-threshold", 1, 1, quicklist_packed_threshold),
    ("loadaof", 0, 0, loadaof),
    ("reload", 0, usize::MAX, reload),
    ("replybuffer", 2, 2, replybuffer),
    ("sdslen", 1, 1, sdslen),
    ("segfault", 0, 0, |_, _| crash::segfault()),
    ("set-active-expire", 1, 1, set_active_expire),
    ("set-skip-checksum-validation", 1, 1, set_skip_checksum_validation),
    ("sleep", 1, 1, sleep),
    ("stack-overflow", 0, 1, stack_overflow),
    ("stringmatch-len", 2, 2, stringmatch_len),
    ("structsize", 0, 0, structsize),
];

/// DEBUG subcommand [argument ...]
fn debug(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let name = args.get(1);
    let given = args.len() - 2;
    let found = SUBCOMMANDS.iter().find(|(known, min, max, _)| {
        name.eq_ignore_ascii_case(known.as_bytes()) && (*min..=*max).contains(&given)
    });
    match found {
        Some((.., run)) => run(cx, args),
        None => Err(cx.subcommand_syntax(args)),
    }
}

fn switch(argument: &[u8]) -> bool {
    parse_i64(argument).unwrap_or(0) != 0
}

/// DEBUG SLEEP seconds
fn sleep(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let seconds = parse_f64(args.get(2)).unwrap_or(0.0).clamp(0.0, 1e9);
    std::thread::sleep(Duration::from_secs_f64(seconds));
    cx.reply.ok();
    Ok(())
}

/// DEBUG STACK-OVERFLOW [THREAD]
fn stack_overflow(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let overflow = || crash::overflow_stack(0);
    match args.find(2).map(<[u8]>::to_ascii_lowercase).as_deref() {
        None => _ = overflow(),
        Some(b"thread") => _ = std::thread::spawn(overflow).join(),
        Some(_) => return Err(cx.subcommand_syntax(args)),
    }
    Ok(())
}

/// DEBUG CLOCK FREEZE | ADVANCE milliseconds | RESUME
fn clock(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let action = args.get(2).to_ascii_lowercase();
    match (action.as_slice(), args.find(3)) {
        (b"freeze", None) => cx.server.clock.freeze(),
        (b"resume", None) => cx.server.clock.resume(),
        (b"advance", Some(by)) => {
            let ms = parse_i64(by).and_then(|ms| u64::try_from(ms).ok()).ok_or(error::NOT_AN_INTEGER)?;
            cx.server.clock.advance(Duration::from_millis(ms));
        }
        _ => return Err(cx.subcommand_syntax(args)),
    }
    cx.reply.ok();
    Ok(())
}

/// DEBUG SET-ACTIVE-EXPIRE 0|1
fn set_active_expire(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    cx.db.store.active_expire = switch(args.get(2));
    cx.reply.ok();
    Ok(())
}

/// DEBUG SET-SKIP-CHECKSUM-VALIDATION 0|1
fn set_skip_checksum_validation(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    cx.server.switches.checksums_ignored = switch(args.get(2));
    cx.reply.ok();
    Ok(())
}

/// DEBUG PAUSE-CRON 0|1
fn pause_cron(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    cx.server.switches.cron_paused = switch(args.get(2));
    cx.reply.ok();
    Ok(())
}

/// DEBUG REPLYBUFFER PEAK-RESET-TIME milliseconds|NEVER|RESET, RESIZING 0|1
fn replybuffer(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let switches = &mut cx.server.switches;
    let (what, value) = (args.get(2).to_ascii_lowercase(), args.get(3).to_ascii_lowercase());
    match (what.as_slice(), value.as_slice()) {
        (b"peak-reset-time", b"never") => switches.reply_buffer_peak_reset_ms = None,
        (b"peak-reset-time", b"reset") => switches.reply_buffer_peak_reset_ms = Some(PEAK_RESET_MS),
        (b"peak-reset-time", ms) => {
            switches.reply_buffer_peak_reset_ms = Some(parse_i64(ms).ok_or(error::NOT_AN_INTEGER)?);
        }
        (b"resizing", value) => switches.reply_buffer_resizing = switch(value),
        _ => return Err(cx.subcommand_syntax(args)),
    }
    cx.reply.ok();
    Ok(())
}

/// A command that fills the databases; meanwhile nobody else is served.
struct Reloading<'a, 'c>(&'a mut Ctx<'c>);

impl Host for Reloading<'_, '_> {
    fn engine(&mut self) -> (&mut Store, &mut State) {
        (self.0.db.store, self.0.server)
    }

    fn serve_clients(&mut self) {}
}

/// DEBUG RELOAD [MERGE] [NOFLUSH] [NOSAVE]
fn reload(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (mut merge, mut flush, mut save) = (false, true, true);
    for option in args.from(2) {
        match option.to_ascii_lowercase().as_slice() {
            b"merge" => merge = true,
            b"noflush" => flush = false,
            b"nosave" => save = false,
            _ => return Err(error::DEBUG_RELOAD_OPTION),
        }
    }
    if save {
        snapshot::save(cx.db.store, cx.server)?;
    }
    if flush {
        drop(cx.db.store.keyspace.clear());
    }
    let loaded = load::load(&mut Reloading(cx), Rules { merge, drop_expired: true });
    match loaded {
        Ok(Some(_)) => {
            cx.server.log.notice("DB reloaded by DEBUG RELOAD");
            cx.reply.ok();
            Ok(())
        }
        failed => {
            if let Err(error) = failed {
                load::explain(cx.server, &error);
            }
            Err(error::DEBUG_RELOAD_FAILED)
        }
    }
}

/// DEBUG AOF-FLUSH-SLEEP microseconds
fn aof_flush_sleep(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let us = parse_i64(args.get(2)).and_then(|us| u64::try_from(us).ok()).ok_or(error::NOT_AN_INTEGER)?;
    cx.server.persistence.aof.set_delay(us);
    cx.reply.ok();
    Ok(())
}

/// DEBUG LOADAOF
fn loadaof(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    aof::rewrite::stop(cx.db.store, cx.server);
    aof::switch::end(cx.db.store, cx.server);
    drop(cx.db.store.keyspace.clear());
    let loaded = aof::switch::reload(&mut Reloading(cx));
    if loaded.is_err() {
        return Err(error::DEBUG_LOADAOF_FAILED);
    }
    cx.db.store.dirty = 0;
    cx.server.log.notice("Append Only File loaded by DEBUG LOADAOF");
    cx.reply.ok();
    Ok(())
}

/// DEBUG CHANGE-REPL-ID
fn change_repl_id(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.server.log.notice("Changing replication IDs after receiving change-repl-id");
    let id: [u8; 40] = cx.db.store.random.hex();
    cx.server.replication_id = String::from_utf8_lossy(&id).into_owned();
    cx.reply.ok();
    Ok(())
}

/// DEBUG CONFIG-REWRITE-FORCE-ALL
fn config_rewrite_force_all(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let config = &cx.server.config;
    let path = config.config_file.clone().ok_or(error::CONFIG_WITHOUT_FILE)?;
    config.rewrite_all(&path).map_err(|error| error::config_rewrite(&error.to_string()))?;
    cx.reply.ok();
    Ok(())
}

/// DEBUG LOG message
fn log(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    cx.server.log.warning(format_args!("DEBUG LOG: {}", String::from_utf8_lossy(args.get(2))));
    cx.reply.ok();
    Ok(())
}

fn find<'a>(db: &'a Db, key: &[u8]) -> Result<EntryRef<'a>, ReplyError> {
    db.find(key).ok_or(error::NO_SUCH_KEY)
}

/// DEBUG OBJECT key
fn object(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let now = cx.now();
    let compressor = cx.server.config.rdbcompression.then_some(&mut cx.server.compressor);
    let entry = find(cx.db.store.keyspace.db(cx.db.index), args.get(2))?;
    // The oldest version that holds any value.
    let version = rdb::version_for(entry, (cx.server.config.rdb_version as u16).max(11));
    let mut writer = Writer::new(version, compressor);
    rdb::write_value(&mut writer, entry);
    let serialized_len = writer.out.len() - size_of::<rdb::Type>();
    let quicklist = match entry.encoding() {
        Encoding::Quicklist => quicklist_figures(entry, cx.db.store.limits.list_size),
        _ => String::new(),
    };
    let line = format!(
        "Value at:0x{:x} refcount:1 encoding:{} serializedlength:{serialized_len} lru:{} lru_seconds_idle:{}{quicklist}",
        entry.address(),
        entry.encoding().name(),
        entry.access(),
        evict::idle_ms(entry.access(), now) / 1000,
    );
    cx.reply.simple(&line);
    Ok(())
}

/// What DEBUG OBJECT adds for a large list.
fn quicklist_figures(entry: EntryRef<'_>, list_size: i32) -> String {
    let Some(list) = entry.typed::<List>() else { return String::new() };
    let (nodes, bytes) =
        list.nodes().fold((0, 0), |(nodes, bytes), node| (nodes + 1, bytes + node.content_bytes()));
    let average = list.len() as f64 / f64::from(nodes);
    format!(
        " ql_nodes:{nodes} ql_avg_node:{average:.2} ql_listpack_max:{list_size} ql_compressed:0 \
         ql_uncompressed_size:{bytes}"
    )
}

/// DEBUG QUICKLIST-PACKED-THRESHOLD size
fn quicklist_packed_threshold(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let bytes = match parse_memory(args.get(2)) {
        Some(0) => LIST_PLAIN_BYTES,
        Some(bytes @ ..=LIST_PLAIN_BYTES_MAX) => bytes as usize,
        _ => return Err(error::DEBUG_PACKED_THRESHOLD),
    };
    cx.server.switches.list_plain_bytes = bytes;
    cx.db.store.limits.list_plain_bytes = bytes;
    cx.reply.ok();
    Ok(())
}

/// DEBUG SDSLEN key
fn sdslen(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let entry = find(cx.db.store.keyspace.db(cx.db.index), args.get(2))?;
    let value = match entry.string() {
        Some(value) if value.to_int().is_none() => value,
        _ => return Err(error::DEBUG_NOT_SDS),
    };
    let line = format!(
        "key_sds_len:{}, key_sds_avail:0, key_zmalloc: {}, val_sds_len:{}, val_sds_avail:0, val_zmalloc: {}",
        entry.key().len(),
        entry.memory_bytes(),
        value.len(),
        entry.value_bytes_len(),
    );
    cx.reply.simple(&line);
    Ok(())
}

/// DEBUG HTSTATS dbid [full]
fn htstats(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let index = parse_i64(args.get(2)).ok_or(error::NOT_AN_INTEGER)?;
    let count = cx.db.store.keyspace.count() as i64;
    if !(0..count).contains(&index) {
        return Err(error::DB_OUT_OF_RANGE);
    }
    let db = cx.db.store.keyspace.db(index as usize);
    let table = db.table_stats();
    let mut text = format!(
        "[Dictionary HT]\n number of elements: {}\n table bytes: {}\n pages: {}\n directory entries: {}\n buckets: {}\n \
         slots: {}\n elements in a neighbour bucket: {}\n elements in a stash bucket: {}\n buckets by elements:\n",
        table.elements,
        table.memory_bytes,
        table.pages,
        table.directory_entries,
        table.buckets,
        table.slots,
        table.elements_in_neighbour,
        table.elements_in_stash,
    );
    for (elements, buckets) in table.buckets_by_elements.iter().enumerate() {
        text += &format!("  {elements}: {buckets}\n");
    }
    let (expires_len, wheel_bytes) = (db.expires_len(), db.memory().expires_bytes);
    text += &format!("[Expires HT]\n number of elements: {expires_len}\n wheel bytes: {wheel_bytes}\n");
    cx.reply.verbatim(b"txt", text.as_bytes());
    Ok(())
}

/// DEBUG POPULATE count [prefix] [size]
fn populate(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let positive = |argument| match parse_i64(argument) {
        None => Err(error::NOT_AN_INTEGER),
        Some(n) => usize::try_from(n).map_err(|_| error::NOT_POSITIVE),
    };
    let count = positive(args.get(2))?;
    let prefix = args.find(3).unwrap_or(b"key");
    let size = args.find(4).map(positive).transpose()?.unwrap_or(0);
    let fresh = fresh_mark(&cx.db.store.marks, cx.now());
    let index = cx.db.index;
    let db = cx.db.store.keyspace.db_mut(index);
    db.set_fresh_access(fresh);
    db.reserve(count);
    for i in 0..count {
        let key = [prefix, b":", i.to_string().as_bytes()].concat();
        let mut value = format!("value:{i}").into_bytes();
        if size > 0 {
            value.resize(size, 0);
        }
        let db = cx.db.store.keyspace.db_mut(index);
        if !db.contains(&key) {
            db.set_string(&key, NewStr::Large(value), Ttl::Clear);
            cx.db.store.effects.changed(index, &key);
        }
    }
    cx.reply.ok();
    Ok(())
}

/// DEBUG STRINGMATCH-LEN length pattern
fn stringmatch_len(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let len =
        parse_i64(args.get(2)).and_then(|len| usize::try_from(len).ok()).ok_or(error::NOT_AN_INTEGER)?;
    let text = vec![b'a'; len];
    let matches = rufous_protocol::glob::matches(args.get(3), &text);
    cx.reply.integer(i64::from(matches));
    Ok(())
}

/// DEBUG STRUCTSIZE
fn structsize(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let line = format!(
        "bits:64 client:{} output:{} db:{}",
        size_of::<crate::client::Client>(),
        size_of::<crate::client::output::Output>(),
        size_of::<Db>(),
    );
    cx.reply.simple(&line);
    Ok(())
}

/// DEBUG PROTOCOL type
fn protocol(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let reply = &mut cx.reply;
    match args.get(2).to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double(f64::from(3141) / 1000.0),
        b"bignum" => reply.big_number(b"1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|i| reply.integer(i));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|i| reply.integer(i));
        }
        b"map" => {
            reply.map(3);
            for i in 0..3 {
                reply.integer(i);
                reply.boolean(i == 1);
            }
        }
        b"attrib" => {
            if reply.resp == Resp::V3 {
                reply.attribute(1);
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" => {
            if reply.resp == Resp::V2 {
                return Err(error::message("RESP2 is not supported by this command"));
            }
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
            reply.bulk(b"Some real reply following the push reply");
        }
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        b"verbatim" => reply.verbatim(b"txt", b"This is a verbatim\nstring"),
        _ => return Err(error::DEBUG_PROTOCOL_TYPE),
    }
    Ok(())
}

/// DEBUG HELP
fn help(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.help(
        "DEBUG",
        &[
            ("ASSERT", "Crash on purpose: a broken assertion."),
            ("CLOCK <FREEZE|ADVANCE <ms>|RESUME>", "Stop, move and resume the time that the server sees."),
            ("CONFIG-REWRITE-FORCE-ALL", "Rewrite the configuration file with every directive."),
            ("DIGEST", "Give a signature of all data."),
            ("DIGEST-VALUE <key> [<key> ...]", "Give a signature of each value."),
            ("ERROR <string>", "Reply an error with that text."),
            ("HTSTATS <dbid>", "Show figures of a database's table."),
            ("LISTPACK <key>", "Log the elements of a small collection, and where they lie."),
            ("LOG <message>", "Write to the server's log."),
            ("MALLCTL <name> [<value>]", "Read one of the allocator's figures, or change a setting."),
            ("MALLCTL-STR <name> [VOID]", "Read one of the allocator's texts, or run a command."),
            ("OBJECT <key>", "Show how a value is stored."),
            ("PANIC", "Crash on purpose: a panic."),
            ("PAUSE-CRON <0|1>", "Stop or resume periodic work."),
            ("POPULATE <count> [<prefix>] [<size>]", "Create string keys <prefix>:<number>."),
            (
                "PROTOCOL <type>",
                "Reply a sample of a type: string, integer, double, null, array, set, map, attrib,",
            ),
            ("", "push, verbatim, true, false, bignum."),
            ("QUICKLIST <key> [<0|1>]", "Log the nodes of a large list; with 1, their elements too."),
            (
                "QUICKLIST-PACKED-THRESHOLD <size>",
                "From which size on an element of a list has a node of its own; 0 is as at the start.",
            ),
            (
                "REPLYBUFFER PEAK-RESET-TIME <NEVER|RESET|ms>",
                "How often the peak of reply buffers is forgotten.",
            ),
            ("REPLYBUFFER RESIZING <0|1>", "Whether idle reply buffers are fitted."),
            ("SDSLEN <key>", "Show the lengths of a key and its string."),
            ("SEGFAULT", "Crash on purpose: an access where there is no memory."),
            (
                "SET-ACTIVE-EXPIRE <0|1>",
                "Whether keys are removed when they expire, or only when they are looked up.",
            ),
            ("SET-SKIP-CHECKSUM-VALIDATION <0|1>", "Whether RESTORE takes payloads with a wrong checksum."),
            ("SLEEP <seconds>", "Stop the server for a while. Decimals allowed."),
            ("STACK-OVERFLOW [THREAD]", "Crash on purpose: no stack left, in a thread of its own if asked."),
            ("STRINGMATCH-LEN <len> <pattern>", "Match a pattern against a text of that many 'a'."),
            ("STRUCTSIZE", "Show the sizes of some structures."),
        ],
    );
    Ok(())
}
