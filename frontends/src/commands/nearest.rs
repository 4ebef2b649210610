//! "Did you mean …?": the known name nearest to one that is not known.

/// Ends an explanation with the name nearest to `wanted`, if one is near enough to be meant.
pub(crate) fn hint<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> String {
    match nearest(wanted, known) {
        Some(name) => format!("; did you mean '{name}'?"),
        None => String::new(),
    }
}

/// At most one edit in three characters; of equally near names, the first in the alphabet.
fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    nearest_within(wanted, known, (wanted.chars().count() / 3).clamp(1, 5))
}

/// The known name that is fewest edits away from `wanted` (a character more, less, or another), and so many at most.
pub fn nearest_within<'a>(wanted: &str, known: impl Iterator<Item = &'a str>, allowed: usize) -> Option<&'a str> {
    known
        .filter(|name| name.len().abs_diff(wanted.len()) <= allowed * 4)
        .map(|name| (edits(wanted, name), name))
        .filter(|&(edits, _)| edits <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein's distance, one row of the table at a time.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("same", "same"), 0);
    }

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        let known = ["compile", "link", "cc"];
        assert_eq!(nearest("complie", known.into_iter()), Some("compile"));
        assert_eq!(nearest("c", known.into_iter()), Some("cc"));
        assert_eq!(nearest("archive", known.into_iter()), None);
        assert_eq!(hint("lnk", known.into_iter()), "; did you mean 'link'?");
        assert_eq!(hint("archive", known.into_iter()), "");
    }
}
