//! The command loop: waits for sockets, reads, runs requests, writes, and does the periodic work.
//!
//! ```text
//! poll -> accept -> read + parse + run windows -> timers and cron -> flush dirty clients -> close doomed ones
//! ```
//!
//! epoll is edge-triggered: after a short read a connection is not read again, and writability is asked for only after
//! a short write. Every client with output is written once per turn.
//!
//! Invariants: a token is the same index in `conns` and in the engine's registry; a client is closed only in
//! [`EventLoop::settle`], never while its requests run; a connection with `readable` set and nothing stalled stands in
//! `again`, or was just read to its end.

use super::accept;
use super::conn::{IoConn, Stalled};
use super::listeners::LISTENER_BASE;
use super::stream::Stream;
use crate::blocking::{self, Wait};
use crate::client::output::would_block;
use crate::client::{Client, Closing, Peer, eviction as eviction_of_clients};
use crate::dispatch::window;
use crate::engine::{Engine, EngineSpecial, State};
use crate::persistence::aof;
use crate::persistence::load::{self, Host, LoadError};
use crate::shutdown::{self, Shutdown, Signal};
use crate::store::Store;
use crate::{clock, cron, eviction, limits, tracking};
use mio::{Events, Interest, Poll, Token};
use rufous_persistence::disk::system_text;
use rufous_protocol::request::{Batch, Parser, Progress};
use rufous_storage::memory;
use slab::Slab;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Bytes that one read asks for.
const READ_LEN: usize = 64 * 1024;
/// Bytes that a read into a connection's own buffer asks for, unless a whole read of the shared one led to it.
const OWN_READ_LEN: usize = 16 * 1024;
/// Reads of one connection before the others get their turn.
const READS_PER_TURN: usize = 4;
const WAKER: Token = Token(usize::MAX - 1);

/// Clients, by token and id, whose output waits for the disk.
struct Held {
    /// The offset in the stream of writes.
    until: u64,
    clients: Vec<(usize, u64)>,
}

/// How far accepting came.
enum Accepted {
    /// Nobody waits any more.
    All,
    /// There may be more.
    SomeWait,
    /// The system refused.
    Failed,
}

/// What another thread can ask of the loop.
#[derive(Default)]
pub struct Signals {
    /// Stop, as the handle asks.
    pub stop: AtomicBool,
    /// SIGTERM has come.
    pub terminate: Arc<AtomicBool>,
    /// SIGINT has come.
    pub interrupt: Arc<AtomicBool>,
}

/// See the file head.
pub struct EventLoop {
    poll: Poll,
    /// The engine that the loop drives.
    pub engine: Engine,
    conns: Slab<IoConn>,
    /// Shared by all connections without left-over input.
    buffer: Vec<u8>,
    batch: Batch,
    /// Connections that may have more to read.
    again: Vec<usize>,
    /// Listeners that may have more to accept.
    accepting: Vec<usize>,
    /// Listeners that ran into a limit such as that of open files: they get no new edge, so the cron tries again.
    refused: Vec<usize>,
    spare_dirty: Vec<usize>,
    /// Connections whose output waits for the stream of writes to be on disk, in that order.
    held: VecDeque<Held>,
    /// As far as the loop was told.
    disk_fails: bool,
    signals: Arc<Signals>,
    /// Our ends of waking sockets. What comes is not read: every write wakes by itself.
    wakers: Vec<mio::net::UnixStream>,
    next_cron_ms: i64,
}

impl EventLoop {
    /// A loop over the engine's listeners. `signals` and the waker are how other threads reach it.
    pub fn new(mut engine: Engine, signals: Arc<Signals>) -> io::Result<(EventLoop, Arc<mio::Waker>)> {
        let poll = Poll::new()?;
        let waker = Arc::new(mio::Waker::new(poll.registry(), WAKER)?);
        engine.state.listeners.register(poll.registry().try_clone()?)?;
        let accepting = engine.state.listeners.indices().collect();
        engine.state.persistence.waker = Some(waker.clone());
        engine.state.persistence.interrupt = signals.interrupt.clone();
        engine.state.startup_bytes = memory::used_bytes() as u64;
        let this = EventLoop {
            poll,
            engine,
            conns: Slab::new(),
            buffer: vec![0; READ_LEN],
            batch: Batch::new(),
            again: Vec::new(),
            accepting,
            refused: Vec::new(),
            spare_dirty: Vec::new(),
            held: VecDeque::new(),
            disk_fails: false,
            signals,
            wakers: Vec::new(),
            next_cron_ms: 0,
        };
        Ok((this, waker))
    }

