//! Sketches against a naive twin, one byte a register, against what a real server stored, and against forgeries.

use super::dense::{BYTES, Packed};
use super::*;
use proptest::prelude::*;

/// Registers one by one.
type Naive = Vec<u8>;

/// The registers of a sketch, read bit by bit or opcode by opcode. `None` if the opcodes are not valid.
fn naive(bytes: &[u8]) -> Option<Naive> {
    let registers = &bytes[HEADER_BYTES..];
    if bytes[ENCODING_AT] == 0 {
        let bit = |at: usize| registers[at / 8] >> (at % 8) & 1;
        return Some((0..REGISTERS).map(|r| (0..6).map(|i| bit(6 * r + i) << i).sum()).collect());
    }
    let (mut values, mut at) = (Naive::new(), 0);
    while at < registers.len() {
        let byte = registers[at];
        at += 1;
        let (value, len) = match byte >> 6 {
            0 => (0, usize::from(byte) + 1),
            1 => {
                at += 1;
                (0, usize::from(byte - 0x40) * 256 + usize::from(*registers.get(at - 1)?) + 1)
            }
            _ => ((byte - 0x80) / 4 + 1, usize::from(byte) % 4 + 1),
        };
        values.extend(vec![value; len]);
        if values.len() > REGISTERS {
            return None;
        }
    }
    (values.len() == REGISTERS).then_some(values)
}

fn dense_sketch(values: &[u8]) -> Vec<u8> {
    let mut sketch = vec![0; DENSE_BYTES];
    Union::default().write_dense(&mut sketch);
    let elements = values.iter().enumerate().map(|(register, &rank)| Element { register, rank });
    add_to_dense(&mut sketch, elements);
    sketch
}

fn count(bytes: &[u8]) -> Result<u64, Corrupt> {
    Sketch::parse(bytes).expect("a sketch").count()
}

fn draft_of(bytes: &[u8], sparse_bytes_max: usize) -> Draft<'_> {
    Draft::of(Sketch::parse(bytes).expect("a sketch"), sparse_bytes_max)
}

fn union_of(sketches: &[&[u8]]) -> Union {
    let mut union = Union::default();
    sketches.iter().for_each(|sketch| union.add(Sketch::parse(sketch).expect("a sketch")).expect("valid"));
    union
}

#[test]
fn elements_go_where_redis_puts_them() {
    let known: [(&[u8], usize, u8); 12] = [
        (b"", 5938, 2),
        (b"a", 12711, 2),
        (b"ab", 719, 1),
        (b"abc", 9474, 1),
        (b"abcd", 11070, 8),
        (b"abcde", 3726, 4),
        (b"abcdef", 13647, 2),
        (b"abcdefg", 5634, 2),
        (b"abcdefgh", 1383, 1),
        (b"abcdefghi", 6903, 1),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 15951, 4),
        (b"the quick brown fox jumps over the lazy dog", 5508, 3),
    ];
    for (bytes, register, rank) in known {
        assert_eq!(Element::of(bytes), Element { register, rank }, "{}", bytes.escape_ascii());
    }
}

/// The sketch of the numbers below `end` in decimal.
fn sketch_of_numbers(end: u32, sparse_bytes_max: usize) -> Vec<u8> {
    let mut draft = Draft::new(sparse_bytes_max);
    for number in 0..end {
        draft.add(Element::of(number.to_string().as_bytes())).unwrap();
    }
    draft.into_bytes()
}

