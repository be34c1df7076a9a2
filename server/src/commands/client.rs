//! CLIENT: who is connected, and what each connection wants.

use crate::command::Command;
use rufous_protocol::error::{self, ReplyError};

/// The CLIENT command.
pub const ROWS: &[Command] = &[];

/// Names are shown in CLIENT LIST, so they are printable and without spaces.
pub fn check_name(name: &[u8]) -> Result<(), ReplyError> {
    if name.iter().all(|byte| (b'!'..=b'~').contains(byte)) { Ok(()) } else { Err(error::CLIENT_NAME) }
}
