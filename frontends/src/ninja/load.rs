//! From the top file to the whole manifest: which files are read, in which scope, and the last step when all of them
//! have been: expanding every edge's rule.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use alacarte_core::Fingerprint;
use alacarte_stores::{bytes_of, text_of};
use rustc_hash::FxHashMap;

use super::loader::Loader;
use super::manifest::{Edge, Manifest};
use super::parse_error::ParseError;
use super::variables::Scopes;
use crate::commands::Root;

/// Loads the manifest `file` and what it includes. All these paths are relative to `dir`.
///
/// # Errors
/// If a file cannot be read or does not parse, or two edges make one file: with file, line and column.
pub fn load(dir: &Path, file: &Path) -> Result<Manifest, ParseError> {
    let mut read = |path: &Path| std::fs::read(dir.join(path)).map(|bytes| text_of(&bytes).into_owned());
    let mut loader = Loader::new(&mut read);
    let loaded = loader.file(file, Scopes::ROOT, None).and_then(|()| loader.check_spellings(&Root::of(dir)));
    loaded.and_then(|()| loader.finish()).map_err(|error| error.within(dir))
}

/// Loads a manifest given as text; an `include` finds no file.
///
/// ```
/// let manifest = alacarte::ninja::parse_str("build.ninja", "rule cc\n  command = cc -c $in -o $out\nbuild a.o: cc a.c\n")?;
/// assert_eq!(manifest.edges[0].command, "cc -c a.c -o a.o");
/// # Ok::<(), alacarte::ninja::ParseError>(())
/// ```
///
/// # Errors
/// As [`load`].
pub fn parse_str(name: &str, text: &str) -> Result<Manifest, ParseError> {
    load_with(Path::new(name), &mut |path| {
        if path == Path::new(name) {
            return Ok(text.to_owned());
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "no such file"))
    })
}

/// Loads the manifest `file`, reading it and what it includes with `read`.
///
/// # Errors
/// As [`load`].
pub fn load_with(file: &Path, read: &mut dyn FnMut(&Path) -> io::Result<String>) -> Result<Manifest, ParseError> {
    let mut loader = Loader::new(read);
    loader.file(file, Scopes::ROOT, None)?;
    loader.finish()
}

