//! Commands about the server as a whole: INFO, ROLE, SHUTDOWN, TIME. The text of INFO is in [`crate::info`].

use crate::blocking::{Deadline, Wait};
use crate::command::{Category, Command, Flags, Group, Outcome};
use crate::context::Ctx;
use crate::info;
use crate::shutdown::{self, Request};
use rufous_protocol::error;
use rufous_protocol::request::Args;

const OPEN: Flags = Flags::LOADING.union(Flags::STALE);
const ADMIN: Flags = OPEN.union(Flags::ADMIN).union(Flags::NOSCRIPT);

/// Commands about the server as a whole.
pub const ROWS: &[Command] = &[
    Command::new("info", info, -1, OPEN, Group::Server)
        .acl(Category::DANGEROUS)
        .docs("1.0.0", "O(1)", "Reports the state and the statistics of the server.", "[section ...]")
        .history(&[("7.0.0", "Takes several sections.")])
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
    Command::new("role", role, 1, OPEN.union(Flags::NOSCRIPT).union(Flags::FAST), Group::Server)
        .acl(Category::ADMIN.union(Category::DANGEROUS))
        .docs("2.8.12", "O(1)", "Tells the part that the server plays in replication.", ""),
    Command::new(
        "shutdown",
        shut_down,
        -1,
        ADMIN.union(Flags::NO_MULTI).union(Flags::ALLOW_BUSY),
        Group::Server,
    )
    .docs(
        "1.0.0",
        "O(N) where N is the number of keys in all databases when they are saved, else O(1)",
        "Saves the data set where it is to be saved, then ends the process.",
        "[NOSAVE | SAVE]:save-selector [NOW@7.0.0] [FORCE@7.0.0] [ABORT@7.0.0]",
    )
    .history(&[("7.0.0", "Takes NOW, FORCE and ABORT.")]),
    Command::new("time", time, 1, OPEN.union(Flags::FAST), Group::Server)
        .docs("2.6.0", "O(1)", "Tells the time of the server's clock.", "")
        .tips(&["nondeterministic_output"]),
];

/// INFO [section ...]
fn info(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let sections: Vec<&[u8]> = args.from(1).iter().collect();
    let text = info::text(&info::View::of(cx), &sections);
    cx.reply.verbatim(b"txt", text.as_bytes());
    Ok(())
}

/// ROLE
fn role(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.reply.array(3);
    cx.reply.bulk(b"master");
    cx.reply.integer(0);
    cx.reply.array(0);
    Ok(())
}

/// SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]
fn shut_down(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (mut request, mut abort) = (Request::default(), false);
    for option in args.from(1) {
        match option.to_ascii_lowercase().as_slice() {
            b"save" if request.save != Some(false) => request.save = Some(true),
            b"nosave" if request.save != Some(true) => request.save = Some(false),
            b"now" => request.now = true,
            b"force" => request.force = true,
            b"abort" => abort = true,
            _ => return Err(error::SYNTAX),
        }
    }
    if abort && request != Request::default() {
        return Err(error::SYNTAX);
    }
    if abort {
        if !shutdown::abort(cx.server) {
            return Err(error::SHUTDOWN_NONE);
        }
        cx.reply.ok();
        return Ok(());
    }
    if !shutdown::decide(cx.db.store, cx.server, request) {
        return Err(error::SHUTDOWN_FAILED);
    }
    cx.block(args, Wait::Shutdown, Deadline::default());
    Ok(())
}

/// TIME
fn time(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let now_us = cx.server.clock.now_us();
    cx.reply.array(2);
    cx.reply.bulk_from_int((now_us / 1_000_000) as i64);
    cx.reply.bulk_from_int((now_us % 1_000_000) as i64);
    Ok(())
}
