//! Users: for now the `default` user with `requirepass`, who may do everything once authenticated.

use crate::client::{Client, Special};
use crate::command::table::CommandId;
use crate::config::Config;
use crate::context::Ctx;
use crate::engine::State;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::request::Args;

/// Sets a new connection's standing.
pub fn greet(config: &Config, client: &mut Client) {
    client.authenticated = config.requirepass.is_empty();
    admit(config, client);
}

/// Without a password nobody has to prove who he is. With a new one, who has proved it stays in.
pub fn admit(config: &Config, client: &mut Client) {
    let refused = !client.authenticated && !config.requirepass.is_empty();
    client.special.set(Special::UNAUTHENTICATED, refused);
}

/// Proves who the client is, or refuses.
pub fn authenticate(cx: &mut Ctx<'_>, user: &[u8], password: &[u8]) -> Result<(), ReplyError> {
    let required = &cx.server.config.requirepass;
    if user != b"default" || !(required.is_empty() || equal_in_constant_time(required, password)) {
        cx.server.stats.acl_denied_auth += 1;
        return Err(error::WRONG_PASS);
    }
    cx.client.user = "default".into();
    cx.client.authenticated = true;
    cx.client.special.remove(Special::UNAUTHENTICATED);
    Ok(())
}

/// Is there such a user?
pub fn exists(_state: &State, name: &[u8]) -> bool {
    name == b"default"
}

/// Compares without telling by the time taken how many bytes agree.
fn equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

/// May the client run this command on these keys? Only asked of restricted users, whom no rule creates yet.
pub fn check(_cx: &mut Ctx<'_>, _id: CommandId, _args: Args<'_>) -> Result<(), ReplyError> {
    Ok(())
}
