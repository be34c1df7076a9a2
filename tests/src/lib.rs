//! Proof from outside: a server is a process with a port, and these tests know nothing else of it.
//!
//! - [`server`] starts Rufous or a real `redis-server` in a folder of its own and stops it by its handle.
//! - [`conn`] talks to either over a blocking socket with timeouts; [`resp`] decodes what comes back. The decoder is
//!   written apart from the `protocol` room on purpose: a mistake there must not hide itself here.
//! - [`differential`] sends the same random commands to both and compares.
//! - [`wait`] lets time pass until something holds.
//! - [`restore_fuzz`] harms payloads of DUMP and looks whether the server outlives them.
//! - [`tidy`] and [`manifest`] read the workspace itself; [`upstream`] drives Redis' own Tcl suite.
//!
//! Invariants: a server binds 127.0.0.1 on a port that was free; no process outlives its handle; every wait has an end;
//! every random choice comes from a seed that a failure prints.

pub mod conn;
pub mod differential;
pub mod resp;
pub mod restore_fuzz;
pub mod seed;
pub mod server;
pub mod tidy;
pub mod upstream;
pub mod wait;
