//! The types of values, by the bytes that announce them.

/// How a value is encoded; the head of [`super`] says what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Type {
    /// A string.
    String = 0,
    /// A list, element by element.
    List = 1,
    /// A set, member by member.
    Set = 2,
    /// A sorted set, member by member, scores as text.
    SortedSetTextual = 3,
    /// A hash, field by field.
    Hash = 4,
    /// A sorted set, member by member.
    SortedSet = 5,
    /// A hash as a zipmap.
    HashZipmap = 9,
    /// A list as a ziplist.
    ListZiplist = 10,
    /// A set as an intset.
    SetIntset = 11,
    /// A sorted set as a ziplist.
    SortedSetZiplist = 12,
    /// A hash as a ziplist.
    HashZiplist = 13,
    /// A list of ziplists.
    ListZiplists = 14,
    /// A stream as Redis 5 and 6 wrote it.
    StreamFirst = 15,
    /// A hash as a listpack.
    HashListpack = 16,
    /// A sorted set as a listpack.
    SortedSetListpack = 17,
    /// A list of listpacks and large elements.
    ListListpacks = 18,
    /// A stream as Redis 7.0 wrote it.
    StreamSecond = 19,
    /// A set as a listpack.
    SetListpack = 20,
    /// A stream.
    Stream = 21,
    /// A hash of Valkey, field by field, with the times at which fields expire; in Redis' versions, as release candidates of
    /// Redis 7.4 wrote it.
    HashExpiries = 22,
    /// A hash as a listpack of fields, values and times, as release candidates of Redis 7.4 wrote it.
    HashListpackExpiriesFirst = 23,
    /// A hash of Redis, field by field, with the times at which fields expire.
    HashMetadata = 24,
    /// The same as a listpack.
    HashListpackExpiries = 25,
    /// A stream as Redis 8.6 writes it.
    StreamProducers = 26,
}

impl Type {
    /// All types that are understood.
    pub const ALL: &[Type] = &[
        Type::String,
        Type::List,
        Type::Set,
        Type::SortedSetTextual,
        Type::Hash,
        Type::SortedSet,
        Type::HashZipmap,
        Type::ListZiplist,
        Type::SetIntset,
        Type::SortedSetZiplist,
        Type::HashZiplist,
        Type::ListZiplists,
        Type::StreamFirst,
        Type::HashListpack,
        Type::SortedSetListpack,
        Type::ListListpacks,
        Type::StreamSecond,
        Type::SetListpack,
        Type::Stream,
        Type::HashExpiries,
        Type::HashListpackExpiriesFirst,
        Type::HashMetadata,
        Type::HashListpackExpiries,
        Type::StreamProducers,
    ];

    /// The type that a byte announces.
    pub fn of(byte: u8) -> Option<Type> {
        Type::ALL.iter().copied().find(|known| *known as u8 == byte)
    }

    /// Whether a byte announces a module's value.
    pub fn is_module(byte: u8) -> bool {
        matches!(byte, 6 | 7)
    }
}