impl Loader<'_> {
    /// Finds two edges that make one file, which one of them names from outside the directory. (A phony may so give a file another name.)
    fn check_spellings(&self, root: &Root) -> Result<(), ParseError> {
        let mut outside: FxHashMap<Cow<'_, str>, usize> = FxHashMap::default();
        for (index, edge) in self.edges.iter().enumerate() {
            for output in &edge.outputs {
                let local = root.local(output);
                if *local == **output {
                    continue;
                }
                let first = self.producers.get(&*local).or_else(|| outside.get(&local)).copied();
                let names = |edge: &Edge| edge.is_phony() && edge.all_inputs().any(|input| root.local(input) == local);
                if let Some(first) = first.filter(|first| *first != index)
                    && !names(edge)
                    && !names(&self.edges[first])
                {
                    let what = format!("output '{output}' ('{local}')");
                    return Err(self.duplicate(what, self.origins[index].mark, self.origins[first].mark));
                }
                outside.insert(local, index);
            }
        }
        Ok(())
    }

    /// Expands every edge's rule, now that all variables have their last values.
    fn finish(mut self) -> Result<Manifest, ParseError> {
        for i in 0..self.edges.len() {
            if self.edges[i].is_phony() {
                continue;
            }
            let mark = self.origins[i].mark;
            let expanded =
                (self.names(i).expand()).map_err(|explanation| self.source_of(mark).error(mark.offset, explanation))?;
            let edge = &mut self.edges[i];
            edge.command = expanded.command;
            edge.description = expanded.description;
            edge.depfile = expanded.depfile;
            edge.deps = expanded.deps;
            edge.restat = expanded.restat;
            edge.generator = expanded.generator;
            edge.rspfile = expanded.rspfile;
            edge.tool_cache = expanded.tool_cache;
        }
        let builddir = self.scopes.get(Scopes::ROOT, "builddir");
        Ok(Manifest {
            builddir: builddir.filter(|d| !d.is_empty()).map(str::to_owned),
            edges: self.edges,
            defaults: self.defaults,
            phony_cycles: self.phony_cycles,
            pools: (self.pools.into_iter()).map(|(name, (depth, _))| (name, depth)).collect(),
            rules: self.scopes.rules_here(Scopes::ROOT).map(|rule| (rule.name.clone(), rule.description())).collect(),
            files: self.sources.iter().map(|s| s.path.clone()).collect(),
            texts: self
                .sources
                .iter()
                .map(|s| (s.path.clone(), Some(Fingerprint::of_bytes(&bytes_of(&s.text)))))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loads the first of some files, which may include the others.
    fn load_all(files: &[(&str, &str)]) -> Result<Manifest, ParseError> {
        load_with(Path::new(files[0].0), &mut |path| {
            (files.iter().find(|(name, _)| path == Path::new(name)))
                .map(|(_, text)| (*text).to_owned())
                .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
        })
    }

    #[test]
    fn an_include_shares_the_scope() {
        let manifest = load_all(&[
            ("top", "x = 1\ndir = d\ninclude $dir/rules\nbuild a: r\ndefault a\n"),
            ("d/rules", "rule r\n  command = $x\nx = 2\n"),
        ])
        .expect("it loads");
        assert_eq!(manifest.edges[0].command, "2");
        assert_eq!(manifest.files, [Path::new("top"), Path::new("d/rules")]);
    }

    #[test]
    fn a_subninja_has_its_own_scope_inside() {
        let manifest = load_all(&[
            ("top", "x = 1\nrule r\n  command = $x\nsubninja sub\nbuild a: r\nbuilddir = out\n"),
            ("sub", "x = 2\nbuild b: r\nrule r\n  command = inner $x $y\nbuild c: r\nbuilddir = in\n"),
        ])
        .expect("it loads");
        let commands: Vec<_> = manifest.edges.iter().map(|e| e.command.as_str()).collect();
        assert_eq!(commands, ["2", "inner 2 ", "1"]);
        assert_eq!(manifest.edges[1].location.file, 1);
        assert_eq!(manifest.edges[2].location.line, 5);
        assert_eq!(manifest.builddir.as_deref(), Some("out"));
    }

    #[test]
    fn a_subninja_sees_the_outer_variables_as_they_end_up() {
        let manifest =
            load_all(&[("top", "rule r\n  command = $x\nx = 1\nsubninja sub\nx = 2\n"), ("sub", "build $x: r\n")])
                .expect("it loads");
        assert_eq!(manifest.edges[0].outputs, ["1"]);
        assert_eq!(manifest.edges[0].command, "2");
    }

    #[test]
    fn rules_of_a_subninja_stay_inside() {
        let error = load_all(&[("top", "subninja sub\nbuild a: r\n"), ("sub", "rule r\n  command = c\n")])
            .expect_err("r is not known in top");
        assert!(error.to_string().starts_with("top:2:10: unknown build rule 'r'"), "{error}");
    }

    #[test]
    fn a_file_included_twice_is_read_once_and_listed_once() {
        let manifest =
            load_all(&[("top", "v = 1\nsubninja sub\nv = 2\nsubninja sub\n"), ("sub", "build a$v: phony\n")])
                .expect("it loads");
        assert_eq!(manifest.roots(), ["a1", "a2"]);
        assert_eq!(manifest.files.len(), 2);
    }

    #[test]
    fn a_cycle_of_includes_is_named() {
        let error = load_all(&[("top", "include one\n"), ("one", "\nsubninja two\n"), ("two", "include one\n")])
            .expect_err("a cycle");
        assert!(matches!(error, ParseError::IncludeCycle { .. }));
        assert!(error.to_string().starts_with("two:1:9: include cycle: one -> two -> one\n"), "{error}");
        let mut read = |_: &Path| Ok("x = b/../$x\ninclude ${x}a\n".to_owned());
        let error = load_with(Path::new("a"), &mut read).expect_err("no end");
        assert!(error.to_string().contains("200 deep"), "{error}");
    }

    #[test]
    fn a_missing_file_names_who_wants_it() {
        let error = load_all(&[("top", "\ninclude $\n  none\n")]).expect_err("none");
        assert!(error.to_string().starts_with("cannot read none: no such file\nincluded at top:3:3\n"), "{error}");
        let error = load(Path::new("/nonexistent"), Path::new("build.ninja")).expect_err("none");
        assert!(error.place().is_none());
    }

    #[test]
    fn files_are_found_from_the_directory() {
        let dir = std::env::temp_dir().join(format!("alacarte-ninja-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("sub")).expect("a directory");
        std::fs::write(dir.join("build.ninja"), "subninja sub/b.ninja\n").expect("a file");
        std::fs::write(dir.join("sub/b.ninja"), "include sub/c.ninja\n").expect("a file");
        std::fs::write(dir.join("sub/c.ninja"), [0xff, b'\n']).expect("a file");
        let error = load(&dir, Path::new("build.ninja")).expect_err("no statement begins so");
        std::fs::remove_dir_all(&dir).expect("removed");
        let place = error.place().expect("where").to_string();
        // It is named from where the program runs.
        assert_eq!(place, format!("{}:1:1", dir.join("sub/c.ninja").display()));
    }

    #[test]
    fn two_producers_in_two_files() {
        let error = load_all(&[("top", "build a: phony\nsubninja sub\n"), ("sub", "\nbuild b ./a: phony\n")])
            .expect_err("a twice");
        let text = error.to_string();
        assert!(text.starts_with("sub:2:9: output 'a' is already defined at top:1:1\n"), "{text}");
    }
}
