//! What a search for a key came to, to go on from without searching again.
//!
//! A command asks once, looks at what is there, and then changes or removes that very place. The changing functions use
//! the lookup up, because a change may move the place.

use crate::db::{Db, NewStr, Removed, Ttl};
use crate::entries::Place;
use crate::entry::{EntryRef, Kind};
use crate::pack::Item;
use crate::string::StrMut;
use crate::types::hash::timed;
use crate::types::{Limits, Type};
use crate::value::ValueMut;

/// A key's place in a database, taken or free. The entry may have expired.
pub struct Lookup<'d, 'k> {
    db: &'d mut Db,
    key: &'k [u8],
    hash: u64,
    place: Option<Place>,
}

impl Db {
    /// Searches for a key, to read or change what is there.
    #[inline]
    pub fn look_up<'k>(&mut self, key: &'k [u8]) -> Lookup<'_, 'k> {
        self.look_up_hashed(self.hash(key), key)
    }

    /// As [`Db::look_up`], with the hash at hand.
    #[inline]
    pub fn look_up_hashed<'k>(&mut self, hash: u64, key: &'k [u8]) -> Lookup<'_, 'k> {
        let place = self.entries.find(hash, key);
        Lookup { db: self, key, hash, place }
    }
}

impl<'d> Lookup<'d, '_> {
    /// The entry, if the key is there.
    #[inline]
    pub fn entry(&self) -> Option<EntryRef<'_>> {
        self.place.map(|place| self.db.entries.get(place))
    }

    /// The entry, for as long as the borrow of the database.
    #[inline]
    pub fn into_entry(self) -> Option<EntryRef<'d>> {
        let Lookup { db, place, .. } = self;
        place.map(|place| db.entries.get(place))
    }

    /// Removes the key, if it is there; the place is free then.
    #[inline]
    pub fn take(&mut self) -> Option<Removed> {
        let place = self.place.take()?;
        Some(self.db.remove_at(self.hash, place))
    }

    /// Sets a string, whatever is there. Gives the old value where freeing it elsewhere is worth the way.
    #[inline]
    pub fn set_string(self, value: NewStr<'_>, ttl: Ttl) -> Option<Removed> {
        self.db.set_string_at(self.hash, self.place, self.key, value, ttl)
    }

    /// The string that is there, for changing. `None` if the key is absent or holds another kind.
    #[inline]
    pub fn into_string_mut(self) -> Option<StrMut<'d>> {
        let Lookup { db, place, .. } = self;
        let place = place?;
        db.entries.get(place).string()?;
        Some(StrMut::new(ValueMut::new(&mut db.entries, place)))
    }

    /// The string that is there, for changing, or a new empty one. `None` if the key holds another kind.
    pub fn into_string_mut_or_new(self) -> Option<StrMut<'d>> {
        if self.place.is_some() {
            return self.into_string_mut();
        }
        let Lookup { db, key, hash, .. } = self;
        let place = db.insert_new(hash, key, Kind::String, &[], true);
        Some(StrMut::new(ValueMut::new(&mut db.entries, place)))
    }

    /// The value that is there, for changing. `None` if the key is absent or holds another type.
    #[inline]
    pub fn edit<T: Type>(self, limits: &'d Limits) -> Option<T::Mut<'d>> {
        self.edit_at::<T>(limits, i64::MIN)
    }

    /// The same at `now` (unix ms).
    #[inline]
    pub fn edit_at<T: Type>(self, limits: &'d Limits, now: i64) -> Option<T::Mut<'d>> {
        let Lookup { db, place, .. } = self;
        let place = place?;
        (db.entries.get(place).kind() == T::KIND)
            .then(|| T::edit_at(ValueMut::new(&mut db.entries, place), limits, now))
    }

    /// The value that is there, for changing, or a new one without elements. `None` if the key holds another type.
    pub fn edit_or_new<T: Type>(self, limits: &'d Limits) -> Option<T::Mut<'d>> {
        self.edit_or_new_at::<T>(limits, i64::MIN)
    }

    /// The same at `now` (unix ms).
    pub fn edit_or_new_at<T: Type>(self, limits: &'d Limits, now: i64) -> Option<T::Mut<'d>> {
        if self.place.is_some() {
            return self.edit_at::<T>(limits, now);
        }
        let Lookup { db, key, hash, .. } = self;
        let (bytes, mark) = T::EMPTY;
        let place = db.insert_new(hash, key, T::KIND, bytes, mark);
        Some(T::edit_at(ValueMut::new(&mut db.entries, place), limits, now))
    }

    /// Takes fields that have expired at `now` (unix ms) out of the hash that is there, at most so many, the earliest first, and
    /// shows their names. To be asked of entries in state [`crate::State::Stale`].
    pub fn expire_fields(&mut self, now: i64, most: usize, show: impl FnMut(Item<'_>)) -> usize {
        let Some(place) = self.place.filter(|place| self.db.entries.get(*place).kind() == Kind::Hash) else {
            return 0;
        };
        let mut hash = ValueMut::new(&mut self.db.entries, place);
        let count = timed::expire(&mut hash, now, most, show);
        self.place = Some(hash.place());
        count
    }

    /// Sets or clears the expiry, if the key is there.
    pub fn set_expire(self, expiry: Option<i64>) {
        if let Some(place) = self.place {
            self.db.set_expire_at(self.hash, place, self.key, expiry);
        }
    }
}
