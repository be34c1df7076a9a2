//! Views of one request's arguments, and requests that own their bytes.
//!
//! [`Args`] is what every command handler gets: a copyable view that costs one predictable branch per access,
//! whether the request came from a client's buffer, a transaction's queue, a script or the disk.

use super::LINE_END;
use super::batch::{IN_BUFFER_END_MAX, Side, Span};
use crate::reply::{Reply, Resp};
use std::sync::Arc;

/// Owned arguments from this length on, in bytes, keep an allocation of their own.
const OWN_ALLOCATION_LEN_MIN: usize = 32 * 1024;

/// The length of `$len\r\n`, or of `*len\r\n`.
#[inline(always)]
fn header_len(len: usize) -> usize {
    let digits = match len {
        0..10 => 1,
        10..100 => 2,
        100..1000 => 3,
        _ => len.ilog10() as usize + 1,
    };
    1 + digits + LINE_END.len()
}

/// The arguments of one request, the command's name first. A view: copying it copies no bytes.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    pub(super) spans: &'a [Span],
    pub(super) buf: &'a [u8],
    /// Nothing when every argument is in `buf`.
    pub(super) side: Option<&'a Side>,
}

impl<'a> Args<'a> {
    /// How many arguments there are, the name included.
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Argument `i`. Panics when there are not that many: arity is checked before a handler runs.
    #[inline]
    pub fn get(&self, i: usize) -> &'a [u8] {
        self.read(self.spans[i])
    }

    /// Argument `i`, if there are that many.
    #[inline]
    pub fn find(&self, i: usize) -> Option<&'a [u8]> {
        self.spans.get(i).map(|&span| self.read(span))
    }

    /// The arguments from `i` on; none when there are not that many.
    #[inline]
    pub fn from(&self, i: usize) -> Args<'a> {
        Args { spans: self.spans.get(i..).unwrap_or(&[]), ..*self }
    }

    /// The arguments in front of `i`; all when there are not that many.
    #[inline]
    pub fn to(&self, i: usize) -> Args<'a> {
        Args { spans: &self.spans[..i.min(self.spans.len())], ..*self }
    }

    /// All arguments in order.
    #[inline]
    pub fn iter(&self) -> Iter<'a> {
        Iter { args: *self }
    }

    /// The arguments two by two, if their number is even.
    pub fn pairs(&self) -> Option<Pairs<'a>> {
        self.len().is_multiple_of(2).then_some(Pairs { args: *self })
    }

    /// The allocation of argument `i`, if it has its own: to be kept by a counted reference instead of copied.
    pub fn shared(&self, i: usize) -> Option<&'a Arc<Vec<u8>>> {
        self.spans[i].shared(self.side?)
    }

    /// Of a whole request: its bytes in the read buffer, if they are known to be what [`Reply::bulks`] would write.
    #[inline]
    pub fn encoded(&self) -> Option<&'a [u8]> {
        self.side.filter(|side| side.is_encoded)?;
        let (first, last) = (self.spans.first()?.range(), self.spans.last()?.range());
        let start = first.start - header_len(first.len()) - header_len(self.len());
        let encoded = &self.buf[start..last.end + LINE_END.len()];
        debug_assert!(self.is_encoded_as(encoded), "{self:?}: {}", encoded.escape_ascii());
        Some(encoded)
    }

    fn is_encoded_as(&self, encoded: &[u8]) -> bool {
        let mut expected = Vec::new();
        Reply::new(&mut expected, Resp::V2).bulks(self.iter());
        encoded == expected
    }

    /// The bytes of all arguments together.
    pub fn bytes_total(&self) -> usize {
        self.iter().map(<[u8]>::len).sum()
    }

    /// A request that outlives this one: small arguments are copied, large ones shared.
    pub fn to_owned(&self) -> OwnedArgs {
        let mut owned = OwnedArgs::new();
        for i in 0..self.len() {
            match self.shared(i) {
                Some(bytes) => owned.push_shared(bytes.clone()),
                None => owned.push(self.get(i)),
            }
        }
        owned
    }

    #[inline(always)]
    fn read(&self, span: Span) -> &'a [u8] {
        const NOTHING: &Side = &Side { text: Vec::new(), is_encoded: false, large: Vec::new() };
        span.bytes(self.buf, self.side.unwrap_or(NOTHING))
    }
}

impl std::fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|arg| arg.escape_ascii().to_string())).finish()
    }
}

impl<'a> IntoIterator for Args<'a> {
    type Item = &'a [u8];
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The arguments of a request in order.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    args: Args<'a>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (&span, rest) = self.args.spans.split_first()?;
        self.args.spans = rest;
        Some(self.args.read(span))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.args.len(), Some(self.args.len()))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (&span, rest) = self.args.spans.split_last()?;
        self.args.spans = rest;
        Some(self.args.read(span))
    }
}

impl ExactSizeIterator for Iter<'_> {}

/// The arguments of a request two by two.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    args: Args<'a>,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = [&'a [u8]; 2];

    #[inline]
    fn next(&mut self) -> Option<[&'a [u8]; 2]> {
        let (&[first, second], rest) = self.args.spans.split_first_chunk::<2>()?;
        self.args.spans = rest;
        Some([self.args.read(first), self.args.read(second)])
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.args.len() / 2, Some(self.args.len() / 2))
    }
}

impl ExactSizeIterator for Pairs<'_> {}

/// A request that owns its bytes: one buffer for the small arguments, one allocation for each large one.
#[derive(Debug, Default)]
pub struct OwnedArgs {
    spans: Vec<Span>,
    buf: Vec<u8>,
    side: Side,
}

impl OwnedArgs {
    /// A request without arguments, to be filled.
    pub fn new() -> OwnedArgs {
        OwnedArgs::default()
    }

    /// Appends a copy of an argument.
    pub fn push(&mut self, arg: &[u8]) {
        if arg.len() >= OWN_ALLOCATION_LEN_MIN || self.buf.len() + arg.len() > IN_BUFFER_END_MAX {
            return self.push_shared(Arc::new(arg.to_vec()));
        }
        self.spans.push(Span::in_buffer(self.buf.len(), arg.len()));
        self.buf.extend_from_slice(arg);
    }

    /// Appends an argument in its own allocation.
    pub fn push_shared(&mut self, arg: Arc<Vec<u8>>) {
        self.spans.push(self.side.push_large(arg));
    }

    /// The arguments.
    #[inline]
    pub fn args(&self) -> Args<'_> {
        Args { spans: &self.spans, buf: &self.buf, side: Some(&self.side) }
    }

    /// Forgets all arguments and keeps the memory for the next.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.buf.clear();
        self.side.large.clear();
    }

    /// Heap bytes held.
    pub fn memory(&self) -> usize {
        self.spans.capacity() * size_of::<Span>()
            + self.buf.capacity()
            + self.side.large.capacity() * size_of::<Vec<u8>>()
            + self.side.large.iter().map(|bytes| bytes.capacity()).sum::<usize>()
    }
}

impl<'a> FromIterator<&'a [u8]> for OwnedArgs {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(args: I) -> OwnedArgs {
        let mut owned = OwnedArgs::new();
        args.into_iter().for_each(|arg| owned.push(arg));
        owned
    }
}
