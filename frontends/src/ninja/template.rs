//! A value as it is written: text with `$` escapes. It stays a slice of the file until its variables are known, and is
//! then read piece by piece; nothing is built in between.

/// One piece of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// To be taken as it is.
    Text(&'t str),
    /// The name of a variable, whose value comes here.
    Variable(&'t str),
}

/// The piece that an escape at the beginning of `rest` (which begins with `$`) stands for, and the escape's length;
/// none when it is not an escape.
pub(super) fn escape(rest: &str) -> Option<(Piece<'_>, usize)> {
    let bytes = rest.as_bytes();
    match bytes.get(1)? {
        b'$' | b' ' | b':' => Some((Piece::Text(&rest[1..2]), 2)),
        b'\n' => Some((Piece::Text(""), 2 + blanks(&bytes[2..]))),
        b'\r' if bytes.get(2) == Some(&b'\n') => Some((Piece::Text(""), 3 + blanks(&bytes[3..]))),
        b'{' => {
            let length = run(&bytes[2..], is_name);
            let closed = bytes.get(2 + length) == Some(&b'}');
            (closed && length > 0).then(|| (Piece::Variable(&rest[2..2 + length]), length + 3))
        }
        // Without braces a name ends at a dot: `$in.o` is the value of `in`, then `.o`.
        _ => {
            let length = run(&bytes[1..], |b| b != b'.' && is_name(b));
            (length > 0).then(|| (Piece::Variable(&rest[1..1 + length]), length + 1))
        }
    }
}

/// The pieces of a value whose escapes the lexer has checked.
pub(super) fn pieces(template: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, length) = match rest.find('$') {
            Some(0) => escape(rest).unwrap_or((Piece::Text("$"), 1)),
            Some(dollar) => (Piece::Text(&rest[..dollar]), dollar),
            None => (Piece::Text(rest), rest.len()),
        };
        rest = &rest[length..];
        Some(piece)
    })
}

/// Whether the byte may stand in the name of a variable or a rule.
pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// How many bytes at the beginning satisfy `belongs`.
pub(super) fn run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    (bytes.iter().position(|&b| !belongs(b))).unwrap_or(bytes.len())
}

/// How many spaces there are at the beginning.
pub(super) fn blanks(bytes: &[u8]) -> usize {
    run(bytes, |b| b == b' ')
}

#[cfg(test)]
mod tests {
    use super::Piece::{Text, Variable};
    use super::*;

    fn read(template: &str) -> Vec<Piece<'_>> {
        pieces(template).filter(|p| *p != Text("")).collect()
    }

    #[test]
    fn every_escape() {
        assert_eq!(read("a$$b$ c$:d"), [Text("a"), Text("$"), Text("b"), Text(" "), Text("c"), Text(":"), Text("d")]);
        assert_eq!(read("a$\n   b"), [Text("a"), Text("b")]);
        assert_eq!(read("a$\r\n b"), [Text("a"), Text("b")]);
    }

    #[test]
    fn a_dot_ends_a_name_unless_braced() {
        assert_eq!(read("$in.o"), [Variable("in"), Text(".o")]);
        assert_eq!(read("${in.o}x"), [Variable("in.o"), Text("x")]);
        assert_eq!(read("$a-b_1/"), [Variable("a-b_1"), Text("/")]);
    }

    #[test]
    fn what_is_not_an_escape() {
        for bad in ["$", "$.", "${", "${}", "${a", "${a b}", "$\r", "$é", "$(x)"] {
            assert_eq!(escape(bad), None, "{bad:?}");
        }
    }
}
