//! A leaf of a large list: a block of elements, or one large element alone. What a leaf has room for.
//!
//! The rules are those of Redis' quicklist, so that lists have the nodes, and report the encodings, that they have there.

use std::mem;

use crate::blob::Blob;
use crate::entry::Str;
use crate::pack::{Buffer, Item, Pack, PackMut, PackRef, Position};
use crate::tree::Leaf;
use crate::types::Limits;
use crate::types::list::{End, Needle};

/// A block that is limited by its number of elements has no more bytes than this, unless one element does.
const COUNTED_BYTES_MAX: usize = 8192;
/// `list-max-listpack-size` of -1 allows so many bytes; each further step doubles them.
const SIZED_BYTES_MIN: usize = 4096;
/// -5 is the last step.
const SIZE_STEP_MAX: u32 = 4;
/// What an element is taken to need beyond its bytes.
const OVERHEAD_BYTES: usize = 8;
/// The header and the end of a block, which two blocks share when they become one.
const FRAME_BYTES: usize = 7;

/// A leaf; see the file head.
#[derive(Clone, Debug)]
pub enum Node {
    /// Elements. Empty only while the tree is about to take it out.
    Pack(Pack),
    /// An element of [`Limits::list_plain_bytes`] or more.
    Plain(Blob),
}

/// How much a block may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) bytes: usize,
    pub(super) elements: usize,
}

impl Room {
    /// What `list-max-listpack-size` allows.
    pub(super) fn of(list_size: i32) -> Room {
        if list_size < 0 {
            let step = (list_size.unsigned_abs() - 1).min(SIZE_STEP_MAX);
            return Room { bytes: SIZED_BYTES_MIN << step, elements: usize::MAX };
        }
        Room { bytes: COUNTED_BYTES_MAX, elements: (list_size as usize).max(1) }
    }

    /// From which size on a list that has lost elements is a small one again.
    pub(super) fn after_shrinking(list_size: i32) -> Room {
        let Room { bytes, elements } = Room::of(list_size);
        // A limit on the number of elements leaves the bytes out here.
        Room { bytes: if list_size < 0 { bytes / 2 } else { usize::MAX }, elements: elements / 2 }
    }

    /// Whether so many bytes and elements have room.
    pub(super) fn holds(self, bytes: usize, elements: usize) -> bool {
        bytes <= self.bytes && elements <= self.elements
    }
}

impl Node {
    /// A leaf of one element.
    pub(super) fn of(element: &[u8], limits: &Limits) -> Node {
        if is_plain(element, limits) {
            return Node::Plain(Blob::from(element.to_vec()));
        }
        let mut pack = Pack::new();
        pack.edit().push_back(element);
        Node::Pack(pack)
    }

    /// The leaf for reading.
    #[inline]
    pub fn as_ref(&self) -> NodeRef<'_> {
        match self {
            Node::Pack(pack) => NodeRef::Pack(pack.as_ref()),
            Node::Plain(blob) => NodeRef::Plain(blob),
        }
    }

    /// Whether there is room for an element of these bytes.
    pub(super) fn allows(&self, element: &[u8], limits: &Limits) -> bool {
        let Node::Pack(pack) = self else { return false };
        let pack = pack.as_ref();
        !is_plain(element, limits)
            && Room::of(limits.list_size)
                .holds(pack.listpack_bytes() + element.len() + OVERHEAD_BYTES, pack.len() + 1)
    }

    /// Adds, at an end, the leading ones of the elements that have room; says how many.
    pub(super) fn take_some(&mut self, end: End, elements: &[&[u8]], limits: &Limits) -> usize {
        let Node::Pack(pack) = self else { return 0 };
        let (room, read) = (Room::of(limits.list_size), pack.as_ref());
        let (mut bytes, mut count) = (read.listpack_bytes(), read.len());
        let fitting = elements.iter().take_while(|element| {
            let fits =
                !is_plain(element, limits) && room.holds(bytes + element.len() + OVERHEAD_BYTES, count + 1);
            bytes += Item::of(element).stored_len();
            count += 1;
            fits
        });
        let fitting = fitting.count();
        let mut pack = pack.edit();
        match (&elements[..fitting], end) {
            ([], _) => {}
            (&[element], End::Head) => drop(pack.push_front(element)),
            (&[element], End::Tail) => drop(pack.push_back(element)),
            (elements, End::Head) => {
                let first = pack.as_ref().first();
                pack.insert_all(first, elements.iter().rev().copied());
            }
            (elements, End::Tail) => pack.extend(elements.iter().copied()),
        }
        fitting
    }

    /// Puts an element before the one at `index`, or behind the last. The leaf has room for it.
    pub(super) fn insert(&mut self, index: usize, element: &[u8]) {
        let Node::Pack(pack) = self else { unreachable!("a leaf with room") };
        let mut pack = pack.edit();
        match pack.as_ref().at(index as i64) {
            Some(position) => pack.insert_before(position, element),
            None => pack.push_back(element),
        };
    }

    /// Removes elements.
    pub(super) fn remove(&mut self, index: usize, count: usize) {
        match self {
            Node::Pack(pack) => pack.edit().remove_range(index as i64, count),
            Node::Plain(_) => *self = Node::Pack(Pack::new()),
        }
    }

    /// Removes up to `most` of the elements that are equal to a needle, seen from an end; says how many.
    pub(super) fn remove_equal(&mut self, needle: Needle<'_>, from: End, most: usize) -> usize {
        match self {
            Node::Plain(_) => {
                *self = Node::Pack(Pack::new());
                1
            }
            Node::Pack(pack) => remove_equal(&mut pack.edit(), needle, from, most),
        }
    }

    /// Moves all elements of the next leaf here, if both fit into one; leaves that one empty.
    pub(super) fn merge(&mut self, next: &mut Node, limits: &Limits) {
        let (Node::Pack(pack), Node::Pack(other)) = (self, &*next) else { return };
        let (one, two) = (pack.as_ref(), other.as_ref());
        let bytes = one.listpack_bytes() + two.listpack_bytes() - FRAME_BYTES;
        if Room::of(limits.list_size).holds(bytes, one.len() + two.len()) {
            pack.edit().append(two);
            *next = Node::Pack(Pack::new());
        }
    }

    /// Takes the elements from `index` on out; either part may be without elements.
    pub(super) fn cut(&mut self, index: usize) -> Node {
        match self {
            _ if index == 0 => mem::replace(self, Node::Pack(Pack::new())),
            Node::Pack(pack) => match pack.as_ref().at(index as i64) {
                Some(position) => Node::Pack(pack.split_off(position)),
                None => Node::Pack(Pack::new()),
            },
            Node::Plain(_) => Node::Pack(Pack::new()),
        }
    }
}

