//! placeholder
pub mod boot;
pub mod clock;
pub mod config;
pub mod log;
pub mod sys;
pub mod version;
