//! The arguments of a command, as the tree that COMMAND DOCS gives, derived from one line in its row.
//!
//! The line reads like the syntax lines of Redis' documentation:
//!
//! ```text
//! key value [NX | XX]:condition [GET] [EX seconds:integer | PX milliseconds:integer | KEEPTTL]:expiration
//!
//! name              a value; its type is string, or what the name says (key, pattern)
//! name:type         a value: string integer double key pattern unix-time
//! $NAME             a value whose name is in capitals
//! TOKEN             a word to be given as it is, named by itself in lower case; TOKEN:name names it otherwise
//! 'token'           the same for words that are not in capitals
//! TOKEN value       a value, block or choice behind a word
//! TOKEN... value ...  the same, any number of times, the word with each
//! item ...          one or more of it
//! <a | b>:name      a choice: one of several items
//! (a b):name        a block: several items that belong together; named by its token where it has one
//! [item]            optional; [a | b]:name is an optional choice, [a b]:name an optional block
//! ```
//! Values, tokens, choices and blocks may be followed, without spaces and in this order, by `:name` or `:type`,
//! `=display text`, `#key spec index` (0 for keys unless given), `@version` that brought it, `!version` that deprecated it.
//!
//! Parsing happens when somebody asks for documentation. A test parses every row.

use std::borrow::Cow;

/// What an argument is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Kind {
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    PureToken,
    OneOf,
    Block,
}

impl Kind {
    /// The name in COMMAND DOCS.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Double => "double",
            Kind::Key => "key",
            Kind::Pattern => "pattern",
            Kind::UnixTime => "unix-time",
            Kind::PureToken => "pure-token",
            Kind::OneOf => "oneof",
            Kind::Block => "block",
        }
    }

    /// The kind of a value by the name of its type.
    fn of_value(name: &str) -> Option<Kind> {
        [Kind::String, Kind::Integer, Kind::Double, Kind::Key, Kind::Pattern, Kind::UnixTime]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    /// Choices and blocks hold other arguments.
    pub fn is_container(self) -> bool {
        matches!(self, Kind::OneOf | Kind::Block)
    }
}

/// A node of the tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Argument<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// What it is.
    pub kind: Kind,
    /// How to show it, if not by its name.
    pub display: Option<&'a str>,
    /// Which of the command's key specs finds it.
    pub key_spec: Option<u8>,
    /// The word to write before it, or that it consists of.
    pub token: Option<&'a str>,
    /// The version that brought it, if later than its command.
    pub since: Option<&'a str>,
    /// The version that deprecated it.
    pub deprecated: Option<&'a str>,
    /// May be left out.
    pub optional: bool,
    /// May be repeated.
    pub multiple: bool,
    /// The token is repeated with it.
    pub multiple_token: bool,
    /// The arguments of a choice or block.
    pub arguments: Vec<Argument<'a>>,
}

/// What is wrong with a line, and the rest of it from there on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyntaxError<'a> {
    /// What was missing or too much.
    pub problem: &'static str,
    /// The part of the line not yet read.
    pub rest: &'a str,
}

/// Parses a line of the notation above.
pub fn parse(line: &str) -> Result<Vec<Argument<'_>>, SyntaxError<'_>> {
    let mut parser = Parser { rest: line };
    let arguments = parser.sequence()?;
    match parser.peek() {
        None => Ok(arguments),
        Some(_) => Err(parser.error("more closed than opened, or a choice without <>")),
    }
}

struct Parser<'a> {
    rest: &'a str,
}

/// What may follow a word or bracket without a space.
struct Marks<'a> {
    head: &'a str,
    label: Option<&'a str>,
    display: Option<&'a str>,
    key_spec: Option<&'a str>,
    since: Option<&'a str>,
    deprecated: Option<&'a str>,
}

impl<'a> Parser<'a> {
    /// Items up to a bar, a closing bracket or the end.
    fn sequence(&mut self) -> Result<Vec<Argument<'a>>, SyntaxError<'a>> {
        let mut items = Vec::new();
        while !matches!(self.peek(), None | Some('|' | ']' | '>' | ')')) {
            items.push(self.item()?);
        }
        Ok(items)
    }

    /// An item, with the dots behind it.
    fn item(&mut self) -> Result<Argument<'a>, SyntaxError<'a>> {
        let mut item = self.single()?;
        if self.takes("...") {
            item.multiple = true;
        }
        if item.multiple_token && !item.multiple {
            return Err(self.error("a repeated token needs a repeated value"));
        }
        Ok(item)
    }

