//! The rows of the stream commands.

use super::add::{xadd, xsetid};
use super::claim::{xautoclaim, xclaim};
use super::delete::{xdel, xdelex};
use super::pending::{xack, xackdel, xpending};
use super::range::{xlen, xrange, xrevrange};
use super::read::{xread, xreadgroup};
use super::trim::xtrim;
use super::{group, info};
use crate::command::keys::{ACCESS, DELETE, INSERT, RO, RW, UPDATE};
use crate::command::table::container;
use crate::command::{Command, Flags, Group, KeySpec};

const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = Flags::WRITE.union(Flags::FAST);
const GROW: Flags = Flags::WRITE.union(Flags::DENYOOM);
const HELP: Flags = Flags::LOADING.union(Flags::STALE);

const KEY_READ: &[KeySpec] = &[KeySpec::one(1, RO.union(ACCESS))];
const KEY_UPDATE: &[KeySpec] = &[KeySpec::one(1, RW.union(UPDATE))];
const KEY_DELETE: &[KeySpec] = &[KeySpec::one(1, RW.union(DELETE))];
const SUBKEY_READ: &[KeySpec] = &[KeySpec::one(2, RO.union(ACCESS))];
const SUBKEY_INSERT: &[KeySpec] = &[KeySpec::one(2, RW.union(INSERT))];
const SUBKEY_DELETE: &[KeySpec] = &[KeySpec::one(2, RW.union(DELETE))];

const RANDOM: &[&str] = &["nondeterministic_output"];
const PER_ENTRY: &str = "O(log N) for each entry, where N is the number of entries";
const RANGE: &str = "O(log N + M) where N is the number of entries and M of those given";
const REFERENCES_ADDED: (&str, &str) = ("8.2.0", "Added `KEEPREF`, `DELREF` and `ACKED`.");

