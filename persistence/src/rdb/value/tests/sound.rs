//! What sound bytes mean.

use rufous_storage::pack::{IntSetRef, PackRef};

use super::*;

/// A value in words, whatever its encoding was; blocks in brackets.
fn shown(value: &Value<'_>) -> String {
    match value {
        Value::String(text) => word(text.item()),
        Value::List(nodes) => nodes.iter().map(node).collect::<Vec<_>>().join(" "),
        Value::Set(Set::Intset(bytes)) => format!("<{}>", words(IntSetRef::new(bytes).iter().map(Item::Int))),
        Value::Set(Set::Listpack(bytes)) => block(bytes),
        Value::Set(Set::Members(members)) => words(members.iter().map(Text::item)),
        Value::SortedSet(SortedSet::Listpack(bytes)) => block(bytes),
        Value::SortedSet(SortedSet::Members(members)) => members
            .iter()
            .map(|(member, score)| format!("{}={score}", word(member.item())))
            .collect::<Vec<_>>()
            .join(" "),
        Value::Hash(Hash::Listpack(bytes) | Hash::Triples(bytes)) => block(bytes),
        Value::Hash(Hash::Fields(fields)) => fields.iter().map(field).collect::<Vec<_>>().join(" "),
        Value::Stream(stream) => stream_shown(stream),
    }
}

fn stream_shown(stream: &Stream<'_>) -> String {
    let id = |id: StreamId| format!("{}-{}", id.ms, id.seq);
    let nodes: Vec<String> = stream
        .nodes
        .iter()
        .map(|(master, bytes)| format!("{}:{}", id(*master), PackRef::new(bytes).len()))
        .collect();
    let mut text = format!(
        "{} len {} last {} deleted {} added {}",
        nodes.join(" "),
        stream.len,
        id(stream.last_id),
        id(stream.max_deleted_id),
        stream.entries_added,
    );
    for group in &stream.groups {
        text += &format!("; {} {} {:?}", group.name.escape_ascii(), id(group.last_id), group.entries_read);
        for consumer in &group.consumers {
            text += &format!(" {}@{}/{}", consumer.name.escape_ascii(), consumer.seen_ms, consumer.active_ms);
        }
        for (pending_id, pending) in &group.pending {
            text += &format!(
                " {}@{}x{}>{}",
                id(*pending_id),
                pending.delivered_ms,
                pending.deliveries,
                pending.consumer
            );
        }
    }
    text
}

fn node(node: &Node<'_>) -> String {
    match node {
        Node::Listpack(bytes) => block(bytes),
        Node::Element(text) => word(text.item()),
    }
}

fn field(field: &Field<'_>) -> String {
    let expiry = field.expiry.map_or_else(String::new, |at| format!("@{at}"));
    format!("{}={}{expiry}", word(field.name.item()), word(field.value.item()))
}

fn block(bytes: &[u8]) -> String {
    format!("[{}]", words(PackRef::new(bytes).iter()))
}

fn words<'a>(items: impl Iterator<Item = Item<'a>>) -> String {
    items.map(word).collect::<Vec<_>>().join(" ")
}

/// An element; a long one by its length alone.
fn word(item: Item<'_>) -> String {
    match item {
        Item::Int(value) => value.to_string(),
        Item::Bytes(bytes) if bytes.len() > 20 => format!("({})", bytes.len()),
        Item::Bytes(bytes) => bytes.escape_ascii().to_string(),
    }
}

#[track_caller]
fn check(bytes: &[u8], expected: &str) {
    let value = read(bytes).unwrap_or_else(|error| panic!("{}: {error}", bytes.escape_ascii()));
    assert_eq!(shown(&value), expected);
}

#[test]
fn every_type_is_read() {
    const STREAM: &str = "5-1:24 7-0:8 len 3 last 9-0 deleted";
    const PENDING: &str = "5-1@100x3>0 6-8@200x3>0";
    let expected = [
        "hello",
        "a 1 (300)",
        "[a 1 (300) b]",
        "[a] [1 2]",
        "[a 5] (300)",
        "a -500 c",
        "<-1 1>",
        "[a 7 (300)]",
        "a=1.5 b=inf",
        "a=-inf b=2.5",
        "[a 1 b 2.5]",
        "[a 1 b 1 c inf]",
        "a=1 b=1",
        "f=v g=1",
        "foo=bar hello=7",
        "[f v g (300)]",
        "[f v g 1]",
        "f=v@1000 g=v",
        "f=v@1000 g=v h=v@1500",
        "[f v 1000 h v 1500 g v 0]",
        "[f v 1000 g v 0]",
        &format!("{STREAM} 0-0 added 3; group 7-0 None alice@1000/1000 bob@1000/1000 {PENDING}"),
        &format!("{STREAM} 6-0 added 4; group 7-0 None alice@1000/1000 bob@1000/1000 {PENDING}"),
        &format!("{STREAM} 6-0 added 4; group 7-0 None alice@1000/-1 bob@1000/-1 {PENDING}"),
        &format!("{STREAM} 6-0 added 4; group 7-0 None alice@1000/-1 bob@1000/-1 {PENDING}"),
    ];
    let examples = examples();
    assert_eq!(examples.len(), expected.len());
    for (bytes, expected) in examples.iter().zip(expected) {
        check(bytes, expected);
    }
    let read_types: Vec<u8> = examples.iter().map(|bytes| bytes[0]).collect();
    assert!(Type::ALL.iter().all(|kind| read_types.contains(&(*kind as u8))), "a type without example");
}

