//! MEMORY: where the memory is, and what to do about it. The figures are in [`crate::info::memory`].

use crate::command::keys::RO;
use crate::command::shared::HELP;
use crate::command::table::container;
use crate::command::{Command, Flags, Group, KeySpec, Outcome};
use crate::context::Ctx;
use crate::info::View;
use crate::info::memory::Figures;
use rufous_protocol::error;
use rufous_protocol::number::parse_i64;
use rufous_protocol::reply::Reply;
use rufous_protocol::request::Args;
use rufous_storage::memory;

/// Bytes of the table that a key takes: its slot and its part of the bucket's tags.
const SLOT_BYTES: usize = 10;
/// Below this much used memory, in bytes, there is nothing to diagnose.
const DIAGNOSABLE_BYTES_MIN: u64 = 5 << 20;
/// Waste below this, in bytes, is none.
const WASTE_BYTES_MIN: i64 = 10 << 20;
/// Mean bytes of a client above which buffers are too big.
const CLIENT_BYTES_MAX: u64 = 200 << 10;

const NONE: Flags = Flags::empty();

const REPORT: &[&str] = &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];

/// MEMORY and its subcommands.
pub const ROWS: &[Command] = &[Command::new("memory", container, -2, NONE, Group::Server)
    .docs("4.0.0", "Depends on the subcommand.", "Groups the commands about the use of memory.", "")
    .subcommands(MEMORY)];

const MEMORY: &[Command] = &[
    Command::new("doctor", memory_doctor, 2, NONE, Group::Server)
        .docs("4.0.0", "O(1)", "Looks for memory problems and advises.", "")
        .tips(REPORT),
    Command::new("help", memory_help, 2, HELP, Group::Server).docs(
        "4.0.0",
        "O(1)",
        "Explains the subcommands of MEMORY.",
        "",
    ),
    Command::new("malloc-stats", memory_malloc_stats, 2, NONE, Group::Server)
        .docs(
            "4.0.0",
            "Grows with the amount of allocated memory, possibly slow.",
            "Gives the statistics that the allocator keeps.",
            "",
        )
        .tips(REPORT),
    Command::new("purge", memory_purge, 2, NONE, Group::Server)
        .docs(
            "4.0.0",
            "Grows with the amount of allocated memory, possibly slow.",
            "Makes the allocator return unused memory.",
            "",
        )
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    Command::new("stats", memory_stats, 2, NONE, Group::Server)
        .docs("4.0.0", "O(1)", "Breaks down the use of memory.", "")
        .tips(REPORT),
    Command::new("usage", memory_usage, -3, Flags::READONLY, Group::Server)
        .keys(&[KeySpec::one(2, RO)])
        .docs(
            "4.0.0",
            "O(N) where N is the number of samples",
            "Estimates how many bytes a key and its value take.",
            "key [SAMPLES count:integer]",
        ),
];

/// MEMORY USAGE key [SAMPLES count]
fn memory_usage(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let mut options = args.from(3);
    while let Some(option) = options.find(0) {
        let count =
            options.find(1).filter(|_| option.eq_ignore_ascii_case(b"samples")).ok_or(error::SYNTAX)?;
        // Sizes are known without samples; the option is only checked.
        if parse_i64(count).ok_or(error::NOT_AN_INTEGER)? < 0 {
            return Err(error::SYNTAX);
        }
        options = options.from(2);
    }
    let entry = cx.db.store.keyspace.db(cx.db.index).find(args.get(2));
    match entry.filter(|entry| !entry.is_expired(cx.db.now)) {
        Some(entry) => cx.reply.integer((entry.memory_bytes() + SLOT_BYTES) as i64),
        None => cx.reply.null(),
    }
    Ok(())
}

/// MEMORY STATS
fn memory_stats(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let figures = Figures::take(&View::of(cx));
    let keyspace = &cx.db.store.keyspace;
    let used: Vec<_> = keyspace.iter().enumerate().filter(|(_, db)| !db.is_empty()).collect();
    let reply = &mut cx.reply;
    reply.map(27 + used.len());
    for (name, value) in [
        ("peak.allocated", figures.peak),
        ("total.allocated", figures.used),
        ("startup.allocated", figures.startup),
        ("replication.backlog", 0),
        ("clients.slaves", 0),
        ("clients.normal", figures.clients),
        ("cluster.links", 0),
        ("aof.buffer", 0),
        ("lua.caches", 0),
        ("functions.caches", 0),
    ] {
        integer(reply, name, value as i64);
    }
    for (index, db) in used {
        let memory = db.memory();
        reply.bulk(format!("db.{index}").as_bytes());
        reply.map(3);
        integer(reply, "overhead.hashtable.main", memory.table_bytes as i64);
        integer(reply, "overhead.hashtable.expires", memory.expires_bytes as i64);
        integer(reply, "overhead.hashtable.slot-to-keys", 0);
    }
    integer(reply, "overhead.total", figures.overhead() as i64);
    integer(reply, "keys.count", figures.keys as i64);
    integer(reply, "keys.bytes-per-key", figures.bytes_per_key() as i64);
    integer(reply, "dataset.bytes", figures.dataset() as i64);
    double(reply, "dataset.percentage", figures.dataset_percent());
    double(reply, "peak.percentage", figures.peak_percent());
    integer(reply, "allocator.allocated", figures.allocator.allocated_bytes as i64);
    integer(reply, "allocator.active", figures.allocator.active_bytes as i64);
    integer(reply, "allocator.resident", figures.allocator.resident_bytes as i64);
    let names = [
        ("allocator-fragmentation.ratio", "allocator-fragmentation.bytes"),
        ("allocator-rss.ratio", "allocator-rss.bytes"),
        ("rss-overhead.ratio", "rss-overhead.bytes"),
        ("fragmentation", "fragmentation.bytes"),
    ];
    for ((ratio_name, bytes_name), (ratio, bytes)) in names.into_iter().zip(figures.waste()) {
        double(reply, ratio_name, ratio);
        integer(reply, bytes_name, bytes);
    }
    Ok(())
}

