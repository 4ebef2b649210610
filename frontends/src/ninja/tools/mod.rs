//! Ninja's tools (`ninja -t TOOL`): what scripts and generators ask about a manifest, and how they look after a build directory.
//!
//! Each tool answers in ninja's format to the byte, for programs read it. What ninja looks up in its logs is read from the journal
//! ([`recorded`]). `options` reads what stands behind a tool's name; `graph` numbers the manifest's files; a file each for kindred tools:
//! `commands` (with `compdb`), `inputs`, `listings` (rules, targets, queries), `dot`, `clean`, `deps` (with `missingdeps`), `upkeep`.

mod clean;
mod commands;
mod deps;
mod dot;
mod graph_tool;
mod inputs;
mod listings;
mod options;
mod recorded;
mod upkeep;

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;

use alacarte_core::StoreError;
use alacarte_stores::{bytes_of, text_of};
use thiserror::Error;

use super::load::load;
use super::manifest::Manifest;
use super::parse_error::ParseError;
use super::session::{Session, SessionError};
use crate::commands::nearest_within;
use graph_tool::Graph;
use options::{Given, Known, Refused};

/// How ninja names itself in what it says; who looks for its errors looks for that.
const NINJA: &str = "ninja";

/// As many edits ninja allows between a name and the one that it takes for meant.
const EDITS: usize = 3;

/// What may be asked: the name of a tool, what `list` says of it, and the tool.
const TOOLS: [(&str, &str, Tool); 15] = [
    ("clean", "clean built files", clean::clean),
    ("commands", "list all commands required to rebuild given targets", commands::commands),
    ("inputs", "list all inputs required to rebuild given targets", inputs::inputs),
    ("multi-inputs", "print one or more sets of inputs required to build targets", inputs::multi_inputs),
    ("deps", "show dependencies stored in the deps log", deps::deps),
    ("missingdeps", "check deps log dependencies on generated files", deps::missing_deps),
    ("graph", "output graphviz dot file for targets", dot::graph),
    ("query", "show inputs/outputs for a path", listings::query),
    ("targets", "list targets by their rule or depth in the DAG", listings::targets),
    ("compdb", "dump JSON compilation database to stdout", commands::compdb),
    (
        "compdb-targets",
        "dump JSON compilation database for a given list of targets to stdout",
        commands::compdb_targets,
    ),
    ("recompact", "recompacts ninja-internal data structures", upkeep::recompact),
    ("restat", "restats all outputs in the build log", upkeep::restat),
    ("rules", "list all rules", listings::rules),
    ("cleandead", "clean built files that are no longer produced by the manifest", clean::clean_dead),
];

type Tool = fn(&mut Call<'_>) -> Result<u8, ToolError>;

/// Why a tool could not answer at all. (What is wrong with its arguments it says itself.)
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ToolError {
    /// There is no such tool.
    #[error("unknown tool '{name}'{hint}")]
    Unknown {
        /// The name that was given.
        name: String,
        /// The tool that was perhaps meant, in a sentence; or nothing.
        hint: String,
    },
    /// The manifest does not parse, or another build is at work in the directory.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The answer cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl From<ParseError> for ToolError {
    fn from(error: ParseError) -> Self {
        SessionError::from(error).into()
    }
}

impl From<StoreError> for ToolError {
    fn from(error: StoreError) -> Self {
        SessionError::from(error).into()
    }
}

/// A call of one of ninja's tools, `list` among them.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ToolCall<'a> {
    /// The directory and the manifest that it is about.
    pub session: &'a Session,
    /// Which tool.
    pub name: &'a str,
    /// What stands behind its name.
    pub arguments: &'a [OsString],
    /// It removes nothing.
    pub dry: bool,
    /// It says what it removes.
    pub verbose: bool,
}

impl<'a> ToolCall<'a> {
    /// A call that is neither dry nor verbose.
    pub fn new(session: &'a Session, name: &'a str, arguments: &'a [OsString]) -> Self {
        ToolCall { session, name, arguments, dry: false, verbose: false }
    }

