//! Streams against a naive twin.
