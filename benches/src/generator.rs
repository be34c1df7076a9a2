//! The built-in load generator: many connections, one thread, a closed loop with pipelining.
//!
//! Each connection holds one batch of `pipeline` requests in flight; when the last reply is in, new random keys
//! are written into the same bytes and they are sent again. A latency is the time from the first byte of the batch
//! to the read that completed the reply, as redis-benchmark counts it. Cheaper than redis-benchmark per
//! request, so that a fast server is less often limited by its generator, and it knows p99.9.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::resp::ReplyCounter;
use crate::template::{Random, Template};

/// Longer latencies count as so long.
pub(crate) const LATENCY_MAX_NS: u64 = 60_000_000_000;
const STALL_LIMIT: Duration = Duration::from_secs(30);
const CHUNK_BYTES: usize = 256 * 1024;

/// What to send and for how long.
#[derive(Clone, Debug)]
pub struct Load {
    /// Words of the command, or of several with `;` between them, with placeholders.
    pub words: Vec<String>,
    /// Connections.
    pub clients: usize,
    /// Requests in flight per connection.
    pub pipeline: usize,
    /// Random numbers stay below it.
    pub keyspace: u64,
    /// How long to send. Batches in flight at the end are completed and counted.
    pub duration: Duration,
    /// Seed of the random keys.
    pub seed: u64,
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Replies received.
    pub requests: u64,
    /// Replies per second over the whole run.
    pub requests_per_second: f64,
    /// Latency in microseconds: half of the replies came no later.
    pub p50_us: f64,
    /// 99 of 100 came no later.
    pub p99_us: f64,
    /// 999 of 1000 came no later.
    pub p999_us: f64,
    /// The latest.
    pub max_us: f64,
}

/// Runs the load against a server.
pub fn run(address: SocketAddr, load: &Load) -> io::Result<Outcome> {
    let mut poll = Poll::new()?;
    let mut random = Random::new(load.seed);
    let batch = Template::new(&load.words).repeated(load.pipeline);
    let mut clients = Vec::with_capacity(load.clients);
    for index in 0..load.clients {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        clients.push(Client::new(stream, batch.clone()));
    }
    let mut run = Run {
        latencies: Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3).map_err(io::Error::other)?,
        chunk: vec![0; CHUNK_BYTES],
        requests: 0,
        pipeline: batch.commands(),
    };
    let started = Instant::now();
    for client in &mut clients {
        client.start(&mut random, load.keyspace)?;
    }
    let mut active = clients.len();
    let mut events = Events::with_capacity(load.clients.max(16));
    while active > 0 {
        poll.poll(&mut events, Some(STALL_LIMIT))?;
        if events.is_empty() {
            return Err(io::Error::other(format!("no reply for {} s", STALL_LIMIT.as_secs())));
        }
        for event in &events {
            let client = &mut clients[event.token().0];
            if event.is_writable() {
                client.flush()?;
            }
            if !(event.is_readable() && client.receive(&mut run)?) {
                continue;
            }
            if started.elapsed() < load.duration {
                client.start(&mut random, load.keyspace)?;
            } else {
                active -= 1;
            }
        }
    }
    let elapsed = started.elapsed();
    for client in &clients {
        client.replies.refuse_errors()?;
    }
    Ok(run.outcome(elapsed))
}

/// What all connections share while they run.
struct Run {
    latencies: Histogram<u64>,
    chunk: Vec<u8>,
    requests: u64,
    pipeline: usize,
}

impl Run {
    fn outcome(&self, elapsed: Duration) -> Outcome {
        let at = |quantile| self.latencies.value_at_quantile(quantile) as f64 / 1000.0;
        Outcome {
            requests: self.requests,
            requests_per_second: self.requests as f64 / elapsed.as_secs_f64(),
            p50_us: at(0.5),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: self.latencies.max() as f64 / 1000.0,
        }
    }
}

struct Client {
    stream: TcpStream,
    batch: Template,
    /// Bytes of the batch that the socket has taken.
    written: usize,
    /// Replies of the batch still to come.
    missing: usize,
    sent_at: Instant,
    replies: ReplyCounter,
}

impl Client {
    fn new(stream: TcpStream, batch: Template) -> Client {
        Client {
            stream,
            batch,
            written: 0,
            missing: 0,
            sent_at: Instant::now(),
            replies: ReplyCounter::default(),
        }
    }

    fn start(&mut self, random: &mut Random, keyspace: u64) -> io::Result<()> {
        self.batch.randomize(random, keyspace);
        self.written = 0;
        self.sent_at = Instant::now();
        self.flush()
    }

    /// Writes what the socket takes; the rest goes at the next writable event.
    fn flush(&mut self) -> io::Result<()> {
        while self.written < self.batch.bytes().len() {
            match self.stream.write(&self.batch.bytes()[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there. True when the batch is complete.
    fn receive(&mut self, run: &mut Run) -> io::Result<bool> {
        if self.missing == 0 {
            self.missing = run.pipeline;
        }
        loop {
            let count = match self.stream.read(&mut run.chunk) {
                Ok(0) => return Err(io::Error::other("the server closed the connection")),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            let complete = self.replies.feed(&run.chunk[..count])?;
            if complete > self.missing {
                return Err(io::Error::other("more replies than requests"));
            }
            if complete > 0 {
                let latency_ns = self.sent_at.elapsed().as_nanos() as u64;
                run.latencies.saturating_record_n(latency_ns.max(1), complete as u64);
                run.requests += complete as u64;
                self.missing -= complete;
            }
            if self.missing == 0 {
                return Ok(true);
            }
            if count < run.chunk.len() {
                return Ok(false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn load(words: &str, duration: Duration) -> Load {
        let words = crate::template::words(words, 0);
        Load { words, clients: 3, pipeline: 4, keyspace: 10, duration, seed: 1 }
    }

    /// Answers every line of three that a PING is with `reply`.
    fn answer(reply: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut stream = stream;
                    let mut buffer = [0; 4096];
                    let mut held = 0;
                    while let Ok(count @ 1..) = stream.read(&mut buffer) {
                        held += count;
                        let requests = held / b"*1\r\n$4\r\nPING\r\n".len();
                        held %= b"*1\r\n$4\r\nPING\r\n".len();
                        if stream.write_all(&reply.repeat(requests)).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    #[test]
    fn counts_whole_batches_and_orders_percentiles() {
        let outcome = run(answer(b"+PONG\r\n"), &load("PING", Duration::from_millis(50))).unwrap();
        assert!(outcome.requests >= 12 && outcome.requests.is_multiple_of(4), "{outcome:?}");
        assert!(outcome.p50_us <= outcome.p99_us && outcome.p99_us <= outcome.p999_us);
        assert!(outcome.p999_us <= outcome.max_us * 1.001 && outcome.p50_us > 0.0, "{outcome:?}");
    }

    #[test]
    fn an_error_reply_fails_the_run() {
        let error = run(answer(b"-ERR no\r\n"), &load("PING", Duration::from_millis(5))).unwrap_err();
        assert!(error.to_string().contains("ERR no"), "{error}");
    }
}
