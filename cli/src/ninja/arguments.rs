//! Ninja's command line, read as ninja reads it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use alacarte_frontends::commands::nearest_within;
use lexopt::prelude::*;
use thiserror::Error;

use super::progress::Detail;

/// The version of ninja whose command line, output and manifests are understood. Generators ask for it.
pub const VERSION: &str = "1.13.2";

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Asked {
    /// Build, or use a tool.
    Run(Box<Arguments>),
    /// Print this.
    Tell(String),
    /// Print this; but nothing was built.
    List(&'static str),
    /// Print this on standard error, and fail.
    Explain(String),
}

/// What the command line says of a build.
#[derive(Debug, Default, PartialEq)]
pub struct Arguments {
    pub directory: Option<PathBuf>,
    pub file: Option<PathBuf>,
    /// How many commands may run at once; 0 for any number.
    pub jobs: Option<usize>,
    /// How many may fail before no other starts; `None` for any number.
    pub failures: Failures,
    pub load: Option<f64>,
    pub dry: bool,
    pub detail: Detail,
    pub explain: bool,
    pub stats: bool,
    pub keep_depfiles: bool,
    pub keep_response_files: bool,
    /// A phony edge that names itself is an error.
    pub phony_cycles_are_errors: bool,
    /// Warnings that ninja had once: they are taken, and mean nothing.
    pub deprecated: Vec<String>,
    /// The name of a tool, and all that stands behind it.
    pub tool: Option<(OsString, Vec<OsString>)>,
    pub targets: Vec<OsString>,
}

impl Arguments {
    /// The manifest, as it is named.
    pub fn manifest(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new("build.ninja"))
    }
}

/// How many commands may fail before no other starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures(pub usize);

impl Default for Failures {
    fn default() -> Self {
        Failures(1)
    }
}

#[derive(Debug, Error)]
enum Misuse {
    #[error("{}: {}\n{USAGE}", called(), in_words_of_getopt(.0))]
    Option(#[from] lexopt::Error),
    #[error("{}: option '--{given}' is ambiguous; possibilities:{possible}\n{USAGE}", called())]
    Ambiguous { given: String, possible: String },
    #[error("ninja: fatal: invalid -j parameter\n")]
    Jobs,
    #[error("ninja: fatal: -k parameter not numeric; did you mean -k 0?\n")]
    Failures,
    #[error("ninja: fatal: -l parameter not numeric: did you mean -l 0.0?\n")]
    Load,
    #[error("ninja: error: unknown debug setting '{given}'{hint}\n")]
    Debug { given: String, hint: String },
    #[error("ninja: error: unknown warning flag '{given}'{hint}\n")]
    Warning { given: String, hint: String },
}

/// How this program was called.
fn called() -> String {
    std::env::args_os().next().map_or("ninja".into(), |name| name.to_string_lossy().into_owned())
}

/// What is wrong with an option, as the C library says it.
fn in_words_of_getopt(error: &lexopt::Error) -> String {
    let name = |option: &str| match option.strip_prefix("--") {
        Some(_) => (format!("'{option}'"), String::new()),
        None => (String::new(), format!(" -- '{}'", option.trim_start_matches('-'))),
    };
    match error {
        lexopt::Error::MissingValue { option: Some(option) } => {
            let (long, short) = name(option);
            format!("option {long}{}requires an argument{short}", if long.is_empty() { "" } else { " " })
        }
        lexopt::Error::UnexpectedOption(option) => match name(option) {
            (long, short) if short.is_empty() => format!("unrecognized option {long}"),
            (_, short) => format!("invalid option{short}"),
        },
        lexopt::Error::UnexpectedValue { option, .. } => format!("option '{option}' doesn't allow an argument"),
        _ => error.to_string(),
    }
}

const LONG: [&str; 4] = ["help", "version", "verbose", "quiet"];

/// The long option that begins so, if it is one.
fn long(given: &str) -> Result<Option<&'static str>, Misuse> {
    let possible: Vec<&str> = LONG.into_iter().filter(|name| name.starts_with(given)).collect();
    match &*possible {
        [] => Ok(None),
        [only] => Ok(Some(*only)),
        _ if LONG.contains(&given) => Ok(possible.into_iter().find(|name| *name == given)),
        several => {
            let possible = several.iter().map(|name| format!(" '--{name}'")).collect();
            Err(Misuse::Ambiguous { given: given.into(), possible })
        }
    }
}

