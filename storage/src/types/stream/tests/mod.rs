//! Tests of streams: a naive twin of maps, and an audit of what must hold of a stream and its twin.
//!
//! - `model`: random operations on streams that share their parts, against the twin.
//! - `maps`: the maps by ID and by name alone.
//! - `nodes`: the bytes of nodes, and when a node is full.

mod maps;
mod model;
mod nodes;

use super::{Group, Named, Stream, StreamId};
use crate::pack::{Item, validate};
use std::collections::BTreeMap;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// A pending entry: consumer, time, deliveries.
type TwinPending = (Vec<u8>, i64, u64);

/// A stream, naively.
#[derive(Clone, Debug, Default)]
struct Twin {
    entries: BTreeMap<StreamId, Fields>,
    last_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
    groups: BTreeMap<Vec<u8>, TwinGroup>,
}

#[derive(Clone, Debug, Default)]
struct TwinGroup {
    last_id: StreamId,
    pending: BTreeMap<StreamId, TwinPending>,
    consumers: BTreeMap<Vec<u8>, Option<i64>>,
}

fn fields(entry: super::Entry<'_>) -> Fields {
    entry.fields().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

/// Names and values in turn, and their bytes.
fn items(fields: &Fields) -> (Vec<Item<'_>>, usize) {
    let flat = || fields.iter().flat_map(|(name, value)| [name, value]);
    (flat().map(|text| Item::of(text)).collect(), flat().map(Vec::len).sum())
}

/// Panics if an invariant does not hold, or if the stream is not what its twin is.
fn audit(stream: &Stream, twin: &Twin) {
    let log = stream.log();
    let entries: Vec<(StreamId, Fields)> =
        log.range(StreamId::MIN, StreamId::MAX).map(|entry| (entry.id, fields(entry))).collect();
    let expected: Vec<_> = twin.entries.clone().into_iter().collect();
    assert_eq!(entries, expected);
    let mut back: Vec<_> =
        log.range_back(StreamId::MIN, StreamId::MAX).map(|entry| (entry.id, fields(entry))).collect();
    back.reverse();
    assert_eq!(back, expected);
    assert_eq!(log.len(), twin.entries.len() as u64);
    assert_eq!(log.first_id(), twin.entries.keys().next().copied());
    assert_eq!(log.last_entry_id(), twin.entries.keys().next_back().copied());
    assert_eq!(
        (log.last_id(), log.max_deleted_id(), log.entries_added()),
        (twin.last_id, twin.max_deleted_id, twin.entries_added)
    );
    for (_, pack) in log.nodes() {
        let mut listpack = Vec::new();
        pack.put_listpack(&mut listpack);
        validate(&listpack).expect("a node is a listpack");
    }
    assert_eq!(stream.groups().len(), twin.groups.len());
    for (group, (name, expected)) in stream.groups().iter().zip(&twin.groups) {
        assert_eq!(group.name(), name);
        audit_group(group, expected);
    }
}

fn audit_group(group: &Group, twin: &TwinGroup) {
    assert_eq!(group.last_id, twin.last_id);
    let pending: Vec<(StreamId, TwinPending)> = group
        .pending()
        .iter()
        .map(|(id, pending)| (id, (pending.consumer.to_vec(), pending.delivered_ms, pending.deliveries)))
        .collect();
    assert_eq!(pending, twin.pending.clone().into_iter().collect::<Vec<_>>());
    assert_eq!(group.consumers().len(), twin.consumers.len());
    for (consumer, (name, active_ms)) in group.consumers().iter().zip(&twin.consumers) {
        assert_eq!((consumer.name(), consumer.active_ms), (name.as_slice(), *active_ms));
        let ids: Vec<StreamId> = consumer.pending().iter().map(|(id, ())| id).collect();
        let own = twin.pending.iter().filter(|(_, pending)| pending.0 == *name);
        assert_eq!(ids, own.map(|(id, _)| *id).collect::<Vec<_>>());
        assert_eq!(consumer.pending().len(), ids.len());
    }
}
