//! BITOP: strings combined bit by bit.
//!
//! Sources are taken in blocks that stay in the first-level cache, however many sources there are; in each block the loops run
//! over plain byte slices, which the compiler turns into vector code. What a source lacks in length is zeros.

use super::{DEL, SET};
use crate::command::Outcome;
use crate::context::Ctx;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::request::Args;
use rufous_storage::{NewStr, Str, Ttl};
use smallvec::SmallVec;

/// Bytes combined at a time.
const BLOCK_BYTES: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
    /// In the first and in no other.
    Diff,
    /// In some other and not in the first.
    Diff1,
    /// In the first and in some other.
    AndOr,
    /// In exactly one.
    One,
}

/// BITOP operation destkey key \[key ...\]
pub(super) fn bitop(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let operation = Operation::parse(args.get(1), args.len() - 3)?;
    let (target, sources) = (args.get(2), args.from(3));
    for key in sources {
        cx.db.string(key)?;
    }
    let combined = {
        // All are alive: what has expired was removed by the lookups above.
        let db = cx.db.store.keyspace.db(cx.db.index);
        let mut buffers: SmallVec<[itoa::Buffer; 4]> =
            smallvec::smallvec![itoa::Buffer::new(); sources.len()];
        let strings: SmallVec<[&[u8]; 8]> = sources
            .iter()
            .zip(&mut buffers)
            .map(|(key, buffer)| {
                let value = db.find(key).and_then(|entry| entry.string());
                value.map_or(&[][..], |value: Str<'_>| value.as_bytes(buffer))
            })
            .collect();
        operation.combine(&strings)
    };
    let len = combined.len();
    if len > 0 {
        cx.db.write(target).set(NewStr::Raw(combined), Ttl::Clear);
        cx.changed(target, SET, 1);
    } else if cx.db.write(target).remove(cx.server.config.lazyfree_lazy_server_del) {
        cx.changed(target, DEL, 1);
    }
    cx.reply.integer(len as i64);
    Ok(())
}

impl Operation {
    fn parse(name: &[u8], sources: usize) -> Result<Operation, ReplyError> {
        const NAMES: [(&str, Operation); 8] = [
            ("AND", Operation::And),
            ("OR", Operation::Or),
            ("XOR", Operation::Xor),
            ("NOT", Operation::Not),
            ("DIFF", Operation::Diff),
            ("DIFF1", Operation::Diff1),
            ("ANDOR", Operation::AndOr),
            ("ONE", Operation::One),
        ];
        let known = NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
        let &(name, operation) = known.ok_or(error::SYNTAX)?;
        match operation {
            Operation::Not if sources != 1 => Err(error::BITOP_NOT),
            Operation::Diff | Operation::Diff1 | Operation::AndOr if sources < 2 => {
                Err(error::message(&format!("BITOP {name} must be called with at least two source keys.")))
            }
            _ => Ok(operation),
        }
    }

    /// The outcome, as long as the longest of `sources`, of which there is one at least.
    fn combine(self, sources: &[&[u8]]) -> Vec<u8> {
        let len = sources.iter().map(|source| source.len()).max().unwrap_or(0);
        let mut combined = vec![0; len];
        let mut scratch = [0; BLOCK_BYTES];
        for (number, block) in combined.chunks_mut(BLOCK_BYTES).enumerate() {
            let start = number * BLOCK_BYTES;
            let others = sources[1..].iter().map(|source| part(source, start));
            let first = part(sources[0], start);
            self.combine_block(block, &mut scratch, first, others);
        }
        combined
    }

    /// `block` is zeros; parts may be shorter, what they lack is zeros.
    fn combine_block<'s>(
        self,
        block: &mut [u8],
        scratch: &mut [u8; BLOCK_BYTES],
        first: &[u8],
        others: impl Iterator<Item = &'s [u8]>,
    ) {
        match self {
            Operation::And => {
                block[..first.len()].copy_from_slice(first);
                for other in others {
                    merge(block, other, |bits, other| bits & other);
                    block[other.len()..].fill(0);
                }
            }
            Operation::Or | Operation::Xor => {
                block[..first.len()].copy_from_slice(first);
                for other in others {
                    if self == Operation::Or {
                        merge(block, other, |bits, other| bits | other);
                    } else {
                        merge(block, other, |bits, other| bits ^ other);
                    }
                }
            }
            Operation::Not => {
                block.fill(0xff);
                merge(block, first, |bits, first| bits ^ first);
            }
            Operation::Diff | Operation::Diff1 | Operation::AndOr => {
                let any = &mut scratch[..block.len()];
                any.fill(0);
                others.for_each(|other| merge(any, other, |bits, other| bits | other));
                block[..first.len()].copy_from_slice(first);
                match self {
                    Operation::Diff => merge(block, any, |first, any| first & !any),
                    Operation::Diff1 => merge(block, any, |first, any| !first & any),
                    _ => merge(block, any, |first, any| first & any),
                }
            }
            Operation::One => {
                let many = &mut scratch[..block.len()];
                many.fill(0);
                block[..first.len()].copy_from_slice(first);
                for other in others {
                    for ((one, many), other) in block.iter_mut().zip(many.iter_mut()).zip(other) {
                        *many |= *one & other;
                        *one |= other;
                    }
                }
                merge(block, many, |any, many| any & !many);
            }
        }
    }
}

