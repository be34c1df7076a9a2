//! COMMAND: what the server tells clients about its commands. Everything comes from the rows.
//!
//! Names that clients give may be those that `rename-command` chose; the names in replies are the original ones, as in Redis.

use crate::command::keys::{self, Begin, Find, KeyFlags, KeySpec};
use crate::command::syntax::{self, Argument};
use crate::command::table::{CommandId, CommandTable};
use crate::command::{Category, Command, Flags, Group, Outcome};
use crate::context::Ctx;
use rufous_protocol::error;
use rufous_protocol::glob;
use rufous_protocol::reply::Reply;
use rufous_protocol::request::Args;

const OPEN: Flags = Flags::LOADING.union(Flags::STALE);
const UNORDERED: &[&str] = &["nondeterministic_output_order"];

/// COMMAND and its subcommands.
pub const ROWS: &[Command] = &[Command::new("command", command, -1, OPEN, Group::Server)
    .acl(Category::CONNECTION)
    .docs("2.8.13", "O(N) where N is the number of commands", "Describes all commands, for programs.", "")
    .tips(UNORDERED)
    .subcommands(COMMAND)];

const COMMAND: &[Command] = &[
    Command::new("count", command_count, 2, OPEN, Group::Server).acl(Category::CONNECTION).docs(
        "2.8.13",
        "O(1)",
        "Counts the commands.",
        "",
    ),
    Command::new("docs", command_docs, -2, OPEN, Group::Server)
        .acl(Category::CONNECTION)
        .docs(
            "7.0.0",
            "O(N) where N is the number of commands asked for",
            "Gives the documentation of some commands or of all.",
            "[command-name ...]",
        )
        .tips(UNORDERED),
    Command::new("getkeys", command_getkeys, -3, OPEN, Group::Server).acl(Category::CONNECTION).docs(
        "2.8.13",
        "O(N) where N is the number of arguments",
        "Picks the keys out of a whole command.",
        "command [arg ...]",
    ),
    Command::new("getkeysandflags", command_getkeysandflags, -3, OPEN, Group::Server)
        .acl(Category::CONNECTION)
        .docs(
            "7.0.0",
            "O(N) where N is the number of arguments",
            "Picks the keys out of a whole command and tells what it does to them.",
            "command [arg ...]",
        ),
    Command::new("help", command_help, 2, OPEN, Group::Server).acl(Category::CONNECTION).docs(
        "5.0.0",
        "O(1)",
        "Explains the subcommands of COMMAND.",
        "",
    ),
    Command::new("info", command_info, -2, OPEN, Group::Server)
        .acl(Category::CONNECTION)
        .docs(
            "2.8.13",
            "O(N) where N is the number of commands asked for",
            "Describes some commands or all, for programs.",
            "[command-name ...]",
        )
        .history(&[("7.0.0", "Without names: all commands.")])
        .tips(UNORDERED),
    Command::new("list", command_list, -2, OPEN, Group::Server)
        .acl(Category::CONNECTION)
        .docs(
            "7.0.0",
            "O(N) where N is the number of commands",
            "Lists the names of the commands that pass a filter.",
            "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>:filterby]",
        )
        .tips(UNORDERED),
];

/// COMMAND
fn command(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    info_of_all(cx);
    Ok(())
}

/// COMMAND COUNT
fn command_count(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.reply.integer(cx.server.commands.count() as i64);
    Ok(())
}

/// COMMAND DOCS [command-name [command-name ...]]
fn command_docs(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let table = &cx.server.commands;
    let ids: Vec<CommandId> = if args.len() == 2 {
        table.top_level().collect()
    } else {
        args.from(2).iter().filter_map(|name| table.lookup_full(name)).collect()
    };
    cx.reply.map(ids.len());
    for id in ids {
        cx.reply.bulk(table.full_name(id).as_bytes());
        docs(&mut cx.reply, table, id);
    }
    Ok(())
}

