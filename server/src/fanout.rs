//! Fans out what a command set off: WATCH, tracking, keyspace notifications, in the order in which things happened.

use crate::client::Peer;
use crate::effects::{Effect, Event};
use crate::engine::Engine;
use crate::notify::Class;
use crate::{pubsub, tracking, transaction};

/// Empties the effects queue. `peer` is the client whose command ran; it is taken out of the registry, and what concerns
/// itself is appended behind its reply.
pub fn publish(engine: &mut Engine, peer: &mut Peer) {
    let (queue, keys) = engine.store.effects.drain();
    let state = &mut engine.state;
    let classes = engine.store.effects.classes;
    for effect in &queue {
        match effect {
            Effect::Changed { db, key } => {
                let key = &keys[key.clone()];
                transaction::touch(state, peer, *db, key, false);
                tracking::invalidate(state, peer, key);
            }
            Effect::Expired { db, key } => {
                let key = &keys[key.clone()];
                transaction::touch(state, peer, *db, key, true);
                tracking::invalidate(state, peer, key);
            }
            Effect::Event { db, key, event } => notify(state, peer, classes, *db, &keys[key.clone()], *event),
            Effect::Flushed => tracking::invalidate_all(state, peer),
        }
    }
    engine.store.effects.recycle(queue, keys);
}

/// Publishes one keyspace event on its one or two channels.
fn notify(
    state: &mut crate::engine::State,
    peer: &mut Peer,
    classes: Class,
    db: usize,
    key: &[u8],
    event: Event,
) {
    let Peer { client, out } = peer;
    if classes.contains(Class::KEYSPACE) {
        let mut channel = format!("__keyspace@{db}__:").into_bytes();
        channel.extend_from_slice(key);
        pubsub::publish(state, client, &mut out.tail, &channel, event.name.as_bytes(), false);
    }
    if classes.contains(Class::KEYEVENT) {
        let channel = format!("__keyevent@{db}__:{}", event.name);
        pubsub::publish(state, client, &mut out.tail, channel.as_bytes(), key, false);
    }
}

/// The same for effects that no client caused: keys that ran out.
pub fn publish_without_client(engine: &mut Engine) {
    let nowhere = crate::client::Address::Unix(String::new());
    let client = crate::client::Client::new(0, usize::MAX, nowhere.clone(), nowhere, -1, 0);
    publish(engine, &mut Peer { client, out: Default::default() });
}
