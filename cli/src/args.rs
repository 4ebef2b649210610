//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use alacarte_experiments::gallery::{self, Scene};
use alacarte_experiments::systems::Menu;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::paragraph::width;

/// Build systems à la carte: every scheduler with every rebuilder.
///
/// Without a command, compares the paper's combinations and two baselines on two small workloads that come with the program.
#[derive(Debug, Parser)]
#[command(name = "alacarte", version)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Plays one script of edits and builds with each combination, and prints what each had to do.
    Compare(Compare),
    /// Builds the targets of a ninja manifest.
    Build(Build),
    /// Says why each command on the way to a target ran, was restored or was kept by the last build.
    Explain(Explain),
    /// Lists the builds of a directory, or says how two of them differ, what took the time, and what ran when.
    History(History),
    /// Looks after a cache of copies: how much it holds, whether that is whole, what is to go.
    Cache(Cache),
    /// Lists the menu, and the build systems that stand in its cells.
    Systems,
    /// Lists the gallery of counterexamples, or plays some of them, step by step; strategies of your own play in them too.
    Counterexamples(Counterexamples),
    /// Measures every property of every combination and named system, beside what the paper claims.
    Claims(Claims),
    /// Plays random histories with each combination, and judges every build by every law.
    Check(Check),
    /// Writes a crate for a rebuilder, a scheduler or a workload of your own: judged by `cargo test`, compared by `cargo run`.
    New(New),
}

impl Default for Command {
    fn default() -> Self {
        Command::Compare(Compare::default())
    }
}