#[test]
fn times_of_fields_mean_what_their_version_says() {
    let bytes = written(Type::HashExpiries, |writer| {
        writer.len(2);
        for (name, at) in [("f", 1000), ("g", 0)] {
            writer.number(at);
            writer.text(name.as_bytes());
            writer.text(b"v");
        }
    });
    let mut reader = Reader::new(&bytes).of_version(12);
    let kind = reader.kind().unwrap();
    assert_eq!(shown(&Value::read(&mut reader, kind).unwrap()), "f=v@1000 g=v");
    assert!(read(&bytes).is_err(), "no hash of Valkey");
    let unordered = written(Type::HashListpackExpiries, |writer| {
        writer.milliseconds(1000);
        writer.text(&listpack(&["g", "v", "0", "h", "v", "1500", "f", "v", "1000"]));
    });
    check(&unordered, "g=v h=v@1500 f=v@1000");
}

#[test]
fn integers_of_every_width_are_read_from_ziplists() {
    let numbers = "0 12 13 -1 127 -128 128 32767 -32768 32768 8388607 -8388608 8388608 2147483647 -2147483648 \
                   2147483648 9223372036854775807 -9223372036854775808";
    let words: Vec<&str> = numbers.split_whitespace().collect();
    check(
        &written(Type::ListZiplist, |writer| writer.text(&ziplist(&words))),
        &format!("[{}]", words.join(" ")),
    );
}

#[test]
fn long_elements_are_read_from_ziplists() {
    let texts = [63, 64, 249, 250, 253, 254, 16_383, 16_384, 70_000].map(|len| "x".repeat(len));
    let words: Vec<&str> = texts.iter().map(String::as_str).collect();
    let bytes = written(Type::ListZiplist, |writer| writer.text(&ziplist(&words)));
    check(&bytes, "[(63) (64) (249) (250) (253) (254) (16383) (16384) (70000)]");
}

#[test]
fn blocks_may_be_compressed() {
    let words = vec!["abcabcabcabc"; 40];
    let mut compressor = crate::lzf::Compressor::default();
    let mut writer = Writer::new(11, Some(&mut compressor));
    writer.byte(Type::ListZiplist as u8);
    writer.text(&ziplist(&words));
    assert_eq!(writer.out[1], 0xc3, "compressed");
    check(&writer.out, &format!("[{}]", words.join(" ")));
}

#[test]
fn blocks_of_other_writers_become_canonical() {
    let odd = [&[14, 0, 0, 0, 2, 0][..], &[0x81, b'7', 2, 0xf1, 5, 0, 3], &[0xff]].concat();
    let mut canonical = Vec::new();
    PackMut::empty_in(&mut canonical).extend([Item::Int(7), Item::Int(5)]);
    match read(&written(Type::HashListpack, |writer| writer.text(&odd))).unwrap() {
        Value::Hash(Hash::Listpack(bytes)) => assert_eq!(*bytes, canonical),
        other => panic!("{other:?}"),
    }
}

#[test]
fn groups_of_old_streams_learn_how_much_they_read() {
    let read_of = |ms: u64, seq: u64| {
        let bytes = written(Type::StreamFirst, |writer| {
            writer.len(1);
            writer.text(&raw(5, 0));
            const WORDS: &str = "3 0 0 0 2 0 0 3 2 1 0 3 2 2 0 3";
            writer.text(&listpack(&WORDS.split(' ').collect::<Vec<_>>()));
            numbers(writer, &[3, 7, 0, 1]);
            writer.text(b"group");
            numbers(writer, &[ms, seq, 0, 0]);
        });
        match read(&bytes).unwrap() {
            Value::Stream(stream) => stream.groups[0].entries_read,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(read_of(0, 0), Some(0));
    assert_eq!(read_of(5, 0), Some(1));
    assert_eq!(read_of(6, 0), None);
    assert_eq!(read_of(7, 0), Some(3));
    assert_eq!(read_of(8, 0), None);
}
