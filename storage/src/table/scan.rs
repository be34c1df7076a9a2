//! SCAN: walking over a table that changes, with no memory but a number that the client keeps.
//!
//! Guarantee: every element that is in the table during the whole scan is visited exactly once, however the
//! table grows and shrinks meanwhile. One that comes or goes meanwhile is visited at most once for each time
//! it was put in.
//!
//! Elements have an order that resizing does not change: by the leading bits of the hash, and within a page by
//! the place. The cursor says how far a scan has come:
//! ```text
//! | 49..16 leading bits x | 15..10 depth d | 9..0 place p |
//! ```
//! All hashes with leading bits below `x` are done. Of those from `x` to the end of the block (all hashes
//! that begin with the same `d` bits as `x`), the places below `p` are done: the block was one page when the
//! scan was in its midst, and may have split or merged since. When `p` is 0, `d` is too. The start is 0, and
//! so is the end; nothing between is. A cursor that was never given out is as good as any: it scans the rest
//! of something. Cursors are below 2^50, which leaves room for a hash slot above.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::bucket::Slot;
use super::page::{DEPTH_MAX, PLACES, Page};
use super::{Element, Table};

const LEADING_SHIFT: u32 = 64 - DEPTH_MAX;

/// A cursor taken apart.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    leading: u64,
    depth: u32,
    place: u64,
}

impl Cursor {
    fn from_number(number: u64) -> Self {
        let depth = ((number >> 10 & 63) as u32).min(DEPTH_MAX);
        Self { leading: number >> 16 & ((1 << DEPTH_MAX) - 1), depth, place: number % PLACES }
    }

    fn to_number(self) -> u64 {
        let depth = if self.place == 0 { 0 } else { self.depth };
        (self.leading & ((1 << DEPTH_MAX) - 1)) << 16 | u64::from(depth) << 10 | self.place
    }

    /// The end of the block of which some places are done.
    fn block_end(self) -> u64 {
        if self.place == 0 { self.leading } else { block_end(self.leading, self.depth) }
    }
}

/// The first number of leading bits after those that begin with the same `depth` bits.
fn block_end(leading: u64, depth: u32) -> u64 {
    let mask = (1 << (DEPTH_MAX - depth)) - 1;
    (leading | mask) + 1
}

impl<E: Element> Table<E> {
    /// Visits some elements, about a bucket, and gives the cursor to go on with. 0 starts a scan and ends it.
    pub(crate) fn scan(&self, cursor: u64, mut visit: impl FnMut(NonNull<u8>)) -> u64 {
        let cursor = Cursor::from_number(cursor);
        let page = self.directory.page(cursor.leading << LEADING_SHIFT);
        let page_end = block_end(cursor.leading, page.depth());
        let at_start = page_end - (1 << (DEPTH_MAX - page.depth())) == cursor.leading;
        if at_start && (cursor.place == 0 || cursor.depth == page.depth()) {
            self.scan_bucket(page, cursor, page_end, visit)
        } else {
            self.scan_changed(page, cursor, page_end, &mut visit)
        }
    }

    /// Visits one bucket of a page that was whole when the scan entered it.
    fn scan_bucket(
        &self,
        page: Page,
        cursor: Cursor,
        page_end: u64,
        mut visit: impl FnMut(NonNull<u8>),
    ) -> u64 {
        let home = page.home(cursor.place);
        page.visit_home(home, |slot| {
            // A page that was resized meanwhile has other buckets: part of this one may be done.
            if slot.place() >= cursor.place {
                visit(slot.element());
            }
        });
        let next = ((home as u64 + 1) * PLACES).div_ceil(page.home_buckets() as u64);
        if next < PLACES {
            Cursor { depth: page.depth(), place: next, ..cursor }.to_number()
        } else {
            Cursor { leading: page_end, depth: 0, place: 0 }.to_number()
        }
    }

    /// Visits all that is not done of a page that came from splits or merges since the scan entered the block.
    fn scan_changed(
        &self,
        page: Page,
        cursor: Cursor,
        page_end: u64,
        visit: &mut dyn FnMut(NonNull<u8>),
    ) -> u64 {
        let done_end = cursor.block_end();
        let is_new = |slot: Slot| {
            // SAFETY: elements of the table live.
            let leading = unsafe { E::hash(slot.element(), &self.hasher) } >> LEADING_SHIFT;
            leading >= cursor.leading && (leading >= done_end || slot.place() >= cursor.place)
        };
        page.elements().filter(|(slot, _)| is_new(*slot)).for_each(|(slot, _)| visit(slot.element()));
        let place = if page_end < done_end { cursor.place } else { 0 };
        Cursor { leading: page_end, place, ..cursor }.to_number()
    }
}