    /// Has the tool answer: the exit code. `out` is standard output, `said` standard error.
    ///
    /// # Errors
    /// If there is no such tool, the manifest cannot be read, another build is at work where the tool changes something, or `out` cannot be written.
    pub fn answer(&self, out: &mut dyn Write, said: &mut dyn Write) -> Result<u8, ToolError> {
        let mut out = BufWriter::new(out);
        let answered = self.answer_into(&mut out, &mut Aside(said));
        match answered.and_then(|code| Ok(out.flush().map(|()| code)?)) {
            // A reader that went away has read what it wanted.
            Err(ToolError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
            answered => answered,
        }
    }

    fn answer_into(&self, out: &mut dyn Write, said: &mut dyn Write) -> Result<u8, ToolError> {
        let ToolCall { session, name, arguments, dry, verbose } = *self;
        if name == "list" {
            writeln!(out, "{NINJA} subtools:")?;
            for (name, what, _) in TOOLS {
                writeln!(out, "{name:>11}  {what}")?;
            }
            return Ok(0);
        }
        let Some((name, _, tool)) = TOOLS.into_iter().find(|(known, ..)| *known == name) else {
            let hint = did_you_mean(name, TOOLS.iter().map(|(name, ..)| *name));
            return Err(ToolError::Unknown { name: name.to_owned(), hint });
        };
        let arguments = arguments.iter().map(|argument| text_of(argument.as_bytes()).into_owned()).collect();
        tool(&mut Call { session, name, arguments, dry, verbose, out, said })
    }
}

/// What is said beside the answer, whether it has a reader or not.
struct Aside<'w>(&'w mut dyn Write);

impl Write for Aside<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A tool that was called.
struct Call<'c> {
    session: &'c Session,
    name: &'static str,
    arguments: Vec<String>,
    dry: bool,
    verbose: bool,
    out: &'c mut dyn Write,
    said: &'c mut dyn Write,
}

impl Call<'_> {
    fn manifest(&self) -> Result<Manifest, ToolError> {
        Ok(load(&self.session.directory, &self.session.file)?)
    }

    /// The manifest, with what its dyndep files add that are there. (What is wrong with one of them, a build says.)
    fn manifest_with_dyndeps(&self) -> Result<Manifest, ToolError> {
        let mut manifest = self.manifest()?;
        manifest.read_dyndeps(&self.session.directory);
        Ok(manifest)
    }

    /// Writes a text to standard output, in the bytes for which it stands.
    fn write(&mut self, text: &str) -> Result<(), ToolError> {
        Ok(self.out.write_all(&bytes_of(text))?)
    }

    /// Says an error.
    fn error(&mut self, text: &str) -> Result<(), ToolError> {
        Ok(self.said.write_all(&bytes_of(&format!("{NINJA}: error: {text}\n")))?)
    }

    /// Says an error, and is the exit code of a tool that ends with it.
    fn refuse(&mut self, text: &str) -> Result<u8, ToolError> {
        self.error(text)?;
        Ok(1)
    }

    /// Answers of the targets that are named behind the tool's options.
    fn of_targets(
        &mut self,
        known: &[Known],
        usage: &str,
        answer: impl FnOnce(&mut Self, &Given, &Graph<'_>, &[usize]) -> Result<u8, ToolError>,
    ) -> Result<u8, ToolError> {
        let given = match self.options(known, usage)? {
            Ok(given) => given,
            Err(code) => return Ok(code),
        };
        let manifest = self.manifest()?;
        let graph = Graph::of(&manifest);
        match graph.targets(&given.operands) {
            Ok(targets) => answer(self, &given, &graph, &targets),
            Err(error) => self.refuse(&error),
        }
    }

    /// The tool's options and the other arguments; or the exit code, when the usage was shown.
    fn options(&mut self, known: &[Known], usage: &str) -> Result<Result<Given, u8>, ToolError> {
        match options::read(self.name, std::mem::take(&mut self.arguments), known) {
            Ok(given) => Ok(Ok(given)),
            Err(Refused(why)) => {
                if let Some(why) = why {
                    self.said.write_all(&bytes_of(&format!("{why}\n")))?;
                }
                self.write(usage)?;
                Ok(Err(1))
            }
        }
    }
}

/// What to say of a name that is not known: the one that was perhaps meant, in ninja's words.
fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest_within(name, known, EDITS).map_or(String::new(), |meant| format!(", did you mean '{meant}'?"))
}
