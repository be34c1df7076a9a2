//! Tests of dicts: an audit of all invariants, and what the tests share.
//!
//! - `model`: random operations on dicts that share blocks, scans among them, against standard maps.
//! - `blocks`: elements in blocks, against vectors. `sizes`: memory, chance, growth and shrinking.

mod blocks;
mod model;
mod sizes;

use std::collections::BTreeSet;

use super::key::PLACE_BITS;
use super::{BLOCK_BYTES_MAX, BLOCK_LEN_MAX, Dict, Field, Fields, Shape, place_of, read};
use crate::hash::Hasher;
use crate::pack::Item;

/// Fewer operations where each is slow.
const fn scaled(count: usize) -> usize {
    if cfg!(miri) { count.div_ceil(40) } else { count }
}

/// How hashes are spoilt, to reach what good ones do not.
const GOOD: u8 = 0;
/// Few hashes: blocks that splitting does not help.
const EQUAL: u8 = 1;
/// One tag: every element of a block looks like the right one.
const ALIKE: u8 = 2;
/// Most of the places are next to each other.
const DEEP: u8 = 3;

/// Fields under spoilt hashes.
#[derive(Clone, Copy, Debug)]
enum Spoilt<const HASH: u8> {}

impl<const HASH: u8> Shape for Spoilt<HASH> {
    type Element<'a> = Field<'a>;
    type Rest<'a> = (Item<'a>, Option<i64>);

    fn split<'a>(element: Self::Element<'a>) -> (Item<'a>, Self::Rest<'a>) {
        Fields::split(element)
    }

    fn read<'a>(key: Item<'a>, rest: &'a [u8]) -> Field<'a> {
        Fields::read(key, rest)
    }

    fn encoded_len(rest: Self::Rest<'_>) -> usize {
        Fields::encoded_len(rest)
    }

    fn write(rest: Self::Rest<'_>, to: &mut [u8]) {
        Fields::write(rest, to);
    }

    fn expiry(rest: Self::Rest<'_>) -> Option<i64> {
        Fields::expiry(rest)
    }

    fn hash(hasher: &Hasher, key: Item<'_>) -> u64 {
        let hash = Fields::hash(hasher, key);
        match HASH {
            EQUAL => hash & 3 << 62 | hash >> 10 & 1,
            ALIKE => hash & !0xff,
            DEEP => hash >> (hash % 50),
            _ => hash,
        }
    }
}

/// Panics if an invariant of the file head does not hold.
fn audit<S: Shape>(dict: &Dict<S>) {
    dict.index.audit();
    let (mut keys, mut expiring, mut block_bytes, mut start) = (BTreeSet::new(), 0, 0, 0);
    while start < 1 << PLACE_BITS {
        let range = dict.index.range(start);
        assert_eq!((range.start, dict.index.range(range.end - 1)), (start, range.clone()));
        start = range.end;
        let Some(block) = dict.index.find(range.start) else { continue };
        let mut places = BTreeSet::new();
        for (tag, element) in block.iter() {
            let (key, rest) = S::split(read::<S>(element));
            let place = place_of::<S>(&dict.hasher, element);
            assert!(range.contains(&place), "an element out of its block's range");
            assert_eq!(tag, dict.key_of(key).tag());
            assert!(keys.insert(key.to_vec()), "a key occurs once");
            places.insert(place);
            expiring += usize::from(S::expiry(rest).is_some());
        }
        assert!(block.len() > 0, "no block is empty");
        let is_within = block.len() <= BLOCK_LEN_MAX && block.elements_bytes() <= BLOCK_BYTES_MAX;
        assert!(is_within || places.len() == 1, "a block of {} elements", block.len());
        block.audit();
        block_bytes += block.allocated_bytes();
    }
    assert_eq!((keys.len(), block_bytes), (dict.len(), dict.block_bytes));
    assert_eq!(expiring, dict.expiries.len());
}

/// Bytes of many forms: integers of all widths, strings short and long.
fn bytes_of(number: u32) -> Vec<u8> {
    let text = number.to_string().into_bytes();
    match number % 8 {
        0 => text,
        1 => (i64::from(number) * -77_777_777).to_string().into_bytes(),
        2 => [b"field:", &text[..]].concat(),
        3 => [b"0", &text[..]].concat(),
        4 => [&[b'x'; 70][..], &text].concat(),
        5 => vec![0xff; number as usize / 8 % 40],
        6 => [&text[..], &[0; 300]].concat(),
        _ => [&text[..], b"-sixteen-byte"].concat(),
    }
}
