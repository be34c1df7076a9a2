//! CONFIG: the directives in force, their change, the file they came from, and the statistics' zero.
//!
//! The directives are in [`crate::config`]; what a change sets off is in [`crate::reconfigure`].

use crate::command::shared::HELP;
use crate::command::table::container;
use crate::command::{Command, Flags, Group, Outcome};
use crate::config::{self, Config, Permissions};
use crate::context::Ctx;
use crate::engine::{self, EngineSpecial, State};
use crate::reconfigure::Reconfigure;
use rufous_persistence::disk::system_text;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::request::Args;

const ADMIN: Flags = HELP.union(Flags::ADMIN).union(Flags::NOSCRIPT);

const ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

/// CONFIG and its subcommands.
pub const ROWS: &[Command] = &[Command::new("config", container, -2, Flags::empty(), Group::Server)
    .docs("2.0.0", "Depends on the subcommand.", "Groups the commands about the configuration.", "")
    .subcommands(CONFIG)];

const CONFIG: &[Command] = &[
    Command::new("get", config_get, -3, ADMIN, Group::Server)
        .docs(
            "2.0.0",
            "O(N) where N is the number of patterns given",
            "Gives the values of the directives whose names match.",
            "parameter ...",
        )
        .history(&[("7.0.0", "Takes several patterns.")]),
    Command::new("help", config_help, 2, HELP, Group::Server).docs(
        "5.0.0",
        "O(1)",
        "Explains the subcommands of CONFIG.",
        "",
    ),
    Command::new("resetstat", config_resetstat, 2, ADMIN, Group::Server)
        .docs("2.0.0", "O(1)", "Sets the statistics back to zero.", "")
        .tips(ALL_NODES),
    Command::new("rewrite", config_rewrite, 2, ADMIN, Group::Server)
        .docs("2.8.0", "O(1)", "Writes the values in force into the configuration file.", "")
        .tips(ALL_NODES),
    Command::new("set", config_set, -4, ADMIN, Group::Server)
        .docs(
            "2.0.0",
            "O(N) where N is the number of directives given",
            "Changes directives while the server runs.",
            "(parameter value):data ...",
        )
        .history(&[("7.0.0", "Sets several directives.")])
        .tips(ALL_NODES),
];

/// CONFIG GET parameter [parameter ...]
fn config_get(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let patterns: Vec<&[u8]> = args.from(2).iter().collect();
    let found = cx.server.config.get(&patterns);
    cx.reply.map(found.len());
    for (name, value) in &found {
        cx.reply.bulk(name.as_bytes());
        cx.reply.bulk(value);
    }
    Ok(())
}

/// CONFIG SET parameter value [parameter value ...]
fn config_set(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let given = args.from(2);
    let pairs: Vec<(&[u8], &[u8])> =
        given.pairs().ok_or(error::SYNTAX)?.map(|[name, value]| (name, value)).collect();
    for (i, (name, _)) in pairs.iter().enumerate() {
        if Config::is_sensitive(name) {
            cx.redact(3 + 2 * i);
        }
    }
    let permissions = Permissions {
        loading: cx.server.special.contains(EngineSpecial::LOADING),
        protected: cx.server.config.enable_protected_configs.allows(cx.client.is_local()),
    };
    let mut host = Reconfigure { store: &mut *cx.db.store, state: &mut *cx.server, in_exec: cx.in_exec };
    if let Err(refusal) = config::set(&mut host, &pairs, permissions) {
        if let Some(line) = refusal.log_line() {
            cx.server.log.warning(line);
        }
        return Err(ReplyError::formatted(refusal.to_string()));
    }
    engine::apply_config(cx.db.store, cx.server);
    crate::acl::admit(&cx.server.config, cx.client);
    let names: Vec<&[u8]> = pairs.iter().map(|(name, _)| *name).collect();
    for line in cx.server.config.warnings_after_set(&names) {
        cx.server.log.warning(line);
    }
    cx.reply.ok();
    Ok(())
}

/// CONFIG REWRITE
fn config_rewrite(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let State { config, log, .. } = &*cx.server;
    let path = config.config_file.as_ref().ok_or(error::CONFIG_WITHOUT_FILE)?;
    config.rewrite(path, None).map_err(|failure| {
        let reason = system_text(&failure);
        log.warning(format_args!("CONFIG REWRITE failed: {reason}"));
        error::config_rewrite(&reason)
    })?;
    log.notice("CONFIG REWRITE executed with success.");
    cx.reply.ok();
    Ok(())
}

/// CONFIG RESETSTAT
fn config_resetstat(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.server.stats.reset();
    cx.server.persistence.snapshots.saves = 0;
    cx.server.commands.reset_stats();
    cx.server.eviction.reset_stats();
    cx.db.store.reset_stats();
    cx.reply.ok();
    Ok(())
}

/// CONFIG HELP
fn config_help(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.help(
        "CONFIG",
        &[
            ("GET <pattern> [<pattern> ...]", "The directives whose names match, with their values."),
            ("SET <directive> <value> [<directive> <value> ...]", "Change directives, all or none."),
            ("RESETSTAT", "Set the statistics of INFO back to zero."),
            ("REWRITE", "Write the directives in force into the configuration file."),
        ],
    );
    Ok(())
}
