//! CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO. What is tracked is in [`crate::tracking`].

use super::choice;
use crate::command::Outcome;
use crate::context::Ctx;
use crate::fanout;
use crate::tracking::{self, ClientTracking, Mode};
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;
use std::collections::BTreeSet;

/// The options of CLIENT TRACKING, as given.
#[derive(Default)]
struct Options<'a> {
    redirect: u64,
    broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    no_loop: bool,
    prefixes: Vec<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(cx: &Ctx<'_>, args: Args<'a>) -> Result<Options<'a>, ReplyError> {
        let mut options = Options::default();
        let mut rest = args;
        while let Some(option) = rest.find(0) {
            let value = rest.find(1);
            let used = match (option.to_ascii_lowercase().as_slice(), value) {
                (b"redirect", Some(id)) => {
                    options.redirect = redirect(cx, options.redirect, id)?;
                    2
                }
                (b"prefix", Some(prefix)) => {
                    options.prefixes.push(prefix);
                    2
                }
                (word, _) => {
                    let flag = match word {
                        b"bcast" => &mut options.broadcast,
                        b"optin" => &mut options.opt_in,
                        b"optout" => &mut options.opt_out,
                        b"noloop" => &mut options.no_loop,
                        _ => return Err(error::SYNTAX),
                    };
                    *flag = true;
                    1
                }
            };
            rest = rest.from(used);
        }
        Ok(options)
    }

    /// Do the options go together, and with the client's present ones?
    fn check(&self, present: Option<&ClientTracking>) -> Outcome {
        if !self.broadcast && !self.prefixes.is_empty() {
            return Err(error::TRACKING_PREFIX_WITHOUT_BCAST);
        }
        if present.is_some_and(|present| present.is_broadcast() != self.broadcast) {
            return Err(error::TRACKING_BCAST_SWITCH);
        }
        if self.broadcast && (self.opt_in || self.opt_out) {
            return Err(error::TRACKING_OPT_WITH_BCAST);
        }
        if self.opt_in && self.opt_out {
            return Err(error::TRACKING_OPTIN_AND_OPTOUT);
        }
        let mode = present.map(|present| present.mode);
        if (self.opt_in && mode == Some(Mode::OptOut)) || (self.opt_out && mode == Some(Mode::OptIn)) {
            return Err(error::TRACKING_OPT_SWITCH);
        }
        let taken = present.map(|present| &present.prefixes);
        if self.broadcast { check_prefixes(&self.prefixes, taken) } else { Ok(()) }
    }

    fn into_tracking(self) -> ClientTracking {
        let mut prefixes: BTreeSet<Vec<u8>> = self.prefixes.iter().map(|prefix| prefix.to_vec()).collect();
        if self.broadcast && prefixes.is_empty() {
            prefixes.insert(Vec::new());
        }
        let mode = match self {
            Options { broadcast: true, .. } => Mode::Broadcast,
            Options { opt_in: true, .. } => Mode::OptIn,
            Options { opt_out: true, .. } => Mode::OptOut,
            _ => Mode::All,
        };
        ClientTracking {
            redirect: self.redirect,
            mode,
            no_loop: self.no_loop,
            prefixes,
            ..Default::default()
        }
    }
}

fn redirect(cx: &Ctx<'_>, given: u64, id: &[u8]) -> Result<u64, ReplyError> {
    if given != 0 {
        return Err(error::TRACKING_TWO_REDIRECTS);
    }
    let id = parse_i64(id).ok_or(error::NOT_AN_INTEGER)? as u64;
    match cx.server.clients.token_of(id) {
        Some(_) => Ok(id),
        None => Err(error::TRACKING_NO_REDIRECT),
    }
}

/// Two prefixes of one client would both tell of a key if one began with the other.
fn check_prefixes(prefixes: &[&[u8]], taken: Option<&BTreeSet<Vec<u8>>>) -> Outcome {
    let overlap = |a: &[u8], b: &[u8]| a.starts_with(b) || b.starts_with(a);
    for (i, prefix) in prefixes.iter().enumerate() {
        if let Some(existing) = taken.into_iter().flatten().find(|existing| overlap(prefix, existing)) {
            return Err(error::tracking_prefix_overlaps_existing(prefix, existing));
        }
        if let Some(other) = prefixes[i + 1..].iter().find(|other| overlap(prefix, other)) {
            return Err(error::tracking_prefix_overlaps_provided(prefix, other));
        }
    }
    Ok(())
}

/// CLIENT TRACKING ON | OFF \[REDIRECT id\] \[PREFIX prefix ...\] \[BCAST\] \[OPTIN\] \[OPTOUT\] \[NOLOOP\]
pub(super) fn tracking(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let options = Options::parse(cx, args.from(3))?;
    let effects = &mut cx.db.store.effects;
    if choice(args.get(2), "on", "off")? {
        options.check(cx.client.tracking.as_deref())?;
        // Inside EXEC the queue may hold changes from before: they are no news for this client.
        fanout::publish(cx.server, effects, cx.client, &mut cx.pushes);
        tracking::enable(cx.server, effects, cx.client, options.into_tracking());
    } else {
        tracking::disable(cx.server, effects, cx.client);
    }
    cx.reply.ok();
    Ok(())
}

/// CLIENT CACHING YES | NO
pub(super) fn caching(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let Some(tracking) = &mut cx.client.tracking else { return Err(error::CACHING_WITHOUT_TRACKING) };
    match (choice(args.get(2), "yes", "no")?, tracking.mode) {
        (true, Mode::OptIn) | (false, Mode::OptOut) => tracking.caching = true,
        (true, _) => return Err(error::CACHING_YES),
        (false, _) => return Err(error::CACHING_NO),
    }
    cx.reply.ok();
    Ok(())
}

fn redirect_or_none(cx: &Ctx<'_>) -> i64 {
    cx.client.tracking.as_ref().map_or(-1, |tracking| tracking.redirect as i64)
}

/// CLIENT GETREDIR
pub(super) fn getredir(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    cx.reply.integer(redirect_or_none(cx));
    Ok(())
}

/// CLIENT TRACKINGINFO
pub(super) fn trackinginfo(cx: &mut Ctx<'_>, _args: Args<'_>) -> Outcome {
    let mut flags = Vec::new();
    let redirect = redirect_or_none(cx);
    match &cx.client.tracking {
        None => flags.push("off"),
        Some(tracking) => {
            flags.push("on");
            let (mode, caching) = match tracking.mode {
                Mode::All => (None, None),
                Mode::Broadcast => (Some("bcast"), None),
                Mode::OptIn => (Some("optin"), Some("caching-yes")),
                Mode::OptOut => (Some("optout"), Some("caching-no")),
            };
            flags.extend(mode);
            flags.extend(caching.filter(|_| tracking.caching));
            flags.extend(tracking.no_loop.then_some("noloop"));
            flags.extend(tracking.broken_redirect.then_some("broken_redirect"));
        }
    }
    cx.reply.map(3);
    cx.reply.bulk(b"flags");
    cx.reply.bulk_set(flags);
    cx.reply.bulk(b"redirect");
    cx.reply.integer(redirect);
    cx.reply.bulk(b"prefixes");
    let prefixes = cx.client.tracking.iter().flat_map(|tracking| &tracking.prefixes);
    let prefixes: Vec<&Vec<u8>> = prefixes.collect();
    cx.reply.bulks(prefixes);
    Ok(())
}
