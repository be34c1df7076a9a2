//! INFO clients: who is connected and what they wait for.

use super::{Page, View};
use crate::client::Client;

pub(super) fn write(page: &mut Page, view: &View<'_>) {
    let state = view.state;
    let everyone = || state.clients.iter().map(|peer| &peer.client).chain([view.client]);
    let count = |wanted: fn(&Client) -> bool| everyone().filter(|client| wanted(client)).count();
    page.field("connected_clients", state.clients.len());
    page.field("cluster_connections", 0);
    page.field("maxclients", state.config.maxclients);
    page.field("client_recent_max_input_buffer", state.peaks.input());
    page.field("client_recent_max_output_buffer", state.peaks.output());
    let (keys, keys_until_change) = state.blocking.key_counts();
    page.field("blocked_clients", state.blocking.clients() + count(|client| client.postponed));
    page.field("tracking_clients", state.tracking.clients_count());
    page.field("clients_in_timeout_table", state.blocking.deadlines());
    page.field("total_blocking_keys", keys);
    page.field("total_blocking_keys_on_nokey", keys_until_change);
}
