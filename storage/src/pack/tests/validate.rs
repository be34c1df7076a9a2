//! Hostile bytes: what is refused and why, and that nothing that passes makes a reader panic.

use std::borrow::Cow;

use proptest::prelude::*;

use super::model::element;
use crate::pack::{Corrupt, Fault, IntSetMut, Item, PackMut, PackRef, validate, validate_intset};

/// The error for the bytes of a block with these elements, whatever they are.
#[track_caller]
fn check(header_len: u32, count: u16, elements: &[u8], fault: Fault, offset: usize) {
    let bytes = [&header_len.to_le_bytes(), &count.to_le_bytes()[..], elements].concat();
    assert_eq!(validate(&bytes), Err(Corrupt { fault, offset }));
}

#[test]
fn each_fault_is_named_with_its_offset() {
    assert_eq!(validate(&[]), Err(Corrupt { fault: Fault::Length, offset: 0 }));
    check(6, 0, &[], Fault::Length, 0);
    check(8, 0, &[0xff], Fault::Length, 0);
    check(7, 0, &[0], Fault::End, 6);
    check(9, 2, &[1, 1, 0xff], Fault::Count, 4);
    check(9, 0, &[1, 1, 0xff], Fault::Count, 4);
    check(9, 1, &[1, 2, 0xff], Fault::BackLength, 6);
    check(8, 1, &[1, 0xff], Fault::Element, 6);
    check(11, 2, &[1, 1, 0xf5, 1, 0xff], Fault::Encoding, 8);
    check(9, 1, &[0xff, 1, 0xff], Fault::Encoding, 6);
    check(11, 2, &[1, 1, 0x82, 1, 0xff], Fault::Element, 8);
    check(8, 1, &[0xc0, 0xff], Fault::Element, 6);
    check(8, 1, &[0xe0, 0xff], Fault::Element, 6);
    check(11, 1, &[0xf0, 0xff, 0xff, 0xff, 0xff], Fault::Element, 6);
    check(13, 1, &[0xf0, 0xff, 0xff, 0xff, 0xff, 5, 0xff], Fault::Element, 6);
    check(10, 1, &[0xf4, 1, 1, 0xff], Fault::Element, 6);
    assert_eq!(
        Corrupt { fault: Fault::BackLength, offset: 6 }.to_string(),
        "a wrong back length at offset 6"
    );
}

#[track_caller]
fn check_intset(bytes: &[u8], fault: Fault, offset: usize) {
    assert_eq!(validate_intset(bytes), Err(Corrupt { fault, offset }));
}

#[test]
fn each_fault_of_an_intset_is_named_with_its_offset() {
    check_intset(&[2, 0, 0, 0, 0, 0, 0], Fault::Length, 0);
    check_intset(&[3, 0, 0, 0, 0, 0, 0, 0], Fault::Width, 0);
    check_intset(&[2, 1, 0, 0, 0, 0, 0, 0], Fault::Width, 0);
    check_intset(&[2, 0, 0, 0, 1, 0, 0, 0], Fault::Length, 4);
    check_intset(&[8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], Fault::Length, 4);
    check_intset(&[2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 2, 0], Fault::Length, 4);
    check_intset(&[2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 2, 0, 2, 0], Fault::Order, 12);
    check_intset(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0xff, 0xff], Fault::Order, 10);
}

#[test]
fn elements_of_other_writers_become_canonical() {
    let elements = [
        0x81, b'7', 2, // "7" as a string
        0xf2, 5, 0, 0, 4, // 5 with three bytes
        0xe0, 1, b'a', 3, // "a" with a length of 12 bits
        0x82, b'0', b'7', 3, // "07", which is no integer
    ];
    let bytes = [&[7 + elements.len() as u8, 0, 0, 0, 4, 0], &elements[..], &[0xff]].concat();
    let canonical = validate(&bytes).expect("a sound block").canonical();
    let items = [Item::Int(7), Item::Int(5), Item::Bytes(b"a"), Item::Bytes(b"07")];
    let mut expected = Vec::new();
    PackMut::empty_in(&mut expected).extend(items);
    assert_eq!(canonical, expected);
    assert!(matches!(PackRef::new(&expected).canonical(), Cow::Borrowed(_)));
}

