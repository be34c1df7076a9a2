//! Blocks against their naive twins, and against bytes that Redis wrote and that nobody should.

mod intset;
mod model;
mod redis;
mod shared;
mod validate;
