//! The bytes of nodes, as Redis writes them, and when a node is full.

use super::items;
use crate::types::Limits;
use crate::types::stream::{Stream, StreamId};

fn limits(stream_entries: usize, stream_bytes: usize) -> Limits {
    Limits { stream_entries, stream_bytes, ..Limits::default() }
}

fn add(stream: &mut Stream, ms: u64, seq: u64, entry: &[(&str, &str)], limits: &Limits) {
    let owned =
        entry.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect();
    let (items, bytes) = items(&owned);
    stream.log_mut().append(StreamId::new(ms, seq), &items, bytes, limits);
}

#[test]
fn a_node_has_the_bytes_that_redis_gives_it() {
    let (mut stream, limits) = (Stream::default(), limits(100, 4096));
    add(&mut stream, 5, 1, &[("f", "v"), ("1", "-2")], &limits);
    add(&mut stream, 5, 2, &[("f", "w"), ("1", "70000")], &limits);
    add(&mut stream, 7, 0, &[("g", "x")], &limits);
    assert!(stream.log_mut().delete(StreamId::new(5, 2)));
    let nodes: Vec<_> = stream.log().nodes().collect();
    let expected: &[&[u8]] = &[
        &[0x02, 1, 0x01, 1, 0x02, 1, 0x81, b'f', 2, 0x01, 1, 0x00, 1],
        &[0x02, 1, 0x00, 1, 0x00, 1, 0x81, b'v', 2, 0xdf, 0xfe, 2, 0x05, 1],
        &[0x03, 1, 0x00, 1, 0x01, 1, 0x81, b'w', 2, 0xf2, 0x70, 0x11, 0x01, 4, 0x05, 1],
        &[0x00, 1, 0x02, 1, 0xdf, 0xff, 2, 0x01, 1, 0x81, b'g', 2, 0x81, b'x', 2, 0x06, 1],
    ];
    let elements = expected.concat();
    assert_eq!(nodes.len(), 1);
    assert_eq!(nodes[0].0, StreamId::new(5, 1));
    assert_eq!(nodes[0].1.bytes()[..2], [25, 0], "elements");
    assert_eq!(nodes[0].1.bytes()[2..nodes[0].1.bytes().len() - 1], elements);
}

/// How many entries of one field and one value there are in each node.
fn entries_in_nodes(stream: &Stream) -> Vec<u64> {
    stream.log().nodes().map(|(_, pack)| u64::from(pack.bytes()[2])).collect()
}

#[test]
fn nodes_end_where_the_limits_say() {
    let check = |limits: Limits, value: &str, expected: &[u64]| {
        let mut stream = Stream::default();
        (1..=10).for_each(|ms| add(&mut stream, ms, 0, &[("f", value)], &limits));
        assert_eq!(entries_in_nodes(&stream), expected, "{limits:?}");
    };
    check(limits(3, 4096), "v", &[3, 3, 3, 1]);
    check(limits(0, 0), "v", &[10]);
    check(limits(100, 4096), &"v".repeat(1500), &[2, 2, 2, 2, 2]);
    check(limits(100, 1), "v", &[1; 10]);
    // Deleted entries count, too.
    let (mut stream, limits) = (Stream::default(), limits(3, 4096));
    for ms in 1..=10 {
        add(&mut stream, ms, 0, &[("f", "v")], &limits);
        if ms % 3 == 2 {
            stream.log_mut().delete(StreamId::new(ms, 0));
        }
    }
    assert_eq!(entries_in_nodes(&stream), [2, 2, 2, 1]);
}

#[test]
fn a_node_of_deleted_entries_goes() {
    let (mut stream, limits) = (Stream::default(), limits(3, 4096));
    (1..=9).for_each(|ms| add(&mut stream, ms, 0, &[("f", "v")], &limits));
    (4..=6).for_each(|ms| assert!(stream.log_mut().delete(StreamId::new(ms, 0))));
    assert_eq!(entries_in_nodes(&stream), [3, 3]);
    assert!(!stream.log_mut().delete(StreamId::new(5, 0)));
    (1..=9).for_each(|ms| _ = stream.log_mut().delete(StreamId::new(ms, 0)));
    assert!(stream.log().is_empty());
    assert_eq!((stream.log().first_id(), stream.log().last_id()), (None, StreamId::new(9, 0)));
}

#[test]
fn a_million_entries_take_little_beyond_their_bytes() {
    let count = if cfg!(miri) { 300 } else { 100_000 };
    let (mut stream, limits) = (Stream::default(), limits(100, 4096));
    for ms in 0..count {
        let value = format!("value:{ms:08}");
        add(&mut stream, 1_700_000_000_000 + ms, 0, &[("field", &value), ("other", &value)], &limits);
    }
    let listpacks: usize = stream.log().nodes().map(|(_, pack)| pack.listpack_bytes()).sum();
    let taken = stream.log().heap_bytes();
    assert!(taken < listpacks * 115 / 100 + 4096, "{taken} bytes for {listpacks}");
}
