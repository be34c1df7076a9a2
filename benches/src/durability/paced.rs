//! Paced load: so many writes a second, whether or not the server keeps up.
//!
//! An open loop. Batch `n` is due at a time that was set before the run, and its latency counts from that time: a server that
//! pauses delays all batches that fall due meanwhile, and all of them say so. From each latency the time is taken off that
//! the server's busiest thread, or this one, waited for its core (run delay): other tasks of the machine, not the server. Both
//! may have waited at the same time, so that only the longer of both waits is taken off.
//!
//! Beside each latency stands the CPU time that the server's busiest thread used meanwhile. Neither other tasks nor a
//! hypervisor that takes the core lengthen it, so that it tells pauses on a machine that is not quiet; waiting for a disk or a
//! lock is not in it.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::generator::LATENCY_MAX_NS;
use crate::procfs::{Schedule, ThreadSchedule};
use crate::resp::ReplyCounter;
use crate::template::{Random, Template};

const CONNECTIONS: usize = 4;
const CHUNK_BYTES: usize = 64 * 1024;
/// How long replies are waited for when nothing is due.
const PATIENCE: Duration = Duration::from_millis(20);
/// A server that is silent for so long has failed.
const STALL_LIMIT: Duration = Duration::from_secs(60);

/// What to send.
#[derive(Clone, Debug)]
pub struct Pace {
    /// The words of one batch, with `;` between its commands.
    pub words: Vec<String>,
    /// Commands in a second.
    pub writes_per_second: u64,
    /// Random numbers stay below it.
    pub keyspace: u64,
    /// Seed of the random numbers.
    pub seed: u64,
}

/// Of some durations, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quantiles {
    /// Half took no longer.
    pub p50_us: f64,
    /// 99 of 100 took no longer.
    pub p99_us: f64,
    /// 999 of 1000 took no longer.
    pub p999_us: f64,
    /// The longest.
    pub max_us: f64,
}

/// How long batches took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Commands answered in a second.
    pub requests_per_second: f64,
    /// From when they were due, without the time spent waiting for a core.
    pub net: Quantiles,
    /// Waiting for a core included.
    pub gross: Quantiles,
    /// CPU time that the server's busiest thread used meanwhile.
    pub cpu: Quantiles,
}

/// Sends for as long as `goes_on` says so of the time since the start, and waits for the last reply.
pub fn run(
    address: SocketAddr,
    pid: u32,
    pace: &Pace,
    mut goes_on: impl FnMut(Duration) -> bool,
) -> io::Result<Outcome> {
    // Without it the system may wake this thread 50 us after a batch was due.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
    let mut batch = Template::new(&pace.words);
    let timetable = Timetable { batch: batch.commands() as u64, per_second: pace.writes_per_second };
    let mut lines = (0..CONNECTIONS).map(|_| Line::open(address)).collect::<io::Result<Vec<Line>>>()?;
    let mut random = Random::new(pace.seed);
    let mut watch = Watch::new(pid)?;
    let mut seen = watch.look()?;
    let started = Instant::now();
    let (mut sent, mut sending, mut heard_at) = (0, true, Duration::ZERO);
    while sending || lines.iter().any(|line| !line.in_flight.is_empty()) {
        let now = started.elapsed();
        sending = sending && goes_on(now);
        while sending && timetable.due(sent) <= now {
            batch.randomize(&mut random, pace.keyspace);
            lines[sent as usize % CONNECTIONS].send(batch.bytes(), Sent { due: timetable.due(sent), seen });
            sent += 1;
        }
        let next = if sending { timetable.due(sent) } else { now + PATIENCE };
        wait(&mut lines, next.saturating_sub(started.elapsed()))?;
        seen = watch.look()?;
        for line in &mut lines {
            line.flush()?;
            line.receive(batch.commands(), |sent| {
                heard_at = started.elapsed();
                watch.record(heard_at.saturating_sub(sent.due), sent.seen, seen);
            })?;
        }
        if now.saturating_sub(heard_at) > STALL_LIMIT {
            return Err(io::Error::other(format!("no reply for {} s", STALL_LIMIT.as_secs())));
        }
    }
    for line in &lines {
        line.replies.refuse_errors()?;
    }
    Ok(watch.outcome(sent * timetable.batch, started.elapsed()))
}

