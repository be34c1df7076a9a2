//! Hashes: fields with values, some of which expire.

use super::key::{place_of, tag_of};
use super::{Dict, Field, Fields, Key, canonical, read};
use crate::db::Ttl;
use crate::pack::Item;

impl Dict<Fields> {
    /// Sets a field's value, and what `ttl` says of its expiry; whether the field is new. The value need not be canonical.
    pub fn set(&mut self, key: &Key<'_>, value: Item<'_>, ttl: Ttl) -> bool {
        let expiry = match ttl {
            Ttl::Keep => self.get(key).and_then(|field| field.expiry),
            Ttl::Clear => None,
            Ttl::At(at) => Some(at),
        };
        self.put(key, (canonical(value), expiry), |_| ()).is_none()
    }

    /// Sets when a field expires (unix ms), or that it does not; whether there is such a field.
    pub fn set_expiry(&mut self, key: &Key<'_>, expiry: Option<i64>) -> bool {
        let Some((block, index)) = self.find(key) else { return false };
        let field = read::<Fields>(block.element(index));
        let (old, kept) = (field.expiry, key.encoded_len() + field.value.encoded_len());
        if old != expiry {
            let bytes = expiry.map(i64::to_le_bytes);
            let bytes = bytes.as_ref().map_or(&[][..], |bytes| bytes);
            self.resize(key, index, kept, kept + bytes.len(), |rest| rest.copy_from_slice(bytes));
            self.expiries.change(key.hash(), old, expiry);
        }
        true
    }

    /// How many fields expire.
    pub fn expiring_len(&self) -> usize {
        self.expiries.len()
    }

    /// When the first field expires (unix ms), if any does.
    pub fn earliest_expiry(&self) -> Option<i64> {
        self.expiries.first().map(|(at, _)| at)
    }

    /// When the last field expires (unix ms), of those that do.
    pub fn latest_expiry(&self) -> Option<i64> {
        self.expiries.last()
    }

    /// How many fields expire before `time` (unix ms).
    pub fn expiring_before(&self, time: i64) -> usize {
        self.expiries.len_before(time)
    }

    /// Takes the field out that expires first, after showing it, if its time is before `now` (unix ms). None if it is not.
    pub fn remove_expired<R>(&mut self, now: i64, show: impl FnOnce(Field<'_>) -> R) -> Option<R> {
        let (at, hash) = self.expiries.first().filter(|(at, _)| *at < now)?;
        let block = self.index.find(place_of(hash))?;
        let is_due =
            |element: &[u8]| self.hash_of(element) == hash && read::<Fields>(element).expiry == Some(at);
        let index = block.find(tag_of(hash), is_due)?;
        Some(self.take(place_of(hash), index, show))
    }
}
