//! Request parser: whole pipelines, and pipelines that arrive in pieces.
//!
//! The figure is time per pipeline; elements are requests. The batch is reused, as a connection does it.

mod cpu_time;

use cpu_time::CpuTime;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rufous_benches::template::{Random, Template, words};
use rufous_protocol::{Batch, Limits, Parser};
use std::hint::black_box;

const DEPTHS: [usize; 3] = [1, 16, 64];
/// A read that ends in the middle of a request, as one of a fixed size does.
const PIECE_BYTES: usize = 1000;

fn pipeline(line: &str, value_bytes: usize, depth: usize) -> Vec<u8> {
    let mut template = Template::new(&words(line, value_bytes)).repeated(depth);
    template.randomize(&mut Random::new(1), 1_000_000);
    template.bytes().to_vec()
}

/// Parses all of `bytes`, handed over in pieces that grow the buffer, and returns how many arguments there were.
fn parse(parser: &mut Parser, batch: &mut Batch, bytes: &[u8], piece: usize) -> usize {
    let limits = Limits::default();
    let mut consumed = 0;
    let mut upto = 0;
    batch.clear();
    while upto < bytes.len() {
        upto = upto.saturating_add(piece).min(bytes.len());
        parser.parse(&bytes[..upto], &mut consumed, &limits, batch, usize::MAX);
    }
    assert_eq!(consumed, bytes.len());
    (0..batch.len()).map(|request| batch.request(request, bytes).len()).sum()
}

fn parser(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("parser");
    let commands = [
        ("GET", "GET key:__rand_int__", 0),
        ("SET 64 B", "SET key:__rand_int__ __value__", 64),
        ("SET 1 KB", "SET key:__rand_int__ __value__", 1024),
    ];
    for (name, line, value_bytes) in commands {
        for depth in DEPTHS {
            let bytes = pipeline(line, value_bytes, depth);
            group.throughput(Throughput::Elements(depth as u64));
            let (mut parser, mut batch) = (Parser::new(), Batch::new());
            group.bench_function(BenchmarkId::new(name, depth), |bencher| {
                bencher.iter(|| parse(&mut parser, &mut batch, black_box(&bytes), usize::MAX));
            });
        }
    }
    let bytes = pipeline("SET key:__rand_int__ __value__", 64, 64);
    group.throughput(Throughput::Elements(64));
    let (mut parser, mut batch) = (Parser::new(), Batch::new());
    group.bench_function("SET 64 B in pieces/64", |bencher| {
        bencher.iter(|| parse(&mut parser, &mut batch, black_box(&bytes), PIECE_BYTES));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = parser
}
criterion_main!(benches);
