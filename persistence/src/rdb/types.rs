//! The types of values, by the bytes that announce them.

/// How a value is encoded; the head of [`super`] says what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Type {
    /// A string.
    String = 0,
}

impl Type {
    /// All types that are understood.
    pub const ALL: &[Type] = &[Type::String];

    /// The type that a byte announces.
    pub fn of(byte: u8) -> Option<Type> {
        Type::ALL.iter().copied().find(|known| *known as u8 == byte)
    }
}
