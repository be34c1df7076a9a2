//! Values of every type: read as they should be, refused where they must be, safe whatever they are.

mod hostile;
mod sound;

use rufous_storage::pack::{Item, PackMut};

use super::super::{Error, Reader, Text, Type, Writer};
use super::*;

/// Reads type and value.
fn read(bytes: &[u8]) -> Result<Value<'_>, Error> {
    let mut reader = Reader::new(bytes);
    let kind = reader.kind()?;
    let value = Value::read(&mut reader, kind)?;
    assert_eq!(reader.remaining(), 0, "bytes left");
    Ok(value)
}

/// A type and what a function writes behind it.
fn written(kind: Type, write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut writer = Writer::new(11, None);
    writer.byte(kind as u8);
    write(&mut writer);
    writer.out
}

fn numbers(writer: &mut Writer<'_>, numbers: &[u64]) {
    numbers.iter().for_each(|number| writer.number(*number));
}

/// A listpack of words.
fn listpack(words: &[&str]) -> Vec<u8> {
    let (mut pack, mut bytes) = (PackMut::empty_in(Vec::new()), Vec::new());
    pack.extend(words.iter().map(|word| Item::of(word.as_bytes())));
    pack.as_ref().put_listpack(&mut bytes);
    bytes
}

/// A ziplist of words, integers encoded as Redis does.
fn ziplist(words: &[&str]) -> Vec<u8> {
    let (mut body, mut last, mut previous_len) = (Vec::new(), 10, 0);
    for word in words {
        let start = body.len();
        last = 10 + start;
        match previous_len {
            0..254 => body.push(previous_len as u8),
            _ => body.extend([&[0xfe][..], &(previous_len as u32).to_le_bytes()].concat()),
        }
        body.extend(ziplist_element(word.as_bytes()));
        previous_len = body.len() - start;
    }
    let mut bytes = (body.len() as u32 + 11).to_le_bytes().to_vec();
    bytes.extend((last as u32).to_le_bytes());
    bytes.extend((words.len() as u16).to_le_bytes());
    bytes.extend(body);
    bytes.push(0xff);
    bytes
}

fn ziplist_element(word: &[u8]) -> Vec<u8> {
    let head = |byte: u8, rest: &[u8]| [&[byte], rest].concat();
    match Item::of(word) {
        Item::Int(value @ 0..=12) => vec![0xf1 + value as u8],
        Item::Int(value @ -128..=127) => head(0xfe, &value.to_le_bytes()[..1]),
        Item::Int(value @ -32_768..=32_767) => head(0xc0, &value.to_le_bytes()[..2]),
        Item::Int(value @ -8_388_608..=8_388_607) => head(0xf0, &value.to_le_bytes()[..3]),
        Item::Int(value @ -2_147_483_648..=2_147_483_647) => head(0xd0, &value.to_le_bytes()[..4]),
        Item::Int(value) => head(0xe0, &value.to_le_bytes()),
        Item::Bytes(bytes) if bytes.len() < 64 => head(bytes.len() as u8, bytes),
        Item::Bytes(bytes) if bytes.len() < 16_384 => {
            head(0x40 | (bytes.len() >> 8) as u8, &[&[bytes.len() as u8], bytes].concat())
        }
        Item::Bytes(bytes) => head(0x80, &[&(bytes.len() as u32).to_be_bytes(), bytes].concat()),
    }
}

/// A stream of two nodes with a group of two consumers: one entry deleted, two pending.
fn stream(kind: Type) -> Vec<u8> {
    let counted = kind != Type::StreamFirst;
    let active = counted && kind != Type::StreamSecond;
    written(kind, |writer| {
        writer.len(2);
        writer.text(&raw(5, 1));
        writer.text(&listpack(&[
            "2", "1", "1", "f", "0", // entries, deleted, master fields
            "2", "0", "0", "v", "4", // 5-1
            "3", "1", "-1", "w", "4", // 6-0, deleted
            "0", "1", "7", "2", "f", "x", "g", "y", "8", // 6-8
        ]));
        writer.text(&raw(7, 0));
        writer.text(&listpack(&["1", "0", "0", "0", "2", "0", "0", "3"]));
        numbers(writer, &[3, 9, 0]);
        if counted {
            numbers(writer, &[5, 1, 6, 0, 4]);
        }
        writer.len(1);
        writer.text(b"group");
        numbers(writer, &[7, 0]);
        if counted {
            writer.number(u64::MAX);
        }
        writer.len(2);
        for (ms, seq, delivered) in [(5, 1, 100), (6, 8, 200)] {
            writer.raw(&raw(ms, seq));
            writer.milliseconds(delivered);
            writer.len(3);
        }
        writer.len(2);
        for (name, pending) in [("alice", &[(6, 8), (5, 1)][..]), ("bob", &[])] {
            writer.text(name.as_bytes());
            writer.milliseconds(1000);
            if active {
                writer.milliseconds(-1);
            }
            writer.len(pending.len());
            pending.iter().for_each(|(ms, seq)| writer.raw(&raw(*ms, *seq)));
        }
        if kind == Type::StreamProducers {
            numbers(writer, &[100, 100, 2]);
            for (producer, entries) in [("producer", &[(5, 1), (6, 8)][..]), ("12", &[])] {
                writer.text(producer.as_bytes());
                writer.len(entries.len());
                for (ms, seq) in entries {
                    writer.text(b"name");
                    numbers(writer, &[*ms, *seq]);
                }
            }
            numbers(writer, &[2, 5]);
        }
    })
}

