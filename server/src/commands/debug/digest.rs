//! DEBUG DIGEST and DIGEST-VALUE: signatures of data, the same as Redis 7.2 has for the same data, whatever the encoding.
//!
//! `xor` adds bytes to a signature in no order, `mix` behind what is in it. A value is its type mixed, then
//!
//! | type | |
//! |---|---|
//! | string | the string mixed |
//! | list | the elements mixed |
//! | set | the members xored |
//! | sorted set, hash | xored signatures of a member and its score, a field and its value, mixed |
//! | stream | for each entry the ID (`ms.seq`), fields and values mixed |
//!
//! and a word xored if the key expires. All data is, for each database that has keys, its number mixed, then the signatures of
//! the keys with their values xored.

use crate::command::Outcome;
use crate::context::Ctx;
use rufous_protocol::number::write_f64_in_digits;
use rufous_protocol::request::Args;
use rufous_storage::EntryRef;
use rufous_storage::types::hash::Hash;
use rufous_storage::types::list::List;
use rufous_storage::types::set::Set;
use rufous_storage::types::sorted_set::{Direction, SortedSet};
use rufous_storage::types::stream::{Stream, StreamId};
use sha1::{Digest, Sha1};
use std::fmt;

#[derive(Default)]
struct Signature([u8; 20]);

/// DEBUG DIGEST
pub(super) fn digest(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let mut all = Signature::default();
    for (index, db) in cx.db.store.keyspace.iter().enumerate().filter(|(_, db)| !db.is_empty()) {
        all.mix(&(index as u32).to_be_bytes());
        for entry in db.iter() {
            let mut one = Signature::default();
            one.mix(entry.key());
            one.mix_value(entry);
            all.xor(&one.0);
        }
    }
    cx.reply.simple(&all.to_string());
    Ok(())
}

/// DEBUG DIGEST-VALUE \[key ...\]
pub(super) fn digest_value(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    cx.reply.array(args.len() - 2);
    for key in args.from(2) {
        let mut signature = Signature::default();
        if let Some(entry) = cx.db.db().find(key) {
            signature.mix_value(entry);
        }
        cx.reply.simple(&signature.to_string());
    }
    Ok(())
}

impl Signature {
    fn xor(&mut self, bytes: &[u8]) {
        for (byte, other) in self.0.iter_mut().zip(Sha1::digest(bytes)) {
            *byte ^= other;
        }
    }

    fn mix(&mut self, bytes: &[u8]) {
        self.xor(bytes);
        self.0 = Sha1::digest(self.0).into();
    }

    /// Xors the signature of two things that belong together.
    fn xor_pair(&mut self, one: &[u8], other: &[u8]) {
        let mut pair = Signature::default();
        pair.mix(one);
        pair.mix(other);
        self.xor(&pair.0);
    }

    /// Mixes type and value, and whether the key expires.
    fn mix_value(&mut self, entry: EntryRef<'_>) {
        let [mut buffer, mut other] = [itoa::Buffer::new(), itoa::Buffer::new()];
        self.mix(&(entry.kind() as u32).to_be_bytes());
        if let Some(string) = entry.string() {
            self.mix(string.as_bytes(&mut buffer));
        } else if let Some(list) = entry.typed::<List>() {
            list.elements(0).for_each(|element| self.mix(element.as_bytes(&mut buffer)));
        } else if let Some(set) = entry.typed::<Set>() {
            set.iter().for_each(|member| self.xor(member.as_bytes(&mut buffer)));
        } else if let Some(set) = entry.typed::<SortedSet>() {
            set.visit(0..set.len(), Direction::Ascending, |member, score| {
                let score = write_f64_in_digits(&mut [0; 32], score).to_vec();
                self.xor_pair(member.as_bytes(&mut buffer), &score);
            });
        } else if let Some(hash) = entry.typed::<Hash>() {
            hash.each_field(|field| {
                let mut pair = Signature::default();
                pair.mix(field.name.as_bytes(&mut buffer));
                pair.mix(field.value.as_bytes(&mut other));
                if field.expiry.is_some() {
                    pair.xor(b"!!hexpire!!");
                }
                self.xor(&pair.0);
            });
        } else if let Some(stream) = entry.typed::<Stream>() {
            for entry in stream.log().range(StreamId::MIN, StreamId::MAX) {
                self.mix(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
                for (field, value) in entry.fields() {
                    self.mix(field.as_bytes(&mut buffer));
                    self.mix(value.as_bytes(&mut buffer));
                }
            }
        }
        if entry.expire_at().is_some() {
            self.xor(b"!!expire!!");
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
