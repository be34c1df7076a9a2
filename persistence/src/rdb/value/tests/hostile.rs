//! What is refused and where, and that nothing makes a reader panic.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(bytes: &[u8], error: &str) {
    match read(bytes) {
        Err(found) => assert_eq!(found.to_string(), error, "{}", bytes.escape_ascii()),
        Ok(value) => panic!("{} is read as {value:?}", bytes.escape_ascii()),
    }
}

/// The error for a string of a type that is one block.
#[track_caller]
fn check_block(kind: Type, block: &[u8], error: &str) {
    check(&written(kind, |writer| writer.text(block)), error);
}

#[test]
fn collections_without_elements_are_told_apart() {
    let empty = |offset| format!("a collection without elements, at offset {offset}");
    for kind in [Type::List, Type::Set, Type::SortedSet, Type::Hash, Type::ListListpacks, Type::HashExpiries]
    {
        check(&[kind as u8, 0], &empty(2));
    }
    for kind in [Type::SetListpack, Type::HashListpack, Type::SortedSetListpack] {
        check_block(kind, &listpack(&[]), &empty(2));
    }
    for kind in [Type::HashZiplist, Type::SortedSetZiplist, Type::ListZiplist] {
        check_block(kind, &ziplist(&[]), &empty(2));
    }
    check_block(Type::HashZipmap, b"\0\xff", &empty(2));
    check(&written(Type::ListListpacks, |writer| writer.raw(b"\x01\x01\0")), &empty(4));
    check_block(Type::SetIntset, b"\x02\0\0\0\0\0\0\0", "an intset without integers, at offset 2");
}

#[test]
fn names_occur_once() {
    let twice = "a name that occurs twice, at offset 2";
    check_block(Type::SetListpack, &listpack(&["a", "1", "a"]), twice);
    check_block(Type::HashListpack, &listpack(&["5", "1", "5", "2"]), twice);
    check_block(Type::HashZiplist, &ziplist(&["a", "1", "a", "2"]), twice);
    check_block(Type::SortedSetListpack, &listpack(&["a", "1", "a", "2"]), twice);
    check_block(Type::HashZipmap, b"\x02\x01a\x01\x00b\x01a\x01\x00c\xff", twice);
    let without = "a name without a value, at offset 2";
    check_block(Type::HashListpack, &listpack(&["a", "1", "b"]), without);
    check_block(Type::SortedSetZiplist, &ziplist(&["a"]), without);
    let odd = [0x81, b'7', 2, 7, 1];
    let block = [&[7 + odd.len() as u8, 0, 0, 0, 2, 0][..], &odd, &[0xff]].concat();
    check_block(Type::SetListpack, &block, twice);
}

#[test]
fn scores_are_numbers() {
    check_block(Type::SortedSetListpack, &listpack(&["a", "x"]), "a score that is no number, at offset 2");
    check_block(Type::SortedSetListpack, &listpack(&["a", "nan"]), "a score that is no number, at offset 2");
    let nan = written(Type::SortedSet, |writer| {
        writer.raw(b"\x01\x01a");
        writer.double(f64::NAN);
    });
    check(&nan, "a score that is not a number, at offset 4");
    check(b"\x03\x01\x01a\xfd", "a score that is not a number, at offset 4");
}

