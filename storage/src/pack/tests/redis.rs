//! Blocks that a real Redis 7.0.15 wrote, taken from what DUMP replied, byte for byte.

use crate::pack::{Item, PackMut, validate};

const LIST: &[u8] = &[18, 1, 2]; // a quicklist of one node, which is packed
const SORTED_SET: &[u8] = &[17];
const HASH: &[u8] = &[16];

/// Bytes from hexadecimal digits in groups; ` 78*63 ` is a byte 63 times.
fn bytes_of(text: &str) -> Vec<u8> {
    let byte = |digits: &str| u8::from_str_radix(digits, 16).expect("two digits");
    let group = |group: &str| match group.split_once('*') {
        Some((digits, times)) => vec![byte(digits); times.parse().expect("a number")],
        None => (0..group.len()).step_by(2).map(|at| byte(&group[at..at + 2])).collect(),
    };
    text.split_whitespace().flat_map(group).collect()
}

/// The string in a DUMP payload: after what tells the type, a length; at the end, version and checksum.
pub(super) fn string_in(payload: &str, kind: &[u8]) -> Vec<u8> {
    const FOOTER_BYTES: usize = 10;
    let bytes = bytes_of(payload);
    let rest = bytes.strip_prefix(kind).expect("the kind");
    let (len, start) = match rest[0] {
        first @ 0..0x40 => (usize::from(first), 1),
        first @ 0x40..0x80 => (usize::from(first & 0x3f) << 8 | usize::from(rest[1]), 2),
        _ => (u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize, 5),
    };
    let string = rest[start..rest.len() - FOOTER_BYTES].to_vec();
    assert_eq!(string.len(), len);
    string
}

#[track_caller]
fn check(payload: &str, kind: &[u8], elements: &[&[u8]]) {
    let bytes = string_in(payload, kind);
    let pack = validate(&bytes).expect("what Redis wrote");
    assert!(pack.iter().eq(elements.iter().map(|element| Item::of(element))));
    let mut pack = PackMut::empty_in(Vec::new());
    for &element in elements {
        pack.push_back(element);
    }
    let mut listpack = Vec::new();
    pack.as_ref().put_listpack(&mut listpack);
    assert_eq!(listpack, bytes);
}

#[test]
fn integers() {
    let payload = "120102407d7d0000001700000101017f01c08002dfff02d00002cfff02f1001003f1ffef03f1ff7f03f1008003f2008000\
                   04f2ff7fff04f2ffff7f04f200008004f30000800005f3ffff7fff05f3ffffff7f05f30000008005f400000080000000\
                   0009f4ffffff7fffffffff09f4ffffffffffffff7f09f4000000000000008009ff0a00ab62f6d7fff5d23d";
    let elements = [
        "0",
        "1",
        "127",
        "128",
        "-1",
        "-4096",
        "4095",
        "4096",
        "-4097",
        "32767",
        "-32768",
        "32768",
        "-32769",
        "8388607",
        "-8388608",
        "8388608",
        "-8388609",
        "2147483647",
        "-2147483648",
        "2147483648",
        "-2147483649",
        "9223372036854775807",
        "-9223372036854775808",
    ];
    check(payload, LIST, &elements.map(str::as_bytes));
}

#[test]
fn what_looks_like_integers() {
    let payload = "1201024079790000000d008001812d02822d30038330303704822b31038220310383312e300493393232333337323033\
                   3638353437373538303814942d39323233333732303336383534373735383039158161028b68656c6c6f20776f726c64\
                   0c8300ff800495 78*21 16ff0a00fd12670907015450";
    let elements: [&[u8]; 13] = [
        b"",
        b"-",
        b"-0",
        b"007",
        b"+1",
        b" 1",
        b"1.0",
        b"9223372036854775808",
        b"-9223372036854775809",
        b"a",
        b"hello world",
        b"\x00\xff\x80",
        &[b'x'; 21],
    ];
    check(payload, LIST, &elements);
}

#[test]
fn lengths() {
    let payload =
        "120102621a1a2200000700bf 78*63 40e040 78*64 42e07d 78*125 7fe07e 78*126 0180e07f 78*127 0181efff
                   78*4095 2081f000100000 78*4096 2085ff0a00e2f137396abb3567";
    let elements = [63, 64, 125, 126, 127, 4095, 4096].map(|len| vec![b'x'; len]);
    check(payload, LIST, &elements.each_ref().map(Vec::as_slice));
}

#[test]
fn back_lengths_of_two_and_three_bytes() {
    let payload = "1201028000008009098000000200f0f93f0000 78*16377 7ffef0fa3f0000 78*16378
                   00ffffff0a006074a62373a04341";
    let elements = [16_377, 16_378].map(|len| vec![b'x'; len]);
    check(payload, LIST, &elements.each_ref().map(Vec::as_slice));
}

#[test]
fn a_list_after_edits() {
    let payload = "1201022424000000080005018573686f727406816102f287d61204816302816502dfb302816602ff0a0076745b841208\
                   dd79";
    check(payload, LIST, &[b"5", b"short", b"a", b"1234567", b"c", b"e", b"-77", b"f"]);
}

#[test]
fn a_hash() {
    let payload = "104046460000000c00846e616d65058341646104847965617205c7180285656d707479068001070185736576656e0683\
                   62696704f4cb04fb711f0100000985636f756e7406ded402ff0a005f486aa38651dc9a";
    let elements: [&[u8]; 12] = [
        b"name",
        b"Ada",
        b"year",
        b"1816",
        b"empty",
        b"",
        b"7",
        b"seven",
        b"big",
        b"1234567890123",
        b"count",
        b"-300",
    ];
    check(payload, HASH, &elements);
    let bytes = string_in(payload, HASH);
    let pack = validate(&bytes).unwrap();
    for pair in elements.chunks(2) {
        let value = pack.next(pack.find(pair[0], 2).unwrap()).unwrap();
        assert!(pack.get(value).equals(pair[1]));
    }
    assert_eq!(pack.find(b"Ada", 2), None);
}

#[test]
fn a_sorted_set() {
    let payload = "11405c5c0000000c00836c6f7704982d312e 30*15 31652b333030198e74776f20616e6420612068616c660f83322e35\
                   0403010301836f6e65040601846d616e7905f2a086010484686967680583696e6604ff0a00b30c930e02746ebe";
    let elements: [&[u8]; 12] = [
        b"low",
        b"-1.0000000000000001e+300",
        b"two and a half",
        b"2.5",
        b"3",
        b"3",
        b"one",
        b"6",
        b"many",
        b"100000",
        b"high",
        b"inf",
    ];
    check(payload, SORTED_SET, &elements);
}
