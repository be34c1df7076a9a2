//! Flags and key specifications that rows of several families have.

use super::Flags;
use super::keys::{ACCESS, DELETE, INSERT, KeySpec, RO, RW, UPDATE};

/// Reads.
pub const READ: Flags = Flags::READONLY;
/// Reads in constant or logarithmic time.
pub const READ_FAST: Flags = READ.union(Flags::FAST);
/// Changes that may need memory.
pub const WRITE: Flags = Flags::WRITE.union(Flags::DENYOOM);
/// The same in constant or logarithmic time.
pub const WRITE_FAST: Flags = WRITE.union(Flags::FAST);
/// Changes that need no memory.
pub const SHRINK: Flags = Flags::WRITE;
/// The same in constant or logarithmic time.
pub const SHRINK_FAST: Flags = SHRINK.union(Flags::FAST);
/// HELP of a container.
pub const HELP: Flags = Flags::LOADING.union(Flags::STALE);

/// One key, whose value is read.
pub const KEY_READ: &[KeySpec] = &[KeySpec::one(1, RO.union(ACCESS))];
/// One key, of which nothing but metadata is read.
pub const KEY_LOOK: &[KeySpec] = &[KeySpec::one(1, RO)];
/// One key, whose value is changed.
pub const KEY_UPDATE: &[KeySpec] = &[KeySpec::one(1, RW.union(UPDATE))];
/// One key, to whose value is added.
pub const KEY_INSERT: &[KeySpec] = &[KeySpec::one(1, RW.union(INSERT))];
/// One key, whose value is read and changed.
pub const KEY_CHANGE: &[KeySpec] = &[KeySpec::one(1, RW.union(ACCESS).union(UPDATE))];
/// One key, from whose value something is deleted.
pub const KEY_DELETE: &[KeySpec] = &[KeySpec::one(1, RW.union(DELETE))];
/// One key, from whose value something is read and deleted.
pub const KEY_TAKE: &[KeySpec] = &[KeySpec::one(1, RW.union(ACCESS).union(DELETE))];
/// One key, whose value is read and whose expiry, or that of its fields, may change.
pub const KEY_GETEX: &[KeySpec] =
    &[KeySpec::one(1, RW.union(ACCESS).union(UPDATE)).note("A changed time to live is an update")];
/// Keys up to the last argument, whose values are read.
pub const KEYS_READ: &[KeySpec] = &[KeySpec::range(1, -1, 1, RO.union(ACCESS))];
/// Keys up to a last argument that is a timeout, from whose values something is taken.
pub const KEYS_WAIT: &[KeySpec] = &[KeySpec::range(1, -2, 1, RW.union(ACCESS).union(DELETE))];
