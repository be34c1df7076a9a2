//! Listening sockets: binding them and admitting connections.

use super::stream::{Listener, Stream};
use crate::config::Config;
use crate::log::Log;
use rufous_persistence::disk::system_text;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use std::{fmt, io};

/// Why an address could not be listened on.
#[derive(Debug)]
pub enum ListenError {
    /// A `bind` word at a TCP port.
    Tcp {
        /// The word, without its dash.
        address: String,
        /// The port; 0 is any.
        port: u16,
        /// Why.
        refusal: Refusal,
    },
    /// The Unix socket.
    Unix(Refusal),
}

/// A call that the system refused, by its name.
#[derive(Debug)]
pub struct Refusal {
    /// None where what it says stands for itself.
    call: Option<&'static str>,
    error: io::Error,
}

impl ListenError {
    /// Writes the lines that Redis writes.
    pub fn warn(&self, log: &Log) {
        match self {
            ListenError::Tcp { .. } => log.warning(format_args!("Warning: {self}")),
            ListenError::Unix(_) => log.warning(self),
        }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenError::Tcp { address, port, refusal } => {
                write!(f, "Could not create server TCP listening socket {address}:{port}: {refusal}")
            }
            ListenError::Unix(refusal) => write!(f, "Failed opening Unix socket: {refusal}"),
        }
    }
}

impl Refusal {
    /// For `map_err`.
    pub fn of(call: &'static str) -> impl FnOnce(io::Error) -> Refusal {
        move |error| Refusal { call: Some(call), error }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(call) = self.call {
            write!(f, "{call}: ")?;
        }
        f.write_str(&system_text(&self.error))
    }
}

/// Listens on every `bind` address at `port`. An address with a leading `-` may be missing on this machine; `*` and
/// `::*` are all IPv4 and all IPv6 addresses. Without an address nothing is listened on.
pub fn listen_tcp(config: &Config) -> Result<Vec<Listener>, ListenError> {
    let mut listeners = Vec::new();
    let mut port = config.port;
    for word in &config.bind {
        let optional = word.starts_with('-');
        let text = word.trim_start_matches('-');
        let address = match text {
            "*" => Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            "::*" => Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
            _ => resolve(text),
        };
        match address.and_then(|ip| bind_one(SocketAddr::new(ip, port), config)) {
            Ok(listener) => {
                // Port 0 means "any": the other addresses then take the same one.
                port = listener.tcp_address().map_or(port, |bound| bound.port());
                listeners.push(listener);
            }
            Err(refusal) if optional && is_missing_address(&refusal.error) => {}
            Err(refusal) => return Err(ListenError::Tcp { address: text.into(), port, refusal }),
        }
    }
    Ok(listeners)
}

fn resolve(text: &str) -> Result<IpAddr, Refusal> {
    if let Ok(ip) = text.parse() {
        return Ok(ip);
    }
    let refusal = |error| Refusal { call: None, error };
    let mut found = (text, 0u16).to_socket_addrs().map_err(refusal)?;
    let nothing = || refusal(io::Error::from(io::ErrorKind::AddrNotAvailable));
    found.next().map(|address| address.ip()).ok_or_else(nothing)
}

fn is_missing_address(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT | libc::ENOPROTOOPT | libc::EPROTONOSUPPORT)
            | Some(libc::ESOCKTNOSUPPORT | libc::EPFNOSUPPORT | libc::ENOENT)
    )
}