/// COMMAND GETKEYS command [arg ...]
fn command_getkeys(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    reply_keys(&mut cx.reply, &cx.server.commands, args.from(2), false)
}

/// COMMAND GETKEYSANDFLAGS command [arg ...]
fn command_getkeysandflags(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    reply_keys(&mut cx.reply, &cx.server.commands, args.from(2), true)
}

/// COMMAND HELP
fn command_help(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.help(
        "COMMAND",
        &[
            ("(no subcommand)", "Describe every command for programs."),
            ("COUNT", "Tell how many commands there are."),
            (
                "LIST [FILTERBY (MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>)]",
                "List command names, all or those that pass the filter.",
            ),
            ("INFO [<command-name> ...]", "Describe the named commands, or all, for programs."),
            ("DOCS [<command-name> ...]", "Give the documentation of the named commands, or of all."),
            ("GETKEYS <full-command>", "Pick the keys out of a command."),
            (
                "GETKEYSANDFLAGS <full-command>",
                "Pick the keys out of a command, each with what happens to it.",
            ),
        ],
    );
    Ok(())
}

/// COMMAND INFO [command-name [command-name ...]]
fn command_info(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    if args.len() == 2 {
        info_of_all(cx);
        return Ok(());
    }
    let table = &cx.server.commands;
    cx.reply.array(args.len() - 2);
    for name in args.from(2) {
        match table.lookup_full(name) {
            Some(id) => info(&mut cx.reply, table, id),
            None => cx.reply.null(),
        }
    }
    Ok(())
}

/// Which commands COMMAND LIST names.
enum Filter<'a> {
    All,
    /// No command belongs to a module yet, whatever its name.
    Module,
    /// `None`: there is no such category.
    Category(Option<Category>),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn parse(args: Args<'a>) -> Option<Filter<'a>> {
        let (word, kind, value) = match args.len() {
            0 => return Some(Filter::All),
            3 => (args.get(0), args.get(1), args.get(2)),
            _ => return None,
        };
        match () {
            () if !word.eq_ignore_ascii_case(b"filterby") => None,
            () if kind.eq_ignore_ascii_case(b"module") => Some(Filter::Module),
            () if kind.eq_ignore_ascii_case(b"aclcat") => Some(Filter::Category(Category::by_name(value))),
            () if kind.eq_ignore_ascii_case(b"pattern") => Some(Filter::Pattern(value)),
            () => None,
        }
    }

    fn passes(&self, table: &CommandTable, id: CommandId) -> bool {
        match *self {
            Filter::All => true,
            Filter::Module => table.flags(id).contains(Flags::MODULE),
            Filter::Category(None) => false,
            Filter::Category(Some(category)) => table.categories(id).intersects(category),
            Filter::Pattern(pattern) => glob::matches_nocase(pattern, table.full_name(id).as_bytes()),
        }
    }
}

/// COMMAND LIST [FILTERBY MODULE module-name | ACLCAT category | PATTERN pattern]
fn command_list(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let filter = Filter::parse(args.from(2)).ok_or(error::SYNTAX)?;
    let table = &cx.server.commands;
    let mark = cx.reply.defer();
    let mut count = 0;
    for id in table.top_level().flat_map(|id| std::iter::once(id).chain(table.subcommands(id))) {
        if filter.passes(table, id) {
            cx.reply.bulk(table.full_name(id).as_bytes());
            count += 1;
        }
    }
    cx.reply.set_array(mark, count);
    Ok(())
}

fn info_of_all(cx: &mut Ctx<'_>) {
    let table = &cx.server.commands;
    cx.reply.array(table.count());
    for id in table.top_level() {
        info(&mut cx.reply, table, id);
    }
}

