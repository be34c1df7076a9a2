//! The sockets that are listened on, so that CONFIG SET can change them while the loop runs.
//!
//! Invariant: an index means the same socket for the loop's tokens from binding to replacement: TCP sockets count from 0,
//! the Unix socket has [`UNIX_INDEX`].

use super::accept::{self, ListenError, Refusal};
use super::stream::Listener;
use crate::config::Config;
use mio::{Registry, Token};
use std::io;
use std::net::SocketAddr;

/// Tokens from here on are listeners and the waker.
pub const LISTENER_BASE: usize = usize::MAX - 1024;
/// Index of the Unix socket; more addresses than this cannot be given.
const UNIX_INDEX: usize = 512;

/// See the file head.
#[derive(Default)]
pub struct Listeners {
    registry: Option<Registry>,
    tcp: Vec<Listener>,
    unix: Option<Listener>,
}

impl Listeners {
    /// Binds what the configuration names.
    pub fn bind(config: &Config) -> Result<Listeners, ListenError> {
        let mut listeners = Listeners { tcp: bind_tcp(config)?, ..Listeners::default() };
        if !config.unixsocket.is_empty() {
            let path = config.resolve(&config.unixsocket).display().to_string();
            listeners.unix = Some(accept::listen_unix(&path, config)?);
        }
        Ok(listeners)
    }

    /// Tells the poller of all sockets, and of those that replace them later.
    pub fn register(&mut self, registry: Registry) -> io::Result<()> {
        register_tcp(&registry, &mut self.tcp)?;
        if let Some(unix) = &mut self.unix {
            unix.register(&registry, Token(LISTENER_BASE + UNIX_INDEX))?;
        }
        self.registry = Some(registry);
        Ok(())
    }

    /// Listens on the TCP addresses and port of the configuration instead of the present ones. The old sockets are closed
    /// first, because their addresses may be among the new ones: after an error there are none.
    pub fn rebind_tcp(&mut self, config: &Config) -> Result<(), ListenError> {
        self.tcp.clear();
        let mut tcp = bind_tcp(config)?;
        if let Some(registry) = &self.registry {
            register_tcp(registry, &mut tcp).map_err(|error| ListenError::Tcp {
                address: config.bind.join(" "),
                port: config.port,
                refusal: Refusal::of("epoll_ctl")(error),
            })?;
        }
        self.tcp = tcp;
        Ok(())
    }

    /// Closes all.
    pub fn close(&mut self) {
        *self = Listeners::default();
    }

    /// The socket of an index, if it is still there.
    pub fn get(&self, index: usize) -> Option<&Listener> {
        if index == UNIX_INDEX { self.unix.as_ref() } else { self.tcp.get(index) }
    }

    /// All indices.
    pub fn indices(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.tcp.len()).chain(self.unix.is_some().then_some(UNIX_INDEX))
    }

    /// The first TCP address that is bound; its port is the one in use where the configured one is 0.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.iter().find_map(Listener::tcp_address)
    }

    /// What is listened on, by the words of the log: `tcp` (a port may have no address), `unix`.
    pub fn kinds(&self, config: &Config) -> Vec<&'static str> {
        let tcp = (config.port != 0).then_some("tcp");
        tcp.into_iter().chain(self.unix.is_some().then_some("unix")).collect()
    }
}

fn bind_tcp(config: &Config) -> Result<Vec<Listener>, ListenError> {
    match config.port {
        0 => Ok(Vec::new()),
        _ => accept::listen_tcp(config),
    }
}

fn register_tcp(registry: &Registry, tcp: &mut [Listener]) -> io::Result<()> {
    for (index, listener) in tcp.iter_mut().enumerate() {
        listener.register(registry, Token(LISTENER_BASE + index))?;
    }
    Ok(())
}