#[derive(Debug, Default, Args)]
pub struct Compare {
    /// A directory that holds a build.ninja, or a .csv file. It is never written to: a snapshot of it is taken at the
    /// beginning, and what would write anywhere but to a copy of that is refused before anything runs.
    pub workload: Option<PathBuf>,
    /// A scheduler to compare; may be given several times [default: the paper's three]
    #[arg(long = "scheduler", value_name = "S")]
    pub schedulers: Vec<String>,
    /// A rebuilder to compare; may be given several times [default: the paper's four, and baselines under the topological
    /// scheduler]
    #[arg(long = "rebuilder", value_name = "R")]
    pub rebuilders: Vec<String>,
    /// Compare every scheduler with every rebuilder: bottom-up and step-trace, too, and baselines under all schedulers.
    #[arg(long, conflicts_with_all = ["schedulers", "rebuilders"])]
    pub all: bool,
    /// How many times the script is played: times are medians, with their spread.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub repeat: u16,
    /// A script of edits (experiments/README.md) [default: X.edits.json beside X.csv; else edits are chosen by the seed]
    #[arg(long, value_name = "FILE", requires = "workload")]
    pub edits: Option<PathBuf>,
    /// A cache that all combinations that restore share, with what is in it already [default: each begins with one of its own]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// How to print the outcome.
    #[arg(long, value_name = "F", default_value = "table")]
    pub format: Format,
    /// How many commands may run at once [default: the number of processors]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Chooses what is edited in a workload without a script of its own.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

#[derive(Debug, Args)]
pub struct Build {
    /// Change to this directory first.
    #[arg(short = 'C', value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// The manifest.
    #[arg(short = 'f', value_name = "FILE", default_value = "build.ninja")]
    pub file: PathBuf,
    /// How many commands may run at once [default: what the make around it allows, or the number of processors]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Order of tasks, and whether one that must wait is kept or restarted [default: what .alacarte.toml says (scheduler = "S"), or suspending]
    #[arg(long, value_name = "S")]
    pub scheduler: Option<String>,
    /// Which commands must run at all. (deep-constructive-trace keeps only the requested targets right; intermediate files may be missing or stale.) [default: what
    /// .alacarte.toml says (rebuilder = "R"), or verifying-trace]
    #[arg(long, value_name = "R")]
    pub rebuilder: Option<String>,
    /// Where copies of what was built lie, for rebuilders that restore (constructive-trace, deep-constructive-trace); many builds may share
    /// it. The caches of tools (`tool_cache`) lie there, too [default: ~/.cache/alacarte]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Run so many percent of what the cache could restore all the same, and say what differs.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub recheck: Option<u8>,
    /// How to judge, for this build or (in .alacarte.toml: content = true) for every build of the directory.
    #[arg(short = 'o', value_name = "OPTION")]
    pub options: Vec<BuildOption>,
    /// After a failure, go on with whatever does not depend on what failed.
    #[arg(long, short)]
    pub keep_going: bool,
    /// Print each command in full instead of its description.
    #[arg(long, short)]
    pub verbose: bool,
    /// Print why each command runs.
    #[arg(long)]
    pub explain: bool,
    /// Write what ran when to this file, as JSON for a viewer of traces (ui.perfetto.dev, chrome://tracing), and print what took the time.
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Then stay, and build again whenever a file changes that counts, until Ctrl-C (exit code 130). Other builds of the directory may run meanwhile.
    #[arg(long, conflicts_with_all = ["recheck", "profile"])]
    pub watch: bool,
    /// What to build [default: what the manifest says]
    #[arg(value_name = "TARGET")]
    pub targets: Vec<OsString>,
}

/// Where a manifest lies.
#[derive(Debug, Args)]
pub struct Place {
    /// Change to this directory first.
    #[arg(short = 'C', value_name = "DIR", default_value = ".", global = true)]
    pub directory: PathBuf,
    /// The manifest.
    #[arg(short = 'f', value_name = "FILE", default_value = "build.ninja", global = true)]
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub struct Explain {
    #[command(flatten)]
    pub place: Place,
    /// The target: an output of a command, or a name for some.
    #[arg(value_name = "TARGET")]
    pub target: OsString,
}

#[derive(Debug, Args)]
pub struct History {
    #[command(flatten)]
    pub place: Place,
    /// What to say [default: the list of all builds]
    #[command(subcommand)]
    pub question: Option<Question>,
}

#[derive(Debug, Subcommand)]
pub enum Question {
    /// Says how two builds differ: what ran in one and not in the other, what changed between them, how long what took.
    Diff {
        /// The number of a build.
        #[arg(value_name = "A")]
        old: u64,
        /// The number of another.
        #[arg(value_name = "B")]
        new: u64,
    },
    /// Prints the chain of commands that took longest, each of which needs the one before it. More jobs do not make a build shorter than that.
    CriticalPath {
        /// The number of a build [default: the last]
        #[arg(value_name = "N")]
        number: Option<u64>,
    },
    /// Writes what ran when in a build to a file, as JSON for a viewer of traces (ui.perfetto.dev, chrome://tracing).
    Profile {
        /// The number of a build.
        #[arg(value_name = "N")]
        number: u64,
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct Cache {
    /// What to do.
    #[command(subcommand)]
    pub care: Care,
}

#[derive(Debug, Subcommand)]
pub enum Care {
    /// Says how much it holds.
    Stats {
        /// The cache [default: ~/.cache/alacarte]
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    /// Reads all of it, and removes what is damaged.
    Verify {
        /// The cache [default: ~/.cache/alacarte]
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    /// Removes what was last used longest ago until it is no larger than it may be.
    Gc {
        /// How large it may be: bytes, or so many K, M, G or T.
        #[arg(long, value_name = "SIZE", value_parser = size)]
        max_size: u64,
        /// The cache [default: ~/.cache/alacarte]
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    /// Removes all copies, traces and caches of tools.
    Clear {
        /// The cache [default: ~/.cache/alacarte]
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
}

/// A size in bytes, such as `500M`.
fn size(text: &str) -> Result<u64, String> {
    let (number, power) = match text.char_indices().last() {
        Some((at, unit)) if !unit.is_ascii_digit() => {
            let power = "KMGT".find(unit.to_ascii_uppercase());
            (&text[..at], power.ok_or_else(|| format!("{unit} is no unit: write K, M, G or T"))? + 1)
        }
        _ => (text, 0),
    };
    let number: u64 = number.parse().map_err(|_| "write a number of bytes, such as 500M".to_string())?;
    number.checked_mul(1 << (10 * power)).ok_or_else(|| "that is more than there can be".into())
}

#[derive(Debug, Args)]
pub struct New {
    /// What it is to be.
    pub kind: Kind,
    /// What it is called: the crate, its folder, and its row in every table.
    pub name: String,
}

/// What a person can make of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Must a task run at all?
    Rebuilder,
    /// In which order do keys go on?
    Scheduler,
    /// What the others are compared on.
    Workload,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Kind::Rebuilder => "rebuilder",
            Kind::Scheduler => "scheduler",
            Kind::Workload => "workload",
        })
    }
}

#[derive(Debug, Args)]
#[command(after_help = names())]
pub struct Counterexamples {
    /// What to play [default: nothing; all are listed]
    #[arg(value_name = "NAME", value_parser = scene)]
    pub names: Vec<Scene>,
    /// A scheduler to play with, beside those that are told of; may be given several times [default: your own]
    #[arg(long = "scheduler", value_name = "S", requires = "names")]
    pub schedulers: Vec<String>,
    /// A rebuilder to play with; may be given several times [default: your own]
    #[arg(long = "rebuilder", value_name = "R", requires = "names")]
    pub rebuilders: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Claims {
    /// How many random histories each cell is tried with.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = cases, allow_hyphen_values = true)]
    pub cases: u64,
    /// The seed of the first of them.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = seed, allow_hyphen_values = true)]
    pub seed: u64,
    /// How to print the outcome.
    #[arg(long, value_name = "F", default_value = "table")]
    pub format: Format,
    /// How many cells are measured at once [default: the number of processors]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
}

#[derive(Debug, Args)]
pub struct Check {
    /// Plays no random histories, but every history of every program within a small scope. The whole takes some three
    /// hours of a processor; with fewer combinations, keys or steps, less.
    #[arg(long, conflicts_with_all = ["cases", "seed"])]
    pub exhaustive: bool,
    /// How many keys, over two values, the programs of that scope have at most.
    #[arg(long, value_name = "N", default_value_t = 3, requires = "exhaustive", value_parser = up_to(3))]
    pub keys: u8,
    /// How many steps its histories have at most, the last of them a build.
    #[arg(long, value_name = "N", default_value_t = 4, requires = "exhaustive", value_parser = up_to(4))]
    pub steps: u8,
    /// How many random histories each combination plays.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = cases, allow_hyphen_values = true)]
    pub cases: u64,
    /// First seed [default: cases that once failed, then seeds 0, 1, …]. To replay one: its seed and `--cases 1`.
    #[arg(long, value_name = "N", value_parser = seed, allow_hyphen_values = true)]
    pub seed: Option<u64>,
    /// A scheduler to check; may be given several times [default: all]
    #[arg(long = "scheduler", value_name = "S")]
    pub schedulers: Vec<String>,
    /// A rebuilder to check; may be given several times [default: all]
    #[arg(long = "rebuilder", value_name = "R")]
    pub rebuilders: Vec<String>,
    /// The tasks to check with. static: dependencies declared; dynamic: found while running [default: both]
    #[arg(long, value_name = "T")]
    pub tasks: Option<Tasks>,
    /// How to print the outcome.
    #[arg(long, value_name = "F", default_value = "table")]
    pub format: Format,
    /// How many histories are played at once [default: the number of processors]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
}

fn up_to(most: i64) -> impl TypedValueParser<Value = u8> {
    clap::value_parser!(u8).range(1..=most)
}

/// Whether tasks know beforehand what they fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tasks {
    Static,
    Dynamic,
}

/// The names of the gallery, a line each.
fn names() -> String {
    let names = gallery::SCENES.map(|scene| format!("  {}", scene.name));
    format!("Names:\n{}", names.join("\n"))
}

fn cases(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("a number of cases is a whole number from 1 to {}, such as 1000", u64::MAX)),
        Ok(cases) => Ok(cases),
    }
}

fn scene(name: &str) -> Result<Scene, String> {
    gallery::scene(name).map_err(|unknown| unknown.to_string())
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a seed is a whole number from 0 to {}", u64::MAX))
}

/// How `alacarte build` judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BuildOption {
    /// A command that makes what it made before changes nothing for what depends on it. Right only where the manifest
    /// declares all that its commands write; otherwise what ran is changed, unless a `restat` command left it untouched
    /// or a compiler's depfile names it.
    Content,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a person.
    #[default]
    Table,
    /// An array of objects, one for each row of what is told.
    Json,
    /// The same as comma-separated values, with a header.
    Csv,
}

/// The command line, where names are those of a menu.
pub fn command(menu: &Menu) -> clap::Command {
    let named = |command: clap::Command, schedulers: &'static str, rebuilders: &'static str| {
        let (first, second) =
            (PossibleValuesParser::new(menu.schedulers()), PossibleValuesParser::new(menu.rebuilders()));
        command
            .mut_arg(schedulers, |argument| argument.value_parser(first))
            .mut_arg(rebuilders, |argument| argument.value_parser(second))
    };
    Arguments::command()
        .term_width(width())
        .mut_subcommand("compare", |command| named(command, "schedulers", "rebuilders"))
        .mut_subcommand("check", |command| named(command, "schedulers", "rebuilders"))
        .mut_subcommand("counterexamples", |command| named(command, "schedulers", "rebuilders"))
        .mut_subcommand("build", |command| named(command, "scheduler", "rebuilder"))
}

/// What the arguments of this process say; if they make no sense, that is said, and the process ends.
pub fn parse(menu: &Menu) -> Option<Command> {
    let matches = command(menu).get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    arguments.command
}

/// The number of jobs that was asked for, or that of the processors.
pub fn jobs(asked: Option<u16>) -> usize {
    asked.map_or_else(|| std::thread::available_parallelism().map_or(1, Into::into), usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        let sizes = ["0", "12", "3K", "3k", "2M", "1G", "5T"].map(|text| size(text).expect(text));
        assert_eq!(sizes, [0, 12, 3 << 10, 3 << 10, 2 << 20, 1 << 30, 5 << 40]);
        assert!(["", "K", "-1", "1.5G", "3X", "9999999999999T", "1é"].iter().all(|text| size(text).is_err()));
    }

    #[test]
    fn the_command_line_is_consistent() {
        command(&Menu::ours()).debug_assert();
    }
}