fn reply_keys(reply: &mut Reply<'_>, table: &CommandTable, request: Args<'_>, with_flags: bool) -> Outcome {
    let id =
        table.lookup_request(request, None).ok_or_else(|| error::message("Invalid command specified"))?;
    let row = table.row(id);
    if !keys::has_keys(row) {
        return Err(error::message("The command has no key arguments"));
    }
    if !row.accepts(request.len()) {
        return Err(error::message("Invalid number of arguments specified for command"));
    }
    let keys = match keys::find(row, request) {
        Ok(keys) if !keys.is_empty() => keys,
        _ if row.flags.contains(Flags::NO_MANDATORY_KEYS) => Vec::new(),
        Ok(_) => return Err(keys::invalid_arguments()),
        Err(error) => return Err(error),
    };
    reply.array(keys.len());
    for key in keys {
        if with_flags {
            reply.array(2);
        }
        reply.bulk(request.get(key.position));
        if with_flags {
            key_flags(reply, key.flags);
        }
    }
    Ok(())
}

/// Flags in the order in which COMMAND INFO has them. The others are not shown.
const FLAG_NAMES: &[(Flags, &str)] = &[
    (Flags::WRITE, "write"),
    (Flags::READONLY, "readonly"),
    (Flags::DENYOOM, "denyoom"),
    (Flags::MODULE, "module"),
    (Flags::ADMIN, "admin"),
    (Flags::PUBSUB, "pubsub"),
    (Flags::NOSCRIPT, "noscript"),
    (Flags::BLOCKING, "blocking"),
    (Flags::LOADING, "loading"),
    (Flags::STALE, "stale"),
    (Flags::SKIP_MONITOR, "skip_monitor"),
    (Flags::SKIP_SLOWLOG, "skip_slowlog"),
    (Flags::ASKING, "asking"),
    (Flags::FAST, "fast"),
    (Flags::NO_AUTH, "no_auth"),
    (Flags::NO_MANDATORY_KEYS, "no_mandatory_keys"),
    (Flags::NO_ASYNC_LOADING, "no_async_loading"),
    (Flags::NO_MULTI, "no_multi"),
    (Flags::MOVABLE_KEYS, "movablekeys"),
    (Flags::ALLOW_BUSY, "allow_busy"),
];

const KEY_FLAG_NAMES: &[(KeyFlags, &str)] = &[
    (KeyFlags::RO, "RO"),
    (KeyFlags::RW, "RW"),
    (KeyFlags::OW, "OW"),
    (KeyFlags::RM, "RM"),
    (KeyFlags::ACCESS, "access"),
    (KeyFlags::UPDATE, "update"),
    (KeyFlags::INSERT, "insert"),
    (KeyFlags::DELETE, "delete"),
    (KeyFlags::NOT_KEY, "not_key"),
    (KeyFlags::INCOMPLETE, "incomplete"),
    (KeyFlags::VARIABLE_FLAGS, "variable_flags"),
];

/// The ten elements of COMMAND INFO.
fn info(reply: &mut Reply<'_>, table: &CommandTable, id: CommandId) {
    let row = table.row(id);
    let range = table.legacy_range(id);
    reply.array(10);
    reply.bulk(table.full_name(id).as_bytes());
    reply.integer(i64::from(row.arity));
    let flags = table.flags(id);
    names(reply, FLAG_NAMES.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| *name));
    reply.integer(range.first);
    reply.integer(range.last);
    reply.integer(range.step);
    let categories = table.categories(id);
    names(reply, categories.names().map(|name| format!("@{name}")));
    reply.bulk_set(row.tips);
    reply.set(row.keys.len());
    for spec in row.keys {
        key_spec(reply, spec);
    }
    let subcommands = table.subcommands(id);
    match subcommands.len() {
        0 => reply.set(0),
        count => reply.array(count),
    }
    for subcommand in subcommands {
        info(reply, table, subcommand);
    }
}