#[test]
fn blocks_are_checked_to_the_last_byte() {
    check_block(
        Type::SetListpack,
        b"\x07\0\0\0\0\0",
        "a block with a length that is not that of the bytes, at offset 2",
    );
    check_block(
        Type::SetListpack,
        b"\x09\0\0\0\x01\0\x01\x02\xff",
        "a block with a wrong back length, at offset 8",
    );
    check_block(
        Type::SetIntset,
        b"\x02\0\0\0\x02\0\0\0\x02\0\x01\0",
        "a block with integers out of order, at offset 12",
    );
    let header = "a ziplist with a wrong header, at offset 2";
    let sound = ziplist(&["a", "500"]);
    let harmed = |at: usize, byte: u8| {
        let mut bytes = sound.clone();
        bytes[at] = byte;
        bytes
    };
    check_block(Type::ListZiplist, &harmed(0, 99), "a ziplist of another length, at offset 2");
    check_block(Type::ListZiplist, &harmed(4, 10), header);
    check_block(Type::ListZiplist, &harmed(8, 3), header);
    check_block(
        Type::ListZiplist,
        &harmed(13, 2),
        "a ziplist's element with a wrong length of the one before, at offset 15",
    );
    check_block(
        Type::ListZiplist,
        &harmed(14, 0xc1),
        "a ziplist's element of unknown encoding, at offset 16",
    );
    check_block(Type::ListZiplist, &harmed(14, 0xe0), "the data ends too early, at offset 17");
    check_block(Type::ListZiplist, &harmed(13, 0xff), header);
    check_block(Type::ListZiplist, &sound[..5], "the data ends too early, at offset 6");
    check_block(Type::HashZipmap, b"\x01\x01a\xff", "a zipmap's name without a value, at offset 5");
    check_block(Type::HashZipmap, b"\x02\x01a\x01\x00b\xff", "a zipmap with a wrong header, at offset 2");
    check_block(Type::HashZipmap, b"\x01\xfe\xff\xff\xff\xffa", "the data ends too early, at offset 8");
    check(b"\x12\x01\x03\x01a", "a list's part of unknown kind, at offset 2");
}

#[test]
fn times_of_fields_are_times() {
    let valkey = written(Type::HashExpiries, |writer| {
        writer.raw(b"\x01\x01f\x01v");
        writer.milliseconds(-2);
    });
    check(&valkey, "a field's negative time, at offset 6");
    let late = written(Type::HashMetadata, |writer| {
        writer.milliseconds(i64::MAX);
        writer.raw(b"\x01\x02\x01f\x01v");
    });
    check(&late, "a field's time that no clock will show, at offset 10");
    for word in ["-1", "x"] {
        let block = listpack(&["f", "v", word]);
        let bytes = written(Type::HashListpackExpiries, |writer| {
            writer.milliseconds(0);
            writer.text(&block);
        });
        check(&bytes, "a field's time that is none, at offset 10");
    }
}

/// A stream of one node that begins with ID 5-0.
fn one_node(words: &str, end: &[u64]) -> Vec<u8> {
    written(Type::StreamFirst, |writer| {
        writer.len(1);
        writer.text(&raw(5, 0));
        writer.text(&listpack(&words.split_whitespace().collect::<Vec<_>>()));
        numbers(writer, end);
    })
}

#[test]
fn nodes_of_streams_are_checked() {
    assert!(read(&one_node("1 0 1 f 0  2 0 0 v 4", &[1, 5, 0, 0])).is_ok());
    for words in [
        "1 0 1 f 0",                              // no entry
        "1 0 1 f 1  2 0 0 v 4",                   // the master's fields do not end
        "1 0 9 f 0  2 0 0 v 4",                   // more fields than elements
        "-1 0 1 f 0",                             // a negative number of entries
        "9223372036854775807 1 0 0",              // more than can be counted
        "1 0 1 f 0  2 0 0 v 5",                   // a wrong number of elements
        "1 0 1 f 0  2 x 0 v 4",                   // an ID that is no number
        "1 0 1 f 0  0 0 0 9 f v 22",              // more fields than elements
        "1 0 1 f 0  0 0 0 9223372036854775807 4", // fields that cannot be counted
        "1 0 1 f 0  3 0 0 v 4",                   // deleted, and not counted so
        "2 0 1 f 0  2 0 0 v 4  2 0 0 v 4",        // an ID twice
        "2 0 1 f 0  2 1 0 v 4  2 0 0 v 4",        // IDs that descend
        "1 0 1 f 0  2 0 0 v 4  7",                // something left
    ] {
        let error = read(&one_node(words, &[1, 9, 0, 0])).unwrap_err();
        assert_eq!(error.fault.to_string(), "a node of a stream that makes no sense", "{words}");
    }
    let end = "a stream that is not what its end says, at offset 1";
    check(&one_node("1 0 0 0  2 0 0 3", &[2, 9, 0, 0]), end);
    check(&one_node("1 0 0 0  2 0 0 3", &[1, 4, 0, 0]), end);
    check(b"\x0f\x01\x01a\0", "a node without an ID, at offset 2");
}

