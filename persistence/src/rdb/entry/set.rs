//! Sets.

use super::super::{self as rdb, Fault, Type, Writer};
use super::write_item;
use rufous_storage::types::Limits;
use rufous_storage::types::fresh::Fresh;
use rufous_storage::types::set::{Set, SetRef};

/// The first version that knows sets in listpacks.
const LISTPACK_VERSION: u16 = 11;

pub(super) fn write(writer: &mut Writer<'_>, set: SetRef<'_>) {
    match set {
        SetRef::Ints(ints) => {
            writer.kind(Type::SetIntset);
            writer.text(ints.bytes());
        }
        SetRef::Pack(pack) if writer.version() >= LISTPACK_VERSION => {
            writer.kind(Type::SetListpack);
            writer.listpack(pack);
        }
        _ => {
            writer.kind(Type::Set);
            writer.len(set.len());
            set.iter().for_each(|member| write_item(writer, member));
        }
    }
}

pub(super) fn make(value: rdb::Set<'_>, mut fresh: Fresh<Set>, limits: &Limits) -> Result<Fresh<Set>, Fault> {
    let differ = fresh.edit(limits, |set| {
        match value {
            rdb::Set::Intset(bytes) => set.adopt_intset(&bytes),
            rdb::Set::Listpack(bytes) => set.adopt_listpack(&bytes),
            rdb::Set::Members(members) => {
                let mut buffer = itoa::Buffer::new();
                set.expect(members[0].as_bytes(&mut buffer), members.len());
                return members.iter().all(|member| set.add(member.as_bytes(&mut buffer)));
            }
        }
        true
    });
    if differ { Ok(fresh) } else { Err(Fault::Corrupt("a member that occurs twice")) }
}
