//! What unit tests need that run whole commands: an engine with a frozen clock, driven as the event loop drives it, without
//! sockets.

use crate::acl;
use crate::blocking::{expire, serve};
use crate::client::{Address, Client, Special};
use crate::clock::Clock;
use crate::config::Config;
use crate::dispatch::window;
use crate::engine::Engine;
use crate::log::Log;
use rufous_protocol::request::{Batch, Limits, Parser};
use std::time::Duration;

/// See the file head.
pub struct Bench {
    /// The engine.
    pub engine: Engine,
}

impl Default for Bench {
    fn default() -> Bench {
        Bench::with(Config::default())
    }
}

impl Bench {
    /// With a configuration.
    pub fn with(config: Config) -> Bench {
        let mut engine = Engine::new(config, Log::nowhere(), Clock::new(), 1).unwrap();
        engine.state.clock.freeze();
        Bench { engine }
    }

    /// A new client's token.
    pub fn connect(&mut self) -> usize {
        let nowhere = Address::Unix("/".into());
        let now = self.engine.state.clock.now_ms();
        let state = &mut self.engine.state;
        let token = state.clients.add(|id, token| Client::new(id, token, nowhere.clone(), nowhere, -1, now));
        acl::greet(&state.config, &mut state.clients.get_mut(token).unwrap().client);
        token
    }

    /// Runs inline requests of a client, a line each; returns how many ran. What stands behind a wait is dropped.
    pub fn run(&mut self, token: usize, lines: &str) -> usize {
        let text = format!("{lines}\r\n");
        let (mut batch, mut consumed) = (Batch::new(), 0);
        Parser::default().parse(
            text.as_bytes(),
            &mut consumed,
            &Limits::default(),
            &mut batch,
            window::WINDOW,
        );
        let peer = self.engine.state.clients.take(token).expect("a client");
        let (peer, ran) = window::run(&mut self.engine, peer, &mut batch, text.as_bytes(), 0);
        self.engine.state.put_back(peer);
        ran
    }

    /// The same; what the client was sent since it was last asked, with `|` for line ends.
    pub fn ask(&mut self, token: usize, lines: &str) -> String {
        self.run(token, lines);
        self.sent(token)
    }

    /// What a client was sent since this was last asked.
    pub fn sent(&mut self, token: usize) -> String {
        let peer = self.engine.state.clients.get_mut(token).expect("a client");
        let sent = std::mem::take(&mut peer.out.tail);
        String::from_utf8(sent).unwrap().trim_end().replace("\r\n", "|")
    }

    /// Lets time pass, then does what the loop does between turns. Returns who was released.
    pub fn advance(&mut self, ms: u64) -> Vec<usize> {
        self.engine.state.clock.advance(Duration::from_millis(ms));
        expire(&mut self.engine);
        serve(&mut self.engine);
        std::iter::from_fn(|| self.engine.state.blocking.next_released()).collect()
    }

    /// Ends a connection.
    pub fn close(&mut self, token: usize) {
        let peer = self.engine.state.clients.remove(token).expect("a client");
        self.engine.forget(*peer);
    }

    /// Does a client wait inside a command?
    pub fn waits(&self, token: usize) -> bool {
        let client = &self.engine.state.clients.get(token).expect("a client").client;
        assert_eq!(client.blocked.is_some(), client.special.contains(Special::BLOCKED));
        client.blocked.is_some()
    }
}
