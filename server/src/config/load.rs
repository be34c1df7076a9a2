//! Reading the configuration at start: file, standard input and command line as one text, `include` within.
//!
//! Precedence is the order of the text, later lines win; the command line comes last. Errors carry the number
//! and text of their line and print as Redis' report.

use super::directive::{Phase, Problem, Traits};
use super::special::Place;
use super::{Config, table, text};
use crate::version::REDIS_VERSION;
use rufous_persistence::disk::system_text;
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How the server was called, as far as the configuration is concerned. [`crate::boot::parse`] makes one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invocation {
    /// The first argument, when it is no option.
    pub config_file: Option<PathBuf>,
    /// Read more lines from standard input.
    pub stdin: bool,
    /// The options as lines of a configuration file.
    pub options: Vec<u8>,
}

/// Why the server cannot start with this configuration. The exit status is 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A file cannot be opened. Redis prints this as a line of the log.
    Unreadable(String),
    /// A line is wrong, or without a place the whole is. Printed on standard error.
    Invalid {
        /// The line, where one is to blame.
        place: Option<Place>,
        /// What is wrong.
        problem: Problem,
    },
}

impl ConfigError {
    /// An error about one line, also for checks made after loading (renamed commands, users).
    pub fn at(place: &Place, problem: impl Into<Problem>) -> ConfigError {
        ConfigError::Invalid { place: Some(place.clone()), problem: problem.into() }
    }

    fn whole(problem: impl Into<Problem>) -> ConfigError {
        ConfigError::Invalid { place: None, problem: problem.into() }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Unreadable(line) => out.write_str(line),
            ConfigError::Invalid { place, problem } => {
                write!(out, "\n*** FATAL CONFIG FILE ERROR (Redis {REDIS_VERSION}) ***\n")?;
                if let Some(Place { line, text }) = place {
                    writeln!(out, "Reading the configuration file, at line {line}")?;
                    writeln!(out, ">>> '{}'", String::from_utf8_lossy(text))?;
                }
                writeln!(out, "{problem}")
            }
        }
    }
}

/// Reads the configuration of this invocation on top of the defaults.
pub fn load(invocation: &Invocation) -> Result<Config, ConfigError> {
    load_from(invocation, &mut io::stdin())
}

/// Directives that older files may have and that do nothing.
const IGNORED: [&[u8]; 3] =
    [b"list-max-ziplist-entries", b"list-max-ziplist-value", b"lua-replicate-commands"];

/// How deep files may include each other: a file that includes itself ends here.
const INCLUDE_DEPTH_MAX: usize = 64;

/// As [`load`], with standard input given.
pub(super) fn load_from(invocation: &Invocation, stdin: &mut dyn Read) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    let mut content = Vec::new();
    if let Some(file) = &invocation.config_file {
        config.config_file = Some(std::path::absolute(file).unwrap_or_else(|_| file.clone()));
        append_files(&mut content, file, &config.dir)?;
    }
    if invocation.stdin {
        stdin.read_to_end(&mut content).map_err(|error| {
            ConfigError::Unreadable(format!(
                "Fatal error, can't read standard input: {}",
                system_text(&error)
            ))
        })?;
    }
    content.push(b'\n');
    content.extend(&invocation.options);
    read_lines(&mut config, &content, 0)?;
    check_whole(&mut config)?;
    config.settle();
    Ok(config)
}

fn read_lines(config: &mut Config, content: &[u8], depth: usize) -> Result<(), ConfigError> {
    for (index, line) in content.split(|&byte| byte == b'\n').enumerate() {
        let line = text::trim(line);
        if line.is_empty() || line[0] == b'#' {
            continue;
        }
        let place = Place { line: index + 1, text: line.to_vec() };
        let Some(mut arguments) = text::split_arguments(line) else {
            return Err(ConfigError::at(&place, "Unbalanced quotes in configuration line"));
        };
        let Some(name) = arguments.first_mut() else { continue };
        name.make_ascii_lowercase();
        read_line(config, &arguments, &place, depth)?;
    }
    Ok(())
}

