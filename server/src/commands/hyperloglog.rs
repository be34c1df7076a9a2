//! The HyperLogLog commands: about how many different elements there were. What a sketch is in bytes is storage's business.
//!
//! Sketches are strings; a key holds one when its string looks like one. Redis detaches a string from what it was set with as
//! soon as one of these commands has looked at it, so it reports `raw` from then on.

use crate::command::keys::{ACCESS, INSERT, RO, RW};
use crate::command::shared::WRITE;
use crate::command::{Command, Flags, Group, KeySpec, Outcome};
use crate::context::Ctx;
use crate::effects::Event;
use crate::notify::Class;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::request::Args;
use rufous_storage::hyperloglog::{
    self, Corrupt, DENSE_BYTES, Draft, Element, Encoding, Opcode, REGISTERS, Sketch, Union,
};
use rufous_storage::{Encoding as StringEncoding, Random, Str, StrMut};
use std::fmt::Write;

/// The HyperLogLog commands.
pub const ROWS: &[Command] = &[
    Command::new("pfadd", pfadd, -2, WRITE.union(Flags::FAST), Group::HyperLogLog)
        .keys(&[KeySpec::one(1, RW.union(INSERT))])
        .docs(
            "2.8.9",
            "O(1) for each element",
            "Adds elements to a HyperLogLog, creating the key if needed.",
            "key [element:string ...]",
        ),
    Command::new("pfcount", pfcount, -2, Flags::READONLY.union(Flags::MAY_REPLICATE), Group::HyperLogLog)
        .keys(&[KeySpec::range(1, -1, 1, RW.union(ACCESS)).note("The count is stored in the key")])
        .docs(
            "2.8.9",
            "O(1) with one key, nearly nothing while its stored count holds; O(N) with N keys, a longer time for each",
            "Tells about how many different elements one or several HyperLogLogs have seen.",
            "key ...",
        ),
    Command::new("pfdebug", pfdebug, 3, WRITE.union(Flags::ADMIN), Group::HyperLogLog)
        .keys(&[KeySpec::one(2, RW.union(ACCESS))])
        .docs("2.8.9", "N/A", "Shows how a HyperLogLog is stored, for fault finding.", "subcommand:string key")
        .internal(),
    Command::new("pfmerge", pfmerge, -2, WRITE, Group::HyperLogLog)
        .keys(&[
            KeySpec::one(1, RW.union(ACCESS).union(INSERT)),
            KeySpec::range(2, -1, 1, RO.union(ACCESS)),
        ])
        .docs(
            "2.8.9",
            "O(N) with N HyperLogLogs, a long time for each",
            "Merges HyperLogLogs into one, creating the key if needed.",
            "destkey:key [sourcekey:key#1 ...]",
        ),
    Command::new("pfselftest", pfselftest, 1, Flags::ADMIN, Group::HyperLogLog)
        .docs("2.8.9", "N/A", "Tests the HyperLogLogs of this server, for fault finding.", "")
        .internal(),
];

const PFADD: Event = Event::new(Class::STRING, "pfadd");

/// PFADD key \[element ...\]
fn pfadd(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, elements) = (args.get(1), args.from(2));
    let sparse_bytes_max = sparse_bytes_max(cx);
    let found = cx.db.write(key);
    let changes = match found.string()?.map(sketch).transpose()? {
        Some(sketch) if sketch.encoding() == Encoding::Dense => {
            // The string is written, and with it what a snapshot would have to keep, only for an element that changes it.
            match sketch.first_change(elements.iter().map(Element::of)) {
                None => 0,
                Some(first) => {
                    let mut string = found.string_mut_or_new()?;
                    let elements = elements.from(first).into_iter().map(Element::of);
                    hyperloglog::add_to_dense(string.as_mut_bytes(), elements)
                }
            }
        }
        old => {
            let mut changes = usize::from(old.is_none());
            let mut draft = draft(old, sparse_bytes_max);
            for element in elements {
                changes += usize::from(draft.add(Element::of(element)).map_err(corrupt)?);
            }
            match draft.into_changed() {
                Some(bytes) => found.string_mut_or_new()?.resize(bytes.len()).copy_from_slice(&bytes),
                None => found.string_mut().into_iter().for_each(detach),
            }
            changes
        }
    };
    if changes > 0 {
        cx.changed(key, PFADD, changes as u64);
    }
    cx.reply.integer((changes > 0).into());
    Ok(())
}