fn raw(ms: u64, seq: u64) -> Vec<u8> {
    [ms.to_be_bytes(), seq.to_be_bytes()].concat()
}

/// One value of each type, or several.
fn examples() -> Vec<Vec<u8>> {
    let texts =
        |writer: &mut Writer<'_>, texts: &[&str]| texts.iter().for_each(|text| writer.text(text.as_bytes()));
    let long = "long text ".repeat(30);
    vec![
        written(Type::String, |writer| writer.text(b"hello")),
        written(Type::List, |writer| {
            writer.len(3);
            texts(writer, &["a", "1", &long]);
        }),
        written(Type::ListZiplist, |writer| writer.text(&ziplist(&["a", "1", &long, "b"]))),
        written(Type::ListZiplists, |writer| {
            writer.len(3);
            writer.text(&ziplist(&["a"]));
            writer.text(&ziplist(&[]));
            writer.text(&ziplist(&["1", "2"]));
        }),
        written(Type::ListListpacks, |writer| {
            writer.len(3);
            writer.len(2);
            writer.text(&listpack(&["a", "5"]));
            writer.len(2);
            writer.text(&listpack(&[]));
            writer.len(1);
            writer.text(long.as_bytes());
        }),
        written(Type::Set, |writer| {
            writer.len(3);
            texts(writer, &["a", "-500", "c"]);
        }),
        written(Type::SetIntset, |writer| writer.text(&[2, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 1, 0])),
        written(Type::SetListpack, |writer| writer.text(&listpack(&["a", "7", &long]))),
        written(Type::SortedSetTextual, |writer| {
            writer.len(2);
            writer.raw(b"\x01a\x031.5\x01b\xfe");
        }),
        written(Type::SortedSet, |writer| {
            writer.len(2);
            writer.text(b"b");
            writer.double(2.5);
            writer.text(b"a");
            writer.double(f64::NEG_INFINITY);
        }),
        written(Type::SortedSetZiplist, |writer| writer.text(&ziplist(&["a", "1", "b", "2.5"]))),
        written(Type::SortedSetListpack, |writer| writer.text(&listpack(&["a", "1", "b", "1", "c", "inf"]))),
        written(Type::SortedSetListpack, |writer| writer.text(&listpack(&["b", "1", "a", "1"]))),
        written(Type::Hash, |writer| {
            writer.len(2);
            texts(writer, &["f", "v", "g", "1"]);
        }),
        written(Type::HashZipmap, |writer| writer.text(b"\x02\x03foo\x03\x02bar__\x05hello\x01\x007\xff")),
        written(Type::HashZiplist, |writer| writer.text(&ziplist(&["f", "v", "g", &long]))),
        written(Type::HashListpack, |writer| writer.text(&listpack(&["f", "v", "g", "1"]))),
        written(Type::HashExpiries, |writer| {
            writer.len(2);
            for (name, at) in [("f", 1000), ("g", -1)] {
                texts(writer, &[name, "v"]);
                writer.milliseconds(at);
            }
        }),
        written(Type::HashMetadata, |writer| {
            writer.milliseconds(1000);
            writer.len(3);
            for (name, delay) in [("f", 1), ("g", 0), ("h", 501)] {
                writer.len(delay);
                texts(writer, &[name, "v"]);
            }
        }),
        written(Type::HashListpackExpiries, |writer| {
            writer.milliseconds(1000);
            writer.text(&listpack(&["f", "v", "1000", "h", "v", "1500", "g", "v", "0"]));
        }),
        written(Type::HashListpackExpiriesFirst, |writer| {
            writer.text(&listpack(&["f", "v", "1000", "g", "v", "0"]));
        }),
        stream(Type::StreamFirst),
        stream(Type::StreamSecond),
        stream(Type::Stream),
        stream(Type::StreamProducers),
    ]
}