fn read_line(
    config: &mut Config,
    arguments: &[Vec<u8>],
    place: &Place,
    depth: usize,
) -> Result<(), ConfigError> {
    let (name, values) = (arguments[0].as_slice(), &arguments[1..]);
    if table::find(name).is_some() {
        return set_directive(config, name, values).map_err(|problem| ConfigError::at(place, problem));
    }
    match (name, values) {
        (name, [_]) if IGNORED.contains(&name) => {}
        (b"include", [pattern]) => {
            if depth == INCLUDE_DEPTH_MAX {
                return Err(ConfigError::at(place, "Too many nested include directives"));
            }
            let mut content = Vec::new();
            append_files(&mut content, Path::new(OsStr::from_bytes(pattern)), &config.dir)?;
            read_lines(config, &content, depth + 1)?;
        }
        (b"rename-command", [from, to]) => {
            let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
            config.renamed_commands.push((text(from), text(to), place.clone()));
        }
        (b"user", [_, ..]) => config.users.push((values.to_vec(), place.clone())),
        (b"loadmodule", [_, ..]) => config.loaded_modules.push(values.to_vec()),
        (name, values) if name.contains(&b'.') => {
            if values.is_empty() {
                return Err(ConfigError::at(place, "Module config specified without value"));
            }
            config.module_directives.retain(|(known, _)| known.as_bytes() != name);
            config.module_directives.push((String::from_utf8_lossy(name).into_owned(), values.join(&b' ')));
        }
        (b"sentinel", []) => {
            return Err(ConfigError::at(place, "sentinel mode is not supported by this server"));
        }
        (b"sentinel", _) => {
            return Err(ConfigError::at(place, "sentinel directive while not in sentinel mode"));
        }
        _ => return Err(ConfigError::at(place, "Bad directive or wrong number of arguments")),
    }
    Ok(())
}

/// Sets a directive of the table from the arguments of a line. One argument of a directive that takes several
/// may hold them all, so that `--save "60 1"` works.
fn set_directive(config: &mut Config, name: &[u8], values: &[Vec<u8>]) -> Result<(), Problem> {
    let row = table::find(name).expect("the caller has looked it up");
    if !row.traits.contains(Traits::MULTI) {
        if values.len() != 1 {
            return Err("wrong number of arguments".into());
        }
        return row.set(config, values, Phase::Load);
    }
    match values {
        [only] if !only.is_empty() => {
            let parts = text::split_arguments(only).ok_or("Unbalanced quotes in configuration line")?;
            row.set(config, &parts, Phase::Load)
        }
        _ => row.set(config, values, Phase::Load),
    }
}

/// Appends the file, or every file of the pattern in order of name; a pattern may match none.
fn append_files(content: &mut Vec<u8>, pattern: &Path, dir: &Path) -> Result<(), ConfigError> {
    let pattern = dir.join(pattern);
    let is_pattern = pattern.as_os_str().as_bytes().iter().any(|byte| matches!(byte, b'*' | b'?' | b'['));
    let options = glob::MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let files: Vec<PathBuf> = match pattern.to_str() {
        Some(text) if is_pattern => match glob::glob_with(text, options) {
            Ok(paths) => paths.filter_map(Result::ok).collect(),
            Err(_) => Vec::new(),
        },
        _ => vec![pattern],
    };
    for file in files {
        let bytes = std::fs::read(&file).map_err(|error| {
            let reason = system_text(&error);
            ConfigError::Unreadable(format!(
                "Fatal error, can't open config file '{}': {reason}",
                file.display()
            ))
        })?;
        content.extend(bytes);
    }
    Ok(())
}

/// What only shows when all lines have been read.
fn check_whole(config: &mut Config) -> Result<(), ConfigError> {
    if !config.logfile.is_empty() {
        let path = config.resolve(&config.logfile);
        std::fs::OpenOptions::new().append(true).create(true).open(path).map_err(|error| {
            ConfigError::whole(format!("Can't open the log file: {}", system_text(&error)))
        })?;
    }
    if config.cluster_enabled && config.replicaof.is_some() {
        return Err(ConfigError::whole("replicaof directive not allowed in cluster mode"));
    }
    if config.cluster_enabled && config.databases > 1 {
        config.load_notes.push(format!(
            "WARNING: Changing databases number from {} to 1 since we are in cluster mode",
            config.databases
        ));
        config.databases = 1;
    }
    if !config.module_directives.is_empty() && config.loaded_modules.is_empty() {
        return Err(ConfigError::whole(
            "Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
