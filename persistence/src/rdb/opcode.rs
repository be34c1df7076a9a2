//! The bytes that begin a piece of a file that is no key; the head of [`super`] says what follows each.

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Opcode {
    SlotImport = 243,
    SlotInfo = 244,
    Function = 245,
    FunctionPreGa = 246,
    ModuleAux = 247,
    Idle = 248,
    Freq = 249,
    Aux = 250,
    ResizeDb = 251,
    ExpireTimeMs = 252,
    ExpireTime = 253,
    SelectDb = 254,
    Eof = 255,
}

impl Opcode {
    /// The opcode that a byte is, if it is one.
    pub(super) fn of(byte: u8) -> Option<Opcode> {
        Some(match byte {
            243 => Opcode::SlotImport,
            244 => Opcode::SlotInfo,
            245 => Opcode::Function,
            246 => Opcode::FunctionPreGa,
            247 => Opcode::ModuleAux,
            248 => Opcode::Idle,
            249 => Opcode::Freq,
            250 => Opcode::Aux,
            251 => Opcode::ResizeDb,
            252 => Opcode::ExpireTimeMs,
            253 => Opcode::ExpireTime,
            254 => Opcode::SelectDb,
            255 => Opcode::Eof,
            _ => return None,
        })
    }
}
