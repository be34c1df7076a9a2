//! The stream commands. What a stream is in memory is storage's business.
//!
//! | file | commands |
//! |---|---|
//! | [`add`] | XADD, XSETID |
//! | [`trim`] | XTRIM, and the options that XADD shares |
//! | [`delete`] | XDEL, XDELEX |
//! | [`range`] | XLEN, XRANGE, XREVRANGE |
//! | [`read`] | XREAD, XREADGROUP |
//! | [`group`] | XGROUP |
//! | [`pending`] | XACK, XACKDEL, XPENDING |
//! | [`claim`] | XCLAIM, XAUTOCLAIM |
//! | [`info`] | XINFO |
//!
//! [`id`] reads and replies IDs; the table is in [`rows`].

mod add;
mod claim;
mod delete;
mod group;
mod id;
mod info;
mod pending;
mod range;
mod read;
mod rows;
mod trim;

pub use rows::ROWS;
