//! The append-only file, as Redis 7 lays it out: a folder with a manifest, a base and increments.
//!
//! ```text
//! appendonlydir/appendonly.aof.manifest          which files, in which order         (manifest)
//! appendonlydir/appendonly.aof.1.base.rdb        the data set at some moment, or as commands: .base.aof   (rewrite)
//! appendonlydir/appendonly.aof.1.incr.aof        the stream of writes since then     (log, scan, seal, padding)
//! ```
//! All of it works on a [`crate::disk::Disk`]; threads and clocks are the server's.
//!
//! Invariants: a file is whole on disk before the manifest names it, and no file is removed before a manifest without it is; an
//! increment that is not the last is whole and on disk before the manifest names the next.

pub mod base;
pub mod check;
pub mod folder;
pub mod log;
pub mod manifest;
pub mod padding;
pub mod rewrite;
pub mod scan;
pub mod seal;
#[cfg(test)]
mod tests;
pub mod writer;
