//! Runs chosen units of Redis' Tcl suite against a server and prints a table of what passed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs};

use rufous_tests::upstream::report::{Report, Row};
use rufous_tests::upstream::run::Workplace;
use rufous_tests::upstream::skips::{self, Skip};

const USAGE: &str = "usage: upstream --suite FOLDER --server BINARY [options] UNIT...

  --suite FOLDER    Redis' source folder (tests/ and src/version.h are read)
  --server BINARY   what runs in the place of redis-server
  --skips FILE      the skip list (default: the project's tests/upstream/skip.txt)
  --no-skips        run everything
  --work FOLDER     where to work (default: a temporary folder, kept when something fails)
  --timeout SECONDS how long one unit may take (default 600)
  --only TEST       run only the test of this name; may be repeated
";

struct Options {
    suite: PathBuf,
    server: PathBuf,
    skips: Option<PathBuf>,
    work: Option<PathBuf>,
    timeout: Option<u64>,
    extra: Vec<String>,
    units: Vec<String>,
}

fn main() -> ExitCode {
    let outcome = parse_options(env::args().skip(1)).and_then(|options| run(&options));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("upstream: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<bool, String> {
    let list = read_skips(options)?;
    let temporary =
        tempfile::Builder::new().prefix("rufous-upstream-").tempdir().map_err(|error| error.to_string())?;
    let folder = options.work.clone().unwrap_or_else(|| temporary.path().to_owned());
    let mut place =
        Workplace::prepare(&options.suite, &options.server, &folder).map_err(|error| error.to_string())?;
    place.timeout = options.timeout.map_or(place.timeout, Duration::from_secs);
    eprintln!("suite {} in {}", place.version, folder.display());
    let mut rows = Vec::new();
    for unit in &options.units {
        if !folder.join(format!("tests/{unit}.tcl")).is_file() {
            return Err(format!("no unit {unit} in this suite"));
        }
        let row = place.run(unit, &list, &options.extra).map_err(|error| format!("{unit}: {error}"))?;
        eprintln!("{row}");
        rows.push(row);
    }
    println!("{}", Report(&rows));
    let good = rows.iter().all(Row::is_good);
    if !good && options.work.is_none() {
        println!("kept: {}", temporary.keep().display());
    }
    Ok(good)
}

fn read_skips(options: &Options) -> Result<Vec<Skip>, String> {
    let Some(path) = &options.skips else { return Ok(Vec::new()) };
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    skips::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn parse_options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let (mut suite, mut server, mut work, mut timeout) = (None, None, None, None);
    let mut skips = Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/upstream/skip.txt")));
    let (mut extra, mut units) = (Vec::new(), Vec::new());
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} wants a value\n\n{USAGE}"));
        match argument.as_str() {
            "--suite" => suite = Some(PathBuf::from(value()?)),
            "--server" => server = Some(PathBuf::from(value()?)),
            "--skips" => skips = Some(PathBuf::from(value()?)),
            "--no-skips" => skips = None,
            "--work" => work = Some(PathBuf::from(value()?)),
            "--timeout" => timeout = Some(number(&value()?)?),
            "--only" => extra.extend(["--only".to_owned(), value()?]),
            unknown if unknown.starts_with('-') => {
                return Err(format!("unknown option {unknown}\n\n{USAGE}"));
            }
            _ => units.push(argument),
        }
    }
    let (Some(suite), Some(server), false) = (suite, server, units.is_empty()) else {
        return Err(USAGE.to_owned());
    };
    Ok(Options { suite, server, skips, work, timeout, extra, units })
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("not a number: {text}"))
}