/// A set of status lines.
fn names(reply: &mut Reply<'_>, names: impl Iterator<Item = impl AsRef<str>>) {
    let mark = reply.defer();
    let mut count = 0;
    for name in names {
        reply.simple(name.as_ref());
        count += 1;
    }
    reply.set_set(mark, count);
}

fn key_flags(reply: &mut Reply<'_>, flags: KeyFlags) {
    names(reply, KEY_FLAG_NAMES.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| *name));
}

fn key_spec(reply: &mut Reply<'_>, spec: &KeySpec) {
    reply.map(3 + usize::from(spec.note.is_some()));
    if let Some(note) = spec.note {
        text(reply, "notes", note);
    }
    reply.bulk(b"flags");
    key_flags(reply, spec.flags);
    reply.bulk(b"begin_search");
    match spec.begin {
        Begin::Index(position) => {
            half_spec(reply, "index", 1);
            number(reply, "index", position as i64);
        }
        Begin::Keyword { word, start_from } => {
            half_spec(reply, "keyword", 2);
            text(reply, "keyword", word);
            number(reply, "startfrom", i64::from(start_from));
        }
        Begin::Unknown => half_spec(reply, "unknown", 0),
    }
    reply.bulk(b"find_keys");
    match spec.find {
        Find::Range { last, step, limit } => {
            half_spec(reply, "range", 3);
            number(reply, "lastkey", i64::from(last));
            number(reply, "keystep", i64::from(step));
            number(reply, "limit", i64::from(limit));
        }
        Find::KeyNum { count_at, first, step } => {
            half_spec(reply, "keynum", 3);
            number(reply, "keynumidx", count_at as i64);
            number(reply, "firstkey", first as i64);
            number(reply, "keystep", i64::from(step));
        }
        Find::Unknown => half_spec(reply, "unknown", 0),
    }
}

/// `type` and the head of `spec`; the caller adds the spec's `len` pairs.
fn half_spec(reply: &mut Reply<'_>, kind: &str, len: usize) {
    reply.map(2);
    text(reply, "type", kind);
    reply.bulk(b"spec");
    reply.map(len);
}

/// The map of COMMAND DOCS. Fields without a value are left out.
fn docs(reply: &mut Reply<'_>, table: &CommandTable, id: CommandId) {
    let row = table.row(id);
    let mark = reply.defer();
    let mut fields = 3;
    text(reply, "summary", row.summary);
    text(reply, "since", row.since);
    text(reply, "group", row.group.name());
    if !row.complexity.is_empty() {
        text(reply, "complexity", row.complexity);
        fields += 1;
    }
    let flags = [(row.deprecated.is_some(), "deprecated"), (row.is_internal, "syscmd")];
    if flags.iter().any(|(set, _)| *set) {
        reply.bulk(b"doc_flags");
        names(reply, flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name));
        fields += 1;
    }
    if let Some((version, successor)) = row.deprecated {
        text(reply, "deprecated_since", version);
        text(reply, "replaced_by", successor);
        fields += 2;
    }
    if !row.history.is_empty() {
        reply.bulk(b"history");
        reply.set(row.history.len());
        row.history.iter().for_each(|(version, change)| reply.bulks([version, change]));
        fields += 1;
    }
    if !row.syntax.is_empty() {
        let tree = syntax::parse(row.syntax).expect("a test parses the syntax of every row");
        reply.bulk(b"arguments");
        arguments(reply, &tree);
        fields += 1;
    }
    let subcommands = table.subcommands(id);
    if subcommands.len() > 0 {
        reply.bulk(b"subcommands");
        reply.map(subcommands.len());
        fields += 1;
    }
    for subcommand in subcommands {
        reply.bulk(table.full_name(subcommand).as_bytes());
        docs(reply, table, subcommand);
    }
    reply.set_map(mark, fields);
}

fn arguments(reply: &mut Reply<'_>, tree: &[Argument<'_>]) {
    reply.array(tree.len());
    for argument in tree {
        let mark = reply.defer();
        let fields = describe(reply, argument);
        reply.set_map(mark, fields);
    }
}

