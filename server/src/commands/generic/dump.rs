//! DUMP and RESTORE: one value as bytes, to another server or another time. RESTORE-ASKING is RESTORE in a cluster.

use super::DEL;
use crate::command::Outcome;
use crate::context::Ctx;
use crate::effects::Event;
use crate::notify::Class;
use crate::persistence::load::INTEGRITY;
use crate::propagation::Word;
use rufous_persistence::dump::{self, Opened};
use rufous_persistence::rdb::{self, Made, Reader, Type, Value, Writer};
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use rufous_storage::{Ttl, evict};
use std::fmt::Display;

const RESTORE: Event = Event::new(Class::GENERIC, "restore");

/// RESTORE's options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Options {
    replace: bool,
    absolute_ttl: bool,
    idle_seconds: Option<i64>,
    frequency: Option<u8>,
}

impl Options {
    fn parse(mut args: Args<'_>) -> Result<Options, ReplyError> {
        let mut options = Options::default();
        while let Some(option) = args.find(0) {
            let taken = match (option.to_ascii_lowercase().as_slice(), args.find(1)) {
                (b"replace", _) => {
                    options.replace = true;
                    1
                }
                (b"absttl", _) => {
                    options.absolute_ttl = true;
                    1
                }
                (b"idletime", Some(seconds)) if options.frequency.is_none() => {
                    let seconds = parse_i64(seconds).ok_or(error::NOT_AN_INTEGER)?;
                    options.idle_seconds = Some(seconds).filter(|seconds| *seconds >= 0);
                    options.idle_seconds.ok_or(error::RESTORE_IDLETIME)?;
                    2
                }
                (b"freq", Some(counter)) if options.idle_seconds.is_none() => {
                    let counter = parse_i64(counter).ok_or(error::NOT_AN_INTEGER)?;
                    options.frequency = Some(u8::try_from(counter).map_err(|_| error::RESTORE_FREQ)?);
                    2
                }
                _ => return Err(error::SYNTAX),
            };
            args = args.from(taken);
        }
        Ok(options)
    }

    /// The access bits that the options ask for, under the present policy.
    fn access(&self, lfu: bool, now: i64) -> Option<u32> {
        if lfu {
            return self.frequency.map(|counter| evict::lfu_bits(now, counter));
        }
        self.idle_seconds.map(|seconds| evict::lru_bits_idle(now, seconds.wrapping_mul(1000)))
    }
}

/// DUMP key
pub(super) fn dump(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let wanted = cx.server.config.rdb_version as u16;
    let compressor = cx.server.config.rdbcompression.then_some(&mut cx.server.compressor);
    match cx.db.read(args.get(1)) {
        None => cx.reply.null(),
        Some(entry) => {
            let version = rdb::version_for(entry, wanted);
            let mut writer = Writer::new(version, compressor);
            rdb::write_value(&mut writer, entry);
            if let Some(what) = writer.refused() {
                return Err(error::rdb_version(version, what));
            }
            dump::seal(&mut writer.out, version);
            cx.reply.bulk(&writer.out);
        }
    }
    Ok(())
}

/// RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]
pub(super) fn restore(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, now) = (args.get(1), cx.now());
    let options = Options::parse(args.from(4))?;
    if !options.replace && cx.db.write(key).exists() {
        return Err(error::BUSY_KEY);
    }
    let ttl = parse_i64(args.get(2)).ok_or(error::NOT_AN_INTEGER)?;
    if ttl < 0 {
        return Err(error::RESTORE_TTL);
    }
    let opened = dump::open(args.get(3), !cx.server.switches.checksums_ignored);
    let opened = opened.ok_or(error::RESTORE_CHECKSUM)?;
    let body = opened.body;
    let value = read_value(opened).map_err(|problem| bad_format(cx, body, problem))?;
    let limits = cx.db.store.limits.clone();
    let made = value.make(cx.db.db(), &limits).map_err(|problem| bad_format(cx, body, problem))?;

    let lazy = cx.server.config.lazyfree_lazy_server_del;
    let replaced = options.replace && cx.db.remove(key, lazy);
    let ttl = match ttl {
        0 => Ttl::Clear,
        at if options.absolute_ttl => Ttl::At(at),
        ms => Ttl::At(ms.wrapping_add(now)),
    };
    if matches!(ttl, Ttl::At(at) if at <= cx.db.horizon) {
        if replaced {
            cx.changed(key, DEL, 1);
            cx.propagate_removal(key, lazy);
        }
    } else {
        match made {
            Made::String(string) => cx.db.write(key).set(string, ttl),
            Made::Collection(fresh) => {
                cx.db.store_fresh(key, fresh);
                if let Ttl::At(at) = ttl {
                    cx.db.write(key).set_expire(Some(at));
                }
            }
        }
        if let Some(bits) = options.access(cx.db.store.marks.lfu.is_some(), now)
            && let Some(entry) = cx.db.peek(key)
        {
            entry.set_access(bits);
        }
        cx.changed(key, RESTORE, 1);
        if let Ttl::At(at) = ttl
            && !options.absolute_ttl
        {
            propagate_restore(cx, args, at);
        }
    }
    cx.reply.ok();
    Ok(())
}