/// The stream commands.
pub const ROWS: &[Command] = &[
    Command::new("xack", xack, -4, WRITE_FAST, Group::Stream).keys(KEY_UPDATE).docs(
        "5.0.0",
        PER_ENTRY,
        "Notes that a group is done with entries; counts those that were pending.",
        "key group ID ...",
    ),
    Command::new("xackdel", xackdel, -6, WRITE_FAST, Group::Stream)
        .keys(&[KeySpec::one(1, RW.union(UPDATE).union(DELETE))])
        .docs(
            "8.2.0",
            PER_ENTRY,
            "Notes that a group is done with entries, and deletes them.",
            "key group [KEEPREF | DELREF | ACKED]:condition (IDS numids:integer id ...):ids",
        ),
    Command::new("xadd", xadd, -5, GROW.union(Flags::FAST), Group::Stream)
        .keys(KEY_UPDATE)
        .docs(
            "5.0.0",
            "O(1) for the entry, O(N) for trimming N entries away",
            "Adds an entry to a stream, creating the key if needed.",
            "key [NOMKSTREAM@6.2.0] [KEEPREF | DELREF | ACKED]:condition@8.2.0 [<MAXLEN | MINID@6.2.0>:strategy ['=':equal | '~':approximately]:operator threshold [LIMIT count:integer@6.2.0]]:trim <'*':auto-id | id>:id-selector (field value):data ...",
        )
        .history(&[
            ("6.2.0", "Added `NOMKSTREAM`, `MINID` and `LIMIT`."),
            ("7.0.0", "Takes IDs of the form `<ms>-*`."),
            REFERENCES_ADDED,
        ])
        .tips(RANDOM),
    Command::new("xautoclaim", xautoclaim, -6, WRITE_FAST, Group::Stream)
        .keys(KEY_DELETE)
        .docs(
            "6.2.0",
            "O(log N) for each entry looked at, where N is the number of entries",
            "Gives pending entries to a consumer that nobody has asked about for some time.",
            "key group consumer min-idle-time start [COUNT count:integer] [JUSTID]",
        )
        .history(&[("7.0.0", "Tells which entries were deleted and are pending no longer.")])
        .tips(RANDOM),
    Command::new("xclaim", xclaim, -6, WRITE_FAST, Group::Stream)
        .keys(KEY_UPDATE)
        .docs(
            "5.0.0",
            PER_ENTRY,
            "Gives pending entries to a consumer.",
            "key group consumer min-idle-time ID ... [IDLE ms:integer] [TIME unix-time-milliseconds:unix-time] [RETRYCOUNT count:integer] [FORCE] [JUSTID] [LASTID lastid]",
        )
        .tips(RANDOM),
    Command::new("xdel", xdel, -3, WRITE_FAST, Group::Stream).keys(KEY_DELETE).docs(
        "5.0.0",
        PER_ENTRY,
        "Deletes entries; counts those that were there.",
        "key ID ...",
    ),
    Command::new("xdelex", xdelex, -5, WRITE_FAST, Group::Stream).keys(KEY_DELETE).docs(
        "8.2.0",
        PER_ENTRY,
        "Deletes entries; tells of each what became of it.",
        "key [KEEPREF | DELREF | ACKED]:condition (IDS numids:integer id ...):ids",
    ),
    Command::new("xgroup", container, -2, Flags::empty(), Group::Stream)
        .docs("5.0.0", "Depends on subcommand.", "A container for commands about consumer groups.", "")
        .subcommands(XGROUP),
    Command::new("xinfo", container, -2, Flags::empty(), Group::Stream)
        .docs("5.0.0", "Depends on subcommand.", "A container for commands that describe streams.", "")
        .subcommands(XINFO),
    Command::new("xlen", xlen, 2, READ.union(Flags::FAST), Group::Stream)
        .keys(&[KeySpec::one(1, RO)])
        .docs("5.0.0", "O(1)", "Counts the entries of a stream.", "key"),
    Command::new("xpending", xpending, -3, READ, Group::Stream)
        .keys(KEY_READ)
        .docs(
            "5.0.0",
            "O(log N + M) where N is the number of pending entries and M of those looked at; without a range O(C) for C consumers",
            "Lists the entries that a group has pending.",
            "key group [[IDLE min-idle-time:integer@6.2.0] start end count:integer [consumer]]:filters",
        )
        .history(&[("6.2.0", "Added `IDLE`, and ranges without their ends.")])
        .tips(RANDOM),
    Command::new("xrange", xrange, -4, READ, Group::Stream)
        .keys(KEY_READ)
        .docs(
            "5.0.0",
            RANGE,
            "Gives the entries of a range of IDs.",
            "key start end [COUNT count:integer]",
        )
        .history(RANGES_OPEN),
    Command::new("xread", xread, -4, READ.union(Flags::BLOCKING), Group::Stream)
        .keys(&[KeySpec::after("STREAMS", 1, -1, 1, 2, RO.union(ACCESS))])
        .docs(
            "5.0.0",
            RANGE,
            "Gives the entries of streams after some IDs, and waits for one where there is none.",
            "[COUNT count:integer] [BLOCK milliseconds:integer] (STREAMS key ... ID ...):streams",
        ),
    Command::new("xreadgroup", xreadgroup, -7, WRITE.union(Flags::BLOCKING), Group::Stream)
        .keys(&[KeySpec::after("STREAMS", 4, -1, 1, 2, RO.union(ACCESS))])
        .docs(
            "5.0.0",
            "O(M log N) where N is the number of entries and M of those given",
            "Gives entries that a group has not read yet, or what a consumer has pending, and waits for one where there is none.",
            "(GROUP group consumer):group-block [COUNT count:integer] [BLOCK milliseconds:integer] [NOACK] (STREAMS key ... ID ...):streams",
        ),
    Command::new("xrevrange", xrevrange, -4, READ, Group::Stream)
        .keys(KEY_READ)
        .docs(
            "5.0.0",
            RANGE,
            "Gives the entries of a range of IDs, the last one first.",
            "key end start [COUNT count:integer]",
        )
        .history(RANGES_OPEN),
    Command::new("xsetid", xsetid, -3, GROW.union(Flags::FAST), Group::Stream)
        .keys(KEY_UPDATE)
        .docs(
            "5.0.0",
            "O(1)",
            "Sets the last ID of a stream.",
            "key last-id [ENTRIESADDED entries-added:integer@7.0.0] [MAXDELETEDID max-deleted-id@7.0.0]",
        )
        .history(&[("7.0.0", "Added `ENTRIESADDED` and `MAXDELETEDID`.")]),
    Command::new("xtrim", xtrim, -4, WRITE, Group::Stream)
        .keys(KEY_DELETE)
        .docs(
            "5.0.0",
            "O(log N) where N is the number of entries; what is removed is freed by another thread",
            "Removes entries from the front of a stream.",
            "key (<MAXLEN | MINID@6.2.0>:strategy ['=':equal | '~':approximately]:operator threshold [LIMIT count:integer@6.2.0]):trim [KEEPREF | DELREF | ACKED]:condition@8.2.0",
        )
        .history(&[("6.2.0", "Added `MINID` and `LIMIT`."), REFERENCES_ADDED])
        .tips(RANDOM),
];

