//! The same random commands to Rufous and to a real `redis-server`, replies compared.
//!
//! A *family* makes *histories*: short lists of steps from a seed, each started on empty databases and new connections,
//! in RESP2 or RESP3. The first step whose replies differ ends the run: its history is shrunk by halving and printed
//! with both replies and the seed. What may differ stands with its reason in [`exceptions`], nowhere else.
//!
//! Invariants: a history is a function of family and seed; deadlines are far away or already past, so that no key
//! expires between the same step on two servers; no step allocates more than a few megabytes on a correct server.

pub mod bitmaps;
pub mod connection;
pub mod draw;
pub mod dumps;
pub mod exceptions;
pub mod generic;
pub mod geo;
pub mod hashes;
pub mod hyperloglog;
pub mod introspection;
pub mod lists;
pub mod misuse;
pub mod pubsub;
pub mod runner;
pub mod script;
pub mod sets;
pub mod sorted_sets;
pub mod sorts;
pub mod streams;
pub mod strings;
pub mod tracking;
pub mod transactions;
pub mod waits;

use draw::Draw;
use script::Step;

/// A kind of random commands.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name, as reports show it.
    pub name: &'static str,
    /// Makes the next steps of a history.
    pub steps: fn(&mut Draw, &mut Vec<Step>),
    /// Whether servers must be started anew for every history, because steps change their configuration.
    pub fresh_servers: bool,
}
