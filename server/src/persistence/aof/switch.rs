//! On and off: at start, by CONFIG SET, at the end of the server.

use super::load::{self, Failed, Files};
use super::{Stage, collect_garbage, folder, hand_over, join, leave, recover, rewrite};
use crate::config::AppendFsync;
use crate::engine::State;
use crate::persistence::load::{Host, LoadError};
use crate::persistence::{refresh_special, snapshot};
use crate::store::Store;
use rufous_persistence::aof::base;
use rufous_persistence::aof::writer::Writer;
use rufous_persistence::rdb::Progress;

/// Loads the files, and goes on writing them.
pub fn load_at_start(host: &mut dyn Host) -> Result<(), LoadError> {
    let (_, state) = host.engine();
    let started_us = state.clock.now_us();
    let until = recover::wanted(state);
    let files = load::load(host, until).map_err(|failed| match failed {
        Failed::Interrupted => LoadError::Interrupted,
        Failed::Damaged => LoadError::AppendOnlyFile,
    })?;
    let (store, state) = host.engine();
    if files.is_some() {
        state.clock.refresh();
        let seconds = (state.clock.now_us() - started_us) as f64 / 1e6;
        state.log.notice(format_args!("DB loaded from append only file: {seconds:.3} seconds"));
    }
    let mut files = files.unwrap_or_default();
    let recovered = match until {
        Some(until) if !files.manifest.is_empty() => recover::settle(store, state, &mut files, until),
        _ => Ok(()),
    };
    recovered.and_then(|()| at_start(store, state, files)).map_err(|text| {
        state.log.warning(text);
        LoadError::AppendOnlyFile
    })
}

/// DEBUG LOADAOF: loads the files into empty databases, and goes on writing them if that is configured.
pub fn reload(host: &mut dyn Host) -> Result<(), LoadError> {
    let files = load::load(host, None).map_err(|_| LoadError::AppendOnlyFile)?;
    let (store, state) = host.engine();
    if !state.config.appendonly {
        return Ok(());
    }
    at_start(store, state, files.unwrap_or_default()).map_err(|text| {
        state.log.warning(text);
        LoadError::AppendOnlyFile
    })
}

/// After the files were loaded: goes on with the last increment. An error is why the server cannot start.
fn at_start(store: &mut Store, state: &mut State, files: Files) -> Result<(), String> {
    let Files { mut manifest, loaded } = files;
    let folder = folder(state);
    if manifest.is_empty() {
        // Without a base, increments would be read on top of nothing by servers that expect one.
        folder.create().map_err(|error| {
            format!("Can't open or create append-only dir {}: {}", error.path.display(), error.reason())
        })?;
        let base = rewrite::base_of(state);
        let name = manifest.new_base(folder.file(), base.format).name.clone();
        let contents = snapshot::contents(store, state, true);
        let written = base::write(&**folder.disk(), &folder.at(&name), &contents, base, &Progress::default());
        drop(contents);
        store.free_retired();
        written.map_err(|error| format!("Write error writing append only file on disk: {error}"))?;
        state.log.notice(format_args!("Creating AOF base file {} on server start", name.display()));
    }
    let last = manifest.increments.last().map(|part| part.name.clone());
    let (seals, offset) = (state.config.aof_checksum, store.effects.writes.offset());
    let writer = Writer::start(folder, manifest, loaded, seals, offset).map_err(|error| error.to_string())?;
    let now = writer.manifest().increments.last().map(|part| part.name.clone());
    let (verb, name) = (if last == now { "Opening" } else { "Creating" }, now.unwrap_or_default());
    state.log.notice(format_args!("{verb} AOF incr file {} on server start", name.display()));
    let waker = state.persistence.waker.clone();
    state.persistence.aof.start_thread(writer, &state.config, waker).map_err(|error| error.to_string())?;
    state.persistence.aof.stage = Stage::On;
    join(store);
    collect_garbage(state);
    refresh_special(state);
    Ok(())
}

