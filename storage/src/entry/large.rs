//! A large value: a structure of the kind's own, owned through one thin pointer.
//!
//! This is the one place that knows which structure belongs to which kind: [`Large`] clones, frees and measures by kind.
//! Everybody else asks for a structure by its type ([`EntryRef::structure`](super::EntryRef::structure)).
#![allow(unsafe_code)]

use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::Kind;
use crate::ranking::Ranking;
use crate::types::hash::HashTable;
use crate::types::list::Quicklist;
use crate::types::set::SetTable;
use crate::types::stream::Stream;

/// What an entry of one kind points to when bytes won't do.
///
/// Cloning shares: it is how a frozen view keeps what it sees, and how COPY copies.
pub(crate) trait Structure: Clone + Send + Sync + 'static {
    /// The kind that it belongs to; no other structure has it.
    const KIND: Kind;

    /// Heap bytes behind it, its own included, rounded to the allocator's classes. May visit inner nodes, but no elements.
    fn memory_bytes(&self) -> usize;

    /// Elements; O(1).
    fn elements_len(&self) -> usize;

    /// Starts to load what searches for these members read, and with `ranks` those for their places in the order. Where nothing
    /// is found by name there is nothing to do.
    fn prefetch_members(&self, _members: &[&[u8]], _ranks: bool) {}
}

/// A structure, owned.
pub(crate) struct Large {
    kind: Kind,
    pointer: NonNull<u8>,
}

// SAFETY: a structure may be sent and dropped anywhere.
unsafe impl Send for Large {}

/// Runs the body with the structure's type as `$type`.
macro_rules! by_kind {
    ($kind:expr, $type:ident => $body:expr) => {
        match $kind {
            Kind::List => {
                type $type = Quicklist;
                $body
            }
            Kind::Set => {
                type $type = SetTable;
                $body
            }
            Kind::Hash => {
                type $type = HashTable;
                $body
            }
            Kind::SortedSet => {
                type $type = Ranking;
                $body
            }
            Kind::Stream => {
                type $type = Stream;
                $body
            }
            kind => unreachable!("no structure of kind {kind:?}"),
        }
    };
}

impl Large {
    pub(crate) fn new<T: Structure>(structure: Box<T>) -> Large {
        Large { kind: T::KIND, pointer: NonNull::from(Box::leak(structure)).cast() }
    }

    /// Gives the pointer up to the caller, who frees it by [`Large::from_raw`].
    pub(super) fn into_raw(self) -> NonNull<u8> {
        ManuallyDrop::new(self).pointer
    }

    /// # Safety
    /// `pointer` came from [`Large::into_raw`] of a structure of this kind, and is used through the result alone.
    pub(super) unsafe fn from_raw(kind: Kind, pointer: NonNull<u8>) -> Large {
        Large { kind, pointer }
    }

    /// As [`Structure::memory_bytes`].
    pub(super) fn memory_bytes(&self) -> usize {
        // SAFETY: the pointer owns a structure of this kind.
        by_kind!(self.kind, T => Structure::memory_bytes(unsafe { self.pointer.cast::<T>().as_ref() }))
    }

    /// As [`Structure::elements_len`].
    pub(super) fn elements_len(&self) -> usize {
        // SAFETY: the pointer owns a structure of this kind.
        by_kind!(self.kind, T => unsafe { self.pointer.cast::<T>().as_ref() }.elements_len())
    }

    /// As [`Structure::prefetch_members`].
    pub(super) fn prefetch_members(&self, members: &[&[u8]], ranks: bool) {
        // SAFETY: the pointer owns a structure of this kind.
        by_kind!(self.kind, T => unsafe { self.pointer.cast::<T>().as_ref() }.prefetch_members(members, ranks));
    }
}

impl Clone for Large {
    fn clone(&self) -> Large {
        // SAFETY: the pointer owns a structure of this kind.
        by_kind!(self.kind, T => Large::new(Box::new(unsafe { self.pointer.cast::<T>().as_ref() }.clone())))
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        // SAFETY: the pointer owns a structure of this kind, which `new` boxed.
        by_kind!(self.kind, T => drop(unsafe { Box::from_raw(self.pointer.cast::<T>().as_ptr()) }));
    }
}

impl fmt::Debug for Large {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Large {{ kind: {:?} }}", self.kind)
    }
}
