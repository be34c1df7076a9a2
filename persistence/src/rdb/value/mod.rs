//! Values, read into a form that is checked and belongs to no encoding in memory.

use super::{Error, Reader, Text, Type};

/// A value.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// A string.
    String(Text<'a>),
}

impl<'a> Value<'a> {
    /// Reads a value of a type; `reader` stands behind the byte that announced it.
    pub fn read(reader: &mut Reader<'a>, kind: Type) -> Result<Value<'a>, Error> {
        match kind {
            Type::String => Ok(Value::String(reader.text()?)),
        }
    }
}
