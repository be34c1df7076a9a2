//! The server as the tests of this room start it. Cargo builds the binaries of a package before
//! its integration tests, so `cargo test` on a fresh clone always has a server to talk to.

fn main() {
    std::process::exit(rufous_server::run(std::env::args_os()));
}