/// PFCOUNT key \[key ...\]
fn pfcount(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let key = args.get(1);
    if args.len() > 2 {
        let mut union = Union::default();
        add_all(cx, &mut union, args.from(1))?;
        cx.reply.integer(union.count() as i64);
        return Ok(());
    }
    let Some(value) = cx.db.string(key)? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let sketch = sketch(value)?;
    let stored = sketch.stored_count();
    let count = match stored {
        Some(count) => count,
        None => sketch.count().map_err(corrupt)?,
    };
    if let Some(mut string) = cx.db.db().string_mut(key) {
        if stored.is_some() {
            detach(string);
        } else {
            // A change, though the command only reads: other servers are to have the same bytes.
            hyperloglog::store_count(string.as_mut_bytes(), count);
            cx.db.store.dirty += 1;
            cx.db.store.effects.changed(cx.db.index, key);
        }
    }
    cx.reply.integer(count as i64);
    Ok(())
}

/// PFMERGE destkey \[sourcekey ...\]
fn pfmerge(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let key = args.get(1);
    let sparse_bytes_max = sparse_bytes_max(cx);
    let mut union = Union::default();
    add_all(cx, &mut union, args.from(1))?;
    let found = cx.db.write(key);
    if union.has_dense() {
        union.write_dense(found.string_mut_or_new()?.resize(DENSE_BYTES));
    } else {
        let mut draft = draft(found.string()?.map(sketch).transpose()?, sparse_bytes_max);
        draft.add_union(&union).map_err(corrupt)?;
        let bytes = draft.into_bytes();
        found.string_mut_or_new()?.resize(bytes.len()).copy_from_slice(&bytes);
    }
    cx.changed(key, PFADD, 1);
    cx.reply.ok();
    Ok(())
}

/// Adds the sketches under these keys; absent ones are empty.
fn add_all(cx: &mut Ctx<'_>, union: &mut Union, keys: Args<'_>) -> Result<(), ReplyError> {
    for key in keys {
        if let Some(value) = cx.db.string(key)? {
            union.add(sketch(value)?).map_err(corrupt)?;
        }
    }
    Ok(())
}

/// PFDEBUG GETREG | DECODE | ENCODING | TODENSE key
fn pfdebug(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (name, found) = (args.get(1), cx.db.write(args.get(2)));
    let sketch = sketch(found.string()?.ok_or(error::PFDEBUG_KEY)?)?;
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    let encoding = sketch.encoding();
    if is("getreg") || is("todense") {
        let dense = sketch.to_dense().map_err(corrupt)?;
        if encoding == Encoding::Sparse {
            found.string_mut_or_new()?.resize(DENSE_BYTES).copy_from_slice(&dense);
            cx.db.store.dirty += 1;
        }
        match Sketch::parse(&dense).and_then(Sketch::values) {
            Some(values) if is("getreg") => {
                cx.reply.array(REGISTERS);
                values.for_each(|value| cx.reply.integer(value.into()));
            }
            _ => cx.reply.integer((encoding == Encoding::Sparse).into()),
        }
    } else if is("decode") {
        if encoding == Encoding::Dense {
            return Err(error::PFDEBUG_NOT_SPARSE);
        }
        let decoded = decode(sketch)?;
        cx.reply.bulk(decoded.as_bytes());
        found.string_mut().into_iter().for_each(detach);
    } else if is("encoding") {
        cx.reply.simple(encoding.name());
        found.string_mut().into_iter().for_each(detach);
    } else {
        return Err(error::pfdebug_unknown(name));
    }
    Ok(())
}