    fn single(&mut self) -> Result<Argument<'a>, SyntaxError<'a>> {
        match self.peek() {
            Some('[') => self.optional(),
            Some('<') => {
                let mut choices = self.alternatives('>')?;
                let marks = self.marks()?;
                if choices.len() < 2 {
                    return Err(self.error("a choice of fewer than two"));
                }
                let arguments = choices.iter_mut().flat_map(|choice| choice.drain(..)).collect();
                self.grouped(Kind::OneOf, arguments, marks)
            }
            Some('(') => {
                let mut blocks = self.alternatives(')')?;
                let marks = self.marks()?;
                match blocks.pop() {
                    Some(arguments) if blocks.is_empty() => self.grouped(Kind::Block, arguments, marks),
                    _ => Err(self.error("a choice in a block needs brackets of its own")),
                }
            }
            _ => self.word(),
        }
    }

    fn optional(&mut self) -> Result<Argument<'a>, SyntaxError<'a>> {
        let mut choices = self.alternatives(']')?;
        let marks = self.marks()?;
        let mut argument = if choices.len() > 1 {
            let arguments = choices.into_iter().flatten().collect();
            self.grouped(Kind::OneOf, arguments, marks)?
        } else {
            let mut arguments = choices.pop().unwrap_or_default();
            match arguments.len() {
                0 => return Err(self.error("nothing in brackets")),
                1 if marks.label.is_none() && marks.since.is_none() => arguments.remove(0),
                _ => self.grouped(Kind::Block, arguments, marks)?,
            }
        };
        argument.optional = true;
        Ok(argument)
    }

    /// What stands between the bracket that comes next and `close`. With more than one choice, each is one item.
    fn alternatives(&mut self, close: char) -> Result<Vec<Vec<Argument<'a>>>, SyntaxError<'a>> {
        self.skip_char();
        let mut choices = vec![self.sequence()?];
        while self.peek() == Some('|') {
            self.skip_char();
            choices.push(self.sequence()?);
        }
        if self.peek() != Some(close) {
            return Err(self.error("a bracket that is not closed"));
        }
        self.skip_char();
        if choices.len() > 1 && choices.iter().any(|choice| choice.len() != 1) {
            return Err(self.error("each choice is one item: use a block"));
        }
        Ok(choices)
    }

    fn grouped(
        &self,
        kind: Kind,
        arguments: Vec<Argument<'a>>,
        marks: Marks<'a>,
    ) -> Result<Argument<'a>, SyntaxError<'a>> {
        // A block behind a token may go without a name: `behind_token` gives it one.
        let mut argument = argument(marks.label.unwrap_or("").into(), kind, &marks);
        argument.arguments = arguments;
        Ok(argument)
    }

    /// A value, or a token with what it introduces.
    fn word(&mut self) -> Result<Argument<'a>, SyntaxError<'a>> {
        let token = match self.peek() {
            Some('\'') => Some(self.quoted()?),
            _ => {
                let end = self.rest.find(|c: char| !is_token_char(c)).unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at(end);
                let is_token = word.contains(|c: char| c.is_ascii_uppercase())
                    && !rest.starts_with(|c: char| c.is_ascii_lowercase());
                is_token.then(|| {
                    self.rest = rest;
                    word
                })
            }
        };
        match token {
            Some(token) => self.behind_token(token),
            None => self.value(),
        }
    }

    fn quoted(&mut self) -> Result<&'a str, SyntaxError<'a>> {
        self.skip_char();
        let (token, rest) = self.rest.split_once('\'').ok_or_else(|| self.error("an open quote"))?;
        self.rest = rest;
        Ok(token)
    }

    fn behind_token(&mut self, token: &'a str) -> Result<Argument<'a>, SyntaxError<'a>> {
        let repeated = self.rest.starts_with("...");
        if repeated {
            self.rest = &self.rest[3..];
        }
        let marks = self.marks()?;
        let alone = marks.label.is_some() || marks.since.is_some();
        let introduces = match self.peek() {
            Some('<' | '(') => true,
            Some(first) => first.is_ascii_lowercase() || first == '$',
            None => false,
        };
        if alone || !introduces {
            let name = marks.label.map_or_else(|| token.to_ascii_lowercase().into(), Cow::Borrowed);
            let mut argument = argument(name, Kind::PureToken, &marks);
            argument.token = Some(token);
            return Ok(argument);
        }
        let mut argument = self.single()?;
        argument.token = Some(token);
        argument.multiple_token = repeated;
        if argument.name.is_empty() {
            argument.name = token.to_ascii_lowercase().into();
        }
        Ok(argument)
    }

