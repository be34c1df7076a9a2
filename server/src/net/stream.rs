//! A connected socket or a listening one, TCP or Unix, behind one type each.

use crate::client::Address;
use mio::event::Source;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::PathBuf;

/// A connection.
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// Unix domain.
    Unix(UnixStream),
}

macro_rules! each {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self {
            Stream::Tcp($stream) => $call,
            Stream::Unix($stream) => $call,
        }
    };
}

impl Stream {
    /// Starts listening to the socket's readiness.
    pub fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        each!(self, stream => stream.register(registry, token, interest))
    }

    /// Changes what is listened to.
    pub fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        each!(self, stream => stream.reregister(registry, token, interest))
    }

    /// The descriptor.
    pub fn fd(&self) -> RawFd {
        each!(self, stream => stream.as_raw_fd())
    }
}

impl Read for Stream {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        each!(self, stream => stream.read(buf))
    }
}

impl Stream {
    /// Reads once into a buffer's spare capacity.
    pub fn append_to(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let spare = rustix::buffer::spare_capacity(buffer);
        Ok(each!(self, stream => rustix::io::read(stream.as_fd(), spare))?)
    }

    /// Writes from several slices.
    #[inline]
    pub fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            [one] => each!(self, stream => stream.write(one)),
            _ => each!(self, stream => stream.write_vectored(slices)),
        }
    }
}

/// A listening socket.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// Unix domain; the file is removed when the listener is dropped.
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Accepts one connection: the stream, the peer's address and ours.
    pub fn accept(&self) -> io::Result<(Stream, Address, Address)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, remote) = listener.accept()?;
                let local = stream.local_addr().unwrap_or(remote);
                Ok((Stream::Tcp(stream), Address::Tcp(remote), Address::Tcp(local)))
            }
            Listener::Unix(listener, path) => {
                let (stream, _) = listener.accept()?;
                let address = Address::Unix(path.display().to_string());
                Ok((Stream::Unix(stream), address.clone(), address))
            }
        }
    }

    /// Starts listening to the socket's readiness.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Listener::Tcp(listener) => listener.register(registry, token, Interest::READABLE),
            Listener::Unix(listener, _) => listener.register(registry, token, Interest::READABLE),
        }
    }

    /// The bound TCP address.
    pub fn tcp_address(&self) -> Option<std::net::SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(..) => None,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Listener::Unix(_, path) = self {
            // A file that is already gone is what we want.
            let _ = std::fs::remove_file(path);
        }
    }
}
