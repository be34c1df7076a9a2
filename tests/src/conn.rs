//! A blocking connection with timeouts: commands, pipelines, raw bytes, pushes.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::resp::{Reply, decode, encode_command};

/// How long a reply may take before a test calls it missing.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// One client of a server.
#[derive(Debug)]
pub struct Conn {
    stream: TcpStream,
    input: Vec<u8>,
    consumed: usize,
    pushes: VecDeque<Reply>,
    timeout: Duration,
}

impl Conn {
    /// Connects within [`TIMEOUT`].
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self { stream, input: Vec::new(), consumed: 0, pushes: VecDeque::new(), timeout: TIMEOUT })
    }

    /// Sets how long a read may wait.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// The socket, for options and half-closing.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends a command and returns its reply. Pushes that come before it are set aside.
    pub fn call<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> io::Result<Reply> {
        self.send(arguments)?;
        self.read()
    }

    /// Sends a command given as words separated by blanks and returns its reply; panics when none comes.
    pub fn ask(&mut self, words: &str) -> Reply {
        let words: Vec<&str> = words.split_whitespace().collect();
        self.call(&words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// As [`ask`](Self::ask), for a command that must not fail.
    pub fn must(&mut self, words: &str) -> Reply {
        let reply = self.ask(words);
        assert!(!reply.is_error(), "{words:?}: {reply:?}");
        reply
    }

    /// Sends a command without waiting.
    pub fn send<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> io::Result<()> {
        self.send_raw(&encode_command(arguments))
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends all commands in one write, then reads one reply for each.
    pub fn pipeline<A: AsRef<[u8]>>(&mut self, commands: &[Vec<A>]) -> io::Result<Vec<Reply>> {
        let bytes: Vec<u8> = commands.iter().flat_map(|command| encode_command(command)).collect();
        self.send_raw(&bytes)?;
        commands.iter().map(|_| self.read()).collect()
    }

    /// The next reply that is not a push.
    pub fn read(&mut self) -> io::Result<Reply> {
        loop {
            match self.read_any()? {
                push @ Reply::Push(_) => self.pushes.push_back(push),
                reply => return Ok(reply),
            }
        }
    }

    /// The next reply, pushes included (not those set aside before).
    pub fn read_any(&mut self) -> io::Result<Reply> {
        let deadline = Instant::now() + self.timeout;
        loop {
            let decoded = decode(&self.input[self.consumed..]);
            match decoded.map_err(|bad| io::Error::new(ErrorKind::InvalidData, bad.0))? {
                Some((reply, length)) => {
                    self.consumed += length;
                    return Ok(reply);
                }
                None => self.fill(deadline)?,
            }
        }
    }

    /// The pushes set aside so far.
    pub fn take_pushes(&mut self) -> Vec<Reply> {
        self.pushes.drain(..).collect()
    }

    /// All bytes until the server closes the connection; an error when it stays open past the timeout.
    pub fn read_to_close(&mut self) -> io::Result<Vec<u8>> {
        let deadline = Instant::now() + self.timeout;
        loop {
            match self.fill(deadline) {
                Ok(()) => (),
                Err(error) if closed(&error) => return Ok(self.input.split_off(self.consumed)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Closes the sending half only.
    pub fn close_sending(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    fn fill(&mut self, deadline: Instant) -> io::Result<()> {
        if self.consumed > 0 {
            self.input.drain(..self.consumed);
            self.consumed = 0;
        }
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(left))?;
        let mut block = [0; 64 * 1024];
        match self.stream.read(&mut block) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                self.input.extend_from_slice(&block[..length]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(ErrorKind::TimedOut.into()),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether an error means that the other side closed the connection.
pub fn closed(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}
