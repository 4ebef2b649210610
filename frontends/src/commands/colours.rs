//! Colours in what commands write: for a terminal, and where they are asked for (`CLICOLOR_FORCE`), unless nobody wants them (`NO_COLOR`). Many compilers write them whether a person looks or
//! not, when they are told to (`-fdiagnostics-color=always`), because they cannot see the terminal through a pipe.

use std::borrow::Cow;

/// Whether they are shown on a terminal, or where there is none. Who sets `NO_COLOR` wants none in any case.
pub fn colours_are_shown(terminal: bool) -> bool {
    let said = |variable| std::env::var_os(variable).filter(|said| !said.is_empty());
    let forced = said("CLICOLOR_FORCE").is_some_and(|forced| forced != "0");
    (terminal || forced) && said("NO_COLOR").is_none()
}

/// Without them, and without all else that only a terminal understands. Bytes that are no text stay.
pub fn without_colours(output: &[u8]) -> Cow<'_, [u8]> {
    if !output.contains(&b'\x1b') {
        return Cow::Borrowed(output);
    }
    let mut plain = Vec::with_capacity(output.len());
    for chunk in output.utf8_chunks() {
        plain.extend_from_slice(console::strip_ansi_codes(chunk.valid()).as_bytes());
        plain.extend_from_slice(chunk.invalid());
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_terminal_understands_goes_and_all_else_stays() {
        for (output, plain) in [
            (&b"plain \xff text\n"[..], &b"plain \xff text\n"[..]),
            (b"\x1b[1;31merror:\x1b[0m \xe4 \x1b[Kx", b"error: \xe4 x"),
            // The address of a warning, as gcc writes it.
            (b"[\x1b]8;;https://gcc.gnu.org/x\x1b\\-Wall\x1b]8;;\x1b\\]", b"[-Wall]"),
            (b"[\x1b]8;;https://gcc.gnu.org/x\x07-Wall\x1b]8;;\x07]", b"[-Wall]"),
            (b"\x1b[38;2;1;2;3mred\x1b[m\r\n", b"red\r\n"),
        ] {
            assert_eq!(String::from_utf8_lossy(&without_colours(output)), String::from_utf8_lossy(plain));
        }
    }
}
