//! Redis' own Tcl suite, with another server in the place of `redis-server`.
//!
//! The suite is not part of this project: the runner is given a folder with Redis' sources, copies its `tests/` into a
//! temporary work folder where `src/redis-server` is the server under test, and runs one unit at a time with
//! `--durable`, so that one broken test does not hide the rest of its unit. What the suite prints becomes a table.
//!
//! What is not to be run stands in a skip list with its reason ([`skips`]). An entry that skips nothing is an error.

pub mod report;
pub mod run;
pub mod skips;
