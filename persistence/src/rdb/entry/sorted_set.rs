//! Sorted sets: members with binary scores, which every version since 8 reads.

use super::super::{Type, Writer};
use rufous_storage::types::sorted_set::{Direction, SortedSetRef};

pub(super) fn write(writer: &mut Writer<'_>, set: SortedSetRef<'_>) {
    writer.kind(Type::SortedSet);
    writer.len(set.len());
    let mut buffer = itoa::Buffer::new();
    set.visit(0..set.len(), Direction::Ascending, |member, score| {
        writer.text(member.as_bytes(&mut buffer));
        writer.double(score);
    });
}
