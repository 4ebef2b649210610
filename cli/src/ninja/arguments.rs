//! Ninja's command line, read as ninja reads it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use lexopt::prelude::*;
use thiserror::Error;

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
    pub verbose: bool,
    pub quiet: bool,
    pub explain: bool,
    pub stats: bool,
    pub keep_depfiles: bool,
    pub keep_response_files: bool,
    /// The name of a tool, and all that stands behind it.
    pub tool: Option<(OsString, Vec<OsString>)>,
    pub targets: Vec<OsString>,
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
    #[error("{0}")]
    Option(#[from] lexopt::Error),
    #[error("-{option} takes a number, not {given:?}{hint}")]
    Number { option: char, given: OsString, hint: &'static str },
    #[error("there is no debugging mode {given:?}: `-d list` lists them")]
    Debug { given: OsString },
    #[error("there is no warning {given:?}: `-w list` lists them")]
    Warning { given: OsString },
}

const USAGE: &str = "\
usage: alacarte-ninja [options] [targets]

Builds the targets of a ninja manifest, or its default targets. `src^` is the
first file made from src.

  -C DIR         go to DIR first
  -f FILE        the manifest [build.ninja]
  -j N           run N commands at once (0: any number) [what the make around it
                 allows, or the number of processors]
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

Scheduler and rebuilder are suspending and verifying-trace, unless the
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
  dupbuild={err,warn}    several edges make one file (always an error)
  phonycycle={err,warn}  a phony edge names itself (always let be)
";

/// Reads the arguments behind the program's name.
pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Asked {
    parse(arguments).unwrap_or_else(|misuse| Asked::Explain(format!("ninja: error: {misuse}\n{USAGE}")))
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, Misuse> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut read = Arguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('C') => read.directory = Some(parser.value()?.into()),
            Short('f') => read.file = Some(parser.value()?.into()),
            Short('j') => read.jobs = Some(number('j', parser.value()?, "")?),
            Short('k') => {
                let failures: i64 = number('k', parser.value()?, "; did you mean -k 0?")?;
                // (Of so many as there are never, all may fail.)
                read.failures = Failures(usize::try_from(failures).ok().filter(|n| *n > 0).unwrap_or(usize::MAX));
            }
            Short('l') => read.load = Some(number('l', parser.value()?, "")?),
            Short('n') => read.dry = true,
            Short('v') | Long("verbose") => read.verbose = true,
            Long("quiet") => read.quiet = true,
            Long("version") => return Ok(Asked::Tell(format!("{VERSION}\n"))),
            Short('h') | Long("help") => return Ok(Asked::Explain(USAGE.into())),
            Short('d') => {
                let given = parser.value()?;
                match given.to_str() {
                    Some("list") => return Ok(Asked::List(MODES)),
                    Some("stats") => read.stats = true,
                    Some("explain") => read.explain = true,
                    Some("keepdepfile") => read.keep_depfiles = true,
                    Some("keeprsp") => read.keep_response_files = true,
                    _ => return Err(Misuse::Debug { given }),
                }
            }
            Short('w') => {
                let given = parser.value()?;
                match given.to_str() {
                    Some("list") => return Ok(Asked::List(WARNINGS)),
                    Some("dupbuild=err" | "dupbuild=warn" | "phonycycle=err" | "phonycycle=warn") => {}
                    _ => return Err(Misuse::Warning { given }),
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

fn number<N: FromStr>(option: char, given: OsString, hint: &'static str) -> Result<N, Misuse> {
    given.to_str().and_then(|text| text.parse().ok()).ok_or(Misuse::Number { option, given, hint })
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
        assert!(read.dry && read.verbose && read.quiet && read.explain && !read.stats);
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
            (&["-j", "many"][..], "-j takes a number, not \"many\""),
            (&["-kx"], "did you mean -k 0?"),
            (&["-j"], "missing argument for option '-j'"),
            (&["--fast"], "invalid option '--fast'"),
            (&["-d", "trace"], "`-d list` lists them"),
            (&["-w", "all=err"], "`-w list` lists them"),
        ] {
            let Asked::Explain(text) = read(arguments.iter().map(OsString::from)) else { panic!("{arguments:?}") };
            assert!(text.contains(said) && text.contains("usage: alacarte-ninja"), "{text}");
        }
        assert_eq!(read(["--version".into()]), Asked::Tell("1.13.2\n".into()));
    }
}
