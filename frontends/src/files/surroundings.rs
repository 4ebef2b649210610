//! What a build depends on besides files that it names: environment variables, lists of files, programs.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use alacarte_core::{Output, RuleKey, StoreError};
use alacarte_stores::{FileKey, Files};

use super::keys::{Env, Glob, Tool};
use super::pattern::Pattern;

/// What such a key holds now; `None` for a key of another kind.
pub(super) fn look(key: &RuleKey, files: &mut Files) -> Result<Option<Output>, StoreError> {
    if let Some(Env(name)) = key.as_rule() {
        return Ok(Some(Output::new(std::env::var(name).ok())));
    }
    if let Some(Glob(pattern)) = key.as_rule() {
        let pattern = Pattern::new(pattern).map_err(|error| StoreError::new("list", key, io::Error::other(error)))?;
        let found = list(files.root(), &pattern).map_err(|error| StoreError::new("list", key, error))?;
        return Ok(Some(Output::new(found)));
    }
    if let Some(Tool(name)) = key.as_rule() {
        let Some(path) = find(name, files.root()) else { return Ok(Some(Output::new(None::<(String, u64)>))) };
        let seen = files.look(&FileKey::from(path.as_str()))?;
        return Ok(Some(Output::new(seen.map(|seen| (path, seen.digest.short())))));
    }
    Ok(None)
}

/// Where `PATH` leads to for this name; a name with a slash is the path itself, relative to the directory of the build.
fn find(name: &str, root: &Path) -> Option<String> {
    let runs = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return runs(&root.join(name)).then(|| name.to_owned());
    }
    let root = std::path::absolute(root).ok()?;
    let places =
        std::env::split_paths(&std::env::var_os("PATH")?).map(|place| root.join(place).join(name)).collect::<Vec<_>>();
    places.into_iter().find(|path| runs(path))?.to_str().map(str::to_owned)
}

/// The files below a directory whose paths match, sorted. As for a shell, a star matches no name that begins with a dot.
fn list(root: &Path, pattern: &Pattern) -> io::Result<Vec<String>> {
    let components: Vec<&str> = pattern.components().collect();
    let mut found = Vec::new();
    let (begin, components) = match components.split_first() {
        Some((&"", rest)) => ("/", rest),
        _ => ("", &components[..]),
    };
    walk(root, begin, components, &mut found)?;
    found.retain(|path| pattern.matches(path));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Adds the files whose paths begin with `path` and go on as these components say.
fn walk(root: &Path, path: &str, components: &[&str], found: &mut Vec<String>) -> io::Result<()> {
    let Some((&component, rest)) = components.split_first() else { return Ok(()) };
    if component.is_empty() && rest.is_empty() {
        // The pattern ends in a slash, and is one of directories.
        found.extend((!path.is_empty() && root.join(path).is_dir()).then(|| format!("{path}/")));
        return Ok(());
    }
    let join = |name: &str| match path {
        "" | "/" => format!("{path}{name}"),
        _ => format!("{path}/{name}"),
    };
    if !component.contains('*') {
        let below = join(component);
        if rest.is_empty() {
            found.extend(root.join(&below).is_file().then_some(below));
            return Ok(());
        }
        return walk(root, &below, rest, found);
    }
    let deep = component.contains("**");
    let names = match std::fs::read_dir(root.join(if path.is_empty() { "." } else { path })) {
        Ok(names) => names,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(error),
    };
    let shown = Pattern::new(component).ok();
    for entry in names {
        let entry = entry?;
        let name = entry.file_name();
        // A name that is no Unicode cannot be written in a pattern, nor be a key.
        let Some(name) = name.to_str() else { continue };
        if name.starts_with('.') && !component.starts_with('.') {
            continue;
        }
        let (below, kind) = (join(name), entry.file_type()?);
        // (A directory behind a link is not gone into where any depth is meant: it may lead back.)
        let directory =
            if deep { kind.is_dir() } else { kind.is_dir() || kind.is_symlink() && root.join(&below).is_dir() };
        if directory {
            if deep {
                walk(root, &below, components, found)?;
            }
            if deep || shown.as_ref().is_some_and(|shown| shown.matches(name)) {
                walk(root, &below, rest, found)?;
            }
        } else if (rest.is_empty() || deep) && (kind.is_file() || root.join(&below).is_file()) {
            found.push(below);
        }
    }
    if deep && component == "**" {
        // Two stars may stand for no directory at all, where the pattern goes on behind them.
        walk(root, path, rest, found)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_what_the_pattern_says_and_no_more() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        for path in ["a.c", "b.c", "c.h", "lib/d.c", "lib/x/e.c", ".git/f.c", "lib/.g.c"] {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, "").expect("written");
        }
        std::os::unix::fs::symlink("..", root.join("lib/up")).expect("a link");
        let listed = |pattern: &str| list(root, &Pattern::new(pattern).expect("a pattern")).expect("listed");
        assert_eq!(listed("*.c"), ["a.c", "b.c"]);
        assert_eq!(listed("lib/*.c"), ["lib/d.c"]);
        assert_eq!(listed("*/*.c"), ["lib/d.c"]);
        assert_eq!(listed("**.c"), ["a.c", "b.c", "lib/d.c", "lib/x/e.c"]);
        assert_eq!(listed("lib/**/*.c"), ["lib/x/e.c"]);
        assert_eq!(listed("lib/**.c"), ["lib/d.c", "lib/x/e.c"]);
        assert_eq!(listed("lib/d.c"), ["lib/d.c"]);
        assert_eq!(listed("no/*.c"), [""; 0]);
        assert_eq!(listed(".git/*.c"), [".git/f.c"]);
        assert_eq!(listed("*/"), ["lib/"]);
        assert_eq!(listed("**/"), ["lib/", "lib/x/"]);
        assert_eq!(listed("lib/*/"), ["lib/up/", "lib/x/"]);
        assert_eq!((listed("lib/"), listed("a.c/"), listed("lib/x/**/")), (vec!["lib/".into()], vec![], vec![]));
        let absolute = format!("{}/*.h", root.display());
        assert_eq!(listed(&absolute), [format!("{}/c.h", root.display())]);
    }

    #[test]
    fn a_program_is_found_where_the_path_leads() {
        let root = Path::new("/");
        assert!(find("sh", root).is_some_and(|path| path.ends_with("/sh")));
        assert_eq!(find("/bin/sh", root).as_deref(), Some("/bin/sh"));
        assert_eq!(find("no such program", root), None);
    }
}
