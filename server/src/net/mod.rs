//! Sockets: listeners, connections and the event loop that drives the engine.
//!
//! [`conn::IoConn`] is the socket half of a client (descriptor, read buffer, parser); the other half, what the command
//! loop knows, is [`crate::client::Client`]. They share a token and nothing else.

pub mod accept;
pub mod conn;
pub mod event_loop;
pub mod listeners;
pub mod stream;
