//! Command families: a file each, with its rows and its functions. To add a command, add a row and a function there.

pub mod client;
pub mod command;
pub mod connection;
pub mod pubsub;
pub mod transactions;

use crate::command::Command;

/// Every family's rows.
pub const FAMILIES: &[&[Command]] =
    &[client::ROWS, command::ROWS, connection::ROWS, pubsub::ROWS, transactions::ROWS];
