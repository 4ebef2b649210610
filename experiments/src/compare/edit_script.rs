//! Edit scripts: what happens to a project between two builds.
//!
//! A script is a JSON array of steps, each an object with the name of the step and what it does; `experiments/README.md` says
//! what a step can say. Whatever is wrong with it is told with the file and the line of the step.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;
use serde_json::value::RawValue;
use thiserror::Error;

/// A line of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptLine {
    /// The file.
    pub file: String,
    /// The line, from 1 on.
    pub line: usize,
}

/// One step: an edit (or none), then a build.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EditStep {
    /// What a person calls it.
    #[serde(rename = "step")]
    pub name: String,
    /// A file to write again with the same content.
    #[serde(default)]
    pub touch: Option<String>,
    /// A file in which `replace` becomes `with`.
    #[serde(default)]
    pub file: Option<String>,
    /// The text to replace, which occurs exactly once.
    #[serde(default)]
    pub replace: Option<String>,
    /// The text to put there.
    #[serde(default)]
    pub with: Option<String>,
    /// A text to add at the end of `file`.
    #[serde(default)]
    pub append: Option<String>,
    /// A cell that gets another field.
    #[serde(default)]
    pub cell: Option<String>,
    /// The field, as it would stand in the CSV file.
    #[serde(default, deserialize_with = "field")]
    pub to: Option<String>,
    /// An output to delete.
    #[serde(default)]
    pub delete: Option<String>,
    /// Begin anew with nothing but the sources and the cache.
    #[serde(default)]
    pub fresh: bool,
    /// Why the step cannot be made in this workload, if it cannot.
    #[serde(skip)]
    pub not_made: Option<String>,
    /// Where it stands, if a person wrote it.
    #[serde(skip)]
    pub at: Option<ScriptLine>,
}

impl EditStep {
    /// A step without an edit.
    pub fn named(name: &str) -> Self {
        EditStep {
            name: name.to_owned(),
            touch: None,
            file: None,
            replace: None,
            with: None,
            append: None,
            cell: None,
            to: None,
            delete: None,
            fresh: false,
            not_made: None,
            at: None,
        }
    }

    /// What it edits, as a person says it.
    pub fn edit(&self) -> Option<String> {
        let short = |text: &str| text.trim().lines().next().unwrap_or_default().to_owned();
        let edits = [
            self.touch.as_ref().map(|file| format!("{file} is written again as it is")),
            self.cell.as_ref().zip(self.to.as_ref()).map(|(cell, to)| format!("{cell} := {to}")),
            self.file.as_ref().zip(self.replace.as_ref()).map(|(file, old)| {
                format!("{file}: «{}» becomes «{}»", short(old), short(self.with.as_deref().unwrap_or_default()))
            }),
            self.file.as_ref().zip(self.append.as_ref()).map(|(file, text)| format!("{file}: + «{}»", short(text))),
            self.delete.as_ref().map(|output| format!("{output} is lost")),
            self.fresh.then(|| "all that was built and remembered is lost, but for the cache".to_owned()),
        ];
        let edits: Vec<String> = edits.into_iter().flatten().collect();
        (!edits.is_empty()).then(|| edits.join("; "))
    }

    /// What an error calls it.
    pub(super) fn place(&self) -> String {
        match &self.at {
            Some(ScriptLine { file, line }) => format!("{file}:{line}: step «{}»", self.name),
            None => format!("step «{}»", self.name),
        }
    }

    /// What it says, by the names that stand in the script.
    pub(super) fn says(&self) -> Vec<&'static str> {
        let said = [
            ("touch", self.touch.is_some()),
            ("file", self.file.is_some()),
            ("replace", self.replace.is_some()),
            ("with", self.with.is_some()),
            ("append", self.append.is_some()),
            ("cell", self.cell.is_some()),
            ("to", self.to.is_some()),
            ("delete", self.delete.is_some()),
            ("fresh", self.fresh),
        ];
        said.into_iter().filter(|(_, said)| *said).map(|(name, _)| name).collect()
    }

    /// Whether it changes what is in a file.
    pub(super) fn edits(&self) -> bool {
        self.append.is_some() || self.replace.is_some()
    }

    /// A step that this workload has nothing for.
    pub fn impossible(name: &str, reason: impl Into<String>) -> Self {
        EditStep { not_made: Some(reason.into()), ..EditStep::named(name) }
    }
}

