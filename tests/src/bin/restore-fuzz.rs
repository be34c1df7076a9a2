//! Restores harmed payloads on a server for as long as asked, and says so when it does not outlive one.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, io};

use rufous_tests::restore_fuzz::{Failure, Tally, round};
use rufous_tests::server::Server;

const USAGE: &str = "usage: restore-fuzz --server BINARY [--seconds N] [--seed N]

  --server BINARY  what to start
  --seconds N      how long to go on (default 60)
  --seed N         the seed of the first round (default 1); the rounds after it have the next ones
";
/// Between two lines of progress.
const REPORT_EVERY: Duration = Duration::from_secs(60);

struct Options {
    server: PathBuf,
    seconds: u64,
    seed: u64,
}

fn main() -> ExitCode {
    let options = match parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprint!("restore-fuzz: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure);
            ExitCode::FAILURE
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let (mut server, mut seconds, mut seed) = (None, 60, 1);
    while let Some(option) = words.next() {
        let value = words.next().ok_or(format!("{option} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{option} needs a number"));
        match option.as_str() {
            "--server" => server = Some(PathBuf::from(&value)),
            "--seconds" => seconds = number()?,
            "--seed" => seed = number()?,
            _ => return Err(format!("unknown option {option}")),
        }
    }
    let server = server.ok_or("no --server")?;
    let server =
        server.canonicalize().map_err(|error: io::Error| format!("{}: {error}", server.display()))?;
    Ok(Options { server, seconds, seed })
}

fn run(options: &Options) -> Result<(), Box<Failure>> {
    let start = Instant::now();
    let mut server = Server::spawn_binary(&options.server, &["--enable-debug-command", "yes"]);
    let (mut tally, mut seed, mut reported) = (Tally::default(), options.seed, start);
    while start.elapsed() < Duration::from_secs(options.seconds) {
        round(&mut server, seed, &mut tally)?;
        seed = seed.wrapping_add(1);
        if reported.elapsed() >= REPORT_EVERY {
            reported = Instant::now();
            progress(start, seed, tally);
        }
    }
    progress(start, seed, tally);
    Ok(())
}

fn progress(start: Instant, seed: u64, tally: Tally) {
    let Tally { sent, taken, commands } = tally;
    let seconds = start.elapsed().as_secs();
    println!("{seconds} s, next seed {seed}: {sent} payloads, {taken} taken, {commands} commands on them");
}

fn report(failure: &Failure) {
    println!("seed {}: {}", failure.seed, failure.problem);
    for command in &failure.commands {
        let words: Vec<String> = command.iter().map(|word| format!("\"{}\"", word.escape_ascii())).collect();
        println!("> {}", words.join(" "));
    }
}
