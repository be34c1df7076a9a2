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
        reason: "7.2 counts the words of COMMAND GETKEYS from one fewer",
        applies: |it| {
            const FEWER: &str = "ERR wrong number of arguments for 'command|getkeys";
            let found =
                ["ERR Invalid command", "ERR The command has no key", "ERR Invalid number of arguments"];
            it.is_before_7_2() && found.iter().any(|found| it.errors_begin(found, FEWER))
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
        reason: "COMMAND LIST names what came after the reference",
        applies: |it| {
            let listing = it.step.command.get(1).is_some_and(|word| word.eq_ignore_ascii_case(b"LIST"));
            let (Some(ours), Some(theirs)) = (it.our_items(), it.their_items()) else { return false };
            let newer =
                |item: &&Reply| NEWER_COMMANDS.contains(&item.text().as_str()) && !theirs.contains(item);
            let kept: Vec<&Reply> = ours.iter().filter(|item| !newer(item)).collect();
            listing && kept.len() == theirs.len() && kept.iter().all(|item| theirs.contains(item))
        },
    },
];

/// Commands that Debian's 7.0.15, the oldest reference, does not have.
const NEWER_COMMANDS: [&str; 6] =
    ["client|no-touch", "client|setinfo", "cluster|myshardid", "delifeq", "msetex", "waitaof"];

/// The exception that a difference falls under, if any.
pub fn find(difference: &Difference<'_>) -> Option<&'static Exception> {
    EXCEPTIONS.iter().find(|exception| (exception.applies)(difference))
}

impl Difference<'_> {
    fn is_before_7_2(&self) -> bool {
        self.reference.starts_with("7.0.")
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
