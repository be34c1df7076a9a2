//! The bytes on disk: RDB snapshots and the append-only file.
//!
//! | module | holds |
//! |---|---|
//! | [`rdb`] | the RDB format: what it looks like, its primitives, its values |
//! | [`dump`] | one value on its way between servers: the payload of DUMP and RESTORE |
//! | [`crc64`], [`lzf`] | the checksum and the compression that both use |
//!
//! Still to come: whole RDB files; `aof/`, Redis 7's multi-part append-only file; and a `Disk` trait with a real and a
//! torn-write implementation, through which both reach the disk. The writer of a file walks a frozen view of
//! `rufous_storage::Keyspace` on its own thread; no process is ever forked.

pub mod crc64;
pub mod dump;
pub mod lzf;
pub mod rdb;
