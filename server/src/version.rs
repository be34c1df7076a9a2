//! The versions that this server reports.

/// The newest Redis whose core commands are served: `redis_version` in INFO and HELLO.
pub const REDIS_VERSION: &str = "7.2.6";

/// Rufous' own version: `rufous_version` in INFO.
pub const RUFOUS_VERSION: &str = env!("CARGO_PKG_VERSION");