    /// A socket that wakes the loop when it is written to.
    pub fn waking_socket(&mut self) -> io::Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        let mut ours = mio::net::UnixStream::from_std(ours);
        self.poll.registry().register(&mut ours, WAKER, Interest::READABLE)?;
        self.wakers.push(ours);
        Ok(theirs)
    }

    /// Runs until a shutdown is carried out; returns the exit status.
    pub fn run(&mut self) -> io::Result<i32> {
        let mut events = Events::with_capacity(1024);
        loop {
            let timeout = self.timeout();
            self.turn(&mut events, timeout)?;
            if let Some(status) = self.shut_down_if_asked() {
                return Ok(status);
            }
        }
    }

    /// Fills the databases from the disk, before [`EventLoop::run`]; clients are told that the server is loading. Gives the
    /// exit status if the server was told to end meanwhile.
    pub fn load(&mut self) -> Result<Option<i32>, LoadError> {
        match load::at_start(self) {
            Err(LoadError::Interrupted) => Ok(self.shut_down_if_asked()),
            loaded => loaded.map(|()| None),
        }
    }

    /// Waits for something to do, at most so long, and does it.
    fn turn(&mut self, events: &mut Events, timeout: Duration) -> io::Result<()> {
        match self.poll.poll(events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let again = std::mem::take(&mut self.again);
        self.engine.state.clock.refresh();
        self.engine.store.follow_clock(self.engine.state.clock.now_ms());
        let started_ns = self.engine.state.clock.last_tick();
        let commands_before = self.engine.state.stats.commands;
        for event in &*events {
            self.on_event(event);
        }
        self.accept_all();
        self.read_again(again);
        self.run_timers();
        self.heed_disk();
        tracking::broadcast(&mut self.engine.state);
        self.settle();
        self.evict_clients();
        let duration_ns = self.engine.state.clock.tick() - started_ns;
        let stats = &mut self.engine.state.stats;
        // RESETSTAT may have come in between.
        stats.turns.note(duration_ns, stats.commands.saturating_sub(commands_before));
        Ok(())
    }

    /// How long there is nothing to do but what sockets bring.
    fn timeout(&self) -> Duration {
        let State { eviction, cron, pause, blocking, clock, .. } = &self.engine.state;
        let background = eviction.is_pending() || cron.more_expired;
        if self.again.is_empty() && self.accepting.is_empty() && !background {
            let pause_ms = pause.deadline_ms().map_or(i64::MAX, |deadline| deadline - clock.now_ms());
            let cron_ms = self.next_cron_ms - real_now_ms();
            let deadline_us = blocking.next_deadline_us().unwrap_or(u64::MAX);
            let wait_ms = deadline_us.saturating_sub(clock.now_us()).div_ceil(1000);
            Duration::from_millis((cron_ms.min(pause_ms).clamp(0, 1000) as u64).min(wait_ms))
        } else {
            Duration::ZERO
        }
    }

    fn on_event(&mut self, event: &mio::event::Event) {
        let token = event.token();
        if token == WAKER {
            return;
        }
        if token.0 >= LISTENER_BASE {
            self.accepting.push(token.0 - LISTENER_BASE);
            return;
        }
        if event.is_writable() && self.conns.get(token.0).is_some_and(|conn| conn.wants_write) {
            self.flush(token.0);
        }
        if (event.is_readable() || event.is_error() || event.is_read_closed())
            && let Some(conn) = self.conns.get_mut(token.0)
        {
            conn.readable = true;
            conn.ended |= event.is_read_closed();
            self.serve(token.0);
        }
    }

    // ---- accepting ----

    fn accept_all(&mut self) {
        for index in std::mem::take(&mut self.accepting) {
            match self.accept_from(index) {
                Accepted::All => {}
                Accepted::SomeWait => self.accepting.push(index),
                Accepted::Failed => self.refused.push(index),
            }
        }
    }

    fn accept_from(&mut self, index: usize) -> Accepted {
        for _ in 0..self.engine.state.config.max_new_connections_per_cycle {
            let Some(listener) = self.engine.state.listeners.get(index) else { return Accepted::All };
            match listener.accept() {
                Ok((stream, remote, local)) => self.admit(stream, remote, local),
                Err(error) if would_block(&error) => return Accepted::All,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.engine.state.log.warning(format_args!(
                        "Accepting client connection: accept: {}",
                        system_text(&error)
                    ));
                    return Accepted::Failed;
                }
            }
        }
        Accepted::SomeWait
    }

    fn admit(&mut self, stream: Stream, remote: crate::client::Address, local: crate::client::Address) {
        let state = &mut self.engine.state;
        if state.clients.len() >= state.config.maxclients as usize {
            state.stats.rejected_connections += 1;
            refuse(stream, accept::TOO_MANY_CLIENTS);
            return;
        }
        if limits::is_unprotected_stranger(&state.config, &remote) {
            state.stats.rejected_connections += 1;
            refuse(stream, accept::PROTECTED_MODE);
            return;
        }
        accept::set_options(&stream, &state.config);
        state.stats.connections += 1;
        let now = state.clock.now_ms();
        let fd = stream.fd();
        let mut conn = IoConn::new(stream);
        let token = state.clients.add(|id, token| Client::new(id, token, remote, local, fd, now));
        if let Some(peer) = state.clients.get_mut(token) {
            crate::acl::greet(&state.config, &mut peer.client);
        }
        let registered = conn.stream.register(self.poll.registry(), Token(token), Interest::READABLE);
        let entry = self.conns.vacant_entry();
        debug_assert_eq!(entry.key(), token, "registry and connections allot tokens alike");
        entry.insert(conn);
        if registered.is_err() {
            state.clients.close(token, Closing::Now);
        }
    }

    // ---- reading ----

    /// Serves those that the turn before left unfinished: what they wrote has been sent since.
    fn read_again(&mut self, tokens: Vec<usize>) {
        for token in tokens {
            if self.conns.contains(token) {
                self.serve(token);
            }
        }
    }

    /// Reads what has come from a client and runs it.
    fn serve(&mut self, token: usize) {
        if self.conns[token].held {
            return;
        }
        let Some(mut peer) = self.engine.state.clients.take(token) else { return };
        for turn in 0.. {
            let conn = &self.conns[token];
            if peer.client.blocked.is_some() {
                // Nothing is read, but who hangs up does not go on waiting.
                if conn.ended && peer.client.closing.is_none() {
                    limits::log_client_closed(&self.engine.state, &peer);
                    peer.client.close(Closing::AfterReply);
                }
                break;
            }
            if !conn.readable || conn.stalled.is_some() || peer.client.closing.is_some() {
                break;
            }
            // Replies to what came before the end are sent once before the end is acted on.
            let answer_first = turn > 0 && conn.ended && !peer.out.is_empty();
            if turn == READS_PER_TURN || answer_first {
                self.again.push(token);
                break;
            }
            peer = self.read_once(peer);
        }
        self.engine.state.put_back(peer);
        self.evict_clients();
    }

    fn evict_clients(&mut self) {
        if eviction_of_clients::evict(&mut self.engine.state) {
            self.settle();
        }
    }

    fn read_once(&mut self, mut peer: Box<Peer>) -> Box<Peer> {
        let token = peer.client.token;
        let conn = &mut self.conns[token];
        let state = &mut self.engine.state;
        state.stats.reads += 1;
        let outcome = if let Some(target) = conn.parser.large_target() {
            conn.flows = false;
            // Appends into spare capacity; what came before an error is kept.
            let before = target.bytes.len();
            let spare = (target.bytes.capacity() - before).min(target.missing);
            let result = (&mut conn.stream).take(spare as u64).read_to_end(target.bytes);
            let got = target.bytes.len() - before;
            match result {
                Err(error) if got == 0 => Err(error),
                _ => Ok((got, spare)),
            }
        } else if conn.input.is_empty() {
            let result = conn.stream.read(&mut self.buffer).map(|n| (n, READ_LEN));
            conn.flows = matches!(result, Ok((READ_LEN, _)));
            result
        } else {
            // The rest of one request is short; a stream of them that was cut somewhere is not.
            conn.input.reserve(if conn.flows { READ_LEN } else { OWN_READ_LEN });
            let spare = conn.input.capacity() - conn.input.len();
            conn.stream.append_to(&mut conn.input).map(|n| (n, spare))
        };
        match outcome {
            Ok((0, _)) if !conn.ended && !peer.out.is_empty() => conn.ended = true,
            Ok((0, _)) => {
                conn.readable = false;
                limits::log_client_closed(state, &peer);
                peer.client.close(Closing::Now);
            }
            Ok((got, asked)) => {
                // Edge-triggered: a short read emptied the socket, the next bytes bring their own event. An end that was
                // announced together with these bytes does not.
                conn.readable = got == asked || conn.ended;
                state.stats.net_in_bytes += got as u64;
                peer.client.net_in_bytes += got as u64;
                let shared = conn.input.is_empty() && conn.parser.is_idle();
                return self.parse_and_run(peer, if shared { got } else { 0 });
            }
            Err(error) if would_block(&error) => conn.readable = false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => {
                conn.readable = false;
                peer.client.close(Closing::Now);
            }
        }
        peer
    }

    /// Parses and runs. `fresh` bytes stand in the shared buffer, or (0) everything stands in the connection's own.
    fn parse_and_run(&mut self, mut peer: Box<Peer>, fresh: usize) -> Box<Peer> {
        let EventLoop { conns, engine, batch, buffer, .. } = self;
        let conn = &mut conns[peer.client.token];
        let buf: &[u8] = if fresh > 0 { &buffer[..fresh] } else { &conn.input };
        peer.client.query_buffer_peak = peer.client.query_buffer_peak.max(buf.len());
        peer.client.query_buffer_len = buf.len();
        let mut consumed = 0;
        let mut stalled_at = None;
        loop {
            let limits = limits::request_limits(&engine.state.config, &peer.client);
            batch.clear();
            let progress = conn.parser.parse(buf, &mut consumed, &limits, batch, window::WINDOW);
            if !batch.is_empty() {
                if engine.state.client_memory.is_limited()
                    && !eviction_of_clients::admit(&mut engine.state, &mut peer, buf.len() + batch.memory())
                {
                    break;
                }
                let stopped;
                (peer, stopped) = window::run(engine, peer, batch, buf, 0);
                if stopped < batch.len() {
                    stalled_at = Some(stopped);
                    break;
                }
            }
            if peer.client.closing.is_some() || peer.client.blocked.is_some() {
                break;
            }
            match progress {
                Progress::Full => {}
                Progress::NeedMore => break,
                Progress::Failed(failure) => {
                    limits::protocol_error(engine, &mut peer, failure, &buf[consumed..]);
                    break;
                }
            }
        }
        keep_rest(conn, buffer, fresh, consumed, stalled_at, batch);
        peer.client.query_buffer_len = conn.input.len() + conn.parser.large_len();
        peer.client.query_buffer_capacity = conn.input.capacity() + conn.parser.memory();
        peer.client.argument_bytes = conn.parser.argument_bytes();
        limits::check_query_buffer(engine, &mut peer);
        peer
    }

    /// Goes on with what stands behind a wait: requests that CLIENT PAUSE or a blocking command held back.
    fn resume(&mut self, token: usize) {
        if let Some(conn) = self.conns.get_mut(token)
            && conn.held
        {
            conn.resumes = true;
            return;
        }
        let Some(mut peer) = self.engine.state.clients.take(token) else { return };
        let EventLoop { conns, engine, .. } = self;
        let conn = &mut conns[token];
        if let Some(mut stalled) = conn.stalled.take() {
            peer.client.postponed = false;
            let buf = &conn.input;
            (peer, stalled.next) = window::run(engine, peer, &mut stalled.batch, buf, stalled.next);
            if stalled.next < stalled.batch.len() {
                conn.stalled = Some(stalled);
            } else {
                conn.input.drain(..stalled.consumed);
            }
        }
        let runs = |peer: &Peer| peer.client.closing.is_none() && peer.client.blocked.is_none();
        if conn.stalled.is_none() && !conn.input.is_empty() && runs(&peer) {
            peer = self.parse_and_run(peer, 0);
        }
        let conn = &self.conns[token];
        if conn.readable && conn.stalled.is_none() {
            self.again.push(token);
        }
        self.engine.state.put_back(peer);
    }

    // ---- timers ----

    fn run_timers(&mut self) {
        let now = self.engine.state.clock.now_ms();
        if self.engine.state.pause.is_active() {
            self.engine.state.pause.expire(now);
        }
        if !self.engine.state.pause.is_active() && self.engine.state.special.contains(EngineSpecial::PAUSED) {
            self.engine.state.special.remove(EngineSpecial::PAUSED);
            self.resume_all();
        }
        cron::expire_keys(&mut self.engine);
        blocking::expire(&mut self.engine);
        if self.engine.state.blocking.has_ready() {
            blocking::serve(&mut self.engine);
        }
        while let Some(token) = self.engine.state.blocking.next_released() {
            self.resume(token);
        }
        eviction::go_on(&mut self.engine);
        let real_now = real_now_ms();
        if real_now >= self.next_cron_ms {
            self.next_cron_ms = real_now + i64::from(1000 / self.engine.state.hz.max(1));
            self.accepting.append(&mut self.refused);
            if let Some(process) = &self.engine.state.process {
                process.watchdog.beat();
            }
            if !self.engine.state.switches.cron_paused {
                self.run_cron();
            }
        }
        self.heed_signals();
    }

    fn heed_signals(&mut self) {
        let Signals { terminate, interrupt, stop } = &*self.signals;
        let Engine { store, state } = &mut self.engine;
        for (flag, signal) in
            [(&**terminate, Signal::Terminate), (&**interrupt, Signal::Interrupt), (stop, Signal::Handle)]
        {
            if flag.swap(false, Ordering::Relaxed) {
                shutdown::on_signal(state, signal);
            }
        }
        // A stopped cron keeps a signal waiting, but not the handle.
        if !state.switches.cron_paused || state.shutdown == Shutdown::Signalled(Signal::Handle) {
            shutdown::heed_signal(store, state);
        }
    }

    /// CLIENT PAUSE is over.
    fn resume_all(&mut self) {
        for token in self.engine.state.clients.tokens() {
            let waits_for =
                |peer: &Peer| peer.client.blocked.as_ref().map(|blocked| blocked.wait == Wait::Pause);
            match self.engine.state.clients.get(token).and_then(waits_for) {
                Some(true) => blocking::run_again(&mut self.engine, token),
                Some(false) => {}
                None if self.conns.get(token).is_some_and(|conn| conn.stalled.is_some()) => {
                    self.resume(token)
                }
                None => {}
            }
        }
    }

    fn run_cron(&mut self) {
        let started_ns = self.engine.state.clock.tick();
        let clients = cron::next_clients(&mut self.engine.state);
        self.trim_input_buffers(&clients);
        cron::run(&mut self.engine, &clients);
        self.engine.state.stats.cron_ns += self.engine.state.clock.tick() - started_ns;
    }

    /// Gives back read buffers that a past request needed and the present one does not.
    fn trim_input_buffers(&mut self, tokens: &[usize]) {
        let state = &mut self.engine.state;
        for &token in tokens {
            let (Some(conn), Some(peer)) = (self.conns.get_mut(token), state.clients.get_mut(token)) else {
                continue;
            };
            let capacity = conn.input.capacity();
            let peak = std::mem::replace(&mut peer.client.query_buffer_peak, conn.input.len());
            let idle = state.clock.now_ms() - peer.client.active_ms > 2000;
            if conn.stalled.is_none()
                && capacity - conn.input.len() > 4096
                && (idle || capacity / 2 > peak.max(32 * 1024))
            {
                conn.input.shrink_to(if idle { 0 } else { peak });
            }
            if idle && conn.parser.is_idle() {
                conn.parser = Parser::new();
            }
            peer.client.query_buffer_capacity = conn.input.capacity() + conn.parser.memory();
        }
    }

    // ---- writing and closing ----

    /// Flushes every dirty client and closes those that are to be closed.
    fn settle(&mut self) {
        let Engine { store, state } = &mut self.engine;
        aof::hand_over(store, state, state.clients.dirty_len());
        let offset = store.effects.writes.offset();
        while self.engine.state.clients.has_dirty() {
            let spare = std::mem::take(&mut self.spare_dirty);
            let mut dirty = self.engine.state.clients.take_dirty(spare);
            if aof::hold::holds(&self.engine.state, offset) {
                self.hold(&mut dirty, offset);
            }
            for token in dirty.drain(..) {
                self.flush(token);
            }
            self.spare_dirty = dirty;
        }
    }

    /// Keeps what clients are to be sent until the stream of writes is on disk up to `until`. Those that are to be closed at
    /// once stay in the list.
    #[cold]
    fn hold(&mut self, dirty: &mut Vec<usize>, until: u64) {
        let mut clients = Vec::with_capacity(dirty.len());
        let EventLoop { engine, conns, .. } = self;
        dirty.retain(|&token| {
            let (Some(conn), Some(peer)) = (conns.get_mut(token), engine.state.clients.get_mut(token)) else {
                return false;
            };
            if peer.client.closing == Some(Closing::Now) {
                return true;
            }
            peer.client.is_dirty = false;
            conn.held = true;
            clients.push((token, peer.client.id));
            false
        });
        self.held.push_back(Held { until, clients });
    }

    /// Sends what waited for the disk, and goes on with whose it is.
    fn release_held(&mut self) {
        let confirmed = aof::hold::confirmed(&self.engine.state);
        while self.held.front().is_some_and(|held| held.until <= confirmed) {
            let Some(held) = self.held.pop_front() else { return };
            for (token, id) in held.clients {
                if self.engine.state.clients.get(token).is_some_and(|peer| peer.client.id == id) {
                    self.release(token);
                }
            }
        }
    }

    fn release(&mut self, token: usize) {
        self.conns[token].held = false;
        self.flush(token);
        let Some(conn) = self.conns.get_mut(token) else { return };
        if std::mem::take(&mut conn.resumes) {
            self.resume(token);
        } else if conn.readable && conn.stalled.is_none() {
            self.again.push(token);
        }
    }

    /// What the threads of the append-only file have told.
    fn heed_disk(&mut self) {
        let Engine { store, state } = &mut self.engine;
        aof::poll(store, state);
        aof::hold::release_waits(store, state);
        if !self.held.is_empty() {
            self.release_held();
        }
        let fails = self.engine.state.persistence.aof.failure().is_some();
        if fails != std::mem::replace(&mut self.disk_fails, fails) && fails {
            self.release_readers();
        }
    }

    /// The disk fails: only who wrote goes on waiting for it. Those who happened to be served beside a write do not.
    #[cold]
    fn release_readers(&mut self) {
        let confirmed = aof::hold::confirmed(&self.engine.state);
        let clients = &self.engine.state.clients;
        let mut readers = Vec::new();
        for held in &mut self.held {
            held.clients.retain(|&(token, id)| match clients.get(token).map(|peer| &peer.client) {
                Some(client) if client.id == id && client.written_to > confirmed => true,
                Some(client) if client.id == id => {
                    readers.push(token);
                    false
                }
                // It is gone.
                _ => false,
            });
        }
        for token in readers {
            self.release(token);
        }
    }

    fn flush(&mut self, token: usize) {
        let (Some(conn), Some(peer)) = (self.conns.get_mut(token), self.engine.state.clients.get_mut(token))
        else {
            return;
        };
        peer.client.is_dirty = false;
        if conn.held && peer.client.closing != Some(Closing::Now) {
            return;
        }
        let state_stats = &mut self.engine.state.stats;
        if peer.client.closing != Some(Closing::Now) && !peer.out.is_empty() {
            let stream = &mut conn.stream;
            let stats = &mut *state_stats;
            let result = peer.out.flush(|slices| {
                stats.writes += 1;
                stream.write_vectored(slices)
            });
            match result {
                Ok(n) => {
                    state_stats.net_out_bytes += n as u64;
                    peer.client.net_out_bytes += n as u64;
                }
                Err(error) if would_block(&error) => {}
                Err(_) => peer.client.close(Closing::Now),
            }
            let pending = !peer.out.is_empty();
            peer.client.awaits_write = pending;
            if pending != conn.wants_write {
                conn.wants_write = pending;
                let interest =
                    if pending { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
                if conn.stream.reregister(self.poll.registry(), Token(token), interest).is_err() {
                    peer.client.close(Closing::Now);
                }
            }
        }
        self.engine.state.client_memory.count(&mut peer.client, &peer.out);
        match peer.client.closing {
            Some(Closing::Now) => self.close(token),
            Some(Closing::AfterReply) if peer.out.is_empty() => self.close(token),
            _ => {}
        }
    }

    fn close(&mut self, token: usize) {
        self.conns.try_remove(token);
        if let Some(peer) = self.engine.state.clients.remove(token) {
            self.engine.forget(*peer);
        }
    }

    // ---- ending ----

    fn shut_down_if_asked(&mut self) -> Option<i32> {
        let Shutdown::Decided(request) = self.engine.state.shutdown else { return None };
        if shutdown::before_exit(&mut self.engine) {
            // Replies that are already written out must not be lost with the process.
            self.release_held();
            self.settle();
        }
        self.engine.state.listeners.close();
        Some(request.status)
    }
}