/// When batches are due.
#[derive(Clone, Copy)]
struct Timetable {
    batch: u64,
    per_second: u64,
}

impl Timetable {
    fn due(self, index: u64) -> Duration {
        let ns =
            u128::from(index) * u128::from(self.batch) * 1_000_000_000 / u128::from(self.per_second.max(1));
        Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
    }
}

/// A batch on its way.
#[derive(Clone, Copy)]
struct Sent {
    due: Duration,
    /// What had been used and waited for by then.
    seen: Seen,
}

/// The schedules of the server's busiest thread and of this one.
#[derive(Clone, Copy, Default)]
struct Seen {
    server: Schedule,
    own: Schedule,
}

impl Seen {
    /// The longer of both waits since then, in nanoseconds.
    fn waited_ns(self, earlier: Seen) -> u64 {
        self.server.since(earlier.server).delay_ns.max(self.own.since(earlier.own).delay_ns)
    }

    /// What the server has worked since then, in nanoseconds.
    fn worked_ns(self, earlier: Seen) -> u64 {
        self.server.since(earlier.server).cpu_ns
    }
}

struct Line {
    stream: TcpStream,
    chunk: Vec<u8>,
    /// What the socket has not taken yet.
    unsent: Vec<u8>,
    in_flight: VecDeque<Sent>,
    /// Replies of the first batch in flight that have come.
    complete: usize,
    replies: ReplyCounter,
}

