//! What a build would have compiled in the life of a real project: the commits of its history, replayed.
//!
//! A history is a text of JSON, a line for each commit that touches sources (`experiments/histories/extract.py` writes it): the files that
//! it changed, of each a hash of its bytes and one of its *code* (without comments, and with all space as one), and what it
//! includes. A compiler's run depends on a source and on whatever that includes, directly or not, as far as it is in the tree. It has to run
//! again when one of the files that it read the last time is not what it was, which each [`Look`] sees in its own way.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, BufRead};

use serde::Deserialize;
use thiserror::Error;

/// Endings of what is compiled; other files are headers.
const SOURCES: [&str; 4] = [".c", ".cc", ".cpp", ".cxx"];

/// What is looked at to know whether a file is what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Look {
    /// When it was written. (A commit writes what it changes, and nothing else.)
    Time,
    /// Its bytes.
    Content,
    /// Its code: the projection that leaves comments and space out.
    Code,
}

/// All of them.
pub const LOOKS: [Look; 3] = [Look::Time, Look::Content, Look::Code];

/// What a history comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// The commits, without the tree at the beginning.
    pub commits: u64,
    /// How many files the commits wrote. So often the code of a file is taken.
    pub written: u64,
    /// How many sources there are at the end.
    pub sources: u64,
    /// The runs of the compiler in all commits, for each look. (That all is compiled at the beginning does not count.)
    pub runs: BTreeMap<Look, u64>,
    /// The commits in which nothing was compiled.
    pub idle: BTreeMap<Look, u64>,
}

