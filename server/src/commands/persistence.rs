//! Commands that write the data set to disk.

use crate::command::{Category, Command, Flags, Group, Outcome};
use crate::context::Ctx;
use crate::persistence::{aof, snapshot};
use rufous_protocol::error;
use rufous_protocol::request::Args;

const SAVE: Flags = Flags::NO_ASYNC_LOADING.union(Flags::ADMIN).union(Flags::NOSCRIPT);

/// Commands that write the data set to disk.
pub const ROWS: &[Command] = &[
    Command::new("bgrewriteaof", bgrewriteaof, 1, SAVE, Group::Server).docs(
        "1.0.0",
        "O(1)",
        "Writes a compact append-only file in the background.",
        "",
    ),
    Command::new("bgsave", bgsave, -1, SAVE, Group::Server)
        .docs("1.0.0", "O(1)", "Writes a snapshot in the background.", "[SCHEDULE@3.2.2]")
        .history(&[("3.2.2", "Takes SCHEDULE.")]),
    Command::new(
        "lastsave",
        lastsave,
        1,
        Flags::LOADING.union(Flags::STALE).union(Flags::FAST),
        Group::Server,
    )
    .acl(Category::ADMIN.union(Category::DANGEROUS))
    .docs("1.0.0", "O(1)", "Tells the Unix time of the last good snapshot.", "")
    .tips(&["nondeterministic_output"]),
    Command::new("save", save, 1, SAVE.union(Flags::NO_MULTI), Group::Server).docs(
        "1.0.0",
        "O(N) where N is the number of keys in all databases",
        "Writes a snapshot and answers when it is on disk.",
        "",
    ),
];

/// SAVE
fn save(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    snapshot::save(cx.db.store, cx.server)?;
    cx.reply.ok();
    Ok(())
}

/// BGSAVE [SCHEDULE]
fn bgsave(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let is_scheduled = match args.find(1) {
        None => false,
        Some(option) if args.len() == 2 && option.eq_ignore_ascii_case(b"schedule") => true,
        Some(_) => return Err(error::SYNTAX),
    };
    let persistence = &mut cx.server.persistence;
    if persistence.snapshots.is_running() {
        return Err(error::SAVE_IN_PROGRESS);
    }
    let is_rewriting = persistence.aof.rewrites.is_running();
    if cx.in_exec || is_rewriting && is_scheduled {
        persistence.snapshots.schedule();
        cx.reply.simple("Background saving scheduled");
        return Ok(());
    }
    if is_rewriting {
        return Err(error::BGSAVE_OTHER_CHILD);
    }
    snapshot::start(cx.db.store, cx.server)?;
    cx.reply.simple("Background saving started");
    Ok(())
}

/// BGREWRITEAOF
fn bgrewriteaof(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let rewrites = &mut cx.server.persistence.aof.rewrites;
    if rewrites.is_running() {
        return Err(error::REWRITE_IN_PROGRESS);
    }
    if cx.server.persistence.snapshots.is_running() || cx.in_exec {
        rewrites.schedule();
        rewrites.forgive();
        cx.reply.simple("Background append only file rewriting scheduled");
    } else if aof::rewrite::start(cx.db.store, cx.server) {
        cx.reply.simple("Background append only file rewriting started");
    } else {
        return Err(error::REWRITE_FAILED);
    }
    Ok(())
}

/// LASTSAVE
fn lastsave(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.reply.integer(cx.server.persistence.snapshots.last_save_s);
    Ok(())
}
