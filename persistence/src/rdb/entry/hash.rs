//! Hashes. One of whose fields none expires, though they may, is written as any other.

use super::super::{self as rdb, Fault, Type, Writer};
use super::write_item;
use rufous_storage::Ttl;
use rufous_storage::types::Limits;
use rufous_storage::types::fresh::Fresh;
use rufous_storage::types::hash::{Hash, HashRef, TimedRef};

/// The first version that knows hashes in listpacks.
const LISTPACK_VERSION: u16 = 10;
/// The first version that knows fields that expire.
pub(super) const EXPIRIES_VERSION: u16 = 12;

/// The version that a hash needs; 0 for any.
pub(super) fn version_needed(hash: HashRef<'_>) -> u16 {
    match hash {
        HashRef::Timed(hash) if hash.first_expiry().is_some() => EXPIRIES_VERSION,
        _ => 0,
    }
}

pub(super) fn write(writer: &mut Writer<'_>, hash: HashRef<'_>) {
    let version_needed = version_needed(hash);
    if writer.version() < version_needed {
        return writer.refuse("hash fields that expire");
    }
    match hash {
        HashRef::Timed(timed) if version_needed > 0 => write_timed(writer, timed, hash),
        HashRef::Pack(pack) if writer.version() >= LISTPACK_VERSION => {
            writer.kind(Type::HashListpack);
            writer.listpack(pack);
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

fn write_timed(writer: &mut Writer<'_>, timed: TimedRef<'_>, hash: HashRef<'_>) {
    let first = timed.first_expiry().unwrap_or(0);
    if let Some(pack) = timed.pack() {
        writer.kind(Type::HashListpackExpiries);
        writer.milliseconds(first);
        return writer.listpack(pack);
    }
    writer.kind(Type::HashMetadata);
    writer.milliseconds(first);
    writer.len(hash.len());
    hash.each_field(|field| {
        writer.number(field.expiry.map_or(0, |at| at.abs_diff(first) + 1));
        write_item(writer, field.name);
        write_item(writer, field.value);
    });
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
        rdb::Hash::Triples(bytes) => {
            fresh.edit(limits, |hash| hash.adopt_triples(&bytes));
            return Ok(fresh);
        }
        rdb::Hash::Fields(fields) => fields,
    };
    let differ = fresh.edit(limits, |hash| {
        let mut buffers = [itoa::Buffer::new(), itoa::Buffer::new()];
        fields.iter().all(|field| {
            let [name, value] = &mut buffers;
            // There is no time 0 in memory.
            let ttl = field.expiry.map_or(Ttl::Clear, |at| Ttl::At(at.max(1)));
            hash.set_with(field.name.as_bytes(name), field.value.as_bytes(value), ttl)
        })
    });
    if differ { Ok(fresh) } else { Err(Fault::Corrupt("a field that occurs twice")) }
}
