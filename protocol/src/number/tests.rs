//! Numbers: literal vectors.
