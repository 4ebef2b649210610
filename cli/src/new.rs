//! `alacarte new`: a crate in which somebody's own strategy, or workload, is judged and compared.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alacarte_experiments::systems::Menu;
use thiserror::Error;

use crate::args::{Kind, New};
use crate::status::Problem;

/// Why nothing was written, or not all of it.
#[derive(Debug, Error)]
enum NewError {
    #[error(
        "`{name}` cannot be the name of a crate: use a to z, digits and -, and begin with a letter, as in `{instead}`"
    )]
    Name { name: String, instead: String },
    #[error("there is a strategy `{0}` on the menu already: choose another name")]
    Taken(String),
    #[error("`{0}` is a name that the crate needs for something else: choose another, such as `my-{0}`")]
    Reserved(String),
    #[error("{} exists: nothing was written; choose another name, or remove it", .0.display())]
    Exists(PathBuf),
    #[error("cannot write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
}

/// A file of the crate, and what is in it.
type Template = (&'static str, &'static str);

/// The template of this kind, but for its manifest.
fn templates(kind: Kind) -> [Template; 3] {
    macro_rules! of {
        ($kind:literal) => {
            [
                ("src/lib.rs", include_str!(concat!("../templates/", $kind, "/lib.rs.in"))),
                ("src/main.rs", include_str!(concat!("../templates/", $kind, "/main.rs.in"))),
                ("tests/laws.rs", include_str!(concat!("../templates/", $kind, "/laws.rs.in"))),
            ]
        };
    }
    match kind {
        Kind::Rebuilder => of!("rebuilder"),
        Kind::Scheduler => of!("scheduler"),
        Kind::Workload => of!("workload"),
    }
}

const MANIFEST: Template = ("Cargo.toml", include_str!("../templates/Cargo.toml.in"));
const IGNORED: Template = (".gitignore", "/target\n");

pub fn new(menu: &Menu, arguments: &New) -> Result<ExitCode, Problem> {
    let New { kind, name } = arguments;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(fits) || name.ends_with('-') {
        return Err(NewError::Name { name: name.clone(), instead: instead(name, *kind) }.into());
    }
    if menu.schedulers().chain(menu.rebuilders()).any(|taken| taken == name) {
        return Err(NewError::Taken(name.clone()).into());
    }
    if is_reserved(*kind, name) {
        return Err(NewError::Reserved(name.clone()).into());
    }
    let directory = PathBuf::from(name);
    match std::fs::create_dir(&directory) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(NewError::Exists(directory).into()),
        Err(error) => return Err(NewError::Write(directory, error).into()),
    }
    let files = [MANIFEST, IGNORED].into_iter().chain(templates(*kind));
    for (file, template) in files {
        let path = directory.join(file);
        let parent = path.parent().unwrap_or(&directory);
        let written = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, filled(template, name)));
        written.map_err(|error| NewError::Write(path, error))?;
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{name}/ is a crate with a {kind} in it:\n")?;
    let test = match kind {
        Kind::Workload => "plays it with every combination",
        _ => "judges it by the laws",
    };
    let compare = match kind {
        Kind::Workload => "plays it with the paper's combinations",
        _ => "compares it with the paper's",
    };
    let rows = [
        (format!("{name}/src/lib.rs"), "the idea goes here"),
        ("cargo test".into(), test),
        ("cargo run -- compare".into(), compare),
    ];
    let width = rows.iter().map(|(what, _)| what.chars().count()).max().unwrap_or(0);
    for (what, why) in rows {
        writeln!(out, "  {what:width$}   {why}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Words of the language, and crates that every crate has or that ours need.
const RESERVED: &str = "abstract alacarte alacarte-cli alacarte-conformance alacarte-core alacarte-experiments alacarte-frontends alacarte-metadata \
    alacarte-rebuilders alacarte-schedulers alacarte-stores alloc as async await become box break const continue core crate do dyn \
    else enum extern false final fn for gen if impl in let loop macro match mod move mut override priv proc-macro pub ref return self \
    static std struct super test trait true try type typeof unsafe unsized use virtual where while yield";

/// Whether the crate could not be called so, or its type: a template names something else so, or the language does.
fn is_reserved(kind: Kind, name: &str) -> bool {
    let own = type_name(name);
    let names_it =
        |(_, template): Template| template.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == own);
    RESERVED.split_whitespace().any(|word| word == name) || templates(kind).into_iter().any(names_it)
}

/// `my-idea`, of `My Idea`; where nothing is left that can begin a name, one of the kind.
fn instead(name: &str, kind: Kind) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    if name.starts_with(|c: char| c.is_ascii_lowercase()) { name } else { format!("my-{kind}") }
}

/// `MyIdea`, of `my-idea`.
fn type_name(name: &str) -> String {
    let capitals = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    });
    capitals.collect()
}

/// The template, with the name of the crate in it.
fn filled(template: &str, name: &str) -> String {
    template
        .replace("@alacarte-cli@", &dependency("cli"))
        .replace("@alacarte@", &dependency(""))
        .replace("@name@", name)
        .replace("@crate@", &name.replace('-', "_"))
        .replace("@Type@", &type_name(name))
}

/// Where a crate of ours is found: in the sources of which this program was made, if they are still there, else by its version.
fn dependency(folder: &str) -> String {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    match sources.canonicalize().ok().filter(|sources| sources.join("Cargo.toml").is_file()) {
        Some(sources) => format!("path = {:?}", sources.display().to_string()),
        None => format!("version = {:?}", env!("CARGO_PKG_VERSION")),
    }
}
