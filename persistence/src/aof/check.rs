//! `check-aof`: tells whether an append-only file is sound, and mends one whose end is not.
//!
//! Options, output and exit codes are those of `redis-check-aof`, so that scripts need not know the difference. What it adds is
//! that checksums are compared, where there are some.

use super::manifest::Manifest;
use super::scan::{Damage, Fault, Item, Scanner, survey};
use crate::disk::{Content, Disk};
use crate::rdb::{self, Loader, Piece};
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

/// The tool is done, one way or the other: its exit status.
struct Exit(i32);

type Step<T> = Result<T, Exit>;

/// What is to be done with what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// Nothing.
    Check,
    /// Cut off what is not sound, when the user agrees.
    Fix,
    /// Cut off what was written after a time, in Unix seconds.
    TruncateTo(i64),
}

/// What became of a file.
enum Verdict {
    Valid,
    Empty,
    TruncatedTo(i64),
    Truncated,
}

/// Runs the tool with the arguments behind its name; gives the exit status.
pub fn run(
    program: &OsStr,
    arguments: &[OsString],
    disk: &dyn Disk,
    out: &mut dyn Write,
    input: &mut dyn BufRead,
) -> i32 {
    let mut tool = Tool { disk, out, input, task: Task::Check };
    let done = tool.main(program, arguments);
    // Nobody is left to be told if this fails.
    let _ = tool.out.flush();
    done.err().map_or(0, |Exit(status)| status)
}

struct Tool<'t> {
    disk: &'t dyn Disk,
    out: &'t mut dyn Write,
    input: &'t mut dyn BufRead,
    task: Task,
}