const RANGES_OPEN: &[(&str, &str)] = &[("6.2.0", "Takes ranges without their ends.")];

const XGROUP: &[Command] =
    &[
        Command::new("create", group::create, -5, GROW, Group::Stream)
            .keys(SUBKEY_INSERT)
            .docs(
                "5.0.0",
                "O(1)",
                "Makes a consumer group.",
                "key group <id | '$':new-id>:id-selector [MKSTREAM] [ENTRIESREAD entries-read:integer]",
            )
            .history(&[("7.0.0", "Added `ENTRIESREAD`.")]),
        Command::new("createconsumer", group::createconsumer, 5, GROW, Group::Stream)
            .keys(SUBKEY_INSERT)
            .docs("6.2.0", "O(1)", "Makes a consumer of a group.", "key group consumer"),
        Command::new("delconsumer", group::delconsumer, 5, WRITE, Group::Stream).keys(SUBKEY_DELETE).docs(
            "5.0.0",
            "O(N) where N is the number of entries that the consumer has pending",
            "Removes a consumer with what it has pending.",
            "key group consumer",
        ),
        Command::new("destroy", group::destroy, 4, WRITE, Group::Stream).keys(SUBKEY_DELETE).docs(
            "5.0.0",
            "O(1); what the group has pending is freed by another thread",
            "Removes a consumer group.",
            "key group",
        ),
        Command::new("help", group::help, 2, HELP, Group::Stream).docs(
            "5.0.0",
            "O(1)",
            "Explains the subcommands of XGROUP.",
            "",
        ),
        Command::new("setid", group::setid, -5, WRITE, Group::Stream)
            .keys(&[KeySpec::one(2, RW.union(UPDATE))])
            .docs(
                "5.0.0",
                "O(1)",
                "Lets a group read from another entry on.",
                "key group <id | '$':new-id>:id-selector [ENTRIESREAD entriesread:integer=entries-read]",
            )
            .history(&[("7.0.0", "Added `ENTRIESREAD`.")]),
    ];

const XINFO: &[Command] = &[
    Command::new("consumers", info::consumers, 4, READ, Group::Stream)
        .keys(SUBKEY_READ)
        .docs("5.0.0", "O(N) where N is the number of consumers", "Lists the consumers of a group.", "key group")
        .history(&[("7.2.0", "Added `inactive`.")])
        .tips(RANDOM),
    Command::new("groups", info::groups, 3, READ, Group::Stream)
        .keys(SUBKEY_READ)
        .docs("5.0.0", "O(N) where N is the number of groups", "Lists the groups of a stream.", "key")
        .history(&[("7.0.0", "Added `entries-read` and `lag`.")]),
    Command::new("help", info::help, 2, HELP, Group::Stream).docs(
        "5.0.0",
        "O(1)",
        "Explains the subcommands of XINFO.",
        "",
    ),
    Command::new("stream", info::stream, -3, READ, Group::Stream)
        .keys(SUBKEY_READ)
        .docs(
            "5.0.0",
            "O(N) where N is the number of nodes and what is shown of entries and groups",
            "Describes a stream.",
            "key [FULL [COUNT count:integer]]:full-block",
        )
        .history(&[
            ("6.0.0", "Added `FULL`."),
            ("7.0.0", "Added `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`."),
            ("7.2.0", "Added `active-time`; `seen-time` means something else."),
        ]),
];
