//! The client wire: Redis requests in, RESP2 and RESP3 replies out.
//!
//! | module | holds |
//! |---|---|
//! | [`request`] | the incremental request parser (multibulk and inline), its batches and argument views |
//! | [`inline`] | the quoting rules of inline requests and configuration lines |
//! | [`reply`] | the reply writer for RESP2 and RESP3 |
//! | [`decode`] | the reply decoder, for tests, load generators and links to other servers |
//! | [`error`] | every error text a client can see, once |
//! | [`glob`] | glob patterns as KEYS, PSUBSCRIBE and CONFIG GET match them |
//! | [`number`] | numbers as Redis reads and prints them: integers, doubles, extended doubles, memory sizes |
//!
//! Invariants: no sockets, no files, no clock, no randomness, no dependency on another room, no `unsafe`.
//! Everything is bytes in, values or bytes out; a client's mistake is a value, never a panic.

pub mod decode;
pub mod error;
pub mod glob;
pub mod inline;
pub mod number;
pub mod reply;
pub mod request;

pub use error::ReplyError;
pub use reply::{Reply, Resp};
pub use request::{Args, Batch, Limits, OwnedArgs, Parser, Progress, ProtocolError};
