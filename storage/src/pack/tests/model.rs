//! A block against a vector of byte strings, under random edits.

use proptest::prelude::*;

use crate::pack::layout::COUNT_UNKNOWN;
use crate::pack::{BYTES_MAX, Buffer, EMPTY, Item, PackMut, PackRef, Position};

pub(super) type Model = Vec<Vec<u8>>;

#[derive(Clone, Debug)]
pub(super) enum Step {
    PushBack(Vec<u8>),
    PushFront(Vec<u8>),
    InsertBefore(usize, Vec<u8>),
    InsertAfter(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    Remove(usize, usize),
    RemoveRange(i64, usize),
    Retain(u8),
    Extend(Model),
    ExtendPairs(Vec<(Vec<u8>, Vec<u8>)>),
    InsertAll(usize, Model),
    Append(Model),
    Prepend(Model),
    SplitOff(usize),
    Clear,
}

pub(super) fn element() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![
        8 => 0usize..12,
        4 => 55usize..70,
        3 => 120usize..132,
        1 => 4085usize..4100,
        1 => 16_370usize..16_390,
    ];
    prop_oneof![
        4 => (any::<i64>(), 0u32..64).prop_map(|(value, shift)| (value >> shift).to_string().into_bytes()),
        1 => prop::sample::select(vec![127, 128, -1, 4095, 4096, -4096, -4097, i64::MAX, i64::MIN])
            .prop_map(|value: i64| value.to_string().into_bytes()),
        6 => (len, prop::sample::select(b"ab".to_vec())).prop_map(|(len, byte)| vec![byte; len]),
        2 => proptest::collection::vec(any::<u8>(), 0..20),
    ]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let elements = || proptest::collection::vec(element(), 0..5);
    let index = any::<usize>;
    prop_oneof![
        3 => element().prop_map(Step::PushBack),
        2 => element().prop_map(Step::PushFront),
        2 => (index(), element()).prop_map(|(index, bytes)| Step::InsertBefore(index, bytes)),
        2 => (index(), element()).prop_map(|(index, bytes)| Step::InsertAfter(index, bytes)),
        4 => (index(), element()).prop_map(|(index, bytes)| Step::Replace(index, bytes)),
        4 => (index(), 0usize..4).prop_map(|(index, count)| Step::Remove(index, count)),
        2 => (-30i64..30, 0usize..4).prop_map(|(index, count)| Step::RemoveRange(index, count)),
        2 => any::<u8>().prop_map(Step::Retain),
        2 => elements().prop_map(Step::Extend),
        1 => proptest::collection::vec((element(), element()), 0..3).prop_map(Step::ExtendPairs),
        2 => (index(), elements()).prop_map(|(index, items)| Step::InsertAll(index, items)),
        1 => elements().prop_map(Step::Append),
        1 => elements().prop_map(Step::Prepend),
        1 => index().prop_map(Step::SplitOff),
        1 => Just(Step::Clear),
    ]
}

fn items(model: &[Vec<u8>]) -> impl DoubleEndedIterator<Item = Item<'_>> + Clone {
    model.iter().map(|bytes| Item::of(bytes))
}

fn pack_of(model: &[Vec<u8>]) -> PackMut<Vec<u8>> {
    let mut pack = PackMut::empty_in(Vec::new());
    pack.extend(items(model));
    pack
}

fn position<B: Buffer>(pack: &PackMut<B>, index: usize) -> Position {
    pack.as_ref().at(index as i64).expect("an index inside")
}

