//! Streams: their nodes as they are, then what is remembered of entries that are gone, then the groups.

use super::super::{self as rdb, Type, Writer};
use rufous_storage::pack::PackRef;
use rufous_storage::types::Limits;
use rufous_storage::types::fresh::Fresh;
use rufous_storage::types::stream::{Consumer, Group, Name, Named, Stream, StreamId};

/// The first version that counts what groups have read.
const COUNTED_VERSION: u16 = 10;
/// The first version that tells when consumers last got something.
const ACTIVE_VERSION: u16 = 11;

pub(super) fn write(writer: &mut Writer<'_>, stream: &Stream) {
    let version = writer.version();
    writer.kind(match version {
        ACTIVE_VERSION.. => Type::Stream,
        COUNTED_VERSION => Type::StreamSecond,
        _ => Type::StreamFirst,
    });
    let log = stream.log();
    writer.len(log.node_counts().0);
    for (id, pack) in log.nodes() {
        writer.len(size_of::<StreamId>());
        raw_id(writer, id);
        writer.listpack(pack);
    }
    writer.number(log.len());
    id(writer, log.last_id());
    if version >= COUNTED_VERSION {
        id(writer, log.first_id().unwrap_or_default());
        id(writer, log.max_deleted_id());
        writer.number(log.entries_added());
    }
    writer.len(stream.groups().len());
    stream.groups().iter().for_each(|group| write_group(writer, group));
}

fn write_group(writer: &mut Writer<'_>, group: &Group) {
    writer.text(group.name());
    id(writer, group.last_id);
    if writer.version() >= COUNTED_VERSION {
        writer.number(group.entries_read.unwrap_or(rdb::UNKNOWN));
    }
    writer.len(group.pending().len());
    for (id, pending) in group.pending().iter() {
        raw_id(writer, id);
        writer.milliseconds(pending.delivered_ms);
        writer.number(pending.deliveries);
    }
    writer.len(group.consumers().len());
    for consumer in group.consumers().iter() {
        writer.text(consumer.name());
        writer.milliseconds(consumer.seen_ms);
        if writer.version() >= ACTIVE_VERSION {
            writer.milliseconds(consumer.active_ms.unwrap_or(rdb::NEVER));
        }
        writer.len(consumer.pending().len());
        consumer.pending().iter().for_each(|(id, ())| raw_id(writer, id));
    }
}

fn id(writer: &mut Writer<'_>, id: StreamId) {
    writer.number(id.ms);
    writer.number(id.seq);
}

fn raw_id(writer: &mut Writer<'_>, id: StreamId) {
    writer.raw(&id.ms.to_be_bytes());
    writer.raw(&id.seq.to_be_bytes());
}

pub(super) fn make(value: rdb::Stream<'_>, mut fresh: Fresh<Stream>, limits: &Limits) -> Fresh<Stream> {
    fresh.edit(limits, |stream| {
        let stream = stream.stream();
        value.nodes.iter().for_each(|(id, bytes)| stream.push_node(*id, PackRef::new(bytes)));
        stream.log_mut().set_id(value.last_id, Some(value.entries_added), Some(value.max_deleted_id));
        for group in &value.groups {
            stream.add_group(make_group(group));
        }
    });
    fresh
}

fn make_group(value: &rdb::Group<'_>) -> Group {
    let mut group = Group::new(Name::from(&*value.name), value.last_id, value.entries_read);
    let names: Vec<Name> = value.consumers.iter().map(|consumer| Name::from(&*consumer.name)).collect();
    for (consumer, name) in value.consumers.iter().zip(&names) {
        let active_ms = Some(consumer.active_ms).filter(|at| *at != rdb::NEVER);
        group.add_consumer(Consumer::new(name.clone(), consumer.seen_ms, active_ms));
    }
    for (id, pending) in &value.pending {
        group.assign(*id, &names[pending.consumer], pending.delivered_ms, pending.deliveries);
    }
    group
}
