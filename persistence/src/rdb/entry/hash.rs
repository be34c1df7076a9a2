//! Hashes. Fields that expire are refused, since no hash in memory has such yet.

use super::super::{self as rdb, Fault, Type, Writer};
use super::write_item;
use rufous_storage::types::Limits;
use rufous_storage::types::fresh::Fresh;
use rufous_storage::types::hash::{Hash, HashRef};

/// The first version that knows hashes in listpacks.
const LISTPACK_VERSION: u16 = 10;

pub(super) fn write(writer: &mut Writer<'_>, hash: HashRef<'_>) {
    match hash {
        HashRef::Pack(pack) if writer.version() >= LISTPACK_VERSION => {
            writer.kind(Type::HashListpack);
            writer.text(pack.bytes());
        }
        _ => {
            writer.kind(Type::Hash);
            writer.len(hash.len());
            hash.each(|field, value| {
                write_item(writer, field);
                write_item(writer, value);
            });
        }
    }
}

pub(super) fn make(
    value: rdb::Hash<'_>,
    mut fresh: Fresh<Hash>,
    limits: &Limits,
) -> Result<Fresh<Hash>, Fault> {
    let fields = match value {
        rdb::Hash::Listpack(bytes) => {
            fresh.edit(limits, |hash| hash.adopt_listpack(&bytes));
            return Ok(fresh);
        }
        rdb::Hash::Fields(fields) => fields,
    };
    if fields.iter().any(|field| field.expiry.is_some()) {
        return Err(Fault::Corrupt("a field that expires"));
    }
    let differ = fresh.edit(limits, |hash| {
        let mut buffers = [itoa::Buffer::new(), itoa::Buffer::new()];
        fields.iter().all(|field| {
            let [name, value] = &mut buffers;
            hash.set(field.name.as_bytes(name), field.value.as_bytes(value))
        })
    });
    if differ { Ok(fresh) } else { Err(Fault::Corrupt("a field that occurs twice")) }
}