/// Takes one step in both. What a step at a place needs is an element to be there.
pub(super) fn apply<B: Buffer>(pack: &mut PackMut<B>, model: &mut Model, step: Step) {
    let place = |index: usize, model: &Model| (!model.is_empty()).then(|| index % model.len());
    match step {
        Step::PushBack(bytes) => {
            let at = pack.push_back(bytes.as_slice());
            assert_eq!(pack.as_ref().last(), Some(at));
            model.push(bytes);
        }
        Step::PushFront(bytes) => {
            let at = pack.push_front(bytes.as_slice());
            assert_eq!(pack.as_ref().first(), Some(at));
            model.insert(0, bytes);
        }
        Step::InsertBefore(index, bytes) => {
            let Some(index) = place(index, model) else { return };
            let at = pack.insert_before(position(pack, index), bytes.as_slice());
            assert_eq!(position(pack, index), at);
            model.insert(index, bytes);
        }
        Step::InsertAfter(index, bytes) => {
            let Some(index) = place(index, model) else { return };
            let at = pack.insert_after(position(pack, index), bytes.as_slice());
            assert_eq!(position(pack, index + 1), at);
            model.insert(index + 1, bytes);
        }
        Step::Replace(index, bytes) => {
            let Some(index) = place(index, model) else { return };
            pack.replace(position(pack, index), bytes.as_slice());
            model[index] = bytes;
        }
        Step::Remove(index, count) => {
            let Some(index) = place(index, model) else { return };
            let next = pack.remove(position(pack, index), count);
            model.drain(index..(index + count).min(model.len()));
            assert_eq!(next, pack.as_ref().at(index as i64));
        }
        Step::RemoveRange(index, count) => {
            pack.remove_range(index, count);
            let index = if index < 0 { index + model.len() as i64 } else { index };
            if (0..model.len() as i64).contains(&index) {
                let index = index as usize;
                model.drain(index..(index + count).min(model.len()));
            }
        }
        Step::Retain(mask) => {
            let kept = |nth: usize| mask >> (nth % 8) & 1 == 1;
            let mut seen = 0..;
            pack.retain(|item| {
                let nth = seen.next().expect("a number");
                assert_eq!(item, Item::of(&model[nth]));
                kept(nth)
            });
            let mut seen = 0..;
            model.retain(|_| seen.next().is_some_and(kept));
        }
        Step::Clear => {
            pack.clear();
            model.clear();
        }
        many => apply_many(pack, model, many),
    }
}

fn apply_many<B: Buffer>(pack: &mut PackMut<B>, model: &mut Model, step: Step) {
    match step {
        Step::Extend(more) => {
            pack.extend(items(&more));
            model.extend(more);
        }
        Step::ExtendPairs(pairs) => {
            pack.extend_pairs(pairs.iter().map(|(first, second)| (first.as_slice(), second.as_slice())));
            model.extend(pairs.into_iter().flat_map(|(first, second)| [first, second]));
        }
        Step::InsertAll(index, more) => {
            let index = index % (model.len() + 1);
            let at = pack.insert_all(pack.as_ref().at(index as i64), items(&more));
            if index < model.len() + more.len() {
                assert_eq!(position(pack, index), at);
            }
            model.splice(index..index, more);
        }
        Step::Append(more) => {
            pack.append(pack_of(&more).as_ref());
            model.extend(more);
        }
        Step::Prepend(more) => {
            pack.prepend(pack_of(&more).as_ref());
            model.splice(0..0, more);
        }
        Step::SplitOff(index) => {
            if model.is_empty() {
                return;
            }
            let index = index % model.len();
            let tail = pack.split_off(position(pack, index), b"old bytes".to_vec());
            check(tail.as_ref(), &model.split_off(index));
        }
        _ => unreachable!("a step at one place"),
    }
}

