//! The request that runs and whose it is: the client is out of the registry meanwhile, so that a report could not find it.
//!
//! The command loop notes where they lie: a few stores for a window, one for each of its requests. A request that keeps its own
//! bytes (out of a transaction, or after a wait) is noted over the window's and taken off again.
//!
//! Invariant: what is noted stays in its place until it is taken off, by who has noted it. It is read only by the thread that
//! notes, when that has crashed, so that neither order nor locks are needed; the atomics let an engine move to its thread.
#![allow(unsafe_code)]

use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

use crate::client::Peer;
use rufous_protocol::request::{Args, Batch, OwnedArgs};

/// See the file head. All null: nothing runs.
#[derive(Default)]
pub struct Running {
    peer: AtomicPtr<Peer>,
    batch: AtomicPtr<Batch>,
    buf: AtomicPtr<u8>,
    buf_len: AtomicUsize,
    /// Which request of the batch.
    at: AtomicUsize,
    /// The request that runs instead.
    owned: AtomicPtr<OwnedArgs>,
}

/// What ran around a request, for [`Running::leave`].
#[must_use]
pub struct Outer {
    peer: *mut Peer,
    owned: *mut OwnedArgs,
}

impl Running {
    /// A window runs: all three stay in their places until [`Running::end`].
    #[inline]
    pub fn begin(&self, peer: &Peer, batch: &Batch, buf: &[u8]) {
        self.batch.store(ptr::from_ref(batch).cast_mut(), Relaxed);
        self.buf.store(buf.as_ptr().cast_mut(), Relaxed);
        self.buf_len.store(buf.len(), Relaxed);
        self.at.store(usize::MAX, Relaxed);
        self.peer.store(ptr::from_ref(peer).cast_mut(), Relaxed);
    }

    /// Request `i` of the window runs.
    #[inline(always)]
    pub fn at(&self, i: usize) {
        self.at.store(i, Relaxed);
    }

    /// The window has run.
    #[inline]
    pub fn end(&self) {
        self.peer.store(ptr::null_mut(), Relaxed);
    }

    /// A request that keeps its own bytes runs, of `peer` or of the client whose request runs already: both stay in their
    /// places until [`Running::leave`].
    pub fn enter(&self, peer: Option<&Peer>, request: &OwnedArgs) -> Outer {
        let outer = Outer { peer: self.peer.load(Relaxed), owned: self.owned.load(Relaxed) };
        self.owned.store(ptr::from_ref(request).cast_mut(), Relaxed);
        if let Some(peer) = peer {
            self.peer.store(ptr::from_ref(peer).cast_mut(), Relaxed);
        }
        outer
    }

    /// It has run.
    pub fn leave(&self, outer: Outer) {
        self.peer.store(outer.peer, Relaxed);
        self.owned.store(outer.owned, Relaxed);
    }

    /// What runs, for the last that a process does.
    pub(super) fn get(&self) -> Option<(&Peer, Args<'_>)> {
        // SAFETY: what is noted is alive: see the invariant. The thread that notes it, which is this one, does not go on, so that
        // nothing changes meanwhile. What the crash interrupted may have left it in disorder, at the worst so that this crashes
        // again, which ends the process as well.
        unsafe {
            let peer = self.peer.load(Relaxed).as_ref()?;
            if let Some(request) = self.owned.load(Relaxed).as_ref() {
                return Some((peer, request.args()));
            }
            let batch = self.batch.load(Relaxed).as_ref()?;
            let buf = slice::from_raw_parts(self.buf.load(Relaxed), self.buf_len.load(Relaxed));
            let at = self.at.load(Relaxed);
            (at < batch.len()).then(|| (peer, batch.request(at, buf)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::output::Output;
    use crate::client::{Client, Peer};
    use rufous_protocol::request::{Limits, Parser};

    fn peer(name: &str) -> Box<Peer> {
        let client = Client { name: name.into(), ..Client::nobody() };
        Box::new(Peer { client, out: Output::new(0) })
    }

    #[test]
    fn requests_over_requests() {
        let running = Running::default();
        let shown = || {
            let (peer, args) = running.get()?;
            Some(format!("{} {args:?}", String::from_utf8_lossy(&peer.client.name)))
        };
        let (one, other, buf) = (peer("one"), peer("other"), b"GET a\r\nGET b\r\n");
        let (queued, waited): (OwnedArgs, OwnedArgs) =
            ([&b"INCR"[..]].into_iter().collect(), [&b"EXEC"[..]].into_iter().collect());
        let mut batch = Batch::new();
        Parser::new().parse(buf, &mut 0, &Limits::default(), &mut batch, 16);
        assert_eq!(shown(), None);
        running.begin(&one, &batch, buf);
        assert_eq!(shown(), None, "names are looked up before the first runs");
        running.at(0);
        assert_eq!(shown().unwrap(), r#"one ["GET", "a"]"#);
        running.at(1);
        let window = running.enter(Some(&other), &waited);
        assert_eq!(shown().unwrap(), r#"other ["EXEC"]"#);
        let exec = running.enter(None, &queued);
        assert_eq!(shown().unwrap(), r#"other ["INCR"]"#);
        running.leave(exec);
        assert_eq!(shown().unwrap(), r#"other ["EXEC"]"#);
        running.leave(window);
        assert_eq!(shown().unwrap(), r#"one ["GET", "b"]"#);
        running.end();
        assert_eq!(shown(), None);
    }
}
