//! Stacks as text: functions and places, the innermost first.

use std::ffi::c_void;
use std::fmt::Write;

/// Frames shown of a stack: who overflows one has called itself very often.
pub(super) const FRAMES_MAX: usize = 100;

/// The stack of the calling thread.
pub(super) fn here() -> String {
    let mut stack = Vec::with_capacity(FRAMES_MAX);
    backtrace::trace(|frame| {
        stack.push(frame.ip() as usize);
        stack.len() < FRAMES_MAX
    });
    resolve(&stack)
}

/// A stack of return addresses.
pub(super) fn resolve(stack: &[usize]) -> String {
    let mut text = String::new();
    for (i, &address) in stack.iter().enumerate() {
        let mut is_known = false;
        backtrace::resolve(address as *mut c_void, |symbol| {
            let Some(name) = symbol.name() else { return };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{i:4}: {name:#}");
            if let (Some(file), Some(line)) = (symbol.filename(), symbol.lineno()) {
                let _ = writeln!(text, "             at {}:{line}", file.display());
            }
            is_known = true;
        });
        if !is_known {
            let _ = writeln!(text, "{i:4}: 0x{address:x}");
        }
    }
    text
}
