//! A new file that goes to the disk as it grows, so that the system never has to write much at once.
//!
//! ```text
//! | on disk, forgotten | on its way        | not begun |
//! 0                  waited              begun       len
//! ```
//! Whenever a step is full, the system is asked to begin with it, and the oldest of those on their way is waited for: encoding goes
//! on beside the disk, but never runs far ahead of it. Nothing counts as durable before [`File::sync_data`].

use std::ops::Range;
use std::path::Path;

use super::{Disk, Error, File};

/// Bytes of a step.
const STEP_BYTES: u64 = 4 << 20;
/// Bytes that may be on their way to the disk.
const UNDERWAY_BYTES_MAX: u64 = 2 * STEP_BYTES;

/// How a file goes to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// In steps, as it grows; otherwise when it is synced.
    pub in_steps: bool,
    /// It will be read again soon: the system is not asked to forget what is on disk.
    pub keep_cached: bool,
}

/// See the file head.
#[derive(Debug)]
pub struct Growing {
    file: Box<dyn File>,
    growth: Growth,
    len: u64,
    begun: u64,
    waited: u64,
}

impl Growing {
    /// A new, empty file; what had the name is emptied.
    pub fn create(disk: &dyn Disk, path: &Path, growth: Growth) -> Result<Growing, Error> {
        Ok(Growing { file: disk.create(path)?, growth, len: 0, begun: 0, waited: 0 })
    }

    /// The file reaches up to here.
    fn reaches(&mut self, end: u64) -> Result<(), Error> {
        self.len = self.len.max(end);
        if self.growth.in_steps && self.len - self.begun >= STEP_BYTES { self.step() } else { Ok(()) }
    }

    fn step(&mut self) -> Result<(), Error> {
        self.file.begin_sync(self.begun..self.len)?;
        self.begun = self.len;
        if self.begun - self.waited > UNDERWAY_BYTES_MAX {
            let end = self.begun - UNDERWAY_BYTES_MAX;
            self.file.wait_for_sync(self.waited..end)?;
            self.forget(end);
        }
        Ok(())
    }

    /// All up to here is on disk, or on its way in what the disk has of its own.
    fn forget(&mut self, end: u64) {
        if !self.growth.keep_cached {
            self.file.forget_cached(self.waited..end);
        }
        self.waited = end;
    }
}

impl File for Growing {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let written = self.file.write(bytes)?;
        self.reaches(self.len + written as u64)?;
        Ok(written)
    }

    fn write_all_at(&mut self, at: u64, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all_at(at, bytes)?;
        self.reaches(at + bytes.len() as u64)
    }

    fn sync_data(&mut self) -> Result<(), Error> {
        self.file.sync_data()?;
        self.begun = self.len;
        self.forget(self.len);
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> Result<(), Error> {
        self.file.truncate(len)?;
        self.len = len;
        self.begun = self.begun.min(len);
        self.waited = self.waited.min(len);
        Ok(())
    }

    fn len(&self) -> Result<u64, Error> {
        Ok(self.len)
    }

    fn begin_sync(&mut self, range: Range<u64>) -> Result<(), Error> {
        self.file.begin_sync(range)
    }

    fn wait_for_sync(&mut self, range: Range<u64>) -> Result<(), Error> {
        self.file.wait_for_sync(range)
    }

    fn forget_cached(&mut self, range: Range<u64>) {
        self.file.forget_cached(range);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was asked for, and of which part.
    type Note = (&'static str, Range<u64>);

    /// Notes what is asked of it.
    #[derive(Clone, Debug, Default)]
    struct Notes(Arc<Mutex<Vec<Note>>>);

    impl Notes {
        fn note(&self, what: &'static str, range: Range<u64>) {
            self.0.lock().unwrap().push((what, range));
        }
    }

    impl File for Notes {
        fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
            Ok(bytes.len())
        }
        fn write_all_at(&mut self, _: u64, _: &[u8]) -> Result<(), Error> {
            Ok(())
        }
        fn sync_data(&mut self) -> Result<(), Error> {
            self.note("sync", 0..0);
            Ok(())
        }
        fn truncate(&mut self, _: u64) -> Result<(), Error> {
            Ok(())
        }
        fn len(&self) -> Result<u64, Error> {
            Ok(0)
        }
        fn begin_sync(&mut self, range: Range<u64>) -> Result<(), Error> {
            self.note("begin", range);
            Ok(())
        }
        fn wait_for_sync(&mut self, range: Range<u64>) -> Result<(), Error> {
            self.note("wait", range);
            Ok(())
        }
        fn forget_cached(&mut self, range: Range<u64>) {
            self.note("forget", range);
        }
    }

    /// What is asked of the disk while five steps are written and synced, in steps.
    fn check(growth: Growth, expected: &[Note]) {
        check_writing(growth, expected, |growing, _, block| growing.write_all(block));
        check_writing(growth, expected, |growing, at, block| growing.write_all_at(at, block));
    }

    fn check_writing(
        growth: Growth,
        expected: &[Note],
        write: fn(&mut Growing, u64, &[u8]) -> Result<(), Error>,
    ) {
        let notes = Notes::default();
        let file = Box::new(notes.clone());
        let mut growing = Growing { file, growth, len: 0, begun: 0, waited: 0 };
        let block = vec![0; STEP_BYTES as usize / 4];
        for at in 0..17 {
            write(&mut growing, at * block.len() as u64, &block).unwrap();
        }
        growing.sync_data().unwrap();
        let quarters = |range: &Range<u64>| range.start * 4 / STEP_BYTES..range.end * 4 / STEP_BYTES;
        let seen: Vec<_> =
            notes.0.lock().unwrap().iter().map(|(what, range)| (*what, quarters(range))).collect();
        assert_eq!(seen, expected, "{growth:?}");
    }

    #[test]
    fn steps_are_begun_when_full_and_waited_for_two_steps_later() {
        check(Growth { in_steps: false, keep_cached: true }, &[("sync", 0..0)]);
        check(Growth { in_steps: false, keep_cached: false }, &[("sync", 0..0), ("forget", 0..17)]);
        let steps = [
            ("begin", 0..4),
            ("begin", 4..8),
            ("begin", 8..12),
            ("wait", 0..4),
            ("forget", 0..4),
            ("begin", 12..16),
            ("wait", 4..8),
            ("forget", 4..8),
            ("sync", 0..0),
            ("forget", 8..17),
        ];
        check(Growth { in_steps: true, keep_cached: false }, &steps);
        let kept: Vec<_> = steps.into_iter().filter(|(what, _)| *what != "forget").collect();
        check(Growth { in_steps: true, keep_cached: true }, &kept);
    }
}
