//! What the server does when CONFIG SET has changed directives.
//!
//! Most directives are read where they are needed; what is listed here must happen at once, and some of it can be refused.
//! A refusal undoes the whole CONFIG SET (see [`crate::config::set`]), which calls again with the old values.

use crate::boot;
use crate::config::{Changed, Config, Host};
use crate::engine::{self, State};
use crate::persistence::aof;
use crate::store::Store;
use rufous_persistence::disk::system_text;
use rufous_storage::memory;

/// Both halves of the engine, for CONFIG SET.
pub struct Reconfigure<'a> {
    /// Keys.
    pub store: &'a mut Store,
    /// Everything else.
    pub state: &'a mut State,
    /// EXEC is running queued commands.
    pub in_exec: bool,
}

impl Host for Reconfigure<'_> {
    fn config(&mut self) -> &mut Config {
        &mut self.state.config
    }

    fn apply(&mut self, change: Changed) -> Result<(), String> {
        let state = &mut *self.state;
        match change {
            Changed::Port => listen(state, "Unable to listen on this port. Check server logs.")?,
            Changed::Bind => listen(state, "Failed to bind to specified addresses.")?,
            Changed::MaxClients => raise_open_files(state)?,
            Changed::LogFormat | Changed::LogLevel => state.log.configure(&state.config),
            Changed::MaxMemory => warn_about_maxmemory(state),
            Changed::OomScoreAdj => adjust_score(state)?,
            Changed::ProcTitle => show_title(state)?,
            Changed::RequirePass => admit_all(state),
            Changed::LocaleCollate => {
                if !crate::sys::has_collation(&state.config.locale_collate) {
                    return Err("Invalid locale name".into());
                }
            }
            // jemalloc may be built without its thread: then there is nothing to switch.
            Changed::JemallocBgThread => _ = memory::set_background_threads(state.config.jemalloc_bg_thread),
            Changed::AppendOnly => append_only(self.store, state, self.in_exec)?,
            Changed::AppendFsync => state.persistence.aof.set_policy(state.config.appendfsync),
            Changed::AofChecksum => state.persistence.aof.set_seals(state.config.aof_checksum),
            Changed::AofAutoGc => aof::collect_garbage(state),
            Changed::Tls | Changed::TlsPort => {
                return Err("Unable to update TLS configuration. Check server logs.".into());
            }
            Changed::CrashLog => {
                if let Some(process) = &state.process {
                    process.crash.configure(&state.config);
                }
            }
            Changed::Hz | Changed::Watchdog => set_watchdog(state),
            // Hot paths read these from where this puts them.
            Changed::NotifyFlags | Changed::SlowLog => {}
            // These are read where they are used.
            Changed::MaxMemoryClients | Changed::SavePoints => {}
            // What these belong to does not run in this server.
            Changed::ClusterAnnounce
            | Changed::ClusterFlags
            | Changed::GoodReplicas
            | Changed::ReplBacklogSize => {}
        }
        engine::apply_config(self.store, self.state);
        Ok(())
    }
}

/// Starts, adjusts or ends the watchdog, for the thread of the command loop. Less than two calls of the periodic work is more
/// than it can tell, and is raised.
pub fn set_watchdog(state: &mut State) {
    let State { config, process, log, .. } = state;
    if config.watchdog_period_ms > 0 {
        config.watchdog_period_ms = config.watchdog_period_ms.max(2 * (1000 / config.hz));
    }
    let Some(process) = process else { return };
    if let Err(error) = process.watchdog.configure(config.watchdog_period_ms, &process.crash) {
        log.warning(format_args!("Can't start the watchdog: {}", system_text(&error)));
    }
}

fn listen(state: &mut State, refusal: &str) -> Result<(), String> {
    let bound = state.listeners.rebind_tcp(&state.config);
    state.port = state.listeners.tcp_address().map_or(0, |address| address.port());
    bound.map_err(|error| {
        error.warn(&state.log);
        refusal.to_owned()
    })
}

fn raise_open_files(state: &mut State) -> Result<(), String> {
    if state.process.is_none() {
        return Ok(());
    }
    let wanted = state.config.maxclients;
    let State { config, log, .. } = state;
    // Too few files for any client show in `maxclients` too.
    let granted = boot::adjust_open_files(config, log).map_or(0, |()| config.maxclients);
    if granted == wanted {
        return Ok(());
    }
    Err(format!(
        "The operating system is not able to handle the specified number of clients, try with {granted}"
    ))
}

fn warn_about_maxmemory(state: &mut State) {
    let (limit, used) = (state.config.maxmemory, memory::used_bytes() as u64);
    if limit == 0 {
        return;
    }
    state.eviction.start();
    if limit < used {
        state.log.warning(format_args!(
            "WARNING: the new maxmemory value set via CONFIG SET ({limit}) is smaller than the current memory usage \
             ({used}). This will result in key eviction and/or the inability to accept new write commands depending \
             on the maxmemory-policy."
        ));
    }
}

fn adjust_score(state: &mut State) -> Result<(), String> {
    let Some(process) = &mut state.process else { return Ok(()) };
    process.oom_score.adjust(&state.config, false, &state.log)
}

fn show_title(state: &State) -> Result<(), String> {
    let title = state.process.as_ref().and_then(|process| process.title.as_ref());
    title.map_or(Ok(()), |title| {
        title.show(&state.config).map_err(|_| "failed to set process title".to_owned())
    })
}

fn admit_all(state: &mut State) {
    for token in state.clients.tokens() {
        if let Some(peer) = state.clients.get_mut(token) {
            crate::acl::admit(&state.config, &mut peer.client);
        }
    }
}

fn append_only(store: &mut Store, state: &mut State, in_exec: bool) -> Result<(), String> {
    if !state.config.appendonly {
        aof::switch::turn_off(store, state);
        return Ok(());
    }
    if aof::switch::turn_on(store, state, in_exec) {
        return Ok(());
    }
    Err("Unable to turn on AOF. Check server logs.".into())
}
