//! What may differ, each with its reason. Nothing is excepted anywhere else.
//!
//! Rufous follows Redis 7.2. Where the reference is an older one (Debian's is 7.0.15), the texts that 7.2 changed
//! differ: such an exception says both texts.

use super::script::Step;
use crate::resp::Reply;

/// One difference under judgement.
#[derive(Debug)]
pub struct Difference<'a> {
    /// The step.
    pub step: &'a Step,
    /// Rufous' replies.
    pub ours: &'a [Reply],
    /// The reference's replies.
    pub theirs: &'a [Reply],
    /// The reference's version, such as `7.0.15`.
    pub reference: &'a str,
}

/// A difference that is right.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// Why it is right.
    pub reason: &'static str,
    applies: fn(&Difference<'_>) -> bool,
}

/// All of them.
pub const EXCEPTIONS: &[Exception] = &[
    Exception {
        reason: "7.2 keeps small sets of strings as listpacks",
        applies: |it| {
            it.is_before_7_2()
                && it.step.name() == "object"
                && it.ours == [Reply::Bulk(b"listpack".to_vec())]
                && it.theirs == [Reply::Bulk(b"hashtable".to_vec())]
        },
    },
    Exception {
        reason: "7.2 counts the words of COMMAND GETKEYS from one fewer",
        applies: |it| {
            const FEWER: &str = "ERR wrong number of arguments for 'command|getkeys";
            let found =
                ["ERR Invalid command", "ERR The command has no key", "ERR Invalid number of arguments"];
            it.is_before_7_2() && found.iter().any(|found| it.errors_begin(found, FEWER))
        },
    },
    Exception {
        reason: "before 7.2 scores print with seventeen digits, and many members added at once lose minus zeros",
        applies: |it| {
            let numbers = |replies: &[Reply]| replies.iter().map(with_short_numbers).collect::<Vec<_>>();
            it.is_before_7_2() && it.step.name().starts_with('z') && numbers(it.ours) == numbers(it.theirs)
        },
    },
    Exception {
        reason: "7.2 names the protocol version in HELLO's hint",
        applies: |it| {
            const HINT: &str =
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO ";
            it.is_before_7_2()
                && it.errors_begin(
                    &format!("{HINT}<proto> AUTH <user> <pass>"),
                    &format!("{HINT}AUTH <user> <pass>"),
                )
        },
    },
    Exception {
        reason: "7.2 knows one more log level",
        applies: |it| {
            const LEVELS: &str = "ERR CONFIG SET failed (possibly related to argument 'loglevel') - argument(s) must be \
                one of the following: debug, verbose, notice, warning";
            it.is_before_7_2() && it.errors_begin(&format!("{LEVELS}, nothing"), LEVELS)
        },
    },
    Exception {
        reason: "a copied small integer is shared again, while Redis keeps a copy of its own",
        applies: |it| {
            let refcount = it.step.command.get(1).is_some_and(|word| word.eq_ignore_ascii_case(b"REFCOUNT"));
            refcount && *it.ours == [Reply::Integer(i64::from(i32::MAX))] && *it.theirs == [Reply::Integer(1)]
        },
    },
    Exception {
        reason: "a HyperLogLog command that fails leaves a string as it was, while Redis makes it raw first",
        applies: |it| {
            let bulk = |text: &str| Reply::Bulk(text.into());
            let is_forgery = it.step.command.get(2).is_some_and(|key| key.starts_with(b"f"));
            let differ = *it.ours == [bulk("embstr")] && *it.theirs == [bulk("raw")];
            is_forgery && differ && it.is_call("object", "encoding")
        },
    },
    Exception {
        reason: "before 7.2 a HELLO that is refused for want of a password still names the client",
        applies: |it| {
            let unnamed = matches!(it.ours, [Reply::NullBulk | Reply::Null]);
            it.is_before_7_2() && unnamed && it.is_call("client", "getname")
        },
    },
    Exception {
        reason: "Redis reads a cursor up to its first NUL byte",
        applies: |it| {
            let cut = it.step.command.iter().any(|word| word.contains(&0));
            cut && it.step.name().ends_with("scan") && it.our_error_is("ERR invalid cursor")
        },
    },
    Exception {
        reason: "before 7.2 a timeout beyond all numbers reads as negative",
        applies: |it| {
            it.is_before_7_2() && it.errors_begin("ERR timeout is out of range", "ERR timeout is negative")
        },
    },
    Exception {
        reason: "before 7.2 LPOS takes the least rank there is, which has no positive counterpart",
        applies: |it| {
            it.is_before_7_2()
                && it.step.name() == "lpos"
                && it.our_error_is(
                    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
                )
        },
    },
    Exception {
        reason: "before 7.2 a small list is a quicklist, too",
        applies: |it| {
            let both = |replies: &[Reply], name: &str| matches!(replies, [reply] if reply.text() == name);
            it.is_before_7_2()
                && it.is_call("object", "encoding")
                && both(it.ours, "listpack")
                && both(it.theirs, "quicklist")
        },
    },
    Exception {
        reason: "7.2 names the command that got unbalanced lists of streams",
        applies: |it| {
            it.is_before_7_2() && it.errors_begin("ERR Unbalanced 'xread", "ERR Unbalanced XREAD list")
        },
    },
    Exception {
        reason: "WAITAOF came with 7.2",
        applies: |it| {
            let unknown = |reply: &Reply| reply.text().starts_with("ERR unknown command 'WAITAOF'");
            it.is_before_7_2() && it.step.name() == "waitaof" && it.theirs.iter().all(unknown)
        },
    },
    Exception {
        reason: "COMMAND LIST names what came after the reference",
        applies: |it| {
            let (Some(ours), Some(theirs)) = (it.our_items(), it.their_items()) else { return false };
            let newer =
                |item: &&Reply| NEWER_COMMANDS.contains(&item.text().as_str()) && !theirs.contains(item);
            let kept: Vec<&Reply> = ours.iter().filter(|item| !newer(item)).collect();
            it.is_call("command", "list")
                && kept.len() == theirs.len()
                && kept.iter().all(|item| theirs.contains(item))
        },
    },
    Exception {
        reason: "CONFIG GET names directives that came after the reference",
        applies: |it| {
            let (Some(ours), Some(theirs)) = (it.our_pairs(), it.their_pairs()) else { return false };
            let newer = |(name, _): &&(Reply, Reply)| NEWER_DIRECTIVES.contains(&name.text().as_str());
            let kept: Vec<&(Reply, Reply)> = ours.iter().filter(|pair| !newer(pair)).collect();
            it.is_call("config", "get")
                && kept.len() == theirs.len()
                && kept.iter().all(|pair| theirs.contains(pair))
        },
    },
    Exception {
        reason: "the notes on key specifications are in our own words",
        applies: |it| {
            let plain = |replies: &[Reply]| replies.iter().map(without_notes).collect::<Vec<_>>();
            it.is_call("command", "info") && plain(it.ours) == plain(it.theirs)
        },
    },
];