fn integer(reply: &mut Reply<'_>, name: &str, value: i64) {
    reply.bulk(name.as_bytes());
    reply.integer(value);
}

fn double(reply: &mut Reply<'_>, name: &str, value: f64) {
    reply.bulk(name.as_bytes());
    reply.double(value);
}

/// MEMORY DOCTOR
fn memory_doctor(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let figures = Figures::take(&View::of(cx));
    let report = diagnose(&figures, cx.server.clients.len() as u64);
    cx.reply.verbatim(b"txt", report.as_bytes());
    Ok(())
}

/// Redis' thresholds, our words.
fn diagnose(figures: &Figures, clients: u64) -> String {
    if figures.used < DIAGNOSABLE_BYTES_MIN {
        return "This server holds next to nothing, so there is nothing to diagnose yet.\n".into();
    }
    let [fragmentation, pages, process, total] = figures.waste();
    let is_wasted = |(ratio, bytes): (f64, i64), ratio_max: f64| ratio > ratio_max && bytes > WASTE_BYTES_MIN;
    let findings = [
        (
            figures.peak as f64 / figures.used as f64 > 1.5,
            "Peak memory: in the past the server used more than one and a half times what it uses now. What the \
             allocator still holds of it is used again when data grows; MEMORY PURGE gives back what can be given back.",
        ),
        (
            is_wasted(total, 1.4),
            "High total RSS: the process holds more than 1.4 times what is allocated. After a peak this is harmless; \
             else the workload fragments memory.",
        ),
        (
            is_wasted(fragmentation, 1.1),
            "High allocator fragmentation: pages of the allocator are filled badly, because values of many sizes came \
             and went.",
        ),
        (
            is_wasted(pages, 1.1),
            "High allocator RSS overhead: the allocator keeps pages that hold nothing. MEMORY PURGE gives them back.",
        ),
        (
            is_wasted(process, 1.1),
            "High process RSS overhead: much of the process' memory does not come from the allocator.",
        ),
        (
            figures.clients / clients.max(1) > CLIENT_BYTES_MAX,
            "Big client buffers: clients take more than 200 KB each on average. CLIENT LIST shows which.",
        ),
    ];
    let found: String =
        findings.iter().filter(|(holds, _)| *holds).map(|(_, text)| format!(" * {text}\n\n")).collect();
    if found.is_empty() {
        return "No memory problem was found.\n".into();
    }
    format!("Some memory problems were found:\n\n{found}")
}

/// MEMORY MALLOC-STATS
fn memory_malloc_stats(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.reply.verbatim(b"txt", memory::report().as_bytes());
    Ok(())
}

/// MEMORY PURGE
fn memory_purge(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    if !memory::purge() {
        return Err(error::MEMORY_PURGE);
    }
    cx.reply.ok();
    Ok(())
}

/// MEMORY HELP
fn memory_help(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.help(
        "MEMORY",
        &[
            ("DOCTOR", "Look for memory problems."),
            ("MALLOC-STATS", "The statistics of the allocator."),
            ("PURGE", "Make the allocator give unused pages back."),
            ("STATS", "Where the memory is."),
            ("USAGE <key> [SAMPLES <count>]", "The bytes that a key and its value take."),
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rufous_storage::memory::AllocatorStats;

    const HEALTHY: Figures = Figures {
        used: 100 << 20,
        peak: 110 << 20,
        startup: 1 << 20,
        rss: 105 << 20,
        allocator: AllocatorStats {
            allocated_bytes: 100 << 20,
            active_bytes: 101 << 20,
            resident_bytes: 103 << 20,
            retained_bytes: 0,
            metadata_bytes: 0,
            muzzy_bytes: 0,
        },
        tables: 10 << 20,
        expires: 0,
        clients: 1 << 20,
        keys: 1000,
    };

    #[test]
    fn the_doctor_names_what_is_wrong() {
        let check = |figures: Figures, expected: &[&str]| {
            let report = diagnose(&figures, 10);
            let count = report.matches(" * ").count();
            assert_eq!(count, expected.len(), "{report}");
            assert!(expected.iter().all(|word| report.contains(word)), "{report}");
        };
        check(HEALTHY, &[]);
        check(Figures { used: 1 << 20, ..HEALTHY }, &[]);
        check(Figures { peak: 160 << 20, ..HEALTHY }, &["Peak memory"]);
        check(Figures { rss: 150 << 20, ..HEALTHY }, &["total RSS", "process RSS"]);
        check(Figures { clients: 3 << 20, ..HEALTHY }, &["client buffers"]);
        let allocator =
            AllocatorStats { active_bytes: 120 << 20, resident_bytes: 140 << 20, ..HEALTHY.allocator };
        check(Figures { allocator, ..HEALTHY }, &["fragmentation", "allocator RSS"]);
    }
}