    fn value(&mut self) -> Result<Argument<'a>, SyntaxError<'a>> {
        let marks = self.marks()?;
        let name = marks.head.strip_prefix('$').unwrap_or(marks.head);
        if name.is_empty() || name.ends_with("...") {
            return Err(self.error("a name"));
        }
        let kind = match marks.label {
            Some(label) => Kind::of_value(label).ok_or_else(|| self.error("an unknown type"))?,
            None => Kind::of_value(name).unwrap_or(Kind::String),
        };
        let mut argument = argument(name.into(), kind, &marks);
        argument.key_spec = match marks.key_spec {
            Some(digits) => Some(digits.parse().map_err(|_| self.error("a number of a key spec"))?),
            None if kind == Kind::Key => Some(0),
            None => None,
        };
        Ok(argument)
    }

    /// Reads up to the next space, bar or bracket and takes it apart.
    fn marks(&mut self) -> Result<Marks<'a>, SyntaxError<'a>> {
        let end = self.rest.find([' ', '|', '[', ']', '<', '>', '(', ')']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        let (text, deprecated) = split_mark(text, text.rsplit_once('!'));
        let (text, since) = split_mark(text, text.rsplit_once('@'));
        let (text, key_spec) = split_mark(text, text.rsplit_once('#'));
        let (text, display) = split_mark(text, text.split_once('='));
        let (head, label) = split_mark(text, text.split_once(':'));
        Ok(Marks { head, label, display, key_spec, since, deprecated })
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start_matches(' ');
        self.rest.chars().next()
    }

    fn skip_char(&mut self) {
        let mut chars = self.rest.chars();
        chars.next();
        self.rest = chars.as_str();
    }

    fn takes(&mut self, text: &str) -> bool {
        self.peek();
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn error(&self, problem: &'static str) -> SyntaxError<'a> {
        SyntaxError { problem, rest: self.rest }
    }
}

fn argument<'a>(name: Cow<'a, str>, kind: Kind, marks: &Marks<'a>) -> Argument<'a> {
    Argument {
        name,
        kind,
        display: marks.display,
        key_spec: None,
        token: None,
        since: marks.since,
        deprecated: marks.deprecated,
        optional: false,
        multiple: false,
        multiple_token: false,
        arguments: Vec::new(),
    }
}

fn split_mark<'a>(text: &'a str, split: Option<(&'a str, &'a str)>) -> (&'a str, Option<&'a str>) {
    split.map_or((text, None), |(text, mark)| (text, Some(mark)))
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-' || c == '_'
}

/// How many words a request needs at least for these arguments, and at most if there is a bound.
pub fn word_counts(arguments: &[Argument<'_>]) -> (usize, Option<usize>) {
    let mut total = (0, Some(0));
    for argument in arguments {
        let (least, most) = words_of(argument);
        total.0 += if argument.optional { 0 } else { least };
        total.1 = if argument.multiple { None } else { total.1.zip(most).map(|(a, b)| a + b) };
    }
    total
}

/// The same for one argument that is given, once.
fn words_of(argument: &Argument<'_>) -> (usize, Option<usize>) {
    let token = usize::from(argument.token.is_some());
    let (least, most) = match argument.kind {
        Kind::PureToken => (0, Some(0)),
        Kind::Block => word_counts(&argument.arguments),
        // A choice is one of its items, even if they are written as optional.
        Kind::OneOf => argument.arguments.iter().map(words_of).fold((usize::MAX, Some(0)), |all, one| {
            (all.0.min(one.0), all.1.zip(one.1).map(|(a, b)| a.max(b)))
        }),
        _ => (1, Some(1)),
    };
    (token + least, most.map(|most| token + most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::commands::FAMILIES;

    /// Writes a tree with every property spelt out.
    fn spelt(arguments: &[Argument<'_>]) -> String {
        arguments.iter().map(spell).collect::<Vec<_>>().join(" ")
    }

    fn spell(argument: &Argument<'_>) -> String {
        let mut text = format!("{}:{}", argument.name, argument.kind.name());
        let marks = [
            ('=', argument.display),
            ('"', argument.token),
            ('@', argument.since),
            ('!', argument.deprecated),
        ];
        for (mark, value) in marks {
            if let Some(value) = value {
                text += &format!("{mark}{value}");
            }
        }
        if let Some(spec) = argument.key_spec {
            text += &format!("#{spec}");
        }
        for (mark, set) in
            [('?', argument.optional), ('+', argument.multiple), ('*', argument.multiple_token)]
        {
            if set {
                text.push(mark);
            }
        }
        if argument.kind.is_container() {
            text += &format!("{{{}}}", spelt(&argument.arguments));
        }
        text
    }

    fn check(line: &str, expected: &str) {
        assert_eq!(spelt(&parse(line).unwrap()), expected, "{line}");
    }

    #[test]
    fn values() {
        check("", "");
        check("key", "key:key#0");
        check("source:key destination:key#1", "source:key#0 destination:key#1");
        check("key ...", "key:key#0+");
        check("[channel ...]", "channel:string?+");
        check(
            "pattern n:integer f:double t:unix-time s",
            "pattern:pattern n:integer f:double t:unix-time s:string",
        );
        check("old=ip:port!2.8.12 addr=ip:port@2.0.0", "old:string=ip:port!2.8.12 addr:string=ip:port@2.0.0");
        check("[$COMMAND ...]", "COMMAND:string?+");
    }

    #[test]
    fn tokens() {
        check("LEN", "len:pure-token\"LEN");
        check("[BCAST:BCAST] [GET@6.2.0]", "BCAST:pure-token\"BCAST? get:pure-token\"GET@6.2.0?");
        check("'lib-name' libname", "libname:string\"lib-name");
        check(
            "<'=':equal | '~':approximately>:operator",
            "operator:oneof{equal:pure-token\"= approximately:pure-token\"~}",
        );
        check("[DB db:integer] x", "db:integer\"DB? x:string");
        check("[PREFIX... prefix ...]", "prefix:string\"PREFIX?+*");
        check("NO ONE", "no:pure-token\"NO one:pure-token\"ONE");
        check("GROUP:group name", "group:pure-token\"GROUP name:string");
    }

    #[test]
    fn choices_and_blocks() {
        check("[NX | XX]:condition@7.0.0", "condition:oneof@7.0.0?{nx:pure-token\"NX xx:pure-token\"XX}");
        check("(key value):data ...", "data:block+{key:key#0 value:string}");
        check("[LIMIT (offset:integer count:integer)]", "limit:block\"LIMIT?{offset:integer count:integer}");
        check("[TYPE <A | B>:kind@5.0.0]", "kind:oneof\"TYPE@5.0.0?{a:pure-token\"A b:pure-token\"B}");
        check("[start [end]:inner]:range", "range:block?{start:string inner:block?{end:string}}");
        check("[start [end]]:range", "range:block?{start:string end:string?}");
    }

    #[test]
    fn what_is_no_syntax() {
        for line in [
            "[",
            "a]",
            "[a",
            "a | b",
            "[]",
            "<a>",
            "(a | b)",
            "[a b | c]:x",
            "a:nothing",
            "'a",
            "key#x",
            "[T... a]",
            "a...",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    fn each_row(rows: &'static [Command], containers: usize, check: &mut impl FnMut(&Command, usize)) {
        for row in rows {
            check(row, containers + 1);
            each_row(row.subcommands, containers + 1, check);
        }
    }

    /// Every row's syntax parses, every choice and block has a name, and the words it asks for are the arity.
    #[test]
    fn rows_agree_with_their_arity() {
        fn named(arguments: &[Argument<'_>]) -> bool {
            arguments.iter().all(|argument| !argument.name.is_empty() && named(&argument.arguments))
        }
        let mut rows = 0;
        for family in FAMILIES {
            each_row(family, 0, &mut |row, names| {
                rows += 1;
                if !row.subcommands.is_empty() || row.name == "debug" {
                    return;
                }
                let arguments = parse(row.syntax).unwrap_or_else(|error| panic!("{}: {error:?}", row.name));
                assert!(named(&arguments), "{}: a choice or block without a name", row.name);
                let (least, most) = word_counts(&arguments);
                let least = (least + names) as i16;
                let exact = most.is_some_and(|most| (most + names) as i16 == least);
                let arity_allows = row.arity.abs() == least && (row.arity < 0 || exact);
                assert!(arity_allows, "{}: arity {}, {least} words, exact: {exact}", row.name, row.arity);
            });
        }
        assert!(rows > 5, "no rows to check");
    }

    /// A key argument names a key spec that exists, and every spec of real keys has an argument.
    #[test]
    fn rows_agree_with_their_key_specs() {
        fn specs(arguments: &[Argument<'_>], found: &mut Vec<usize>) {
            for argument in arguments {
                found.extend(argument.key_spec.map(usize::from));
                specs(&argument.arguments, found);
            }
        }
        for family in FAMILIES {
            each_row(family, 0, &mut |row, _| {
                let mut found = Vec::new();
                specs(&parse(row.syntax).unwrap(), &mut found);
                assert!(found.iter().all(|&spec| spec < row.keys.len()), "{}", row.name);
                for (i, spec) in row.keys.iter().enumerate() {
                    let fake = spec.flags.contains(crate::command::keys::NOT_KEY);
                    assert!(fake || found.contains(&i), "{}: key spec {i} has no argument", row.name);
                }
            });
        }
    }
}
