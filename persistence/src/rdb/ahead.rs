//! Reading a file ahead of whoever takes what is in it, on a thread of its own: there it is checked, decompressed and decoded, here
//! it goes into memory.
//!
//! ```text
//! thread  --batches-->  taker         keys that follow each other, and the piece that is none behind them
//!         <--bytes---                 of the file, that were taken: so far may be read on
//! ```
//! Small files are read where they are taken, as are all where there is no thread to be had.
//!
//! Invariants: pieces come in the order of the file, an error comes behind all that made sense; what is read ahead is bounded in
//! bytes of the file, but for one value.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::{Error, Key, Loader, Piece};

/// A batch ends behind so many bytes of the file.
const BATCH_BYTES: usize = 64 * 1024;
/// Bytes of the file that may be read and not taken.
const AHEAD_BYTES_MAX: usize = 1024 * 1024;
/// Smaller files are read without a thread.
const THREADED_BYTES_MIN: usize = 256 * 1024;

/// Pieces that follow each other.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Keys.
    pub keys: Vec<Key<'a>>,
    /// What follows them, if it is no key; behind [`Piece::End`] nothing comes.
    pub then: Option<Piece<'a>>,
    /// Where the next batch begins.
    pub offset: usize,
}

/// What is read ahead; see the file head.
pub struct Ahead<'a>(Reading<'a>);

enum Reading<'a> {
    Here(Box<Batches<'a>>),
    There { batches: Receiver<Result<Batch<'a>, Error>>, taken: Sender<usize>, offset: usize },
}

/// Reads what is left of a file while `take` takes it.
pub fn read_ahead<'a, R>(loader: Loader<'a>, take: impl FnOnce(&mut Ahead<'a>) -> R) -> R {
    let here = |loader| Ahead(Reading::Here(Box::new(Batches { loader, failure: None })));
    if loader.remaining() < THREADED_BYTES_MIN {
        return take(&mut here(loader));
    }
    thread::scope(|scope| {
        let (to_take, batches) = channel();
        let (taken, was_taken) = channel();
        let offset = loader.offset();
        let reader = Batches { loader: loader.clone(), failure: None };
        let work = move || reader.send_all(&to_take, &was_taken);
        let mut ahead = match thread::Builder::new().name("rdb_reader".into()).spawn_scoped(scope, work) {
            Ok(_) => Ahead(Reading::There { batches, taken, offset }),
            Err(_) => here(loader),
        };
        // With `ahead` the channels end, and with them the thread.
        take(&mut ahead)
    })
}

impl<'a> Ahead<'a> {
    /// The next batch, or nothing if it does not come within `patience`.
    pub fn next(&mut self, patience: Duration) -> Result<Option<Batch<'a>>, Error> {
        let (batches, taken, offset) = match &mut self.0 {
            Reading::Here(batches) => return batches.next().map(Some),
            Reading::There { batches, taken, offset } => (batches, taken, offset),
        };
        let batch = match batches.recv_timeout(patience) {
            Err(RecvTimeoutError::Timeout) => return Ok(None),
            Err(RecvTimeoutError::Disconnected) => panic!("the reader ends behind an end or an error"),
            Ok(batch) => batch?,
        };
        // The thread is at its end where nobody listens.
        let _ = taken.send(batch.offset - *offset);
        *offset = batch.offset;
        Ok(Some(batch))
    }
}

/// A file, cut into batches.
struct Batches<'a> {
    loader: Loader<'a>,
    /// Comes behind the batch that was read before it.
    failure: Option<Error>,
}

impl<'a> Batches<'a> {
    fn next(&mut self) -> Result<Batch<'a>, Error> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        let start = self.loader.offset();
        let (mut keys, mut then) = (Vec::new(), None);
        while then.is_none() && self.loader.offset() - start < BATCH_BYTES {
            match self.loader.next_piece() {
                Ok(Piece::Key(key)) => keys.push(key),
                Ok(piece) => then = Some(piece),
                Err(error) if keys.is_empty() => return Err(error),
                Err(error) => {
                    self.failure = Some(error);
                    break;
                }
            }
        }
        Ok(Batch { keys, then, offset: self.loader.offset() })
    }

    /// Sends all there is, until nobody wants it any more.
    fn send_all(mut self, to_take: &Sender<Result<Batch<'a>, Error>>, was_taken: &Receiver<usize>) {
        let (start, mut taken) = (self.loader.offset(), 0);
        loop {
            taken += was_taken.try_iter().sum::<usize>();
            while self.loader.offset() - start - taken > AHEAD_BYTES_MAX {
                let Ok(bytes) = was_taken.recv() else { return };
                taken += bytes;
            }
            let batch = self.next();
            let is_last = batch.as_ref().map_or(true, |batch| matches!(batch.then, Some(Piece::End { .. })));
            if to_take.send(batch).is_err() || is_last {
                return;
            }
        }
    }
}
