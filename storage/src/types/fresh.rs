//! A value that is being made apart from the keyspace, for commands that store a result (SINTERSTORE and its kin).

use crate::db::{Db, Removed};
use crate::entries::Entries;
use crate::entries::Place;
use crate::entry::{Content, Entry};
use crate::hash::Hasher;
use crate::types::{Limits, Type};
use crate::value::ValueMut;
use std::marker::PhantomData;

/// A value without a key; see the file head.
pub struct Fresh<T> {
    entries: Entries,
    place: Place,
    of: PhantomData<T>,
}

impl<T: Type> Fresh<T> {
    /// A value without elements, for a database whose keys are hashed by `hasher`.
    pub(crate) fn new(hasher: Hasher) -> Fresh<T> {
        let (bytes, mark) = T::EMPTY;
        let mut entries = Entries::apart(hasher);
        let place =
            entries.insert(entries.hash(&[]), Entry::new(&[], T::KIND, Content::Bytes(bytes), mark, None, 0));
        Fresh { entries, place, of: PhantomData }
    }

    /// The value, for reading.
    pub fn read(&self) -> T::Ref<'_> {
        T::read(self.entries.get(self.place))
    }

    /// Changes the value.
    pub fn edit<R>(&mut self, limits: &Limits, change: impl FnOnce(&mut T::Mut<'_>) -> R) -> R {
        let mut value = T::edit(ValueMut::new(&mut self.entries, self.place), limits);
        let result = change(&mut value);
        drop(value);
        self.place = self.entries.find(self.entries.hash(&[]), &[]).expect("the only entry");
        result
    }
}

impl<T> Fresh<T> {
    /// The value of whatever type, to be stored.
    pub fn into_any(self) -> Fresh<()> {
        Fresh { entries: self.entries, place: self.place, of: PhantomData }
    }
}

impl Db {
    /// A value to be made and then stored in this database.
    pub fn fresh<T: Type>(&self) -> Fresh<T> {
        Fresh::new(self.entries.hasher().clone())
    }

    /// Stores a value under a key, without expiry, over what the key held; gives that, if it was there.
    pub fn store<T>(&mut self, key: &[u8], mut fresh: Fresh<T>) -> Option<Removed> {
        let replaced = self.remove(key);
        let made = fresh.entries.take(fresh.place).expect("an entry that no view sees");
        let entry = Entry::copy_of(made.as_ref(), key, None);
        entry.as_ref().set_access(self.fresh_access);
        self.put(entry);
        replaced
    }
}