#[test]
fn bytes_are_those_of_redis() {
    let mut sketch = sketch_of_numbers(10, 3000);
    let registers =
        b"\x41\xee\x84\x48\x23\x80\x53\x51\x80\x4c\xe0\x80\x40\x92\x80\x48\xca\x8c\x43\x73\x80\x42\xd7\x80\
        \x42\x12\x8c\x40\xcf\x84\x43\x22";
    assert_eq!(sketch, [b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80".as_slice(), registers].concat());
    store_count(&mut sketch, 10);
    assert_eq!(&sketch[..HEADER_BYTES], b"HYLL\x01\0\0\0\x0a\0\0\0\0\0\0\0");
    assert_eq!(Sketch::parse(&sketch).unwrap().stored_count(), Some(10));
}

#[test]
fn lengths_and_counts_are_those_of_redis() {
    let known = [
        (1, 21, 1),
        (5, 33, 5),
        (100, 287, 100),
        (500, 1061, 503),
        (1000, 1923, 1001),
        (5000, DENSE_BYTES, 4985),
        (50_000, DENSE_BYTES, 50_354),
    ];
    for (elements, bytes, estimate) in known {
        let sketch = sketch_of_numbers(elements, 3000);
        assert_eq!((sketch.len(), count(&sketch)), (bytes, Ok(estimate)), "{elements} elements");
    }
}

/// What Redis counts where registers are what no elements make them.
#[test]
fn forged_registers_count_as_in_redis() {
    const BEYOND: u64 = 1 << 63;
    let all = |value| vec![value; REGISTERS];
    let ramp = |steps: usize| (0..REGISTERS).map(|register| (register % steps) as u8).collect::<Naive>();
    let but_first = |first, value| [vec![first], vec![value; REGISTERS - 1]].concat();
    let known = [
        (all(0), 0),
        (all(1), 23_637),
        (all(2), 47_274),
        (all(20), 12_392_656_037),
        (all(32), 50_760_319_129_350),
        (all(49), 6_653_256_548_922_161_152),
        (all(50), BEYOND),
        (all(51), BEYOND),
        (all(63), BEYOND),
        ([vec![51; REGISTERS / 2], vec![10; REGISTERS / 2]].concat(), 24_204_406),
        (but_first(51, 0), 1),
        (but_first(50, 51), BEYOND),
        (but_first(50, 63), BEYOND),
        (but_first(0, 40), 193_623_430),
        (ramp(52), 303_516),
        (ramp(64), 375_261),
    ];
    for (number, (values, estimate)) in known.into_iter().enumerate() {
        assert_eq!(count(&dense_sketch(&values)), Ok(estimate), "case {number}");
    }
}

#[test]
fn a_sketch_has_a_header_and_a_length() {
    let sparse = Draft::new(3000).into_bytes();
    let dense = Sketch::parse(&sparse).unwrap().to_dense().unwrap();
    assert_eq!(Sketch::parse(&sparse).unwrap().encoding(), Encoding::Sparse);
    assert_eq!(Sketch::parse(&dense).unwrap().encoding(), Encoding::Dense);
    for (bytes, at, byte) in
        [(&sparse, 0, b'h'), (&sparse, 3, b'M'), (&sparse, 4, 0), (&sparse, 4, 2), (&dense, 4, 255)]
    {
        let mut forged = bytes.clone();
        forged[at] = byte;
        assert!(Sketch::parse(&forged).is_none(), "byte {at} of {byte}");
    }
    assert!(Sketch::parse(&dense[..DENSE_BYTES - 1]).is_none());
    assert!(Sketch::parse(&[dense, vec![0]].concat()).is_none());
    assert!(Sketch::parse(&sparse[..HEADER_BYTES - 1]).is_none());
    let registerless = Sketch::parse(&sparse[..HEADER_BYTES]).unwrap();
    assert_eq!(registerless.count(), Err(Corrupt));
}

#[test]
fn cut_and_overlong_opcodes_are_corrupt() {
    let with = |opcodes: &[u8]| [&Draft::new(3000).into_bytes()[..HEADER_BYTES], opcodes].concat();
    // Redis takes the byte that is missing here for zero, and so 0x4000 registers for whole.
    let cut = with(&[0x7e, 0xff, 0x7f - 0x3f]);
    let short = with(&[0x7f, 0xfe]);
    let long = with(&[0x7f, 0xff, 0x00]);
    let valued = with(&[0x7f, 0xff, 0x80]);
    for forged in [&cut, &short, &long, &valued] {
        let sketch = Sketch::parse(forged).unwrap();
        assert_eq!(sketch.count(), Err(Corrupt));
        assert_eq!(sketch.to_dense(), Err(Corrupt));
        assert_eq!(Union::default().add(sketch), Err(Corrupt));
    }
    let last = Element { register: REGISTERS - 1, rank: 1 };
    assert_eq!(draft_of(&cut, 3000).add(last), Err(Corrupt));
    assert_eq!(draft_of(&short, 3000).add(last), Err(Corrupt));
    assert_eq!(draft_of(&short, 0).add(Element { rank: 33, ..last }), Err(Corrupt));
    assert_eq!(Sketch::parse(&cut).unwrap().opcodes().last(), Some(Err(Corrupt)));
}

#[test]
fn nothing_is_copied_before_the_first_change() {
    let sketch = sketch_of_numbers(100, 3000);
    let mut draft = draft_of(&sketch, 3000);
    for number in 0..100 {
        assert_eq!(draft.add(Element::of(number.to_string().as_bytes())), Ok(false));
    }
    assert!(draft.into_changed().is_none());
}

#[test]
fn a_sketch_over_the_bound_becomes_dense_when_it_grows() {
    let sketch = sketch_of_numbers(100, 3000);
    let values = naive(&sketch).unwrap();
    let alone =
        (1..REGISTERS).find(|&at| values[at] == 1 && values[at - 1] == 0 && values[at + 1] == 0).unwrap();
    let mut draft = draft_of(&sketch, 30);
    assert_eq!(draft.add(Element { register: alone, rank: 20 }), Ok(true));
    assert_eq!((draft.sketch().encoding(), draft.sketch().bytes.len()), (Encoding::Sparse, sketch.len()));
    assert_eq!(draft.add(Element { register: alone + 1, rank: 21 }), Ok(true));
    assert_eq!(draft.sketch().encoding(), Encoding::Dense);
}

#[test]
fn the_header_is_kept_when_a_sketch_becomes_dense() {
    let mut sketch = sketch_of_numbers(100, 3000);
    sketch[5..8].copy_from_slice(b"abc");
    store_count(&mut sketch, 100);
    let mut draft = draft_of(&sketch, 0);
    assert_eq!(draft.add(Element { register: 7, rank: 51 }), Ok(true));
    let dense = draft.into_changed().unwrap();
    assert_eq!(&dense[..HEADER_BYTES], b"HYLL\0abc\x64\0\0\0\0\0\0\x80");
    let unchanged = Sketch::parse(&sketch).unwrap().to_dense().unwrap();
    assert_eq!(&unchanged[..HEADER_BYTES], b"HYLL\0abc\x64\0\0\0\0\0\0\0");
}

fn elements(registers: usize, len: usize) -> impl Strategy<Value = Vec<Element>> {
    let rank = prop_oneof![8 => 1u8..6, 4 => 6u8..33, 1 => 33u8..52];
    let element = (0..registers, rank).prop_map(|(register, rank)| Element { register, rank });
    prop::collection::vec(element, 0..len)
}

/// Elements crowded in a few registers, or spread over all.
fn any_elements() -> impl Strategy<Value = Vec<Element>> {
    prop_oneof![elements(40, 200), elements(REGISTERS, 400)]
}

fn packed(bytes: &[u8]) -> Packed {
    bytes.try_into().expect("registers")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 32 }, ..Default::default() })]

    #[test]
    fn drafts_keep_the_highest_ranks(elements in any_elements(), sparse_bytes_max in 0usize..600) {
        let (mut draft, mut twin) = (Draft::new(sparse_bytes_max), vec![0; REGISTERS]);
        for &element in &elements {
            let was_sparse = draft.sketch().encoding() == Encoding::Sparse;
            let before = draft.sketch().bytes.len();
            let raises = twin[element.register] < element.rank;
            prop_assert_eq!(draft.add(element), Ok(raises));
            twin[element.register] = element.rank.max(twin[element.register]);
            let sketch = draft.sketch();
            if sketch.encoding() == Encoding::Sparse {
                prop_assert!(sketch.bytes.len() <= sparse_bytes_max.max(before));
            } else if was_sparse {
                prop_assert!(element.rank > 32 || before + 4 > sparse_bytes_max, "{} bytes", before);
            }
        }
        let bytes = draft.into_bytes();
        prop_assert_eq!(naive(&bytes), Some(twin.clone()));
        let sketch = Sketch::parse(&bytes).unwrap();
        let dense = sketch.to_dense().unwrap();
        prop_assert_eq!(naive(&dense), Some(twin.clone()));
        prop_assert_eq!(Sketch::parse(&dense).unwrap().values().unwrap().collect::<Naive>(), twin);
        prop_assert_eq!(count(&bytes), count(&dense));
    }

    #[test]
    fn elements_change_a_dense_sketch_in_place(old in any_elements(), new in any_elements()) {
        let mut sketch = dense_sketch(&[]);
        add_to_dense(&mut sketch, old.iter().copied());
        store_count(&mut sketch, 5);
        let mut twin = naive(&sketch).unwrap();
        let first = Sketch::parse(&sketch).unwrap().first_change(new.iter().copied());
        prop_assert_eq!(first, new.iter().position(|element| twin[element.register] < element.rank));
        let mut changes = 0;
        for element in &new {
            changes += usize::from(twin[element.register] < element.rank);
            twin[element.register] = element.rank.max(twin[element.register]);
        }
        prop_assert_eq!(add_to_dense(&mut sketch, new.into_iter()), changes);
        prop_assert_eq!(naive(&sketch), Some(twin));
        let is_stale = Sketch::parse(&sketch).unwrap().stored_count().is_none();
        prop_assert_eq!(is_stale, changes > 0);
    }

    #[test]
    fn unions_have_the_higher_of_two_registers(
        sketches in prop::collection::vec((any_elements(), any::<bool>()), 0..4),
    ) {
        let mut twin = vec![0; REGISTERS];
        let mut has_dense = false;
        let mut strings = Vec::new();
        for (elements, is_dense) in sketches {
            let mut draft = Draft::new(if is_dense { 0 } else { 10_000 });
            for element in elements {
                draft.add(element).unwrap();
                twin[element.register] = element.rank.max(twin[element.register]);
            }
            has_dense |= draft.sketch().encoding() == Encoding::Dense;
            strings.push(draft.into_bytes());
        }
        let union = union_of(&strings.iter().map(Vec::as_slice).collect::<Vec<_>>());
        prop_assert_eq!(union.has_dense(), has_dense);
        let mut written = vec![0; DENSE_BYTES];
        union.write_dense(&mut written);
        prop_assert_eq!(naive(&written), Some(twin.clone()));
        prop_assert_eq!(Ok(union.count()), count(&dense_sketch(&twin)));
    }

    #[test]
    fn merging_finds_its_way_as_searching_from_the_start_does(
        old in elements(60, 100),
        new in prop_oneof![elements(60, 100), elements(REGISTERS, 100)],
        sparse_bytes_max in prop_oneof![0usize..300, Just(3000)],
    ) {
        let [mut old_draft, mut new_draft] = [Draft::new(3000), Draft::new(3000)];
        for element in old.into_iter().filter(|element| element.rank <= sparse::VALUE_MAX) {
            old_draft.add(element).unwrap();
        }
        for element in new.into_iter().filter(|element| element.rank <= sparse::VALUE_MAX) {
            new_draft.add(element).unwrap();
        }
        let (old, new) = (old_draft.into_bytes(), new_draft.into_bytes());
        let union = union_of(&[&old, &new]);
        let mut merged = draft_of(&old, sparse_bytes_max);
        merged.add_union(&union).unwrap();
        let mut searched = draft_of(&old, sparse_bytes_max);
        for (register, rank) in naive(&new).unwrap().into_iter().enumerate() {
            searched.add(Element { register, rank }).unwrap();
        }
        prop_assert_eq!(merged.into_bytes(), searched.into_bytes());
    }

    #[test]
    fn all_registers_are_raised_and_counted(mine in any::<u64>(), other in any::<u64>(), zeros in 0usize..BYTES) {
        let [mut mine, mut other] = [mine, other].map(|seed| {
            let mut registers = vec![0; BYTES];
            crate::Random::new(seed).fill(&mut registers);
            packed(&registers)
        });
        mine[zeros..].fill(0);
        other[..zeros / 2].fill(0);
        let [my_values, other_values] = [&mine, &other].map(|packed| dense::values(packed).collect::<Naive>());
        dense::raise_all(&mut mine, &other);
        let highest: Naive = my_values.iter().zip(&other_values).map(|(a, b)| *a.max(b)).collect();
        prop_assert_eq!(dense::values(&mine).collect::<Naive>(), &highest[..]);
        let mut counts = [0; 64];
        highest.iter().for_each(|&value| counts[usize::from(value)] += 1);
        prop_assert_eq!(dense::histogram(&mine), counts);
    }

    #[test]
    fn forged_bytes_do_no_harm(
        elements in any_elements(),
        wounds in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 0..6),
        more in any_elements(),
        sparse_bytes_max in prop_oneof![Just(0usize), Just(3000)],
    ) {
        let mut draft = Draft::new(3000);
        elements.into_iter().for_each(|element| assert!(draft.add(element).is_ok()));
        let mut bytes = draft.into_bytes();
        for (place, byte, kind) in wounds {
            // Nothing is left to wound.
            if bytes.is_empty() {
                break;
            }
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let Some(sketch) = Sketch::parse(&bytes) else { return Ok(()) };
        let twin = naive(&bytes);
        prop_assert_eq!(sketch.count().is_ok(), twin.is_some());
        prop_assert_eq!(sketch.to_dense().ok().and_then(|dense| naive(&dense)), twin.clone());
        prop_assert_eq!(Union::default().add(sketch).is_ok(), twin.is_some());
        sketch.opcodes().for_each(drop);
        if sketch.encoding() == Encoding::Dense {
            return Ok(());
        }
        let mut draft = draft_of(&bytes, sparse_bytes_max);
        for element in more {
            let before = draft.clone().into_bytes();
            let added = draft.add(element);
            prop_assert!(added.is_ok() || twin.is_none());
            if added != Ok(true) {
                prop_assert_eq!(before, draft.clone().into_bytes(), "an error has changed something");
            }
        }
    }
}