impl Host for EventLoop {
    fn engine(&mut self) -> (&mut Store, &mut State) {
        (&mut self.engine.store, &mut self.engine.state)
    }

    fn serve_clients(&mut self) {
        let mut events = Events::with_capacity(64);
        if let Err(error) = self.turn(&mut events, Duration::ZERO) {
            self.engine.state.log.warning(format_args!("The event loop failed: {}", system_text(&error)));
        }
    }
}

/// The system's time, which goes on when the engine's is frozen: the loop itself is never to stop.
fn real_now_ms() -> i64 {
    (clock::wall_us() / 1000) as i64
}

/// Keeps what was not consumed for the next read.
fn keep_rest(
    conn: &mut IoConn,
    buffer: &[u8],
    fresh: usize,
    consumed: usize,
    stalled_at: Option<usize>,
    batch: &mut Batch,
) {
    let moved = conn.parser.take_moved();
    if fresh > 0 {
        // A stalled batch points at the buffer from its start on.
        let from = if stalled_at.is_some() { 0 } else { consumed };
        conn.input.extend_from_slice(&buffer[from..fresh - moved]);
    } else {
        conn.input.truncate(conn.input.len() - moved);
        if stalled_at.is_none() {
            conn.input.drain(..consumed);
        }
    }
    if let Some(next) = stalled_at {
        conn.stalled = Some(Box::new(Stalled { batch: std::mem::take(batch), next, consumed }));
    }
}

/// Tells a connection why it is not wanted and drops it.
fn refuse(mut stream: Stream, why: &[u8]) {
    // Best effort: it is closed either way.
    let _ = stream.write_vectored(&[io::IoSlice::new(why)]);
}