/// A script cannot be read, or does not fit the project. `place` is the file and the line, and the step.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// There is no such file, or it cannot be read.
    #[error("cannot read the edits in {file}: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not JSON of the right shape.
    #[error("{file}:{line}: {problem}")]
    Parse {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A file lacks the text to replace, or has it more than once.
    #[error("{place}: {file} holds the text to replace {count} times, not once")]
    Replace {
        /// The step.
        place: String,
        /// The file.
        file: String,
        /// How often the text occurs.
        count: usize,
    },
    /// A file cannot be edited.
    #[error("{place}: cannot edit {file}: {source}")]
    Edit {
        /// The step.
        place: String,
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file lies outside the copy, or a link leads there.
    #[error("{place}: {file} leads out of the copy of the project, which alone is edited")]
    Outside {
        /// The step.
        place: String,
        /// The file.
        file: String,
    },
    /// The step says something that this kind of project does not know.
    #[error("{place}: {problem}")]
    Unfit {
        /// The step.
        place: String,
        /// What is wrong.
        problem: String,
    },
}

/// What says nothing alone, and one of which it needs beside it.
const BESIDE: [(&str, &[&str]); 7] = [
    ("cell", &["to"]),
    ("to", &["cell"]),
    ("replace", &["with"]),
    ("replace", &["file"]),
    ("with", &["replace"]),
    ("file", &["replace", "append"]),
    ("append", &["file"]),
];

/// Reads the script in a file.
///
/// # Errors
/// If it cannot be read, or does not parse.
pub fn read(path: &Path) -> Result<Vec<EditStep>, ScriptError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| ScriptError::Read { file: file.clone(), source })?;
    parse(&file, &text)
}

/// Reads a script.
///
/// # Errors
/// If it does not parse: with the line.
pub fn parse(file: &str, text: &str) -> Result<Vec<EditStep>, ScriptError> {
    let parse_error = |line, problem: String| ScriptError::Parse { file: file.to_owned(), line, problem };
    let wrong = |line: usize, error: &serde_json::Error, shape: Option<String>| {
        // (It ends in the line and the column, and these are those of the part that was read.)
        let problem = error.to_string();
        let problem = problem.split(" at line ").next().unwrap_or_default().to_owned();
        parse_error(line, shape.filter(|_| error.is_data()).unwrap_or(problem))
    };
    let script = || Some("a script is an array of steps, such as [{\"step\": \"clean\"}]".to_owned());
    let steps: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| wrong(error.line(), &error, script()))?;
    let mut names: HashMap<String, usize> = HashMap::new();
    let mut read = |step: &&RawValue| {
        let before = step.get().as_ptr() as usize - text.as_ptr() as usize;
        let line = 1 + text[..before].matches('\n').count();
        let mut read: EditStep = serde_json::from_str(step.get())
            .map_err(|error| wrong(line + error.line().saturating_sub(1), &error, ill_typed(step.get())))?;
        read.at = Some(ScriptLine { file: file.to_owned(), line });
        let unfit = |problem| Err(ScriptError::Unfit { place: read.place(), problem });
        let says = read.says();
        for (one, others) in BESIDE {
            if says.contains(&one) && !others.iter().any(|other| says.contains(other)) {
                return unfit(format!("`{one}` needs `{}` beside it", others.join("` or `")));
            }
        }
        // (Rows and columns are called so.)
        if read.name.trim().is_empty() {
            return unfit("`step` is the name of a column, and needs a text".to_owned());
        }
        if let Some(line) = names.insert(read.name.clone(), line) {
            return unfit(format!("the step in line {line} is called so, too: give each a name of its own"));
        }
        Ok(read)
    };
    steps.iter().map(&mut read).collect()
}