/// Removes up to `most` of a block's elements that are equal to a needle, beginning at an end; says how many.
pub(super) fn remove_equal<B: Buffer>(
    pack: &mut PackMut<B>,
    needle: Needle<'_>,
    from: End,
    most: usize,
) -> usize {
    let equal = pack.as_ref().iter().filter(|item| *item == needle.item).count();
    let count = equal.min(most);
    let first = if from == End::Head { 0 } else { equal - count };
    if count > 0 {
        let mut seen = 0..;
        pack.retain(|item| {
            item != needle.item || !seen.next().is_some_and(|nth| (first..first + count).contains(&nth))
        });
    }
    count
}

/// Whether an element of these bytes stands alone.
pub(super) fn is_plain(element: &[u8], limits: &Limits) -> bool {
    element.len() >= limits.list_plain_bytes
}

impl Leaf for Node {
    type Key = ();

    #[inline]
    fn len(&self) -> usize {
        self.as_ref().count()
    }

    fn key(&self) {}

    fn split_off(&mut self, at: usize) -> Node {
        self.cut(at)
    }

    #[inline]
    fn is_empty(&self) -> bool {
        matches!(self, Node::Pack(pack) if pack.as_ref().is_empty())
    }
}

/// A leaf for reading.
#[derive(Clone, Copy, Debug)]
pub enum NodeRef<'a> {
    /// Elements.
    Pack(PackRef<'a>),
    /// A large element.
    Plain(&'a Blob),
}

impl<'a> NodeRef<'a> {
    /// Number of elements.
    #[inline]
    pub fn count(self) -> usize {
        match self {
            NodeRef::Pack(pack) => pack.len(),
            NodeRef::Plain(_) => 1,
        }
    }

    /// Bytes that it takes as Redis counts them: as a listpack, or those of the element.
    pub fn content_bytes(self) -> usize {
        match self {
            NodeRef::Pack(pack) => pack.listpack_bytes(),
            NodeRef::Plain(blob) => blob.len(),
        }
    }

    /// The element at `index`, which is below the length.
    #[inline]
    pub(super) fn get(self, index: usize) -> Str<'a> {
        match self {
            NodeRef::Pack(pack) => pack.get(place(pack, index)).into(),
            NodeRef::Plain(blob) => Str::Blob(blob),
        }
    }

    /// The first element that is equal to a needle: its index.
    pub(super) fn find(self, needle: Needle<'_>) -> Option<usize> {
        match self {
            NodeRef::Pack(pack) => {
                let found = pack.find_first(needle.item)?;
                Some(pack.entries().take_while(|(position, _)| *position < found).count())
            }
            NodeRef::Plain(blob) => (**blob == *needle.bytes).then_some(0),
        }
    }
}

/// Where the element at `index` is, which is below the length.
#[inline]
pub(super) fn place(pack: PackRef<'_>, index: usize) -> Position {
    pack.at(index as i64).expect("an index below the length")
}
