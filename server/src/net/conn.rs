//! The socket half of a client: descriptor, read buffer, parser.
//!
//! Bytes are read into a buffer that all connections of the loop share; only what is left over (an incomplete request)
//! is kept per connection, so that an idle connection owns no read buffer. A large argument is read straight into its
//! final allocation.
//!
//! Invariants: `input` holds the bytes from the start of the incomplete request on; while `stalled` is set nothing is
//! read and `input` is not moved, because the stalled batch points into it.

use super::stream::Stream;
use rufous_protocol::request::{Batch, Parser};

/// Requests that were parsed but had to wait: CLIENT PAUSE, or one before them that blocked the client.
pub struct Stalled {
    /// Points into [`IoConn::input`].
    pub batch: Batch,
    /// The first request that has not run.
    pub next: usize,
    /// Bytes of `input` that the batch covers.
    pub consumed: usize,
}

/// See the file head.
pub struct IoConn {
    /// The socket.
    pub stream: Stream,
    /// Unparsed bytes left over from earlier reads.
    pub input: Vec<u8>,
    /// Where the incomplete request stands.
    pub parser: Parser,
    /// Requests that wait.
    pub stalled: Option<Box<Stalled>>,
    /// The kernel may have more to read.
    pub readable: bool,
    /// The last read into the shared buffer filled it: there is a stream of requests, and `input` is a piece of it.
    pub flows: bool,
    /// The other side has closed its sending half: after the bytes that came before, a read finds the end, and no further
    /// event announces it.
    pub ended: bool,
    /// Its output waits for the disk; nothing is read meanwhile, as if the loop itself waited.
    pub held: bool,
    /// What stands behind a wait is to be looked at when it is no longer held.
    pub resumes: bool,
    /// Registered for writability: a write came up short.
    pub wants_write: bool,
}

impl IoConn {
    /// A fresh connection.
    pub fn new(stream: Stream) -> IoConn {
        IoConn {
            stream,
            input: Vec::new(),
            parser: Parser::default(),
            stalled: None,
            readable: false,
            flows: false,
            ended: false,
            held: false,
            resumes: false,
            wants_write: false,
        }
    }
}
