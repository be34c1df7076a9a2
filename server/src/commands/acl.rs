//! ACL: users and their rights. There is one user, `default`, who may do everything; `requirepass` is its password.

use crate::command::shared::HELP;
use crate::command::table::container;
use crate::command::{Category, Command, Flags, Group, Outcome};
use crate::config::Config;
use crate::context::Ctx;
use rufous_protocol::error;
use rufous_protocol::request::Args;
use sha2::{Digest, Sha256};

const OPEN: Flags = HELP.union(Flags::NOSCRIPT);
const ADMIN: Flags = OPEN.union(Flags::ADMIN);

/// ACL and its subcommands.
pub const ROWS: &[Command] = &[Command::new("acl", container, -2, Flags::empty(), Group::Server)
    .docs("6.0.0", "Depends on the subcommand.", "Groups the commands about users and their rights.", "")
    .subcommands(ACL)];

const ACL: &[Command] = &[
    Command::new("cat", acl_cat, -2, OPEN, Group::Server).docs(
        "6.0.0",
        "O(1), because categories and commands are fixed",
        "Lists the categories of commands, or the commands of one category.",
        "[category]",
    ),
    Command::new("getuser", acl_getuser, 3, ADMIN, Group::Server)
        .docs(
            "6.0.0",
            "O(N) where N is the number of rules of the user",
            "Gives the rules of a user.",
            "username",
        )
        .history(&[
            ("6.2.0", "Shows channels."),
            ("7.0.0", "Shows selectors, and keys and channels as rules."),
        ]),
    Command::new("help", acl_help, 2, HELP, Group::Server).docs(
        "6.0.0",
        "O(1)",
        "Explains the subcommands of ACL.",
        "",
    ),
    Command::new("list", acl_list, 2, ADMIN, Group::Server).docs(
        "6.0.0",
        "O(N) where N is the number of users",
        "Gives the rules of all users as an ACL file holds them.",
        "",
    ),
    Command::new("users", acl_users, 2, ADMIN, Group::Server).docs(
        "6.0.0",
        "O(N) where N is the number of users",
        "Lists the names of all users.",
        "",
    ),
    Command::new("whoami", acl_whoami, 2, OPEN, Group::Server).docs(
        "6.0.0",
        "O(1)",
        "Tells the name of this connection's user.",
        "",
    ),
];

/// The password of the default user as ACL shows it: its SHA-256 in hexadecimal digits.
fn password_hash(config: &Config) -> Option<String> {
    let digest = || Sha256::digest(&config.requirepass);
    (!config.requirepass.is_empty()).then(|| digest().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// ACL WHOAMI
fn acl_whoami(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.reply.bulk(cx.client.user.as_bytes());
    Ok(())
}

/// ACL USERS
fn acl_users(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.reply.bulks(["default"]);
    Ok(())
}

/// ACL LIST
fn acl_list(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let password =
        password_hash(&cx.server.config).map_or_else(|| "nopass".into(), |hash| format!("#{hash}"));
    cx.reply.bulks([format!("user default on {password} sanitize-payload ~* &* +@all")]);
    Ok(())
}

/// ACL GETUSER username
fn acl_getuser(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    if args.get(2) != b"default" {
        cx.reply.null();
        return Ok(());
    }
    let password = password_hash(&cx.server.config);
    let reply = &mut cx.reply;
    reply.map(6);
    reply.bulk(b"flags");
    let without_password = password.is_none().then_some("nopass");
    let flags: Vec<_> = ["on"].into_iter().chain(without_password).chain(["sanitize-payload"]).collect();
    reply.bulk_set(flags);
    reply.bulk(b"passwords");
    reply.bulks(password.as_slice());
    for (name, value) in [("commands", "+@all"), ("keys", "~*"), ("channels", "&*")] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"selectors");
    reply.array(0);
    Ok(())
}

/// ACL CAT [category]
fn acl_cat(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    match args.find(2) {
        _ if args.len() > 3 => return Err(cx.subcommand_syntax(args)),
        None => {
            let names: Vec<String> = Category::all().names().collect();
            cx.reply.bulks(names);
        }
        Some(name) => {
            let category = Category::by_name(name).ok_or_else(|| error::acl_unknown_category(name))?;
            let commands = &cx.server.commands;
            let is_in = |id: &_| commands.categories(*id).contains(category);
            let names: Vec<&str> = commands.ids().filter(is_in).map(|id| commands.full_name(id)).collect();
            cx.reply.bulks(names);
        }
    }
    Ok(())
}

/// ACL HELP
fn acl_help(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.help(
        "ACL",
        &[
            ("CAT [<category>]", "The categories of commands, or the commands of one."),
            ("GETUSER <username>", "The rules of a user."),
            ("LIST", "The rules of all users, as an ACL file holds them."),
            ("USERS", "The names of all users."),
            ("WHOAMI", "The user of this connection."),
        ],
    );
    Ok(())
}
