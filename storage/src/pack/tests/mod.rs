//! Blocks against their naive twins, and against bytes that Redis wrote.

mod model;
mod redis;
