//! CONFIG SET: several directives at once, all or none.
//!
//! The new values are first read into a copy, where any of them may be refused. Then the copy takes the place
//! of the configuration and the server applies it, change by change; if it refuses one, the old configuration
//! comes back and is applied again.

use super::directive::{Phase, Problem, Traits};
use super::{Changed, Config, Directive, table};
use std::fmt;

/// The server, as CONFIG SET sees it.
pub trait Host {
    /// The configuration in use.
    fn config(&mut self) -> &mut Config;

    /// Acts on a change; `config()` holds the new values. An error undoes the whole CONFIG SET; its text is
    /// shown to the client (Redis' texts are with [`Changed`]). May be called again with the old values.
    fn apply(&mut self, change: Changed) -> Result<(), String>;
}

/// A configuration alone is changed without further work.
impl Host for Config {
    fn config(&mut self) -> &mut Config {
        self
    }

    fn apply(&mut self, _: Changed) -> Result<(), String> {
        Ok(())
    }
}

/// What the moment and the client allow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Permissions {
    /// The dataset is being loaded.
    pub loading: bool,
    /// The client may set protected directives: `config.enable_protected_configs.allows(is_local)`.
    pub protected: bool,
}

/// Why CONFIG SET failed; it has changed nothing. `Display` is the error reply with its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// No directive has this name.
    Unknown(String),
    /// The directive cannot be set while the dataset is loading.
    Loading,
    /// The directive's value was refused, by the table or by the server.
    Refused {
        /// The directive.
        name: String,
        /// The reason.
        problem: Problem,
        /// The server refused to apply it, which is worth a line in the log.
        applying: bool,
    },
}

impl fmt::Display for SetError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetError::Unknown(name) => {
                write!(out, "ERR Unknown option or number of arguments for CONFIG SET - '{name}'")
            }
            SetError::Loading => out.write_str("LOADING Redis is loading the dataset in memory"),
            SetError::Refused { name, problem, .. } => {
                write!(out, "ERR CONFIG SET failed (possibly related to argument '{name}') - {problem}")
            }
        }
    }
}

impl SetError {
    /// The line that belongs in the log at level warning, if any.
    pub fn log_line(&self) -> Option<String> {
        match self {
            SetError::Refused { name, applying: true, .. } => Some(format!(
                "Failed applying new configuration. Possibly related to new {name} setting. Restoring previous \
                 settings."
            )),
            _ => None,
        }
    }
}

/// Sets pairs of name and value, all or none; returns what was applied, in order.
pub fn set(
    host: &mut impl Host,
    pairs: &[(&[u8], &[u8])],
    permissions: Permissions,
) -> Result<Vec<Changed>, SetError> {
    let rows = find_all(pairs, permissions)?;
    let old = host.config().clone();
    let mut new = old.clone();
    let mut changes: Vec<(Changed, String)> = Vec::new();
    for ((row, name), (_, value)) in rows.iter().zip(pairs) {
        let before = row.get(&new);
        row.set(&mut new, &arguments(row, value), Phase::Set).map_err(|problem| SetError::Refused {
            name: name.clone(),
            problem,
            applying: false,
        })?;
        let touched = row.traits.contains(Traits::VOLATILE) || row.get(&new) != before;
        if let Some(change) = row.changed.filter(|_| touched)
            && !changes.iter().any(|(known, _)| *known == change)
        {
            changes.push((change, name.clone()));
        }
    }
    new.settle();
    *host.config() = new;
    apply(host, &changes).inspect_err(|_| {
        *host.config() = old;
        for (change, _) in &changes {
            // What was in use a moment ago can be used again; where it cannot, there is nothing to fall back on.
            let _ = host.apply(*change);
        }
    })?;
    Ok(changes.into_iter().map(|(change, _)| change).collect())
}

fn apply(host: &mut impl Host, changes: &[(Changed, String)]) -> Result<(), SetError> {
    for (change, name) in changes {
        host.apply(*change).map_err(|problem| SetError::Refused {
            name: name.clone(),
            problem: problem.into(),
            applying: true,
        })?;
    }
    Ok(())
}

/// The rows of all pairs with the names under which errors mention them, or the first reason against.
fn find_all(
    pairs: &[(&[u8], &[u8])],
    permissions: Permissions,
) -> Result<Vec<(&'static Directive, String)>, SetError> {
    let mut rows: Vec<(&Directive, String)> = Vec::with_capacity(pairs.len());
    for (given, _) in pairs {
        let given_name = String::from_utf8_lossy(given).into_owned();
        let Some(row) = table::find(given) else { return Err(SetError::Unknown(given_name)) };
        let refuse = |problem: &'static str| {
            Err(SetError::Refused { name: given_name.clone(), problem: problem.into(), applying: false })
        };
        if row.traits.contains(Traits::IMMUTABLE) {
            return refuse("can't set immutable config");
        }
        if row.traits.contains(Traits::PROTECTED) && !permissions.protected {
            return refuse("can't set protected config");
        }
        if row.traits.contains(Traits::DENY_LOADING) && permissions.loading {
            return Err(SetError::Loading);
        }
        // A directive and its alias may both be given; the later one holds.
        if rows.iter().any(|(_, known)| known.eq_ignore_ascii_case(&given_name)) {
            return refuse("duplicate parameter");
        }
        rows.push((row, given_name.to_ascii_lowercase()));
    }
    Ok(rows)
}

/// CONFIG SET has one value for a directive of several arguments: blanks separate them.
fn arguments(row: &Directive, value: &[u8]) -> Vec<Vec<u8>> {
    if !row.traits.contains(Traits::MULTI) {
        return vec![value.to_vec()];
    }
    if value.is_empty() {
        return Vec::new();
    }
    value.split(|&byte| byte == b' ').map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests;
