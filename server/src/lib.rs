//! The process: event loop, clients, dispatch, commands, configuration; as a library and behind the `rufous-server` binary.
//!
//! [`Server::start`] runs an engine on its own thread and returns a [`Handle`]; several live in one process. [`run`] is
//! the whole binary: command line, logging, signals, then the loop on the calling thread.
//!
//! Where things are: `net` sockets and the loop; `client` what the loop knows of a client; `dispatch` the one door;
//! `context` what a command gets; `store` the keys with what touching them sets off; `effects` and `fanout` what a
//! command sets off; `blocking` who waits inside one; `crash` the last words of a process; `commands` a file per family; `config` a row per directive.

pub mod acl;
pub mod blocking;
pub mod boot;
pub mod client;
pub mod clock;
pub mod command;
pub mod commands;
pub mod config;
pub mod context;
pub mod crash;
pub mod cron;
pub mod dispatch;
pub mod effects;
pub mod engine;
pub mod eviction;
pub mod fanout;
pub mod found;
pub mod info;
pub mod latency;
pub mod lazyfree;
pub mod limits;
pub mod log;
pub mod monitor;
pub mod net;
pub mod notify;
pub mod pause;
pub mod persistence;
pub mod propagation;
pub mod pubsub;
pub mod reconfigure;
mod seed;
mod serve;
pub mod shutdown;
pub mod slowlog;
pub mod stats;
pub mod store;
pub mod sys;
#[cfg(test)]
pub mod testing;
pub mod tracking;
pub mod transaction;
pub mod version;

pub use serve::{Handle, Server, StartError, run};

#[global_allocator]
static ALLOCATOR: rufous_storage::memory::Allocator = rufous_storage::memory::Allocator;