/// Ends an error with the name that was perhaps meant.
fn hint<'n>(given: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    nearest_within(given, known.into_iter(), 3).map_or(String::new(), |name| format!(", did you mean '{name}'?"))
}

const USAGE: &str = "\
usage: alacarte-ninja [options] [targets]

Builds the targets of a ninja manifest, or its default targets. `src^` is the
first file made from src.

  -C DIR         go to DIR first
  -f FILE        the manifest [build.ninja]
  -j N           run N commands at once (0: any number), whatever the make around
                 this says [what that allows, or two more than processors]
  -k N           go on until N commands have failed (0: any number) [1]
  -l N           start no command beside others while the load average is
                 above N
  -n             dry run: show what would run, as if it succeeded
  -v, --verbose  show commands in full
  --quiet        show what commands print, and no progress
  -d MODE        debug (`-d list`)
  -t TOOL        use a tool (`-t list`); what follows is for the tool
  -w FLAG        warnings (`-w list`)
  --version      the version of ninja that this program stands in for
  -h, --help     this text

Scheduler and rebuilder are suspending and constructive-trace, unless the
environment (ALACARTE_SCHEDULER, ALACARTE_REBUILDER) or .alacarte.toml in the
directory (scheduler = \"…\", rebuilder = \"…\") names others. NINJA_STATUS,
CLICOLOR_FORCE and NO_COLOR are heeded.
";

const MODES: &str = "\
debugging modes:
  stats        print how long what took
  explain      say why each command runs
  keepdepfile  leave depfiles where they are when they have been read
  keeprsp      leave response files where they are when their command succeeded
";

const WARNINGS: &str = "\
warning flags:
  phonycycle={err,warn}  a phony edge names itself as an input [warn]
";

/// Reads the arguments behind the program's name.
pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Asked {
    parse(arguments).unwrap_or_else(|misuse| Asked::Explain(misuse.to_string()))
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, Misuse> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut read = Arguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('C') => read.directory = Some(parser.value()?.into()),
            Short('f') => read.file = Some(parser.value()?.into()),
            Short('j') => read.jobs = Some(number(parser.value()?, Misuse::Jobs)?),
            Short('k') => {
                let failures: i64 = number(parser.value()?, Misuse::Failures)?;
                // (Of so many as there are never, all may fail.)
                read.failures = Failures(usize::try_from(failures).ok().filter(|n| *n > 0).unwrap_or(usize::MAX));
            }
            Short('l') => read.load = Some(number(parser.value()?, Misuse::Load)?),
            Short('n') => read.dry = true,
            Short('v') => read.detail = Detail::Verbose,
            Short('h') => return Ok(Asked::Explain(USAGE.into())),
            Long(given) => match long(given)? {
                Some("verbose") => read.detail = Detail::Verbose,
                Some("quiet") => read.detail = Detail::Quiet,
                Some("version") => return Ok(Asked::Tell(format!("{VERSION}\n"))),
                Some(_) => return Ok(Asked::Explain(USAGE.into())),
                None => return Err(argument.unexpected().into()),
            },
            Short('d') => {
                let given = parser.value()?.to_string_lossy().into_owned();
                match &*given {
                    "list" => return Ok(Asked::List(MODES)),
                    "stats" => read.stats = true,
                    "explain" => read.explain = true,
                    "keepdepfile" => read.keep_depfiles = true,
                    "keeprsp" => read.keep_response_files = true,
                    // (What is looked at is looked at once in any case.)
                    "nostatcache" => {}
                    _ => {
                        let hint = hint(&given, ["stats", "explain", "keepdepfile", "keeprsp", "nostatcache"]);
                        return Err(Misuse::Debug { given, hint });
                    }
                }
            }
            Short('w') => {
                let given = parser.value()?.to_string_lossy().into_owned();
                match given.split_once('=').unwrap_or((&given, "")) {
                    ("list", "") => return Ok(Asked::List(WARNINGS)),
                    ("phonycycle", state @ ("err" | "warn")) => read.phony_cycles_are_errors = state == "err",
                    (name @ ("dupbuild" | "depfilemulti"), "err" | "warn") => read.deprecated.push(name.to_owned()),
                    _ => {
                        let hint = hint(&given, ["phonycycle=err", "phonycycle=warn"]);
                        return Err(Misuse::Warning { given, hint });
                    }
                }
            }
            Short('t') => {
                let tool = parser.value()?;
                read.tool = Some((tool, parser.raw_args()?.collect()));
            }
            Value(target) => read.targets.push(target),
            _ => return Err(argument.unexpected().into()),
        }
    }
    Ok(Asked::Run(Box::new(read)))
}