/// What a source has of the block at `start`.
fn part(source: &[u8], start: usize) -> &[u8] {
    let rest = source.get(start..).unwrap_or(&[]);
    &rest[..rest.len().min(BLOCK_BYTES)]
}

#[inline(always)]
fn merge(block: &mut [u8], other: &[u8], combine: impl Fn(u8, u8) -> u8) {
    block.iter_mut().zip(other).for_each(|(byte, &other)| *byte = combine(*byte, other));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Operation; 8] = [
        Operation::And,
        Operation::Or,
        Operation::Xor,
        Operation::Not,
        Operation::Diff,
        Operation::Diff1,
        Operation::AndOr,
        Operation::One,
    ];

    /// What an operation makes of one bit of each source.
    fn naive(operation: Operation, bits: &[bool]) -> bool {
        let (first, others) = (bits[0], &bits[1..]);
        let some_other = others.iter().any(|&bit| bit);
        let count = bits.iter().filter(|&&bit| bit).count();
        match operation {
            Operation::And => count == bits.len(),
            Operation::Or => count > 0,
            Operation::Xor => count % 2 == 1,
            Operation::Not => !first,
            Operation::Diff => first && !some_other,
            Operation::Diff1 => !first && some_other,
            Operation::AndOr => first && some_other,
            Operation::One => count == 1,
        }
    }

    #[test]
    fn operations_need_enough_sources() {
        assert_eq!(Operation::parse(b"xOr", 1).unwrap(), Operation::Xor);
        assert_eq!(Operation::parse(b"nor", 1).unwrap_err(), error::SYNTAX);
        assert_eq!(Operation::parse(b"not", 2).unwrap_err(), error::BITOP_NOT);
        assert_eq!(Operation::parse(b"diff1", 2).unwrap(), Operation::Diff1);
        let error = Operation::parse(b"andor", 1).unwrap_err().to_string();
        assert_eq!(error, "ERR BITOP ANDOR must be called with at least two source keys.");
    }

    proptest! {
        #[test]
        fn every_bit_is_combined(
            sources in prop::collection::vec((0usize..20, any::<u64>()), 1..5),
            over_a_block in any::<bool>(),
        ) {
            let sources: Vec<Vec<u8>> = sources
                .into_iter()
                .map(|(len, seed)| {
                    let len = if over_a_block { len * 500 } else { len };
                    (0..len as u64).map(|i| (seed.wrapping_mul(2 * i + 1) >> 32) as u8).collect()
                })
                .collect();
            let slices: Vec<&[u8]> = sources.iter().map(Vec::as_slice).collect();
            for operation in ALL {
                let slices = if operation == Operation::Not { &slices[..1] } else { &slices[..] };
                let combined = operation.combine(slices);
                prop_assert_eq!(combined.len(), slices.iter().map(|slice| slice.len()).max().unwrap());
                let is_checked = |i: usize| combined.len() < 100 || i.abs_diff(BLOCK_BYTES) < 10 || i.is_multiple_of(101);
                for (i, &byte) in combined.iter().enumerate().filter(|&(i, _)| is_checked(i)) {
                    for shift in 0..8 {
                        let bit = |slice: &&[u8]| slice.get(i).is_some_and(|byte| byte >> shift & 1 != 0);
                        let bits: Vec<bool> = slices.iter().map(bit).collect();
                        prop_assert_eq!(byte >> shift & 1 != 0, naive(operation, &bits), "{:?}", operation);
                    }
                }
            }
        }
    }
}