/// With the expiry as a point in time.
fn propagate_restore(cx: &mut Ctx<'_>, args: Args<'_>, at: i64) {
    if cx.propagates() {
        let mut words: Vec<Word<'_>> = args.iter().map(Word::Bytes).collect();
        words[2] = Word::Int(at);
        words.push(Word::Bytes(b"ABSTTL"));
        cx.propagate_as(&words);
    }
}

/// Reads type and value. As in Redis, what follows them is not looked at.
fn read_value(opened: Opened<'_>) -> Result<Value<'_>, rdb::Error> {
    let mut reader = Reader::new(opened.body).of_version(opened.version);
    let kind = reader.kind()?;
    Value::read(&mut reader, kind)
}

/// The error for a payload that makes no sense; the log tells why, in words that people who know Redis look for.
fn bad_format(cx: &Ctx<'_>, body: &[u8], problem: impl Display) -> ReplyError {
    let what = match body.first().copied().and_then(Type::of) {
        Some(Type::SortedSetZiplist) => "Zset ziplist",
        Some(Type::HashZipmap) => "Zipmap",
        Some(Type::StreamFirst | Type::StreamSecond | Type::Stream | Type::StreamProducers) => {
            "Stream listpack"
        }
        _ => "Value",
    };
    cx.server.log.verbose(format_args!("RESTORE: {what} {INTEGRITY}{problem}"));
    error::RESTORE_BAD_FORMAT
}

#[cfg(test)]
mod tests {
    use super::*;
    use rufous_protocol::request::OwnedArgs;

    #[track_caller]
    fn check(options: &str, expected: Result<Options, &str>) {
        let args: OwnedArgs = options.split_whitespace().map(str::as_bytes).collect();
        let parsed = Options::parse(args.args()).map_err(|error| error.to_string());
        assert_eq!(parsed, expected.map_err(str::to_owned), "{options}");
    }

    #[test]
    fn options_are_judged_one_by_one() {
        let none = Options::default();
        check("", Ok(none));
        check("replace ABSTTL", Ok(Options { replace: true, absolute_ttl: true, ..none }));
        check("IDLETIME 5 idletime 7", Ok(Options { idle_seconds: Some(7), ..none }));
        check("freq 255", Ok(Options { frequency: Some(255), ..none }));
        check("freq 256", Err("ERR Invalid FREQ value, must be >= 0 and <= 255"));
        check("freq x replace", Err("ERR value is not an integer or out of range"));
        check("idletime -1", Err("ERR Invalid IDLETIME value, must be >= 0"));
        check("idletime", Err("ERR syntax error"));
        check("idletime 1 freq 1", Err("ERR syntax error"));
        check("freq 1 idletime 1", Err("ERR syntax error"));
        check("bogus", Err("ERR syntax error"));
    }

    #[test]
    fn access_bits_follow_the_policy() {
        let idle = Options { idle_seconds: Some(100), ..Options::default() };
        let frequent = Options { frequency: Some(9), ..Options::default() };
        assert_eq!(idle.access(false, 500_000), Some(400));
        assert_eq!(idle.access(true, 500_000), None);
        assert_eq!(frequent.access(true, 600_000), Some(10 << 8 | 9));
        assert_eq!(frequent.access(false, 600_000), None);
    }
}
