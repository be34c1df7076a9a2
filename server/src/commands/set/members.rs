//! Single members: SADD, SREM, SMOVE, SISMEMBER, SMISMEMBER, SCARD, SSCAN.

use super::{DEL, SADD, SREM};
use crate::command::Outcome;
use crate::commands::generic::scan::{ScanOptions, Scanned, parse_cursor, reply_cursor};
use crate::context::{Ctx, bulk_item};
use rufous_protocol::request::Args;
use rufous_storage::types::set::Set;

/// SADD key member \[member ...\]
pub(super) fn sadd(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, members) = (args.get(1), args.from(2));
    let mut set = cx.db.write(key).edit_or_new::<Set>()?;
    set.expect(members.get(0), members.len());
    let added = members.iter().filter(|member| set.add(member)).count();
    if added > 0 {
        cx.changed(key, SADD, added as u64);
    }
    cx.reply.integer(added as i64);
    Ok(())
}

/// SREM key member \[member ...\]
pub(super) fn srem(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, members) = (args.get(1), args.from(2));
    let (mut removed, mut is_empty) = (0, false);
    if let Some(mut set) = cx.db.write(key).edit::<Set>()? {
        for member in members.iter() {
            if set.remove(member) {
                removed += 1;
                is_empty = set.as_ref().is_empty();
            }
            if is_empty {
                break;
            }
        }
    }
    cx.reply_removed(key, SREM, removed, is_empty);
    Ok(())
}

/// SMOVE source destination member
pub(super) fn smove(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (source, destination, member) = (args.get(1), args.get(2), args.get(3));
    if !cx.db.write(source).exists() {
        cx.reply.integer(0);
        return Ok(());
    }
    let is_member = cx.db.write(source).typed::<Set>()?.is_some_and(|set| set.contains(member));
    cx.db.write(destination).typed::<Set>()?;
    if !is_member || source == destination {
        cx.reply.integer(is_member.into());
        return Ok(());
    }
    let Some(mut set) = cx.db.write(source).edit::<Set>()? else { return Ok(()) };
    set.remove(member);
    let is_empty = set.as_ref().is_empty();
    cx.changed(source, SREM, 1);
    if is_empty {
        cx.db.remove(source, false);
        cx.notify(source, DEL);
    }
    let mut set = cx.db.write(destination).edit_or_new::<Set>()?;
    set.expect(member, 1);
    if set.add(member) {
        cx.changed(destination, SADD, 1);
    }
    cx.reply.integer(1);
    Ok(())
}

/// SISMEMBER key member
pub(super) fn sismember(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let is_member = cx.db.typed::<Set>(args.get(1))?.is_some_and(|set| set.contains(args.get(2)));
    cx.reply.integer(is_member.into());
    Ok(())
}

/// SMISMEMBER key member \[member ...\]
pub(super) fn smismember(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (set, members) = (cx.db.typed::<Set>(args.get(1))?, args.from(2));
    cx.reply.array(members.len());
    for member in members.iter() {
        cx.reply.integer(set.is_some_and(|set| set.contains(member)).into());
    }
    Ok(())
}

/// SCARD key
pub(super) fn scard(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let len = cx.db.typed::<Set>(args.get(1))?.map_or(0, |set| set.len());
    cx.reply.integer(len as i64);
    Ok(())
}

/// SSCAN key cursor \[MATCH pattern\] \[COUNT count\]
pub(super) fn sscan(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let cursor = parse_cursor(args.get(2))?;
    let Some(set) = cx.db.typed::<Set>(args.get(1))? else {
        reply_cursor(&mut cx.reply, 0, 0);
        return Ok(());
    };
    let options = ScanOptions::parse(args.from(3), Scanned::Members)?;
    let mut found = Vec::new();
    let cursor = options.run(cursor, |cursor| {
        let mut visited = 0;
        let next = set.scan(cursor, &mut |member| {
            visited += 1;
            if options.matches(member.as_bytes(&mut itoa::Buffer::new())) {
                found.push(member);
            }
        });
        (next, visited)
    });
    reply_cursor(&mut cx.reply, cursor, found.len());
    found.into_iter().for_each(|member| bulk_item(&mut cx.reply, member));
    Ok(())
}
