//! A request as a report shows it, without what nobody is to read in a log.
//!
//! Secrets are found by where they stand, not by what the command said of them: it may have crashed before.

use std::fmt::Write;

use crate::command::table::CommandTable;
use crate::config::Config;
use crate::config::text::quoted;
use rufous_protocol::request::Args;

/// Bytes shown of an argument.
const ARGUMENT_LEN_MAX: usize = 128;

/// The arguments, a line each. `hides_data`: the name alone.
pub(super) fn text(commands: &CommandTable, args: Args<'_>, hides_data: bool) -> String {
    let name = commands.lookup_request(args, None).map(|id| commands.full_name(id));
    let mut text = format!("argc: '{}'\n", args.len());
    for (i, argument) in args.iter().enumerate() {
        let value = match i > 0 && (hides_data || is_secret(name, args, i)) {
            true => "*redacted*".into(),
            false => {
                let shown = quoted(&argument[..argument.len().min(ARGUMENT_LEN_MAX)]);
                format!("'{}'", String::from_utf8_lossy(&shown))
            }
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "argv[{i}]: {value}");
    }
    text
}

/// All that follows AUTH, as a command or an option; values of directives that are passwords; what no command is known to take.
fn is_secret(name: Option<&str>, args: Args<'_>, i: usize) -> bool {
    let is_auth =
        |argument: &[u8]| argument.eq_ignore_ascii_case(b"auth") || argument.eq_ignore_ascii_case(b"auth2");
    match name {
        None | Some("auth") => true,
        Some("config|set") if i % 2 == 1 && Config::is_sensitive(args.get(i - 1)) => true,
        Some(_) => args.to(i).iter().any(is_auth),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rufous_protocol::request::OwnedArgs;

    #[track_caller]
    fn check(request: &[&[u8]], hides_data: bool, expected: &[&str]) {
        let config = Config {
            renamed_commands: vec![("auth".into(), "open".into(), Default::default())],
            ..Config::default()
        };
        let commands = CommandTable::new(&config).unwrap();
        let request: OwnedArgs = request.iter().copied().collect();
        let lines: Vec<String> =
            expected.iter().enumerate().map(|(i, value)| format!("argv[{i}]: {value}\n")).collect();
        let expected = format!("argc: '{}'\n{}", expected.len(), lines.concat());
        assert_eq!(text(&commands, request.args(), hides_data), expected);
    }

    #[test]
    fn requests_are_shown_without_secrets() {
        const GONE: &str = "*redacted*";
        check(&[b"SET", b"a b", b"\x00\"'"], false, &[r#"'"SET"'"#, r#"'"a b"'"#, r#"'"\x00\"'"'"#]);
        check(&[b"SET", b"a", b"b"], true, &[r#"'"SET"'"#, GONE, GONE]);
        check(&[b"open", b"user", b"word"], false, &[r#"'"open"'"#, GONE, GONE]);
        check(&[b"oopen", b"word"], false, &[r#"'"oopen"'"#, GONE]);
        check(
            &[b"HELLO", b"3", b"Auth", b"user", b"word", b"SETNAME", b"me"],
            false,
            &[r#"'"HELLO"'"#, r#"'"3"'"#, r#"'"Auth"'"#, GONE, GONE, GONE, GONE],
        );
        check(
            &[b"CONFIG", b"SET", b"requirepass", b"word", b"hz", b"20"],
            false,
            &[r#"'"CONFIG"'"#, r#"'"SET"'"#, r#"'"requirepass"'"#, GONE, r#"'"hz"'"#, r#"'"20"'"#],
        );
        let (long, shown) = ([b'x'; 129], format!("'\"{}\"'", "x".repeat(128)));
        check(&[b"GET", &long], false, &[r#"'"GET"'"#, &shown]);
    }
}
