//! The bytes on disk: RDB snapshots and the append-only file.
//!
//! This room is still empty; what will live here is fixed. `rdb/` encodes and decodes snapshots (versions 1 to 13 of
//! Redis, 80 of Valkey), `aof/` lays out Redis 7's multi-part append-only file, and both reach the disk through one
//! `Disk` trait with a real and a torn-write implementation. The writer walks a frozen view of
//! `rufous_storage::Keyspace` on its own thread; no process is ever forked.
