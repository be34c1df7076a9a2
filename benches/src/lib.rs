//! The side-by-side runner: starts Rufous and its peers in turn in one run and reports paired ratios.
//!
//! What it measures and how, from the outside in:
//! - `speed`: throughput, latency percentiles and server CPU per command, in interleaved rounds;
//! - `memory`: resident bytes per key for a number of datasets;
//! - `pause`: the longest pauses while many keys are inserted, and memory over that growth;
//! - `durability`: latency, memory and time of snapshots, of loading them, and the append-only file's throughput;
//! - `report`: the same numbers as an aligned table, as JSON and as one self-contained HTML page.
//!
//! Invariants: a server is judged from outside only (its sockets and /proc), every server gets the same
//! arguments and the same bytes, and only one server may run while another is being measured.

pub mod cases;
pub mod durability;
pub mod generator;
pub mod memory;
pub mod pause;
pub mod procfs;
pub mod redis_benchmark;
pub mod report;
pub mod resp;
pub mod server;
pub mod speed;
pub mod statistics;
pub mod template;
