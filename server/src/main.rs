//! The thin binary: everything lives in the library.

fn main() {
    std::process::exit(rufous_server::run(std::env::args_os()));
}
