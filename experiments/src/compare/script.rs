//! Edit scripts: what happens to a project between two builds.

use serde::Deserialize;
use thiserror::Error;

/// One step: an edit (or none), then a build.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
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
    #[serde(default)]
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
}

impl Step {
    /// A step without an edit.
    pub fn named(name: &str) -> Self {
        Step {
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
        }
    }

    /// Whether it changes what is in a file.
    pub(super) fn edits(&self) -> bool {
        self.append.is_some() || self.replace.is_some()
    }

    /// A step that this workload has nothing for.
    pub fn impossible(name: &str, reason: impl Into<String>) -> Self {
        Step { not_made: Some(reason.into()), ..Step::named(name) }
    }
}

/// A script cannot be read, or does not fit the project.
#[derive(Debug, Error)]
pub enum ScriptError {
    /// It is not JSON of the right shape.
    #[error("the edit script does not parse: {0}")]
    Parse(#[from] serde_json::Error),
    /// A file lacks the text to replace, or has it more than once.
    #[error("step «{step}»: {file} holds the text to replace {count} times, not once")]
    Replace {
        /// The step.
        step: String,
        /// The file.
        file: String,
        /// How often the text occurs.
        count: usize,
    },
    /// A file cannot be edited.
    #[error("step «{step}»: cannot edit {file}: {source}")]
    Edit {
        /// The step.
        step: String,
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file lies outside the copy, or a link leads there.
    #[error("step «{step}»: {file} leads out of the copy of the project, which alone is edited")]
    Outside {
        /// The step.
        step: String,
        /// The file.
        file: String,
    },
    /// The step says something that this kind of project does not know.
    #[error("step «{step}»: {problem}")]
    Unfit {
        /// The step.
        step: String,
        /// What is wrong.
        problem: String,
    },
}

/// Reads a script.
///
/// # Errors
/// If it does not parse.
pub fn parse(text: &str) -> Result<Vec<Step>, ScriptError> {
    Ok(serde_json::from_str(text)?)
}
