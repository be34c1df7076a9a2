//! The bytes between nodes: replication, gossip, slots and failover as pure state machines.
//!
//! This room is still empty; what will live here is fixed. Every machine takes the time and bytes and returns actions
//! (`step(now, event) -> actions`), so that thousands of simulated nodes run in one deterministic test; sockets and
//! clocks stay in `server`.