/// Directives among those that the configuration family asks for by pattern.
const NEWER_DIRECTIVES: [&str; 1] = ["repl-mptcp"];

/// Commands that Debian's 7.0.15, the oldest reference, does not have.
const NEWER_COMMANDS: [&str; 8] = [
    "client|no-touch",
    "client|setinfo",
    "cluster|myshardid",
    "delifeq",
    "msetex",
    "waitaof",
    "xackdel",
    "xdelex",
];

/// The exception that a difference falls under, if any.
pub fn find(difference: &Difference<'_>) -> Option<&'static Exception> {
    EXCEPTIONS.iter().find(|exception| (exception.applies)(difference))
}

impl Difference<'_> {
    fn is_before_7_2(&self) -> bool {
        self.reference.starts_with("7.0.")
    }

    fn is_call(&self, name: &str, subcommand: &str) -> bool {
        let second = self.step.command.get(1);
        self.step.name() == name
            && second.is_some_and(|word| word.eq_ignore_ascii_case(subcommand.as_bytes()))
    }

    fn our_pairs(&self) -> Option<Vec<(Reply, Reply)>> {
        if let [reply] = self.ours { reply.pairs() } else { None }
    }

    fn their_pairs(&self) -> Option<Vec<(Reply, Reply)>> {
        if let [reply] = self.theirs { reply.pairs() } else { None }
    }

    fn our_error_is(&self, text: &str) -> bool {
        matches!(self.ours, [Reply::Error(ours)] if ours == text.as_bytes())
    }

    fn our_items(&self) -> Option<&[Reply]> {
        if let [reply] = self.ours { reply.items() } else { None }
    }

    fn their_items(&self) -> Option<&[Reply]> {
        if let [reply] = self.theirs { reply.items() } else { None }
    }

    /// Whether each side replied with one error, and they begin like this.
    fn errors_begin(&self, ours: &str, theirs: &str) -> bool {
        match (self.ours, self.theirs) {
            ([Reply::Error(our_text)], [Reply::Error(their_text)]) => {
                our_text.starts_with(ours.as_bytes()) && their_text.starts_with(theirs.as_bytes())
            }
            _ => false,
        }
    }
}

