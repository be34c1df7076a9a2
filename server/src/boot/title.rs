//! The title of the process, as `ps` shows it.
//!
//! The kernel shows the bytes of the original arguments, and goes on into the environment behind them when they
//! do not end in zero. So the environment moves to the heap once, while there is one thread, and the title is
//! written over both, through `/proc/self/mem`.

use crate::config::Config;
use crate::sys;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

/// The right to write the title.
#[derive(Debug)]
pub struct ProcessTitle {
    program: String,
    /// Address of the original arguments.
    start: u64,
    /// Bytes that may be written there, the final zero excluded.
    capacity: usize,
}

impl ProcessTitle {
    /// Takes the memory of arguments and environment over. `None` where the system does not say where it is.
    /// Call it before any thread exists.
    pub fn claim(arguments: &[OsString]) -> Option<ProcessTitle> {
        let program = arguments.first()?.to_string_lossy().into_owned();
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let [arguments_start, arguments_end, environment_start, environment_end] = areas(&stat)?;
        let mut end = arguments_end;
        if environment_start == arguments_end && sys::move_environment() {
            end = environment_end;
        }
        let capacity = usize::try_from(end.checked_sub(arguments_start)?).ok()?.checked_sub(1)?;
        Some(ProcessTitle { program, start: arguments_start, capacity })
    }

    /// Shows the title that the configuration describes, cut to what fits.
    pub fn show(&self, config: &Config) -> io::Result<()> {
        let title = expand(&config.proc_title_template, &self.program, config);
        let mut bytes = title.into_bytes();
        bytes.resize(self.capacity, 0);
        bytes.push(0);
        OpenOptions::new().write(true).open("/proc/self/mem")?.write_all_at(&bytes, self.start)
    }
}

/// Where arguments and environment start and end: fields 48 to 51, counted from 1; the name in parentheses is
/// the second and may hold anything.
fn areas(stat: &str) -> Option<[u64; 4]> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_ascii_whitespace().skip(45).map(|field| field.parse().ok());
    let areas = [fields.next()??, fields.next()??, fields.next()??, fields.next()??];
    (areas[0] != 0).then_some(areas)
}

/// The template with its variables replaced; the configuration admits only valid ones.
fn expand(template: &str, program: &str, config: &Config) -> String {
    let mut title = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        title += before;
        if let Some(after) = after.strip_prefix('{') {
            title.push('{');
            rest = after;
            continue;
        }
        let (variable, after) = after.split_once('}').unwrap_or((after, ""));
        title += &value(variable, program, config);
        rest = after;
    }
    title += rest;
    title.trim_matches(' ').to_owned()
}

fn value(variable: &str, program: &str, config: &Config) -> String {
    match variable {
        "title" => program.to_owned(),
        "listen-addr" if config.port == 0 && config.tls_port == 0 => {
            format!("unixsocket:{}", config.unixsocket)
        }
        "listen-addr" => {
            let port = if config.port != 0 { config.port } else { config.tls_port };
            format!("{}:{port}", config.bind.first().map_or("*", String::as_str))
        }
        "server-mode" if config.cluster_enabled => "[cluster]".to_owned(),
        "config-file" => {
            config.config_file.as_ref().map_or("-".to_owned(), |path| path.display().to_string())
        }
        "port" => config.port.to_string(),
        "tls-port" => config.tls_port.to_string(),
        "unixsocket" => config.unixsocket.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_expand() {
        let mut config = Config { unixsocket: "/tmp/s".into(), ..Config::default() };
        let check = |config: &Config, template: &str, expected: &str| {
            assert_eq!(expand(template, "rufous-server", config), expected, "{template}");
        };
        check(&config, "{title} {listen-addr} {server-mode}", "rufous-server *:6379");
        check(&config, "a {{b} {port}/{tls-port} {unixsocket} {config-file}", "a {b} 6379/0 /tmp/s -");
        config.port = 0;
        config.cluster_enabled = true;
        check(&config, "{listen-addr} {server-mode}", "unixsocket:/tmp/s [cluster]");
    }

    #[test]
    fn the_areas_are_found_behind_any_name() {
        let numbers: Vec<String> = (3..=52).map(|field| field.to_string()).collect();
        let stat = format!("1 (a) b) {}", numbers.join(" "));
        assert_eq!(areas(&stat), Some([48, 49, 50, 51]));
        assert_eq!(areas("1 (a) 1 2 3"), None);
        let own = areas(&fs::read_to_string("/proc/self/stat").unwrap()).unwrap();
        assert!(own[0] < own[1] && own[1] <= own[2] && own[2] <= own[3]);
    }
}
