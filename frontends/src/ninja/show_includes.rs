//! What a compiler says of the headers that it reads, in its output: a note for each (`/showIncludes`), in the language of its user.

use alacarte_stores::{bytes_of, text_of};

/// How a note begins, if the manifest does not say (`msvc_deps_prefix`).
pub(super) const PREFIX: &str = "Note: including file:";

/// The notes, and the output without them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ShowIncludes {
    /// The headers, as they are named.
    pub included: Vec<String>,
    /// What is left for a person to see.
    pub rest: Vec<u8>,
}

/// Takes the notes out of an output, and the name of the source, which the compiler prints before them. Headers of the system and of the compiler, by
/// where they usually lie, are no dependencies, as for ninja.
pub(super) fn take_notes(output: &[u8], prefix: &str) -> ShowIncludes {
    let prefix = bytes_of(prefix);
    let (mut included, mut rest, mut noted) = (Vec::new(), Vec::with_capacity(output.len()), false);
    for line in output.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_end();
        if let Some(path) = text.strip_prefix(&*prefix) {
            noted = true;
            let path = text_of(path.trim_ascii_start()).into_owned();
            let lower = path.to_ascii_lowercase();
            if !["program files", "microsoft visual studio"].iter().any(|system| lower.contains(system)) {
                included.push(path);
            }
        } else if noted || !names_source(text) {
            rest.extend_from_slice(line);
        }
    }
    ShowIncludes { included, rest }
}

/// Whether a line is no more than the name of a source.
fn names_source(line: &[u8]) -> bool {
    let lower = line.to_ascii_lowercase();
    [".c", ".cc", ".cxx", ".cpp", ".c++"].iter().any(|ending| lower.ends_with(ending.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(output: &str, prefix: &str) -> (Vec<String>, String) {
        let ShowIncludes { included, rest } = take_notes(output.as_bytes(), prefix);
        (included, String::from_utf8(rest).expect("a text"))
    }

    #[test]
    fn notes_are_dependencies_and_the_rest_is_shown() {
        let output = "a.cpp\r\nNote: including file:   x y.h\r\nwarning\nNote: including file:sub/z.h\nlast.c";
        assert_eq!(taken(output, PREFIX), (vec!["x y.h".into(), "sub/z.h".into()], "warning\nlast.c".into()));
        let german = "Hinweis: Einlesen der Datei:  a.h\nNote: including file: b.h\n";
        let prefix = "Hinweis: Einlesen der Datei:";
        assert_eq!(taken(german, prefix), (vec!["a.h".into()], "Note: including file: b.h\n".into()));
    }

    #[test]
    fn headers_of_the_system_are_no_dependencies() {
        let output =
            "Note: including file: C:\\Program Files\\x.h\nNote: including file: D:/Microsoft Visual Studio/y.h\n";
        assert_eq!(taken(output, PREFIX), (vec![], String::new()));
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_they_are() {
        assert_eq!(take_notes(b"\xff\n\n", PREFIX), ShowIncludes { included: vec![], rest: b"\xff\n\n".to_vec() });
    }
}