#[test]
fn groups_of_streams_are_checked() {
    let groups = |write: fn(&mut Writer<'_>)| {
        written(Type::StreamFirst, |writer| {
            writer.raw(b"\0\0\0\0");
            write(writer);
        })
    };
    let fault = |bytes: &[u8]| read(bytes).unwrap_err().fault.to_string();
    let group = b"\x01g\0\0\0\0";
    assert!(read(&groups(|writer| writer.raw(b"\x01\x01g\0\0\0\0"))).is_ok());
    let twice = [b"\x0f\0\0\0\0\x02", &group[..], group].concat();
    assert_eq!(fault(&twice), "a group that occurs twice");
    let consumers = groups(|writer| {
        writer.raw(b"\x01\x01g\0\0\0\x02");
        for _ in 0..2 {
            writer.raw(b"\x01c\0\0\0\0\0\0\0\0\0");
        }
    });
    assert_eq!(fault(&consumers), "a consumer that occurs twice");
    let stranger = groups(|writer| {
        writer.raw(b"\x01\x01g\0\0\0\x01\x01c\0\0\0\0\0\0\0\0\x01");
        writer.raw(&raw(1, 1));
    });
    assert_eq!(fault(&stranger), "a consumer's pending entry that the group has not");
    let pending = |times: usize| {
        written(Type::StreamFirst, |writer| {
            writer.raw(b"\0\0\0\0\x01\x01g\0\0");
            writer.len(times);
            for _ in 0..times {
                writer.raw(&raw(1, 1));
                writer.raw(&[0; 9]);
            }
            writer.len(0);
        })
    };
    assert_eq!(fault(&pending(1)), "a pending entry without a consumer");
    assert_eq!(fault(&pending(2)), "a pending entry that occurs twice");
}

#[derive(Clone, Debug)]
enum Harm {
    Set(usize, u8),
    Flip(usize, u8),
    Remove(usize, usize),
    Insert(usize, u8),
    Cut(usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let byte = || {
        prop_oneof![
            any::<u8>(),
            prop::sample::select(vec![0, 1, 0x40, 0x7f, 0x80, 0x81, 0xc3, 0xf0, 0xfe, 0xff])
        ]
    };
    prop_oneof![
        6 => (any::<usize>(), byte()).prop_map(|(at, byte)| Harm::Set(at, byte)),
        4 => (any::<usize>(), 0u8..8).prop_map(|(at, bit)| Harm::Flip(at, bit)),
        2 => (any::<usize>(), 1usize..9).prop_map(|(at, len)| Harm::Remove(at, len)),
        2 => (any::<usize>(), byte()).prop_map(|(at, byte)| Harm::Insert(at, byte)),
        1 => any::<usize>().prop_map(Harm::Cut),
    ]
}

fn harmed(mut bytes: Vec<u8>, harms: &[Harm]) -> Vec<u8> {
    for harm in harms {
        let len = bytes.len();
        match *harm {
            Harm::Insert(at, byte) => bytes.insert(at % (len + 1), byte),
            _ if len == 0 => (),
            Harm::Set(at, byte) => bytes[at % len] = byte,
            Harm::Flip(at, bit) => bytes[at % len] ^= 1 << bit,
            Harm::Remove(at, count) => drop(bytes.drain(at % len..(at % len + count).min(len))),
            Harm::Cut(at) => bytes.truncate(at % len),
        }
    }
    bytes
}

/// Reads a value, whatever is behind it.
fn try_read(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let _ = reader.kind().and_then(|kind| Value::read(&mut reader, kind));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn harmed_values_are_refused_or_read(
        example in prop::sample::select(examples()),
        harms in proptest::collection::vec(harm(), 1..5),
    ) {
        try_read(&harmed(example, &harms));
    }

    #[test]
    fn any_bytes_are_safe(kind in prop::sample::select(Type::ALL), bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        try_read(&[&[kind as u8], &bytes[..]].concat());
    }
}

#[test]
fn every_beginning_is_refused() {
    for bytes in examples() {
        for len in 1..bytes.len() {
            let mut reader = Reader::new(&bytes[..len]);
            let kind = reader.kind().expect("a type");
            assert!(Value::read(&mut reader, kind).is_err(), "{} of {}", len, bytes.escape_ascii());
        }
    }
}
