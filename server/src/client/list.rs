//! The line that CLIENT LIST, CLIENT INFO and log messages show of a client.

use super::Client;
use super::output::Output;
use crate::engine::State;

/// The whole line.
pub fn line(_state: &State, client: &Client, _out: &Output) -> String {
    identity(client)
}

/// The short form for log lines: id, addresses, name.
pub fn identity(client: &Client) -> String {
    format!(
        "id={} addr={} laddr={} fd={} name={}",
        client.id,
        client.address,
        client.local_address,
        client.fd,
        String::from_utf8_lossy(&client.name)
    )
}