/// Every way of reading agrees with the model, and the bytes are those of a block made at once.
pub(super) fn check(pack: PackRef<'_>, model: &[Vec<u8>]) {
    assert_eq!(pack.bytes(), pack_of(model).as_ref().bytes());
    assert_eq!(pack.len(), model.len());
    assert_eq!(pack.is_empty(), model.is_empty());
    assert!(pack.iter().eq(items(model)));
    assert!(pack.iter().rev().eq(items(model).rev()));
    assert_eq!(pack.last(), pack.at(-1));

    let positions: Vec<Position> = pack.entries().map(|(position, _)| position).collect();
    assert!(pack.entries().rev().map(|(position, _)| position).eq(positions.iter().rev().copied()));
    for (index, &position) in positions.iter().enumerate() {
        assert_eq!(pack.at(index as i64), Some(position));
        assert_eq!(pack.at(index as i64 - model.len() as i64), Some(position));
        assert_eq!(pack.get(position), Item::of(&model[index]));
        assert_eq!(pack.next(position), positions.get(index + 1).copied());
        assert_eq!(pack.prev(position), index.checked_sub(1).map(|index| positions[index]));
        assert!(pack.iter_from(position).eq(items(&model[index..])));
        assert!(pack.iter_back_from(position).eq(items(&model[..=index]).rev()));
        for step in [1, 2] {
            let (complete, mut equal) =
                (model.len().is_multiple_of(step), positions.iter().zip(model).step_by(step));
            let found = complete.then(|| pack.find(&model[index], step)).flatten();
            let is_there = complete && equal.clone().any(|(_, element)| *element == model[index]);
            assert_eq!(found.is_some(), is_there);
            assert!(found.is_none_or(|at| {
                equal.any(|(position, element)| at == *position && *element == model[index])
            }));
        }
    }
    assert_eq!(pack.at(model.len() as i64), None);
    assert_eq!(pack.at(-1 - model.len() as i64), None);
    assert_eq!(pack.at(i64::MAX), None);
    assert_eq!(pack.at(i64::MIN), None);
    for absent in [&b"absent"[..], b"a-longer-element-that-is-absent", b"123456789012", b"77777"] {
        assert_eq!(pack.find(absent, 1), None);
    }
    if model.len().is_multiple_of(2) {
        let pairs = || model.chunks(2).map(|pair| (Item::of(&pair[0]), Item::of(&pair[1])));
        assert!(pack.pairs().eq(pairs()));
        assert!(pack.pairs().rev().eq(pairs().rev()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]

    #[test]
    fn edits_agree_with_a_vector(steps in proptest::collection::vec(step(), 0..40)) {
        let mut buffer = EMPTY.to_vec();
        let mut pack = PackMut::new(&mut buffer);
        let mut model = Model::new();
        for step in steps {
            apply(&mut pack, &mut model, step);
            check(pack.as_ref(), &model);
        }
    }
}

#[test]
fn elements_beyond_65534_are_counted() {
    let mut pack = PackMut::new(EMPTY.to_vec());
    pack.extend((0..65_534).map(Item::Int));
    assert_eq!(pack.as_ref().count(), Some(65_534));
    pack.push_back(b"x");
    let header = &pack.as_ref().bytes()[..2];
    assert_eq!(header, COUNT_UNKNOWN.to_le_bytes());
    pack.push_front(b"y");
    assert_eq!(pack.as_ref().len(), 65_536);
    for (index, expected) in [(0, Item::Bytes(b"y")), (1, Item::Int(0)), (-1, Item::Bytes(b"x"))] {
        assert_eq!(pack.as_ref().get(pack.as_ref().at(index).unwrap()), expected);
    }
    assert_eq!(pack.as_ref().at(65_536), None);
    assert_eq!(pack.as_ref().at(-65_537), None);
    let tail = pack.split_off(pack.as_ref().at(-3).unwrap(), Vec::new());
    assert_eq!(tail.as_ref().count(), Some(3));
    assert_eq!(pack.as_ref().len(), 65_533);
}

#[test]
fn large_elements_have_long_back_lengths() {
    let sizes = [127, 128, 16_377, 16_378, 16_379, 2_097_145, 2_097_146, 2_097_147];
    let model: Model = sizes.iter().map(|&len| vec![b'x'; len]).collect();
    check(pack_of(&model).as_ref(), &model);
}

#[test]
fn a_block_has_a_limit() {
    let pack = PackRef::EMPTY;
    assert!(pack.fits(BYTES_MAX - 7));
    assert!(!pack.fits(BYTES_MAX - 6));
    assert!(!pack.fits(usize::MAX));
}

#[test]
fn the_first_of_equal_elements_is_found() {
    let mut bytes = Vec::new();
    PackMut::empty_in(&mut bytes).extend([&b"x"[..], b"a", b"7", b"a", b"7", b"a", b"y"].map(Item::of));
    let pack = PackRef::new(&bytes);
    for (needle, index) in [(&b"x"[..], 0), (b"a", 1), (b"7", 2), (b"y", 6)] {
        assert_eq!(pack.find_first(Item::of(needle)), pack.at(index), "{needle:?}");
    }
    assert_eq!(pack.find_first(Item::of(b"z")), None);
}
