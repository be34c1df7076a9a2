//! Command families: a file each, with its rows and its functions. To add a command, add a row and a function there.

pub mod acl;
pub mod bitmap;
pub mod client;
pub mod command;
pub mod config;
pub mod connection;
pub mod debug;
pub mod generic;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod keyspace;
pub mod latency;
pub mod list;
pub mod lolwut;
pub mod memory;
pub mod monitor;
pub mod persistence;
pub mod pubsub;
pub mod server;
pub mod set;
pub mod slowlog;
pub mod sorted_set;
pub mod stream;
pub mod string;
pub mod transactions;

use crate::command::Command;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;

/// Every family's rows, a line each.
#[rustfmt::skip]
pub const FAMILIES: &[&[Command]] = &[
    acl::ROWS,
    bitmap::ROWS,
    client::ROWS,
    command::ROWS,
    config::ROWS,
    connection::ROWS,
    debug::ROWS,
    generic::ROWS,
    geo::ROWS,
    hash::ROWS,
    hyperloglog::ROWS,
    keyspace::ROWS,
    latency::ROWS,
    list::ROWS,
    lolwut::ROWS,
    memory::ROWS,
    monitor::ROWS,
    persistence::ROWS,
    pubsub::ROWS,
    server::ROWS,
    set::ROWS,
    slowlog::ROWS,
    sorted_set::ROWS,
    stream::ROWS,
    string::ROWS,
    transactions::ROWS,
    #[cfg(test)]
    crate::blocking::tests::ROWS,
];

/// An argument that is a number of things, zero included; `error` tells that it is negative or no integer at all.
pub fn positive(text: &[u8], error: ReplyError) -> Result<usize, ReplyError> {
    parse_i64(text).and_then(|value| usize::try_from(value).ok()).ok_or(error)
}

/// The count of SRANDMEMBER and its kin: negative where an element may come more than once.
pub fn picks(text: &[u8]) -> Result<i64, ReplyError> {
    let count = parse_i64(text).ok_or(error::NOT_AN_INTEGER)?;
    if count == i64::MIN { Err(error::out_of_range(-i64::MAX, i64::MAX)) } else { Ok(count) }
}
