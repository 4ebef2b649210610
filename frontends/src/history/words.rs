//! Command lines as lists of words: those of one build have most of their words in common, so each word is written once a build. And where
//! two of them differ.

use std::collections::HashMap;

/// The words of a build's command lines, while they are written.
#[derive(Debug, Default)]
pub(super) struct Words {
    numbers: HashMap<String, u32>,
}

/// A command line in numbers, with the words that are new and the number of the first of these.
pub(super) struct Numbered {
    pub(super) first: u32,
    pub(super) new: Vec<String>,
    pub(super) line: Vec<u32>,
}

impl Words {
    pub(super) fn number(&mut self, line: &str) -> Numbered {
        let mut numbered = Numbered { first: self.numbers.len() as u32, new: Vec::new(), line: Vec::new() };
        for word in line.split(' ') {
            let next = self.numbers.len() as u32;
            let number = *self.numbers.entry(word.to_owned()).or_insert(next);
            if number == next {
                numbered.new.push(word.to_owned());
            }
            numbered.line.push(number);
        }
        numbered
    }
}

/// The words of a build's command lines, while they are read. Some may be lost.
#[derive(Debug, Default)]
pub(super) struct KnownWords(Vec<Option<String>>);

/// So many words are taken for those of a build. (A number in a damaged record may be any.)
const WORDS: usize = 1 << 24;

impl KnownWords {
    /// The command line; `None` if one of its words is lost, or it is empty.
    pub(super) fn line(&mut self, numbered: Numbered) -> Option<String> {
        let Numbered { first, new, line } = numbered;
        let first = first as usize;
        if first > WORDS || line.is_empty() {
            return None;
        }
        // (Where a build has let another take its turn, it begins to number anew.)
        if first == 0 && !new.is_empty() {
            self.0.clear();
        }
        if self.0.len() < first + new.len() {
            self.0.resize(first + new.len(), None);
        }
        for (place, word) in self.0[first..].iter_mut().zip(new) {
            *place = Some(word);
        }
        let words: Option<Vec<&str>> = line.iter().map(|&number| self.0.get(number as usize)?.as_deref()).collect();
        words.map(|words| words.join(" "))
    }
}

/// Words of a command line that others have taken the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WordChange<'l, 'n> {
    /// The words that are gone, as they stood.
    pub gone: &'l str,
    /// The words that are new, as they stand.
    pub new: &'n str,
}

/// So many words are compared with each other; of lines that differ in more, one change is told.
const COMPARED: usize = 1 << 20;

/// How one command line became another, word by word.
///
/// ```
/// use alacarte::history::word_changes;
///
/// let changes = word_changes("cc -O2 -g -c a.c", "cc -O3 -c a.c -Wall");
/// let changes: Vec<_> = changes.iter().map(|change| (change.gone, change.new)).collect();
/// assert_eq!(changes, [("-O2 -g", "-O3"), ("", "-Wall")]);
/// ```
pub fn word_changes<'l, 'n>(old: &'l str, new: &'n str) -> Vec<WordChange<'l, 'n>> {
    let (before, after) = (words(old), words(new));
    let same = before.iter().zip(&after).take_while(|(one, other)| one.1 == other.1).count();
    let rest = before.len().min(after.len()) - same;
    let tail =
        before.iter().rev().zip(after.iter().rev()).take(rest).take_while(|(one, other)| one.1 == other.1).count();
    let (a, b) = (&before[same..before.len() - tail], &after[same..after.len() - tail]);
    let between = |text: &'l str, words: &[(usize, &'l str)]| part(text, words);
    if a.len().saturating_mul(b.len()) > COMPARED {
        return vec![WordChange { gone: between(old, a), new: part(new, b) }];
    }
    // How many words the rests have in common, from each pair of places on.
    let wide = b.len() + 1;
    let mut common = vec![0u32; (a.len() + 1) * wide];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i * wide + j] = if a[i].1 == b[j].1 {
                common[(i + 1) * wide + j + 1] + 1
            } else {
                common[(i + 1) * wide + j].max(common[i * wide + j + 1])
            };
        }
    }
    let mut changes = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let (from_i, from_j) = (i, j);
        while (i < a.len() || j < b.len()) && !(i < a.len() && j < b.len() && a[i].1 == b[j].1) {
            let drops = i < a.len() && (j == b.len() || common[(i + 1) * wide + j] >= common[i * wide + j + 1]);
            if drops { i += 1 } else { j += 1 }
        }
        if (from_i, from_j) != (i, j) {
            changes.push(WordChange { gone: part(old, &a[from_i..i]), new: part(new, &b[from_j..j]) });
        }
        while i < a.len() && j < b.len() && a[i].1 == b[j].1 {
            (i, j) = (i + 1, j + 1);
        }
    }
    changes
}

/// The words of a text, with where each begins.
fn words(text: &str) -> Vec<(usize, &str)> {
    let place = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    text.split_whitespace().map(|word| (place(word), word)).collect()
}

/// The text from the first of these words to the last.
fn part<'t>(text: &'t str, words: &[(usize, &'t str)]) -> &'t str {
    match words {
        [] => "",
        [first, .., last] => &text[first.0..last.0 + last.1.len()],
        [(_, word)] => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_though_words_are_lost() {
        let lines = ["cc -c  a.c", "cc -c b.c", "ld a.o b.o"];
        let mut words = Words::default();
        let numbered: Vec<Numbered> = lines.iter().map(|line| words.number(line)).collect();
        assert_eq!(numbered[1].new, ["b.c"]);
        let copy = |one: &Numbered| Numbered { first: one.first, new: one.new.clone(), line: one.line.clone() };
        let mut known = KnownWords::default();
        for (line, numbered) in lines.iter().zip(&numbered) {
            assert_eq!(known.line(copy(numbered)).as_deref(), Some(*line));
        }
        let mut known = KnownWords::default();
        assert_eq!(known.line(copy(&numbered[1])), None, "its first words stood in a record that is lost");
        assert_eq!(known.line(copy(&numbered[2])).as_deref(), Some(lines[2]));
        let wild = Numbered { first: u32::MAX, new: vec!["x".into()], line: vec![u32::MAX] };
        assert_eq!(known.line(wild), None);
    }

    #[test]
    fn changes_are_told_in_the_order_of_the_line() {
        let told = |old: &'static str, new: &'static str| -> Vec<(&str, &str)> {
            word_changes(old, new).into_iter().map(|change| (change.gone, change.new)).collect()
        };
        assert_eq!(told("a b c", "a b c"), []);
        assert_eq!(told("a b c", "a x c"), [("b", "x")]);
        assert_eq!(told("a c", "a b b c"), [("", "b b")]);
        assert_eq!(told("a b a", "a"), [("b a", "")]);
        assert_eq!(told("", "x"), [("", "x")]);
        assert_eq!(told("a 1 b 2 c", "a b 3 c 4"), [("1", ""), ("2", "3"), ("", "4")]);
    }

    #[test]
    fn long_lines_that_have_nothing_in_common_are_one_change() {
        let long = |letter: &str| vec![letter; 2000].join(" ");
        let (old, new) = (long("a"), long("b"));
        assert_eq!(word_changes(&old, &new), [WordChange { gone: &old, new: &new }]);
    }
}