fn number<N: FromStr>(given: OsString, otherwise: Misuse) -> Result<N, Misuse> {
    given.to_str().and_then(|text| text.parse().ok()).ok_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str]) -> Arguments {
        match read(arguments.iter().map(OsString::from)) {
            Asked::Run(arguments) => *arguments,
            other => panic!("{arguments:?}: {other:?}"),
        }
    }

    #[test]
    fn options_stand_together_apart_and_behind_targets() {
        let read = run(&["-Cout", "all", "-j8", "-k", "0", "-nv", "-l", "2.5", "src^", "--quiet", "-d", "explain"]);
        assert_eq!(read.directory, Some("out".into()));
        assert_eq!((read.jobs, read.failures, read.load), (Some(8), Failures(usize::MAX), Some(2.5)));
        assert!(read.dry && read.explain && !read.stats);
        assert_eq!(read.detail, Detail::Quiet, "the last counts");
        assert_eq!(run(&["--quiet", "--verb"]).detail, Detail::Verbose);
        assert_eq!(read.targets, ["all", "src^"]);
        assert_eq!(run(&["-k3"]).failures, Failures(3));
        assert_eq!(run(&[]).failures, Failures(1));
    }

    #[test]
    fn what_stands_behind_a_tool_is_for_the_tool() {
        let read = run(&["-C", "out", "-t", "clean", "-g", "-j", "x"]);
        assert_eq!(read.tool, Some(("clean".into(), vec!["-g".into(), "-j".into(), "x".into()])));
        assert_eq!(read.jobs, None);
    }

    #[test]
    fn what_is_wrong_is_said_with_what_is_possible() {
        for (arguments, said) in [
            (&["-j", "many"][..], "ninja: fatal: invalid -j parameter\n"),
            (&["-kx"], "ninja: fatal: -k parameter not numeric; did you mean -k 0?\n"),
            (&["-j"], ": option requires an argument -- 'j'\nusage: alacarte-ninja"),
            (&["-x"], ": invalid option -- 'x'\nusage: alacarte-ninja"),
            (&["--fast"], ": unrecognized option '--fast'\nusage: alacarte-ninja"),
            (
                &["--ver"],
                ": option '--ver' is ambiguous; possibilities: '--version' '--verbose'\nusage: alacarte-ninja",
            ),
            (&["--quiet=1"], ": option '--quiet' doesn't allow an argument\nusage: alacarte-ninja"),
            (&["-d", "trace"], "ninja: error: unknown debug setting 'trace'\n"),
            (&["-d", "explai"], "ninja: error: unknown debug setting 'explai', did you mean 'explain'?\n"),
            (&["-w", "phonycycle=er"], "unknown warning flag 'phonycycle=er', did you mean 'phonycycle=err'?\n"),
        ] {
            let Asked::Explain(text) = read(arguments.iter().map(OsString::from)) else { panic!("{arguments:?}") };
            assert!(text.contains(said), "{text}");
        }
        assert_eq!(run(&["-w", "dupbuild=err"]).deprecated, ["dupbuild"]);
        assert_eq!(read(["--version".into()]), Asked::Tell("1.13.2\n".into()));
    }
}