/// The pairs of one argument; gives their number.
fn describe(reply: &mut Reply<'_>, argument: &Argument<'_>) -> usize {
    let mut fields = 2;
    text(reply, "name", &argument.name);
    text(reply, "type", argument.kind.name());
    if !argument.kind.is_container() {
        text(reply, "display_text", argument.display.unwrap_or(&argument.name));
        fields += 1;
    }
    if let Some(spec) = argument.key_spec {
        number(reply, "key_spec_index", i64::from(spec));
        fields += 1;
    }
    let texts =
        [("token", argument.token), ("since", argument.since), ("deprecated_since", argument.deprecated)];
    for (name, value) in texts {
        if let Some(value) = value {
            text(reply, name, value);
            fields += 1;
        }
    }
    let flags = [
        (argument.optional, "optional"),
        (argument.multiple, "multiple"),
        (argument.multiple_token, "multiple_token"),
    ];
    if flags.iter().any(|(set, _)| *set) {
        reply.bulk(b"flags");
        names(reply, flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name));
        fields += 1;
    }
    if argument.kind.is_container() {
        reply.bulk(b"arguments");
        arguments(reply, &argument.arguments);
        fields += 1;
    }
    fields
}

fn text(reply: &mut Reply<'_>, name: &str, value: &str) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_bytes());
}