/// The field of a cell, which may be a number.
fn field<'d, D: Deserializer<'d>>(from: D) -> Result<Option<String>, D::Error> {
    match Json::deserialize(from)? {
        Json::String(text) => Ok(Some(text)),
        Json::Number(number) => Ok(Some(number.to_string())),
        _ => Err(serde::de::Error::custom("`to` is neither a text nor a number")),
    }
}

/// What has another type than it should have, if the step is JSON at all.
fn ill_typed(step: &str) -> Option<String> {
    let Ok(said) = serde_json::from_str::<serde_json::Map<String, Json>>(step) else {
        return Some("a step is an object, such as {\"step\": \"clean\"}".to_owned());
    };
    said.iter().find_map(|(name, value)| match &**name {
        "fresh" => (!value.is_boolean()).then(|| format!("`fresh` is true or false, and {value} is neither")),
        "to" => {
            let fits = value.is_string() || value.is_number();
            (!fits).then(|| format!("`to` is a text in quotes or a number, and {value} is neither"))
        }
        "step" | "touch" | "file" | "replace" | "with" | "append" | "cell" | "delete" => {
            (!value.is_string()).then(|| format!("`{name}` is a text in quotes, and {value} is none"))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_script_is_told_with_its_line() {
        let told = |text: &str| parse("x.json", text).expect_err("it is wrong").to_string();
        assert_eq!(told("[\n {\"step\": \"a\"},\n {\"step\" \"b\"}]"), "x.json:3: expected `:`");
        let unknown = told("[\n {\"step\": \"a\"},\n\n {\"step\": \"b\",\n  \"edit\": 1}]");
        assert!(unknown.starts_with("x.json:5: unknown field `edit`, expected one of `step`"), "{unknown}");
        let typed = told("[{\"step\": \"a\", \"cell\": 3}]");
        assert_eq!(typed, "x.json:1: `cell` is a text in quotes, and 3 is none");
        let typed = told("[{\"step\": \"a\", \"fresh\": 1}]");
        assert_eq!(typed, "x.json:1: `fresh` is true or false, and 1 is neither");
        let typed = told("[{\"step\": \"a\", \"cell\": \"A1\", \"to\": [1]}]");
        assert_eq!(typed, "x.json:1: `to` is a text in quotes or a number, and [1] is neither");
        assert!(told("[1]").ends_with("a step is an object, such as {\"step\": \"clean\"}"));
        assert_eq!(told("[{\"step\": \" \"}]"), "x.json:1: step « »: `step` is the name of a column, and needs a text");
        let twice = told("[{\"step\": \"a\"},\n{\"step\": \"a\"}]");
        assert!(twice.starts_with("x.json:2: step «a»: the step in line 1 is called so, too"), "{twice}");
        let number = parse("x.json", "[{\"step\": \"a\", \"cell\": \"A1\", \"to\": 9.5}]").expect("a script");
        assert_eq!(number[0].to.as_deref(), Some("9.5"));
        assert_eq!(told("[\n{\"step\": \"a\", \"cell\": \"B1\"}]"), "x.json:2: step «a»: `cell` needs `to` beside it");
        for (says, expected) in [
            ("\"to\": \"3\"", "`to` needs `cell`"),
            ("\"file\": \"a\"", "`file` needs `replace` or `append`"),
            ("\"file\": \"a\", \"replace\": \"x\"", "`replace` needs `with`"),
            ("\"with\": \"a\"", "`with` needs `replace`"),
            ("\"replace\": \"a\", \"with\": \"b\"", "`replace` needs `file`"),
            ("\"append\": \"a\"", "`append` needs `file`"),
        ] {
            let told = told(&format!("[{{\"step\": \"a\", {says}}}]"));
            assert_eq!(told, format!("x.json:1: step «a»: {expected} beside it"));
        }
        assert_eq!(told("{}"), "x.json:1: a script is an array of steps, such as [{\"step\": \"clean\"}]");
        let steps = parse("x.json", "[{\"step\": \"a\"},\n{\"step\": \"b\", \"fresh\": true}]").expect("a script");
        assert_eq!((steps.len(), steps[1].at.clone()), (2, Some(ScriptLine { file: "x.json".into(), line: 2 })));
    }
}
