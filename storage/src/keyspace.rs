//! All databases of a server. With [`crate::db`], the only door to keys.

use crate::db::{Db, DbMemory, DbView, Garbage, Removed};
use crate::entry::Entry;
use crate::sharing;

/// The databases.
pub struct Keyspace {
    dbs: Vec<Db>,
}

impl Keyspace {
    /// `count` empty databases whose key hashes follow from `seed`.
    pub fn new(count: usize, seed: u64) -> Keyspace {
        Keyspace { dbs: (0..count).map(|_| Db::new(seed)).collect() }
    }

    /// Number of databases.
    pub fn count(&self) -> usize {
        self.dbs.len()
    }

    /// Database `index`.
    #[inline]
    pub fn db(&self, index: usize) -> &Db {
        &self.dbs[index]
    }

    /// Database `index`, for changing.
    #[inline]
    pub fn db_mut(&mut self, index: usize) -> &mut Db {
        &mut self.dbs[index]
    }

    /// All databases in order.
    pub fn iter(&self) -> impl Iterator<Item = &Db> {
        self.dbs.iter()
    }

    /// All databases in order, for changing.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Db> {
        self.dbs.iter_mut()
    }

    /// Number of keys in all databases.
    pub fn len(&self) -> usize {
        self.iter().map(Db::len).sum()
    }

    /// Whether no database has a key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of keys with an expiry in all databases.
    pub fn expires_len(&self) -> usize {
        self.iter().map(Db::expires_len).sum()
    }

    /// Bytes of all databases beyond their entries.
    pub fn memory(&self) -> DbMemory {
        self.iter().map(Db::memory).fold(DbMemory::default(), |sum, db| DbMemory {
            table_bytes: sum.table_bytes + db.table_bytes,
            expires_bytes: sum.expires_bytes + db.expires_bytes,
        })
    }

    /// The access bits that new keys begin with, see [`crate::evict`].
    pub fn set_fresh_access(&mut self, bits: u32) {
        self.dbs.iter_mut().for_each(|db| db.set_fresh_access(bits));
    }

    /// Exchanges the contents of two databases.
    pub fn swap(&mut self, a: usize, b: usize) {
        self.dbs.swap(a, b);
    }

    /// Copies an entry with its expiry to a key of another or the same database, and gives what that held, or
    /// `None` if the source is not there.
    pub fn copy_key(&mut self, from_db: usize, from: &[u8], to_db: usize, to: &[u8]) -> Option<Removed> {
        let entry = self.dbs[from_db].find(from)?;
        let copy = Entry::copy_of(entry, to, entry.expire_at());
        Some(self.dbs[to_db].put(copy))
    }

    /// Moves an entry with its expiry to another database; gives what its key held there, or `None` if the source is not
    /// there. Equal databases change nothing.
    pub fn move_key(&mut self, key: &[u8], from_db: usize, to_db: usize) -> Option<Removed> {
        let replaced = self.copy_key(from_db, key, to_db, key)?;
        if from_db != to_db {
            self.dbs[from_db].remove(key);
        }
        Some(replaced)
    }

    /// Removes all keys of all databases.
    pub fn clear(&mut self) -> Garbage {
        self.dbs.iter_mut().fold(Garbage::default(), |mut all, db| {
            all.merge(db.clear());
            all
        })
    }

    /// All databases as they are now, for another thread to read while this one changes them.
    pub fn freeze(&mut self) -> KeyspaceView {
        KeyspaceView { dbs: self.dbs.iter_mut().map(Db::freeze).collect() }
    }

    /// Bytes that views made all databases keep beside what they went on with, in all. Asked on the thread that changes them.
    pub fn kept_bytes(&self) -> u64 {
        self.iter().map(Db::kept_bytes).sum::<u64>() + sharing::given_up_bytes()
    }

    /// Takes out all that ended views held and nothing sees any more, for another thread to free.
    pub fn take_garbage(&mut self) -> Garbage {
        self.dbs.iter_mut().fold(Garbage::default(), |mut all, db| {
            all.merge(db.take_garbage());
            all
        })
    }
}

/// All databases as they were at one moment.
pub struct KeyspaceView {
    dbs: Vec<DbView>,
}

impl KeyspaceView {
    /// The databases in order, empty ones included.
    pub fn dbs(&self) -> &[DbView] {
        &self.dbs
    }
}