impl Line {
    fn open(address: SocketAddr) -> io::Result<Line> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Line {
            stream,
            chunk: vec![0; CHUNK_BYTES],
            unsent: Vec::new(),
            in_flight: VecDeque::new(),
            complete: 0,
            replies: ReplyCounter::default(),
        })
    }

    fn send(&mut self, bytes: &[u8], sent: Sent) {
        self.unsent.extend_from_slice(bytes);
        self.in_flight.push_back(sent);
        // What fails here fails again when it is flushed.
        let _ = self.flush();
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        while written < self.unsent.len() {
            match self.stream.write(&self.unsent[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.unsent.drain(..written);
        Ok(())
    }

    /// Reads what is there; tells of every batch that is complete.
    fn receive(&mut self, batch: usize, mut done: impl FnMut(Sent)) -> io::Result<()> {
        loop {
            let count = match self.stream.read(&mut self.chunk) {
                Ok(0) => return Err(io::Error::other("the server closed the connection")),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            self.complete += self.replies.feed(&self.chunk[..count])?;
            while self.complete >= batch {
                self.complete -= batch;
                done(
                    self.in_flight
                        .pop_front()
                        .ok_or_else(|| io::Error::other("more replies than requests"))?,
                );
            }
        }
    }
}

/// Waits until a line can be read, or one that has something to send can be written.
fn wait(lines: &mut [Line], limit: Duration) -> io::Result<()> {
    let mut polled: Vec<PollFd<'_>> = Vec::with_capacity(lines.len());
    for line in lines.iter() {
        let writes = if line.unsent.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        polled.push(PollFd::new(&line.stream, PollFlags::IN | writes));
    }
    let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
    match rustix::event::poll(&mut polled, Some(&limit)) {
        Err(rustix::io::Errno::INTR) => Ok(()),
        result => Ok(result.map(drop)?),
    }
}

/// What is known of all batches.
struct Watch {
    server: ThreadSchedule,
    own: ThreadSchedule,
    net: Histogram<u64>,
    gross: Histogram<u64>,
    cpu: Histogram<u64>,
}

impl Watch {
    fn new(pid: u32) -> io::Result<Watch> {
        let histogram = || Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3).map_err(io::Error::other);
        Ok(Watch {
            server: ThreadSchedule::of_busiest_thread(pid)?,
            own: ThreadSchedule::of_current_thread()?,
            net: histogram()?,
            gross: histogram()?,
            cpu: histogram()?,
        })
    }

    fn look(&self) -> io::Result<Seen> {
        Ok(Seen { server: self.server.read()?, own: self.own.read()? })
    }

    fn record(&mut self, latency: Duration, before: Seen, after: Seen) {
        let latency_ns = latency.as_nanos() as u64;
        self.gross.saturating_record(latency_ns.max(1));
        self.net.saturating_record(latency_ns.saturating_sub(after.waited_ns(before)).max(1));
        self.cpu.saturating_record(after.worked_ns(before).clamp(1, latency_ns.max(1)));
    }

    fn outcome(&self, requests: u64, elapsed: Duration) -> Outcome {
        Outcome {
            requests_per_second: requests as f64 / elapsed.as_secs_f64(),
            net: Quantiles::of(&self.net),
            gross: Quantiles::of(&self.gross),
            cpu: Quantiles::of(&self.cpu),
        }
    }
}

impl Quantiles {
    fn of(histogram: &Histogram<u64>) -> Quantiles {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        Quantiles { p50_us: at(0.5), p99_us: at(0.99), p999_us: at(0.999), max_us: at(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::procfs::tests::Idle;
    use crate::template::words;

    #[test]
    fn batches_are_due_at_even_distances() {
        let timetable = Timetable { batch: 10, per_second: 50_000 };
        for (index, us) in [(0, 0), (1, 200), (5000, 1_000_000), (50_000_000, 10_000_000_000)] {
            assert_eq!(timetable.due(index), Duration::from_micros(us), "{index}");
        }
    }

    #[test]
    fn waiting_for_a_core_is_no_latency_of_the_server() {
        let seen = |cpu_us: u64, server_us: u64, own_us: u64| Seen {
            server: Schedule { cpu_ns: cpu_us * 1000, delay_ns: server_us * 1000 },
            own: Schedule { cpu_ns: 0, delay_ns: own_us * 1000 },
        };
        let idle = Idle::start();
        let mut watch = Watch::new(idle.id()).unwrap();
        // Both wait: the longer wait counts.
        watch.record(Duration::from_micros(500), seen(10, 10, 10), seen(30, 410, 110));
        watch.record(Duration::from_micros(300), seen(10, 10, 10), seen(10, 10, 1010));
        // What the server worked before the batch was due is not its latency.
        watch.record(Duration::from_micros(50), seen(10, 10, 10), seen(90, 10, 10));
        let outcome = watch.outcome(3, Duration::from_secs(1));
        for (of, p50_us, max_us) in
            [(outcome.net, 50.0, 100.0), (outcome.gross, 300.0, 500.0), (outcome.cpu, 20.0, 50.0)]
        {
            assert!((of.p50_us - p50_us).abs() < 1.0 && (of.max_us - max_us).abs() < 1.0, "{outcome:?}");
        }
    }

    #[test]
    fn a_pause_is_seen_by_all_that_fell_due_in_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // Answers nothing for 50 ms, then everything.
        std::thread::spawn(move || {
            let request_len = b"*1\r\n$4\r\nPING\r\n".len();
            let streams: Vec<TcpStream> = listener.incoming().take(CONNECTIONS).flatten().collect();
            std::thread::sleep(Duration::from_millis(50));
            let answer = move |mut stream: TcpStream| {
                let (mut buffer, mut held) = ([0; 4096], 0);
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    held += count;
                    let requests = held / request_len;
                    held %= request_len;
                    if stream.write_all(&b"+PONG\r\n".repeat(requests)).is_err() {
                        return;
                    }
                }
            };
            for stream in streams {
                std::thread::spawn(move || answer(stream));
            }
        });
        let pace = Pace { words: words("PING", 0), writes_per_second: 2000, keyspace: 1, seed: 1 };
        let idle = Idle::start();
        let outcome = run(address, idle.id(), &pace, |now| now < Duration::from_millis(50)).unwrap();
        // All of them were due in it.
        assert!(outcome.gross.max_us > 40_000.0 && outcome.gross.p50_us > 1000.0, "{outcome:?}");
        assert!(outcome.requests_per_second > 0.0);
    }
}