/// The reply with all numbers printed in one way, zero without a sign, at any depth.
fn with_short_numbers(reply: &Reply) -> Reply {
    let short = |text: &[u8]| {
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
        number.map_or_else(|| text.to_vec(), |number| (number + 0.0).to_string().into_bytes())
    };
    match reply {
        Reply::Bulk(text) => Reply::Bulk(short(text)),
        Reply::Double(text) => Reply::Double(short(text)),
        Reply::Array(items) => Reply::Array(items.iter().map(with_short_numbers).collect()),
        other => other.clone(),
    }
}

/// The reply without the entries named "notes", at any depth.
fn without_notes(reply: &Reply) -> Reply {
    let is_notes = |reply: &Reply| reply.text() == "notes";
    match reply {
        Reply::Map(pairs) => {
            let kept = pairs.iter().filter(|(name, _)| !is_notes(name));
            Reply::Map(kept.map(|(name, value)| (name.clone(), without_notes(value))).collect())
        }
        Reply::Array(items) => {
            let mut kept = Vec::new();
            let mut items = items.iter();
            while let Some(item) = items.next() {
                if is_notes(item) {
                    items.next();
                } else {
                    kept.push(without_notes(item));
                }
            }
            Reply::Array(kept)
        }
        Reply::Set(items) => Reply::Set(items.iter().map(without_notes).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Difference, find};
    use crate::command;
    use crate::differential::script::{Command, Step};
    use crate::resp::decode;

    fn check(command: Command, ours: &str, theirs: &str, reference: &str, excepted: bool) {
        let step = Step::exact(command);
        let [ours, theirs] = [ours, theirs].map(|text| vec![decode(text.as_bytes()).unwrap().unwrap().0]);
        let difference = Difference { step: &step, ours: &ours, theirs: &theirs, reference };
        assert_eq!(find(&difference).is_some(), excepted, "{ours:?} {theirs:?}");
    }

    #[test]
    fn exceptions_are_narrow() {
        let hint = |more: &str| {
            let call =
                "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO ";
            format!("{call}{more}AUTH <user> <pass> option\r\n")
        };
        check(command!["HELLO"], &hint("<proto> "), &hint(""), "7.0.15", true);
        check(command!["HELLO"], &hint("<proto> "), &hint(""), "7.2.6", false);
        check(command!["HELLO"], &hint(""), &hint("<proto> "), "7.0.15", false);
        let list = command!["COMMAND", "LIST", "FILTERBY", "PATTERN", "*"];
        check(list.clone(), "*2\r\n+get\r\n+delifeq\r\n", "*1\r\n+get\r\n", "7.0.15", true);
        check(list.clone(), "*2\r\n+get\r\n+unheard\r\n", "*1\r\n+get\r\n", "7.0.15", false);
        check(list, "*1\r\n+delifeq\r\n", "*1\r\n+get\r\n", "7.0.15", false);
        let info = command!["COMMAND", "INFO", "set"];
        check(info.clone(), "*3\r\n:1\r\n+notes\r\n+a\r\n", "*3\r\n:1\r\n+notes\r\n+b\r\n", "7.2.6", true);
        check(info, "*3\r\n:2\r\n+notes\r\n+a\r\n", "*3\r\n:1\r\n+notes\r\n+b\r\n", "7.2.6", false);
    }
}
