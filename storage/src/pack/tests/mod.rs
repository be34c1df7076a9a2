//! Blocks against their naive twins, and against bytes that Redis wrote.

mod intset;
mod model;
mod redis;
mod shared;