#[derive(Clone, Debug)]
enum Harm {
    Set(usize, u8),
    Remove(usize),
    Insert(usize, u8),
    /// Sets the length in the header to what it is, so that the rest is looked at.
    Resize,
}

fn harm() -> impl Strategy<Value = Harm> {
    let byte =
        || prop_oneof![any::<u8>(), prop::sample::select(vec![0, 1, 0x7f, 0x80, 0xe0, 0xf0, 0xf4, 0xff])];
    prop_oneof![
        6 => (any::<usize>(), byte()).prop_map(|(at, byte)| Harm::Set(at, byte)),
        1 => any::<usize>().prop_map(Harm::Remove),
        1 => (any::<usize>(), byte()).prop_map(|(at, byte)| Harm::Insert(at, byte)),
        3 => Just(Harm::Resize),
    ]
}

fn harmed(mut bytes: Vec<u8>, harms: &[Harm]) -> Vec<u8> {
    for harm in harms {
        let len = bytes.len();
        match *harm {
            Harm::Set(at, byte) if len > 0 => bytes[at % len] = byte,
            Harm::Remove(at) if len > 0 => drop(bytes.remove(at % len)),
            Harm::Insert(at, byte) => bytes.insert(at % (len + 1), byte),
            Harm::Resize if len >= 4 => bytes[..4].copy_from_slice(&(len as u32).to_le_bytes()),
            _ => (),
        }
    }
    bytes
}

/// Reads all that a block has, both ways, and edits it.
fn exercise(pack: PackRef<'_>) {
    let items: Vec<Item<'_>> = pack.iter().collect();
    assert_eq!(pack.len(), items.len());
    assert!(pack.iter().rev().eq(items.iter().rev().copied()));
    for (index, item) in items.iter().enumerate() {
        let position = pack.at(index as i64).expect("an element at each index");
        assert_eq!(pack.get(position), *item);
    }
    let canonical = pack.canonical();
    let canonical = PackRef::new(&canonical);
    assert_eq!(validate(&listpack(canonical)).map(PackRef::len), Ok(items.len()));
    for item in items {
        let bytes = item.to_vec();
        let found = canonical.find(&bytes, 1).expect("each element is found");
        assert!(canonical.get(found).equals(&bytes));
    }
    let mut edited = PackMut::new(pack.bytes().to_vec());
    edited.push_front(b"first");
    edited.remove_range(-1, 1);
    assert!(validate(&listpack(edited.as_ref())).is_ok());
}

fn listpack(pack: PackRef<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    pack.put_listpack(&mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 16 } else { 1024 }))]

    #[test]
    fn a_harmed_block_is_refused_or_can_be_read(
        elements in proptest::collection::vec(element(), 0..6),
        harms in proptest::collection::vec(harm(), 0..5),
    ) {
        let mut sound = Vec::new();
        PackMut::empty_in(&mut sound).extend(elements.iter().map(|bytes| Item::of(bytes)));
        let sound = listpack(PackRef::new(&sound));
        prop_assert!(validate(&sound).is_ok());
        if let Ok(pack) = validate(&harmed(sound, &harms)) {
            exercise(pack);
        }
    }

    #[test]
    fn any_elements_are_refused_or_can_be_read(elements in proptest::collection::vec(0u8..6, 0..12)) {
        let bytes = [&(elements.len() as u32 + 7).to_le_bytes(), &[0xff; 2][..], &elements, &[0xff]].concat();
        if let Ok(pack) = validate(&bytes) {
            exercise(pack);
        }
    }

    #[test]
    fn a_harmed_intset_is_refused_or_can_be_read(
        values in proptest::collection::vec((any::<i64>(), 0u32..64), 0..6),
        harms in proptest::collection::vec(harm(), 0..4),
    ) {
        let mut sound = Vec::new();
        let mut set = IntSetMut::empty_in(&mut sound);
        for (value, shift) in values {
            set.add(value >> shift);
        }
        prop_assert!(validate_intset(&sound).is_ok());
        let bytes = harmed(sound, &harms);
        if let Ok(set) = validate_intset(&bytes) {
            prop_assert!(set.iter().all(|value| set.contains(value)));
            prop_assert!(set.iter().is_sorted());
        }
    }
}