/// A history that cannot be replayed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// It cannot be read.
    #[error("the history cannot be read")]
    Read(#[from] io::Error),
    /// A line is not what it should be.
    #[error("line {line} is no commit of a history")]
    Line {
        /// From 1 on.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
struct Commit {
    files: BTreeMap<String, Option<Facts>>,
}

/// Content, code, size, and what is included as it is written (`"` left out).
#[derive(Deserialize)]
struct Facts(String, String, #[allow(dead_code, reason = "the history has it")] u64, Vec<String>);

/// A file, by its number.
type FileId = usize;

#[derive(Default)]
struct Tree {
    numbers: HashMap<String, FileId>,
    names: Vec<String>,
    files: Vec<Option<Held>>,
    /// The files of a name, whatever the directory.
    by_name: HashMap<String, Vec<FileId>>,
    values: HashMap<String, u64>,
}

/// What a file holds; each as a number that is equal where they are.
struct Held {
    seen: [u64; LOOKS.len()],
    includes: Vec<String>,
}

/// What a run has read, and what it looked like.
type Trace = Vec<(FileId, u64)>;

/// Replays a history.
///
/// # Errors
/// If it cannot be read, or is none.
pub fn replay(history: impl BufRead) -> Result<Replayed, ReplayError> {
    let (mut tree, mut all) = (Tree::default(), Replayed::default());
    let mut traces: [HashMap<FileId, Trace>; LOOKS.len()] = Default::default();
    for (number, line) in history.lines().enumerate() {
        let commit: Commit =
            serde_json::from_str(&line?).map_err(|source| ReplayError::Line { line: number + 1, source })?;
        let begins = number == 0;
        if !begins {
            all.commits += 1;
            all.written += commit.files.values().flatten().count() as u64;
        }
        for (name, facts) in commit.files {
            tree.write(&name, facts, number as u64);
        }
        let sources = tree.sources();
        for (place, look) in LOOKS.into_iter().enumerate() {
            let mut kept = std::mem::take(&mut traces[place]);
            let mut runs = 0;
            for &source in &sources {
                let holds = |trace: &Trace| trace.iter().all(|(file, seen)| tree.seen(*file, place) == Some(*seen));
                let trace = kept.remove(&source).filter(holds);
                runs += u64::from(trace.is_none());
                traces[place].insert(source, trace.unwrap_or_else(|| tree.read_by(source, place)));
            }
            if !begins {
                *all.runs.entry(look).or_default() += runs;
                *all.idle.entry(look).or_default() += u64::from(runs == 0);
            }
        }
        all.sources = sources.len() as u64;
    }
    Ok(all)
}

impl Tree {
    fn number(&mut self, name: &str) -> FileId {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len();
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        self.files.push(None);
        self.by_name.entry(last(name).to_owned()).or_default().push(number);
        number
    }

    fn write(&mut self, name: &str, facts: Option<Facts>, time: u64) {
        let file = self.number(name);
        self.files[file] = facts.map(|Facts(content, code, _, includes)| {
            let mut value = |text: String| {
                let next = self.values.len() as u64;
                *self.values.entry(text).or_insert(next)
            };
            Held { seen: [time, value(content), value(format!("code {code}"))], includes }
        });
    }

    fn seen(&self, file: FileId, look: usize) -> Option<u64> {
        self.files[file].as_ref().map(|held| held.seen[look])
    }

    /// What is compiled, if it is there.
    fn sources(&self) -> Vec<FileId> {
        let is_source = |name: &str| SOURCES.iter().any(|ending| name.ends_with(ending));
        (0..self.names.len()).filter(|&file| self.files[file].is_some() && is_source(&self.names[file])).collect()
    }

    /// A source and all that it includes.
    fn read_by(&self, source: FileId, look: usize) -> Trace {
        let (mut known, mut next) = (HashSet::from([source]), vec![source]);
        let mut trace = Vec::new();
        while let Some(file) = next.pop() {
            let Some(held) = &self.files[file] else { continue };
            trace.push((file, held.seen[look]));
            let included = held.includes.iter().filter_map(|include| self.find(file, include));
            next.extend(included.filter(|file| known.insert(*file)));
        }
        trace
    }

    /// The file that is meant: beside the one that includes it, or else the one whose path ends so and is most like that of the one that
    /// includes it. (Where compilers look is not in the history.)
    fn find(&self, from: FileId, include: &str) -> Option<FileId> {
        let (name, beside) = match include.strip_prefix('<').and_then(|name| name.strip_suffix('>')) {
            Some(name) => (name, None),
            None => (include, Some(beside(&self.names[from], include))),
        };
        let there = |file: &FileId| self.files[*file].is_some();
        if let Some(file) = beside.and_then(|path| self.numbers.get(&path).copied()).filter(there) {
            return Some(file);
        }
        let name = name.trim_start_matches("../").trim_start_matches("./");
        let ends = |file: &FileId| {
            let rest = self.names[*file].strip_suffix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        };
        let alike = |file: &FileId| common(&self.names[*file], &self.names[from]);
        let all = self.by_name.get(last(name))?.iter().copied();
        all.filter(there).filter(ends).max_by_key(|file| (alike(file), std::cmp::Reverse(*file)))
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The path of what a file includes, if it lies beside it.
fn beside(from: &str, include: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in include.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// In how many directories, from the first on, two paths agree.
fn common(one: &str, other: &str) -> usize {
    one.split('/').zip(other.split('/')).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(history: &str) -> [u64; 3] {
        let all = replay(history.as_bytes()).expect("a history");
        LOOKS.map(|look| all.runs[&look])
    }

    #[test]
    fn each_look_sees_what_it_can_and_what_is_included_counts() {
        let begin =
            r#"{"files": {"src/a.c": ["a1", "A1", 1, ["h.h"]], "src/b.c": ["b1", "B1", 1, ["<lib/g.h>", "<stdio.h>"]],
            "src/h.h": ["h1", "H1", 1, ["../include/lib/g.h"]], "include/lib/g.h": ["g1", "G1", 1, []]}}"#
                .replace('\n', "");
        let after = |commit: &str| runs(&format!("{begin}\n{{\"files\": {commit}}}"));
        assert_eq!(after(r#"{"src/b.c": ["b2", "B2", 1, []]}"#), [1, 1, 1]);
        assert_eq!(after(r#"{"src/h.h": ["h2", "H2", 1, []]}"#), [1, 1, 1], "b does not include it");
        assert_eq!(after(r#"{"include/lib/g.h": ["g2", "G2", 1, []]}"#), [2, 2, 2], "a includes it by another header");
        assert_eq!(after(r#"{"include/lib/g.h": ["g2", "G1", 1, []]}"#), [2, 2, 0], "a comment");
        assert_eq!(after(r#"{"include/lib/g.h": ["g1", "G1", 1, []]}"#), [2, 0, 0], "written as it was");
        assert_eq!(after(r#"{"src/c.c": ["c1", "C1", 1, []]}"#), [1, 1, 1], "it is new");
        assert_eq!(after(r#"{"src/h.h": null, "src/b.c": null}"#), [1, 1, 1], "what is gone is not compiled");
        assert_eq!(after(r#"{"other/h.h": ["x", "X", 1, []]}"#), [0, 0, 0], "nobody means that one");
    }

    #[test]
    fn a_run_that_was_saved_goes_on_with_what_it_read() {
        let history = r#"{"files": {"a.c": ["a1", "A1", 1, ["h.h"]], "h.h": ["h1", "H1", 1, []]}}
{"files": {"h.h": ["h2", "H1", 1, []]}}
{"files": {"h.h": ["h1", "H1", 1, []]}}
{"files": {"h.h": ["h1", "H2", 1, []]}}
{"files": {"a.c": ["a2", "A1", 1, ["h.h"]]}}"#;
        let all = replay(history.as_bytes()).expect("a history");
        assert_eq!(LOOKS.map(|look| all.runs[&look]), [4, 3, 1]);
        assert_eq!(LOOKS.map(|look| all.idle[&look]), [0, 1, 3]);
        assert_eq!((all.commits, all.written, all.sources), (4, 4, 1));
        assert!(matches!(replay(&b"{}"[..]), Err(ReplayError::Line { line: 1, .. })));
    }
}
