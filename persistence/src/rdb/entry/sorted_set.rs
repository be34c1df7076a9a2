//! Sorted sets.

use super::super::{self as rdb, Fault, Type, Writer};
use super::write_item;
use rufous_storage::types::Limits;
use rufous_storage::types::fresh::Fresh;
use rufous_storage::types::sorted_set::{Direction, SortedSet, SortedSetRef};

/// The first version that knows sorted sets in listpacks.
const LISTPACK_VERSION: u16 = 10;

pub(super) fn write(writer: &mut Writer<'_>, set: SortedSetRef<'_>) {
    match set {
        SortedSetRef::Pack(pack) if writer.version() >= LISTPACK_VERSION => {
            writer.kind(Type::SortedSetListpack);
            writer.listpack(pack);
        }
        _ => {
            writer.kind(Type::SortedSet);
            writer.len(set.len());
            set.visit(0..set.len(), Direction::Descending, |member, score| {
                write_item(writer, member);
                writer.double(score);
            });
        }
    }
}

pub(super) fn make(
    value: rdb::SortedSet<'_>,
    mut fresh: Fresh<SortedSet>,
    limits: &Limits,
) -> Result<Fresh<SortedSet>, Fault> {
    let members = match value {
        rdb::SortedSet::Listpack(bytes) => {
            fresh.edit(limits, |set| set.adopt_listpack(&bytes));
            return Ok(fresh);
        }
        rdb::SortedSet::Members(members) => members,
    };
    let elements = members.iter().map(|(member, score)| (member.item(), *score));
    let differ = fresh.edit(limits, |set| set.fill_if_distinct(elements));
    if differ { Ok(fresh) } else { Err(Fault::Corrupt("a member that occurs twice")) }
}