fn number(reply: &mut Reply<'_>, name: &str, value: i64) {
    reply.bulk(name.as_bytes());
    reply.integer(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table::container;
    use rufous_protocol::reply::Resp;
    use rufous_protocol::request::OwnedArgs;

    const WRITE: Flags = Flags::WRITE.union(Flags::NO_MULTI).union(Flags::ALLOW_BUSY);
    const ITEMS: &[Command] = &[
        Command::new("put", container, -3, WRITE, Group::String)
            .keys(const { &[KeySpec::one(1, keys::RW.union(keys::UPDATE)).note("why")] })
            .tips(&["request_policy:special"])
            .docs("2.0.0", "", "Puts.", "key [value]")
            .history(&[("2.2.0", "Puts more.")])
            .deprecated("3.0.0", "`SET`")
            .internal(),
        Command::new("ping", container, -1, Flags::FAST, Group::Connection),
        Command::new("eval", container, -3, Flags::NO_MANDATORY_KEYS, Group::Scripting)
            .keys(const { &[KeySpec::numkeys(2, 0, 1, 1, keys::RW)] }),
        Command::new("box", container, -2, Flags::empty(), Group::Server).subcommands(
            const {
                &[Command::new("get", container, 3, Flags::empty(), Group::Server)
                    .keys(const { &[KeySpec::one(2, keys::RO)] })]
            },
        ),
    ];

    fn table() -> CommandTable {
        CommandTable::from_rows(&[ITEMS], []).unwrap()
    }

    /// The bytes of a reply with line ends as spaces.
    fn written(resp: Resp, write: impl FnOnce(&mut Reply<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Reply::new(&mut out, resp));
        String::from_utf8(out).unwrap().trim_end().replace("\r\n", " ")
    }

    #[test]
    fn info_has_ten_elements_and_sets_in_resp3() {
        let table = table();
        let put = table.lookup(b"put").unwrap();
        let expected = |set: char, map: &str, spec: &str, index: &str, range: &str| {
            format!(
                "*10 $3 put :-3 {set}3 +write +no_multi +allow_busy :1 :1 :1 {set}3 +@write +@string +@slow \
                 {set}1 $22 request_policy:special {set}1 {map} $5 notes $3 why $5 flags {set}2 +RW +update \
                 $12 begin_search {spec} $4 type $5 index $4 spec {index} $5 index :1 \
                 $9 find_keys {spec} $4 type $5 range $4 spec {range} $7 lastkey :0 $7 keystep :1 $5 limit :0 {set}0"
            )
        };
        let check = |resp, expected: String| {
            assert_eq!(written(resp, |reply| info(reply, &table, put)), expected);
        };
        check(Resp::V2, expected('*', "*8", "*4", "*2", "*6"));
        check(Resp::V3, expected('~', "%4", "%2", "%1", "%3"));
    }

    #[test]
    fn subcommands_are_an_array() {
        let table = table();
        let container = table.lookup(b"box").unwrap();
        let text = written(Resp::V3, |reply| info(reply, &table, container));
        assert!(text.contains("~0 *1 *10 $7 box|get :3 ~0 :2 :2 :1"), "{text}");
    }

    #[test]
    fn docs_leave_out_what_is_not_there() {
        let table = table();
        let check = |name: &[u8], expected: &str| {
            let id = table.lookup(name).unwrap();
            assert_eq!(written(Resp::V3, |reply| docs(reply, &table, id)), expected);
        };
        check(
            b"put",
            "%8 $7 summary $5 Puts. $5 since $5 2.0.0 $5 group $6 string $9 doc_flags ~2 +deprecated +syscmd \
             $16 deprecated_since $5 3.0.0 $11 replaced_by $5 `SET` \
             $7 history ~1 *2 $5 2.2.0 $10 Puts more. $9 arguments *2 \
             %4 $4 name $3 key $4 type $3 key $12 display_text $3 key $14 key_spec_index :0 \
             %4 $4 name $5 value $4 type $6 string $12 display_text $5 value $5 flags ~1 +optional",
        );
        check(
            b"box",
            "%5 $7 summary $0  $5 since $5 1.0.0 $5 group $6 server $10 complexity $4 O(1) $11 subcommands \
             %1 $7 box|get %4 $7 summary $0  $5 since $5 1.0.0 $5 group $6 server $10 complexity $4 O(1)",
        );
    }

    #[test]
    fn keys_of_a_whole_command() {
        let table = table();
        let check = |line: &str, with_flags: bool, expected: &str| {
            let request: OwnedArgs = line.split(' ').map(str::as_bytes).collect();
            let reply = written(Resp::V3, |reply| {
                if let Err(error) = reply_keys(reply, &table, request.args(), with_flags) {
                    reply.error(&error);
                }
            });
            assert_eq!(reply, expected, "{line}");
        };
        check("PUT k v", false, "*1 $1 k");
        check("put k v", true, "*1 *2 $1 k ~2 +RW +update");
        check("box get k", false, "*1 $1 k");
        check("eval x 2 a b c", false, "*2 $1 a $1 b");
        check("eval x 0", false, "*0");
        check("nosuch k", false, "-ERR Invalid command specified");
        check("box nosuch k", false, "-ERR Invalid command specified");
        check("ping", false, "-ERR The command has no key arguments");
        check("box", false, "-ERR The command has no key arguments");
        check("put k", false, "-ERR Invalid number of arguments specified for command");
    }

    #[test]
    fn filters_of_list() {
        let table = table();
        let check = |line: &str, expected: Option<&str>| {
            let words: OwnedArgs = line.split_whitespace().map(str::as_bytes).collect();
            let names = Filter::parse(words.args()).map(|filter| {
                let passing = table.ids().filter(|&id| filter.passes(&table, id));
                passing.map(|id| table.full_name(id)).collect::<Vec<_>>().join(" ")
            });
            assert_eq!(names.as_deref(), expected, "{line}");
        };
        check("", Some("put ping eval box box|get"));
        check("FILTERBY pattern B*", Some("box box|get"));
        check("filterby ACLCAT Fast", Some("ping"));
        check("filterby aclcat nosuch", Some(""));
        check("filterby module any", Some(""));
        for wrong in
            ["filterby", "filterby module", "filterby what x", "other module x", "filterby module x y"]
        {
            check(wrong, None);
        }
    }
}
