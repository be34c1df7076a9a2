//! The thin binary: everything lives in the library.

fn main() -> std::process::ExitCode {
    rufous_server::run(std::env::args_os())
}
