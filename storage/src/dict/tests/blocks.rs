//! Elements in blocks, against vectors.

use proptest::collection::vec;
use proptest::prelude::*;

use super::scaled;
use crate::block::{Block, allocated_bytes_of};

type Element = (u8, Vec<u8>);

#[derive(Clone, Debug)]
enum Step {
    Push(u8, usize),
    Remove(usize),
    Resize(usize, usize, usize),
    Fill(usize, u8),
    Share,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = || prop_oneof![8 => 1..40usize, 1 => 200..300usize, 1 => 1000..3000usize];
    let step = prop_oneof![
        6 => (0..4u8, len()).prop_map(|(tag, len)| Step::Push(tag, len)),
        3 => any::<usize>().prop_map(Step::Remove),
        3 => (any::<usize>(), any::<usize>(), len()).prop_map(|(index, kept, len)| Step::Resize(index, kept, len)),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(index, byte)| Step::Fill(index, byte)),
        1 => Just(Step::Share),
    ];
    vec(step, 0..scaled(400).max(40))
}

fn check(block: &Block, twin: &[Element]) {
    assert!(block.iter().eq(twin.iter().map(|(tag, bytes)| (*tag, &bytes[..]))));
    for (index, (tag, bytes)) in twin.iter().enumerate() {
        assert_eq!(block.element(index), bytes);
        let first = twin.iter().position(|element| element.0 == *tag && element.1 == *bytes);
        assert_eq!(block.find(*tag, |element| element == bytes), first);
    }
    assert_eq!(block.find(9, |_| true), None);
    block.audit();
}

fn run(steps: Vec<Step>) {
    let mut block = Block::zeroed(0, false, 0);
    let mut twin: Vec<Element> = Vec::new();
    let mut shared: Vec<(Block, Vec<Element>)> = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        let fill = number as u8;
        match step {
            Step::Push(tag, len) => {
                block.push(tag, len).fill(fill);
                twin.push((tag, vec![fill; len]));
            }
            Step::Share => shared.push((block.clone(), twin.clone())),
            _ if twin.is_empty() => continue,
            Step::Remove(index) => {
                block.remove(index % twin.len());
                twin.remove(index % twin.len());
            }
            Step::Resize(index, kept, len) => {
                let index = index % twin.len();
                let bytes = &mut twin[index].1;
                let kept = kept % (len.min(bytes.len()) + 1);
                block.resize(index, kept, len)[kept..].fill(fill);
                bytes.truncate(kept);
                bytes.resize(len, fill);
            }
            Step::Fill(index, byte) => {
                let index = index % twin.len();
                let (len, bytes) = (twin[index].1.len(), &mut twin[index].1);
                block.resize(index, 0, len).fill(byte);
                bytes.fill(byte);
            }
        }
        check(&block, &twin);
    }
    shared.iter().for_each(|(block, twin)| check(block, twin));
    let packed = Block::pack(twin.iter().map(|(tag, bytes)| (*tag, &bytes[..])));
    check(&packed, &twin);
    assert_eq!(packed.allocated_bytes(), allocated_bytes_of(packed.content_bytes()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(scaled(200) as u32))]
    #[test]
    fn a_block_is_a_vector_of_elements(steps in steps()) {
        run(steps);
    }
}

#[test]
fn many_elements_fit() {
    let mut block = Block::zeroed(0, false, 0);
    let count = scaled(3000);
    for number in 0..count {
        block.push(number as u8, 1 + number % 7).fill(number as u8);
    }
    assert_eq!(block.iter().count(), count);
    for number in 0..count {
        assert_eq!(block.element(number), &vec![number as u8; 1 + number % 7]);
    }
    block.audit();
}