/// The opcodes in letters: `z` and `Z` are zeros in one byte or two, `v` is a value.
fn decode(sketch: Sketch<'_>) -> Result<String, ReplyError> {
    let mut text = String::new();
    for opcode in sketch.opcodes() {
        let _ = match opcode.map_err(corrupt)? {
            Opcode::Zero(len) => write!(text, "z:{len} "),
            Opcode::ExtendedZero(len) => write!(text, "Z:{len} "),
            Opcode::Value { value, len } => write!(text, "v:{value},{len} "),
        };
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}

/// PFSELFTEST
fn pfselftest(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let sparse_bytes_max = sparse_bytes_max(cx);
    let random = &mut cx.db.store.random;
    test_registers(random)?;
    test_counts(random, sparse_bytes_max)?;
    cx.reply.ok();
    Ok(())
}

/// Are random registers kept, and merged into the greater of each two?
fn test_registers(random: &mut Random) -> Result<(), ReplyError> {
    const CYCLES: usize = 100;
    let mut union = Union::default();
    let mut expected = vec![0; REGISTERS];
    for _ in 0..CYCLES {
        let mut bytes = vec![0; DENSE_BYTES];
        Union::default().write_dense(&mut bytes);
        let header_bytes = DENSE_BYTES - REGISTERS * 6 / 8;
        random.fill(&mut bytes[header_bytes..]);
        let sketch = sketch(Str::Bytes(&bytes))?;
        union.add(sketch).map_err(corrupt)?;
        for (expected, value) in expected.iter_mut().zip(sketch.values().into_iter().flatten()) {
            *expected = value.max(*expected);
        }
    }
    let mut merged = vec![0; DENSE_BYTES];
    union.write_dense(&mut merged);
    let values = sketch(Str::Bytes(&merged))?.values().into_iter().flatten();
    for (register, (value, expected)) in values.zip(expected).enumerate() {
        if value != expected {
            let fault = format!("Register {register} should be {expected} but is {value}");
            return Err(error::test_failed(&fault));
        }
    }
    Ok(())
}

/// Are counts near the truth, and the same in both encodings?
fn test_counts(random: &mut Random, sparse_bytes_max: usize) -> Result<(), ReplyError> {
    const ELEMENTS_MAX: u64 = 1_000_000;
    /// Six times the standard error: a wrong alarm is out of the question.
    const ERROR_MAX: f64 = 6.0 * 1.04 / 128.0;
    /// Bytes of a sparse sketch without elements, and those that one more element may take.
    const EMPTY_BYTES: u64 = 18;
    const ELEMENT_BYTES_MAX: u64 = 3;
    let failed = |fault: String| Err(error::test_failed(&fault));
    let seed = random.next_u64();
    let mut dense = vec![0; DENSE_BYTES];
    Union::default().write_dense(&mut dense);
    let mut draft = Draft::new(sparse_bytes_max);
    let mut checkpoint = 1;
    for number in 1..=ELEMENTS_MAX {
        let element = Element::of(&(number ^ seed).to_le_bytes());
        hyperloglog::add_to_dense(&mut dense, std::iter::once(element));
        draft.add(element).map_err(corrupt)?;
        if number < checkpoint {
            continue;
        }
        let sparse_bytes = EMPTY_BYTES + ELEMENT_BYTES_MAX * number;
        if sparse_bytes <= sparse_bytes_max as u64 && draft.sketch().encoding() == Encoding::Dense {
            return failed("sparse encoding not used".to_owned());
        }
        let count = draft.sketch().count().map_err(corrupt)?;
        if sketch(Str::Bytes(&dense))?.count() != Ok(count) {
            return failed("dense/sparse disagree".to_owned());
        }
        if count.abs_diff(number) > (ERROR_MAX * number as f64).ceil() as u64 {
            return failed(format!("Too big error. card:{number} abserr:{}", count.abs_diff(number)));
        }
        checkpoint *= 10;
    }
    Ok(())
}

/// The sketch that a string is.
fn sketch(value: Str<'_>) -> Result<Sketch<'_>, ReplyError> {
    let bytes = match value {
        Str::Int(_) => None,
        Str::Bytes(bytes) => Some(bytes),
        Str::Blob(blob) => Some(blob.as_slice()),
    };
    bytes.and_then(Sketch::parse).ok_or(error::HLL_INVALID)
}

/// What a sketch is to become, or a new one.
fn draft(old: Option<Sketch<'_>>, sparse_bytes_max: usize) -> Draft<'_> {
    match old {
        Some(sketch) => Draft::of(sketch, sparse_bytes_max),
        None => Draft::new(sparse_bytes_max),
    }
}

/// Makes a string that was looked at, but not changed, report `raw`.
fn detach(mut string: StrMut<'_>) {
    if string.entry().encoding() == StringEncoding::Embstr {
        string.as_mut_bytes();
    }
}

fn sparse_bytes_max(cx: &Ctx<'_>) -> usize {
    usize::try_from(cx.server.config.hll_sparse_max_bytes).unwrap_or(usize::MAX)
}

fn corrupt(_: Corrupt) -> ReplyError {
    error::HLL_CORRUPT
}
