//! Fans out what a command set off: WATCH, tracking, blocked clients, keyspace notifications, in the order in which things happened.

use crate::client::Client;
use crate::effects::{Effect, Effects, Event};
use crate::engine::{Engine, State};
use crate::notify::Class;
use crate::tracking::Running;
use crate::{pubsub, tracking, transaction};

/// Empties the effects queue. `client`'s command runs; it is taken out of the registry, and what concerns
/// itself is appended to `own`.
pub fn publish(state: &mut State, effects: &mut Effects, client: &mut Client, own: &mut Vec<u8>) {
    let (queue, keys) = effects.drain();
    let classes = effects.classes;
    let running = &mut Running { client, own };
    for effect in &queue {
        match effect {
            Effect::Changed { db, key } => {
                let key = &keys[key.clone()];
                transaction::touch(state, running.client, *db, key, false);
                tracking::invalidate(state, running, key, false);
                state.blocking.signal(*db, key);
            }
            Effect::Expired { db, key } => {
                let key = &keys[key.clone()];
                transaction::touch(state, running.client, *db, key, true);
                tracking::invalidate(state, running, key, true);
                state.blocking.signal(*db, key);
            }
            Effect::Event { db, key, event } => {
                notify(state, running, classes, *db, &keys[key.clone()], *event)
            }
            Effect::Flushed => tracking::invalidate_all(state, running),
        }
    }
    effects.recycle(queue, keys);
}

/// Publishes one keyspace event on its one or two channels.
fn notify(state: &mut State, running: &mut Running<'_>, classes: Class, db: usize, key: &[u8], event: Event) {
    if classes.contains(Class::KEYSPACE) {
        let mut channel = format!("__keyspace@{db}__:").into_bytes();
        channel.extend_from_slice(key);
        pubsub::publish(state, running.client, running.own, &channel, event.name.as_bytes(), false);
    }
    if classes.contains(Class::KEYEVENT) {
        let channel = format!("__keyevent@{db}__:{}", event.name);
        pubsub::publish(state, running.client, running.own, channel.as_bytes(), key, false);
    }
}

/// The same for effects that no client caused: keys that ran out.
pub fn publish_without_client(engine: &mut Engine) {
    let Engine { state, store } = engine;
    publish(state, &mut store.effects, &mut Client::nobody(), &mut Vec::new());
}
