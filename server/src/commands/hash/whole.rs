//! Many fields at once: HGETALL, HKEYS, HVALS, HRANDFIELD, HSCAN.

use crate::command::Outcome;
use crate::commands::generic::scan::{ScanOptions, Scanned, parse_cursor, reply_cursor};
use crate::commands::picks;
use crate::context::{Ctx, bulk_item};
use rufous_protocol::error;
use rufous_protocol::reply::{Reply, Resp};
use rufous_protocol::request::Args;
use rufous_storage::pack::Item;
use rufous_storage::types::hash::Hash;

/// HGETALL key
pub(super) fn hgetall(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let hash = cx.db.typed::<Hash>(args.get(1))?;
    cx.reply.map(hash.map_or(0, |hash| hash.len()));
    if let Some(hash) = hash {
        hash.each(|field, value| {
            bulk_item(&mut cx.reply, field);
            bulk_item(&mut cx.reply, value);
        });
    }
    Ok(())
}

/// HKEYS key
pub(super) fn hkeys(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    list(cx, args.get(1), |field, _| field)
}

/// HVALS key
pub(super) fn hvals(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    list(cx, args.get(1), |_, value| value)
}

fn list(cx: &mut Ctx<'_>, key: &[u8], choose: for<'a> fn(Item<'a>, Item<'a>) -> Item<'a>) -> Outcome {
    let hash = cx.db.typed::<Hash>(key)?;
    cx.reply.array(hash.map_or(0, |hash| hash.len()));
    if let Some(hash) = hash {
        hash.each(|field, value| bulk_item(&mut cx.reply, choose(field, value)));
    }
    Ok(())
}

/// HRANDFIELD key \[count \[WITHVALUES\]\]
pub(super) fn hrandfield(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let Some(count) = args.find(2) else {
        let mut random = cx.db.store.random.fork();
        match cx.db.typed::<Hash>(args.get(1))? {
            Some(hash) => bulk_item(&mut cx.reply, hash.random(&mut random).0),
            None => cx.reply.null(),
        }
        return Ok(());
    };
    let count = picks(count)?;
    let with_values = match args.find(3) {
        None => false,
        Some(word) if args.len() == 4 && word.eq_ignore_ascii_case(b"withvalues") => true,
        Some(_) => return Err(error::SYNTAX),
    };
    if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(error::OUT_OF_RANGE);
    }
    random_fields(cx, args.get(1), count, with_values)
}

fn random_fields(cx: &mut Ctx<'_>, key: &[u8], count: i64, with_values: bool) -> Outcome {
    let mut random = cx.db.store.random.fork();
    let limit = cx.output_limit();
    let Some(hash) = cx.db.typed::<Hash>(key)? else {
        cx.reply.array(0);
        return Ok(());
    };
    let wanted = count.unsigned_abs() as usize;
    let wanted = if count > 0 { wanted.min(hash.len()) } else { wanted };
    let flat = with_values && cx.reply.resp == Resp::V2;
    cx.reply.array(if flat { 2 * wanted } else { wanted });
    if count >= 0 {
        hash.random_distinct(wanted, &mut random, |field, value| {
            reply_field(&mut cx.reply, field, value, with_values);
        });
        return Ok(());
    }
    // A negative count allows a field more than once.
    for picked in 0..wanted {
        let (field, value) = hash.random(&mut random);
        reply_field(&mut cx.reply, field, value, with_values);
        if limit.is_passed_after(picked, cx.reply.out) {
            break;
        }
    }
    Ok(())
}

fn reply_field(reply: &mut Reply<'_>, field: Item<'_>, value: Item<'_>, with_values: bool) {
    if with_values && reply.resp != Resp::V2 {
        reply.array(2);
    }
    bulk_item(reply, field);
    if with_values {
        bulk_item(reply, value);
    }
}

/// HSCAN key cursor \[MATCH pattern\] \[COUNT count\] \[NOVALUES\]
pub(super) fn hscan(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let cursor = parse_cursor(args.get(2))?;
    let Some(hash) = cx.db.typed::<Hash>(args.get(1))? else {
        reply_cursor(&mut cx.reply, 0, 0);
        return Ok(());
    };
    let options = ScanOptions::parse(args.from(3), Scanned::Fields)?;
    let mut found = Vec::new();
    let cursor = options.run(cursor, |cursor| {
        let mut visited = 0;
        let next = hash.scan(cursor, |field, value| {
            visited += 1;
            if options.matches(field.as_bytes(&mut itoa::Buffer::new())) {
                found.push(field);
                found.extend((!options.without_values).then_some(value));
            }
        });
        (next, visited)
    });
    reply_cursor(&mut cx.reply, cursor, found.len());
    found.into_iter().for_each(|item| bulk_item(&mut cx.reply, item));
    Ok(())
}
