//! The bytes on disk: RDB snapshots and the append-only file.
//!
//! | module | holds |
//! |---|---|
//! | [`rdb`] | the RDB format: what it looks like, its primitives, its values |
//! | [`dump`] | one value on its way between servers: the payload of DUMP and RESTORE |
//! | [`crc64`], [`lzf`] | the checksum and the compression that both use |
//! | [`disk`] | the disk, real and simulated |
//! | [`aof`] | the append-only file: manifest, checksums, what survives a crash |
//!
//! Still to come: whole RDB files. The writer of a file walks a frozen view of
//! `rufous_storage::Keyspace` on its own thread; no process is ever forked.

pub mod aof;
pub mod crc64;
pub mod disk;
pub mod dump;
pub mod lzf;
pub mod rdb;
