//! Commands through the engine without sockets: parse, look up, gates, handler, reply, statistics.
//!
//! One iteration takes a pipeline of request bytes the way the event loop does, window by window, and drops the reply. The
//! difference to a real server at the same depth is the kernel. Elements are commands.

mod cpu_time;

use std::hint::black_box;

use cpu_time::CpuTime;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rufous_benches::template::{Random, Template, words};
use rufous_protocol::{Batch, Limits, Parser};
use rufous_server::client::{Address, Client};
use rufous_server::clock::{Clock, wall_us};
use rufous_server::config::Config;
use rufous_server::dispatch::window;
use rufous_server::engine::Engine;
use rufous_server::log::Log;

const KEYSPACE: u64 = 1_000_000;
const SEED: u64 = 1;
/// Commands prepared: their keys must be more than the caches hold.
const COMMANDS: usize = 1 << 17;

/// An engine with one client, which is taken out of the registry while its requests run, as the event loop does.
struct Loop {
    engine: Engine,
    token: usize,
    parser: Parser,
    batch: Batch,
}

impl Loop {
    fn new() -> Loop {
        let config = Config::default();
        let log = Log::new(&config, wall_us);
        let Ok(mut engine) = Engine::new(config, log, Clock::new(), SEED) else {
            panic!("the default configuration is valid");
        };
        let nowhere = || Address::Unix(String::new());
        let token = engine.state.clients.add(|id, token| Client::new(id, token, nowhere(), nowhere(), 0, 0));
        Loop { engine, token, parser: Parser::new(), batch: Batch::new() }
    }

    /// Runs all requests of `bytes`; returns the length of the replies.
    fn run(&mut self, bytes: &[u8]) -> usize {
        let limits = Limits::default();
        let mut peer = self.engine.state.clients.take(self.token).expect("nobody removes it");
        let mut consumed = 0;
        while consumed < bytes.len() {
            self.batch.clear();
            self.parser.parse(bytes, &mut consumed, &limits, &mut self.batch, window::WINDOW);
            (peer, _) = window::run(&mut self.engine, peer, &mut self.batch, bytes, 0);
        }
        let replied = peer.out.len();
        peer.out.clear();
        self.engine.state.clients.put_back(peer);
        replied
    }

    fn fill(&mut self, line: &str, value_bytes: usize) {
        let mut template = Template::new(&words(line, value_bytes));
        for number in 0..KEYSPACE {
            template.number(number);
            self.run(template.bytes());
        }
    }
}

fn pipelines(line: &str, value_bytes: usize, depth: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(SEED);
    let mut template = Template::new(&words(line, value_bytes)).repeated(depth);
    (0..COMMANDS / depth)
        .map(|_| {
            template.randomize(&mut random, KEYSPACE);
            template.bytes().to_vec()
        })
        .collect()
}

fn dispatch(criterion: &mut Criterion<CpuTime>) {
    let mut server = Loop::new();
    server.fill("SET key:__rand_int__ __value__", 64);
    let mut group = criterion.benchmark_group("dispatch");
    let commands = [
        ("PING", "PING", b"+PONG\r\n".len()),
        ("GET hit", "GET key:__rand_int__", 64 + b"$64\r\n\r\n".len()),
        ("GET miss", "GET mis:__rand_int__", b"$-1\r\n".len()),
        ("SET", "SET key:__rand_int__ __value__", b"+OK\r\n".len()),
    ];
    for (name, line, reply_len) in commands {
        for depth in [1, 16, 64] {
            let requests = pipelines(line, 64, depth);
            let mut turns = requests.iter().cycle();
            group.throughput(Throughput::Elements(depth as u64));
            group.bench_function(BenchmarkId::new(name, depth), |bencher| {
                bencher.iter(|| {
                    let bytes = turns.next().expect("an endless iterator");
                    assert_eq!(server.run(black_box(bytes)), reply_len * depth);
                });
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = dispatch
}
criterion_main!(benches);
