//! Taking elements away unseen: LREM, LTRIM.

use super::{DEL, integer, range};
use crate::command::Outcome;
use crate::context::Ctx;
use crate::effects::Event;
use crate::notify::Class;
use rufous_protocol::request::Args;
use rufous_storage::types::list::{End, List, Needle};

const LREM: Event = Event::new(Class::LIST, "lrem");
const LTRIM: Event = Event::new(Class::LIST, "ltrim");

/// LREM key count element
pub(super) fn lrem(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, count) = (args.get(1), integer(args.get(2))?);
    let Some(mut list) = cx.db.write(key).edit::<List>()? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let from = if count < 0 { End::Tail } else { End::Head };
    let most =
        if count == 0 { usize::MAX } else { usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) };
    let removed = list.remove_equal(Needle::new(args.get(3)), from, most);
    let is_empty = list.as_ref().is_empty();
    if removed > 0 {
        cx.changed(key, LREM, removed as u64);
    }
    if is_empty {
        cx.db.remove(key, false);
        cx.notify(key, DEL);
    }
    cx.reply.integer(removed as i64);
    Ok(())
}

/// LTRIM key start stop
pub(super) fn ltrim(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, start, stop) = (args.get(1), integer(args.get(2))?, integer(args.get(3))?);
    let found = cx.db.write(key);
    let Some(list) = found.typed::<List>()? else {
        cx.reply.ok();
        return Ok(());
    };
    let len = list.len();
    let (start, kept) = range(len, start, stop);
    if kept == 0 {
        found.remove(true);
    } else if let Some(mut list) = found.edit::<List>()? {
        let cuts = [list.remove_range(start + kept, len - start - kept), list.remove_range(0, start)];
        cuts.into_iter().flatten().for_each(|cut| cx.db.store.lazyfree.free(cut));
    }
    cx.changed(key, LTRIM, (len - kept) as u64);
    if kept == 0 {
        cx.notify(key, DEL);
    }
    cx.reply.ok();
    Ok(())
}