impl Tool<'_> {
    fn say(&mut self, text: impl std::fmt::Display) {
        // If standard output is closed, the exit status still tells.
        let _ = write!(self.out, "{text}");
    }

    fn fail<T>(&mut self, text: impl std::fmt::Display) -> Step<T> {
        self.say(text);
        Err(Exit(1))
    }

    fn main(&mut self, program: &OsStr, arguments: &[OsString]) -> Step<()> {
        let path = match arguments {
            [path] => path,
            [option, path] if option == "--fix" => {
                self.task = Task::Fix;
                path
            }
            [option, seconds, path] if option == "--truncate-to-timestamp" => {
                match seconds.to_str().and_then(|text| text.parse().ok()) {
                    Some(seconds) => self.task = Task::TruncateTo(seconds),
                    None => return self.fail("Invalid timestamp, aborting...\n"),
                }
                path
            }
            _ => {
                let program = program.display();
                return self.fail(format_args!(
                    "Usage: {program} [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>\n"
                ));
            }
        };
        let path = Path::new(path);
        let content = self.read(path)?;
        if is_manifest(&content) {
            return self.check_parts(path, &content);
        }
        self.say("Start checking Old-Style AOF\n");
        let name = path.as_os_str().to_owned();
        let verdict = self.check_file(&name, path, content, true)?;
        self.tell(&verdict, "AOF", &name);
        Ok(())
    }

    fn read(&mut self, path: &Path) -> Step<Content> {
        match self.disk.read(path) {
            Ok(content) => Ok(content),
            Err(error) => {
                let text = format!("Cannot open file {}: {}\n", path.display(), error.reason());
                self.fail(text)
            }
        }
    }

    fn check_parts(&mut self, path: &Path, text: &[u8]) -> Step<()> {
        self.say("Start checking Multi Part AOF\n");
        let manifest = match Manifest::parse(text) {
            Ok(manifest) => manifest,
            Err(error) => {
                self.say("\n*** FATAL AOF MANIFEST FILE ERROR ***\n");
                if let Some((number, line)) = &error.line {
                    self.say(format_args!("Reading the manifest file, at line {number}\n"));
                    self.say(format_args!(">>> '{}'\n", String::from_utf8_lossy(line)));
                }
                return self.fail(format_args!("{}\n", error.problem));
            }
        };
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        let last = manifest.parts().next_back().map(|part| part.name.clone());
        if let Some(base) = &manifest.base {
            let content = self.read(&folder.join(&base.name))?;
            let format = if is_snapshot(&content) { "RDB" } else { "RESP" };
            self.say(format_args!("Start to check BASE AOF ({format} format).\n"));
            let is_last = last.as_ref() == Some(&base.name);
            let verdict = self.check_file(&base.name, &folder.join(&base.name), content, is_last)?;
            self.tell(&verdict, "BASE AOF", &base.name);
        }
        if !manifest.increments.is_empty() {
            self.say("Start to check INCR files.\n");
        }
        for part in &manifest.increments {
            let path = folder.join(&part.name);
            let content = self.read(&path)?;
            let verdict = self.check_file(&part.name, &path, content, last.as_ref() == Some(&part.name))?;
            self.tell(&verdict, "INCR AOF", &part.name);
        }
        self.say("All AOF files and manifest are valid\n");
        Ok(())
    }

    fn tell(&mut self, verdict: &Verdict, kind: &str, name: &OsStr) {
        let name = name.display();
        match verdict {
            Verdict::Valid => self.say(format_args!("{kind} {name} is valid\n")),
            Verdict::Empty => self.say(format_args!("{kind} {name} is empty\n")),
            Verdict::TruncatedTo(time) => {
                self.say(format_args!("Successfully truncated AOF {name} to timestamp {time}\n"));
            }
            Verdict::Truncated => self.say(format_args!("Successfully truncated AOF {name}\n")),
        }
    }

    fn check_file(&mut self, name: &OsStr, path: &Path, content: Content, is_last: bool) -> Step<Verdict> {
        if content.is_empty() {
            return Ok(Verdict::Empty);
        }
        let start = if is_snapshot(&content) { self.check_snapshot(&content)? } else { 0 };
        if let Task::TruncateTo(time) = self.task
            && let Some(end) = end_at(&content, start, time)
        {
            drop(content);
            return self.truncate_to(path, end, time, is_last);
        }
        let survey = survey(&content, start, true);
        let valid = if survey.damage.is_none() { content.len() } else { survey.valid_len };
        if let Some(damage) = &survey.damage {
            self.explain(name, damage);
        }
        let (size, left) = (content.len(), content.len() - valid);
        if let (0, Task::TruncateTo(time)) = (left, self.task) {
            self.say(format_args!("Truncate nothing in AOF {} to timestamp {time}\n", name.display()));
            return Ok(Verdict::Valid);
        }
        let lines = 1 + memchr::memchr_iter(b'\n', &content[start..valid]).count();
        self.say(format_args!(
            "AOF analyzed: filename={}, size={size}, ok_up_to={valid}, ok_up_to_line={lines}, diff={left}\n",
            name.display()
        ));
        drop(content);
        match (left, self.task) {
            (0, _) => Ok(Verdict::Valid),
            (_, Task::Fix) => self.fix(name, path, size, valid, is_last),
            _ => {
                let name = name.display();
                self.fail(format_args!("AOF {name} is not valid. Use the --fix option to try fixing it.\n"))
            }
        }
    }

    /// Where the snapshot in front of a file ends.
    fn check_snapshot(&mut self, content: &[u8]) -> Step<usize> {
        let whole = Loader::new(content, true).and_then(|mut loader| {
            loop {
                if let Piece::End { .. } = loader.next_piece()? {
                    return Ok(loader.offset());
                }
            }
        });
        match whole {
            Ok(end) => {
                self.say("RDB preamble is OK, proceeding with AOF tail...\n");
                Ok(end)
            }
            Err(error) => {
                self.say(format_args!("{error}\n"));
                self.fail("RDB preamble of AOF file is not sane, aborting.\n")
            }
        }
    }

    fn explain(&mut self, name: &OsStr, damage: &Damage) {
        let trouble = match damage {
            Damage::Torn(trouble) | Damage::Corrupt(trouble) => trouble,
            Damage::OpenTransaction => return self.say("Reached EOF before reading EXEC for MULTI\n"),
        };
        if let Fault::Format(_) = trouble.fault {
            self.say(format_args!("AOF {} format error\n", name.display()));
        }
        self.say(format_args!("0x{:16x}: {}\n", trouble.at, trouble.fault));
    }

    fn truncate_to(&mut self, path: &Path, end: usize, time: i64, is_last: bool) -> Step<Verdict> {
        let shown = path.display();
        if end == 0 {
            return self.fail(format_args!("AOF {shown} has nothing before timestamp {time}, aborting...\n"));
        }
        if !is_last {
            self.say(format_args!(
                "Failed to truncate AOF {shown} to timestamp {time} to offset {end} because it is not the last file.\n"
            ));
            return self.fail(
                "If you insist, please delete all files after this file according to the manifest file and delete the \
                 corresponding records in manifest file manually. Then re-run redis-check-aof.\n",
            );
        }
        match self.disk.truncate(path, end as u64) {
            Ok(()) => Ok(Verdict::TruncatedTo(time)),
            Err(_) => self.fail(format_args!("Failed to truncate AOF {shown} to timestamp {time}\n")),
        }
    }

    fn fix(&mut self, name: &OsStr, path: &Path, size: usize, valid: usize, is_last: bool) -> Step<Verdict> {
        let name = name.display();
        if !is_last {
            return self
                .fail(format_args!("Failed to truncate AOF {name} because it is not the last file\n"));
        }
        self.say(format_args!(
            "This will shrink the AOF {name} from {size} bytes, with {} bytes, to {valid} bytes\n",
            size - valid
        ));
        self.say("Continue? [y/N]: ");
        let _ = self.out.flush();
        let mut answer = String::new();
        let is_yes = self.input.read_line(&mut answer).is_ok() && answer.starts_with(['y', 'Y']);
        if !is_yes {
            return self.fail("Aborting...\n");
        }
        match self.disk.truncate(path, valid as u64) {
            Ok(()) => Ok(Verdict::Truncated),
            Err(_) => self.fail(format_args!("Failed to truncate AOF {name}\n")),
        }
    }
}

/// Where the first command stands that was written after a time, if there is one.
fn end_at(content: &[u8], start: usize, time: i64) -> Option<usize> {
    let mut scanner = Scanner::new(content, start, false);
    loop {
        let at = scanner.offset();
        if let Item::Timestamp(seconds) = scanner.next()?.ok()?
            && seconds > time.max(0) as u64
        {
            return Some(at);
        }
    }
}

fn is_snapshot(content: &[u8]) -> bool {
    content.len() >= 8 && rdb::is_file(content)
}

/// A file whose first line that is no comment begins as those of manifests do.
fn is_manifest(content: &[u8]) -> bool {
    let mut lines = content.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#"));
    lines.next().is_some_and(|line| line.starts_with(b"file"))
}
