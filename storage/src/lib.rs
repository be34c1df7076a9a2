//! The bytes in memory: tables, entries, keyspace, types, expiry and eviction.
//!
//! A leaf room: no sockets, no files, no clock, no randomness of its own. Times (unix ms) and generators come in as
//! arguments. [`Keyspace`] and [`Db`] are the only door to keys.

pub mod blob;
mod block;
pub mod db;
pub mod dict;
mod entries;
pub mod entry;
pub mod evict;
pub mod geo;
mod hash;
pub mod hyperloglog;
pub mod keyspace;
pub mod lookup;
#[cfg(not(miri))]
pub mod memory;
pub mod pack;
mod prefetch;
pub mod random;
pub mod ranking;
pub mod reclaim;
mod sharing;
pub mod slot;
pub mod string;
mod table;
mod timers;
pub mod tree;
pub mod types;
mod value;
pub mod wheel;

pub use blob::Blob;
pub use db::{Db, DbMemory, DbView, Garbage, NewStr, Removed, SetResult, Ttl};
pub use entry::{Encoding, EntryRef, Kind, State, Str, parse_int};
pub use hash::Hasher;
pub use keyspace::{Keyspace, KeyspaceView};
pub use lookup::Lookup;
pub use random::Random;
pub use slot::{SLOT_COUNT, key_slot};
pub use string::StrMut;
pub use table::TableStats;
