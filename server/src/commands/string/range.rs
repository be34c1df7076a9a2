//! Strings as byte arrays: GETRANGE, SUBSTR, SETRANGE, APPEND, STRLEN.

use super::{APPEND, SETRANGE, integer, new_value};
use crate::command::Outcome;
use crate::context::{Ctx, bulk_value};
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::request::Args;
use rufous_storage::{Str, Ttl};
use std::ops::Range;

/// STRLEN key
pub(super) fn strlen(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let len = cx.db.string(args.get(1))?.map_or(0, Str::len);
    cx.reply.integer(len as i64);
    Ok(())
}

/// GETRANGE key start end
pub(super) fn getrange(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (start, end) = (integer(args.get(2))?, integer(args.get(3))?);
    let Some(value) = cx.db.string(args.get(1))? else {
        cx.reply.bulk(b"");
        return Ok(());
    };
    let range = clamp(start, end, value.len());
    if range.len() == value.len() {
        bulk_value(&mut cx.reply, cx.refs, value);
    } else {
        cx.reply.bulk(&value.as_bytes(&mut itoa::Buffer::new())[range]);
    }
    Ok(())
}

/// SUBSTR key start end
pub(super) fn substr(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    getrange(cx, args)
}

/// SETRANGE key offset value
pub(super) fn setrange(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, value) = (args.get(1), args.get(3));
    let offset = usize::try_from(integer(args.get(2))?).map_err(|_| error::OFFSET_OUT_OF_RANGE)?;
    let len_max = cx.server.config.proto_max_bulk_len;
    let found = cx.db.write(key);
    let old_len = found.string()?.map_or(0, Str::len);
    if value.is_empty() {
        cx.reply.integer(old_len as i64);
        return Ok(());
    }
    check_len(offset, value.len(), len_max)?;
    let mut string = found.string_mut_or_new()?;
    string.write_at(offset, value);
    let len = string.len();
    cx.changed(key, SETRANGE, 1);
    cx.reply.integer(len as i64);
    Ok(())
}

/// APPEND key value
pub(super) fn append(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let (key, value) = (args.get(1), args.get(2));
    let len_max = cx.server.config.proto_max_bulk_len;
    let found = cx.db.write(key);
    let len = match found.string()?.map(Str::len) {
        None => {
            found.set(new_value(args, 2), Ttl::Clear);
            value.len()
        }
        Some(old_len) => {
            check_len(old_len, value.len(), len_max)?;
            found.string_mut_or_new()?.append(value)
        }
    };
    cx.changed(key, APPEND, 1);
    cx.reply.integer(len as i64);
    Ok(())
}

/// May a string of `len` bytes grow by `more`?
fn check_len(len: usize, more: usize, len_max: u64) -> Result<(), ReplyError> {
    match len.checked_add(more) {
        Some(total) if total as u64 <= len_max => Ok(()),
        _ => Err(error::STRING_TOO_LONG),
    }
}

/// The bytes from `start` to `end` inclusive of `len`; negative offsets count from the end.
fn clamp(start: i64, end: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let from_front = |offset: i64| if offset < 0 { offset.saturating_add(len).max(0) } else { offset };
    let (start, end) = (from_front(start), from_front(end).min(len - 1));
    if start > end { 0..0 } else { start as usize..end as usize + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_clamped() {
        let cases = [
            (0, 3, 11, 0..4),
            (0, -1, 11, 0..11),
            (-4, -1, 11, 7..11),
            (5, 3, 11, 0..0),
            (5, 5000, 11, 5..11),
            (-5000, 10000, 11, 0..11),
            (-1, -5000, 11, 0..0),
            (-5000, -4999, 11, 0..1),
            (11, 12, 11, 0..0),
            (0, 0, 0, 0..0),
            (0, -1, 0, 0..0),
            (i64::MIN, i64::MAX, 3, 0..3),
            (i64::MAX, i64::MAX, 3, 0..0),
            (0, i64::MIN, 3, 0..1),
        ];
        for (start, end, len, range) in cases {
            assert_eq!(clamp(start, end, len), range, "{start} {end} of {len}");
        }
    }

    #[test]
    fn lengths_are_bounded() {
        assert!(check_len(5, 5, 10).is_ok());
        assert!(check_len(5, 6, 10).is_err());
        assert!(check_len(usize::MAX, 1, u64::MAX).is_err());
    }
}