/// CONFIG SET appendonly yes. False if it cannot be, as the log says.
pub fn turn_on(store: &mut Store, state: &mut State, in_exec: bool) -> bool {
    if state.persistence.aof.stage != Stage::Off {
        return true;
    }
    state.persistence.aof.stage = Stage::Waiting;
    if state.persistence.snapshots.is_running() {
        state.persistence.aof.rewrites.schedule();
        state.log.notice(
            "AOF was enabled but there is already another background operation. An AOF background was scheduled to \
             start when possible.",
        );
        return true;
    }
    if in_exec {
        state.persistence.aof.rewrites.schedule();
        state.log.notice(
            "AOF was enabled during a transaction. An AOF background was scheduled to start when possible.",
        );
        return true;
    }
    if state.persistence.aof.rewrites.is_running() {
        state.log.notice(
            "AOF was enabled but there is already an AOF rewriting in background. Stopping background AOF and \
             starting a rewrite now.",
        );
        rewrite::stop(store, state);
    }
    if rewrite::start(store, state) {
        return true;
    }
    state.persistence.aof.stage = Stage::Off;
    state.persistence.aof.rewrites.unschedule();
    state.log.warning(
        "Redis needs to enable the AOF but can't trigger a background AOF rewrite operation. Check the above logs for \
         more info about the error.",
    );
    false
}

/// The increment that waits for its base, and the thread that writes it.
pub fn begin_waiting(store: &mut Store, state: &mut State) -> Result<(), String> {
    let folder = folder(state);
    let manifest = folder.read_manifest().map_err(|error| error.to_string())?.unwrap_or_default();
    let name = folder.temporary_increment();
    let (seals, offset) = (state.config.aof_checksum, store.effects.writes.offset());
    let writer = Writer::waiting(folder, manifest, seals, offset).map_err(|error| error.to_string())?;
    let waker = state.persistence.waker.clone();
    state.persistence.aof.start_thread(writer, &state.config, waker).map_err(|error| error.to_string())?;
    join(store);
    state.log.notice(format_args!("Creating AOF incr file {} on background rewrite", name.display()));
    refresh_special(state);
    Ok(())
}

/// The base that an increment waits for did not come: another try begins with another increment.
pub fn end_waiting(store: &mut Store, state: &mut State) {
    if state.persistence.aof.stage != Stage::Waiting {
        return;
    }
    leave(store);
    let name = folder(state).temporary_increment();
    state.log.notice(format_args!("Removing the temp incr aof file {} in the background", name.display()));
    // What was in it is worth nothing.
    let _ = state.persistence.aof.end_thread();
    state.persistence.aof.rewrites.schedule();
    refresh_special(state);
}

/// CONFIG SET appendonly no.
pub fn turn_off(store: &mut Store, state: &mut State) {
    if state.persistence.aof.stage == Stage::Off {
        return;
    }
    rewrite::stop(store, state);
    end(store, state);
    state.persistence.aof.rewrites.unschedule();
}

/// The end of the server. False if it may not end yet: there is no base that what was written would belong to.
pub fn before_exit(store: &mut Store, state: &mut State, force: bool) -> bool {
    if state.persistence.aof.stage == Stage::Waiting {
        if force {
            state.log.warning("Writing initial AOF. Exit anyway.");
        } else {
            state.log.warning("Writing initial AOF, can't exit");
            return false;
        }
    }
    if state.persistence.aof.rewrites.is_running() {
        state.log.warning("There is a child rewriting the AOF. Killing it!");
        rewrite::stop(store, state);
    }
    true
}

/// The last writes go to the disk. False if they did not get there although that was promised.
pub fn end(store: &mut Store, state: &mut State) -> bool {
    if state.persistence.aof.thread.is_none() {
        state.persistence.aof.stage = Stage::Off;
        return true;
    }
    state.log.notice("Calling fsync() on the AOF file.");
    hand_over(store, state, 0);
    leave(store);
    let ended = state.persistence.aof.end_thread();
    if let Err(text) = &ended {
        state.log.warning(format_args!("Fail to fsync the AOF file: {text}"));
    }
    state.persistence.aof.stage = Stage::Off;
    refresh_special(state);
    ended.is_ok() || state.config.appendfsync != AppendFsync::Always
}
