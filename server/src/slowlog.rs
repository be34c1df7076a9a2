//! The slow log and its siblings.

use crate::client::output::Mark;
use crate::command::table::CommandId;
use crate::config::Config;
use crate::context::Ctx;
use rufous_protocol::request::Args;

/// See the file head.
#[derive(Default)]
pub struct CommandLogs {}

impl CommandLogs {
    /// Follows the configuration.
    pub fn configure(&mut self, _config: &Config) {}
}

/// Notes a command that ran, if it was slow or large.
#[inline]
pub fn note(_cx: &mut Ctx<'_>, _id: CommandId, _args: Args<'_>, _duration_ns: u64, _mark: Mark) {}