fn bind_one(address: SocketAddr, config: &Config) -> Result<Listener, Refusal> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP));
    let socket = socket.map_err(Refusal::of("socket"))?;
    if address.is_ipv6() {
        socket.set_only_v6(true).map_err(Refusal::of("setsockopt"))?;
    }
    socket.set_reuse_address(true).map_err(Refusal::of("setsockopt SO_REUSEADDR"))?;
    socket.set_nonblocking(true).map_err(Refusal::of("fcntl(F_SETFL,O_NONBLOCK)"))?;
    if config.socket_mark_id != 0 {
        socket.set_mark(config.socket_mark_id).map_err(Refusal::of("setsockopt"))?;
    }
    socket.bind(&address.into()).map_err(Refusal::of("bind"))?;
    socket.listen(config.tcp_backlog as i32).map_err(Refusal::of("listen"))?;
    Ok(Listener::Tcp(mio::net::TcpListener::from_std(socket.into())))
}

/// Listens on the Unix socket at `path`, replacing a file that an earlier process left there.
pub fn listen_unix(path: &str, config: &Config) -> Result<Listener, ListenError> {
    let bind = || -> Result<Listener, Refusal> {
        // A missing file is the usual case; anything else shows in bind.
        let _ = std::fs::remove_file(path);
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(Refusal::of("socket"))?;
        socket.set_nonblocking(true).map_err(Refusal::of("fcntl(F_SETFL,O_NONBLOCK)"))?;
        let address = socket2::SockAddr::unix(path).map_err(Refusal::of("bind"))?;
        socket.bind(&address).map_err(Refusal::of("bind"))?;
        socket.listen(config.tcp_backlog as i32).map_err(Refusal::of("listen"))?;
        if config.unixsocketperm != 0 {
            let permissions = std::fs::Permissions::from_mode(config.unixsocketperm);
            std::fs::set_permissions(path, permissions).map_err(Refusal::of("chmod"))?;
        }
        if !config.unixsocketgroup.is_empty() {
            let group = group_id(&config.unixsocketgroup);
            let change = |group| std::os::unix::fs::chown(path, None, Some(group));
            group.and_then(change).map_err(Refusal::of("chown"))?;
        }
        Ok(Listener::Unix(mio::net::UnixListener::from_std(socket.into()), path.into()))
    };
    bind().map_err(ListenError::Unix)
}

/// The id of a group, given by name or number.
fn group_id(group: &str) -> io::Result<u32> {
    if let Ok(id) = group.parse() {
        return Ok(id);
    }
    // Lines are `name:password:id:members`.
    let file = std::fs::read_to_string("/etc/group")?;
    let mut groups = file.lines().map(|line| line.split(':'));
    let found =
        groups.find_map(|mut fields| (fields.next() == Some(group)).then(|| fields.nth(1)?.parse().ok()));
    found.flatten().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no group {group}")))
}

/// Sets what every TCP connection gets: no Nagle delay, keepalive probes every `tcp-keepalive` seconds.
pub fn set_options(stream: &Stream, config: &Config) {
    let Stream::Tcp(stream) = stream else { return };
    // A connection that the other end already reset refuses options; reading will tell.
    let _ = stream.set_nodelay(true);
    let seconds = u64::from(config.tcp_keepalive_s);
    if seconds > 0 {
        let probes = TcpKeepalive::new()
            .with_time(Duration::from_secs(seconds))
            .with_interval(Duration::from_secs((seconds / 3).max(1)))
            .with_retries(3);
        let _ = SockRef::from(stream).set_tcp_keepalive(&probes);
    }
}

/// What a connection from outside is told when nothing protects the server.
pub const PROTECTED_MODE: &[u8] = b"-DENIED Redis is running in protected mode because protected mode is enabled and no \
password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want \
to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode \
sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host \
the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE \
to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis \
configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the \
server manually just for testing, restart it with the '--protected-mode no' option. 4) Set up an authentication password \
for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting \
connections from the outside.\r\n";

/// What a connection over `maxclients` is told.
pub const TOO_MANY_CLIENTS: &[u8] = b"-ERR max number of clients reached\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_resolver_says_stands_alone() {
        // Too long for any name: nobody is asked over the network.
        assert_eq!(resolve(&"a".repeat(300)).unwrap_err().to_string(), "Name or service not known");
    }
}
